"""Adam, and the part it shares with AdamW."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flambeau

from .._core import Tensor, _optim
from .optimizer import CoreOptimizer, ParamsT, step_count

__all__ = ["Adam"]


class Adam(CoreOptimizer):
    r"""Adam: steps scaled by running averages of the gradient and of its square.

    With :math:`g` the gradient (negated if `maximize`) plus `weight_decay` times the parameter
    :math:`\theta`, at step :math:`t`:

    .. math::
        m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad
        \theta \leftarrow \theta - \gamma \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    Args:
        params: tensors, `(name, tensor)` pairs, or dictionaries that describe groups.
        lr: learning rate :math:`\gamma`, a number or a tensor of one element.
        betas: decay rates of the two averages, two floats or two tensors of one element.
        eps: :math:`\epsilon`, keeps the denominator away from zero.
        weight_decay: L2 penalty, or the decay per step where `decoupled_weight_decay`.
        amsgrad: use the largest :math:`v` so far.
        maximize: follow the gradient upwards.
        decoupled_weight_decay: shrink the parameter directly, as AdamW does.
        foreach, fused, capturable: accepted, without effect: there is one implementation.
        differentiable: record the step, so that gradients flow through it to the gradients, the parameters
            before it and `lr`; the parameters must not be leaves then.

    Raises:
        ValueError: an option is out of its range.

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([4.0], requires_grad=True)
        >>> optimizer = torch.optim.Adam([x], lr=0.5)
        >>> for _ in range(200):
        ...     optimizer.zero_grad()
        ...     (x - 1).square().sum().backward()
        ...     optimizer.step()
        >>> round(x.item(), 2)
        1.0

    Sources: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015; S. J. Reddi, S.
        Kale, S. Kumar,
    "On the convergence of Adam and beyond", ICLR 2018 (amsgrad).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        if isinstance(lr, Tensor):
            if foreach and not capturable:
                raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
            if lr.numel() != 1:
                raise ValueError("Tensor lr must be 1-element")
        if not 0.0 <= lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        _check_betas(betas, tensors_allowed=capturable or not foreach)
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        self._check_implementation(foreach, fused, differentiable)
        defaults = {
            "lr": lr,
            "betas": tuple(beta.squeeze() if isinstance(beta, Tensor) else beta for beta in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("amsgrad", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("capturable", False)
            group.setdefault("differentiable", False)
            group.setdefault("decoupled_weight_decay", False)
            group.setdefault("fused", None)
        self._restore_step_counts()

    def _update_group(self, group: dict[str, Any]) -> None:
        if group["differentiable"]:
            self._update_recorded(group)
            return
        state, params = self.state, group["params"]
        values_of: Callable[[Tensor], Any] = state.get
        values = [*map(values_of, params)]
        if not all(values):
            params = [param for param in params if param.grad is not None]
            values = [state[param] or self._start(param, group) for param in params]
        beta1, beta2 = group["betas"]
        amsgrad = group["amsgrad"]
        tensors = [*params, *(one["step"] for one in values)]
        tensors += [one["exp_avg"] for one in values]
        tensors += [one["exp_avg_sq"] for one in values]
        if amsgrad:
            tensors += [one["max_exp_avg_sq"] for one in values]
        _optim.adam_(
            tensors,
            float(group["lr"]),
            float(beta1),
            float(beta2),
            group["eps"],
            group["weight_decay"],
            amsgrad,
            group["maximize"],
            group["decoupled_weight_decay"],
        )

    def _update_recorded(self, group: dict[str, Any]) -> None:
        """The step of a group as autograd records it; `lr` and `betas` may be tensors."""
        lr, weight_decay, (beta1, beta2) = group["lr"], group["weight_decay"], group["betas"]
        with flambeau.enable_grad():
            for param in group["params"]:
                if param.grad is None:
                    continue
                if param.is_complex():
                    raise NotImplementedError("Adam: differentiable=True with complex parameters")
                values = self.state[param] or self._start(param, group)
                values["step"] += 1
                step = values["step"].item()
                grad = -param.grad if group["maximize"] else param.grad
                if weight_decay != 0:
                    if group["decoupled_weight_decay"]:
                        param.mul_(1 - lr * weight_decay)
                    else:
                        grad = grad + param * weight_decay
                exp_avg = values["exp_avg"] = values["exp_avg"] * beta1 + grad * (1 - beta1)
                squares = values["exp_avg_sq"] = values["exp_avg_sq"] * beta2 + grad * grad * (1 - beta2)
                if group["amsgrad"]:
                    squares = flambeau.maximum(values["max_exp_avg_sq"], squares)
                    values["max_exp_avg_sq"] = squares
                scale = squares.sqrt() / (1 - beta2**step) ** 0.5 + group["eps"]
                param.sub_(exp_avg / scale * (lr / (1 - beta1**step)))

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        """Creates the state of a parameter that has its first gradient."""
        values: dict[str, Tensor] = self.state[param]
        values["step"] = step_count(group, 0.0)
        values["exp_avg"] = flambeau.zeros_like(param)
        values["exp_avg_sq"] = flambeau.zeros_like(param)
        if group["amsgrad"]:
            values["max_exp_avg_sq"] = flambeau.zeros_like(param)
        return values


def _check_betas(betas: tuple[float | Tensor, float | Tensor], tensors_allowed: bool) -> None:
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
    if not (
        all(isinstance(beta, float) for beta in betas) or all(isinstance(beta, Tensor) for beta in betas)
    ):
        raise ValueError("betas must be either both floats or both Tensors")
    for i, beta in enumerate(betas):
        if isinstance(beta, Tensor):
            if not tensors_allowed:
                raise ValueError(
                    f"betas[{i}] as a Tensor is not supported for capturable=False and foreach=True"
                )
            if beta.numel() != 1:
                raise ValueError(f"Tensor betas[{i}] must be 1-element")

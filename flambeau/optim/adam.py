"""Adam, and the part it shares with AdamW."""

from __future__ import annotations

from typing import Any

import flambeau

from .._core import Tensor, _optim
from .optimizer import ParamsT
from .tensor_optimizer import TensorOptimizer, check_rate

__all__ = ["Adam"]


class Adam(TensorOptimizer):
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
        foreach, fused: kept, and refused where PyTorch refuses them; the step is the same, for there is one implementation.
        capturable: refused at the first step, as PyTorch does on the CPU, but with `fused`.
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
        if isinstance(lr, Tensor) and foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        check_rate(lr)
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        _check_betas(betas, tensors_allowed=capturable or not foreach)
        if not 0.0 <= weight_decay:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
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
        self._check_implementation()

    _capture_comes_first = True
    _sparse_refusal = "Adam does not support sparse gradients, please consider SparseAdam instead"

    def _state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return _WITH_AMSGRAD if group["amsgrad"] else _PLAIN

    def _step(self, tensors: list[Tensor], group: dict[str, Any]) -> int:
        beta1, beta2 = group["betas"]
        return _optim.adam_(
            tensors,
            float(group["lr"]),
            float(beta1),
            float(beta2),
            group["eps"],
            group["weight_decay"],
            group["amsgrad"],
            group["maximize"],
            group["decoupled_weight_decay"],
        )

    def _update_param(
        self, param: Tensor, grad: Tensor, values: dict[str, Tensor], lr: Any, group: dict[str, Any]
    ) -> None:
        (beta1, beta2), step = group["betas"], values["step"].item()
        exp_avg = values["exp_avg"].mul_(beta1).add_(grad * (1 - beta1))
        squares = values["exp_avg_sq"].mul_(beta2).add_(grad * grad * (1 - beta2))
        if group["amsgrad"]:
            squares = values["max_exp_avg_sq"] = flambeau.maximum(values["max_exp_avg_sq"], squares)
        scale = squares.sqrt() / (1 - beta2**step) ** 0.5 + group["eps"]
        param.sub_(exp_avg / scale * (lr / (1 - beta1**step)))


_PLAIN = ("exp_avg", "exp_avg_sq")
_WITH_AMSGRAD = (*_PLAIN, "max_exp_avg_sq")


def _check_betas(betas: tuple[float | Tensor, float | Tensor], tensors_allowed: bool) -> None:
    for i in range(2):
        beta = betas[i]
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

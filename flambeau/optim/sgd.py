"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flambeau

from .._core import Tensor, _optim
from .optimizer import RATE_HINT, CoreOptimizer, ParamsT

__all__ = ["SGD"]


class SGD(CoreOptimizer):
    r"""Stochastic gradient descent, optionally with momentum.

    With :math:`g` the gradient (negated if `maximize`) plus `weight_decay` times the parameter
    :math:`\theta`:

    .. math::
        b \leftarrow \mu b + (1 - \tau) g, \qquad
        \theta \leftarrow \theta - \gamma \, (g + \mu b \text{ if nesterov, else } b)

    where :math:`b` starts as the first :math:`g`, without dampening. Without momentum, :math:`\theta
    \leftarrow \theta - \gamma g`.

    Args:
        params: tensors, `(name, tensor)` pairs, or dictionaries that describe groups.
        lr: learning rate :math:`\gamma`, a number or a tensor of one element.
        momentum: factor :math:`\mu`.
        dampening: :math:`\tau`.
        weight_decay: L2 penalty.
        nesterov: take the look-ahead gradient; needs a momentum and no dampening.
        maximize: follow the gradient upwards.
        foreach, fused: kept, and refused where PyTorch refuses them; the step is the same, for there is one implementation.
        differentiable: record the step, so that gradients flow through it to the gradients, the parameters
            before it and `lr`; the parameters must not be leaves then.

    Raises:
        ValueError: an option is out of its range.

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([4.0], requires_grad=True)
        >>> optimizer = torch.optim.SGD([x], lr=0.1, momentum=0.9)
        >>> for _ in range(200):
        ...     optimizer.zero_grad()
        ...     (x - 1).square().sum().backward()
        ...     optimizer.step()
        >>> round(x.item(), 3)
        1.0

    Sources: B. T. Polyak, 1964; I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of
        initialization and
    momentum in deep learning", ICML 2013 (there the learning rate stands inside :math:`b`).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}; {RATE_HINT}")
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        self._check_implementation()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("nesterov", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("differentiable", False)
            group.setdefault("fused", False)
        for (
            values
        ) in self.state.values():  # checkpoints of old PyTorch versions name buffers that do not exist yet
            if isinstance(values, dict) and values.get("momentum_buffer", values) is None:
                del values["momentum_buffer"]

    def _update_group(self, group: dict[str, Any]) -> None:
        if group["differentiable"]:
            self._update_recorded(group)
            return
        if not self._fused_fits and group["fused"]:
            self._check_fused(group)
        params, buffers = group["params"], []
        if group["momentum"] != 0:
            values_of: Callable[[Tensor], Any] = self.state.get
            try:
                buffers = [values["momentum_buffer"] for values in map(values_of, params)]
            except (KeyError, TypeError):
                self._update_with_new_buffers(group)
                return
        _update(params, buffers, group, group["dampening"])

    def _update_recorded(self, group: dict[str, Any]) -> None:
        """The step of a group as autograd records it; `lr` and `weight_decay` may be tensors."""
        momentum, weight_decay, lr = group["momentum"], group["weight_decay"], group["lr"]
        if isinstance(lr, Tensor):
            lr = lr.reshape(())
        with flambeau.enable_grad():
            for param in group["params"]:
                if param.grad is None:
                    continue
                grad = -param.grad if group["maximize"] else param.grad
                if weight_decay != 0:
                    grad = grad + param.clone() * weight_decay
                if momentum != 0:
                    values = self.state[param]
                    buffer = values.get("momentum_buffer")
                    if buffer is None:
                        buffer = grad.clone()
                    else:
                        buffer = buffer * momentum + grad * (1 - group["dampening"])
                    values["momentum_buffer"] = buffer
                    grad = grad + buffer * momentum if group["nesterov"] else buffer
                param.sub_(grad * lr)

    def _update_with_new_buffers(self, group: dict[str, Any]) -> None:
        """The step of a group in which some parameters have no buffer, for lack of an earlier gradient."""
        params = [param for param in group["params"] if param.grad is not None]
        known = [param for param in params if "momentum_buffer" in self.state[param]]
        new = [param for param in params if "momentum_buffer" not in self.state[param]]
        for param in new:
            self.state[param]["momentum_buffer"] = flambeau.zeros_like(param)
        for some, dampening in ((known, group["dampening"]), (new, 0.0)):
            _update(some, [self.state[param]["momentum_buffer"] for param in some], group, dampening)


def _update(params: list[Tensor], buffers: list[Tensor], group: dict[str, Any], dampening: float) -> None:
    sparse = _optim.sgd_(
        [*params, *buffers],
        float(group["lr"]),
        group["momentum"],
        dampening,
        float(group["weight_decay"]),
        group["nesterov"],
        group["maximize"],
    )
    if sparse:
        if group["fused"]:
            raise RuntimeError("`_fused_sgd` does not support sparse gradients; leave fused=None")
        from flambeau.sparse._coo import sgd_step

        sgd_step(params, buffers, dampening, group)

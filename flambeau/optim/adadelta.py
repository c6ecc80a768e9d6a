"""Adadelta."""

from __future__ import annotations

from typing import Any

from .._core import Tensor, _optim
from .optimizer import ParamsT
from .tensor_optimizer import TensorOptimizer, add_scaled, check_not_negative, check_rate

__all__ = ["Adadelta"]


class Adadelta(TensorOptimizer):
    r"""Adadelta: steps in the parameter's own units, from running averages of squared gradients and steps.

    .. math::
        v \leftarrow \rho v + (1 - \rho) g^2, \quad
        \Delta = \frac{\sqrt{u + \epsilon}}{\sqrt{v + \epsilon}} g, \quad
        u \leftarrow \rho u + (1 - \rho) \Delta^2, \quad
        \theta \leftarrow \theta - \gamma \Delta

    Args:
        params: tensors, `(name, tensor)` pairs, or dictionaries that describe groups.
        lr: factor :math:`\gamma` of the step.
        rho: decay rate of both averages.
        eps: :math:`\epsilon`.
        weight_decay: L2 penalty.
        maximize: follow the gradient upwards.
        foreach: kept, and refused with `differentiable`; the step is the same, for there is one implementation.
        capturable: refused at the first step, as PyTorch does on the CPU.
        differentiable: record the step, so that gradients flow through it to the gradients, the parameters
            before it and `lr`; the parameters must not be leaves then.

    Raises:
        ValueError: an option is out of its range.

    Source: M. D. Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
    """

    _captures_on_xla = (False, False)

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_not_negative(eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def _step(self, tensors: list[Tensor], group: dict[str, Any]) -> int:
        return _optim.adadelta_(
            tensors,
            float(group["lr"]),
            group["rho"],
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )

    def _update_param(
        self, param: Tensor, grad: Tensor, values: dict[str, Tensor], lr: Any, group: dict[str, Any]
    ) -> None:
        rho, eps = group["rho"], group["eps"]
        square_avg = values["square_avg"].mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = values["acc_delta"].add(eps).sqrt() / square_avg.add(eps).sqrt() * grad
        values["acc_delta"].mul_(rho).addcmul_(delta, delta, value=1 - rho)
        add_scaled(param, delta, -lr)

"""Adamax."""

from __future__ import annotations

from typing import Any

import flambeau

from .._core import Tensor, _optim
from .optimizer import ParamsT
from .tensor_optimizer import TensorOptimizer, add_quotient, check_betas, check_not_negative, check_rate

__all__ = ["Adamax"]


class Adamax(TensorOptimizer):
    r"""Adamax: Adam with a running maximum in place of the average of squares.

    .. math::
        m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad
        u \leftarrow \max(\beta_2 u, |g| + \epsilon), \quad
        \theta \leftarrow \theta - \frac{\gamma}{1 - \beta_1^t} \frac{m}{u}

    Args:
        params: tensors, `(name, tensor)` pairs, or dictionaries that describe groups.
        lr: learning rate :math:`\gamma`.
        betas: decay rates of the average and of the maximum.
        eps: :math:`\epsilon`.
        weight_decay: L2 penalty.
        maximize: follow the gradient upwards.
        foreach: kept, and refused with `differentiable`; the step is the same, for there is one implementation.
        capturable: refused at the first step, as PyTorch does on the CPU.
        differentiable: record the step, so that gradients flow through it to the gradients, the parameters
            before it and `lr`; the parameters must not be leaves then.

    Raises:
        ValueError: an option is out of its range.

    Source: D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, section 7.1.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative(eps=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def _step(self, tensors: list[Tensor], group: dict[str, Any]) -> int:
        beta1, beta2 = group["betas"]
        return _optim.adamax_(
            tensors,
            float(group["lr"]),
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )

    def _update_param(
        self, param: Tensor, grad: Tensor, values: dict[str, Tensor], lr: Any, group: dict[str, Any]
    ) -> None:
        beta1, beta2 = group["betas"]
        exp_avg = values["exp_avg"].lerp_(grad, 1 - beta1)
        exp_inf = values["exp_inf"].mul_(beta2)
        exp_inf.copy_(flambeau.maximum(exp_inf.clone(), grad.abs().add_(group["eps"])))
        add_quotient(param, exp_avg, exp_inf, -lr / (1 - beta1 ** values["step"].item()))

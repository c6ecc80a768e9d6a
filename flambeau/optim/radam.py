"""RAdam."""

from __future__ import annotations

from typing import Any

from .._core import Tensor, _optim
from .optimizer import ParamsT
from .tensor_optimizer import (
    TensorOptimizer,
    add_quotient,
    add_scaled,
    check_betas,
    check_not_negative,
    check_rate,
    root_plus,
)

__all__ = ["RAdam"]

# The length of the average from which its variance is known well enough to adapt (L. Liu et al. write 4).
_LEAST_LENGTH = 5.0


class RAdam(TensorOptimizer):
    r"""RAdam: Adam whose adaptive scale is rectified while few gradients are known, and left out at first.

    With :math:`m` and :math:`v` as in Adam, :math:`\rho_\infty = 2 / (1 - \beta_2) - 1`,
    :math:`\rho_t = \rho_\infty - 2 t \beta_2^t / (1 - \beta_2^t)`, and
    :math:`r^2 = \frac{(\rho_t - 4)(\rho_t - 2) \rho_\infty}{(\rho_\infty - 4)(\rho_\infty - 2) \rho_t}` where
    :math:`\rho_t > 5`:

    .. math::
        \theta \leftarrow \theta - \gamma \frac{m}{1 - \beta_1^t} \, r \, \frac{\sqrt{1 - \beta_2^t}}{\sqrt{v}
        + \epsilon}

    Args:
        params: tensors, `(name, tensor)` pairs, or dictionaries that describe groups.
        lr: learning rate :math:`\gamma`.
        betas: decay rates of the two averages.
        eps: :math:`\epsilon`.
        weight_decay: L2 penalty, or the decay per step where `decoupled_weight_decay`.
        decoupled_weight_decay: shrink the parameter directly, as AdamW does.
        maximize: follow the gradient upwards.
        foreach: kept, and refused with `differentiable`; the step is the same, for there is one implementation.
        capturable: refused at the first step, as PyTorch does on the CPU.
        differentiable: record the step, so that gradients flow through it to the gradients, the parameters
            before it and `lr`; the parameters must not be leaves then.

    Raises:
        ValueError: an option is out of its range.

    Source: L. Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def _step(self, tensors: list[Tensor], group: dict[str, Any]) -> int:
        beta1, beta2 = group["betas"]
        return _optim.radam_(
            tensors,
            float(group["lr"]),
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
        )

    def _update_param(
        self, param: Tensor, grad: Tensor, values: dict[str, Tensor], lr: Any, group: dict[str, Any]
    ) -> None:
        beta1, beta2 = group["betas"]
        step = values["step"].item()
        exp_avg = values["exp_avg"].lerp_(grad, 1 - beta1)
        exp_avg_sq = values["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        rate, correction = lr / (1 - beta1**step), 1 - beta2**step
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / correction
        if length <= _LEAST_LENGTH:
            add_scaled(param, exp_avg, -rate)
            return
        rectified = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        scale = root_plus(exp_avg_sq, group["eps"])
        add_quotient(param, exp_avg, scale, -rate * (rectified * correction) ** 0.5)

"""RMSprop."""

from __future__ import annotations

from typing import Any

from .._core import Tensor, _optim
from .optimizer import ParamsT
from .tensor_optimizer import (
    TensorOptimizer,
    add_quotient,
    add_scaled,
    check_not_negative,
    check_rate,
    root_plus,
)

__all__ = ["RMSprop"]


class RMSprop(TensorOptimizer):
    r"""RMSprop: steps scaled by a running average of the squared gradient.

    .. math:: v \leftarrow \alpha v + (1 - \alpha) g^2, \qquad \theta \leftarrow \theta - \gamma g / (\sqrt{v}
    + \epsilon)

    Args:
        params: tensors, `(name, tensor)` pairs, or dictionaries that describe groups.
        lr: learning rate :math:`\gamma`.
        alpha: decay rate of the average.
        eps: :math:`\epsilon`.
        weight_decay: L2 penalty.
        momentum: factor of a momentum buffer of the scaled gradients.
        centered: take the variance, the average less the squared average gradient, for :math:`v`.
        maximize: follow the gradient upwards.
        capturable, foreach: accepted, without effect: there is one implementation.
        differentiable: record the step, so that gradients flow through it to the gradients, the parameters
            before it and `lr`; the parameters must not be leaves then.

    Raises:
        ValueError: an option is out of its range.

    Sources: G. Hinton, lecture 6 of "Neural networks for machine learning", 2012; A. Graves, "Generating
        sequences with
    recurrent neural networks", 2013 (centered).
    """

    _captures_on_xla = (True, True)

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative(eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        momentum = ("momentum_buffer",) if group["momentum"] > 0 else ()
        return ("square_avg", *momentum, *(("grad_avg",) if group["centered"] else ()))

    def _step(self, tensors: list[Tensor], group: dict[str, Any]) -> int:
        return _optim.rmsprop_(
            tensors,
            float(group["lr"]),
            group["alpha"],
            group["eps"],
            group["weight_decay"],
            group["momentum"],
            group["centered"],
            group["maximize"],
        )

    def _update_param(
        self, param: Tensor, grad: Tensor, values: dict[str, Tensor], lr: Any, group: dict[str, Any]
    ) -> None:
        alpha, momentum = group["alpha"], group["momentum"]
        square_avg = values["square_avg"]
        square_avg.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            grad_avg = values["grad_avg"].lerp_(grad, 1 - alpha)
            square_avg = square_avg.addcmul(grad_avg, grad_avg, value=-1)
        scale = root_plus(square_avg, group["eps"])
        if momentum > 0:
            buffer = values["momentum_buffer"].mul_(momentum).addcdiv_(grad, scale)
            add_scaled(param, buffer, -lr)
        else:
            add_quotient(param, grad, scale, -lr)

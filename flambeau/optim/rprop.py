"""Rprop."""

from __future__ import annotations

from typing import Any

import flambeau

from .._core import Tensor, _optim
from .optimizer import ParamsT
from .tensor_optimizer import TensorOptimizer, check_rate

__all__ = ["Rprop"]


class Rprop(TensorOptimizer):
    r"""Rprop: every element has its own step size, and only the sign of its gradient counts.

    Where the sign is the same as before, the step size grows by :math:`\eta_+`; where it has changed, it
    shrinks by :math:`\eta_-` and the element stays for once.

    Args:
        params: tensors, `(name, tensor)` pairs, or dictionaries that describe groups.
        lr: first step size.
        etas: :math:`\eta_-` below 1 and :math:`\eta_+` above.
        step_sizes: least and largest step size.
        maximize: follow the gradient upwards.
        capturable, foreach: accepted, without effect: there is one implementation.
        differentiable: record the step, so that gradients flow through it to the gradients, the parameters
            before it and `lr`; the parameters must not be leaves then.

    Raises:
        ValueError: an option is out of its range.

    Source: M. Riedmiller, H. Braun, "A direct adaptive method for faster backpropagation learning", ICNN
        1993.
    """

    _captures_on_xla = (True, True)

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {
            "prev": flambeau.zeros_like(param),
            "step_size": flambeau.full_like(param, float(group["lr"])),
        }

    def _state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("prev", "step_size")

    def _step(self, tensors: list[Tensor], group: dict[str, Any]) -> int:
        (shrink, grow), (least, largest) = group["etas"], group["step_sizes"]
        return _optim.rprop_(
            tensors,
            shrink,
            grow,
            least,
            largest,
            group["maximize"],
        )

    def _update_param(
        self, param: Tensor, grad: Tensor, values: dict[str, Tensor], lr: Any, group: dict[str, Any]
    ) -> None:
        (shrink, grow), (least, largest) = group["etas"], group["step_sizes"]
        agreement = grad * values["prev"]
        turned = agreement < 0
        factor = flambeau.ones_like(grad).masked_fill_(agreement > 0, grow).masked_fill_(turned, shrink)
        step_size = values["step_size"].mul_(factor).clamp_(least, largest)
        grad = grad.masked_fill(turned, 0.0)
        param.addcmul_(grad.sign(), step_size, value=-1)
        values["prev"].copy_(grad)

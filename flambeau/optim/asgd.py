"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import flambeau

from .._core import Tensor, _optim
from .optimizer import ParamsT, step_count
from .tensor_optimizer import TensorOptimizer, add_scaled, check_not_negative, check_rate

__all__ = ["ASGD"]


class ASGD(TensorOptimizer):
    r"""Averaged SGD: a decreasing rate, and the average of the parameters in the state (`"ax"`).

    .. math:: \theta \leftarrow (1 - \lambda \eta_t) \theta - \eta_t g, \qquad
        \eta_t = \frac{\gamma}{(1 + \lambda \gamma t)^\alpha}

    Args:
        params: tensors, `(name, tensor)` pairs, or dictionaries that describe groups.
        lr: first rate :math:`\gamma`.
        lambd: decay :math:`\lambda`.
        alpha: power :math:`\alpha`.
        t0: the step at which averaging starts.
        weight_decay: L2 penalty.
        maximize: follow the gradient upwards.
        foreach: kept, and refused with `differentiable`; the step is the same, for there is one implementation.
        capturable: refused at the first step, as PyTorch does on the CPU.
        differentiable: record the step, so that gradients flow through it to the gradients, the parameters
            before it and `lr`; the parameters must not be leaves then.

    Raises:
        ValueError: an option is out of its range.

    Source: B. T. Polyak, A. B. Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    _captured = ("params, mus, etas, and state_steps", "params, mus, etas, and state_steps")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {
            "eta": step_count(group, float(group["lr"])),
            "mu": step_count(group, 1.0),
            "ax": flambeau.zeros_like(param),
        }

    def _state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("eta", "mu", "ax")

    def _step(self, tensors: list[Tensor], group: dict[str, Any]) -> int:
        return _optim.asgd_(
            tensors,
            float(group["lr"]),
            group["lambd"],
            group["alpha"],
            group["t0"],
            group["weight_decay"],
            group["maximize"],
        )

    def _update_param(
        self, param: Tensor, grad: Tensor, values: dict[str, Tensor], lr: Any, group: dict[str, Any]
    ) -> None:
        decay, step = group["lambd"], values["step"].item()
        eta: Any = values["eta"]
        mu = values["mu"].item()
        if not eta.requires_grad:
            eta = eta.item()
        param.mul_(1 - decay * eta)
        add_scaled(param, grad, -eta)
        average = values["ax"]
        if mu == 1:
            average.copy_(param)
        else:
            average.add_(param.sub(average), alpha=mu)
        eta = lr / (1 + decay * lr * step) ** group["alpha"]
        if isinstance(eta, Tensor):
            values["eta"] = eta.to(values["eta"].dtype)
        else:
            values["eta"].fill_(eta)
        values["mu"].fill_(1 / max(1, step - group["t0"]))

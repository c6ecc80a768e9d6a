"""The part that optimizers written with tensor operations share."""

from __future__ import annotations

from typing import Any

import flambeau

from .._core import Tensor
from .optimizer import CoreOptimizer, step_count

__all__ = ["TensorOptimizer", "check_betas", "check_not_negative", "check_rate"]


class TensorOptimizer(CoreOptimizer):
    """An optimizer that updates one parameter after the other with tensor operations.

    Subclasses write `_start`, a parameter's first state, and `_update_param`, which is given the gradient
    with its sign and penalty applied.
    """

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self.defaults.items():
                group.setdefault(name, value)
        self._restore_step_counts()

    def _update_group(self, group: dict[str, Any]) -> None:
        lr, weight_decay = float(group["lr"]), group.get("weight_decay", 0)
        with flambeau.no_grad():
            for param in group["params"]:
                if param.grad is None:
                    continue
                values = self.state[param]
                if not values:
                    values["step"] = step_count(group, 0.0)
                    values.update(self._start(param, group))
                values["step"] += 1
                grad = -param.grad if group["maximize"] else param.grad
                if weight_decay != 0:
                    if group.get("decoupled_weight_decay"):
                        param.mul_(1 - lr * weight_decay)
                    else:
                        grad = grad.add(param, alpha=weight_decay)
                self._update_param(param, grad, values, lr, group)

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        raise NotImplementedError(f"{type(self).__name__} does not define _start")

    def _update_param(
        self, param: Tensor, grad: Tensor, values: dict[str, Tensor], lr: float, group: dict[str, Any]
    ) -> None:
        raise NotImplementedError(f"{type(self).__name__} does not define _update_param")


def check_rate(lr: float | Tensor) -> None:
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not 0.0 <= lr:
        raise ValueError(f"Invalid learning rate: {lr}")


def check_betas(betas: tuple[float, float]) -> None:
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


def check_not_negative(**options: float) -> None:
    for name, value in options.items():
        if not 0.0 <= value:
            raise ValueError(f"Invalid {'epsilon' if name == 'eps' else name} value: {value}")

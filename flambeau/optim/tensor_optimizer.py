"""The part that optimizers written with tensor operations share."""

from __future__ import annotations

from typing import Any

import flambeau

from .._core import Tensor
from .optimizer import CoreOptimizer, step_count

__all__ = [
    "TensorOptimizer",
    "add_quotient",
    "add_scaled",
    "check_betas",
    "check_not_negative",
    "check_rate",
    "root_plus",
]


class TensorOptimizer(CoreOptimizer):
    """An optimizer that updates one parameter after the other with tensor operations.

    Subclasses write `_start`, a parameter's first state, and `_update_param`, which is given the gradient
    with its sign and penalty applied. With `differentiable`, what `_update_param` does is recorded: it may
    write to the state, of which it gets a copy, and to the parameter, but not to what it has computed from
    them; and `lr` may be a tensor.
    """

    _takes_sparse = False  # whether `_update_param` knows sparse gradients

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self.defaults.items():
                group.setdefault(name, value)
        self._restore_step_counts()

    def _update_group(self, group: dict[str, Any]) -> None:
        recorded = group["differentiable"]
        lr, weight_decay = group["lr"] if recorded else float(group["lr"]), group.get("weight_decay", 0)
        with flambeau.set_grad_enabled(recorded):
            for param in group["params"]:
                if param.grad is None:
                    continue
                if param.grad.is_sparse and not self._takes_sparse:
                    raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")
                values = self.state[param]
                if not values:
                    values["step"] = step_count(group, 0.0)
                    values.update(self._first_values(param, group))
                elif recorded:
                    # The derivatives of earlier steps need the state as it was.
                    values.update({name: value.clone() for name, value in values.items()})
                values["step"] += 1
                grad = -param.grad if group["maximize"] else param.grad
                if weight_decay != 0:
                    if group.get("decoupled_weight_decay"):
                        param.mul_(1 - lr * weight_decay)
                    else:
                        if grad.is_sparse:
                            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
                        grad = grad.add(param, alpha=weight_decay)
                if param.is_complex():
                    self._update_parts(param, grad, values, lr, group)
                else:
                    self._update_param(param, grad, values, lr, group)

    def _first_values(self, param: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        """`_start`, of which the parts of a complex parameter see two real ones."""
        if not param.is_complex():
            return self._start(param, group)
        parts = flambeau.view_as_real(param)
        return {
            name: flambeau.view_as_complex(value) if value.shape == parts.shape else value
            for name, value in self._start(parts, group).items()
        }

    def _update_parts(
        self, param: Tensor, grad: Tensor, values: dict[str, Tensor], lr: Any, group: dict[str, Any]
    ) -> None:
        """Real and imaginary parts are updated as parameters of their own."""
        views = {
            name: flambeau.view_as_real(value) if value.is_complex() else value
            for name, value in values.items()
        }
        updated = dict(views)
        self._update_param(flambeau.view_as_real(param), flambeau.view_as_real(grad), updated, lr, group)
        for name, value in updated.items():
            if value is not views.get(name):
                of_parts = name in values and values[name].is_complex()
                values[name] = flambeau.view_as_complex(value) if of_parts else value

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        raise NotImplementedError(f"{type(self).__name__} does not define _start")

    def _update_param(
        self, param: Tensor, grad: Tensor, values: dict[str, Tensor], lr: Any, group: dict[str, Any]
    ) -> None:
        raise NotImplementedError(f"{type(self).__name__} does not define _update_param")


def add_scaled(param: Tensor, update: Tensor, factor: Any) -> None:
    """Adds `factor * update` to a parameter; the factor is a number, or a tensor to be differentiated by."""
    if isinstance(factor, Tensor):
        param.add_(update * factor)
    else:
        param.add_(update, alpha=factor)


def add_quotient(param: Tensor, numerator: Tensor, denominator: Tensor, factor: Any) -> None:
    """Adds `factor * numerator / denominator` to a parameter."""
    if param.requires_grad and flambeau.is_grad_enabled():
        # The numerator, part of the state, changes in the next step.
        param.add_(numerator / denominator * factor)
    else:
        param.addcdiv_(numerator, denominator, value=float(factor))


def root_plus(squares: Tensor, eps: float) -> Tensor:
    """The root plus `eps`."""
    root = squares.sqrt()
    return root + eps if root.requires_grad else root.add_(eps)


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

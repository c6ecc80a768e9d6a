"""The part that optimizers written with tensor operations share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flambeau

from .._core import Tensor
from .optimizer import RATE_HINT, CoreOptimizer, step_count

__all__ = [
    "TensorOptimizer",
    "add_quotient",
    "add_scaled",
    "check_betas",
    "check_not_negative",
    "check_rate",
    "root_plus",
]


_NO_FOREACH_AUTOGRAD = "_foreach ops don't support autograd: leave foreach=None where differentiable=True"


class TensorOptimizer(CoreOptimizer):
    """An optimizer whose step is one call of the core for each group, or is recorded by autograd.

    Subclasses write `_state_names`, in the order in which the core takes them after `step`; `_start`, a parameter's
    first state, where that is not all zeros; `_step`, the call; and `_update_param`, the same formula for one
    parameter. That is given the gradient with its sign and penalty applied, and runs where `differentiable`: it may
    write to the state, of which it gets a copy, and to the parameter, but not to what it has computed from them; and
    `lr` may be a tensor.
    """

    _sparse_refusal = "{} does not support sparse gradients"
    # PyTorch's words for what `capturable` needs on an accelerator, and whether "xla" is one: of the step parameter by
    # parameter, and of that with `foreach`.
    _captured = ("params and state_steps", "params and state_steps")
    _captures_on_xla = (True, False)
    _capture_comes_first = False  # of two refusals

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self.defaults.items():
                group.setdefault(name, value)
        self._restore_step_counts()

    def _update_group(self, group: dict[str, Any]) -> None:
        if group["differentiable"] or group.get("capturable"):
            self._check_setting(group)
        if not self._fused_fits and group.get("fused"):
            self._check_fused(group)
        if group["differentiable"]:
            with flambeau.enable_grad():
                self._update_recorded(group)
            return
        params = group["params"]
        values_of: Callable[[Tensor], Any] = self.state.get
        values = [*map(values_of, params)]
        if not all(values):
            params = [param for param in params if param.grad is not None]
            values = [self.state[param] or self._begin(param, group) for param in params]
        tensors = [*params, *(one["step"] for one in values)]
        for name in self._state_names(group):
            tensors += [one[name] for one in values]
        if self._step(tensors, group):
            self._update_sparse(params, group)

    def _check_setting(self, group: dict[str, Any]) -> None:
        """Refuses, as PyTorch does at the first step, what its implementations of the step cannot do."""
        grads = [param.grad for param in group["params"] if param.grad is not None]
        if not grads or any(grad.is_sparse for grad in grads):
            return
        foreach = bool(group["foreach"])
        if group["differentiable"] and foreach and not self._capture_comes_first:
            raise AssertionError(_NO_FOREACH_AUTOGRAD)
        if group.get("capturable") and not group.get("fused"):
            xla = ", 'xla'" if self._captures_on_xla[foreach] else ""
            raise AssertionError(
                f"If capturable=True, {self._captured[foreach]} must be on supported devices: "
                f"['cuda', 'xpu', 'hpu', 'privateuseone'{xla}]. Steps on the CPU are not captured: leave capturable=False"
            )
        if group["differentiable"] and foreach:
            raise AssertionError(_NO_FOREACH_AUTOGRAD)

    def _update_recorded(self, group: dict[str, Any]) -> None:
        lr, weight_decay = group["lr"], group.get("weight_decay", 0)
        if isinstance(lr, Tensor):
            lr = lr.reshape(())
        for param in group["params"]:
            if param.grad is None:
                continue
            if param.grad.is_sparse:
                self._update_sparse([param], group)
                continue
            values = self.state[param]
            if not values:
                self._begin(param, group)
            else:
                # The derivatives of earlier steps need the state as it was.
                values.update({name: value.clone() for name, value in values.items()})
            values["step"] += 1
            grad = -param.grad if group["maximize"] else param.grad
            if weight_decay != 0:
                if group.get("decoupled_weight_decay"):
                    param.mul_(1 - lr * weight_decay)
                else:
                    grad = grad.add(param, alpha=weight_decay)
            if param.is_complex():
                self._update_parts(param, grad, values, lr, group)
            else:
                self._update_param(param, grad, values, lr, group)

    def _update_sparse(self, params: list[Tensor], group: dict[str, Any]) -> None:
        """The step of those parameters whose gradients are sparse, which the core leaves out."""
        raise RuntimeError(self._sparse_refusal.format(type(self).__name__))

    def _begin(self, param: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        """Creates the state of a parameter that has its first gradient."""
        values: dict[str, Tensor] = self.state[param]
        values["step"] = step_count(group, 0.0)
        values.update(self._first_values(param, group))
        return values

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

    def _state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        raise NotImplementedError(f"{type(self).__name__} does not define _state_names")

    def _step(self, tensors: list[Tensor], group: dict[str, Any]) -> int:
        """Calls the core, which returns how many gradients were sparse."""
        raise NotImplementedError(f"{type(self).__name__} does not define _step")

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {name: flambeau.zeros_like(param) for name in self._state_names(group)}

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
        raise ValueError(f"Invalid learning rate: {lr}; {RATE_HINT}")


def check_betas(betas: tuple[float, float]) -> None:
    for i in range(2):
        beta = betas[i]
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


def check_not_negative(**options: float) -> None:
    for name, value in options.items():
        if not 0.0 <= value:
            raise ValueError(f"Invalid {'epsilon' if name == 'eps' else name} value: {value}")

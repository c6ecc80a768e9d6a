"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flambeau

from .._core import Tensor
from .line_search import Point, strong_wolfe
from .optimizer import Optimizer, ParamsT
from .tensor_optimizer import check_rate

__all__ = ["LBFGS"]

# Curvature of a pair of steps below which it is left out, so that the approximation stays positive definite.
_LEAST_CURVATURE = 1e-10


class LBFGS(Optimizer):
    """L-BFGS: Newton's steps, the inverse Hessian approximated from the last changes.

    `step` needs a closure that clears the gradients, computes the loss, calls `backward` and returns the
    loss; it is called several times. All parameters form one group.

    Args:
        params: tensors, or `(name, tensor)` pairs.
        lr: step length, with a line search the first one tried.
        max_iter: iterations in one call of `step`.
        max_eval: calls of the closure in one call of `step`; `max_iter * 5 // 4` if None.
        tolerance_grad: stop where no element of the gradient is larger.
        tolerance_change: stop where parameters or loss change less.
        history_size: pairs of changes that are kept.
        line_search_fn: None or `"strong_wolfe"`.

    Raises:
        ValueError: `lr` is negative, or there are several groups.

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([-1.5, 2.0], requires_grad=True)
        >>> optimizer = torch.optim.LBFGS([x], max_iter=50, line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
        ...     loss.backward()
        ...     return loss
        >>> loss = optimizer.step(closure)
        >>> [round(value, 2) for value in x.tolist()]
        [1.0, 1.0]

    Source: J. Nocedal, S. J. Wright, "Numerical optimization", 2nd edition, algorithms 7.4 and 7.5.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_rate(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Runs up to `max_iter` iterations; returns the loss before the first."""
        with flambeau.no_grad():
            return self._minimize(closure)

    def _minimize(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        # All state is the first parameter's, so that it is converted with it when loaded.
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        with flambeau.enable_grad():
            first_loss = closure()
        loss, grad, calls = float(first_loss), self._flat_grad(), 1
        state["func_evals"] += 1
        if _largest(grad) <= group["tolerance_grad"]:
            return first_loss
        tolerance, lr = group["tolerance_change"], float(group["lr"])
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = self._direction(grad, state, group["history_size"])
            state["d"], state["prev_loss"] = direction, loss
            state["prev_flat_grad"] = grad.clone()
            state["t"] = lr if state["n_iter"] > 1 else lr / max(1.0, grad.abs().sum().item())
            slope = grad.dot(direction).item()
            if slope > -tolerance:
                break
            used, is_last = 0, iteration == group["max_iter"]
            if group["line_search_fn"] is not None:
                start = Point(0.0, loss, grad, slope)
                found, used = self._search(closure, start, state, group["max_eval"] - calls)
                loss, grad, state["t"] = found.value, found.grad, found.step
                self._move(found.step, direction)
            else:
                self._move(state["t"], direction)
                if not is_last:
                    loss, grad, used = self._call(closure), self._flat_grad(), 1
            calls += used
            state["func_evals"] += used
            if is_last or calls >= group["max_eval"] or _largest(grad) <= group["tolerance_grad"]:
                break
            if (
                _largest(direction) * abs(state["t"]) <= tolerance
                or abs(loss - state["prev_loss"]) < tolerance
            ):
                break
        return first_loss

    def _direction(self, grad: Tensor, state: dict[str, Any], history_size: int) -> Tensor:
        """Minus the inverse Hessian's approximation times the gradient: the two-loop recursion."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            return grad.neg()
        changes, moves, inverses = state["old_dirs"], state["old_stps"], state["ro"]
        change, move = grad - state["prev_flat_grad"], state["d"] * state["t"]
        curvature = change.dot(move).item()
        if curvature > _LEAST_CURVATURE:
            if len(changes) == history_size:
                for history in (changes, moves, inverses):
                    history.pop(0)
            changes.append(change)
            moves.append(move)
            inverses.append(1.0 / curvature)
            state["H_diag"] = curvature / change.dot(change).item()
        direction = grad.neg()
        weights = state["al"] = [0.0] * len(changes)
        for i in reversed(range(len(changes))):
            weights[i] = moves[i].dot(direction).item() * float(inverses[i])
            direction.add_(changes[i], alpha=-weights[i])
        direction.mul_(state["H_diag"])
        for i in range(len(changes)):
            correction = changes[i].dot(direction).item() * float(inverses[i])
            direction.add_(moves[i], alpha=weights[i] - correction)
        return direction

    def _search(
        self, closure: Callable[[], Any], start: Point, state: dict[str, Any], evaluations: int
    ) -> tuple[Point, int]:
        group, direction = self.param_groups[0], state["d"]
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        origin = [param.clone() for param in group["params"]]

        def evaluate(step: float) -> Point:
            self._move(step, direction)
            value, grad = self._call(closure), self._flat_grad()
            for param, before in zip(group["params"], origin, strict=True):
                param.copy_(before)
            return Point(step, value, grad, grad.dot(direction).item())

        return strong_wolfe(
            evaluate, start, state["t"], _largest(direction), group["tolerance_change"], evaluations
        )

    def _call(self, closure: Callable[[], Any]) -> float:
        with flambeau.enable_grad():
            return float(closure())

    def _flat_grad(self) -> Tensor:
        grads = [
            flambeau.zeros_like(param) if param.grad is None else param.grad
            for param in self.param_groups[0]["params"]
        ]
        return flambeau.cat([_parts(grad.to_dense()).reshape(-1) for grad in grads])

    def _move(self, step: float, direction: Tensor) -> None:
        first = 0
        for param in self.param_groups[0]["params"]:
            parts = _parts(param)
            count = parts.numel()
            parts.add_(direction[first : first + count].view_as(parts), alpha=step)
            first += count


def _parts(values: Tensor) -> Tensor:
    """Real and imaginary parts of complex numbers: unknowns of their own."""
    return flambeau.view_as_real(values) if values.is_complex() else values


def _largest(values: Tensor) -> float:
    return float(values.abs().max().item())

"""Finite differences, for checking derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flambeau as torch


def numeric_gradient(function: Callable[..., Any], inputs: list[Any], which: int, step: float = 1e-6) -> Any:
    """Central differences of sum(function(*inputs)) with respect to one float64 input."""
    x = inputs[which]
    flat = x.detach().clone().reshape(-1)
    gradient = torch.zeros(flat.shape, dtype=torch.float64)
    for i in range(flat.numel()):
        values = []
        for sign in (1, -1):
            moved = flat.clone()
            moved[i] += sign * step
            values.append(
                function(*inputs[:which], moved.reshape(x.shape), *inputs[which + 1 :]).detach().sum().item()
            )
        gradient[i] = (values[0] - values[1]) / (2 * step)
    return gradient.reshape(x.shape)


def check_gradient(function: Callable[..., Any], *inputs: Any, tolerance: float = 1e-5) -> None:
    """Compares the gradients of a function of float64 tensors, and those of its gradients, with finite differences."""
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    gradients = torch.autograd.grad(function(*leaves).sum(), leaves, create_graph=True)
    for i, gradient in enumerate(gradients):
        expected = numeric_gradient(function, list(inputs), i)
        assert torch.allclose(gradient.detach(), expected, rtol=tolerance, atol=tolerance), (
            i,
            gradient,
            expected,
        )
    if not any(g.requires_grad for g in gradients):
        return

    def weighted(*xs: Any) -> Any:
        xs = tuple(x.detach().requires_grad_() for x in xs)
        found = torch.autograd.grad(function(*xs).sum(), xs, create_graph=True)
        return sum(
            (g * torch.cos(torch.arange(g.numel(), dtype=torch.float64)).reshape(g.shape)).sum()
            for g in found
        )

    total = sum(
        (g * torch.cos(torch.arange(g.numel(), dtype=torch.float64)).reshape(g.shape)).sum()
        for g in gradients
    )
    second = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
    for i, gradient in enumerate(second):
        expected = numeric_gradient(weighted, list(inputs), i, step=1e-5)
        assert torch.allclose(gradient, expected, rtol=1e-3, atol=1e-4), (i, gradient, expected)

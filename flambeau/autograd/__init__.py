"""Automatic differentiation: backward, grad, grad modes.

Reverse mode over a graph that is recorded as operations run (Griewank and Walther, Evaluating Derivatives, 2008).
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from typing import Any

from flambeau import _core
from flambeau._core import Tensor
from flambeau._grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled
from flambeau._submodules import submodules
from flambeau.autograd import anomaly_mode as anomaly_mode
from flambeau.autograd import grad_mode as grad_mode
from flambeau.autograd import graph as graph
from flambeau.autograd.anomaly_mode import detect_anomaly as detect_anomaly
from flambeau.autograd.anomaly_mode import set_detect_anomaly as set_detect_anomaly
from flambeau.autograd.function import Function as Function
from flambeau.autograd.grad_mode import set_multithreading_enabled as set_multithreading_enabled
from flambeau.autograd.gradcheck import gradcheck as gradcheck  # takes its module's name, as in PyTorch
from flambeau.autograd.gradcheck import gradgradcheck as gradgradcheck
from flambeau.autograd.variable import Variable as Variable

__all__ = [
    "backward",
    "grad",
    "no_grad",
    "enable_grad",
    "set_grad_enabled",
    "inference_mode",
    "Variable",
    "Function",
    "detect_anomaly",
    "set_detect_anomaly",
    "gradcheck",
    "gradgradcheck",
    "graph",
]


def variable(*args: Any, **keywords: Any) -> Any:
    """Was replaced by :func:`flambeau.tensor`.

    Raises:
        RuntimeError: always.
    """
    raise RuntimeError("torch.autograd.variable(...) is deprecated, use torch.tensor(...) instead")


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, (Tensor, graph.GradientEdge)) else tuple(value)


def _gradients(roots: tuple[Any, ...], given: Any) -> tuple[Any, ...]:
    """A gradient or None per root; those beyond the last root are left out."""
    for root in roots:
        if not isinstance(root, (Tensor, graph.GradientEdge)):
            raise AssertionError("Expected output to be a torch.Tensor")
    if given is None:
        return (None,) * len(roots)
    gradients = ((given,) if isinstance(given, Tensor) else tuple(given))[: len(roots)]
    for g in gradients:
        if g is not None and not isinstance(g, Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
    if len(gradients) != len(roots):
        raise RuntimeError(f"got {len(roots)} tensors and {len(gradients)} gradients")
    return gradients


def _flag(value: Any) -> bool:
    return value if isinstance(value, bool) else bool(operator.index(value))


_warned_of_cycle = False


def _grad_of_batch(
    roots: tuple[Any, ...],
    wanted: tuple[Any, ...],
    gradients: tuple[Any, ...],
    create_graph: bool,
    allow: bool,
) -> tuple[Any, ...]:
    """The gradients for every entry along the first dimension of the given ones, stacked."""
    sizes = {g.shape[0] for g in gradients if g is not None and g.dim()}
    if len(sizes) != 1:
        raise ValueError(
            f"is_grads_batched needs gradients with the same first dimension, got {sorted(sizes)}"
        )
    for i, (g, root) in enumerate(zip(gradients, roots, strict=True)):
        if g is not None and g.shape[1:] != root.shape:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
                "dimension. The sizes of the remaining dimensions are expected to match the shape of corresponding "
                f"output, but a mismatch was detected: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a "
                f"shape of {root.shape}."
            )
    rows = [
        _core._run_backward(
            roots,
            tuple(None if g is None else g[k] for g in gradients),
            True,
            create_graph,
            wanted,
            False,
            allow,
        )
        for k in range(sizes.pop())
    ]
    return tuple(None if column[0] is None else _core.stack(column) for column in zip(*rows, strict=True))


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Adds the gradients of `tensors` to the `grad` of the leaves they were computed from.

    Computes sum_i J_i^T v_i for tensors y_i with Jacobians J_i and gradients v_i.

    Args:
        tensors: what to differentiate
        grad_tensors: a gradient v_i per tensor, of its shape; None for tensors with one element
        retain_graph: keep the graph for another pass; default: create_graph
        create_graph: record the pass itself, for higher derivatives
        inputs: only these get gradients

    Raises:
        RuntimeError: if a tensor needs no gradient, or has several elements and no gradient is given.

    >>> import flambeau as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> torch.autograd.backward(x * x)
    >>> x.grad
    tensor(6.)
    """
    global _warned_of_cycle
    roots = _as_tuple(tensors)
    if grad_variables is not None and grad_tensors is not None:
        raise RuntimeError(
            "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use "
            "`grad_tensors`."
        )
    if grad_variables is not None:
        grad_tensors = grad_variables
    gradients = _gradients(roots, grad_tensors)
    if inputs is not None:
        inputs = _as_tuple(inputs)
        if not inputs:
            raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    create_graph = _flag(create_graph)
    retain = create_graph if retain_graph is None else _flag(retain_graph)
    if create_graph and not _warned_of_cycle:
        _warned_of_cycle = True
        warnings.warn(
            "Using backward() with create_graph=True will create a reference cycle between the parameter and its "
            "gradient which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid "
            "this. If you have to use this function, make sure to reset the .grad fields of your parameters to None "
            "after use to break the cycle and avoid the leak.",
            stacklevel=2,
        )
    _core._run_backward(roots, gradients, retain, create_graph, inputs, True, True)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """Returns the gradients of `outputs` with respect to `inputs`, without touching any `grad`.

    Args:
        outputs: what to differentiate
        inputs: with respect to what
        grad_outputs: a gradient per output, of its shape; None for outputs with one element
        retain_graph: keep the graph for another pass; default: create_graph
        create_graph: record the pass itself, for higher derivatives
        allow_unused: None instead of an error for inputs that were not used; default: materialize_grads
        materialize_grads: zeros instead of None

    Raises:
        RuntimeError: if an input was not used and allow_unused is false.

    >>> import flambeau as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> (g,) = torch.autograd.grad(x ** 3, x, create_graph=True)
    >>> torch.autograd.grad(g, x)
    (tensor(18.),)
    """
    if not only_inputs:
        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To accumulate gradient for "
            "other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    roots, wanted = _as_tuple(outputs), _as_tuple(inputs)
    gradients = _gradients(roots, grad_outputs)
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    if not wanted:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    allow = materialize_grads if allow_unused is None else allow_unused
    create_graph = _flag(create_graph)
    retain = create_graph if retain_graph is None else _flag(retain_graph)
    if is_grads_batched:
        found = _grad_of_batch(roots, wanted, gradients, create_graph, allow)
    else:
        found = _core._run_backward(roots, gradients, retain, create_graph, wanted, False, allow)
    if materialize_grads:
        if any(g is None and not isinstance(x, Tensor) for g, x in zip(found, wanted, strict=True)):
            raise RuntimeError(
                "materialize_grads cannot be used when the given input is a GradientEdge without gradient"
            )
        found = tuple(
            _core.zeros_like(x, requires_grad=create_graph) if g is None else g
            for g, x in zip(found, wanted, strict=True)
        )
    return found


__getattr__ = submodules(__name__)  # those that few programs need

"""`torch._foreach_*`: one function over lists of tensors, as averages of weights and clipping written by hand use them.

Each is the method of its name, called for one tensor after the other; a number, or a tensor of no dimensions, is for all of
them, a list has one operand for each. Functions return a tuple, in-place ones the list that they were given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ._core import Tensor

_Tensors = Sequence[Tensor]

_UNARY = (
    "abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 neg reciprocal round rsqrt "
    "sigmoid sign sin sinh sqrt tan tanh trunc"
).split()
_BINARY = {
    "add": "add",
    "clamp_max": "clamp_max",
    "clamp_min": "clamp_min",
    "div": "div",
    "maximum": "clamp_min",  # which takes numbers, too
    "minimum": "clamp_max",
    "mul": "mul",
    "pow": "pow",
    "sub": "sub",
}


def _check(tensors: Any, name: str) -> _Tensors:
    if not isinstance(tensors, (list, tuple)) or not all(isinstance(tensor, Tensor) for tensor in tensors):
        raise TypeError(
            f"{name}(): argument 'self' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    if not tensors:
        raise RuntimeError("Tensor list must have at least one tensor.")
    return tensors


def _each(operand: Any, count: int) -> Sequence[Any]:
    """The operand of each of `count` tensors."""
    if isinstance(operand, (list, tuple)):
        if len(operand) != count:
            if operand and isinstance(operand[0], Tensor):
                raise RuntimeError(
                    f"Tensor lists must have the same number of tensors, got {count} and {len(operand)}"
                )
            raise RuntimeError("Tensor list must have same number of elements as scalar list.")
        return operand
    if isinstance(operand, Tensor) and operand.dim() != 0:
        raise RuntimeError(
            f"scalar tensor expected to be 0 dim but it has {operand.dim()} dimensions and {operand.numel()} elements."
        )
    return [operand] * count


def _pair(name: str, function: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """The two forms of `function(method's suffix, tensor, ...)`, which is given the operands of one tensor."""

    def fresh(self: _Tensors, *operands: Any, **options: Any) -> tuple[Tensor, ...]:
        tensors = _check(self, fresh.__name__)
        each = [_each(operand, len(tensors)) for operand in operands]
        return tuple(function("", *one, **options) for one in zip(tensors, *each, strict=True))

    def in_place(self: _Tensors, *operands: Any, **options: Any) -> _Tensors:
        tensors = _check(self, in_place.__name__)
        each = [_each(operand, len(tensors)) for operand in operands]
        for one in zip(tensors, *each, strict=True):
            function("_", *one, **options)
        return self

    fresh.__name__, in_place.__name__ = f"_foreach_{name}", f"_foreach_{name}_"
    fresh.__doc__ = f"`{name}` of each tensor of a list."
    in_place.__doc__ = f"`{name}_` of each tensor of a list."
    return {fresh.__name__: fresh, in_place.__name__: in_place}


def _method(name: str) -> Callable[..., Any]:
    def call(suffix: str, tensor: Tensor, *operands: Any, **options: Any) -> Any:
        return getattr(tensor, name + suffix)(*operands, **options)

    return call


def _quotient_or_product(name: str) -> dict[str, Callable[..., Any]]:
    """`addcmul` and `addcdiv`, whose factor comes as `value` or as numbers for each tensor."""

    def call(suffix: str, tensor: Tensor, a: Tensor, b: Tensor, factor: Any) -> Any:
        if isinstance(factor, Tensor):
            factor = factor.item()
        return getattr(tensor, name + suffix)(a, b, value=factor)

    def with_factor(form: Callable[..., Any]) -> Callable[..., Any]:
        def function(self: Any, tensor1: Any, tensor2: Any, scalars: Any = None, *, value: Any = None) -> Any:
            factor = (1 if value is None else value) if scalars is None else scalars
            if isinstance(factor, Tensor) and factor.dim() == 1:
                factor = factor.tolist()
            return form(self, tensor1, tensor2, factor)

        function.__name__, function.__doc__ = form.__name__, form.__doc__
        return function

    return {form_name: with_factor(form) for form_name, form in _pair(name, call).items()}


def _foreach_pow(self: Any, exponent: Any) -> tuple[Tensor, ...]:
    """Each tensor of a list to a power, or a number to the power of each."""
    if isinstance(exponent, (list, tuple)) and not isinstance(self, (list, tuple)):
        return tuple(self**power for power in _check(exponent, "_foreach_pow"))
    powers: tuple[Tensor, ...] = _PAIRS["_foreach_pow"](self, exponent)
    return powers


def _foreach_norm(self: _Tensors, ord: float = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    """The norm of each tensor of a list."""
    from flambeau.linalg import vector_norm

    return tuple(vector_norm(tensor, ord, dtype=dtype) for tensor in _check(self, "_foreach_norm"))


def _foreach_powsum(self: _Tensors, ord: float = 2, dtype: Any = None) -> tuple[Tensor, ...]:
    """The sum of the absolute values' powers, of each tensor of a list."""
    return tuple(tensor.abs().pow(ord).sum(dtype=dtype) for tensor in _check(self, "_foreach_powsum"))


def _foreach_max(self: _Tensors) -> tuple[Tensor, ...]:
    """The largest element of each tensor of a list."""
    return tuple(tensor.max() for tensor in _check(self, "_foreach_max"))


def _foreach_clone(self: _Tensors, *, memory_format: Any = None) -> tuple[Tensor, ...]:
    """A copy of each tensor of a list."""
    options = {} if memory_format is None else {"memory_format": memory_format}
    return tuple(tensor.clone(**options) for tensor in _check(self, "_foreach_clone"))


def _foreach_mm(self: _Tensors, mat2: _Tensors) -> tuple[Tensor, ...]:
    """The product of each matrix of a list with one of another."""
    matrices = _check(self, "_foreach_mm")
    return tuple(a.mm(b) for a, b in zip(matrices, _each(mat2, len(matrices)), strict=True))


def _foreach_copy_(self: _Tensors, src: _Tensors, non_blocking: bool = False) -> _Tensors:
    """Copies tensors of one list to those of another."""
    tensors = _check(self, "_foreach_copy_")
    for tensor, source in zip(tensors, _each(src, len(tensors)), strict=True):
        tensor.copy_(source, non_blocking)
    return self


def _foreach_zero_(self: _Tensors) -> _Tensors:
    """Fills each tensor of a list with zeros."""
    for tensor in _check(self, "_foreach_zero_"):
        tensor.zero_()
    return self


_PAIRS: dict[str, Callable[..., Any]] = {}
for _name in (*_UNARY, "lerp"):
    _PAIRS |= _pair(_name, _method(_name))
for _name, _called in _BINARY.items():
    _PAIRS |= _pair(_name, _method(_called))
for _name in ("addcmul", "addcdiv"):
    _PAIRS |= _quotient_or_product(_name)
globals().update({name: function for name, function in _PAIRS.items() if name not in globals()})
__all__ = [name for name in globals() if name.startswith("_foreach_")]

"""The decorator that makes an operator of a schema and a Python function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau import _core

_BITS: dict[str, int] = _core._operator_forms()

# What Python gets of an operator, as in core/ops/expose.h.
function = _BITS["function"]  # flambeau.name
method = _BITS["method"]  # Tensor.name
inplace = _BITS["inplace"]  # Tensor.name_, which writes the result to self
inplace_function = _BITS["inplace_function"]  # flambeau.name_ as well
out = _BITS["out"]  # out=
writes_self = _BITS["writes_self"]  # a method whose own name ends in _, and whose body writes to self
linalg = _BITS["linalg"]  # flambeau.linalg.name
special = _BITS["special"]  # flambeau.special.name
fft = _BITS["fft"]  # flambeau.fft.name
windows = _BITS["windows"]  # flambeau.signal.windows.name
# What autocast brings the operands to, and what the body then computes in; none of them: they stay as they are.
lower_precision = _BITS["lower_precision"]  # the block's dtype
float32 = _BITS["float32"]  # float32, where they are narrower
widest = _BITS["widest"]  # the widest among them

# The family, schema and forms of what was defined, for tools/make_index.py and the tests.
registered: list[tuple[str, str, int]] = []


def operator(schema: str, *forms: int, result: str | None = None) -> Callable[[Callable[..., Any]], Any]:
    """Makes an operator of the function below it: bound, overridden and documented as those in C++.

    The body sees its arguments as the schema types them: tensors, tuples of tensors, tuples of integers, numbers, dtypes,
    None where that is allowed; a parameter of type `object` comes as it was given. Parameters after `*` come by keyword,
    `options` stands for dtype, layout, device, pin_memory and requires_grad. The derivative is that of what the body calls.
    Several overloads of an operator are several functions, the likeliest first.

    Args:
        schema: as in EXPOSE: "cov(Tensor self, *, int correction=1, Tensor? fweights=None) -> Tensor"
        forms: any of `function`, `method`, `inplace`, `out`, at most one of `linalg`, `special`, `fft`, `windows`, and at
            most one of `lower_precision`, `float32`, `widest`
        result: "max values indices" makes a tuple result the named tuple `return_types.max`

    Returns:
        The operator: the function, or the method of an operator that has no function.
    """
    bits = 0
    for form in forms:
        bits |= form

    def make(body: Callable[..., Any]) -> Any:
        body = getattr(body, "bodies", [body])[
            0
        ]  # of an operator: the decorator may stand twice, for two homes
        registered.append((body.__module__.rpartition(".")[2], schema, bits))
        return _core._register_operator(schema, bits, body, result)

    return make

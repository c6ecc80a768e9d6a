"""Functions of each element, over other operators."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, inplace, inplace_function, method, operator, out, special
from flambeau.ops._refusals import WIDE_UNSIGNED, is_integral, need_floating, refuse, scalar_type


@operator("heaviside(Tensor self, Tensor values) -> Tensor", function, method, inplace, out)
def heaviside(self: Tensor, values: Tensor) -> Tensor:
    """The step function: 0 below zero, 1 above, and `values` at zero.

    Args:
        self, values: of one dtype; shapes broadcast

    Raises:
        RuntimeError: dtypes that differ, or complex ones.

    >>> import flambeau as torch
    >>> torch.heaviside(torch.tensor([-1.0, 0.0, 2.0]), torch.tensor(0.5)).tolist()
    [0.0, 0.5, 1.0]
    """
    if self.is_complex() or values.is_complex():
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if self.dtype != values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return torch.where(self == 0, values, (self > 0).to(self.dtype))


@operator("logaddexp2(Tensor self, Tensor other) -> Tensor", function, method, out)
def logaddexp2(self: Tensor, other: Tensor) -> Tensor:
    """log2(2^a + 2^b), without overflow.

    Args:
        self, other: floating point; shapes broadcast

    Raises:
        NotImplementedError: other types.

    >>> import flambeau as torch
    >>> torch.logaddexp2(torch.tensor([1000.0]), torch.tensor([1000.0])).tolist()
    [1001.0]
    """
    need_floating("logaddexp2_cpu", torch.result_type(self, other))
    larger = torch.maximum(self, other).detach()
    shift = torch.where(larger.isfinite(), larger, torch.zeros_like(larger))
    return shift + (torch.exp2(self - shift) + torch.exp2(other - shift)).log2()


@operator("sinc(Tensor self) -> Tensor", special, out)
@operator("sinc(Tensor self) -> Tensor", function, method, inplace, inplace_function, out)
def sinc(self: Tensor) -> Tensor:
    """The normalised sine cardinal: sin(pi x) / (pi x), 1 at zero.

    Args:
        self: any shape; integers are converted to the default dtype

    >>> import flambeau as torch
    >>> torch.sinc(torch.tensor([0.0, 0.5])).tolist()
    [1.0, 0.636...]
    """
    if not (self.is_floating_point() or self.is_complex()):
        self = self.to(torch.get_default_dtype())
    zero = self == 0
    angle = torch.where(zero, torch.ones_like(self), self) * math.pi
    return torch.where(zero, torch.ones_like(self), angle.sin() / angle)


def _in_table(elements: Tensor, tests: Tensor) -> Tensor | None:
    """Membership among integers that lie close together, by a table of them; None for others."""
    if elements.dtype != torch.int64 or tests.dtype != torch.int64 or tests.is_meta:
        return None
    low, high = (int(limit) for limit in tests.aminmax())
    if high - low >= 16 * (elements.numel() + tests.numel()):
        return None
    table = torch.zeros((high - low + 1,), dtype=torch.bool)
    table[tests - low] = True
    return table.take((elements - low).clamp_(0, high - low)) & (elements >= low) & (elements <= high)


def _compare(self: Any, others: Any, invert: bool) -> Tensor:
    elements = self if isinstance(self, Tensor) else torch.tensor(self, device=others.device)
    tests = others if isinstance(others, Tensor) else torch.tensor(others, device=elements.device)
    for side in (elements, tests):
        if side.is_complex() or side.dtype == torch.bool:
            raise RuntimeError(f"Unsupported input type encountered for isin(): {scalar_type(side.dtype)}")
    if not isinstance(others, Tensor):
        return elements != others if invert else elements == others
    refuse("isin_default_cpu", tests.dtype, WIDE_UNSIGNED)
    tests = tests.reshape(-1)
    count = tests.numel()
    if elements.numel() == 0 or count == 0:
        found = torch.zeros(elements.shape, dtype=torch.bool, device=elements.device)
    elif count <= 8:
        found = (elements.unsqueeze(-1) == tests).any(-1)
    elif (found_in_table := _in_table(elements, tests)) is not None:
        found = found_in_table
    else:
        tests = tests.detach().to(torch.result_type(elements, tests)).sort()[0]
        # A search wants its boundaries in order: the NaN at the end count as infinite there, and equal nothing.
        ordered = tests.masked_fill(tests.isnan(), math.inf) if tests.is_floating_point() else tests
        places = torch.searchsorted(ordered, elements).clamp_max_(count - 1)
        found = tests.take(places) == elements
    return ~found if invert else found


@operator(
    "isin(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
    function,
    out,
)
def isin(elements: Tensor, test_elements: Tensor, *, assume_unique: bool, invert: bool) -> Tensor:
    """Whether each element is among the test elements; with `invert`, whether it is not.

    Args:
        elements: any shape, or a number
        test_elements: any shape, or a number
        assume_unique: a promise that neither holds an element twice; it changes nothing here

    Returns:
        bool, the shape of elements.

    >>> import flambeau as torch
    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 4])).tolist()
    [False, True, False]
    """
    return _compare(elements, test_elements, invert)


@operator(
    "isin(Tensor elements, Number test_element, *, bool assume_unique=False, bool invert=False) -> Tensor",
    function,
    out,
)
def isin_number(elements: Tensor, test_element: Any, *, assume_unique: bool, invert: bool) -> Tensor:
    return _compare(elements, test_element, invert)


@operator(
    "isin(Number element, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
    function,
    out,
)
def isin_element(element: Any, test_elements: Tensor, *, assume_unique: bool, invert: bool) -> Tensor:
    return _compare(element, test_elements, invert)


def _check_integers(name: str, *tensors: Tensor) -> None:
    for tensor in tensors:
        if not is_integral(tensor):
            raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{scalar_type(tensor.dtype)}'")


@operator("gcd(Tensor self, Tensor other) -> Tensor", function, method, inplace, inplace_function, out)
def gcd(self: Tensor, other: Tensor) -> Tensor:
    """The greatest common divisor, not negative; gcd(0, 0) is 0.

    Args:
        self, other: integers; shapes broadcast, dtypes promote

    Raises:
        NotImplementedError: operands that are no integers.

    >>> import flambeau as torch
    >>> torch.gcd(torch.tensor([12]), torch.tensor([-18])).tolist()
    [6]

    Source: Euclid, Elements, book VII, proposition 2.
    """
    _check_integers("gcd", self, other)
    dtype = torch.result_type(self, other)
    a, b = torch.broadcast_tensors(self.to(dtype).abs(), other.to(dtype).abs())
    while not a.is_meta and bool((b != 0).any()):
        rest = torch.where(b == 0, 0, torch.remainder(a, torch.where(b == 0, 1, b)))
        a, b = torch.where(b == 0, a, b), rest
    return a.clone()


@operator("lcm(Tensor self, Tensor other) -> Tensor", function, method, inplace, inplace_function, out)
def lcm(self: Tensor, other: Tensor) -> Tensor:
    """The least common multiple, not negative; lcm(a, 0) is 0.

    Args:
        self, other: integers; shapes broadcast, dtypes promote

    Raises:
        NotImplementedError: operands that are no integers.

    >>> import flambeau as torch
    >>> torch.lcm(torch.tensor([4]), torch.tensor([6])).tolist()
    [12]
    """
    _check_integers("lcm", self, other)
    divisor = torch.gcd(self, other)
    return (torch.div(self, torch.where(divisor == 0, 1, divisor), rounding_mode="trunc") * other).abs()


# Of each floating-point type: an integer type of its width, and the bits of its mantissa.
_LAYOUT = {
    torch.float16: (torch.int16, 10),
    torch.bfloat16: (torch.int16, 7),
    torch.float32: (torch.int32, 23),
    torch.float64: (torch.int64, 52),
}


@operator("nextafter(Tensor self, Tensor other) -> Tensor", function, method, inplace, out)
def nextafter(self: Tensor, other: Tensor) -> Tensor:
    """The next representable number from a towards b; b itself where they are equal.

    Its derivative is that of a, and 0 where they are equal.

    Args:
        self, other: floating point; shapes broadcast, dtypes promote

    Raises:
        NotImplementedError: integers.

    >>> import flambeau as torch
    >>> torch.nextafter(torch.tensor([1.0]), torch.tensor([2.0])).item() - 1 == torch.finfo(torch.float32).eps
    True

    Source: IEEE 754-2019, section 5.3.1 (nextUp, nextDown): bit patterns of one sign are ordered as their numbers.
    """
    dtype = torch.result_type(self, other)
    if dtype not in _LAYOUT:
        raise NotImplementedError(f"\"nextafter_cpu\" not implemented for '{scalar_type(dtype)}'")
    a, b = torch.broadcast_tensors(self.detach().to(dtype), other.detach().to(dtype))
    a = a.contiguous()
    integer, _ = _LAYOUT[dtype]
    bits = a.view(integer)
    moved = torch.where((b > a) == (a > 0), bits + 1, bits - 1)
    smallest = torch.where(
        torch.signbit(b), torch.full_like(bits, torch.iinfo(integer).min + 1), torch.ones_like(bits)
    )
    result = torch.where(a == 0, smallest, moved).view(dtype)
    result = torch.where(a == b, b, result)
    result = torch.where(a.isnan() | b.isnan(), a + b, result)
    if not self.requires_grad:
        return result
    # a moves the result along, except where it has arrived; subtracting zero keeps every bit.
    following = a.isfinite() & (a != b)
    return result - torch.where(following, a - self, torch.zeros_like(a))


@operator("frexp(Tensor self) -> (Tensor, Tensor)", function, method, out, result="frexp mantissa exponent")
def frexp(self: Tensor) -> tuple[Tensor, Tensor]:
    """Mantissas in [0.5, 1) and exponents: x = mantissa 2^exponent; zeros, infinities and NaN have the exponent 0.

    Args:
        self: any shape, floating point

    Returns:
        The named tuple (mantissa, exponent), the exponent int32.

    Raises:
        RuntimeError: integers.

    >>> import flambeau as torch
    >>> torch.frexp(torch.tensor([6.0])).mantissa.tolist(), torch.frexp(torch.tensor([6.0])).exponent.tolist()
    ([0.75], [3])
    """
    if not self.is_floating_point():
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    wide = self if self.dtype in (torch.float32, torch.float64) else self.to(torch.float32)
    integer, mantissa_bits = _LAYOUT[wide.dtype]
    bias = 126 if integer == torch.int32 else 1022
    plain = wide.detach().contiguous()
    tiny = plain.abs() < torch.finfo(wide.dtype).tiny
    bits = torch.where(tiny, plain * 2.0**64, plain).view(integer)
    exponent = ((bits >> mantissa_bits) & (2 * bias + 3)) - bias - torch.where(tiny, 64, 0).to(integer)
    exponent = torch.where((plain == 0) | ~plain.isfinite(), 0, exponent)
    half = torch.div(-exponent, 2, rounding_mode="floor")
    mantissa = wide * _power_of_two(half, wide.dtype) * _power_of_two(-exponent - half, wide.dtype)
    return mantissa.to(self.dtype), exponent.to(torch.int32)


def _power_of_two(exponent: Tensor, dtype: Any) -> Tensor:
    """2^exponent, exactly: the exponent put in its place among the bits."""
    integer, mantissa_bits = _LAYOUT[dtype]
    bias = 127 if integer == torch.int32 else 1023
    return ((exponent + bias) << mantissa_bits).view(dtype)

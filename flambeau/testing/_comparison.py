"""Comparison of values that hold numbers: each difference is found, measured and said."""

from __future__ import annotations

import cmath
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flambeau import _core
from flambeau._core import Tensor

__all__ = ["assert_allclose", "assert_close"]

# (rtol, atol); other types are compared exactly.
_TOLERANCES = {
    "torch.float16": (1e-3, 1e-5),
    "torch.bfloat16": (1.6e-2, 1e-5),
    "torch.float32": (1.3e-6, 1e-5),
    "torch.float64": (1e-7, 1e-7),
    "torch.complex64": (1.3e-6, 1e-5),
    "torch.complex128": (1e-7, 1e-7),
}


@dataclass
class _Failure(Exception):
    """What differs, and where it stands in the containers."""

    kind: type[Exception]
    text: str
    where: tuple[Any, ...] = ()

    def error(self, msg: str | Callable[[str], str] | None) -> Exception:
        text = self.text
        if self.where:
            text += f"\n\nThe failure occurred for item {''.join(f'[{key!r}]' for key in self.where)}"
        if msg is not None and self.kind is AssertionError:
            text = msg(text) if callable(msg) else msg
        return self.kind(text)


@dataclass
class _Rules:
    """How to compare; `rtol` and `atol` are None where the type decides."""

    rtol: float | None
    atol: float | None
    equal_nan: bool
    allow_subclasses: bool = True
    check_device: bool = True
    check_dtype: bool = True
    check_layout: bool = True
    check_stride: bool = False

    def tolerances(self, *dtypes: Any) -> tuple[float, float]:
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        pairs = [_TOLERANCES.get(str(dtype), (0.0, 0.0)) for dtype in dtypes]
        return max(rtol for rtol, _ in pairs), max(atol for _, atol in pairs)


def _title(noun: str, rtol: float, atol: float) -> str:
    return f"{noun} are not {'equal' if rtol == atol == 0 else 'close'}!\n\n"


def _allowed(tolerance: float, shown: bool) -> str:
    return f" (up to {tolerance} allowed)" if shown else ""


def _compare_numbers(actual: Any, expected: Any, rtol: float, atol: float, equal_nan: bool) -> None:
    if actual == expected or (equal_nan and cmath.isnan(actual) and cmath.isnan(expected)):
        return
    difference = abs(actual - expected)
    tolerance = atol + rtol * abs(expected)
    if cmath.isfinite(difference) and difference <= tolerance:
        return
    shown = not rtol == atol == 0
    relative = float("inf") if expected == 0 else difference / abs(expected)
    raise _Failure(
        AssertionError,
        f"{_title('Scalars', rtol, atol)}Expected {expected} but got {actual}.\n"
        f"Absolute difference: {difference}{_allowed(atol, shown)}\n"
        f"Relative difference: {relative}{_allowed(rtol, shown)}",
    )


def _position(differences: Tensor) -> tuple[float, tuple[int, ...]]:
    """The greatest element and its index."""
    values = differences.reshape(-1)
    flat = int(_core.argmax(values if values.dtype.itemsize > 2 else values.to(_core.float32)))
    index: list[int] = []
    rest = flat
    for size in reversed(differences.shape):
        index.insert(0, rest % size)
        rest //= size
    return values[flat].item(), tuple(index)


def _compare_values(actual: Tensor, expected: Tensor, rtol: float, atol: float, equal_nan: bool) -> None:
    matches = _core.isclose(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan)
    if bool(_core.all(matches)):
        return
    if actual.dim() == 0:
        _compare_numbers(actual.item(), expected.item(), rtol, atol, equal_nan)
    if not (actual.is_floating_point() or actual.is_complex()):
        actual, expected = actual.to(_core.int64), expected.to(_core.int64)
    absolute = (actual - expected).abs()
    absolute = absolute.masked_fill(matches, 0)
    relative = (absolute / expected.abs()).masked_fill(matches, 0)
    total, wrong = matches.numel(), int((~matches).sum())
    shown = not rtol == atol == 0
    lines = [
        f"{_title('Tensor-likes', rtol, atol)}Mismatched elements: {wrong} / {total} ({wrong / total:.1%})"
    ]
    for name, differences, tolerance in (("absolute", absolute, atol), ("relative", relative, rtol)):
        greatest, index = _position(differences)
        lines.append(f"Greatest {name} difference: {greatest} at index {index}{_allowed(tolerance, shown)}")
    raise _Failure(AssertionError, "\n".join(lines))


def _compare_tensors(actual: Tensor, expected: Tensor, rules: _Rules) -> None:
    actual, expected = actual.detach(), expected.detach()

    def differ(name: str, one: Any, other: Any) -> _Failure:
        text = f"The values for attribute '{name}' do not match: {one} != {other}."
        return _Failure(AssertionError, text)

    if actual.shape != expected.shape:
        raise differ("shape", actual.shape, expected.shape)
    if rules.check_layout and actual.layout != expected.layout:
        raise differ("layout", actual.layout, expected.layout)
    if rules.check_stride and actual.stride() != expected.stride():
        raise differ("stride()", actual.stride(), expected.stride())
    if rules.check_device and actual.device != expected.device:
        raise differ("device", actual.device, expected.device)
    if rules.check_dtype and actual.dtype != expected.dtype:
        raise differ("dtype", actual.dtype, expected.dtype)
    rtol, atol = rules.tolerances(actual.dtype, expected.dtype)
    if actual.device != expected.device:
        actual, expected = actual.cpu(), expected.cpu()
    if actual.dtype != expected.dtype:
        common = _core.promote_types(actual.dtype, expected.dtype)
        actual, expected = actual.to(common), expected.to(common)
    if actual.numel():
        _compare_values(actual, expected, rtol, atol, rules.equal_nan)


def _is_array(value: Any) -> bool:
    numpy = sys.modules.get("numpy")  # an array cannot be there before NumPy is
    return numpy is not None and isinstance(value, numpy.ndarray)


def _is_flag(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return isinstance(value, bool) or (numpy is not None and isinstance(value, numpy.bool_))


def _is_number(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return isinstance(value, (int, float, complex)) or (numpy is not None and isinstance(value, numpy.number))


def _dtype_of(value: Any) -> Any:
    for kind, dtype in ((int, _core.int64), (float, _core.float64), (complex, _core.complex128)):
        if isinstance(value, kind):
            return dtype
    return _core.as_tensor(value).dtype


def _compare_leaves(actual: Any, expected: Any, rules: _Rules) -> None:
    if actual is None or expected is None:
        if actual is not expected:
            raise _Failure(AssertionError, f"None mismatch: {actual} is not {expected}")
    elif _is_flag(actual) and _is_flag(expected):
        if bool(actual) is not bool(expected):
            raise _Failure(AssertionError, f"Booleans mismatch: {actual} is not {expected}")
    elif _is_number(actual) and _is_number(expected):
        if rules.check_dtype and type(actual) is not type(expected):
            raise _Failure(AssertionError, f"The (d)types do not match: {type(actual)} != {type(expected)}.")
        rtol, atol = rules.tolerances(_dtype_of(actual), _dtype_of(expected))
        _compare_numbers(actual, expected, rtol, atol, rules.equal_nan)
    elif _is_array(actual) and _is_array(expected):
        _compare_tensors(_core.as_tensor(actual), _core.as_tensor(expected), rules)
    elif (
        isinstance(actual, Tensor)
        and isinstance(expected, Tensor)
        and (rules.allow_subclasses or type(actual) is type(expected))
    ):
        _compare_tensors(actual, expected, rules)
    else:
        raise _Failure(
            TypeError,
            f"No comparison pair was able to handle inputs of type {type(actual)} and {type(expected)}.",
        )


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _compare(actual: Any, expected: Any, rules: _Rules, where: tuple[Any, ...] = ()) -> None:
    try:
        if _is_sequence(actual) and _is_sequence(expected):
            if len(actual) != len(expected):
                text = f"The length of the sequences mismatch: {len(actual)} != {len(expected)}"
                raise _Failure(AssertionError, text)
            for i in range(len(actual)):
                _compare(actual[i], expected[i], rules, (*where, i))
        elif isinstance(actual, Mapping) and isinstance(expected, Mapping):
            lost, extra = _ordered(set(expected) - set(actual)), _ordered(set(actual) - set(expected))
            if lost or extra:
                raise _Failure(
                    AssertionError,
                    "The keys of the mappings do not match:\n"
                    f"Missing keys in the actual mapping: {lost}\n"
                    f"Additional keys in the actual mapping: {extra}",
                )
            for key in _ordered(actual):
                _compare(actual[key], expected[key], rules, (*where, key))
        else:
            _compare_leaves(actual, expected, rules)
    except _Failure as failure:
        if not failure.where:
            failure.where = where
        raise


def _ordered(keys: Any) -> list[Any]:
    """Keys in order if they have one."""
    try:
        return sorted(keys)
    except TypeError:
        return list(keys)


def assert_close(
    actual: Any,
    expected: Any,
    *,
    allow_subclasses: bool = True,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_device: bool = True,
    check_dtype: bool = True,
    check_layout: bool = True,
    check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:
    """Raises unless two values are close: |actual - expected| <= atol + rtol |expected| for every element.

    Values are tensors, arrays, numbers, booleans, None, and sequences and mappings of values.

    Args:
        actual: what was computed
        expected: what it should be
        allow_subclasses: whether tensors of different classes may be equal
        rtol: relative tolerance; with `atol` None, the type decides: 1e-3 for float16, 1.6e-2 for bfloat16,
            1.3e-6 for float32, 1e-7 for float64 and Python's numbers, 0 for integers
        atol: absolute tolerance; by type 1e-5, 1e-5, 1e-5, 1e-7 and 0
        equal_nan: whether two NaN are equal
        check_device: whether devices must be the same
        check_dtype: whether dtypes must be the same, and types of numbers; else both are promoted
        check_layout: whether layouts must be the same
        check_stride: whether strides must be the same
        msg: the text of the error, or a function that makes it of the text that it would have

    Raises:
        AssertionError: if they are not close.
        TypeError: if values of these types cannot be compared.
        ValueError: if only one of `rtol` and `atol` is given.

    >>> import flambeau as torch
    >>> torch.testing.assert_close(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.5]))
    Traceback (most recent call last):
        ...
    AssertionError: Tensor-likes are not close!
    <BLANKLINE>
    Mismatched elements: 1 / 2 (50.0%)
    Greatest absolute difference: 0.5 at index (1,) (up to 1e-05 allowed)
    Greatest relative difference: 0.20000000298023224 at index (1,) (up to 1.3e-06 allowed)
    """
    __tracebackhide__ = True
    if (rtol is None) != (atol is None):
        raise ValueError(
            "Both 'rtol' and 'atol' must be either specified or omitted, but got no "
            f"{'rtol' if rtol is None else 'atol'}."
        )
    rules = _Rules(
        rtol, atol, equal_nan, allow_subclasses, check_device, check_dtype, check_layout, check_stride
    )
    try:
        _compare(actual, expected, rules)
    except _Failure as failure:
        error = failure.error(msg)
    else:
        return
    raise error


def assert_allclose(
    actual: Any,
    expected: Any,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = True,
    msg: str = "",
) -> None:
    """The former :func:`assert_close`: converts both to tensors, compares values alone, with wider tolerances."""
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. "
        "Please use `torch.testing.assert_close()` instead.",
        FutureWarning,
        stacklevel=2,
    )
    if not isinstance(actual, Tensor):
        actual = _core.tensor(actual)
    if not isinstance(expected, Tensor):
        expected = _core.tensor(expected, dtype=actual.dtype)
    if rtol is None and atol is None:
        wide = {"torch.float16": (1e-3, 1e-3), "torch.float32": (1e-4, 1e-5), "torch.float64": (1e-5, 1e-8)}
        pairs = [wide.get(str(t.dtype), (0.0, 0.0)) for t in (actual, expected)]
        rtol, atol = max(r for r, _ in pairs), max(a for _, a in pairs)
    assert_close(
        actual,
        expected,
        rtol=rtol,
        atol=atol,
        equal_nan=equal_nan,
        check_device=True,
        check_dtype=False,
        check_stride=False,
        msg=msg or None,
    )

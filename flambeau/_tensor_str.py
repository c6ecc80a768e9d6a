"""The text of tensors: `repr(tensor)`, and the options that shape it.

Everything here works on nested lists of Python numbers (`Tensor.tolist`), so that printing costs the core
nothing.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from flambeau import Tensor

__all__ = ["get_printoptions", "printoptions", "set_printoptions"]


_DEFAULT = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}
_PROFILES: dict[str, dict[str, Any]] = {
    "default": _DEFAULT,
    "short": {**_DEFAULT, "precision": 2, "edgeitems": 2},
    "full": {**_DEFAULT, "threshold": math.inf},
}

PRINT_OPTS = SimpleNamespace(**_DEFAULT)


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors are printed; what is None keeps its value, except `sci_mode`, where None means
    automatic.

    Args:
        precision: digits after the point (4).
        threshold: number of elements above which a tensor is summarised (1000).
        edgeitems: items shown at each end of a summarised dimension (3).
        linewidth: characters in a line (80).
        profile: 'default', 'short' or 'full': sets all of the above, before they are applied.
        sci_mode: scientific notation always (True), never (False), or where the values call for it (None).

    Raises:
        ValueError: `profile` is unknown.

    >>> import flambeau as torch
    >>> torch.set_printoptions(precision=2)
    >>> torch.tensor([1.23456])
    tensor([1.23])
    >>> torch.set_printoptions(profile="default")
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(
                f"unknown profile {profile!r}: expected one of {', '.join(map(repr, _PROFILES))}"
            )
        vars(PRINT_OPTS).update(_PROFILES[profile])
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    vars(PRINT_OPTS).update({name: value for name, value in given.items() if value is not None})
    PRINT_OPTS.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """Returns the current print options as a dictionary that `set_printoptions(**options)` takes back.

    >>> import flambeau as torch
    >>> torch.get_printoptions()["linewidth"]
    80
    """
    return dict(vars(PRINT_OPTS))


@contextlib.contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Sets print options, as `set_printoptions` does, for the length of a `with` block.

    >>> import flambeau as torch
    >>> from flambeau._tensor_str import printoptions
    >>> with printoptions(precision=2):
    ...     print(torch.tensor([1.23456]))
    tensor([1.23])
    """
    before = get_printoptions()
    try:
        set_printoptions(**options)
        yield
    finally:
        vars(PRINT_OPTS).update(before)


class _Format(NamedTuple):
    """Turns a number of the tensor into a text; `width` is what one of them takes in a line."""

    text: Callable[[Any], str]
    width: int


def _aligned(text: Callable[[Any], str], values: Sequence[Any]) -> _Format:
    """`text` with its results right-aligned to the widest one of `values`."""
    width = max((len(text(value)) for value in values), default=1)
    return _Format(lambda value: text(value).rjust(width), width)


def _integral_text(value: float) -> str:
    return f"{value:.0f}." if math.isfinite(value) else f"{value}"


def _float_format(values: Sequence[float]) -> _Format:
    """The common format of `values`: integral, fixed or scientific, judged by those that are finite and not
    zero."""
    precision = PRINT_OPTS.precision
    shown = [value for value in values if value != 0 and math.isfinite(value)]
    magnitudes = [abs(value) for value in shown]
    scientific = PRINT_OPTS.sci_mode
    if scientific is None:
        scientific = bool(shown) and (
            max(magnitudes) / min(magnitudes) > 1000 or max(magnitudes) > 1e8 or min(magnitudes) < 1e-4
        )
    text: Callable[[float], str]
    if scientific and shown:
        text = f"{{:.{precision}e}}".format
    elif all(value.is_integer() for value in shown):
        text = _integral_text
    else:
        text = f"{{:.{precision}f}}".format
    return _aligned(text, shown)


def _complex_format(values: Sequence[complex]) -> _Format:
    real = _float_format([value.real for value in values])
    imag = _float_format([value.imag for value in values])

    def text(value: complex) -> str:
        imaginary = imag.text(value.imag).lstrip()
        return real.text(value.real) + ("" if imaginary.startswith("-") else "+") + imaginary + "j"

    return _Format(text, real.width + imag.width + 1)


def _choose_format(dtype: Any, values: Sequence[Any]) -> _Format:
    if dtype.is_complex:
        return _complex_format(values)
    if dtype.is_floating_point:
        return _float_format(values)
    return _aligned(str, values)


class _Ellipsis:
    """Stands in a summarised list for the items left out."""


_LEFT_OUT = _Ellipsis()


def _summarise(tensor: Any) -> Any:
    """`tensor.tolist()` with only the first and last `edgeitems` of every long dimension, and a mark between
    them."""
    edge = PRINT_OPTS.edgeitems
    length = tensor.shape[0]
    if length <= 2 * edge:
        return tensor.tolist() if tensor.dim() == 1 else [_summarise(tensor[i]) for i in range(length)]
    ends = [*range(edge), *range(length - edge, length)]
    shorten = _summarise if tensor.dim() > 1 else type(tensor).item
    items = [shorten(tensor[i]) for i in ends]
    return [*items[:edge], _LEFT_OUT, *items[edge:]]


def _leaves(nested: Any) -> Iterator[Any]:
    if isinstance(nested, list):
        for item in nested:
            yield from _leaves(item)
    elif nested is not _LEFT_OUT:
        yield nested


def _vector(items: list[Any], indent: int, form: _Format) -> str:
    """One row: as many items in a line as fit, further lines standing under the first item."""
    per_line = max(1, (PRINT_OPTS.linewidth - indent) // (form.width + 2))
    texts = [" ..." if item is _LEFT_OUT else form.text(item) for item in items]
    lines = [", ".join(texts[start : start + per_line]) for start in range(0, len(texts), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested(items: list[Any], dim: int, indent: int, form: _Format) -> str:
    if dim == 1:
        return _vector(items, indent, form)
    blocks = ["..." if item is _LEFT_OUT else _nested(item, dim - 1, indent + 1, form) for item in items]
    return "[" + ("," + "\n" * (dim - 1) + " " * (indent + 1)).join(blocks) + "]"


def _contents(tensor: Any, indent: int) -> str:
    """The numbers of a tensor that has at least one."""
    if tensor.dim() == 0:
        value = tensor.item()
        return _choose_format(tensor.dtype, [value]).text(value)
    long = tensor.numel() > PRINT_OPTS.threshold
    if long and PRINT_OPTS.edgeitems == 0:
        return "[...]"
    nested = _summarise(tensor) if long else tensor.tolist()
    return _nested(nested, tensor.dim(), indent, _choose_format(tensor.dtype, list(_leaves(nested))))


def _default_dtype() -> Any:
    import flambeau

    return flambeau.get_default_dtype()


def _is_plain(tensor: Any) -> bool:
    import flambeau

    return type(tensor) is flambeau.Tensor or type(tensor) is flambeau.nn.Parameter


def _dtype_goes_without_saying(dtype: Any) -> bool:
    default = _default_dtype()
    if dtype.is_complex:
        return str(dtype) == {"torch.float64": "torch.complex128"}.get(str(default), "torch.complex64")
    return dtype == default or str(dtype) in ("torch.int64", "torch.bool")


def _history(tensor: Any) -> str | None:
    """`grad_fn=<Name>` of a result, `requires_grad=True` of a leaf, None of what autograd does not know."""
    try:
        node = tensor.grad_fn
    except RuntimeError:  # a view whose history cannot be told any more
        return "grad_fn=<Invalid>"
    if node is not None:
        name = node.name() if callable(getattr(node, "name", None)) else type(node).__name__
        return f"grad_fn=<{name.rsplit('::', 1)[-1]}>"
    return "requires_grad=True" if tensor.requires_grad else None


def _append_suffixes(text: str, suffixes: Sequence[str], indent: int) -> str:
    """Adds what follows the numbers, on a line of its own where the last one is full."""
    used = len(text) - text.rfind("\n") + 1  # two more than the last line holds, as PyTorch reckons
    for suffix in suffixes:
        if used + len(suffix) + 2 > PRINT_OPTS.linewidth:
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text + ")"


def _tensor_str(tensor: Tensor) -> str:
    """The `repr` of a tensor, character for character PyTorch's.

    >>> import flambeau as torch
    >>> torch.tensor([[1.0, 2.5], [float("nan"), -4.0]], requires_grad=True)
    tensor([[ 1.0000,  2.5000],
            [    nan, -4.0000]], requires_grad=True)
    """
    prefix = "tensor(" if _is_plain(tensor) else f"{type(tensor).__name__}("
    plain = tensor.detach()
    shape, dtype = tuple(plain.shape), plain.dtype
    suffixes: list[str] = []
    if plain.device.type != "cpu":
        suffixes.append(f"device='{plain.device}'")
    if plain.device.type == "meta":
        contents = "..."
        suffixes.append(f"size={shape}")
        if dtype != _default_dtype():
            suffixes.append(f"dtype={dtype}")
    elif plain.numel() == 0:
        contents = "[]"
        if len(shape) != 1:
            suffixes.append(f"size={shape}")
        if dtype != _default_dtype():
            suffixes.append(f"dtype={dtype}")
    else:
        contents = _contents(plain, len(prefix))
        if PRINT_OPTS.edgeitems == 0:
            suffixes.append(f"size={shape}")
        if not _dtype_goes_without_saying(dtype):
            suffixes.append(f"dtype={dtype}")
    history = _history(tensor)
    if history is not None:
        suffixes.append(history)
    return _append_suffixes(prefix + contents, suffixes, len(prefix))

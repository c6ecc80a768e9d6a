"""Functions of the top level that need no operator."""

from __future__ import annotations

from flambeau import _core
from flambeau._core import Tensor

TYPE_CHECKING = False  # typing itself costs a tenth of the import
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "is_tensor",
    "is_storage",
    "numel",
    "is_floating_point",
    "is_complex",
    "typename",
    "asarray",
    "finfo",
    "iinfo",
    "set_default_device",
    "get_default_device",
    "use_deterministic_algorithms",
    "get_num_interop_threads",
    "compile",
    "SymInt",
]


class SymInt:
    """An integer of a traced program; nothing here traces, but programs ask isinstance(n, (int, torch.SymInt))."""

    def __init__(self) -> None:
        raise NotImplementedError("symbolic integers belong to tracing, which is not implemented yet")


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj: Any) -> bool:
    """Whether `obj` is a storage."""
    return isinstance(obj, _core.UntypedStorage)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating-point type."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex."""
    return input.is_complex()


def typename(obj: Any) -> str:
    """The name of an object's type, `torch.FloatTensor` for a tensor."""
    if isinstance(obj, Tensor):
        return obj.type()
    kind = type(obj)
    return f"{kind.__module__}.{kind.__qualname__}"


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor of `obj`'s data, sharing its memory where possible unless `copy` is true."""
    shared = _core.as_tensor(obj, dtype=dtype, device=device)
    if copy is False and not isinstance(obj, Tensor) and not hasattr(obj, "__array_interface__"):
        raise ValueError(
            f"can't alias arbitrary sequence of type {type(obj).__name__}; pass copy=None or copy=True"
        )
    if copy:
        shared = shared.detach().clone()
    return shared.requires_grad_(True) if requires_grad else shared


class finfo:
    """Limits of a floating-point type: bits, eps, max, min, tiny, smallest_normal, resolution, dtype.

    >>> import flambeau as torch
    >>> torch.finfo(torch.float32).bits
    32
    """

    # bits: (eps, max, tiny, resolution), IEEE 754 and bfloat16's truncation of it.
    _LIMITS = {
        "float16": (16, 2.0**-10, 65504.0, 2.0**-14, 1e-3),
        "bfloat16": (16, 2.0**-7, (2 - 2.0**-7) * 2.0**127, 2.0**-126, 1e-2),
        "float32": (32, 2.0**-23, (2 - 2.0**-23) * 2.0**127, 2.0**-126, 1e-6),
        "float64": (64, 2.0**-52, (2 - 2.0**-52) * 2.0**1023, 2.0**-1022, 1e-15),
    }

    def __init__(self, dtype: Any = None) -> None:
        dtype = _core.get_default_dtype() if dtype is None else dtype
        name = str(dtype).removeprefix("torch.")
        name = {"complex64": "float32", "complex128": "float64"}.get(name, name)
        if name not in self._LIMITS:
            raise TypeError(
                f"torch.finfo() requires a floating point input type. Use torch.iinfo to handle '{name}'"
            )
        self.dtype = name
        self.bits, self.eps, self.max, self.tiny, self.resolution = self._LIMITS[name]
        self.min = -self.max
        self.smallest_normal = self.tiny

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )


class iinfo:
    """Limits of an integer type: bits, max, min, dtype.

    >>> import flambeau as torch
    >>> torch.iinfo(torch.int8).max
    127
    """

    def __init__(self, dtype: Any) -> None:
        name = str(dtype).removeprefix("torch.")
        if name not in ("uint8", "int8", "int16", "int32", "int64"):
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{name}'"
            )
        self.dtype = name
        self.bits = dtype.itemsize * 8
        signed = name != "uint8"
        self.max = 2 ** (self.bits - signed) - 1
        self.min = -(2 ** (self.bits - 1)) if signed else 0

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def set_default_device(device: Any) -> None:
    """Sets the device of new tensors; this build has 'cpu' only."""
    if device is not None:
        _core.empty(0, device=device)  # refuses a device that is not there


def get_default_device() -> Any:
    """The device of new tensors."""
    return _core.device("cpu")


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Every operator here is deterministic: for a number of threads, the same input gives the same output."""


def get_num_interop_threads() -> int:
    """Always one: operators run one after another, each on all threads."""
    return 1


def compile(model: Any = None, **options: Any) -> Any:
    """Not there yet."""
    raise NotImplementedError("torch.compile is not implemented yet; run the model as it is")

"""The legacy constructors: torch.Tensor(2, 3), torch.FloatTensor([1, 2]) and their kind."""

from __future__ import annotations

from flambeau import _core
from flambeau._core import Size, Tensor

TYPE_CHECKING = False  # typing itself costs a tenth of the import
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "ShortTensor",
    "IntTensor",
    "LongTensor",
    "HalfTensor",
    "FloatTensor",
    "DoubleTensor",
    "BFloat16Tensor",
    "set_default_tensor_type",
]


def _refused(args: tuple[Any, ...], keywords: dict[str, Any]) -> TypeError:
    given = [type(arg).__name__ for arg in args] + [f"{k}={type(v).__name__}" for k, v in keywords.items()]
    return TypeError(
        f"new() received an invalid combination of arguments - got ({', '.join(given)}), but expected one of:\n"
        " * (*, torch.device device = None)\n * (torch.Storage storage)\n * (Tensor other)\n"
        " * (tuple of ints size, *, torch.device device = None)\n"
        " * (object data, *, torch.device device = None)\n"
    )


def _is_size(value: Any) -> bool:
    """Whether a value is one integer; arrays and tensors, which may be indices too, are data."""
    kind = type(value)
    return hasattr(kind, "__index__") and not hasattr(kind, "__len__") and kind is not bool


def _from_sizes(sizes: tuple[Any, ...], dtype: Any) -> Tensor:
    for place, size in enumerate(sizes):
        if isinstance(size, Tensor) or not hasattr(type(size), "__index__"):
            raise TypeError(
                f"new(): argument 'size' failed to unpack the object at pos {place + 1} with error "
                f'"type must be tuple of ints,but got {type(size).__name__}"'
            )
    return _core.empty(tuple(int(size) for size in sizes), dtype=dtype)


def _from_one(value: Any, dtype: Any, any_dtype: bool) -> Tensor:
    """A tensor of one argument: another tensor or a storage, whose memory is shared, a size, or data."""
    if isinstance(value, Tensor):
        if value.dtype != dtype and not any_dtype:
            raise TypeError(f"expected {dtype} (got {value.dtype}); use torch.tensor() or .to()")
        return value.view_as(value)
    if isinstance(value, _core.UntypedStorage):
        count = value.nbytes() // dtype.itemsize
        return _core._rebuild(value, dtype, 0, (count,), (1,))
    if isinstance(value, Size):
        return _from_sizes(value, dtype)
    if _is_size(value):
        return _from_sizes((value,), dtype)
    if isinstance(value, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(value).__name__}'")
    if isinstance(value, dict) or not (hasattr(value, "__len__") and hasattr(value, "__getitem__")):
        raise TypeError(f"new(): data must be a sequence (got {type(value).__name__})")
    from flambeau.storage import TypedStorage

    if isinstance(value, TypedStorage):
        if value.dtype != dtype and not any_dtype:
            raise TypeError(f"expected a storage of {dtype} (got one of {value.dtype})")
        return _core._rebuild(value.untyped(), value.dtype, 0, (len(value),), (1,))
    return _core.tensor(value, dtype=dtype)


def _legacy_construct(cls: Any, *args: Any, _dtype: Any = None, **keywords: Any) -> Tensor:
    """Sizes give an uninitialised tensor, data is copied, tensors and storages are shared, nothing gives an empty tensor.

    The dtype is `_dtype`; without one the default dtype, and that of a tensor is kept.
    """
    device = keywords.pop("device", None)
    if keywords:
        (name, value), *others = keywords.items()
        if args or others or name not in ("size", "data", "other", "storage"):
            raise _refused(args, keywords)
        args = (Size(value),) if name == "size" else (value,)
    if device is not None:
        kind = _core.device(device).type
        if kind != "cpu":
            raise RuntimeError(
                f"legacy constructor expects device type: cpu but device type: {kind} was passed"
            )
        if len(args) == 1 and isinstance(args[0], Tensor):
            raise RuntimeError(
                "Legacy tensor constructor of the form torch.Tensor(tensor, device=device) is not supported.  "
                "Use torch.tensor(...) or torch.as_tensor(...) instead."
            )
    dtype = _core.get_default_dtype() if _dtype is None else _dtype
    if len(args) == 1:
        made = _from_one(args[0], dtype, _dtype is None)
    elif any(isinstance(arg, Tensor) for arg in args):
        raise _refused(args, keywords)
    else:
        made = _from_sizes(args or (0,), dtype)
    return made if cls is Tensor else Tensor._make_subclass(cls, made)


class _TensorType(type):
    """The type of FloatTensor and its kind: instances are plain tensors of one dtype."""

    dtype: Any
    layout = _core.strided
    is_cuda = False
    is_sparse = False

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype

    def __call__(cls, *args: Any, **keywords: Any) -> Tensor:
        return _legacy_construct(Tensor, *args, _dtype=cls.dtype, **keywords)

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


def _tensor_type(name: str, dtype: Any) -> Any:
    return _TensorType(
        name, (), {"dtype": dtype, "__doc__": f"Makes tensors of {dtype}.", "__module__": "torch"}
    )


BoolTensor = _tensor_type("BoolTensor", _core.bool)
ByteTensor = _tensor_type("ByteTensor", _core.uint8)
CharTensor = _tensor_type("CharTensor", _core.int8)
ShortTensor = _tensor_type("ShortTensor", _core.int16)
IntTensor = _tensor_type("IntTensor", _core.int32)
LongTensor = _tensor_type("LongTensor", _core.int64)
HalfTensor = _tensor_type("HalfTensor", _core.float16)
BFloat16Tensor = _tensor_type("BFloat16Tensor", _core.bfloat16)
FloatTensor = _tensor_type("FloatTensor", _core.float32)
DoubleTensor = _tensor_type("DoubleTensor", _core.float64)
_ComplexFloatTensor = _tensor_type("ComplexFloatTensor", _core.complex64)
_ComplexDoubleTensor = _tensor_type("ComplexDoubleTensor", _core.complex128)

TYPES = {
    t.dtype: t
    for t in (
        BoolTensor,
        ByteTensor,
        CharTensor,
        ShortTensor,
        IntTensor,
        LongTensor,
        HalfTensor,
        BFloat16Tensor,
        FloatTensor,
        DoubleTensor,
        _ComplexFloatTensor,
        _ComplexDoubleTensor,
    )
}


def set_default_tensor_type(t: Any, /) -> None:
    """Sets the default dtype by a tensor type or its name, as programs did before `set_default_dtype`.

    Raises:
        TypeError: for what is no type of floating-point tensors.
    """
    import warnings

    if getattr(t, "__module__", None) == "flambeau.cuda":
        t()  # says that there is no CUDA
    named = [dtype for dtype, kind in TYPES.items() if t is kind or t == f"torch.{kind.__name__}"]
    if not named:
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    if not named[0].is_floating_point:
        raise TypeError("only floating-point types are supported as the default type")
    warnings.warn(
        "torch.set_default_tensor_type() is deprecated as of PyTorch 2.1, please use torch.set_default_dtype() and "
        "torch.set_default_device() as alternatives.",
        stacklevel=2,
    )
    _core.set_default_dtype(named[0])

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


def _legacy_construct(cls: Any, *args: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """Sizes give an uninitialised tensor of the default dtype, data is copied, nothing gives an empty tensor."""
    dtype = _core.get_default_dtype() if dtype is None else dtype
    if device is not None:
        _core.empty(0, device=device)
    if not args:
        made = _core.empty(0, dtype=dtype)
    elif len(args) == 1 and isinstance(args[0], Tensor):
        if args[0].dtype != dtype and cls is Tensor:
            raise TypeError(f"expected {dtype} (got {args[0].dtype}); use torch.tensor() or .to()")
        made = args[0].detach()
    elif len(args) == 1 and not isinstance(args[0], (int, Size)):
        made = _core.tensor(args[0], dtype=dtype)
    else:
        sizes = tuple(args[0]) if isinstance(args[0], Size) else args
        if any(not isinstance(n, int) or isinstance(n, bool) for n in sizes):
            raise TypeError(
                f"new(): argument 'size' must be tuple of ints, but found element of type {type(sizes[0]).__name__}"
            )
        made = _core.empty(sizes, dtype=dtype)
    return made if cls is Tensor else Tensor._make_subclass(cls, made)


class _TensorType(type):
    """The type of FloatTensor and its kind: instances are plain tensors of one dtype."""

    dtype: Any

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype == cls.dtype

    def __call__(cls, *args: Any, **keywords: Any) -> Tensor:
        return (
            _legacy_construct(Tensor, *args, dtype=cls.dtype, **keywords)
            if not (len(args) == 1 and isinstance(args[0], Tensor))
            else args[0].to(cls.dtype)
        )

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
    )
}


def set_default_tensor_type(t: Any) -> None:
    """Sets the default dtype by a tensor type or its name, as programs did before `set_default_dtype`."""
    name = t if isinstance(t, str) else f"torch.{t.__name__}"
    for dtype, kind in TYPES.items():
        if name == f"torch.{kind.__name__}":
            _core.set_default_dtype(dtype)
            return
    raise TypeError(f"invalid type object: {t!r} is no tensor type")

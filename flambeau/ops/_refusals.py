"""How operators written in Python refuse element types: with PyTorch's exceptions and its names of kernels and types."""

from __future__ import annotations

from flambeau import Tensor, dtype


def scalar_type(dtype: dtype) -> str:
    """The name of an element type in messages, such as 'Float' for float32."""
    return _NAMES[str(dtype).removeprefix("torch.")]


_NAMES = {
    "bool": "Bool",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "float32": "Float",
    "float64": "Double",
    "complex32": "ComplexHalf",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}

HALVES = frozenset({"Half", "BFloat16"})
WIDE_UNSIGNED = frozenset({"UInt16", "UInt32", "UInt64"})
COMPLEX = frozenset({"ComplexHalf", "ComplexFloat", "ComplexDouble"})


def refuse(kernel: str, dtype: dtype, *kinds: str | frozenset[str]) -> None:
    """Raises NotImplementedError in the name of a kernel where the type is among `kinds`: names, and sets of them."""
    name = scalar_type(dtype)
    if any(name == kind if isinstance(kind, str) else name in kind for kind in kinds):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{name}'")


def need_floating(kernel: str, dtype: dtype) -> None:
    """Raises NotImplementedError in the name of a kernel for all but real floating types."""
    if not dtype.is_floating_point:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_type(dtype)}'")


def is_integral(tensor: Tensor) -> bool:
    """Whether a tensor holds integers; booleans are none."""
    return not (tensor.is_floating_point() or tensor.is_complex() or scalar_type(tensor.dtype) == "Bool")

"""The names that PyTorch's files use for element types and storages."""

from __future__ import annotations

from typing import Any

# The name that PyTorch's files use for the storage of each element type.
STORAGE_DTYPES = {
    "BoolStorage": "bool",
    "ByteStorage": "uint8",
    "CharStorage": "int8",
    "ShortStorage": "int16",
    "IntStorage": "int32",
    "LongStorage": "int64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}
# Element types that a file may name.
DTYPES = (*STORAGE_DTYPES.values(), "uint16", "uint32", "uint64")
STORAGE_NAMES = {dtype: name for name, dtype in STORAGE_DTYPES.items()}


def dtype_name(dtype: Any) -> str:
    """`float32` of `torch.float32`."""
    return str(dtype).removeprefix("torch.")

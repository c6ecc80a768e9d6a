"""The arguments of ``Module.to`` and the conversion they ask for."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

from ..._core import Tensor
from ..._type_info import as_dtype


class Target(NamedTuple):
    """Where tensors go; what is None stays as it is."""

    device: Any = None
    dtype: Any = None
    non_blocking: bool = False
    memory_format: Any = None

    def convert(self, tensor: Tensor) -> Tensor:
        """The tensor on the device, and in the dtype if it holds floating point or complex numbers."""
        wanted: dict[str, Any] = {}
        if self.device is not None:
            if tensor.is_meta and self.device.type != "meta":
                raise NotImplementedError(
                    "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead "
                    "of torch.nn.Module.to() when moving module from meta to a different device."
                )
            wanted["device"] = self.device
        if self.dtype is not None and (tensor.is_floating_point() or tensor.is_complex()):
            wanted["dtype"] = self.dtype
        if self.memory_format is not None and tensor.dim() in (4, 5):
            wanted["memory_format"] = self.memory_format
        return tensor.to(**wanted, non_blocking=self.non_blocking) if wanted else tensor


def parse_to(*args: Any, **kwargs: Any) -> Target:
    """Reads ``(device, dtype, non_blocking)``, ``(dtype, non_blocking)`` or ``(tensor, non_blocking)``."""
    import flambeau

    first = args[0] if args else kwargs.get("tensor")
    if isinstance(first, Tensor):
        names: tuple[str, ...] = ("tensor", "non_blocking", "copy")
    elif as_dtype(first) is not None:
        names = ("dtype", "non_blocking", "copy")
    else:
        names = ("device", "dtype", "non_blocking", "copy")
    given = dict(zip(names, args, strict=False))
    unknown = set(kwargs) - {*names, "memory_format"}
    if len(args) > len(names) or unknown or set(given) & set(kwargs):
        raise TypeError(
            "to() received an invalid combination of arguments; it takes (device, dtype, non_blocking), "
            "(dtype, non_blocking) or (tensor, non_blocking), and memory_format by name"
        )
    given.update(kwargs)
    if "copy" in given:
        raise RuntimeError(".to() does not accept copy argument")
    if not isinstance(given.get("non_blocking", False), bool):
        kind = type(given["non_blocking"]).__name__
        raise TypeError(f"to(): argument 'non_blocking' must be bool, not {kind}")
    like = given.get("tensor")
    device = given.get("device") if like is None else like.device
    dtype = given.get("dtype") if like is None else like.dtype
    if device is not None:
        device = flambeau.device(device)
    if dtype is not None:
        given_dtype, dtype = dtype, as_dtype(dtype)
        if dtype is None:
            raise TypeError(f"to(): argument 'dtype' must be torch.dtype, not {type(given_dtype).__name__}")
        if not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )
        if dtype.is_complex:
            warnings.warn(
                "Complex modules are a new feature under active development whose design may change, and "
                "some modules might not work as expected when using complex tensors as parameters or "
                "buffers.",
                stacklevel=3,
            )
    return Target(device, dtype, bool(given.get("non_blocking", False)), given.get("memory_format"))

"""Memory shared with other array libraries: DLPack."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from flambeau import _core
from flambeau._core import Tensor

__all__ = ["DLDeviceType", "from_dlpack"]


class DLDeviceType(IntEnum):
    """The kinds of devices that DLPack numbers; this build's tensors lie on `kDLCPU`."""

    kDLCPU = 1
    kDLCUDA = 2
    kDLCUDAHost = 3
    kDLOpenCL = 4
    kDLVulkan = 7
    kDLMetal = 8
    kDLVPI = 9
    kDLROCM = 10
    kDLROCMHost = 11
    kDLExtDev = 12
    kDLCUDAManaged = 13
    kDLOneAPI = 14
    kDLWebGPU = 15
    kDLHexagon = 16
    kDLMAIA = 17


_CPU = (DLDeviceType.kDLCPU, 0)


def to_dlpack(tensor: Tensor) -> Any:
    """A capsule "dltensor" with the memory of a tensor, for one consumer.

    Raises:
        BufferError: the tensor has no memory that the host can read.

    >>> import flambeau as torch
    >>> torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(torch.ones(2)))
    tensor([1., 1.])
    """
    return _core._to_dlpack(tensor)


def tensor_to_dlpack(tensor: Tensor, stream: Any, max_version: Any, dl_device: Any, copy: bool | None) -> Any:
    """What `Tensor.__dlpack__` does."""
    if tensor.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None and type(stream) is not int:
        raise TypeError("stream must be ``int`` or ``none``")
    if tensor.is_meta:
        raise BufferError("Cannot pack tensors on meta")
    if stream not in (None, -1):
        raise AssertionError("stream should be None on cpu.")
    if dl_device is not None and tuple(dl_device) != _CPU:
        raise NotImplementedError(f"__dlpack__: this build has no device {tuple(dl_device)} to copy to")
    if copy:
        tensor = tensor.clone()
    versioned = max_version is not None and tuple(max_version) >= (1, 0)
    return _core._to_dlpack(tensor, versioned, bool(copy))


def tensor_dlpack_device(tensor: Tensor) -> tuple[DLDeviceType, int]:
    """What `Tensor.__dlpack_device__` does."""
    if tensor.device.type != "cpu":
        raise ValueError(f"Unknown device type {tensor.device.type} for Dlpack")
    return _CPU


def _capsule(ext_tensor: Any, keywords: dict[str, Any]) -> tuple[Any, bool]:
    """The object's capsule, and whether it was asked by all the keywords: older objects know fewer of them."""
    attempts = [keywords]
    for name in ("max_version", "copy", "dl_device"):
        if name in attempts[-1]:
            attempts.append({key: value for key, value in attempts[-1].items() if key != name})
    for attempt in attempts[:-1]:
        try:
            return ext_tensor.__dlpack__(**attempt), "copy" in attempt
        except TypeError:
            continue
    return ext_tensor.__dlpack__(**attempts[-1]), "copy" in attempts[-1]


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of another library's array.

    Args:
        ext_tensor: an object with `__dlpack__` and `__dlpack_device__`, or a capsule, which is used up
        device: where the tensor is to lie; None is where the array lies
        copy: True copies, False never does, None where it is necessary

    Raises:
        RuntimeError: no capsule, or one that was used already.
        BufferError: an element type or device that is not supported, or a refusal of the object.
        ValueError: negative strides; a move to another device with `copy=False`.

    The memory stays alive as long as the tensor does. Read-only arrays are shared too: do not write to the tensor.

    >>> import numpy, flambeau as torch
    >>> array = numpy.arange(3)
    >>> t = torch.from_dlpack(array)
    >>> array[0] = 7
    >>> t
    tensor([7, 1, 2])
    """
    if not hasattr(ext_tensor, "__dlpack__"):
        if device is not None or copy is not None:
            raise AssertionError(
                "device and copy kwargs not supported when ext_tensor is already a DLPack capsule."
            )
        return _core._from_dlpack(ext_tensor)
    keywords: dict[str, Any] = {"max_version": (1, 0)}
    if copy is not None:
        keywords["copy"] = copy
    target = None if device is None else _core.device(device)
    if target is not None:
        here = tuple(ext_tensor.__dlpack_device__())
        if target.type == "cpu" and here == _CPU:
            keywords["dl_device"] = _CPU
        elif copy is False:
            raise ValueError(
                f"cannot move DLPack tensor from device {here} to {target} without copying. Set copy=None or copy=True."
            )
    capsule, asked_for_copy = _capsule(ext_tensor, keywords)
    tensor = _core._from_dlpack(capsule)
    if copy and not asked_for_copy:
        tensor = tensor.clone()
    return tensor if target is None else tensor.to(target)

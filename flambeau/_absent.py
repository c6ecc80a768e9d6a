"""What modules of accelerators answer alike where there is none: counts of nothing, and seeds that nobody keeps."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from flambeau import _core


def is_available() -> bool:
    """Whether such a device can be used: False."""
    return False


def device_count() -> int:
    """How many such devices can be used: 0."""
    return 0


def is_initialized() -> bool:
    """Whether the library behind such devices was initialised: False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the device computes with bfloat16: False, there is none."""
    return False


def get_arch_list() -> list[str]:
    """The architectures that this build has code for: none."""
    return []


def manual_seed(seed: int) -> None:
    """Seeds the current device's generator, if there is one."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seeds the generators of all devices, of which there are none."""
    int(seed)


def seed() -> None:
    """Seeds the current device's generator unpredictably, if there is one."""


def seed_all() -> None:
    """Seeds the generators of all devices unpredictably, of which there are none."""


def get_rng_state_all() -> list[_core.Tensor]:
    """The states of all devices' generators: none."""
    return []


def memory_allocated(device: Any = None) -> int:
    """Bytes that tensors take on a device: 0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that tensors took on a device: 0."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Bytes that the allocator holds on a device: 0."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that the allocator held on a device: 0."""
    return 0


def memory_stats(device: Any = None) -> OrderedDict[str, Any]:
    """Figures of the allocator of a device: none."""
    return OrderedDict()


def empty_cache() -> None:
    """Gives unused memory of a device back: there is none."""

"""The answers about Intel's GPUs of a build that does not use them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from flambeau import _core
from flambeau._missing import dummy, refusing

_NO_XPU = "Torch not compiled with XPU enabled"

default_generators: tuple[_core.Generator, ...] = ()


def is_available() -> bool:
    """Whether an Intel GPU can be used: False."""
    return False


def device_count() -> int:
    """How many Intel GPUs can be used: 0."""
    return 0


def is_initialized() -> bool:
    """Whether XPU was initialised: False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether the GPU computes with bfloat16: False, there is none."""
    return False


def get_arch_list() -> list[str]:
    """The architectures of GPUs that this build has code for: none."""
    return []


def manual_seed(seed: int) -> None:
    """Seeds the current GPU's generator, if there is one."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seeds the generators of all GPUs, of which there are none."""
    int(seed)


def seed() -> None:
    """Seeds the current GPU's generator unpredictably, if there is one."""


def seed_all() -> None:
    """Seeds the generators of all GPUs unpredictably, of which there are none."""


def get_rng_state_all() -> list[_core.Tensor]:
    """The states of all GPUs' generators: none."""
    return []


def empty_cache() -> None:
    """Gives unused memory of a GPU back: there is none."""


def memory_allocated(device: Any = None) -> int:
    """Bytes that tensors take on a GPU: 0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that tensors took on a GPU: 0."""
    return 0


def memory_reserved(device: Any = None) -> int:
    """Bytes that the allocator holds on a GPU: 0."""
    return 0


def max_memory_reserved(device: Any = None) -> int:
    """The most bytes that the allocator held on a GPU: 0."""
    return 0


def memory_stats(device: Any = None) -> OrderedDict[str, Any]:
    """Figures of the allocator of a GPU: none."""
    return OrderedDict()


for _name in ("Event", "Stream"):
    globals()[_name] = dummy(__name__, _name, RuntimeError, f"Tried to instantiate dummy base class {_name}")
for _name in (
    "current_device",
    "current_stream",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "init",
    "initial_seed",
    "mem_get_info",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
    "set_device",
    "set_rng_state",
    "set_stream",
    "synchronize",
):
    globals()[_name] = refusing(__name__, _name, AssertionError, _NO_XPU)
del _name

"""The answers about accelerators of a build that has none."""

from __future__ import annotations

from typing import Any

from flambeau import _core
from flambeau._missing import refusing


def is_available() -> bool:
    """Whether there is an accelerator: False."""
    return False


def device_count() -> int:
    """How many accelerators there are: 0."""
    return 0


def current_accelerator(check_available: bool = False) -> _core.device | None:
    """The device type of the accelerator: None."""
    return None


class device_index:
    """A block on an accelerator; with None, an ordinary block."""

    def __init__(self, device: int | None, /) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            raise RuntimeError("Cannot access accelerator device when none is available.")

    def __exit__(self, *_: Any) -> None:
        return None


for _name in (
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "empty_cache",
    "empty_host_cache",
    "get_device_capability",
    "get_memory_info",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
    "set_device_idx",
    "set_device_index",
    "set_stream",
    "synchronize",
):
    globals()[_name] = refusing(
        __name__, _name, RuntimeError, "Cannot access accelerator device when none is available."
    )
del _name

"""The answers about Meta's accelerators of a build that does not use them."""

from __future__ import annotations

from typing import Any

from flambeau._missing import refusing


def is_available() -> bool:
    """Whether such an accelerator can be used: False."""
    return False


def device_count() -> int:
    """How many such accelerators can be used: 0."""
    return 0


def is_initialized() -> bool:
    """Whether MTIA was initialised: False."""
    return False


def manual_seed(seed: int) -> None:
    """Seeds the current accelerator's generator, if there is one."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Seeds the generators of all accelerators, of which there are none."""
    int(seed)


def memory_allocated(device: Any = None) -> int:
    """Bytes that tensors take on an accelerator: 0."""
    return 0


def max_memory_allocated(device: Any = None) -> int:
    """The most bytes that tensors took on an accelerator: 0."""
    return 0


_ASKED = {
    "current_device": "getCurrentDevice",
    "current_stream": "getCurrentDevice",
    "set_device": "setCurrentDevice",
    "synchronize": "getCurrentDevice",
}
for _name, _asked in _ASKED.items():
    globals()[_name] = refusing(
        __name__, _name, RuntimeError, f"Cannot execute {_asked}() without MTIA backend."
    )
del _name, _asked

"""The grad modes under the name that PyTorch gives their module."""

from __future__ import annotations

from typing import Any

from flambeau._grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["no_grad", "enable_grad", "set_grad_enabled", "inference_mode", "set_multithreading_enabled"]

_multithreading = True


class set_multithreading_enabled:
    """Allows the backward pass a thread per device, at once; as a context manager it restores the setting.

    Here the pass runs in the thread that calls it, so that the setting is only remembered.

    Raises:
        TypeError: if the flag is no bool.
    """

    def __init__(self, mode: bool) -> None:
        global _multithreading
        if not isinstance(mode, bool):
            raise TypeError(
                "set_multithreading_enabled(): argument 'enabled' (position 1) must be bool, "
                f"not {type(mode).__name__}"
            )
        self.mode = mode
        self.prev, _multithreading = _multithreading, mode

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: Any) -> None:
        global _multithreading
        _multithreading = self.prev

    def clone(self) -> set_multithreading_enabled:
        """Another block with the same flag."""
        return type(self)(self.mode)

"""Names of the profiler of operators, which is not here; see :mod:`torch.profiler`."""

from __future__ import annotations

from typing import Any

from flambeau._missing import missing
from flambeau._profiling import record_function as record_function

__all__ = ["profile", "record_function"]

_KNOWN = frozenset(
    "EnforceUnique EventList FunctionEvent KinetoStepTracker MemRecordsAcc emit_itt emit_nvtx load_nvprof "
    "parse_nvprof_trace".split()
)


class profile:
    """A block whose operators are timed: not there yet; ``enabled=False`` makes it an ordinary block.

    Raises:
        NotImplementedError: if it is enabled.
    """

    def __init__(self, enabled: bool = True, **_: Any) -> None:
        if enabled:
            raise NotImplementedError("torch.autograd.profiler.profile is not implemented yet")
        self.enabled = False

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: Any) -> None:
        return None


def __getattr__(name: str) -> Any:
    raise missing("torch.autograd.profiler", name, _KNOWN)

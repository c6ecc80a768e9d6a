"""Python's multiprocessing, and starting one function in several processes.

Tensors that go to another process are copied: memory that processes share (``share_memory_``) is not implemented yet.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import *  # noqa: F403

from flambeau.multiprocessing.spawn import (
    ProcessContext as ProcessContext,
)
from flambeau.multiprocessing.spawn import (
    ProcessExitedException as ProcessExitedException,
)
from flambeau.multiprocessing.spawn import (
    ProcessRaisedException as ProcessRaisedException,
)
from flambeau.multiprocessing.spawn import SpawnContext as SpawnContext
from flambeau.multiprocessing.spawn import spawn as spawn
from flambeau.multiprocessing.spawn import start_processes as start_processes

__all__ = ["get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy"]
__all__ += multiprocessing.__all__

_STRATEGIES = {"file_descriptor", "file_system"}
_strategy = "file_descriptor"


def set_sharing_strategy(new_strategy: str) -> None:
    """Chooses how tensors in shared memory are handed over; remembered for when there are such.

    Raises:
        AssertionError: for an unknown one.
    """
    global _strategy
    if new_strategy not in _STRATEGIES:
        raise AssertionError(f"invalid sharing strategy {new_strategy!r}, expected one of {_STRATEGIES}")
    _strategy = new_strategy


def get_sharing_strategy() -> str:
    """The value that :func:`set_sharing_strategy` has set."""
    return _strategy


def get_all_sharing_strategies() -> set[str]:
    """The ways to hand shared memory over that PyTorch has on this system."""
    return set(_STRATEGIES)

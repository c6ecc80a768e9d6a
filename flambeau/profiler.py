"""Names of the profiler, which is not here: blocks can be named and schedules made, nothing is measured."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from flambeau._missing import dummy, missing
from flambeau._profiling import record_function as record_function

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
]

_KNOWN = frozenset({"DeviceType", "ExecutionTraceObserver", "tensorboard_trace_handler"})


class ProfilerActivity(Enum):
    """What a profiler may look at."""

    CPU = 0
    XPU = 1
    CUDA = 2
    HPU = 3
    MTIA = 4
    PrivateUse1 = 5


class ProfilerAction(Enum):
    """What a profiler does at a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3
    DEVICE_STOPPED = 4


# Libraries name the class in annotations; making one needs what is not there.
profile = dummy(__name__, "profile", NotImplementedError, "torch.profiler.profile is not implemented yet")


def kineto_available() -> bool:
    """Whether the library Kineto measures: False."""
    return False


def supported_activities() -> set[ProfilerActivity]:
    """What can be measured: nothing."""
    return set()


def schedule(
    *,
    wait: int,
    warmup: int,
    active: int,
    repeat: int = 0,
    skip_first: int = 0,
    skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:
    """A function from a step's number to an action, for cycles of `wait`, `warmup` and `active` steps.

    Args:
        wait: steps that are left out in every cycle
        warmup: steps after them that are measured and thrown away
        active: steps after them that are kept
        repeat: how many cycles; 0: without end
        skip_first: steps before the first cycle
        skip_first_wait: leave the first cycle's `wait` out if not 0

    Raises:
        AssertionError: for negative numbers, and for `active` 0.

    >>> import flambeau as torch
    >>> plan = torch.profiler.schedule(wait=1, warmup=1, active=2)
    >>> [plan(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if not (wait >= 0 and warmup >= 0 and active > 0 and repeat >= 0 and skip_first >= 0):
        raise AssertionError(
            f"Invalid profiler schedule arguments. Got wait={wait} (need >= 0), warmup={warmup} (need >= 0), "
            f"active={active} (need > 0), repeat={repeat} (need >= 0), skip_first={skip_first} (need >= 0)."
        )
    cycle = wait + warmup + active

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        step -= skip_first
        if step < 0:
            return ProfilerAction.NONE
        if skip_first_wait != 0:
            step += wait
        if repeat > 0 and step // cycle >= repeat:
            return ProfilerAction.NONE
        place = step % cycle
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if place < cycle - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


def __getattr__(name: str) -> Any:
    raise missing("torch.profiler", name, _KNOWN)

"""Timing of a statement."""

from __future__ import annotations

import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from time import perf_counter as timer
from typing import Any

from flambeau import _core

from .measurement import Measurement, TaskSpec

__all__ = ["Language", "Timer", "timer"]


class Language(IntEnum):
    """The language of a statement."""

    PYTHON = 0
    CPP = 1


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = _core.get_num_threads()
    _core.set_num_threads(count)
    try:
        yield
    finally:
        _core.set_num_threads(before)


class Timer:
    """Times a statement of Python.

    Args:
        stmt: the statement
        setup: runs once before each timing
        global_setup: for statements in C++, which are not timed here
        timer: gives seconds
        globals: the variables of the statement
        label, sub_label, description, env: say what is timed
        num_threads: how many threads operators use
        language: Language.PYTHON

    >>> import flambeau as torch
    >>> from flambeau.utils import benchmark
    >>> time = benchmark.Timer("x + 1", globals={"x": torch.ones(10)}).timeit(100)
    >>> 0 < time.median < 1
    True
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Callable[[], float] = timer,
        globals: dict[str, Any] | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
        language: Language | str = Language.PYTHON,
    ) -> None:
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if language not in (Language.PYTHON, "py", "python"):
            if language in (Language.CPP, "cpp", "c++"):
                raise NotImplementedError("timing statements in C++ is not implemented yet")
            raise ValueError(f"Invalid language `{language}`.")
        if global_setup:
            raise ValueError("global_setup is C++ only, most likely setup was intended.")
        self._globals = dict(globals or {})
        self._timer = timeit.Timer(stmt=stmt, setup=setup, timer=timer, globals=self._globals)
        self._task_spec = TaskSpec(stmt, setup, global_setup, label, sub_label, description, env, num_threads)

    def _seconds(self, number: int) -> float:
        return max(self._timer.timeit(number), 1e-9)

    def timeit(self, number: int = 1000000) -> Measurement:
        """One repeat of `number` runs, after a hundredth as many to warm up."""
        with _threads(self._task_spec.num_threads):
            self._timer.timeit(max(number // 100, 2))
            return Measurement(number, [self._seconds(number)], self._task_spec)

    def _block_size(self, min_run_time: float) -> int:
        """A number of runs that takes a thousandth of the time, but enough for the clock."""
        overhead = min(self._timer_overhead() for _ in range(5))
        number = 1
        while True:
            seconds = self._seconds(number)
            if overhead / seconds <= 1e-4 and seconds >= min_run_time / 1000:
                return number
            if seconds > min_run_time:
                return number
            number *= 10

    def _timer_overhead(self) -> float:
        return timeit.Timer("pass").timeit(1)

    def blocked_autorange(
        self,
        callback: Callable[[int, float], Any] | None = None,
        min_run_time: float = 0.2,
    ) -> Measurement:
        """Repeats blocks of runs, long enough for the clock, until a time has passed.

        Args:
            callback: called with the runs and the seconds of each block
            min_run_time: seconds in all
        """
        with _threads(self._task_spec.num_threads):
            number = self._block_size(min_run_time)
            times: list[float] = []
            while not times or sum(times) < min_run_time:
                times.append(self._seconds(number))
                if callback is not None:
                    callback(number, times[-1])
        return Measurement(number, times, self._task_spec)

    def adaptive_autorange(
        self,
        threshold: float = 0.1,
        *,
        min_run_time: float = 0.01,
        max_run_time: float = 10.0,
        callback: Callable[[int, float], Any] | None = None,
    ) -> Measurement:
        """Repeats blocks of runs until the spread is small, or the time is over.

        Args:
            threshold: the distance between the quartiles that is small, as a part of the median
            min_run_time: the least seconds in all
            max_run_time: the most seconds in all
            callback: called with the runs and the seconds of each block
        """
        with _threads(self._task_spec.num_threads):
            number = self._block_size(min_run_time)
            times: list[float] = []
            while True:
                times.append(self._seconds(number))
                if callback is not None:
                    callback(number, times[-1])
                spent = sum(times)
                found = Measurement(number, times, self._task_spec)
                settled = len(times) > 3 and found.meets_confidence(threshold)
                if spent >= max_run_time or (spent >= min_run_time and settled):
                    return found

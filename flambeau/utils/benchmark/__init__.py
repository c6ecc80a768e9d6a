"""Timing of statements: warmed up, on a given number of threads, with the spread of the measurements."""

from .measurement import Measurement, TaskSpec
from .timer import Language, Timer, timer

__all__ = ["Language", "Measurement", "TaskSpec", "Timer", "timer"]

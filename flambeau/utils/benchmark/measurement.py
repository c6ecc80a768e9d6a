"""The times of a statement, and what they tell."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Measurement", "TaskSpec"]

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_WIDE_SPREAD = 0.1


@dataclass(frozen=True)
class TaskSpec:
    """What was timed, and how."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """The label, or the statement on one line."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        if "\n" not in self.stmt:
            return self.stmt
        return f"stmt:\n{self.stmt}"

    def summarize(self) -> str:
        """Title, description and setup, a line each."""
        lines = [self.title, self.description or ""]
        if self.setup != "pass" and self.setup:
            lines.append(f"setup: {self.setup}" if "\n" not in self.setup else f"setup:\n{self.setup}")
        return "\n".join(line for line in lines if line)


def _unit(seconds: float) -> tuple[float, str]:
    for size, name in _UNITS:
        if seconds >= size:
            return size, name
    return _UNITS[-1]


@dataclass
class Measurement:
    """Times of several repeats of a statement.

    Args:
        number_per_run: how often the statement ran in each repeat
        raw_times: seconds per repeat
        task_spec: what was timed
        metadata: anything
    """

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = field(default=None)

    @property
    def times(self) -> list[float]:
        """Seconds per run of the statement, for each repeat."""
        return [total / self.number_per_run for total in self.raw_times]

    @property
    def mean(self) -> float:
        """The mean of the times."""
        return statistics.fmean(self.times)

    @property
    def median(self) -> float:
        """The median of the times."""
        return statistics.median(self.times)

    def _quartiles(self) -> tuple[float, float]:
        if len(self.times) < 2:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.times, n=4, method="inclusive")
        return low, high

    @property
    def iqr(self) -> float:
        """The distance between the quartiles of the times."""
        low, high = self._quartiles()
        return high - low

    @property
    def significant_figures(self) -> int:
        """How many digits of the median the spread leaves (two standard errors, as for a normal distribution)."""
        if self.iqr <= 0 or self.median <= 0:
            return 1 if len(self.times) < 2 else 5
        error = 2 * self.iqr / 1.35 / math.sqrt(len(self.times))
        return max(1, min(5, 1 + int(math.floor(math.log10(self.median) - math.log10(error)))))

    @property
    def has_warnings(self) -> bool:
        """Whether the spread is wide."""
        return not self.meets_confidence(_WIDE_SPREAD)

    def meets_confidence(self, threshold: float = 0.25) -> bool:
        """Whether the distance between the quartiles is less than this part of the median."""
        return self.iqr / self.median < threshold if self.median > 0 else True

    @property
    def title(self) -> str:
        """See :class:`TaskSpec`."""
        return self.task_spec.title

    @property
    def env(self) -> str | None:
        """See :class:`TaskSpec`."""
        return self.task_spec.env

    @property
    def as_row_name(self) -> str:
        """The name of a row in a table."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """Joins the repeats of measurements of the same task."""
        groups: dict[tuple[TaskSpec, int], list[float]] = {}
        for each in measurements:
            groups.setdefault((each.task_spec, each.number_per_run), []).extend(each.raw_times)
        return [Measurement(number, times, spec) for (spec, number), times in groups.items()]

    def __repr__(self) -> str:
        repeats, low_high = len(self.times), self._quartiles()
        size, unit = _unit(self.median)
        place = f"{object.__repr__(self)}\n{self.task_spec.summarize()}\n"
        threads = f"{self.task_spec.num_threads} thread{'s' if self.task_spec.num_threads > 1 else ''}"
        if repeats == 1:
            return f"{place}  {self.median / size:.2f} {unit}\n  1 measurement, {self.number_per_run} runs , {threads}"
        low, high = (value / size for value in low_high)
        lines = [
            f"  Median: {self.median / size:.2f} {unit}",
            f"  IQR:    {self.iqr / size:.2f} {unit} ({low:.2f} to {high:.2f})",
            f"  {repeats} measurements, {self.number_per_run} runs per measurement, {threads}",
        ]
        if self.has_warnings:
            spread = self.iqr / self.median
            lines.append(f"  WARNING: Interquartile range is {spread:.1%} of the median measurement.")
        return place + "\n".join(lines)

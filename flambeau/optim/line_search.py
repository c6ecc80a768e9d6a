"""A line search that ends at a point satisfying the strong Wolfe conditions.

Source: J. Nocedal, S. J. Wright, "Numerical optimization", 2nd edition, algorithms 3.5 and 3.6, with cubic
    interpolation
(equation 3.59).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from .._core import Tensor

__all__ = ["Point", "strong_wolfe"]

_SUFFICIENT_DECREASE = 1e-4
_CURVATURE = 0.9


class Point(NamedTuple):
    """A step along the direction, with the function's value, gradient and slope there."""

    step: float
    value: float
    grad: Tensor
    slope: float


def strong_wolfe(
    evaluate: Callable[[float], Point],
    start: Point,
    step: float,
    longest: float,
    tolerance: float,
    evaluations: int,
) -> tuple[Point, int]:
    """Searches for a step that lowers the value enough and flattens the slope.

    Args:
        evaluate: gives the point at a step.
        start: the point at step 0; its slope is negative.
        step: the first to try.
        longest: largest element of the direction, to judge when a bracket is too small.
        tolerance: size of a change that is no longer worth searching for.
        evaluations: how many may be made after the first.

    Returns:
        The point, and the number of evaluations.
    """
    bracket, done, used = _bracket(evaluate, start, step, evaluations)
    low = _lower(bracket)
    stalled = False
    while not done and used <= evaluations:
        first, last = sorted(point.step for point in bracket)
        if (last - first) * longest < tolerance:
            break
        step = _cubic_minimum(bracket[0], bracket[1], first, last)
        # Where the minimum lies near an end twice, or beyond it, move away from that end: the bracket must
        # shrink.
        margin = 0.1 * (last - first)
        near_end = min(last - step, step - first) < margin
        if near_end and (stalled or step >= last or step <= first):
            step = last - margin if abs(step - last) < abs(step - first) else first + margin
            near_end = False
        stalled = near_end
        point = evaluate(step)
        used += 1
        high = 1 - low
        if not _decreases(point, start) or point.value >= bracket[low].value:
            bracket[high] = point
            low = _lower(bracket)
            continue
        if _is_flat(point, start):
            done = True
        elif point.slope * (bracket[high].step - bracket[low].step) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
    return bracket[low], used


def _bracket(
    evaluate: Callable[[float], Point], start: Point, step: float, evaluations: int
) -> tuple[list[Point], bool, int]:
    """Goes on until two points enclose one that satisfies the conditions, or one does itself."""
    before, point, used = start, evaluate(step), 1
    while used <= evaluations:
        if not _decreases(point, start) or (used > 2 and point.value >= before.value):
            return [before, point], False, used
        if _is_flat(point, start):
            return [point, point], True, used
        if point.slope >= 0:
            return [before, point], False, used
        least, most = point.step + 0.01 * (point.step - before.step), point.step * 10
        following = _cubic_minimum(before, point, least, most)
        before, point = point, evaluate(following)
        used += 1
    return [start, point], False, used


def _lower(bracket: list[Point]) -> int:
    return 0 if bracket[0].value <= bracket[1].value else 1


def _decreases(point: Point, start: Point) -> bool:
    return point.value <= start.value + _SUFFICIENT_DECREASE * point.step * start.slope


def _is_flat(point: Point, start: Point) -> bool:
    return abs(point.slope) <= -_CURVATURE * start.slope


def _cubic_minimum(a: Point, b: Point, least: float, most: float) -> float:
    """The minimum of the cubic through two points with their slopes, within bounds."""
    if a.step > b.step:
        a, b = b, a
    if a.step == b.step:
        return min(max(a.step, least), most)
    mean = a.slope + b.slope - 3 * (a.value - b.value) / (a.step - b.step)
    square = mean**2 - a.slope * b.slope
    if not square >= 0:
        return (least + most) / 2
    root = math.sqrt(square)
    curvature = b.slope - a.slope + 2 * root
    if curvature == 0:  # a straight line has no minimum
        return (least + most) / 2
    step = b.step - (b.step - a.step) * ((b.slope + root - mean) / curvature)
    return min(max(step, least), most)

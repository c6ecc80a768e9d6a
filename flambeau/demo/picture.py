"""The demo's picture: how the loss fell, and the digits that were read wrong."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from flambeau import Tensor
from flambeau.demo.digits import Digits

_MOST_DIGITS = 16


class Epoch(NamedTuple):
    """What one pass over the training digits came to."""

    loss: float
    accuracy: float


def available() -> bool:
    """Whether matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def _draw_curve(axes: Any, history: Sequence[Epoch]) -> None:
    epochs = range(1, len(history) + 1)
    axes.semilogy(epochs, [epoch.loss for epoch in history], color="tab:blue", marker="o", markersize=3)
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylabel("training loss", color="tab:blue")
    axes.grid(alpha=0.3)
    accuracy = axes.twinx()
    accuracy.plot(epochs, [epoch.accuracy for epoch in history], color="tab:orange", marker="o", markersize=3)
    accuracy.set_ylabel("test accuracy in %", color="tab:orange")
    axes.set_title(f"LeNet-5: test accuracy {history[-1].accuracy:.1f} %")


def _draw_mistakes(figure: Any, test: Digits, predicted: Tensor) -> None:
    wrong = (predicted != test.labels).nonzero().flatten().tolist()
    shown = wrong[:_MOST_DIGITS]
    title = f"{len(wrong)} of {len(test.labels)} read wrong"
    figure.suptitle(title + (f", {len(shown)} of them:" if len(shown) < len(wrong) else ":" if wrong else ""))
    side = max(2, math.ceil(math.sqrt(len(shown))))
    grid = figure.subplots(side, side).flatten()
    for axes in grid:
        axes.axis("off")
    for axes, index in zip(grid, shown, strict=False):
        axes.imshow(test.images[index, 0].tolist(), cmap="gray_r", vmin=0, vmax=1)
        axes.set_title(f"{test.labels[index].item()} read as {predicted[index].item()}", fontsize=9)


def draw(history: Sequence[Epoch], test: Digits, predicted: Tensor, path: Path) -> Path:
    """Draws the picture to a PNG file and returns its path."""
    from matplotlib.figure import Figure  # without pyplot, which would look for a window to draw in

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    panels: Any = figure.subfigures(1, 2)
    left, right = panels
    _draw_curve(left.subplots(), history)
    _draw_mistakes(right, test, predicted)
    figure.savefig(path, dpi=120, format="png")
    return path

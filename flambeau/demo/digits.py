"""The digits that the demo learns; `data/README.md` says where they come from."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import NamedTuple

import flambeau as torch
from flambeau import Tensor

_FILE = Path(__file__).with_name("data") / "digits.csv.gz"
_PIXELS = 8
SIDE = 32
_BRIGHTEST = 16


class Digits(NamedTuple):
    """Images (N, 1, 32, 32) with values from 0 to 1, and the digits they show (N)."""

    images: Tensor
    labels: Tensor


def _interpolation(target: int, source: int) -> Tensor:
    """The matrix (target, source) of linear interpolation between the centres of pixels."""
    weights = torch.zeros(target, source)
    for row in range(target):
        place = min(max((row + 0.5) * source / target - 0.5, 0.0), source - 1.0)
        left = min(int(place), source - 2)
        weights[row, left] = left + 1 - place
        weights[row, left + 1] = place - left
    return weights


def load_digits() -> tuple[Digits, Digits]:
    """Returns the digits to learn from (1,438) and, every fifth image, those to test with (359)."""
    with gzip.open(_FILE, "rt", encoding="ascii") as lines:
        rows = torch.tensor([[int(value) for value in line.split(",")] for line in lines])
    pixels = rows[:, :-1].reshape(-1, _PIXELS, _PIXELS).float() / _BRIGHTEST
    enlarge = _interpolation(SIDE, _PIXELS)
    images = (enlarge @ pixels @ enlarge.t()).unsqueeze(1)
    labels = rows[:, -1]
    is_test = torch.arange(len(labels)) % 5 == 4
    return Digits(images[~is_test], labels[~is_test]), Digits(images[is_test], labels[is_test])

"""Discrete Fourier transforms: `flambeau.fft`."""

from __future__ import annotations

from flambeau._core import Tensor as Tensor
from flambeau.ops import namespace

__getattr__, __dir__ = namespace(__name__)

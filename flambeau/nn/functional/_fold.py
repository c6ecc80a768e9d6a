"""Blocks of images as columns, and back."""

from __future__ import annotations

from ._operators import operator

__all__ = ["fold", "unfold"]

unfold = operator("im2col")
fold = operator("col2im")

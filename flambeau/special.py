"""Special functions: `flambeau.special`."""

from __future__ import annotations

from flambeau.ops import namespace

__getattr__, __dir__ = namespace(__name__)

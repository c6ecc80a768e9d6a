"""Linear algebra: `flambeau.linalg`."""

from __future__ import annotations

from flambeau import _core
from flambeau.ops import namespace

LinAlgError = _core._LinAlgError

__getattr__, __dir__ = namespace(__name__)

"""Marks for NVIDIA's profilers, which need CUDA."""

from __future__ import annotations

from flambeau._missing import refusing

_MESSAGE = "NVTX functions not installed. Are you sure you have a CUDA build?"

for _name in ("mark", "range", "range_end", "range_pop", "range_push", "range_start"):
    globals()[_name] = refusing(__name__, _name, RuntimeError, _MESSAGE)
del _name

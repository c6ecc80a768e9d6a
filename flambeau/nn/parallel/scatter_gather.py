"""Moving parts of a batch to GPUs and back, which needs GPUs."""

from __future__ import annotations

from flambeau._missing import refusing

__all__ = ["gather", "parallel_apply", "replicate", "scatter"]

scatter = refusing(__name__, "scatter", AssertionError, "Torch not compiled with CUDA enabled")
gather = refusing(__name__, "gather", AssertionError, "Gather function not implemented for CPU tensors")
replicate = refusing(
    __name__, "replicate", AssertionError, "Broadcast function not implemented for CPU tensors"
)
parallel_apply = refusing(
    __name__, "parallel_apply", RuntimeError, "Cannot access accelerator device when none is available."
)

"""Questions about the libraries that PyTorch's builds may rest on, and the switches that programs set at their start.

A switch of a library that is not there is kept, as in PyTorch, and changes nothing; ``is_available()`` says what this
build has. Operators here give the same result for the same input, and products of float32 are exact float32,
whatever the switches allow.
"""

from __future__ import annotations

from flambeau._submodules import submodules

_MODULES = (
    "cpu",
    "cuda",
    "cudnn",
    "mha",
    "mkl",
    "mkldnn",
    "mps",
    "nnpack",
    "openmp",
    "opt_einsum",
    "quantized",
)
__all__ = ["disable_global_flags", "flags_frozen"]

_frozen = False


def disable_global_flags() -> None:
    """Freezes the switches outside of their ``flags()`` blocks.

    Raises:
        NotImplementedError: always, freezing is not implemented yet.
    """
    raise NotImplementedError("torch.backends.disable_global_flags is not implemented yet")


def flags_frozen() -> bool:
    """Whether switches may be set inside of ``flags()`` blocks only: never."""
    return _frozen


__getattr__ = submodules(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])

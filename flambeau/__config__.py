"""What the compiled core was built with, as text."""

from __future__ import annotations

from flambeau import _core

__all__ = ["parallel_info", "show"]


def show() -> str:
    """The version, the instruction set and the libraries.

    >>> import flambeau as torch
    >>> print(torch.__config__.show())
    Flambeau built with:
    ...
    """
    from flambeau import __version__

    build = _core._build_info()
    rows = [
        f"Flambeau {__version__}",
        f"CPU capability usage: {build['isa']}",
        f"BLAS: {build['blas']} (kernels for {build['blas_core']})",
        "devices: cpu",
    ]
    return "Flambeau built with:\n" + "".join(f"  - {row}\n" for row in rows)


def parallel_info() -> str:
    """How many threads the operators use."""
    threads = _core.get_num_threads()
    return f"Flambeau's thread pool:\n\ttorch.get_num_threads() : {threads}\n\ttorch.get_num_interop_threads() : 1\n"

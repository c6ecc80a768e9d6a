"""Finds OpenBLAS and loads the extension, with errors that say what to do."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder


def _blas_library() -> str:
    # Importing scipy_openblas64 costs ten times what finding it does.
    spec = PathFinder.find_spec("scipy_openblas64")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("Flambeau needs OpenBLAS: pip install scipy-openblas64")
    folder = os.path.join(list(spec.submodule_search_locations)[0], "lib")
    names = [n for n in os.listdir(folder) if "openblas" in n and (".so" in n or n.endswith(".dylib"))]
    if not names:
        raise ImportError(f"no OpenBLAS library in {folder}: reinstall scipy-openblas64")
    return os.path.join(folder, sorted(names)[0])


def _load() -> None:
    if sys.maxsize < 2**63 - 1:
        raise ImportError("Flambeau needs a 64-bit Python")
    try:
        from flambeau import _core
    except ImportError as error:
        here = os.path.dirname(os.path.abspath(__file__))
        if os.path.exists(os.path.join(os.path.dirname(here), "CMakeLists.txt")):
            raise ImportError(
                f"this is Flambeau's source tree ({here}), where nothing is compiled: `pip install .`, then start Python "
                "from another directory"
            ) from error
        raise ImportError(
            f"Flambeau's compiled core does not load on this machine with Python {sys.version.split()[0]}: {error}. "
            "Reinstall it for this interpreter: pip install --force-reinstall flambeau"
        ) from error
    _core._set_blas_library(_blas_library())


_load()

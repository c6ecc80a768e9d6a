"""Saving and loading of objects that hold tensors, in PyTorch's file format.

A checkpoint is a zip archive: `data.pkl` is a pickle of the object, in which every tensor is a view of a
numbered storage, and `data/0`, `data/1`, ... are the bytes of the storages. By default loading interprets the
pickle with a fixed table of constructors and never executes anything a file names.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from types import ModuleType

from .._core import layout
from ._loading import get_unsafe_globals_in_checkpoint, load
from ._options import (
    LoadEndianness,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
    skip_data,
)
from ._places import (
    default_restore_location,
    location_tag,
    register_package,
    validate_cuda_device,
    validate_hpu_device,
)
from ._safe_globals import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from ._saving import DEFAULT_PROTOCOL as DEFAULT_PROTOCOL
from ._saving import save

__all__ = [
    "LoadEndianness",
    "SourceChangeWarning",
    "add_safe_globals",
    "check_module_version_greater_or_equal",
    "clear_safe_globals",
    "default_restore_location",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "load",
    "location_tag",
    "mkdtemp",
    "register_package",
    "safe_globals",
    "save",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
    "skip_data",
    "validate_cuda_device",
    "validate_hpu_device",
]


class SourceChangeWarning(Warning):
    """The class of warnings about a module whose source has changed since it was saved."""


def _get_layout(name: str) -> layout:
    """The layout of a name, as files hold it: ``torch.sparse_coo``."""
    import flambeau

    found = getattr(flambeau, name.removeprefix("torch."), None)
    if not isinstance(found, layout):
        raise RuntimeError(f"{name!r} is no layout")
    return found


@contextlib.contextmanager
def mkdtemp() -> Iterator[str]:
    """A folder that is gone when the block ends."""
    import shutil
    import tempfile

    path = tempfile.mkdtemp()
    try:
        yield path
    finally:
        shutil.rmtree(path)


def check_module_version_greater_or_equal(
    module: ModuleType, req_version_tuple: tuple[int, ...], error_if_malformed: bool = True
) -> bool:
    """Whether a module is at least of the given version.

    Raises:
        RuntimeError: its `__version__` is no version, and `error_if_malformed` is true.
    """
    version = tuple(map(int, re.findall(r"\d+", str(getattr(module, "__version__", "")))[:3]))
    if not version and error_if_malformed:
        raise RuntimeError(f"'{module.__name__}' module version is malformed")
    return version >= tuple(req_version_tuple) if version else False

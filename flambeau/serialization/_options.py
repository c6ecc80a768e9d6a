"""Settings of saving and loading that hold until they are changed."""

from __future__ import annotations

import mmap
from enum import Enum
from types import TracebackType


class LoadEndianness(Enum):
    """The byte order of files that do not say theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class _Options:
    endianness: LoadEndianness | None = None
    checksums = True
    mmap_flags = mmap.MAP_PRIVATE
    skip_data = False


options = _Options()


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order that is assumed of files that do not say theirs; None: little endian."""
    return options.endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Sets the byte order that is assumed of files that do not say theirs."""
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise TypeError(
            f"Invalid argument type in function set_default_load_endianness: {type(endianness).__name__}, "
            "expected LoadEndianness or None"
        )
    options.endianness = endianness


def get_crc32_options() -> bool:
    """Whether `save` reckons a checksum for every record."""
    return options.checksums


def set_crc32_options(compute_crc32: bool) -> None:
    """Whether `save` reckons a checksum for every record. Without, saving is faster, and other programs may take
    the file for damaged."""
    options.checksums = bool(compute_crc32)


def get_default_mmap_options() -> int:
    """The flags with which `load(mmap=True)` maps files."""
    return options.mmap_flags


class set_default_mmap_options:
    """Sets the flags with which `load(mmap=True)` maps files; as a context, for the block only.

    Args:
        flags: `mmap.MAP_PRIVATE`, where writing to a tensor leaves the file alone, or `mmap.MAP_SHARED`.
    """

    def __init__(self, flags: int) -> None:
        if flags not in (mmap.MAP_PRIVATE, mmap.MAP_SHARED):
            raise ValueError(
                "Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE or "
                f"mmap.MAP_SHARED, but got {flags}"
            )
        self._before = options.mmap_flags
        options.mmap_flags = flags

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        options.mmap_flags = self._before


class skip_data:
    """A block in which `save` leaves the bytes of storages out (their place is zeros), and `load` leaves the
    storages it makes unfilled: the shape of a checkpoint without its weight.

    Args:
        materialize_fake_tensors: only False, for there are no fake tensors here.
    """

    def __init__(self, materialize_fake_tensors: bool = False) -> None:
        if materialize_fake_tensors:
            raise NotImplementedError("skip_data(materialize_fake_tensors=True): there are no fake tensors")
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(options.skip_data)
        options.skip_data = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        options.skip_data = self._before.pop()

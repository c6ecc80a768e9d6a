"""Batches on their way from one process to another.

A batch is pickled with its tensors' bytes left out (PEP 574, out-of-band buffers). A small one travels whole
through the connection; the bytes of a large one lie in a nameless file in memory, of which only the
descriptor travels: the receiver maps it, and the tensors stand on that memory. So messages are short, and
neither side blocks on sending.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import tempfile
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

import flambeau

from ...._core import Tensor

__all__ = ["receive", "send"]

_INLINE_BYTES = 32768
_ALIGNMENT = 64
_POPULATE = getattr(mmap, "MAP_POPULATE", 0)  # maps all pages at once, where the system knows how


class _BatchPickler(pickle.Pickler):
    """Pickles plain tensors as their bytes, out of band."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) is not Tensor or value.requires_grad or value.numel() == 0:
            return NotImplemented
        dense = value.contiguous()
        first = dense.storage_offset() * dense.element_size()
        last = first + dense.numel() * dense.element_size()
        content = memoryview(dense.untyped_storage()).cast("B")[first:last]
        return _arrived, (pickle.PickleBuffer(content), value.dtype, tuple(value.shape))


def _arrived(content: Any, dtype: Any, shape: tuple[int, ...]) -> Tensor:
    return flambeau.frombuffer(content, dtype=dtype).view(shape)


def send(connection: Connection, value: Any) -> None:
    """Sends any object that can be pickled; raises what pickling raises before anything is sent."""
    stream = io.BytesIO()
    contents: list[pickle.PickleBuffer] = []
    _BatchPickler(stream, protocol=5, buffer_callback=contents.append).dump(value)
    parts = [stream.getbuffer(), *(content.raw() for content in contents)]
    places, size = [], 0
    for part in parts:
        places.append((size, part.nbytes))
        size += -(-part.nbytes // _ALIGNMENT) * _ALIGNMENT
    if size <= _INLINE_BYTES:
        whole = bytearray(size)
        for part, (first, length) in zip(parts, places, strict=True):
            whole[first : first + length] = part
        connection.send_bytes(pickle.dumps((places, whole)))
        return
    connection.send_bytes(pickle.dumps((places, size)))
    descriptor = _file_in_memory()
    try:
        os.ftruncate(descriptor, size)
        for part, (first, _) in zip(parts, places, strict=True):
            _write(descriptor, part, first)
        reduction.send_handle(connection, descriptor, None)
    finally:
        os.close(descriptor)


def receive(connection: Connection) -> Any:
    """Returns the next object sent; raises EOFError when the other side is gone."""
    places, content = pickle.loads(connection.recv_bytes())
    if isinstance(content, int):
        descriptor = reduction.recv_handle(connection)
        try:
            content = mmap.mmap(descriptor, content, flags=mmap.MAP_SHARED | _POPULATE)
        finally:
            os.close(descriptor)
    whole = memoryview(content)
    pickled, *buffers = (whole[first : first + size] for first, size in places)
    return pickle.loads(pickled, buffers=buffers)


def _write(descriptor: int, content: memoryview, first: int) -> None:
    """Writes all of it; faster than through a mapping, which would fault on every page."""
    while content.nbytes:
        written = os.pwrite(descriptor, content, first)
        content, first = content[written:], first + written


def _file_in_memory() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("flambeau-batch")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())

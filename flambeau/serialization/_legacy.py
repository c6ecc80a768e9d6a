"""The formats before PyTorch 1.6: a row of pickles with the bytes of the storages behind them, and the tar
archive of 0.1."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Sequence
from typing import IO, Any

from flambeau import _core, _utils
from flambeau._utils import TypedStorage
from flambeau.serialization._archive import read_exactly
from flambeau.serialization._checks import StorageType, refuse

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
_SYSTEM = {
    "protocol_version": PROTOCOL_VERSION,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}
# How a pickle is read: (stream, load_storage) gives the object.
Unpickle = Callable[[Any, Callable[..., Any]], Any]


def write(
    file: IO[bytes], data: bytes, storages: Sequence[tuple[TypedStorage, bytes | memoryview]], protocol: int
) -> None:
    """Writes an object's pickle and its storages, whose keys are their places in the sequence."""
    for header in (MAGIC_NUMBER, PROTOCOL_VERSION, _SYSTEM):
        file.write(pickle.dumps(header, protocol))
    file.write(data)
    file.write(pickle.dumps([str(key) for key in range(len(storages))], protocol))
    for storage, content in storages:
        itemsize = 1 if storage.dtype is None else storage.dtype.itemsize
        file.write(struct.pack("<q", storage.untyped.nbytes() // itemsize))
        file.write(content)


class _Stream:
    """The rest of a file as an unpickler wants it; it never takes more memory than the file has bytes."""

    def __init__(self, file: Any) -> None:
        self._file = file
        start = file.tell()
        file.seek(0, 2)
        self.left = file.tell() - start
        file.seek(start)

    def readinto(self, target: Any) -> int:
        view = memoryview(target).cast("B")
        count = read_exactly(self._file, view[: max(self.left, 0)])
        self.left -= count
        return count

    def read(self, count: int) -> bytes:
        data = bytearray(min(count, self.left))
        return bytes(data[: self.readinto(data)])

    def readline(self) -> bytes:
        line = bytearray()
        while piece := self.read(1):
            line += piece
            if piece == b"\n":
                break
        return bytes(line)


class _Storages:
    """The storages of a file in which their bytes stand behind the pickle that speaks of them."""

    def __init__(self, restore: Callable[[Any, str], Any], available: int) -> None:
        self._restore = restore
        self._available = available
        self._known: dict[str, tuple[Any, Any, int, Any]] = {}  # key: dtype, place, count, storage to fill
        self._restored: dict[str, Any] = {}
        self._views: dict[str, Any] = {}

    def load(self, key: Any, dtype: Any, count: Any, location: Any, view: Any = None) -> Any:
        """The storage, still empty; `view` is None or (key, offset, length) of a piece of it."""
        key = str(key)
        if key not in self._known:
            size = count * (1 if dtype is None else dtype.itemsize)
            self._available -= size
            if self._available < 0:
                refuse(f"Storage {key!r} is declared with {size} bytes, more than the file has")
            storage = _core._new_storage(size)
            self._known[key] = (dtype, location, count, storage)
            self._restored[key] = self._restore(storage, location)
        if self._known[key][:3] != (dtype, location, count):
            refuse(f"Storage {key!r} is declared twice, in two ways: the file is corrupted")
        if view is None:
            return self._restored[key]
        return self._piece(key, *view)

    def _piece(self, key: str, view_key: Any, offset: Any, length: Any) -> Any:
        if view_key not in self._views:
            dtype, _, count, storage = self._known[key]
            if not (type(offset) is type(length) is int and 0 <= offset <= offset + length <= count):
                refuse(f"A piece of storage {key!r} reaches beyond it")
            if self._restored[key] is not storage:
                raise NotImplementedError(
                    "pieces of storages of an old file that go to another place: load with map_location='cpu'"
                )
            self._views[view_key] = _part(storage, dtype, offset, length)
        return self._views[view_key]

    def fill(self, keys: Any, stream: _Stream) -> None:
        """Reads the bytes of all storages."""
        if type(keys) is not list or sorted(map(str, keys)) != sorted(self._known):
            refuse("The list of storages does not agree with those the object needs")
        for key in keys:
            dtype, _, count, storage = self._known[str(key)]
            read_count = stream.read(8)
            if len(read_count) != 8 or struct.unpack("<q", read_count)[0] != count:
                refuse(
                    f"Storage {key!r} is declared with {count} elements, but the file holds another number"
                )
            if stream.readinto(_utils.storage_bytes(storage)) != storage.nbytes():
                raise RuntimeError(f"unexpected EOF: the file ends within storage {key!r}. It is corrupted")
            restored = self._restored[str(key)]
            if restored is not storage and restored.device.type != "meta":
                raise NotImplementedError(
                    "storages of a file before PyTorch 1.6 that go to another place: load with map_location='cpu'"
                )


def _part(storage: Any, dtype: Any, offset: int, length: int) -> Any:
    """A storage over some elements of another, sharing its memory."""
    itemsize = 1 if dtype is None else dtype.itemsize
    if not length:
        return _core._new_storage(0)
    piece = memoryview(storage)[offset * itemsize : (offset + length) * itemsize]
    return _core.frombuffer(piece, dtype=_core.uint8).untyped_storage()


def load(file: Any, restore: Callable[[Any, str], Any], plain: Unpickle, unpickle: Unpickle) -> Any:
    """The object of a file that begins with the magic number.

    `plain` reads the pickles around the object, which hold numbers and texts, `unpickle` the object itself.
    """
    stream = _Stream(file)
    if plain(stream, _no_storage) != MAGIC_NUMBER:
        refuse("Invalid magic number: torch.save has not written this file")
    version = plain(stream, _no_storage)
    if version != PROTOCOL_VERSION:
        refuse(f"Invalid protocol version: {version}")
    system = plain(stream, _no_storage)
    if type(system) is not dict or system.get("little_endian") is not True:
        raise NotImplementedError("files of the format before PyTorch 1.6 from a big-endian machine")
    storages = _Storages(restore, stream.left)
    result = unpickle(stream, storages.load)
    storages.fill(plain(stream, _no_storage), stream)
    return result


def _no_storage(*_: Any) -> Any:
    refuse("A storage stands where none can be")


# The tar archive of 0.1


def is_tar(file: Any) -> bool:
    """Whether a tar archive begins where the file stands."""
    start = file.tell()
    head = file.read(512)
    file.seek(start)
    return head[257:262] == b"ustar"


def load_tar(
    file: Any,
    restore: Callable[[Any, str], Any],
    unpickle: Unpickle,
    finish: Callable[[Any, Callable[[Any], Any]], Any],
) -> Any:
    """The object of a tar archive: its members are the storages, the tensors over them, and the pickle.

    `finish(stream, persistent_load)` reads the latter.
    """
    import tarfile

    with tarfile.open(fileobj=file, mode="r:", format=tarfile.PAX_FORMAT) as archive:

        def member(name: str) -> _Stream:
            try:
                content = archive.extractfile(name)
            except KeyError:
                content = None
            if content is None:
                raise RuntimeError(f"the tar archive holds no {name!r}: it is corrupted, or no checkpoint")
            return _Stream(content)

        objects: dict[int, Any] = {}
        stream = member("storages")
        for _ in range(unpickle(stream, _no_storage)):
            key, location, kind = unpickle(stream, _no_storage)
            objects[key] = _tar_storage(stream, kind, location, restore)
        for target, root, offset, length in unpickle(stream, _no_storage):
            base = objects[root]
            objects[target] = TypedStorage(_part(base.untyped, base.dtype, offset, length), base.dtype)
        stream = member("tensors")
        for _ in range(unpickle(stream, _no_storage)):
            key, storage_key, _ = unpickle(stream, _no_storage)
            objects[key] = _tar_tensor(stream, objects.get(storage_key))

        def persistent_load(reference: Any) -> Any:
            # A tuple: the class of a module, and its source.
            return reference[0] if isinstance(reference, tuple) else objects[int(reference)]

        return finish(member("pickle"), persistent_load)


def _tar_storage(
    stream: _Stream, kind: Any, location: str, restore: Callable[[Any, str], Any]
) -> TypedStorage:
    if not isinstance(kind, StorageType) or kind.dtype is None:
        refuse(f"{kind!r} is no type of storage")
    (count,) = struct.unpack("<q", stream.read(8))
    if not 0 <= count * kind.dtype.itemsize <= stream.left:
        refuse(f"A storage is declared with {count} elements, more than the file has")
    storage = _core._new_storage(count * kind.dtype.itemsize)
    stream.readinto(_utils.storage_bytes(storage))
    return TypedStorage(restore(storage, location), kind.dtype)


def _tar_tensor(stream: _Stream, storage: TypedStorage | None) -> Any:
    (dimensions,) = struct.unpack("<i4x", stream.read(8))
    size = struct.unpack(f"<{dimensions}q", stream.read(8 * dimensions))
    stride = struct.unpack(f"<{dimensions}q", stream.read(8 * dimensions))
    (offset,) = struct.unpack("<q", stream.read(8))
    if storage is None:
        return _core.empty(0)
    return _utils._rebuild_tensor(storage, offset, size, stride)

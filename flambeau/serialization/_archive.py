"""The zip archive around a checkpoint: PyTorch's layout, written with aligned records, read with distrust.

Python's `zipfile` takes offsets from the start of the file; a checkpoint counts them from its own, wherever it
begins, so that several can follow one another in one file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import IO, Any, NamedTuple, NoReturn

ALIGNMENT = 64
MAGIC = b"PK\x03\x04"
_FORMAT = {".format_version": b"1", ".storage_alignment": str(ALIGNMENT).encode()}
_VERSION = b"3\n"
_PIECE = 1 << 20
_LIMIT_32 = 0xFFFFFFFF
_LIMIT_16 = 0xFFFF
_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
_DATE = 33  # 1 January 1980, the first day zip knows

# The records of the format (APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16).
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_CENTRAL_MAGIC = b"PK\x01\x02"
_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_END_64 = struct.Struct("<4sQ2H2L4Q")
_END_64_MAGIC = b"PK\x06\x06"
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MAGIC = b"PK\x06\x07"
_EXTRA_64 = 1


class _Entry(NamedTuple):
    """A record as the directory lists it; offsets count from the start of the archive."""

    name: str
    size: int
    crc: int
    offset: int


class Writer:
    """Writes the records of one checkpoint under the folder `root`, from where `file` stands, by `write` alone.

    Every record starts at a multiple of 64 bytes, so that the file can be mapped into memory as it stands:
    the gap is an extra field of the local header, which readers of zip files skip.
    """

    def __init__(self, file: IO[bytes], root: str, checksums: bool = True) -> None:
        self._file = file
        self._root = root
        self._checksums = checksums
        self._position = 0
        self._entries: list[_Entry] = []
        self._directory: list[str] = []

    def _put(self, data: bytes | memoryview) -> None:
        left = memoryview(data)
        self._position += left.nbytes
        while left.nbytes:
            written = self._file.write(left)
            # Unbuffered files may take a part; those that say nothing have taken all.
            left = left[written:] if isinstance(written, int) else left[:0]

    def write(self, name: str, data: bytes | memoryview) -> None:
        size = memoryview(data).nbytes
        crc = zlib.crc32(data) if self._checksums else 0
        entry = _Entry(f"{self._root}/{name}", size, crc, self._position)
        encoded = entry.name.encode()
        large = struct.pack("<2H2Q", _EXTRA_64, 16, size, size) if size >= _LIMIT_32 else b""
        stored = _LIMIT_32 if large else size
        padding = -(self._position + _LOCAL.size + len(encoded) + len(large) + 4) % ALIGNMENT
        extra = large + b"FB" + struct.pack("<H", padding) + b"Z" * padding
        self._put(
            _LOCAL.pack(MAGIC, 45, _UTF8_NAME, 0, 0, _DATE, crc, stored, stored, len(encoded), len(extra))
        )
        self._put(encoded + extra)
        self._put(data)
        self._entries.append(entry)
        self._directory.append(f"{name}:{size}:{crc}\n")

    def write_format(self, byte_order: bool = True) -> None:
        """Writes the records that say how to read the others."""
        for name, value in _FORMAT.items():
            self.write(name, value)
        if byte_order:
            self.write("byteorder", b"little")

    def close(self) -> None:
        """Writes what stands at the end of every checkpoint: version, identity and the directory."""
        self.write("version", _VERSION)
        from hashlib import sha256

        digest = sha256("".join(self._directory).encode("utf-8", "surrogateescape")).digest()
        identity = int.from_bytes(digest, "big") % 10**40
        self.write(".data/serialization_id", f"{identity:040d}".encode())
        start = self._position
        for entry in self._entries:
            self._put(self._directory_entry(entry))
        size, count = self._position - start, len(self._entries)
        if start >= _LIMIT_32 or size >= _LIMIT_32 or count >= _LIMIT_16:
            end = self._position
            self._put(_END_64.pack(_END_64_MAGIC, 44, 45, 45, 0, 0, count, count, size, start))
            self._put(_LOCATOR.pack(_LOCATOR_MAGIC, 0, end, 1))
        count, size, start = min(count, _LIMIT_16), min(size, _LIMIT_32), min(start, _LIMIT_32)
        self._put(_END.pack(_END_MAGIC, 0, 0, count, count, size, start, 0))

    @staticmethod
    def _directory_entry(entry: _Entry) -> bytes:
        large = [value for value in (entry.size, entry.size, entry.offset) if value >= _LIMIT_32]
        extra = struct.pack(f"<2H{len(large)}Q", _EXTRA_64, 8 * len(large), *large) if large else b""
        name, size = entry.name.encode(), min(entry.size, _LIMIT_32)
        fields = (45, 45, _UTF8_NAME, 0, 0, _DATE, entry.crc, size, size, len(name), len(extra), 0, 0, 0, 0)
        return _CENTRAL.pack(_CENTRAL_MAGIC, *fields, min(entry.offset, _LIMIT_32)) + name + extra


def _corrupted(reason: object) -> NoReturn:
    raise RuntimeError(
        f"PytorchStreamReader failed reading zip archive: {reason}. The file is truncated or corrupted: it "
        "was not saved or transferred completely, or was changed afterwards"
    )


def read_exactly(file: Any, target: memoryview) -> int:
    """Fills `target` from `file`; the number of bytes there were."""
    filled = 0
    into = getattr(file, "readinto", None)
    while filled < len(target):
        if into is not None:
            count = into(target[filled:])
        else:
            piece = file.read(min(len(target) - filled, _PIECE))
            count = len(piece)
            target[filled : filled + count] = piece
        if not count:
            break
        filled += count
    return filled


class _Directory(NamedTuple):
    """Where the directory of an archive lies in the file, and where the archive ends."""

    start: int
    size: int
    entries: int
    end: int


class Reader:
    """Reads the records of the checkpoint that begins where `file` stands.

    Nothing in the file is believed before it is checked: all records are stored as they are (so none grows
    when read), together they are no larger than the file, each name stands once, and the checksum of what is
    read is right. A file without any checksum (`set_crc32_options(False)`) is taken as it is.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self.start = file.tell()
        file.seek(0, 2)
        self._length = file.tell()
        directory = self._find_directory()
        self.end = directory.end
        entries = [entry for entry in self._entries(directory) if not entry.name.endswith("/")]
        self._records = {entry.name: entry for entry in entries}
        if len(self._records) != len(entries):
            _corrupted("a record's name stands twice in its directory")
        if sum(entry.size for entry in entries) > self.end - self.start:
            _corrupted("its records are larger than the file")
        self._checked = any(entry.crc for entry in entries)
        self._root = self._find_root()
        if f"{self._root}/constants.pkl" in self._records:
            raise RuntimeError(
                "this file holds a TorchScript program, which Flambeau does not load: save a state_dict"
            )

    # The directory

    def _bytes_at(self, position: int, count: int) -> bytes:
        data = bytearray(max(min(count, self._length - position), 0))
        self._file.seek(position)
        return bytes(data[: read_exactly(self._file, memoryview(data))])

    def _find_directory(self) -> _Directory:
        """The directory of the archive that begins at `start`: most often the last thing in the file."""
        tail_start = max(self.start, self._length - _END.size - _LIMIT_16)
        tail = self._bytes_at(tail_start, self._length)
        at = tail.rfind(_END_MAGIC)
        directory = self._directory_at(tail_start + at) if at >= 0 else None
        if directory is not None:
            return directory
        for position in self._positions_of(_END_MAGIC):
            directory = self._directory_at(position)
            if directory is not None:
                return directory
        _corrupted("failed finding central directory")

    def _positions_of(self, magic: bytes) -> Iterator[int]:
        position = self.start
        while piece := self._bytes_at(position, _PIECE):
            at = piece.find(magic)
            while at >= 0:
                yield position + at
                at = piece.find(magic, at + 1)
            if len(piece) < _PIECE:
                return
            position += len(piece) - len(magic) + 1

    def _directory_at(self, position: int) -> _Directory | None:
        """The directory that ends with the record at `position`, if it belongs to the archive at `start`."""
        record = self._bytes_at(position, _END.size)
        if len(record) < _END.size:
            return None
        _, disk, first_disk, here, count, size, offset, comment = _END.unpack(record)
        end, directory_end = position + _END.size + comment, position
        if end > self._length:
            return None
        # PyTorch writes the record of 64 bits even where it says nothing new.
        locator = self._bytes_at(max(position - _LOCATOR.size, self.start), _LOCATOR.size)
        if len(locator) == _LOCATOR.size and locator.startswith(_LOCATOR_MAGIC):
            directory_end = self.start + _LOCATOR.unpack(locator)[2]
            record = self._bytes_at(directory_end, _END_64.size)
            if len(record) < _END_64.size or not record.startswith(_END_64_MAGIC):
                return None
            _, _, _, _, disk, first_disk, here, count, size, offset = _END_64.unpack(record)
        if disk or first_disk or here != count or self.start + offset + size != directory_end:
            return None
        return _Directory(self.start + offset, size, count, end)

    def _entries(self, directory: _Directory) -> Iterator[_Entry]:
        data = self._bytes_at(directory.start, directory.size)
        at = 0
        for _ in range(directory.entries):
            if len(data) - at < _CENTRAL.size or not data.startswith(_CENTRAL_MAGIC, at):
                _corrupted("its directory is damaged")
            fields = _CENTRAL.unpack_from(data, at)
            _, _, _, flags, method, _, _, crc, stored, size, *lengths, _, _, _, offset = fields
            after_name = at + _CENTRAL.size + lengths[0]
            after_extra = after_name + lengths[1]
            name = data[at + _CENTRAL.size : after_name].decode("utf-8", "surrogateescape")
            values = iter(self._extra_64(data[after_name:after_extra]))
            size, stored, offset = (
                next(values, value) if value == _LIMIT_32 else value for value in (size, stored, offset)
            )
            if method or stored != size:
                _corrupted(f"record {name!r} is compressed, which no checkpoint's record is")
            if flags & _ENCRYPTED:
                _corrupted(f"record {name!r} is encrypted")
            yield _Entry(name, size, crc, offset)
            at = after_extra + lengths[2]

    @staticmethod
    def _extra_64(extra: bytes) -> tuple[int, ...]:
        """The values of 64 bits that did not fit into the entry."""
        at = 0
        while at + 4 <= len(extra):
            kind, length = struct.unpack_from("<2H", extra, at)
            if kind == _EXTRA_64:
                count = min(length, len(extra) - at - 4) // 8
                return struct.unpack_from(f"<{count}Q", extra, at + 4)
            at += 4 + length
        return ()

    def _find_root(self) -> str:
        roots = {name.removesuffix("/data.pkl") for name in self._records if name.endswith("/data.pkl")}
        roots = {root for root in roots if "/" not in root}
        if len(roots) != 1:
            _corrupted("file in archive is not in a subdirectory, or it holds no data.pkl, or several")
        return roots.pop()

    # The records

    def size(self, name: str) -> int | None:
        """The size of a record in bytes, None if there is none of that name."""
        entry = self._records.get(f"{self._root}/{name}")
        return None if entry is None else entry.size

    def read(self, name: str) -> bytes:
        """The bytes of a record."""
        data = bytearray(self._find(name).size)
        self.read_into(name, memoryview(data))
        return bytes(data)

    def read_into(self, name: str, target: memoryview) -> None:
        """Fills `target`, which has to be as long as the record."""
        entry = self._find(name)
        self._file.seek(self.position(name))
        filled = read_exactly(self._file, target)
        if filled != len(target) or filled != entry.size:
            _corrupted(f"record {entry.name!r} ends after {filled} of {entry.size} bytes")
        if self._checked and zlib.crc32(target) != entry.crc:
            _corrupted(f"Bad CRC-32 for record {entry.name!r}")

    def position(self, name: str) -> int:
        """Where in the file the bytes of a record begin."""
        entry = self._find(name)
        header = self._bytes_at(self.start + entry.offset, _LOCAL.size)
        if len(header) < _LOCAL.size or not header.startswith(MAGIC):
            _corrupted(f"record {entry.name!r} does not lie where the directory says")
        *_, name_length, extra_length = _LOCAL.unpack(header)
        position = self.start + entry.offset + _LOCAL.size + name_length + extra_length
        if position + entry.size > self.end:
            _corrupted(f"record {entry.name!r} reaches beyond the archive")
        return position

    def _find(self, name: str) -> _Entry:
        entry = self._records.get(f"{self._root}/{name}")
        if entry is None:
            _corrupted(f"file not found: {self._root}/{name}")
        return entry

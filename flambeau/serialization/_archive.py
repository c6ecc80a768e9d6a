"""The zip archive around a checkpoint: PyTorch's layout, written with aligned records, read with distrust."""

from __future__ import annotations

import hashlib
import struct
import zipfile
from types import TracebackType
from typing import IO, Any

ALIGNMENT = 64
_FORMAT = {".format_version": b"1", ".storage_alignment": str(ALIGNMENT).encode(), "byteorder": b"little"}
_VERSION = b"3\n"
# From this size on a record gets 64-bit sizes in its header; well below the limit of 32 bits, at which
# zipfile would decide by itself, after the padding has been reckoned.
_LARGE_RECORD = 1 << 30
_PIECE = 1 << 20
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    EOFError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
)


class Writer:
    """Writes the records of one checkpoint under the folder `root`.

    Every record starts at a multiple of 64 bytes, so that the file can be mapped into memory as it stands:
    the gap is an extra field of the local header, which readers of zip files skip.
    """

    def __init__(self, file: IO[bytes], root: str) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._root = root
        self._digest = hashlib.sha256()

    def write(self, name: str, data: bytes | memoryview) -> None:
        size = memoryview(data).nbytes
        large = size >= _LARGE_RECORD
        info = zipfile.ZipInfo(f"{self._root}/{name}")
        info.file_size, info.compress_size, info.CRC = size, 0, 0
        header = self._zip.start_dir + len(info.FileHeader(large)) + 4
        padding = -header % ALIGNMENT
        info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
        with self._zip.open(info, "w", force_zip64=large) as record:
            record.write(data)
        info.extra = b""  # the padding is of no use in the central directory
        self._digest.update(f"{name}:{size}:{info.CRC}\n".encode())

    def write_format(self) -> None:
        """Writes the records that say how to read the others."""
        for name, value in _FORMAT.items():
            self.write(name, value)

    def close(self) -> None:
        """Writes what stands at the end of every checkpoint: version, identity and the directory."""
        self.write("version", _VERSION)
        identity = int.from_bytes(self._digest.digest(), "big") % 10**40
        self.write(".data/serialization_id", f"{identity:040d}".encode())
        self._zip.close()

    def abandon(self) -> None:
        """Drops the archive without completing it."""
        self._zip._didModify = False  # type: ignore[attr-defined]
        self._zip.close()


def _corrupted(reason: object) -> RuntimeError:
    return RuntimeError(
        f"PytorchStreamReader failed reading zip archive: {reason}. The file is truncated or corrupted: it "
        "was not saved or transferred completely, or was changed afterwards"
    )


class Reader:
    """Reads the records of a checkpoint.

    Nothing in the file is believed before it is checked: all records are stored as they are (so none grows
    when read), together they are no larger than the file, each name stands once, and the checksum of what is
    read is right.
    """

    def __init__(self, file: IO[bytes]) -> None:
        try:
            file.seek(0, 2)
            length = file.tell()
            self._zip = zipfile.ZipFile(file)
            records = [info for info in self._zip.infolist() if not info.filename.endswith("/")]
        except zipfile.BadZipFile as error:
            raise _corrupted(f"failed finding central directory ({error})") from error
        except _ZIP_ERRORS as error:
            raise _corrupted(error) from error
        self._records = {info.filename: info for info in records}
        if len(self._records) != len(records):
            raise _corrupted("a record's name stands twice in its directory")
        for info in records:
            if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
                raise _corrupted(f"record {info.filename!r} is compressed, which no checkpoint's record is")
            if info.flag_bits & 1:
                raise _corrupted(f"record {info.filename!r} is encrypted")
        if sum(info.file_size for info in records) > length:
            raise _corrupted("its records are larger than the file")
        self._root = self._find_root()
        if f"{self._root}/constants.pkl" in self._records:
            raise RuntimeError(
                "this file holds a TorchScript program, which Flambeau does not load: save a state_dict"
            )
        order = self.read("byteorder") if f"{self._root}/byteorder" in self._records else b"little"
        if order != b"little":
            raise NotImplementedError(
                f"checkpoints in {order.decode('latin-1')!r} byte order are not supported"
            )

    def _find_root(self) -> str:
        roots = {name.removesuffix("/data.pkl") for name in self._records if name.endswith("/data.pkl")}
        roots = {root for root in roots if "/" not in root}
        if len(roots) != 1:
            raise _corrupted("file in archive is not in a subdirectory, or it holds no data.pkl, or several")
        return roots.pop()

    def size(self, name: str) -> int | None:
        """The size of a record in bytes, None if there is none of that name."""
        info = self._records.get(f"{self._root}/{name}")
        return None if info is None else info.file_size

    def read(self, name: str) -> bytes:
        """The bytes of a record."""
        data = bytearray(self._find(name).file_size)
        self.read_into(name, memoryview(data))
        return bytes(data)

    def read_into(self, name: str, target: memoryview) -> None:
        """Fills `target`, which has to be as long as the record."""
        info = self._find(name)
        filled = 0
        try:
            with self._zip.open(info) as record:
                # The last, empty piece is read, too, for with it the checksum is compared.
                while piece := record.read(_PIECE):
                    target[filled : filled + len(piece)] = piece
                    filled += len(piece)
        except _ZIP_ERRORS as error:
            raise _corrupted(error) from error
        if filled != len(target):
            raise _corrupted(f"record {info.filename!r} ends after {filled} of {len(target)} bytes")

    def _find(self, name: str) -> zipfile.ZipInfo:
        info = self._records.get(f"{self._root}/{name}")
        if info is None:
            raise _corrupted(f"file not found: {self._root}/{name}")
        return info

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> Any:
        self._zip.close()

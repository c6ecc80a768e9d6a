"""`save`: from an object to a file."""

from __future__ import annotations

import contextlib
import os
import pickle
import stat
from collections.abc import Iterator
from typing import IO, Any

from flambeau import _utils
from flambeau._utils import TypedStorage
from flambeau.serialization import _archive, _legacy, _pickle
from flambeau.serialization._options import options

DEFAULT_PROTOCOL = 2
FileLike = str | os.PathLike[str] | IO[bytes]


def _archive_name(path: str) -> str:
    """The folder inside the archive: the file's name without its last extension."""
    name = os.path.splitext(os.path.basename(path))[0]
    try:
        name.encode()
    except UnicodeEncodeError:
        return "archive"
    return name or "archive"


@contextlib.contextmanager
def _replacing(path: str) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` once it is complete, and leaves `path` alone if writing it
    fails."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {os.path.dirname(path) or folder} does not exist.")
    if os.path.exists(target) and not stat.S_ISREG(os.stat(target).st_mode):
        with open(target, "wb") as device:  # a pipe or /dev/null cannot be replaced
            yield device
        return
    temporary = os.path.join(folder, f".{os.path.basename(target)[:100]}.{os.urandom(8).hex()}")
    try:
        with open(temporary, "xb") as file:
            yield file
        if os.path.exists(target):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _bytes_of(storage: TypedStorage) -> bytes | memoryview:
    if options.skip_data:
        return bytes(storage.untyped.nbytes())
    return _utils.storage_bytes(storage.untyped)


def _write(file: IO[bytes], root: str, data: bytes, storages: list[TypedStorage], byte_order: bool) -> None:
    archive = _archive.Writer(file, root, options.checksums)
    archive.write("data.pkl", data)
    archive.write_format(byte_order)
    for key, storage in enumerate(storages):
        archive.write(f"data/{key}", _bytes_of(storage))
    archive.close()


def save(
    obj: object,
    f: FileLike,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Saves an object to a file that Flambeau and PyTorch can load.

    Tensors that share memory share it after loading, too: every storage is written once, and in full. A path
    is written under another name first, so a failure leaves an earlier file as it was. Into an open file,
    several objects can be saved one after the other, and loaded in the same order.

    Args:
        obj: tensors, numbers, texts, dictionaries, lists ..., nested at will; usually a `state_dict()`.
            Objects of other classes are saved by the name of their class; `load` takes them when it is told to.
        f: a path, or a file-like object with a `write` method.
        pickle_module: a module with a class `Pickler`, such as dill. One that is not written in Python leaves
            Flambeau's own names in the file, which PyTorch does not know.
        pickle_protocol: 2 to 5, -1 for the last; PyTorch's `weights_only` loading reads 2.

    Raises:
        AttributeError: `f` is neither.
        RuntimeError: the folder of the path does not exist, or tensors of two types share memory.

    >>> import io
    >>> import flambeau as torch
    >>> file = io.BytesIO()
    >>> torch.save({"weight": torch.ones(2)}, file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    {'weight': tensor([1., 1.])}
    """
    protocol = pickle.HIGHEST_PROTOCOL if pickle_protocol < 0 else pickle_protocol
    if not 2 <= protocol <= 5:
        raise ValueError(f"pickle_protocol must be 2 to 5, but got {pickle_protocol}")
    if not isinstance(f, str | os.PathLike) and not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    legacy = not _use_new_zipfile_serialization
    data, storages = _pickle.dump(obj, protocol, pickle_module, legacy)

    def write(file: IO[bytes], root: str) -> None:
        if legacy:
            _legacy.write(file, data, [(storage, _bytes_of(storage)) for storage in storages], protocol)
        else:
            _write(file, root, data, storages, not _disable_byteorder_record)

    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        with _replacing(path) as file:
            write(file, _archive_name(path))
    else:
        write(f, "archive")

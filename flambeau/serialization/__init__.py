"""Saving and loading of objects that hold tensors, in PyTorch's file format.

A checkpoint is a zip archive: `data.pkl` is a pickle of the object, in which every tensor is a view of a
numbered storage, and `data/0`, `data/1`, ... are the bytes of the storages. Loading interprets the pickle
with a fixed table of constructors and never executes anything a file names.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import stat
from collections.abc import Callable, Iterator
from typing import IO, TYPE_CHECKING, Any

from flambeau import _utils

if TYPE_CHECKING:
    from flambeau._utils import TypedStorage

__all__ = ["load", "save"]

DEFAULT_PROTOCOL = 2
FileLike = str | os.PathLike[str] | IO[bytes]
# A device, its name, a dictionary from names to names, a function of (storage, name), or None.
MapLocation = Any

_ZIP_MAGIC = b"PK\x03\x04"
_LEGACY_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"


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


def _write(file: IO[bytes], root: str, data: bytes, storages: list[TypedStorage]) -> None:
    from flambeau.serialization import _archive

    archive = _archive.Writer(file, root)
    try:
        archive.write("data.pkl", data)
        archive.write_format()
        for key, storage in enumerate(storages):
            archive.write(f"data/{key}", _utils.storage_bytes(storage.untyped))
    except BaseException:
        archive.abandon()
        raise
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
    is written under another name first, so a failure leaves an earlier file as it was.

    Args:
        obj: tensors, numbers, texts, dictionaries, lists ..., nested at will; usually a `state_dict()`.
            Objects of other classes are saved by the name of their class; `load` refuses them.
        f: a path, or a file-like object with a `write` method.
        pickle_module: only Python's `pickle`.
        pickle_protocol: 2 to 5; PyTorch's `weights_only` loading reads 2.

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
    if pickle_module is not pickle:
        raise NotImplementedError("save with another pickle_module is not supported: leave it out")
    if not _use_new_zipfile_serialization:
        raise NotImplementedError(
            "saving in the format before PyTorch 1.6 is not supported: PyTorch reads the new one"
        )
    if not 2 <= pickle_protocol <= 5:
        raise ValueError(f"pickle_protocol must be 2 to 5, but got {pickle_protocol}")
    if not isinstance(f, str | os.PathLike) and not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    from flambeau.serialization import _pickle

    data, storages = _pickle.dump(obj, pickle_protocol)
    if isinstance(f, str | os.PathLike):
        path = os.fspath(f)
        with _replacing(path) as file:
            _write(file, _archive_name(path), data, storages)
    else:
        _write(f, "archive", data, storages)


def _restore(storage: Any, location: str) -> Any:
    """The storage on the device that `location` names."""
    if location == "cpu":
        return storage
    if location.split(":")[0] == "cuda":
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If "
            "you are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your storages to the CPU."
        )
    raise RuntimeError(
        f"don't know how to restore data location of {type(storage).__name__} (tagged with {location}); "
        "Flambeau knows 'cpu'"
    )


def _restorer(map_location: MapLocation) -> Callable[[Any, str], Any]:
    """The function that puts a storage where `map_location` wants it."""
    import flambeau

    if map_location is None:
        return _restore
    if isinstance(map_location, dict):
        return lambda storage, location: _restore(storage, map_location.get(location, location))
    if isinstance(map_location, str | flambeau.device):
        return lambda storage, location: _restore(storage, str(map_location))
    if not callable(map_location):
        raise TypeError(
            f"{type(map_location).__name__!r} object is not callable: map_location must be a device, its "
            "name, a dictionary of names, a function or None"
        )

    def restore(storage: Any, location: str) -> Any:
        mapped = map_location(storage, location)
        return _restore(storage, location) if mapped is None else mapped

    return restore


def _load_archive(file: IO[bytes], map_location: MapLocation) -> Any:
    from flambeau import _core
    from flambeau.serialization import _archive, _machine

    restore = _restorer(map_location)
    storages: dict[str, tuple[tuple[int, str], Any]] = {}
    with _archive.Reader(file) as archive:

        def load_storage(key: str, dtype: Any, count: int, location: str) -> Any:
            declared = (count * (1 if dtype is None else dtype.itemsize), location)
            if key not in storages:
                stored = archive.size(f"data/{key}")
                if stored is not None and stored != declared[0]:
                    raise pickle.UnpicklingError(
                        f"Weights only load failed. Storage {key!r} is declared with {declared[0]} bytes, "
                        f"but the file holds {stored} for it: the file is corrupted"
                    )
                storage = _core._new_storage(declared[0] if stored is not None else 0)
                archive.read_into(f"data/{key}", _utils.storage_bytes(storage))
                storages[key] = (declared, restore(storage, location))
            known, storage = storages[key]
            if known != declared:
                raise pickle.UnpicklingError(
                    f"Weights only load failed. Storage {key!r} is declared twice, with (bytes, place) "
                    f"{known} and {declared}: the file is corrupted"
                )
            return storage

        return _machine.Unpickler(archive.read("data.pkl"), load_storage).load()


def _refuse_other_formats(file: IO[bytes]) -> None:
    """Raises unless a zip archive begins where the file stands."""
    start = file.tell()
    head = file.read(len(_LEGACY_MAGIC))
    file.seek(start)
    if head.startswith(_ZIP_MAGIC):
        return
    if not head:
        raise EOFError("Ran out of input: the file is empty, or stands at its end (seek(0) before loading)")
    if head == _LEGACY_MAGIC:
        raise NotImplementedError(
            "files in the format before PyTorch 1.6 are not supported: load this one in PyTorch and save it "
            "again"
        )
    raise pickle.UnpicklingError(
        "Weights only load failed. The file is no zip archive, so torch.save has not written it"
    )


def load(
    f: FileLike,
    map_location: MapLocation = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Loads an object that `save`, of Flambeau or PyTorch, has written.

    No file can make this function run code: classes and functions that a file names are refused, and
    everything it says about sizes is checked before memory is taken.

    Args:
        f: a path, or a file-like object with `read`, `seek` and `tell`.
        map_location: where tensors go: a device or its name, a dictionary from saved to wanted names, or a
            function of a storage and its saved place. Tensors saved on a GPU need `map_location='cpu'`.
        weights_only: accepted for PyTorch's sake. False permits no more than True: tensors and plain containers.
        mmap: True is not supported.

    Raises:
        RuntimeError: the archive is truncated or corrupted, or its tensors belong on a missing device.
        pickle.UnpicklingError: the object inside is corrupted, or needs a class that is not in the table.

    >>> import io
    >>> import flambeau as torch
    >>> file = io.BytesIO()
    >>> torch.save(torch.nn.Linear(2, 1).state_dict(), file)
    >>> _ = file.seek(0)
    >>> model = torch.nn.Linear(2, 1)
    >>> model.load_state_dict(torch.load(file))
    <All keys matched successfully>
    """
    if pickle_module is not None and pickle_module is not pickle:
        raise NotImplementedError("load with another pickle_module is not supported: leave it out")
    if mmap:
        raise NotImplementedError(
            "load with mmap=True is not supported: leave it out, and the file is read at once"
        )
    if set(pickle_load_args) - {"encoding"}:
        raise TypeError(
            f"load() got an unexpected keyword argument {min(set(pickle_load_args) - {'encoding'})!r}"
        )
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            _refuse_other_formats(file)
            return _load_archive(file, map_location)
    if not all(hasattr(f, method) for method in ("read", "seek", "tell")):
        raise AttributeError(
            f"{type(f).__name__!r} object has no attribute 'seek'. You can only torch.load from a file that "
            "is seekable. Please pre-load the data into a buffer like io.BytesIO and try to load from it "
            "instead."
        )
    _refuse_other_formats(f)
    return _load_archive(f, map_location)

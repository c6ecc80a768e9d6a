"""`load`: from a file to an object."""

from __future__ import annotations

import io
import mmap as mmap_module
import os
import pickle
from collections.abc import Callable
from typing import Any

from flambeau import _core, _utils
from flambeau.serialization import _anything, _archive, _constructors, _legacy, _machine
from flambeau.serialization._options import LoadEndianness, options
from flambeau.serialization._places import MapLocation, is_meta, restorer
from flambeau.serialization._saving import FileLike


class _ArchiveStorages:
    """The storages of an archive, each of which is read once."""

    def __init__(
        self, archive: _archive.Reader, map_location: MapLocation, mapping: memoryview | None
    ) -> None:
        self._archive = archive
        self._restore = restorer(map_location)
        self._without_memory = is_meta(map_location)
        self._mapping = mapping
        self._known: dict[str, tuple[tuple[Any, int, str], Any]] = {}
        self._big_endian = self._byte_order() == b"big"

    def _byte_order(self) -> bytes:
        if self._archive.size("byteorder") is None:
            return b"big" if options.endianness is LoadEndianness.BIG else b"little"
        order = self._archive.read("byteorder")
        if order not in (b"little", b"big"):
            raise ValueError(f"Unknown endianness type: {order.decode('latin-1')}")
        return order

    def load(self, key: str, dtype: Any, count: int, location: str) -> Any:
        """The storage of that number; `dtype` None: of bytes."""
        size = count * (1 if dtype is None else dtype.itemsize)
        declared = (dtype, size, location)
        if key not in self._known:
            self._known[key] = (declared, self._restore(self._read(f"data/{key}", dtype, size), location))
        known, storage = self._known[key]
        if known[1:] != declared[1:]:
            raise pickle.UnpicklingError(
                f"Weights only load failed. Storage {key!r} is declared twice, with (bytes, place) "
                f"{known[1:]} and {declared[1:]}: the file is corrupted"
            )
        return storage

    def _read(self, name: str, dtype: Any, size: int) -> Any:
        stored = self._archive.size(name)
        if stored is not None and stored != size:
            raise pickle.UnpicklingError(
                f"Weights only load failed. Storage {name!r} is declared with {size} bytes, but the file "
                f"holds {stored} for it: the file is corrupted"
            )
        if self._without_memory:
            return _utils.meta_storage(size)
        unit = _swapped_unit(dtype)
        if self._mapping is not None and size and not (self._big_endian and unit > 1):
            start = self._archive.position(name)
            if start % unit == 0:
                return _core.frombuffer(
                    self._mapping[start : start + size], dtype=_core.uint8
                ).untyped_storage()
        storage = _core._new_storage(size if stored is not None else 0)
        if options.skip_data and stored is not None:
            return storage
        target = _utils.storage_bytes(storage)
        self._archive.read_into(name, target)
        if self._big_endian and unit > 1:
            source = bytes(target)
            for place in range(unit):
                target[place::unit] = source[unit - 1 - place :: unit]
        return storage


def _swapped_unit(dtype: Any) -> int:
    """How many bytes make up one number."""
    if dtype is None:
        return 1
    unit: int = dtype.itemsize // (2 if dtype.is_complex else 1)
    return unit


def _map(path: str | os.PathLike[str]) -> memoryview:
    """The file as memory; what is written there does not reach the file, unless the options say so."""
    shared = options.mmap_flags == mmap_module.MAP_SHARED
    with open(path, "r+b" if shared else "rb") as file:
        access = mmap_module.PROT_READ | mmap_module.PROT_WRITE
        return memoryview(mmap_module.mmap(file.fileno(), 0, flags=options.mmap_flags, prot=access))


class _Loader:
    """How one call of `load` reads whatever format it meets."""

    def __init__(
        self, map_location: MapLocation, pickle_module: Any, weights_only: bool, arguments: dict[str, Any]
    ) -> None:
        self._map_location = map_location
        self._pickle_module = pickle_module
        self._weights_only = weights_only
        self._arguments = arguments

    def _plain(self, stream: Any, load_storage: Callable[..., Any]) -> Any:
        return _machine.Unpickler(stream, load_storage, self._arguments.get("encoding", "utf-8")).load()

    def _unpickle(self, stream: Any, load_storage: Callable[..., Any]) -> Any:
        if self._weights_only:
            return self._plain(stream, load_storage)
        return self._anything(stream, _anything.storage_reader(load_storage))

    def _anything(self, stream: Any, persistent_load: Callable[[Any], Any]) -> Any:
        return _anything.load(stream, persistent_load, self._pickle_module, **self._arguments)

    def load(self, file: Any, path: str | os.PathLike[str] | None, mmap: bool) -> Any:
        """The object that begins where `file` stands, which then stands at its end."""
        start = file.tell()
        head = file.read(4)
        file.seek(start)
        if head.startswith(_archive.MAGIC):
            return self._load_archive(file, _map(path) if mmap and path is not None else None)
        if not head:
            raise EOFError(
                "Ran out of input: the file is empty, or stands at its end (seek(0) before loading)"
            )
        if mmap:
            raise RuntimeError(
                f"mmap can only be used with files saved with `torch.save({path}, "
                "_use_new_zipfile_serialization=True), please torch.save your checkpoint with this option in "
                "order to use mmap."
            )
        if head.startswith(pickle.PROTO):
            return _legacy.load(file, restorer(self._map_location), self._plain, self._unpickle)
        if _legacy.is_tar(file):
            if self._weights_only:
                raise RuntimeError(
                    "Cannot use ``weights_only=True`` with files saved in the legacy .tar format. "
                    "weights_only=False reads them, and lets them run what they please: only do so with a file "
                    "from a trusted source"
                )
            return _legacy.load_tar(file, restorer(self._map_location), self._unpickle, self._anything)
        raise pickle.UnpicklingError(
            "Weights only load failed. The file is no zip archive, so torch.save has not written it"
        )

    def _load_archive(self, file: Any, mapping: memoryview | None) -> Any:
        archive = _archive.Reader(file)
        storages = _ArchiveStorages(archive, self._map_location, mapping)
        result = self._unpickle(io.BytesIO(archive.read("data.pkl")), storages.load)
        file.seek(archive.end)  # where the next object begins, if several were saved into one file
        return result


def _flag(name: str) -> bool:
    return os.environ.get(name, "0") in ("1", "y", "yes", "true")


def _only_weights(weights_only: bool | None, pickle_module: Any) -> bool:
    """Whether the file may hold data only, by the argument, the environment and the default."""
    always, never = _flag("TORCH_FORCE_WEIGHTS_ONLY_LOAD"), _flag("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    if always and never:
        raise RuntimeError(
            "Only one of `TORCH_FORCE_WEIGHTS_ONLY_LOAD` or `TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD` should be set, "
            "but both were set."
        )
    if always:
        return True
    if weights_only is None:
        return not never and pickle_module is None
    return bool(weights_only)


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

    As long as `weights_only` is not False, no file can make this function run code: classes and functions that
    a file names are refused, unless they are declared safe (`torch.serialization.add_safe_globals`), and
    everything it says about sizes is checked before memory is taken.

    Args:
        f: a path, or a file-like object with `read`, `seek` and `tell`. It stands behind the object afterwards.
        map_location: where tensors go: a device or its name, a dictionary from saved to wanted names, or a
            function of a storage and its saved place. Tensors saved on a GPU need `map_location='cpu'`.
        pickle_module: a module with a class `Unpickler`, such as dill; it implies `weights_only=False`.
        weights_only: False loads any object: whole models, objects of your own classes. The file can then run
            whatever it pleases: only for files from a source that you trust.
        mmap: leave the tensors' bytes on disk until they are used; for paths only. Checksums are not compared.
        pickle_load_args: `encoding` of texts that Python 2 wrote; with `weights_only=False` whatever the
            unpickler takes.

    Raises:
        RuntimeError: the archive is truncated or corrupted, or its tensors belong on a missing device.
        pickle.UnpicklingError: the object inside is corrupted, or needs a class that is not declared safe.

    >>> import io
    >>> import flambeau as torch
    >>> file = io.BytesIO()
    >>> torch.save(torch.nn.Linear(2, 1).state_dict(), file)
    >>> _ = file.seek(0)
    >>> model = torch.nn.Linear(2, 1)
    >>> model.load_state_dict(torch.load(file))
    <All keys matched successfully>
    """
    only = _only_weights(weights_only, pickle_module)
    if only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if only and set(pickle_load_args) - {"encoding"}:
        raise TypeError(
            f"load() got an unexpected keyword argument {min(set(pickle_load_args) - {'encoding'})!r}"
        )
    arguments = {"encoding": "utf-8", **pickle_load_args}
    loader = _Loader(map_location, pickle if pickle_module is None else pickle_module, only, arguments)
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            return loader.load(file, f, bool(mmap))
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    _check_seekable(f)
    return loader.load(f, None, False)


def _check_seekable(f: Any) -> None:
    if not all(hasattr(f, method) for method in ("read", "seek", "tell")):
        raise AttributeError(
            f"{type(f).__name__!r} object has no attribute 'seek'. You can only torch.load from a file that "
            "is seekable. Please pre-load the data into a buffer like io.BytesIO and try to load from it "
            "instead."
        )


def get_unsafe_globals_in_checkpoint(f: FileLike) -> list[str]:
    """The names of the classes and functions that a file needs and that are not declared safe.

    Args:
        f: a path, or a file-like object with `read`, `seek` and `tell`.

    >>> import io
    >>> import flambeau as torch
    >>> file = io.BytesIO()
    >>> torch.save([torch.nn.ReLU], file)
    >>> _ = file.seek(0)
    >>> torch.serialization.get_unsafe_globals_in_checkpoint(file)
    ['torch.nn.modules.activation.ReLU']
    """
    if isinstance(f, str | os.PathLike):
        with open(f, "rb") as file:
            return get_unsafe_globals_in_checkpoint(file)
    _check_seekable(f)
    start = f.tell()
    if f.read(4) != _archive.MAGIC:
        raise ValueError("Expected input to be a checkpoint returned by torch.save")
    f.seek(start)
    names = _globals(_archive.Reader(f).read("data.pkl"))
    return [
        f"{module}.{name}"
        for module, name in dict.fromkeys(names)
        if _constructors.look_up(module, name) is None
    ]


def _globals(data: bytes) -> list[tuple[str, str]]:
    """Module and name of everything that a pickle refers to."""
    import pickletools

    found: list[tuple[str, str]] = []
    texts: list[str] = []
    memo: dict[Any, str] = {}
    for code, argument, _ in pickletools.genops(data):
        if code.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            found.append((module, name))
        elif code.name == "STACK_GLOBAL":
            found.append((texts[-2], texts[-1]))
        elif code.name in ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"):
            texts.append(str(argument))
        elif code.name in ("BINPUT", "LONG_BINPUT", "MEMOIZE") and texts:
            memo[len(memo) if code.name == "MEMOIZE" else argument] = texts[-1]
        elif code.name in ("BINGET", "LONG_BINGET") and argument in memo:
            texts.append(memo[argument])
    return found

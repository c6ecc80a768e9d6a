"""Where storages are saved from, and where they come to lie when loaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau import _utils

# A device, its name, a dictionary from names to names, a function of (storage, name), or None.
MapLocation = Any
Tagger = Callable[[Any], str | None]
Deserializer = Callable[[Any, str], Any]


def validate_cuda_device(location: str) -> int:
    """The index of a CUDA device that a file names.

    Raises:
        RuntimeError: there is no such device.
    """
    raise RuntimeError(
        "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If "
        "you are running on a CPU-only machine, please use torch.load with "
        "map_location=torch.device('cpu') to map your storages to the CPU."
    )


def validate_hpu_device(location: str) -> int:
    """The index of an HPU that a file names.

    Raises:
        RuntimeError: always, for there is none.
    """
    raise RuntimeError(
        "The HPU device module is not registered. If you are running on a CPU-only machine, please use torch.load "
        "with map_location=torch.device('cpu') to map your storages to the CPU."
    )


def _is_on(device: str) -> Tagger:
    return lambda storage: device if storage.device.type == device else None


def _to_cpu(storage: Any, location: str) -> Any:
    return storage if location == "cpu" else None


def _to_cuda(storage: Any, location: str) -> Any:
    return validate_cuda_device(location) if location.split(":")[0] == "cuda" else None


def _to_hpu(storage: Any, location: str) -> Any:
    return validate_hpu_device(location) if location.split(":")[0] == "hpu" else None


def _to_meta(storage: Any, location: str) -> Any:
    return _utils.meta_storage(storage.nbytes()) if location == "meta" else None


_registry: list[tuple[int, Tagger, Deserializer]] = [
    (10, _is_on("cpu"), _to_cpu),
    (20, _is_on("cuda"), _to_cuda),
    (22, _is_on("meta"), _to_meta),
    (24, _is_on("hpu"), _to_hpu),
]


def register_package(priority: int, tagger: Tagger, deserializer: Deserializer) -> None:
    """Teaches `save` and `load` about storages in another place.

    Args:
        priority: those with small numbers are asked first; the CPU has 10, CUDA 20.
        tagger: gives a storage's place as a text, or None for one that it does not know.
        deserializer: gives a storage in the place that the text names, or None for a text it does not know.
    """
    _registry.append((priority, tagger, deserializer))
    _registry.sort(key=lambda entry: entry[0])


def location_tag(storage: Any) -> str:
    """The text that stands for a storage's place in a file: `cpu`.

    Raises:
        RuntimeError: no registered package knows it.
    """
    for _, tagger, _ in _registry:
        location = tagger(storage)
        if location:
            return location
    raise RuntimeError(f"don't know how to determine data location of {type(storage).__name__}")


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage in the place that `location` names.

    Raises:
        RuntimeError: there is no such place.
    """
    for _, _, deserializer in _registry:
        result = deserializer(storage, location)
        if result is not None:
            return result
    raise RuntimeError(
        f"don't know how to restore data location of {type(storage).__name__} (tagged with {location}); "
        "Flambeau knows 'cpu'"
    )


def is_meta(map_location: MapLocation) -> bool:
    """Whether everything goes where no memory is, so that no bytes need to be read."""
    import flambeau

    return isinstance(map_location, str | flambeau.device) and str(map_location) == "meta"


def restorer(map_location: MapLocation) -> Deserializer:
    """The function that puts a storage where `map_location` wants it."""
    import flambeau

    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, location: default_restore_location(
            storage, map_location.get(location, location)
        )
    if isinstance(map_location, str | flambeau.device):
        return lambda storage, location: default_restore_location(storage, str(map_location))
    if not callable(map_location):
        raise TypeError(
            f"{type(map_location).__name__!r} object is not callable: map_location must be a device, its "
            "name, a dictionary of names, a function or None"
        )

    def restore(storage: Any, location: str) -> Any:
        mapped = map_location(storage, location)
        return default_restore_location(storage, location) if mapped is None else mapped

    return restore

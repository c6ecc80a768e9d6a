"""How the samples of a batch become tensors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any, TypeAlias

import flambeau

from ...._core import Tensor

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

CollateMap: TypeAlias = dict[Any, Callable[..., Any]]

_ERROR = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
# NumPy's kinds of dtype for bytes, text and objects, which no tensor can hold.
_NOT_NUMERIC = "SUO"


def default_convert(data: Any) -> Any:
    """Turns NumPy arrays, in any nesting of mappings and sequences, into tensors; leaves the rest as it is.

    The collation of a DataLoader with `batch_size=None`.

    Example:
        >>> from flambeau.utils.data import default_convert
        >>> default_convert({"a": (1, "b")})
        {'a': [1, 'b']}
    """
    if isinstance(data, Tensor):
        return data
    if type(data).__module__ == "numpy" and not isinstance(data, (str, bytes)):
        if type(data).__name__ == "ndarray" and data.dtype.kind in _NOT_NUMERIC:
            return data
        return flambeau.as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple):
        converted = [default_convert(item) for item in data]
        return type(data)(*converted) if hasattr(data, "_fields") else converted
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuild_sequence(data, [default_convert(item) for item in data])
    return data


def collate(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Any:
    """Merges samples into a batch, by a table of functions from an element's type to its collation.

    Args:
        batch: samples of one structure.
        collate_fn_map: functions `f(batch, collate_fn_map=...)` by type, or tuple of types; a subclass of a
            key also counts. Mappings, named tuples and sequences that no key covers are collated item by
            item.

    Raises:
        TypeError: a sample is of a type that cannot be collated.
        RuntimeError: the samples are sequences of different lengths.
    """
    elem = batch[0]
    cls = type(elem)
    if collate_fn_map is not None:
        if cls in collate_fn_map:
            return collate_fn_map[cls](batch, collate_fn_map=collate_fn_map)
        for covered in collate_fn_map:
            if isinstance(elem, covered):
                return collate_fn_map[covered](batch, collate_fn_map=collate_fn_map)
    if isinstance(elem, Mapping):
        merged = {
            key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map) for key in elem
        }
        return _rebuild_mapping(elem, merged)
    if isinstance(elem, tuple) and hasattr(elem, "_fields"):
        return cls(*(collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch, strict=False)))
    if isinstance(elem, Sequence):
        columns = [collate(column, collate_fn_map=collate_fn_map) for column in _columns(batch)]
        return columns if isinstance(elem, tuple) else _rebuild_sequence(elem, columns)
    raise TypeError(_ERROR.format(cls))


def default_collate(batch: Sequence[Any]) -> Any:
    """Merges samples into a batch: the collation of a DataLoader with batches.

    Tensors are stacked along a new dimension 0; NumPy arrays, numbers and bools become tensors (floats:
    float64); strings and bytes stay as they are; mappings, named tuples and sequences are collated item by
    item (a tuple becomes a list). Entries of `default_collate_fn_map` extend or replace this.

    Example:
        >>> from flambeau.utils.data import default_collate
        >>> default_collate([{"x": 1, "name": "a"}, {"x": 2, "name": "b"}])
        {'x': tensor([1, 2]), 'name': ['a', 'b']}
    """
    cls = type(batch[0])
    if (cls is tuple or cls is list) and _is_untouched():
        return [_collate_column(column) for column in _columns(batch)]
    if cls not in default_collate_fn_map and _is_numpy(cls):
        _learn_numpy()
    return collate(batch, collate_fn_map=default_collate_fn_map)


def _collate_column(column: Sequence[Any]) -> Any:
    if type(column[0]) is Tensor:
        return flambeau.stack(column)
    return default_collate(column)


def _columns(batch: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The i-th items of all samples, for each i."""
    size = len(batch[0])
    if len(batch) > 1 and any(len(sample) != size for sample in batch):
        raise RuntimeError(
            "each element in list of batch should be of equal size; "
            f"the sizes are {sorted({len(sample) for sample in batch})}"
        )
    return list(zip(*batch, strict=False))


def _rebuild_mapping(like: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """A mapping of the type of `like`, with its further attributes where it is mutable, or else a dict."""
    if type(like) is dict:
        return items
    try:
        if isinstance(like, MutableMapping):
            clone = copy.copy(like)
            clone.update(items)
            return clone
        return type(like)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _rebuild_sequence(like: Sequence[Any], items: list[Any]) -> Any:
    """A sequence of the type of `like`, with its further attributes where it is mutable, or else a list."""
    if type(like) is list:
        return items
    try:
        if isinstance(like, MutableSequence):
            clone = copy.copy(like)
            for i, item in enumerate(items):
                clone[i] = item
            return clone
        return type(like)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _collate_tensors(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Any:
    return flambeau.stack(batch)


def _collate_arrays(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Any:
    if batch[0].dtype.kind in _NOT_NUMERIC:
        raise TypeError(_ERROR.format(batch[0].dtype))
    return collate([flambeau.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def _collate_numpy_scalars(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Any:
    return flambeau.as_tensor(batch)


def _collate_floats(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Any:
    return flambeau.tensor(batch, dtype=flambeau.float64)


def _collate_ints(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Any:
    return flambeau.tensor(batch)


def _collate_strings(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Any:
    return batch


default_collate_fn_map: CollateMap = {
    Tensor: _collate_tensors,
    float: _collate_floats,
    int: _collate_ints,
    str: _collate_strings,
    bytes: _collate_strings,
}
_known_entries = len(default_collate_fn_map)


def _is_untouched() -> bool:
    """Whether nobody has added an entry to the table, or replaced that of tensors."""
    return (
        len(default_collate_fn_map) == _known_entries and default_collate_fn_map[Tensor] is _collate_tensors
    )


def _is_numpy(cls: type) -> bool:
    """Whether a type is NumPy's own or derived from one."""
    return any(base.__module__.partition(".")[0] == "numpy" for base in cls.__mro__)


def _learn_numpy() -> None:
    """Enters NumPy's types into the table once one is met: importing NumPy takes longer than all the rest."""
    global _known_entries
    import numpy as np

    entries: Iterable[tuple[Any, Callable[..., Any]]] = (
        (np.ndarray, _collate_arrays),
        ((np.bool_, np.number, np.object_), _collate_numpy_scalars),
    )
    for key, function in entries:
        if key not in default_collate_fn_map:
            default_collate_fn_map[key] = function
            _known_entries += 1

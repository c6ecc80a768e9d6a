"""How a loader gets the samples of a batch from its dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import flambeau

from ...._core import Tensor
from ..dataset import TensorDataset
from .collate import _is_untouched, default_collate

__all__ = ["batches_of_map", "batches_of_stream", "samples_of_map", "samples_of_stream"]

Collate = Callable[[Any], Any]


def samples_of_map(dataset: Any, collate_fn: Collate) -> Callable[[Any], Any]:
    """Fetches one sample by its index: loading without batches."""

    def fetch(index: Any) -> Any:
        return collate_fn(dataset[index])

    return fetch


def batches_of_map(dataset: Any, collate_fn: Collate) -> Callable[[Any], Any]:
    """Fetches the samples of a list of indices and collates them."""
    if type(dataset) is TensorDataset and collate_fn is default_collate:
        return _batches_of_tensors(dataset)
    get_many = getattr(dataset, "__getitems__", None)
    if get_many:

        def fetch_at_once(indices: Sequence[Any]) -> Any:
            return collate_fn(get_many(indices))

        return fetch_at_once

    def fetch(indices: Sequence[Any]) -> Any:
        return collate_fn([dataset[i] for i in indices])

    return fetch


def _batches_of_tensors(dataset: TensorDataset) -> Callable[[Any], Any]:
    """Rows gathered at once from each tensor: what stacking them one by one gives."""

    def fetch(indices: Sequence[Any]) -> Any:
        if (
            type(indices) is list
            and _is_untouched()
            and all(type(tensor) is Tensor for tensor in dataset.tensors)
        ):
            try:
                rows = flambeau.tensor(indices)
                if rows.dtype == flambeau.int64 and rows.dim() == 1:
                    return [tensor.index_select(0, rows) for tensor in dataset.tensors]
            except (IndexError, TypeError, ValueError):
                pass  # not plain indices from 0 on: one by one, they are served, or named in the error
        return default_collate([dataset[i] for i in indices])

    return fetch


def samples_of_stream(dataset: Any, collate_fn: Collate) -> Callable[[Any], Any]:
    """Takes the next sample of a stream: loading without batches."""
    stream: Iterator[Any] = iter(dataset)

    def fetch(_: Any) -> Any:
        return collate_fn(next(stream))

    return fetch


def batches_of_stream(dataset: Any, collate_fn: Collate, drop_last: bool) -> Callable[[Any], Any]:
    """Takes as many samples of a stream as there are indices, fewer at its end, and collates them."""
    stream: Iterator[Any] = iter(dataset)
    ended = False

    def fetch(indices: Sequence[Any]) -> Any:
        nonlocal ended
        if ended:
            raise StopIteration
        samples = [sample for _, sample in zip(indices, stream, strict=False)]
        ended = len(samples) < len(indices)
        if not samples or (ended and drop_last):
            raise StopIteration
        return collate_fn(samples)

    return fetch

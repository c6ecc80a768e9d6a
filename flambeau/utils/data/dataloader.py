"""The DataLoader: batches of a dataset, in the order of a sampler."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Generic, TypeVar

import flambeau

from ._utils.collate import default_collate, default_convert
from ._utils.fetch import batches_of_map, batches_of_stream, samples_of_map, samples_of_stream
from ._utils.worker import get_worker_info
from .dataset import Dataset, IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

T_co = TypeVar("T_co", covariant=True)

_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


class _EndlessSampler(Sampler[None]):
    """Stands in for a sampler where the dataset, a stream, decides on the order."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[T_co]):
    """Iterates over a dataset in batches.

    Args:
        dataset: a map-style dataset (`__getitem__`, `__len__`) or an `IterableDataset`.
        batch_size: samples in a batch; None gives single samples, not collated.
        shuffle: visit the samples in a new random order each time.
        sampler: the order of indices, any iterable; not together with `shuffle`.
        batch_sampler: an iterable of lists of indices, in place of `batch_size`, `shuffle`, `sampler` and
            `drop_last`.
        num_workers: processes that load batches ahead; 0: batches are made in this process.
        collate_fn: merges a list of samples into a batch; `default_collate`, or without batches
            `default_convert`.
        pin_memory: copy batches into pinned memory where there is an accelerator.
        drop_last: leave out a last batch that is not full.
        timeout: seconds to wait for a worker's batch.
        worker_init_fn: called in each worker with its id.
        multiprocessing_context: how workers are started.
        generator: source of randomness of `shuffle` and of the workers' seeds; the default generator if None.
        prefetch_factor: batches that each worker loads ahead.
        persistent_workers: keep the workers from one iteration to the next.
        pin_memory_device: deprecated, ignored.
        in_order: return batches in the order of the sampler.

    Raises:
        ValueError: options contradict each other or are out of their range.
        RuntimeError: while iterating: a worker died, or was not ready within `timeout`.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.utils.data import DataLoader, TensorDataset
        >>> for x, y in DataLoader(TensorDataset(torch.arange(5), torch.arange(5) * 2), batch_size=3):
        ...     print(x, y)
        tensor([0, 1, 2]) tensor([0, 2, 4])
        tensor([3, 4]) tensor([6, 8])
    """

    dataset: Any
    batch_size: int | None
    num_workers: int
    pin_memory: bool
    drop_last: bool
    timeout: float
    sampler: Any
    batch_sampler: Any
    pin_memory_device: str
    prefetch_factor: int | None
    _initialized = False

    def __init__(
        self,
        dataset: Dataset[T_co],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: Any = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self._context = _context(multiprocessing_context)
        self.in_order = in_order
        self._is_stream = isinstance(dataset, IterableDataset)
        if self._is_stream:
            _check_stream_order(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
                    "drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError(
                "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
            )
        if sampler is None:
            if self._is_stream:
                sampler = _EndlessSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)  # type: ignore[arg-type]
            else:
                sampler = SequentialSampler(dataset)  # type: ignore[arg-type]
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_convert if batch_sampler is None else default_collate
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self._initialized = True
        self._reported_length: int | None = None
        self._iterator: _WorkersIterator | None = None
        self.check_worker_number_rationality()

    def __setattr__(self, name: str, value: Any) -> None:
        if self._initialized and name in _FIXED:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __iter__(self) -> Any:
        if not self.persistent_workers:
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = _WorkersIterator(self)
        else:
            self._iterator.restart(self)
        return self._iterator

    def _get_iterator(self) -> _LoaderIterator:
        return _WorkersIterator(self) if self.num_workers > 0 else _LoaderIterator(self)

    def __len__(self) -> int:
        if not self._is_stream:
            return len(self._index_sampler)
        length = self._reported_length = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    @property
    def multiprocessing_context(self) -> Any:
        """How workers are started."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None and self.num_workers == 0:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
                f"but got num_workers={self.num_workers}"
            )
        self._context = _context(context)

    def check_worker_number_rationality(self) -> None:
        """Warns about more workers than CPUs that this process may use."""
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if self.num_workers > cpus:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested "
                "max "
                f"number of worker in current system is {cpus}, which is smaller than what this DataLoader "
                "is "
                "going to create. Please be aware that excessive worker creation might get DataLoader "
                "running "
                "slow or even freeze, lower the worker number to avoid potential slowness/freeze if "
                "necessary.",
                stacklevel=3,
            )

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler


class _LoaderIterator:
    """One pass over a loader, in this process."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        if loader.pin_memory:
            _warn_about_pinning(loader.pin_memory_device)
        self._dataset = loader.dataset
        self._index_sampler = loader._index_sampler
        self._indices = iter(self._index_sampler)
        # Drawn even where there is no worker to seed: PyTorch does, and programs count on its random stream.
        self._base_seed = flambeau.empty((), dtype=flambeau.int64).random_(generator=loader.generator).item()
        self._num_yielded = 0
        self._reported_length = loader._reported_length
        self._prepare(loader)

    def _prepare(self, loader: DataLoader[Any]) -> None:
        if loader.timeout != 0:
            raise AssertionError(
                "loading in this process requires timeout == 0: there is no worker to wait for"
            )
        self._fetch = _fetch_maker(loader)()

    def __iter__(self) -> _LoaderIterator:
        return self

    def __next__(self) -> Any:
        batch = self._fetch(next(self._indices))
        self._num_yielded += 1
        if self._reported_length is not None:
            self._warn_if_longer_than(self._reported_length)
        return batch

    def __len__(self) -> int:
        return len(self._index_sampler)

    def _warn_if_longer_than(self, reported: int) -> None:
        if self._num_yielded > reported:
            warnings.warn(
                f"Length of IterableDataset {self._dataset} was reported to be {reported}"
                f"(when accessing len(dataloader)), but {self._num_yielded} samples have been fetched. Where "
                "there "
                "are several workers, each has the whole dataset unless it asks get_worker_info() for its "
                "share.",
                stacklevel=3,
            )

    def __getstate__(self) -> Any:
        raise NotImplementedError("{} cannot be pickled", type(self).__name__)


class _WorkersIterator(_LoaderIterator):
    """Passes over a loader whose batches other processes make."""

    def _prepare(self, loader: DataLoader[Any]) -> None:
        from ._utils.multiprocess import WorkerPool

        self._persistent = loader.persistent_workers
        self._pool = WorkerPool(
            loader.multiprocessing_context,
            loader.num_workers,
            _fetch_maker(loader),
            loader.dataset,
            int(self._base_seed),
            loader.worker_init_fn,
            prefetch=loader.prefetch_factor or 0,
            timeout=loader.timeout,
            in_order=loader.in_order,
        )
        self._pool.start(self._indices.__next__)

    def restart(self, loader: DataLoader[Any]) -> None:
        """Begins another pass with the same workers."""
        self._indices = iter(self._index_sampler)
        self._num_yielded = 0
        self._reported_length = loader._reported_length
        self._pool.start(self._indices.__next__)

    def __next__(self) -> Any:
        try:
            batch = self._pool.next()
        except StopIteration:
            if not self._persistent:
                self._pool.close()
            raise
        self._num_yielded += 1
        if self._reported_length is not None:
            self._warn_if_longer_than(self._reported_length)
        return batch


def _fetch_maker(loader: DataLoader[Any]) -> Callable[[], Callable[[Any], Any]]:
    """What makes the function that fetches samples; it can be sent to a worker."""
    if not loader._is_stream:
        make = batches_of_map if loader._auto_collation else samples_of_map
        return partial(make, loader.dataset, loader.collate_fn)
    if loader._auto_collation:
        return partial(batches_of_stream, loader.dataset, loader.collate_fn, loader.drop_last)
    return partial(samples_of_stream, loader.dataset, loader.collate_fn)


def _context(context: Any) -> Any:
    if context is None:
        return None
    from ._utils.multiprocess import context_of

    return context_of(context)


def _check_workers(
    num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool, context: Any
) -> None:
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if context is not None and num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), "
            f"but got num_workers={num_workers}"
        )


def _check_stream_order(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    prefix = "DataLoader with IterableDataset: expected unspecified"
    if shuffle not in (False, None):
        raise ValueError(f"{prefix} shuffle option, but got shuffle={shuffle}")
    if sampler is not None:
        raise ValueError(f"{prefix} sampler option, but got sampler={sampler}")
    if batch_sampler is not None:
        raise ValueError(f"{prefix} batch_sampler option, but got batch_sampler={batch_sampler}")


def _warn_about_pinning(device: str) -> None:
    if device:
        warnings.warn(
            "pin_memory_device is deprecated, the current accelerator will be used as the device,"
            f"ignore pin_memory_device='{device}'.",
            stacklevel=5,
        )
    warnings.warn(
        "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't "
        "be used.",
        stacklevel=5,
    )

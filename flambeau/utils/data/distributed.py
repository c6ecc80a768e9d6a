"""A sampler that gives each of several processes its share of a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flambeau

from .sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """Every `num_replicas`-th index from `rank` on, in an order that all processes share.

    Where the dataset does not divide evenly, indices from the start are repeated, or (`drop_last`) the rest
    is left out.

    Args:
        dataset: what is sampled; only its length counts.
        num_replicas: number of processes.
        rank: which of them this one is, from 0.
        shuffle: use a new random order for each epoch (see `set_epoch`).
        seed: of the shuffling; the same in all processes.
        drop_last: leave out what does not divide evenly.

    Raises:
        RuntimeError: `num_replicas` or `rank` is not given, and there is no distributed package to ask.
        ValueError: `rank` is not below `num_replicas`.

    Example:
        >>> from flambeau.utils.data import DistributedSampler
        >>> list(DistributedSampler(range(5), num_replicas=2, rank=1, shuffle=False))
        [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Any,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise RuntimeError(
                "Requires distributed package to be available; without it, give num_replicas and rank"
            )
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.num_samples = len(dataset) // num_replicas if drop_last else -(-len(dataset) // num_replicas)
        self.total_size = self.num_samples * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        if self.shuffle:
            generator = flambeau.Generator()
            generator.manual_seed(self.seed + self.epoch)
            order = flambeau.randperm(count, generator=generator).tolist()
        else:
            order = list(range(count))
        if count:
            order *= -(-self.total_size // count)
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch, which with the seed decides on the order; call it before each pass."""
        self.epoch = epoch

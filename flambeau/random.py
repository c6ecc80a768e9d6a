"""The seed and state of the default random number generator."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from flambeau._core import Generator, Tensor, default_generator, device

__all__ = ["fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


def manual_seed(seed: int) -> Generator:
    """Restarts the default generator's sequence at that of a seed; returns the generator.

    The same seed gives the numbers that PyTorch gives on a CPU.

    Args:
        seed: from -2**63 to 2**64 - 1; a negative one stands for its two's complement

    >>> import flambeau as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randperm(5).tolist()
    [4, 0, 1, 3, 2]
    """
    return default_generator.manual_seed(int(seed))


def seed() -> int:
    """Restarts the default generator's sequence at an unpredictable seed; returns the seed."""
    return default_generator.seed()


def initial_seed() -> int:
    """Returns the seed of the default generator's sequence."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """Returns the default generator's state, a uint8 tensor for :func:`set_rng_state`, and PyTorch's.

    >>> import flambeau as torch
    >>> state = torch.get_rng_state()
    >>> first = torch.rand(3)
    >>> torch.set_rng_state(state)
    >>> torch.equal(torch.rand(3), first)
    True
    """
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Lets the default generator continue where a state was taken with :func:`get_rng_state`."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(
    devices: Iterable[object] | None = None, enabled: bool = True, device_type: str | None = None
) -> Iterator[None]:
    """Gives the default generator the state back, on leaving, that it has on entering.

    Args:
        devices: accelerators whose generators are to be kept too; there are none
        enabled: False makes this do nothing
        device_type: the type of the devices; default: 'cuda'

    Raises:
        AssertionError: if there are devices, as none is there.

    >>> import flambeau as torch
    >>> _ = torch.manual_seed(0)
    >>> with torch.random.fork_rng():
    ...     inside = torch.rand(3)
    >>> torch.equal(torch.rand(3), inside)
    True
    """
    kind = device("cuda" if device_type is None else device_type).type
    if not enabled:
        yield
        return
    if devices is not None and kind != "cpu" and list(devices):
        raise AssertionError(f"Torch not compiled with {kind.upper()} enabled")
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)


def _restored(state: Tensor) -> Generator:
    """Returns a generator with the given state; pickled generators name this function."""
    generator = Generator()
    generator.set_state(state)
    return generator

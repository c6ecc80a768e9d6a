"""Streams and events of any device; this build has the CPU alone, on which work is done when a call returns."""

from __future__ import annotations

from typing import Any

from flambeau import _core

__all__ = ["Event", "Stream"]

_NO_EVENTS = "cpu backend doesn't support events."


def _cpu(device: Any) -> _core.device:
    found = _core.device("cpu") if device is None else _core.device(device)
    if found.type != "cpu":
        raise RuntimeError(f"PyTorch is not linked with support for {found.type} devices")
    return found


class Stream:
    """A queue of work of a device; on the CPU there is one, and nothing waits in it.

    Args:
        device: 'cpu'; others are not there
        priority: of the work, where devices have such

    >>> import flambeau as torch
    >>> torch.Stream("cpu").query()
    True
    """

    stream_id = 0
    device_index = -1
    device_type = 0

    def __init__(self, device: Any = None, *, priority: int = 0) -> None:
        self.device = _cpu(device)

    def query(self) -> bool:
        """Whether all work is done: True."""
        return True

    def synchronize(self) -> None:
        """Waits until all work is done, which it is."""

    def wait_event(self, event: Event) -> None:
        """Waits for an event, which has happened."""

    def wait_stream(self, stream: Stream) -> None:
        """Waits for another stream, by an event.

        Raises:
            RuntimeError: always, as the CPU has no events.
        """
        raise RuntimeError(_NO_EVENTS)

    def record_event(self, event: Event | None = None) -> Event:
        """Marks a point in the stream.

        Raises:
            RuntimeError: always, as the CPU has no events.
        """
        raise RuntimeError(_NO_EVENTS)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and other.device == self.device

    def __hash__(self) -> int:
        return hash((type(self), self.device))

    def __repr__(self) -> str:
        return "torch.Stream device_type=cpu, device_index=-1, stream_id=0"


class Event:
    """A point in a stream; on the CPU it cannot be recorded, and every wait for it is over.

    Args:
        device: 'cpu'; others are not there
        enable_timing: whether :meth:`elapsed_time` may be asked
        blocking: whether :meth:`synchronize` sleeps
        interprocess: whether other processes may wait
    """

    event_id = 0

    def __init__(
        self,
        device: Any = None,
        *,
        enable_timing: bool = False,
        blocking: bool = False,
        interprocess: bool = False,
    ) -> None:
        self.device = _cpu(device)
        self._timed = enable_timing

    def query(self) -> bool:
        """Whether it has happened: True."""
        return True

    def synchronize(self) -> None:
        """Waits until it has happened, which it has."""

    def wait(self, stream: Stream | None = None) -> None:
        """Lets a stream wait for it, which has happened."""

    def record(self, stream: Stream | None = None) -> None:
        """Marks a point in a stream.

        Raises:
            RuntimeError: always, as the CPU has no events.
        """
        raise RuntimeError(_NO_EVENTS)

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds between two events.

        Raises:
            ValueError: if the events were made without `enable_timing`.
            RuntimeError: otherwise, as the CPU has no events.
        """
        if not (self._timed and end_event._timed):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        raise RuntimeError(_NO_EVENTS)

    def __repr__(self) -> str:
        return f"torch.Event device_type=cpu, device_index=-1, event_flag={int(self._timed)}, event_id=0"

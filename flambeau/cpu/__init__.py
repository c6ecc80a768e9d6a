"""The CPU, asked as an accelerator would be: one device, one stream, nothing to wait for."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from flambeau._submodules import submodules

__all__ = [
    "Event",
    "Stream",
    "StreamContext",
    "current_device",
    "current_stream",
    "device_count",
    "is_available",
    "is_initialized",
    "set_device",
    "stream",
    "synchronize",
]


def is_available() -> bool:
    """Whether the CPU can be used: True."""
    return True


def is_initialized() -> bool:
    """Whether the CPU was initialised: True."""
    return True


def device_count() -> int:
    """How many CPU devices there are: one."""
    return 1


def current_device() -> str:
    """The current device: 'cpu'."""
    return "cpu"


def set_device(device: Any) -> None:
    """Chooses the device; there is only one."""


def synchronize(device: Any = None) -> None:
    """Waits for the work of the device; a call here returns when its work is done."""


class Stream:
    """A queue of work; every stream of the CPU works at once."""

    def __init__(self, priority: int = -1) -> None:
        pass

    def wait_stream(self, stream: Any) -> None:
        """Waits for the work of another stream, which is done."""

    def record_event(self) -> None:
        """Marks a point in the stream."""

    def wait_event(self, event: Any) -> None:
        """Waits for an event, which has happened."""


class Event:
    """A point in a stream; on the CPU it has happened as soon as it is recorded."""

    def query(self) -> bool:
        """Whether it has happened: True."""
        return True

    def record(self, stream: Any = None) -> None:
        """Marks a point in a stream."""

    def synchronize(self) -> None:
        """Waits for it, which has happened."""

    def wait(self, stream: Any = None) -> None:
        """Lets a stream wait for it, which has happened."""


_stream = Stream()


def current_stream(device: Any = None) -> Stream:
    """The current stream of the device."""
    return _stream


class StreamContext:
    """A block on a stream."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self._before: Any = None

    def __enter__(self) -> None:
        global _stream
        if self.stream is not None:
            self._before, _stream = _stream, self.stream

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _stream
        if self.stream is not None:
            _stream = self._before


def stream(stream: Any) -> StreamContext:
    """A block on a stream."""
    return StreamContext(stream)


__getattr__ = submodules(__name__, ("amp",))

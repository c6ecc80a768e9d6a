"""A value that is computed elsewhere, and callbacks for when it is there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["Future", "collect_all", "wait_all"]

T = TypeVar("T")
S = TypeVar("S")


class Future(Generic[T]):
    """A value, or an exception, that some thread will set.

    Args:
        devices: accelerators whose work the value may wait for; there are none here

    >>> import flambeau as torch
    >>> future = torch.futures.Future()
    >>> later = future.then(lambda done: done.value() + 1)
    >>> future.set_result(3)
    >>> later.wait()
    4
    """

    def __init__(self, *, devices: list[Any] | None = None) -> None:
        if devices:
            raise RuntimeError("Cannot access accelerator device when none is available.")
        self._condition = threading.Condition()
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future[T]], None]] = []

    def done(self) -> bool:
        """Whether a value or an exception was set."""
        return self._done

    def wait(self) -> T:
        """Waits for the value; raises the exception if one was set."""
        with self._condition:
            self._condition.wait_for(lambda: self._done)
        return self.value()

    def value(self) -> T:
        """The value; raises the exception if one was set.

        Raises:
            RuntimeError: if neither was set yet.
        """
        if not self._done:
            raise RuntimeError("value() of a Future that is not done: call wait()")
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[no-any-return]

    def _complete(self, value: Any, error: BaseException | None) -> None:
        with self._condition:
            if self._done:
                raise RuntimeError(
                    "Attempting to mark a completed Future as complete again. Note that a Future can only be "
                    "marked completed once."
                )
            self._value, self._error, self._done = value, error, True
            callbacks, self._callbacks = self._callbacks, []
            self._condition.notify_all()
        for callback in callbacks:
            callback(self)

    def set_result(self, result: T) -> None:
        """Sets the value and runs the callbacks.

        Raises:
            RuntimeError: if the future is done already.
        """
        self._complete(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Sets an exception, which :meth:`wait` raises."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._complete(None, result)

    def add_done_callback(self, callback: Callable[[Future[T]], None]) -> None:
        """Calls `callback` with the future once it is done, at once if it is."""
        with self._condition:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback: Callable[[Future[T]], S]) -> Future[S]:
        """A future of what `callback` returns for this one once it is done, or raises."""
        following: Future[S] = Future()

        def run(done: Future[T]) -> None:
            try:
                result = callback(done)
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
                failure = RuntimeError(f"Got the following error when running the callback: {said}")
                failure.__cause__ = error
                following.set_exception(failure)
            else:
                following.set_result(result)

        self.add_done_callback(run)
        return following


def collect_all(futures: list[Future[Any]]) -> Future[list[Future[Any]]]:
    """A future of the list of futures, done when all of them are."""
    everything: Future[list[Future[Any]]] = Future()
    lock = threading.Lock()
    left = len(futures)

    def count(_: Future[Any]) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            everything.set_result(futures)

    if not futures:
        everything.set_result([])
    for future in futures:
        future.add_done_callback(count)
    return everything


def wait_all(futures: list[Future[Any]]) -> list[Any]:
    """The values of all futures, once they are there."""
    return [future.wait() for future in collect_all(futures).wait()]

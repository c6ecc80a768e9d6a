"""What a loader's worker process does, and what it knows of itself."""

from __future__ import annotations

import os
import random
import sys
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import flambeau

__all__ = ["Exhausted", "Job", "Request", "WorkerError", "WorkerInfo", "get_worker_info", "run_worker"]

# Seconds after which an idle worker looks whether its parent is still there.
_PARENT_CHECK = 5.0


class WorkerInfo(NamedTuple):
    """A worker's place among the others, its seed and its copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Returns the information about the worker process that calls, or None in the main process.

    Example:
        >>> from flambeau.utils.data import get_worker_info
        >>> get_worker_info() is None
        True
    """
    return _worker_info


class Exhausted(NamedTuple):
    """The reply of a worker whose stream has ended."""


class Request(NamedTuple):
    """Asks a worker for the samples of some indices, or (restart) to begin anew, which it does not answer."""

    indices: Any
    restart: bool = False


class _Message(str):
    """The message of a KeyError, which would show its repr, all on one line."""

    def __repr__(self) -> str:
        return str(self)


class WorkerError(NamedTuple):
    """The reply of a worker in which an exception was raised."""

    type: type[BaseException]
    text: str

    def reraise(self) -> None:
        try:
            error = self.type(_Message(self.text) if self.type is KeyError else self.text)
        except Exception:  # its constructor takes something else than a message
            error = RuntimeError(self.text)
        raise error from None


class Job(NamedTuple):
    """What a worker is started with."""

    info: WorkerInfo
    make_fetch: Callable[[], Callable[[Any], Any]]
    base_seed: int
    init_fn: Callable[[int], None] | None


def run_worker(connection: Any, inherited: list[Any], job: Job) -> None:
    """Serves the indices that come through `connection` until its other end is closed.

    Args:
        connection: to the main process.
        inherited: connections of the main process that a fork has copied; held open here, they would hide its
            end.
        job: what to do.
    """
    from .transfer import send

    global _worker_info
    for other in inherited:
        other.close()
    _worker_info = job.info
    parent = os.getppid()
    try:
        _seed(job)
        fetch = _guarded(lambda: _start(job), job.info.id)
        while (request := _next_request(connection, parent)) is not None:
            if request.restart:
                fetch = _guarded(job.make_fetch, job.info.id)
                continue
            reply = fetch(request.indices)
            try:
                send(connection, reply)
            except (AttributeError, TypeError, ValueError) as error:  # what pickling raises
                send(connection, _describe(error, job.info.id))
            if isinstance(reply, Exhausted):
                fetch = _always(reply)
    except (KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        pass  # the main process is told of it, or is gone, itself


def _next_request(connection: Any, parent: int) -> Request | None:
    try:
        while not connection.poll(_PARENT_CHECK):
            if os.getppid() != parent:
                return None
        request: Request = connection.recv()
        return request
    except EOFError:
        return None


def _start(job: Job) -> Callable[[Any], Any]:
    if job.init_fn is not None:
        job.init_fn(job.info.id)
    return job.make_fetch()


def _guarded(make_fetch: Callable[[], Callable[[Any], Any]], worker: int) -> Callable[[Any], Any]:
    """The function that fetches samples, replying with what goes wrong."""
    try:
        fetch = make_fetch()
    except Exception as error:
        return _always(_describe(error, worker))

    def serve(indices: Any) -> Any:
        try:
            return fetch(indices)
        except StopIteration:
            return Exhausted()
        except Exception as error:
            return _describe(error, worker)

    return serve


def _always(reply: Any) -> Callable[[Any], Any]:
    return lambda _: reply


def _describe(error: Exception, worker: int) -> WorkerError:
    cls = type(error)
    text = "".join(traceback.format_exception(cls, error, error.__traceback__))
    message = f"Caught {cls.__name__} in DataLoader worker process {worker}.\nOriginal {text}"
    known = getattr(sys.modules.get(cls.__module__), cls.__qualname__, None) is cls
    return WorkerError(cls if known else RuntimeError, message)  # a class in a function cannot be pickled


def _seed(job: Job) -> None:
    flambeau.set_num_threads(1)
    random.seed(job.info.seed)
    flambeau.manual_seed(job.info.seed)
    if "numpy" in sys.modules:
        import numpy as np

        # Mixed, since NumPy's generator and Python's are the same algorithm.
        entropy = [job.info.id, job.base_seed & 0xFFFFFFFF, job.base_seed >> 32, 0]
        np.random.seed(np.random.SeedSequence(entropy).generate_state(4))

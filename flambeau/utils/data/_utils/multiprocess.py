"""One pass over a loader whose batches are made in other processes.

Every worker has a connection of its own and answers requests in order, so the next batch of the loader is the
next message from the worker that was asked for it: no queue has to put batches back in order.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

from .transfer import receive
from .worker import Exhausted, Job, Request, WorkerError, WorkerInfo, run_worker

__all__ = ["WorkerPool", "context_of"]

# Seconds that a worker is given to finish what it is doing before it is terminated.
_PATIENCE = 5.0


def context_of(context: Any) -> Any:
    """The multiprocessing context that a loader's option names."""
    if isinstance(context, str):
        known = multiprocessing.get_all_start_methods()
        if context not in known:
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {known!r}, but got "
                f"multiprocessing_context={context!r}"
            )
        return multiprocessing.get_context(context)
    if context is not None and not isinstance(context, multiprocessing.context.BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the "
            "start "
            f"method, but got multiprocessing_context={context}"
        )
    return context


class _Worker:
    """A process, its connection, and whether it has more to give."""

    def __init__(self, context: Any, job: Job, others: list[Connection]) -> None:
        self.connection, theirs = context.Pipe()
        inherited = [*others, self.connection] if context.get_start_method() == "fork" else []
        self.process = context.Process(target=run_worker, args=(theirs, inherited, job), daemon=True)
        self.process.start()
        theirs.close()
        self.exhausted = False

    def ask(self, request: Request) -> None:
        try:
            self.connection.send(request)
        except (BrokenPipeError, ConnectionResetError):
            self._fail()

    def reply(self, deadline: float | None, timeout: float) -> Any:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if left is not None and not wait([self.connection, self.process.sentinel], left):
            raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
        try:
            return receive(self.connection)
        except (EOFError, ConnectionResetError):
            self._fail()

    def _fail(self) -> Any:
        self.process.join(_PATIENCE)
        raise RuntimeError(
            f"DataLoader worker (pid(s) {self.process.pid}) exited unexpectedly, with exit code "
            f"{self.process.exitcode}; a negative one is the signal that ended it"
        )

    def stop(self) -> None:
        self.connection.close()

    def wait_for_end(self) -> None:
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()


class WorkerPool:
    """The workers of a loader, and the requests that they have not answered yet.

    Args:
        context: of multiprocessing; the default one if None.
        count: number of workers.
        make_fetch: makes, in each worker, the function that fetches the samples of some indices.
        dataset: what `get_worker_info` shows.
        base_seed: worker i is seeded with `base_seed + i`.
        init_fn: called in each worker with its number.
        prefetch: requests that a worker is given ahead.
        timeout: seconds to wait for a batch; 0: any time.
        in_order: whether batches come in the order of their indices.
    """

    def __init__(
        self,
        context: Any,
        count: int,
        make_fetch: Callable[[], Callable[[Any], Any]],
        dataset: Any,
        base_seed: int,
        init_fn: Callable[[int], None] | None,
        prefetch: int,
        timeout: float,
        in_order: bool,
    ) -> None:
        self._timeout = timeout
        self._in_order = in_order
        self._prefetch = prefetch
        self._owner = os.getpid()
        self._workers: list[_Worker] = []
        self._asked: deque[_Worker] = deque()
        context = context or multiprocessing.get_context()
        for i in range(count):
            job = Job(WorkerInfo(i, count, base_seed + i, dataset), make_fetch, base_seed, init_fn)
            others = [worker.connection for worker in self._workers]
            self._workers.append(_Worker(context, job, others))

    def start(self, next_indices: Callable[[], Any]) -> None:
        """Begins a pass over the indices that `next_indices` gives until it raises StopIteration."""
        while self._asked:
            self._asked.popleft().reply(None, 0)  # of a pass that was left early
        for worker in self._workers:
            if worker.exhausted or self._turn is not None:
                worker.ask(Request(None, restart=True))
            worker.exhausted = False
        self._next_indices = next_indices
        self._turn = 0
        for _ in range(self._prefetch * len(self._workers)):
            self._ask_next()

    _turn: int | None = None

    def _ask_next(self) -> None:
        """Gives the next indices to the worker whose turn it is."""
        try:
            indices = self._next_indices()
        except StopIteration:
            return
        count, turn = len(self._workers), self._turn or 0
        for i in range(turn, turn + count):
            worker = self._workers[i % count]
            if not worker.exhausted:
                self._turn = (i + 1) % count
                worker.ask(Request(indices))
                self._asked.append(worker)
                return

    def next(self) -> Any:
        """Returns the next batch; raises StopIteration at the end, and what was raised in a worker."""
        deadline = time.monotonic() + self._timeout if self._timeout > 0 else None
        while self._asked:
            worker = self._take_asked()
            reply = worker.reply(deadline, self._timeout)
            if isinstance(reply, Exhausted):
                worker.exhausted = True
                self._ask_next()
                continue
            self._ask_next()
            if isinstance(reply, WorkerError):
                reply.reraise()
            return reply
        raise StopIteration

    def _take_asked(self) -> _Worker:
        if self._in_order:
            return self._asked.popleft()
        asked = {worker.connection: worker for worker in self._asked}
        ready = wait(list(asked), self._timeout or None)
        worker = asked[ready[0]] if ready else self._asked[0]
        self._asked.remove(worker)
        return worker

    def close(self) -> None:
        """Ends the workers."""
        workers, self._workers = self._workers, []
        self._asked.clear()
        for worker in workers:
            worker.stop()
        if os.getpid() == self._owner:  # a forked copy of this object has no children
            for worker in workers:
                worker.wait_for_end()

    def __del__(self) -> None:
        self.close()

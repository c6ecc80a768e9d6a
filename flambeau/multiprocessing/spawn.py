"""One function in several processes, whose errors come back to the caller."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

__all__ = [
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "spawn",
    "start_processes",
]


class ProcessException(Exception):
    """A process failed."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg = msg
        self.error_index = error_index
        self.pid = pid

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid)


class ProcessRaisedException(ProcessException):
    """A process ended with an exception."""


class ProcessExitedException(ProcessException):
    """A process ended with a signal or an exit code."""

    def __init__(
        self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None
    ) -> None:
        super().__init__(msg, error_index, error_pid)
        self.exit_code = exit_code
        self.signal_name = signal_name

    def __reduce__(self) -> Any:
        return type(self), (self.msg, self.error_index, self.pid, self.exit_code, self.signal_name)


def _run(fn: Callable[..., None], index: int, args: tuple[Any, ...], errors: Any) -> None:
    try:
        fn(index, *args)
    except KeyboardInterrupt:
        pass  # the parent was interrupted too, and says so
    except Exception:
        errors.put(traceback.format_exc())
        sys.exit(1)


class ProcessContext:
    """The processes that :func:`start_processes` has started."""

    def __init__(self, processes: Sequence[Any], errors: Sequence[Any]) -> None:
        self.processes = list(processes)
        self.error_queues = list(errors)
        self._running = {process.sentinel: i for i, process in enumerate(self.processes)}

    @property
    def sentinels(self) -> dict[int, int]:
        """What the operating system signals at the end of each process that runs."""
        return self._running

    def pids(self) -> list[int]:
        """The processes' numbers."""
        return [process.pid for process in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Waits for the next process to end; returns whether all have.

        When one fails the others are ended.

        Args:
            timeout: how many seconds to wait at most
            grace_period: how many seconds the others have to end by themselves when one fails

        Raises:
            ProcessRaisedException: if a process ended with an exception.
            ProcessExitedException: if a process ended with a signal or exit code.
        """
        if not self._running:
            return True
        ready = multiprocessing.connection.wait(list(self._running), timeout=timeout)
        failed = None
        for sentinel in ready:
            index = self._running.pop(sentinel)  # type: ignore[call-overload]
            process = self.processes[index]
            process.join()
            if process.exitcode != 0:
                failed = index
                break
        if failed is None:
            return not self._running
        self._end_others(grace_period)
        raise self._failure(failed)

    def _end_others(self, grace_period: float | None) -> None:
        if grace_period is not None:
            end = time.monotonic() + grace_period
            for process in self.processes:
                process.join(max(0.0, end - time.monotonic()))
        for process in self.processes:
            if process.is_alive():
                process.terminate()
        for process in self.processes:
            process.join(30.0)
            if process.is_alive():
                process.kill()
                process.join()

    def _failure(self, index: int) -> ProcessException:
        process = self.processes[index]
        if self.error_queues[index].empty():
            if process.exitcode < 0:
                name = signal.Signals(-process.exitcode).name
                text = f"process {index} terminated with signal {name}"
                return ProcessExitedException(text, index, process.pid, process.exitcode, name)
            text = f"process {index} terminated with exit code {process.exitcode}"
            return ProcessExitedException(text, index, process.pid, process.exitcode)
        text = (
            f"\n\n-- Process {index} terminated with the following error:\n{self.error_queues[index].get()}"
        )
        return ProcessRaisedException(text, index, process.pid)


class SpawnContext(ProcessContext):
    """The processes that :func:`spawn` has started without waiting for them."""


def start_processes(
    fn: Callable[..., None],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Calls fn(i, *args) in `nprocs` processes, i from 0.

    Args:
        fn: a function at the top level of a module, so that another process finds it
        args: the same for all
        nprocs: how many processes
        join: wait for all to end
        daemon: end the processes with this one
        start_method: 'spawn', 'fork' or 'forkserver'

    Returns:
        With `join` false, the context to wait with.

    Raises:
        ProcessRaisedException: if a process ended with an exception.
        ProcessExitedException: if a process ended with a signal or exit code.
    """
    context: Any = multiprocessing.get_context(start_method)
    queues, processes = [], []
    for i in range(nprocs):
        errors = context.SimpleQueue()
        process = context.Process(target=_run, args=(fn, i, args, errors), daemon=daemon)
        process.start()
        queues.append(errors)
        processes.append(process)
    started = SpawnContext(processes, queues)
    if not join:
        return started
    while not started.join():
        pass
    return None


def spawn(
    fn: Callable[..., None],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """:func:`start_processes` with new interpreters."""
    return start_processes(fn, args, nprocs, join, daemon, start_method)

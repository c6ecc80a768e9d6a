"""Calls the public API with hostile arguments in forked children: whatever it is given, a call returns or raises, at once.

    python tests/fuzz/api.py [--seconds 60] [--seed 0]

A child that dies by a signal, hangs, or sees a SystemError (CPython's word for a broken extension) is a fault; the call is printed
as it was made. Exit status 1 if there was one.
"""

from __future__ import annotations

import argparse
import gc
import mmap
import os
import random
import resource
import select
import signal
import sys
import time
import traceback
import warnings
from dataclasses import dataclass, field
from typing import Any

from hostile_calls import KINDS
from hostile_values import describe, make_tensor

import flambeau as torch

CALLS_PER_CHILD = 250
SECONDS_PER_CHILD = 30.0
_LOG_BYTES = 1 << 16


def run_child(seed: int, log: mmap.mmap) -> int:
    """Makes the calls of one seed; returns 3 where one raised SystemError."""
    pick = random.Random(seed)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    sys.setrecursionlimit(300)
    tensors = [make_tensor(pick) for _ in range(6)]

    def note(name: str, args: list[Any], keywords: dict[str, Any]) -> None:
        text = f"{name} {[describe(a) for a in args]} { ({k: describe(v) for k, v in keywords.items()}) }"
        raw = text.encode("utf8", "backslashreplace")[: _LOG_BYTES - 1]
        log.seek(0)
        log.write(raw + b"\0")

    for _ in range(CALLS_PER_CHILD):
        try:
            pick.choice(KINDS)(pick, tensors, note)
        except SystemError:
            return 3
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
        if pick.random() < 0.1:
            tensors[pick.randrange(len(tensors))] = make_tensor(pick)
    note("collecting", [], {})
    tensors.clear()
    gc.collect()
    return 0


@dataclass
class Report:
    """What a run found."""

    calls: int = 0
    faults: list[str] = field(default_factory=list)


def fuzz(seconds: float, seed: int, limit_memory: bool = True) -> Report:
    """Forks children, one seed each, until the time is over."""
    report, end = Report(), time.monotonic() + seconds
    log = mmap.mmap(-1, _LOG_BYTES)
    while time.monotonic() < end:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            status = 4
            try:
                if limit_memory:
                    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
                status = run_child(seed, log)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(write)
        finished, _, _ = select.select([read], [], [], SECONDS_PER_CHILD)  # the pipe ends with the child
        os.close(read)
        if not finished:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            how = {3: "SystemError", 4: "an exception outside of a call"}.get(code, f"exit {code}")
            if not finished:
                how = f"no end in {SECONDS_PER_CHILD:.0f} s"
            last = log[: log.find(b"\0")].decode("utf8", "replace")
            report.faults.append(f"seed {seed}: {how} in {last}")
        report.calls += CALLS_PER_CHILD
        seed += 1
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", action="store_true", help="run one seed in this process, to look closer")
    parser.add_argument(
        "--unlimited",
        action="store_true",
        help="no limit of memory: the sanitizers need terabytes of addresses",
    )
    options = parser.parse_args()
    if options.child:
        return run_child(options.seed, mmap.mmap(-1, _LOG_BYTES))
    report = fuzz(options.seconds, options.seed, not options.unlimited)
    print(*report.faults, sep="\n")
    print(f"{report.calls} calls, {len(report.faults)} faults")
    return bool(report.faults)


if __name__ == "__main__":
    sys.exit(main())

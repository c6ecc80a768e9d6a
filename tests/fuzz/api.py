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
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import flambeau as torch

CALLS_PER_CHILD = 250
SECONDS_PER_CHILD = 30.0
_LOG_BYTES = 1 << 16

_DTYPES = [d for d in vars(torch).values() if isinstance(d, torch.dtype)]
_SIZES = [0, 1, 2, 3, 5, -1, -2, 7, 2**31 - 1, 2**31, 2**62, 2**63 - 1, -(2**63), 2**64]
_NUMBERS = [
    0,
    1,
    -1,
    2,
    0.5,
    -0.0,
    1e308,
    float("inf"),
    float("nan"),
    True,
    2**31,
    2**62,
    2**63,
    -(2**63),
    10**30,
    1j,
]


class Subclass(torch.Tensor):
    """A plain subclass."""


class Meddling:
    """An index that changes what is being read, or fails."""

    def __init__(self, pick: random.Random, victims: list[Any]) -> None:
        self.pick, self.victims = pick, victims

    def __index__(self) -> int:
        victim = self.pick.choice(self.victims) if self.victims else None
        try:
            if isinstance(victim, list):
                victim.clear() if self.pick.random() < 0.5 else victim.extend([0] * 40)
            elif isinstance(victim, torch.Tensor):
                victim.data = torch.zeros(self.pick.choice([(), (0,), (2,), (2, 3)]))
        except Exception:
            pass
        if self.pick.random() < 0.2:
            raise ValueError("no index today")
        return self.pick.choice([0, 1, -1, 2**62])

    __int__ = __index__
    __float__ = lambda self: float(self.__index__())  # noqa: E731


class Sequence:
    """A sequence whose length lies."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, at: int) -> int:
        if at > 3:
            raise IndexError(at)
        return at


def _shape(pick: random.Random) -> tuple[int, ...]:
    return tuple(pick.choice([0, 1, 2, 3]) for _ in range(pick.choice([0, 1, 1, 2, 2, 3, 4])))


def make_tensor(pick: random.Random) -> Any:
    """A small tensor of any dtype, layout and history."""
    try:
        t = torch.ones(_shape(pick)).mul(3).to(pick.choice(_DTYPES))
    except Exception:
        t = torch.ones(_shape(pick))
    kind = pick.randrange(12)
    if kind == 0 and t.dim() > 1:
        t = t.transpose(0, -1)
    elif kind == 1 and t.dim() > 0:
        t = t.unsqueeze(0).expand(3, *t.shape)
    elif kind == 2 and t.dim() > 0:
        t = t[::2]
    elif kind == 3:
        t = t.to("meta")
    elif kind in (4, 5) and (t.is_floating_point() or t.is_complex()):
        t.requires_grad_()
        t = t if kind == 4 else t.clone()
    elif kind == 6:
        t = t.as_subclass(Subclass)
    elif kind == 7:
        with torch.inference_mode():
            t = t.clone()
    elif kind == 8:
        t = torch.nn.Parameter(t, requires_grad=t.is_floating_point())
    return t


def make_value(pick: random.Random, tensors: list[Any], depth: int = 0) -> Any:
    """Any argument at all; most often a tensor or an integer."""
    roll = pick.random()
    if roll < 0.38:
        return pick.choice(tensors)
    if roll < 0.55:
        return pick.choice(_SIZES[:8]) if pick.random() < 0.8 else pick.choice(_SIZES)
    if roll < 0.66:
        return pick.choice(_NUMBERS)
    if roll < 0.72:
        return pick.choice([True, False, None])
    if roll < 0.84 and depth < 2:
        items = [make_value(pick, tensors, depth + 1) for _ in range(pick.choice([0, 1, 2, 2, 3, 70]))]
        if pick.random() < 0.1:
            items.append(Meddling(pick, [items, *tensors]))
        return tuple(items) if pick.random() < 0.4 else items
    return pick.choice(
        [
            pick.choice(_DTYPES),
            "sum",
            "mean",
            "\ud800",
            "",
            b"bytes",
            torch.device("meta"),
            "cpu",
            torch.channels_last,
            torch.strided,
            slice(None, None, pick.choice([1, 2, -1, 0])),
            ...,
            object(),
            Sequence(pick.choice([0, 2, 10**9])),
            range(3),
            {},
            torch.default_generator,
            Meddling(pick, list(tensors)),
        ]
    )


def _operators() -> list[tuple[str, Callable[..., Any]]]:
    found: list[tuple[str, Callable[..., Any]]] = []
    core = torch._core
    for prefix, home in (
        ("", torch),
        ("_nn.", core._nn),
        ("_special.", core._special),
        ("_linalg.", core._linalg),
    ):
        for name in sorted(vars(home)):
            value = getattr(home, name, None)
            if hasattr(value, "schemas"):
                found.append((prefix + name, value))
    for name in dir(torch.Tensor):
        if hasattr(getattr(torch.Tensor, name, None), "schemas"):
            found.append(("Tensor." + name, getattr(torch.Tensor, name)))
    return found


_OPERATORS = _operators()
_FUNCTIONS = [
    (name, getattr(torch, name))
    for name in (
        "tensor",
        "as_tensor",
        "asarray",
        "frombuffer",
        "Size",
        "device",
        "Tensor",
        "finfo",
        "iinfo",
        "result_type",
    )
    if hasattr(torch, name)
]
_METHODS = [
    "tolist",
    "item",
    "size",
    "stride",
    "numpy",
    "backward",
    "requires_grad_",
    "retain_grad",
    "register_hook",
    "new_tensor",
]


def _call_operator(pick: random.Random, tensors: list[Any], note: Callable[..., None]) -> None:
    name, function = pick.choice(_OPERATORS) if pick.random() < 0.93 else pick.choice(_FUNCTIONS)
    args = [make_value(pick, tensors) for _ in range(pick.choice([0, 1, 1, 2, 2, 2, 3, 3, 4, 5]))]
    if args and pick.random() < 0.8:
        args[0] = pick.choice(tensors)
    keywords: dict[str, Any] = {}
    if pick.random() < 0.25:
        keywords["out"] = pick.choice(
            [pick.choice(tensors), [pick.choice(tensors), pick.choice(tensors)], args[0] if args else 1]
        )
    if pick.random() < 0.15:
        keywords[pick.choice(["dim", "dtype", "keepdim", "\ud800", "size", "device"])] = make_value(
            pick, tensors
        )
    note(name, args, keywords)
    result = function(*args, **keywords)
    if isinstance(result, torch.Tensor) and result.numel() < 1000:
        tensors[pick.randrange(len(tensors))] = result


def _call_subscript(pick: random.Random, tensors: list[Any], note: Callable[..., None]) -> None:
    t = pick.choice(tensors)
    key: Any = [make_value(pick, tensors) for _ in range(pick.choice([1, 1, 2, 3]))]
    if pick.random() < 0.7:
        key = tuple(key) if len(key) > 1 else key[0]
    if pick.random() < 0.5:
        note("getitem", [t, key], {})
        t[key]
    else:
        value = make_value(pick, tensors)
        note("setitem", [t, key, value], {})
        t[key] = value


def _call_method(pick: random.Random, tensors: list[Any], note: Callable[..., None]) -> None:
    t, name = pick.choice(tensors), pick.choice(_METHODS)
    args = [make_value(pick, tensors) for _ in range(pick.choice([0, 0, 1, 2]))]
    note(name, [t, *args], {})
    getattr(t, name)(*args)


def _assign(pick: random.Random, tensors: list[Any], note: Callable[..., None]) -> None:
    t, name = pick.choice(tensors), pick.choice(["data", "grad", "requires_grad"])
    value = make_value(pick, tensors)
    note("set " + name, [t, value], {})
    setattr(t, name, value)


def _differentiate(pick: random.Random, tensors: list[Any], note: Callable[..., None]) -> None:
    a, b, gradient = pick.choice(tensors), pick.choice(tensors), make_value(pick, tensors)
    note("grad", [a, b, gradient], {})
    torch.autograd.grad(a, b, gradient, allow_unused=True, create_graph=pick.random() < 0.5)


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

    kinds = [_call_operator] * 12 + [_call_subscript] * 3 + [_call_method, _assign, _differentiate]
    for _ in range(CALLS_PER_CHILD):
        try:
            pick.choice(kinds)(pick, tensors, note)
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


def describe(value: Any, depth: int = 0) -> str:
    """A short text of a value; never reads a tensor's elements."""
    if isinstance(value, torch.Tensor):
        return f"<{type(value).__name__} {value.dtype} {tuple(value.shape)} {value.stride()} {value.device} g={value.requires_grad}>"
    if isinstance(value, (list, tuple)) and depth < 2:
        return f"{type(value).__name__}({', '.join(describe(v, depth + 1) for v in value[:6])}{', ...' * (len(value) > 6)})"
    return ascii(value)[:60] if not isinstance(value, Meddling) else "<Meddling>"


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

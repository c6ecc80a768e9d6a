"""Random programs of views, in-place writes and hooks, whose outcome has to be PyTorch's.

A program is drawn from its seed, so that the same one runs in two places: here, and once in PyTorch, whose outcomes are recorded.

    python tests/fuzz/differential.py                      # the recorded programs
    python tests/fuzz/differential.py --against torch --seconds 600     # new ones, where PyTorch is installed
    python tests/fuzz/differential.py --record torch --count 400        # writes the record
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import math
import os
import random
import sys
import time
import warnings
from pathlib import Path
from typing import Any

RECORD = Path(__file__).parent / "differential.json.gz"
STEPS = 14


class Program:
    """One program: a list of live tensors, steps drawn at random, and a log of what happened."""

    def __init__(self, torch: Any, seed: int) -> None:
        self.torch, self.pick = torch, random.Random(seed)
        self.log: list[Any] = []
        self.leaves = [self._leaf() for _ in range(2)]
        self.live = [leaf * 1 for leaf in self.leaves] + [self._constant((2, 3))]
        self.retained: list[Any] = []

    def _constant(self, shape: tuple[int, ...]) -> Any:
        count = math.prod(shape)
        values = [round(self.pick.uniform(0.5, 2.0), 3) for _ in range(count)]
        return self.torch.tensor(values, dtype=self.torch.float64).reshape(shape)

    def _leaf(self) -> Any:
        return self._constant(self.pick.choice([(2, 3), (3, 2), (6,), (1, 2, 3)])).requires_grad_()

    # ---- steps: each returns a new live tensor, several, or None

    def view(self, x: Any) -> Any:
        pick, n = self.pick, x.dim()
        dim = pick.randrange(n) if n else 0
        kind = pick.randrange(14)
        if kind == 0:
            return x.reshape(-1)
        if kind == 1:
            return x.transpose(0, -1) if n else x.view(1)
        if kind == 2:
            return x.unsqueeze(dim)
        if kind == 3:
            return x.squeeze()
        if kind == 4:
            return x.narrow(dim, 0, max(1, x.shape[dim] - 1)) if n and x.shape[dim] else x.view_as(x)
        if kind == 5:
            return x.select(dim, pick.randrange(x.shape[dim])) if n and x.shape[dim] else x.view_as(x)
        if kind == 6:
            return x[..., :: pick.choice([1, 2])] if n else x[...]
        if kind == 7:
            return x.expand(2, *x.shape)
        if kind == 8:
            return x.diagonal() if n >= 2 else x.view_as(x)
        if kind == 9:
            return list(x.unbind(dim)) if n else [x.view_as(x)]
        if kind == 10:
            return list(x.chunk(2, dim)) if n else [x.view_as(x)]
        if kind == 11:
            return x.detach()
        if kind == 12:
            return x.permute(*reversed(range(n)))
        return x.flatten()

    def write(self, x: Any) -> Any:
        pick, torch = self.pick, self.torch
        other = pick.choice(self.live)
        kind = pick.randrange(16)
        if kind == 0:
            x.add_(other)
        elif kind == 1:
            x.mul_(other)
        elif kind == 2:
            x.mul_(0.5)
        elif kind == 3:
            x.sin_()
        elif kind == 4:
            x.pow_(2)
        elif kind == 5:
            x.copy_(other)
        elif kind == 6:
            x.fill_(0.75)
        elif kind == 7:
            x.zero_()
        elif kind == 8:
            x.masked_fill_(x > 1, 0.25)
        elif kind == 9 and x.dim():
            x[0] = pick.choice([0.5, other])
        elif kind == 10 and x.dim():
            x[torch.tensor([0, -1])] = 1.5
        elif kind == 11:
            x.clamp_(0.1, 1.4)
        elif kind == 12:
            x.sigmoid_()
        elif kind == 13:
            x.div_(2)
        elif kind == 14:
            x.sub_(other, alpha=2)
        else:
            x.exp_()

    def compute(self, x: Any) -> Any:
        other = self.pick.choice(self.live)
        kind = self.pick.randrange(9)
        if kind == 0:
            return x * other
        if kind == 1:
            return x + other
        if kind == 2:
            return x.sin()
        if kind == 3:
            return x.sum(0) if x.dim() else x * 2
        if kind == 4:
            return (x * x).mean()
        if kind == 5:
            return x.clone()
        if kind == 6:
            return self.torch.cat([x, x]) if x.dim() else x.tanh()
        if kind == 7:
            return x.tanh()
        return self.torch.where(x > 1, x, x * 0.5)

    def hook(self, x: Any) -> Any:
        kind, place = self.pick.randrange(3), len(self.log)
        if kind == 0:
            x.register_hook(lambda g: self.log.append(["hook", place, *self.values(g)]))
        elif kind == 1:
            x.register_hook(lambda g: g * 2)
        else:
            x.retain_grad()
            self.retained.append(x)

    def without_grad(self, x: Any) -> Any:
        with (
            self.torch.no_grad()
        ):  # no views: PyTorch 2.13 says of such a view that it requires grad, yet gives it no history
            return self.write(x)

    def values(self, t: Any) -> list[Any]:
        """Shape and values, rounded so that sums in another order agree."""
        if t is None:
            return [None]
        return [list(t.shape), [float(f"{v:.9g}") for v in t.detach().reshape(-1).tolist()]]

    def run(self) -> list[Any]:
        pick = self.pick
        for _ in range(STEPS):
            x = pick.choice(self.live)
            step = pick.choice(
                [self.view] * 4 + [self.write] * 4 + [self.compute] * 3 + [self.hook, self.without_grad]
            )
            try:
                made = step(x)
                shown = [x.requires_grad, x._version, getattr(made, "requires_grad", None)]
            except (RuntimeError, IndexError, TypeError, ValueError):
                self.log.append("refused")
                continue
            self.log.append(shown)
            for tensor in made if isinstance(made, list) else [made]:
                if tensor is not None and 0 < tensor.numel() <= 64:
                    self.live.append(tensor)
        total = self.torch.zeros((), dtype=self.torch.float64)
        for t in self.live:
            try:
                self.log.append(self.values(t))
                if t.requires_grad:
                    total = total + t.double().sum()
            except RuntimeError:
                self.log.append("unusable")
        if not total.requires_grad:
            return self.log
        try:
            first = self.torch.autograd.grad(total, self.leaves, create_graph=True, allow_unused=True)
            self.log.append([self.values(g) for g in first])
            again = sum(
                (g.pow(2).sum() for g in first if g is not None and g.requires_grad), self.torch.zeros(())
            )
            if again.requires_grad:
                second = self.torch.autograd.grad(again, self.leaves, allow_unused=True, retain_graph=True)
                self.log.append([self.values(g) for g in second])
            total.backward()
        except (RuntimeError, TypeError):  # a hook may be handed None
            self.log.append("backward refused")
        self.log.append([self.values(leaf.grad) for leaf in self.leaves])
        self.log.append([self.values(t.grad) for t in self.retained])
        return self.log


def outcome(torch: Any, seed: int) -> list[Any]:
    """What the program of a seed did, in terms of JSON."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return json.loads(json.dumps(Program(torch, seed).run()))


def outcome_apart(torch: Any, seed: int) -> list[Any] | None:
    """The same in a forked child; None where that one crashes, as PyTorch does on a few of these programs."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        with os.fdopen(write, "w") as file:
            json.dump(outcome(torch, seed), file)
            file.flush()
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as file:
        text = file.read()
    _, status = os.waitpid(child, 0)
    return json.loads(text) if status == 0 else None


def agree(a: Any, b: Any) -> bool:
    """Equal, numbers up to rounding (infinities and NaN included)."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(agree(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-7)
    return bool(a == b)


def comparable(mine: list[Any], right: list[Any]) -> tuple[list[Any], list[Any]]:
    """Both as far as PyTorch goes. Where it refuses to differentiate because a write in place overwrote its own operand
    (x.mul_(x.view_as(x))), that operand is kept here, with its history, and the gradient is there."""
    end = right.index("backward refused") if "backward refused" in right else len(right)
    return (mine[:end], right[:end]) if end < len(right) else (mine, right)


def first_difference(a: list[Any], b: list[Any]) -> str:
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if not agree(x, y):
            return f"entry {i}: {x} here, {y} there"
    return f"{len(a)} entries here, {len(b)} there"


def differences(torch: Any) -> tuple[list[str], int]:
    """The recorded programs whose outcome here is another, in words, and the number of programs."""
    recorded = json.loads(gzip.decompress(RECORD.read_bytes()))
    wrong = []
    for seed, right in enumerate(recorded):
        mine = outcome(torch, seed)
        if right is not None and not agree(*comparable(mine, right)):
            wrong.append(f"seed {seed}: {first_difference(mine, right)}")
    return wrong, len(recorded)


def main() -> int:
    parser = argparse.ArgumentParser(description="Random programs of views, in-place writes and hooks")
    parser.add_argument("--against", metavar="MODULE")
    parser.add_argument("--record", metavar="MODULE")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=400)
    options = parser.parse_args()
    if options.record:
        torch = importlib.import_module(options.record)
        data = json.dumps(
            [outcome_apart(torch, seed) for seed in range(options.count)], separators=(",", ":")
        )
        RECORD.write_bytes(gzip.compress(data.encode(), mtime=0))
        return 0
    flambeau = importlib.import_module("flambeau")
    if options.against:
        oracle = importlib.import_module(options.against)
        seed, end, wrong = options.seed, time.monotonic() + options.seconds, 0
        while time.monotonic() < end:
            mine, right = outcome(flambeau, seed), outcome_apart(oracle, seed)
            if right is not None and not agree(*comparable(mine, right)):
                wrong += 1
                print(f"seed {seed}: {first_difference(mine, right)}")
            seed += 1
        print(f"{seed - options.seed} programs, {wrong} differ")
        return wrong > 0
    wrong, count = differences(flambeau)
    print(*wrong, sep="\n")
    print(f"{count} programs, {len(wrong)} differ")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

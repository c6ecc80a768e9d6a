"""Arguments that nobody should pass, drawn from a seed: tensors of every kind, sizes that overflow, sequences that lie."""

from __future__ import annotations

import random
from typing import Any

import flambeau as torch

DTYPES = [d for d in vars(torch).values() if isinstance(d, torch.dtype)]
SIZES = [0, 1, 2, 3, 5, -1, -2, 7, 2**31 - 1, 2**31, 2**62, 2**63 - 1, -(2**63), 2**64]
NUMBERS = [
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


def make_shape(pick: random.Random) -> tuple[int, ...]:
    """A small shape, zero sizes included; now and then one of very many dimensions."""
    if pick.random() < 0.03:
        many = [1] * pick.choice([6, 30, 60, 63, 64])
        for _ in range(pick.choice([0, 1, 3])):
            many[pick.randrange(len(many))] = pick.choice([0, 2, 3])
        return tuple(many)
    return tuple(pick.choice([0, 1, 2, 3]) for _ in range(pick.choice([0, 1, 1, 2, 2, 3, 4])))


def make_tensor(pick: random.Random) -> Any:
    """A small tensor of any dtype, layout and history."""
    try:
        t = torch.ones(make_shape(pick)).mul(3).to(pick.choice(DTYPES))
    except Exception:
        t = torch.ones(make_shape(pick))
    try:
        return _varied(pick, t)
    except Exception:
        return t


def _varied(pick: random.Random, t: Any) -> Any:
    kind = pick.randrange(16)
    if kind == 0 and t.dim() > 1:
        t = t.transpose(0, -1)
    elif kind == 1 and 0 < t.dim() < 64:
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
    elif kind == 9:  # overlapping windows
        t = torch.ones(8, dtype=t.dtype)
        t = (
            t.unfold(0, 3, pick.choice([1, 2]))
            if pick.random() < 0.5
            else t.as_strided((3, 3), pick.choice([(1, 1), (0, 2), (2, 1)]))
        )
    elif kind == 10:  # the bytes of another, from the first or from a crooked address
        raw = bytearray(256)
        t = torch.frombuffer(
            raw, dtype=t.dtype, count=pick.choice([0, 1, 4]), offset=pick.choice([0, 1, 16, 24])
        )
    elif kind == 11 and t.device.type == "cpu":  # a window that was moved
        t = torch.ones(4, dtype=t.dtype)
        t.set_(torch.ones(9, dtype=t.dtype).untyped_storage(), pick.choice([0, 2, 5]), (2, 2), (2, 1))
    elif kind == 12 and pick.random() < 0.2:  # enough for several threads
        t = torch.ones(pick.choice([(70_001,), (300, 301), (3, 20_000)])).to(t.dtype)
    return t


def make_value(pick: random.Random, tensors: list[Any], depth: int = 0) -> Any:
    """Any argument at all; most often a tensor or an integer."""
    roll = pick.random()
    if roll < 0.38:
        return pick.choice(tensors)
    if roll < 0.55:
        return pick.choice(SIZES[:8]) if pick.random() < 0.8 else pick.choice(SIZES)
    if roll < 0.66:
        return pick.choice(NUMBERS)
    if roll < 0.72:
        return pick.choice([True, False, None])
    if roll < 0.84 and depth < 2:
        items = [make_value(pick, tensors, depth + 1) for _ in range(pick.choice([0, 1, 2, 2, 3, 70]))]
        if pick.random() < 0.1:
            items.append(Meddling(pick, [items, *tensors]))
        return tuple(items) if pick.random() < 0.4 else items
    return pick.choice(
        [
            pick.choice(DTYPES),
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


def describe(value: Any, depth: int = 0) -> str:
    """A short text of a value; never reads a tensor's elements."""
    if isinstance(value, torch.Tensor):
        return f"<{type(value).__name__} {value.dtype} {tuple(value.shape)} {value.stride()} {value.device} g={value.requires_grad}>"
    if isinstance(value, (list, tuple)) and depth < 2:
        return f"{type(value).__name__}({', '.join(describe(v, depth + 1) for v in value[:6])}{', ...' * (len(value) > 6)})"
    return ascii(value)[:60] if not isinstance(value, Meddling) else "<Meddling>"

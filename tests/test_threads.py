"""The work of one call, shared among threads: every part of it is done once, whoever does it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import flambeau as torch


@pytest.fixture(params=[2, 3, 16])
def many_threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_every_range_runs_once(many_threads):
    for n in (100_000, 100_001, 400_003):
        x = torch.arange(n)
        for _ in range(20):
            y = torch.zeros(n, dtype=torch.int64)
            y += x  # a range that ran twice would add twice
            assert torch.equal(y, x)


def test_calls_of_several_threads_do_not_mix(many_threads):
    failures = []

    def run(k: int) -> None:
        x = torch.full((200_000,), k)
        for _ in range(20):
            if (x + k).sum().item() != 2 * k * 200_000:
                failures.append(k)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures

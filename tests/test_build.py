"""The compiled core: its size and what it exports."""

from __future__ import annotations

import flambeau as torch
from flambeau import _core


def test_instruction_set_is_named():
    assert _core._build_info()["isa"] in ("baseline", "x86-64-v3", "x86-64-v4")


def test_threads_can_be_set():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert torch.get_num_threads() == 1
        assert torch.ones(100_000).sum().item() == 100_000
    finally:
        torch.set_num_threads(before)


def test_memory_comes_back():
    before = torch.memory_stats()["allocated_bytes"]
    x = torch.ones(1000, 1000)
    assert torch.memory_stats()["allocated_bytes"] >= before + 4_000_000
    del x
    assert torch.memory_stats()["allocated_bytes"] == before

"""The compiled core: its size and what it exports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_stubs_follow_the_schemas(tmp_path):
    script = Path(__file__).parent.parent / "tools" / "make_stubs.py"
    subprocess.run([sys.executable, script, "--check"], check=True, cwd=tmp_path)


def test_every_schema_is_bound_by_keyword():
    x = torch.tensor([[1.0, 2.0]])
    assert torch.sum(input=x, axis=1, keepdims=True).tolist() == [[3.0]]
    assert x.sum(dim=0).tolist() == [1.0, 2.0]

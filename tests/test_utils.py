"""torch.utils: timing, weak dictionaries, the machine's description, and the generator's forks."""

from __future__ import annotations

import gc

import pytest

import flambeau as torch
from flambeau.utils import benchmark, collect_env, weak


def spec(**options):
    return benchmark.TaskSpec("x + y", "pass", **options)


def test_measurements_tell_the_middle_and_the_spread():
    m = benchmark.Measurement(10, [10e-6, 20e-6, 30e-6, 40e-6], spec())
    assert m.times == pytest.approx([1e-6, 2e-6, 3e-6, 4e-6])
    assert m.mean == m.median == pytest.approx(2.5e-6)
    assert m.iqr == pytest.approx(1.5e-6)
    assert m.has_warnings and not m.meets_confidence(0.5) and m.meets_confidence(0.7)
    text = repr(m)
    assert (
        "Median: 2.50 us" in text
        and "(1.75 to 3.25)" in text
        and "4 measurements, 10 runs per measurement" in text
    )


def test_measurements_of_one_task_merge():
    one, two = benchmark.Measurement(10, [1.0], spec()), benchmark.Measurement(10, [2.0], spec())
    other = benchmark.Measurement(10, [3.0], spec(label="other"))
    merged = benchmark.Measurement.merge([one, other, two])
    assert [m.raw_times for m in merged] == [[1.0, 2.0], [3.0]]
    assert merged[1].title == "other" and merged[0].title == "x + y"


def test_a_timer_counts_by_its_clock():
    ticks = iter(range(1000))
    timer = benchmark.Timer("pass", timer=lambda: float(next(ticks)), label="L", sub_label="S")
    measured = timer.timeit(4)
    assert measured.raw_times == [1.0] and measured.times == [0.25] and measured.number_per_run == 4
    assert measured.title == "L: S" and "250.00 ms" in repr(measured)


def test_statements_see_globals_setup_and_threads():
    seen = []
    before = torch.get_num_threads()
    benchmark.Timer(
        "seen.append((x, torch.get_num_threads()))",
        setup="x = 3",
        globals={"seen": seen, "torch": torch},
    ).timeit(1)
    assert set(seen) == {(3, 1)} and torch.get_num_threads() == before


def test_blocks_fill_the_time():
    calls = []
    measured = benchmark.Timer("pass").blocked_autorange(
        lambda n, s: calls.append((n, s)), min_run_time=0.002
    )
    assert sum(measured.raw_times) >= 0.002
    assert [s for _, s in calls] == measured.raw_times and {n for n, _ in calls} == {measured.number_per_run}
    again = benchmark.Timer("pass").adaptive_autorange(min_run_time=0.001, max_run_time=0.01)
    assert again.raw_times


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"stmt": 3}, ValueError),
        ({"language": "zz"}, ValueError),
        ({"global_setup": "x"}, ValueError),
        ({"language": "cpp"}, NotImplementedError),
    ],
)
def test_timers_that_cannot_be(options, error):
    with pytest.raises(error):
        benchmark.Timer(**options)


def test_weak_dictionaries_tell_tensors_apart_by_identity():
    x, y = torch.ones(2), torch.ones(2)
    known = weak.WeakTensorKeyDictionary({x: 1})
    known[y] = 2
    assert (known[x], known[y], len(known)) == (1, 2, 2)
    assert torch.ones(2) not in known and "a" not in known
    assert {id(key) for key in known} == {id(x), id(y)}
    del known[y], x
    gc.collect()
    assert len(known) == 0 and list(known) == []
    with pytest.raises(KeyError):
        known[y]


def test_weak_references_to_tensors():
    x = torch.ones(2)
    reference = weak.TensorWeakRef(x)
    assert (
        reference() is x
        and reference == weak.TensorWeakRef(x)
        and hash(reference) == hash(weak.TensorWeakRef(x))
    )
    assert reference != weak.TensorWeakRef(torch.ones(2))
    del x
    gc.collect()
    assert reference() is None


def test_the_machine_is_described():
    text = collect_env.get_pretty_env_info()
    assert f"PyTorch version: {torch.__version__}" in text and "Is CUDA available: False" in text


def test_memory_is_not_filled():
    assert torch.utils.deterministic.fill_uninitialized_memory is False
    torch.utils.deterministic.fill_uninitialized_memory = False
    with pytest.raises(NotImplementedError, match="fill_uninitialized_memory"):
        torch.utils.deterministic.fill_uninitialized_memory = True
    with pytest.raises(RuntimeError, match="expected a bool, but got int"):
        torch.utils.deterministic.fill_uninitialized_memory = 1


def test_forks_of_generators_that_are_not_there():
    with (
        pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"),
        torch.random.fork_rng([0]),
    ):
        pass
    with pytest.raises(RuntimeError, match="Expected one of cpu"), torch.random.fork_rng(device_type="zz"):
        pass
    with torch.random.fork_rng([0], enabled=False), torch.random.fork_rng([], device_type="xpu"):
        pass

"""Modules that libraries ask and mark their functions with: tracing, compiling, exporting, profiling, processes."""

from __future__ import annotations

import importlib
import os
import pathlib

import pytest

import flambeau as torch
from flambeau import multiprocessing, overrides

NAMED_ONLY = {
    "jit": ["CompilationUnit", "interface"],
    "onnx": ["export"],
    "compiler": ["wrap_numpy"],
    "_dynamo": ["explain"],
    "distributed": ["init_process_group", "all_reduce"],
    "profiler": ["tensorboard_trace_handler"],
    "overrides": ["get_testing_overrides"],
}


@pytest.mark.parametrize(("module", "name"), [(m, n) for m, names in NAMED_ONLY.items() for n in names])
def test_what_is_not_there_is_named(module, name):
    home = importlib.import_module(f"flambeau.{module}")
    with pytest.raises(NotImplementedError, match=f"torch.{module}.{name} is not implemented yet"):
        getattr(home, name)
    assert not hasattr(home, name)
    with pytest.raises(AttributeError):
        _ = home.no_such_name


@pytest.mark.parametrize(
    "question",
    [
        torch.jit.is_scripting,
        torch.jit.is_tracing,
        torch.onnx.is_in_onnx_export,
        torch.compiler.is_compiling,
        torch.compiler.is_dynamo_compiling,
        torch.compiler.is_exporting,
        torch._dynamo.is_compiling,
        torch._C._is_tracing,
        torch.distributed.is_available,
        torch.distributed.is_initialized,
        torch.distributed.is_nccl_available,
    ],
)
def test_nothing_is_traced_compiled_or_distributed(question):
    assert question() is False


def plain(x):
    return x + 1


@pytest.mark.parametrize(
    "decorator",
    [
        torch.jit.ignore,
        torch.jit.ignore(),
        torch.jit.ignore(drop=True),
        torch.jit.unused,
        torch.jit.export,
        torch.jit.script_if_tracing,
        torch.compiler.disable,
        torch.compiler.disable(recursive=False),
        torch.compiler.allow_in_graph,
        torch._dynamo.disable,
        torch._dynamo.disallow_in_graph,
        torch.compile(disable=True),
    ],
)
def test_marks_change_nothing(decorator):
    assert decorator(plain) is plain


@pytest.mark.parametrize(
    ("value", "kind", "answer"),
    [
        (3, int, True),
        ([1, 2], list[int], True),
        ([1.0], list[int], False),
        ({"a": torch.ones(1)}, dict[str, torch.Tensor], True),
        ((1, "a"), tuple[int, str], True),
        ((1, 2), tuple[int], False),
        ((1, 2), tuple[int, ...], True),
        (None, int | None, True),
        ("a", (int, str), True),
    ],
)
def test_jit_isinstance_looks_into_containers(value, kind, answer):
    assert torch.jit.isinstance(value, kind) is answer


def test_ranks_need_a_group():
    for question in (torch.distributed.get_rank, torch.distributed.get_world_size):
        with pytest.raises(ValueError, match="Default process group has not been initialized"):
            question()


# ---- profiler


def test_blocks_can_be_named():
    @torch.profiler.record_function("double")
    def double(x):
        return x * 2

    with torch.profiler.record_function("block"), torch.autograd.profiler.record_function("inner"):
        assert double(2) == 4
    with pytest.raises(NotImplementedError, match="torch.profiler.profile is not implemented yet"):
        torch.profiler.profile()
    with torch.autograd.profiler.profile(enabled=False):
        pass


def test_schedules():
    plan = torch.profiler.schedule(wait=1, warmup=1, active=2, repeat=1, skip_first=1)
    assert [plan(i).name for i in range(7)] == [
        "NONE",
        "NONE",
        "WARMUP",
        "RECORD",
        "RECORD_AND_SAVE",
        "NONE",
        "NONE",
    ]
    with pytest.raises(AssertionError, match=r"Got wait=-1 \(need >= 0\)"):
        torch.profiler.schedule(wait=-1, warmup=1, active=1)


# ---- __torch_function__


class Taker:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return "taken", func.__name__, types, args, kwargs


class Refuser:
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return NotImplemented


class Own(torch.Tensor):
    pass


class Owner(Own):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return cls


def test_who_overrides():
    x = torch.ones(1)
    assert not overrides.has_torch_function([x, torch.nn.Parameter(x), 3, None])
    assert overrides.has_torch_function([x, Taker()])
    assert overrides.has_torch_function_unary(x.as_subclass(Own))
    assert overrides.has_torch_function_variadic(x, Taker())
    assert (
        overrides.is_tensor_like(Taker()) and overrides.is_tensor_like(x) and not overrides.is_tensor_like(3)
    )


def test_a_call_is_handed_over():
    taker = Taker()
    assert overrides.handle_torch_function(plain, [3, Refuser(), taker], taker, y=1) == (
        "taken",
        "plain",
        (Refuser, Taker),
        (taker,),
        {"y": 1},
    )
    with pytest.raises(TypeError, match="no implementation found for '.*plain' on types that implement"):
        overrides.handle_torch_function(plain, [Refuser()], Refuser())


def test_subclasses_are_asked_before_their_bases():
    x = torch.ones(1)
    assert overrides.handle_torch_function(plain, [x.as_subclass(Own), x.as_subclass(Owner)]) is Owner


def test_functions_can_be_wrapped():
    @overrides.wrap_torch_function(lambda x: (x,))
    def own(x):
        return "own"

    assert own(3) == "own" and own(Taker())[:2] == ("taken", "own")


def test_functions_have_paths():
    assert overrides.resolve_name(torch.add) == "torch.add"
    assert overrides.resolve_name(torch.Tensor.add) == "torch.Tensor.add"
    assert overrides.resolve_name(torch.nn.functional.relu) == "torch.nn.functional.relu"
    assert overrides.resolve_name(plain) is None
    assert overrides.is_tensor_method_or_property(torch.Tensor.add)
    assert not overrides.is_tensor_method_or_property(torch.add)
    assert torch.add in overrides.get_overridable_functions()[torch]


# ---- parallel


def test_data_parallel_calls_the_module():
    layer = torch.nn.Linear(2, 3)
    wrapped = torch.nn.DataParallel(layer, device_ids=[0])
    x = torch.randn(4, 2)
    assert torch.equal(wrapped(x), layer(x)) and wrapped.module is layer and wrapped.device_ids == []
    assert list(wrapped.state_dict()) == ["module.weight", "module.bias"]
    assert torch.nn.parallel.DataParallel is torch.nn.DataParallel
    assert not isinstance(layer, torch.nn.parallel.DistributedDataParallel)
    with pytest.raises(NotImplementedError, match="DistributedDataParallel is not implemented yet"):
        torch.nn.parallel.DistributedDataParallel(layer)


# ---- futures


def test_futures_hand_values_on():
    future = torch.futures.Future()
    seen = []
    later = future.then(lambda done: done.value() + 1)
    future.add_done_callback(lambda done: seen.append(done.value()))
    assert not future.done()
    future.set_result(3)
    assert (future.done(), future.wait(), later.wait(), seen) == (True, 3, 4, [3])
    assert torch.futures.wait_all([future, later]) == [3, 4]
    with pytest.raises(RuntimeError, match="can only be marked completed once"):
        future.set_result(4)


def test_futures_hand_exceptions_on():
    future = torch.futures.Future()
    future.set_exception(ValueError("x"))
    with pytest.raises(ValueError, match="x"):
        torch.futures.wait_all([future])
    with pytest.raises(RuntimeError, match="error when running the callback: ValueError: x"):
        future.then(lambda done: done.value()).wait()
    with pytest.raises(AssertionError, match="not an Exception"):
        torch.futures.Future().set_exception(3)


# ---- processes


def write_rank(rank, folder):
    pathlib.Path(folder, str(rank)).write_text(str(rank * 10))


def fail_second(rank):
    if rank == 1:
        raise KeyError("the second")


def leave(rank):
    os._exit(3)


def test_a_function_runs_in_several_processes(tmp_path):
    multiprocessing.start_processes(write_rank, (tmp_path,), nprocs=2, start_method="fork")
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["0", "10"]


def test_an_exception_of_a_process_comes_back():
    with pytest.raises(
        multiprocessing.ProcessRaisedException, match=r"(?s)-- Process 1 .*KeyError: 'the second'"
    ) as e:
        multiprocessing.start_processes(fail_second, nprocs=2, start_method="fork")
    assert e.value.error_index == 1


def test_an_exit_code_of_a_process_comes_back():
    with pytest.raises(
        multiprocessing.ProcessExitedException, match="process 0 terminated with exit code 3"
    ) as e:
        multiprocessing.start_processes(leave, start_method="fork")
    assert e.value.exit_code == 3


def test_without_join_there_is_a_context():
    context = multiprocessing.start_processes(fail_second, nprocs=1, join=False, start_method="fork")
    while not context.join(timeout=30):
        pass
    assert len(context.pids()) == 1


def test_sharing_strategies():
    assert multiprocessing.get_sharing_strategy() in multiprocessing.get_all_sharing_strategies()
    with pytest.raises(AssertionError, match="invalid sharing strategy 'zz'"):
        multiprocessing.set_sharing_strategy("zz")
    assert multiprocessing.get_context("spawn").Process and multiprocessing.Queue


# ---- hub


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "hubconf.py").write_text(
        "dependencies = ['math']\n"
        "def double(x, plus=0):\n    'Twice.'\n    return 2 * x + plus\n"
        "def _hidden():\n    pass\n"
    )
    return str(tmp_path)


def test_models_of_a_folder(folder):
    assert torch.hub.list(folder, source="local") == ["double"]
    assert torch.hub.help(folder, "double", source="local") == "Twice."
    assert torch.hub.load(folder, "double", 3, plus=1, source="local") == 7
    with pytest.raises(RuntimeError, match="Cannot find callable other in hubconf"):
        torch.hub.load(folder, "other", source="local")
    with pytest.raises(ValueError, match='Unknown source: "here"'):
        torch.hub.load(folder, "double", source="here")
    with pytest.raises(NotImplementedError, match="source='github' is not implemented yet"):
        torch.hub.load(folder, "double")


def test_packages_that_a_folder_needs(tmp_path):
    (tmp_path / "hubconf.py").write_text("dependencies = ['no_such_package_anywhere']\n")
    with pytest.raises(RuntimeError, match="Missing dependencies: no_such_package_anywhere"):
        torch.hub.list(str(tmp_path), source="local")


def test_files_by_url(tmp_path, monkeypatch):
    source = tmp_path / "weights.pt"
    torch.save({"w": torch.ones(2)}, source)
    monkeypatch.setattr(torch.hub, "_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    assert torch.hub.get_dir() == str(tmp_path / "home" / "hub")
    state = torch.utils.model_zoo.load_url(source.as_uri(), progress=False)
    assert state["w"].tolist() == [1.0, 1.0]
    assert (tmp_path / "home" / "hub" / "checkpoints" / "weights.pt").exists()
    with pytest.raises(RuntimeError, match='invalid hash value \\(expected "00"'):
        torch.hub.download_url_to_file(
            source.as_uri(), tmp_path / "copy.pt", hash_prefix="00", progress=False
        )
    assert not (tmp_path / "copy.pt").exists()


def test_types_for_annotations():
    assert isinstance(1.5, torch.types.Number) and torch.types.Device and torch.types._size


def test_functions_of_symbolic_numbers_take_plain_ones():
    assert (torch.sym_int(-3.7), torch.sym_float(3), torch.sym_not(0), torch.sym_sqrt(4)) == (
        -3,
        3.0,
        True,
        2.0,
    )
    assert (torch.sym_max(1, 2), torch.sym_min(1, 2), torch.sym_sum([1, 2])) == (2, 1, 3)
    assert isinstance(torch.sym_max(3, 2.0), float) and torch.sym_ite(True, 1, 2) == 1
    with pytest.raises(AssertionError, match="type mismatch"):
        torch.sym_ite(True, 1, 2.0)
    assert not isinstance(3, (torch.SymInt, torch.SymFloat, torch.SymBool))

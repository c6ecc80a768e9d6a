"""What programs ask before they do anything: which devices there are, which switches, which names of older days."""

from __future__ import annotations

import importlib
import math
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import flambeau as torch
from flambeau.autograd import Variable

# ---- devices that are not there


@pytest.mark.parametrize("module", ["cuda", "mps", "xpu", "mtia", "accelerator"])
def test_no_accelerator_is_available(module):
    home = getattr(torch, module)
    assert home.is_available() is False
    assert home.device_count() == 0


def test_the_cpu_answers_as_a_device():
    assert torch.cpu.is_available() and torch.cpu.device_count() == 1
    assert torch.cpu.current_device() == "cpu"
    with torch.cpu.stream(torch.cpu.Stream()) as _:
        torch.cpu.synchronize()


def test_seeds_for_gpus_are_accepted():
    torch.cuda.manual_seed(1)
    torch.cuda.manual_seed_all(2**70)
    torch.cuda.seed()
    torch.cuda.seed_all()
    torch.xpu.manual_seed_all(1)
    torch.mps.manual_seed(1)
    assert torch.cuda.get_rng_state_all() == []
    torch.cuda.set_rng_state_all([])
    with pytest.raises(ValueError, match="invalid literal"):
        torch.cuda.manual_seed("a")


@pytest.mark.parametrize(
    "name", ["memory_allocated", "max_memory_allocated", "memory_reserved", "max_memory_reserved"]
)
def test_nothing_is_allocated_on_a_gpu(name):
    assert getattr(torch.cuda, name)() == 0


@pytest.mark.parametrize(
    "name",
    [
        "synchronize",
        "current_device",
        "set_device",
        "get_device_name",
        "get_device_properties",
        "current_stream",
        "mem_get_info",
        "init",
        "initial_seed",
        "ipc_collect",
        "reset_peak_memory_stats",
    ],
)
def test_what_needs_a_gpu_says_that_there_is_none(name):
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"):
        getattr(torch.cuda, name)()


def test_streams_and_events_of_gpus_can_be_named_but_not_made():
    assert not isinstance(3, torch.cuda.Event)
    with pytest.raises(RuntimeError, match="torch.cuda.Stream requires CUDA support"):
        torch.cuda.Stream()
    with pytest.raises(RuntimeError, match="dummy base class Event"):
        torch.cuda.Event(enable_timing=True)
    with pytest.raises(TypeError, match="type torch.cuda.FloatTensor not available"):
        torch.cuda.FloatTensor(2)


def test_blocks_on_no_gpu_are_ordinary_blocks():
    with torch.cuda.device(-1), torch.cuda.stream(None), torch.cuda.device_of(torch.ones(1)):
        pass
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        torch.cuda.device("cpu")
    with pytest.raises(AssertionError, match="Torch not compiled with CUDA enabled"), torch.cuda.device(0):
        pass


def test_mps_says_what_it_cannot_do():
    with pytest.raises(RuntimeError, match=r"Cannot execute deviceSynchronize\(\) without MPS backend"):
        torch.mps.synchronize()


def test_modules_of_devices():
    assert torch.get_device_module() is torch.cpu
    assert torch.get_device_module("cuda") is torch.cuda
    assert torch.get_device_module(torch.device("cuda:0")) is torch.cuda
    with pytest.raises(RuntimeError, match="Invalid value of device '3', expect torch.device, str, or None"):
        torch.get_device_module(3)


# ---- switches


@pytest.mark.parametrize("name", ["enabled", "benchmark", "deterministic", "allow_tf32"])
def test_switches_keep_booleans_and_refuse_the_rest(name):
    cudnn = torch.backends.cudnn
    before = getattr(cudnn, name)
    try:
        setattr(cudnn, name, not before)
        assert getattr(cudnn, name) is (not before)
        with pytest.raises(RuntimeError, match="expects a bool, but got int"):
            setattr(cudnn, name, 1)
    finally:
        setattr(cudnn, name, before)


def test_flags_hold_for_a_block():
    cudnn = torch.backends.cudnn
    with pytest.raises(KeyError), cudnn.flags(enabled=False, benchmark=True, deterministic=True):
        assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic) == (False, True, True)
        raise KeyError
    assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic) == (True, False, False)
    assert cudnn.set_flags() == (True, False, None, False, True, "none", "auto")


@pytest.mark.parametrize("backend", ["cudnn", "mps", "mkl", "mkldnn", "openmp", "nnpack", "opt_einsum"])
def test_backends_that_are_not_there(backend):
    assert getattr(torch.backends, backend).is_available() is False


def test_backends_are_modules():
    assert importlib.import_module("flambeau.backends.cudnn") is torch.backends.cudnn
    assert torch.backends.cuda.is_built() is False
    assert torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512")
    with pytest.raises(AttributeError, match="torch.backends"):
        _ = torch.backends.nosuch


def test_precision_of_products_is_one_setting_with_two_names():
    assert torch.get_float32_matmul_precision() == "highest"
    try:
        torch.set_float32_matmul_precision("high")
        assert torch.backends.cuda.matmul.allow_tf32 is True
        torch.backends.cuda.matmul.allow_tf32 = False
        assert torch.get_float32_matmul_precision() == "highest"
        with pytest.warns(UserWarning, match="zz is not one of 'highest', 'high', or 'medium'"):
            torch.set_float32_matmul_precision("zz")
    finally:
        torch.set_float32_matmul_precision("highest")
    with pytest.raises(AttributeError, match="Unknown attribute nosuch"):
        torch.backends.cuda.matmul.nosuch = 1


def test_quantized_engines_are_not_there():
    with pytest.raises(RuntimeError, match="quantized engine fbgemm is not supported"):
        torch.backends.quantized.engine = "fbgemm"


def test_determinism_is_remembered():
    try:
        torch.use_deterministic_algorithms(True, warn_only=True)
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.get_deterministic_debug_mode() == 1
        torch.set_deterministic_debug_mode("error")
        assert not torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    assert torch.get_deterministic_debug_mode() == 0
    with pytest.raises(TypeError, match=r"argument 'mode' \(position 1\) must be bool, not int"):
        torch.use_deterministic_algorithms(1)


# ---- constants and versions


def test_constants():
    assert (torch.pi, torch.e, torch.inf) == (math.pi, math.e, math.inf)
    assert math.isnan(torch.nan)
    assert torch.ones(3)[:, torch.newaxis].shape == (3, 1)


def test_versions_of_gpu_toolkits_are_none():
    assert torch.version.cuda is None and torch.version.hip is None
    assert torch.version.__version__ == torch.__version__


def test_the_build_describes_itself():
    assert "BLAS" in torch.__config__.show()
    assert f"{torch.get_num_threads()}" in torch.__config__.parallel_info()


def test_older_questions_warn():
    import flambeau._settings as settings

    with pytest.warns(
        UserWarning, match="'has_cuda' is deprecated, please use 'torch.backends.cuda.is_built"
    ):
        assert settings.has_cuda is False


def test_other_ways_to_convert_modules_are_refused():
    assert torch.__future__.get_swap_module_params_on_conversion() is False
    with pytest.raises(NotImplementedError, match="set_swap_module_params_on_conversion"):
        torch.__future__.set_swap_module_params_on_conversion(True)


def test_the_import_stays_lean():
    loaded = subprocess.run(
        [sys.executable, "-c", "import flambeau, sys; print(*(m for m in sys.modules if 'flambeau' in m))"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent,  # not in the checkout, whose package has no extension in it
    ).stdout.split()
    assert {"flambeau._core", "flambeau._grad_mode"} <= set(loaded)
    assert not {m for m in loaded if m.split(".")[1:2] in (["cuda"], ["backends"], ["nn"], ["_settings"])}


# ---- names of older days


def test_variable_makes_a_leaf_that_shares_memory():
    x = torch.ones(2)
    v = Variable(x, requires_grad=True)
    assert v.requires_grad and v is not x and v.data_ptr() == x.data_ptr()
    assert not Variable(torch.ones(2, requires_grad=True) * 2).requires_grad
    assert Variable(torch.LongTensor([1])).dtype == torch.int64


def test_every_tensor_is_a_variable():
    assert isinstance(torch.ones(1), Variable) and isinstance(torch.nn.Parameter(torch.ones(1)), Variable)
    assert not isinstance([1.0], Variable)


def test_volatile_warns_and_is_ignored():
    with pytest.warns(UserWarning, match="volatile was removed and now has no effect"):
        assert not Variable(torch.ones(2), volatile=True).requires_grad
    with (
        pytest.warns(UserWarning, match="volatile"),
        pytest.raises(ValueError, match="can't be volatile and require_grad"),
    ):
        Variable(torch.ones(2), requires_grad=True, volatile=True)


def test_variable_takes_tensors_only():
    with pytest.raises(TypeError, match="Variable data has to be a tensor, but got list"):
        Variable([1.0])


def test_schedules_may_derive_from_the_former_base_class():
    class Half(torch.optim.lr_scheduler._LRScheduler):
        def get_lr(self):
            return [base / 2 for base in self.base_lrs]

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    assert Half(optimizer).get_last_lr() == [0.5]


# ---- Python's number types as dtypes


@pytest.mark.parametrize(("kind", "dtype"), [(float, torch.float64), (int, torch.int64), (bool, torch.bool)])
def test_number_types_are_dtypes(kind, dtype):
    assert torch.ones(2, dtype=kind).dtype == dtype
    assert torch.ones(2).to(kind).dtype == dtype
    assert torch.ones(2).sum(dtype=kind).dtype == dtype
    assert torch.tensor([1], dtype=kind).dtype == dtype
    assert torch.promote_types(kind, kind) == dtype


def test_complex_is_complex128():
    assert torch.promote_types(complex, torch.float32) == torch.complex128


def test_float_is_float64_whatever_the_default():
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.ones(2, dtype=float).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.nn.Linear(2, 2).to(float).weight.dtype == torch.float64


@pytest.mark.parametrize("value", [float, int, torch.int32, "float32", None])
def test_the_default_dtype_must_be_a_floating_dtype(value):
    with pytest.raises(TypeError, match="only floating-point types are supported as the default type"):
        torch.set_default_dtype(value)


def test_limits_of_types():
    info = torch.finfo(torch.complex64)
    assert (info.bits, info.eps, info.max, info.tiny, info.dtype) == (
        32,
        2.0**-23,
        (2 - 2.0**-23) * 2.0**127,
        2.0**-126,
        "float32",
    )
    assert torch.finfo() == torch.finfo(torch.float32) != torch.finfo(float)
    assert repr(torch.iinfo(int)) == "iinfo(min=-9.22337e+18, max=9.22337e+18, dtype=int64)"
    assert torch.iinfo(torch.uint8).max == 255


def test_limits_cannot_be_changed():
    with pytest.raises(AttributeError):
        torch.iinfo(torch.int8).max = 3


@pytest.mark.parametrize(
    ("function", "dtype", "message"),
    [
        (torch.finfo, torch.int32, "requires a floating point input type"),
        (torch.iinfo, torch.float32, "requires an integer input type"),
        (torch.iinfo, torch.bool, "torch.bool is not supported by torch.iinfo"),
        (torch.finfo, "float32", r"finfo\(\): argument 'type' \(position 1\) must be torch.dtype, not str"),
    ],
)
def test_limits_of_other_types_are_refused(function, dtype, message):
    with pytest.raises(TypeError, match=message):
        function(dtype)


# ---- grad modes around classes and generators


def test_a_mode_on_a_generator_holds_in_its_steps_only():
    seen = []

    @torch.no_grad()
    def steps():
        try:
            got = yield torch.is_grad_enabled()
            yield (torch.is_grad_enabled(), got)
        except ValueError:
            yield ("caught", torch.is_grad_enabled())
        finally:
            seen.append(torch.is_grad_enabled())
        return 7

    run = steps()
    assert next(run) is False and torch.is_grad_enabled()
    assert run.send(3) == (False, 3) and torch.is_grad_enabled()
    assert run.throw(ValueError("x")) == ("caught", False) and torch.is_grad_enabled()
    with pytest.raises(StopIteration) as stop:
        next(run)
    assert stop.value.value == 7 and seen == [False] and torch.is_grad_enabled()


def test_closing_a_generator_runs_its_finally_in_the_mode():
    seen = []

    @torch.inference_mode()
    def steps():
        try:
            yield
        finally:
            seen.append((torch.is_grad_enabled(), torch.is_inference_mode_enabled()))

    run = steps()
    next(run)
    run.close()
    assert seen == [(False, True)]
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()


def test_an_exception_thrown_into_a_generator_passes_through():
    run = torch.no_grad()(lambda: (yield))()
    next(run)
    with pytest.raises(KeyError):
        run.throw(KeyError("k"))
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, lambda: torch.set_grad_enabled(False)])
def test_a_mode_on_a_class_holds_while_it_is_made(mode):
    class Plain:
        def __init__(self):
            self.recorded = torch.is_grad_enabled()

    with pytest.warns(FutureWarning, match="Decorating classes is deprecated"):
        made = mode()(Plain)
    assert made().recorded is False and torch.is_grad_enabled()


def test_a_decorated_function_may_call_itself():
    @torch.no_grad()
    def down(n):
        return torch.is_grad_enabled() if n == 0 else down(n - 1)

    assert down(3) is False and torch.is_grad_enabled()


def test_set_grad_enabled_takes_a_bool():
    with pytest.raises(TypeError, match="argument 'enabled' .* must be bool, not int"):
        torch.set_grad_enabled(1)


def test_nothing_warns_on_import_of_these_modules():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("cuda", "backends.cuda", "backends.mkldnn", "mps", "xpu", "mtia", "accelerator", "cpu"):
            importlib.import_module(f"flambeau.{name}")


# ---- devices by name


@pytest.mark.parametrize("name", ["mps", "xpu:1", "hpu", "mtia", "meta:0", "cuda:127", "privateuseone"])
def test_devices_of_other_types_can_be_named(name):
    device = torch.device(name)
    kind, _, index = name.partition(":")
    assert (device.type, device.index) == (kind, int(index) if index else None)
    assert str(device) == name and device == torch.device(name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cuda:-1", "Invalid device string: 'cuda:-1'"),
        ("cpu:01", "Invalid device string: 'cpu:01'"),
        ("cpu:", "Invalid device string: 'cpu:'"),
        ("cuda: 1", "Invalid device string: 'cuda: 1'"),
        ("cpu:0:1", "Invalid device string: 'cpu:0:1'"),
        ("float32", "Invalid device string: 'float32'"),
        ("", "Device string must not be empty"),
        ("CPU", "Expected one of cpu, cuda, .* device type at start of device string: CPU"),
        ("cuda:" + "9" * 20, "Could not parse device index '9{20}' in device string"),
        (-1, "Device index must not be negative"),
        (0, "Cannot access accelerator device when none is available"),
    ],
)
def test_what_is_no_device_is_refused(name, message):
    with pytest.raises(RuntimeError, match=message):
        torch.device(name)


@pytest.mark.parametrize("value", [None, 1.5, True, torch.tensor(1)])
def test_a_device_is_a_string_or_a_number(value):
    with pytest.raises(TypeError, match=r"device\(\) received an invalid combination of arguments"):
        torch.device(value)


def test_an_index_is_given_once():
    assert torch.device("cuda", 2) == torch.device("cuda:2") == torch.device(type="cuda", index=2)
    with pytest.raises(
        RuntimeError, match="must not include an index because index was passed explicitly: cuda:1"
    ):
        torch.device("cuda:1", 1)
    with pytest.raises(TypeError, match=r"argument 'index' \(position 2\) must be int, not str"):
        torch.device("cuda", "1")
    with pytest.raises(RuntimeError, match="Device index must not be negative"):
        torch.device("cuda", -1)


@pytest.mark.parametrize(
    ("name", "error"), [("cuda", AssertionError), ("xpu", AssertionError), ("mps", NotImplementedError)]
)
def test_tensors_cannot_be_made_on_devices_that_are_not_there(name, error):
    with pytest.raises(error):
        torch.ones(2, device=name)
    with pytest.raises(error):
        torch.ones(2).to(name)


@pytest.mark.parametrize("name", ["library", "quantization"])
def test_parts_that_are_not_there_yet_are_named(name):
    with pytest.raises(NotImplementedError, match=f"flambeau.{name} is not implemented yet"):
        getattr(torch, name)
    assert not hasattr(torch, name)


def test_names_that_pytorch_does_not_have_are_plain_attribute_errors():
    with pytest.raises(AttributeError, match="module 'flambeau' has no attribute 'no_such_name'") as error:
        _ = torch.no_such_name
    assert not isinstance(error.value, NotImplementedError)


# ---- element types and layouts that are only names


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("float8_e4m3fn", (1, True, False, True)),
        ("float8_e8m0fnu", (1, True, False, False)),
        ("complex32", (4, False, True, True)),
        ("quint8", (1, False, False, False)),
        ("qint32", (4, False, False, True)),
    ],
)
def test_types_without_tensors_can_be_named(name, figures):
    dtype = getattr(torch, name)
    assert (dtype.itemsize, dtype.is_floating_point, dtype.is_complex, dtype.is_signed) == figures
    assert isinstance(dtype, torch.dtype) and str(dtype) == f"torch.{name}" and dtype != torch.float32
    assert pickle.loads(pickle.dumps(dtype)) is dtype
    for use in (
        lambda: torch.ones(2, dtype=dtype),
        lambda: torch.ones(2).to(dtype),
        lambda: torch.tensor([1], dtype=dtype),
    ):
        with pytest.raises(NotImplementedError, match=f"torch.{name} is not implemented yet"):
            use()


def test_complex32_is_the_complex_type_of_float16():
    assert torch.chalf is torch.complex32
    assert torch.float16.to_complex() is torch.complex32 is torch.complex32.to_complex()
    assert torch.complex32.to_real() is torch.float16
    assert torch.bfloat16.to_complex() is torch.complex64


def test_limits_of_eight_bit_floats():
    info = torch.finfo(torch.float8_e4m3fn)
    assert (info.max, info.eps, info.tiny, info.bits) == (448.0, 0.125, 0.015625, 8)
    assert torch.finfo(torch.float8_e8m0fnu).min == 2.0**-127


def test_integers_have_no_complex_type():
    assert torch.float64.to_complex() == torch.complex128
    with pytest.raises(RuntimeError, match="Unknown Complex ScalarType for Int"):
        torch.int32.to_complex()


def test_layouts_can_be_named():
    assert str(torch.sparse_csr) == "torch.sparse_csr" and isinstance(torch.jagged, torch.layout)
    assert torch.ones(1).layout is torch.strided and torch.sparse_csr != torch.strided


@pytest.mark.parametrize(
    "make", [torch.ones, torch.empty, lambda n, layout: torch.zeros_like(torch.ones(n), layout=layout)]
)
def test_layouts_other_than_strided_are_refused(make):
    assert make(2, layout=torch.strided).shape == (2,)
    with pytest.raises(
        NotImplementedError, match="tensors of layout torch.sparse_coo are not implemented yet"
    ):
        make(2, layout=torch.sparse_coo)

"""Mixed precision: what a GPU script asks on a CPU, and the scaling of losses."""

from __future__ import annotations

import math
import pickle

import pytest

import flambeau as torch


def scaler(**options):
    return torch.amp.GradScaler("cpu", **options)


def parameter(*values, grad=None):
    x = torch.tensor(values, requires_grad=True)
    if grad is not None:
        x.grad = torch.tensor(grad)
    return x, torch.optim.SGD([x], lr=1.0)


# ---- autocast


def test_autocast_for_cuda_warns_and_changes_nothing():
    with pytest.warns(
        UserWarning, match="CUDA is not available or torch_xla is imported. Disabling autocast."
    ):
        block = torch.autocast("cuda")
    with block:
        assert not torch.is_autocast_enabled("cuda")
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_a_block_changes_the_precision_of_products():
    x = torch.ones(2, 2)
    with torch.autocast("cpu"):
        assert (x @ x).dtype == torch.mm(x, x).dtype == x.matmul(x).dtype == torch.bfloat16
        with torch.autocast("cpu", dtype=torch.float16):
            assert torch.mm(x, x).dtype == torch.float16
            with torch.autocast("cpu", enabled=False) as block:
                assert block is not None and torch.mm(x, x).dtype == torch.float32
        assert torch.mm(x, x).dtype == torch.bfloat16
    assert torch.mm(x, x).dtype == torch.float32


def test_a_dtype_that_the_cpu_cannot_use_disables():
    with (
        pytest.warns(UserWarning, match="the target dtype is not supported. Disabling autocast"),
        torch.autocast("cpu", dtype=torch.float32),
    ):
        assert not torch.is_autocast_enabled("cpu")


def test_the_state_is_that_of_the_block():
    with torch.autocast("mps", dtype=torch.bfloat16, cache_enabled=False):
        assert torch.is_autocast_enabled("mps") and torch.get_autocast_dtype("mps") == torch.bfloat16
        assert not torch.is_autocast_cache_enabled()
        with torch.autocast("mps", enabled=False):
            assert not torch.is_autocast_enabled("mps")
        assert torch.is_autocast_enabled("mps")
    assert not torch.is_autocast_enabled("mps") and torch.get_autocast_dtype("mps") == torch.float16
    assert torch.is_autocast_cache_enabled()


def test_questions_about_autocast():
    assert torch.get_autocast_dtype("cpu") == torch.bfloat16
    assert torch.get_autocast_dtype("cuda") == torch.float16
    assert torch.amp.is_autocast_available("cpu") and not torch.amp.is_autocast_available("meta")
    with pytest.raises(RuntimeError, match="Expected one of cpu, cuda"):
        torch.is_autocast_enabled("zz")
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`, got: `<class 'int'>`"):
        torch.autocast(3)
    with pytest.raises(TypeError, match="must be str"):
        torch.is_autocast_enabled(torch.device("cuda"))
    with pytest.warns(DeprecationWarning):
        assert torch.get_autocast_gpu_dtype() == torch.float16


def test_former_paths_warn():
    with pytest.warns(FutureWarning, match="torch.cuda.amp.autocast"), torch.cuda.amp.autocast(enabled=False):
        pass
    with pytest.warns(FutureWarning, match="torch.cpu.amp.autocast"), torch.cpu.amp.autocast(enabled=False):
        pass
    with pytest.warns(FutureWarning, match="torch.cuda.amp.GradScaler"):
        assert isinstance(torch.cuda.amp.GradScaler(enabled=False), torch.amp.GradScaler)


def test_functions_for_autocast():
    class Twice(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cuda", cast_inputs=torch.float16)
        def forward(ctx, x):
            return x * 2

        @staticmethod
        @torch.amp.custom_bwd(device_type="cuda")
        def backward(ctx, grad):
            return grad * 2

    x = torch.ones(2, requires_grad=True)
    y = Twice.apply(x)
    assert y.dtype == torch.float32
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_custom_fwd_converts_within_a_block():
    class CpuBlock:
        pass

    @torch.amp.custom_fwd(device_type="mps", cast_inputs=torch.float16)
    def forward(ctx, x, n):
        return x.dtype, n, torch.is_autocast_enabled("mps")

    context = CpuBlock()
    with torch.autocast("mps"):
        # Only tensors on the device are converted.
        assert forward(context, torch.ones(1), 3) == (torch.float32, 3, False)
        assert torch.is_autocast_enabled("mps")
    assert context._fwd_used_autocast is False


# ---- GradScaler


def test_a_scaler_for_cuda_warns_and_passes_on():
    with pytest.warns(UserWarning, match="GradScaler is enabled, but CUDA is not available.  Disabling."):
        idle = torch.amp.GradScaler()
    x, optimizer = parameter(1.0, grad=[0.5])
    assert not idle.is_enabled() and idle.scale(x) is x and idle.get_scale() == 1.0
    idle.unscale_(optimizer)
    idle.step(optimizer)
    idle.update()
    assert x.tolist() == [0.5] and idle.state_dict() == {}


def test_gradients_are_unscaled_before_the_step():
    x, optimizer = parameter(1.0, 1.0)
    s = scaler(init_scale=4.0)
    loss = s.scale((x * x).sum())
    assert loss.item() == 8.0
    loss.backward()
    assert x.grad.tolist() == [8.0, 8.0]
    s.unscale_(optimizer)
    assert x.grad.tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match=r"unscale_\(\) has already been called on this optimizer"):
        s.unscale_(optimizer)
    s.step(optimizer)
    assert x.tolist() == [-1.0, -1.0]
    with pytest.raises(RuntimeError, match=r"step\(\) has already been called since the last update\(\)"):
        s.step(optimizer)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_steps_with_gradients_that_are_not_finite_are_skipped(bad):
    x, optimizer = parameter(1.0, 1.0, grad=[bad, 1.0])
    s = scaler(init_scale=4.0)
    s.scale(x)
    assert s.step(optimizer) is None
    s.update()
    assert x.tolist() == [1.0, 1.0] and s.get_scale() == 2.0


def test_the_scale_grows_after_an_interval():
    x, optimizer = parameter(1.0)
    s = scaler(init_scale=2.0, growth_interval=2)
    s.scale(x)
    scales = []
    for _ in range(4):
        x.grad = torch.tensor([1.0])
        s.step(optimizer)
        s.update()
        scales.append(s.get_scale())
    assert scales == [2.0, 4.0, 4.0, 8.0]


def test_a_scale_can_be_given():
    s = scaler()
    s.scale(torch.ones(1))
    s.update(16.0)
    assert s.get_scale() == 16.0
    s.update(torch.tensor(8.0))
    assert s.get_scale() == 8.0


def test_scalers_can_be_saved():
    x, optimizer = parameter(1.0, grad=[1.0])
    s = scaler(init_scale=4.0, growth_interval=5)
    s.scale(x)
    s.step(optimizer)
    s.update()
    state = s.state_dict()
    assert state == {
        "scale": 4.0,
        "growth_factor": 2.0,
        "backoff_factor": 0.5,
        "growth_interval": 5,
        "_growth_tracker": 1,
    }
    other = scaler()
    other.load_state_dict(state)
    assert other.state_dict() == state == pickle.loads(pickle.dumps(s)).state_dict()
    with pytest.raises(RuntimeError, match="The source state dict is empty"):
        other.load_state_dict({})


def test_outputs_may_be_containers():
    s = scaler(init_scale=2.0)
    first, (second,) = s.scale([torch.ones(1), (torch.ones(1),)])
    assert first.item() == second.item() == 2.0
    with pytest.raises(ValueError, match="outputs must be a Tensor or an iterable of Tensors"):
        s.scale(3)


def test_order_of_calls():
    x, optimizer = parameter(1.0)
    s = scaler()
    with pytest.raises(AssertionError, match="Attempted update but _scale is None"):
        s.update()
    s.scale(x)
    with pytest.raises(AssertionError, match="No inf checks were recorded for this optimizer"):
        s.step(optimizer)
    with pytest.raises(AssertionError, match="No inf checks were recorded prior to update"):
        scaled = scaler()
        scaled.scale(x)
        scaled.update()
    with pytest.raises(RuntimeError, match="Closure use is not currently supported"):
        s.step(optimizer, closure=lambda: 0)


def test_half_gradients_are_refused():
    x = torch.ones(1, dtype=torch.float16, requires_grad=True)
    x.grad = torch.ones(1, dtype=torch.float16)
    s = scaler()
    s.scale(torch.ones(1))
    with pytest.raises(ValueError, match="Attempting to unscale FP16 gradients"):
        s.unscale_(torch.optim.SGD([x], lr=1.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"growth_factor": 1.0}, "must be > 1.0"), ({"backoff_factor": 1.0}, "must be < 1.0")],
)
def test_factors_are_checked(options, message):
    with pytest.raises(AssertionError, match=message):
        scaler(**options)

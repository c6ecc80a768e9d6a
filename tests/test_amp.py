"""Mixed precision: what a GPU script asks on a CPU, and the scaling of losses."""

from __future__ import annotations

import math
import pickle
import threading
import warnings
import weakref

import pytest
from operator_samples import operators, samples

import flambeau as torch
from flambeau import nn
from flambeau.nn import functional as F


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


# ---- which operators choose which precision: recorded from PyTorch 2.13 by the same samples

_LOWER = set(
    """
    _linalg.matmul _linalg.multi_dot _linalg.vecdot _nn.conv1d _nn.conv2d _nn.conv3d _nn.conv_transpose1d
    _nn.conv_transpose2d _nn.conv_transpose3d _nn.linear _nn.scaled_dot_product_attention addbmm addmm
    affine_grid_generator baddbmm bmm chain_matmul conv1d
    conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d corrcoef cov einsum inner lstm matmul mm prelu
    rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell
    """.split()
)
_FLOAT32 = set(
    """
    _fft.fft _fft.fft2 _fft.fftn _fft.hfft _fft.ifft _fft.ifft2 _fft.ifftn _fft.ihfft _fft.irfft _fft.irfft2 _fft.irfftn
    _fft.rfft _fft.rfft2 _fft.rfftn _linalg.cholesky _linalg.cholesky_ex _linalg.cond _linalg.eig _linalg.eigh
    _linalg.eigvals _linalg.eigvalsh _linalg.householder_product _linalg.inv _linalg.inv_ex _linalg.lstsq
    _linalg.matrix_rank _linalg.qr _linalg.solve _linalg.svd _linalg.svdvals _linalg.tensorsolve _nn.adaptive_avg_pool3d
    _nn.adaptive_max_pool3d _nn.avg_pool3d _nn.binary_cross_entropy _nn.binary_cross_entropy_with_logits
    _nn.cross_entropy _nn.huber_loss _nn.l1_loss _nn.max_pool3d _nn.mse_loss _nn.nll_loss _nn.smooth_l1_loss
    binary_cross_entropy_with_logits cdist cholesky cholesky_inverse cholesky_solve ctc_loss geqrf grid_sampler
    grid_sampler_2d hinge_embedding_loss inverse kl_div lu lu_solve margin_ranking_loss max_pool3d nanquantile orgqr
    ormqr pinverse poisson_nll_loss polar prod qr quantile stft svd trace triangular_solve triplet_margin_loss
    view_as_complex
    """.split()
)
# PyTorch's widen step by step, so that a state of bfloat16 stays one; one of float32 gives float32, as here.
_FLOAT32 |= {"gru", "gru_cell", "lstm_cell", "_nn.pad_edges"}
# Compositions whose parts choose. pinv stays in float32, where PyTorch's result is the lower precision of its last product;
# what the last line names is not PyTorch's, or takes no float32 there.
_BY_PARTS = {
    "lobpcg",
    "pca_lowrank",
    "svd_lowrank",
    "cosine_embedding_loss",
    "istft",
    "tensordot",
    "_linalg.pinv",
}
_BY_PARTS |= {
    "_linalg.tensorinv",
    "_nn.fractional_max_pool2d",
    "_nn.fractional_max_pool3d",
    "grid_sampler_3d",
}


def _dtypes(value):
    if isinstance(value, torch.Tensor):
        return [value.dtype]
    if isinstance(value, (tuple, list)):
        return [dtype for item in value for dtype in _dtypes(item)]
    return [type(value)]


def _narrowed(dtype):
    return lambda t: t.to(dtype) if t.dtype == torch.float32 else t


_OPERATORS = operators() | {
    f"_fft.{name}": f for name, f in vars(torch._core._fft).items() if hasattr(f, "schemas")
}


@pytest.mark.parametrize("name", sorted(set(_OPERATORS) - _BY_PARTS))
def test_the_precision_of_an_operator_is_that_of_pytorch(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in samples(name, _OPERATORS[name], most=1):
            plain = _dtypes(sample.call())
            with torch.autocast("cpu"):
                wide = _dtypes(sample.call())
            if name in _LOWER:
                lower = [torch.bfloat16 if dtype == torch.float32 else dtype for dtype in plain]
                # A dtype that the call names is the result's.
                assert wide == lower
            else:
                assert wide == plain
            narrow = _narrowed(torch.bfloat16)
            if name in _FLOAT32:
                with torch.autocast("cpu"):
                    assert _dtypes(sample.call(narrow)) == plain
            elif name not in _LOWER:
                try:
                    expected = _dtypes(sample.call(narrow))
                except (RuntimeError, TypeError):  # no such operator for bfloat16
                    continue
                with torch.autocast("cpu"):
                    assert _dtypes(sample.call(narrow)) == expected


def _image(*sizes):
    return torch.rand(*sizes, dtype=torch.bfloat16)


_WIDENED = {
    "smooth_l1_loss": lambda: F.smooth_l1_loss(_image(2), _image(2)),
    "huber_loss": lambda: F.huber_loss(_image(2), _image(2), delta=0.5),
    "soft_margin_loss": lambda: F.soft_margin_loss(_image(2), torch.ones(2)),
    "margin_ranking_loss": lambda: F.margin_ranking_loss(_image(2), _image(2), torch.ones(2)),
    "multi_margin_loss": lambda: F.multi_margin_loss(_image(2, 3), torch.tensor([0, 1])),
    "multilabel_margin_loss": lambda: F.multilabel_margin_loss(_image(1, 3), torch.tensor([[0, -1, 1]])),
    "triplet_margin_loss": lambda: F.triplet_margin_loss(_image(1, 3), _image(1, 3), _image(1, 3)),
    "cosine_embedding_loss": lambda: F.cosine_embedding_loss(_image(1, 3), _image(1, 3), torch.ones(1)),
    "hinge_embedding_loss": lambda: F.hinge_embedding_loss(_image(2), torch.ones(2)),
    "poisson_nll_loss": lambda: F.poisson_nll_loss(_image(2), _image(2)),
    "kl_div": lambda: F.kl_div(_image(2), _image(2), reduction="sum"),
    "cross_entropy": lambda: F.cross_entropy(_image(2, 3), torch.tensor([0, 1])),
    "reflection": lambda: F.pad(_image(1, 2, 4, 4), (1, 1, 1, 1), mode="reflect"),
    "replication": lambda: F.pad(_image(1, 2, 4, 4, 4), (1, 1, 1, 1, 1, 1), mode="replicate"),
    "max_unpool1d": lambda: F.max_unpool1d(_image(1, 1, 2), torch.tensor([[[0, 3]]]), 2),
}
_UNCHANGED = {
    "circular": lambda: F.pad(_image(1, 2, 4), (1, 1), mode="circular"),
    "reflection of volumes": lambda: F.pad(_image(1, 2, 4, 4, 4), (1, 1, 1, 1, 1, 1), mode="reflect"),
    "gelu": lambda: F.gelu(_image(2)),
    "softmax": lambda: F.softmax(_image(2), 0),
    "layer_norm": lambda: F.layer_norm(_image(2, 3), (3,), torch.ones(3), torch.zeros(3)),
    "max_pool2d": lambda: F.max_pool2d(_image(1, 1, 4, 4), 2),
}


@pytest.mark.parametrize("name", _WIDENED)
def test_functions_that_widen(name):
    with torch.autocast("cpu"):
        assert _WIDENED[name]().dtype == torch.float32


@pytest.mark.parametrize("name", _UNCHANGED)
def test_functions_that_take_what_comes(name):
    with torch.autocast("cpu"):
        assert _UNCHANGED[name]().dtype == torch.bfloat16


def test_attention_and_bilinear():
    x = torch.rand(1, 2, 4)
    with torch.autocast("cpu"):
        assert F.scaled_dot_product_attention(x, x, x).dtype == torch.bfloat16
        assert F.bilinear(x[0], x[0], torch.rand(3, 4, 4)).dtype == torch.float32
        assert torch.matrix_exp(torch.eye(2)).dtype == torch.float32
        assert torch.linalg.pinv(torch.eye(2)).dtype == torch.float32
    assert F.scaled_dot_product_attention(x, x, x).dtype == torch.float32


def test_contractions_to_a_number_are_dot_products():
    v, m = torch.rand(3), torch.rand(3, 3)
    with torch.autocast("cpu"):
        assert (
            torch.tensordot(m, m, 2).dtype
            == torch.inner(v, v).dtype
            == torch.dot(v, v).dtype
            == torch.float32
        )
        assert torch.tensordot(m, v, 1).dtype == (m @ v).dtype == (v @ v).dtype == torch.bfloat16
        assert torch.mv(m, v).dtype == torch.float32


def test_joined_tensors_take_the_widest():
    wide, low, whole = torch.ones(2), torch.ones(2, dtype=torch.bfloat16), torch.ones(2, dtype=torch.int64)
    double = wide.double()
    with torch.autocast("cpu"):
        for join in (torch.cat, torch.stack, torch.concat):
            assert join([wide, low]).dtype == torch.float32
            assert join([low, low]).dtype == join([low, whole]).dtype == torch.bfloat16
            assert join([low, double]).dtype == torch.float64
        with pytest.raises(RuntimeError, match="Unexpected floating ScalarType in at::autocast::prioritize"):
            torch.cat([low, wide.half()])


def test_double_precision_and_other_numbers_stay():
    x = torch.eye(2)
    with torch.autocast("cpu"):
        assert (x.double() @ x.double()).dtype == torch.float64
        assert (x.long() @ x.long()).dtype == torch.int64
        assert F.mse_loss(x.double(), x.double()).dtype == torch.float64
        assert (x.half() @ x).dtype == torch.bfloat16
        with pytest.raises(RuntimeError, match="expected m1 and m2 to have the same dtype"):
            torch.mm(x, x.double())


def test_where_a_result_goes_decides_its_precision():
    x = torch.eye(2)
    with torch.autocast("cpu"):
        out = torch.empty(2, 2)
        assert torch.mm(x, x, out=out) is out and out.tolist() == x.tolist()
        assert torch.zeros(2, 2).addmm_(x, x).dtype == torch.float32
        with pytest.raises(RuntimeError, match="dtype"):
            x.bfloat16().addmm_(x.bfloat16(), x)


def test_operators_of_another_device_are_left_alone():
    x = torch.empty(2, 2, device="meta")
    with torch.autocast("cpu"):
        assert (x @ x).dtype == torch.float32


# ---- the cache of weights


def test_a_weight_is_cast_once_in_a_block():
    x, w = torch.rand(2, 2), torch.rand(2, 2, requires_grad=True)
    with torch.autocast("cpu"):
        first, second = torch.mm(x, w), torch.mm(w, x)
        assert first.grad_fn.next_functions[1] == second.grad_fn.next_functions[0]
        with torch.autocast("cpu"):  # the outermost block keeps it
            assert torch.mm(x, w).grad_fn.next_functions[1] == first.grad_fn.next_functions[1]
        torch.clear_autocast_cache()
        third = torch.mm(x, w)
        assert third.grad_fn.next_functions[1] != first.grad_fn.next_functions[1]
    (first.sum() + second.sum() + third.sum()).backward()
    assert w.grad.dtype == torch.float32
    column = x.bfloat16().float().sum(0)[:, None].expand(2, 2)
    torch.testing.assert_close(
        w.grad, 2 * column + x.bfloat16().float().sum(1).expand(2, 2), rtol=2e-2, atol=0
    )


def test_without_a_cache_every_use_casts():
    x, w = torch.rand(2, 2), torch.rand(2, 2, requires_grad=True)
    with torch.autocast("cpu", cache_enabled=False):
        first, second = torch.mm(x, w), torch.mm(x, w)
    assert first.grad_fn.next_functions[1] != second.grad_fn.next_functions[1]


def test_a_cast_made_without_history_does_not_hide_the_weight():
    x, w = torch.rand(2, 2), torch.rand(2, 2, requires_grad=True)
    with torch.autocast("cpu"):
        with torch.no_grad():
            assert not torch.mm(x, w).requires_grad
        with torch.inference_mode():
            torch.mm(x, w)
        torch.mm(x, w).sum().backward()
    assert w.grad is not None


def test_a_weight_that_changed_is_cast_again():
    x, w = torch.eye(2), torch.ones(2, 2, requires_grad=True)
    with torch.autocast("cpu"):
        torch.mm(x, w)
        with torch.no_grad():
            w.mul_(2)
        assert torch.mm(x, w)[0, 0].item() == 2.0
        w.data = torch.full((2, 2), 3.0)
        assert torch.mm(x, w)[0, 0].item() == 3.0
        with torch.autocast("cpu", dtype=torch.float16):
            assert torch.mm(x, w).dtype == torch.float16


def test_the_cache_is_emptied_at_the_end():
    w = torch.rand(2, 2, requires_grad=True)
    gone = weakref.ref(w)
    with torch.autocast("cpu"):
        torch.mm(w, torch.rand(2, 2))
    del w
    assert gone() is None


# ---- blocks


def test_a_block_is_a_decorator():
    @torch.autocast("cpu")
    def product(x):
        return x @ x

    class Model(nn.Module):
        @torch.autocast("cpu", dtype=torch.float16)
        def forward(self, x):
            return product(x).dtype, (x @ x).dtype

    x = torch.eye(2)
    assert product(x).dtype == torch.bfloat16 and product.__name__ == "product"
    assert Model()(x) == (torch.bfloat16, torch.float16)
    assert (x @ x).dtype == torch.float32


def test_a_block_ends_with_an_exception():
    with pytest.raises(ValueError, match="out"), torch.autocast("cpu"):
        raise ValueError("out")
    assert not torch.is_autocast_enabled("cpu") and (torch.eye(2) @ torch.eye(2)).dtype == torch.float32


def test_every_thread_has_its_own_state():
    found = []
    with torch.autocast("cpu", cache_enabled=False):
        thread = threading.Thread(
            target=lambda: found.extend(
                [
                    (torch.eye(2) @ torch.eye(2)).dtype,
                    torch.is_autocast_enabled("cpu"),
                    torch.is_autocast_cache_enabled(),
                    torch.autocast_increment_nesting(),
                ]
            )
        )
        thread.start()
        thread.join()
    assert found == [torch.float32, False, True, 1]


def test_the_state_can_be_set_by_hand():
    x = torch.eye(2)
    torch.set_autocast_enabled("cpu", True)
    torch.set_autocast_dtype("cpu", torch.float16)
    try:
        assert (x @ x).dtype == torch.float16 and torch.autocast_increment_nesting() == 1
    finally:
        torch.autocast_decrement_nesting()
        torch.set_autocast_enabled("cpu", False)
        torch.set_autocast_dtype("cpu", torch.bfloat16)
    assert (x @ x).dtype == torch.float32
    with pytest.raises(TypeError, match="argument 'enabled' .* must be bool, not int"):
        torch.set_autocast_enabled("cpu", 1)
    with pytest.raises(TypeError, match="argument 'dtype' .* must be torch.dtype, not str"):
        torch.set_autocast_dtype("cpu", "half")


def test_a_module_learns_within_a_block():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.LayerNorm(64), nn.Linear(64, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(8, 1, 6, 6), torch.arange(8) % 2
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        with torch.autocast("cpu"):
            scores = model(x)
            loss = F.cross_entropy(scores, y)
        assert (scores.dtype, loss.dtype) == (torch.bfloat16, torch.float32)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert all(p.grad.dtype == torch.float32 for p in model.parameters())


def test_functions_and_checkpoints_compute_again_in_the_precision_of_the_forward():
    seen = []

    class Product(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu")
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x @ x

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            seen.append((torch.is_autocast_enabled("cpu"), (x @ x).dtype))
            return grad.float() @ x.T.float()

    x = torch.eye(2, requires_grad=True)
    with torch.autocast("cpu"):
        y = Product.apply(x)
    y.sum().backward()
    assert seen == [(True, torch.bfloat16)]

    def layer(t):
        seen.append((torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")))
        return t @ t

    for use_reentrant in (False, True):
        seen.clear()
        with torch.autocast("cpu", dtype=torch.float16):
            y = torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=use_reentrant)
        y.sum().backward()
        assert seen == [(True, torch.float16)] * 2
        z = torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=use_reentrant)
        with torch.autocast("cpu"):
            z.sum().backward()
        assert seen[2:] == [(False, torch.bfloat16)] * 2


def test_custom_fwd_with_a_dtype_computes_in_it():
    class Sum(torch.autograd.Function):
        @staticmethod
        @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
        def forward(ctx, x, others):
            assert not torch.is_autocast_enabled("cpu")
            return x @ others[0]

        @staticmethod
        @torch.amp.custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            assert not torch.is_autocast_enabled("cpu")
            return grad, None

    x = torch.eye(2, dtype=torch.bfloat16)
    with torch.autocast("cpu"):
        assert Sum.apply(x.clone().requires_grad_(), (x,)).dtype == torch.float32


# ---- products of halves


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    "sizes", [(1, 1, 1), (3, 5, 7), (7, 65, 33), (13, 130, 64), (2, 3, 2501), (200, 1, 9), (1, 200, 65)]
)
def test_products_of_halves_round_once(dtype, sizes):
    m, n, k = sizes
    torch.manual_seed(0)
    a, b = torch.randn(m, k).to(dtype), torch.randn(k, n).to(dtype)
    bias, c = torch.randn(n).to(dtype), torch.randn(m, n).to(dtype)
    exact = a.double() @ b.double()
    # Half a unit in the last place, and what sums in float32 lose.
    unit = {torch.bfloat16: 2**-8, torch.float16: 2**-11}[dtype]

    def check(result, expected):
        assert result.dtype == dtype
        assert ((result.double() - expected).abs() <= expected.abs() * unit * 1.01 + 2e-7 * k + 3e-8).all()

    transposed_a, transposed_b = a.t().contiguous().t(), b.t().contiguous().t()
    for left in (a, transposed_a):
        for right in (b, transposed_b):
            check(left @ right, exact)
            check(torch.addmm(bias, left, right, beta=2, alpha=0.5), exact / 2 + 2 * bias.double())
            check(torch.addmm(c, left, right, beta=-1), exact - c.double())
            check(F.linear(left, right.t(), bias), exact + bias.double())
            out = torch.empty(n, m, dtype=dtype).t()
            check(torch.mm(left, right, out=out), exact)
            check(torch.bmm(left.expand(3, m, k), right.expand(3, k, n))[2], exact)
    check(a[:, ::2] @ b[::2], a[:, ::2].double() @ b[::2].double())


def test_products_of_halves_without_terms():
    a, b = torch.ones(2, 0).bfloat16(), torch.ones(0, 3).bfloat16()
    assert (a @ b).tolist() == [[0.0] * 3] * 2
    assert torch.addmm(torch.ones(3).bfloat16(), a, b, beta=2).tolist() == [[2.0] * 3] * 2


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


@pytest.mark.parametrize(
    ("x", "w", "options"),
    [
        ((2, 16, 9, 11), (24, 16, 3, 3), {"padding": 1}),
        ((2, 16, 9, 11), (24, 16, 3, 3), {"stride": 2, "padding": (2, 0)}),
        ((1, 8, 20, 20), (8, 8, 5, 3), {"dilation": 2, "padding": 3, "stride": (1, 3)}),
        ((3, 16, 8, 8), (16, 8, 3, 3), {"groups": 2, "padding": 1}),
        ((2, 8, 7, 7), (8, 1, 3, 3), {"groups": 8, "padding": 1}),
        ((1, 8, 4, 4), (8, 8, 2, 2), {"padding": 6}),
        ((2, 16, 7, 7), (32, 16, 1, 1), {}),
        ((2, 8, 6), (9, 8, 3), {"padding": 1}),
        ((2, 8, 5, 6, 7), (8, 8, 3, 3, 3), {"padding": 1, "stride": (1, 2, 1)}),
        ((0, 8, 7, 7), (8, 8, 3, 3), {}),
    ],
)
def test_convolutions_of_halves_round_once(x, w, options):
    torch.manual_seed(0)
    axes = len(x) - 2
    forward = (F.conv1d, F.conv2d, F.conv3d)[axes - 1]
    transposed = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[axes - 1]
    inputs = [torch.randn(*sizes).bfloat16() for sizes in (x, w, w[:1])]
    halves = [t.clone().requires_grad_() for t in inputs]
    floats = [t.float().requires_grad_() for t in inputs]
    result, expected = forward(*halves, **options), forward(*floats, **options)
    grad = torch.randn(*result.shape).bfloat16()
    result.backward(grad)
    expected.backward(grad.float())
    pairs = [(result, expected), *((a.grad, b.grad) for a, b in zip(halves, floats, strict=True))]
    if x[0]:
        pairs.append(
            (transposed(grad, inputs[1], **options), transposed(grad.float(), inputs[1].float(), **options))
        )
    for have, want in pairs:
        assert have.dtype == torch.bfloat16
        torch.testing.assert_close(
            have.float(), want, rtol=2**-7, atol=2**-8 * float(want.abs().max() if want.numel() else 0)
        )


def test_each_optimizer_is_skipped_by_itself():
    x, of_x = parameter(1.0, grad=[math.inf])
    y, of_y = parameter(1.0, grad=[4.0])
    s = scaler(init_scale=4.0)
    s.scale(x)
    s.step(of_x)
    s.step(of_y)
    s.update()
    assert (x.item(), y.item(), s.get_scale()) == (1.0, 0.0, 2.0)


def test_an_optimizer_may_divide_by_itself():
    found = []

    class Own(torch.optim.SGD):
        _step_supports_amp_scaling = True

        def step(self):
            found.append((self.grad_scale, self.found_inf.item()))
            return "done"

    x, _ = parameter(1.0, grad=[math.inf])
    optimizer, s = Own([x], lr=1.0), scaler(init_scale=4.0)
    s.scale(x)
    assert s.step(optimizer) == "done" and found == [(torch.tensor(4.0), 1.0)]
    assert not hasattr(optimizer, "grad_scale") and not hasattr(optimizer, "found_inf")
    s.update()
    assert s.get_scale() == 2.0 and x.grad.item() == math.inf
    x.grad.fill_(1.0)
    s.unscale_(optimizer)
    s.step(optimizer)
    assert found[1] == (None, 0.0) and x.grad.item() == 0.5


def test_an_optimizer_may_ask_for_the_scaler():
    class Asks(torch.optim.SGD):
        _step_supports_amp_scaling = True

        def step(self, grad_scaler=None):
            return grad_scaler

    x, _ = parameter(1.0, grad=[1.0])
    s = scaler()
    s.scale(x)
    with pytest.warns(FutureWarning, match="GradScaler is going to stop passing itself"):
        assert s.step(Asks([x], lr=1.0)) is s


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

"""float16 and bfloat16: computed in float32, rounded once."""

from __future__ import annotations

from typing import Any

import pytest

import flambeau as torch

HALVES = [torch.float16, torch.bfloat16]
F = torch.nn.functional


def rounded(values: Any, dtype: Any) -> Any:
    return torch.as_tensor(values).to(dtype)


@pytest.mark.parametrize("dtype", HALVES)
def test_sums_accumulate_in_float32(dtype: Any) -> None:
    # Adding ones in half precision stops at 2048 (float16) or 256 (bfloat16).
    ones = torch.ones(5000, dtype=dtype)
    assert ones.sum().item() == rounded(5000.0, dtype).item()
    assert ones.cumsum(0)[-1].item() == rounded(5000.0, dtype).item()
    assert ones.sum().dtype == dtype


@pytest.mark.parametrize("dtype", HALVES)
def test_a_sum_into_a_float_result_is_not_rounded(dtype: Any) -> None:
    out = torch.empty((), dtype=torch.float32)
    torch.sum(torch.ones(2049, dtype=dtype), None, out=out)
    assert out.item() == 2049.0


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(
    "reduce",
    [
        torch.mean,
        torch.prod,
        torch.var,
        torch.std,
        torch.norm,
        torch.amax,
        torch.amin,
        torch.argmax,
        torch.count_nonzero,
        torch.any,
        torch.all,
        lambda x: torch.logsumexp(x, 0),
        lambda x: torch.softmax(x, 0),
        lambda x: torch.log_softmax(x, 0),
        lambda x: torch.cumprod(x, 0),
        lambda x: torch.logcumsumexp(x, 0),
        lambda x: torch.cummax(x, 0)[0],
        lambda x: torch.max(x, 0)[1],
        lambda x: F.max_pool1d(x.view(1, 1, -1), 3).flatten(),
    ],
)
def test_the_result_is_that_of_float32_rounded(dtype: Any, reduce: Any) -> None:
    x = torch.tensor([0.3, -1.7, 2.9, 0.11, -0.6, 1.3]).to(dtype)
    got, expected = reduce(x), reduce(x.float())
    assert torch.equal(got, expected.to(got.dtype))
    assert got.dtype == (dtype if expected.dtype == torch.float32 else expected.dtype)


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(
    "product",
    [
        torch.mm,
        lambda a, b: torch.mm(b.t(), a.t()).t(),
        lambda a, b: torch.bmm(a.expand(3, 4, 5), b.expand(3, 5, 2)),
        lambda a, b: torch.mv(a, b[:, 0]),
        lambda a, b: torch.dot(a[0], b[:, 1]),
        lambda a, b: torch.addmm(torch.ones(2, dtype=a.dtype), a, b, alpha=0.5),
        lambda a, b: torch.addmm(torch.ones(4, 2, dtype=a.dtype), a, b, beta=2.0),
        lambda a, b: F.linear(a, b.t(), torch.ones(2, dtype=a.dtype)),
        lambda a, b: F.conv1d(a.view(1, 4, 5), b.t().reshape(1, 1, 10)[:, :, :2].expand(2, 4, 2)),
    ],
)
def test_products_round_once(dtype: Any, product: Any) -> None:
    a = torch.linspace(-1.0, 2.0, 20).view(4, 5).to(dtype)
    b = torch.linspace(0.7, -1.3, 10).view(5, 2).to(dtype)
    assert torch.equal(product(a, b), product(a.float(), b.float()).to(dtype))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(
    "loss",
    [
        lambda x, t: F.cross_entropy(x, t),
        lambda x, t: F.cross_entropy(x, t, label_smoothing=0.25),
        lambda x, t: F.nll_loss(x, t, weight=torch.tensor([1.0, 2.0, 0.5]).to(x.dtype)),
        lambda x, t: F.mse_loss(x, torch.zeros_like(x)),
        lambda x, t: F.max_pool1d(x.unsqueeze(0), 2).sum(),
        lambda x, t: F.conv1d(x.unsqueeze(0), torch.ones(1, 2, 2, dtype=x.dtype)).sum(),
        lambda x, t: (torch.softmax(x, 1) * x).sum(),
    ],
)
def test_gradients_have_the_leaf_s_dtype(dtype: Any, loss: Any) -> None:
    values = torch.tensor([[0.5, -1.25, 2.0], [1.0, 0.75, -0.5]])
    target = torch.tensor([2, 0])
    half = values.to(dtype).requires_grad_(True)
    single = values.clone().requires_grad_(True)
    loss(half, target).backward()
    loss(single, target).backward()
    assert half.grad.dtype == dtype
    scale = 2e-3 if dtype == torch.float16 else 2e-2
    assert torch.allclose(half.grad.float(), single.grad, rtol=scale, atol=scale)


@pytest.mark.parametrize("dtype", HALVES)
def test_optimizers_step_on_half_parameters(dtype: Any) -> None:
    for make in (torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop):
        p = torch.nn.Parameter(torch.ones(3, dtype=dtype))
        optimizer = make([p], lr=0.5)
        p.sum().backward()
        optimizer.step()
        assert p.dtype == dtype
        assert (p < 1).all()


@pytest.mark.parametrize("dtype", HALVES)
def test_random_fills(dtype: Any) -> None:
    torch.manual_seed(7)
    expected = torch.rand(40).to(dtype)
    torch.manual_seed(7)
    assert torch.equal(torch.rand(40, dtype=dtype), expected)
    torch.manual_seed(7)  # values recorded from PyTorch 2.13
    assert torch.randint(-3, 200, (5,), dtype=dtype).tolist() == [142.0, 129.0, 185.0, 145.0, 187.0]

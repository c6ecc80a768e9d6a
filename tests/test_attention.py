"""Attention and the bilinear map: formulas, masks and errors."""

import math

import numpy as np
import pytest
from gradients import check_gradient

import flambeau as torch
import flambeau.nn.functional as F


def double(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def close(got, expected):
    np.testing.assert_allclose(got.detach().numpy(), expected, rtol=1e-9, atol=1e-9)


def by_formula(q, k, v, mask=0.0, scale=None):
    scores = q @ np.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale) + mask
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ v


def test_attention_weighs_values_by_the_likeness_of_keys():
    q, k, v = double(2, 3, 4), double(2, 5, 4, seed=1), double(2, 5, 6, seed=2)
    arrays = [x.numpy() for x in (q, k, v)]
    close(F.scaled_dot_product_attention(q, k, v), by_formula(*arrays))
    close(F.scaled_dot_product_attention(q, k, v, scale=0.3), by_formula(*arrays, scale=0.3))
    mask = double(3, 5, seed=3)
    close(F.scaled_dot_product_attention(q, k, v, attn_mask=mask), by_formula(*arrays, mask.numpy()))
    check_gradient(F.scaled_dot_product_attention, q, k, v)


def test_masked_keys_get_no_weight_and_a_query_without_keys_zeros():
    q = double(1, 3, 4)
    array = q.numpy()
    causal = np.where(np.tri(3, dtype=bool), 0, -np.inf)
    close(F.scaled_dot_product_attention(q, q, q, is_causal=True), by_formula(array, array, array, causal))
    allowed = torch.tensor([[True, True, False], [False, False, False], [True, False, True]])
    leaf = q.clone().requires_grad_()
    y = F.scaled_dot_product_attention(leaf, leaf, leaf, attn_mask=allowed)
    assert y[0, 1].tolist() == [0, 0, 0, 0]
    (gradient,) = torch.autograd.grad(y.sum(), leaf)
    assert gradient.isfinite().all()


def test_heads_of_keys_may_be_shared():
    q, k = double(2, 4, 3, 8), double(2, 2, 5, 8, seed=1)
    expected = by_formula(q.numpy(), np.repeat(k.numpy(), 2, 1), np.repeat(k.numpy(), 2, 1))
    close(F.scaled_dot_product_attention(q, k, k, enable_gqa=True), expected)


def test_dropped_weights_leave_the_others_larger():
    torch.manual_seed(0)
    weights = F.scaled_dot_product_attention(
        torch.zeros(1, 50, 2), torch.zeros(1, 40, 2), torch.eye(40)[None], dropout_p=0.5
    )
    assert sorted({round(value, 4) for value in weights.view(-1).tolist()}) == [0, 0.05]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.scaled_dot_product_attention(x[0, 0], x, x), "at least 2 dimensional"),
        (lambda x: F.scaled_dot_product_attention(x, x.double(), x), "same dtype"),
        (
            lambda x: F.scaled_dot_product_attention(x, x, x, torch.zeros(3, 3), is_causal=True),
            "Explicit attn_mask should not be set",
        ),
        (
            lambda x: F.scaled_dot_product_attention(x, x, x, torch.zeros(3, 3, dtype=torch.int64)),
            "Expected attn_mask dtype",
        ),
        (lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=1.5), "between 0 and 1"),
        (lambda x: F.bilinear(x, x[:1], torch.ones(5, 4, 4)), "batch dimensions do not match"),
        (lambda x: F.bilinear(x, x, torch.ones(5, 4, 3)), "input2 size does not match"),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, message):
    with pytest.raises(RuntimeError, match=message):
        call(torch.ones(2, 3, 4))


def test_the_bilinear_map():
    a, b, weight, bias = double(2, 6, 3), double(2, 6, 4, seed=1), double(5, 3, 4, seed=2), double(5, seed=3)
    expected = np.einsum("nmi,oij,nmj->nmo", *(x.numpy() for x in (a, weight, b))) + bias.numpy()
    close(F.bilinear(a, b, weight, bias), expected)
    check_gradient(F.bilinear, a[0, :2], b[0, :2], weight, bias)
    layer = torch.nn.Bilinear(3, 4, 5).double()
    close(layer(a, b), F.bilinear(a, b, layer.weight, layer.bias).detach().numpy())


@pytest.mark.parametrize(("length", "sources"), [(3, 5), (200, 300), (300, 200), (1, 1)])
def test_causal_attention_in_blocks_is_attention_with_a_mask(length, sources):
    q, k, v = double(2, length, 4), double(2, sources, 4, seed=1), double(2, sources, 3, seed=2)
    mask = torch.ones(length, sources, dtype=torch.bool).tril()
    expected = F.scaled_dot_product_attention(q, k, v, mask)
    close(F.scaled_dot_product_attention(q, k, v, is_causal=True), expected.numpy())


def composed(q, k, v, mask=None, causal=False):
    """Attention by the whole matrix of scores, with a history of its own."""
    if q.dim() > 2 and q.size(-3) != k.size(-3):
        k, v = (x.repeat_interleave(q.size(-3) // x.size(-3), -3) for x in (k, v))
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    shut = (scores == -math.inf).all(-1, keepdim=True)
    return scores.masked_fill(shut, 0).softmax(-1).masked_fill(shut, 0) @ v


def heads(batch, heads, length, width, seed):
    """(batch, heads, length, width), as a projection's result is seen."""
    return double(batch, length, 3, heads, width, seed=seed)[:, :, 1].transpose(1, 2)


# More than one block of queries and of keys, with remainders; fewer heads of keys; other widths of values.
SHAPES = [
    (2, 4, 4, 70, 70, 8, 8),
    (1, 6, 2, 37, 530, 5, 9),
    (1, 1, 1, 300, 260, 16, 3),
    (3, 2, 1, 1, 7, 1, 1),
]


@pytest.mark.parametrize("kind", ["all", "causal", "bools", "numbers", "padding"])
@pytest.mark.parametrize("shape", SHAPES)
def test_blocks_find_what_the_whole_matrix_of_scores_does(shape, kind):
    batch, many, few, length, sources, width, of_value = shape
    q = heads(batch, many, length, width, 0)
    k, v = heads(batch, few, sources, width, 1), heads(batch, few, sources, of_value, 2)
    mask = {
        "bools": double(length, sources, seed=3) > 0.3,
        "numbers": double(many, length, sources, seed=3).masked_fill(
            double(length, 1, seed=4) > 1, -math.inf
        ),
        "padding": (double(batch, 1, 1, sources, seed=5) > -1).logical_or(torch.arange(sources) == 0),
    }.get(kind)
    results = []
    for function in (composed, F.scaled_dot_product_attention):
        leaves = [x.detach().requires_grad_() for x in (q, k, v)]
        if function is composed:
            y = composed(*leaves, mask, kind == "causal")
        else:
            y = function(*leaves, mask, is_causal=kind == "causal", enable_gqa=many != few)
        results.append([y, *torch.autograd.grad(y, leaves, double(*y.shape, seed=6))])
    for found, expected in zip(*results, strict=True):
        close(found, expected.detach().numpy())


@pytest.mark.parametrize("causal", [False, True])
def test_derivatives_of_attention_in_blocks(causal):
    q, k, v = heads(1, 2, 3, 2, 0), heads(1, 1, 4, 2, 1), heads(1, 1, 4, 3, 2)
    check_gradient(lambda *x: F.scaled_dot_product_attention(*x, is_causal=causal, enable_gqa=True), q, k, v)
    added = double(3, 4, seed=3)
    check_gradient(lambda q, m: F.scaled_dot_product_attention(q, k, v, m, enable_gqa=True), q, added)


def test_queries_lie_as_the_result_does():
    q = torch.zeros(2, 7, 3, 4).transpose(1, 2)
    y = F.scaled_dot_product_attention(q, q, q)
    assert y.transpose(1, 2).is_contiguous()
    qkv = torch.zeros(2, 7, 36).split(12, -1)
    q, k, v = (x.view(2, 7, 3, 4).transpose(1, 2).requires_grad_() for x in qkv)
    y = F.scaled_dot_product_attention(q, k, v)
    assert y.transpose(1, 2).is_contiguous()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.bfloat16, 0.03), (torch.float16, 0.004)])
def test_halves_are_widened_block_by_block(dtype, tolerance):
    q, k, v = (heads(1, 2, 40, 8, seed).to(dtype) for seed in range(3))
    results = []
    for x in ((q, k, v), (q.double(), k.double(), v.double())):
        leaves = [t.detach().requires_grad_() for t in x]
        y = F.scaled_dot_product_attention(*leaves, is_causal=True)
        results.append([y, *torch.autograd.grad(y, leaves, torch.ones_like(y))])
    assert results[0][0].dtype == dtype
    for found, expected in zip(*results, strict=True):
        assert torch.allclose(found.double(), expected, rtol=tolerance, atol=tolerance)


def test_what_is_not_a_number_is_found_and_what_is_infinite_is_masked():
    q, k, v = heads(1, 1, 5, 2, 0), heads(1, 1, 6, 2, 1), heads(1, 1, 6, 2, 2)
    k[0, 0, 1, 0] = math.nan
    assert F.scaled_dot_product_attention(q, k, v).isnan().all()
    y = F.scaled_dot_product_attention(q, k, v, torch.arange(6) != 1)
    assert y.isfinite().all()
    assert F.scaled_dot_product_attention(q, k, v, is_causal=True).isnan().any(-1).tolist() == [
        [[False, True, True, True, True]]
    ]


def test_the_matrix_of_scores_is_never_in_memory():
    from flambeau import _core

    x = torch.zeros(1, 1, 4096, 4, requires_grad=True)
    for causal in (False, True):
        before = _core.memory_stats()["allocated_bytes"]
        _core.reset_peak_memory_stats()
        F.scaled_dot_product_attention(x, x, x, is_causal=causal).sum().backward()
        assert _core.memory_stats()["peak_allocated_bytes"] - before < 4 << 20  # the scores alone: 64 MiB


def test_causal_and_a_mask_both_hold_for_samples_of_heads():
    q = heads(1, 2, 5, 4, 0)
    mask = torch.arange(5) != 1
    both = torch.ones(5, 5, dtype=torch.bool).tril() & mask
    close(F.scaled_dot_product_attention(q, q, q, mask, is_causal=True), composed(q, q, q, both).numpy())


def test_results_on_the_device_without_memory():
    q = torch.empty(2, 3, 4, 5, device="meta", requires_grad=True)
    y = F.scaled_dot_product_attention(q, q, q, is_causal=True)
    assert y.is_meta
    (gradient,) = torch.autograd.grad(y.sum(), q)
    assert gradient.shape == q.shape

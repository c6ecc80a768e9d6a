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

"""Attention in several heads, as a function and as a layer."""

import math

import pytest

import flambeau as torch

F = torch.nn.functional


def layer(width=4, heads=2, **options):
    torch.manual_seed(0)
    made = torch.nn.MultiheadAttention(width, heads, **options).double()
    if made.in_proj_bias is not None:
        torch.nn.init.normal_(made.in_proj_bias)
    return made


def by_the_formula(made, x, mask=None):
    """Head after head, of (L, N, E)."""
    length, samples, width = x.shape
    heads = made.num_heads
    q, k, v = F.linear(x, made.in_proj_weight, made.in_proj_bias).chunk(3, -1)
    found, kept = [], []
    for head in range(heads):
        part = slice(head * width // heads, (head + 1) * width // heads)
        scores = torch.einsum("lne,sne->nls", q[..., part], k[..., part]) / math.sqrt(width // heads)
        weights = (scores if mask is None else scores + mask).softmax(-1)
        kept.append(weights)
        found.append(torch.einsum("nls,sne->lne", weights, v[..., part]))
    return made.out_proj(torch.cat(found, -1)), torch.stack(kept, 1)


def test_heads_attend_side_by_side():
    made, x = layer(), torch.randn(5, 3, 4, dtype=torch.float64)
    result, weights = made(x, x, x)
    expected, kept = by_the_formula(made, x)
    assert torch.allclose(result, expected)
    assert torch.allclose(weights, kept.mean(1))
    assert torch.allclose(made(x, x, x, average_attn_weights=False)[1], kept)
    alone, none = made(x, x, x, need_weights=False)
    assert none is None
    assert torch.allclose(alone, expected)


def test_masks_are_true_or_minus_infinity_where_nobody_attends():
    made, x = layer(), torch.randn(5, 3, 4, dtype=torch.float64)
    later = torch.ones(5, 5, dtype=torch.bool).triu(1)
    added = torch.zeros(5, 5, dtype=torch.float64).masked_fill(later, -math.inf)
    expected = by_the_formula(made, x, added)[0]
    assert torch.allclose(made(x, x, x, attn_mask=later)[0], expected)
    assert torch.allclose(made(x, x, x, attn_mask=added, is_causal=True)[0], expected)
    assert torch.allclose(made(x, x, x, attn_mask=later, need_weights=False)[0], expected)
    padding = torch.tensor([[False] * 3 + [True] * 2] * 3)
    _, weights = made(x, x, x, key_padding_mask=padding, attn_mask=later)
    assert (weights[:, :, 3:] == 0).all()


def test_one_sample_needs_no_axis_and_samples_may_come_first():
    made, x = layer(), torch.randn(5, 3, 4, dtype=torch.float64)
    expected, weights = made(x, x, x)
    one = x[:, 1]
    assert torch.allclose(made(one, one, one)[0], expected[:, 1])
    assert torch.allclose(made(one, one, one)[1], weights[1])
    made.batch_first = True
    turned = x.transpose(0, 1)
    assert torch.allclose(made(turned, turned, turned)[0], expected.transpose(0, 1))


def test_keys_and_values_of_other_widths_and_one_more_of_them():
    made = layer(kdim=3, vdim=5, add_bias_kv=True, add_zero_attn=True)
    q = torch.randn(2, 3, 4, dtype=torch.float64)
    k, v = torch.randn(6, 3, 3, dtype=torch.float64), torch.randn(6, 3, 5, dtype=torch.float64)
    result, weights = made(q, k, v, key_padding_mask=torch.zeros(3, 6, dtype=torch.bool))
    assert result.shape == (2, 3, 4)
    assert weights.shape == (3, 2, 8)
    assert torch.allclose(weights.sum(-1), torch.ones(3, 2, dtype=torch.float64))
    assert [name for name, _ in made.named_parameters()] == [
        "q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias", "bias_k", "bias_v",
        "out_proj.weight", "out_proj.bias",
    ]  # fmt: skip


def test_every_parameter_gets_a_gradient():
    made, x = layer(add_bias_kv=True), torch.randn(5, 3, 4, dtype=torch.float64)
    made(x, x, x)[0].square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.parameters())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda m, x: m(x, x, x, is_causal=True),
            RuntimeError,
            "Need attn_mask if specifying the is_causal hint",
        ),
        (lambda m, x: m(x, x[:, 0], x), AssertionError, "expected `key` and `value` to be 3-D"),
        (
            lambda m, x: m(x[..., :3], x, x),
            AssertionError,
            "was expecting embedding dimension of 4, but got 3",
        ),
        (lambda m, x: m(x, x, x[:2]), AssertionError, "does not match value shape"),
        (
            lambda m, x: m(x, x, x, attn_mask=torch.ones(3, 4)),
            RuntimeError,
            "The shape of the 2D attn_mask is",
        ),
        (lambda m, x: m(x, x, x, torch.ones(3, 4)), AssertionError, "to be 2, but got 3"),
        (lambda m, x: torch.nn.MultiheadAttention(5, 2), AssertionError, "must be divisible by num_heads"),
        (lambda m, x: torch.nn.MultiheadAttention(0, 2), ValueError, "must be greater than 0"),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.nn.MultiheadAttention(4, 2), torch.randn(3, 2, 4))

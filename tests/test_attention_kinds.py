"""Choosing how attention is computed, causal biases, and attention whose scores are a function of positions."""

import math

import pytest

import flambeau as torch
from flambeau.nn.attention import SDPBackend, sdpa_kernel
from flambeau.nn.attention import flex_attention as flex
from flambeau.nn.attention.bias import CausalBias, CausalVariant, causal_lower_right, causal_upper_left

F = torch.nn.functional


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# ---- the ways


def test_composing_and_blocks_find_the_same():
    q, k = normal(1, 2, 5, 4), normal(1, 2, 7, 4, seed=1)
    expected = F.scaled_dot_product_attention(q, k, k)
    for way in (SDPBackend.MATH, SDPBackend.FLASH_ATTENTION, [SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH]):
        with sdpa_kernel(way):
            assert torch.allclose(F.scaled_dot_product_attention(q, k, k), expected)


def test_no_way_left_is_an_error_and_the_block_restores_them():
    q = normal(2, 5, 4)
    with sdpa_kernel(SDPBackend.EFFICIENT_ATTENTION):
        assert not torch.backends.cuda.math_sdp_enabled()
        with pytest.raises(
            RuntimeError, match="No viable backend for scaled_dot_product_attention was found"
        ):
            F.scaled_dot_product_attention(q, q, q)
    with sdpa_kernel([SDPBackend.FLASH_ATTENTION]):
        with pytest.raises(RuntimeError, match="No available kernel"):
            F.scaled_dot_product_attention(q, q, q)
        with sdpa_kernel([SDPBackend.MATH], set_priority=True):
            assert F.scaled_dot_product_attention(q, q, q).shape == q.shape
        assert not torch.backends.cuda.math_sdp_enabled()
    assert torch.backends.cuda.math_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()
    with (
        pytest.raises(AssertionError, match="Backend must be an instance of SDPBackend or a list"),
        sdpa_kernel(3),
    ):
        pass


def test_a_decorator_allows_ways_too():
    @sdpa_kernel(SDPBackend.FLASH_ATTENTION)
    def enabled():
        return torch.backends.cuda.math_sdp_enabled()

    assert not enabled()


def test_implementations_for_other_hardware_are_kept():
    from flambeau.nn import attention

    class Handle:
        removed = False

        def remove(self):
            self.removed = True

    handle = Handle()
    attention.register_flash_attention_impl("mine", register_fn=lambda: handle)
    attention.activate_flash_attention_impl("mine")
    assert attention.current_flash_attention_impl() == "mine"
    assert "mine" in attention.list_flash_attention_impls()
    attention.restore_flash_attention_impl()
    assert handle.removed
    assert attention.current_flash_attention_impl() is None
    with pytest.raises(ValueError, match="Unknown flash attention impl 'other'"):
        attention.activate_flash_attention_impl("other")


def test_sequences_of_several_lengths_in_one_tensor_are_refused_by_name():
    from flambeau.nn.attention import varlen

    with pytest.raises(NotImplementedError, match="varlen_attn is not implemented yet: pad the sequences"):
        varlen.varlen_attn(None, None, None)


# ---- causal biases


def test_causal_biases_are_masks_without_elements():
    upper, lower = causal_upper_left(2, 3), causal_lower_right(2, 3)
    assert isinstance(upper, CausalBias)
    assert lower.variant is CausalVariant.LOWER_RIGHT
    assert upper.numel() == 0
    assert repr(upper) == repr(torch.tensor([[True, False, False], [True, True, False]]))
    q, k = normal(1, 1, 2, 4), normal(1, 1, 3, 4, seed=1)
    expected = F.scaled_dot_product_attention(q, k, k, is_causal=True)
    assert torch.equal(F.scaled_dot_product_attention(q, k, k, upper), expected)
    mask = torch.tensor([[True, True, False], [True, True, True]])
    expected = F.scaled_dot_product_attention(q, k, k, mask)
    assert torch.equal(F.scaled_dot_product_attention(q, k, k, attn_mask=lower, scale=None), expected)


def test_what_is_no_causal_bias():
    with pytest.raises(AssertionError, match="only supports 2D tensors"):
        causal_upper_left(2)
    with pytest.raises(AssertionError, match="variant must be a CausalVariant, got int"):
        CausalBias(1, 2, 3)
    with pytest.warns(UserWarning, match="Lower right causal bias will produce NaNs"):
        causal_lower_right(3, 2)
    q = normal(1, 1, 2, 4)
    with pytest.raises(ValueError, match="CausalBias should not be used with causal=True"):
        F.scaled_dot_product_attention(q, q, q, causal_upper_left(2, 2), is_causal=True)


# ---- functions of positions


def causal(b, h, q, kv):
    return q >= kv


def test_scores_are_changed_by_position_and_masked():
    q, k, v = normal(2, 2, 5, 4), normal(2, 2, 6, 4, seed=1), normal(2, 2, 6, 3, seed=2)
    slopes = torch.tensor([0.5, 0.25], dtype=torch.float64)

    def alibi(score, b, h, token_q, token_kv):
        return score + slopes[h] * (token_kv - token_q)

    mask = flex.create_block_mask(causal, None, None, 5, 6, BLOCK_SIZE=2)
    y = flex.flex_attention(q, k, v, alibi, mask)
    distance = torch.arange(6) - torch.arange(5)[:, None]
    added = (slopes[:, None, None] * distance).masked_fill(distance > 0, -math.inf)
    assert torch.allclose(y, F.scaled_dot_product_attention(q, k, v, added.expand(2, 2, 5, 6)))
    y, aux = flex.flex_attention(q, k, v, alibi, mask, return_aux=flex.AuxRequest(lse=True))
    scores = q @ k.transpose(-2, -1) / 2 + added
    assert torch.allclose(aux.lse, scores.logsumexp(-1))
    assert aux.max_scores is None


def test_positions_also_differentiate_and_shared_heads_are_repeated():
    q, k = normal(1, 4, 3, 2).requires_grad_(), normal(1, 2, 3, 2, seed=1)
    y = flex.flex_attention(q, k, k, enable_gqa=True, scale=0.3)
    assert torch.allclose(y, F.scaled_dot_product_attention(q, k, k, enable_gqa=True, scale=0.3))
    y.sum().backward()
    assert q.grad.abs().sum() > 0


def test_a_query_that_may_attend_to_nothing_finds_zeros():
    q = normal(1, 1, 2, 3)
    mask = flex.create_block_mask(lambda b, h, q, kv: q > kv, 1, 1, 2, 2, BLOCK_SIZE=1)
    assert flex.flex_attention(q, q, q, None, mask)[0, 0, 0].tolist() == [0, 0, 0]


def test_masks_combine():
    near = lambda b, h, q, kv: q - kv < 2  # noqa: E731
    both = flex.create_mask(flex.and_masks(causal, near), None, 2, 3, 3)
    assert both.shape == (1, 2, 3, 3)
    assert both[0, 1].tolist() == [[True, False, False], [True, True, False], [False, True, True]]
    either = flex.create_mask(flex.or_masks(lambda b, h, q, kv: kv == 2, causal), 1, 1, 2, 3)
    assert either[0, 0].tolist() == [[True, False, True], [True, True, True]]
    assert flex.create_mask(flex.noop_mask, 1, 1, 2, 2).all()
    scores = flex.create_mask(lambda s, b, h, q, kv: torch.where(q >= kv, s, -math.inf), 1, 1, 2, 2)
    assert scores[0, 0].tolist() == [[True, False], [True, True]]


def test_blocks_are_listed_by_row_and_column():
    mask = flex.create_block_mask(causal, 1, 1, 300, 260, BLOCK_SIZE=64)
    # PyTorch 2.13's numbers.
    assert mask.kv_num_blocks.tolist() == [[[1, 1, 1, 1, 5]]]
    assert mask.kv_indices[0, 0, 1].tolist() == [1, 0, 2, 3, 4]
    assert mask.full_kv_num_blocks.tolist() == [[[0, 1, 2, 3, 0]]]
    assert mask.q_num_blocks.tolist() == [[[2, 2, 2, 2, 1]]]
    assert mask.kv_indices.dtype == torch.int32
    assert mask.shape == (1, 1, 300, 260)
    assert mask.sparsity() == pytest.approx(21.23076923)
    assert torch.equal(mask.to_dense()[0, 0], torch.ones(5, 5, dtype=torch.int32).tril())
    assert str(mask).splitlines()[2:5] == ["██        ", "████      ", "██████    "]
    assert len(mask.as_tuple()) == 17
    smaller = mask._adjust(130, 100)
    assert smaller.shape == (1, 1, 130, 100)
    assert torch.equal(smaller.to_dense()[0, 0], torch.tensor([[1, 0], [1, 1], [1, 1]], dtype=torch.int32))
    assert mask[:, 0, 1:3].kv_num_blocks.tolist() == [[[1, 1]]]
    assert mask.to("meta").kv_indices.is_meta


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda q: flex.flex_attention(q[0], q[0], q[0]), NotImplementedError, "must be 4D tensors"),
        (lambda q: flex.flex_attention(q, q[:, :1], q), ValueError, "Try setting enable_gqa=True for GQA"),
        (lambda q: flex.flex_attention(q, q[..., :2], q), ValueError, "the same embedding dimension"),
        (
            lambda q: flex.flex_attention(q, q, q, None, flex.create_block_mask(causal, 1, 1, 2, 4)),
            ValueError,
            "was created for a smaller length",
        ),
        (
            lambda q: flex.flex_attention(q, q, q, None, flex.create_block_mask(causal, 1, 1, 9, 9)),
            ValueError,
            r"or to crop it with block_mask._adjust",
        ),
        (
            lambda q: flex.flex_attention(q, q, q, None, flex.create_block_mask(causal, 1, 1, 4, 4)[0, 0]),
            RuntimeError,
            "Cannot use mask_mod from a sliced BlockMask",
        ),
        (
            lambda q: flex.flex_attention(q, q, q, kernel_options={"BACKEND": "x"}),
            ValueError,
            "Invalid BACKEND",
        ),
        (
            lambda q: flex.create_block_mask(lambda s, b, h, i, j: s, 1, 1, 2, 2),
            AssertionError,
            "requires a mask_mod function",
        ),
        (
            lambda q: flex.create_mask(lambda b, h: b, 1, 1, 2, 2),
            AssertionError,
            "Expected 4 or 5 positional args",
        ),
        (lambda q: flex.and_masks(3), RuntimeError, "All inputs should be callable"),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(normal(1, 2, 4, 4))

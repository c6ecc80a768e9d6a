"""The transformer's modules; recorded numbers are PyTorch 2.13's."""

import math
import pickle
import warnings

import pytest

import flambeau as torch

nn = torch.nn


def sequences():
    return torch.arange(24.0).reshape(2, 3, 4).sin(), torch.arange(16.0).reshape(2, 2, 4).cos()


PADDING = [[False, False, True], [False, False, False]]


def close(got, expected, tolerance=2e-5):
    assert torch.allclose(got.detach(), torch.tensor(expected), rtol=tolerance, atol=tolerance), got


def test_the_same_seed_gives_the_same_numbers_results_and_gradients():
    torch.manual_seed(3)
    model = nn.Transformer(4, 2, 1, 1, dim_feedforward=6, dropout=0.25, batch_first=True)
    names = [name for name, _ in model.named_parameters()]
    norms = ["norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"]
    attention = ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    feed = ["linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"]
    encoder = [f"self_attn.{x}" for x in attention] + feed + norms
    decoder = [f"{a}.{x}" for a in ("self_attn", "multihead_attn") for x in attention] + feed + norms
    decoder += ["norm3.weight", "norm3.bias"]
    assert names == [
        *(f"encoder.layers.0.{x}" for x in encoder), "encoder.norm.weight", "encoder.norm.bias",
        *(f"decoder.layers.0.{x}" for x in decoder), "decoder.norm.weight", "decoder.norm.bias",
    ]  # fmt: skip
    started = torch.stack([p.detach().abs().sum() for p in list(model.parameters())[:8]])
    close(started, [13.41701, 0.0, 8.29791, 0.0, 7.22694, 1.77459, 9.90955, 1.16518])
    src, tgt = sequences()
    torch.manual_seed(5)
    later = model.generate_square_subsequent_mask(2)
    y = model(src, tgt, tgt_mask=later, src_key_padding_mask=torch.tensor(PADDING))
    close(
        y,
        [
            [[1.5892, -1.14941, -0.38806, -0.05174], [-1.31641, -0.61599, 1.06747, 0.86493]],
            [[-0.00591, -0.7232, -0.90255, 1.63166], [0.21098, 1.41111, -1.38053, -0.24156]],
        ],
    )
    (y * torch.arange(16.0).reshape(y.shape)).sum().backward()
    gradients = {name: p.grad.abs().sum() for name, p in model.named_parameters()}
    close(gradients["encoder.layers.0.self_attn.in_proj_weight"], 10.2474, 1e-4)
    close(gradients["encoder.layers.0.norm1.bias"], 1.9949, 1e-4)
    close(gradients["decoder.layers.0.multihead_attn.in_proj_bias"], 17.2353, 1e-4)
    close(gradients["decoder.layers.0.linear1.weight"], 35.5211, 1e-4)


def test_at_inference_too():
    torch.manual_seed(3)
    model = nn.Transformer(4, 2, 1, 1, dim_feedforward=6, dropout=0.25, batch_first=True).eval()
    src, tgt = sequences()
    torch.manual_seed(5)
    with torch.no_grad():
        close(
            model(src, tgt, src_key_padding_mask=torch.tensor(PADDING)),
            [
                [[0.61661, 1.22215, -0.45271, -1.38606], [-1.06507, -0.87972, 1.28909, 0.65569]],
                [[0.46111, -1.06815, -0.80602, 1.41306], [0.03508, 1.35505, 0.07836, -1.46848]],
            ],
        )


@pytest.mark.parametrize(
    ("options", "encoded", "decoded"),
    [
        (
            {"norm_first": True},
            [0.05048, 0.41157, 1.18091, -0.09292],
            [1.08372, 0.74239, -0.39713, -1.29834],
        ),
        (
            {"activation": torch.tanh},
            [-1.224, 0.8169, 1.13939, -0.73229],
            [1.16041, 0.71194, -0.4925, -1.37985],
        ),
        ({"bias": False}, [-0.49631, 1.07289, 0.8154, -1.39198], [1.32189, 0.49291, -0.48145, -1.33335]),
        (
            {"activation": "gelu"},
            [-1.1388, 0.71446, 1.2375, -0.81316],
            [1.0768, 0.81704, -0.51127, -1.38257],
        ),
    ],
)
def test_variants_of_a_layer(options, encoded, decoded):
    torch.manual_seed(0)
    encoder = nn.TransformerEncoderLayer(4, 2, 6, 0.0, **options)
    decoder = nn.TransformerDecoderLayer(4, 2, 6, 0.0, **options)
    src, tgt = (x.transpose(0, 1) for x in sequences())
    close(encoder(src)[0, 0], encoded)
    close(decoder(tgt, src)[0, 0], decoded)


def test_one_sample_and_the_samples_first_are_the_same_numbers():
    torch.manual_seed(0)
    model = nn.Transformer(4, 2, 1, 1, dim_feedforward=6, dropout=0.0)
    other = nn.Transformer(4, 2, 1, 1, dim_feedforward=6, dropout=0.0, batch_first=True)
    other.load_state_dict(model.state_dict())
    src, tgt = sequences()
    found = other(src, tgt)
    assert torch.allclose(model(src.transpose(0, 1), tgt.transpose(0, 1)).transpose(0, 1), found, atol=1e-6)
    assert torch.allclose(model(src[1], tgt[1]), found[1], atol=1e-6)


def test_the_causal_mask_is_recognised_and_the_hint_believed():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 6, 0.0, batch_first=True)
    seen = []
    layer.register_forward_pre_hook(lambda _, __, kwargs: seen.append(kwargs["is_causal"]), with_kwargs=True)
    encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
    x, later = sequences()[0], nn.Transformer.generate_square_subsequent_mask(3)
    found = encoder(x, later)
    assert torch.allclose(encoder(x, later.isinf()), found)
    assert torch.allclose(encoder(x, later, is_causal=False), found, atol=1e-6)
    assert torch.allclose(encoder(x, torch.zeros(3, 3), is_causal=True), found)
    assert not torch.allclose(encoder(x, torch.zeros(3, 3)), found)
    assert seen == [True, True, False, True, False]
    # A later position changes nothing before it.
    changed = x.clone()
    changed[:, 2] += 1
    assert torch.equal(encoder(changed, later)[:, :2], found[:, :2])


def test_padded_positions_are_zeros_where_pytorch_would_leave_them_out():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)
    encoder, padding = nn.TransformerEncoder(layer, 1).eval(), torch.tensor(PADDING)
    x = sequences()[0]
    recorded = encoder(x, src_key_padding_mask=padding).detach()
    with torch.no_grad():
        plain = encoder(x, src_key_padding_mask=padding)
        assert plain[0, 2].tolist() == [0] * 4
        assert torch.allclose(plain[~padding], recorded[~padding], atol=1e-6)
        assert recorded[0, 2].abs().sum() > 0
        assert encoder(x, src_key_padding_mask=padding.flip(1))[0, 0].abs().sum() > 0  # before the sequence
        encoder.mask_check = False  # now only how much of it there is counts
        assert torch.equal(encoder(x, src_key_padding_mask=padding.flip(1)), plain)


def test_a_query_that_may_attend_to_nothing():
    torch.manual_seed(0)
    layer, x = nn.TransformerEncoderLayer(4, 2, 6, 0.0, batch_first=True), sequences()[0]
    nobody = torch.tensor([[True, True, True], [False, True, True], [False, False, False]])
    found = layer(x, nobody)
    assert found.isfinite().all()
    found.sum().backward()
    assert all(p.grad.isfinite().all() for p in layer.parameters())
    with torch.no_grad():
        assert layer.eval()(x, nobody).isnan().any(-1).tolist() == [[True, False, False]] * 2
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            assert torch.allclose(layer(x, nobody), found)
        finally:
            torch.backends.mha.set_fastpath_enabled(True)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, ".self_attn.batch_first was not True(use batch_first for better inference performance)"),
        ({"batch_first": True, "norm_first": True}, ".norm_first was True"),
        ({"batch_first": True, "bias": False}, ".self_attn was passed bias=False"),
        ({"batch_first": True, "activation": torch.tanh}, ".activation_relu_or_gelu was not True"),
        ({"batch_first": True, "nhead": 1}, ".self_attn.num_heads is odd"),
    ],
)
def test_a_layer_that_forbids_nested_tensors_is_named(options, reason):
    layer = nn.TransformerEncoderLayer(**{"d_model": 4, "nhead": 2, "dim_feedforward": 6, **options})
    with pytest.warns(UserWarning) as caught:
        encoder = nn.TransformerEncoder(layer, 1)
    assert str(caught[0].message) == (
        f"enable_nested_tensor is True, but self.use_nested_tensor is False because encoder_layer{reason}"
    )
    assert encoder.enable_nested_tensor and not encoder.use_nested_tensor
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)


def test_layers_are_copies_and_may_be_pickled():
    layer = nn.TransformerDecoderLayer(4, 2, 6, activation=nn.GELU())
    decoder = pickle.loads(pickle.dumps(nn.TransformerDecoder(layer, 2, nn.LayerNorm(4))))
    first, second = decoder.layers
    assert torch.equal(first.linear1.weight, second.linear1.weight)
    assert first.linear1.weight is not second.linear1.weight
    assert "layers.1.activation" in dict(decoder.named_modules())


def test_the_whole_on_the_device_without_memory():
    model = nn.Transformer(8, 2, 1, 1, dim_feedforward=16, device="meta")
    y = model(torch.empty(10, 3, 8, device="meta"), torch.empty(5, 3, 8, device="meta"))
    assert y.is_meta
    assert y.shape == (5, 3, 8)


def test_later_positions_are_minus_infinity():
    mask = nn.Transformer.generate_square_subsequent_mask(3, dtype=torch.float64)
    assert mask.tolist() == [[0, -math.inf, -math.inf], [0, 0, -math.inf], [0, 0, 0]]
    assert mask.dtype == torch.float64


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda m, s, t: m(s[:1], t),
            RuntimeError,
            "the batch number of src and tgt must be equal.* 1 and 2 samples along axis 0",
        ),
        (
            lambda m, s, t: m(s[..., :3], t),
            RuntimeError,
            "the feature number of src and tgt must be equal to d_model.* 3 and 4 elements",
        ),
        (
            lambda m, s, t: m(s, t, src_mask=torch.zeros(2, 3)),
            RuntimeError,
            r"The shape of the 2D attn_mask is torch.Size\(\[2, 3\]\), but should be \(3, 3\): a row for each query",
        ),
        (
            lambda m, s, t: m(s, t, memory_mask=torch.zeros(2, 3, 3)),
            RuntimeError,
            r"The shape of the 3D attn_mask is .* but should be \(4, 2, 3\): a matrix for each head",
        ),
        (
            lambda m, s, t: m(s, t, src_key_padding_mask=torch.zeros(3, 2)),
            AssertionError,
            r"Expected key_padded_mask.shape\[0\] to be 2, but got 3: the mask is of \(samples, keys\)",
        ),
        (
            lambda m, s, t: m(s, t, src_mask=torch.zeros(3, 3, dtype=torch.int32)),
            AssertionError,
            r"only bool and floating types of mask are supported.* with .bool\(\)",
        ),
        (
            lambda m, s, t: m.encoder.layers[0](s, is_causal=True),
            RuntimeError,
            "Need attn_mask if specifying the is_causal hint",
        ),
        (
            lambda m, s, t: nn.TransformerEncoderLayer(4, 2, activation="tanh"),
            RuntimeError,
            "activation should be relu/gelu, not tanh",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_named(call, error, message):
    model = nn.Transformer(4, 2, 1, 1, dim_feedforward=6, batch_first=True)
    with pytest.raises(error, match=message):
        call(model, *sequences())


def test_masks_of_two_types_are_warned_about():
    layer, x = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True), sequences()[0]
    with pytest.warns(
        UserWarning, match="Support for mismatched src_key_padding_mask and src_mask is deprecated"
    ):
        layer(x, torch.zeros(3, 3), torch.tensor(PADDING))


@pytest.mark.parametrize("stack", [nn.TransformerEncoder, nn.TransformerDecoder])
def test_more_layers_than_memory_holds_are_refused_at_once(stack):
    with pytest.raises(RuntimeError, match="not enough memory: 9223372036854775808 layers"):
        stack(nn.TransformerEncoderLayer(2, 1, 2), 2**63)
    with pytest.raises(TypeError, match="str is not a Module subclass"):
        stack("nan", 2**62)

"""Layers that normalise, pad, rearrange and look up: values from formulas, statistics, errors and derivatives."""

import math

import numpy as np
import pytest
from gradients import check_gradient

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn


def double(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def close(got, expected, tolerance=1e-9):
    np.testing.assert_allclose(got.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


def standardized(x, axes, eps=1e-5):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


# ---- normalisation


def test_layer_norm_standardizes_the_last_axes():
    x, weight, bias = double(2, 3, 4), double(3, 4, seed=1), double(3, 4, seed=2)
    expected = standardized(x.numpy(), (1, 2)) * weight.numpy() + bias.numpy()
    close(F.layer_norm(x, (3, 4), weight, bias), expected)
    check_gradient(lambda *args: F.layer_norm(args[0], (3, 4), *args[1:]), x, weight, bias)


def test_rms_norm_divides_by_the_root_mean_square():
    x = double(3, 4)
    expected = x.numpy() / np.sqrt((x.numpy() ** 2).mean(1, keepdims=True) + 0.1)
    close(F.rms_norm(x, (4,), eps=0.1), expected)
    close(nn.RMSNorm(4, eps=0.1).double()(x), expected)


def test_group_norm_standardizes_groups_of_channels():
    x, weight, bias = double(2, 6, 3), double(6, seed=1), double(6, seed=2)
    groups = standardized(x.numpy().reshape(2, 2, 9), 2).reshape(2, 6, 3)
    expected = groups * weight.numpy()[:, None] + bias.numpy()[:, None]
    close(F.group_norm(x, 2, weight, bias), expected)
    check_gradient(lambda *args: F.group_norm(args[0], 2, *args[1:]), x, weight, bias)


def test_instance_norm_standardizes_each_channel_of_each_sample():
    x = double(2, 3, 5)
    close(F.instance_norm(x), standardized(x.numpy(), 2))
    close(nn.InstanceNorm1d(3)(x[0]), standardized(x.numpy()[0], 1))


def test_batch_norm_takes_the_batch_in_training_and_what_it_has_seen_in_evaluation():
    layer, x = nn.BatchNorm2d(3).double(), double(4, 3, 2, 2)
    values = x.numpy()
    close(layer(x), standardized(values, (0, 2, 3)))
    mean, var = values.mean((0, 2, 3)), values.var((0, 2, 3), ddof=1)
    close(layer.running_mean, 0.1 * mean)
    close(layer.running_var, 0.9 + 0.1 * var)
    assert layer.num_batches_tracked.item() == 1
    layer.eval()
    scale = np.sqrt(0.9 + 0.1 * var + 1e-5)[:, None, None]
    close(layer(x), (values - 0.1 * mean[:, None, None]) / scale)
    assert layer.num_batches_tracked.item() == 1


def test_batch_norm_without_momentum_averages_all_batches():
    layer = nn.BatchNorm1d(2, momentum=None).double()
    batches = [double(5, 2, seed=seed) for seed in range(3)]
    for batch in batches:
        layer(batch)
    close(layer.running_mean, np.mean([batch.numpy().mean(0) for batch in batches], 0))


def test_batch_norm_has_derivatives_of_both_orders():
    x, weight, bias = double(3, 2, 2), double(2, seed=1), double(2, seed=2)
    check_gradient(
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), x, weight, bias, tolerance=1e-4
    )

    mean, var = double(2, seed=3), double(2, seed=4).abs() + 0.5
    check_gradient(lambda x, w, b: F.batch_norm(x, mean, var, w, b), x, weight, bias, tolerance=1e-4)


@pytest.mark.parametrize(
    "shape",
    [(5, 3), (70, 40), (2, 3, 5), (1, 1, 9000), (3, 2, 4100), (4, 33, 7, 7), (2, 17, 3, 3, 2)],
    ids=str,
)
@pytest.mark.parametrize("last", [False, True], ids=["in order", "channels last"])
def test_batch_norm_goes_over_planes_and_columns_alike(shape, last):
    x, upstream = double(*shape), double(*shape, seed=1)
    weight, bias = double(shape[1], seed=2), double(shape[1], seed=3)
    axes = tuple(axis for axis in range(len(shape)) if axis != 1)
    column = (1, -1, *(1 for _ in shape[2:]))
    values, g = x.numpy(), upstream.numpy()
    h = standardized(values, axes)
    scale = 1 / np.sqrt(values.var(axes, keepdims=True) + 1e-5)
    factor = weight.numpy().reshape(column)
    inner = g - g.mean(axes, keepdims=True) - h * (g * h).mean(axes, keepdims=True)
    if last and len(shape) > 3:
        x = x.contiguous(memory_format=torch.channels_last if len(shape) == 4 else torch.channels_last_3d)
    leaves = [t.requires_grad_() for t in (x, weight, bias)]
    y = F.batch_norm(x, None, None, weight, bias, training=True)
    assert y.stride() == x.stride()
    close(y.detach(), h * factor + bias.detach().numpy().reshape(column))
    grads = torch.autograd.grad(y, leaves, upstream)
    close(grads[0], scale * factor * inner)
    close(grads[1], (g * h).sum(axes))
    close(grads[2], g.sum(axes))


def test_batch_norm_keeps_its_precision_far_from_zero():
    x = (torch.arange(6000.0).remainder(7) + 10000).view(3000, 2)
    expected = standardized(x.double().numpy(), 0)
    assert np.abs(F.batch_norm(x, None, None, training=True).numpy() - expected).max() < 1e-3
    assert np.abs(F.batch_norm(x.t()[None], None, None, training=True)[0].t().numpy() - expected).max() < 1e-3


def test_running_statistics_of_another_layout_or_type_move_too():
    x = double(6, 3).float()
    mean, var = torch.zeros(6)[::2], torch.ones(6)[::2]
    F.batch_norm(x, mean, var, training=True, momentum=1.0)
    assert torch.allclose(mean, x.mean(0))
    assert torch.allclose(var, x.var(0))
    halves = torch.zeros(3).half(), torch.ones(3).half()
    y = F.batch_norm(x.half(), *halves, training=True, momentum=1.0)
    assert y.dtype == torch.float16
    assert torch.allclose(halves[0], x.half().float().mean(0).half())
    untouched = torch.zeros(3), torch.ones(3)
    F.batch_norm(torch.ones(0, 3, 2), *untouched, training=True)
    assert torch.equal(untouched[1], torch.ones(3))


def test_half_precision_is_normalised_in_float32():
    x = torch.tensor([[60000.0, 60001.0, 0.0, 1.0]]).half()
    y = F.layer_norm(x, (4,))
    assert y.dtype == torch.float16
    assert y.isfinite().all()


def test_old_batch_norm_checkpoints_have_no_count():
    layer, state = nn.BatchNorm1d(2), nn.BatchNorm1d(2).state_dict()
    del state["num_batches_tracked"]
    state._metadata[""]["version"] = 1
    layer.load_state_dict(state)
    assert layer.num_batches_tracked.item() == 0


def test_local_response_norm_divides_by_neighbouring_channels():
    x = double(1, 4, 2)
    squares = np.pad(x.numpy() ** 2, ((0, 0), (1, 1), (0, 0)))
    means = sum(squares[:, i : i + 4] for i in range(3)) / 3
    close(F.local_response_norm(x, 3, alpha=0.5, beta=0.7, k=2.0), x.numpy() / (2 + 0.5 * means) ** 0.7)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.layer_norm(torch.ones(2, 3), (4,)), RuntimeError, "expected input with shape"),
        (lambda: F.batch_norm(torch.ones(1, 3), None, None, training=True), ValueError, "more than 1 value"),
        (lambda: F.batch_norm(torch.ones(2, 3), None, None), RuntimeError, "running_mean must be defined"),
        (
            lambda: F.batch_norm(torch.ones(2, 3), torch.ones(3), None, training=True),
            ValueError,
            "must either both be None",
        ),
        (
            lambda: F.batch_norm(torch.ones(2, 3), torch.ones(3).requires_grad_(), torch.ones(3)),
            RuntimeError,
            "not differentiable with respect to argument 'running_mean'",
        ),
        (
            lambda: F.batch_norm(torch.ones(2, 3), torch.ones(3).double(), torch.ones(3)),
            RuntimeError,
            "expect parameter to have scalar type of Float",
        ),
        (
            lambda: F.batch_norm(torch.ones(2, 3).double(), torch.ones(3), torch.ones(3)),
            RuntimeError,
            "all inputs must share same datatype",
        ),
        (lambda: F.batch_norm(torch.ones(2, 3).long(), None, None, training=True), RuntimeError, "Long"),
        (lambda: F.group_norm(torch.ones(2, 3), 2), RuntimeError, "divisible by num_groups"),
        (lambda: nn.GroupNorm(2, 3), ValueError, "must be divisible by num_groups"),
        (lambda: nn.BatchNorm2d(3)(torch.ones(2, 3)), ValueError, "expected 4D input"),
        (
            lambda: nn.BatchNorm1d(3, eps=0)(torch.ones(2, 3)),
            ValueError,
            "batch_norm eps must be positive during training, but got 0",
        ),
        (
            lambda: nn.BatchNorm1d(3, eps=-1.0).eval()(torch.ones(2, 3)),
            ValueError,
            "batch_norm eps must be non-negative, but got -1.0",
        ),
        (lambda: F.instance_norm(torch.ones(2, 3, 1)), ValueError, "more than 1 spatial element"),
    ],
)
def test_bad_input_to_a_normalisation_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- padding


@pytest.mark.parametrize(
    ("mode", "numpys"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")]
)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_padding_follows_its_mode(mode, numpys, axes):
    x = double(2, *(3, 4, 5)[:axes])
    pad = [1, 2, 2, 1, 1, 0][: 2 * axes]
    widths = [(0, 0), *((pad[2 * i], pad[2 * i + 1]) for i in reversed(range(axes)))]
    close(F.pad(x, pad, mode=mode), np.pad(x.numpy(), widths, mode=numpys))
    check_gradient(lambda x: F.pad(x, pad, mode=mode) ** 2, x, tolerance=1e-4)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate"])
def test_padding_keeps_the_order_of_channels_and_takes_any_view(mode):
    x = double(2, 3, 4, 5)
    expected = F.pad(x, (1, 2, 2, 0), mode=mode)
    last = x.contiguous(memory_format=torch.channels_last)
    padded = F.pad(last, (1, 2, 2, 0), mode=mode)
    assert padded.is_contiguous(memory_format=torch.channels_last) and torch.equal(padded, expected)
    assert torch.equal(F.pad(x.transpose(0, 1), (1, 2, 2, 0), mode=mode), expected.transpose(0, 1))
    volume = double(2, 3, 4, 5, 2).contiguous(memory_format=torch.channels_last_3d)
    assert torch.equal(
        F.pad(volume, (1, 0, 2, 1, 0, 1), mode=mode),
        F.pad(volume.contiguous(), (1, 0, 2, 1, 0, 1), mode=mode),
    )


def test_constants_pad_any_axes_and_negative_numbers_take_away():
    x = double(2, 3)
    close(F.pad(x, (1, -1, 0, 2), value=7), np.pad(x.numpy()[:, :2], ((0, 2), (1, 0)), constant_values=7))
    assert F.pad(x, (-2, -1)).shape == (2, 0)
    assert F.pad(torch.tensor([True]), (1, 1)).tolist() == [False, True, False]
    check_gradient(lambda x: F.pad(x, (1, -1, 0, 2), value=7) ** 2, x)
    untouched = F.pad(x, (0, 0))
    assert untouched.data_ptr() != x.data_ptr()


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("pad", [(0, 0), (-1, 0), (0, -1), (-1, -1)])
def test_padding_by_nothing_or_less_is_a_copy_still(mode, pad):
    x = torch.arange(5.0).view(1, 5)
    F.pad(x, pad, mode=mode).fill_(9.0)
    assert x.tolist() == [[0, 1, 2, 3, 4]]


def test_padded_images_keep_their_channels_last():
    x = torch.ones(1, 2, 3, 3).to(memory_format=torch.channels_last)
    for padded in (
        F.pad(x, (1, 1)),
        torch.constant_pad_nd(x, (1, 1)),
        F.pad(x, (1, 1, 0, 0), mode="replicate"),
    ):
        assert padded.stride() == (30, 1, 10, 2)
    assert F.pad(x, (1, 1, 0, 0), mode="circular").stride() == (30, 15, 5, 1)


@pytest.mark.parametrize("pad", [(-2, -2), (-5, 3), (3, -5)])
def test_no_more_can_be_taken_away_than_there_is(pad):
    with pytest.raises(RuntimeError, match="length must be non-negative"):
        F.pad(torch.ones(3), pad)


def test_what_goes_round_is_what_negative_paddings_leave():
    x = torch.arange(6.0).view(1, 6)
    assert F.pad(x, (2, -1), mode="circular").tolist() == [[3, 4, 0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("pad", "mode", "error", "message"),
    [
        ((1,), "constant", RuntimeError, "divisible by 2"),
        ((1, 1) * 4, "constant", RuntimeError, "less than or equal to two times the input dimension"),
        ((4, 0), "reflect", RuntimeError, "Padding size should be less than"),
        ((5, 0), "circular", RuntimeError, "wrapping around more than once"),
        ((1, 1, 1, 1, 1, 1), "reflect", NotImplementedError, "not supported for 3D input"),
        ((1, 1), "mirror", NotImplementedError, "Unrecognised padding mode mirror"),
    ],
)
def test_bad_paddings_are_named(pad, mode, error, message):
    with pytest.raises(error, match=message):
        F.pad(torch.ones(1, 3, 4), pad, mode=mode)


@pytest.mark.parametrize(
    ("layer", "input_shape", "shape"),
    [
        (nn.ConstantPad3d(1, 2.0), (1, 1, 2, 3), (1, 3, 4, 5)),
        (nn.ZeroPad1d((1, 2)), (1, 3), (1, 6)),
        (nn.ReflectionPad2d(1), (1, 2, 3), (1, 4, 5)),
        (nn.ReplicationPad3d(2), (1, 1, 2, 3), (1, 5, 6, 7)),
        (nn.CircularPad2d((1, 0, 0, 1)), (1, 2, 3), (1, 3, 4)),
    ],
)
def test_padding_layers_pad_as_many_axes_as_they_say(layer, input_shape, shape):
    assert layer(torch.ones(input_shape)).shape == shape


# ---- pixels and channels


def test_pixels_are_shuffled_into_images_and_back():
    x = torch.arange(16.0).view(1, 4, 2, 2)
    y = F.pixel_shuffle(x, 2)
    assert y[0, 0].tolist() == [[0, 4, 1, 5], [8, 12, 9, 13], [2, 6, 3, 7], [10, 14, 11, 15]]
    assert torch.equal(F.pixel_unshuffle(y, 2), x)
    with pytest.raises(RuntimeError, match="divisible by the square of upscale_factor"):
        F.pixel_shuffle(torch.ones(1, 3, 2, 2), 2)


def test_channels_are_dealt_out():
    x = torch.arange(6.0).view(1, 6, 1)
    assert F.channel_shuffle(x, 2).view(-1).tolist() == [0, 3, 1, 4, 2, 5]


# ---- tables


def test_an_embedding_looks_rows_up_and_adds_their_gradients():
    table = double(4, 3).requires_grad_()
    numbers = torch.tensor([[1, 3], [1, 0]])
    found = F.embedding(numbers, table)
    close(found, table.detach().numpy()[numbers.numpy()])
    found.sum().backward()
    assert table.grad[:, 0].tolist() == [1, 2, 0, 1]


def test_the_padding_row_gets_no_gradient_and_frequent_rows_a_smaller_one():
    table = torch.ones(4, 2, requires_grad=True)
    numbers = torch.tensor([1, 1, 2, 3])
    F.embedding(numbers, table, padding_idx=-2, scale_grad_by_freq=True).sum().backward()
    assert table.grad[:, 0].tolist() == [0, 1, 0, 1]


def test_long_rows_in_use_are_shortened_in_place():
    layer = nn.Embedding.from_pretrained(torch.tensor([[3.0, 4.0], [6.0, 8.0], [0.3, 0.4]]), max_norm=1.0)
    layer(torch.tensor([0, 2]))
    close(layer.weight, [[0.6, 0.8], [6, 8], [0.3, 0.4]], 1e-6)
    assert not layer.weight.requires_grad


def test_bad_embeddings_are_named():
    with pytest.raises(IndexError, match="index out of range"):
        F.embedding(torch.tensor([2]), torch.ones(2, 2))
    with pytest.raises(AssertionError, match="Padding_idx must be within"):
        nn.Embedding(2, 2, padding_idx=2)
    assert nn.Embedding(3, 2, padding_idx=-1).weight[2].tolist() == [0, 0]


def test_one_hot_marks_the_class():
    assert F.one_hot(torch.tensor([[0], [2]])).tolist() == [[[1, 0, 0]], [[0, 0, 1]]]
    assert F.one_hot(torch.tensor(1), 3).tolist() == [0, 1, 0]
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        F.one_hot(torch.tensor([2]), 2)
    with pytest.raises(RuntimeError, match="Can not infer"):
        F.one_hot(torch.tensor([], dtype=torch.int64))
    assert math.prod(F.one_hot(torch.tensor([], dtype=torch.int64), 3).shape) == 0


# ---- blocks of images


def test_blocks_are_laid_out_as_columns_and_put_back():
    x = double(2, 3, 5, 6)
    options = {"kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 0), "stride": (1, 2)}
    columns = F.unfold(x, **options)
    padded = np.pad(x.numpy(), ((0, 0), (0, 0), (1, 1), (0, 0)))
    blocks = [padded[:, :, i : i + 3 : 2, j : j + 3].reshape(2, -1) for i in range(5) for j in range(0, 4, 2)]
    close(columns, np.stack(blocks, -1))
    ones = F.fold(F.unfold(torch.ones(1, 1, 5, 6).double(), **options), (5, 6), **options)
    close(F.fold(columns, (5, 6), **options), x.numpy() * ones.numpy())
    close(nn.Unfold(2)(x[0]), F.unfold(x[0], 2).numpy())
    check_gradient(lambda x: F.unfold(x, **options) ** 2, x[:1, :1], tolerance=1e-4)
    check_gradient(lambda c: F.fold(c, (5, 6), **options) ** 2, columns[:1, :6], tolerance=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bool, torch.complex64])
def test_blocks_of_other_elements(dtype):
    x = (torch.arange(12).view(1, 1, 3, 4) % 2).to(dtype)
    columns = F.unfold(x, 2, padding=1, stride=2)
    assert columns.dtype == dtype and torch.equal(columns[0, 3].view(2, 3)[:, :2], x[0, 0, ::2, ::2])
    assert F.fold(columns, (3, 4), 2, padding=1, stride=2).dtype == dtype


def test_blocks_of_views_and_of_empty_batches():
    x = double(2, 3, 5, 6)
    strided = x.transpose(2, 3).contiguous().transpose(2, 3)
    close(F.unfold(strided, 2), F.unfold(x, 2).numpy())
    close(F.unfold(x.contiguous(memory_format=torch.channels_last), 2), F.unfold(x, 2).numpy())
    assert F.unfold(x[:0], 2).shape == (0, 12, 20) and F.fold(torch.ones(0, 12, 20), (5, 6), 2).shape == (
        0,
        3,
        5,
        6,
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.unfold(x, (5, 2)), "its components must be at least one"),
        (lambda x: F.unfold(x, 0), "kernel size should be greater than zero"),
        (lambda x: F.unfold(x, (2, 2, 2)), "expected kernel_size equals to 2, but got size 3"),
        (lambda x: F.fold(torch.ones(1, 8, 12), 4, 2), "sliding blocks 3 \\* 3 = 9"),
        (lambda x: F.fold(torch.ones(1, 7, 12), 4, 2), "divisible by the product of kernel_size"),
    ],
)
def test_blocks_that_do_not_fit_are_named(call, message):
    with pytest.raises(RuntimeError, match=message):
        call(torch.ones(1, 2, 4, 5))


# ---- normalisations taken into the map before them


def seen(norm):
    """A normalisation in evaluation, with statistics and parameters of its own."""
    for i, values in enumerate((norm.running_mean, norm.running_var, norm.weight, norm.bias)):
        values.detach().copy_(double(norm.num_features, seed=i).abs() + 0.5)
    return norm.double().eval()


@pytest.mark.parametrize("bias", [True, False])
def test_a_fused_layer_does_what_both_did(bias):
    conv, linear = nn.Conv2d(2, 3, 2, bias=bias).double().eval(), nn.Linear(4, 3, bias=bias).double().eval()
    image, rows = double(2, 2, 4, 4), double(5, 4)
    norm2d, norm1d = seen(nn.BatchNorm2d(3)), seen(nn.BatchNorm1d(3))
    close(nn.utils.fuse_conv_bn_eval(conv, norm2d)(image), norm2d(conv(image)).detach().numpy())
    close(nn.utils.fuse_linear_bn_eval(linear, norm1d)(rows), norm1d(linear(rows)).detach().numpy())
    assert (conv.bias is None) == (not bias)
    with pytest.raises(AssertionError, match="Fusion only for eval"):
        nn.utils.fuse_conv_bn_eval(conv.train(), norm2d)


def test_modules_can_be_made_without_initial_values():
    layer = nn.utils.skip_init(nn.Linear, 2, 3, dtype=torch.float64)
    assert layer.weight.shape == (3, 2)
    assert layer.weight.dtype == torch.float64
    assert layer.weight.device.type == "cpu"
    assert isinstance(layer.weight, nn.Parameter)
    with pytest.raises(RuntimeError, match="must support a 'device' arg"):
        nn.utils.skip_init(nn.ReLU)


def test_the_top_level_has_the_normalisations_with_the_parameters_first():
    x = torch.arange(24.0).view(2, 4, 3).sin()
    weight, bias = torch.arange(1.0, 5.0), torch.ones(4)
    mean, var = torch.zeros(4), torch.ones(4)
    assert torch.equal(
        torch.batch_norm(x, weight, bias, mean, var, False, 0.1, 1e-5, True),
        F.batch_norm(x, mean, var, weight, bias),
    )
    assert torch.equal(
        torch.instance_norm(x, weight, bias, None, None, True, 0.1, 1e-5, False),
        F.instance_norm(x, None, None, weight, bias),
    )
    assert torch.equal(torch.group_norm(x, 2, weight, bias), F.group_norm(x, 2, weight, bias))
    assert torch.equal(torch.layer_norm(x, (3,)), F.layer_norm(x, (3,)))
    assert torch.equal(torch.rms_norm(x, (3,)), F.rms_norm(x, (3,)))


def test_the_native_normalisations_give_means_and_reciprocal_deviations():
    x = torch.tensor([[1.0, 3.0], [2.0, 6.0]])
    y, mean, scale = torch.native_layer_norm(x, (2,), None, None, 0.0)
    assert (y.tolist(), mean.tolist(), scale.tolist()) == (
        [[-1.0, 1.0], [-1.0, 1.0]],
        [[2.0], [4.0]],
        [[1.0], [0.5]],
    )
    y, mean, scale = torch.native_group_norm(x, None, None, 2, 2, 1, 1, 0.0)
    assert (mean.tolist(), scale.tolist()) == ([[2.0], [4.0]], [[1.0], [0.5]])
    y, mean, scale = torch.native_batch_norm(x, None, None, None, None, True, 0.1, 0.0)
    assert (mean.tolist(), scale[0].item()) == ([1.5, 4.5], 2.0)
    out_of_training = torch.native_batch_norm(x, None, None, torch.zeros(2), torch.ones(2), False, 0.1, 0.0)
    assert [t.numel() for t in out_of_training] == [4, 0, 0]


def test_norms_of_slices():
    v = torch.arange(24.0).view(2, 3, 4)
    assert torch.allclose(torch.norm_except_dim(v, 2, 1), v.norm(2, (0, 2), keepdim=True))
    assert torch.allclose(torch.norm_except_dim(v, 2, -1), v.norm())


def _fused_and_composed(function, *inputs):
    """The first derivatives by the kernel and, for they are to be differentiated, by operators."""
    leaves = [x.detach().clone().requires_grad_() for x in inputs]
    y = function(*leaves)
    upstream = torch.cos(torch.arange(float(y.numel()))).reshape(y.shape).to(y.dtype)
    return [
        torch.autograd.grad(function(*leaves), leaves, upstream, create_graph=create_graph)
        for create_graph in (False, True)
    ]


@pytest.mark.parametrize("width", [1, 5, 64, 77, 5000])
@pytest.mark.parametrize("parameters", ["", "w", "b", "wb"])
def test_layer_norms_kernel_has_the_gradients_of_the_formula(width, parameters):
    x, weight, bias = double(37, width), double(width, seed=1), double(width, seed=2)
    given = [v for name, v in (("w", weight), ("b", bias)) if name in parameters]

    def function(x, *values):
        named = dict(zip([{"w": "weight", "b": "bias"}[name] for name in parameters], values, strict=True))
        return F.layer_norm(x, (width,), **named)

    for fused, composed in zip(*_fused_and_composed(function, x, *given), strict=True):
        close(fused, composed.detach().numpy())


@pytest.mark.parametrize("image", [(), (1,), (7,), (5, 13)])
def test_group_norms_kernel_has_the_gradients_of_the_formula(image):
    inputs = double(5, 6, *image), double(6, seed=1), double(6, seed=2)
    for groups in (1, 3):
        found = _fused_and_composed(lambda x, w, b, groups=groups: F.group_norm(x, groups, w, b), *inputs)
        for fused, composed in zip(*found, strict=True):
            close(fused, composed.detach().numpy())
        check_gradient(lambda x, w, b, groups=groups: F.group_norm(x, groups, w, b).sin(), *inputs)


def test_gradients_of_the_parameters_add_many_rows():
    x, upstream = double(3000, 24), double(3000, 24, seed=1)
    weight, bias = torch.ones(24).double().requires_grad_(), torch.zeros(24).double().requires_grad_()
    F.layer_norm(x, (24,), weight, bias).backward(upstream)
    close(bias.grad, upstream.numpy().sum(0))
    close(weight.grad, (upstream.numpy() * standardized(x.numpy(), 1)).sum(0))


def test_a_norm_whose_input_is_fixed_gives_its_parameters_gradients():
    weight = torch.ones(2, requires_grad=True)
    y = F.layer_norm(torch.tensor([[1.0, 3.0]]), (2,), weight, eps=0.0)
    y.sum().backward()
    assert weight.grad.tolist() == [-1.0, 1.0]
    assert "NativeLayerNormBackward0" in repr(y.grad_fn)
    assert "NativeGroupNormBackward0" in repr(F.group_norm(torch.ones(2, 2, 2), 1, weight).grad_fn)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_normalised_in_float32(dtype):
    x = double(4, 6, 5).to(dtype)
    for function in (lambda x: F.layer_norm(x, (5,)), lambda x: F.group_norm(x, 2)):
        assert torch.equal(function(x), function(x.float()).to(dtype))
        leaf, wide = x.clone().requires_grad_(), x.float().requires_grad_()
        upstream = double(4, 6, 5, seed=1).to(dtype)
        function(leaf).backward(upstream)
        function(wide).backward(upstream.float())
        assert torch.equal(leaf.grad, wide.grad.to(dtype))


@pytest.mark.parametrize("shape", [(2, 6, 5, 5), (1, 32, 20, 20), (3, 8, 2, 3, 4)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_group_norm_of_channels_that_lie_last(shape, dtype):
    order = torch.channels_last if len(shape) == 4 else torch.channels_last_3d
    operands = [double(size, seed=seed).to(dtype) for seed, size in enumerate(shape[1:2] * 2)]
    x, upstream = double(*shape).to(dtype), double(*shape, seed=3).to(dtype)
    results = []
    for image in (x, x.contiguous(memory_format=order)):
        leaves = [t.clone().requires_grad_() for t in (image, *operands)]
        y = F.group_norm(leaves[0], 2, *leaves[1:])
        results.append((y, *torch.autograd.grad(y, leaves, upstream)))
        assert y.stride() == results[-1][1].stride() == image.stride()
    for plain, last in zip(*results, strict=True):
        assert torch.allclose(plain, last, rtol=1e-3 if dtype == torch.float16 else 1e-9, atol=1e-3)
    check_gradient(lambda *a: F.group_norm(a[0], 2, *a[1:]), double(2, 4, 3, 1), double(4), double(4, seed=1))


@pytest.mark.parametrize("shape", [(3, 5000), (1, 70000), (66, 4099)], ids=str)
def test_long_rows_have_their_gradients_too(shape):
    x, upstream, weight, bias = (
        double(*size, seed=i) for i, size in enumerate([shape, shape, shape[1:], shape[1:]])
    )
    leaves = [t.requires_grad_() for t in (x, weight, bias)]
    y = F.layer_norm(x, shape[1:], weight, bias)
    h, g = standardized(x.detach().numpy(), 1), upstream.numpy()
    u = g * weight.detach().numpy()
    close(y.detach(), h * weight.detach().numpy() + bias.detach().numpy())
    dx, dw, db = torch.autograd.grad(y, leaves, upstream)
    scale = 1 / np.sqrt(x.detach().numpy().var(1, keepdims=True) + 1e-5)
    close(dx, scale * (u - u.mean(1, keepdims=True) - h * (u * h).mean(1, keepdims=True)))
    close(dw, (g * h).sum(0))
    close(db, g.sum(0))


def test_rms_norm_has_derivatives_of_both_orders():
    check_gradient(
        lambda x, w: F.rms_norm(x, (2, 3), w, 0.1), double(2, 2, 3), double(2, 3, seed=1), tolerance=1e-4
    )
    x, upstream = double(3, 5000), double(3, 5000, seed=1)
    leaf, plain = x.clone().requires_grad_(), x.clone().requires_grad_()
    y = F.rms_norm(leaf, (5000,), eps=0.5)
    (plain * (plain.square().mean(1, keepdim=True) + 0.5).rsqrt()).backward(upstream)
    y.backward(upstream)
    close(leaf.grad, plain.grad.numpy())
    halves = x.half()
    assert torch.equal(F.rms_norm(halves, (5000,)), F.rms_norm(halves.float(), (5000,)).half())


def test_instance_norm_moves_its_statistics_towards_the_mean_of_the_samples():
    x, weight, bias = double(3, 2, 4), double(2, seed=1), double(2, seed=2)
    mean, var = torch.zeros(2).double(), torch.ones(2).double()
    F.instance_norm(x, mean, var, momentum=0.25)
    close(mean, 0.25 * x.numpy().mean((0, 2)))
    close(var, 0.75 + 0.25 * x.numpy().var(2, ddof=1).mean(0))
    check_gradient(lambda *a: F.instance_norm(a[0], None, None, *a[1:]), x, weight, bias, tolerance=1e-4)


def test_norms_of_strided_and_of_empty_inputs():
    x = double(7, 6, 5)
    close(F.layer_norm(x.transpose(0, 2), (6, 7)), standardized(x.numpy().T, (1, 2)))
    image = double(2, 4, 3, 3).contiguous(memory_format=torch.channels_last)
    y = F.group_norm(image, 2)
    assert y.is_contiguous(memory_format=torch.channels_last)
    close(y, F.group_norm(image.contiguous(), 2).numpy())
    for shape, normalized in (((0, 3), (3,)), ((3, 0), (0,))):
        leaf = torch.empty(shape, requires_grad=True)
        weight = torch.ones(normalized, requires_grad=True)
        F.layer_norm(leaf, normalized, weight).sum().backward()
        assert leaf.grad.shape == leaf.shape
        assert weight.grad.tolist() == [0.0] * normalized[0]
    assert F.group_norm(torch.empty(0, 4, 3), 2).shape == (0, 4, 3)


def test_the_variance_of_a_far_away_row_does_not_cancel():
    x = torch.tensor([[1.0, 3.0]]) + 2.0**20
    assert F.layer_norm(x, (2,), eps=0.0).tolist() == [[-1.0, 1.0]]


def test_bad_norms_are_refused():
    with pytest.raises(RuntimeError, match="Expected num groups to be greater than 0, got 0"):
        F.group_norm(torch.ones(2, 4), 0)
    for kernel, function in (
        ("LayerNormKernelImpl", lambda x: F.layer_norm(x, (4,))),
        ("GroupNormKernelImpl", lambda x: F.group_norm(x, 2)),
    ):
        with pytest.raises(NotImplementedError, match=f'"{kernel}" not implemented for'):
            function(torch.ones(2, 4, dtype=torch.int64))


def test_a_synchronised_norm_is_an_ordinary_one_in_a_single_process():
    x = double(4, 3, 2)
    ordinary, synchronised = nn.BatchNorm1d(3).double(), nn.SyncBatchNorm(3).double()
    assert torch.equal(ordinary(x), synchronised(x))
    assert torch.equal(ordinary.running_var, synchronised.running_var)
    assert torch.equal(ordinary.eval()(x), synchronised.eval()(x))
    with pytest.raises(ValueError, match="expected at least 2D input"):
        synchronised(torch.ones(3))
    with pytest.raises(ValueError, match="number of input channels should be non-zero"):
        nn.SyncBatchNorm(0)(torch.ones(2, 0))


def test_conversion_keeps_parameters_statistics_and_mode():
    net = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2, eps=1e-3), nn.Sequential(nn.BatchNorm1d(3, bias=False))
    )
    net[1](torch.randn(3, 2, 2, 2))
    weight, mean, keys = net[1].weight, net[1].running_mean, list(net.state_dict())
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(net.eval(), "group")
    assert converted is net and list(net.state_dict()) == keys
    assert type(net[1]) is type(net[2][0]) is nn.SyncBatchNorm
    assert (
        net[1].weight is weight and net[1].running_mean is mean and net[1].eps == 1e-3 and not net[1].training
    )
    assert net[2][0].process_group == "group" and net[2][0].bias is None
    assert type(nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm3d(2))) is nn.SyncBatchNorm

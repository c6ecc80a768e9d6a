"""Average, adaptive, fractional and power-sum pooling, and unpooling, against their definitions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from gradients import check_gradient

import flambeau as torch
import flambeau.nn.functional as F

AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
MAXIMUM = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
ADAPTIVE_MEAN = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
ADAPTIVE_MAX = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
UNPOOL = {1: F.max_unpool1d, 2: F.max_unpool2d, 3: F.max_unpool3d}
AXES = (1, 2, 3)


def values(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def pooled_size(size, kernel, stride, padding, dilation, ceil_mode):
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    n = (-(-room // stride) if ceil_mode else room // stride) + 1
    return n - 1 if ceil_mode and (n - 1) * stride >= size + padding else n


def over_windows(x, starts, stops, steps, take):
    """take(values, positions) over windows given axis by axis as ranges, for x of (planes, *sizes)."""
    shape = [len(s) for s in starts]
    result = np.empty((x.shape[0], *shape))
    for plane in range(x.shape[0]):
        for at in np.ndindex(*shape):
            ranges = [
                [i for i in range(starts[d][o], stops[d][o], steps[d]) if 0 <= i < x.shape[1 + d]]
                for d, o in enumerate(at)
            ]
            result[(plane, *at)] = take([x[(plane, *i)] for i in itertools.product(*ranges)], at)
    return result


WINDOWS = [  # kernel, stride, padding, ceil_mode
    (2, 2, 0, False),
    (3, 2, 1, True),
    (3, 1, 1, False),
    (2, 3, 1, True),
    (5, 2, 2, False),
]


@pytest.mark.parametrize("count_include_pad", [True, False])
@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("axes", AXES)
def test_avg_pool_divides_the_sum_by_the_windows_size(axes, window, count_include_pad):
    kernel, stride, padding, ceil_mode = window
    sizes = (6, 7, 39)[3 - axes :]
    x = values(2, *sizes)
    counts = [pooled_size(n, kernel, stride, padding, 1, ceil_mode) for n in sizes]
    starts = [[o * stride - padding for o in range(c)] for c in counts]
    stops = [[min(s + kernel, n + padding) for s in row] for row, n in zip(starts, sizes, strict=True)]

    def mean(window, at):
        padded = math.prod(stops[d][o] - starts[d][o] for d, o in enumerate(at))
        return sum(window) / max(1, padded if count_include_pad else len(window))

    expected = over_windows(x, starts, stops, [1] * axes, mean)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        y = AVERAGE[axes](torch.tensor(x, dtype=dtype), kernel, stride, padding, ceil_mode, count_include_pad)
        assert np.allclose(y.numpy(), expected, atol=tolerance)


@pytest.mark.parametrize("axes", AXES)
def test_max_pool_takes_the_maximum_of_windows_of_every_axis(axes):
    kernel, stride, padding, dilation = 3, 2, 1, 2
    sizes = (7, 8, 41)[3 - axes :]
    x = values(2, *sizes)
    counts = [pooled_size(n, kernel, stride, padding, dilation, False) for n in sizes]
    starts = [[o * stride - padding for o in range(c)] for c in counts]
    stops = [[s + dilation * (kernel - 1) + 1 for s in row] for row in starts]
    expected = over_windows(x, starts, stops, [dilation] * axes, lambda window, _: max(window))
    t = torch.tensor(x, requires_grad=True)
    y, index = MAXIMUM[axes](t, kernel, stride, padding, dilation, return_indices=True)
    assert np.array_equal(y.detach().numpy(), expected)
    assert torch.equal(t.flatten(1).gather(1, index.flatten(1)), y.flatten(1))
    y.sum().backward()
    assert torch.equal(t.grad.flatten(1), torch.zeros(2, t[0].numel(), dtype=t.dtype).scatter_add(
        1, index.flatten(1), torch.ones(index.flatten(1).shape, dtype=t.dtype)))  # fmt: skip
    u = t.detach().requires_grad_()
    MAXIMUM[axes](u, kernel, stride, padding, dilation).sum().backward()
    assert torch.equal(u.grad, t.grad)


@pytest.mark.parametrize("step", [1, 2, 3, 5])
@pytest.mark.parametrize("width", [5, 16, 21, 34, 70])
def test_rows_of_every_width_and_step_pool_alike(width, step):
    x = torch.tensor(values(3, 4, width), dtype=torch.float32)
    windows = x.unfold(2, 3, step).unfold(1, 2, 1)
    assert torch.equal(F.max_pool2d(x, (2, 3), (1, step)), windows.amax((-1, -2)))
    assert torch.allclose(F.avg_pool2d(x, (2, 3), (1, step)), windows.mean((-1, -2)), atol=1e-6)


@pytest.mark.parametrize("output", [1, 2, 5, 7, 11])
@pytest.mark.parametrize("axes", AXES)
def test_adaptive_windows_share_the_input_evenly(axes, output):
    sizes = (4, 7, 10)[3 - axes :]
    x = values(2, *sizes)
    starts = [[o * n // output for o in range(output)] for n in sizes]
    stops = [[-(-(o + 1) * n // output) for o in range(output)] for n in sizes]
    t = torch.tensor(x)
    means = over_windows(x, starts, stops, [1] * axes, lambda window, _: sum(window) / len(window))
    assert np.allclose(ADAPTIVE_MEAN[axes](t, output).numpy(), means)
    maxima = over_windows(x, starts, stops, [1] * axes, lambda window, _: max(window))
    y, index = ADAPTIVE_MAX[axes](t, output, return_indices=True)
    assert np.array_equal(y.numpy(), maxima)
    assert torch.equal(t.flatten(1).gather(1, index.flatten(1)), y.flatten(1))


def test_adaptive_sizes_may_be_those_of_the_input():
    x = torch.zeros(2, 3, 4, 5)
    assert F.adaptive_avg_pool2d(x, (None, 2)).shape == (2, 3, 4, 2)
    assert F.adaptive_max_pool3d(x, (1, None, 2)).shape == (2, 1, 4, 2)


SAMPLES = [
    pytest.param(lambda x: F.avg_pool1d(x, 3, 2, 1), (2, 3, 7), id="avg_pool1d"),
    pytest.param(lambda x: F.avg_pool2d(x, 2), (1, 2, 4, 5), id="avg_pool2d"),
    pytest.param(lambda x: F.avg_pool2d(x, 3, 2, 1, True, False), (2, 4, 5), id="borders"),
    pytest.param(lambda x: F.avg_pool2d(x, 2, divisor_override=-3), (1, 4, 4), id="divisor"),
    pytest.param(lambda x: F.avg_pool3d(x, 2, 1, 1), (1, 2, 3, 3), id="avg_pool3d"),
    pytest.param(lambda x: F.max_pool3d(x, 2), (1, 2, 2, 4), id="max_pool3d"),
    pytest.param(lambda x: F.adaptive_avg_pool1d(x, 3), (2, 5), id="adaptive_avg_pool1d"),
    pytest.param(lambda x: F.adaptive_avg_pool2d(x, 1), (2, 2, 3, 3), id="whole image"),
    pytest.param(lambda x: F.adaptive_avg_pool2d(x, (2, 3)), (2, 3, 4), id="adaptive_avg_pool2d"),
    pytest.param(lambda x: F.adaptive_avg_pool3d(x, (2, 2, 3)), (1, 3, 2, 4), id="adaptive_avg_pool3d"),
    pytest.param(lambda x: F.adaptive_max_pool2d(x, (2, 3)), (2, 3, 4), id="adaptive_max_pool2d"),
    pytest.param(
        lambda x: F.fractional_max_pool2d(x, 2, 3, _random_samples=torch.full((1, 2, 2), 0.4, dtype=x.dtype)),
        (2, 5, 6),
        id="fractional",
    ),
    pytest.param(lambda x: F.lp_pool2d(x * x + 1, 3, 2), (1, 4, 4), id="lp_pool2d"),
    pytest.param(
        lambda x: F.max_unpool2d(x, torch.tensor([[[0, 3], [9, 15]]]), 2), (1, 2, 2), id="max_unpool2d"
    ),
]


@pytest.mark.parametrize("pool, shape", SAMPLES)
def test_gradients_and_second_gradients(pool, shape):
    check_gradient(lambda x: pool(x) ** 2, torch.tensor(values(*shape)))


@pytest.mark.parametrize("pool, shape", SAMPLES)
def test_pooling_on_meta_gives_the_same_geometry(pool, shape):
    expected = pool(torch.tensor(values(*shape)))
    with torch.device("meta"):
        found = pool(torch.empty(shape, dtype=torch.float64))
    assert (found.shape, found.stride(), found.dtype) == (expected.shape, expected.stride(), expected.dtype)


def test_integers_are_cut_off_after_the_point():
    x = torch.tensor([[[1, 2], [3, 5]], [[-1, -2], [-3, -5]]])
    assert F.avg_pool2d(x, 2).flatten().tolist() == [2, -2]
    with pytest.raises(NotImplementedError, match="\"avg_pool2d\" not implemented for 'Int'"):
        F.avg_pool2d(x.int(), 2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_rounded_once(dtype):
    x = torch.tensor(values(2, 3, 6, 6), dtype=dtype)
    for pool in (
        lambda t: F.avg_pool2d(t, 3),
        lambda t: F.adaptive_avg_pool2d(t, 4),
        lambda t: F.max_pool2d(t, 2),
    ):
        assert torch.equal(pool(x), pool(x.float()).to(dtype))


@pytest.mark.parametrize(
    "pool",
    [
        lambda x: F.avg_pool2d(x, 2),
        lambda x: F.max_pool2d(x, 3, 2, 1),
        lambda x: F.adaptive_avg_pool2d(x, 3),
        lambda x: F.adaptive_max_pool2d(x, 3),
    ],
)
def test_channels_stay_last(pool):
    x = torch.tensor(values(2, 3, 8, 8)).to(memory_format=torch.channels_last).requires_grad_()
    y = pool(x)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(y, pool(x.contiguous()))
    (grad,) = torch.autograd.grad(y.contiguous().square().sum(), x)
    assert grad.is_contiguous(memory_format=torch.channels_last)


def test_fractional_windows_are_drawn_from_the_generator():
    # Recorded from PyTorch 2.13.
    torch.manual_seed(0)
    x = torch.arange(2.0 * 7 * 8).reshape(1, 2, 7, 8)
    y, index = F.fractional_max_pool2d(x, 2, output_ratio=(0.5, 0.5), return_indices=True)
    assert y.shape == (1, 2, 3, 4)
    assert torch.equal(x.flatten(2).gather(2, index.flatten(2)).view_as(y), y)
    first, second = y[0, 0].tolist(), y[0, 1].tolist()
    assert first == FRACTIONAL[0] and second == FRACTIONAL[1]


FRACTIONAL = [
    [[9.0, 11.0, 13.0, 15.0], [33.0, 35.0, 37.0, 39.0], [49.0, 51.0, 53.0, 55.0]],
    [[65.0, 67.0, 69.0, 71.0], [81.0, 83.0, 85.0, 87.0], [105.0, 107.0, 109.0, 111.0]],
]


def test_lp_pool_is_a_power_sum():
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert torch.allclose(F.lp_pool1d(x, 3, 2), torch.tensor([[9.0, 91.0]]).pow(1 / 3))
    cube = torch.full((1, 2, 2, 2), 2.0)
    assert F.lp_pool3d(cube, 1, 2).item() == 16


@pytest.mark.parametrize("axes", AXES)
def test_unpooling_puts_maxima_back(axes):
    x = torch.tensor(values(2, 3, *[6] * axes))
    y, index = MAXIMUM[axes](x, 2, return_indices=True)
    back = UNPOOL[axes](y, index, 2)
    assert back.shape == x.shape
    assert torch.equal(back, torch.where(back != 0, x, 0))
    assert torch.equal(back.sum(), y.sum()) or torch.allclose(back.sum(), y.sum())


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: F.avg_pool2d(torch.ones(4, 4), 2), IndexError, "Dimension out of range"),
        (
            lambda: F.avg_pool2d(torch.ones(1, 4, 4), 2, divisor_override=0),
            RuntimeError,
            "divisor must be not zero",
        ),
        (lambda: F.avg_pool2d(torch.ones(1, 4, 4), 2, padding=2), RuntimeError, "at most half of effective"),
        (
            lambda: F.avg_pool3d(torch.ones(1, 4, 4, 4), 5),
            RuntimeError,
            r"input image \(T: 4 H: 4 W: 4\) smaller",
        ),
        (
            lambda: F.avg_pool3d(torch.ones(1, 4, 4, 4), (2, 2)),
            RuntimeError,
            "kernel_size must be a single int",
        ),
        (lambda: F.avg_pool1d(torch.ones(4), 2), RuntimeError, "Expected 2 to 3 dimensions"),
        (lambda: F.avg_pool1d(torch.ones(1, 4), (2, 2)), RuntimeError, "should contain one int"),
        (lambda: F.max_pool3d(torch.ones(4, 4), 2), RuntimeError, "non-empty 4D or 5D"),
        (lambda: F.max_pool1d(torch.ones(1, 4), 5), RuntimeError, "Invalid computed output size: 0"),
        (lambda: F.adaptive_avg_pool2d(torch.ones(1, 4, 4), -1), RuntimeError, r"received \{-1, -1\}"),
        (
            lambda: F.adaptive_avg_pool2d(torch.ones(1, 4, 4), (1, 1, 1)),
            ValueError,
            "Input dimension should be",
        ),
        (lambda: F.adaptive_max_pool2d(torch.ones(1, 0, 4), 2), RuntimeError, "with dimension 1 being empty"),
        (lambda: F.fractional_max_pool2d(torch.ones(1, 4, 4), 2), ValueError, "either an output_size or"),
        (lambda: F.fractional_max_pool2d(torch.ones(1, 4, 4), 3, 3), RuntimeError, "pool height 3 too large"),
        (lambda: F.max_unpool2d(torch.ones(1, 2, 2), torch.ones(1, 2, 2), 2), RuntimeError, "type int64"),
        (
            lambda: F.max_unpool2d(torch.ones(1, 1, 1), torch.tensor([[[4]]]), 2),
            RuntimeError,
            r"Found an invalid max index: 4 \(output volumes are of size 2x2\)",
        ),
        (
            lambda: F.max_unpool1d(torch.ones(1, 2), torch.ones(1, 2).long(), 2, output_size=(9,)),
            ValueError,
            r'invalid output_size "\(9,\)" \(dim 0 must be between 2 and 6\)',
        ),
    ],
)
def test_impossible_arguments_raise_pytorchs_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_avg_pool_writes_to_out():
    target = torch.empty(1, 1, 1)
    assert F.avg_pool2d(torch.ones(1, 2, 2), 2, out=target) is target and target.item() == 1


def test_empty_batches_pool():
    assert F.avg_pool2d(torch.ones(0, 3, 4, 4), 2).shape == (0, 3, 2, 2)
    assert F.adaptive_avg_pool2d(torch.ones(0, 3, 4, 4), 1).shape == (0, 3, 1, 1)
    assert F.adaptive_max_pool2d(torch.ones(0, 3, 4, 4), 3).shape == (0, 3, 3, 3)


def test_modules_pool_as_their_functions():
    x = torch.tensor(values(1, 2, 8, 8))
    assert torch.equal(
        torch.nn.AvgPool2d(3, 2, 1, count_include_pad=False)(x), F.avg_pool2d(x, 3, 2, 1, False, False)
    )
    assert torch.equal(torch.nn.AdaptiveMaxPool2d((3, None))(x), F.adaptive_max_pool2d(x, (3, 8)))
    assert torch.equal(torch.nn.LPPool2d(2, 2)(x), F.lp_pool2d(x, 2.0, 2))
    pool, unpool = torch.nn.MaxPool2d(2, return_indices=True), torch.nn.MaxUnpool2d(2)
    assert torch.equal(pool(unpool(*pool(x.exp())))[0], pool(x.exp())[0])
    assert repr(torch.nn.AvgPool1d(3)) == "AvgPool1d(kernel_size=(3,), stride=(3,), padding=(0,))"
    with pytest.raises(ValueError, match="output_ratio must be between 0 and 1"):
        torch.nn.FractionalMaxPool2d(3, output_ratio=2.0)


# ---- images whose channels lie last


POOLINGS_OF_IMAGES = {
    "max 2": lambda x: F.max_pool2d(x, 2),
    "max 3 by 2": lambda x: F.max_pool2d(x, 3, 2, 1),
    "max 3 by 1, ceil": lambda x: F.max_pool2d(x, 3, 1, 1, ceil_mode=True),
    "max dilated": lambda x: F.max_pool2d(x, (2, 3), (2, 1), (1, 1), (1, 2)),
    "max with indices": lambda x: F.max_pool2d(x, 3, 2, return_indices=True)[0],
    "mean 2": lambda x: F.avg_pool2d(x, 2),
    "mean 3 by 2": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "mean without padding": lambda x: F.avg_pool2d(x, 2, 2, 1, ceil_mode=True, count_include_pad=False),
    "mean by 3": lambda x: F.avg_pool2d(x, 2, divisor_override=3),
    "adaptive mean": lambda x: F.adaptive_avg_pool2d(x, (5, 3)),
    "adaptive max": lambda x: F.adaptive_max_pool2d(x, (5, 3)),
}


@pytest.mark.parametrize("name", POOLINGS_OF_IMAGES)
@pytest.mark.parametrize("shape", [(2, 16, 9, 11), (1, 67, 6, 8), (2, 5, 7, 7)], ids=str)
def test_channels_that_lie_last_are_pooled_as_in_order(name, shape):
    pool, x = POOLINGS_OF_IMAGES[name], torch.from_numpy(values(*shape))
    upstream = torch.from_numpy(values(*pool(x).shape))
    results = []
    for image in (x, x.contiguous(memory_format=torch.channels_last)):
        leaf, weights = image.clone().requires_grad_(), upstream.clone().requires_grad_()
        y = pool(leaf)
        (grad,) = torch.autograd.grad(y, leaf, weights, create_graph=True)
        (second,) = torch.autograd.grad(grad, weights, torch.cos(x))
        results.append([y, grad, second])
        assert y.is_contiguous(memory_format=torch.channels_last) == (image is not x)
    for plain, last in zip(*results, strict=True):
        assert torch.allclose(plain, last)


def test_indices_of_channels_that_lie_last():
    x = torch.from_numpy(values(2, 16, 7, 6))
    x[0, :, :3, :3], x[1, 2, 4, 4] = -math.inf, math.nan
    expected = F.max_pool2d(x, 3, 2, 1, return_indices=True)
    found = F.max_pool2d(x.contiguous(memory_format=torch.channels_last), 3, 2, 1, return_indices=True)
    assert torch.equal(found[1], expected[1])
    assert torch.equal(found[0].nan_to_num(7.0), expected[0].nan_to_num(7.0))
    integers = (x.nan_to_num(0.0, 0.0, 0.0) * 100).long()
    last = integers.contiguous(memory_format=torch.channels_last)
    assert torch.equal(F.max_pool2d(last, 2), F.max_pool2d(integers, 2))
    assert torch.equal(F.avg_pool2d(last, 2), F.avg_pool2d(integers, 2))


@pytest.mark.parametrize("length", [9, 50, 1000])
@pytest.mark.parametrize(("kernel", "padding"), [(3, 0), (3, 1), (2, 0), (5, 2)])
def test_windows_three_apart(length, kernel, padding):
    x = values(4, length)
    padded = np.pad(x, ((0, 0), (padding, padding)), constant_values=-math.inf)
    starts = range(0, length + 2 * padding - kernel + 1, 3)
    expected = np.stack([padded[:, s : s + kernel].max(1) for s in starts], 1)
    for dtype in (torch.float32, torch.float64):
        y = F.max_pool1d(torch.from_numpy(x).to(dtype), kernel, 3, padding)
        assert torch.equal(y, torch.from_numpy(expected).to(dtype))


@pytest.mark.parametrize("sizes", [(7, 7), (3, 5), (40, 41)], ids=str)
def test_the_mean_of_a_whole_image(sizes):
    x = values(3, 9, *sizes)
    for image in (torch.from_numpy(x), torch.from_numpy(x).contiguous(memory_format=torch.channels_last)):
        assert np.allclose(F.adaptive_avg_pool2d(image, 1).numpy(), x.mean((2, 3), keepdims=True))


@pytest.mark.parametrize("size", [1, 2])
def test_the_gradient_of_a_whole_mean_does_not_know_its_input(size):
    x = torch.from_numpy(values(2, 3, 4, 4)).requires_grad_()
    (grad,) = torch.autograd.grad(F.adaptive_avg_pool2d(x, size).sum(), x, create_graph=True)
    assert grad.requires_grad == (size > 1)

"""Convolutions against their defining sums, written out in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from gradients import check_gradient
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau as torch
import flambeau.nn.functional as F


@dataclass(frozen=True)
class Case:
    """A two-dimensional convolution and its three passes as sums over kernel taps."""

    x: tuple[int, int, int, int]
    w: tuple[int, int, int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def options(self):
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def output(self):
        return tuple(
            (self.x[2 + d] + 2 * self.padding[d] - self.dilation[d] * (self.w[2 + d] - 1) - 1)
            // self.stride[d]
            + 1
            for d in range(2)
        )

    def pad(self, x):
        (top, left) = self.padding
        return np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)))

    def windows(self, padded):
        """For every tap: the view of the padded image that it meets at each output position."""
        for r in range(self.w[2]):
            for s in range(self.w[3]):
                rows = slice(r * self.dilation[0], None, self.stride[0])
                columns = slice(s * self.dilation[1], None, self.stride[1])
                height, width = self.output()
                yield r, s, padded[:, :, rows, columns][:, :, :height, :width]

    def split(self, a):
        return a.reshape(a.shape[0], self.groups, -1, *a.shape[2:])

    def forward(self, x, w, b):
        w = w.reshape(self.groups, -1, *w.shape[1:])
        y = np.zeros((x.shape[0], self.groups, w.shape[1], *self.output()), dtype=x.dtype)
        for r, s, window in self.windows(self.pad(x)):
            y += np.einsum("ngchw,goc->ngohw", self.split(window), w[:, :, :, r, s])
        return y.reshape(x.shape[0], -1, *self.output()) + b[:, None, None]

    def input_gradient(self, grad, w):
        w = w.reshape(self.groups, -1, *w.shape[1:])
        padded = self.pad(np.zeros(self.x))
        for r, s, window in self.windows(padded):
            window += np.einsum("ngohw,goc->ngchw", self.split(grad), w[:, :, :, r, s]).reshape(window.shape)
        top, left = self.padding
        return padded[:, :, top : top + self.x[2], left : left + self.x[3]]

    def weight_gradient(self, x, grad):
        w = np.zeros(self.w)
        for r, s, window in self.windows(self.pad(x)):
            w[:, :, r, s] = np.einsum("ngohw,ngchw->goc", self.split(grad), self.split(window)).reshape(
                self.w[:2]
            )
        return w

    def arrays(self, seed=0):
        rng = np.random.default_rng(seed)
        return rng.standard_normal(self.x), rng.standard_normal(self.w), rng.standard_normal(self.w[0])


CASES = [
    Case((2, 3, 8, 9), (4, 3, 3, 3)),
    Case((64, 1, 28, 28), (32, 1, 3, 3)),
    Case((3, 6, 14, 14), (16, 6, 5, 5)),
    Case((2, 32, 13, 13), (33, 32, 3, 3), padding=(1, 1)),
    Case((3, 40, 17, 19), (21, 40, 3, 3), padding=(0, 1)),
    Case((8, 64, 20, 16), (40, 64, 3, 3), padding=(2, 0)),
    Case((1, 200, 5, 5), (70, 200, 3, 3), padding=(1, 1)),
    Case((2, 150, 7, 9), (45, 150, 3, 3), padding=(1, 1)),
    Case((6, 33, 41, 40), (39, 33, 3, 3), padding=(1, 0)),
    Case((5, 40, 3, 3), (50, 40, 2, 2)),
    Case((8, 40, 17, 19), (21, 40, 3, 3), padding=(2, 1), dilation=(3, 1)),
    Case((8, 40, 33, 34), (21, 40, 3, 3), stride=(2, 2), padding=(2, 1), dilation=(2, 2)),
    Case((4, 32, 40, 39), (40, 32, 6, 6), stride=(2, 2), padding=(2, 2)),
    Case((2, 3, 20, 21), (8, 3, 7, 7), stride=(2, 2), padding=(3, 3)),
    Case((2, 4, 11, 12), (6, 4, 2, 3), stride=(3, 2), padding=(1, 2), dilation=(2, 3)),
    Case((2, 4, 9, 9), (6, 4, 1, 1), stride=(2, 3)),
    Case((2, 6, 9, 10), (4, 3, 3, 3), padding=(1, 0), groups=2),
    Case((3, 12, 7, 30), (24, 1, 3, 3), padding=(1, 1), groups=12),
    Case((2, 21, 15, 14), (21, 1, 5, 5), padding=(2, 1), stride=(2, 2), groups=21),
    Case((2, 18, 9, 11), (36, 1, 3, 2), padding=(2, 1), stride=(1, 3), dilation=(2, 1), groups=18),
    Case((2, 17, 7, 8), (17, 1, 1, 1), stride=(2, 2), groups=17),
    Case((1, 16, 72, 75), (16, 1, 3, 3), padding=(1, 1), stride=(2, 1), groups=16),
    Case((2, 20, 16, 15), (48, 20, 3, 3), stride=(2, 2), padding=(1, 1)),
    Case((2, 16, 10, 10), (32, 16, 1, 1)),
    Case((1, 2, 1, 1), (3, 2, 1, 1)),
    Case((1, 1, 4, 4), (1, 1, 4, 4)),
    Case((2, 3, 6, 6), (2, 3, 1, 5), padding=(2, 4), stride=(5, 1)),
]
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-12}


def assert_near(actual, expected, dtype):
    scale = max(1.0, np.abs(expected).max(initial=0.0))
    assert np.abs(actual.detach().numpy() - expected).max(initial=0.0) <= TOLERANCE[dtype] * scale


def check_all_passes(case, dtype):
    x, w, b = case.arrays()
    grad = np.random.default_rng(1).standard_normal((case.x[0], case.w[0], *case.output()))
    tx, tw, tb = (torch.tensor(a, dtype=dtype, requires_grad=True) for a in (x, w, b))
    y = F.conv2d(tx, tw, tb, **case.options)
    y.backward(torch.tensor(grad, dtype=dtype))
    assert_near(y, case.forward(x, w, b), dtype)
    assert_near(tx.grad, case.input_gradient(grad, w), dtype)
    assert_near(tw.grad, case.weight_gradient(x, grad), dtype)
    assert_near(tb.grad, grad.sum((0, 2, 3)), dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_conv2d_and_its_gradients_are_the_defining_sums(case, dtype):
    check_all_passes(case, dtype)


@st.composite
def cases(draw):
    groups = draw(st.integers(1, 3))
    size = st.integers(1, 3)
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    dilation, stride = (draw(size), draw(size)), (draw(size), draw(size))
    padding = (draw(st.integers(0, 3)), draw(st.integers(0, 3)))
    least = [max(1, dilation[d] * (kernel[d] - 1) + 1 - 2 * padding[d]) for d in range(2)]
    image = tuple(draw(st.integers(least[d], least[d] + 20)) for d in range(2))
    x = (draw(st.integers(1, 3)), groups * draw(st.integers(1, 9)), *image)
    return Case(
        x, (groups * draw(st.integers(1, 9)), x[1] // groups, *kernel), stride, padding, dilation, groups
    )


@settings(max_examples=40, deadline=None)
@given(cases())
def test_every_stride_padding_dilation_and_grouping_is_right(case):
    check_all_passes(case, torch.float32)


def test_second_derivatives_follow_from_bilinearity():
    case = Case((2, 4, 7, 8), (6, 2, 3, 2), stride=(2, 1), padding=(1, 1), groups=2)
    x, w, b = (torch.tensor(a, requires_grad=True) for a in case.arrays())
    rng = np.random.default_rng(2)
    grad = torch.tensor(rng.standard_normal((2, 6, *case.output())), requires_grad=True)
    dx, dw = torch.autograd.grad(F.conv2d(x, w, b, **case.options), (x, w), grad, create_graph=True)
    u, v = rng.standard_normal(case.x), rng.standard_normal(case.w)
    (dx * torch.tensor(u)).sum().backward(retain_graph=True)
    # <u, dx(grad, w)> is <grad, conv(u, w)>.
    assert_near(grad.grad, case.forward(u, w.detach().numpy(), np.zeros(6)), torch.float64)
    assert_near(w.grad, case.weight_gradient(u, grad.detach().numpy()), torch.float64)
    assert x.grad is None
    grad.grad = w.grad = None
    (dw * torch.tensor(v)).sum().backward()
    assert_near(grad.grad, case.forward(x.detach().numpy(), v, np.zeros(6)), torch.float64)
    assert_near(x.grad, case.input_gradient(grad.detach().numpy(), v), torch.float64)


def test_conv1d_is_conv2d_of_height_one():
    rng = np.random.default_rng(3)
    x, w, b = (
        torch.tensor(rng.standard_normal(s), requires_grad=True) for s in ((2, 4, 17), (6, 2, 3), (6,))
    )
    options = {"stride": 2, "padding": 3, "dilation": 2, "groups": 2}
    case = Case((2, 4, 1, 17), (6, 2, 1, 3), (1, 2), (0, 3), (1, 2), 2)
    y = F.conv1d(x, w, b, **options)
    arrays = x.detach().numpy()[:, :, None], w.detach().numpy()[:, :, None], b.detach().numpy()
    expected = case.forward(*arrays)
    assert_near(y, expected[:, :, 0], torch.float64)
    y.sum().backward()
    assert_near(x.grad, case.input_gradient(np.ones(expected.shape), arrays[1])[:, :, 0], torch.float64)
    assert_near(w.grad, case.weight_gradient(arrays[0], np.ones(expected.shape))[:, :, 0], torch.float64)


@pytest.mark.parametrize("kernel, dilation", [((3, 3), 1), ((2, 5), 2), ((4, 1), 3)])
def test_same_padding_keeps_the_size_and_puts_the_odd_zero_last(kernel, dilation):
    rng = np.random.default_rng(4)
    x, w = rng.standard_normal((2, 3, 9, 11)), rng.standard_normal((4, 3, *kernel))
    total = [dilation * (k - 1) for k in kernel]
    padded = np.pad(x, ((0, 0), (0, 0), *((t // 2, t - t // 2) for t in total)))
    case = Case(padded.shape, w.shape, dilation=(dilation, dilation))
    tx = torch.tensor(x, requires_grad=True)
    y = F.conv2d(tx, torch.tensor(w), padding="same", dilation=dilation)
    assert tuple(y.shape) == (2, 4, 9, 11)
    assert_near(y, case.forward(padded, w, np.zeros(4)), torch.float64)
    y.sum().backward()
    grad = case.input_gradient(np.ones((2, 4, 9, 11)), w)
    top, left = total[0] // 2, total[1] // 2
    assert_near(tx.grad, grad[:, :, top : top + 9, left : left + 11], torch.float64)


def test_valid_padding_is_none():
    x, w = torch.ones(1, 1, 4, 4), torch.ones(1, 1, 3, 3)
    assert F.conv2d(x, w, padding="valid").tolist() == [[[[9, 9], [9, 9]]]]
    assert F.conv1d(torch.ones(1, 1, 4), torch.ones(1, 1, 3), padding="valid").tolist() == [[[3, 3]]]


def test_an_image_without_batch_gives_one_without():
    x, w = torch.ones(2, 5, 6), torch.ones(3, 2, 2, 2)
    assert tuple(F.conv2d(x, w).shape) == (3, 4, 5)
    assert torch.equal(F.conv2d(x, w), F.conv2d(x.unsqueeze(0), w)[0])
    assert tuple(F.conv1d(torch.ones(2, 6), torch.ones(3, 2, 2)).shape) == (3, 5)


def test_strided_inputs_are_read_as_they_are():
    x = torch.arange(2 * 5 * 6 * 3, dtype=torch.float32).reshape(2, 5, 6, 3).permute(0, 3, 1, 2)
    w = torch.arange(3 * 3 * 2 * 2, dtype=torch.float32).reshape(2, 2, 3, 3).permute(3, 2, 0, 1)
    assert torch.equal(F.conv2d(x, w), F.conv2d(x.contiguous(), w.contiguous()))


def test_an_empty_batch_has_an_empty_result_and_zero_gradients():
    x, w = torch.ones(0, 2, 4, 4, requires_grad=True), torch.ones(3, 2, 3, 3, requires_grad=True)
    b = torch.ones(3, requires_grad=True)
    y = F.conv2d(x, w, b)
    assert tuple(y.shape) == (0, 3, 2, 2)
    y.sum().backward()
    assert tuple(x.grad.shape) == (0, 2, 4, 4)
    assert not w.grad.any() and not b.grad.any()


def test_the_node_is_called_convolution():
    x = torch.ones(1, 1, 3, 3, requires_grad=True)
    assert type(F.conv2d(x, torch.ones(1, 1, 2, 2)).grad_fn).__name__ == "ConvolutionBackward0"


@pytest.mark.parametrize(
    "x, w, options, message",
    [
        (
            (2, 4, 8, 8),
            (4, 3, 3, 3),
            {},
            r"Given groups=1, weight of size \[4, 3, 3, 3\], expected input\[2, 4, 8, 8\]",
        ),
        ((8, 8), (4, 3, 3, 3), {}, r"Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d"),
        ((1, 3, 2, 2), (4, 3, 3, 3), {}, r"padded input size per channel: \(2 x 2\). Kernel size: \(3 x 3\)"),
        ((1, 3, 8, 8), (4, 3, 3, 3), {"stride": 0}, "non-positive stride is not supported"),
        ((1, 3, 8, 8), (4, 3, 3, 3), {"padding": -1}, "negative padding is not supported"),
        ((1, 3, 8, 8), (4, 3, 3, 3), {"dilation": 0}, "dilation should be greater than zero"),
        ((1, 3, 8, 8), (4, 3, 3, 3), {"groups": 0}, "non-positive groups is not supported"),
        ((1, 4, 8, 8), (5, 2, 3, 3), {"groups": 2}, "expected weight to be divisible by 2 at dimension 0"),
        (
            (1, 3, 8, 8),
            (4, 3, 3, 3),
            {"stride": (1, 2, 3)},
            "expected stride to be a single integer value or a list of 2",
        ),
        (
            (1, 3, 8, 8),
            (4, 3, 3, 3),
            {"padding": "same", "stride": 2},
            "padding='same' is not supported for strided",
        ),
        ((1, 3, 8, 8), (4, 3, 3, 3), {"padding": "full"}, "Invalid padding string: 'full'"),
        ((1, 3, 8, 8), (4, 3, 0, 3), {}, "kernel size should be greater than zero"),
    ],
)
def test_impossible_arguments_raise_pytorchs_errors(x, w, options, message):
    with pytest.raises(RuntimeError, match=message):
        F.conv2d(torch.zeros(x), torch.zeros(w), **options)


def test_a_bias_of_the_wrong_size_or_dtype_is_refused():
    x, w = torch.zeros(1, 3, 8, 8), torch.zeros(4, 3, 3, 3)
    with pytest.raises(RuntimeError, match="expected bias to be 1-dimensional with 4 elements"):
        F.conv2d(x, w, torch.zeros(5))
    with pytest.raises(
        RuntimeError, match=r"Input type \(float\) and bias type \(double\) should be the same"
    ):
        F.conv2d(x, w, torch.zeros(4, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="expected scalar type Float but found Double"):
        F.conv2d(x, w.double())


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "int32", "int64"])
def test_integers_wrap_around(name):
    case = Case((2, 4, 5, 6), (6, 2, 3, 2), stride=(2, 1), padding=(1, 2), groups=2)
    limits = np.iinfo(name)
    generator = np.random.default_rng(0)
    x, w, b = (
        generator.integers(limits.min, limits.max, shape, dtype=name, endpoint=True)
        for shape in (case.x, case.w, (6,))
    )
    result = F.conv2d(torch.tensor(x), torch.tensor(w), torch.tensor(b), **case.options)
    assert result.dtype == getattr(torch, name)
    expected = case.forward(*(a.astype("uint64") for a in (x, w, b)))
    assert np.array_equal(result.numpy(), expected.astype(name))


def test_dilated_convolutions_take_int64_alone():
    x, w = torch.arange(6).reshape(1, 1, 6), torch.tensor([[[1, 10]]])
    assert F.conv1d(x, w, dilation=2).tolist() == [[[20, 31, 42, 53]]]
    with pytest.raises(NotImplementedError, match="\"slow_conv_dilated<>\" not implemented for 'Int'"):
        F.conv1d(x.int(), w.int(), dilation=2)
    with pytest.raises(NotImplementedError, match="\"slow_conv2d_cpu\" not implemented for 'Bool'"):
        F.conv1d(x.bool(), w.bool())


@pytest.mark.parametrize("grad_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("weight_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("input_format", [torch.contiguous_format, torch.channels_last])
def test_gradients_lie_in_memory_as_the_result_does(input_format, weight_format, grad_format):
    x = torch.zeros(2, 4, 5, 5).contiguous(memory_format=input_format).requires_grad_()
    w = torch.zeros(6, 4, 3, 3).contiguous(memory_format=weight_format).requires_grad_()
    y = F.conv2d(x, w, stride=2, padding=1)
    last = torch.channels_last in (input_format, weight_format)
    gradients = torch.autograd.grad(y, (x, w), torch.ones_like(y, memory_format=grad_format))
    for t in (y, *gradients):
        assert t.is_contiguous(memory_format=torch.channels_last) == last
        assert t.is_contiguous() != last


@dataclass(frozen=True)
class Sum:
    """A convolution over any number of axes as a sum over kernel taps."""

    axes: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    output_padding: int = 0
    channels: int = 4

    @property
    def options(self):
        return {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    @property
    def function(self):
        return (F.conv1d, F.conv2d, F.conv3d)[self.axes - 1]

    @property
    def transposed(self):
        return (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self.axes - 1]

    def windows(self, padded, kernel, sizes):
        for tap in np.ndindex(*kernel):
            begin = [t * self.dilation for t in tap]
            steps = (
                slice(b, b + (n - 1) * self.stride + 1, self.stride)
                for b, n in zip(begin, sizes, strict=True)
            )
            yield tap, padded[(slice(None), slice(None), *steps)]

    def padded(self, x):
        return np.pad(x, ((0, 0), (0, 0), *((self.padding, self.padding),) * self.axes))

    def forward(self, x, w):
        x, kernel = self.padded(x), w.shape[2:]
        sizes = [
            (n - self.dilation * (k - 1) - 1) // self.stride + 1
            for n, k in zip(x.shape[2:], kernel, strict=True)
        ]
        y = np.zeros((len(x), self.groups, w.shape[0] // self.groups, *sizes), dtype=x.dtype)
        w = w.reshape(self.groups, -1, *w.shape[1:])
        for tap, window in self.windows(x, kernel, sizes):
            window = window.reshape(len(x), self.groups, -1, *sizes)
            y += np.einsum("ngc...,goc->ngo...", window, w[(..., *tap)])
        return y.reshape(len(x), -1, *sizes)

    def adjoint(self, y, w):
        kernel, sizes = w.shape[2:], y.shape[2:]
        spread = [
            (n - 1) * self.stride + self.dilation * (k - 1) + 1 + self.output_padding
            for n, k in zip(sizes, kernel, strict=True)
        ]
        x = np.zeros((len(y), w.shape[1] * self.groups, *spread), dtype=y.dtype)
        y = y.reshape(len(y), self.groups, -1, *sizes)
        w = w.reshape(self.groups, -1, *w.shape[1:])
        for tap, window in self.windows(x, kernel, sizes):
            window += np.einsum("ngo...,goc->ngc...", y, w[(..., *tap)]).reshape(window.shape)
        inner = (slice(self.padding, n - self.padding) for n in spread)
        return x[(slice(None), slice(None), *inner)]


SIZES = [(9,), (6, 7), (5, 4, 6)]
SUMS = [
    Sum(axes, *options)
    for axes in (1, 2, 3)
    for options in (
        (),
        (2, 1),
        (1, 2, 2),
        (3, 1, 2, 2, 2),
        (2, 0, 1, 4, 1),
        (1, 0, 3, 1, 2),
        (1, 1, 1, 1, 0, 40),  # many channels: the quick algorithm of 3 x 3 kernels in three dimensions
    )
]


def values(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("case", SUMS, ids=str)
def test_convolutions_of_one_to_three_axes_are_their_sums(case):
    c = case.channels
    x, w = (
        values(2, c, *(n + 4 for n in SIZES[case.axes - 1])),
        values(24, c // case.groups, *(3,) * case.axes),
    )
    b = values(24)
    y = case.function(*map(torch.tensor, (x, w, b)), **case.options)
    assert_near(y, case.forward(x, w) + b.reshape(-1, *(1,) * case.axes), torch.float64)


@pytest.mark.parametrize("case", SUMS, ids=str)
def test_weight_gradients_are_adjoint_to_the_convolution(case):
    x = torch.tensor(values(2, case.channels, *(n + 4 for n in SIZES[case.axes - 1])))
    w, v = (torch.tensor(values(24, case.channels // case.groups, *(3,) * case.axes, seed=i)) for i in (1, 2))
    y = case.function(x, w.requires_grad_(), **case.options)
    grad = torch.tensor(values(*y.shape, seed=3))
    y.backward(grad)
    expected = (case.function(x, v, **case.options) * grad).sum()
    assert torch.allclose((w.grad * v).sum(), expected, rtol=1e-10)


@pytest.mark.parametrize("case", SUMS, ids=str)
def test_transposed_convolutions_are_their_sums(case):
    x, w = values(2, 8, *SIZES[case.axes - 1]), values(8, 3, *(3,) * case.axes)
    b = values(3 * case.groups)
    options = {**case.options, "output_padding": case.output_padding}
    y = case.transposed(*map(torch.tensor, (x, w, b)), **options)
    assert_near(y, case.adjoint(x, w) + b.reshape(-1, *(1,) * case.axes), torch.float64)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_gradients_of_every_order_in_one_to_three_axes(axes, transposed):
    case = Sum(axes, 2, 1, 1, 2)
    size, kernel = (3, 4, 3)[:axes], (3, 2, 2)[:axes]
    x, w, b = (torch.tensor(values(*s)) for s in ((2, 4, *size), (4, 2, *kernel), (4,)))
    call = case.transposed if transposed else case.function
    check_gradient(lambda x, w, b: call(x, w, b, **case.options), x, w, b)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_complex_transposed_convolutions_and_their_gradients(axes):
    case, size = Sum(axes, 2), (2,) * axes
    x, w = values(2, 2, *size, 2), values(2, 2, *size, 2, seed=1)

    def call(x, w):
        return torch.view_as_real(
            case.transposed(torch.view_as_complex(x), torch.view_as_complex(w), stride=2)
        )

    expected = case.adjoint(x[..., 0] + 1j * x[..., 1], w[..., 0] + 1j * w[..., 1])
    assert np.allclose(torch.view_as_complex(call(torch.tensor(x), torch.tensor(w))).numpy(), expected)
    check_gradient(call, torch.tensor(x[:1]), torch.tensor(w))


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_an_unbatched_input_is_a_batch_of_one(axes):
    case = Sum(axes)
    x, w = torch.tensor(values(2, *(4,) * axes)), torch.tensor(values(2, 2, *(2,) * axes))
    for call in (case.function, case.transposed):
        assert torch.equal(call(x, w), call(x[None], w)[0])


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_named_padding_in_every_number_of_axes(axes):
    case = Sum(axes)
    x, w = values(1, 2, *(5,) * axes), values(2, 2, *(4,) * axes)
    same = case.function(torch.tensor(x), torch.tensor(w), padding="same").numpy()
    wide = case.forward(np.pad(x, ((0, 0), (0, 0), *((1, 2),) * axes)), w)
    assert np.allclose(same, wide)
    assert case.function(torch.tensor(x), torch.tensor(w), padding="valid").shape == (1, 2, *(2,) * axes)


def test_integers_in_transposed_and_deep_convolutions():
    x, w = torch.arange(3).reshape(1, 1, 3), torch.tensor([[[1, 10]]])
    assert F.conv_transpose1d(x, w, torch.tensor([5]), stride=2).tolist() == [[[5, 5, 6, 15, 7, 25]]]
    ones = torch.ones(1, 1, 2, 2, 2, dtype=torch.uint8)
    assert F.conv3d(ones * 40, ones).item() == 64
    with pytest.raises(
        NotImplementedError, match="\"slow_conv_transpose2d_out_cpu\" not implemented for 'Int'"
    ):
        F.conv_transpose1d(x.int(), w.int())
    with pytest.raises(
        NotImplementedError, match="\"slow_conv_transpose3d_out_cpu\" not implemented for 'Byte'"
    ):
        F.conv_transpose3d(ones, ones)
    with pytest.raises(NotImplementedError, match="\"compute_columns3d\" not implemented for 'Bool'"):
        F.conv3d(ones.bool(), ones.bool())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_computed_in_float32(dtype):
    x, w = (torch.tensor(values(*s)).to(dtype) for s in ((2, 4, 5), (4, 3, 3)))
    expected = F.conv_transpose1d(x.float(), w.float(), stride=2).to(dtype)
    assert torch.equal(F.conv_transpose1d(x, w, stride=2), expected)


def test_three_axes_keep_the_channels_last():
    x = torch.zeros(2, 4, 5, 5, 5).contiguous(memory_format=torch.channels_last_3d)
    w = torch.zeros(4, 4, 3, 3, 3)
    for y in (F.conv3d(x, w), F.conv_transpose3d(x, w), F.conv_transpose2d(x[:, :, 0], w[:, :, 0])):
        layout = torch.channels_last_3d if y.dim() == 5 else torch.channels_last
        assert y.is_contiguous(memory_format=layout)


def test_the_general_function_is_the_special_ones():
    x, w, b = (torch.tensor(values(*s)) for s in ((2, 4, 5, 5), (4, 4, 3, 3), (4,)))
    plain = torch.convolution(x, w, b, [2], [1], [1, 1], False, [0], 1)
    assert torch.equal(plain, F.conv2d(x, w, b, stride=2, padding=1))
    adjoint = torch.convolution(x, w, b, [2], [1], [1], True, [1, 0], 1)
    assert torch.equal(adjoint, F.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=(1, 0)))


def test_time_first():
    x, w, b = (torch.tensor(values(*s)) for s in ((6, 2, 3), (2, 3, 4), (4,)))
    expected = sum(x[k : k + 5] @ w[k] for k in range(2)) + b
    assert torch.allclose(torch.conv_tbc(x, w, b), expected)
    assert torch.allclose(torch.conv_tbc(x, w, b, 1)[1:-1], expected)
    assert torch.allclose(F.conv_tbc(x, w, b, -1), expected[1:-1])
    assert torch.conv_tbc(x[:1], w, b).shape == (0, 2, 4)
    check_gradient(lambda x, w, b: torch.conv_tbc(x, w, b, 1), x, w, b)
    with pytest.raises(RuntimeError, match="negative dimension -1"):
        torch.conv_tbc(x[:0], w, b)
    with pytest.raises(RuntimeError, match="Bias size must equal dim 2"):
        torch.conv_tbc(x, w, b[:3])


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_gradients_as_functions(axes):
    options = {"stride": 2, "padding": 1, "groups": 2}
    x, w = torch.tensor(values(2, 4, *(6,) * axes)), torch.tensor(values(4, 2, *(3,) * axes))
    x.requires_grad_(), w.requires_grad_()
    y = Sum(axes).function(x, w, **options)
    grad = torch.tensor(values(*y.shape, seed=1))
    expected = torch.autograd.grad(y, (x, w), grad)
    to_input = getattr(torch.nn.grad, f"conv{axes}d_input")(x.shape, w, grad, **options)
    to_weight = getattr(torch.nn.grad, f"conv{axes}d_weight")(x, w.shape, grad, **options)
    assert torch.allclose(to_input, expected[0])
    assert torch.allclose(to_weight, expected[1])
    assert to_weight.requires_grad


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_padding": 1}, "output padding must be smaller than either stride or dilation, but got "
         "output_padding_height: 1 output_padding_width: 1 stride_height: 1"),
        ({"output_padding": -1}, "negative output_padding is not supported"),
        ({"padding": 3}, r"size per channel: \(3 x 3\). Calculated output size per channel: \(-2 x -2\). Output size"),
        ({"dilation": 0}, "greater than zero, but got dilation_height: 0, dilation_width: 0"),
        ({"groups": 3}, "expected weight to be at least 3 at dimension 0"),
        ({"bias": torch.zeros(2)}, "Given transposed=1, weight of size .*expected bias to be 1-dimensional with 3"),
        ({"input": torch.zeros(1, 3, 3, 3)}, r"Given transposed=1, .*expected input\[1, 3, 3, 3\] to have 2 channels"),
        ({"input": torch.zeros(1, 2, 0, 3)}, "Only zero batch or zero channel inputs are supported"),
        ({"input": torch.zeros(2, 3)}, r"Expected 3D \(unbatched\) or 4D \(batched\) input to conv_transpose2d"),
        ({"weight": torch.zeros(2, 0, 2, 2)}, "non-empty 2D or 4D weight tensor expected"),
    ],
)  # fmt: skip
def test_transposed_convolutions_refuse_what_does_not_fit(options, message):
    with pytest.raises(RuntimeError, match=message):
        F.conv_transpose2d(**{"input": torch.zeros(1, 2, 3, 3), "weight": torch.zeros(2, 3, 2, 2), **options})


def test_the_output_size_chooses_among_those_a_stride_leaves_open():
    layer = torch.nn.ConvTranspose2d(4, 3, 3, stride=2)
    x = torch.zeros(1, 4, 5, 5)
    assert layer(x).shape == (1, 3, 11, 11)
    assert layer(x, output_size=(12, 11)).shape == (1, 3, 12, 11)
    assert layer(x[0], output_size=(3, 12, 12)).shape == (3, 12, 12)
    with pytest.raises(
        ValueError, match=r"size of \(13, 12\), but valid sizes range from \[11, 11\] to \[12, 12\]"
    ):
        layer(x, output_size=(13, 12))
    with pytest.raises(
        ValueError, match=r"ConvTranspose2D: for 4D input, output_size must have 2 or 4 elements \(got 1\)"
    ):
        layer(x, output_size=(12,))
    with pytest.raises(ValueError, match='Only "zeros" padding mode is supported for ConvTranspose3d'):
        torch.nn.ConvTranspose3d(1, 1, 1, padding_mode="circular")


def test_layers_of_three_axes_and_transposed_ones_describe_themselves():
    layer = torch.nn.Conv3d(4, 6, 3, padding="same", groups=2, padding_mode="circular")
    assert repr(layer) == (
        "Conv3d(4, 6, kernel_size=(3, 3, 3), stride=(1, 1, 1), padding=same, groups=2, padding_mode=circular)"
    )
    assert layer(torch.zeros(1, 4, 5, 5, 5)).shape == (1, 6, 5, 5, 5)
    layer = torch.nn.ConvTranspose1d(4, 6, 3, stride=2, output_padding=1, dilation=3, groups=2, bias=False)
    assert repr(layer) == (
        "ConvTranspose1d(4, 6, kernel_size=(3,), stride=(2,), dilation=(3,), output_padding=(1,), groups=2, bias=False)"
    )
    assert layer.weight.shape == (4, 3, 3)


def test_the_order_of_weights_in_memory_is_changed_in_whole_networks():
    network = torch.nn.Sequential(
        torch.nn.Conv2d(2, 3, 3), torch.nn.Sequential(torch.nn.ConvTranspose2d(3, 2, 3))
    )
    before = [p.detach().clone() for p in network.parameters()]
    assert torch.nn.utils.convert_conv2d_weight_memory_format(network, torch.channels_last) is network
    for layer in (network[0], network[1][0]):
        assert layer.weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    volume = torch.nn.Conv3d(2, 3, 3)
    torch.nn.utils.convert_conv2d_weight_memory_format(volume, torch.channels_last)
    assert volume.weight.is_contiguous()
    torch.nn.utils.convert_conv3d_weight_memory_format(volume, torch.channels_last_3d)
    assert volume(torch.zeros(1, 2, 4, 4, 4)).is_contiguous(memory_format=torch.channels_last_3d)


def test_kernels_without_taps_are_refused():
    with pytest.raises(RuntimeError, match="greater than zero, but got kernel_height: 0 kernel_width: 1"):
        F.conv2d(torch.zeros(1, 2, 3, 3), torch.zeros(2, 2, 0, 1))
    with pytest.raises(RuntimeError, match=r"greater than zero, but got: 0 x 1 x 1 \(TxHxW\)"):
        F.conv3d(torch.zeros(1, 2, 3, 3, 3), torch.zeros(2, 2, 0, 1, 1))
    with pytest.raises(RuntimeError, match=r"greater than zero, but got \[0, 0, 0\]"):
        F.conv3d(torch.zeros(1, 2, 3, 3, 3), torch.zeros(2, 2, 1, 1, 1), dilation=0)

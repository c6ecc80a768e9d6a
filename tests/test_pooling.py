"""Max pooling against its definition, and PyTorch's rules for ties, NaN, padding and ceil_mode."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau as torch
import flambeau.nn.functional as F

INF, NAN = float("inf"), float("nan")


def reference(x, kernel, stride, padding, dilation, ceil_mode):
    """Values and positions h * width + w of the first maxima of the windows of x (planes, height, width)."""
    size = []
    for d in range(2):
        room = x.shape[1 + d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1
        n = (-(-room // stride[d]) if ceil_mode else room // stride[d]) + 1
        if ceil_mode and (n - 1) * stride[d] >= x.shape[1 + d] + padding[d]:
            n -= 1
        size.append(n)
    values, positions = np.full((x.shape[0], *size), -INF), np.zeros((x.shape[0], *size), dtype=np.int64)
    for p, u, v in np.ndindex(*values.shape):
        window = [
            (h, w)
            for r in range(kernel[0])
            for s in range(kernel[1])
            if 0 <= (h := u * stride[0] - padding[0] + r * dilation[0]) < x.shape[1]
            and 0 <= (w := v * stride[1] - padding[1] + s * dilation[1]) < x.shape[2]
        ]
        h, w = max(window, key=lambda at: x[p][at])
        values[p, u, v], positions[p, u, v] = x[p, h, w], h * x.shape[2] + w
    return values, positions


@st.composite
def poolings(draw):
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    dilation = draw(st.sampled_from([(1, 1), (2, 1), (2, 3)]))
    image = tuple(draw(st.integers(dilation[d] * (kernel[d] - 1) + 1, 24)) for d in range(2))
    return draw(st.integers(1, 3)), image, kernel, stride, padding, dilation, draw(st.booleans())


@settings(max_examples=60, deadline=None)
@given(poolings())
def test_max_pool2d_takes_the_first_maximum_of_every_window(pooling):
    planes, image, kernel, stride, padding, dilation, ceil_mode = pooling
    x = np.random.default_rng(0).integers(-9, 9, (planes, *image)).astype(np.float64)
    values, positions = reference(x, kernel, stride, padding, dilation, ceil_mode)
    t = torch.tensor(x, requires_grad=True)
    y, index = F.max_pool2d(t, kernel, stride, padding, dilation, ceil_mode, return_indices=True)
    assert np.array_equal(y.detach().numpy(), values)
    assert np.array_equal(index.numpy(), positions)
    grad = np.random.default_rng(1).standard_normal(values.shape)
    expected = np.zeros((planes, image[0] * image[1]))
    for p in range(planes):
        np.add.at(expected[p], positions[p].ravel(), grad[p].ravel())
    y.backward(torch.tensor(grad))
    assert np.allclose(t.grad.numpy().reshape(planes, -1), expected)
    u = torch.tensor(x, dtype=torch.float32, requires_grad=True)
    z = F.max_pool2d(u, kernel, stride, padding, dilation, ceil_mode)
    z.backward(torch.tensor(grad, dtype=torch.float32))
    assert np.array_equal(z.detach().numpy(), values)
    assert np.allclose(u.grad.numpy().reshape(planes, -1), expected, atol=1e-5)


@pytest.mark.parametrize("width", [2, 5, 16, 17, 33, 64])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_two_by_two_windows_of_every_width(width, dtype):
    x = np.random.default_rng(width).standard_normal((3, 2, 7, width)).astype(np.float32)
    t = torch.tensor(x, dtype=dtype, requires_grad=True)
    y = F.max_pool2d(t, 2)
    blocks = x[:, :, :6, : width // 2 * 2].reshape(3, 2, 3, 2, width // 2, 2)
    expected = blocks.max((3, 5))
    assert np.array_equal(y.detach().numpy(), expected)
    y.sum().backward()
    chosen = np.zeros_like(x)
    chosen[:, :, :6, : width // 2 * 2] = (blocks == expected[:, :, :, None, :, None]).reshape(3, 2, 6, -1)
    assert np.array_equal(t.grad.numpy(), chosen)


def test_nan_beats_everything():
    x = torch.tensor([[[1.0, NAN, 3.0, 4.0], [5.0, 6.0, 7.0, INF]]])
    y, index = F.max_pool2d(x, 2, return_indices=True)
    assert np.isnan(y[0, 0, 0].item()) and y[0, 0, 1].item() == INF
    assert index.tolist() == [[[1, 7]]]


def test_a_window_of_minus_infinity_chooses_its_first_element():
    x = torch.full((1, 3, 3), -INF, requires_grad=True)
    y, index = F.max_pool2d(x, 2, stride=1, padding=1, return_indices=True)
    assert index.tolist() == [[[0, 0, 1, 2], [0, 0, 1, 2], [3, 3, 4, 5], [6, 6, 7, 8]]]
    F.max_pool2d(x, 3).sum().backward()
    assert x.grad.tolist() == [[[1, 0, 0], [0, 0, 0], [0, 0, 0]]]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64])
def test_integers_pool_without_gradient(dtype):
    x = torch.arange(16).reshape(1, 4, 4).to(dtype)
    assert F.max_pool2d(x, 2).tolist() == [[[5, 7], [13, 15]]]
    assert F.max_pool2d(x, 3, 2, 1).dtype == dtype


def test_bool_is_refused():
    with pytest.raises(NotImplementedError, match="\"max_pool2d\" not implemented for 'Bool'"):
        F.max_pool2d(torch.ones(1, 4, 4, dtype=torch.bool), 2)


def test_kernels_too_large_for_a_byte_keep_whole_positions():
    x = torch.arange(20.0 * 20).reshape(1, 20, 20).requires_grad_()
    F.max_pool2d(x, 20).sum().backward()
    assert x.grad[0, 19, 19].item() == 1 and x.grad.sum().item() == 1


def test_second_derivatives_pass_through_the_chosen_elements():
    x = torch.tensor([[[[1.0, 2.0], [4.0, 3.0]]]], requires_grad=True)
    (grad,) = torch.autograd.grad((F.max_pool2d(x, 2) ** 3).sum(), x, create_graph=True)
    assert grad.tolist() == [[[[0, 0], [48, 0]]]]
    (second,) = torch.autograd.grad(grad.sum(), x)
    assert second.tolist() == [[[[0, 0], [24, 0]]]]


def test_max_pool1d():
    x = torch.tensor([[1.0, 5.0, 2.0, 4.0, 3.0]], requires_grad=True)
    assert F.max_pool1d(x, 2).tolist() == [[5, 4]]
    assert F.max_pool1d(x, 2, ceil_mode=True).tolist() == [[5, 4, 3]]
    values, index = F.max_pool1d(x, 3, 1, 1, return_indices=True)
    assert (values.tolist(), index.tolist()) == ([[5, 5, 5, 4, 4]], [[1, 1, 1, 3, 3]])
    values.sum().backward()
    assert x.grad.tolist() == [[0, 3, 0, 2, 0]]


def test_the_node_carries_pytorchs_name():
    x = torch.ones(1, 4, 4, requires_grad=True)
    assert type(F.max_pool2d(x, 2).grad_fn).__name__ == "MaxPool2DWithIndicesBackward0"


@pytest.mark.parametrize(
    "shape, arguments, message",
    [
        ((8, 8), (2,), r"non-empty 3D or 4D \(batch mode\) tensor expected for input"),
        ((1, 8, 8), (2, 0), "stride should not be zero"),
        ((1, 8, 8), ((2, 2, 2),), "kernel_size must either be a single int, or a tuple of two ints"),
        ((1, 8, 8), (2, 2, 2), "pad should be at most half of effective kernel size, but got pad=2"),
        ((1, 8, 8), (2, 2, -1), "pad must be non-negative, but got pad: -1"),
        ((1, 8, 8), (2, 2, 0, 0), "dilation should be greater than zero, but got dilationH: 0 dilationW: 0"),
        (
            (1, 8, 8),
            (9,),
            r"Given input size: \(1x8x8\). Calculated output size: \(1x0x0\). Output size is too small",
        ),
        ((2, 0, 8, 8), (2,), r"Expected 3D or 4D \(batch mode\) tensor with optional 0 dim batch size"),
    ],
)
def test_impossible_arguments_raise_pytorchs_errors(shape, arguments, message):
    with pytest.raises(RuntimeError, match=message):
        F.max_pool2d(torch.zeros(shape), *arguments)


@pytest.mark.parametrize("last", [False, True])
def test_gradients_of_max_pooling_lie_in_memory_as_its_input(last):
    x = torch.arange(288.0).view(2, 4, 6, 6)
    x = (x.contiguous(memory_format=torch.channels_last) if last else x).requires_grad_()
    for pooled in (F.max_pool2d(x, 2), F.max_pool2d(x, 2, return_indices=True)[0]):
        (gradient,) = torch.autograd.grad(pooled.sum(), x)
        assert gradient.stride() == x.stride()
        assert gradient.sum() == pooled.numel()

"""Copies, conversions, joining and repeating."""

import numpy as np
import pytest

import flambeau as torch


def matrix(dtype=torch.float64):
    return torch.arange(12, dtype=dtype).view(3, 4)


def gradient(function, *inputs):
    """Gradients of the sum of function(*inputs) weighted by 1, 2, 3 .. ."""
    inputs = [t.clone().requires_grad_() for t in inputs]
    result = function(*inputs)
    weights = torch.arange(1, result.numel() + 1, dtype=result.dtype).view(result.shape)
    (result * weights).sum().backward()
    return [t.grad.numpy() for t in inputs]


# ---- layout


def test_reshape_views_where_it_can_and_copies_where_it_must():
    x = matrix()
    x.reshape(4, 3)[0, 0] = 5
    assert x[0, 0] == 5
    x.t().reshape(-1)[0] = 7
    assert x[0, 0] == 5


def test_contiguous_returns_self_or_a_row_major_copy():
    x = matrix()
    assert x.contiguous() is x
    assert x.t().contiguous().stride() == (3, 1)
    image = torch.zeros(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    assert image.stride() == (60, 1, 15, 3)


def test_clone_keeps_the_memory_order_of_a_dense_tensor():
    x = matrix().t()
    assert x.clone().stride() == (1, 4)
    assert x.clone(memory_format=torch.contiguous_format).stride() == (3, 1)
    assert x.clone().data_ptr() != x.data_ptr()


def test_clone_passes_its_gradient_on():
    (grad,) = gradient(lambda x: x.t().clone(), matrix())
    np.testing.assert_array_equal(grad, np.arange(1.0, 13).reshape(4, 3).T)


# ---- conversions


def test_to_converts_and_returns_self_where_nothing_changes():
    x = matrix()
    assert x.to(torch.float64) is x and x.to("cpu") is x and x.cpu() is x and x.double() is x
    assert x.to(torch.float64, copy=True) is not x
    assert x.to("cpu", torch.float32).dtype == torch.float32
    assert x.to(matrix(torch.int64)).dtype == torch.int64
    assert x.to(dtype=torch.int32).dtype == torch.int32
    assert x.type_as(matrix(torch.uint8)).dtype == torch.uint8


@pytest.mark.parametrize(
    ("method", "dtype"),
    [
        ("bool", "bool"),
        ("byte", "uint8"),
        ("char", "int8"),
        ("short", "int16"),
        ("int", "int32"),
        ("long", "int64"),
        ("float", "float32"),
        ("double", "float64"),
    ],
)
def test_conversion_methods_truncate_as_numpy(method, dtype):
    x = torch.tensor([0.0, 1.75, 3.5, 100.25])
    y = getattr(x, method)()
    assert y.dtype == getattr(torch, dtype)
    np.testing.assert_array_equal(y.numpy(), x.numpy().astype(dtype))


def test_conversions_return_the_gradient_in_the_source_dtype():
    x = torch.ones(3, requires_grad=True)
    x.double().sum().backward()
    assert x.grad.dtype == torch.float32 and x.grad.tolist() == [1.0, 1.0, 1.0]
    assert not x.long().requires_grad


def test_another_device_is_a_clear_error():
    with pytest.raises(AssertionError, match="not compiled with CUDA"):
        matrix().to("cuda")


# ---- writing


def test_copy_broadcasts_and_converts():
    x = torch.zeros(2, 3, dtype=torch.int64)
    assert x.copy_(torch.tensor([1.5, 2.5, -3.5])).tolist() == [[1, 2, -3]] * 2
    with pytest.raises(
        RuntimeError, match=r"must match the size of tensor b|doesn't match the broadcast shape"
    ):
        x.copy_(torch.zeros(4, 3))


def test_copy_of_an_overlapping_part_is_refused_and_no_write():
    x = torch.arange(5)
    with pytest.raises(RuntimeError, match="refer to a single memory location"):
        x[1:].copy_(x[:-1])
    assert x.tolist() == [0, 1, 2, 3, 4] and x._version == 0


def test_copy_of_a_tensor_onto_itself_is_a_write():
    x = torch.arange(3.0).expand(2, 3)
    assert x.copy_(x)._version == 1


def test_copy_moves_the_gradient_from_target_to_source():
    target, source = torch.ones(2, 3, requires_grad=True), torch.ones(3, requires_grad=True)
    y = target * 1
    y.copy_(source)
    assert type(y.grad_fn).__name__ == "CopyBackwards"
    y.sum().backward()
    assert target.grad.tolist() == [[0.0] * 3] * 2 and source.grad.tolist() == [2.0] * 3


def test_fill_and_zero():
    x = matrix()
    assert x.fill_(2).sum() == 24 and x.fill_(torch.tensor(3)).sum() == 36 and x.zero_().sum() == 0
    assert torch.fill(x, 1.5).tolist() == [[1.5] * 4] * 3 and x.sum() == 0
    with pytest.raises(RuntimeError, match="only supports 0-dimension value tensor"):
        x.fill_(torch.zeros(4))
    with pytest.raises(RuntimeError, match="value cannot be converted to type uint8"):
        torch.zeros(2, dtype=torch.uint8).fill_(300)


def test_fill_stops_the_gradient_of_what_it_overwrites():
    x, value = torch.ones(3, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    (x * 1).fill_(value).sum().backward()
    assert x.grad.tolist() == [0.0] * 3 and value.grad == 3


def test_writing_to_an_expanded_tensor_is_an_error():
    with pytest.raises(
        RuntimeError,
        match="more than one element of the written-to tensor refers to a single memory location",
    ):
        torch.zeros(1).expand(3).copy_(torch.ones(3))
    assert torch.zeros(1).expand(3).fill_(1).tolist() == [1.0] * 3


# ---- joining


def test_cat_joins_along_any_dimension_and_promotes():
    x, y = matrix(), matrix(torch.int32)
    for dim in (0, 1, -1):
        joined = torch.cat([x, y.to(torch.float64)], dim)
        np.testing.assert_array_equal(joined.numpy(), np.concatenate([x.numpy(), y.numpy()], dim))
    assert torch.cat([matrix(torch.uint8), matrix(torch.int8)]).dtype == torch.int16
    assert torch.cat([x, y]).dtype == torch.float64
    assert torch.concat is not None and torch.concatenate([x, x], 1).shape == (3, 8)


def test_cat_takes_strided_inputs_and_skips_empty_vectors():
    x = matrix()
    np.testing.assert_array_equal(
        torch.cat([x.t(), x.t()[:, :1]], 1).numpy(), np.concatenate([x.numpy().T, x.numpy().T[:, :1]], 1)
    )
    assert torch.cat([torch.empty(0), x.float(), torch.empty(0)]).shape == (3, 4)


def test_cat_cuts_its_gradient_into_pieces():
    first, second = gradient(lambda a, b: torch.cat([a, b], 1), matrix(), matrix()[:, :2])
    whole = np.arange(1.0, 19).reshape(3, 6)
    np.testing.assert_array_equal(first, whole[:, :4])
    np.testing.assert_array_equal(second, whole[:, 4:])


def test_stack_adds_a_dimension():
    x = matrix()
    for dim in (0, 1, 2, -1):
        np.testing.assert_array_equal(
            torch.stack([x, x + 1], dim).numpy(), np.stack([x.numpy(), x.numpy() + 1], dim)
        )
    first, second = gradient(lambda a, b: torch.stack([a, b], 1), matrix(), matrix())
    np.testing.assert_array_equal(first, np.arange(1.0, 25).reshape(3, 2, 4)[:, 0])
    np.testing.assert_array_equal(second, np.arange(1.0, 25).reshape(3, 2, 4)[:, 1])


def test_cat_and_stack_write_into_out():
    x = matrix()
    out = torch.empty(6, 4, dtype=torch.float64)
    assert torch.cat([x, x], out=out) is out
    np.testing.assert_array_equal(out.numpy(), np.concatenate([x.numpy()] * 2))
    strided = torch.empty(4, 6, dtype=torch.float64).t()
    torch.cat([x, x], out=strided)
    np.testing.assert_array_equal(strided.numpy(), out.numpy())
    with pytest.raises(TypeError, match="input types can't be cast to the desired output type Long"):
        torch.cat([x, x], out=torch.empty(6, 4, dtype=torch.int64))


def test_the_named_stacks_agree_with_numpy():
    a, b = torch.arange(3), torch.arange(3) + 10
    for name in ("hstack", "vstack", "dstack", "column_stack"):
        np.testing.assert_array_equal(
            getattr(torch, name)([a, b]).numpy(), getattr(np, name)([a.numpy(), b.numpy()])
        )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: torch.cat([]), ValueError, "expected a non-empty list of Tensors"),
        (lambda t: torch.stack([]), RuntimeError, "stack expects a non-empty TensorList"),
        (
            lambda t: torch.cat([t, t[0]]),
            RuntimeError,
            "Tensors must have same number of dimensions: got 2 and 1",
        ),
        (
            lambda t: torch.cat([t, t[:, :3]]),
            RuntimeError,
            "Sizes of tensors must match except in dimension 0. Expected size 4 but got",
        ),
        (
            lambda t: torch.cat([t[0, 0]]),
            RuntimeError,
            r"zero-dimensional tensor \(at position 0\) cannot be concatenated",
        ),
        (
            lambda t: torch.stack([t, t[0]]),
            RuntimeError,
            r"stack expects each tensor to be equal size, but got \[3, 4\] at entry 0",
        ),
        (lambda t: torch.cat([t, t], 5), IndexError, "Dimension out of range"),
    ],
)
def test_joining_errors_are_those_of_pytorch(call, error, message):
    with pytest.raises(error, match=message):
        call(matrix())


# ---- repeating and rearranging


REPEATS = {
    "repeat": (lambda t: t.repeat(2, 1, 3), lambda a: np.tile(a, (2, 1, 3))),
    "tile": (lambda t: t.tile(2), lambda a: np.tile(a, 2)),
    "repeat_interleave": (lambda t: t.repeat_interleave(2, 1), lambda a: a.repeat(2, 1)),
    "repeat_interleave flat": (lambda t: t.repeat_interleave(3), lambda a: a.repeat(3)),
    "repeat_interleave counts": (
        lambda t: t.repeat_interleave(torch.tensor([2, 0, 1]), 0),
        lambda a: a.repeat([2, 0, 1], 0),
    ),
    "roll": (lambda t: t.roll(5), lambda a: np.roll(a, 5)),
    "roll dims": (lambda t: t.roll((1, -2), (0, 1)), lambda a: np.roll(a, (1, -2), (0, 1))),
    "flip": (lambda t: t.flip(0), lambda a: a[::-1]),
    "flip dims": (lambda t: t.flip(0, 1), lambda a: a[::-1, ::-1]),
    "fliplr": (lambda t: t.fliplr(), np.fliplr),
    "rot90": (lambda t: t.rot90(1), np.rot90),
    "rot90 back": (lambda t: t.rot90(-1), lambda a: np.rot90(a, -1)),
}


@pytest.mark.parametrize("name", REPEATS)
@pytest.mark.parametrize("strided", [False, True])
def test_rearranged_elements_and_their_gradients(name, strided):
    function, expected = REPEATS[name]
    x = torch.arange(12.0, dtype=torch.float64).view(4, 3).t() if strided else matrix()
    if strided and "counts" not in name:
        x = x[:, :3]
    positions = np.arange(x.numel()).reshape(x.shape)
    np.testing.assert_array_equal(function(x).numpy(), expected(x.numpy()))
    (grad,) = gradient(function, x)
    seen = expected(positions).ravel()
    counted = np.zeros(x.numel())
    np.add.at(counted, seen, np.arange(1.0, seen.size + 1))
    np.testing.assert_array_equal(grad.ravel(), counted)


def test_sum_to_size_undoes_a_broadcast():
    x = matrix()
    np.testing.assert_array_equal(x.sum_to_size(1, 4).numpy(), x.numpy().sum(0, keepdims=True))
    assert x.sum_to_size(4).shape == (4,)
    with pytest.raises(RuntimeError, match="is not expandable to size"):
        x.sum_to_size(5)


def test_broadcast_tensors_and_atleast():
    a, b = torch.broadcast_tensors(torch.zeros(3, 1), torch.zeros(4))
    assert a.shape == b.shape == (3, 4)
    assert torch.atleast_1d(torch.tensor(1.0)).shape == (1,)
    assert torch.atleast_2d(torch.zeros(3)).shape == (1, 3)
    assert [tuple(t.shape) for t in torch.atleast_3d(torch.zeros(3), torch.zeros(2, 3))] == [
        (1, 3, 1),
        (2, 3, 1),
    ]


def test_resize_keeps_the_first_elements():
    x = torch.arange(6)
    assert x.resize_(2, 2).tolist() == [[0, 1], [2, 3]]
    assert x.resize_(8)[:6].tolist() == [0, 1, 2, 3, 4, 5]


def test_roll_without_dimensions_and_cat_of_nothing_but_legacy_tensors():
    assert torch.roll(torch.tensor([[1, 2], [3, 4]]), 1, dims=None).tolist() == [[4, 1], [2, 3]]
    assert torch.cat([torch.zeros(0), torch.zeros(0)], 1).shape == (0,)


IMAGE_OPERATORS = {
    "conv2d": lambda x: torch.nn.functional.conv2d(
        x, torch.arange(54.0).view(1, 6, 3, 3).expand(4, 6, 3, 3) / 54
    ),
    "max_pool2d": lambda x: torch.nn.functional.max_pool2d(x, 2),
    "batch_norm": lambda x: torch.nn.functional.batch_norm(x, None, None, training=True),
    "group_norm": lambda x: torch.nn.functional.group_norm(x, 2),
    "dropout": lambda x: torch.nn.functional.dropout(x, 0.0),
    "relu": torch.relu,
    "glu": lambda x: torch.nn.functional.glu(x, 1),
    "cat": lambda x: torch.cat([x, x + 1], 1),
    "cat of images": lambda x: torch.cat([x, x + 1], 2),
    "flip": lambda x: torch.flip(x, [1, 3]),
    "pad": lambda x: torch.nn.functional.pad(x, (1, 2, 0, 1), value=3.0),
    "reflect": lambda x: torch.nn.functional.pad(x, (1, 2, 0, 1), mode="reflect"),
}


@pytest.mark.parametrize("name", IMAGE_OPERATORS)
def test_channels_stay_last(name):
    x = torch.arange(2 * 6 * 5 * 7, dtype=torch.float32).view(2, 6, 5, 7).sin()
    expected = IMAGE_OPERATORS[name](x)
    result = IMAGE_OPERATORS[name](x.contiguous(memory_format=torch.channels_last))
    assert expected.is_contiguous()
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert not result.is_contiguous()
    assert torch.allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("view", "strides"),
    [
        (lambda: torch.ones(2, 3, 4).permute(2, 0, 1)[::2], (1, 6, 2)),
        (lambda: torch.ones(2, 1, 3).expand(2, 5, 3).permute(2, 1, 0), (1, 3, 15)),
        (lambda: torch.ones(2, 3, 4, 5).permute(3, 1, 0, 2)[1:, :, :, ::2], (1, 8, 24, 4)),
        (lambda: torch.ones(20).as_strided((3, 2, 2), (1, 1, 3)), (2, 1, 6)),
        (lambda: torch.ones(20).as_strided((2, 3, 2), (4, 4, 1)), (2, 4, 1)),
        (lambda: torch.ones(2, 2, 3, 3).to(memory_format=torch.channels_last)[..., ::2], (12, 1, 4, 2)),
    ],
)
def test_copies_keep_the_order_of_a_views_axes(view, strides):
    x = view()
    assert x.clone().stride() == torch.empty_like(x).stride() == x.double().stride() == strides


def test_channels_last_of_nothing_has_strides_of_nothing():
    for sizes, strides in (((2, 0, 3, 4), (0, 1, 0, 0)), ((2, 3, 0, 4), (0, 1, 12, 3))):
        assert torch.empty(sizes).to(memory_format=torch.channels_last).stride() == strides
        assert torch.empty_like(torch.empty(sizes), memory_format=torch.channels_last).stride() == strides


def test_to_takes_what_lies_in_neither_format_for_contiguous():
    x = torch.ones(4, 5).t()
    assert x.to(memory_format=torch.contiguous_format) is x
    one_channel = torch.ones(2, 1, 3, 4)
    assert one_channel.to(memory_format=torch.channels_last).stride() == (12, 1, 4, 1)
    assert one_channel.contiguous(memory_format=torch.channels_last) is one_channel

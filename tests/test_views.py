"""Views: other windows on the same memory, their gradients and their errors."""

import numpy as np
import pytest

import flambeau as torch


def matrix(rows=3, columns=4):
    return torch.arange(rows * columns, dtype=torch.float64).view(rows, columns)


def cube():
    return torch.arange(24.0).view(2, 3, 4)


VIEWS = {
    "view": (lambda t: t.view(4, 6), lambda a: a.reshape(4, 6)),
    "view_inferred": (lambda t: t.view(-1, 8), lambda a: a.reshape(-1, 8)),
    "unflatten": (lambda t: t.unflatten(2, (2, -1)), lambda a: a.reshape(2, 3, 2, 2)),
    "flatten": (lambda t: t.flatten(1), lambda a: a.reshape(2, 12)),
    "permute": (lambda t: t.permute(2, 0, 1), lambda a: a.transpose(2, 0, 1)),
    "transpose": (lambda t: t.transpose(0, -1), lambda a: a.swapaxes(0, -1)),
    "movedim": (lambda t: t.movedim(0, 2), lambda a: np.moveaxis(a, 0, 2)),
    "movedims": (lambda t: t.movedim((0, 1), (2, 0)), lambda a: np.moveaxis(a, (0, 1), (2, 0))),
    "T of each matrix": (lambda t: t.mT, lambda a: a.swapaxes(-1, -2)),
    "unsqueeze": (lambda t: t.unsqueeze(-1), lambda a: a[..., None]),
    "squeeze": (lambda t: t[:1].squeeze(), lambda a: a[0]),
    "squeeze one": (lambda t: t[:1].squeeze(0), lambda a: a[0]),
    "squeeze some": (lambda t: t[:1, :, :1].squeeze((0, 2)), lambda a: a[0, :, 0]),
    "select": (lambda t: t.select(1, -1), lambda a: a[:, -1]),
    "narrow": (lambda t: t.narrow(2, -3, 2), lambda a: a[..., 1:3]),
    "slice": (lambda t: t[:, ::2, 1:], lambda a: a[:, ::2, 1:]),
    "diagonal": (lambda t: t.diagonal(1, 1, 2), lambda a: a.diagonal(1, 1, 2)),
    "expand": (lambda t: t[:, :1].expand(-1, 5, 4), lambda a: np.broadcast_to(a[:, :1], (2, 5, 4))),
    "broadcast_to": (lambda t: t.broadcast_to(2, 2, 3, 4), lambda a: np.broadcast_to(a, (2, 2, 3, 4))),
    "unfold": (lambda t: t.unfold(2, 2, 1), lambda a: np.lib.stride_tricks.sliding_window_view(a, 2, 2)),
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_show_the_elements_numpy_shows(name):
    make, expected = VIEWS[name]
    np.testing.assert_array_equal(make(cube()).numpy(), expected(cube().numpy()))


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory_with_their_base(name):
    base = cube()
    view = VIEWS[name][0](base)
    base.fill_(7)
    assert (view == 7).all()


@pytest.mark.parametrize("name", VIEWS)
def test_the_gradient_of_a_view_counts_how_often_each_element_is_seen(name):
    base = cube().requires_grad_()
    view = VIEWS[name][0](base)
    weights = torch.arange(1.0, view.numel() + 1).view(view.shape)
    (view * weights).sum().backward()
    expected = np.zeros(24)
    seen = VIEWS[name][1](np.arange(24).reshape(2, 3, 4))
    np.add.at(expected, seen.ravel(), weights.numpy().ravel())
    np.testing.assert_allclose(base.grad.numpy().ravel(), expected)


@pytest.mark.parametrize("name", VIEWS)
def test_views_have_second_derivatives(name):
    base = cube().double().requires_grad_()
    (grad,) = torch.autograd.grad((VIEWS[name][0](base) ** 3).sum(), base, create_graph=True)
    grad.sum().backward()
    counts = np.zeros(24)
    np.add.at(counts, VIEWS[name][1](np.arange(24).reshape(2, 3, 4)).ravel(), 1)
    np.testing.assert_allclose(base.grad.numpy().ravel(), 6 * np.arange(24) * counts)


def test_split_gives_views_and_a_last_shorter_piece():
    pieces = matrix().split(2)
    assert [tuple(p.shape) for p in pieces] == [(2, 4), (1, 4)]
    assert [tuple(p.shape) for p in matrix().split([1, 3], dim=1)] == [(3, 1), (3, 3)]
    assert [tuple(p.shape) for p in matrix().chunk(3, dim=1)] == [(3, 2), (3, 2)]
    assert [tuple(p.shape) for p in matrix().tensor_split(3, dim=1)] == [(3, 2), (3, 1), (3, 1)]
    assert [tuple(p.shape) for p in matrix().tensor_split((1, 2), dim=1)] == [(3, 1), (3, 1), (3, 2)]
    assert len(matrix().unbind(1)) == 4


def test_unused_pieces_of_a_split_get_zero_gradient():
    x = matrix().requires_grad_()
    first, _, last = x.unbind()
    (first.sum() + 2 * last.sum()).backward()
    assert x.grad.tolist() == [[1.0] * 4, [0.0] * 4, [2.0] * 4]


def test_pieces_of_a_split_cannot_be_written_in_place():
    x = (matrix().requires_grad_() * 1).split(1)[0]
    with pytest.raises(RuntimeError, match="returns multiple views"):
        x.add_(1)


def test_writing_through_a_view_changes_the_gradient_of_the_base():
    x = matrix().requires_grad_()
    y = x * 1
    y[0].mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == [[3.0] * 4, [1.0] * 4, [1.0] * 4]


def test_as_strided_counts_from_the_start_of_the_storage():
    x = torch.arange(10.0)
    assert x[2:].as_strided((2, 2), (1, 3)).tolist() == [[2.0, 5.0], [3.0, 6.0]]
    assert x[2:].as_strided((2,), (2,), 1).tolist() == [1.0, 3.0]


def test_the_gradient_of_overlapping_as_strided_adds_up():
    x = torch.arange(4.0).requires_grad_()
    x.as_strided((3, 2), (1, 1)).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 2.0, 1.0]


def test_an_expanded_input_of_as_strided_shares_its_gradient():
    # Recorded from PyTorch: the gradient at one address is divided by how often the input shows it.
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    x.expand(3, 2).as_strided((2,), (1,)).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_detach_shares_memory_and_version_but_no_history():
    x = (matrix().requires_grad_() * 2).detach()
    assert not x.requires_grad and x.grad_fn is None
    y = matrix().requires_grad_()
    square = y.exp()
    square.detach().zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        square.sum().backward()


def test_view_reads_the_same_bytes_as_another_dtype():
    x = torch.tensor([1.0, -2.0])
    assert x.view(torch.int32).tolist() == np.array([1.0, -2.0], np.float32).view(np.int32).tolist()
    assert x.view(torch.uint8).shape == (8,)
    assert x.view(torch.float64).shape == (1,)
    assert x.view(torch.float32) is x


def test_in_place_changes_of_geometry_keep_the_gradient():
    x = matrix().requires_grad_()
    y = (x * 2).t_()
    assert y.shape == (4, 3) and type(y.grad_fn).__name__ == "TBackward1"
    y.unsqueeze_(0).squeeze_(0).transpose_(0, 1)
    (y * matrix()).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * matrix().numpy())


def test_squeeze_sees_all_of_64_dimensions():
    sizes = [1] * 40 + [2] + [1] * 23
    assert torch.ones(sizes).squeeze().shape == (2,)
    assert torch.ones(sizes).squeeze_().shape == (2,)


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        (lambda t: t.view(-1), "ViewBackward0"),
        (lambda t: t.reshape(-1), "ViewBackward0"),
        (lambda t: t.transpose(0, 1).reshape(-1), "UnsafeViewBackward0"),
        (lambda t: t.transpose(0, 1).reshape(3, 2, 2, 2), "ReshapeAliasBackward0"),
        (lambda t: t.expand(2, 2, 3, 4), "ExpandBackward0"),
        (lambda t: t.permute(2, 1, 0), "PermuteBackward0"),
        (lambda t: t.transpose(0, 1), "TransposeBackward0"),
        (lambda t: t[0].t(), "TBackward0"),
        (lambda t: t.squeeze(), "SqueezeBackward0"),
        (lambda t: t.squeeze(0), "SqueezeBackward1"),
        (lambda t: t.squeeze((0, 1)), "SqueezeBackward2"),
        (lambda t: t.unsqueeze(0), "UnsqueezeBackward0"),
        (lambda t: t[0], "SelectBackward0"),
        (lambda t: t[0:1], "SliceBackward0"),
        (lambda t: t.split(1)[0], "SplitBackward0"),
        (lambda t: t.split([1, 1])[0], "SplitWithSizesBackward0"),
        (lambda t: t.unbind()[0], "UnbindBackward0"),
        (lambda t: t.diagonal(), "DiagonalBackward0"),
        (lambda t: t.as_strided((2,), (1,)), "AsStridedBackward0"),
        (lambda t: t.unfold(0, 1, 1), "UnfoldBackward0"),
        (lambda t: t[...], "AliasBackward0"),
    ],
)
def test_nodes_have_pytorch_names(operation, name):
    assert type(operation(cube().requires_grad_()).grad_fn).__name__ == name


@pytest.mark.parametrize(
    ("operation", "error", "message"),
    [
        (
            lambda t: t.t().view(-1),
            RuntimeError,
            "view size is not compatible with input tensor's size and stride",
        ),
        (lambda t: t.view(5, -1), RuntimeError, r"shape '\[5, -1\]' is invalid for input of size 12"),
        (lambda t: t.view(-1, -1), RuntimeError, "only one dimension can be inferred"),
        (
            lambda t: t.expand(2, 3, 5),
            RuntimeError,
            r"The expanded size of the tensor \(5\) must match the existing size \(4\)",
        ),
        (
            lambda t: t.expand(4),
            RuntimeError,
            "must be greater or equal to the number of dimensions in the tensor",
        ),
        (lambda t: t.expand(-1, 3, 4), RuntimeError, "isn't allowed in a leading, non-existing dimension 0"),
        (lambda t: t.permute(0, 0), RuntimeError, "duplicate dims are not allowed"),
        (
            lambda t: t.transpose(0, 5),
            IndexError,
            r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 5\)",
        ),
        (
            lambda t: t.view(1, 3, 4).t(),
            RuntimeError,
            r"t\(\) expects a tensor with <= 2 dimensions, but self is 3D",
        ),
        (
            lambda t: t.select(0, 3),
            IndexError,
            r"index 3 out of range for tensor of size \[3, 4\] at dimension 0",
        ),
        (lambda t: t[3], IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
        (
            lambda t: t.narrow(0, 2, 5),
            RuntimeError,
            r"start \(2\) \+ length \(5\) exceeds dimension size \(3\)",
        ),
        (lambda t: t.split(-1), RuntimeError, "split expects split_size be non-negative"),
        (lambda t: t.split([1, 1]), RuntimeError, "split_with_sizes expects split_sizes to sum exactly to 3"),
        (lambda t: t.chunk(0), RuntimeError, "chunk expects `chunks` to be greater than 0, got: 0"),
        (lambda t: t.as_strided((20,), (1,)), RuntimeError, "are out of bounds for storage of size 96"),
        (lambda t: t.as_strided((2,), (-1,)), RuntimeError, "Negative strides are not supported"),
        (
            lambda t: t.unfold(0, 9, 1),
            RuntimeError,
            "maximum size for tensor at dimension 0 is 3 but size is 9",
        ),
        (lambda t: t.unflatten(0, (2, 2)), RuntimeError, "don't multiply up to the size of dim 0"),
        (lambda t: t.flatten(1, 0), RuntimeError, "start_dim cannot come after end_dim"),
        (lambda t: t.movedim((0, 0), (0, 1)), RuntimeError, "repeated dim in `source`"),
        (
            lambda t: t.unbind()[0].sum().unbind(),
            IndexError,
            "Dimension specified as 0 but tensor has no dimensions",
        ),
    ],
)
def test_errors_are_those_of_pytorch(operation, error, message):
    with pytest.raises(error, match=message):
        operation(matrix())


def test_empty_pieces_lie_where_they_were_cut():
    x = torch.arange(4.0)
    assert x[4:].storage_offset() == 4
    assert x.narrow(0, 2, 0).storage_offset() == 2
    assert [piece.storage_offset() for piece in x.split([2, 0, 2])] == [0, 2, 2]


@pytest.mark.parametrize(
    ("split", "name"),
    [
        (lambda x: x.unsafe_split(2), "UnsafeSplitBackward0"),
        (lambda x: torch.unsafe_split_with_sizes(x, [2, 2]), "UnsafeSplitWithSizesBackward0"),
        (lambda x: torch.unsafe_chunk(x, 2), "UnsafeSplitBackward0"),
    ],
)
def test_unsafe_pieces_are_no_views_to_autograd(split, name):
    x = torch.arange(4.0, requires_grad=True)
    y = x * 1
    square = y * y
    a, b = split(y)
    assert (a.grad_fn.name(), a._is_view(), a._base, b.storage_offset()) == (name, False, None, 2)
    a.mul_(3)
    assert (y._version, a._version, b._version) == (0, 1, 0)
    assert y.tolist() == [0, 3, 2, 3]
    (a.sum() + b.sum()).backward(retain_graph=True)
    assert x.grad.tolist() == [3, 3, 1, 1]
    square.sum().backward()  # what was captured does not know of the write
    assert x.grad.tolist() == [3, 9, 5, 7]


def test_unsafe_pieces_made_without_gradients_have_none():
    x = torch.arange(4.0, requires_grad=True)
    with torch.no_grad():
        a, _ = x.unsafe_chunk(2)
    a.mul_(3)
    assert (a.requires_grad, x._version, x.tolist()) == (False, 0, [0, 3, 2, 3])

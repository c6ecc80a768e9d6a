"""x[...] in all its forms, gather and scatter, and their gradients."""

import numpy as np
import pytest
from gradients import check_gradient

import flambeau as torch


def cube():
    return torch.arange(60.0, dtype=torch.float64).view(3, 4, 5)


ROWS, COLUMNS = [2, 0, 2], [1, 3, 1]
KEYS = {
    "integer": 1,
    "negative integer": -1,
    "slices": (slice(None), slice(1, 3), slice(None, None, 2)),
    "none": (None, 0, slice(None), None),
    "ellipsis": (..., 2),
    "one list": (ROWS,),
    "list after slice": (slice(None), COLUMNS),
    "two lists": (ROWS, COLUMNS),
    "lists apart": (ROWS, slice(None), COLUMNS),
    "matrix of indices": (np.array([[0, 1], [2, 0]]), slice(1, 2)),
    "broadcast lists": (np.array([[0], [2]]), np.array([1, 3])),
    "negative indices": ([-1, -3], [-1, 0]),
    "mask over all": np.arange(60).reshape(3, 4, 5) % 3 == 0,
    "mask over rows": np.array([True, False, True]),
    "mask over two": np.arange(12).reshape(3, 4) % 5 == 0,
    "mask in the middle": (slice(None), np.array([True, False, True, True])),
    "mask and list": (np.array([True, False, True]), [1, 3]),
    "mask of the last two": (slice(None), np.arange(20).reshape(4, 5) % 7 == 0),
    "empty list": ([],),
    "empty mask": np.zeros((3, 4, 5), bool),
    "true": True,
    "false": False,
}


def as_tensors(key):
    if isinstance(key, tuple):
        return tuple(as_tensors(k) for k in key)
    if isinstance(key, np.ndarray):
        return torch.tensor(key.tolist()) if key.size else torch.empty(key.shape, dtype=torch.int64)
    if isinstance(key, list):
        return torch.tensor(key, dtype=torch.int64)
    return key


def as_arrays(key):
    if isinstance(key, tuple):
        return tuple(as_arrays(k) for k in key)
    return np.array(key, dtype=np.int64) if isinstance(key, list) else key


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("strided", [False, True])
def test_reading_gives_what_numpy_gives(name, strided):
    x = cube().permute(2, 0, 1).contiguous().permute(1, 2, 0) if strided else cube()
    np.testing.assert_array_equal(x[as_tensors(KEYS[name])].numpy(), cube().numpy()[as_arrays(KEYS[name])])


def test_an_integer_beside_a_list_selects_first():
    # Unlike NumPy, which counts the integer as an index list and moves its dimension to the front.
    np.testing.assert_array_equal(cube()[0, :, torch.tensor(COLUMNS)].numpy(), cube().numpy()[0][:, COLUMNS])


@pytest.mark.parametrize("name", KEYS)
def test_the_gradient_of_reading_adds_up_at_every_element(name):
    x = cube().requires_grad_()
    y = x[as_tensors(KEYS[name])]
    weights = torch.arange(1.0, y.numel() + 1, dtype=torch.float64).view(y.shape)
    (y * weights).sum().backward()
    expected = np.zeros(60)
    np.add.at(
        expected, np.arange(60).reshape(3, 4, 5)[as_arrays(KEYS[name])].ravel(), weights.numpy().ravel()
    )
    np.testing.assert_array_equal(x.grad.numpy().ravel(), expected)


@pytest.mark.parametrize("name", [n for n in KEYS if n not in ("one list", "two lists", "lists apart")])
@pytest.mark.parametrize("strided", [False, True])
def test_writing_a_number_or_a_tensor(name, strided):
    x = cube().permute(2, 0, 1).contiguous().permute(1, 2, 0) if strided else cube()
    expected = cube().numpy()
    x[as_tensors(KEYS[name])] = -1
    expected[as_arrays(KEYS[name])] = -1
    np.testing.assert_array_equal(x.numpy(), expected)
    shape = expected[as_arrays(KEYS[name])].shape
    values = np.arange(100.0, 100 + np.prod(shape)).reshape(shape)
    x[as_tensors(KEYS[name])] = torch.tensor(values.tolist(), dtype=torch.float64).view(shape)
    expected[as_arrays(KEYS[name])] = values
    np.testing.assert_array_equal(x.numpy(), expected)


@pytest.mark.parametrize(
    "key",
    [([0, 2],), (slice(None), [3, 1]), (torch.arange(60).view(3, 4, 5) % 7 == 0,), ([0], slice(None), [1])],
)
def test_writing_moves_the_gradient_to_the_values(key):
    key = as_tensors(key)
    x, base = cube().requires_grad_(), cube()
    values = base[key].clone().requires_grad_()
    y = x * 1
    y[key] = values
    weights = cube() + 1
    (y * weights).sum().backward()
    np.testing.assert_array_equal(values.grad.numpy(), weights[key].numpy())
    outside = weights.clone()
    outside[key] = 0
    np.testing.assert_array_equal(x.grad.numpy(), outside.numpy())


def test_index_put_accumulates_repeated_indices():
    x = torch.zeros(4)
    x.index_put_((torch.tensor([1, 3, 1]),), torch.tensor([1.0, 2.0, 4.0]), accumulate=True)
    assert x.tolist() == [0.0, 5.0, 0.0, 2.0]


def test_assigning_a_fraction_to_integers_truncates():
    x = torch.arange(4)
    x[x > 1] = 7.9
    assert x.tolist() == [0, 1, 7, 7]


def test_a_large_mask_selects_in_order():
    x = torch.arange(100_000)
    for modulus in (2, 97, 100_000):
        np.testing.assert_array_equal(x[x % modulus == 0].numpy(), np.arange(0, 100_000, modulus))
    assert x[x >= 0].numel() == 100_000 and x[x < 0].numel() == 0


def test_nonzero_as_matrix_and_as_tuple():
    x = torch.tensor([[0, 3, 0], [1, 0, 2]])
    assert x.nonzero().tolist() == [[0, 1], [1, 0], [1, 2]]
    assert [t.tolist() for t in x.nonzero(as_tuple=True)] == [[0, 1, 1], [1, 0, 2]]
    assert [t.tolist() for t in torch.where(x > 1)] == [[0, 1], [1, 2]]
    assert torch.tensor(5).nonzero().shape == (1, 0) and torch.argwhere(x).shape == (3, 2)


def second_derivative(function, x):
    """The gradient of the sum of the gradient of sum(function(x)^3): 6 x counted as often as it is read."""
    x = x.clone().requires_grad_()
    (grad,) = torch.autograd.grad((function(x) ** 3).sum(), x, create_graph=True)
    grad.sum().backward()
    return x.grad.numpy()


INDEX = torch.tensor([[0, 2, 1, 0], [1, 1, 0, 2]])
READS = {
    "index_select": (lambda t: t.index_select(1, torch.tensor([1, 1, 3])), lambda a: a[:, [1, 1, 3]]),
    "gather 0": (lambda t: t.gather(0, INDEX), lambda a: np.take_along_axis(a, INDEX.numpy(), 0)),
    "gather 1": (lambda t: t.gather(1, INDEX), lambda a: np.take_along_axis(a[:2], INDEX.numpy(), 1)),
    "take": (lambda t: t.take(torch.tensor([[0, -1], [5, 5]])), lambda a: a.take([[0, -1], [5, 5]])),
    "take_along_dim": (
        lambda t: t.take_along_dim(INDEX, 0),
        lambda a: np.take_along_axis(a, INDEX.numpy(), 0),
    ),
    "masked_select": (
        lambda t: t.masked_select(torch.tensor([True, False, True, False])),
        lambda a: a[:, ::2].ravel(),
    ),
    "index": (lambda t: t[torch.tensor([2, 2, 0]), :2], lambda a: a[[2, 2, 0], :2]),
}


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("strided", [False, True])
def test_reading_operators_with_first_and_second_derivatives(name, strided):
    function, expected = READS[name]
    x = torch.arange(1.0, 13, dtype=torch.float64).view(3, 4)
    if strided:
        x = x.t().contiguous().t()
    np.testing.assert_array_equal(function(x).numpy(), expected(x.numpy()))
    counts = np.zeros(12)
    np.add.at(counts, expected(np.arange(12).reshape(3, 4)).ravel(), 1)
    np.testing.assert_allclose(second_derivative(function, x).ravel(), 6 * np.arange(1.0, 13) * counts)


def test_writing_operators_out_of_place_and_in_place():
    x, source = torch.zeros(3, 4), torch.arange(1.0, 9).view(2, 4)
    at = torch.tensor([2, 0])
    assert x.index_add(0, at, source)[2].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert x.index_add(0, torch.tensor([1, 1]), source, alpha=2)[1].tolist() == [12.0, 16.0, 20.0, 24.0]
    assert x.index_copy(0, at, source)[0].tolist() == [5.0, 6.0, 7.0, 8.0]
    assert x.index_fill(1, torch.tensor([-1]), 9.0)[:, 3].tolist() == [9.0] * 3
    assert x.scatter(0, INDEX, source)[0].tolist() == [1.0, 0.0, 7.0, 4.0]
    assert x.scatter(1, INDEX, 1.0).sum() == 6
    assert x.scatter_add(1, INDEX, source)[0].tolist() == [5.0, 3.0, 2.0, 0.0]
    assert x.scatter(1, INDEX, 2.0, reduce="add")[0].tolist() == [4.0, 2.0, 2.0, 0.0]
    assert x.masked_scatter(torch.tensor([True, False, False, True]), torch.arange(6.0))[2].tolist() == [
        4.0,
        0.0,
        0.0,
        5.0,
    ]
    assert x.put(torch.tensor([1, -1]), torch.tensor([3.0, 4.0])).view(-1)[[1, 11]].tolist() == [3.0, 4.0]
    assert x.sum() == 0
    assert x.index_add_(0, at, source) is x and x[0].tolist() == [5.0, 6.0, 7.0, 8.0]
    assert x.scatter_(1, INDEX, -1.0) is x and x[0].tolist() == [-1.0, -1.0, -1.0, 8.0]


WRITES = {
    "index_add": lambda t, s: t.index_add(0, torch.tensor([2, 0]), s, alpha=3),
    "index_copy": lambda t, s: t.index_copy(0, torch.tensor([2, 0]), s),
    "index_fill": lambda t, s: t.index_fill(1, torch.tensor([1, -1]), s[0, 0]),
    "scatter": lambda t, s: t.scatter(1, torch.tensor([[0, 2, 1, 3], [1, 3, 0, 2]]), s),
    "scatter_add": lambda t, s: t.scatter_add(1, INDEX, s),
    "masked_scatter": lambda t, s: t.masked_scatter(t.detach() % 2 == 0, s),
    "index_put": lambda t, s: t.index_put((torch.tensor([1, 0]),), s),
    "put": lambda t, s: t.put(torch.tensor([3, -1]), s[0, :2]),
}


@pytest.mark.parametrize("name", WRITES)
def test_writing_operators_agree_with_differences(name):
    # Each is linear in both inputs: (f(x + e) - f(x)) is the derivative along e, exactly.
    x = torch.arange(12.0, dtype=torch.float64).view(3, 4).requires_grad_()
    s = torch.arange(20.0, 28, dtype=torch.float64).view(2, 4).requires_grad_()
    y = WRITES[name](x, s)
    weights = torch.arange(1.0, 13, dtype=torch.float64).view(3, 4)
    grads = torch.autograd.grad((y * weights).sum(), (x, s))
    with torch.no_grad():
        for which, grad in zip((x, s), grads, strict=True):
            for i in range(which.numel()):
                step = torch.zeros(which.numel(), dtype=torch.float64)
                step[i] = 2
                step = step.view(which.shape)
                moved = WRITES[name](x + step, s) if which is x else WRITES[name](x, s + step)
                assert ((moved - y) * weights).sum() / 2 == grad.reshape(-1)[i]


def test_scatter_in_parallel_keeps_row_major_order():
    index = torch.zeros(50_000, 2, dtype=torch.int64)
    source = torch.arange(100_000.0).view(50_000, 2)
    assert torch.zeros(3, 2).scatter(0, index, source)[0].tolist() == [99_998.0, 99_999.0]
    assert torch.zeros(3, 2, dtype=torch.float64).scatter_add(0, index, source.double())[0].tolist() == [
        2_499_950_000.0,
        2_500_000_000.0,
    ]


def test_wide_rows_are_added_and_copied_in_parallel():
    index = torch.tensor([0, 1, 0, 1] * 500)
    source = torch.ones(2000, 200)
    assert (torch.zeros(2, 200).index_add(0, index, source) == 1000).all()
    x = torch.zeros(2, 200)
    x[index] = torch.arange(2000.0).view(-1, 1).expand(2000, 200)
    assert (x[0] == 1998).all() and (x[1] == 1999).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: t[torch.tensor([3])], IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
        (
            lambda t: t[:, torch.tensor([-5])],
            IndexError,
            "index -5 is out of bounds for dimension 1 with size 4",
        ),
        (
            lambda t: t[torch.tensor([0, 1]), torch.tensor([0, 1, 2])],
            IndexError,
            r"shape mismatch: indexing tensors could not be broadcast together with shapes \[2\], \[3\]",
        ),
        (
            lambda t: t[torch.tensor([True, False])],
            IndexError,
            r"The shape of the mask \[2\] at index 0 does not match the shape of the indexed tensor \[3, 4\]",
        ),
        (
            lambda t: t[torch.tensor([0.5])],
            IndexError,
            "tensors used as indices must be long, int, byte or bool tensors",
        ),
        (lambda t: t[0, 0, 0], IndexError, "too many indices for tensor of dimension 2"),
        (
            lambda t: t.index_put_((torch.tensor([0]),), torch.ones(7)),
            RuntimeError,
            "cannot be broadcast to indexing result of shape",
        ),
        (
            lambda t: t.index_put_((torch.tensor([0]),), torch.ones(4).double()),
            RuntimeError,
            "source and destination dtypes match",
        ),
        (lambda t: t.index_select(0, torch.tensor([5])), IndexError, "index out of range in self"),
        (lambda t: t.index_select(0, torch.tensor([[0]])), IndexError, "Index is supposed to be a vector"),
        (
            lambda t: t.gather(0, torch.tensor([0])),
            RuntimeError,
            "Index tensor must have the same number of dimensions as input tensor",
        ),
        (
            lambda t: t.gather(0, torch.tensor([[7]])),
            RuntimeError,
            "index 7 is out of bounds for dimension 0 with size 3",
        ),
        (
            lambda t: t.scatter_(0, torch.tensor([[0], [7]]), 1.0),
            RuntimeError,
            "index 7 is out of bounds for dimension 0 with size 3",
        ),
        (
            lambda t: t.index_add_(0, torch.tensor([9]), torch.ones(1, 4)),
            RuntimeError,
            "index 9 is out of bounds for dimension 0",
        ),
        (
            lambda t: t.index_copy_(0, torch.tensor([9]), torch.ones(1, 4)),
            IndexError,
            "index 9 is out of bounds for dimension 0",
        ),
        (
            lambda t: t.take(torch.tensor([99])),
            IndexError,
            "tried to access index 99 on a tensor of 12 elements",
        ),
        (lambda t: t.masked_select(torch.ones(3, 4)), RuntimeError, "expected BoolTensor for mask"),
        (
            lambda t: t.masked_scatter_(t >= 0, torch.ones(5)),
            RuntimeError,
            "Number of elements of source < number of ones in mask",
        ),
        (lambda t: torch.tensor(1.0)[0], IndexError, "invalid index of a 0-dim tensor"),
    ],
)
def test_wrong_indices_raise_before_anything_is_written(call, error, message):
    x = torch.zeros(3, 4)
    with pytest.raises(error, match=message):
        call(x)
    assert (x == 0).all()


def test_where_takes_uint8_conditions_with_a_warning():
    x = torch.tensor([1.0, 2.0, 3.0])
    with pytest.warns(UserWarning, match="where received a uint8 condition tensor"):
        assert torch.where(torch.tensor([1, 0, 2], dtype=torch.uint8), x, -x).tolist() == [1.0, -2.0, 3.0]


def test_indexing_in_the_most_dimensions():
    sizes = (1,) * 20 + (2,) * 4 + (1,) * 40
    x = torch.arange(16.0).view(sizes)
    places = torch.nonzero(x)
    assert places.shape == (15, 64)
    assert places[:, 20:24].tolist() == [[k >> 3 & 1, k >> 2 & 1, k >> 1 & 1, k & 1] for k in range(1, 16)]
    assert places.sum() == 32
    swap = torch.cat([torch.ones_like(x.narrow(22, 0, 1)), torch.zeros_like(x.narrow(22, 0, 1))], 22).long()
    assert torch.equal(torch.gather(x, 22, swap), x.flip(22))
    assert torch.equal(torch.zeros_like(x).scatter_add_(22, swap, x), x.flip(22))
    mixed = x.transpose(20, 23).transpose(0, 21)
    order = torch.tensor([1, 0])
    assert torch.equal(mixed.index_select(22, order), mixed.flip(22))
    assert torch.equal(torch.zeros(sizes).index_add_(21, order, x), x.flip(21))
    assert torch.equal(x[(slice(None),) * 20 + (order,)], x.flip(20))


@pytest.mark.parametrize("value", [7.0, torch.tensor(7.0), torch.tensor([7.0])])
@pytest.mark.parametrize(
    ("key", "shape"), [(((1, 0, 1),), (3,)), ((slice(None), (1, 0, 1)), (2, 3)), (((1, 0),), (2, 3))]
)
def test_one_value_is_not_written_under_a_byte_mask(value, key, shape):
    x = torch.zeros(shape)
    key = tuple(torch.tensor(k, dtype=torch.uint8) if isinstance(k, tuple) else k for k in key)
    with (
        pytest.warns(UserWarning, match="indexing with dtype torch.uint8"),
        pytest.raises(
            RuntimeError, match="only supports boolean masks, but got mask with dtype unsigned char"
        ),
    ):
        x[key] = value
    assert not x.any()


def test_several_values_are_written_under_a_byte_mask_with_a_warning():
    mask = torch.tensor([2, 0, 255], dtype=torch.uint8)
    x = torch.zeros(3)
    with pytest.warns(UserWarning, match="indexing with dtype torch.uint8"):
        x[mask] = torch.tensor([7.0, 8.0])
    assert x.tolist() == [7, 0, 8]
    with pytest.warns(UserWarning, match="indexing with dtype torch.uint8"):
        assert x[mask].tolist() == [7, 8]
    with pytest.warns(UserWarning, match="indexing with dtype torch.uint8"):
        assert x.index_put((mask,), torch.tensor([1.0]), accumulate=True).tolist() == [8, 0, 9]


def test_a_byte_mask_of_another_shape_is_refused_as_such():
    with pytest.warns(UserWarning), pytest.raises(IndexError, match="shape of the mask"):
        torch.zeros(3)[torch.tensor([1, 0], dtype=torch.uint8)] = 1.0


@pytest.mark.parametrize(("key", "shape"), [(([True, False],), (2,)), ((slice(None), [True, False]), (3, 2))])
@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        (torch.float32, torch.tensor(7), 7),
        (torch.float32, torch.tensor([7]), 7),
        (torch.float32, torch.tensor([[7.0]], dtype=torch.float64), 7),
        (torch.int64, torch.tensor(7.5), 7),
        (torch.int64, 7.5, 7),
    ],
)
def test_one_value_under_a_mask_may_be_of_any_dtype(key, shape, dtype, value, expected):
    x = torch.zeros(shape, dtype=dtype)
    key = tuple(torch.tensor(k) if isinstance(k, list) else k for k in key)
    x[key] = value
    assert (x[key] == expected).all() and x.sum() == expected * x[key].numel()
    with pytest.raises(RuntimeError, match="cannot be converted to type .* without overflow"):
        x[key] = torch.tensor(1j)


@pytest.mark.parametrize("wrong", [-(2**63), 2**63 - 1, -4, 3])
def test_wrong_places_are_found_among_many(wrong: int) -> None:
    x, places = torch.arange(3.0), torch.zeros(40000, dtype=torch.int64)
    places[39000] = wrong
    for call in (
        lambda: x[places],
        lambda: x.take(places),
        lambda: x.index_select(0, places),
        lambda: x.gather(0, places),
        lambda: torch.zeros(3).scatter_add(0, places, torch.ones(40000)),
    ):
        with pytest.raises((IndexError, RuntimeError), match=str(wrong)):
            call()
    with pytest.raises(RuntimeError, match="index 7 is out of bounds"):
        torch.take_along_dim(x, torch.tensor([-1, 7, -9]), 0)


def test_elements_across_and_along_lines() -> None:
    x, index = np.arange(12.0).reshape(3, 4), np.array([[0, 2, 1, 1], [2, 2, 0, 1]])
    t, at = torch.from_numpy(x), torch.from_numpy(index)
    assert t.gather(0, at).tolist() == np.take_along_axis(x, index, 0).tolist()
    assert t.t().gather(1, at.t()).tolist() == np.take_along_axis(x, index, 0).T.tolist()
    assert t[:, ::2].gather(1, at[:, :2] // 2).tolist() == [[0, 2], [6, 6]]
    expected = np.zeros((3, 4))
    np.add.at(expected, (index, np.arange(4)[None]), 1.0)
    assert torch.zeros(3, 4).scatter_add(0, at, torch.ones(2, 4)).tolist() == expected.tolist()


def test_an_expanded_index_moves_slices() -> None:
    x = torch.arange(12.0, dtype=torch.float64).view(3, 4)
    rows, columns = torch.tensor([2, 0, 2]), torch.tensor([3, 3])
    down, across = rows.view(3, 1).expand(3, 4), columns.expand(3, 2)
    assert torch.equal(x.gather(0, down), x[rows]) and torch.equal(x.gather(1, across), x[:, columns])
    assert torch.equal(x.scatter_add(0, down, x), x.scatter_add(0, down.contiguous(), x))
    source = torch.ones(3, 2, dtype=torch.float64)
    assert torch.equal(x.scatter_add(1, across, source), x.scatter_add(1, across.contiguous(), source))
    check_gradient(lambda x: x.gather(0, down) ** 2, x)
    check_gradient(lambda x, y: x.scatter_add(0, down, y) ** 2, x, x + 1)
    for bad in (torch.tensor([3]), torch.tensor([-1])):
        index = bad.view(1, 1).expand(1, 4)
        for call in (lambda i=index: x.gather(0, i), lambda i=index: x.scatter_add(0, i, x[:1])):
            with pytest.raises(RuntimeError, match="out of bounds for dimension 0 with size 3"):
                call()


def test_dimensions_of_one_element_and_neighbours_are_walked_as_lines() -> None:
    x = torch.arange(24).view(2, 3, 4)
    index = torch.tensor([1, 0, 1]).view(3, 1, 1, 1)
    assert x.view(2, 1, 1, 12)[..., :1].gather(0, index).flatten().tolist() == [12, 0, 12]
    places = torch.tensor([[[0, 1, 0, 1], [1, 1, 0, 0], [0, 0, 1, 1]]])
    expected = torch.where(places.bool(), x[1:], x[:1])
    assert torch.equal(x.gather(0, places), expected)
    assert torch.equal(x.transpose(1, 2).gather(0, places.transpose(1, 2)), expected.transpose(1, 2))
    total = torch.zeros(2, 3, 4, dtype=torch.int64).scatter_add(0, places, x[:1])
    assert torch.equal(total.sum(0), x[0]) and torch.equal(total[1], x[0] * places[0])
    with pytest.raises(RuntimeError, match="index 2 is out of bounds"):
        torch.zeros(2, 3, 4).scatter_add(0, places * 2, torch.ones(1, 3, 4))


def test_a_wrong_place_is_found_before_anything_is_written_in_place() -> None:
    x = torch.zeros(3)
    with pytest.raises(RuntimeError, match="index 7 is out of bounds"):
        x.scatter_add_(0, torch.tensor([0, 1, 7]), torch.ones(3))
    assert not x.any()


@pytest.mark.parametrize("repeats", [1, 3, 20])
def test_elements_and_slices_are_repeated(repeats: int) -> None:
    x = torch.arange(24.0, dtype=torch.float64).view(2, 3, 4)
    assert x.repeat_interleave(repeats).tolist() == [v for v in range(24) for _ in range(repeats)]
    for dim in range(3):
        positions = [i for i in range(x.size(dim)) for _ in range(repeats)]
        assert torch.equal(x.repeat_interleave(repeats, dim), x.index_select(dim, torch.tensor(positions)))
    wide = torch.arange(60.0).view(3, 20)
    assert torch.equal(
        wide.repeat_interleave(repeats, 0), wide[[i for i in range(3) for _ in range(repeats)]]
    )
    check_gradient(lambda x: x.repeat_interleave(repeats, 1) ** 2, x)

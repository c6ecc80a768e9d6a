"""Reductions by index: scatter_reduce, index_reduce, segment_reduce; rows of tables in bags."""

import pytest
from gradients import check_gradient

import flambeau as torch

F = torch.nn.functional
NAN = float("nan")
INDEX = torch.tensor([0, 1, 1, 1])


@pytest.mark.parametrize(
    ("reduce", "with_self", "without"),
    [
        ("sum", [1.0, 9.0, 0.0], [0.0, 7.0, 0.0]),
        ("prod", [0.0, 24.0, 0.0], [0.0, 12.0, 0.0]),
        ("mean", [0.5, 2.25, 0.0], [0.0, 7 / 3, 0.0]),
        ("amax", [1.0, 3.0, 0.0], [0.0, 3.0, 0.0]),
        ("amin", [0.0, 2.0, 0.0], [0.0, 2.0, 0.0]),
    ],
)
def test_scatter_reduce_takes_self_along_or_not(reduce, with_self, without):
    x, src = torch.tensor([1.0, 2.0, 0.0]), torch.tensor([0.0, 2.0, 2.0, 3.0])
    assert torch.allclose(x.scatter_reduce(0, INDEX, src, reduce), torch.tensor(with_self))
    result = x.scatter_reduce(0, INDEX, src, reduce, include_self=False)
    assert torch.allclose(result, torch.tensor(without))
    assert x.scatter_reduce_(0, INDEX, src, reduce) is x
    assert torch.allclose(x, torch.tensor(with_self))


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_scatter_reduce_has_gradients(reduce, include_self):
    x = torch.tensor([1.5, 2.5, 3.0], dtype=torch.float64)
    src = torch.tensor([5.0, 2.0, 7.0, 3.25], dtype=torch.float64)

    def of(x, src):
        return x.scatter_reduce(0, INDEX, src, reduce, include_self=include_self)

    check_gradient(of, x, src)


def test_the_gradient_of_an_extreme_is_shared_by_all_that_have_it():
    x = torch.tensor([1.0, 2.0, 0.0], requires_grad=True)
    src = torch.tensor([0.0, 2.0, 2.0, 3.0], requires_grad=True)
    x.scatter_reduce(0, INDEX, src, "amin").sum().backward()
    assert torch.allclose(x.grad, torch.tensor([0.0, 1 / 3, 1.0]))
    assert torch.allclose(src.grad, torch.tensor([1.0, 1 / 3, 1 / 3, 0.0]))


def test_a_product_with_zeros_has_the_gradient_of_the_others():
    x = torch.tensor([1.0, 2.0, 0.0], requires_grad=True)
    src = torch.tensor([0.0, 0.0, 2.0, 3.0], requires_grad=True)
    x.scatter_reduce(0, INDEX, src, "prod").sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 1.0]
    assert src.grad.tolist() == [1.0, 12.0, 0.0, 0.0]


def test_means_of_integers_are_rounded_down():
    x = torch.full((2,), 7)
    assert x.scatter_reduce(0, torch.tensor([0, 0]), torch.tensor([-9, -9]), "mean").tolist() == [-4, 7]


def test_a_source_may_be_larger_than_the_index():
    x, src = torch.zeros(3, requires_grad=True), torch.ones(5, requires_grad=True)
    x.scatter_reduce(0, torch.tensor([2, 2]), src, "mean").sum().backward()
    assert torch.allclose(src.grad, torch.tensor([1 / 3, 1 / 3, 0.0, 0.0, 0.0]))


def test_an_index_that_is_written_to_is_read_before():
    x = torch.tensor([1, 2, 0])
    x.scatter_(0, x, 10**9)
    assert x.tolist() == [10**9] * 3


def test_scatter_reduce_refuses_what_pytorch_refuses():
    x, index, src = torch.zeros(3), torch.tensor([0, 1]), torch.ones(2)
    with pytest.raises(
        RuntimeError, match="reduce argument must be either sum, prod, mean, amax or amin, got max"
    ):
        x.scatter_reduce(0, index, src, "max")
    with pytest.raises(RuntimeError, match="index 6 is out of bounds for dimension 0 with size 3"):
        x.scatter_reduce(0, index + 6, src, "sum")
    with pytest.raises(NotImplementedError, match="scatter_gather_tensor_cpu_reduce_mean"):
        x.bool().scatter_reduce(0, index, src.bool(), "mean")
    with pytest.raises(NotImplementedError, match="scatter_gather_tensor_cpu_reduce_amax"):
        x.cfloat().scatter_reduce(0, index, src.cfloat(), "amax")


def test_index_reduce_reduces_slices():
    x = torch.ones(3, 2)
    source = torch.tensor([[2.0, 3.0], [4.0, 5.0]])
    index = torch.tensor([1, 1])
    assert x.index_reduce(0, index, source, "prod").tolist() == [[1.0, 1.0], [8.0, 15.0], [1.0, 1.0]]
    mean = x.index_reduce(0, index, source, "mean", include_self=False)
    assert mean.tolist() == [[1.0, 1.0], [3.0, 4.0], [1.0, 1.0]]
    along = torch.ones(2, 3).index_reduce_(1, index, source, "amax")
    assert along.tolist() == [[1.0, 3.0, 1.0], [1.0, 5.0, 1.0]]
    with pytest.raises(IndexError, match="index out of range in self"):
        x.index_reduce(0, index + 2, source, "prod")
    with pytest.raises(
        RuntimeError, match="Expected reduce to be one of prod, mean, amax or amin but got sum"
    ):
        x.index_reduce(0, index, source, "sum")


@pytest.mark.parametrize("reduce", ["prod", "mean", "amax", "amin"])
def test_index_reduce_has_gradients(reduce):
    x = torch.arange(1.0, 7.0, dtype=torch.float64).view(2, 3)
    source = torch.tensor([[2.5, 3.5], [0.5, 9.5]], dtype=torch.float64)
    index = torch.tensor([2, 2])
    check_gradient(lambda x, s: x.index_reduce(1, index, s, reduce), x, source)


@pytest.mark.parametrize(
    ("reduce", "expected"),
    [
        ("sum", [3.0, 0.0, 11.0]),
        ("mean", [1.5, float("nan"), 2.75]),
        ("max", [2.0, float("-inf"), 5.0]),
        ("min", [1.0, float("inf"), 0.0]),
        ("prod", [2.0, 1.0, 0.0]),
    ],
)
def test_segment_reduce_by_lengths_and_by_offsets(reduce, expected):
    data = torch.tensor([1.0, 2.0, 3.0, 3.0, 0.0, 5.0])
    by_lengths = torch.segment_reduce(data, reduce, lengths=torch.tensor([2, 0, 4]))
    by_offsets = torch.segment_reduce(data, reduce, offsets=torch.tensor([0, 2, 2, 6]))
    assert torch.allclose(by_lengths, torch.tensor(expected), equal_nan=True)
    assert torch.allclose(by_offsets, torch.tensor(expected), equal_nan=True)


def test_segment_reduce_has_a_first_value_and_rows_of_their_own():
    data = torch.arange(12.0).view(2, 6)
    lengths = torch.tensor([[2, 4], [3, 3]])
    assert torch.segment_reduce(data, "sum", lengths=lengths, axis=1).tolist() == [[1.0, 14.0], [21.0, 30.0]]
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.segment_reduce(x, "max", lengths=torch.tensor([2, 0]), initial=2.0)
    assert y.tolist() == [2.0, 2.0]
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0]
    with pytest.raises(RuntimeError, match="Expected all rows of lengths along axis to sum"):
        torch.segment_reduce(data, "sum", lengths=torch.tensor([1, 2]))


TABLE = torch.arange(12.0).view(6, 2)
ROWS, OFFSETS = torch.tensor([0, 2, 2, 5, 1]), torch.tensor([0, 2, 2])


@pytest.mark.parametrize(
    ("mode", "expected", "without_2"),
    [
        ("sum", [[4.0, 6.0], [0.0, 0.0], [16.0, 19.0]], [[0.0, 1.0], [0.0, 0.0], [12.0, 14.0]]),
        ("mean", [[2.0, 3.0], [0.0, 0.0], [16 / 3, 19 / 3]], [[0.0, 1.0], [0.0, 0.0], [6.0, 7.0]]),
        ("max", [[4.0, 5.0], [0.0, 0.0], [10.0, 11.0]], [[0.0, 1.0], [0.0, 0.0], [10.0, 11.0]]),
    ],
)
def test_bags_of_rows(mode, expected, without_2):
    assert torch.allclose(F.embedding_bag(ROWS, TABLE, OFFSETS, mode=mode), torch.tensor(expected))
    padded = F.embedding_bag(ROWS, TABLE, OFFSETS, mode=mode, padding_idx=2)
    assert torch.allclose(padded, torch.tensor(without_2))
    ended = F.embedding_bag(ROWS, TABLE, torch.tensor([0, 2, 2, 5]), mode=mode, include_last_offset=True)
    assert torch.allclose(ended, torch.tensor(expected))
    check_gradient(lambda t: F.embedding_bag(ROWS, t, OFFSETS, mode=mode), TABLE.double())


def test_rows_of_bags_have_weights():
    weights = torch.arange(1.0, 6.0, requires_grad=True)
    bags = F.embedding_bag(ROWS, TABLE, OFFSETS, mode="sum", per_sample_weights=weights)
    assert bags.tolist() == [[8.0, 11.0], [0.0, 0.0], [62.0, 74.0]]
    bags.sum().backward()
    assert weights.grad.tolist() == [1.0, 9.0, 9.0, 21.0, 5.0]


def test_embedding_bag_checks_numbers_and_offsets():
    with pytest.raises(RuntimeError, match="Index 3 of input takes value 6 which is not in the valid range"):
        F.embedding_bag(ROWS + 1, TABLE, OFFSETS)
    with pytest.raises(RuntimeError, match="has to start from position 0"):
        F.embedding_bag(ROWS, TABLE, OFFSETS + 1)
    with pytest.raises(RuntimeError, match="can not be greater than input's length 5"):
        F.embedding_bag(ROWS, TABLE, torch.tensor([0, 9]))
    with pytest.raises(RuntimeError, match="must not decrease"):
        F.embedding_bag(ROWS, TABLE, torch.tensor([0, 3, 2]))
    with pytest.raises(NotImplementedError, match="only supported for mode='sum'"):
        F.embedding_bag(ROWS, TABLE, OFFSETS, per_sample_weights=torch.ones(5))
    with pytest.raises(ValueError, match="max mode does not support sparse weights"):
        F.embedding_bag(ROWS, TABLE, OFFSETS, mode="max", sparse=True)


def test_embedding_bag_is_a_layer():
    layer = torch.nn.EmbeddingBag.from_pretrained(TABLE, mode="sum", padding_idx=-4)
    assert repr(layer) == "EmbeddingBag(6, 2, mode='sum', padding_idx=2)"
    assert layer(ROWS, OFFSETS)[0].tolist() == [0.0, 1.0]
    assert not layer.weight.requires_grad


def test_embedding_has_the_gradients_of_its_rows():
    table = TABLE.clone().requires_grad_()
    torch.embedding(table, torch.tensor([[0, 2], [2, 1]]), 1, True).sum().backward()
    assert table.grad[:, 0].tolist() == [1.0, 0.0, 1.0, 0.0, 0.0, 0.0]


def test_embedding_renorm_shortens_the_rows_in_use():
    table = torch.tensor([[3.0, 4.0], [6.0, 8.0], [0.1, 0.0]])
    assert torch.embedding_renorm_(table, torch.tensor([0, 2]), 1.0, 2.0) is table
    assert torch.allclose(table, torch.tensor([[0.6, 0.8], [6.0, 8.0], [0.1, 0.0]]))


def test_bags_of_one_length_are_rows_of_a_matrix():
    rows, weights = torch.tensor([[0, 1], [2, 2]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert F.embedding_bag(rows, TABLE).tolist() == [[1.0, 2.0], [4.0, 5.0]]
    assert F.embedding_bag(rows, TABLE, mode="sum").tolist() == [[2.0, 4.0], [8.0, 10.0]]
    weighted = F.embedding_bag(rows, TABLE, mode="sum", per_sample_weights=weights)
    assert weighted.tolist() == [[4.0, 7.0], [28.0, 35.0]]
    with pytest.raises(RuntimeError, match="Index 2 of input takes value 6 which is not in the valid range"):
        F.embedding_bag(rows + 4, TABLE)


def bag_by_bag(table, numbers, offsets, mode, padding=None, factors=None):
    """The bags one after another, out of rows that are picked one by one."""
    ends = [*offsets.tolist()[1:], numbers.numel()]
    result = []
    for begin, end in zip(offsets.tolist(), ends, strict=True):
        rows = [
            table[numbers[i]] * (1 if factors is None else factors[i])
            for i in range(begin, end)
            if padding is None or numbers[i] != padding
        ]
        stacked = torch.stack(rows) if rows else table[:0]
        if not rows:
            result.append(torch.zeros_like(table[0]))
        else:
            result.append({"sum": stacked.sum, "mean": stacked.mean}.get(mode, stacked.amax)(0))
    return torch.stack(result)


NUMBERS, BEGINS = torch.tensor([3, 1, 1, 0, 2, 3, 4, 1]), torch.tensor([0, 3, 3, 5])


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("padding", [None, 1])
@pytest.mark.parametrize("width", [1, 5, 16, 150])
def test_bags_of_any_width_are_what_single_rows_give(mode, padding, width):
    table = torch.sin(torch.arange(5.0 * width)).view(5, width).double().requires_grad_()
    found = F.embedding_bag(NUMBERS, table, BEGINS, mode=mode, padding_idx=padding)
    expected = bag_by_bag(table, NUMBERS, BEGINS, mode, padding)
    assert torch.allclose(found, expected)
    upstream = torch.cos(torch.arange(4.0 * width)).view(4, width).double()
    for f, e in zip(
        torch.autograd.grad(found, table, upstream),
        torch.autograd.grad(expected, table, upstream),
        strict=True,
    ):
        assert torch.allclose(f, e)
    half = F.embedding_bag(NUMBERS, table.half(), BEGINS, mode=mode, padding_idx=padding)
    assert half.dtype == torch.float16 and torch.allclose(half.double(), expected, atol=0.01)


def test_bags_have_derivatives_of_any_order():
    table = torch.sin(torch.arange(15.0)).view(5, 3).double()
    factors = torch.cos(torch.arange(8.0)).double()

    def weighted(t, w):
        return F.embedding_bag(NUMBERS, t, BEGINS, mode="sum", per_sample_weights=w) ** 2

    check_gradient(weighted, table, factors)
    for mode in ("sum", "mean", "max"):
        check_gradient(lambda t, mode=mode: F.embedding_bag(NUMBERS, t, BEGINS, mode=mode) ** 2, table)
    equal = NUMBERS.view(2, 4)
    check_gradient(lambda t: F.embedding_bag(equal, t, mode="mean", scale_grad_by_freq=False) ** 2, table)


def test_the_largest_of_a_bag_ignores_nan_behind_the_first_row():
    table = torch.tensor([[1.0, NAN], [NAN, 2.0], [3.0, 1.0]])
    largest, _, _, rows = torch.embedding_bag(table, torch.tensor([0, 1, 2]), torch.tensor([0]), mode=2)
    assert rows.tolist() == [[2, 0]] and largest[0, 0] == 3 and largest[0, 1].isnan()


def test_a_numbers_gradient_is_divided_by_how_often_it_is_in_bags():
    table = torch.ones(5, 2, requires_grad=True)
    F.embedding_bag(NUMBERS, table, BEGINS, mode="sum", scale_grad_by_freq=True).sum().backward()
    assert table.grad.tolist() == [[1.0, 1.0]] * 5


@pytest.mark.parametrize("reduce", ["prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("include_self", [True, False])
def test_slices_are_reduced_as_their_elements_are(reduce, dim, include_self):
    x = torch.sin(torch.arange(12.0)).view(3, 4).double() + 2
    index = torch.tensor([2, 0, 2, 2, 1])
    sizes = (5, 4) if dim == 0 else (3, 5)
    source = torch.cos(torch.arange(float(sizes[0] * sizes[1]))).view(sizes).double()
    every = index.view((5, 1) if dim == 0 else (1, 5)).expand(sizes).contiguous()
    by_slices = x.index_reduce(dim, index, source, reduce, include_self=include_self)
    by_elements = x.scatter_reduce(dim, every, source, reduce, include_self=include_self)
    assert torch.allclose(by_slices, by_elements)
    # An index that is expanded, not copied, takes the way of slices.
    assert torch.equal(
        x.scatter_reduce(
            dim,
            every[:, :1].expand(sizes) if dim == 0 else every[:1].expand(sizes),
            source,
            reduce,
            include_self=include_self,
        ),
        by_slices,
    )
    integers = (x * 10).int().index_reduce(dim, index, (source * 10).int(), reduce, include_self=include_self)
    wanted = (x * 10).int().scatter_reduce(dim, every, (source * 10).int(), reduce, include_self=include_self)
    assert torch.equal(integers, wanted)

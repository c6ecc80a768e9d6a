import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flambeau as torch


@pytest.mark.parametrize(
    ("make", "value"),
    [(torch.zeros, 0.0), (torch.ones, 1.0), (lambda *size, **k: torch.full(size, 2.5, **k), 2.5)],
    ids=["zeros", "ones", "full"],
)
def test_one_value_everywhere(make, value):
    tensor = make(2, 3)
    assert (tensor.dtype, tensor.tolist()) == (torch.float32, [[value] * 3] * 2)


def test_sizes_come_as_numbers_or_as_a_tuple():
    assert torch.zeros(2, 3).shape == torch.zeros((2, 3)).shape == (2, 3)
    assert torch.zeros(()).shape == ()


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(True, torch.bool), (3, torch.int64), (1.5, torch.float32)],
    ids=["bool", "int", "float"],
)
def test_full_takes_its_dtype_from_the_value(value, dtype):
    assert torch.full((2,), value).dtype == dtype


def test_full_of_bool_is_whether_the_value_is_not_0():
    assert torch.full((2,), 1.5, dtype=torch.bool).tolist() == [True, True]


@pytest.mark.parametrize("like", [torch.zeros_like, torch.ones_like, torch.empty_like, torch.rand_like])
def test_like_keeps_shape_dtype_and_order_in_memory(like):
    model = torch.empty(2, 3, dtype=torch.float64).t()
    tensor = like(model)
    assert (tensor.shape, tensor.dtype, tensor.stride()) == (model.shape, torch.float64, (1, 3))


def test_like_in_contiguous_format():
    assert torch.zeros_like(torch.empty(2, 3).t(), memory_format=torch.contiguous_format).stride() == (2, 1)


def test_new_takes_the_dtype_of_the_tensor_unless_told():
    model = torch.zeros(1, dtype=torch.int32)
    assert model.new_zeros(2, 2).dtype == torch.int32
    assert model.new_ones((2,), dtype=torch.float64).tolist() == [1.0, 1.0]
    assert model.new_full((2,), 7).tolist() == [7, 7]
    assert model.new_empty(3, 0).shape == (3, 0)


def test_requires_grad():
    assert torch.zeros(2, requires_grad=True).requires_grad


def test_integers_cannot_require_grad():
    with pytest.raises(
        RuntimeError, match="Only Tensors of floating point and complex dtype can require gradients"
    ):
        torch.zeros(2, dtype=torch.int64, requires_grad=True)


def test_out_is_resized_and_returned():
    out = torch.empty(0)
    assert torch.ones(2, 2, out=out) is out
    assert out.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_out_of_another_dtype_is_refused():
    with pytest.raises(RuntimeError, match=r"dtype Float does not match dtype of out parameter \(Double\)"):
        torch.zeros(2, dtype=torch.float32, out=torch.empty(2, dtype=torch.float64))


def test_empty_strided():
    assert torch.empty_strided((2, 3), (1, 2)).stride() == (1, 2)


# ---- sequences


@pytest.mark.parametrize(
    ("call", "dtype", "expected"),
    [
        (lambda: torch.arange(5), "int64", [0, 1, 2, 3, 4]),
        (lambda: torch.arange(0), "int64", []),
        (lambda: torch.arange(5, 0, -2), "int64", [5, 3, 1]),
        (lambda: torch.arange(1, 2.5, 0.5), "float32", [1.0, 1.5, 2.0]),
        (lambda: torch.arange(2.0), "float32", [0.0, 1.0]),
        (lambda: torch.arange(3, dtype=torch.float64), "float64", [0.0, 1.0, 2.0]),
        (lambda: torch.arange(1, 6, 2, dtype=torch.int32), "int32", [1, 3, 5]),
        (lambda: torch.arange(end=3), "int64", [0, 1, 2]),
        (lambda: torch.arange(0, 5, 1.5, dtype=torch.int64), "int64", [0, 1, 2, 3, 4]),
        (lambda: torch.arange(0, 5, 1.5, dtype=torch.int32), "int32", [0, 1, 2, 3]),
        (lambda: torch.linspace(0, 1, 5), "float32", [0.0, 0.25, 0.5, 0.75, 1.0]),
        (lambda: torch.linspace(0, 1, 1), "float32", [0.0]),
        (lambda: torch.linspace(0, 1, 0), "float32", []),
        (lambda: torch.linspace(3, -3, 4, dtype=torch.float64), "float64", [3.0, 1.0, -1.0, -3.0]),
        (lambda: torch.linspace(-3, 10, 6, dtype=torch.int64), "int64", [-3, 0, 2, 4, 7, 10]),
        (lambda: torch.linspace(0, 100, 7, dtype=torch.int64), "int64", [0, 16, 33, 50, 66, 83, 100]),
        (lambda: torch.linspace(torch.tensor(1.0), 3, 3), "float32", [1.0, 2.0, 3.0]),
        (lambda: torch.logspace(0, 2, 3), "float32", [1.0, 10.0, 100.0]),
        (lambda: torch.logspace(0, 3, 4, dtype=torch.int64), "int64", [1, 10, 100, 1000]),
    ],
)
def test_sequences(call, dtype, expected):
    tensor = call()
    assert (tensor.dtype, tensor.tolist()) == (getattr(torch, dtype), expected)


def test_logspace_takes_a_base():
    expected = [0.5, 0.7937005162239075, 1.2599210739135742, 2.0]
    np.testing.assert_allclose(torch.logspace(-1, 1, 4, base=2).tolist(), expected, rtol=2e-7)


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(-7, 7).filter(bool))
def test_arange_is_pythons_range(start, end, step):
    if (end - start) * step >= 0:
        assert torch.arange(start, end, step).tolist() == list(range(start, end, step))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: torch.arange(0, 1, 0), "step must be nonzero"),
        (lambda: torch.arange(0, 1, -1), "upper bound and lower bound inconsistent with step sign"),
        (lambda: torch.arange(0, float("inf")), "unsupported range: 0 -> inf"),
        (lambda: torch.linspace(0, 1, -1), "number of steps must be non-negative"),
        (lambda: torch.zeros(-1), "negative dimension -1"),
        (lambda: torch.eye(-1), "n must be greater or equal to 0, got -1"),
        (lambda: torch.eye(2, -1), "m must be greater or equal to 0, got -1"),
        (
            lambda: torch.full((2,), 300, dtype=torch.uint8),
            "value cannot be converted to type uint8_t without overflow",
        ),
        (lambda: torch.full((2,), 1e300), "value cannot be converted to type float without overflow"),
        (lambda: torch.tril(torch.ones(3)), "tril: input tensor must have at least 2 dimensions"),
        (lambda: torch.empty_strided((2, 3), (1,)), "mismatch in length of strides and shape"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(RuntimeError, match=message):
        call()


# ---- matrices


def test_eye():
    assert torch.eye(2).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert torch.eye(2, 3, dtype=torch.int64).tolist() == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("diagonal", range(-4, 6))
@pytest.mark.parametrize("name", ["tril", "triu"])
def test_triangles(name, diagonal):
    values = np.arange(1, 25, dtype=np.float32).reshape(2, 3, 4)
    expected = getattr(np, name)(values, diagonal)
    np.testing.assert_array_equal(getattr(torch, name)(torch.tensor(values), diagonal).numpy(), expected)


def test_a_triangle_of_a_transposed_matrix():
    values = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(torch.tensor(values).t().tril().numpy(), np.tril(values.T))


def test_a_triangle_in_place():
    tensor = torch.ones(2, 2)
    assert tensor.triu_() is tensor
    assert tensor.tolist() == [[1.0, 1.0], [0.0, 1.0]]


def test_the_gradient_of_a_triangle_is_its_triangle():
    x = torch.ones(2, 2, requires_grad=True)
    torch.tril(x, -1).backward(torch.ones(2, 2))
    assert x.grad.tolist() == [[0.0, 0.0], [1.0, 0.0]]


@pytest.mark.parametrize("offset", range(-4, 6))
def test_indices_of_triangles(offset):
    np.testing.assert_array_equal(
        torch.tril_indices(3, 4, offset).numpy(), np.stack(np.tril_indices(3, offset, 4))
    )
    np.testing.assert_array_equal(
        torch.triu_indices(3, 4, offset).numpy(), np.stack(np.triu_indices(3, offset, 4))
    )

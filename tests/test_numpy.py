"""Tensors beside NumPy's numbers and arrays, and numbers of every kind on either side of an operator."""

import enum
import operator

import numpy as np
import pytest

import flambeau as torch


class Two(enum.IntEnum):
    TWO = 2


class Real(float):
    pass


@pytest.mark.parametrize("number", [2, 2.0, Two.TWO, Real(2), np.float64(2), np.float32(2), np.int64(2)])
@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
def test_a_number_on_the_left_of_a_parameter_keeps_its_gradient(op, number):
    parameter = torch.nn.Parameter(torch.tensor([1.0, 4.0]))
    result = op(number, parameter)
    assert type(result) is torch.Tensor and result.requires_grad and result.dtype == torch.float32
    assert result.tolist() == [op(2.0, 1.0), op(2.0, 4.0)]


def test_shifts_take_numbers_and_arrays_on_either_side():
    x = torch.tensor([3, 1, 2])
    assert (1 << x).tolist() == [8, 2, 4] and (x << 1).tolist() == [6, 2, 4]
    assert (16 >> x).tolist() == [2, 8, 4] and (x >> 1).tolist() == [1, 0, 1]
    y = x.clone()
    y <<= 2
    assert y.tolist() == [12, 4, 8] and (np.array([1, 1, 1]) << x).tolist() == [8, 2, 4]


def test_reversed_walks_the_rows_backwards():
    assert [row.tolist() for row in reversed(torch.tensor([[1, 2], [3, 4]]))] == [[3, 4], [1, 2]]


ARITHMETIC = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.floordiv, operator.mod,
]  # fmt: skip
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("op", ARITHMETIC + COMPARISONS)
def test_a_tensor_and_an_array_give_a_tensor_element_by_element(op):
    tensor, array = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64), np.array([1.0, 5.0, 3.0])
    for result, expected in (
        (op(tensor, array), op(tensor.numpy(), array)),
        (op(array, tensor), op(array, tensor.numpy())),
    ):
        assert isinstance(result, torch.Tensor) and np.allclose(result.numpy(), expected)


def test_an_array_and_a_parameter_have_a_gradient():
    parameter = torch.nn.Parameter(torch.tensor([1.0, 4.0]))
    (np.array([2.0, 3.0], dtype=np.float32) * parameter).sum().backward()
    assert parameter.grad.tolist() == [2.0, 3.0]


def test_functions_of_numpy_give_tensors():
    x = torch.tensor([1.0, 4.0])
    assert isinstance(np.sqrt(x), torch.Tensor) and np.sqrt(x).tolist() == [1.0, 2.0]
    truth = x.__array_wrap__(np.array([True, False]))
    assert truth.dtype == torch.uint8 and truth.tolist() == [1, 0]


@pytest.mark.parametrize("op", COMPARISONS)
@pytest.mark.parametrize(
    ("dtype", "values", "numbers"),
    [
        (torch.uint8, [1, 200], [256, 300, -1, 1000]),
        (torch.int8, [-100, 100], [128, 255, -129, 300]),
        (torch.int16, [5, -5], [40000, -40000]),
        (torch.int32, [7], [2**31, -(2**31) - 1, 2**40]),
        (torch.int64, [2**53 + 1], [2**53, 2**53 + 1]),
    ],
)
def test_a_number_that_the_dtype_cannot_hold_is_compared_as_it_is(op, dtype, values, numbers):
    for number in numbers:
        expected = [op(value, number) for value in values]
        assert op(torch.tensor(values, dtype=dtype), number).tolist() == expected


@pytest.mark.parametrize("op", ARITHMETIC + COMPARISONS)
def test_an_integer_beyond_64_bits_is_refused(op):
    for tensor in (torch.tensor([1]), torch.tensor([1.0])):
        with pytest.raises(OverflowError):
            op(tensor, 2**64)


def test_a_tensor_of_several_elements_is_no_number():
    for convert in (float, int):
        with pytest.raises(ValueError, match="only one element tensors"):
            convert(torch.tensor([1.0, 2.0]))


def test_text_is_no_data():
    with pytest.raises(ValueError, match="too many dimensions 'str'"):
        torch.tensor(["a"])
    with pytest.raises(TypeError, match="invalid data type 'str'"):
        torch.tensor("a")


def test_asarray_refuses_a_dtype_that_it_would_have_to_copy_for():
    x = torch.ones(2)
    assert torch.asarray(x, dtype=torch.float32, copy=False).data_ptr() == x.data_ptr()
    with pytest.raises(ValueError, match="can't alias tensor with dtype 'Float' into dtype 'Long'"):
        torch.asarray(x, dtype=torch.int64, copy=False)
    with pytest.raises(ValueError, match="can't alias tensor with dtype 'Double' into dtype 'Float'"):
        torch.asarray(np.ones(2), dtype=torch.float32, copy=False)


def misaligned(dtype: str) -> np.ndarray:
    memory = np.zeros(64, dtype=np.uint8)
    start = 1 - memory.ctypes.data % 2  # an odd address
    array = memory[start : start + 32].view(dtype)
    array[:] = np.arange(array.size)
    return array


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64", "complex128"])
def test_elements_that_are_not_aligned_are_copied_or_refused(dtype):
    array = misaligned(dtype)
    for make in (torch.as_tensor, torch.asarray, torch.tensor):
        assert make(array).tolist() == array.tolist()
    for share in (torch.from_numpy, lambda a: torch.asarray(a, copy=False)):
        with pytest.raises(ValueError, match="not aligned to its items"):
            share(array)


def test_another_byte_order_is_refused():
    for make in (torch.from_numpy, torch.as_tensor, torch.tensor):
        with pytest.raises(ValueError, match="byte order different from the native byte order"):
            make(np.arange(4, dtype=">f4"))

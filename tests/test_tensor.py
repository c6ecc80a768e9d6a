"""What a tensor is: memory shared where PyTorch shares it, conversion from and to Python and NumPy, identity."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import flambeau as torch


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([1, 2], torch.int64),
        ([1.0, 2], torch.float32),
        ([True, False], torch.bool),
        ([True, 2], torch.int64),
        (3, torch.int64),
        (2.5, torch.float32),
        ([], torch.float32),
        (np.float64(1.0), torch.float64),
        (np.array([1], dtype=np.int32), torch.int32),
        ([np.float64(1.0)], torch.float64),
    ],
)
def test_inferred_dtypes(data, dtype):
    assert torch.tensor(data).dtype == dtype


def test_nested_data_must_be_regular():
    with pytest.raises(ValueError, match="expected sequence of length 2 at dim 1"):
        torch.tensor([[1, 2], [3]])


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(RuntimeError, match="without overflow"):
        torch.tensor([300], dtype=torch.uint8)


def test_from_numpy_shares_memory_both_ways():
    array = np.zeros(3, dtype=np.float32)
    tensor = torch.from_numpy(array)
    tensor[0] = 5
    array[1] = 7
    assert array[0] == 5
    assert tensor.tolist() == [5.0, 7.0, 0.0]


def test_numpy_shares_memory_and_keeps_the_tensor_alive():
    array = torch.arange(4).numpy()
    gc.collect()
    assert array.tolist() == [0, 1, 2, 3]
    tensor = torch.zeros(2)
    tensor.numpy()[0] = 9
    assert tensor[0].item() == 9


def test_numpy_keeps_strides():
    array = torch.arange(6).reshape(2, 3).t().numpy()
    assert array.strides == (8, 24)
    assert array.tolist() == [[0, 3], [1, 4], [2, 5]]


def test_strided_arrays_are_shared_and_negative_strides_refused():
    array = np.arange(10.0)
    assert torch.from_numpy(array[::2]).tolist() == [0, 2, 4, 6, 8]
    with pytest.raises(ValueError, match="negative"):
        torch.from_numpy(array[::-1])


def test_numpy_of_a_tensor_that_requires_grad_is_refused():
    with pytest.raises(RuntimeError, match="requires grad"):
        torch.ones(1, requires_grad=True).numpy()


def test_numpy_functions_take_tensors():
    assert np.sum(np.asarray(torch.ones(3))) == 3
    assert np.asarray(torch.ones(2), dtype=np.float64).dtype == np.float64


def test_as_tensor_shares_and_tensor_copies():
    array = np.zeros(2)
    assert torch.as_tensor(array).data_ptr() == array.ctypes.data
    assert torch.tensor(array).data_ptr() != array.ctypes.data
    x = torch.zeros(2)
    assert torch.as_tensor(x) is x


def test_detach_data_and_views_share_memory_and_clone_does_not():
    x = torch.arange(4.0)
    for y in (x.detach(), x.data, x.view(2, 2), x[1:], x.reshape(2, 2), x.expand(2, 4)):
        assert y.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    assert x.clone().data_ptr() != x.data_ptr()


def test_to_returns_self_where_nothing_changes():
    x = torch.ones(2)
    assert x.to(torch.float32) is x
    assert x.float() is x
    assert x.contiguous() is x
    assert x.to(torch.float64).dtype == torch.float64


def test_assigning_data_keeps_the_object():
    x = torch.ones(2, requires_grad=True)
    identity = id(x)
    x.data = torch.zeros(3)
    assert (id(x), x.tolist(), x.requires_grad) == (identity, [0.0, 0.0, 0.0], True)


@pytest.mark.parametrize(
    ("a", "b", "result"),
    [
        (torch.ones(2, dtype=torch.int32), 2.5, torch.float32),
        (torch.ones(2, dtype=torch.float32), torch.ones(2, dtype=torch.float64), torch.float64),
        (torch.ones(2, dtype=torch.float32), torch.ones((), dtype=torch.float64), torch.float32),
        (torch.ones(2, dtype=torch.uint8), torch.ones(2, dtype=torch.int32), torch.int32),
        (torch.ones(2, dtype=torch.bool), 1, torch.int64),
        (torch.ones(2, dtype=torch.bool), True, torch.bool),
        (torch.ones(2, dtype=torch.int64), torch.ones((), dtype=torch.float32), torch.float32),
    ],
)
def test_promotion(a, b, result):
    assert (a + b).dtype == result


def test_python_protocols():
    x = torch.arange(6).reshape(2, 3)
    assert len(x) == 2
    assert [row.tolist() for row in x] == [[0, 1, 2], [3, 4, 5]]
    assert 5 in x
    assert 7 not in x
    assert float(torch.tensor(2.5)) == 2.5
    assert [10, 20, 30][torch.tensor(1)] == 20
    assert f"{torch.tensor(1.5):.2f}" == "1.50"
    assert hash(x) == hash(x)
    with pytest.raises(TypeError, match="0-d"):
        len(torch.tensor(1))


def test_truth_of_several_values_is_ambiguous():
    with pytest.raises(RuntimeError, match="ambiguous"):
        bool(torch.ones(2))
    assert not torch.tensor(0)


def test_number_by_tensor_from_the_left():
    x = torch.tensor([1.0, 2.0])
    assert (3 - x).tolist() == [2.0, 1.0]
    assert (1 / x).tolist() == [1.0, 0.5]
    assert (2**x).tolist() == [2.0, 4.0]
    assert (7 // x).tolist() == [7.0, 3.0]


def test_one_python_object_per_tensor():
    x = torch.ones(2)
    assert x.add_(1) is x
    assert torch.add(x, 1, out=x) is x


def test_subclasses_keep_their_class():
    class Mine(torch.Tensor):
        pass

    x = torch.ones(2).as_subclass(Mine)
    assert type(x + 1) is Mine
    assert type(x) is Mine


def test_torch_function_takes_calls_over():
    seen = []

    class Logged(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append(func.__name__)
            return super().__torch_function__(func, types, args, kwargs)

    x = torch.ones(2).as_subclass(Logged)
    torch.add(x, 1)
    x.mul(2)
    x + x
    assert seen == ["add", "mul", "add"]


def test_objects_that_implement_torch_function_are_asked():
    class Wrapper:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func.__name__

    assert torch.add(torch.ones(1), Wrapper()) == "add"
    assert torch.ones(1) * Wrapper() == "mul"


def test_copy_and_pickle():
    x = torch.arange(3.0).requires_grad_()
    for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert y.tolist() == [0.0, 1.0, 2.0]
        assert y.requires_grad
        assert y.data_ptr() != x.data_ptr()


def test_weak_references_and_attributes():
    x = torch.ones(1)
    x.tag = "mine"
    reference = weakref.ref(x)
    assert reference().tag == "mine"
    del x
    assert reference() is None


def test_values_of_types_print_as_pytorch_does():
    assert repr(torch.float32) == "torch.float32"
    assert repr(torch.Size([2, 3])) == "torch.Size([2, 3])"
    assert repr(torch.device("cuda:1")) == "device(type='cuda', index=1)"
    assert torch.ones(2, 3).shape[:1] == torch.Size([2])
    assert type(torch.ones(2, 3).shape[:1]) is torch.Size
    assert (torch.finfo(torch.float32).eps, torch.iinfo(torch.int32).max) == (2.0**-23, 2**31 - 1)


def test_legacy_constructors():
    assert torch.Tensor(2, 3).shape == (2, 3)
    assert torch.Tensor([1, 2]).tolist() == [1.0, 2.0]
    assert torch.LongTensor([1, 2]).dtype == torch.int64
    assert isinstance(torch.ones(1), torch.FloatTensor)
    assert torch.ones(1).type() == "torch.FloatTensor"
    assert torch.ones(1).type(torch.IntTensor).dtype == torch.int32


def test_saved_half_precision_passes_through_float32():
    x = torch.tensor([1.0, 2.5]).to(torch.bfloat16)
    assert (x + x).dtype == torch.bfloat16
    assert (x * 2).tolist() == [2.0, 5.0]

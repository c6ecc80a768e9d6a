"""The constructors of older days, torch.Tensor(...) and torch.FloatTensor(...), and types of tensors."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch

X = torch.ones(2)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("Bool", torch.bool),
        ("Byte", torch.uint8),
        ("Char", torch.int8),
        ("Short", torch.int16),
        ("Int", torch.int32),
        ("Long", torch.int64),
        ("Half", torch.float16),
        ("BFloat16", torch.bfloat16),
        ("Float", torch.float32),
        ("Double", torch.float64),
    ],
)
def test_every_type_makes_its_dtype(name, dtype):
    kind = getattr(torch, f"{name}Tensor")
    x = kind([0, 1])
    assert x.dtype == dtype and x.tolist() == [0, 1]
    assert isinstance(x, kind) and type(x) is torch.Tensor and x.type() == f"torch.{name}Tensor"
    assert (kind.dtype, kind.is_cuda, kind.layout) == (dtype, False, torch.strided)


@pytest.mark.parametrize(
    ("args", "shape"),
    [
        ((), (0,)),
        ((2, 3), (2, 3)),
        ((3,), (3,)),
        ((torch.Size([2, 2]),), (2, 2)),
        ((np.int64(3),), (3,)),
        (((2, 3),), (2,)),
        (([[1, 2]],), (1, 2)),
        ((range(4),), (4,)),
        ((np.ones((2, 2)),), (2, 2)),
    ],
)
def test_sizes_and_data(args, shape):
    assert torch.Tensor(*args).shape == shape
    assert torch.LongTensor(*args).shape == shape


def test_keywords():
    assert torch.Tensor(size=(2, 3)).shape == (2, 3)
    assert torch.Tensor(data=[1]).tolist() == [1.0]
    assert torch.FloatTensor(2, device="cpu").shape == (2,)


def test_data_is_converted_to_the_dtype():
    assert torch.LongTensor([1.7, 2]).tolist() == [1, 2]
    assert torch.LongTensor(np.array([1.7])).tolist() == [1]
    assert torch.BoolTensor([0, 2]).tolist() == [False, True]
    assert X.int().new([1.7]).tolist() == [1]


def test_memory_of_tensors_and_storages_is_shared():
    for made in (torch.Tensor(X), torch.FloatTensor(X), X.new(X), torch.Tensor(X.untyped_storage())):
        assert made is not X and made.data_ptr() == X.data_ptr() and made.tolist() == [1.0, 1.0]
    assert torch.Tensor(X.int()).dtype == torch.int32
    assert torch.Tensor(torch.nn.Parameter(X)).requires_grad


@pytest.mark.parametrize("make", [torch.LongTensor, torch.DoubleTensor, X.int().new])
def test_tensors_of_another_dtype_are_refused(make):
    with pytest.raises(TypeError, match=r"expected torch\..* \(got torch.float32\)"):
        make(X)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2.5, r"new\(\): data must be a sequence \(got float\)"),
        (None, r"data must be a sequence \(got NoneType\)"),
        (True, r"data must be a sequence \(got bool\)"),
        ({"a": 1}, r"data must be a sequence \(got dict\)"),
        ("abc", r"new\(\): invalid data type 'str'"),
        (b"ab", r"new\(\): invalid data type 'bytes'"),
    ],
)
def test_what_is_neither_size_nor_data(value, message):
    for make in (torch.Tensor, torch.FloatTensor, X.new):
        with pytest.raises(TypeError, match=message):
            make(value)


def test_sizes_must_be_integers():
    with pytest.raises(TypeError, match="argument 'size' failed to unpack the object at pos 2"):
        torch.Tensor(2, 2.0)
    with pytest.raises(TypeError, match=r"invalid combination of arguments - got \(Tensor, Tensor\)"):
        torch.Tensor(X, X)
    with pytest.raises(TypeError, match=r"got \(list, requires_grad=bool\)"):
        torch.Tensor([1], requires_grad=True)
    with pytest.raises(TypeError, match="invalid combination of arguments"):
        torch.Tensor(dtype=torch.int)


def test_other_devices_are_refused():
    with pytest.raises(RuntimeError, match="expects device type: cpu but device type: meta was passed"):
        torch.Tensor(2, device="meta")
    with pytest.raises(RuntimeError, match="Legacy tensor constructor of the form"):
        torch.Tensor(X, device="cpu")


# ---- Tensor.type


def test_type_converts_by_type_name_and_dtype():
    for wanted in (torch.LongTensor, "torch.LongTensor", torch.int64):
        assert X.type(wanted).dtype == torch.int64
    assert X.type() == "torch.FloatTensor" and X.type(torch.float32) is X


@pytest.mark.parametrize(
    ("wanted", "error", "message"),
    [
        ("zz", ValueError, "invalid type: 'zz'"),
        (float, ValueError, "invalid type: 'float'"),
        (3, TypeError, "dtype must be a type, str, or dtype object"),
    ],
)
def test_type_takes_nothing_else(wanted, error, message):
    with pytest.raises(error, match=message):
        X.type(wanted)


# ---- the default type


def test_the_default_type_sets_the_dtype():
    try:
        with pytest.warns(UserWarning, match="is deprecated as of PyTorch 2.1"):
            torch.set_default_tensor_type("torch.DoubleTensor")
        assert torch.Tensor([1]).dtype == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("kind", [torch.LongTensor, "torch.LongTensor", 3, "zz", torch.cuda.FloatTensor])
def test_the_default_type_is_a_floating_one_on_the_cpu(kind):
    with pytest.raises(TypeError):
        torch.set_default_tensor_type(kind)


# ---- questions, streams, indices


def test_questions_about_tensors():
    x = torch.ones(2, 3)
    assert torch.is_nonzero(torch.tensor([2])) and not torch.tensor(0.0).is_nonzero()
    with pytest.raises(RuntimeError, match="Boolean value of Tensor with more than one value is ambiguous"):
        torch.is_nonzero(x)
    assert x.is_same_size(x) and not torch.is_same_size(x, x.t())
    assert torch.is_signed(x) and not torch.is_signed(x.to(torch.uint8))
    assert torch.get_device(x) == -1 and not torch.is_inference(x)
    with torch.inference_mode():
        assert torch.is_inference(torch.ones(1))


@pytest.mark.parametrize("shape", [(2, 3), (4,), (2, 1, 3)])
def test_indices_are_those_of_numpy(shape):
    flat = np.arange(np.prod(shape))
    found = torch.unravel_index(torch.tensor(flat), shape)
    for ours, theirs in zip(found, np.unravel_index(flat, shape), strict=True):
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize(
    ("indices", "shape", "error", "message"),
    [
        (torch.tensor(1.0), (2,), TypeError, "expected 'indices' to be integer dtype, but got torch.float32"),
        (torch.tensor(1), 2.0, TypeError, "expected 'shape' to be int or sequence of ints"),
        (torch.tensor(1), (2, "a"), TypeError, "expected 'shape' sequence to only contain ints"),
        (torch.tensor(1), (-2,), ValueError, r"'shape' cannot have negative values, but got \(-2,\)"),
    ],
)
def test_indices_that_cannot_be(indices, shape, error, message):
    with pytest.raises(error, match=message):
        torch.unravel_index(indices, shape)


def test_streams_of_the_cpu_have_nothing_to_wait_for():
    stream, event = torch.Stream("cpu"), torch.Event(enable_timing=True)
    assert stream.query() and event.query() and stream == torch.Stream() and stream.device.type == "cpu"
    stream.wait_event(event)
    event.synchronize()
    with stream as entered:
        assert entered is stream
    with pytest.raises(RuntimeError, match="cpu backend doesn't support events"):
        stream.record_event()
    with pytest.raises(ValueError, match="enable_timing=True"):
        event.elapsed_time(torch.Event())
    with pytest.raises(RuntimeError, match="not linked with support for cuda devices"):
        torch.Stream("cuda")


def test_overrides_can_be_switched_off():
    class Own(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return "taken"

    x = X.as_subclass(Own)
    assert torch.add(x, 1) == "taken"
    with torch._C.DisableTorchFunctionSubclass():
        assert torch.add(x, 1).tolist() == [2.0, 2.0]
        assert not torch.overrides.has_torch_function([x])
    assert torch.overrides.has_torch_function([x])


def test_threads_of_the_backward_pass_are_a_setting():
    from flambeau.autograd import grad_mode

    with torch.autograd.set_multithreading_enabled(False):
        assert grad_mode._multithreading is False
    assert grad_mode._multithreading is True
    with pytest.raises(TypeError, match="must be bool, not int"):
        torch.autograd.set_multithreading_enabled(1)


def test_small_numbers_are_kept():
    assert torch.set_flush_denormal(True) is False
    assert (torch.tensor([1e-40]) * 1).item() > 0

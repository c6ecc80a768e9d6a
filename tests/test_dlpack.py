"""Memory shared with NumPy by DLPack, either way."""

import ctypes
import gc
import weakref

import numpy as np
import pytest

import flambeau as torch
from flambeau.utils import dlpack

NAMES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "complex64", "complex128",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_type_goes_to_numpy_and_back(name):
    array = np.arange(6).reshape(2, 3).astype(name)
    x = torch.from_dlpack(array)
    assert x.dtype == getattr(torch, name) and x.shape == (2, 3)
    assert x.data_ptr() == array.ctypes.data
    back = np.from_dlpack(x)
    assert back.dtype == array.dtype and back.ctypes.data == array.ctypes.data
    np.testing.assert_array_equal(back, array)


def test_writes_show_on_the_other_side():
    array = np.arange(3)
    x = torch.from_dlpack(array)
    x[0] = 7
    assert array.tolist() == [7, 1, 2]
    out = np.from_dlpack(x)
    array[1] = 8
    assert out.tolist() == x.tolist() == [7, 8, 2]


def test_strides_and_offsets_arrive():
    array = np.arange(24.0).reshape(4, 6)[1:, ::2].T
    x = torch.from_dlpack(array)
    assert x.stride() == (2, 6) and x.storage_offset() == 0
    np.testing.assert_array_equal(x.numpy(), array)
    y = torch.arange(12.0).view(3, 4)[1:, 1::2].t()
    out = np.from_dlpack(y)
    assert out.strides == tuple(4 * s for s in y.stride())
    assert out.tolist() == y.tolist()


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1, 3), (2, 1)])
def test_small_shapes(shape):
    assert np.from_dlpack(torch.ones(shape)).shape == shape
    array = np.full(shape, 2.0)
    assert torch.from_dlpack(array).tolist() == array.tolist()


def test_bfloat16_goes_where_it_is_known():
    x = torch.tensor([1.0, 2.0], dtype=torch.bfloat16)
    y = torch.from_dlpack(x)
    assert y.dtype == torch.bfloat16 and y.data_ptr() == x.data_ptr()
    with pytest.raises((BufferError, RuntimeError)):
        np.from_dlpack(x)


def test_the_memory_of_an_array_lives_as_long_as_the_tensor():
    class Array(np.ndarray):
        pass

    array = np.arange(5000.0).view(Array)
    gone = weakref.ref(array)
    x = torch.from_dlpack(array)
    view = x[10:]
    del array, x
    gc.collect()
    assert gone() is not None and view[0].item() == 10
    del view
    gc.collect()
    assert gone() is None


def test_the_memory_of_a_tensor_lives_as_long_as_the_array():
    x = torch.arange(5000.0)
    gone = weakref.ref(x.untyped_storage())
    array = np.from_dlpack(x)
    del x
    gc.collect()
    assert gone() is not None and array[4999] == 4999
    del array
    assert gone() is None


@pytest.mark.parametrize("version", [None, (0, 8), (1, 0), (2, 3)])
def test_a_capsule_that_nobody_takes_frees_its_tensor(version):
    x = torch.arange(5000.0)
    gone = weakref.ref(x.untyped_storage())
    capsule = x.__dlpack__(max_version=version)
    assert ('"dltensor_versioned"' in repr(capsule)) == (version is not None and version >= (1, 0))
    del x
    assert gone() is not None
    del capsule
    assert gone() is None


@pytest.mark.parametrize("version", [None, (1, 0)])
def test_a_capsule_is_used_once(version):
    x = torch.arange(3.0)
    capsule = x.__dlpack__(max_version=version)
    y = torch.from_dlpack(capsule)
    assert y.data_ptr() == x.data_ptr() and '"used_dltensor' in repr(capsule)
    with pytest.raises(RuntimeError, match="consumed only once"):
        torch.from_dlpack(capsule)
    del capsule
    assert y.tolist() == [0, 1, 2]


def test_the_functions_of_utils():
    x = torch.arange(3.0)
    assert dlpack.from_dlpack is torch.from_dlpack
    y = torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(x))
    assert y.data_ptr() == x.data_ptr()


def test_the_device():
    kind, index = torch.ones(1).__dlpack_device__()
    assert kind is dlpack.DLDeviceType.kDLCPU and (kind, index) == (1, 0)
    with pytest.raises(ValueError, match="Unknown device type meta for Dlpack"):
        torch.ones(1, device="meta").__dlpack_device__()


def test_copies_on_request():
    x = torch.arange(3.0)
    assert torch.from_dlpack(x, copy=True).data_ptr() != x.data_ptr()
    assert torch.from_dlpack(x, copy=False).data_ptr() == x.data_ptr()
    assert torch.from_dlpack(x, device="cpu").data_ptr() == x.data_ptr()
    array = np.arange(3.0)
    copied = torch.from_dlpack(array, copy=True)
    array[0] = 9
    assert copied.tolist() == [0, 1, 2]
    assert torch.from_dlpack(x, device="meta").is_meta
    with pytest.raises(ValueError, match="without copying"):
        torch.from_dlpack(x, device="meta", copy=False)
    with pytest.raises(AssertionError, match="device and copy kwargs not supported"):
        torch.from_dlpack(x.__dlpack__(), copy=True)


class Old:
    """An array of the time before versions."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, stream=None):
        return self.array.__dlpack__()

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_objects_that_know_no_versions():
    array = np.arange(3.0)
    assert torch.from_dlpack(Old(array)).data_ptr() == array.ctypes.data
    assert torch.from_dlpack(Old(array), copy=True).data_ptr() != array.ctypes.data


def test_asarray_reads_whatever_exports():
    array = np.arange(3.0)
    assert torch.asarray(Old(array)).data_ptr() == array.ctypes.data
    assert torch.asarray(array.__dlpack__()).data_ptr() == array.ctypes.data
    assert torch.asarray(Old(array), copy=True).data_ptr() != array.ctypes.data
    assert torch.asarray(Old(array), copy=False, dtype=torch.float64).data_ptr() == array.ctypes.data


def test_read_only_arrays_are_shared_where_the_capsule_can_say_so():
    array = np.arange(3.0)
    array.flags.writeable = False
    assert torch.from_dlpack(array).data_ptr() == array.ctypes.data
    with pytest.raises(BufferError):
        torch.from_dlpack(Old(array))


def test_tensors_that_are_not_given_away():
    with pytest.raises(BufferError, match="Can't export tensors that require gradient, use tensor.detach()"):
        torch.ones(1, requires_grad=True).__dlpack__()
    with pytest.raises(BufferError, match="Cannot pack tensors on meta"):
        torch.ones(1, device="meta").__dlpack__()
    with pytest.raises(BufferError, match="Cannot pack tensors on meta"):
        dlpack.to_dlpack(torch.ones(1, device="meta"))
    with pytest.raises(AssertionError, match="stream should be None on cpu"):
        torch.ones(1).__dlpack__(stream=1)
    with pytest.raises(TypeError, match="stream must be"):
        torch.ones(1).__dlpack__(stream="a")
    with pytest.raises(NotImplementedError, match="no device"):
        torch.ones(1).__dlpack__(dl_device=(2, 0))


def test_what_is_no_capsule():
    for other in (3, None, [1.0]):
        with pytest.raises(RuntimeError, match="invalid capsule"):
            torch.from_dlpack(other)
    with pytest.raises(BufferError):
        torch.from_dlpack(np.array(["a"]))
    with pytest.raises(ValueError, match="negative strides"):
        torch.from_dlpack(np.arange(3)[::-1])


class Versioned(ctypes.Structure):
    """The beginning of a versioned tensor, as DLPack 1.0 lays it out."""

    _fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("context", ctypes.c_void_p)] + [
        ("deleter", ctypes.c_void_p), ("flags", ctypes.c_uint64), ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16), ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p), ("byte_offset", ctypes.c_uint64),
    ]  # fmt: skip


def fields_of(capsule):
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return Versioned.from_address(pointer(capsule, b"dltensor_versioned"))


def test_the_layout_of_a_versioned_capsule():
    x = torch.ones(2, 3, dtype=torch.float64)
    capsule = x.__dlpack__(max_version=(1, 0), copy=False)
    f = fields_of(capsule)
    assert (f.major, f.minor, f.flags) == (1, 0, 0)
    assert (f.data, f.device_type, f.device_id, f.ndim) == (x.data_ptr(), 1, 0, 2)
    assert (f.code, f.bits, f.lanes, f.byte_offset) == (2, 64, 1, 0)
    copy = x.__dlpack__(max_version=(1, 0), copy=True)
    assert fields_of(copy).flags == 2 and fields_of(copy).data != x.data_ptr()


@pytest.mark.parametrize(
    ("field", "value", "error"),
    [
        ("major", 2, BufferError),
        ("device_type", 2, BufferError),
        ("lanes", 2, BufferError),
        ("code", 3, BufferError),
        ("bits", 128, BufferError),
        ("ndim", 1000, ValueError),
        ("ndim", -1, ValueError),
        ("byte_offset", 1, BufferError),
    ],
)
def test_a_capsule_that_is_refused_is_not_used_up(field, value, error):
    x = torch.arange(5000.0)
    gone = weakref.ref(x.untyped_storage())
    capsule = x.__dlpack__(max_version=(1, 0))
    before = getattr(fields_of(capsule), field)
    setattr(fields_of(capsule), field, value)
    with pytest.raises(error):
        torch.from_dlpack(capsule)
    setattr(fields_of(capsule), field, before)
    assert torch.from_dlpack(capsule).data_ptr() == x.data_ptr()
    del capsule, x
    assert gone() is None


def test_an_offset_in_bytes_and_no_strides():
    x = torch.arange(6.0)
    capsule = x.__dlpack__(max_version=(1, 0))
    f = fields_of(capsule)
    ctypes.cast(f.shape, ctypes.POINTER(ctypes.c_int64))[0] = 4
    f.strides, f.byte_offset = None, 8
    assert torch.from_dlpack(capsule).tolist() == [2, 3, 4, 5]

"""Storages as objects, and tensors that change the memory they look at."""

import gc
import time
import warnings
import weakref

import numpy as np
import pytest

import flambeau as torch
from flambeau.storage import TypedStorage

pytestmark = pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")


def test_a_storage_is_one_object_for_every_tensor_on_it():
    x = torch.arange(6.0)
    assert x.untyped_storage() is x.untyped_storage() is x[1:].untyped_storage()
    assert x.untyped_storage() is not x.clone().untyped_storage()


def test_a_storage_outlives_its_tensor_and_a_tensor_its_storage():
    x = torch.arange(3.0)
    storage = x.untyped_storage()
    del x
    assert np.frombuffer(storage, np.float32).tolist() == [0, 1, 2]
    y = torch.Tensor(storage)
    del storage
    gc.collect()
    assert y.tolist() == [0, 1, 2]


def test_a_storage_lives_as_long_as_a_tensor_needs_it():
    x = torch.zeros(2000)
    seen = weakref.ref(x.untyped_storage())
    assert seen() is x.untyped_storage()
    del x
    assert seen() is None


def test_storages_are_made_from_a_size_or_from_bytes():
    assert torch.UntypedStorage().nbytes() == 0
    assert torch.UntypedStorage(8).nbytes() == len(torch.UntypedStorage(size=8)) == 8
    assert bytes(torch.UntypedStorage([1, 2, 255])) == b"\1\2\xff"
    assert torch.UntypedStorage(3, device="meta").device.type == "meta"
    with pytest.raises(RuntimeError, match="negative"):
        torch.UntypedStorage(-1)
    with pytest.raises(RuntimeError, match="one of the items was of type str"):
        torch.UntypedStorage("a")
    with pytest.raises(TypeError):
        torch.UntypedStorage(3, 4)


def test_set_without_arguments_leaves_nothing():
    x = torch.ones(3, dtype=torch.int64)
    assert x.set_() is x
    assert x.shape == (0,) and x.dtype == torch.int64


def test_set_takes_the_window_of_a_tensor():
    x, y = torch.arange(6.0), torch.zeros(2)
    view = x.view(2, 3).t()
    y.set_(view)
    assert y.shape == (3, 2) and y.stride() == (1, 3)
    y[0, 0] = 9
    assert x[0].item() == 9


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ((1, (2, 2)), [[1, 2], [3, 4]]),
        ((1, (2, 2), (1, 2)), [[1, 3], [2, 4]]),
        ((5, ()), 5),
    ],
)
@pytest.mark.parametrize("source", [lambda t: t, torch.Tensor.untyped_storage, torch.Tensor.storage])
def test_set_takes_a_window_on_a_storage(window, expected, source):
    x = torch.arange(6.0)
    y = torch.zeros(1).set_(source(x), *window)
    assert y.tolist() == expected
    assert y.untyped_storage() is x.untyped_storage()


def test_set_of_a_whole_storage():
    x = torch.arange(6.0)
    assert torch.zeros(1).set_(x[2:].untyped_storage()).tolist() == [0, 1, 2, 3, 4, 5]
    assert torch.zeros(1, dtype=torch.uint8).set_(x.untyped_storage()).shape == (24,)


def test_set_beyond_the_end_grows():
    y = torch.zeros(1).set_(torch.arange(3.0), 1, (20,), (1,))
    assert y.shape == (20,) and y[:2].tolist() == [1, 2]
    assert y.untyped_storage().nbytes() == 84


def test_set_counts_as_a_write():
    x, y = torch.zeros(3), torch.zeros(3)
    y.set_(x)
    assert y._version == 1 and x._version == 0


def test_a_view_that_is_set_elsewhere_is_a_view_no_more():
    base = torch.zeros(3)
    view = base[1:]
    view.set_(torch.ones(2))
    view.add_(1)
    assert (
        view.tolist() == [2, 2] and base.tolist() == [0, 0, 0] and base._version == 2
    )  # they count together
    with pytest.raises(NotImplementedError, match="history"):
        (torch.ones(2, requires_grad=True) * 2).set_(torch.ones(2))


def test_set_invalidates_what_was_saved():
    w = torch.ones(3, requires_grad=True)
    x = torch.ones(3)
    loss = (w * x).sum()
    x.set_(torch.zeros(3))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1, (2,), (1,)), "invalid storage offset -1"),
        ((0, (2,), (-1,)), "overflowed"),
        ((0, (2**40, 2), (2**40, 1)), "overflowed"),
        ((0, (2, 2), (1,)), "unequal size length"),
    ],
)
def test_set_refuses_windows_that_cannot_be(arguments, message):
    y = torch.zeros(2)
    with pytest.raises(RuntimeError, match=message):
        y.set_(torch.arange(6.0), *arguments)
    assert y.tolist() == [0, 0]


def test_set_refuses_other_types_devices_and_leaves():
    with pytest.raises(RuntimeError, match="Could not set tensor of type"):
        torch.zeros(2).set_(torch.zeros(2, dtype=torch.int64))
    with pytest.raises(RuntimeError, match="devices must match"):
        torch.zeros(2).set_(torch.zeros(2, device="meta"))
    with pytest.raises(TypeError, match="invalid combination"):
        torch.zeros(2).set_(3)
    leaf = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        leaf.set_(torch.zeros(2))
    with torch.no_grad():
        assert leaf.set_(torch.zeros(3)).tolist() == [0, 0, 0]
    assert leaf.requires_grad


@pytest.mark.parametrize(
    "borrow",
    [torch.from_numpy, torch.from_dlpack, lambda a: torch.frombuffer(bytearray(a), dtype=torch.float32)],
)
def test_memory_of_others_does_not_grow(borrow):
    x = borrow(np.arange(3, dtype=np.float32))
    for grow in (
        lambda: x.resize_(10),
        lambda: x.resize_as_(torch.ones(2, 2)),
        lambda: torch.zeros(1).set_(x, 0, (10,), (1,)),
        lambda: torch.add(torch.ones(10), 1, out=x[:0]),
    ):
        with pytest.raises(RuntimeError, match="Trying to resize storage that is not resizable"):
            grow()
    assert x.resize_(2).tolist() == [0, 1]
    assert x.resize_(3).tolist() == [0, 1, 2]


def test_resize_as():
    x = torch.arange(6)
    assert x.resize_as_(torch.ones(2, 2)) is x
    assert x.tolist() == [[0, 1], [2, 3]]


def test_map_applies_a_function_to_pairs_and_triples():
    x, y = torch.ones(2, 3), torch.arange(3.0)
    assert x.map_(y, lambda a, b: a + 2 * b) is x
    assert x.tolist() == [[1, 3, 5]] * 2
    assert torch.ones(3).map2_(y, y, lambda a, b, c: a + 2 * b + c).tolist() == [1, 4, 7]
    whole = torch.ones(3, dtype=torch.int32)
    assert whole.map_(whole, lambda a, b: 1.5).tolist() == [1, 1, 1]


def test_map_refuses():
    x = torch.ones(3)
    with pytest.raises(TypeError, match="map_: expected"):
        x.map_(torch.arange(3), max)
    with pytest.raises(TypeError, match="must be Tensor, not float"):
        x.map_(3.0, max)
    with pytest.raises(TypeError, match="not callable"):
        x.map_(x, 3)
    with pytest.raises(TypeError, match="must be real number, not NoneType"):
        x.map_(x, lambda a, b: None)
    with pytest.raises(RuntimeError, match=r"Can't call map2_\(\) on Variable that requires grad"):
        x.map2_(x, torch.ones(3, requires_grad=True), lambda a, b, c: a)
    with pytest.raises(RuntimeError):
        x.map_(torch.ones(2), max)


def test_a_typed_storage_shows_the_elements_in_memory():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    storage = x.t().storage()
    assert isinstance(storage, TypedStorage) and torch.is_storage(storage)
    assert storage.tolist() == list(storage) == [1, 2, 3, 4]
    assert (len(storage), storage.size(), storage.nbytes(), storage.element_size()) == (4, 4, 16, 4)
    assert storage.dtype == torch.float32 and storage.device.type == "cpu"
    assert storage.data_ptr() == x.data_ptr() and storage.untyped() is x.untyped_storage()
    storage[-1] = 9
    assert storage[3] == x[1, 1].item() == 9
    assert storage == x.storage() and storage != x.clone().storage()
    assert repr(storage).endswith("TypedStorage(dtype=torch.float32, device=cpu) of size 4]")
    assert torch.Tensor(storage).data_ptr() == x.data_ptr()
    with pytest.raises(RuntimeError, match="slices"):
        storage[:2]


def test_a_typed_storage_warns_once(monkeypatch):
    monkeypatch.setattr("flambeau.storage._warned", False)
    with pytest.warns(UserWarning, match="TypedStorage is deprecated") as warned:
        torch.ones(1).storage()
        torch.ones(1).storage()
    assert len(warned) == 1 and warned[0].filename == __file__


def test_bytes_are_read_and_written():
    u = torch.UntypedStorage([1, 2, 3, 4])
    assert (u[0], u[-1], list(u), 3 in u) == (1, 4, [1, 2, 3, 4], True)
    u[0], u[1] = 300, -1
    assert u.tolist() == [44, 255, 3, 4]
    u[1:3] = 7
    assert u.tolist() == [44, 7, 7, 4]
    assert repr(u[2:]) == " 7\n 4\n[torch.storage.UntypedStorage(device=cpu) of size 2]"
    for bad in (4, -5):
        with pytest.raises(IndexError, match="out of range for storage of size 4"):
            u[bad]
        with pytest.raises(RuntimeError, match="out of bounds"):
            u[bad] = 1
    with pytest.raises(TypeError, match="can't index a torch.UntypedStorage with str"):
        u["a"]
    with pytest.raises(RuntimeError, match="but got float instead"):
        u[0] = 1.5
    for step in (2, -1):
        with pytest.raises(RuntimeError, match=f"with a step of {step}"):
            u[::step]


def test_a_slice_of_a_storage_shares_and_keeps_its_bytes():
    u = torch.UntypedStorage(list(range(100)))
    part, whole = u[10:20], weakref.ref(u)
    part[0] = 77
    assert u[10] == 77 and part.data_ptr() == u.data_ptr() + 10
    del u
    assert whole() is not None and part.tolist() == [77, *range(11, 20)]
    del part
    assert whole() is None


def test_whole_storages_are_filled_copied_and_cloned():
    u = torch.UntypedStorage(4).fill_(5)
    assert u.tolist() == [5] * 4
    assert u.copy_(torch.UntypedStorage([1, 2, 3, 4])) is u
    copy = u.clone()
    u.fill_(300)
    assert u.tolist() == [44] * 4 and copy.tolist() == [1, 2, 3, 4]
    with pytest.raises(RuntimeError, match="size does not match, self was 4 bytes but src was 2 bytes"):
        u.copy_(torch.UntypedStorage(2))
    assert u.cpu() is u.untyped() is u and u.element_size() == 1
    assert u.resizable() and not torch.from_numpy(np.ones(2)).untyped_storage().resizable()
    with pytest.raises(NotImplementedError, match="resize_"):
        u.resize_(8)


def test_a_storage_without_memory_shows_no_bytes():
    u = torch.UntypedStorage(2, device="meta")
    assert repr(u) == "...\n[torch.storage.UntypedStorage(device=meta) of size 2]"
    for read in (lambda: u[0], u.tolist, u.clone, lambda: u.fill_(0)):
        with pytest.raises(NotImplementedError, match="Not available for 'meta' device type"):
            read()


@pytest.mark.parametrize(
    "dtype", [torch.int16, torch.float32, torch.float64, torch.complex64, torch.complex128]
)
def test_frombuffer_copies_elements_that_are_not_aligned(dtype):
    memory = bytearray(80)
    aligned = next(
        i for i in range(17) if torch.frombuffer(memory, dtype=torch.uint8, offset=i).data_ptr() % 16 == 0
    )
    values = torch.tensor([1, 2], dtype=dtype)
    raw = bytes(values.view(torch.uint8).numpy())
    memory[aligned + 1 : aligned + 1 + len(raw)] = raw
    with pytest.warns(UserWarning, match="not aligned"):
        x = torch.frombuffer(memory, dtype=dtype, count=2, offset=aligned + 1)
    assert x.data_ptr() % dtype.itemsize == 0
    assert torch.equal(x, values)
    memory.clear()  # no export of the buffer is left
    assert torch.equal(x, values)


def odd_bytes():
    memory = torch.zeros(33, dtype=torch.uint8).untyped_storage()
    odd = memory[1:]
    assert odd.data_ptr() % 2 == 1
    return odd


@pytest.mark.parametrize(
    "look",
    [
        lambda odd: torch.empty(0).set_(odd, 0, (2,), (1,)),
        lambda odd: torch.empty(0, dtype=torch.uint8).set_(odd).view(torch.float32),
        lambda odd: torch.frombuffer(memoryview(np.zeros(33, np.uint8))[1:], dtype=torch.uint8).view(
            torch.int16
        ),
        lambda odd: torch.view_as_complex(
            torch.frombuffer(np.zeros(8, np.float32)[1:7], dtype=torch.float32).view(3, 2)
        ),
    ],
)
def test_no_view_has_elements_that_are_not_aligned(look):
    with pytest.raises(RuntimeError, match="not aligned to elements of torch"):
        look(odd_bytes())


def test_a_bool_of_any_byte_is_read_as_its_truth():
    x = torch.tensor([0, 1, 2, 128, 255], dtype=torch.uint8).view(torch.bool)
    assert x.tolist() == [False, True, True, True, True]
    assert [v.item() for v in x] == [False, True, True, True, True]
    assert [bool(v) for v in x] == [False, True, True, True, True]
    assert x[2].item() is True


def test_frombuffer_that_raises_gives_the_buffer_back():
    memory = bytearray(17)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="not aligned"):
            torch.frombuffer(memory, dtype=torch.int64, count=1, offset=1)
    with pytest.raises(ValueError, match="must not be greater than actual buffer length"):
        torch.frombuffer(memory, dtype=torch.int64, count=9)
    memory.append(1)  # which a bytearray refuses while somebody holds its memory
    assert len(memory) == 18


def test_large_blocks_that_nobody_needs_go_back_to_the_system():
    def cached():
        return torch._core.memory_stats()["cached_bytes"]

    torch._core.empty_cache()
    torch.empty(40 << 20)
    kept = cached()
    assert kept >= 160 << 20
    steady = torch.empty(3 << 20)
    for size in (
        5 << 20,
        7 << 20,
    ):  # each needs a new block; the first look notes what lies unused, the second releases it
        time.sleep(0.6)
        del steady
        steady = torch.empty(3 << 20)
        torch.empty(size)
    assert cached() < kept
    del steady
    torch._core.empty_cache()

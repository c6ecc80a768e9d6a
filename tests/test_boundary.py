"""The boundary between Python and the core: what is read once stays read, and nothing that Python does ends the process."""

import os
import threading
import warnings
import zlib

import numpy as np
import pytest

import flambeau as torch


class Text(int):
    def __repr__(self):
        return "\ud800"


@pytest.mark.parametrize(
    "call",
    [
        lambda x: torch.device("\ud800"),
        lambda x: repr(torch.Size([Text(3)])),
        lambda x: torch.add(x, x, **{"\ud800": 1}),
        lambda x: torch.tensor(1, **{"\ud800": 1}),
        lambda x: torch.div(x, x, rounding_mode="\ud800"),
    ],
)
def test_text_that_is_no_valid_unicode_raises(call):
    with pytest.raises(UnicodeEncodeError):
        call(torch.zeros(2))


def test_a_generator_without_its_constructor_is_refused():
    with pytest.raises(RuntimeError, match="without its constructor"):
        torch.rand(3, generator=torch.Generator.__new__(torch.Generator))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_a_result_goes_to_a_complex_target_or_is_refused(dtype):
    x = torch.tensor([0.5, 1.0, 2.0])
    for name in ("asinh", "nan_to_num", "log1p", "cumsum", "sum", "relu", "round"):
        target = torch.empty(0, dtype=dtype)
        arguments = (0,) if name in ("cumsum", "sum") else ()
        try:
            getattr(torch, name)(x, *arguments, out=target)
        except (AttributeError, TypeError, RuntimeError, NotImplementedError):
            continue
        expected = getattr(torch, name)(x, *arguments)
        assert target.shape == expected.shape


class Meddler:
    """An integer whose __index__ changes something else first."""

    def __init__(self, meddle, value=0):
        self.meddle, self.value = meddle, value

    def __index__(self):
        self.meddle()
        return self.value


def test_a_key_is_read_before_it_can_change():
    key = []
    key[:] = [slice(None), Meddler(key.clear, 1), None, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert torch.arange(8).view(2, 2, 2)[key].tolist() == [[2], [6]]


def test_the_tensor_is_looked_at_after_the_key_was_read():
    x = torch.zeros(4, 4, 4)
    meddler = Meddler(lambda: setattr(x, "data", torch.zeros(())))
    with pytest.raises(IndexError, match="too many indices"):
        x[meddler, 2, 3]


def test_sizes_are_read_before_they_can_change():
    sizes = []
    sizes[:] = [Meddler(sizes.clear, 2), 3]
    assert torch.zeros(sizes).shape == (2, 3)


def test_data_that_changes_while_it_is_read_is_refused():
    rows = []
    rows[:] = [1, Meddler(rows.clear), 3, 4]
    with pytest.raises((RuntimeError, ValueError)):
        torch.tensor(rows, dtype=torch.int64)


def test_a_list_of_targets_may_be_cleared_by_a_warning():
    targets = [torch.ones(5), torch.ones(5, dtype=torch.int64)]

    def meddle(*args, **keywords):
        targets.clear()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = meddle
        result = torch.max(torch.tensor([[1.0, 2.0], [4.0, 3.0]]), 1, out=targets)
    assert targets == [] and result.values.tolist() == [2.0, 4.0] and result.indices.tolist() == [1, 0]


def test_exceptions_of_a_sequence_come_through():
    class Broken:
        def __len__(self):
            raise KeyError("length")

        def __getitem__(self, i):
            raise KeyError("item")

    with pytest.raises(KeyError):
        torch.tensor(Broken())


@pytest.mark.parametrize(
    "call",
    [
        lambda: torch.tensor_split(torch.zeros(4), 2**62),
        lambda: torch.hsplit(torch.zeros(0), 2**62),
        lambda: torch.tril_indices(2**62, 1),
        lambda: torch.tril_indices(4, 2**62, 2**62),
        lambda: torch.triu_indices(2**62, 2**62),
        lambda: torch.tril_indices(2**31, 2**62, 2**63 - 1),
    ],
)
def test_counts_beyond_reason_are_refused(call):
    with pytest.raises(RuntimeError):
        call()


def test_an_empty_triangle_of_many_rows_is_empty():
    assert torch.tril_indices(2 * 10**9, 0).shape == (2, 0)
    assert torch.tril_indices(2**31, 1000, -(2**63)).shape == (2, 0)
    assert torch.triu_indices(2 * 10**9, 3, 2).tolist() == [[0], [2]]


@pytest.mark.parametrize("offset", range(-5, 7))
def test_triangle_indices_are_those_of_the_triangle(offset):
    for rows, columns in ((4, 5), (3, 2), (0, 3), (1, 1)):
        ones = torch.ones(rows, columns)
        for indices, triangle in ((torch.tril_indices, torch.tril), (torch.triu_indices, torch.triu)):
            expected = triangle(ones, offset).nonzero().T
            assert indices(rows, columns, offset).tolist() == expected.tolist()


def test_read_only_arrays_read_by_several_threads_keep_the_warning_of_others():
    array = np.arange(4.0)
    array.flags.writeable = False

    def work():
        for _ in range(200):
            torch.tensor(array)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        with pytest.warns(UserWarning):
            torch.range(0, 3)
    for thread in threads:
        thread.join()


def test_a_forked_child_draws_though_another_thread_was_drawing():
    stop = []

    def draw():
        while not stop:
            torch.rand(200_000)

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            children = []
            for _ in range(10):
                child = os.fork()
                if child == 0:
                    torch.rand(3)
                    os._exit(7)
                children.append(child)
    finally:
        stop.append(True)
        thread.join()
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [7] * 10


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ([[1, 2], [0, 3]], [6, 15]),
        ([[1, 2], [0]], [6, 12]),
        ([1, [0, 3]], [6, 9]),
        ([slice(0, 2), 1], [1, 7]),
        ([range(2), range(2)], [0, 7]),
    ],
)
def test_a_sequence_of_more_than_numbers_is_a_key_with_a_warning(key, expected):
    with pytest.warns(UserWarning, match="non-tuple sequence"):
        assert torch.arange(24).view(4, 6)[key].tolist() == expected


def test_bytes_are_masks_with_one_warning_each():
    mask = torch.tensor([1, 0, 1, 0], dtype=torch.uint8)
    with pytest.warns(UserWarning, match="torch.uint8 is now deprecated") as caught:
        assert torch.arange(4)[mask].tolist() == [0, 2]
        torch.eye(4)[mask, mask]
    assert len(caught) == 3


@pytest.mark.parametrize("key", [1.0, (0, 1.5), np.float64(1), 1j, {}, torch.tensor(1.0)])
def test_what_is_no_index_is_an_index_error(key):
    with pytest.raises(IndexError):
        torch.zeros(4, 6)[key]


def test_an_index_out_of_range_names_its_place_in_the_key():
    with pytest.raises(IndexError, match="index 9 is out of bounds for dimension 2 with size 4"):
        torch.zeros(2, 3, 4)[0, 0, 9]
    with pytest.raises(ValueError, match="Overflow"):
        torch.zeros(2)[2**70]


def test_arrays_of_subclasses_share_their_memory(tmp_path):
    np.arange(6, dtype=np.int64).tofile(tmp_path / "items")
    mapped = np.memmap(tmp_path / "items", dtype=np.int64, mode="r+")
    own = np.zeros(3).view(type("Own", (np.ndarray,), {}))
    tensor = torch.from_numpy(own)
    tensor[0] = 7
    assert torch.from_numpy(mapped).tolist() == [0, 1, 2, 3, 4, 5] and own[0] == 7
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        assert torch.tensor(np.matrix([[1.0, 2.0]])).tolist() == [[1.0, 2.0]]


def test_arrays_of_int64_are_numpys_int64():
    assert type(torch.tensor([1]).numpy()[0]) is np.int64


def test_exported_memory_honours_what_the_consumer_asks():
    matrix = torch.arange(6).view(2, 3)
    assert zlib.crc32(torch._core._tensor_memory(matrix).obj) == zlib.crc32(matrix.numpy().tobytes())
    with pytest.raises(BufferError, match="order that was asked for"):
        zlib.crc32(torch._core._tensor_memory(matrix.T).obj)


def test_tensors_have_up_to_64_dimensions():
    x = torch.arange(2.0**20).view([2] * 20)
    y = (x + x.transpose(0, 19)).sum(3)
    assert y.dim() == 19 and y[(1,) + (0,) * 18] == (2**19 + 1) * 2 + 2 * 2**16
    assert x.permute(*reversed(range(20))).contiguous().reshape(-1)[1] == 2**19
    assert x.sum(tuple(range(1, 20))).tolist() == [(2**19 - 1) * 2**18, (2**19 - 1) * 2**18 + 2**38]
    widest = torch.ones([1] * 64)
    assert widest.sum().item() == 1 and (widest + 1).squeeze().item() == 2 and widest.flip(63).dim() == 64
    assert widest.sum(63, keepdim=True).dim() == 64 and widest.squeeze(63).dim() == 63
    for refused in (lambda: torch.zeros([1] * 65), lambda: widest.unsqueeze(0), lambda: widest[None]):
        with pytest.raises(RuntimeError, match="at most 64 dimensions"):
            refused()

"""save and load: the objects that pass, the file format, and the files that are refused.

`checkpoints/pytorch.pt` was written by PyTorch 2.13.
"""

import collections
import contextlib
import copy
import enum
import io
import math
import mmap
import os
import pickle
import struct
import tarfile
import types
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau as torch
from flambeau import _utils, nn, serialization

MODELS = Path(__file__).parent / "checkpoints"
PYTORCH_FILE = MODELS / "pytorch.pt"
DTYPES = [
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
    torch.complex64,
    torch.complex128,
]


def save_bytes(obj, **options) -> bytes:
    file = io.BytesIO()
    torch.save(obj, file, **options)
    return file.getvalue()


def load_bytes(data: bytes, **options):
    return torch.load(io.BytesIO(data), **options)


def round_trip(obj, **options):
    return load_bytes(save_bytes(obj, **options))


def records(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def archive(contents: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as target:
        for name, content in contents.items():
            target.writestr(name, content)
    return file.getvalue()


def checkpoint(pickled: bytes, **storages: bytes) -> bytes:
    """An archive with a pickle of our own making, and `_0`, `_1` ... as its storages."""
    data = {f"archive/data/{name[1:]}": content for name, content in storages.items()}
    return archive(
        {"archive/data.pkl": pickled, "archive/byteorder": b"little", **data, "archive/version": b"3\n"}
    )


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def integer(value: int) -> bytes:
    return b"\x8a" + bytes([16]) + value.to_bytes(16, "little", signed=True)


def integers(*values: int) -> bytes:
    return b"(" + b"".join(map(integer, values)) + b"t"


def name(module: str, qualified: str) -> bytes:
    return f"c{module}\n{qualified}\n".encode()


def storage(count: int = 4, kind: str = "FloatStorage", key: str = "0", location: str = "cpu") -> bytes:
    return b"(" + text("storage") + name("torch", kind) + text(key) + text(location) + integer(count) + b"tQ"


def tensor(
    size=(4,), stride=(1,), offset=0, of: bytes | None = None, requires_grad: bytes = b"\x89"
) -> bytes:
    """Instructions that build a tensor."""
    of = storage() if of is None else of
    view = integer(offset) + integers(*size) + integers(*stride)
    hooks = name("collections", "OrderedDict") + b")R"
    return name("torch._utils", "_rebuild_tensor_v2") + b"(" + of + view + requires_grad + hooks + b"tR"


def pickled(*instructions: bytes) -> bytes:
    return b"\x80\x02" + b"".join(instructions) + b"."


SYSTEM = name("os", "system") + text("touch canary") + b"\x85R"
FOUR_FLOATS = struct.pack("<4f", 1, 2, 3, 4)


# What passes


@pytest.mark.parametrize(
    "obj",
    [
        None,
        True,
        0,
        -1,
        255,
        256,
        70000,
        -(2**31),
        10**30,
        1.5,
        1 + 2j,
        "text",
        "x\u00e9\U0001f600\ud800",
        b"",
        b"\x00\xff",
        bytearray(b"ab"),
        (),
        (1,),
        (1, 2),
        (1, 2, 3),
        (1, 2, 3, 4),
        [],
        [1, [2, [3]]],
        {},
        {"a": {1: None, (1, "b"): [2.0]}},
        {1, 2},
        frozenset({"a"}),
        collections.OrderedDict([("b", 1), ("a", 2)]),
        collections.Counter("aab"),
        torch.Size([2, 3]),
        torch.float32,
        torch.device("cpu"),
        list(range(3000)),
        {str(i): i for i in range(3000)},
    ],
    ids=lambda obj: f"{type(obj).__name__}-{str(obj)[:12]!a}",
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_plain_objects_come_back_equal_and_of_the_same_type(obj, protocol):
    result = round_trip(obj, pickle_protocol=protocol)
    assert type(result) is type(obj)
    assert result == obj


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_tensors_keep_type_and_values(dtype):
    source = torch.tensor([[0, 1, 2], [3, 100, 1]]).to(dtype)
    result = round_trip(source)
    assert result.dtype == dtype
    assert result.tolist() == source.tolist()


def test_views_keep_size_stride_offset_and_shared_memory():
    base = torch.arange(12.0).view(3, 4)
    loaded = round_trip({"base": base, "column": base[1:, 2], "transposed": base.t()})
    column = loaded["column"]
    assert (tuple(column.size()), column.stride(), column.storage_offset()) == ((2,), (4,), 6)
    assert loaded["transposed"].stride() == (1, 4)
    loaded["base"][1, 2] = -5.0
    assert column.tolist() == [-5.0, 10.0]
    assert loaded["transposed"][2, 1].item() == -5.0


def test_an_expanded_tensor_stays_one_element_in_memory():
    loaded = round_trip(torch.ones(1).expand(1000, 1000))
    assert loaded.stride() == (0, 0)
    assert loaded.untyped_storage().nbytes() == 4


@pytest.mark.parametrize("size", [(0,), (0, 3), (2, 0)])
def test_empty_tensors_keep_their_size(size):
    assert tuple(round_trip(torch.empty(size)).size()) == size


def test_scalars_keep_having_no_dimension():
    assert round_trip(torch.tensor(2.5)).item() == 2.5


def test_the_same_object_twice_is_one_object_after_loading():
    item = torch.ones(2)
    first, second = round_trip([item, item])
    assert first is second


def test_requires_grad_is_kept_and_the_history_is_not():
    leaf, result = round_trip([torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True) * 2])
    assert leaf.requires_grad
    assert result.requires_grad
    assert result.is_leaf


def test_parameters_stay_parameters():
    parameter, frozen = round_trip(
        [nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2), requires_grad=False)]
    )
    assert type(parameter) is nn.Parameter
    assert parameter.requires_grad
    assert not frozen.requires_grad


def test_attributes_of_tensors_and_parameters_are_kept():
    plain, parameter = torch.ones(1), nn.Parameter(torch.ones(1))
    plain.note = {"a": 1}
    parameter.tag = "t"
    plain, parameter = round_trip([plain, parameter])
    assert plain.note == {"a": 1}
    assert parameter.tag == "t"


def test_a_state_dict_fills_a_new_model():
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    other = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))
    state = round_trip(model.state_dict())
    assert state._metadata == model.state_dict()._metadata
    other.load_state_dict(state)
    inputs = torch.ones(1, 3)
    assert other(inputs).tolist() == model(inputs).tolist()


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_an_optimizer_goes_on_where_it_was_saved(kind):
    options = {"lr": 0.1, "momentum": 0.9} if kind == "SGD" else {"lr": 0.1}

    def step(parameter, optimizer):
        optimizer.zero_grad()
        (parameter * parameter).sum().backward()
        optimizer.step()

    parameter = nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = getattr(torch.optim, kind)([parameter], **options)
    step(parameter, optimizer)
    other = nn.Parameter(parameter.detach().clone())
    resumed = getattr(torch.optim, kind)([other], **options)
    resumed.load_state_dict(round_trip(optimizer.state_dict()))
    step(parameter, optimizer)
    step(other, resumed)
    assert other.tolist() == parameter.tolist()


def test_a_storage_comes_back_with_its_bytes():
    assert bytes(memoryview(round_trip(torch.tensor([1, 2], dtype=torch.uint8).untyped_storage()))) == b"\1\2"


# Where it goes


@pytest.mark.parametrize("kind", [str, Path])
def test_paths_are_taken_as_text_and_as_objects(tmp_path, kind):
    path = kind(tmp_path / "model.pt")
    torch.save([1], path)
    assert torch.load(path) == [1]


def test_open_files_are_taken(tmp_path):
    with open(tmp_path / "model.pt", "wb") as file:
        torch.save([1], file)
    with open(tmp_path / "model.pt", "rb") as file:
        assert torch.load(file) == [1]


def test_a_file_that_can_only_be_written_to_will_do():
    class Sink:
        def __init__(self):
            self.data = b""

        def write(self, data):
            self.data += bytes(data)
            return len(data)

        def flush(self):
            pass

    sink = Sink()
    torch.save({"a": torch.ones(3)}, sink)
    assert load_bytes(sink.data)["a"].tolist() == [1, 1, 1]


def test_a_failing_save_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "model.pt"
    torch.save([1], path)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        torch.save([torch.ones(2), lambda: None], path)
    assert torch.load(path) == [1]
    assert os.listdir(tmp_path) == ["model.pt"]


def test_a_save_that_fails_while_writing_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    torch.save([1], path)

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("flambeau._utils.storage_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        torch.save(torch.ones(2), path)
    assert torch.load(path) == [1]
    assert os.listdir(tmp_path) == ["model.pt"]


def test_a_new_file_gets_the_usual_permissions_and_an_old_one_keeps_its_own(tmp_path):
    path = tmp_path / "model.pt"
    previous = os.umask(0o027)
    try:
        torch.save([1], path)
    finally:
        os.umask(previous)
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o604)
    torch.save([2], path)
    assert path.stat().st_mode & 0o777 == 0o604


def test_saving_through_a_symbolic_link_changes_what_it_points_to(tmp_path):
    torch.save([1], tmp_path / "model.pt")
    (tmp_path / "latest.pt").symlink_to("model.pt")
    torch.save([2], tmp_path / "latest.pt")
    assert (tmp_path / "latest.pt").is_symlink()
    assert torch.load(tmp_path / "model.pt") == [2]


def test_saving_into_a_missing_folder_names_it(tmp_path):
    with pytest.raises(RuntimeError, match=f"Parent directory {tmp_path}/none does not exist"):
        torch.save([1], tmp_path / "none" / "model.pt")


def test_what_is_neither_path_nor_file_is_refused():
    with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like object"):
        torch.save([1], 5)
    with pytest.raises(AttributeError, match="You can only torch.load from a file that is seekable"):
        torch.load(5)


# The file


def test_the_archive_is_laid_out_as_pytorch_lays_it_out(tmp_path):
    torch.save([torch.ones(1), torch.ones(2)], tmp_path / "my.model.pt")
    with zipfile.ZipFile(tmp_path / "my.model.pt") as file:
        names = [entry.partition("/")[2] for entry in file.namelist()]
        assert {entry.partition("/")[0] for entry in file.namelist()} == {"my.model"}
    assert names == [
        "data.pkl",
        ".format_version",
        ".storage_alignment",
        "byteorder",
        "data/0",
        "data/1",
        "version",
        ".data/serialization_id",
    ]
    content = records(save_bytes([]))
    assert content["archive/version"] == b"3\n"
    assert content["archive/byteorder"] == b"little"
    assert content["archive/.format_version"] == b"1"
    assert content["archive/.storage_alignment"] == b"64"


def test_every_record_is_stored_plainly_from_a_multiple_of_64_bytes_on():
    data = save_bytes({"a": torch.ones(3), "b": torch.ones(100)})
    for info in zipfile.ZipFile(io.BytesIO(data)).infolist():
        name_length, extra_length = struct.unpack_from("<HH", data, info.header_offset + 26)
        assert (info.header_offset + 30 + name_length + extra_length) % 64 == 0
        assert info.compress_type == zipfile.ZIP_STORED


def test_the_pickle_holds_pytorchs_names_only():
    parameter = nn.Parameter(torch.ones(1))
    parameter.tag = 1
    content = records(save_bytes([parameter, torch.Size([1]), torch.float32, torch.device("cpu"), nn.Linear]))
    assert b"flambeau" not in content["archive/data.pkl"]
    assert b"ctorch._utils\n_rebuild_parameter_with_state\n" in content["archive/data.pkl"]
    assert b"ctorch\nFloatStorage\n" in content["archive/data.pkl"]
    assert b"ctorch.nn.modules.linear\nLinear\n" in content["archive/data.pkl"]


@pytest.mark.parametrize(
    ("obj", "home"),
    [
        (nn.functional.relu, b"torch.nn.functional\nrelu"),
        (nn.InstanceNorm2d, b"torch.nn.modules.instancenorm\nInstanceNorm2d"),
        (nn.PixelShuffle, b"torch.nn.modules.pixelshuffle\nPixelShuffle"),
        (torch.optim.lr_scheduler.StepLR, b"torch.optim.lr_scheduler\nStepLR"),
        (torch.save, b"torch.serialization\nsave"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_stands_in_another_module_here_has_pytorchs_name_and_loads_by_it(obj, home):
    data = save_bytes(obj)
    assert b"c" + home + b"\n" in records(data)["archive/data.pkl"]
    assert load_bytes(data, weights_only=False) is obj


def test_shared_memory_is_written_once():
    base = torch.ones(1000)
    content = records(save_bytes([base, base[10:], base.view(10, 100)]))
    assert [entry for entry in content if "/data/" in entry] == ["archive/data/0"]


def test_the_same_object_gives_the_same_file():
    obj = {"a": torch.ones(3), "b": [1, "x"]}
    assert save_bytes(obj) == save_bytes(obj)


def test_memory_seen_as_two_types_is_refused():
    source = torch.ones(2)
    with pytest.raises(
        RuntimeError, match="Cannot save multiple tensors or storages that view the same data"
    ):
        save_bytes([source, source.untyped_storage()])


@pytest.fixture(scope="module")
def from_pytorch():
    return torch.load(PYTORCH_FILE)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("size", torch.Size([1, 2])),
        ("dtype", torch.float32),
        ("device", torch.device("cpu")),
        ("bytes", b"\x00\xff"),
        ("bytearray", bytearray(b"ab")),
        ("set", {1, 2}),
        ("complex", 1 + 2j),
        ("none", None),
        ("true", True),
        ("float", 1.5),
        ("large", 10**30),
        ("negative", -3),
        ("text", "x\u00e9\U0001f600"),
        ("tuple", (1, (2, 3))),
        ("list", [1, [2]]),
        ("counter", collections.Counter("aab")),
        ("ordered", collections.OrderedDict([("b", 1), ("a", 2)])),
    ],
)
def test_pytorchs_file_gives_plain_objects(from_pytorch, key, expected):
    assert type(from_pytorch[key]) is type(expected)
    assert from_pytorch[key] == expected


@pytest.mark.parametrize(
    ("key", "dtype", "expected"),
    [
        ("bool", torch.bool, [True, False]),
        ("uint8", torch.uint8, [255]),
        ("int8", torch.int8, [-1]),
        ("int16", torch.int16, [-300]),
        ("int32", torch.int32, [70000]),
        ("int64", torch.int64, [2**40]),
        ("float64", torch.float64, [0.1]),
        ("base", torch.float32, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]),
        ("transposed", torch.float32, [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]]),
        ("column", torch.float32, [6, 10]),
        ("expanded", torch.float32, [[1, 1], [1, 1], [1, 1]]),
        ("empty", torch.float32, []),
        ("leaf", torch.float32, [1, 1]),
        ("parameter", torch.float32, [1, -2]),
    ],
)
def test_pytorchs_file_gives_tensors(from_pytorch, key, dtype, expected):
    assert from_pytorch[key].dtype == dtype
    assert from_pytorch[key].tolist() == expected


def test_pytorchs_file_gives_parameters_attributes_and_shared_memory(from_pytorch):
    assert type(from_pytorch["parameter"]) is nn.Parameter
    assert from_pytorch["leaf"].requires_grad
    assert from_pytorch["attributes"].note == {"bar": 1}
    assert from_pytorch["tagged"].tag == "t"
    assert from_pytorch["base"].data_ptr() + 24 == from_pytorch["column"].data_ptr()


def test_pytorchs_file_gives_models_and_optimizers(from_pytorch):
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    model.load_state_dict(from_pytorch["model"])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.1)
    optimizer.load_state_dict(from_pytorch["optimizer"])
    assert optimizer.param_groups[0]["momentum"] == 0.9
    assert optimizer.state[model[1].bias]["momentum_buffer"].tolist() == [1.0]


def test_pytorchs_complex_numbers_load():
    loaded = torch.load(MODELS / "pytorch_complex.pt")
    assert (loaded["complex64"].dtype, loaded["complex64"].tolist()) == (torch.complex64, [1 + 2j, -3j])
    assert (loaded["complex128"].dtype, loaded["complex128"].tolist()) == (torch.complex128, [0.1 + 0.2j])
    assert loaded["conjugate"].tolist() == [
        1 - 2j
    ]  # PyTorch saves the number and that it is to be conjugated


def test_complex_numbers_of_the_other_byte_order_are_read():
    content = {
        "archive/data.pkl": pickled(tensor(size=(2,), of=storage(2, "ComplexFloatStorage"))),
        "archive/data/0": struct.pack(">4f", 1, 2, 3, 4),
        "archive/byteorder": b"big",
    }
    assert load_bytes(archive(content)).tolist() == [1 + 2j, 3 + 4j]


@pytest.mark.parametrize("weights_only", [True, False])
def test_a_tensor_may_name_its_type_itself(weights_only):
    untyped = (
        b"("
        + text("storage")
        + name("torch.storage", "UntypedStorage")
        + text("0")
        + text("cpu")
        + integer(16)
        + b"tQ"
    )
    view = integer(1) + integers(3) + integers(1) + b"\x89" + name("collections", "OrderedDict") + b")R"
    call = (
        name("torch._utils", "_rebuild_tensor_v3") + b"(" + untyped + view + name("torch", "float32") + b"tR"
    )
    assert load_bytes(checkpoint(pickled(call), _0=FOUR_FLOATS), weights_only=weights_only).tolist() == [
        2,
        3,
        4,
    ]


@pytest.mark.parametrize("weights_only", [True, False])
def test_element_types_without_a_storage_class_are_saved_by_the_tensor(weights_only, monkeypatch):
    monkeypatch.setattr(_utils, "_WITHOUT_STORAGE_CLASS", ("torch.int16",))  # as uint16 is
    source = torch.tensor([1, -2, 3], dtype=torch.int16)[1:]
    data = save_bytes(source)
    assert b"_rebuild_tensor_v3" in data
    assert b"torch.storage\nUntypedStorage" in data
    for result in (load_bytes(data, weights_only=weights_only), pickle.loads(pickle.dumps(source))):
        assert result.dtype == torch.int16
        assert result.tolist() == [-2, 3]


# Several objects in one file, and files of few means


@pytest.mark.parametrize("zipped", [True, False])
def test_objects_saved_into_one_file_load_one_after_the_other(zipped):
    file = io.BytesIO()
    pickle.dump(41, file)
    objects = [[1], {"a": 2}, "x"]
    for obj in objects:
        torch.save([obj, torch.full((300,), len(obj))], file, _use_new_zipfile_serialization=zipped)
    file.write(b"the end")
    file.seek(0)
    assert pickle.load(file) == 41
    for obj in objects:
        loaded, numbers = torch.load(file)
        assert loaded == obj
        assert numbers.tolist() == [len(obj)] * 300
    assert file.read() == b"the end"


def test_a_checkpoint_inside_a_checkpoint_is_not_mistaken_for_its_end():
    inner = save_bytes(torch.ones(3))
    file = io.BytesIO()
    torch.save(torch.tensor(list(inner), dtype=torch.uint8), file)
    file.write(b"more")
    file.seek(0)
    assert bytes(torch.load(file).tolist()) == inner


class Plain:
    """A file that can read, seek and tell, and nothing else."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, count):
        return self._file.read(count)

    def seek(self, *place):
        return self._file.seek(*place)

    def tell(self):
        return self._file.tell()


class PlainInto(Plain):
    def readinto(self, target):
        return self._file.readinto(target)


@pytest.mark.parametrize("kind", [Plain, PlainInto])
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("weights_only", [True, False])
def test_a_file_that_can_only_read_seek_and_tell_will_do(kind, zipped, weights_only):
    file = kind(save_bytes({"a": torch.ones(3)}, _use_new_zipfile_serialization=zipped))
    assert torch.load(file, weights_only=weights_only)["a"].tolist() == [1, 1, 1]


def test_unbuffered_files_are_written_to_the_end(tmp_path):
    class Sips(io.RawIOBase):
        def __init__(self):
            self.data = b""

        def writable(self):
            return True

        def write(self, data):
            piece = bytes(data[:7])
            self.data += piece
            return len(piece)

    file = Sips()
    torch.save(torch.arange(50), file)
    assert load_bytes(file.data).tolist() == list(range(50))


def test_an_empty_view_behind_its_storage_passes():
    view = torch.zeros(3, 0)[2]
    for result in (round_trip(view), copy.deepcopy(view), pickle.loads(pickle.dumps(view))):
        assert tuple(result.size()) == (0,)


def test_an_empty_view_keeps_its_place():
    view = torch.arange(4.0)[3:3]
    for result in (round_trip(view), copy.deepcopy(view), pickle.loads(pickle.dumps(view))):
        assert tuple(result.size()) == (0,)
        assert result.storage_offset() == 3


# Any object


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Tagged(torch.Tensor):
    __slots__ = ("label",)


def test_pytorchs_whole_models_load_when_asked():
    model = torch.load(MODELS / "pytorch_model.pt", weights_only=False)
    assert type(model) is nn.Sequential
    # The parameters are 0.5 k - i at place k of the i-th: relu([1, 4] + [-1, -0.5]) @ [-2, -1.5] - 3.
    assert model(torch.tensor([[1.0, 2.0]])).tolist() == [[-8.25]]


def test_old_files_may_hold_a_class_together_with_its_source():
    kind = (
        b"("
        + text("module")
        + name("torch.nn.modules.activation", "ReLU")
        + text("a.py")
        + text("source")
        + b"tQ"
    )
    obj = pickled(kind + b")\x81}" + text("training") + b"\x89sb")
    header = b"".join(
        pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    )
    loaded = load_bytes(header + obj + pickle.dumps([], 2), weights_only=False)
    assert type(loaded) is nn.ReLU
    assert not loaded.training


@pytest.mark.parametrize("zipped", [True, False])
def test_whole_models_of_ones_own_come_back(zipped):
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    model.point = Point(1, torch.ones(2))
    data = save_bytes(model, _use_new_zipfile_serialization=zipped)
    loaded = load_bytes(data, weights_only=False)
    inputs = torch.ones(1, 3)
    assert loaded(inputs).tolist() == model(inputs).tolist()
    assert loaded.point.y.tolist() == [1, 1]


def test_a_class_that_is_missing_here_is_named():
    data = checkpoint(pickled(name("torch.nn.modules.nowhere", "Nothing")))
    with pytest.raises(
        pickle.UnpicklingError, match=r"Flambeau has no flambeau\.nn\.modules\.nowhere\.Nothing"
    ):
        load_bytes(data, weights_only=False)


def test_the_arguments_of_an_unpickler_go_through_when_any_object_may_load():
    with pytest.raises(TypeError, match="strict"):
        load_bytes(save_bytes([]), weights_only=False, strict=True)


@pytest.mark.parametrize(
    ("encoding", "expected"), [("latin1", "\xe9"), ("bytes", b"\xe9")], ids=["latin1", "bytes"]
)
@pytest.mark.parametrize("weights_only", [True, False])
def test_texts_from_python_2_are_decoded_as_asked(encoding, expected, weights_only):
    data = checkpoint(pickled(b"U\x01\xe9"))
    assert load_bytes(data, encoding=encoding, weights_only=weights_only) == expected


class Recording(types.ModuleType):
    """A pickle module that counts what it is asked."""

    def __init__(self, base):
        super().__init__("recording")
        self.calls = calls = []

        class Pickler(base):
            def dump(self, obj):
                calls.append("dump")
                super().dump(obj)

        class Unpickler(pickle.Unpickler):
            def load(self):
                calls.append("load")
                return super().load()

        self.Pickler, self.Unpickler = Pickler, Unpickler


@pytest.mark.parametrize("base", [pickle._Pickler, pickle.Pickler], ids=["Python", "C"])
@pytest.mark.parametrize("zipped", [True, False])
def test_another_pickle_module_writes_and_reads(base, zipped):
    module = Recording(base)
    source = {"a": torch.arange(3), "p": nn.Parameter(torch.ones(1)), "m": nn.Linear(1, 1), "b": Point(1, 2)}
    data = save_bytes(source, pickle_module=module, _use_new_zipfile_serialization=zipped)
    loaded = load_bytes(data, pickle_module=module)
    assert module.calls == ["dump", "load"]
    assert loaded["a"].tolist() == [0, 1, 2]
    assert type(loaded["p"]) is nn.Parameter
    assert loaded["m"].weight.tolist() == source["m"].weight.tolist()
    assert loaded["b"].y == 2


def test_a_pickle_module_and_weights_only_exclude_each_other():
    with pytest.raises(RuntimeError, match="Can not safely load weights when explicit pickle_module"):
        load_bytes(save_bytes([]), pickle_module=pickle, weights_only=True)


def test_the_environment_can_force_either_way(monkeypatch):
    data = save_bytes(Point(1, 2))
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    assert load_bytes(data).x == 1
    with pytest.raises(pickle.UnpicklingError):
        load_bytes(data, weights_only=True)
    monkeypatch.delenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(pickle.UnpicklingError):
        load_bytes(data, weights_only=False)


# What has been declared safe


@pytest.mark.parametrize("source", [Point(1, [torch.ones(2)]), Slotted(3)], ids=["dictionary", "slots"])
def test_objects_of_safe_classes_load(source):
    data = save_bytes(source)
    with serialization.safe_globals([type(source)]):
        loaded = load_bytes(data)
    assert type(loaded) is type(source)
    if isinstance(source, Point):
        assert loaded.y[0].tolist() == [1, 1]
    else:
        assert loaded.value == 3
    with pytest.raises(pickle.UnpicklingError, match=r"add_safe_globals\(\[.*\.(Point|Slotted)\]\)"):
        load_bytes(data)


class Colour(enum.Enum):
    RED = 1


def test_members_of_a_safe_enumeration_are_keys():
    with serialization.safe_globals([Colour]):
        assert round_trip({Colour.RED: 1}) == {Colour.RED: 1}


def test_safe_functions_are_called_and_blocked_ones_never():
    call = name("math", "sqrt") + b"G" + struct.pack(">d", 16.0) + b"\x85R"
    with serialization.safe_globals([math.sqrt]):
        assert load_bytes(checkpoint(pickled(call))) == 4.0
    with serialization.safe_globals([os.system]), pytest.raises(pickle.UnpicklingError, match="is blocked"):
        load_bytes(checkpoint(pickled(SYSTEM)))


def test_a_safe_class_may_go_by_another_name():
    data = checkpoint(pickled(name("old.place", "Dot") + b")\x81}" + text("x") + b"K\x07sb"))
    with serialization.safe_globals([(Point, "old.place.Dot")]):
        assert load_bytes(data).x == 7


def test_whole_models_load_by_declaring_their_classes():
    model = nn.Linear(2, 1)
    with serialization.safe_globals([nn.Linear]):
        assert load_bytes(save_bytes(model)).weight.tolist() == model.weight.tolist()


def test_tensors_of_a_safe_subclass_keep_class_and_slots():
    source = torch.ones(2).as_subclass(Tagged)
    source.label = "x"
    with serialization.safe_globals([Tagged]):
        loaded = load_bytes(save_bytes(source))
    assert type(loaded) is Tagged
    assert loaded.label == "x"


def test_arrays_load_by_declaring_what_numpy_needs():
    numpy = pytest.importorskip("numpy")
    data = save_bytes(numpy.arange(3.0))
    needed = serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data))
    reconstruct = numpy.arange(1).__reduce__()[0]
    assert set(needed) >= {"numpy.dtype", "numpy.ndarray"}
    with serialization.safe_globals([reconstruct, numpy.ndarray, numpy.dtype, type(numpy.dtype(float))]):
        assert load_bytes(data).tolist() == [0, 1, 2]


def test_declarations_are_listed_and_taken_back():
    serialization.add_safe_globals([Point])
    assert Point in serialization.get_safe_globals()
    serialization.clear_safe_globals()
    assert serialization.get_safe_globals() == []


def test_the_globals_that_are_not_safe_are_listed():
    data = save_bytes([Point(1, 2), nn.ReLU(), torch.ones(1)], pickle_protocol=4)
    needed = serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data))
    assert needed == [f"{Point.__module__}.Point", "torch.nn.modules.activation.ReLU"]


# The formats before PyTorch 1.6


def test_pytorchs_file_of_the_old_format_loads():
    loaded = torch.load(MODELS / "pytorch_before_1_6.pt")
    assert loaded["base"].tolist() == [[0, 1, 2], [3, 4, 5]]
    loaded["base"][1, 1] = -1.0
    assert loaded["column"].tolist() == [1, -1]
    assert type(loaded["parameter"]) is nn.Parameter
    assert (loaded["half"].dtype, loaded["half"].tolist()) == (torch.float16, [1.5])
    assert (loaded["text"], loaded["empty"].numel()) == ("x", 0)


def test_an_old_file_holds_pytorchs_names_only():
    data = save_bytes([torch.ones(1), nn.Linear(1, 1)], _use_new_zipfile_serialization=False)
    assert b"flambeau" not in data
    assert data.startswith(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.")


def test_a_piece_of_a_storage_of_an_old_file_shares_its_memory():
    reference = b"(" + text("storage") + name("torch", "FloatStorage") + text("0") + text("cpu") + integer(4)
    piece = reference + b"(" + text("1") + integer(1) + integer(2) + b"ttQ"
    parts = tensor(of=reference + b"NtQ") + tensor(size=(2,), of=piece) + b"\x86"
    header = b"".join(
        pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
    )
    data = header + pickled(parts) + pickle.dumps(["0"], 2) + struct.pack("<q", 4) + FOUR_FLOATS
    whole, part = load_bytes(data)
    assert part.tolist() == [2, 3]
    whole[1] = 9.0
    assert part.tolist() == [9, 3]


def test_a_truncated_old_file_is_refused():
    data = save_bytes({"a": torch.ones(100)}, _use_new_zipfile_serialization=False)
    for length in range(20, len(data), 13):
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            load_bytes(data[:length])


def test_an_old_file_that_promises_more_than_it_has_is_refused():
    data = save_bytes(torch.ones(4), _use_new_zipfile_serialization=False)
    with pytest.raises(pickle.UnpicklingError, match="more than the file has"):
        load_bytes(data.replace(b"cpuq\x04K\x04", b"cpuq\x04J\xff\xff\xff\x7f"))


def tar_of_pytorch_0_1(obj: bytes) -> bytes:
    """An archive as PyTorch 0.1 wrote it: one storage of four floats, and a tensor over its last three."""
    storages = [
        pickle.dumps(1, 2),
        b"\x80\x02" + integer(7) + text("cpu") + name("torch", "FloatStorage") + b"\x87.",
    ]
    storages += [struct.pack("<q", 4), FOUR_FLOATS, pickle.dumps([], 2)]
    tensors = [
        pickle.dumps(1, 2),
        b"\x80\x02" + integer(8) + integer(7) + name("torch", "FloatTensor") + b"\x87.",
    ]
    tensors += [struct.pack("<i4x", 1), struct.pack("<3q", 3, 1, 1)]
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT) as target:
        for member, content in (
            ("storages", b"".join(storages)),
            ("tensors", b"".join(tensors)),
            ("pickle", obj),
        ):
            info = tarfile.TarInfo(member)
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return file.getvalue()


def test_the_tar_archive_of_pytorch_0_1_loads_when_asked():
    data = tar_of_pytorch_0_1(pickled(b"}", text("weight"), text("8") + b"Qs"))
    loaded = load_bytes(data, weights_only=False)
    assert loaded["weight"].tolist() == [2, 3, 4]
    with pytest.raises(RuntimeError, match=r"Cannot use ``weights_only=True`` .*legacy \.tar format"):
        load_bytes(data)


# Mapped files


def test_a_mapped_file_gives_the_values_and_keeps_its_own(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"a": torch.arange(4.0), "b": torch.tensor([1, 2]), "empty": torch.empty(0)}, path)
    loaded = torch.load(path, mmap=True)
    assert loaded["a"].tolist() == [0, 1, 2, 3]
    assert loaded["empty"].numel() == 0
    loaded["a"][0] = 7.0
    assert loaded["a"][0] == 7
    assert torch.load(path)["a"].tolist() == [0, 1, 2, 3]


def test_a_shared_mapping_writes_to_the_file(tmp_path):
    path = tmp_path / "model.pt"
    torch.save(torch.arange(4.0), path)
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        torch.load(path, mmap=True)[0] = 7.0
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    assert torch.load(path, mmap=True).tolist() == [7, 1, 2, 3]


def test_what_cannot_be_mapped_says_so(tmp_path):
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap argument"):
        load_bytes(save_bytes([]), mmap=True)
    torch.save([], tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="mmap can only be used with files saved with"):
        torch.load(tmp_path / "old.pt", mmap=True)


# Tensors without memory


def test_tensors_on_meta_pass_without_memory():
    source = torch.empty(2, 3, device="meta").t()
    source_parameter = nn.Linear(2, 1, device="meta").weight
    for way in (round_trip, copy.deepcopy, lambda obj: pickle.loads(pickle.dumps(obj))):
        tensor, parameter = way([source, source_parameter])
        assert (tensor.device.type, tuple(tensor.size()), tensor.stride()) == ("meta", (3, 2), (1, 3))
        assert type(parameter) is nn.Parameter
        assert parameter.device.type == "meta"


def test_a_checkpoint_loads_without_memory():
    loaded = load_bytes(save_bytes({"a": torch.ones(2, 3).t()}), map_location="meta")
    assert (loaded["a"].device.type, loaded["a"].stride()) == ("meta", (1, 3))
    data = save_bytes(torch.full((100,), 1.5)).replace(struct.pack("<f", 1.5), struct.pack("<f", 2.5))
    with corrupted("CRC"):
        load_bytes(data)
    assert load_bytes(data, map_location=torch.device("meta")).device.type == "meta"  # reads no bytes


def test_copies_on_meta_share_what_the_originals_share():
    base = torch.empty(4, device="meta")
    first, view, other = copy.deepcopy([base, base[1:], torch.empty(4, device="meta")])
    assert first.untyped_storage() == view.untyped_storage()
    assert first.untyped_storage() != other.untyped_storage()


@pytest.mark.parametrize(
    "arguments", [b"J\xff\xff\xff\xff\x85K\x01\x85\x89t", b"(" + integer(2**62) * 2 + b"t(K\x01K\x01t\x89t"]
)
def test_a_malformed_tensor_on_meta_is_refused(arguments):
    call = name("torch._utils", "_rebuild_meta_tensor_no_storage") + b"(" + name("torch", "float32")
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        load_bytes(checkpoint(pickled(call + arguments + b"R")))


# Many tensors at once


def test_tensors_are_joined_and_taken_apart():
    tensors = [torch.arange(6.0).view(2, 3).t(), torch.tensor(7.0), torch.empty(0, 2)]
    flat = _utils._flatten_dense_tensors(tensors)
    assert flat.tolist() == [0, 3, 1, 4, 2, 5, 7]
    for result, source in zip(_utils._unflatten_dense_tensors(flat, tensors), tensors, strict=True):
        assert result.size() == source.size()
        assert result.tolist() == source.tolist()


def test_tensors_are_grouped_by_type_and_size():
    floats, longs = [torch.ones(2) for _ in range(3)], [torch.tensor([1])]
    groups = list(_utils._take_tensors([floats[0], longs[0], floats[1], floats[2]], 16))
    assert [[t.numel() for t in group] for group in groups] == [[2, 2], [2], [1]]
    assert groups[0][0].dtype == torch.float32


# Settings


def test_checksums_can_be_left_out():
    serialization.set_crc32_options(False)
    try:
        data = save_bytes(torch.ones(3))
    finally:
        serialization.set_crc32_options(True)
    assert all(info.CRC == 0 for info in zipfile.ZipFile(io.BytesIO(data)).infolist())
    assert load_bytes(data).tolist() == [1, 1, 1]


def test_data_can_be_left_out():
    source = torch.full((1000,), 7.0)
    with serialization.skip_data():
        data = save_bytes(source)
        assert tuple(load_bytes(data).size()) == (1000,)
    assert load_bytes(data).tolist() == [0] * 1000


def test_other_places_can_be_registered():
    def to_moon(storage, location):
        return storage if location == "moon" else None

    data = checkpoint(pickled(tensor(of=storage(location="moon"))), _0=FOUR_FLOATS)
    from flambeau.serialization import _places

    before = list(_places._registry)
    serialization.register_package(30, lambda storage: None, to_moon)
    try:
        assert load_bytes(data).tolist() == [1, 2, 3, 4]
    finally:
        _places._registry[:] = before


# Where it comes to lie


def on_gpu() -> bytes:
    return checkpoint(pickled(tensor(of=storage(location="cuda:0"))), _0=FOUR_FLOATS)


@pytest.mark.parametrize(
    "map_location",
    ["cpu", torch.device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: storage],
    ids=["name", "device", "dictionary", "function"],
)
def test_tensors_from_a_gpu_come_to_the_cpu_when_asked(map_location):
    assert load_bytes(on_gpu(), map_location=map_location).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("map_location", [None, {"cuda:1": "cpu"}, "cuda", lambda storage, location: None])
def test_tensors_from_a_gpu_do_not_come_to_the_cpu_unasked(map_location):
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        load_bytes(on_gpu(), map_location=map_location)


def test_unknown_places_are_refused():
    with pytest.raises(RuntimeError, match="don't know how to restore data location"):
        load_bytes(save_bytes(torch.ones(1)), map_location="moon")
    with pytest.raises(TypeError, match="map_location must be"):
        load_bytes(save_bytes(torch.ones(1)), map_location=3)


# What is refused


@pytest.mark.parametrize(
    "instructions",
    [
        SYSTEM,
        name("posix", "system") + text("touch canary") + b"\x85R",
        name("builtins", "eval") + text("open('canary', 'w')") + b"\x85R",
        name("builtins", "exec") + text("open('canary', 'w')") + b"\x85R",
        name("builtins", "open") + text("canary") + text("w") + b"\x86R",
        name("builtins", "getattr") + b")R",
        name("torch", "load") + text("canary") + b"\x85R",
        name("torch._utils", "os.system") + text("touch canary") + b"\x85R",
        name("torch._utils", "__builtins__") + b".",
        name("torch", "serialization.os.system") + b")R",
        name("flambeau", "Tensor") + b")R",
        text("os") + text("system") + b"\x93" + text("touch canary") + b"\x85R",
        b"(" + text("touch canary") + b"ios\nsystem\n",
        b"(" + name("os", "system") + text("touch canary") + b"o",
        name("os", "system") + text("touch canary") + b"\x85\x81",
        name("functools", "partial") + b")R",
        name("numpy._core.multiarray", "scalar") + b")R",
        name("torch.nn.modules.linear", "Linear") + b")\x81}b",
        b"\x82\x01",
        name("collections", "OrderedDict") + b")R" + SYSTEM + b"b",
        name("collections", "OrderedDict") + b")\x81",
    ],
)
def test_nothing_in_a_file_is_executed(tmp_path, monkeypatch, instructions):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        load_bytes(checkpoint(pickled(instructions)))
    assert os.listdir(tmp_path) == []


def test_a_whole_model_is_refused_by_default_with_the_way_out():
    with pytest.raises(
        pickle.UnpicklingError, match=r"GLOBAL torch.nn.modules.linear.Linear was not .*load_state_dict"
    ):
        round_trip(nn.Linear(2, 2))


def test_numpy_numbers_are_refused_with_the_way_out():
    numpy = pytest.importorskip("numpy")
    with pytest.raises(
        pickle.UnpicklingError, match=r"Convert NumPy's numbers and arrays before saving: \.item\(\)"
    ):
        round_trip({"loss": numpy.float64(1.0)})


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'strict'"):
        load_bytes(save_bytes([]), strict=True)


REFUSED_TENSORS = {
    "beyond the storage": tensor(size=(5,)),
    "beyond the storage by its offset": tensor(offset=1),
    "beyond the storage by its stride": tensor(size=(2, 2), stride=(3, 1)),
    "negative offset": tensor(size=(2,), offset=-1),
    "negative stride": tensor(size=(2,), stride=(-1,), offset=3),
    "negative size": tensor(size=(-1,)),
    "more elements than can be counted": tensor(size=(2**62, 2**62), stride=(0, 0)),
    "a stride that overflows": tensor(size=(2,), stride=(2**64,)),
    "sizes and strides of two lengths": tensor(size=(2, 2), stride=(1,)),
    "too many dimensions": tensor(size=(1,) * 65, stride=(1,) * 65),
    "a list for the size": name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage() + b"K\x00]])\x89}tR",
    "no storage": tensor(of=integer(1)),
    "integers that require gradients": tensor(size=(2,), of=storage(2, "LongStorage"), requires_grad=b"\x88"),
    "requires_grad that is no truth value": tensor(requires_grad=b"K\x01"),
    "too few arguments": name("torch._utils", "_rebuild_tensor_v2") + storage() + b"\x85R",
    "an unknown element type": tensor(of=storage(kind="LongDoubleStorage")),
    "a quantised element type": tensor(of=storage(kind="QInt8Storage")),
    "a storage of unknown element type": tensor(
        of=b"("
        + text("storage")
        + name("torch.storage", "UntypedStorage")
        + text("0")
        + text("cpu")
        + b"K\x10tQ"
    ),
    "a storage of two element types": tensor() + tensor(of=storage(kind="IntStorage")) + b"\x86",
    "a storage of two places": tensor() + tensor(of=storage(location="meta")) + b"\x86",
    "a storage of two sizes": tensor() + tensor(of=storage(2)) + b"\x86",
    "a storage shorter than declared": tensor(of=storage(5)),
    "a storage longer than declared": tensor(of=storage(3), size=(3,)),
    "a storage of huge declared size": tensor(of=storage(2**61)),
    "a storage of negative size": tensor(of=storage(-4)),
    "a parameter of no tensor": name("torch._utils", "_rebuild_parameter") + b"]\x88}\x87R",
}


@pytest.mark.parametrize("instructions", REFUSED_TENSORS.values(), ids=REFUSED_TENSORS)
def test_a_malformed_tensor_is_refused(instructions):
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        load_bytes(checkpoint(pickled(instructions), _0=FOUR_FLOATS), map_location="cpu")


def test_the_tensors_of_these_tests_load_when_well_formed():
    assert load_bytes(checkpoint(pickled(tensor()), _0=FOUR_FLOATS)).tolist() == [1, 2, 3, 4]


def nested_tuples(depth: int) -> bytes:
    """A tuple of the last tuple twice, `depth` deep: small in the file, with 2**depth leaves."""
    return b"K\x01" + b"".join(
        b"q" + bytes([level]) + b"h" + bytes([level]) + b"\x86" for level in range(depth)
    )


REFUSED_PICKLES = {
    "nothing": b"",
    "no object": b"\x80\x02.",
    "two objects": b"\x80\x02NN.",
    "an open mark": b"\x80\x02(N.",
    "a function": pickled(name("torch._utils", "_rebuild_tensor_v2")),
    "a function in a list": pickled(b"]", name("collections", "OrderedDict"), b"a"),
    "a function in a tuple in a dictionary": pickled(b"}N", name("collections", "OrderedDict"), b"\x85s"),
    "an unknown protocol": b"\x80\x7fN.",
    "no end": b"\x80\x02N",
    "half an integer": b"\x80\x02J\x01\x02",
    "a text longer than the file": pickled(b"X\xff\xff\xff\xff"),
    "a text longer than any file": pickled(b"\x8d" + b"\xff" * 8),
    "a text that is no UTF-8": pickled(b"X\x01\x00\x00\x00\xff"),
    "an object that was never stored": pickled(b"h\x05"),
    "an item for no list": pickled(b"}Na"),
    "an item for a tensor": pickled(tensor(), b"NNs"),
    "a key without a value": pickled(b"}(Nu"),
    "a key twice": pickled(b"}(", text("a"), b"N", text("a"), b"Nu"),
    "a list as a key": pickled(b"}]Ns"),
    "a key that takes forever to hash": pickled(b"}", nested_tuples(60), b"Ns"),
    "an element that takes forever to hash": pickled(
        name("builtins", "set"), b"](", nested_tuples(60), b"e\x85R"
    ),
    "a set of no list": pickled(name("builtins", "set"), b"K\x05\x85R"),
    "a bytearray of a number": pickled(name("builtins", "bytearray"), integer(10**12), b"\x85R"),
    "bytes in an unusual encoding": pickled(name("_codecs", "encode"), text("a"), text("rot13"), b"\x86R"),
    "a size of no counts": pickled(name("torch", "Size"), integers(-1), b"\x85R"),
    "a device there never was": pickled(name("torch", "device"), text("moon"), b"\x85R"),
    "attributes for a list": pickled(b"]}b"),
    "attributes that are hidden": pickled(
        name("collections", "OrderedDict"), b")R}", text("__class__"), b"Nsb"
    ),
    "a reference to no storage": pickled(text("x"), b"Q"),
    "copies without end": pickled(
        b"](" + b"N" * 10 + b"eq\x010",
        (name("builtins", "bytearray") + b"q\x020")
        + text("a" * 1000)
        + b"q\x030"
        + (b"h\x02h\x03" + text("latin1") + b"\x86R0") * 300
        + b"N",
    ),
}


@pytest.mark.parametrize("data", REFUSED_PICKLES.values(), ids=REFUSED_PICKLES)
def test_a_malformed_pickle_is_refused(data):
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        load_bytes(checkpoint(data, _0=FOUR_FLOATS))


def test_a_list_that_holds_itself_loads():
    loop: list = []
    loop.append(loop)
    loaded = round_trip(loop)
    assert loaded[0] is loaded


def test_a_deep_nest_of_lists_loads():
    depth = 100_000
    loaded = load_bytes(checkpoint(pickled(b"]" * depth + b"a" * (depth - 1))))
    for _ in range(depth - 1):
        loaded = loaded[0]
    assert loaded == []


def corrupted(match: str):
    return pytest.raises(RuntimeError, match=match)


def test_an_empty_file_says_so():
    with pytest.raises(EOFError, match="Ran out of input"):
        load_bytes(b"")


def test_a_file_of_something_else_says_so():
    with pytest.raises(pickle.UnpicklingError, match="no zip archive"):
        load_bytes(b"\x89PNG" * 10)


def test_a_torchscript_archive_says_so():
    content = {"archive/data.pkl": pickled(b"N"), "archive/constants.pkl": pickled(b"N")}
    with corrupted("TorchScript"):
        load_bytes(archive(content))


def test_a_truncated_file_is_refused():
    data = save_bytes({"a": torch.ones(100)})
    for length in range(4, len(data), 97):
        with corrupted("PytorchStreamReader failed reading zip archive"):
            load_bytes(data[:length])


def test_a_changed_byte_in_a_storage_is_noticed():
    data = bytearray(save_bytes(torch.ones(4)))
    at = data.index(struct.pack("<4f", 1, 1, 1, 1))
    data[at] ^= 1
    with corrupted("CRC"):
        load_bytes(bytes(data))


def test_compressed_records_are_refused():
    content = records(save_bytes(torch.zeros(100_000)))
    with corrupted("compressed"):
        load_bytes(archive(content, zipfile.ZIP_DEFLATED))


def test_a_missing_storage_is_refused():
    with corrupted("file not found: archive/data/0"):
        load_bytes(checkpoint(pickled(tensor())))


def test_an_archive_without_a_pickle_is_refused():
    with corrupted(r"no data\.pkl"):
        load_bytes(archive({"archive/version": b"3\n"}))


def test_a_record_that_stands_twice_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target, pytest.warns(UserWarning, match="Duplicate name"):
        for content in (pickled(b"N"), pickled(b"K\x01")):
            target.writestr("archive/data.pkl", content)
    with corrupted("stands twice"):
        load_bytes(file.getvalue())


def test_many_records_over_the_same_bytes_are_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as target:
        target.writestr("archive/data.pkl", pickled(b"N"))
        target.writestr("archive/data/0", bytes(10_000))
        first = target.getinfo("archive/data/0")
        for key in range(1, 5):
            twin = copy.copy(first)
            twin.filename = f"archive/data/{key}"
            target.filelist.append(twin)
            target.NameToInfo[twin.filename] = twin
    with corrupted("larger than the file"):
        load_bytes(file.getvalue())


def test_the_other_byte_order_is_read():
    content = {
        "archive/data.pkl": pickled(tensor(of=storage())),
        "archive/data/0": struct.pack(">4f", 1, 2, 3, 4),
        "archive/byteorder": b"big",
    }
    assert load_bytes(archive(content)).tolist() == [1, 2, 3, 4]


def test_the_byte_order_of_a_file_that_does_not_say_it_can_be_set():
    content = {
        "archive/data.pkl": pickled(tensor(of=storage())),
        "archive/data/0": struct.pack(">4f", 1, 2, 3, 4),
    }
    serialization.set_default_load_endianness(serialization.LoadEndianness.BIG)
    try:
        assert load_bytes(archive(content)).tolist() == [1, 2, 3, 4]
    finally:
        serialization.set_default_load_endianness(None)


REFUSALS = (RuntimeError, pickle.UnpicklingError, EOFError, NotImplementedError)
SAMPLE = save_bytes(
    {
        "state": collections.OrderedDict(
            weight=torch.arange(6.0).view(2, 3), bias=nn.Parameter(torch.ones(2))
        ),
        "set": {1, 2},
        "other": [torch.Size([1]), torch.float32, torch.device("cpu"), b"x", (1, 2.0, None, True)],
    }
)
SAMPLE_RECORDS = records(SAMPLE)
SAMPLE_PICKLE = SAMPLE_RECORDS["archive/data.pkl"]
changes = st.lists(
    st.tuples(st.integers(0, len(SAMPLE_PICKLE) - 1), st.integers(0, 255)), min_size=1, max_size=4
)


@settings(max_examples=300, deadline=None)
@given(changes)
def test_a_pickle_with_changed_bytes_loads_or_is_refused(changed):
    data = bytearray(SAMPLE_PICKLE)
    for at, value in changed:
        data[at] = value
    with contextlib.suppress(*REFUSALS):
        load_bytes(archive({**SAMPLE_RECORDS, "archive/data.pkl": bytes(data)}))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255), st.integers(0, 40))
def test_an_archive_with_changed_bytes_loads_or_is_refused(at, value, missing):
    data = bytearray(SAMPLE)
    data[at] = value
    with contextlib.suppress(*REFUSALS):
        load_bytes(bytes(data[: len(data) - missing]))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_a_random_pickle_loads_or_is_refused(data):
    with contextlib.suppress(*REFUSALS):
        load_bytes(checkpoint(b"\x80\x02" + data + b"."))


# copy and pickle


def test_pickle_keeps_values_and_strides():
    source = torch.arange(6.0).view(2, 3).t()
    loaded = pickle.loads(pickle.dumps(source))
    assert loaded.tolist() == source.tolist()
    assert loaded.stride() == source.stride()


def test_pickle_keeps_parameters():
    loaded = pickle.loads(pickle.dumps(nn.Parameter(torch.ones(2))))
    assert type(loaded) is nn.Parameter
    assert loaded.tolist() == [1, 1]


@pytest.mark.parametrize(
    "obj", [torch.float32, torch.int64, torch.device("cpu"), torch.Size([1, 2])], ids=str
)
def test_pickle_keeps_types_devices_and_sizes(obj):
    loaded = pickle.loads(pickle.dumps(obj))
    assert type(loaded) is type(obj)
    assert loaded == obj


def test_a_deep_copy_has_memory_of_its_own():
    source = torch.ones(2, requires_grad=True)
    result = copy.deepcopy(source)
    with torch.no_grad():
        source.zero_()
    assert result.tolist() == [1, 1]
    assert result.requires_grad


def test_a_deep_copy_shares_memory_where_the_originals_did():
    base = torch.zeros(4)
    copied_base, copied_view = copy.deepcopy([base, base[1:3]])
    copied_base[1] = 7.0
    assert copied_view.tolist() == [7, 0]
    assert base.tolist() == [0, 0, 0, 0]


def test_a_deep_copy_takes_the_gradient_along():
    source = torch.ones(2, requires_grad=True)
    (source * 3).sum().backward()
    assert copy.deepcopy(source).grad.tolist() == [3, 3]


def test_a_deep_copy_of_a_parameter_takes_gradient_and_attributes_along():
    source = nn.Parameter(torch.tensor([1.0, 2.0]))
    source.grad = torch.tensor([3.0, 4.0])
    source.tag = ["p"]
    result = copy.deepcopy(source)
    source.grad[0] = 9
    source.tag.append("q")
    assert type(result) is nn.Parameter
    assert result.grad.tolist() == [3, 4]
    assert result.tag == ["p"]


def test_a_deep_copy_of_a_result_is_refused():
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(torch.ones(1, requires_grad=True) * 2)

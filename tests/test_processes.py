"""Flambeau in PyTorch's place: in the processes that a program starts, and for programs that ask what they run on."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import flambeau
from flambeau.torch_version import TorchVersion

PACKAGE = Path(flambeau.__file__).parent


def run(*arguments, cwd) -> str:
    command = [sys.executable, *map(str, arguments)]
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def stand_in(program: str, cwd) -> str:
    """What a program prints that stands in for PyTorch from its first line on."""
    return run("-c", "import flambeau; flambeau.install_as_torch()\n" + program, cwd=cwd)


# Processes

PROGRAM = """
import multiprocessing, sys
import torch

if __name__ == "__main__":
    print("body", sys.argv[1:])

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)

def work(model):
    return torch.__version__, type(model).__name__, model.linear.weight.tolist(), sys.argv[1:]

if __name__ == "__main__":
    model = Model()
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        version, name, weight, arguments = pool.apply(work, (model,))
    assert "flambeau" in version and version == torch.__version__, version
    assert name == "Model" and weight == model.linear.weight.tolist()
    assert arguments == sys.argv[1:]
    print("ok")
"""


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_the_processes_of_a_program_run_on_flambeau_too(program, method):
    printed = run("-m", "flambeau.cli", "run", program, method, cwd=Path(__file__).parent)
    assert printed == f"body ['{method}']\nok\n"


def test_the_processes_of_a_module_run_on_flambeau_too(program):
    printed = run("-m", "flambeau.cli", "run", "-m", "program", "spawn", cwd=program.parent)
    assert printed == "body ['spawn']\nok\n"


def test_installing_within_a_program_reaches_its_processes(program):
    program.write_text(
        "if __name__ == '__main__':\n    import flambeau\n    flambeau.install_as_torch()\n" + PROGRAM
    )
    assert run(program, "spawn", cwd=program.parent) == "body ['spawn']\nok\n"


def test_installing_after_multiprocessing_was_loaded_reaches_processes_too(program):
    program.write_text("import multiprocessing.spawn, flambeau\nflambeau.install_as_torch()\n" + PROGRAM)
    assert run(program, "spawn", cwd=program.parent) == "body ['spawn']\nok\n"


# What a program asks


def test_versions_are_pytorchs_with_ours_behind(tmp_path):
    printed = stand_in(
        "import torch, importlib.metadata\n"
        "from torch.version import __version__ as other\n"
        "print(torch.__version__, importlib.metadata.version('torch'), other)\n"
        "print(torch.__version__ >= (2, 6), torch.__version__ < '2.100')\n",
        tmp_path,
    )
    version = f"2.13.0+flambeau{flambeau.__version__}"
    assert printed == f"{version} {version} {version}\nTrue True\n"


def test_without_standing_in_the_version_is_ours():
    assert flambeau.__version__ == "0.1.0"


def test_all_distributions_can_still_be_listed(tmp_path):
    printed = stand_in(
        "import importlib.metadata\n"
        "names = {d.metadata['Name'] for d in importlib.metadata.distributions()}\n"
        "print('torch' in names, 'pytest' in names)\n",
        tmp_path,
    )
    assert printed == "True True\n"


def test_modules_can_be_looked_for(tmp_path):
    printed = stand_in(
        "from importlib.util import find_spec\n"
        "print(find_spec('torch') is not None, find_spec('torch.nn.functional') is not None)\n"
        "print(find_spec('torch.no_such_part'), find_spec('torch.nn.no_such_part'))\n"
        "try:\n    import torch.no_such_part\nexcept ModuleNotFoundError as error:\n    print(error)\n",
        tmp_path,
    )
    assert printed == (
        "True True\nNone None\n"
        "No module named 'torch.no_such_part': Flambeau stands in for PyTorch, and has no flambeau.no_such_part yet\n"
    )


def test_classes_name_pytorchs_modules(tmp_path):
    printed = stand_in(
        "import torch\n"
        "from torch import nn\n"
        "objects = [torch.ones(1), torch.ones(1).shape, torch.float32, torch.device('cpu'), nn.ReLU(), nn.Linear(1, 1).bias]\n"
        "print(*(type(obj).__module__ for obj in objects))\n",
        tmp_path,
    )
    assert printed == "torch torch torch torch torch.nn.modules.activation torch.nn.parameter\n"


def test_modules_that_are_cut_another_way_here_are_found_by_pytorchs_path(tmp_path):
    printed = stand_in(
        "from torch.nn.modules.instancenorm import InstanceNorm2d\n"
        "from torch.nn.modules.batchnorm import BatchNorm2d\n"
        "from torch.nn.modules.pixelshuffle import PixelShuffle\n"
        "from torch.nn.common_types import _size_2_t\n"
        "from torch.optim.lr_scheduler import StepLR\n"
        "from torch.utils.data.dataloader import default_collate\n"
        "from torch._utils import _flatten_dense_tensors\n"
        "import torch, pickle\n"
        "for kind in (InstanceNorm2d, BatchNorm2d, PixelShuffle, StepLR):\n"
        "    print(kind.__module__)\n"
        "    assert pickle.loads(pickle.dumps(kind)) is kind\n",
        tmp_path,
    )
    assert printed.split() == [
        "torch.nn.modules.instancenorm",
        "torch.nn.modules.batchnorm",
        "torch.nn.modules.pixelshuffle",
        "torch.optim.lr_scheduler",
    ]


def test_objects_can_be_copied_when_standing_in(tmp_path):
    printed = stand_in(
        "import torch, copy\n"
        "tensor, model = torch.ones(1), torch.nn.Sequential(torch.nn.Linear(1, 1))\n"
        "tensor.note = 'n'\n"
        "for obj in (tensor, model, model[0].weight, torch.Size([1]), torch.float32, torch.device('cpu')):\n"
        "    for way in (copy.copy, copy.deepcopy):\n"
        "        assert type(way(obj)) is type(obj)\n"
        "print(copy.copy(tensor).note, copy.copy(model)[0] is model[0], copy.copy(torch.float32) is torch.float32)\n",
        tmp_path,
    )
    assert printed == "n True True\n"


def test_source_and_annotations_of_classes_are_found(tmp_path):
    printed = stand_in(
        "import inspect, torch, typing\n"
        "print(inspect.getsource(torch.nn.Linear).splitlines()[0])\n"
        "print(typing.get_type_hints(torch.nn.Linear)['weight'] is torch.Tensor)\n"
        "print(inspect.getmodule(torch.nn.Linear) is torch.nn.modules.linear)\n",
        tmp_path,
    )
    assert printed == "class Linear(Module):\nTrue\nTrue\n"


PICKLED = """
tensor, linear = torch.arange(3.0), torch.nn.Linear(2, 1)
tensor.note = "n"
objects = [tensor, linear, linear.bias, torch.Size([1, 2]), torch.float32, torch.device("cpu"), torch.optim.SGD([linear.bias], 0.5)]
"""
CHECK = """
tensor, linear, bias, size, dtype, device, optimizer = pickle.load(open("objects.pkl", "rb"))
assert tensor.tolist() == [0, 1, 2] and tensor.note == "n" and type(tensor) is torch.Tensor
assert type(linear) is torch.nn.Linear and type(bias) is torch.nn.Parameter and linear.bias is bias
assert type(size) is torch.Size and size == (1, 2) and dtype is torch.float32 and device == torch.device("cpu")
assert type(optimizer) is torch.optim.SGD and optimizer.param_groups[0]["lr"] == 0.5
print("ok")
"""


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("writer", ["as torch", "as itself"])
def test_pickles_load_whether_flambeau_stands_in_or_not(tmp_path, writer, protocol):
    write = PICKLED + f"pickle.dump(objects, open('objects.pkl', 'wb'), {protocol})\n"
    as_itself, as_torch = "import pickle, flambeau as torch\n", "import pickle, torch\n"
    if writer == "as torch":
        stand_in(as_torch + write, tmp_path)
        assert b"torch" not in (tmp_path / "objects.pkl").read_bytes().replace(b"install_as_torch", b"")
    else:
        run("-c", as_itself + write, cwd=tmp_path)
    assert run("-c", as_itself + CHECK, cwd=tmp_path) == "ok\n"
    assert stand_in(as_torch + CHECK, tmp_path) == "ok\n"


def test_pytorchs_own_pickles_load_when_standing_in(tmp_path):
    pickled = Path(__file__).parent / "checkpoints" / "pytorch.pkl"
    printed = stand_in(
        "import pickle, torch\n"
        f"objects = pickle.load(open({str(pickled)!r}, 'rb'))\n"
        "print(objects['tensor'].tolist(), objects['tensor'].note, objects['parameter'].tolist())\n"
        "print(objects['size'], objects['dtype'], objects['model'])\n",
        tmp_path,
    )
    assert printed == (
        "[[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]] n [1.0, 2.0]\ntorch.Size([2, 3]) torch.float32 ReLU()\n"
    )


def test_checkpoints_hold_pytorchs_names_when_standing_in_too(tmp_path):
    printed = stand_in(
        "import torch, copy, io\n"
        "model = copy.deepcopy(torch.nn.Sequential(torch.nn.Linear(2, 1)))\n"
        "file = io.BytesIO()\n"
        "torch.save(model, file)\n"
        "print(b'flambeau' in file.getvalue(), b'torch.nn.modules.linear' in file.getvalue())\n"
        "file.seek(0)\n"
        "print(torch.load(file, weights_only=False)[0].weight.tolist() == model[0].weight.tolist())\n",
        tmp_path,
    )
    assert printed == "False True\nTrue\n"


# Versions


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [
        ("2.6", "2.13.0"),
        ("2.13.0", "2.13.0+cpu"),
        ("2.13.0a0", "2.13.0"),
        ("2.13.0.dev20260101", "2.13.0a0"),
        ("2.13.0a0", "2.13.0b1"),
        ("2.13.0rc1", "2.13.0"),
        ("2.13.0", "2.13.0.post1"),
        ("2.13.0+cu126", "2.13.1"),
    ],
)
def test_versions_are_ordered_as_versions(smaller, larger):
    assert TorchVersion(smaller) < larger
    assert TorchVersion(larger) >= smaller
    assert TorchVersion(smaller) != larger


def test_versions_equal_texts_and_tuples_of_the_same_version():
    version = TorchVersion("2.13.0")
    assert version == "2.13"
    assert version == (2, 13, 0)
    assert version > (2, 12)
    assert version != "no version"


# Size


def test_sizes_and_tuples_join_from_both_sides():
    size = flambeau.Size([1, 2])
    for joined, expected in (
        (size + (3,), (1, 2, 3)),
        ((3,) + size, (3, 1, 2)),
        (size + size, (1, 2, 1, 2)),
        (sum([(0,), size], ()), (0, 1, 2)),
    ):
        assert type(joined) is flambeau.Size
        assert joined == expected


@pytest.mark.parametrize(
    ("join", "message"),
    [
        (lambda size: size + [2], r"can only concatenate tuple \(not list\) to torch.Size"),
        (lambda size: [2] + size, "can only concatenate list"),
        (lambda size: size + ("a",), r"torch.Size\(\) takes an iterable of 'int' \(item 1 is 'str'\)"),
        (lambda size: 3 + size, "unsupported operand"),
    ],
)
def test_sizes_join_nothing_else(join, message):
    with pytest.raises(TypeError, match=message):
        join(flambeau.Size([1]))


# Imports


def _modules() -> dict[str, Path]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of the package that a module imports while it is itself imported."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    above = package.split(".")[: len(package.split(".")) - child.level + 1]
                    base = ".".join([*above, base] if base else above)
                for alias in child.names:
                    full = f"{base}.{alias.name}"
                    # What a package's own file provides, a module of the extension, or a module.
                    found.add(full if full in known or full == "flambeau._core" else base)
            visit(child)

    visit(ast.parse(path.read_text()))
    return {module for module in found if module in known and module != name}


def test_no_modules_import_one_another_in_a_circle():
    known = _modules()
    graph = {name: _imports(name, path, known) for name, path in known.items()}
    done: set[str] = set()

    def circle(name: str, way: list[str]) -> list[str] | None:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return None
        for other in sorted(graph[name]):
            found = circle(other, [*way, name])
            if found:
                return found
        done.add(name)
        return None

    for name in sorted(graph):
        assert circle(name, []) is None

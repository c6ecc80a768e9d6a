"""The command `flambeau`, and Flambeau under PyTorch's name."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import flambeau as torch
from flambeau import demo
from flambeau.demo.digits import load_digits

# Not the checkout: `python -m` would take the package there for the installed one.
ELSEWHERE = Path(__file__).parent


def flambeau(*arguments, cwd: Path | str = ELSEWHERE) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "flambeau.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


def python(program: str, cwd: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def program(tmp_path):
    def write(text: str, name: str = "program.py") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


# flambeau run


def test_a_program_that_imports_torch_gets_flambeau(program):
    path = program(
        "import torch\n"
        "import torch.nn as nn\n"
        "import torch.nn.functional as F\n"
        "import torch.optim as optim\n"
        "from torch import Tensor\n"
        "from torch.utils.data import DataLoader\n"
        "import flambeau, flambeau.nn.functional, flambeau.utils.data\n"
        "assert torch is flambeau and nn is flambeau.nn and F is flambeau.nn.functional\n"
        "assert optim is flambeau.optim and Tensor is flambeau.Tensor\n"
        "assert DataLoader is flambeau.utils.data.DataLoader\n"
        "print(nn.__name__, nn.__spec__.name)\n"
    )
    result = flambeau("run", path)
    assert result.stderr == ""
    assert result.stdout == "flambeau.nn flambeau.nn\n"


def test_a_program_gets_its_arguments_its_name_and_its_folder(program, tmp_path):
    program("value = 5\n", "helper.py")
    path = program("import sys, helper\nprint(sys.argv[1:], __name__, __file__, helper.value)\n")
    result = flambeau("run", path, "--epochs", "3", "-h", cwd="/")
    assert result.stdout == f"['--epochs', '3', '-h'] __main__ {path} 5\n"


def test_a_program_ends_with_its_own_exit_status(program):
    assert flambeau("run", program("import sys\nsys.exit(3)\n")).returncode == 3


def test_a_failing_program_shows_its_traceback(program):
    path = program("import torch\ntorch.ones(2) @ torch.ones(3)\n")
    result = flambeau("run", path)
    assert result.returncode == 1
    assert f'File "{path}", line 2' in result.stderr


def test_a_module_can_be_run_by_name(program, tmp_path):
    program("import sys, torch\nprint(sys.argv[1:], torch.__name__)\n")
    assert flambeau("run", "-m", "program", "x", cwd=tmp_path).stdout == "['x'] flambeau\n"


def test_objects_of_a_programs_own_classes_can_be_pickled(program):
    path = program("import pickle\nclass A: pass\nassert type(pickle.loads(pickle.dumps(A()))) is A\n")
    assert flambeau("run", path).returncode == 0


def test_a_missing_program_is_named():
    result = flambeau("run", "nowhere.py")
    assert result.returncode == 1
    assert result.stderr == "flambeau run: can't open file 'nowhere.py': no such file\n"


@pytest.mark.parametrize("module", ["torch.nowhere", "torch.nn.nowhere"])
def test_a_missing_module_is_named_together_with_its_counterpart(program, module):
    result = flambeau("run", program(f"import {module}\n"))
    assert f"ModuleNotFoundError: No module named '{module}'" in result.stderr
    assert f"has no {module.replace('torch', 'flambeau')} yet" in result.stderr


def test_a_real_torch_that_is_loaded_already_is_an_error(tmp_path):
    (tmp_path / "torch.py").write_text("")
    result = python("import torch, flambeau\nflambeau.install_as_torch()", tmp_path)
    assert re.search(r"RuntimeError: torch has been imported already, from .*torch\.py", result.stderr)


def test_installing_twice_changes_nothing(tmp_path):
    lines = ["import flambeau, sys", "flambeau.install_as_torch()", "flambeau.install_as_torch()"]
    result = python("\n".join([*lines, "import torch.nn", "print(torch is flambeau)"]), tmp_path)
    assert result.stdout == "True\n"


def test_without_being_asked_flambeau_leaves_the_name_torch_alone(tmp_path):
    assert python("import flambeau, sys\nprint('torch' in sys.modules)", tmp_path).stdout == "False\n"


# flambeau info, flambeau


def test_info_tells_what_runs_here():
    result = flambeau("info")
    rows = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in result.stdout.splitlines())
    assert rows["flambeau"] == torch.__version__
    assert int(rows["threads"]) >= 1
    assert set(rows) == {
        "flambeau",
        "python",
        "instruction set",
        "blas",
        "threads",
        "memory limit",
        "devices",
    }


def test_the_package_can_be_run_like_the_command():
    command = [sys.executable, "-m", "flambeau", "--help"]
    result = subprocess.run(command, cwd=ELSEWHERE, capture_output=True, text=True, timeout=300, check=False)
    assert result.stdout == flambeau("--help").stdout
    assert "run" in result.stdout


def test_help_names_the_commands():
    result = flambeau("--help")
    assert result.returncode == 0
    assert all(command in result.stdout for command in ("demo", "run", "info"))


@pytest.mark.parametrize("arguments", [(), ("dance",), ("demo", "--epochs", "0")])
def test_a_wrong_command_line_ends_with_status_2(arguments):
    assert flambeau(*arguments).returncode == 2


# flambeau demo


def test_the_digits_are_split_into_four_fifths_and_one_fifth():
    training, test = load_digits()
    assert tuple(training.images.shape) == (1438, 1, 32, 32)
    assert tuple(test.images.shape) == (359, 1, 32, 32)
    assert test.labels[:5].tolist() == [4, 9, 4, 9, 4]
    assert (training.images.min().item(), training.images.max().item()) == (0, 1)


def test_enlarging_interpolates_between_the_centres_of_pixels():
    row = load_digits()[0].images[0, 0, 0]
    assert row[:6].tolist() == [0] * 6
    assert row[10:14].tolist() == [6 / 16, 8 / 16, 10 / 16, 12 / 16]


def test_lenet5_has_the_published_layers():
    model = demo.LeNet5()
    assert sum(parameter.numel() for parameter in model.parameters()) == 61_706
    assert tuple(model(torch.zeros(2, 1, 32, 32)).shape) == (2, 10)


@pytest.fixture(scope="module")
def demo_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return folder, flambeau("demo", "--output", folder)


def test_the_demo_reads_at_least_98_5_per_cent_of_the_digits(demo_run):
    _, result = demo_run
    assert result.returncode == 0, result.stderr
    last = re.fullmatch(r"test accuracy (\d+\.\d) %", result.stdout.splitlines()[-1])
    assert float(last[1]) >= 98.5


def test_the_demo_shows_loss_and_accuracy_of_every_epoch(demo_run):
    lines = re.findall(
        r"^epoch +(\d+)/20   loss (\d\.\d{4})   test accuracy +\d+\.\d %$", demo_run[1].stdout, re.M
    )
    assert [int(epoch) for epoch, _ in lines] == list(range(1, 21))
    assert float(lines[-1][1]) < 0.1 < float(lines[0][1])


def test_the_demo_saves_a_model_that_gives_the_same_accuracy_again(demo_run):
    folder, result = demo_run
    assert zipfile.is_zipfile(folder / "lenet5.pt")
    check = flambeau("demo", "--check", folder / "lenet5.pt")
    assert check.stdout.splitlines() == result.stdout.splitlines()[-1:]


def test_the_demo_draws_a_picture(demo_run):
    pytest.importorskip("matplotlib")
    assert (demo_run[0] / "lenet5.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_seed_gives_the_same_model(tmp_path):
    states = []
    for name in ("first", "second"):
        assert flambeau("demo", "--epochs", "1", "--seed", "7", "--output", tmp_path / name).returncode == 0
        states.append(torch.load(tmp_path / name / "lenet5.pt"))
    assert all(states[0][key].tolist() == states[1][key].tolist() for key in states[0])


def test_checking_a_file_that_is_no_model_fails_with_the_reason(tmp_path):
    torch.save({"other": torch.ones(1)}, tmp_path / "other.pt")
    result = flambeau("demo", "--check", tmp_path / "other.pt")
    assert result.returncode == 1
    assert "holds no model of this demo" in result.stderr


def test_checking_a_missing_file_fails_with_the_reason(tmp_path):
    result = flambeau("demo", "--check", tmp_path / "none.pt")
    assert result.returncode == 1
    assert "No such file" in result.stderr

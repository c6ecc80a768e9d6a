"""The README and the examples do what they say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", README, re.M | re.S)
EXAMPLES = {
    "two_layer_net.py": r"(?s)by hand .*: (\d+\.\d\d)\nautograd .*: \1\nnn and optim .*: \1\n",
    "linear_regression.py": r"weights \[2\.0, -3\.4\] bias 4\.2\n",
    "lenet.py": r"61026 parameters\n(?s:.*)accuracy 100\.0 %\n",
}


def run(*command, cwd: Path) -> str:
    result = subprocess.run(
        [sys.executable, *command], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.splitlines()[0])
def test_the_readmes_programs_run(program, tmp_path):
    run("-c", program, cwd=tmp_path)


def test_the_readmes_first_program_learns_the_sine(tmp_path):
    loss = float(run("-c", PROGRAMS[0], cwd=tmp_path).removeprefix("loss "))
    assert loss < 1e-3
    assert (tmp_path / "sine.pt").exists()


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "examples").glob("*.py")))
def test_the_examples_run_on_flambeau_and_print_what_they_should(name, tmp_path):
    assert re.search(EXAMPLES[name], run("-m", "flambeau.cli", "run", ROOT / "examples" / name, cwd=tmp_path))


@pytest.mark.parametrize("path", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_the_readmes_links_lead_somewhere(path):
    assert (ROOT / path).exists()

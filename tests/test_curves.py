"""The same seed and program give PyTorch's loss curve: the programs in tests/curves, against their records.

`tools/record_curves.py` makes the records and says what the spread is: how far PyTorch's own losses move, up to each step, where
its gradients and parameters are rounded otherwise. Our sums run in another order, and gradients are off by more than the noise that
was added there, so ten times the spread is allowed, and four units in the last place of the loss itself.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "curves"
SPREADS = 10
ROUNDING = 4 * 2.0**-23


def losses_of(program: Path, folder: Path) -> list[float]:
    result = subprocess.run(
        [sys.executable, "-m", "flambeau", "run", program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return [float(line) for line in result.stdout.split()]


@pytest.mark.parametrize("program", sorted(PROGRAMS.glob("*.py")), ids=lambda path: path.stem)
def test_the_losses_are_pytorchs(program, tmp_path):
    record = json.loads(program.with_suffix(".json").read_text(encoding="utf-8"))
    losses = losses_of(program, tmp_path)
    assert len(losses) == len(record["losses"]) >= 100
    for step, (loss, theirs, spread) in enumerate(
        zip(losses, record["losses"], record["spread"], strict=True)
    ):
        assert loss == pytest.approx(theirs, rel=ROUNDING, abs=SPREADS * spread + ROUNDING * abs(theirs)), (
            f"step {step}"
        )


@pytest.mark.parametrize("record", sorted(PROGRAMS.glob("*.json")), ids=lambda path: path.stem)
def test_the_recorded_curves_are_curves_and_not_chaos(record):
    """A program whose losses rounding moves by a hundredth could hide a fault; such a one wants a smaller rate."""
    record = json.loads(record.read_text(encoding="utf-8"))
    first, last = (sum(part) for part in (record["losses"][:10], record["losses"][-10:]))
    assert last < 0.9 * first
    assert record["spread"][-1] < 1e-3 * max(record["losses"])

"""Draws docs/curves.svg: the loss curves of tests/curves as PyTorch recorded them, and Flambeau's over them.

python tools/draw_curves.py   # needs matplotlib
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402

ROOT = Path(__file__).parent.parent
TITLES = {
    "gpt": "small GPT",
    "lenet5": "LeNet-5",
    "lstm": "LSTM language model",
    "mlp": "MLP",
    "resnet18": "ResNet-18",
    "vae": "VAE",
}


def draw(axes, program: Path) -> None:
    record = json.loads(program.with_suffix(".json").read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "flambeau", "run", str(program)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    losses = [float(line) for line in output.split()]
    furthest = max(abs(ours - theirs) for ours, theirs in zip(losses, record["losses"], strict=True))
    axes.plot(record["losses"], color="#f2a65a", linewidth=4, label="PyTorch 2.13")
    axes.plot(losses, color="#1d3557", linewidth=1, linestyle=(0, (4, 3)), label="Flambeau")
    axes.set_title(TITLES.get(program.stem, program.stem), fontsize=10)
    axes.text(
        0.97,
        0.93,
        f"furthest apart {furthest:.0e}",
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=8,
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def main() -> None:
    plt.rcParams.update({"svg.hashsalt": "curves", "svg.fonttype": "none", "font.family": "sans-serif"})
    programs = sorted((ROOT / "tests" / "curves").glob("*.py"))
    columns = 3 if len(programs) > 4 else 2
    rows = -(-len(programs) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(3.2 * columns, 2.4 * rows), squeeze=False)
    for axes in grid.flat[len(programs) :]:
        axes.axis("off")
    for axes, program in zip(grid.flat, programs, strict=False):
        draw(axes, program)
    for axes in grid[-1]:
        axes.set_xlabel("step", fontsize=8)
    for row in grid:
        row[0].set_ylabel("loss", fontsize=8)
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(), loc="upper center", ncols=2, frameon=False, fontsize=9
    )
    figure.tight_layout(rect=(0, 0, 1, 0.94))
    figure.savefig(ROOT / "docs" / "curves.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()

"""Records the loss curves of PyTorch for the programs in tests/curves.

python tools/record_curves.py          # those without a record
python tools/record_curves.py vae mlp  # these anew

A program prints the loss of each of its steps. Its record, tests/curves/<name>.json, has the losses and a *spread*: how
far they move where PyTorch itself rounds otherwise. For that the program runs a few times more with noise of the size of
rounding errors: before each step of the optimizer every gradient gets noise of two units in the last place of its root
mean square, and after it every parameter moves by at most half a unit in its own. The spread of a step is the largest
departure up to there.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

PROGRAMS = Path(__file__).parent.parent / "tests" / "curves"
NOISY_RUNS = 6


def add_noise(seed: int) -> None:
    import torch
    from torch.optim import optimizer

    generator = torch.Generator().manual_seed(seed)

    def params_of(optimizer):
        return [
            param for group in optimizer.param_groups for param in group["params"] if param.grad is not None
        ]

    def blur_gradients(optimizer, args, kwargs):
        for param in params_of(optimizer):
            noise = torch.randn(param.shape, generator=generator, dtype=param.dtype)
            param.grad += noise * param.grad.square().mean().sqrt() * 2 * torch.finfo(param.dtype).eps

    def blur_parameters(optimizer, args, kwargs):
        with torch.no_grad():
            for param in params_of(optimizer):
                noise = torch.rand(param.shape, generator=generator, dtype=param.dtype) - 0.5
                param *= 1 + noise * torch.finfo(param.dtype).eps

    optimizer.register_optimizer_step_pre_hook(blur_gradients)
    optimizer.register_optimizer_step_post_hook(blur_parameters)


def run(path: Path, seed: int) -> list[float]:
    """Runs a program in a process of its own; 0 is without noise."""
    command = [sys.executable, __file__, "--run", str(path), str(seed)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    output = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    return [float(line) for line in output.split()]


def record(path: Path) -> None:
    losses = run(path, 0)
    others = [run(path, seed) for seed in range(1, NOISY_RUNS + 1)]
    spread, widest = [], 0.0
    for step, loss in enumerate(losses):
        widest = max(widest, *(abs(other[step] - loss) for other in others))
        spread.append(float(f"{widest:.2g}"))
    path.with_suffix(".json").write_text(
        json.dumps({"losses": losses, "spread": spread}) + "\n", encoding="utf-8"
    )
    print(f"{path.stem}: {len(losses)} steps, {losses[0]:.4g} to {losses[-1]:.4g}, spread {widest:.2g}")


def main(names: list[str]) -> None:
    if names[:1] == ["--run"]:
        if names[2] != "0":
            add_noise(int(names[2]))
        runpy.run_path(names[1], run_name="__main__")
        return
    for path in sorted(PROGRAMS.glob("*.py")):
        if path.stem in names if names else not path.with_suffix(".json").exists():
            record(path)


if __name__ == "__main__":
    main(sys.argv[1:])

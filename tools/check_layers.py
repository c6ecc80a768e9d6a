"""Checks who includes whom in core/: the layers of docs/architecture.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path

# A folder, and the folders that its files may include from (besides itself).
ALLOWED = {
    "math": set(),
    "parallel": set(),
    "tensor": {"autograd", "math"},  # tensor.cpp destroys what a tensor owns; complex numbers are math's
    "random": {"math", "parallel", "tensor", "cpu"},
    "backend": {"tensor"},
    "cpu": {"backend", "math", "parallel", "tensor"},
    "autograd": {"tensor", "ops"},  # derivatives of views are operators
    "ops": {"tensor", "autograd", "backend", "math", "random", "parallel"},
    "python": {"backend", "tensor", "autograd", "ops", "cpu", "math", "random", "parallel"},
}
# What backend/, cpu/ and random/ may know of tensor/: element types and memory, no Tensor.
PLAIN_TENSOR_HEADERS = {
    "dtype.h",
    "dims.h",
    "device.h",
    "allocator.h",
    "error.h",
    "dispatch.h",
    "gil.h",
    "scalar.h",
}


def problems(core: Path) -> list[str]:
    found = []
    for path in sorted(core.rglob("*.[ch]*")):
        layer = path.relative_to(core).parts[0]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            include = re.match(r'#include [<"](.+?)[>"]', line)
            if not include:
                continue
            name = include.group(1)
            where = f"{path}:{number}: "
            if name == "Python.h" and layer != "python":
                found.append(where + f"{layer} must not know Python")
            if layer == "math" and "<" in line:
                found.append(where + f"math is for every compiler, GPUs' too, and must not include {name}")
            if not name.startswith("core/"):
                continue
            other, header = name.split("/")[1], name.split("/")[-1]
            if other != layer and other not in ALLOWED[layer]:
                found.append(where + f"{layer} must not include {name}")
            elif (
                layer in ("backend", "cpu", "random")
                and other == "tensor"
                and header not in PLAIN_TENSOR_HEADERS
            ):
                found.append(where + f"{layer} works on raw memory and must not include {name}")
    return found


if __name__ == "__main__":
    lines = problems(Path(__file__).parent.parent / "core")
    print("\n".join(lines) or "the layers hold")
    sys.exit(1 if lines else 0)

"""Fails where a kernel object holds shared inline functions: the linker might keep the copy that needs AVX-512 for everyone.

python tools/check_kernels.py INSTRUCTION_SET OBJECT...
"""

from __future__ import annotations

import re
import subprocess
import sys


def shared_symbols(instruction_set: str, objects: list[str]) -> list[str]:
    """Weak definitions outside of the instruction set's own namespace."""
    listing = subprocess.run(["nm", "-C", "-A", *objects], capture_output=True, text=True, check=True).stdout
    own = f"flambeau::cpu::{instruction_set}::"
    return [line for line in listing.splitlines() if re.search(r" [WVu] ", line) and own not in line]


if __name__ == "__main__":
    found = shared_symbols(sys.argv[1], sys.argv[2:])
    print("\n".join(found), end="\n" if found else "")
    sys.exit(f"{len(found)} shared inline functions in kernel objects of {sys.argv[1]}" if found else 0)

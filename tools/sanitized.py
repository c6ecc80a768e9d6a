"""Runs Python on the build with AddressSanitizer and UndefinedBehaviorSanitizer.

    cmake --preset sanitize && cmake --build build/sanitize
    python tools/sanitized.py pytest tests
    python tools/sanitized.py tests/fuzz/api.py --unlimited

The first argument is a script, or a command that is installed beside the interpreter. Of the package,
build/sanitize holds the extension alone; links to the Python files go beside it. The first report of a sanitizer ends the
process.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "sanitize"
_BUILT = ("_core.", "_operator_docs.json", "__pycache__")


def link_package() -> Path:
    """Links the package's Python files beside the extension; returns the extension."""
    package = BUILD / "flambeau"
    extensions = sorted(package.glob("_core.*.so"))
    if not extensions:
        raise SystemExit(
            f"nothing is built in {package}: cmake --preset sanitize && cmake --build build/sanitize"
        )
    wanted = {
        source.name: source for source in (ROOT / "flambeau").iterdir() if not source.name.startswith(_BUILT)
    }
    for link in package.iterdir():
        if link.is_symlink() and link.name not in wanted:
            link.unlink()
    for name, source in wanted.items():
        with contextlib.suppress(FileExistsError):  # there already, perhaps by another run's hand
            (package / name).symlink_to(source)
    return extensions[0]


def runtimes(extension: Path) -> list[str]:
    """The libraries that have to be loaded first: those of the sanitizers, and C++'s, whose `throw` they look for."""
    lines = subprocess.run(["ldd", extension], capture_output=True, text=True, check=True).stdout.splitlines()
    paths = [line.split(" => ")[1].split(" (")[0] for line in lines if " => /" in line]
    return [
        p for kind in ("libasan", "libubsan", "libstdc++") for p in paths if Path(p).name.startswith(kind)
    ]


def environment() -> dict[str, str]:
    """This process's environment, so that `import flambeau` loads the sanitized build."""
    preload = runtimes(link_package())
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(BUILD), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONMALLOC": "malloc",  # so that objects of Python's are watched too
        "LD_PRELOAD": " ".join(preload),
        # The interpreter itself leaks; a memory error of a huge request is an exception here, as it is elsewhere.
        "ASAN_OPTIONS": os.environ.get(
            "ASAN_OPTIONS", "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=4096"
        ),
        "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1"),
    }


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    script = Path(sys.argv[1])
    if not script.exists():
        script = Path(sys.executable).parent / script
    os.execve(sys.executable, [sys.executable, str(script), *sys.argv[2:]], environment())


if __name__ == "__main__":
    main()

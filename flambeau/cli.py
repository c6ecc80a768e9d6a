"""The command `flambeau`."""

from __future__ import annotations

import argparse
import os
import platform
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path


def _run(arguments: argparse.Namespace) -> int:
    """Runs a program as Python would, with Flambeau in the place of PyTorch."""
    from flambeau._install import install_as_torch

    install_as_torch()
    if arguments.script == "-m":
        if not arguments.arguments:
            raise SystemExit("flambeau run: argument expected after -m: the name of a module")
        module = arguments.arguments[0]
        sys.argv = arguments.arguments  # run_module puts the module's path in the first place
        sys.path.insert(0, os.getcwd())
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return 0
    script = Path(arguments.script)
    if not script.is_file():
        raise SystemExit(f"flambeau run: can't open file {str(script)!r}: no such file")
    sys.argv = [str(script), *arguments.arguments]
    sys.path.insert(0, str(script.resolve().parent))
    runpy.run_path(str(script), run_name="__main__")
    return 0


def _demo(arguments: argparse.Namespace) -> int:
    from flambeau import demo

    if arguments.check is not None:
        return demo.check(arguments.check)
    return demo.train(epochs=arguments.epochs, output=arguments.output, seed=arguments.seed)


def _amount(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"


def _info(arguments: argparse.Namespace) -> int:
    """Says what was installed, and what it makes of this machine."""
    from flambeau import __version__, _core

    build = _core._build_info()
    rows = {
        "flambeau": __version__,
        "python": f"{platform.python_version()} ({platform.system()} {platform.machine()})",
        "instruction set": build["isa"],
        "blas": f"{build['blas']} (kernels for {build['blas_core']})",
        "threads": build["threads"],
        "memory limit": _amount(build["memory_limit"]),
        "devices": "cpu",
    }
    width = max(map(len, rows)) + 2
    for name, value in rows.items():
        print(f"{name:<{width}}{value}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flambeau", description="A deep learning framework that runs PyTorch programs."
    )
    commands = parser.add_subparsers(title="commands", metavar="command", required=True)

    demo = commands.add_parser(
        "demo",
        help="train LeNet-5 on handwritten digits",
        description="Trains LeNet-5 on 1,438 handwritten digits and tests it on 359 others.",
    )
    demo.add_argument(
        "--check", metavar="MODEL.pt", type=Path, help="only test a model that the demo has saved"
    )
    demo.add_argument(
        "--epochs", type=_positive, default=None, help="passes over the training digits (default: 20)"
    )
    demo.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="where the model and the picture go (default: here)",
    )
    demo.add_argument("--seed", type=int, default=0, help="of the random numbers (default: 0)")
    demo.set_defaults(command=_demo)

    run = commands.add_parser(
        "run",
        help="run a PyTorch program on Flambeau",
        description="Runs a Python program in which `import torch` means Flambeau.",
        usage="flambeau run [-h] (SCRIPT | -m MODULE) ...",
    )
    run.add_argument("script", metavar="SCRIPT", help="a Python file, or -m and the name of a module")
    run.add_argument("arguments", metavar="...", nargs=argparse.REMAINDER, help="arguments of the program")
    run.set_defaults(command=_run)

    info = commands.add_parser("info", help="show version, instruction set, libraries and threads")
    info.set_defaults(command=_info)
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, but got {value}")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line `argv` (default: the process's own) and returns its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # argparse would take a program's options for its own: everything behind `run` belongs to the program.
    if arguments[:1] == ["run"] and len(arguments) > 1 and arguments[1] not in ("-h", "--help"):
        return _run(argparse.Namespace(script=arguments[1], arguments=arguments[2:]))
    parsed = _parser().parse_args(arguments)
    status: int = parsed.command(parsed)
    return status


if __name__ == "__main__":
    sys.exit(main())

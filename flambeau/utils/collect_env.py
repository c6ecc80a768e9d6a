"""What a bug report should say about the machine: ``python -m flambeau.utils.collect_env``."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

import flambeau

__all__ = ["get_pretty_env_info", "main"]

_PACKAGES = ("flambeau", "numpy", "scipy-openblas64", "tqdm", "matplotlib")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def get_pretty_env_info() -> str:
    """Versions, processor, devices and packages as text.

    >>> from flambeau.utils import collect_env
    >>> "Is CUDA available: False" in collect_env.get_pretty_env_info()
    True
    """
    bits = sys.maxsize.bit_length() + 1
    rows = [
        f"PyTorch version: {flambeau.__version__} (Flambeau)",
        f"Is debug build: {flambeau.version.debug}",
        "CUDA used to build PyTorch: None",
        "",
        f"OS: {platform.system()} {platform.release()} ({platform.machine()})",
        f"Libc version: {'-'.join(platform.libc_ver()) or 'N/A'}",
        f"Python version: {sys.version.splitlines()[0]} ({bits}-bit runtime)",
        f"Is CUDA available: {flambeau.cuda.is_available()}",
        f"CPU capability: {flambeau.backends.cpu.get_cpu_capability()}",
        f"Threads: {flambeau.get_num_threads()}",
        "",
        flambeau.__config__.show().rstrip(),
        "",
        "Versions of relevant libraries:",
        *(f"[pip3] {name}=={version}" for name in _PACKAGES if (version := _version(name))),
    ]
    return "\n".join(rows)


def main() -> None:
    """Prints it."""
    print(get_pretty_env_info())


if __name__ == "__main__":
    main()

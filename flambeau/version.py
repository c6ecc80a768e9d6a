"""What was built: the version, and the versions of GPU toolkits, none of which is there."""

from __future__ import annotations

from flambeau._version import __version__ as __version__

__all__ = ["__version__", "cuda", "debug", "git_version", "hip", "rocm", "xpu"]

cuda: str | None = None
hip: str | None = None
rocm: str | None = None
xpu: str | None = None
debug = False
git_version = "Unknown"

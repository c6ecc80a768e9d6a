"""Utilities around training, loaded when first used."""

from __future__ import annotations

from flambeau._submodules import submodules

__all__ = ["data", "hooks"]


__getattr__ = submodules(__name__)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

"""The class of compiled modules under the path that libraries import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau.nn import Module

__all__ = ["OptimizedModule"]


class OptimizedModule(Module):
    """What ``torch.compile`` makes of a module: it runs the module, ``_orig_mod``, and has its attributes."""

    def __init__(self, mod: Module, run: Callable[..., Any] | None = None) -> None:
        super().__init__()
        self.__dict__["_run"] = run
        self._orig_mod = mod
        self.training = mod.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The module's result."""
        run = self.__dict__["_run"]
        return (self._orig_mod if run is None else run)(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return self._modules["_orig_mod"]
        return getattr(self._orig_mod, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if (
            name in ("_orig_mod", "training")
            or "_modules" not in self.__dict__
            or "_orig_mod" not in self._modules
        ):
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._orig_mod, name)

    def __len__(self) -> int:
        return len(self._orig_mod)  # type: ignore[arg-type]

    def __bool__(self) -> bool:
        return True

    def __reduce__(self) -> Any:
        return _again, (self._orig_mod,)


def _again(module: Module) -> OptimizedModule:
    return OptimizedModule(module)

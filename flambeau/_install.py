"""Makes `import torch` mean Flambeau."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import ModuleType
from typing import Any

from flambeau._adoption import adopt
from flambeau._counterparts import COUNTERPARTS, own_name
from flambeau._version import PYTORCH_VERSION, __version__

# Of the packages that are stood in for, as they say it themselves.
_VERSIONS = {"torch": PYTORCH_VERSION, "torchvision": "0.28.0"}
_SPAWN = "multiprocessing.spawn"


def _exists(name: str) -> bool:
    try:
        return name in sys.modules or importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


class _SameModule(Loader):
    """Answers the import of one name with the module of another, the very same object."""

    def __init__(self, name: str) -> None:
        self._name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._name)
        # The import system is about to put the alias's spec on the module; exec_module puts its own back.
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _Adopting(SourceFileLoader):
    """Loads a module of Flambeau's, and gives its classes PyTorch's names."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        adopt(module)


class _HandingDown(SourceFileLoader):
    """Loads `multiprocessing.spawn`, and sees to it that what it starts stands in for PyTorch, too."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        _hand_down(module)


class _InstallOnArrival:
    """Does in the process that unpickles it what `install_as_torch` did here.

    It arrives before the child's `sys.path` is set, so it brings along where Flambeau is.
    """

    def __reduce__(self) -> Any:
        folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        return exec, (
            f"import sys; sys.path.append({folder!r}); import flambeau; flambeau.install_as_torch(); "
            f"sys.path.remove({folder!r})",
        )


def _hand_down(spawn: Any) -> None:
    """Puts the installation in front of what `spawn` tells a new process: before its main module is imported."""
    prepare = spawn.get_preparation_data

    def get_preparation_data(name: str) -> dict[str, Any]:
        data = prepare(name)
        if (
            name == "ignore"
        ):  # the fork server's question; it would import the main module without the installation
            data.pop("init_main_from_path", None)
        return {"flambeau": _InstallOnArrival(), **data}

    spawn.get_preparation_data = get_preparation_data


def _is_import() -> bool:
    """Whether an import statement is looking, rather than somebody who wants to know if there is such a module:
    only the former is told by an exception."""
    frame: Any = sys._getframe(2)  # of what has called find_spec
    while frame is not None and frame.f_code.co_name != "_find_and_load_unlocked":
        if frame.f_code.co_name != "_find_spec":
            return False
        frame = frame.f_back
    return frame is not None


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if name.startswith("flambeau."):
            return self._with_loader(name, path, _Adopting)
        if name == _SPAWN:
            return self._with_loader(name, path, _HandingDown)
        own = own_name(name)
        if own is None:
            return None
        if _exists(own):
            return ModuleSpec(name, _SameModule(own))
        if _is_import():
            raise ModuleNotFoundError(
                f"No module named {name!r}: Flambeau stands in for PyTorch, and has no {own} yet", name=name
            )
        return None

    def _with_loader(
        self, name: str, path: Sequence[str] | None, loader: type[SourceFileLoader]
    ) -> ModuleSpec | None:
        """What the other finders find, loaded by `loader` if it is a source file."""
        for finder in sys.meta_path:
            if isinstance(finder, _Finder):
                continue
            spec = finder.find_spec(name, path, None)
            if spec is not None:
                if type(spec.loader) is SourceFileLoader:
                    spec.loader = loader(spec.loader.name, spec.loader.path)
                return spec
        return None

    def find_distributions(self, context: Any = None) -> Iterable[Any]:
        """For `importlib.metadata`: the packages that are stood in for are installed."""
        from flambeau._distribution import Standin

        wanted = getattr(context, "name", None)
        for name, version in _VERSIONS.items():
            if wanted in (None, name) and _exists(COUNTERPARTS[name]):
                yield Standin(name, _local_version(version))


def _local_version(version: str) -> str:
    return f"{version}+flambeau{__version__}"


def install_as_torch() -> None:
    """Makes `import torch`, and every import below it, give Flambeau's modules in this process and in those that
    `multiprocessing` starts from it.

    `torch.nn` is then the same object as `flambeau.nn`, and so on; modules are loaded when they are first
    imported. Versions and the names of classes are PyTorch's from then on: `torch.__version__` is the version of
    PyTorch that is stood in for, with Flambeau's as its local part, and `torch.nn.Linear.__module__` is
    `torch.nn.modules.linear`. Calling it again changes nothing.

    Raises:
        RuntimeError: PyTorch has been imported already.

    >>> import subprocess, sys
    >>> program = "import flambeau; flambeau.install_as_torch(); import torch.nn; print(torch.nn is flambeau.nn)"
    >>> subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout
    'True\\n'
    """
    import flambeau
    from flambeau import version
    from flambeau.torch_version import TorchVersion

    for name, counterpart in COUNTERPARTS.items():
        loaded = sys.modules.get(name)
        if loaded is not None and loaded is not sys.modules.get(counterpart):
            raise RuntimeError(
                f"{name} has been imported already, from {getattr(loaded, '__file__', 'an unknown place')}: "
                "call install_as_torch() before anything imports it, or start the program with `flambeau run`"
            )
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    sys.meta_path.insert(0, _Finder())
    sys.modules["torch"] = flambeau
    flambeau.__version__ = TorchVersion(_local_version(PYTORCH_VERSION))
    version.__version__ = flambeau.__version__
    for name in [name for name in sys.modules if name == "flambeau" or name.startswith("flambeau.")]:
        adopt(sys.modules[name])
    if _SPAWN in sys.modules:
        _hand_down(sys.modules[_SPAWN])

"""The modules and functions that scripting, tracing and loading give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flambeau.nn import Module

__all__ = [
    "RecursiveScriptModule",
    "ScriptFunction",
    "ScriptModule",
    "TopLevelTracedModule",
    "TracedModule",
    "script_method",
]


def script_method(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a method of a :class:`ScriptModule`, which runs as it stands; returns it."""
    return fn


class ScriptModule(Module):
    """A module that can be saved with its program.

    Subclasses written by hand run as they stand; ``torch.jit.script``, ``trace`` and ``load`` give others.
    """

    original_name: str = ""

    def __init__(self) -> None:
        super().__init__()
        if not self.original_name:
            self.original_name = type(self).__name__

    def save(self, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
        """Writes the module and its program, as ``torch.jit.save`` does."""
        from ._archive import save

        save(self, f, _extra_files)

    def extra_repr(self) -> str:
        """The name of the class that it was made of."""
        return f"original_name={self.original_name}"


class RecursiveScriptModule(ScriptModule):
    """A scripted module. It runs the methods of the module that it was made of, and shares its tensors."""

    def __init__(self, original: Module) -> None:
        Module.__init__(self)
        state = self.__dict__
        for name in ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"):
            state[name] = original.__dict__[name]  # what is registered with one is registered with the other
        state["_original"] = original
        state["original_name"] = original._get_name()
        state["training"] = original.training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The original's result."""
        return self._original(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("__") or "_original" not in self.__dict__:
                raise
            return getattr(self.__dict__["_original"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_original" in self.__dict__ and name not in ("training",):
            setattr(self._original, name, value)
            return
        super().__setattr__(name, value)

    def train(self, mode: bool = True) -> RecursiveScriptModule:
        """Sets the mode of the original too."""
        super().train(mode)
        self._original.train(mode)
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        self._original._apply(fn, recurse)
        return self

    @property
    def code(self) -> str:
        """The program of ``forward``, as it is saved."""
        from ._script import Capture

        return Capture().method_source(self._original, "forward")

    def __len__(self) -> int:
        return len(self._original)

    def __iter__(self) -> Any:
        return iter(self._original)

    def __getitem__(self, key: Any) -> Any:
        return self._original[key]

    def __contains__(self, key: Any) -> bool:
        return key in self._original

    def __bool__(self) -> bool:
        return True


class TracedModule(ScriptModule):
    """A part of a traced module: it holds tensors, and its program is in the whole."""

    def __init__(self, original_name: str, training: bool) -> None:
        Module.__init__(self)
        self.original_name = original_name
        self.training = training

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Only the whole runs.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            f"{self.original_name} is part of a traced module, of which only the whole runs; trace the part for itself"
        )


class TopLevelTracedModule(TracedModule):
    """A traced module. ``graph`` is what was recorded, ``code`` its program."""

    def _install(self, graphs: dict[str, Any]) -> None:
        """Gives it the programs of its methods, by name."""
        from flambeau.fx.graph_module import _compiled

        self.__dict__["_graphs"] = graphs
        self.__dict__["_programs"] = programs = {}
        for name, graph in graphs.items():
            text = graph.python_code("self")
            programs[name] = text
            self.__dict__[f"_run_{name}"] = _compiled(text.src, text.globals)
            if name != "forward":
                self.__dict__[name] = self.__dict__[f"_run_{name}"].__get__(self)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Runs what was recorded."""
        return self.__dict__["_run_forward"](self, *args, **kwargs)

    @property
    def graph(self) -> Any:
        """What was recorded, a :class:`flambeau.fx.Graph`."""
        return self._graphs["forward"]

    inlined_graph = graph

    @property
    def code(self) -> str:
        """The program that was recorded."""
        return str(self._programs["forward"].src).strip() + "\n"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        import copy

        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        left_out = (
            "_graphs",
            "_programs",
            *(key for key in self.__dict__ if key.startswith("_run_")),
            *self._graphs,
        )
        twin.__dict__.update(
            {key: copy.deepcopy(value, memo) for key, value in self.__dict__.items() if key not in left_out}
        )
        twin._install({name: copy.deepcopy(graph) for name, graph in self._graphs.items()})
        return twin

    def __reduce__(self) -> Any:
        raise NotImplementedError("a traced module is saved with torch.jit.save(), not pickled")


class ScriptFunction:
    """A scripted or traced function: it runs, and can be saved."""

    def __init__(
        self, function: Callable[..., Any], original: Callable[..., Any] | None = None, graph: Any = None
    ) -> None:
        self._function = function
        self._original = original if original is not None else function
        self._graph = graph
        self.__name__ = self.name = getattr(self._original, "__name__", "forward")
        self.__doc__ = getattr(self._original, "__doc__", None)
        self.__wrapped__ = self._original

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        import types

        return self if instance is None else types.MethodType(self, instance)

    @property
    def graph(self) -> Any:
        """What was recorded, where it was traced.

        Raises:
            NotImplementedError: a scripted function is kept as its text: see ``code``.
        """
        if self._graph is None:
            raise NotImplementedError("a scripted function is kept as its text and has no graph; see .code")
        return self._graph

    @property
    def code(self) -> str:
        """Its program."""
        from ._script import Capture

        if self._graph is not None:
            return str(self._graph.python_code("self").src).strip() + "\n"
        return Capture().function_source(self._original)

    def save(self, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
        """Writes the function and its program, as ``torch.jit.save`` does."""
        from ._archive import save

        save(self, f, _extra_files)

"""Saving programs with their weights, and loading them again without executing anything but their checked texts."""

from __future__ import annotations

import ast
import os
from typing import Any

from flambeau._core import Tensor
from flambeau.nn import Module

from . import _language
from ._modules import ScriptFunction, ScriptModule
from ._script import Capture

__all__ = ["LoadedModule", "load", "save"]

_FORMAT = "flambeau program"


class LoadedModule(ScriptModule):
    """A module of a saved program."""

    _entries: dict[str, Any]


def save(m: Any, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
    """Writes a scripted or traced module or function with its program.

    The file has this package's own form, inside a checkpoint of :func:`flambeau.save`: weights, plain attributes, and the
    texts of the functions that it calls. PyTorch does not load it.

    Args:
        m: what ``torch.jit.script``, ``trace`` or ``load`` gave
        f: a path or a file
        _extra_files: texts or bytes to store beside it, by name

    Raises:
        NotSupportedError: the program uses what a saved program may not.

    Example:
        >>> import io, flambeau as torch
        >>> file = io.BytesIO()
        >>> torch.jit.save(torch.jit.trace(torch.nn.ReLU(), torch.ones(2)), file)
        >>> _ = file.seek(0)
        >>> torch.jit.load(file)(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    import flambeau

    capture = Capture()
    record: dict[str, Any] = {"format": _FORMAT, "version": 1}
    if isinstance(m, ScriptFunction):
        record["entry"] = capture.graph(m._graph) if m._graph is not None else capture.function(m._original)
        record["traced"] = m._graph is not None
        if m._graph is not None:
            record["root"] = capture.module(m._graph_root)  # type: ignore[attr-defined]
    elif isinstance(m, ScriptModule):
        record["root"] = capture.module(m)
    else:
        raise TypeError(
            f"torch.jit.save takes a scripted or traced module or function, not {type(m).__name__}: use "
            "torch.jit.script or torch.jit.trace first"
        )
    record["functions"] = capture.functions
    record["extra"] = {
        name: text if isinstance(text, bytes) else str(text).encode()
        for name, text in (_extra_files or {}).items()
    }
    _Program(record)  # what would not load is not written
    flambeau.save(record, f)


def load(
    f: Any,
    map_location: Any = None,
    _extra_files: dict[str, Any] | None = None,
    _restore_shapes: bool = False,
) -> Any:
    """Reads what :func:`save` wrote.

    The program in the file is checked before it runs: it can compute with operators and layers, and reach nothing else.

    Args:
        f: a path or a file
        map_location: where the tensors go, as for :func:`flambeau.load`
        _extra_files: a dictionary whose values are replaced by what the file has under their names

    Raises:
        ValueError: there is no such file.
        RuntimeError: the file holds no program, or one that uses what it may not.
    """
    import flambeau

    if isinstance(f, (str, os.PathLike)) and not os.path.exists(f):
        raise ValueError(f"The provided filename {f} does not exist")
    if isinstance(f, (str, os.PathLike)) and os.path.isdir(f):
        raise ValueError(f"The provided filename {f} is a directory")
    record = flambeau.load(f, map_location=map_location, weights_only=True)
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise RuntimeError(
            "the file holds no program of torch.jit.save(); load checkpoints with torch.load()"
        )
    if record.get("version") != 1:
        raise RuntimeError(f"the program has version {record.get('version')!r}; this release reads version 1")
    for name in _extra_files or ():
        if name in record.get("extra", {}):
            _extra_files[name] = record["extra"][name]  # type: ignore[index]
    try:
        return _Program(record).result()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise RuntimeError(f"the program in the file is damaged: {type(error).__name__}: {error}") from error


def _own_names(record: Any) -> set[str]:
    """The names that the modules of a program have."""
    names: set[str] = set()
    stack = [record]
    while stack:
        module = stack.pop()
        if not isinstance(module, dict):
            raise _language.UnsafeProgram("a saved program's module is no record")
        for key in ("parameters", "buffers", "attributes", "methods", "children"):
            names |= {str(name) for name in module.get(key) or ()}
        stack += [child for child in module["children"].values() if child is not None]
    return {name for name in names if not name.isdigit()}


class _Program:
    """A saved program, checked."""

    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record
        root = record.get("root")
        own = _own_names(root) if root is not None else set()
        # A layer of this package may have attributes that no program reads.
        self.attributes = _language.allowed_attributes(name for name in own if _may_be_read(name))
        self.entries: list[dict[str, Any]] = [dict(entry) for entry in record["functions"]]
        self.trees = [self._checked(entry) for entry in self.entries]
        self.made: list[Any] = [None] * len(self.entries)

    def _checked(self, entry: dict[str, Any]) -> ast.Module:
        spaces = {"torch": "torch", "math": "math"}
        for name, reference in entry["globals"].items():
            if not isinstance(name, str) or not name.isidentifier() or name.startswith("__"):
                raise _language.UnsafeProgram(f"a saved program may not use the name {name!r}")
            path = reference.get("path")
            if path is not None and (path == "math" or path in _language._SPACES):
                spaces[name] = path
            else:
                spaces.pop(name, None)
        return _language.check(entry["source"], self.attributes, spaces)

    def function(self, number: int) -> Any:
        """A function of the program."""
        if self.made[number] is None:
            entry = self.entries[number]
            names = _language.namespace()
            code = compile(self.trees[number], f"<saved program: {entry['name']}>", "exec")
            exec(code, names)
            name = self.trees[number].body[0].name  # type: ignore[attr-defined]
            function = self.made[number] = names[name]
            function.__defaults__ = tuple(entry.get("defaults") or ()) or None
            function.__kwdefaults__ = dict(entry.get("keyword_defaults") or {}) or None
            linked = {}
            for key, reference in entry["globals"].items():
                if "function" in reference:
                    names[key] = self.function(reference["function"])
                    linked[key] = {"entry": self.entries[reference["function"]]}
                else:
                    names[key] = self._value(reference)
                    linked[key] = reference
            self.entries[number]["globals"] = linked
        return self.made[number]

    @staticmethod
    def _value(reference: dict[str, Any]) -> Any:
        return _language.resolve(reference["path"]) if "path" in reference else reference["value"]

    def result(self) -> Any:
        """The module or function."""
        if "entry" not in self.record:
            return self._module(self.record["root"])
        function = self.function(self.record["entry"])
        if not self.record.get("traced"):
            return _LoadedFunction(function, self.entries[self.record["entry"]])
        root = self._module(self.record["root"])
        return _LoadedFunction(function.__get__(root), self.entries[self.record["entry"]], root)

    def _module(self, record: dict[str, Any]) -> Module:
        import flambeau

        library = record.get("library")
        if library is not None:
            cls = getattr(flambeau.nn, str(library), None)
            if not (isinstance(cls, type) and issubclass(cls, Module)):
                raise _language.UnsafeProgram(f"a saved program may not use torch.nn.{library}")
            module = cls.__new__(cls)
            Module.__init__(module)
        else:
            methods = {name: self.function(number) for name, number in record["methods"].items()}
            cls = type(str(record["name"]), (LoadedModule,), {"__module__": "flambeau.jit"})
            for name, function in methods.items():
                setattr(cls, name, staticmethod(function) if name in record.get("static", ()) else function)
            module = object.__new__(cls)
            Module.__init__(module)
            module.__dict__["original_name"] = str(record["name"])
            module.__dict__["_entries"] = {
                name: self.entries[number] for name, number in record["methods"].items()
            }
        state = module.__dict__
        for name, reference in record["attributes"].items():
            if name in ("_parameters", "_buffers", "_modules", "_entries", "forward") or name.startswith(
                "__"
            ):
                raise _language.UnsafeProgram(f"a saved module may not have an attribute named {name!r}")
            state[name] = self._value(reference)
        for name, value in record["parameters"].items():
            module.register_parameter(name, _parameter(value))
        for name, value in record["buffers"].items():
            module.register_buffer(name, value, persistent=name not in record["not_saved"])
        for name, child in record["children"].items():
            module.add_module(name, self._module(child) if child is not None else None)
        state["training"] = bool(record["training"])
        return module


class _LoadedFunction(ScriptFunction):
    """A function of a saved program."""

    def __init__(self, function: Any, entry: dict[str, Any], root: Module | None = None) -> None:
        super().__init__(function)
        self._entry = entry
        self._root = root
        self.__name__ = self.name = entry["name"]

    @property
    def code(self) -> str:
        """Its program."""
        return str(self._entry["source"]) + "\n"

    def save(self, f: Any, _extra_files: dict[str, Any] | None = None) -> None:
        """Not for a loaded function: copy the file.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("saving a loaded function again is not implemented yet; copy its file")


def _may_be_read(name: str) -> bool:
    return (
        not hasattr(Tensor, name)
        and not hasattr(Module, name)
        and name.isidentifier()
        and not name.startswith("__")
    )


def _parameter(value: Any) -> Any:
    import flambeau

    if value is None or isinstance(value, flambeau.nn.Parameter):
        return value
    return flambeau.nn.Parameter(value, requires_grad=value.requires_grad)

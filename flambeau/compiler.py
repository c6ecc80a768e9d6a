"""Questions and marks of the compiler: :func:`flambeau.compile` lets programs run as they stand.

>>> import flambeau as torch
>>> torch.compiler.is_compiling()
False
"""

from __future__ import annotations

from typing import Any

from flambeau import _compile
from flambeau._missing import missing
from flambeau._tracing import mark

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "reset",
    "set_stance",
]

_STANCES = (
    "default",
    "eager_then_compile",
    "aot_eager_then_compile",
    "force_eager",
    "eager_on_recompile",
    "fail_on_recompile",
)
_KNOWN = frozenset(
    "config get_default_backend keep_portable_guards_unsafe keep_tensor_guards_unsafe load_cache_artifacts "
    "load_compiled_function nested_compile_region save_cache_artifacts set_default_backend "
    "set_enable_guard_collectives skip_all_guards_unsafe skip_guard_on_all_nn_modules_unsafe "
    "skip_guard_on_globals_unsafe skip_guard_on_inbuilt_nn_modules_unsafe substitute_in_graph wrap_numpy".split()
)

disable = mark("disable", "Marks a function that is not to be compiled, as none is; returns it.")
allow_in_graph = mark("allow_in_graph", "Marks a function that the compiler does not look into; returns it.")
assume_constant_result = mark(
    "assume_constant_result", "Marks a function whose result the compiler may keep; returns it."
)


def is_compiling() -> bool:
    """Whether the code is being compiled: False."""
    return False


def is_dynamo_compiling() -> bool:
    """Whether the code is being captured: False."""
    return False


def is_exporting() -> bool:
    """Whether the code is being exported: False."""
    return False


def reset() -> None:
    """Forgets what was compiled: nothing was."""


def cudagraph_mark_step_begin() -> None:
    """Marks the start of a step for recorded GPU work: there is none."""


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """The names of compilers that :func:`compile` knows; programs run eagerly with each of them."""
    return list(_compile._BACKENDS) + ([] if "debug" in (exclude_tags or ()) else list(_compile._DEBUGGING))


def compile(*args: Any, **kwargs: Any) -> Any:
    """:func:`flambeau.compile`."""
    return _compile.compile(*args, **kwargs)


class set_stance:
    """What compiled programs do when they would be compiled anew; they run as they stand in any case.

    A call, a decorator or a block.

    Raises:
        RuntimeError: an unknown stance.

    >>> import flambeau as torch
    >>> with torch.compiler.set_stance("force_eager"):
    ...     pass
    """

    def __init__(
        self, stance: str = "default", *, skip_guard_eval_unsafe: bool = False, force_backend: Any = None
    ) -> None:
        if stance not in _STANCES:
            raise RuntimeError(f"invalid torch.compile stance {stance!r}; one of: {', '.join(_STANCES)}")

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        pass

    def __call__(self, fn: Any) -> Any:
        return fn


def __getattr__(name: str) -> Any:
    raise missing("torch.compiler", name, _KNOWN)

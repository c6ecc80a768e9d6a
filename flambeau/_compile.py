"""``torch.compile``: a callable that behaves as the original, which runs as it stands."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from flambeau._core import Tensor

__all__ = ["InvalidBackend", "compile"]

_BACKENDS = ("cudagraphs", "inductor", "openxla", "tvm")
_DEBUGGING = (
    "eager",
    "aot_eager",
    "aot_eager_decomp_partition",
    "aot_ts",
    "eager_noexcept",
    "ts",
    "pre_dispatch_eager",
)
_MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")


class InvalidBackend(RuntimeError):
    """There is no compiler of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Invalid backend: {name!r}, see `torch._dynamo.list_backends()` for available backends."
        )


@functools.cache
def say_once() -> None:
    """Warns, once in a process, that compiled programs run as they stand."""
    warnings.warn(
        "torch.compile: Flambeau has no compiler; the program runs eagerly, with the same results",
        stacklevel=3,
    )


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: str | Callable[..., Any] | None = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    name: str | None = None,
    disable: bool = False,
    recompile_limit: int | None = None,
    isolate_recompiles: bool = False,
    shapes_spec: Any = None,
) -> Any:
    """A module or function that behaves as the given one.

    There is no compiler here, and operators are called at little cost: it runs eagerly, and says so once. A `backend`
    that is a function is called with the traced graph and example inputs, and what it returns runs, where the program can
    be traced; how the others would compile (`fullgraph`, `dynamic`, `mode`, `options`) changes nothing.

    Args:
        model: a module or function; without one, a decorator is returned
        backend: the name of a compiler, or a function of a :class:`torch.fx.GraphModule` and a list of tensors
        mode, options: at most one of them
        disable: whether `model` itself is returned

    Raises:
        AssertionError: `model` cannot be called.
        RuntimeError: an unknown mode or backend, or both `mode` and `options`.

    Example:
        >>> import warnings, flambeau as torch
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     double = torch.compile(lambda x: x * 2)
        >>> double(torch.ones(2))
        tensor([2., 2.])
    """
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if mode is not None and mode not in _MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(_MODES)}")
    if isinstance(backend, str) and backend not in (*_BACKENDS, *_DEBUGGING):
        raise InvalidBackend(backend)
    if model is None:
        return functools.partial(compile, backend=backend, mode=mode, options=options, disable=disable)
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    if disable:
        return model
    from flambeau.nn import Module

    run = _through_backend(model, backend) if callable(backend) else None
    if run is None:
        say_once()
    if isinstance(model, Module):
        from flambeau._dynamo.eval_frame import OptimizedModule

        if isinstance(model, OptimizedModule) and run is None:
            return model
        return OptimizedModule(model, run)
    if isinstance(model, type):
        return model

    @functools.wraps(model)
    def compiled(*args: Any, **kwargs: Any) -> Any:
        return (model if run is None else run)(*args, **kwargs)

    compiled._torchdynamo_orig_callable = model  # type: ignore[attr-defined]
    return compiled


def _through_backend(model: Any, backend: Callable[..., Any]) -> Callable[..., Any]:
    """The program as a user's compiler makes it, anew for every combination of shapes and element types."""
    from flambeau.fx import symbolic_trace
    from flambeau.fx.proxy import TraceError
    from flambeau.utils import _pytree as pytree

    made: dict[Any, tuple[Callable[..., Any], Any]] = {}
    untraceable = False

    def run(*args: Any, **kwargs: Any) -> Any:
        nonlocal untraceable
        if untraceable or kwargs or not all(isinstance(each, Tensor) for each in args):
            say_once()
            return model(*args, **kwargs)
        key = tuple((each.shape, each.dtype, each.requires_grad) for each in args)
        if key not in made:
            try:
                traced = symbolic_trace(model)
            except (TraceError, TypeError, NotImplementedError):
                untraceable = True
                say_once()
                return model(*args)
            output = traced.graph.output_node()
            leaves, spec = pytree.tree_flatten(output.args[0])
            output.args = (tuple(leaves),)
            traced.recompile()
            made[key] = backend(traced, list(args)), spec
        compiled, spec = made[key]
        return pytree.tree_unflatten(list(compiled(*args)), spec)

    return run

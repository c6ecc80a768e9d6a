"""Activation checkpointing: forget what a segment of a network would keep for backward, and compute it again there.

Chen, Xu, Zhang and Guestrin, Training Deep Nets with Sublinear Memory Cost, 2016.
"""

from __future__ import annotations

import contextlib
import enum
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from flambeau import _core
from flambeau._core import Tensor
from flambeau._grad_mode import enable_grad, no_grad
from flambeau.autograd import backward as _backward
from flambeau.autograd.function import Function
from flambeau.autograd.graph import saved_tensors_hooks

__all__ = [
    "checkpoint",
    "checkpoint_sequential",
    "CheckpointError",
    "CheckpointFunction",
    "CheckpointPolicy",
    "check_backward_validity",
    "create_selective_checkpoint_contexts",
    "detach_variable",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
]


class CheckpointError(RuntimeError):
    """The second run of a checkpointed function did not do what the first did."""


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts, for the run in forward and that in backward, that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def detach_variable(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The tensors among the arguments without their history, requiring a gradient where they did.

    Raises:
        RuntimeError: if `inputs` is no tuple.
    """
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            f"Only tuple of tensors is supported. Got Unsupported input type: {type(inputs).__name__}"
        )
    return tuple(x.detach().requires_grad_(x.requires_grad) if isinstance(x, Tensor) else x for x in inputs)


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warns where no argument requires a gradient."""
    if not any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)


@contextlib.contextmanager
def _random_state(state: Any) -> Iterator[None]:
    """A block in which the default generator goes on from `state`, if there is one; afterwards from where it was."""
    if state is None:
        yield
        return
    from flambeau.random import fork_rng, set_rng_state

    with fork_rng():
        set_rng_state(state)
        yield


def _current_random_state(wanted: bool) -> Any:
    if not wanted:
        return None
    from flambeau.random import get_rng_state

    return get_rng_state()


def _current_precision() -> tuple[bool, Any, bool]:
    """What autocast does here, for :func:`_precision` to do it again."""
    return (
        _core._autocast_on_cpu(),
        _core._autocast_get_dtype("cpu"),
        _core._autocast_keeps_casts(),
    )


def _precision(state: tuple[bool, Any, bool]) -> Any:
    """A block in which operators choose their precision as they did where `state` was taken."""
    from flambeau.amp import autocast

    enabled, dtype, cache_enabled = state
    return autocast("cpu", dtype=dtype, enabled=enabled, cache_enabled=cache_enabled)


class CheckpointFunction(Function):
    """A segment as one node: forward unrecorded, backward records it again and differentiates that."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.random_state = _current_random_state(preserve_rng_state)
        ctx.precision = _current_precision()
        ctx.arguments = [None if isinstance(x, Tensor) else x for x in args]
        ctx.places = [i for i, x in enumerate(args) if isinstance(x, Tensor)]
        with no_grad():
            outputs = run_function(*args)
        ctx.save_for_backward(*(args[i] for i in ctx.places))
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if _core._run_is_restricted():
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs` "
                "parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call "
                ".backward() without passing the `inputs` argument."
            )
        arguments = list(ctx.arguments)
        for i, x in zip(ctx.places, ctx.saved_tensors, strict=True):
            arguments[i] = x
        detached = detach_variable(tuple(arguments))
        with _random_state(ctx.random_state), _precision(ctx.precision), enable_grad():
            outputs = ctx.run_function(*detached)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = [
            (out, grad)
            for out, grad in zip(outputs, grads, strict=True)
            if isinstance(out, Tensor) and out.requires_grad
        ]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        _backward([out for out, _ in pairs], [grad for _, grad in pairs])
        return (None, None, *(x.grad if isinstance(x, Tensor) else None for x in detached))


_early_stop: bool | None = None


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """A block for whose checkpoints it is decided whether the second run stops once it has what backward needs."""
    global _early_stop
    previous = _early_stop
    _early_stop = enable
    try:
        yield
    finally:
        _early_stop = previous


_debug: bool | None = None


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """A block that decides about `debug` for its checkpoints; None leaves that to them."""
    global _debug
    previous = _debug
    _debug = enabled
    try:
        yield
    finally:
        _debug = previous


class CheckpointPolicy(enum.Enum):
    """What selective checkpointing does with the result of an operator: keep it, or compute it again."""

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Any, allow_cache_entry_mutation: bool = False
) -> tuple[Any, Any]:
    """Not there yet: the contexts would have to see every operator of the segment.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("create_selective_checkpoint_contexts is not implemented yet")


class _EnoughError(Exception):
    """The second run has computed all that backward needs."""


class _Place:
    """Stands for a tensor that was forgotten: the number of the capture."""

    __slots__ = ("__weakref__", "number")

    def __init__(self, number: int) -> None:
        self.number = number


def _form(t: Tensor) -> dict[str, Any]:
    return {"shape": t.shape, "dtype": t.dtype, "device": t.device}


class _Segment:
    """What the captures of a checkpointed call share: how to compute them again, and those that were."""

    def __init__(self, again: Callable[[], Any], early_stop: bool, compare_forms: bool) -> None:
        self.again = again
        self.early_stop = early_stop
        self.compare_forms = compare_forms
        self.places: list[weakref.ref[_Place]] = []
        self.forms: list[dict[str, Any]] = []
        self.run = 0  # of which the tensors below are
        self.tensors: dict[int, Tensor] = {}

    def pack(self, tensor: Tensor) -> _Place:
        place = _Place(len(self.places))
        self.places.append(weakref.ref(place))
        self.forms.append(_form(tensor))
        return place

    def unpack(self, place: _Place) -> Tensor:
        run = _core._current_run()
        if not run or run != self.run:
            self.compute()
            self.run = run
        return self.tensors[place.number]

    def compute(self) -> None:
        count = 0
        self.tensors = tensors = {}

        def keep(tensor: Tensor) -> Tensor:
            nonlocal count
            if count < len(self.places) and self.places[count]() is not None:
                tensors[count] = tensor.detach()
            count += 1
            if self.early_stop and count == len(self.places):
                raise _EnoughError
            return tensor.detach()

        with (
            saved_tensors_hooks(keep, lambda tensor: tensor),
            enable_grad(),
            contextlib.suppress(_EnoughError),
        ):
            self.again()
        if count != len(self.places):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and "
                f"recomputation.\nNumber of tensors saved during forward: {len(self.places)}\nNumber of tensors saved "
                f"during recomputation: {count}."
            )
        differing = [
            (k, self.forms[k], _form(t)) for k, t in sorted(tensors.items()) if _form(t) != self.forms[k]
        ]
        if self.compare_forms and differing:
            lines = "\n".join(
                f"tensor at position {k}:\nsaved metadata: {before}\nrecomputed metadata: {after}"
                for k, before, after in differing
            )
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than "
                f"during the forward pass.\n{lines}.\n"
            )


def _checkpoint_without_reentry(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    keywords: dict[str, Any],
    contexts: tuple[Any, Any],
    random_state: Any,
    early_stop: bool,
    compare_forms: bool,
) -> Any:
    forward_context, second_context = contexts

    precision = _current_precision()

    def again() -> None:
        with _random_state(random_state), _precision(precision), second_context:
            function(*args, **keywords)

    segment = _Segment(again, early_stop, compare_forms)
    with saved_tensors_hooks(segment.pack, segment.unpack), forward_context:
        return function(*args, **keywords)


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """Computes function(*args) without keeping what its derivative needs, which backward computes again.

    Args:
        function: a segment of a network; run a second time in backward, with the same random numbers
        args: its arguments
        use_reentrant: True runs a pass of the engine inside backward and needs an argument that requires a gradient;
            False (recommended) computes what was forgotten when it is asked for
        context_fn: returns two contexts, for the first run and the second; with use_reentrant=False
        determinism_check: "default" compares size, dtype and device of what the second run computes, "none" does not
        debug: not implemented
        early_stop: end the second run once it has what backward needs
        preserve_rng_state: whether the second run draws the same random numbers (default True)
        kwargs: keyword arguments of `function`; with use_reentrant=False

    Returns:
        what `function` returns.

    Raises:
        CheckpointError: in backward, if the second run keeps other tensors than the first.

    >>> import flambeau as torch
    >>> from flambeau.utils.checkpoint import checkpoint
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> checkpoint(lambda x: x ** 3, x, use_reentrant=False).backward()
    >>> x.grad
    tensor(12.)
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, "
            "calling checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, but "
            "if you need to preserve the current default behavior, you can pass use_reentrant=True.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return CheckpointFunction.apply(function, preserve, *args)
    if debug if _debug is None else _debug:
        raise NotImplementedError("checkpoint(debug=True) is not implemented yet")
    if determinism_check not in ("default", "none"):
        raise ValueError(
            f"determinism_check should be one of ['default', 'none'], but got {determinism_check}"
        )
    return _checkpoint_without_reentry(
        function,
        args,
        kwargs,
        context_fn(),
        _current_random_state(preserve),
        early_stop if _early_stop is None else _early_stop,
        determinism_check == "default",
    )


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Runs a list of modules or functions in segments, of which all but the last are checkpointed.

    Args:
        functions: an `nn.Sequential`, or a list of modules or functions
        segments: how many parts to make
        input: what the first gets
        use_reentrant: as for `checkpoint`
        preserve_rng_state: whether second runs draw the same random numbers (default True)

    >>> import flambeau as torch
    >>> from flambeau.utils.checkpoint import checkpoint_sequential
    >>> x = torch.tensor([0.5], requires_grad=True)
    >>> checkpoint_sequential([torch.sin, torch.exp], 2, x, use_reentrant=False).backward()
    """
    if use_reentrant is None:
        warnings.warn(
            "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed explicitly. In "
            "version 2.9 we will raise an exception if use_reentrant is not passed. use_reentrant=False is recommended, "
            "but if you need to preserve the current default behavior, you can pass use_reentrant=True.",
            stacklevel=2,
        )
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps: Sequence[Any] = list(functions.children()) if hasattr(functions, "children") else list(functions)

    def part(start: int, end: int) -> Callable[[Any], Any]:
        def run(value: Any) -> Any:
            for step in steps[start:end]:
                value = step(value)
            return value

        return run

    size = len(steps) // segments
    start = 0
    for start in range(0, size * (segments - 1), size):
        input = checkpoint(
            part(start, start + size), input, use_reentrant=use_reentrant, preserve_rng_state=preserve
        )
    return part(size * (segments - 1), len(steps))(input)

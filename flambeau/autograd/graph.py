"""The recorded graph: its nodes and edges, hooks on several gradients at once, and what becomes of captured tensors."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from flambeau import _core
from flambeau._core import Node, Tensor

__all__ = [
    "saved_tensors_hooks",
    "save_on_cpu",
    "disable_saved_tensors_hooks",
    "register_multi_grad_hook",
    "allow_mutation_on_saved_tensors",
    "Node",
    "GradientEdge",
    "get_gradient_edge",
    "increment_version",
]


class GradientEdge(NamedTuple):
    """A place of the graph that gradients flow into: an output of a node. Stands for its tensor in `grad`, `backward`."""

    node: Any
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The place where the gradient of `tensor` flows, which keeps its history alive without its data.

    Raises:
        RuntimeError: if the tensor does not require a gradient.

    >>> import flambeau as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> edge = torch.autograd.graph.get_gradient_edge(x * x)
    >>> torch.autograd.grad(edge, x, grad_outputs=torch.tensor(1.0))
    (tensor(6.),)
    """
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    return GradientEdge(*_core._gradient_edge(tensor))


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Counts an in-place write that was done where the version counter does not see it (a kernel of one's own).

    Raises:
        RuntimeError: if `tensor` is neither a tensor nor an iterable of tensors.
    """
    if not isinstance(tensor, Iterable):
        raise RuntimeError("increment_version expect a Iterable[Tensor] as input")
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        if not isinstance(t, Tensor):
            raise RuntimeError("increment_version expects each element of the iterable to be a tensor")
        _core._bump_version(t)


class saved_tensors_hooks:
    """A block in which tensors that derivatives need pass through two hooks: one as they are kept, one as they are used.

    Args:
        pack_hook: pack_hook(tensor) -> anything that stands for the tensor; must not write to it
        unpack_hook: unpack_hook(what pack_hook gave) -> a tensor of the same values, size and dtype

    Blocks nest: only the hooks of the innermost run.

    >>> import flambeau as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> with torch.autograd.graph.saved_tensors_hooks(lambda t: t.tolist(), torch.tensor):
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _core._push_capture_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *_: object) -> None:
        _core._pop_capture_hooks()

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **keywords: Any) -> Any:
            with self:
                return function(*args, **keywords)

        return wrapped


class save_on_cpu(saved_tensors_hooks):
    """A block in which tensors that derivatives need are kept in main memory and brought back to their device for use.

    Args:
        pin_memory: keep them in pinned memory, from which copies to a GPU are faster
        device_type: the device whose tensors would be pinned

    >>> import flambeau as torch
    >>> x = torch.tensor(3.0, requires_grad=True)
    >>> with torch.autograd.graph.save_on_cpu():
    ...     y = x * x
    >>> y.backward()
    >>> x.grad
    tensor(6.)
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        if pin_memory:
            raise NotImplementedError(
                f"save_on_cpu(pin_memory=True) for device type '{device_type}' is not implemented: there is no pinned memory"
            )

        def pack(tensor: Tensor) -> tuple[Any, Tensor]:
            return tensor.device, tensor.detach().cpu()

        def unpack(packed: tuple[Any, Tensor]) -> Tensor:
            device, tensor = packed
            return tensor.to(device)

        super().__init__(pack, unpack)


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Generator[None, None, None]:
    """A block in which `saved_tensors_hooks` raise RuntimeError(error_message)."""
    previous = _core._disable_capture_hooks(error_message)
    try:
        yield
    finally:
        _core._disable_capture_hooks(previous)


class _HookHandles:
    """Takes several hooks off."""

    def __init__(self, handles: Iterable[Any]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        """Takes them off; a second call does nothing."""
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _HookHandles:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor],
    fn: Callable[[Sequence[Tensor | None]], None] | Callable[[Tensor], None],
    *,
    mode: Literal["all", "any"] = "all",
) -> _HookHandles:
    """Calls `fn` once in every pass, when the gradients of several tensors are there.

    Args:
        tensors: what to watch; each requires a gradient
        fn: with mode "all", fn(grads) after the last of those that the pass computes, None for the others; with
            mode "any", fn(grad) with the first
        mode: "all" or "any"

    Returns:
        a handle with `remove()`.

    Raises:
        ValueError: if mode is something else.

    >>> import flambeau as torch
    >>> a = torch.tensor(2.0, requires_grad=True)
    >>> b = torch.tensor(3.0, requires_grad=True)
    >>> handle = torch.autograd.graph.register_multi_grad_hook((a, b), lambda grads: print([g.item() for g in grads]))
    >>> (a * b).backward()
    [3.0, 2.0]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    for t in tensors:
        if not t.requires_grad:
            raise AssertionError("Expected gradient function to be set")
    lock = threading.Lock()
    if mode == "any":
        called: dict[int, bool] = {}

        def first(grad: Tensor) -> None:
            run = _core._current_run()
            with lock:
                if called.get(run):
                    return
                called.clear()
                called[run] = True
            fn(grad)  # type: ignore[arg-type]

        return _HookHandles([t.register_hook(first) for t in tensors])

    edges = [_core._gradient_edge(t) for t in tensors]
    runs: dict[int, tuple[int, list[Any]]] = {}  # how many are outstanding in a run, and what came

    def hook_at(index: int) -> Callable[[Tensor], None]:
        def hook(grad: Tensor) -> None:
            run = _core._current_run()
            with lock:
                if run not in runs:
                    for stale in [r for r in runs if not _core._is_running(r)]:
                        del runs[stale]
                    runs[run] = (sum(_core._will_run(edges)), [None] * len(edges))
                outstanding, grads = runs.pop(run)
                grads[index] = grad
                outstanding -= 1
                if outstanding:
                    runs[run] = (outstanding, grads)
            if not outstanding:
                fn(grads)  # type: ignore[arg-type]

        return hook

    return _HookHandles([t.register_hook(hook_at(i)) for i, t in enumerate(tensors)])


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Generator[Any, None, None]:
    """Not there yet: tensors that a derivative needs may not be written in place; clone() them first."""
    raise NotImplementedError("allow_mutation_on_saved_tensors is not implemented yet")
    yield

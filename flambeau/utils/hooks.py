"""Handles that remove hooks, and the machinery behind a module's backward hooks."""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from .._core import Tensor

__all__ = ["BackwardHook", "RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


class RemovableHandle:
    """Removes a hook again, by :meth:`remove` or at the end of a ``with`` block.

    Args:
        hooks_dict: the ordered dictionary in which the hook stands under the handle's ``id``.
        extra_dict: a dictionary, or a list of them, with further entries under the same ``id``.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.Linear(2, 3)
        >>> handle = layer.register_forward_hook(lambda module, args, output: print(output.shape))
        >>> y = layer(torch.zeros(4, 2))
        torch.Size([4, 3])
        >>> handle.remove()
        >>> y = layer(torch.zeros(4, 2))
    """

    id: int
    next_id: int = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        extras = [extra_dict] if isinstance(extra_dict, dict) else extra_dict or []
        self.extra_dict_ref: tuple[weakref.ref[Any], ...] = tuple(weakref.ref(d) for d in extras)

    def remove(self) -> None:
        """Takes the hook out; a second call does nothing."""
        for ref in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = ref()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self) -> tuple[Any, int, tuple[Any, ...]]:
        return self.hooks_dict_ref(), self.id, tuple(ref() for ref in self.extra_dict_ref)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        hooks_dict, self.id, *rest = state
        # A handle whose module is gone still has to answer remove(): it then points at nothing.
        self.hooks_dict_ref = weakref.ref(OrderedDict() if hooks_dict is None else hooks_dict)
        self.extra_dict_ref = tuple(weakref.ref(d) for d in (rest[0] or ())) if rest else ()
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def unserializable_hook(f: Any) -> Any:
    """Marks a tensor hook as one that saving may drop without a warning."""
    f.__torch_unserializable__ = True
    return f


def warn_if_has_hooks(tensor: Tensor) -> None:
    """Warns about every hook of a tensor that saving the tensor loses."""
    for hook in (getattr(tensor, "_backward_hooks", None) or {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, you can "
                "decorate the function with @torch.utils.hooks.unserializable_hook to suppress this warning",
                stacklevel=2,
            )


_identity_function: Any = None


def _identity(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """One autograd node through which all the tensors pass unchanged."""
    global _identity_function
    if _identity_function is None:
        from ..autograd import Function

        class BackwardHookFunction(Function):
            @staticmethod
            def forward(ctx: Any, *args: Tensor) -> tuple[Tensor, ...]:
                ctx.mark_non_differentiable(*[arg for arg in args if not arg.requires_grad])
                return args

            @staticmethod
            def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
                return grads

        _identity_function = BackwardHookFunction
    result: tuple[Tensor, ...] = _identity_function.apply(*tensors)
    return result


class BackwardHook:
    """Calls a module's full backward hooks in one forward pass.

    Inputs and outputs of the module each pass through one identity node. The node at the outputs runs the
    pre-hooks and keeps their gradients, the node at the inputs runs the hooks with both. Without an input
    that needs a gradient, the hooks run at the outputs, with ``None`` for every input.
    """

    def __init__(
        self,
        module: Any,
        user_hooks: Sequence[Callable[..., Any]],
        user_pre_hooks: Sequence[Callable[..., Any]],
    ) -> None:
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.grad_outputs: tuple[Any, ...] | None = None
        self.n_inputs = self.n_outputs = -1
        self.input_tensors_index: list[int] | None = None
        self.output_tensors_index: list[int] | None = None

    def setup_input_hook(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Puts the node before the module; returns the arguments to call it with."""
        self.n_inputs = len(args)
        self.input_tensors_index, result = self._route(args, self._at_inputs)
        return result

    def setup_output_hook(self, outputs: Any) -> Any:
        """Puts the node behind the module; returns its outputs."""
        many = isinstance(outputs, tuple)
        values = outputs if many else (outputs,)
        self.n_outputs = len(values)
        self.output_tensors_index, result = self._route(values, self._at_outputs)
        return result if many else result[0]

    @staticmethod
    def _route(values: tuple[Any, ...], hook: Callable[..., Any]) -> tuple[list[int] | None, tuple[Any, ...]]:
        import flambeau

        index = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
        if not (flambeau.is_grad_enabled() and any(values[i].requires_grad for i in index)):
            return None, values
        passed = _identity([values[i] for i in index])
        node = next(t.grad_fn for t in passed if t.grad_fn is not None)
        node.register_hook(hook)
        routed = list(values)
        for i, value in zip(index, passed, strict=True):
            routed[i] = value
        return index, tuple(routed) if type(values) is tuple else type(values)(*routed)

    @staticmethod
    def _spread(index: Sequence[int], values: Sequence[Any], size: int) -> tuple[Any, ...]:
        """The values at their places among the arguments, None elsewhere."""
        spread: list[Any] = [None] * size
        for i, value in zip(index, values, strict=True):
            spread[i] = value
        return tuple(spread)

    def _at_outputs(self, _: Any, grad_output: tuple[Any, ...]) -> tuple[Any, ...]:
        assert self.output_tensors_index is not None
        grads = self._spread(self.output_tensors_index, grad_output, self.n_outputs)
        for pre_hook in self.user_pre_hooks:
            changed = pre_hook(self.module, grads)
            if changed is None:
                continue
            if len(changed) != self.n_outputs:
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(changed)}, but expected {self.n_outputs}"
                )
            grads = changed
        if self.input_tensors_index is None:
            self._without_inputs(grads)
        else:
            self.grad_outputs = grads
        return tuple(grads[i] for i in self.output_tensors_index)

    def _without_inputs(self, grad_outputs: tuple[Any, ...]) -> None:
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module outputs since "
            "no inputs require gradients. See https://docs.pytorch.org/docs/main/generated/"
            "torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for more details.",
            stacklevel=6,
        )
        for hook in self.user_hooks:
            result = hook(self.module, (None,) * self.n_inputs, grad_outputs)
            if result is not None and not (
                isinstance(result, tuple) and all(grad is None for grad in result)
            ):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always return None "
                    "or None for all gradients."
                )

    def _at_inputs(self, grad_input: tuple[Any, ...], _: Any) -> tuple[Any, ...] | None:
        if self.grad_outputs is None:  # the gradient comes from elsewhere than the module's outputs
            return None
        assert self.input_tensors_index is not None
        grads = self._spread(self.input_tensors_index, grad_input, self.n_inputs)
        for hook in self.user_hooks:
            changed = hook(self.module, grads, self.grad_outputs)
            if changed is None:
                continue
            if len(changed) != len(grads):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(changed)}, but expected {len(grads)}"
                )
            grads = changed
        self.grad_outputs = None
        return tuple(grads[i] for i in self.input_tensors_index)

"""Calling a module: the plain path, and the one with forward and backward hooks around it."""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..._core import ModuleBase, Tensor
from ...utils.hooks import BackwardHook, RemovableHandle

Hook = Callable[..., Any]

_global_buffer_registration_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_module_registration_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_parameter_registration_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_backward_pre_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_backward_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_is_full_backward_hook: bool | None = None
_global_forward_pre_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_forward_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_forward_hooks_always_called: OrderedDict[int, bool] = OrderedDict()
_global_forward_hooks_with_kwargs: OrderedDict[int, bool] = OrderedDict()

_CALL_HOOKS = ("_backward_pre_hooks", "_backward_hooks", "_forward_pre_hooks", "_forward_hooks")


class _BoundHook:
    """A hook with the module it belongs to as its first argument; the module is held weakly."""

    def __init__(self, hook: Hook, module: Any = None) -> None:
        self.hook = hook
        self.module = None if module is None else weakref.ref(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.module is None:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> tuple[Hook, bool, Any]:
        return self.hook, self.module is not None, self.module and self.module()

    def __setstate__(self, state: tuple[Hook, bool, Any]) -> None:
        self.hook, bound, module = state
        if bound and module is None:
            raise RuntimeError("You are trying to revive the hook of a dead Module!")
        self.module = weakref.ref(module) if bound else None


def _add(hooks: OrderedDict[int, Any], hook: Hook, *, prepend: bool = False, **flags: Any) -> RemovableHandle:
    """Registers a hook; ``flags`` maps names to (dictionary, whether the hook's id goes in)."""
    extras = [store for store, _ in flags.values()]
    handle = RemovableHandle(hooks, extra_dict=extras)
    hooks[handle.id] = hook
    for store, wanted in flags.values():
        if wanted:
            store[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """Calls ``hook(module, name, buffer)`` for every buffer of any module; a result replaces it."""
    return _add(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """Calls ``hook(module, name, submodule)`` for every submodule that any module registers."""
    return _add(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Calls ``hook(module, name, parameter)`` for every parameter that any module registers."""
    return _add(_global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Calls ``hook(module, args)`` before every module's forward; a result replaces the arguments."""
    HookedCall._hooked = True
    return _add(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Calls ``hook(module, args, output)`` behind every module's forward; a result replaces the output."""
    HookedCall._hooked = True
    return _add(
        _global_forward_hooks,
        hook,
        with_kwargs=(_global_forward_hooks_with_kwargs, with_kwargs),
        always_call=(_global_forward_hooks_always_called, always_call),
    )


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Calls ``hook(module, grad_output)`` before every module's backward; a result replaces the gradients."""
    HookedCall._hooked = True
    return _add(_global_backward_pre_hooks, hook)


def _register_global_backward_hook(hook: Hook, full: bool) -> RemovableHandle:
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. "
            "Please use only one of them."
        )
    _global_is_full_backward_hook = full
    HookedCall._hooked = True
    return _add(_global_backward_hooks, hook)


def register_module_backward_hook(hook: Hook) -> RemovableHandle:
    """The older form of :func:`register_module_full_backward_hook`: it sees one autograd node only."""
    return _register_global_backward_hook(hook, full=False)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Calls ``hook(module, grad_input, grad_output)`` in every module's backward."""
    return _register_global_backward_hook(hook, full=True)


class HookedCall(ModuleBase):
    """What calling a module does. ``_hooked`` says whether any hook may want to know of the call."""

    _hooked: bool = False
    _backward_pre_hooks: OrderedDict[int, Hook]
    _backward_hooks: OrderedDict[int, Hook]
    _is_full_backward_hook: bool | None
    _forward_pre_hooks: OrderedDict[int, Hook]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks: OrderedDict[int, Hook]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]

    def forward(self, *input: Any) -> Any:
        """Computes the module's output; every subclass overrides it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    _call_impl = ModuleBase.__call__  # to forward at once, or with `_hooked` to _call_hooked

    def _call_hooked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not _any_hooks(self):
            return self.forward(*args, **kwargs)
        call = _Call(self, args, kwargs)
        try:
            return call.run()
        except Exception:
            call.run_always_called_hooks()
            raise

    def _note_hook(self) -> None:
        self.__dict__["_hooked"] = True

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args)`` before forward; what it returns replaces the arguments.

        Args:
            hook: with ``with_kwargs``, it is called as ``hook(module, args, kwargs)`` and returns None or the
                pair.
            prepend: whether it runs before the module's other forward pre-hooks.
            with_kwargs: whether it sees the keyword arguments.
        """
        self._note_hook()
        flag = (self._forward_pre_hooks_with_kwargs, with_kwargs)
        return _add(self._forward_pre_hooks, hook, prepend=prepend, with_kwargs=flag)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args, output)`` behind forward; what it returns replaces the output.

        Args:
            hook: with ``with_kwargs``, it is called as ``hook(module, args, kwargs, output)``.
            prepend: whether it runs before the module's other forward hooks.
            with_kwargs: whether it sees the keyword arguments.
            always_call: whether it runs even if forward raises; the output is then None.
        """
        self._note_hook()
        return _add(
            self._forward_hooks,
            hook,
            prepend=prepend,
            with_kwargs=(self._forward_hooks_with_kwargs, with_kwargs),
            always_call=(self._forward_hooks_always_called, always_call),
        )

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_output)`` before the module's backward; a result replaces them."""
        self._note_hook()
        return _add(self._backward_pre_hooks, hook, prepend=prepend)

    def _register_backward_hook(self, hook: Hook, prepend: bool, full: bool) -> RemovableHandle:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single Module. Please "
                "use only one of them."
            )
        self._is_full_backward_hook = full
        self._note_hook()
        return _add(self._backward_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_input, grad_output)`` once the gradients of the inputs are known.

        What the hook returns replaces ``grad_input``. Both are tuples with None where an argument or output
        is no tensor. Inputs and outputs then pass through an autograd node, so in-place changes to them
        raise.
        """
        return self._register_backward_hook(hook, prepend, full=True)

    def register_backward_hook(self, hook: Hook) -> RemovableHandle:
        """The older form of :meth:`register_full_backward_hook`: it sees the output's autograd node only."""
        return self._register_backward_hook(hook, prepend=False, full=False)

    def _backward_hooks_by_kind(self) -> tuple[list[Hook], list[Hook]]:
        """The full and the older backward hooks, the global ones first."""
        kinds: dict[bool, list[Hook]] = {True: [], False: []}
        for full, hooks in (
            (_global_is_full_backward_hook, _global_backward_hooks),
            (self._is_full_backward_hook, self._backward_hooks),
        ):
            if full is not None:
                kinds[full] += hooks.values()
        return kinds[True], kinds[False]


def _any_hooks(module: HookedCall) -> bool:
    """Whether hooks are left; if not, later calls take the plain path again."""
    anywhere = bool(
        _global_backward_pre_hooks
        or _global_backward_hooks
        or _global_forward_pre_hooks
        or _global_forward_hooks
    )
    if not anywhere:
        HookedCall._hooked = False
    here = any(getattr(module, name) for name in _CALL_HOOKS)
    if not here:
        module.__dict__.pop("_hooked", None)
    return anywhere or here


class _Call:
    """One forward call with hooks: what the hooks may change, and what a failure leaves to report."""

    def __init__(self, module: HookedCall, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.called: set[int] = set()

    def run(self) -> Any:
        module = self.module
        pre_hooks = [*_global_backward_pre_hooks.values(), *module._backward_pre_hooks.values()]
        full_hooks, older_hooks = module._backward_hooks_by_kind()
        self.run_forward_pre_hooks()
        backward = BackwardHook(module, full_hooks, pre_hooks) if full_hooks or pre_hooks else None
        if backward:
            self.args = backward.setup_input_hook(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        self.run_forward_hooks()
        if backward:
            if not isinstance(self.result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of "
                    f"Tensors but received {type(self.result)}",
                    stacklevel=5,
                )
            self.result = backward.setup_output_hook(self.result)
        if older_hooks:
            _hook_output_node(module, older_hooks, self.args, self.result)
        return self.result

    def run_forward_pre_hooks(self) -> None:
        module = self.module
        for key, hook in (*_global_forward_pre_hooks.items(), *module._forward_pre_hooks.items()):
            if key in module._forward_pre_hooks_with_kwargs:
                changed = hook(module, self.args, self.kwargs)
                if changed is None:
                    continue
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
                        f"{changed}."
                    )
                self.args, self.kwargs = changed
            else:
                changed = hook(module, self.args)
                if changed is not None:
                    self.args = changed if isinstance(changed, tuple) else (changed,)

    def run_forward_hooks(self) -> None:
        for key, hook, with_kwargs, _ in self.forward_hooks():
            self.called.add(key)
            self.run_forward_hook(hook, with_kwargs)

    def forward_hooks(self) -> list[tuple[int, Hook, bool, bool]]:
        """Each forward hook with its id, whether it sees keyword arguments, and whether it always runs."""
        module = self.module
        keyed, always = _global_forward_hooks_with_kwargs, _global_forward_hooks_always_called
        hooks = [(key, hook, key in keyed, key in always) for key, hook in _global_forward_hooks.items()]
        keyed, always = module._forward_hooks_with_kwargs, module._forward_hooks_always_called
        hooks += [(key, hook, key in keyed, key in always) for key, hook in module._forward_hooks.items()]
        return hooks

    def run_forward_hook(self, hook: Hook, with_kwargs: bool) -> None:
        if with_kwargs:
            changed = hook(self.module, self.args, self.kwargs, self.result)
        else:
            changed = hook(self.module, self.args, self.result)
        if changed is not None:
            self.result = changed

    def run_always_called_hooks(self) -> None:
        """After a failure: the ``always_call`` hooks that have not run; what they raise only warns."""
        for key, hook, with_kwargs, always in self.forward_hooks():
            if not always or key in self.called:
                continue
            try:
                self.run_forward_hook(hook, with_kwargs)
            except Exception as error:
                kind = "global module" if key in _global_forward_hooks else "module"
                warnings.warn(
                    f"{kind} forward hook with ``always_call=True`` raised an exception that was silenced "
                    f"as another error was raised in forward: {error}",
                    stacklevel=4,
                )


def _first_tensor(value: Any) -> Tensor:
    while not isinstance(value, Tensor):
        if isinstance(value, dict):
            value = next(v for v in value.values() if isinstance(v, Tensor))
        else:
            value = value[0]
    return value


def _hook_output_node(module: HookedCall, hooks: list[Hook], args: Any, result: Any) -> None:
    """The older backward hooks: they watch the node that made the (first) output."""
    node = _first_tensor(result).grad_fn
    if node is None:
        return
    for hook in hooks:
        node.register_hook(_BoundHook(hook, module))
    problem = _what_older_hooks_miss(args, result, node)
    if problem:
        warnings.warn(problem, FutureWarning, stacklevel=6)


def _what_older_hooks_miss(args: Any, result: Any, node: Any) -> str | None:
    """Why a hook on one node does not see the module's gradients, or None if it does."""
    advice = " Please use register_full_backward_hook to get the documented behavior."
    outputs = (result,) if isinstance(result, Tensor) else result
    inputs = (args,) if isinstance(args, Tensor) else args

    def all_tensors(values: Any) -> bool:
        return isinstance(values, tuple) and all(isinstance(value, Tensor) for value in values)

    if not all_tensors(outputs):
        return (
            "Using non-full backward hooks on a Module that does not return a single Tensor or a tuple of "
            "Tensors is deprecated and will be removed in future versions. This hook will be missing some "
            "of the grad_output." + advice
        )
    if not all_tensors(inputs):
        return (
            "Using non-full backward hooks on a Module that does not take as input a single Tensor or a "
            "tuple of Tensors is deprecated and will be removed in future versions. This hook will be "
            "missing some of the "
            "grad_input." + advice
        )
    output_nodes = {t.grad_fn for t in outputs if t.grad_fn is not None}
    if len(output_nodes) > 1:
        return (
            "Using a non-full backward hook when outputs are generated by different autograd Nodes is "
            "deprecated and "
            "will be removed in future versions. This hook will be missing some grad_output." + advice
        )
    if node not in output_nodes:
        return (
            "Using a non-full backward hook when outputs are nested in python data structure is deprecated "
            "and will be removed in future versions. This hook will be missing some grad_output."
        )
    if {t.grad_fn for t in inputs if t.grad_fn is not None} != {edge[0] for edge in node.next_functions}:
        return (
            "Using a non-full backward hook when the forward contains multiple autograd Nodes is "
            "deprecated and will "
            "be removed in future versions. This hook will be missing some grad_input." + advice
        )
    return None

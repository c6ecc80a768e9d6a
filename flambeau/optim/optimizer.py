"""The base class of all optimizers: parameter groups, state, checkpoints and hooks."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any, TypeAlias

import flambeau

from .._core import Tensor
from ..utils.hooks import RemovableHandle

__all__ = [
    "Optimizer",
    "ParamsT",
    "StateDict",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
    "required",
]

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
StateDict: TypeAlias = dict[str, Any]
Hooks: TypeAlias = OrderedDict[int, Callable[..., Any]]

_global_pre_hooks: Hooks = OrderedDict()
_global_post_hooks: Hooks = OrderedDict()

_HOOK_REGISTRIES = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


RATE_HINT = "a rate is 0 or more, and maximize=True goes upwards"


class _Required:
    """Marks an option that every parameter group has to give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def _register(hooks: Hooks, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Registers `hook(optimizer, args, kwargs)`, called before every step, which may replace both."""
    return _register(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Registers `hook(optimizer, args, kwargs)`, called after every optimizer's step."""
    return _register(_global_post_hooks, hook)


def _type_name(value: object) -> str:
    if isinstance(value, Tensor):
        return str(value.type())
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps a class's `step` so that the registered hooks run around it."""

    @functools.wraps(step)
    def hooked_step(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        before, after = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        if not (before or after or _global_pre_hooks or _global_post_hooks):
            return step(self, *args, **kwargs)
        for pre_hook in (*_global_pre_hooks.values(), *before.values()):
            replaced = pre_hook(self, (self, *args), kwargs)
            if replaced is None:
                continue
            if not (isinstance(replaced, tuple) and len(replaced) == 2):
                raise RuntimeError(
                    f"{step} must return None or a tuple of (new_args, new_kwargs), but got {replaced}."
                )
            (self, *args), kwargs = replaced
        result = step(self, *args, **kwargs)
        for post_hook in (*after.values(), *_global_post_hooks.values()):
            post_hook(self, (self, *args), kwargs)
        return result

    hooked_step.hooked = True  # type: ignore[attr-defined]
    return hooked_step


class Optimizer:
    """Keeps parameter groups with their options, and a state for each parameter; subclasses write `step`.

    Args:
        params: tensors, `(name, tensor)` pairs, or dictionaries with a `"params"` entry and options of that
            group.
        defaults: option values for groups that do not give their own.

    Raises:
        TypeError: `params` is a tensor, or holds something else than tensors.
        ValueError: `params` is empty, or holds a tensor that is not a leaf.

    Example:
        >>> import flambeau as torch
        >>> weight = torch.ones(2, requires_grad=True)
        >>> optimizer = torch.optim.SGD([weight], lr=0.5)
        >>> weight.sum().backward()
        >>> optimizer.step()
        >>> weight
        tensor([0.5000, 0.5000], requires_grad=True)
    """

    defaults: dict[str, Any]
    state: defaultdict[Any, Any]
    param_groups: list[dict[str, Any]]
    _zero_grad_profile_name: str
    _optimizer_step_pre_hooks: Hooks
    _optimizer_step_post_hooks: Hooks
    _optimizer_state_dict_pre_hooks: Hooks
    _optimizer_state_dict_post_hooks: Hooks
    _optimizer_load_state_dict_pre_hooks: Hooks
    _optimizer_load_state_dict_post_hooks: Hooks

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._prepare_hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{_type_name(params)}; to optimize one tensor, pass it in a list"
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        if not hasattr(params, "__iter__") and hasattr(params, "parameters"):
            raise TypeError(f"'{type(params).__name__}' object is not iterable; pass its parameters()")
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError(
                "optimizer got an empty parameter list; an iterator gives its parameters once, and a model has none "
                "before its layers are attributes of it"
            )
        if isinstance(params, dict):
            raise TypeError(
                f"optimizer can only optimize Tensors, but one of the params is {_type_name(groups[0])}: a "
                "dictionary's key; pass its values(), or a list of groups"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _prepare_hooks(self) -> None:
        for name in _HOOK_REGISTRIES:
            if name not in self.__dict__:
                setattr(self, name, OrderedDict())
        cls = type(self)
        self._zero_grad_profile_name = f"Optimizer.zero_grad#{cls.__name__}.zero_grad"
        if not getattr(cls.step, "hooked", False):
            cls.step = _with_hooks(cls.step)  # type: ignore[method-assign]

    @staticmethod
    def profile_hook_step(func: Callable[..., Any]) -> Callable[..., Any]:
        """A `step` around which the registered hooks run; every class's `step` is wrapped so by itself."""
        return _with_hooks(func)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare_hooks()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Registers `hook(optimizer, args, kwargs)`, called before `step`, which may replace both."""
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Registers `hook(optimizer, args, kwargs)`, called after `step`."""
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Registers `hook(optimizer)`, called before `state_dict` collects."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Registers `hook(optimizer, state_dict)`, which may return another state_dict to hand out."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Registers `hook(optimizer, state_dict)`, which may return another state_dict to load."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Registers `hook(optimizer)`, called after `load_state_dict` has loaded."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    def state_dict(self) -> StateDict:
        """Returns `{"state": {id: values}, "param_groups": [options, with "params": ids]}`."""
        for pre_hook in self._optimizer_state_dict_pre_hooks.values():
            pre_hook(self)
        ids: dict[int, int] = {}
        packed_groups, start = [], 0
        for group in self.param_groups:
            for i, param in enumerate(group["params"], start):
                ids.setdefault(id(param), i)
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [ids[id(param)] for param in group["params"]]
            start += len(packed["params"])
            packed_groups.append(packed)
        packed_state = {
            ids[id(key)] if isinstance(key, Tensor) else key: value for key, value in self.state.items()
        }
        result: StateDict = {"state": packed_state, "param_groups": packed_groups}
        for post_hook in self._optimizer_state_dict_post_hooks.values():
            replaced = post_hook(self, result)
            if replaced is not None:
                result = replaced
        return result

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Takes over options and state from a `state_dict()`, matching parameters by their order.

        Raises:
            ValueError: the number of groups, or of parameters in a group, differs.
        """
        state_dict = state_dict.copy()
        for pre_hook in self._optimizer_load_state_dict_pre_hooks.values():
            replaced = pre_hook(self, state_dict)
            if replaced is not None:
                state_dict = replaced
        groups, saved_groups = self.param_groups, deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"{len(saved_groups)}, and this optimizer has {len(groups)}"
            )
        for i, (group, saved) in enumerate(zip(groups, saved_groups, strict=True)):
            if len(group["params"]) != len(saved["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's "
                    "group: "
                    f"group {i} has {len(saved['params'])} parameters there and {len(group['params'])} here"
                )
        params = dict(
            zip(
                chain.from_iterable(saved["params"] for saved in saved_groups),
                chain.from_iterable(group["params"] for group in groups),
                strict=True,
            )
        )
        saved_options = {i: saved for saved in reversed(saved_groups) for i in saved["params"]}
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in params:
                state[params[key]] = _state_for(params[key], value, saved_options[key])
            else:
                state[key] = deepcopy(value)
        for group, saved in zip(groups, saved_groups, strict=True):
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved_groups})
        for post_hook in self._optimizer_load_state_dict_post_hooks.values():
            post_hook(self)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets all gradients, or (`set_to_none=False`) fills them with zeros in place."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    _clear(param.grad)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates the parameters once; `closure` evaluates the model again and returns the loss."""
        raise NotImplementedError

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group of parameters, with options of its own, to those optimized.

        Raises:
            TypeError: the group is not a dictionary, or its parameters are a set or not tensors.
            ValueError: a parameter is not a leaf or stands in another group, or only some groups are named.
        """
        if not isinstance(param_group, dict):
            raise TypeError(
                f"param_group must be a dict, but got {type(param_group)}; write {{'params': [...]}}"
            )
        param_group = param_group.copy()  # the caller's may describe a group of another optimizer, too
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of "
                "tensors in sets "
                "will change between runs. Please use a list instead."
            )
        params = [params] if isinstance(params, Tensor) else list(params)
        names = [param[0] for param in params if isinstance(param, tuple)]
        params = [param[1] if isinstance(param, tuple) else param for param in params]
        param_group["params"] = params
        if names and len(names) != len(params):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        if names:
            param_group["param_names"] = names
        self._check_params(params)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    f"parameter group didn't specify a value of required optimization parameter {name}; give it "
                    "to the optimizer or to every group"
                )
            param_group.setdefault(name, default)
        self._check_distinct(param_group)
        self.param_groups.append(param_group)

    def _check_params(self, params: list[Any]) -> None:
        for i, param in enumerate(params):
            if not isinstance(param, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {_type_name(param)}, at "
                    f"position {i}"
                )
            if not self.defaults.get("differentiable") and not (param.is_leaf or param.retains_grad):
                raise ValueError(
                    "can't optimize a non-leaf Tensor: the parameter at position "
                    f"{i} is the result of an operation; detach it, or create it with requires_grad=True"
                )

    def _check_distinct(self, param_group: dict[str, Any]) -> None:
        params = {id(param) for param in param_group["params"]}
        if len(params) != len(param_group["params"]):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause "
                "an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=4,
            )
        named = "param_names" in param_group
        for group in self.param_groups:
            if named != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {'with' if named else 'without'} names to the optimizer; its other groups are "
                    f"{'without' if named else 'with'}"
                )
        if any(id(param) in params for group in self.param_groups for param in group["params"]):
            raise ValueError("some parameters appear in more than one parameter group; list each once")


class CoreOptimizer(Optimizer):
    """An optimizer whose step is one call of the core for each group.

    `foreach`, `fused` and `capturable` choose between PyTorch's implementations of the same step; here there
    is one, so they are kept for checkpoints, and refused where PyTorch refuses them. Subclasses write
    `_update_group`.
    """

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates every parameter that has a gradient; returns the closure's loss."""
        before, after = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
        if before or after or _global_pre_hooks or _global_post_hooks:
            return _hooked_update(self) if closure is None else _hooked_update(self, closure)
        return self._update(closure)

    step.hooked = True  # type: ignore[attr-defined]

    def _update(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with flambeau.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._update_group(group)
        return loss

    def _update_group(self, group: dict[str, Any]) -> None:
        raise NotImplementedError(f"{type(self).__name__} does not define _update_group")

    _fused_fits = False  # whether `_check_fused` has seen the parameters

    def _check_implementation(self) -> None:
        """Refuses combinations that PyTorch's fused implementations refuse."""
        if self.defaults["fused"] and self.defaults["differentiable"]:
            raise RuntimeError("`fused` does not support `differentiable`")
        if self.defaults["fused"] and self.defaults["foreach"]:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")

    def _check_fused(self, group: dict[str, Any]) -> None:
        """Refuses, as PyTorch does at the first step, parameters of other types than its fused steps take."""
        for param in group["params"]:
            if param.grad is not None and not (param.is_floating_point() and param.device.type == "cpu"):
                raise RuntimeError(
                    "`fused=True` requires all the params to be floating point Tensors of supported devices: "
                    "['mps', 'cuda', 'xpu', 'hpu', 'cpu', 'mtia', 'privateuseone'] but "
                    f"{str(param.dtype).replace('flambeau', 'torch')} and {param.device.type}; leave fused=None"
                )
        self._fused_fits = True

    def _restore_step_counts(self) -> None:
        """Turns the plain numbers of old checkpoints into tensors."""
        for group in self.param_groups:
            for param in group["params"]:
                values = self.state.get(param)
                if values and not isinstance(values["step"], Tensor):
                    values["step"] = step_count(group, float(values["step"]))


def step_count(group: dict[str, Any], value: float) -> Tensor:
    """A count as checkpoints hold it: a 0-d float tensor on the CPU."""
    wide = flambeau.get_default_dtype() == flambeau.float64 and not group.get("fused")
    return flambeau.tensor(value, dtype=flambeau.float64 if wide else flambeau.float32)


_hooked_update = _with_hooks(CoreOptimizer._update)


def _clear(grad: Tensor) -> None:
    if grad.grad_fn is not None:
        grad.detach_()
    else:
        grad.requires_grad_(False)
    grad.zero_()


def _state_for(param: Tensor, value: Any, options: dict[str, Any], key: Hashable = None) -> Any:
    """A copy of a parameter's state: its tensors in the parameter's dtype and on its device, all but `step`."""
    if isinstance(value, Tensor):
        target: dict[str, Any] = {"device": param.device}
        if key == "step":
            if options.get("capturable") or options.get("fused"):
                target["dtype"] = flambeau.float32
            else:
                target = {"device": value.device}
        elif param.is_floating_point():
            target["dtype"] = param.dtype
        return value.detach().to(**target, copy=True)
    if isinstance(value, dict):
        return {k: _state_for(param, v, options, k) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [_state_for(param, v, options) for v in value]
        return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
    return deepcopy(value)

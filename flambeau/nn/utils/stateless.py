"""Calling a module with other parameters and buffers than its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import flambeau

from ..._core import Tensor
from ..modules.module import Module

__all__ = ["functional_call"]

_ABSENT: Any = object()


class _Places:
    """The tensors of a module by their dotted names."""

    def __init__(self, module: Module) -> None:
        self.root = module

    def _owner(self, path: str) -> Any:
        owner: Any = self.root
        done = ""
        for name in path.split(".") if path else ():
            done = f"{done}.{name}" if done else name
            if not hasattr(owner, name):
                raise AttributeError(f"{owner._get_name()} has no attribute `{name}`")
            owner = getattr(owner, name)
            if not isinstance(owner, Module):
                raise TypeError(f"submodule `{done}`: {owner} is not an instance of torch.nn.Module")
        return owner

    def swap(self, name: str, tensor: Any) -> Any:
        """Puts a tensor in the place of another, which is returned; `_ABSENT` stands for none."""
        path, _, attribute = name.rpartition(".")
        owner = self._owner(path)
        if tensor is not _ABSENT and tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"{tensor} is not an instance of torch.Tensor")
        if attribute == "":
            raise KeyError('tensor name can\'t be empty string ""')
        for registry in (owner._parameters, owner._buffers):
            if attribute in registry:
                before = registry[attribute]
                if tensor is _ABSENT:
                    del registry[attribute]
                else:
                    registry[attribute] = tensor
                return before
        before = getattr(owner, attribute, _ABSENT)
        if before is not _ABSENT and before is not None and not isinstance(before, Tensor):
            raise TypeError(f"attribute `{attribute}`: {before} is not an instance of torch.Tensor")
        if tensor is not _ABSENT:
            setattr(owner, attribute, tensor)
        elif before is not _ABSENT:
            delattr(owner, attribute)
        return before

    def swap_all(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """`swap` for each of several names; where one fails, none is changed."""
        before: dict[str, Any] = {}
        try:
            for name, tensor in tensors.items():
                before[name] = self.swap(name, tensor)
        except Exception:
            for name, tensor in before.items():
                self.swap(name, tensor)
            raise
        return before

    def names(self) -> dict[str, Tensor]:
        """Every parameter and buffer, under each of its names."""
        return {
            **dict(self.root.named_parameters(remove_duplicate=False)),
            **dict(self.root.named_buffers(remove_duplicate=False)),
        }


def _with_tied(places: _Places, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given for one name of a tensor, under all the names that the module has for it."""
    groups: dict[int, list[str]] = {}
    for name, tensor in places.names().items():
        groups.setdefault(id(tensor), []).append(name)
    result = dict(given)
    for names in groups.values():
        values = {id(given[name]): given[name] for name in names if name in given}
        if len(names) == 1 or not values:
            continue
        if len(values) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. Consider using "
                "tie_weights=False"
            )
        result.update(dict.fromkeys(names, *values.values()))
    return result


def _check_complete(module: Module, places: _Places, given: Mapping[str, Any]) -> None:
    known = set(places.names())
    problems = [
        f"{kind} key(s): {', '.join(map(repr, sorted(names)))}."
        for kind, names in (("Unexpected", set(given) - known), ("Missing", known - set(given)))
        if names
    ]
    if problems:
        listed = "\n\t".join(problems)
        raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t{listed}")


@contextmanager
def _reparametrize_module(
    module: Module,
    parameters_and_buffers: MutableMapping[str, Any],
    tie_weights: bool = False,
    strict: bool = False,
) -> Iterator[None]:
    """Within it, the module has other tensors; what becomes of them there is noted in the mapping."""
    places = _Places(module)
    given = _with_tied(places, parameters_and_buffers) if tie_weights else dict(parameters_and_buffers)
    if strict:
        _check_complete(module, places, given)
    own = places.swap_all(given)
    try:
        yield
    finally:
        # The last first: a name may stand below what another one replaced.
        now = places.swap_all(dict(reversed(own.items())))
        parameters_and_buffers.update(
            {name: now[name] for name in parameters_and_buffers if now[name] is not _ABSENT}
        )


def _functional_call(
    module: Module,
    parameters_and_buffers: MutableMapping[str, Any],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    from ..parallel import DataParallel

    jitted = (flambeau.jit.ScriptModule, flambeau.jit.ScriptFunction)
    if isinstance(module, jitted) or flambeau.jit.is_tracing():
        raise RuntimeError("The stateless API can't be used with Jitted modules")
    if isinstance(module, DataParallel):
        raise RuntimeError("The stateless API can't be used with nn.DataParallel module")
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def functional_call(
    module: Module,
    parameters_and_buffers: MutableMapping[str, Any],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Deprecated: the same as :func:`flambeau.func.functional_call`, with one dictionary.

    Args:
        module: what is called; it is afterwards as it was.
        parameters_and_buffers: dotted names and the tensors that stand in.
        args: a tuple of arguments, or the only one.
        kwargs: keyword arguments.
        tie_weights: whether what is given for one name of a shared tensor counts for all of them.
        strict: whether all names, and no others, must be given.

    Example:
        >>> import warnings
        >>> import flambeau as torch
        >>> from flambeau.nn.utils.stateless import functional_call
        >>> layer = torch.nn.Linear(1, 1)
        >>> state = {"weight": torch.tensor([[2.0]]), "bias": torch.tensor([1.0])}
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     functional_call(layer, state, torch.tensor([3.0]))
        tensor([7.])
    """
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future "
        "version of PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )

"""Functions of modules: calling one with other parameters, and stacking those of several.

>>> import flambeau as torch
>>> layer = torch.nn.Linear(1, 1)
>>> state = {"weight": torch.tensor([[2.0]]), "bias": torch.tensor([1.0])}
>>> torch.func.functional_call(layer, state, torch.tensor([3.0]))
tensor([7.])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import flambeau

from ._core import Tensor
from ._missing import missing
from .nn.modules.module import Module
from .nn.utils.stateless import _functional_call

__all__ = ["functional_call", "stack_module_state"]

_KNOWN = frozenset(
    """
    debug_unwrap functionalize grad grad_and_value hessian jacfwd jacrev jvp linearize rearrange
    replace_all_batch_norm_modules_ vjp vmap
    """.split()
)


def __getattr__(name: str) -> Any:
    raise missing("func", name, _KNOWN)


def _one_dictionary(given: Any) -> Any:
    if isinstance(given, dict):
        return given
    if not isinstance(given, Sequence):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(given)}"
        )
    if not all(isinstance(part, dict) for part in given):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for part in given for name in part]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise ValueError(
            f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous"
        )
    return {name: tensor for part in given for name, tensor in part.items()}


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Calls a module with other parameters and buffers than its own, differentiably in them.

    Where the module replaces one of them, the dictionary has the new one afterwards. A tensor that is parametrized
    stands in under ``parametrizations.weight.original``.

    Args:
        module: what is called; it is afterwards as it was.
        parameter_and_buffer_dicts: dotted names and the tensors that stand in, in one dictionary or in several.
        args: a tuple of arguments, or the only one.
        kwargs: keyword arguments.
        tie_weights: whether what is given for one name of a shared tensor counts for all of them.
        strict: whether all names, and no others, must be given.

    Returns:
        What the module returns.

    Raises:
        ValueError: a name stands in two dictionaries, or two tensors are given for a shared one.
        RuntimeError: with ``strict``, names are missing or unknown.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.Linear(1, 1, bias=False)
        >>> w = torch.tensor([[2.0]], requires_grad=True)
        >>> y = torch.func.functional_call(layer, {"weight": w}, torch.tensor([3.0]))
        >>> torch.autograd.grad(y, w)
        (tensor([[3.]]),)
    """
    tensors = _one_dictionary(parameter_and_buffer_dicts)
    return _functional_call(module, tensors, args, kwargs, tie_weights=tie_weights, strict=strict)


def _stacked(name: str, tensors: Sequence[Tensor]) -> Tensor:
    trained = {tensor.requires_grad for tensor in tensors}
    if len(trained) > 1:
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    stacked = flambeau.stack(list(tensors))
    return stacked.detach().requires_grad_() if trained == {True} else stacked


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The parameters and the buffers of several modules of one class, stacked along a new first dimension.

    Args:
        models: of the same class, all in training or all in evaluation.

    Returns:
        Two dictionaries by dotted names; the parameters are leaves of their own.

    Raises:
        RuntimeError: there is no module, or they differ.

    Example:
        >>> import flambeau as torch
        >>> params, buffers = torch.func.stack_module_state([torch.nn.Linear(2, 3) for _ in range(4)])
        >>> params["weight"].shape
        torch.Size([4, 3, 2])
    """
    if len(models) == 0:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return (
        {name: _stacked(name, [of_model[name] for of_model in params]) for name in params[0]},
        {name: _stacked(name, [of_model[name] for of_model in buffers]) for name in buffers[0]},
    )

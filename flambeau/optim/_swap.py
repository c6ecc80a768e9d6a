"""Other parameters and another state for an optimizer, for a while."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from .._core import Tensor
from .optimizer import Optimizer

__all__ = ["swap_in_optimizer_params_and_state"]

_NAME = "swap_in_optimizer_params_and_state"


@contextlib.contextmanager
def swap_in_optimizer_params_and_state(
    optimizer: Optimizer, swapin_parameters: dict[str, Tensor], swapin_optim_state: dict[str, Any]
) -> Iterator[None]:
    """A block in which the optimizer works on other parameters, with another state and other options.

    Unlike `load_state_dict`, it exchanges the parameters, too, and all is as before after the block. What the
    optimizer writes in place to the tensors given shows in them; what it adds to the state does not.

    Args:
        optimizer: one that has a state already.
        swapin_parameters: name to tensor, in the order of the optimizer's own parameters.
        swapin_optim_state: as from `state_dict()`.

    Raises:
        RuntimeError: the optimizer has no state, or groups, options or parameters do not fit.

    Example:
        >>> import flambeau as torch
        >>> weight, other = (torch.ones(2, requires_grad=True) for _ in range(2))
        >>> optimizer = torch.optim.SGD([weight], lr=0.5, momentum=0.9)
        >>> weight.grad = other.grad = torch.ones(2)
        >>> optimizer.step()
        >>> with torch.optim.swap_in_optimizer_params_and_state(optimizer, {"w": other}, optimizer.state_dict()):
        ...     optimizer.step()
        >>> weight.tolist(), [round(value, 2) for value in other.tolist()]
        ([0.5, 0.5], [0.05, 0.05])
    """
    groups, own_state = optimizer.param_groups, optimizer.state
    own_groups = [dict(group) for group in groups]
    swapped_groups, swapped_state = _prepare(optimizer, swapin_parameters, swapin_optim_state)
    try:
        for group, swapped in zip(groups, swapped_groups, strict=True):
            group.update(swapped)
        optimizer.state = swapped_state
        yield
    finally:
        for group, own in zip(groups, own_groups, strict=True):
            group.clear()
            group.update(own)
        optimizer.state = own_state


def _prepare(
    optimizer: Optimizer, parameters: dict[str, Tensor], state_dict: dict[str, Any]
) -> tuple[list[dict[str, Any]], defaultdict[Any, Any]]:
    """The groups and the state of the block, checked against the optimizer."""
    if not optimizer.state:
        raise RuntimeError(f"{_NAME} requires initialized optimizer state.")
    state, saved_groups = state_dict.get("state"), state_dict.get("param_groups")
    if not isinstance(state, dict):
        raise RuntimeError(
            f"{_NAME} requires swapin_optim_state['state'] to be a dict mapping packed parameter ids to per-param state "
            f"dicts, got {type(state).__name__}."
        )
    if not isinstance(saved_groups, list):
        raise RuntimeError(
            f"{_NAME} requires swapin_optim_state['param_groups'] to be a list of dicts, got {type(saved_groups).__name__}."
        )
    if len(saved_groups) != len(optimizer.param_groups):
        raise RuntimeError(
            "swapin_optim_state has a different number of parameter groups than the live optimizer."
        )
    tensors = list(parameters.values())
    groups: list[dict[str, Any]] = []
    swapped_state: defaultdict[Any, Any] = defaultdict(dict)
    first = 0
    for i, (group, saved) in enumerate(zip(optimizer.param_groups, saved_groups, strict=True)):
        if set(saved) != set(group):
            raise RuntimeError(
                f"{_NAME} requires optimizer.state_dict()-style param group keys to exactly match the live optimizer group "
                f"keys for group {i}. Keys only in swap-in: {sorted(set(saved) - set(group))}. Keys only in live: "
                f"{sorted(set(group) - set(saved))}."
            )
        ids = saved["params"]
        if len(ids) != len(group["params"]):
            raise RuntimeError(
                f"swapin_optim_state param group {i} has a different number of params than the live optimizer param group."
            )
        own = tensors[first : first + len(ids)]
        if len(own) != len(ids):
            raise RuntimeError(
                f"{_NAME} requires the explicit parameter state to match optimizer.param_groups ordering."
            )
        first += len(ids)
        groups.append({**saved, "params": own})
        for param, identity in zip(own, ids, strict=True):
            swapped_state[param] = dict(state.get(identity, {}))
    return groups, swapped_state

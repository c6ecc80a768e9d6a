"""Switches for changes of behaviour that PyTorch may bring: how ``nn.Module.to`` replaces parameters."""

from __future__ import annotations

__all__ = [
    "get_overwrite_module_params_on_conversion",
    "get_swap_module_params_on_conversion",
    "set_overwrite_module_params_on_conversion",
    "set_swap_module_params_on_conversion",
]


def _only_false(name: str, value: bool) -> None:
    if value:
        raise NotImplementedError(f"torch.__future__.{name}(True) is not implemented yet")


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Whether ``nn.Module.to`` makes new parameters instead of changing their data: only False is there.

    Raises:
        NotImplementedError: for True.
    """
    _only_false("set_overwrite_module_params_on_conversion", value)


def get_overwrite_module_params_on_conversion() -> bool:
    """False: ``nn.Module.to`` changes the data of the parameters that are there."""
    return False


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Whether ``nn.Module.to`` swaps parameters with new ones: only False is there.

    Raises:
        NotImplementedError: for True.
    """
    _only_false("set_swap_module_params_on_conversion", value)


def get_swap_module_params_on_conversion() -> bool:
    """False: ``nn.Module.to`` changes the data of the parameters that are there."""
    return False

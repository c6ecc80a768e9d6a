"""How many layers a module may be asked for."""

from __future__ import annotations

from typing import Any

from ... import _core

_BYTES_OF_A_MODULE = 1024  # at least, with its dictionaries


def check_layers(count: Any, parameter_bytes: int = 0) -> None:
    """Refuses a number of layers that no memory holds, before they are made one by one.

    Args:
        count: how many
        parameter_bytes: what the parameters of one take

    Raises:
        RuntimeError: they would not fit.
    """
    limit = _core.memory_stats()["limit_bytes"]
    if isinstance(count, int) and count * (parameter_bytes + _BYTES_OF_A_MODULE) > limit:
        raise RuntimeError(
            f"not enough memory: {count} layers of {parameter_bytes} bytes of parameters each; the machine has {limit}"
        )

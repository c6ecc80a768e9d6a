"""Which way :func:`flambeau.nn.functional.scaled_dot_product_attention` is computed, and attention of other kinds.

The CPU has two ways: blocks of queries and keys (FLASH_ATTENTION) and products with a softmax between (MATH).
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator
from typing import Any

from flambeau._missing import missing
from flambeau.backends import cuda as _switches
from flambeau.backends.cuda import SDPBackend

__all__ = [
    "WARN_FOR_UNFUSED_KERNELS",
    "SDPBackend",
    "activate_flash_attention_impl",
    "current_flash_attention_impl",
    "list_flash_attention_impls",
    "register_flash_attention_impl",
    "restore_flash_attention_impl",
    "sdpa_kernel",
]

#: Whether the biases of :mod:`flambeau.nn.attention.bias` warn where PyTorch would not use a fused kernel of a GPU. It is
#: kept; a CPU has none.
WARN_FOR_UNFUSED_KERNELS = False


@contextlib.contextmanager
def sdpa_kernel(
    backends: list[SDPBackend] | SDPBackend, set_priority: bool = False
) -> Iterator[dict[str, Any]]:
    """Lets attention choose among some ways only, for a block or, as a decorator, for a function.

    Args:
        backends: the ways allowed; those of GPUs may be named, and are no way here.
        set_priority: whether they are in the order of preference. Here blocks always come first.

    Raises:
        AssertionError: `backends` is something else.
        RuntimeError: in the block, where attention is left no way that takes its arguments.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.nn.attention import SDPBackend, sdpa_kernel
        >>> q = torch.ones(1, 1, 2, 4)
        >>> with sdpa_kernel(SDPBackend.MATH):
        ...     torch.nn.functional.scaled_dot_product_attention(q, q, q).shape
        torch.Size([1, 1, 2, 4])
    """
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError(
            f"Backend must be an instance of SDPBackend or a list of SDPBackend instances, got {type(backends).__name__}"
        )
    chosen = [backends] if isinstance(backends, SDPBackend) else backends
    before = _switches.attention_backends()
    _switches.set_attention_backends(chosen)
    try:
        yield {}
    finally:
        _switches.set_attention_backends(before)


# What programs have registered; kernels for other hardware, which never run here.
_implementations: dict[str, Callable[..., Any]] = {}
_active: tuple[str, Any] | None = None


def register_flash_attention_impl(impl: str, *, register_fn: Callable[..., Any]) -> None:
    """Names an implementation of flash attention for GPUs.

    Args:
        impl: its name.
        register_fn: what installs it, and returns an object whose ``remove()`` takes it out again, or None.
    """
    _implementations[impl] = register_fn


def list_flash_attention_impls() -> list[str]:
    """The names of the registered implementations."""
    return sorted(_implementations)


def current_flash_attention_impl() -> str | None:
    """The name of the one that was activated, or None."""
    return None if _active is None else _active[0]


def activate_flash_attention_impl(impl: str) -> None:
    """Installs a registered implementation in place of the one before.

    Raises:
        ValueError: nothing was registered under the name.
    """
    global _active
    if _active is not None:
        restore_flash_attention_impl()
    if impl not in _implementations:
        raise ValueError(
            f"Unknown flash attention impl '{impl}'. Available implementations: {list_flash_attention_impls()}; "
            "others are for GPUs and come with register_flash_attention_impl"
        )
    handle = _implementations[impl]()
    if handle is not None:
        _active = impl, handle


def restore_flash_attention_impl() -> None:
    """Takes the activated implementation out again."""
    global _active
    if _active is not None:
        _active[1].remove()
    _active = None


_MODULES = ("bias", "flex_attention", "varlen")
_KNOWN = frozenset({"experimental"})


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise missing("nn.attention", name, _KNOWN)

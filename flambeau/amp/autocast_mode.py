"""Blocks in which operators choose their precision.

The word of an operator's registration (`lower_precision`, `float32`, `widest`) says what its operands are brought to; the
core does it as it binds the call, and keeps the state, each thread its own. On a GPU that is not there such a block changes
nothing, and says so as PyTorch does.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any

from flambeau import _core
from flambeau._precision import converted

__all__ = ["autocast", "autocast_decorator", "custom_bwd", "custom_fwd", "is_autocast_available"]

_AVAILABLE = ("cpu", "cuda", "hpu", "ipu", "lazy", "maia", "mps", "mtia", "privateuseone", "xla", "xpu")


def _device_type(function: str, device_type: Any) -> str:
    if not isinstance(device_type, str):
        raise TypeError(
            f"{function}(): argument 'device_type' (position 1) must be str, not {type(device_type).__name__}"
        )
    return _core.device(device_type).type


def is_autocast_available(device_type: str) -> bool:
    """Whether operators could choose their precision on a type of device: the CPU and accelerators."""
    return _device_type("is_autocast_available", device_type) in _AVAILABLE


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether operators choose their precision here and now."""
    return _core._autocast_is_enabled(_device_type("is_autocast_enabled", device_type))


def set_autocast_enabled(device_type: Any, enabled: bool | None = None) -> None:
    """Lets operators choose their precision, or not.

    Args:
        device_type: for which type of device; may be left out and is 'cuda' then
        enabled: whether to
    """
    if enabled is None:
        device_type, enabled = "cuda", device_type
    if not isinstance(enabled, bool):
        raise TypeError(
            "set_autocast_enabled(): argument 'enabled' (position 1) must be bool, "
            f"not {type(enabled).__name__}"
        )
    _core._autocast_set_enabled(_device_type("set_autocast_enabled", device_type), enabled)


def get_autocast_dtype(device_type: str) -> Any:
    """The lower precision of a type of device: bfloat16 on the CPU, float16 on accelerators at first."""
    kind = _device_type("get_autocast_dtype", device_type)
    if kind not in _AVAILABLE:
        raise RuntimeError("unsupported scalarType")
    return _core._autocast_get_dtype(kind)


def set_autocast_dtype(device_type: str, dtype: Any) -> None:
    """Sets the lower precision of a type of device."""
    if not isinstance(dtype, _core.dtype):
        raise TypeError(
            "set_autocast_dtype(): argument 'dtype' (position 2) must be torch.dtype, "
            f"not {type(dtype).__name__}"
        )
    _core._autocast_set_dtype(_device_type("set_autocast_dtype", device_type), dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether converted weights are kept within a block."""
    return _core._autocast_keeps_casts()


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Keeps converted weights within a block, or does not."""
    _core._autocast_set_keeps_casts(enabled)


def clear_autocast_cache() -> None:
    """Forgets converted weights."""
    _core._autocast_forget_casts()


def autocast_increment_nesting() -> int:
    """Enters a block; returns how deep."""
    return _core._autocast_nest(1)


def autocast_decrement_nesting() -> int:
    """Leaves a block; returns how deep."""
    return _core._autocast_nest(-1)


def _deprecated(name: str, new: str, value: Any) -> Any:
    warnings.warn(
        f"torch.{name}() is deprecated. Please use torch.{new} instead.", DeprecationWarning, stacklevel=3
    )
    return value


def is_autocast_cpu_enabled() -> bool:
    """The former ``is_autocast_enabled('cpu')``."""
    return _deprecated(  # type: ignore[no-any-return]
        "is_autocast_cpu_enabled", "is_autocast_enabled('cpu')", is_autocast_enabled("cpu")
    )


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """The former ``set_autocast_enabled('cpu', enabled)``."""
    _deprecated("set_autocast_cpu_enabled", "set_autocast_enabled('cpu', enabled)", None)
    set_autocast_enabled("cpu", enabled)


def get_autocast_gpu_dtype() -> Any:
    """The former ``get_autocast_dtype('cuda')``."""
    return _deprecated("get_autocast_gpu_dtype", "get_autocast_dtype('cuda')", get_autocast_dtype("cuda"))


def get_autocast_cpu_dtype() -> Any:
    """The former ``get_autocast_dtype('cpu')``."""
    return _deprecated("get_autocast_cpu_dtype", "get_autocast_dtype('cpu')", get_autocast_dtype("cpu"))


def set_autocast_gpu_dtype(dtype: Any) -> None:
    """The former ``set_autocast_dtype('cuda', dtype)``."""
    _deprecated("set_autocast_gpu_dtype", "set_autocast_dtype('cuda', dtype)", None)
    set_autocast_dtype("cuda", dtype)


def set_autocast_cpu_dtype(dtype: Any) -> None:
    """The former ``set_autocast_dtype('cpu', dtype)``."""
    _deprecated("set_autocast_cpu_dtype", "set_autocast_dtype('cpu', dtype)", None)
    set_autocast_dtype("cpu", dtype)


def autocast_decorator(block: autocast, func: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose calls run in the block."""

    @functools.wraps(func)
    def inside(*args: Any, **kwargs: Any) -> Any:
        with block:
            return func(*args, **kwargs)

    return inside


class autocast:
    """A block, or as a decorator a function, in which operators on a type of device choose their precision.

    For CUDA, which is not there, the block warns and changes nothing.

    Args:
        device_type: 'cuda', 'cpu' ...
        dtype: the lower precision; default: :func:`get_autocast_dtype`
        enabled: False makes operators keep their precision in the block
        cache_enabled: keep converted weights within the block

    Raises:
        ValueError: the device type is no string.
        RuntimeError: there is no autocast for that type of device.

    >>> import flambeau as torch
    >>> x = torch.ones(2, 2)
    >>> with torch.autocast("cpu"):
    ...     y = x @ x
    ...     z = torch.nn.functional.mse_loss(y, x)
    >>> y.dtype, z.dtype
    (torch.bfloat16, torch.float32)

    Method: Micikevicius et al., Mixed Precision Training, 2018.
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = device_type
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        if enabled and device_type == "cuda":
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2)
            enabled = False
        if enabled and device_type == "cpu" and self.fast_dtype not in (_core.bfloat16, _core.float16):
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled
        self._outer: list[tuple[bool, Any, bool]] = []

    def __enter__(self) -> autocast:
        outer = (
            is_autocast_enabled(self.device),
            get_autocast_dtype(self.device),
            is_autocast_cache_enabled(),
        )
        set_autocast_enabled(self.device, self._enabled)
        self._outer.append(outer)
        set_autocast_dtype(self.device, self.fast_dtype)
        set_autocast_cache_enabled(self._cache_enabled)
        autocast_increment_nesting()
        return self

    def __exit__(self, *_: Any) -> None:
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        enabled, dtype, cached = self._outer.pop()
        set_autocast_enabled(self.device, enabled)
        set_autocast_dtype(self.device, dtype)
        set_autocast_cache_enabled(cached)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return autocast_decorator(self, func)


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: Any = None
) -> Callable[..., Any]:
    """A decorator for ``forward`` of an autograd Function: it runs at the block's precision, or without a block at all.

    Args:
        fwd: the method
        device_type: which type of device's block counts
        cast_inputs: within a block, inputs are converted to this dtype and the method runs at its precision

    See :func:`custom_bwd`.
    """
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    method = fwd

    @functools.wraps(method)
    def forward(*args: Any, **kwargs: Any) -> Any:
        context = args[0]
        context._dtype = get_autocast_dtype(device_type)
        enabled = is_autocast_enabled(device_type)
        if cast_inputs is None or not enabled:
            context._fwd_used_autocast = enabled
            return method(*args, **kwargs)
        context._fwd_used_autocast = False
        with autocast(device_type=device_type, enabled=False):
            inputs = converted(args[1:], device_type, cast_inputs)
            return method(context, *inputs, **converted(kwargs, device_type, cast_inputs))

    return forward


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Callable[..., Any]:
    """A decorator for ``backward`` of an autograd Function: it runs at the precision that ``forward`` ran at.

    Args:
        bwd: the method
        device_type: which type of device's block counts; see :func:`custom_fwd`
    """
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)
    method = bwd

    @functools.wraps(method)
    def backward(*args: Any, **kwargs: Any) -> Any:
        context = args[0]
        if context._fwd_used_autocast == is_autocast_enabled(device_type):
            return method(*args, **kwargs)
        with autocast(device_type=device_type, enabled=context._fwd_used_autocast, dtype=context._dtype):
            return method(*args, **kwargs)

    return backward

"""The switches of CUDA's libraries, which this build does not have: they are kept, and change nothing but the ways in
which attention is computed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from flambeau import _core, _settings
from flambeau._missing import refusing
from flambeau._switches import Precision, check_bool

__all__ = [
    "is_built",
    "cufft_plan_cache",
    "matmul",
    "SDPBackend",
    "enable_flash_sdp",
    "flash_sdp_enabled",
    "enable_mem_efficient_sdp",
    "mem_efficient_sdp_enabled",
    "math_sdp_enabled",
    "enable_math_sdp",
    "allow_fp16_bf16_reduction_math_sdp",
    "fp16_bf16_reduction_math_sdp_allowed",
    "is_flash_attention_available",
    "is_ck_sdpa_available",
    "can_use_flash_attention",
    "can_use_efficient_attention",
    "can_use_cudnn_attention",
    "enable_cudnn_sdp",
    "cudnn_sdp_enabled",
    "sdp_kernel",
]


class SDPBackend(IntEnum):
    """Ways to compute scaled dot product attention."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


def is_built() -> bool:
    """Whether this build could use CUDA: False."""
    return False


class _Matmul:
    """``torch.backends.cuda.matmul``: what products on a GPU may do to be faster."""

    _reductions = {
        "allow_fp16_reduced_precision_reduction": True,
        "allow_bf16_reduced_precision_reduction": True,
        "allow_fp16_accumulation": False,
    }
    _fp32_precision = Precision("none")

    def __getattr__(self, name: str) -> Any:
        if name == "allow_tf32":
            return _settings.get_float32_matmul_precision() != "highest"
        if name == "fp32_precision":
            return self._fp32_precision
        if name in self._reductions:
            return self._reductions[name]
        raise AttributeError(f"Unknown attribute {name}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "allow_tf32":
            check_bool("set_allow_tf32_cublas", value)
            _settings.set_float32_matmul_precision("high" if value else "highest")
        elif name == "fp32_precision":
            type(self)._fp32_precision.__set__(self, value)
        elif name in self._reductions:
            check_bool(f"set_{name}_cublas", value)
            self._reductions[name] = value
        else:
            raise AttributeError(f"Unknown attribute {name}")


matmul = _Matmul()


class _PlanCache:
    """``torch.backends.cuda.cufft_plan_cache``: there is no cuFFT, and no cache."""

    def __getitem__(self, device: int) -> Any:
        raise RuntimeError(
            f"cufft_plan_cache: expected 0 <= device index < 0, but got device with index {device}"
        )

    def __getattr__(self, name: str) -> Any:
        if name in ("size", "max_size", "clear"):
            raise AssertionError("Torch not compiled with CUDA enabled")
        raise AttributeError(name)


cufft_plan_cache = _PlanCache()

_attention = {
    "flash": True,
    "mem_efficient": True,
    "math": True,
    "cudnn": True,
    "overrideable": True,
    "reduction": False,
}
_WAYS = {
    SDPBackend.CUDNN_ATTENTION: "cudnn",
    SDPBackend.FLASH_ATTENTION: "flash",
    SDPBackend.EFFICIENT_ATTENTION: "mem_efficient",
    SDPBackend.MATH: "math",
    SDPBackend.OVERRIDEABLE: "overrideable",
}


def _tell() -> None:
    """Hands the core the switches of the two ways that a CPU has."""
    _core._set_attention_backends(_attention["math"] + 2 * _attention["flash"])


def _allow(way: str, enabled: bool) -> None:
    _attention[way] = enabled
    _tell()


def attention_backends() -> list[SDPBackend]:
    """The ways that attention may be computed in."""
    return [backend for backend, way in _WAYS.items() if _attention[way]]


def set_attention_backends(allowed: list[SDPBackend]) -> None:
    """Allows these ways and no others."""
    for backend, way in _WAYS.items():
        _attention[way] = backend in allowed
    _tell()


def flash_sdp_enabled() -> bool:
    """The value that :func:`enable_flash_sdp` has set."""
    return _attention["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Allows flash attention: on the CPU, in blocks of queries and keys."""
    check_bool("set_sdp_use_flash", enabled)
    _allow("flash", enabled)


def mem_efficient_sdp_enabled() -> bool:
    """The value that :func:`enable_mem_efficient_sdp` has set."""
    return _attention["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Allows memory efficient attention on a GPU."""
    check_bool("set_sdp_use_mem_efficient", enabled)
    _attention["mem_efficient"] = enabled


def math_sdp_enabled() -> bool:
    """The value that :func:`enable_math_sdp` has set."""
    return _attention["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Allows attention as plain products."""
    check_bool("set_sdp_use_math", enabled)
    _allow("math", enabled)


def cudnn_sdp_enabled() -> bool:
    """The value that :func:`enable_cudnn_sdp` has set."""
    return _attention["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Allows cuDNN's attention on a GPU."""
    check_bool("set_sdp_use_cudnn", enabled)
    _attention["cudnn"] = enabled


def fp16_bf16_reduction_math_sdp_allowed() -> bool:
    """The value that :func:`allow_fp16_bf16_reduction_math_sdp` has set."""
    return _attention["reduction"]


def allow_fp16_bf16_reduction_math_sdp(enabled: bool) -> None:
    """Allows sums of half precision in attention as plain products on a GPU."""
    check_bool("set_math_sdp_allow_fp16_bf16_reduction", enabled)
    _attention["reduction"] = enabled


def is_flash_attention_available() -> bool:
    """Whether there is flash attention for a GPU: False."""
    return False


def is_ck_sdpa_available() -> bool:
    """Whether there is attention by Composable Kernel: False."""
    return False


def can_use_flash_attention(params: Any, debug: bool = False) -> bool:
    """Whether flash attention could take a call: False, it is not there."""
    return False


def can_use_efficient_attention(params: Any, debug: bool = False) -> bool:
    """Whether memory efficient attention could take a call: False, it is not there."""
    return False


def can_use_cudnn_attention(params: Any, debug: bool = False) -> bool:
    """Whether cuDNN's attention could take a call: False, it is not there."""
    return False


@contextlib.contextmanager
def sdp_kernel(
    enable_flash: bool = True,
    enable_math: bool = True,
    enable_mem_efficient: bool = True,
    enable_cudnn: bool = True,
) -> Iterator[dict[str, bool]]:
    """Allows kinds of attention for a block."""
    before = dict(_attention)
    enable_flash_sdp(enable_flash)
    enable_math_sdp(enable_math)
    enable_mem_efficient_sdp(enable_mem_efficient)
    enable_cudnn_sdp(enable_cudnn)
    try:
        yield {}
    finally:
        _attention.update(before)
        _tell()


preferred_linalg_library = refusing(
    __name__,
    "preferred_linalg_library",
    NotImplementedError,
    "torch.backends.cuda.preferred_linalg_library is not implemented yet",
)
preferred_blas_library = refusing(
    __name__,
    "preferred_blas_library",
    NotImplementedError,
    "torch.backends.cuda.preferred_blas_library is not implemented yet",
)

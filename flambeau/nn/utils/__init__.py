"""Utilities around modules' parameters."""

from __future__ import annotations

from typing import Any

from flambeau._missing import missing

from . import rnn
from .clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from .convert_parameters import parameters_to_vector, vector_to_parameters
from .fusion import (
    fuse_conv_bn_eval,
    fuse_conv_bn_weights,
    fuse_linear_bn_eval,
    fuse_linear_bn_weights,
)
from .init import skip_init
from .memory_format import convert_conv2d_weight_memory_format, convert_conv3d_weight_memory_format

__all__ = [
    "clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_",
    "convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format", "fuse_conv_bn_eval",
    "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights", "get_total_norm",
    "parameters_to_vector", "rnn", "skip_init", "vector_to_parameters",
]  # fmt: skip

_NOT_YET = """
    parametrizations parametrize prune remove_spectral_norm remove_weight_norm spectral_norm stateless weight_norm
"""
_KNOWN = frozenset(_NOT_YET.split())


def __getattr__(name: str) -> Any:
    raise missing("nn.utils", name, _KNOWN)

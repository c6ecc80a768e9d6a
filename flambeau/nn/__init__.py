"""Layers, losses and what they are made of."""

from __future__ import annotations

import importlib
from typing import Any

from flambeau._missing import missing

from . import functional, init, modules, parameter, utils
from .modules import *  # noqa: F403
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "functional",
    "init",
    "modules",
]
__all__ += ["parameter", "utils"]
__all__ += modules.__all__

_NOT_YET = """
    AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveLogSoftmaxWithLoss AdaptiveMaxPool1d
    AdaptiveMaxPool2d AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d BatchNorm1d BatchNorm2d
    BatchNorm3d Bilinear CTCLoss ChannelShuffle CircularPad1d CircularPad2d CircularPad3d ConstantPad1d
    ConstantPad2d ConstantPad3d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d CrossMapLRN2d
    Embedding EmbeddingBag Fold FractionalMaxPool2d FractionalMaxPool3d
    GRU GRUCell GroupNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d LPPool1d LPPool2d LPPool3d LSTM
    LSTMCell LayerNorm LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d
    LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d LazyInstanceNorm1d LazyInstanceNorm2d
    LazyInstanceNorm3d LazyLinear LinearCrossEntropyLoss LocalResponseNorm MaxPool3d MaxUnpool1d
    MaxUnpool2d MaxUnpool3d MultiLabelMarginLoss MultiMarginLoss MultiheadAttention NLLLoss2d PixelShuffle
    PixelUnshuffle RMSNorm RNN RNNBase RNNCell RNNCellBase RReLU ReflectionPad1d ReflectionPad2d
    ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d SyncBatchNorm Transformer
    TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer Unfold Upsample
    UpsamplingBilinear2d UpsamplingNearest2d ZeroPad1d ZeroPad2d ZeroPad3d attention grad qat
    quantized
"""
_KNOWN = frozenset(_NOT_YET.split())


def __getattr__(name: str) -> Any:
    if name in ("parallel", "DataParallel"):
        parallel = importlib.import_module(".parallel", __name__)
        return parallel if name == "parallel" else parallel.DataParallel
    raise missing("nn", name, _KNOWN)

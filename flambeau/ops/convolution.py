"""Convolutions in other orders of the dimensions."""

from __future__ import annotations

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, lower_precision, operator


@operator("conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor", function, lower_precision)
def conv_tbc(self: Tensor, weight: Tensor, bias: Tensor, pad: int) -> Tensor:
    """Convolves sequences whose first dimension is the time: (time, batch, channels).

    out[t, b, o] = bias[o] + sum_{k, c} weight[k, c, o] self[t + k - pad, b, c]

    Args:
        self: (T, B, C)
        weight: (K, C, O)
        bias: (O,); converted to the input's dtype
        pad: zeros before and behind the sequence; a negative number cuts off as many elements

    Returns:
        (T + 2 pad - K + 1, B, O).

    Raises:
        RuntimeError: shapes that do not fit.

    >>> import flambeau as torch
    >>> torch.conv_tbc(torch.ones(3, 1, 1), torch.ones(2, 1, 1), torch.zeros(1)).flatten().tolist()
    [2.0, 2.0]
    """
    if self.dim() != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if weight.dim() != 3:
        raise RuntimeError("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.")
    if bias.dim() != 1:
        raise RuntimeError("Bias must be 1-D")
    if self.size(2) != weight.size(1):
        raise RuntimeError(
            f"Input dim 2 (input channels) is not == dim 1 in the weight tensor: {self.size(2)} and {weight.size(1)}"
        )
    if bias.size(0) != weight.size(2):
        raise RuntimeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    length = self.size(0) + 2 * pad - weight.size(0) + 1
    if length < 0:
        shape = [length, self.size(1), weight.size(2)]
        raise RuntimeError(f"Trying to create tensor with negative dimension {length}: {shape}")
    if length == 0:
        return self[:0] @ weight[0] + bias
    if pad < 0:
        self, pad = self.narrow(0, -pad, self.size(0) + 2 * pad), 0
    sequences = self.permute(1, 2, 0)
    result = torch.conv1d(sequences, weight.permute(2, 1, 0), bias.to(self.dtype), padding=pad)
    return result.permute(2, 0, 1).contiguous()

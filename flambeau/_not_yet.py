"""Names of PyTorch's top level that are not written yet; asking for one says so. A name that has arrived may go."""

from __future__ import annotations

NOT_YET = frozenset(
    """
    ao classes distributions export gru gru_cell library lstm lstm_cell masked monitor nested package
    quantization rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell vmap
    """.split()
)

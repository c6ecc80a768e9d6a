"""The operators that PyTorch keeps in ``torch.functional``."""

from __future__ import annotations

import sys
from typing import Any

from flambeau._missing import missing

_OPERATORS = frozenset(
    "atleast_1d atleast_2d atleast_3d align_tensors block_diag broadcast_shapes broadcast_tensors cartesian_prod cdist "
    "chain_matmul einsum istft lu meshgrid norm pca_lowrank split stft svd_lowrank tensordot unique "
    "unique_consecutive unravel_index".split()
)


def __getattr__(name: str) -> Any:
    if name in _OPERATORS:
        operator = getattr(sys.modules["flambeau"], name, None)
        if operator is not None:
            return operator
    raise missing("torch.functional", name, _OPERATORS)

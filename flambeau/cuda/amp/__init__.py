"""Mixed precision on a GPU, by its former path; see :mod:`torch.amp`."""

from .autocast_mode import autocast, custom_bwd, custom_fwd
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]


def amp_definitely_not_available() -> bool:
    """Whether mixed precision cannot work on a GPU: True, there is none."""
    return True

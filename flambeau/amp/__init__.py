"""Mixed precision: where float16 or bfloat16 suffice, and the scaling of losses that float16 needs.

Method: Micikevicius et al., Mixed Precision Training, 2018.
"""

from .autocast_mode import autocast, custom_bwd, custom_fwd, is_autocast_available
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

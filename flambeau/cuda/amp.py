"""Mixed precision on a GPU, by its former path; see :mod:`torch.amp`."""

from __future__ import annotations

from typing import Any

from flambeau._missing import missing

_KNOWN = frozenset({"GradScaler", "autocast", "custom_bwd", "custom_fwd"})


def __getattr__(name: str) -> Any:
    raise missing("torch.cuda.amp", name, _KNOWN)

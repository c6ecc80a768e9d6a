"""Passes that PyTorch keeps under this name."""

from . import optimization as optimization

__all__ = ["optimization"]

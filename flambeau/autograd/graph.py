"""The nodes of the recorded graph."""

from flambeau._core import Node

__all__ = ["Node"]

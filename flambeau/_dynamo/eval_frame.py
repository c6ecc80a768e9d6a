"""The class of compiled modules under the path that libraries import."""

from flambeau._dynamo import OptimizedModule

__all__ = ["OptimizedModule"]

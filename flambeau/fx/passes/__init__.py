"""Work on whole graphs."""

from . import shape_prop as shape_prop

__all__ = ["shape_prop"]

"""Names of PyTorch's top level that are not written yet; asking for one says so. A name that has arrived may go."""

from __future__ import annotations

NOT_YET = frozenset(
    """
    ao classes distributions export library masked monitor nested package quantization vmap
    """.split()
)

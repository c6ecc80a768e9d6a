"""The answer to names that PyTorch has and this package does not yet."""

from __future__ import annotations


class MissingFeature(NotImplementedError, AttributeError):
    """A part of PyTorch's interface that is not written yet.

    It is an AttributeError too, so that ``hasattr`` says False and ``from ... import`` says which name it
    wants.
    """


def missing(module: str, name: str, known: frozenset[str]) -> AttributeError:
    """The exception for an attribute that ``module`` lacks; ``known`` are the names PyTorch has there."""
    if name in known:
        return MissingFeature(f"{module}.{name} is not implemented yet")
    return AttributeError(f"module '{module}' has no attribute '{name}'")

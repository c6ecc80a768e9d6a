"""Versions that compare as versions do, not as texts."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["TorchVersion"]

# PEP 440, without epochs.
_FORM = re.compile(
    r"\s*v?(?P<release>\d+(\.\d+)*)"
    r"([-_.]?(?P<pre>a|b|c|rc|alpha|beta|pre|preview)[-_.]?(?P<pre_number>\d*))?"
    r"(?P<post>[-_.]?post[-_.]?(?P<post_number>\d*))?"
    r"(?P<dev>[-_.]?dev[-_.]?(?P<dev_number>\d*))?"
    r"(\+(?P<local>[a-z0-9]+([-_.][a-z0-9]+)*))?\s*",
    re.IGNORECASE,
)
_STAGES = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}


def _key(version: Any) -> tuple[Any, ...] | None:
    """What versions are compared by; None for what is none."""
    if isinstance(version, tuple | list):
        version = ".".join(map(str, version))
    match = _FORM.fullmatch(str(version))
    if match is None:
        return None
    release = [int(part) for part in match["release"].split(".")]
    while len(release) > 1 and not release[-1]:
        release.pop()
    if match["pre"]:
        stage = (_STAGES[match["pre"].lower()], int(match["pre_number"] or 0))
    else:
        stage = (-1, 0) if match["dev"] and not match["post"] else (3, 0)
    post = int(match["post_number"] or 0) if match["post"] else -1
    dev = int(match["dev_number"] or 0) if match["dev"] else float("inf")
    parts = re.split(r"[-_.]", match["local"].lower()) if match["local"] else []
    local = tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)
    return release, stage, post, dev, local


class TorchVersion(str):
    """A version that can be compared with texts and tuples.

    >>> from flambeau.torch_version import TorchVersion
    >>> TorchVersion("2.13.0") > "2.6", TorchVersion("2.13.0") >= (2, 13)
    (True, True)
    """

    def _compare(self, other: Any, name: str) -> Any:
        own, others = _key(self), _key(other)
        if own is None or others is None:  # not both are versions: as texts
            return getattr(str, name)(self, other)
        return getattr(own, name)(others)

    def __lt__(self, other: Any) -> bool:
        result: bool = self._compare(other, "__lt__")
        return result

    def __le__(self, other: Any) -> bool:
        result: bool = self._compare(other, "__le__")
        return result

    def __gt__(self, other: Any) -> bool:
        result: bool = self._compare(other, "__gt__")
        return result

    def __ge__(self, other: Any) -> bool:
        result: bool = self._compare(other, "__ge__")
        return result

    def __eq__(self, other: object) -> bool:
        result: bool = self._compare(other, "__eq__")
        return result

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

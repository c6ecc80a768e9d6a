"""What `importlib.metadata` is told of the packages that Flambeau stands in for."""

from __future__ import annotations

import os
from importlib.metadata import Distribution
from pathlib import Path


class Standin(Distribution):
    """The metadata of a package that is not installed, but stood in for."""

    def __init__(self, name: str, version: str) -> None:
        self._text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"

    def read_text(self, filename: str | os.PathLike[str]) -> str | None:
        """The file with the metadata; there is no other."""
        return self._text if str(filename) == "METADATA" else None

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        """Where a file of the package would be: beside Flambeau's own package."""
        return Path(__file__).parent.parent / path

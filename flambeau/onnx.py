"""Questions about the export to ONNX, which is not here."""

from __future__ import annotations

from typing import Any

from flambeau._missing import missing

__all__ = ["OnnxExporterError", "is_in_onnx_export"]

_KNOWN = frozenset("ExportOptions ExportableModule InputObserver ONNXProgram errors export ops".split())


class OnnxExporterError(RuntimeError):
    """The exporter's error, for programs that catch it."""


def is_in_onnx_export() -> bool:
    """Whether an export is running: False."""
    return False


def __getattr__(name: str) -> Any:
    raise missing("torch.onnx", name, _KNOWN)

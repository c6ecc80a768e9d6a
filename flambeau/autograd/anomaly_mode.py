"""Anomaly mode: a failing derivative is shown with the forward call that recorded it, and NaN counts as a failure."""

from __future__ import annotations

import traceback
import warnings
from types import TracebackType
from typing import Any

from flambeau import _core

__all__ = ["detect_anomaly", "set_detect_anomaly"]


def _place(parent_name: str, parent: Any) -> tuple[str, str, Any]:
    """Where a node is being recorded, and during the derivative of which node if of any."""
    return "".join(traceback.format_stack()), parent_name, parent


def _report(name: str, place: tuple[str, str, Any] | None) -> None:
    """Warns with the places that lead to a failed node."""
    if place is None:
        warnings.warn(
            f"Error detected in {name}. No forward pass information available. Enable detect anomaly during forward "
            "pass for more information.",
            stacklevel=2,
        )
        return
    stack, parent_name, parent = place
    warnings.warn(
        f"Error detected in {name}. Traceback of forward call that caused the error:\n{stack}", stacklevel=2
    )
    while parent is not None:
        stack, next_name, next_parent = parent
        warnings.warn(
            f"\n\nPrevious calculation was induced by {parent_name}. Traceback of forward call that induced the "
            f"previous calculation:\n{stack}",
            stacklevel=2,
        )
        parent_name, parent = next_name, next_parent


class set_detect_anomaly:
    """Switches anomaly mode, at once and, as a context manager, for a block.

    Args:
        mode: whether a failing derivative is shown with its forward call
        check_nan: whether a derivative that gives NaN fails

    >>> import flambeau as torch
    >>> with torch.autograd.set_detect_anomaly(True):
    ...     torch.is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.prev = _core.is_anomaly_enabled()
        self.prev_check_nan = _core.is_anomaly_check_nan_enabled()
        _core._set_anomaly_mode(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _core._set_anomaly_mode(self.prev, self.prev_check_nan)


class detect_anomaly:
    """A block in which a failing derivative is shown with the forward call that recorded it. It slows programs down.

    Args:
        check_nan: whether a derivative that gives NaN fails

    Raises (inside the block):
        RuntimeError: where a derivative gives NaN, naming it.

    >>> import flambeau as torch, warnings
    >>> x = torch.zeros(1, requires_grad=True)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     with torch.autograd.detect_anomaly():
    ...         y = (x * 0 / x).sum()
    ...         try:
    ...             y.backward()
    ...         except RuntimeError as error:
    ...             print(error)
    Function 'DivBackward0' returned nan values in its 1th output.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self.prev = self.prev_check_nan = False
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self.prev = _core.is_anomaly_enabled()
        self.prev_check_nan = _core.is_anomaly_check_nan_enabled()
        _core._set_anomaly_mode(True, self.check_nan)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _core._set_anomaly_mode(self.prev, self.prev_check_nan)


def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
    """Switches anomaly mode: whether a failing derivative is shown with the forward call that recorded it.

    Args:
        enabled: whether it is
        check_nan: whether a derivative that gives NaN fails

    >>> import flambeau as torch
    >>> torch.set_anomaly_enabled(False)
    >>> torch.is_anomaly_enabled()
    False
    """
    _core._set_anomaly_mode(enabled, check_nan)

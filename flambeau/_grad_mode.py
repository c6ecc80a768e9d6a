"""Switches for the recording of operations, as context managers and decorators."""

from __future__ import annotations

from flambeau import _core

TYPE_CHECKING = False  # typing itself costs a tenth of the import
if TYPE_CHECKING:
    from typing import Any, TypeVar

    F = TypeVar("F")

__all__ = ["no_grad", "enable_grad", "set_grad_enabled", "inference_mode"]


class _GradMode:
    """Base: sets a mode for a block or a function, restores it after."""

    _states: list[Any]

    def _enter(self) -> Any:
        raise NotImplementedError

    def _leave(self, state: Any) -> None:
        raise NotImplementedError

    def __enter__(self) -> None:
        self.__dict__.setdefault("_states", []).append(self._enter())

    def __exit__(self, *_: Any) -> None:
        self._leave(self._states.pop())

    def __call__(self, function: F) -> F:
        import functools
        from inspect import isgeneratorfunction

        if isinstance(function, type):
            raise TypeError(
                f"decorating classes with {type(self).__name__} is not supported; decorate their methods"
            )
        if isgeneratorfunction(function):

            @functools.wraps(function)
            def stepping(*args: Any, **keywords: Any) -> Any:
                generator = function(*args, **keywords)
                sent: Any = None
                while True:
                    with self:
                        try:
                            value = generator.send(sent)
                        except StopIteration as stop:
                            return stop.value
                    sent = yield value

            return stepping  # type: ignore[return-value]

        @functools.wraps(function)  # type: ignore[arg-type]
        def wrapped(*args: Any, **keywords: Any) -> Any:
            with self:
                return function(*args, **keywords)  # type: ignore[operator]

        return wrapped  # type: ignore[return-value]


class _PlainDecorator(type):
    """Lets a mode decorate without being called: @torch.no_grad."""

    def __call__(cls, *args: Any, **keywords: Any) -> Any:
        mode = super().__call__()
        return mode(args[0]) if args else mode


class no_grad(_GradMode, metaclass=_PlainDecorator):
    """Operations in the block are not recorded.

    >>> import flambeau as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __enter__(self) -> None:
        self.previous = _core._set_grad_enabled(False)

    def __exit__(self, *_: Any) -> None:
        _core._set_grad_enabled(self.previous)

    def __call__(self, function: F) -> F:
        return _Nested(False)(function)


class enable_grad(_GradMode, metaclass=_PlainDecorator):
    """Operations in the block are recorded, also within `no_grad`."""

    def __enter__(self) -> None:
        self.previous = _core._set_grad_enabled(True)

    def __exit__(self, *_: Any) -> None:
        _core._set_grad_enabled(self.previous)

    def __call__(self, function: F) -> F:
        return _Nested(True)(function)


class _Nested(_GradMode):
    """A mode on a function, which may call itself."""

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def _enter(self) -> Any:
        return _core._set_grad_enabled(self.mode)

    def _leave(self, state: Any) -> None:
        _core._set_grad_enabled(state)


class set_grad_enabled(_GradMode):
    """Sets recording by a flag, at once; as a context manager it restores the mode."""

    def __init__(self, mode: bool) -> None:
        self.mode = bool(mode)
        self.previous = _core._set_grad_enabled(self.mode)

    def __enter__(self) -> None:
        _core._set_grad_enabled(self.mode)

    def __exit__(self, *_: Any) -> None:
        _core._set_grad_enabled(self.previous)

    def __call__(self, function: F) -> F:
        _core._set_grad_enabled(self.previous)
        return _Nested(self.mode)(function)


class inference_mode(_GradMode):
    """Like no_grad; tensors made in the block can never be recorded."""

    def __new__(cls, mode: Any = True) -> Any:
        if callable(mode) and not isinstance(mode, bool):
            return cls()(mode)
        return super().__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def _enter(self) -> Any:
        grad = _core.is_grad_enabled()
        return _core._set_inference_mode(self.mode), grad

    def _leave(self, state: Any) -> None:
        inference, grad = state
        _core._set_inference_mode(inference)
        _core._set_grad_enabled(grad)

"""Switches for the recording of operations, as context managers and decorators."""

from __future__ import annotations

from flambeau import _core

TYPE_CHECKING = False  # typing itself costs a tenth of the import
if TYPE_CHECKING:
    from typing import Any, TypeVar

    F = TypeVar("F")

__all__ = ["no_grad", "enable_grad", "set_grad_enabled", "inference_mode"]


def _around_generator(make: Any, function: Any) -> Any:
    """A generator function whose every step runs in a block of its own; between steps the caller's mode holds."""
    import functools

    @functools.wraps(function)
    def stepping(*args: Any, **keywords: Any) -> Any:
        generator = function(*args, **keywords)
        try:
            with make():
                value = generator.send(None)
            while True:
                try:
                    sent = yield value
                except GeneratorExit:
                    with make():
                        generator.close()
                    raise
                except BaseException as error:
                    with make():
                        value = generator.throw(error)
                else:
                    with make():
                        value = generator.send(sent)
        except StopIteration as stop:
            return stop.value

    return stepping


class _GradMode:
    """Base: sets a mode for a block or, as a decorator, for the calls of a function."""

    def clone(self) -> Any:
        """Another block of the same kind: every call of a decorated function has its own."""
        return type(self)()

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(self, *_: Any) -> None:
        raise NotImplementedError

    def __call__(self, function: F) -> F:
        import functools
        from inspect import isgeneratorfunction

        make = self.clone
        if isgeneratorfunction(function):
            return _around_generator(make, function)  # type: ignore[no-any-return]
        if isinstance(function, type):
            import warnings

            warnings.warn(
                "Decorating classes is deprecated and will be disabled in future versions. You should only "
                "decorate functions or methods. To preserve the current behavior of class decoration, you "
                "can directly decorate the `__init__` method and nothing else.",
                FutureWarning,
                stacklevel=2,
            )

        @functools.wraps(function)  # type: ignore[arg-type]
        def wrapped(*args: Any, **keywords: Any) -> Any:
            with make():
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


class enable_grad(_GradMode, metaclass=_PlainDecorator):
    """Operations in the block are recorded, also within `no_grad`."""

    def __enter__(self) -> None:
        self.previous = _core._set_grad_enabled(True)

    def __exit__(self, *_: Any) -> None:
        _core._set_grad_enabled(self.previous)


class set_grad_enabled(_GradMode):
    """Sets recording by a flag, at once; as a context manager it restores the mode.

    Raises:
        TypeError: if the flag is no bool.
    """

    def __init__(self, mode: bool) -> None:
        if not isinstance(mode, bool):
            raise TypeError(
                f"set_grad_enabled(): argument 'enabled' (position 1) must be bool, not {type(mode).__name__}"
            )
        self.mode = mode
        self.prev = _core._set_grad_enabled(mode)

    def __enter__(self) -> None:
        _core._set_grad_enabled(self.mode)

    def __exit__(self, *_: Any) -> None:
        _core._set_grad_enabled(self.prev)

    def __call__(self, function: F) -> F:
        _core._set_grad_enabled(self.prev)
        return super().__call__(function)

    def clone(self) -> Any:
        """Another block with the same flag."""
        return type(self)(self.mode)

    def __repr__(self) -> str:
        return f"torch.autograd.grad_mode.set_grad_enabled(mode={self.mode})"


class inference_mode(_GradMode):
    """Like no_grad; tensors made in the block can never be recorded."""

    def __new__(cls, mode: Any = True) -> Any:
        if not isinstance(mode, bool):
            return cls()(mode)
        return super().__new__(cls)

    def __init__(self, mode: bool = True) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        grad = _core.is_grad_enabled()
        self._previous = _core._set_inference_mode(self.mode), grad

    def __exit__(self, *_: Any) -> None:
        inference, grad = self._previous
        _core._set_inference_mode(inference)
        _core._set_grad_enabled(grad)

    def clone(self) -> Any:
        """Another block with the same flag."""
        return type(self)(self.mode)

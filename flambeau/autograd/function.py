"""User-defined differentiable functions."""

from __future__ import annotations

import functools
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from flambeau import _core
from flambeau._core import Tensor

__all__ = ["Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]


class FunctionCtx:
    """What `forward` leaves for `backward`."""

    saved_for_forward: tuple[Tensor | None, ...] | None = None

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self.materialize_grads = True
        self._to_save: tuple[Any, ...] = ()
        self._dirty: tuple[Tensor, ...] = ()
        self._non_differentiable: tuple[Tensor, ...] = ()
        self._node: Any = None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps tensors for `backward`, which reads them from `saved_tensors`; later in-place writes are noticed."""
        self._to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keeps tensors for `jvp`, in `saved_for_forward`. Forward-mode derivatives are not there yet: nothing reads them.

        Raises:
            AssertionError: if something is neither a tensor nor None.
        """
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise AssertionError(
                    "save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes "
                    "on ctx."
                )
        self.saved_for_forward = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Names inputs that `forward` wrote in place and returns."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Names outputs that carry no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether `backward` gets zeros (the default) or None for outputs without a gradient.

        Raises:
            TypeError: if `value` is no bool.
        """
        if not isinstance(value, bool):
            raise TypeError(
                f"set_materialize_grads received an invalid combination of arguments - got ({type(value).__name__}), "
                "but expected (bool)"
            )
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors given to `save_for_backward`.

        Raises:
            RuntimeError: if the graph was freed, or a tensor was written in place since.
        """
        node = self._node() if self._node is not None else None
        return _core._function_saved(node) if node is not None else ()

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The former name of `saved_tensors`."""
        warnings.warn(
            "'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=2
        )
        return self.saved_tensors

    def name(self) -> str:
        """The name of the node: that of the Function with "Backward"."""
        return type(self).__name__

    @property
    def next_functions(self) -> Any:
        """The nodes that the gradients flow to."""
        node = self._node() if self._node is not None else None
        return node.next_functions if node is not None else ()

    def _to_record(self, outputs: list[Any]) -> tuple[list[Any], list[int]]:
        """What was saved, and which output each of these is (-1: none)."""
        saved = list(self._to_save)
        numbers: list[int] = []
        for tensor in saved:
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {len(numbers)} is of type "
                    f"{type(tensor).__name__}"
                )
            numbers.append(
                next((i for i, out in enumerate(outputs) if out is tensor), -1) if tensor is not None else -1
            )
        self._to_save = ()
        return saved, numbers


class _FunctionMeta(type):
    """Gives every Function a context class of its own name, as grad_fn shows it."""

    def __init__(cls, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> None:
        super().__init__(name, bases, attributes)
        cls._context = type(f"{name}Backward", (FunctionCtx,), {"__module__": cls.__module__})  # type: ignore[attr-defined]


class Function(metaclass=_FunctionMeta):
    """Base of user-defined functions with their own derivative.

    A subclass has the static methods forward(ctx, *args) and backward(ctx, *grad_outputs), or forward(*args) and
    setup_context(ctx, inputs, output). `backward` returns one gradient, or None, per argument of `forward`.

    >>> import flambeau as torch
    >>> class Cube(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return grad * 3 * x ** 2
    >>> x = torch.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    _context: type[FunctionCtx]

    generate_vmap_rule = False  # whether `vmap` is to be derived from forward and backward

    def __init__(self, *args: Any, **keywords: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should "
            "invoke them on the class itself. Instantiating an autograd function will raise an error in a future "
            "version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Raises: Functions are used through `apply`."""
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
            "function with static forward method. (Example: "
            "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args: Any, **keywords: Any) -> Any:
        """Computes the result; runs unrecorded."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Fills the context after a forward that takes none."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Returns the gradients of the arguments given those of the results."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
            "backward mode AD."
        )

    vjp = backward  # the other name; a subclass defines one of them

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Forward-mode derivatives are not there yet."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """How the Function acts on batches: returns (output, out_dims)."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set "
            "generate_vmap_rule=True."
        )

    @classmethod
    def apply(cls, *args: Any, **keywords: Any) -> Any:
        """Runs forward and records it as one node."""
        ctx = cls._context()
        separate = cls.setup_context is not Function.setup_context
        if separate:
            args = _with_defaults(cls.forward, args, keywords)
        elif keywords:
            args = _by_position(cls.forward, args, keywords)
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        record = _core.is_grad_enabled() and any(ctx.needs_input_grad)
        previous = _core._set_grad_enabled(False)
        try:
            if separate:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args)
        finally:
            _core._set_grad_enabled(previous)
        single = not isinstance(result, tuple)
        outputs = [result] if single else list(result)
        for t in ctx._dirty:
            if not isinstance(t, Tensor):
                raise RuntimeError(
                    f"mark_dirty can only accept variables, but argument is of type {type(t).__name__}"
                )
            if not any(t is out for out in outputs):
                raise RuntimeError(
                    "Some elements marked as dirty during the forward method were not returned as output. The inputs "
                    "that are modified inplace must all be outputs of the Function."
                )
        for t in ctx._non_differentiable:
            if not isinstance(t, Tensor):
                raise RuntimeError(
                    f"mark_non_differentiable only accepts variable arguments, but got {type(t).__name__}"
                )
        if record:
            cls._record(ctx, args, outputs)
        else:
            for i, out in enumerate(outputs):
                if (
                    isinstance(out, Tensor)
                    and any(out is a for a in args)
                    and not any(out is t for t in ctx._dirty)
                ):
                    outputs[i] = out.detach() if out.requires_grad else _core._returned_as_is(out)
        return outputs[0] if single else tuple(outputs)

    @classmethod
    def _record(cls, ctx: FunctionCtx, args: tuple[Any, ...], outputs: list[Any]) -> None:
        given = {id(a) for a in args if isinstance(a, Tensor)}
        dirty = {id(t) for t in ctx._dirty}
        if not dirty <= given:
            warnings.warn(
                "ctx.mark_dirty() received a tensor that was not an input. Only input Tensors that have been mutated "
                "should be passed to ctx.mark_dirty().",
                stacklevel=3,
            )
        constant = {id(t) for t in ctx._non_differentiable}
        for i, out in enumerate(outputs):
            if not isinstance(out, Tensor):
                continue
            if id(out) in constant:
                if (
                    id(out) in given
                ):  # it keeps its own gradient; the result is another tensor on the same memory
                    outputs[i] = out.detach()
                    constant.add(id(outputs[i]))
            elif id(out) in dirty:
                if out.is_leaf and out.requires_grad:
                    raise RuntimeError(
                        "a leaf Variable that requires grad has been used in an in-place operation."
                    )
                _core._check_inplace(out)
            elif id(out) in given:
                # An input that was returned as it is: another tensor on the same memory.
                outputs[i] = _core._returned_as_is(out)
                ctx._to_save = tuple(outputs[i] if t is out else t for t in ctx._to_save)
        differentiable = [
            out
            if isinstance(out, Tensor)
            and id(out) not in constant
            and (out.is_floating_point() or out.is_complex())
            else None
            for out in outputs
        ]
        forms = [(out.shape, out.dtype, out.device) if isinstance(out, Tensor) else None for out in outputs]
        inputs = [a if isinstance(a, Tensor) else None for a in args]
        is_tensor = [t is not None for t in inputs]

        def run(gradients: tuple[Any, ...]) -> Any:
            if ctx.materialize_grads:
                gradients = tuple(
                    _core.zeros(form[0], dtype=form[1], device=form[2])
                    if g is None and form is not None
                    else g
                    for g, form in zip(gradients, forms, strict=True)
                )
            own = cls.backward is not Function.backward
            if own and cls.vjp is not Function.vjp:
                raise RuntimeError(
                    "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only "
                    "implement one of them."
                )
            found = (cls.backward if own else cls.vjp)(ctx, *gradients)
            found = found if isinstance(found, tuple) else (found,)
            if len(found) > len(is_tensor) and all(g is None for g in found[len(is_tensor) :]):
                found = found[: len(is_tensor)]
            if len(found) == len(is_tensor):
                for i, (g, known) in enumerate(zip(found, is_tensor, strict=True)):
                    if g is not None and not known:
                        raise RuntimeError(
                            f"function {cls.__name__}Backward returned a gradient different than None at position "
                            f"{i + 1}, but the corresponding forward input was not a Variable"
                        )
            return found

        run.context = ctx  # type: ignore[attr-defined]  # where grad_fn's attributes are found
        saved, numbers = ctx._to_record(outputs)
        node = _core._record_function(
            f"{cls.__name__}Backward",
            run,
            inputs,
            differentiable,
            [id(out) in dirty for out in outputs],
            saved,
            numbers,
        )
        ctx._node = weakref.ref(node)  # the node owns the context, not the reverse


class InplaceFunction(Function):
    """A Function with a switch for writing in place; kept for programs that derive from it."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


def _by_position(
    forward: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[Any, ...]:
    """The arguments of a forward with a context, those given by name at their places after the others."""
    from inspect import Parameter, signature

    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in signature(forward).parameters.values() if p.kind in kinds][1:]
    for name in keywords:
        if name not in names:
            raise TypeError(f"forward() got an unexpected keyword argument '{name}'")
        if names.index(name) < len(args):
            raise TypeError(f"forward() got multiple values for argument '{name}'")
    for i, name in enumerate(names[len(args) : len(args) + len(keywords)], len(args)):
        if name not in keywords:
            raise TypeError(f"forward() missing required argument: '{name}' (position {i})")
    return (*args, *(keywords[name] for name in names[len(args) :] if name in keywords))


def _with_defaults(
    forward: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[Any, ...]:
    """All arguments of a forward by position: setup_context sees those that were left out too."""
    from inspect import signature

    try:
        bound = signature(forward).bind(*args, **keywords)
    except ValueError:  # a builtin without a signature
        return args
    bound.apply_defaults()
    if bound.kwargs:
        raise NotImplementedError(
            "setup_context with keyword-only arguments of forward is not implemented yet"
        )
    return bound.args


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a backward whose result is not differentiable again: a second derivative raises."""

    @functools.wraps(function)
    def wrapped(ctx: Any, *gradients: Any) -> Any:
        previous = _core._set_grad_enabled(False)
        try:
            found = function(ctx, *gradients)
        finally:
            _core._set_grad_enabled(previous)
        if not previous or not any(isinstance(g, Tensor) and g.requires_grad for g in gradients):
            return found
        return _Refused.apply(*(found if isinstance(found, tuple) else (found,)), *gradients)

    return wrapped


class _Refused(Function):
    """Carries results through whose derivative is refused."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        count = len(args) - sum(isinstance(a, Tensor) and a.requires_grad for a in args)
        results = tuple(a.clone() if isinstance(a, Tensor) else a for a in args[: max(1, count)])
        return results if len(results) > 1 else results[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )

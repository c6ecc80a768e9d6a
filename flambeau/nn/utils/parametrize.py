"""Parameters as functions of other parameters: the attribute of a module is computed whenever it is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import flambeau

from ..._core import Tensor
from ..modules.container import ModuleDict, ModuleList
from ..modules.module import Module
from ..parameter import Parameter

__all__ = [
    "ParametrizationList", "cached", "is_parametrized", "register_parametrization", "remove_parametrizations",
    "transfer_parametrizations_and_params", "type_before_parametrizations",
]  # fmt: skip

_cache_depth = 0
_cache: dict[tuple[int, str], Any] = {}


@contextmanager
def cached() -> Iterator[None]:
    """Within it, every parametrized tensor is computed once, when it is first read, and then kept.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.nn.utils import parametrize
        >>> class Twice(torch.nn.Module):
        ...     def forward(self, x):
        ...         return 2 * x
        >>> layer = parametrize.register_parametrization(torch.nn.Linear(2, 2), "weight", Twice())
        >>> layer.weight is layer.weight
        False
        >>> with parametrize.cached():
        ...     print(layer.weight is layer.weight)
        True
    """
    global _cache_depth
    _cache_depth += 1
    try:
        yield
    finally:
        _cache_depth -= 1
        if _cache_depth == 0:
            _cache.clear()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _right_inverse(parametrization: Module, value: Any) -> Any:
    """Where there is none, it is taken for the identity."""
    try:
        return parametrization.right_inverse(value) if hasattr(parametrization, "right_inverse") else value
    except NotImplementedError:
        return value


def _form(tensor: Tensor) -> dict[str, Any]:
    return {"dtype": tensor.dtype, "shape": tensor.shape}


def _hold_form(was: Mapping[str, Any], now: Tensor, rule: str, was_called: str, now_called: str) -> None:
    """Raises where dtype or shape have changed; ``{}`` in the texts stands for which of them."""
    for what, before in was.items():
        after = getattr(now, what)
        if before != after:
            raise ValueError(
                f"{rule.format(what)}\n{was_called.format(what)}: {before}\n{now_called.format(what)}: {after}"
            )


def _hold_tensor(value: Any) -> None:
    if not isinstance(value, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(value).__name__}.")


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor in their order, and the tensors that the first of them is given.

    It is what ``module.parametrizations[name]`` holds. Its tensors are called ``original`` where there is one, and
    ``original0``, ``original1``, ... where the first ``right_inverse`` gives a sequence.

    Args:
        modules: the parametrizations, at least one.
        original: the parameter or buffer that is parametrized.
        unsafe: whether dtype and shape may change, so that neither is checked.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 3))
        >>> [name for name, _ in layer.parametrizations.weight.named_parameters()]
        ['original0', 'original1']
    """

    original: Tensor
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        form = _form(original)
        with flambeau.no_grad():
            value: Any = original
            for parametrization in reversed(modules):
                value = _right_inverse(parametrization, value)
        self.is_tensor = isinstance(value, Tensor)
        if self.is_tensor:
            self.ntensors = 1
            self._take_tensor(original, value)
        elif isinstance(value, Sequence):
            self.ntensors = len(value)
            self._take_sequence(original, value)
        else:
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(value).__name__}"
            )
        if not unsafe:
            result = self()
            _hold_tensor(result)
            rule = "Registering a parametrization may not change the {} of the tensor, unless `unsafe` flag is enabled."
            _hold_form(form, result, rule, "unparametrized {}", "parametrized {}")

    def _take_tensor(self, original: Tensor, value: Tensor) -> None:
        """The parameter stays the one that an optimizer knows, with the new value."""
        for what in ("dtype", "device"):
            before, after = getattr(original, what), getattr(value, what)
            if before != after:
                raise ValueError(
                    f"When `right_inverse` outputs one tensor, it may not change the {what}.\n"
                    f"original.{what}: {before}\n"
                    f"right_inverse(original).{what}: {after}"
                )
        with flambeau.no_grad():
            original.set_(value)
        _register(self, "original", original)

    def _take_sequence(self, original: Tensor, values: Sequence[Any]) -> None:
        for i, value in enumerate(values):
            if not isinstance(value, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                    f"Got element {i} of the sequence with type {type(value).__name__}."
                )
            if isinstance(original, Parameter):
                value = Parameter(value, original.requires_grad)
            _register(self, f"original{i}", value.requires_grad_(original.requires_grad))

    def _originals(self) -> list[Tensor]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Sets the originals so that the parametrized tensor becomes ``value``, as far as it can.

        Args:
            value: what is assigned to the module's attribute.

        Raises:
            RuntimeError: a parametrization has no ``right_inverse``.
        """
        inverse: Any = value
        with flambeau.no_grad():
            for parametrization in reversed(list(self)):
                if not hasattr(parametrization, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(parametrization).__name__} does not implement right_inverse."
                    )
                inverse = parametrization.right_inverse(inverse)
            if self.is_tensor:
                self._set_tensor(inverse)
            else:
                self._set_sequence(inverse)

    def _set_tensor(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
        if value.dtype != self.original.dtype:
            raise ValueError(
                f"The tensor returned by `right_inverse` has dtype {value.dtype} "
                f"while `original` has dtype {self.original.dtype}"
            )
        self.original.set_(value)

    def _set_sequence(self, values: Any) -> None:
        must = "'right_inverse' must return a sequence of tensors"
        if not isinstance(values, Sequence):
            raise ValueError(f"{must}. Got {type(values).__name__}.")
        if len(values) != self.ntensors:
            raise ValueError(f"{must} of length {self.ntensors}. Got a sequence of length {len(values)}.")
        for i, (original, value) in enumerate(zip(self._originals(), values, strict=True)):
            if not isinstance(value, Tensor):
                raise ValueError(
                    f"{must} or reference-type opaques. Got element {i} of type {type(value).__name__}."
                )
            if value.dtype != original.dtype:
                raise ValueError(
                    f"Tensor {i} returned by `right_inverse` has dtype {value.dtype} "
                    f"while `original{i}` has dtype {original.dtype}"
                )
            original.set_(value)

    def forward(self) -> Tensor:  # type: ignore[override]
        """The parametrized tensor."""
        value: Any = self[0](*self._originals())
        i = 1
        while str(i) in self._modules:  # there may be modules by other names
            value = self[i](value)
            i += 1
        return value  # type: ignore[no-any-return]


class _Parametrized(property):
    """The attribute of a module's class that computes the tensor and, when assigned, sets its originals."""

    def __init__(self, name: str) -> None:
        def compute(module: Any) -> Tensor:
            parametrizations: Any = module.parametrizations[name]
            if not _cache_depth:
                return parametrizations()  # type: ignore[no-any-return]
            if flambeau.jit.is_tracing():
                raise RuntimeError("Cannot trace a model while caching parametrizations.")
            key = (id(module), name)
            if key not in _cache:
                _cache[key] = parametrizations()
            return _cache[key]  # type: ignore[no-any-return]

        def assign(module: Any, value: Tensor) -> None:
            module.parametrizations[name].right_inverse(value)

        super().__init__(compute, assign)


def _deepcopy(module: Any, memo: dict[int, Any]) -> Any:
    """What `copy.deepcopy` does by itself, past the refusal to be pickled."""
    if id(module) not in memo:
        memo[id(module)] = replica = module.__new__(type(module))
        original: Any = type_before_parametrizations(module)
        state = deepcopy(original.__getstate__(module), memo)
        replica.__setstate__(state)
    return memo[id(module)]


def _refuse_to_pickle(module: Module) -> None:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). See:\n"
        "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
        "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
    )


def _update_class(module: Module, original: type) -> None:
    """Gives the module a class with a property for each parametrized tensor, or back the one that it had.

    Every change makes a new class, because deep copies of the module share the one that they were made with.
    """
    names = list(module.parametrizations) if is_parametrized(module) else []
    if not names:
        module.__class__ = original  # type: ignore[assignment]
        return
    members: dict[str, Any] = {name: _Parametrized(name) for name in names}
    members["__getstate__"] = _refuse_to_pickle
    members["__module__"] = ParametrizationList.__module__  # as the package is called by whoever uses it
    if not hasattr(original, "__deepcopy__"):
        members["__deepcopy__"] = _deepcopy
    module.__class__ = type(f"Parametrized{original.__name__}", (original,), members)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Makes a parameter or buffer the result of a module: reading ``module.weight`` then computes it.

    With one parametrization ``f``, ``module.weight`` is ``f(original)``, with more they follow one another. The
    original stands in ``module.parametrizations.weight.original``. Where ``f`` has a ``right_inverse``, it is called
    for the original's first value, and whenever the attribute is assigned; if that gives a sequence of tensors,
    ``f`` is called with all of them.

    Args:
        module: changed in place; its class becomes one derived from it.
        tensor_name: the parameter or buffer, which may be parametrized already.
        parametrization: called with the original tensors, or with what the parametrization before gives.
        unsafe: whether dtype and shape may change, so that neither is checked.

    Returns:
        The module.

    Raises:
        ValueError: there is no such tensor, or dtype or shape change.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.nn.utils import parametrize
        >>> class Symmetric(torch.nn.Module):
        ...     def forward(self, x):
        ...         return x.triu() + x.triu(1).T
        ...     def right_inverse(self, a):
        ...         return a.triu()
        >>> layer = parametrize.register_parametrization(torch.nn.Linear(3, 3), "weight", Symmetric())
        >>> torch.equal(layer.weight, layer.weight.T)
        True
        >>> layer.weight = torch.eye(3)
        >>> list(layer.state_dict())
        ['bias', 'parametrizations.weight.original']
    """
    parametrization.train(module.training)
    original_class = type_before_parametrizations(module)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_further(getattr(module, tensor_name), tensor_name, parametrization)
        parametrizations: Any = module.parametrizations[tensor_name]
        parametrizations.append(parametrization)
        parametrizations.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        parametrizations = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
        delattr(module, tensor_name)
        if hasattr(module, tensor_name):  # its class has it, too
            raise AssertionError(f"Module already has an attribute named '{tensor_name}'")
        if not is_parametrized(module):
            module.parametrizations = ModuleDict()
        module.parametrizations[tensor_name] = parametrizations
        _update_class(module, original_class)
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def _check_further(tensor: Tensor, name: str, parametrization: Any) -> None:
    """A parametrization behind others maps tensors of the parametrized one's form to such tensors."""
    result = parametrization(tensor)
    _hold_tensor(result)
    _hold_form(
        _form(tensor),
        result,
        "Registering a parametrization may not change the {} of the tensor, unless the `unsafe` flag is enabled.",
        f"module.{name}.{{}}",
        f"parametrization(module.{name}).{{}}",
    )
    inverse = _right_inverse(parametrization, result)
    if not isinstance(inverse, Tensor):
        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(inverse).__name__}")
    _hold_form(
        _form(tensor),
        inverse,
        f"The tensor returned by parametrization.right_inverse must have the same {{}} as module.{name}, unless "
        "the `unsafe` flag is enabled.",
        f"module.{name}.{{}}",
        "returned {}",
    )


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether a tensor of the module is parametrized.

    Args:
        module: the module.
        tensor_name: the tensor; None: any of them.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.nn.utils import parametrize
        >>> parametrize.is_parametrized(torch.nn.Linear(2, 2), "weight")
        False
    """
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Makes a parametrized tensor a parameter or buffer again.

    Args:
        module: the module, changed in place.
        tensor_name: the tensor.
        leave_parametrized: whether it gets the value that it has now; otherwise that of the original, of which there
            must be one.

    Returns:
        The module.

    Raises:
        ValueError: the tensor is not parametrized; or there are several originals to go back to.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.nn.utils import parametrize
        >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2))
        >>> type(parametrize.remove_parametrizations(layer, "weight")).__name__
        'Linear'
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations: Any = module.parametrizations[tensor_name]
    restored: Tensor
    if parametrizations.is_tensor:
        restored = parametrizations.original  # the parameter that an optimizer knows
        if leave_parametrized:
            with flambeau.no_grad():
                restored.set_(getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        restored = Parameter(value) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    original_class = type_before_parametrizations(module)
    del module.parametrizations[tensor_name]
    _update_class(module, original_class)
    if not is_parametrized(module):
        del module.parametrizations
    _register(module, tensor_name, restored)
    return module


def type_before_parametrizations(module: Module) -> type:
    """The class that the module had before anything of it was parametrized.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.nn.utils import parametrize
        >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2))
        >>> type(layer).__name__, parametrize.type_before_parametrizations(layer).__name__
        ('ParametrizedLinear', 'Linear')
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Gives a module the parametrizations of another one, and the tensors that they work on.

    Args:
        from_module: whose parametrizations are shared; nothing happens where it has none.
        to_module: changed in place; a tensor that it lacks is made.
        tensor_name: the tensor; None: all that are parametrized.

    Returns:
        ``to_module``.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.nn.utils import parametrize
        >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2))
        >>> other = parametrize.transfer_parametrizations_and_params(layer, torch.nn.Linear(2, 2))
        >>> torch.equal(layer.weight, other.weight)
        True
    """
    if not is_parametrized(from_module):
        return to_module
    for name in list(from_module.parametrizations) if tensor_name is None else [tensor_name]:
        source: Any = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in source:
            register_parametrization(to_module, name, parametrization)
        target: Any = to_module.parametrizations[name]
        for original in (n for n in source._own_state() if n.startswith("original")):
            setattr(target, original, getattr(source, original))
    return to_module

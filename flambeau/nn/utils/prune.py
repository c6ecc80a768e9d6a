"""Pruning: entries of parameters that a mask sets to zero before every forward pass."""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import flambeau

from ..._core import Tensor
from ..modules.module import Module
from .convert_parameters import parameters_to_vector

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer",
    "RandomStructured", "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned",
    "l1_unstructured", "ln_structured", "random_structured", "random_unstructured", "remove",
]  # fmt: skip

_M = TypeVar("_M", bound=Module)


def _check_amount(amount: object) -> None:
    """An amount is a share, or a number of entries or channels."""
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    most = float("inf") if isinstance(amount, numbers.Integral) else 1.0
    if not 0 <= float(amount) <= most:
        raise ValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer"
        )


def _count(amount: float, available: int) -> int:
    """How many of the available entries an amount means."""
    if not isinstance(amount, numbers.Integral):
        return round(amount * available)
    if int(amount) > available:
        raise ValueError(
            f"amount={amount} should be smaller than the number of parameters to prune={available}"
        )
    return int(amount)


def _index(tensor: Tensor, dim: int, at: Any) -> tuple[Any, ...]:
    """The subscript that takes ``at`` from a dimension and all of the others."""
    subscript: list[Any] = [slice(None)] * tensor.dim()
    subscript[dim] = at
    return tuple(subscript)


class BasePruningMethod(ABC):
    """A way to choose which entries of a parameter are set to zero; a hook that multiplies by the mask.

    A subclass has ``PRUNING_TYPE`` (``"unstructured"``, ``"structured"``, with an attribute ``dim``, or ``"global"``:
    what :class:`PruningContainer` shows it of a parameter that is pruned already) and ``compute_mask``.
    """

    _tensor_name: str | None = None
    PRUNING_TYPE: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._name(module), self.apply_mask(module))

    def _name(self, module: Module) -> str:
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        return self._tensor_name

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Which entries stay.

        Args:
            t: the scores of the entries, by which they are chosen.
            default_mask: ones, or the mask of the method before; what it has set to zero must stay so.

        Returns:
            Ones and zeros, of the same shape.
        """

    def apply_mask(self, module: Module) -> Tensor:
        """The pruned parameter: the mask times the original one.

        Args:
            module: the module, which must be pruned.
        """
        name = self._name(module)
        original: Tensor = getattr(module, name + "_orig")
        return getattr(module, name + "_mask").to(dtype=original.dtype) * original  # type: ignore[no-any-return]

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prunes a parameter ``name``: it becomes the product of ``name_orig`` and ``name_mask``.

        Args:
            module: changed in place.
            name: the parameter, which may be pruned already; the two methods then work together.
            args, kwargs: what the class is made with.
            importance_scores: what the entries are chosen by; default: the parameter.

        Returns:
            The hook.
        """
        method = _behind_earlier(cls(*args, **kwargs), module, name)
        parameter = getattr(module, name)
        if importance_scores is None:
            importance_scores = parameter
        elif importance_scores.shape != parameter.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, got "
                f"{importance_scores.shape} vs {parameter.shape}"
            )
        first = not isinstance(method, PruningContainer)
        if first:
            module.register_parameter(name + "_orig", parameter)
            del module._parameters[name]
            default_mask = flambeau.ones_like(parameter)
        else:
            default_mask = getattr(module, name + "_mask").detach().clone()
        try:
            module.register_buffer(name + "_mask", method.compute_mask(importance_scores, default_mask))
            setattr(module, name, method.apply_mask(module))
            module.register_forward_pre_hook(method)
        except Exception:
            if first:  # as if nothing had been tried
                module.register_parameter(name, parameter)
                del module._parameters[name + "_orig"]
            raise
        return method

    def prune(
        self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None
    ) -> Tensor:
        """A pruned copy of a tensor.

        Args:
            t: the tensor.
            default_mask: what is pruned already; default: nothing.
            importance_scores: what the entries are chosen by; default: the tensor.

        Example:
            >>> import flambeau as torch
            >>> torch.nn.utils.prune.L1Unstructured(amount=1).prune(torch.tensor([3.0, -1.0, 2.0])).tolist()
            [3.0, -0.0, 2.0]
        """
        if importance_scores is None:
            importance_scores = t
        elif importance_scores.shape != t.shape:
            raise AssertionError(
                "importance_scores should have the same shape as tensor t, got "
                f"{importance_scores.shape} vs {t.shape}"
            )
        if default_mask is None:
            default_mask = flambeau.ones_like(t)
        return t * self.compute_mask(importance_scores, default_mask=default_mask)

    def remove(self, module: Module) -> None:
        """Makes the pruned parameter an ordinary one; what is zero stays zero.

        Args:
            module: the module, which must be pruned.
        """
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        name = self._tensor_name
        pruned = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        parameter: Any = module._parameters.pop(name + "_orig")
        parameter.data = pruned.data
        del module._buffers[name + "_mask"]
        setattr(module, name, parameter)


def _behind_earlier(method: BasePruningMethod, module: Module, name: str) -> BasePruningMethod:
    """The method, or a container of it and of what the parameter is pruned by already, whose hook is taken away."""
    method._tensor_name = name
    earlier = [key for key, hook in module._forward_pre_hooks.items() if _prunes(hook, name)]
    if len(earlier) > 1:
        raise AssertionError(
            f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. Use a "
            "PruningContainer."
        )
    if not earlier:
        return method
    before: Any = module._forward_pre_hooks.pop(earlier[0])
    container: PruningContainer = before if isinstance(before, PruningContainer) else PruningContainer(before)
    container.add_pruning_method(method)
    return container


def _prunes(hook: Any, name: str) -> bool:
    return isinstance(hook, BasePruningMethod) and hook._tensor_name == name


class PruningContainer(BasePruningMethod):
    """Several methods that have pruned one parameter, one behind the other.

    Args:
        args: the methods.
    """

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        self._tensor_name = getattr(args[0], "_tensor_name", None) if args else None
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Puts a method behind the others.

        Args:
            method: of the same parameter.

        Raises:
            TypeError: it is no pruning method.
            ValueError: it belongs to another parameter.
        """
        if method is not None:
            if not isinstance(method, BasePruningMethod):
                raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
            if method._tensor_name != self._tensor_name:
                raise ValueError(
                    f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to "
                    f"PruningContainer {self}. Found '{method._tensor_name}'"
                )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, index: Any) -> Any:
        return self._pruning_methods[index]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask of the last method on what the others have left, together with theirs.

        Args:
            t: the scores of the entries.
            default_mask: the mask of the others.
        """
        method = self._pruning_methods[-1]
        left = self._left(method, t, default_mask)
        mask = default_mask.to(dtype=t.dtype, copy=True)
        mask[left] = method.compute_mask(t[left], default_mask=default_mask[left]).to(dtype=mask.dtype)
        return mask

    @staticmethod
    def _left(method: BasePruningMethod, t: Tensor, mask: Tensor) -> Any:
        """The subscript of what the method is shown: entries or channels that are not pruned yet, or all."""
        kind = method.PRUNING_TYPE
        if kind == "unstructured":
            return mask == 1
        if kind == "global":
            return (slice(None),) * t.dim()
        if kind != "structured":
            raise ValueError(f"Unrecognized PRUNING_TYPE {kind}")
        if not hasattr(method, "dim"):
            raise AttributeError(
                'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.'
            )
        dim = method.dim if method.dim >= 0 else method.dim + t.dim()
        if dim < 0:
            raise IndexError(f"Index is out of bounds for tensor with dimensions {t.dim()}")
        return _index(t, dim, mask.sum(dim=[d for d in range(t.dim()) if d != dim]) != 0)


class Identity(BasePruningMethod):
    """Prunes nothing: a mask of ones, for others to follow."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask as it was."""
        return default_mask

    @classmethod
    def apply(cls, module: Module, name: str) -> BasePruningMethod:  # type: ignore[override]
        """See :meth:`BasePruningMethod.apply`."""
        return super().apply(module, name)


class _Unstructured(BasePruningMethod):
    """Prunes those entries that a measure puts first.

    Args:
        amount: a share of the entries, or how many.
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        _check_amount(amount)
        self.amount = amount

    def _chosen(self, t: Tensor, count: int) -> Tensor:
        """The indices of those that go, in the flattened tensor."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without the chosen entries.

        Args:
            t: the scores of the entries.
            default_mask: the mask before.
        """
        count = _count(self.amount, t.nelement())
        mask = default_mask.clone(memory_format=flambeau.contiguous_format)
        if count:
            mask.view(-1)[self._chosen(t, count)] = 0
        return mask


class RandomUnstructured(_Unstructured):
    """Prunes entries at random.

    Args:
        amount: a share of the entries, or how many.
    """

    def _chosen(self, t: Tensor, count: int) -> Tensor:
        return flambeau.rand_like(t).reshape(-1).topk(count)[1]

    @classmethod
    def apply(cls, module: Module, name: str, amount: float) -> BasePruningMethod:  # type: ignore[override]
        """See :meth:`BasePruningMethod.apply`."""
        return super().apply(module, name, amount=amount)


class L1Unstructured(_Unstructured):
    """Prunes the entries of the least absolute value.

    Args:
        amount: a share of the entries, or how many.
    """

    def _chosen(self, t: Tensor, count: int) -> Tensor:
        return t.abs().reshape(-1).topk(count, largest=False)[1]

    @classmethod
    def apply(  # type: ignore[override]
        cls, module: Module, name: str, amount: float, importance_scores: Tensor | None = None
    ) -> BasePruningMethod:
        """See :meth:`BasePruningMethod.apply`."""
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class _Structured(BasePruningMethod):
    """Prunes whole channels.

    Args:
        amount: a share of the channels, or how many.
        dim: the dimension that counts them.
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount = amount
        self.dim = dim

    def _kept(self, t: Tensor, channels: int, count: int) -> Tensor:
        """Which channels stay when ``count`` of them go: their indices, or a mask."""
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask without the chosen channels.

        Args:
            t: the scores of the entries.
            default_mask: the mask before.
        """
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
                f"{t.shape} with {t.dim()} dims"
            )
        if self.dim >= t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")
        channels = t.shape[self.dim]
        count = _count(self.amount, channels)
        if not count:
            return default_mask
        mask = flambeau.zeros_like(t)
        mask[_index(t, self.dim, self._kept(t, channels, count))] = 1
        return mask * default_mask.to(dtype=mask.dtype)


class RandomStructured(_Structured):
    """Prunes channels at random.

    Args:
        amount: a share of the channels, or how many.
        dim: the dimension that counts them.
    """

    def _kept(self, t: Tensor, channels: int, count: int) -> Tensor:
        chances = flambeau.rand(channels)
        return chances > chances.kthvalue(count)[0]

    @classmethod
    def apply(cls, module: Module, name: str, amount: float, dim: int = -1) -> BasePruningMethod:  # type: ignore[override]
        """See :meth:`BasePruningMethod.apply`."""
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(_Structured):
    """Prunes the channels of the least norm.

    Args:
        amount: a share of the channels, or how many.
        n: which norm, as `flambeau.norm` takes it.
        dim: the dimension that counts them.
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _kept(self, t: Tensor, channels: int, count: int) -> Tensor:
        others = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        return flambeau.norm(t, p=self.n, dim=others).topk(channels - count)[1]

    @classmethod
    def apply(  # type: ignore[override]
        cls,
        module: Module,
        name: str,
        amount: float,
        n: Any,
        dim: int,
        importance_scores: Tensor | None = None,
    ) -> BasePruningMethod:
        """See :meth:`BasePruningMethod.apply`."""
        return super().apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)


class CustomFromMask(BasePruningMethod):
    """Prunes what a mask says.

    Args:
        mask: zero where entries go.
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Both masks together.

        Args:
            t: not used.
            default_mask: the mask before.
        """
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape {self.mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)

    @classmethod
    def apply(cls, module: Module, name: str, mask: Tensor) -> BasePruningMethod:  # type: ignore[override]
        """See :meth:`BasePruningMethod.apply`."""
        return super().apply(module, name, mask=mask)


def identity(module: _M, name: str) -> _M:
    """Gives a parameter a mask of ones.

    Args:
        module: changed in place.
        name: the parameter.

    Returns:
        The module.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.utils.prune.identity(torch.nn.Linear(1, 2), "bias").bias_mask
        tensor([1., 1.])
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: _M, name: str, amount: float) -> _M:
    """Prunes entries of a parameter at random.

    Args:
        module: changed in place.
        name: the parameter.
        amount: a share of the entries, or how many.

    Returns:
        The module.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.utils.prune.random_unstructured(torch.nn.Linear(2, 3), "weight", amount=2)
        >>> int((layer.weight == 0).sum())
        2
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: _M, name: str, amount: float, importance_scores: Tensor | None = None) -> _M:
    """Prunes the entries of a parameter that have the least absolute value.

    Args:
        module: changed in place.
        name: the parameter.
        amount: a share of the entries, or how many.
        importance_scores: what the entries are chosen by instead of their own values; of the same shape.

    Returns:
        The module.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.Linear(1, 3)
        >>> layer.bias.data = torch.tensor([3.0, -1.0, 2.0])
        >>> torch.nn.utils.prune.l1_unstructured(layer, "bias", amount=1).bias_mask
        tensor([1., 0., 1.])
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: _M, name: str, amount: float, dim: int) -> _M:
    """Prunes channels of a parameter at random.

    Args:
        module: changed in place.
        name: the parameter.
        amount: a share of the channels, or how many.
        dim: the dimension that counts them.

    Returns:
        The module.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.utils.prune.random_structured(torch.nn.Linear(2, 3), "weight", amount=1, dim=0)
        >>> sorted(layer.weight_mask.sum(1).tolist())
        [0.0, 2.0, 2.0]
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: _M, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> _M:
    """Prunes the channels of a parameter that have the least norm.

    Args:
        module: changed in place.
        name: the parameter.
        amount: a share of the channels, or how many.
        n: which norm, as `flambeau.norm` takes it.
        dim: the dimension that counts them.
        importance_scores: what the norms are taken of instead of the parameter; of the same shape.

    Returns:
        The module.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.Linear(2, 2)
        >>> layer.weight.data = torch.tensor([[3.0, 4.0], [1.0, 1.0]])
        >>> torch.nn.utils.prune.ln_structured(layer, "weight", amount=0.5, n=2, dim=0).weight_mask.tolist()
        [[1.0, 1.0], [0.0, 0.0]]
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prunes several parameters as if they were one.

    Args:
        parameters: modules and names of their parameters.
        pruning_method: a class whose ``PRUNING_TYPE`` is unstructured.
        importance_scores: what the entries are chosen by, for pairs of module and name; the others: by their values.
        kwargs: what the class is made with, as ``amount``.

    Raises:
        TypeError: the method is not unstructured, or the parameters are no iterable.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.nn.utils import prune
        >>> layer = torch.nn.Linear(3, 2)
        >>> prune.global_unstructured([(layer, "weight"), (layer, "bias")], prune.L1Unstructured, amount=0.5)
        >>> int(layer.weight_mask.sum() + layer.bias_mask.sum())
        4
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = list(parameters)
    tensors = [getattr(module, name) for module, name in pairs]
    all_scores = parameters_to_vector([scores.get(p, t) for p, t in zip(pairs, tensors, strict=True)])
    masks = [
        getattr(module, name + "_mask", flambeau.ones_like(tensor))
        for (module, name), tensor in zip(pairs, tensors, strict=True)
    ]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    mask = PruningContainer(method).compute_mask(all_scores, parameters_to_vector(masks))
    parts = mask.split([tensor.numel() for tensor in tensors])
    for (module, name), tensor, part in zip(pairs, tensors, parts, strict=True):
        custom_from_mask(module, name, part.view_as(tensor))


def custom_from_mask(module: _M, name: str, mask: Tensor) -> _M:
    """Prunes what a mask says.

    Args:
        module: changed in place.
        name: the parameter.
        mask: zero where entries go; of the parameter's shape.

    Returns:
        The module.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.utils.prune.custom_from_mask(torch.nn.Linear(1, 3), "bias", torch.tensor([0, 1, 0])).bias_mask
        tensor([0., 1., 0.])
    """
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module: _M, name: str) -> _M:
    """Makes a pruned parameter an ordinary one; what is zero stays zero.

    Args:
        module: changed in place.
        name: the parameter.

    Returns:
        The module.

    Raises:
        ValueError: the parameter is not pruned.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.utils.prune.random_unstructured(torch.nn.Linear(2, 3), "weight", amount=0.5)
        >>> sorted(torch.nn.utils.prune.remove(layer, "weight").state_dict())
        ['bias', 'weight']
    """
    for key, hook in module._forward_pre_hooks.items():
        if _prunes(hook, name):
            module._forward_pre_hooks.pop(key).remove(module)  # type: ignore[attr-defined]
            return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: Module) -> bool:
    """Whether some parameter of the module, or of one within it, is pruned.

    Args:
        module: the module.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.utils.prune.is_pruned(torch.nn.Linear(1, 1))
        False
    """
    return any(
        isinstance(hook, BasePruningMethod)
        for layer in module.modules()
        for hook in layer._forward_pre_hooks.values()
    )

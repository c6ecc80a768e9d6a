"""Weight normalisation by a hook before the forward pass: the older form, which newer programs replace."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

import flambeau

from ..._core import Tensor
from ..modules.module import Module
from ..parameter import Parameter, is_lazy
from ._hooks import find_hook

__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]

_M = TypeVar("_M", bound=Module)


class WeightNorm:
    """The hook: computes a weight from its lengths and directions.

    Args:
        name: the weight's; the others are called so with ``_g`` and ``_v``.
        dim: the dimension along which every slice has its length; -1 (or None): one for all.
    """

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Tensor:
        """The weight of a module that is normalised.

        Args:
            module: the module.
        """
        lengths, directions = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return flambeau._weight_norm(directions, lengths, self.dim)  # type: ignore[no-any-return]

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> WeightNorm:
        """Normalises a weight; see :func:`weight_norm`.

        Args:
            module, name, dim: as those of :func:`weight_norm`.

        Raises:
            RuntimeError: the weight is normalised already.
            ValueError: the weight has no shape yet.
        """
        warnings.warn(
            "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
            FutureWarning,
            stacklevel=3,
        )
        if find_hook(module._forward_pre_hooks, WeightNorm, name) is not None:
            raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
        hook = WeightNorm(name, dim)
        weight = getattr(module, name)
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `WeightNorm` can't have uninitialized parameters. Make sure to run the dummy "
                "forward before applying weight normalization"
            )
        del module._parameters[name]
        lengths = flambeau.norm_except_dim(weight, 2, hook.dim)
        module.register_parameter(name + "_g", Parameter(lengths.data))
        module.register_parameter(name + "_v", Parameter(weight.data))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module: Module) -> None:
        """Makes the weight a parameter again.

        Args:
            module: the module that is normalised.
        """
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"]
        del module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.data))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: _M, name: str = "weight", dim: int | None = 0) -> _M:
    r"""Deprecated: :func:`parametrizations.weight_norm` in another form, with the parameters ``weight_g``, ``weight_v``.

    The weight, :math:`g v / \lVert v \rVert`, is computed before every forward pass.

    Args:
        module: changed in place.
        name: the weight.
        dim: the dimension along which every slice has a length of its own; None: one length for all.

    Returns:
        The module.

    Raises:
        RuntimeError: the weight is normalised already.
        ValueError: the weight has no shape yet.

    Example:
        >>> import warnings
        >>> import flambeau as torch
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     layer = torch.nn.utils.weight_norm(torch.nn.Linear(2, 3))
        >>> layer.weight_g.shape, layer.weight_v.shape
        (torch.Size([3, 1]), torch.Size([3, 2]))

    Source: Salimans and Kingma, "Weight normalization", 2016.
    """
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: _M, name: str = "weight") -> _M:
    """Undoes :func:`weight_norm`: the weight is a parameter again, with the value that it has.

    Args:
        module: changed in place.
        name: the weight.

    Returns:
        The module.

    Raises:
        ValueError: the weight is not normalised.

    Example:
        >>> import warnings
        >>> import flambeau as torch
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     layer = torch.nn.utils.weight_norm(torch.nn.Linear(2, 3))
        >>> [name for name, _ in torch.nn.utils.remove_weight_norm(layer).named_parameters()]
        ['bias', 'weight']
    """
    key = find_hook(module._forward_pre_hooks, WeightNorm, name)
    if key is None:
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    hook: Any = module._forward_pre_hooks.pop(key)
    hook.remove(module)
    return module

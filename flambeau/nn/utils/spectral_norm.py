"""Spectral normalisation by a hook before the forward pass: the older form, which newer programs replace."""

from __future__ import annotations

from typing import Any, TypeVar

import flambeau

from ..._core import Tensor
from .. import functional as F
from ..modules.module import Module
from ..parameter import Parameter, is_lazy
from ._hooks import find_hook
from ._spectra import as_matrix, check_iterations, output_dim, random_direction

__all__ = [
    "SpectralNorm", "SpectralNormLoadStateDictPreHook", "SpectralNormStateDictHook", "remove_spectral_norm",
    "spectral_norm",
]  # fmt: skip

_M = TypeVar("_M", bound=Module)


class SpectralNorm:
    """The hook: divides a weight by its largest singular value.

    Args:
        name: the weight's; what belongs to it is called so with ``_orig``, ``_u`` and ``_v``.
        n_power_iterations: the iterations before each forward in training.
        dim: the dimension of the outputs.
        eps: the least length that a vector counts with.

    Raises:
        ValueError: less than one iteration.
    """

    _version = 1  # version 0 saved the weight, and not v

    def __init__(
        self, name: str = "weight", n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        check_iterations(n_power_iterations)
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def reshape_weight_to_matrix(self, weight: Tensor) -> Tensor:
        """The weight as a matrix with a row for each output.

        Args:
            weight: of one dimension or more.
        """
        return as_matrix(weight, self.dim)

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight of a module that is normalised.

        Args:
            module: the module.
            do_power_iteration: whether the vectors are brought nearer to the singular ones.
        """
        weight, u, v = (getattr(module, self.name + suffix) for suffix in ("_orig", "_u", "_v"))
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with flambeau.no_grad():
                # The vectors keep their memory, which replicas on other devices share.
                for _ in range(self.n_power_iterations):
                    F.normalize(matrix.t().mv(u), dim=0, eps=self.eps, out=v)
                    F.normalize(matrix.mv(v), dim=0, eps=self.eps, out=u)
                # Copies, as a second forward may come before the backward of the first.
                u, v = u.clone(), v.clone()
        return weight / u.dot(matrix.mv(v))  # type: ignore[no-any-return]

    def remove(self, module: Module) -> None:
        """Makes the weight a parameter again.

        Args:
            module: the module that is normalised.
        """
        with flambeau.no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))

    def _solve_v(self, matrix: Tensor, u: Tensor, sigma: Tensor) -> Tensor:
        """A vector with u = W v / |W v| and u W v = sigma."""
        v = (matrix.t().mm(matrix)).pinverse().mm(matrix.t()).mv(u)
        return v * (sigma / u.dot(matrix.mv(v)))

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> SpectralNorm:
        """Normalises a weight; see :func:`spectral_norm`.

        Args:
            module, name, n_power_iterations, dim, eps: as those of :func:`spectral_norm`.

        Raises:
            RuntimeError: the weight is normalised already.
            ValueError: there is no weight, or it has no shape yet.
        """
        if find_hook(module._forward_pre_hooks, SpectralNorm, name) is not None:
            raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        if is_lazy(weight):
            raise ValueError(
                "The module passed to `SpectralNorm` can't have uninitialized parameters. Make sure to run the dummy "
                "forward before applying spectral normalization"
            )
        with flambeau.no_grad():
            u, v = (random_direction(weight, length, eps) for length in as_matrix(weight, dim).shape)
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        setattr(module, name, weight.data)  # to be there before the first forward
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(SpectralNormStateDictHook(hook))
        module._register_load_state_dict_pre_hook(SpectralNormLoadStateDictPreHook(hook))
        return hook


class SpectralNormLoadStateDictPreHook:
    """Reads states of version 0, which have the weight instead of v.

    Args:
        fn: the hook of the weight.
    """

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    @property
    def name(self) -> str:
        """The weight's name."""
        return self.fn.name

    def __call__(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        fn = self.fn
        version = local_metadata.get("spectral_norm", {}).get(fn.name + ".version")
        if version is not None and version >= 1:
            return
        key = prefix + fn.name
        complete = all(key + suffix in state_dict for suffix in ("_orig", "_u", "_v"))
        if version is None and complete and key not in state_dict:
            return  # of the present version, without metadata
        missing = [key + suffix for suffix in ("_orig", "", "_u") if key + suffix not in state_dict]
        if missing:
            if strict:
                missing_keys.extend(missing)
            return
        with flambeau.no_grad():
            original, u = state_dict[key + "_orig"], state_dict[key + "_u"]
            sigma = (original / state_dict.pop(key)).mean()
            state_dict[key + "_v"] = fn._solve_v(as_matrix(original, fn.dim), u, sigma)


class SpectralNormStateDictHook:
    """Notes the version in the metadata of a state.

    Args:
        fn: the hook of the weight.
    """

    def __init__(self, fn: SpectralNorm) -> None:
        self.fn = fn

    @property
    def name(self) -> str:
        """The weight's name."""
        return self.fn.name

    def __call__(self, module: Module, state_dict: Any, prefix: str, local_metadata: dict[str, Any]) -> None:
        versions = local_metadata.setdefault("spectral_norm", {})
        key = self.name + ".version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self.fn._version


def spectral_norm(
    module: _M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> _M:
    r"""The older form of :func:`parametrizations.spectral_norm`, with the parameter ``weight_orig``.

    The weight, :math:`W / \sigma(W)`, is computed before every forward pass; :math:`\sigma` comes from the power
    method, which in training goes on each time.

    Args:
        module: changed in place.
        name: the weight.
        n_power_iterations: the iterations in each forward.
        eps: the least length that a vector counts with.
        dim: the dimension of the outputs; default: 0, for transposed convolutions 1.

    Returns:
        The module.

    Raises:
        RuntimeError: the weight is normalised already.
        ValueError: there is no weight, or it has no shape yet; or less than one iteration.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.utils.spectral_norm(torch.nn.Linear(3, 4))
        >>> layer.weight_u.shape, layer.weight_v.shape
        (torch.Size([4]), torch.Size([3]))

    Source: Miyato et al., "Spectral normalization for generative adversarial networks", 2018.
    """
    SpectralNorm.apply(module, name, n_power_iterations, output_dim(module, dim), eps)
    return module


def remove_spectral_norm(module: _M, name: str = "weight") -> _M:
    """Undoes :func:`spectral_norm`: the weight is a parameter again, with the value that it has.

    Args:
        module: changed in place.
        name: the weight.

    Returns:
        The module.

    Raises:
        ValueError: the weight is not normalised.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.utils.spectral_norm(torch.nn.Linear(2, 3))
        >>> list(torch.nn.utils.remove_spectral_norm(layer).state_dict())
        ['bias', 'weight']
    """
    key = find_hook(module._forward_pre_hooks, SpectralNorm, name)
    if key is None:
        raise ValueError(f"spectral_norm of '{name}' not found in {module}")
    removed: Any = module._forward_pre_hooks.pop(key)
    removed.remove(module)
    for hooks, kind in (
        (module._state_dict_hooks, SpectralNormStateDictHook),
        (module._load_state_dict_pre_hooks, SpectralNormLoadStateDictPreHook),
    ):
        key = find_hook(hooks, kind, name)
        if key is not None:
            del hooks[key]
    return module

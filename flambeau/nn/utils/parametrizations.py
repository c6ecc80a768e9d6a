"""Ready-made parametrizations: orthogonal matrices, and weights normalised by their lengths or singular values."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any, TypeVar

import flambeau

from ..._core import Tensor
from .. import functional as F
from ..modules.module import Module
from ._spectra import as_matrix, check_iterations, output_dim, random_direction
from .parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

_M = TypeVar("_M", bound=Module)


def _tensor_of(module: Module, name: str) -> Tensor:
    tensor = getattr(module, name, None)
    if not isinstance(tensor, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    return tensor


def _is_orthogonal(q: Tensor) -> bool:
    rows, columns = q.shape[-2:]
    identity = flambeau.eye(columns, dtype=q.dtype, device=q.device)
    return flambeau.allclose(q.mH @ q, identity, atol=10.0 * rows * flambeau.finfo(q.dtype).eps)


def _make_orthogonal(a: Tensor) -> Tensor:
    """The factor Q of the tall matrix A = Q R where the diagonal of R is not negative."""
    reflectors, tau = flambeau.geqrf(a)
    q = flambeau.linalg.householder_product(reflectors, tau)
    return q * reflectors.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class _OrthMaps(Enum):
    matrix_exp = auto()
    cayley = auto()
    householder = auto()


def _skew_map(x: Tensor, cayley: bool) -> Tensor:
    """Maps the lower triangle of a tall matrix, as a skew-symmetric (or skew-Hermitian) one, to orthonormal columns."""
    rows, columns = x.shape[-2:]
    lower = x.tril()
    if rows != columns:
        rest = lower.new_zeros(rows, rows - columns).expand(*lower.shape[:-2], -1, -1)
        lower = flambeau.cat([lower, rest], dim=-1)
    a = lower - lower.mH
    if cayley:
        identity = flambeau.eye(rows, dtype=a.dtype, device=a.device)
        q = flambeau.linalg.solve(identity - a / 2, identity + a / 2)
    else:
        q = flambeau.matrix_exp(a)
    return q[..., :columns]


def _householder_map(x: Tensor) -> Tensor:
    """The product of the reflectors below the diagonal, its columns multiplied by the diagonal's signs."""
    reflectors = x.tril(-1)
    tau = 2.0 / (1.0 + (reflectors * reflectors).sum(-2))
    q = flambeau.linalg.householder_product(reflectors, tau)
    # The signs are no parameters: integers keep gradients away from them.
    return q * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)


class _Orthogonal(Module):
    """A map of all matrices to those with orthonormal columns, or rows where there are fewer of them.

    With a trivialisation, what it gives is the product of a fixed matrix ``base`` and the map.
    """

    base: Tensor

    def __init__(self, weight: Tensor, orthogonal_map: _OrthMaps, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map is _OrthMaps.householder:
            # The reflectors of a unitary matrix do not determine their factors, as those of a real one do.
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.size(-2) < x.size(-1)
        tall = x.mT if wide else x
        if self.orthogonal_map is _OrthMaps.householder:
            q = _householder_map(tall)
        else:
            q = _skew_map(tall, cayley=self.orthogonal_map is _OrthMaps.cayley)
        if "base" in self._buffers:
            q = self.base @ q
        return q.mT if wide else q

    def right_inverse(self, q: Tensor) -> Tensor:
        if q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of shape {q.shape}."
            )
        wide = q.size(-2) < q.size(-1)
        tall = q.mT if wide else q
        with flambeau.no_grad():
            if "base" not in self._buffers:
                reflectors = self._reflectors(tall)
                return reflectors.mT if wide else reflectors
            self.base = self._completed(tall)
            # Where the map gives the first columns of the identity, for each of the three maps.
            origin = flambeau.zeros_like(q)
            origin.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return origin

    def _reflectors(self, tall: Tensor) -> Tensor:
        if self.orthogonal_map is not _OrthMaps.householder:
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False."
            )
        reflectors, tau = flambeau.geqrf(tall)
        signs = reflectors.diagonal(
            dim1=-2, dim2=-1
        )  # those of R, with which Q's columns are to be multiplied
        signs.sign_()
        signs[tau == 0.0] *= -1  # no reflection, where the map reflects
        return reflectors

    def _completed(self, tall: Tensor) -> Tensor:
        """A square orthogonal matrix that begins with the columns, orthonormal ones made of them where they are not."""
        rows, columns = tall.shape[-2:]
        if rows == columns:
            return tall.clone() if _is_orthogonal(tall) else _make_orthogonal(tall)
        others = flambeau.randn(*tall.shape[:-2], rows, rows - columns, dtype=tall.dtype, device=tall.device)
        return _make_orthogonal(flambeau.cat([tall, others], dim=-1))


def orthogonal(
    module: _M, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> _M:
    r"""Parametrizes a matrix, or a batch of them, so that its columns (or its rows, if there are fewer) are orthonormal.

    The matrix is :math:`Q = B f(X)`. Of the lower triangle :math:`L` of :math:`X`, ``matrix_exp`` makes
    :math:`\exp(A)` and ``cayley`` :math:`(I - A / 2)^{-1} (I + A / 2)` with :math:`A = L - L^H`; ``householder``
    multiplies the reflectors that stand below the diagonal. :math:`Q` is at first what it was, if that was
    orthonormal, and otherwise the factor Q of it.

    Args:
        module: changed in place.
        name: the tensor, of two dimensions or more.
        orthogonal_map: ``"matrix_exp"``, ``"cayley"`` or ``"householder"``; default: the first for square and complex
            matrices, the last for others.
        use_trivialization: whether there is a fixed matrix :math:`B`, from which the map starts at the identity.

    Returns:
        The module.

    Raises:
        ValueError: no such tensor or map, a vector, or reflectors of complex matrices.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(3, 5))
        >>> torch.allclose(layer.weight.T @ layer.weight, torch.eye(3), atol=1e-6)
        True

    Source: Lezcano-Casado, "Trivializations for gradient-based optimization on manifolds", 2019.
    """
    weight = _tensor_of(module, name)
    if weight.dim() < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.dim()} dimensions."
        )
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _OrthMaps.__members__:
        raise ValueError(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}'
        )
    mapped = _Orthogonal(weight, _OrthMaps[orthogonal_map], use_trivialization=use_trivialization)
    register_parametrization(module, name, mapped, unsafe=True)
    return module


class _WeightNorm(Module):
    """g v / |v|, with a length for each slice along a dimension."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return flambeau._weight_norm(weight_v, weight_g, self.dim)  # type: ignore[no-any-return]

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return flambeau.norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: _M, name: str = "weight", dim: int | None = 0) -> _M:
    r"""Parametrizes a weight by its length and its direction: :math:`w = g v / \lVert v \rVert`.

    The lengths are ``parametrizations.weight.original0``, the directions ``original1``. States that the older
    :func:`flambeau.nn.utils.weight_norm` saved can be loaded.

    Args:
        module: changed in place.
        name: the tensor.
        dim: the dimension along which every slice has a length of its own; None: one length for all.

    Returns:
        The module.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 3))
        >>> layer.parametrizations.weight.original0.shape
        torch.Size([3, 1])

    Source: Salimans and Kingma, "Weight normalization", 2016.
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def from_older_names(state_dict: Any, prefix: str, *others: Any) -> None:
        older = f"{prefix}{name}_g", f"{prefix}{name}_v"
        if all(key in state_dict for key in older):
            for i, key in enumerate(older):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(from_older_names)
    return module


class _SpectralNorm(Module):
    """A weight over its largest singular value, which every forward in training comes nearer to."""

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        axes = weight.dim()
        if not -axes <= dim < axes:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{axes}, {axes - 1}] but got {dim})"
            )
        check_iterations(n_power_iterations)
        self.dim = dim % axes
        self.eps = eps
        if axes > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight, self.dim)
            rows, columns = matrix.shape
            with flambeau.no_grad():
                self.register_buffer("_u", random_direction(matrix, rows, eps))
                self.register_buffer("_v", random_direction(matrix, columns, eps))
            self._iterate(matrix, 15)  # enough to begin with

    def _iterate(self, matrix: Tensor, count: int) -> None:
        """The power method. The vectors keep their memory, which replicas on other devices share."""
        with flambeau.no_grad():
            for _ in range(count):
                F.normalize(matrix.mv(self._v), dim=0, eps=self.eps, out=self._u)
                F.normalize(matrix.mH.mv(self._u), dim=0, eps=self.eps, out=self._v)

    def forward(self, weight: Tensor) -> Tensor:
        if weight.dim() == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        # Copies, as a second forward may come before the backward of the first.
        u, v = self._u.clone(), self._v.clone()
        return weight / flambeau.vdot(u, matrix.mv(v))

    def right_inverse(self, value: Tensor) -> Tensor:
        return value  # some weight of that norm


def spectral_norm(
    module: _M, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> _M:
    r"""Parametrizes a weight so that its largest singular value is (nearly) one: :math:`W / \sigma(W)`.

    :math:`\sigma` comes from the power method, which goes on in every forward in training. A vector is divided by its
    length.

    Args:
        module: changed in place.
        name: the tensor.
        n_power_iterations: the iterations in each forward.
        eps: the least length that a vector counts with.
        dim: the dimension of the outputs, along which the weight's rows lie; default: 0, for transposed convolutions 1.

    Returns:
        The module.

    Raises:
        ValueError: no such tensor, or no iteration.
        IndexError: no such dimension.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(3, 4), n_power_iterations=50)
        >>> round(torch.linalg.matrix_norm(layer.weight, 2).item(), 4)
        1.0

    Source: Miyato et al., "Spectral normalization for generative adversarial networks", 2018.
    """
    weight = _tensor_of(module, name)
    normed = _SpectralNorm(weight, n_power_iterations, output_dim(module, dim), eps)
    register_parametrization(module, name, normed)
    return module

"""Images of another size, and images looked up at given places."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import flambeau

from ..._core import Tensor
from ._operators import operator
from ._pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

__all__ = [
    "affine_grid",
    "grid_sample",
    "interpolate",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

_upsample = operator("upsample")

_AXES_OF = {"linear": 1, "bilinear": 2, "trilinear": 3}
_ADAPTIVE = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}


def _listed(values: Any, what: str, input: Tensor) -> list[Any]:
    """One value for each axis of the image."""
    axes = input.dim() - 2
    if not isinstance(values, (list, tuple)):
        return [values] * axes
    if len(values) != axes:
        spelled = f"{what} of {values}" if what == "output size" else f"scale_factor of shape {values}"
        letters = "o" if what == "output size" else "s"
        raise ValueError(
            f"Input and {what.removesuffix(' size') if what == 'output size' else what} must have the same number "
            f"of spatial dimensions, but got input with spatial dimensions of {list(input.shape[2:])} and {spelled}. "
            f"Please provide input tensor in (N, C, d1, d2, ...,dK) format and {what} in "
            f"({letters}1, {letters}2, ...,{letters}K) format."
        )
    return list(values)


def _scaled(size: int, scale: float) -> int:
    scaled = size * scale
    if not math.isfinite(scaled) or abs(scaled) >= 2**63:
        raise RuntimeError("value cannot be converted to type int64_t without overflow")
    return int(scaled)


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Gives an image another size.

    Args:
        input: ``(N, C, L)``, ``(N, C, H, W)`` or ``(N, C, D, H, W)``; floating point, or uint8 for some modes.
        size: the size of the result, one number or one for each axis; or else
        scale_factor: by what the sizes grow.
        mode: ``nearest`` (the pixel below), ``nearest-exact``, ``linear`` (3-D input), ``bilinear`` and ``bicubic``
            (4-D), ``trilinear`` (5-D), ``area`` (means), ``lanczos`` (with antialias alone).
        align_corners: whether the centres of the outermost pixels keep their place, not their outer borders.
        recompute_scale_factor: whether to go by the ratio of the sizes, which are whole numbers, and not by
            ``scale_factor``.
        antialias: whether every pixel counts where an image shrinks; ``bilinear``, ``bicubic`` and ``lanczos``.

    Returns:
        ``(N, C, *size)``.

    Raises:
        ValueError: neither a size nor a factor, or both; arguments that the mode has no use for.
        NotImplementedError: a mode that there is not for so many axes.

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([[[1.0, 3.0]]])
        >>> torch.nn.functional.interpolate(x, scale_factor=2, mode="linear")
        tensor([[[1.0000, 1.5000, 2.5000, 3.0000]]])

    Source: bicubic: Keys, "Cubic convolution interpolation for digital image processing", 1981.
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | "
                "trilinear"
            )
    axes = input.dim() - 2
    scales: list[float] | None = None
    output_size: list[int] | None = None
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        output_size = _listed(size, "output size", input)
        if isinstance(size, (list, tuple)) and not all(isinstance(n, int) for n in size):
            raise TypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got "
                f"size with types {[type(n) for n in size]}"
            )
        if recompute_scale_factor:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    elif scale_factor is not None:
        scales = _listed(scale_factor, "scale_factor", input)
        output_size = (
            [_scaled(n, s) for n, s in zip(input.shape[2:], scales, strict=True)] if axes > 0 else []
        )
        if recompute_scale_factor or mode == "area":
            output_size = [math.floor(float(n * s)) for n, s in zip(input.shape[2:], scales, strict=True)]
            scales = None
    else:
        raise ValueError("either size or scale_factor should be defined")
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and input.dim() == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode == "lanczos" and input.dim() == 4 and not antialias:
        raise ValueError("Lanczos mode requires antialias=True")
    if axes in (1, 2, 3):
        if mode == "area":
            pooled: Tensor = _ADAPTIVE[axes](input, output_size)
            return pooled
        needed = _AXES_OF.get(mode, axes)
        if needed != axes:
            raise NotImplementedError(f"Got {axes + 2}D input, but {mode} mode needs {needed + 2}D input")
        if (
            mode in ("nearest", "nearest-exact")
            or mode in _AXES_OF
            or (mode in ("bicubic", "lanczos") and axes == 2)
        ):
            resized: Tensor = _upsample(
                input, mode, output_size, bool(align_corners), antialias, *(scales or ())
            )
            return resized
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.dim()}D) for the modes: nearest | linear "
        f"| bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
    )


def _deprecated(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3
    )


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """The old name of :func:`interpolate`."""
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The old name of :func:`interpolate` by the nearest pixel."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """The old name of bilinear :func:`interpolate`, with aligned corners."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


_CHANGED = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
    "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details."
)
_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Looks images up at the places that a grid gives.

    Args:
        input: ``(N, C, H, W)`` or ``(N, C, D, H, W)``.
        grid: ``(N, H_out, W_out, 2)`` places (x, y), or ``(N, D_out, H_out, W_out, 3)`` places (x, y, z), -1 being
            the first border and 1 the last.
        mode: ``bilinear`` (trilinear in volumes), ``nearest``, or ``bicubic`` (images alone).
        padding_mode: what lies outside: ``zeros``, the nearest ``border``, or a ``reflection``.
        align_corners: whether -1 and 1 are the centres of the outermost pixels, not their outer borders.

    Returns:
        ``(N, C, H_out, W_out)`` or ``(N, C, D_out, H_out, W_out)``.

    Raises:
        ValueError: a mode that there is not.
        RuntimeError: shapes that do not fit each other.

    Example:
        >>> import flambeau as torch
        >>> x, grid = torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[[[0.0, 0.0]]]])
        >>> torch.nn.functional.grid_sample(x, grid, align_corners=False)
        tensor([[[[2.]]]])

    Source: Jaderberg et al., "Spatial transformer networks", 2015.
    """
    if mode not in _MODES:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in _PADDINGS:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(_CHANGED, stacklevel=2)
    sampled: Tensor = flambeau.grid_sampler(
        input, grid, _MODES.index(mode), _PADDINGS.index(padding_mode), bool(align_corners)
    )
    return sampled


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid of places that affine maps take an image's pixels to, for :func:`grid_sample`.

    Args:
        theta: ``(N, 2, 3)`` for images, ``(N, 3, 4)`` for volumes.
        size: the size of the result's image, ``(N, C, H, W)`` or ``(N, C, D, H, W)``.
        align_corners: as of :func:`grid_sample`.

    Returns:
        ``(N, H, W, 2)`` or ``(N, D, H, W, 3)``.

    Raises:
        ValueError: maps or sizes that do not fit each other.

    Example:
        >>> import flambeau as torch
        >>> identity = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> torch.nn.functional.affine_grid(identity, (1, 1, 1, 2), align_corners=False)
        tensor([[[[-0.5000,  0.0000],
                  [ 0.5000,  0.0000]]]])
    """
    if align_corners is None:
        warnings.warn(_CHANGED, stacklevel=2)
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    axes = len(size) - 2
    if axes not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{size}."
        )
    if theta.dim() != 3 or tuple(theta.shape[-2:]) != (axes, axes + 1):
        raise ValueError(
            f"Expected a batch of {axes}D affine matrices of shape Nx{axes}x{axes + 1} for size {size}. Got "
            f"{theta.shape}."
        )
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if align_corners and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This is "
            "not an intended use case of affine_grid. See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    grid: Tensor = flambeau.affine_grid_generator(theta, size, bool(align_corners))
    return grid

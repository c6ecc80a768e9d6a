"""Layers that give images another size."""

from __future__ import annotations

from typing import Any

from ..._core import Tensor
from .. import functional as F
from .module import Module

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    r"""Gives images another size; see :func:`flambeau.nn.functional.interpolate`.

    Args:
        size: the size of the result, one number or one for each axis; or else
        scale_factor: by what the sizes grow.
        mode: ``nearest``, ``linear``, ``bilinear``, ``bicubic`` or ``trilinear``.
        align_corners: whether the outermost pixels keep their values.
        recompute_scale_factor: whether to go by the ratio of the whole-numbered sizes.

    Shape:
        Input ``(N, C, L)``, ``(N, C, H, W)`` or ``(N, C, D, H, W)``; output the same with the new sizes.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.Upsample(scale_factor=2)(torch.tensor([[[1.0, 2.0]]]))
        tensor([[[1., 1., 2., 2.]]])
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor: Any = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Gives the input its new size."""
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        """The size and the mode."""
        wanted = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{wanted}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    r"""Gives images another size by the nearest pixel; :class:`Upsample` is its newer name.

    Args:
        size: the size of the result, one number or (height, width); or else
        scale_factor: by what the sizes grow.

    Shape:
        Input ``(N, C, H, W)``; output ``(N, C, H_out, W_out)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.UpsamplingNearest2d(scale_factor=2)(torch.tensor([[[[1.0, 2.0]]]]))
        tensor([[[[1., 1., 2., 2.],
                  [1., 1., 2., 2.]]]])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    r"""Gives images another size bilinearly, the corners aligned; :class:`Upsample` is its newer name.

    Args:
        size: the size of the result, one number or (height, width); or else
        scale_factor: by what the sizes grow.

    Shape:
        Input ``(N, C, H, W)``; output ``(N, C, H_out, W_out)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.UpsamplingBilinear2d(size=(1, 3))(torch.tensor([[[[1.0, 2.0]]]]))
        tensor([[[[1.0000, 1.5000, 2.0000]]]])
    """

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)

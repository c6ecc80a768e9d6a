"""Grids of places at which images are looked up."""

from __future__ import annotations

from collections.abc import Sequence

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, operator


@operator("affine_grid_generator(Tensor theta, int[] size, bool align_corners) -> Tensor", function)
def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """The grid of places that affine maps take an image's pixels to; see `torch.nn.functional.affine_grid`.

    Args:
        theta: (N, 2, 3) or (N, 3, 4)
        size: (N, C, H, W) or (N, C, D, H, W)
        align_corners: whether -1 and 1 are the centres of the outermost pixels

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3).

    Raises:
        RuntimeError: sizes of other lengths, or another number of maps.

    >>> import flambeau as torch
    >>> torch.affine_grid_generator(torch.tensor([[[2.0, 0.0, 0.0], [0.0, 1.0, 0.5]]]), [1, 1, 1, 2], True)
    tensor([[[[-2.0000,  0.5000],
              [ 2.0000,  0.5000]]]])
    """
    if len(size) not in (4, 5):
        raise RuntimeError("AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs.")
    batch, _, *image = size
    axes = len(image)
    base = theta.new_ones((*image, axes + 1))
    for d, count in enumerate(image):  # the last axis is the first coordinate
        line = torch.linspace(-1, 1, count, dtype=theta.dtype, device=theta.device)
        if count <= 1:
            line = torch.zeros_like(line)
        elif not align_corners:
            line = line * ((count - 1) / count)
        base[..., axes - 1 - d] = line.reshape([-1] + [1] * (axes - 1 - d))
    points = base.reshape(1, -1, axes + 1).expand(batch, -1, -1)
    return points.bmm(theta.transpose(1, 2)).view(batch, *image, axes)

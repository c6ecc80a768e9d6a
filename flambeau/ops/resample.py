"""Images looked up at the places of a grid, over other operators: their gradients of any order are those of the formula."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import float32, function, operator

_BILINEAR, _NEAREST, _BICUBIC = 0, 1, 2
_ZEROS, _BORDER, _REFLECTION = 0, 1, 2


def _clipped(x: Tensor, size: int) -> Tensor:
    """x within the image; as in PyTorch no gradient comes from where it was not strictly inside."""
    zero, last = x.new_zeros(()), x.new_full((), size - 1)
    return torch.where(x > 0, torch.where(x < size - 1, x, last), zero)  # what is no number is 0


def _reflected(x: Tensor, size: int, align_corners: bool) -> Tensor:
    """x mirrored at the borders until it lies within them."""
    low, span = (0.0, float(size - 1)) if align_corners else (-0.5, float(size))
    if span == 0:
        return torch.zeros_like(x)
    away = (x - low).abs()
    extra, flips = torch.fmod(away, span), torch.floor(away.detach() / span)
    return torch.where(torch.remainder(flips, 2) == 0, extra + low, span - extra + low)


def _padded(x: Tensor, size: int, padding: int, align_corners: bool) -> Tensor:
    if padding == _ZEROS:
        return x
    if padding == _REFLECTION:
        x = _reflected(x, size, align_corners)
    return _clipped(x, size)


def _look_up(pixels: Tensor, places: Sequence[Tensor], sizes: Sequence[int]) -> Tensor:
    """The rows of `pixels`, (N * P, C), at integer places, (N, P) for each axis; the last row, of zeros, outside."""
    batch = places[0].size(0)
    inside, flat = None, torch.arange(batch, device=pixels.device).unsqueeze(1)
    for place, size in zip(places, sizes, strict=True):
        within = (place >= 0) & (place <= size - 1)
        inside = within if inside is None else inside & within
        # Places without end or number are outside; whatever they become, it must not lead out of the image.
        flat = flat * size + torch.nan_to_num(place.detach(), 0.0).clamp(0, size - 1).to(torch.int64)
    assert inside is not None
    return pixels.index_select(0, torch.where(inside, flat, pixels.size(0) - 1).view(-1))


def _cubic_weights(t: Tensor) -> tuple[Tensor, ...]:
    """Keys' weights of the pixels at -1, 0, 1 and 2, with a = -0.75."""
    a = -0.75

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return far(t + 1), near(t), near(1 - t), far(2 - t)


def _sample(input: Tensor, grid: Tensor, mode: int, padding: int, align_corners: bool) -> Tensor:
    batch, channels, *sizes = input.shape
    out = grid.shape[1:-1]
    # A pixel's channels lie side by side, so that looking one up moves a row.
    pixels = input.flatten(2).transpose(1, 2).reshape(batch * math.prod(sizes), channels)
    pixels = torch.cat((pixels, pixels.new_zeros((1, channels))))
    axes = range(len(sizes))
    places = []
    for d in axes:  # the grid names the last axis first
        g, size = grid[..., len(sizes) - 1 - d].reshape(batch, math.prod(out)), sizes[d]
        places.append((g + 1) * ((size - 1) / 2) if align_corners else (g + 1) * (size / 2) - 0.5)
    if mode == _BICUBIC:
        below = [place.detach().floor() for place in places]
        weights = [_cubic_weights(place - floor) for place, floor in zip(places, below, strict=True)]
        steps: Sequence[int] = (-1, 0, 1, 2)
    else:
        places = [_padded(place, sizes[d], padding, align_corners) for d, place in enumerate(places)]
        if mode == _NEAREST:
            below = [place.detach().round() for place in places]
            # One, with the derivative 0 that rounding has.
            rounded = [torch.nan_to_num(place, 0.0, 0.0, 0.0).round() for place in places]
            weights, steps = [(r - r.detach() + 1,) for r in rounded], (0,)
        else:
            below = [place.detach().floor() for place in places]
            weights = [(floor + 1 - place, place - floor) for place, floor in zip(places, below, strict=True)]
            steps = (0, 1)
    total = None
    for taps in itertools.product(range(len(steps)), repeat=len(sizes)):
        corner = [below[d] + steps[taps[d]] for d in axes]
        if mode == _BICUBIC:
            corner = [_padded(place, sizes[d], padding, align_corners) for d, place in enumerate(corner)]
        weight = weights[0][taps[0]]
        for d in axes[1:]:
            weight = weight * weights[d][taps[d]]
        part = _look_up(pixels, corner, sizes) * weight.reshape(-1, 1)
        total = part if total is None else total + part
    assert total is not None
    return total.view(batch, math.prod(out), channels).transpose(1, 2).reshape(batch, channels, *out)


def _check(input: Tensor, grid: Tensor, kernel: str) -> None:
    axes = input.dim() - 2
    if input.size(0) != grid.size(0):
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if grid.size(-1) != axes:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {axes} in last dimension, but got grid with sizes "
            f"{list(grid.shape)}"
        )
    for i in range(2, input.dim()):
        if input.size(i) <= 0:
            raise RuntimeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
                f"{list(input.shape)} with dimension {i} being empty"
            )
    if axes not in (2, 3) or input.dim() != grid.dim():
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if not input.is_floating_point():
        name = input.type().rsplit(".", 1)[1].removesuffix("Tensor")
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{name}'")
    if input.dtype != grid.dtype:
        expected, found = (t.type().rsplit(".", 1)[1].removesuffix("Tensor") for t in (input, grid))
        raise RuntimeError(f"expected scalar type {expected} but found {found}")


@operator(
    "grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor",
    function,
    float32,
)
def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """Looks images up at the places of a grid; `torch.nn.functional.grid_sample` says how.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W), floating point
        grid: (N, H', W', 2) or (N, D', H', W', 3), from -1 to 1
        interpolation_mode: 0 (linear), 1 (nearest) or 2 (bicubic)
        padding_mode: what is outside: 0 (zeros), 1 (the border) or 2 (the reflected image)
        align_corners: whether -1 and 1 are the centres of the outermost pixels

    Returns:
        (N, C, H', W') or (N, C, D', H', W').

    Raises:
        RuntimeError: shapes or element types that do not fit each other.

    >>> import flambeau as torch
    >>> x, grid = torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[[[0.5, 0.0]]]])
    >>> torch.grid_sampler(x, grid, 0, 0, True)
    tensor([[[[2.5000]]]])
    """
    volume = input.dim() == 5
    _check(input, grid, "grid_sampler3d_cpu" if volume else "grid_sampler_2d_cpu_kernel_impl")
    if volume and interpolation_mode == _BICUBIC:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    for name, value in (("interpolation_mode", interpolation_mode), ("padding_mode", padding_mode)):
        if value not in (0, 1, 2):
            raise RuntimeError(f"grid_sampler(): {name} must be 0, 1 or 2, but got {value}")
    return _sample(input, grid, interpolation_mode, padding_mode, align_corners)


@operator(
    "grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor",
    function,
    float32,
)
def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of images, (N, C, H, W).

    >>> import flambeau as torch
    >>> torch.grid_sampler_2d(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 1, 2), 0, 0, False)
    tensor([[[[1.]]]])
    """
    return torch.grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


@operator(
    "grid_sampler_3d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor",
    function,
    float32,
)
def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of volumes, (N, C, D, H, W).

    >>> import flambeau as torch
    >>> torch.grid_sampler_3d(torch.ones(1, 1, 2, 2, 2), torch.zeros(1, 1, 1, 1, 3), 0, 0, False).item()
    1.0
    """
    return torch.grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


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

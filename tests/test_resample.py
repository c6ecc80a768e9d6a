"""Images of another size, and images looked up at given places."""

from __future__ import annotations

import itertools
import math

import pytest
from gradients import check_gradient

import flambeau as torch
import flambeau.nn.functional as F

INF, NAN = float("inf"), float("nan")


def waves(*shape: int) -> torch.Tensor:
    return torch.sin(torch.arange(math.prod(shape), dtype=torch.float64) * 1.7).reshape(shape)


def test_nearest_repeats_pixels():
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    twice = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    assert F.interpolate(x, scale_factor=2)[0, 0].tolist() == twice
    line = torch.arange(5.0).view(1, 1, 5)
    assert F.interpolate(line, size=3).flatten().tolist() == [0, 1, 3]
    assert F.interpolate(line, size=3, mode="nearest-exact").flatten().tolist() == [0, 2, 4]
    assert F.interpolate(torch.tensor([[[INF, 1.0]]]), scale_factor=2).flatten().tolist() == [INF, INF, 1, 1]


# Recorded from PyTorch 2.13.
LINE = [0.0, 1.0, 4.0, 9.0]
RECORDED = [
    ("linear", {"size": 6}, [0.0, 0.5, 1.5, 3.5, 6.5, 9.0]),
    ("linear", {"size": 6, "align_corners": True}, [0.0, 0.6, 1.6, 3.4, 6.0, 9.0]),
    ("bicubic", {"size": 6}, [-0.086806, 0.21875, 1.430556, 3.152778, 6.78125, 9.434028]),
    ("bicubic", {"size": 6, "align_corners": True}, [0.0, 0.288, 1.504, 3.016, 6.264, 9.0]),
    ("bilinear", {"size": 2, "antialias": True}, [1.0, 5.714286]),
    ("bicubic", {"size": 3, "antialias": True}, [0.075515, 2.359195, 7.935927]),
    ("lanczos", {"size": 3, "antialias": True}, [0.025353, 2.25, 8.068996]),
    ("linear", {"scale_factor": 1.6}, [0.0, 0.4375, 1.1875, 3.0625, 5.5625, 8.6875]),
    ("linear", {"scale_factor": 1.6, "recompute_scale_factor": True}, [0.0, 0.5, 1.5, 3.5, 6.5, 9.0]),
    ("area", {"size": 3}, [0.5, 2.5, 6.5]),
    ("nearest", {"scale_factor": 1.6}, [0.0, 0.0, 1.0, 1.0, 4.0, 9.0]),
    ("nearest-exact", {"scale_factor": 1.6}, [0.0, 0.0, 1.0, 4.0, 4.0, 9.0]),
]


@pytest.mark.parametrize("mode, how, expected", RECORDED)
def test_interpolation_gives_pytorchs_numbers(mode, how, expected):
    x = torch.tensor(LINE, dtype=torch.float64).view(1, 1, 4)
    if mode in ("bilinear", "bicubic", "lanczos"):  # of images alone
        x, how = x.unsqueeze(2), {**how, "size": (1, how["size"])}
    found = F.interpolate(x, mode=mode, **how).flatten()
    assert torch.allclose(found, torch.tensor(expected, dtype=torch.float64), atol=1e-6)


def test_axes_are_interpolated_one_by_one():
    x = waves(2, 3, 4, 5, 6)
    found = F.interpolate(x, size=(3, 7, 6), mode="trilinear")
    for axis, size in ((2, 3), (3, 7), (4, 6)):
        line = x.movedim(axis, -1)
        x = F.interpolate(line.reshape(1, -1, line.shape[-1]), size=size, mode="linear")
        x = x.view(*line.shape[:-1], size).movedim(-1, axis)
    assert torch.allclose(found, x)


def test_bytes_are_interpolated_in_integers():
    # Recorded from PyTorch 2.13.
    x = torch.tensor([0, 255, 10, 200], dtype=torch.uint8).view(1, 1, 2, 2)
    expected = [0, 64, 191, 255, 5, 61, 172, 228, 10, 58, 153, 200]
    assert F.interpolate(x, size=(3, 4), mode="bilinear").flatten().tolist() == expected
    expected = [0, 58, 200, 255, 0, 56, 177, 238, 0, 53, 154, 217]
    assert F.interpolate(x, size=(3, 4), mode="bicubic").flatten().tolist() == expected
    small = F.interpolate(x, size=(1, 3), mode="bicubic", antialias=True)
    assert small.flatten().tolist() == [0, 117, 234]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_rounded_once(dtype):
    x = waves(1, 2, 5, 6).to(dtype)
    whole = F.interpolate(x.float(), size=(7, 4), mode="bilinear").to(dtype)
    assert torch.equal(F.interpolate(x, size=(7, 4), mode="bilinear"), whole)


def test_channels_stay_last():
    x = waves(2, 3, 4, 5).to(memory_format=torch.channels_last)
    for mode in ("nearest", "bilinear", "bicubic"):
        y = F.interpolate(x, scale_factor=2, mode=mode)
        assert y.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(y, F.interpolate(x.contiguous(), scale_factor=2, mode=mode))


@pytest.mark.parametrize(
    "shape, how",
    [
        ((1, 2, 4), {"size": 7, "mode": "linear"}),
        ((1, 2, 5), {"size": 3, "mode": "nearest"}),
        ((1, 2, 3, 4), {"size": (5, 2), "mode": "bilinear"}),
        ((1, 2, 3, 4), {"size": (2, 7), "mode": "bicubic", "align_corners": True}),
        ((1, 1, 5, 6), {"size": (2, 3), "mode": "bicubic", "antialias": True}),
        ((1, 1, 2, 3, 2), {"scale_factor": 1.5, "mode": "trilinear"}),
        ((1, 1, 4, 5), {"size": 3, "mode": "area"}),
    ],
    ids=str,
)
def test_gradients_of_interpolation(shape, how):
    check_gradient(lambda x: F.interpolate(x, **how) ** 2, waves(*shape))


def test_interpolation_on_meta_gives_the_same_geometry():
    x = torch.empty(2, 3, 4, 5, device="meta")
    assert F.interpolate(x, scale_factor=1.5, mode="bilinear").shape == (2, 3, 6, 7)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: F.interpolate(x), ValueError, "either size or scale_factor"),
        (lambda x: F.interpolate(x, 2, 2), ValueError, "only one of size or scale_factor"),
        (lambda x: F.interpolate(x, (2, 2, 2)), ValueError, r"output size of \(2, 2, 2\)"),
        (
            lambda x: F.interpolate(x, 2, mode="linear"),
            NotImplementedError,
            "Got 4D input, but linear mode needs 3D",
        ),
        (lambda x: F.interpolate(x, 2, mode="odd"), NotImplementedError, r"\(got odd\)"),
        (lambda x: F.interpolate(x, 2, align_corners=True), ValueError, "align_corners option"),
        (lambda x: F.interpolate(x, 2, antialias=True), ValueError, "Anti-alias option"),
        (lambda x: F.interpolate(x, 0), RuntimeError, r"input \(H: 2, W: 2\) output \(H: 0, W: 0\)"),
        (lambda x: F.interpolate(x, scale_factor=INF), RuntimeError, "without overflow"),
        (lambda x: F.interpolate(x.int(), 3), NotImplementedError, "not implemented for 'Int'"),
        (lambda x: F.grid_sample(x, x, mode="odd"), ValueError, "expected mode to be"),
        (
            lambda x: F.grid_sample(x, torch.zeros(1, 1, 1, 3), align_corners=True),
            RuntimeError,
            "size 2 in last",
        ),
        (lambda x: F.affine_grid(torch.zeros(1, 2, 2), (1, 1, 2, 2), True), ValueError, "shape Nx2x3"),
    ],
)
def test_impossible_arguments_raise_pytorchs_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.ones(1, 1, 2, 2))


# Recorded from PyTorch 2.13: the squares of 0 to 11 as a (3, 4) image at three places, two of them outside.
SAMPLED = [
    ("bilinear", "zeros", False, [0.4, 66.365, 0.0]),
    ("bilinear", "zeros", True, [5.6, 92.69, 0.0]),
    ("bilinear", "border", False, [4.0, 102.1, 9.0]),
    ("bilinear", "reflection", True, [9.5, 92.69, 76.75]),
    ("nearest", "zeros", False, [0.0, 100.0, 0.0]),
    ("nearest", "border", True, [0.0, 100.0, 9.0]),
    ("nearest", "reflection", False, [0.0, 100.0, 64.0]),
    ("bicubic", "zeros", True, [2.0446, 99.57188, 0.0]),
    ("bicubic", "border", False, [1.92041, 110.1009, 9.0]),
    ("bicubic", "reflection", False, [1.76664, 113.9911, 80.32812]),
]


@pytest.mark.parametrize("mode, padding, align_corners, expected", SAMPLED)
def test_grid_sample_gives_pytorchs_numbers(mode, padding, align_corners, expected):
    image = torch.arange(12.0, dtype=torch.float64).view(1, 1, 3, 4) ** 2
    grid = torch.tensor([[[[-1.2, -0.5], [0.3, 0.9], [2.5, -3.0]]]], dtype=torch.float64)
    found = F.grid_sample(image, grid, mode, padding, align_corners).flatten()
    assert torch.allclose(found, torch.tensor(expected, dtype=torch.float64), atol=1e-5)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_gradients_of_grid_sample(mode, padding):
    grid = waves(1, 2, 3, 2) * 0.83 + 0.01
    check_gradient(lambda x, g: F.grid_sample(x, g, mode, padding, False) ** 2, waves(1, 2, 3, 4), grid)


def test_the_gradient_of_a_gradient_of_volumes():
    grid = waves(1, 2, 1, 2, 3) * 0.83 + 0.01
    for padding in ("zeros", "reflection"):
        check_gradient(
            lambda x, g, padding=padding: F.grid_sample(x, g, "bilinear", padding, True) ** 2,
            waves(1, 2, 2, 3, 3),
            grid,
        )


def look_up(image, grid, padding, align_corners):
    """One channel after another, one place after another, in plain numbers."""
    height, width = image.shape[-2:]

    def pad(x, size):
        low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
        if padding == "reflection":
            while not low <= x <= low + span:
                x = 2 * low - x if x < low else 2 * (low + span) - x
        return x if padding == "zeros" else min(max(x, 0.0), size - 1.0)

    def pixel(n, c, row, column):
        inside = 0 <= row < height and 0 <= column < width
        return image[n, c, row, column].item() if inside else 0.0

    result = torch.zeros(*image.shape[:2], *grid.shape[1:3], dtype=torch.float64)
    for n, c, i, j in itertools.product(*map(range, result.shape)):
        x, y = (
            (g + 1) * (size - 1) / 2 if align_corners else (g + 1) * size / 2 - 0.5
            for g, size in zip(grid[n, i, j].tolist(), (width, height), strict=True)
        )
        x, y = pad(x, width), pad(y, height)
        left, top = math.floor(x), math.floor(y)
        result[n, c, i, j] = sum(
            (1 - abs(x - column)) * (1 - abs(y - row)) * pixel(n, c, row, column)
            for row in (top, top + 1)
            for column in (left, left + 1)
        )
    return result


@pytest.mark.parametrize("channels", [1, 3, 7, 20])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_any_number_of_channels_in_any_layout_is_looked_up(channels, padding):
    image, grid = waves(2, channels, 4, 5), waves(2, 3, 25, 2) * 1.7
    expected = look_up(image, grid, padding, False)
    layouts = (image, image.contiguous(memory_format=torch.channels_last), image.repeat(1, 1, 1, 2)[..., :5])
    for x in layouts:
        found = F.grid_sample(x, grid, padding_mode=padding, align_corners=False)
        assert torch.allclose(found, expected) and found.is_contiguous()
        few = F.grid_sample(x, grid[:, :1, :2], padding_mode=padding, align_corners=False)
        assert torch.allclose(few, expected[:, :, :1, :2])
    half = F.grid_sample(image.half(), grid.half(), padding_mode=padding, align_corners=False)
    assert half.dtype == torch.float16 and torch.allclose(half.double(), expected, atol=0.05)


def test_the_two_gradients_are_each_others_transposes():
    x, grid, upstream = waves(2, 5, 4, 4), waves(2, 6, 6, 2) * 1.3, waves(2, 5, 6, 6) + 0.1
    x.requires_grad_()
    y = F.grid_sample(x, grid, "bicubic", "border", False)
    (spread,) = torch.autograd.grad(y, x, upstream)
    # Linear in x: <upstream, S x> = <S^T upstream, x>.
    assert torch.allclose((upstream * y).sum(), (spread * x).sum())


def test_places_that_are_no_numbers():
    image = torch.arange(1.0, 13.0).view(1, 1, 3, 4)
    volume = torch.arange(1.0, 25.0).view(1, 1, 2, 3, 4)
    nowhere, deep = torch.tensor([[[[NAN, 0.0]]]]), torch.tensor([[[[[NAN, 0.0, 0.0]]]]])
    assert F.grid_sample(image, nowhere, align_corners=False).isnan().all()
    assert F.grid_sample(image, nowhere, "nearest", align_corners=False).item() == 0
    assert F.grid_sample(image, nowhere, "nearest", "border", align_corners=False).item() == 5
    assert F.grid_sample(volume, deep, align_corners=False).item() == 0


def test_nothing_is_looked_up_in_empty_batches_and_grids():
    for sizes, places in (((0, 3, 4, 4), (0, 2, 2)), ((2, 0, 4, 4), (2, 2, 2)), ((2, 3, 4, 4), (2, 0, 2))):
        x, grid = torch.ones(sizes, requires_grad=True), torch.zeros(*places, 2, requires_grad=True)
        y = F.grid_sample(x, grid, align_corners=False)
        assert y.shape == (*sizes[:2], *places[1:])
        found = torch.autograd.grad(y.sum(), (x, grid))
        assert [g.shape for g in found] == [x.shape, grid.shape] and not any(g.any() for g in found)


def test_volumes_are_sampled():
    x = waves(1, 2, 2, 3, 4)
    identity = torch.eye(3, 4, dtype=torch.float64)[None]
    for align_corners in (False, True):
        grid = F.affine_grid(identity, x.shape, align_corners)
        assert torch.allclose(F.grid_sample(x, grid, align_corners=align_corners), x)


def test_modules_resize_as_interpolate():
    x = waves(1, 2, 3, 4)
    up = torch.nn.Upsample(scale_factor=2, mode="bilinear")
    assert torch.equal(up(x), F.interpolate(x, scale_factor=2, mode="bilinear"))
    assert repr(up) == "Upsample(scale_factor=2.0, mode='bilinear')"
    bilinear = torch.nn.UpsamplingBilinear2d(size=(5, 6))
    assert torch.equal(bilinear(x), F.interpolate(x, (5, 6), mode="bilinear", align_corners=True))
    with pytest.warns(UserWarning, match="deprecated"):
        assert torch.equal(F.upsample_nearest(x, 5), F.interpolate(x, 5))

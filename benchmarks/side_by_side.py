"""Times single operations of two torch-like packages in one run, block by block.

    python benchmarks/side_by_side.py                      # flambeau against torch
    python benchmarks/side_by_side.py --match gemm --threads 1

Each package runs in a process of its own, in turn: PyTorch's threads spin for milliseconds after a call and would slow the
other down. The best of several blocks counts, for machines are shared.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any


def cases(T: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    import numpy as np

    rng = np.random.default_rng(0)
    F = importlib.import_module(f"{T.__name__}.nn.functional")

    def randn(*sizes: int) -> Any:
        return T.from_numpy(rng.standard_normal(sizes).astype("float32"))

    small, x, w = randn(3), randn(64, 1000), randn(1000, 100)
    gradient, weights = randn(64, 100), randn(1000, 100)
    yield "call add 3", lambda: small + small
    yield "call number 3", lambda: small * 2.0
    yield "call select 3", lambda: small[0]
    yield "gemm 64x1000x100", lambda: x.mm(w)
    yield "gemm 1000x64x100 transposed", lambda: x.t().mm(gradient)
    for m, k, n in ((256, 784, 10), (64, 400, 120), (64, 9216, 128), (1024, 1024, 1024)):
        a, b = randn(m, k), randn(n, k)
        yield f"gemm linear {m}x{k}x{n}", lambda a=a, b=b: F.linear(a, b)
    yield "update w -= 1e-6 g", lambda: weights.sub_(1e-6 * w)
    for left, right in (((100_000, 4), (4,)), ((100_000, 4), (100_000, 1)), ((4096, 1000), (1000,))):
        a, b = randn(*left), randn(*right)
        yield f"broadcast {left} {right}", lambda a=a, b=b: a + b
    for n, c, side, out, kernel in (
        (64, 1, 32, 6, 5),
        (64, 6, 14, 16, 5),
        (64, 1, 28, 32, 3),
        (64, 32, 26, 64, 3),
    ):
        image, filters = randn(n, c, side, side), randn(out, c, kernel, kernel).requires_grad_()
        inner = randn(n, c, side, side).requires_grad_(c > 1)
        constant = filters.detach()

        def step(image: Any = inner, filters: Any = filters) -> None:
            F.conv2d(image, filters).sum().backward()

        yield (
            f"conv forward {n}x{c}x{side} {out} {kernel}",
            lambda i=image, f=constant: F.conv2d(i, f),
        )
        yield f"conv step {n}x{c}x{side} {out} {kernel}", step
    for name, function, image, filters, options in (
        ("transposed", F.conv_transpose2d, (8, 64, 16, 16), (64, 32, 4, 4), {"stride": 2, "padding": 1}),
        ("grouped", F.conv2d, (8, 64, 28, 28), (64, 8, 3, 3), {"groups": 8, "padding": 1}),
        ("depthwise", F.conv2d, (8, 64, 56, 56), (64, 1, 3, 3), {"groups": 64, "padding": 1}),
        ("depthwise strided", F.conv2d, (8, 64, 56, 56), (64, 1, 3, 3), {"groups": 64, "stride": 2}),
        ("depthwise small", F.conv2d, (8, 960, 7, 7), (960, 1, 3, 3), {"groups": 960, "padding": 1}),
        ("depthwise 5x5", F.conv2d, (8, 120, 28, 28), (120, 1, 5, 5), {"groups": 120, "padding": 2}),
        ("depthwise 7x7", F.conv2d, (2, 96, 56, 56), (96, 1, 7, 7), {"groups": 96, "padding": 3}),
        ("32 groups of 4", F.conv2d, (8, 128, 56, 56), (128, 4, 3, 3), {"groups": 32, "padding": 1}),
        ("32 groups of 16", F.conv2d, (8, 512, 14, 14), (512, 16, 3, 3), {"groups": 32, "padding": 1}),
        ("first 7x7", F.conv2d, (8, 3, 128, 128), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
        ("64 of 32", F.conv2d, (8, 64, 32, 32), (64, 64, 3, 3), {"padding": 1}),
        ("256 of 8", F.conv2d, (8, 256, 8, 8), (256, 256, 3, 3), {"padding": 1}),
        ("512 of 7", F.conv2d, (1, 512, 7, 7), (512, 512, 3, 3), {"padding": 1}),
        ("strided 128 of 16", F.conv2d, (8, 128, 16, 16), (256, 128, 3, 3), {"stride": 2, "padding": 1}),
        ("1x1 strided", F.conv2d, (8, 128, 16, 16), (256, 128, 1, 1), {"stride": 2}),
        ("patches", F.conv2d, (2, 3, 224, 224), (384, 3, 16, 16), {"stride": 16}),
        ("dilated", F.conv2d, (8, 64, 28, 28), (64, 64, 3, 3), {"dilation": 2, "padding": 2}),
        ("1x1", F.conv2d, (8, 64, 28, 28), (128, 64, 1, 1), {}),
        ("1d", F.conv1d, (16, 64, 256), (64, 64, 3), {"padding": 1}),
        ("1d strided", F.conv1d, (16, 32, 1024), (64, 32, 9), {"stride": 4, "padding": 4}),
        ("1d depthwise", F.conv1d, (8, 128, 256), (128, 1, 31), {"groups": 128, "padding": 15}),
        ("3d", F.conv3d, (2, 16, 16, 32, 32), (32, 16, 3, 3, 3), {"padding": 1}),
        ("3d strided", F.conv3d, (2, 16, 16, 32, 32), (32, 16, 3, 3, 3), {"stride": 2, "padding": 1}),
        ("transposed 1d", F.conv_transpose1d, (8, 64, 128), (64, 32, 4), {"stride": 2, "padding": 1}),
        ("transposed 2x2", F.conv_transpose2d, (4, 128, 28, 28), (128, 64, 2, 2), {"stride": 2}),
        (
            "transposed 3d",
            F.conv_transpose3d,
            (2, 16, 8, 16, 16),
            (16, 16, 4, 4, 4),
            {"stride": 2, "padding": 1},
        ),
    ):
        a, b = randn(*image), randn(*filters)
        leaves = [t.clone().requires_grad_() for t in (a, b)]
        cotangent = T.ones_like(function(a, b, **options))

        def forward(f: Any = function, a: Any = a, b: Any = b, options: Any = options) -> Any:
            return f(a, b, **options)

        def both(f: Any = forward, leaves: Any = leaves, cotangent: Any = cotangent) -> None:
            T.autograd.grad(f(a=leaves[0], b=leaves[1]), leaves, cotangent)

        yield f"conv forward {name}", forward
        yield f"conv step {name}", both
    for n in (1000, 1024, 4096, 10007, 65536, 100_000, 1_000_000):
        real = randn(n)
        yield f"fft {n}", lambda x=real + 0j: T.fft.fft(x)
        yield f"fft real {n}", lambda x=real: T.fft.rfft(x)
    lines, square, sound = randn(256, 1024), randn(512, 512), randn(160_000)
    yield "fft 256x1024", lambda x=lines + 0j: T.fft.fft(x)
    yield "fft real 256x1024", lambda: T.fft.rfft(lines)
    for count, n in ((10_000, 16), (10_000, 8), (20_000, 4), (5000, 32), (2500, 64)):
        short = randn(count, n)
        half = T.fft.rfft(short)
        yield f"fft {count}x{n}", lambda x=short + 0j: T.fft.fft(x)
        yield f"fft real {count}x{n}", lambda x=short: T.fft.rfft(x)
        yield f"fft real back {count}x{n}", lambda x=half: T.fft.irfft(x)
    yield "fft columns 256x1024", lambda x=lines + 0j: T.fft.fft(x, dim=0)
    yield "fft2 512x512", lambda x=square + 0j: T.fft.fft2(x)
    yield "fft2 real 512x512", lambda: T.fft.rfft2(square)
    hann = T.hann_window(512)
    spectrum = T.stft(sound, 512, 128, window=hann, return_complex=True)
    yield "stft 160000 512 128", lambda: T.stft(sound, 512, 128, window=hann, return_complex=True)
    yield "istft 160000 512 128", lambda: T.istft(spectrum, 512, 128, window=hann)
    plain, shape, point = randn(1_000_000), randn(1_000_000).abs() * 3 + 0.1, randn(1_000_000).abs() * 4
    inside = (plain * 0.7).tanh()
    yield "special lgamma", lambda: T.lgamma(plain)
    yield "special digamma", lambda: T.digamma(plain)
    yield "special polygamma 1", lambda: T.polygamma(1, shape)
    yield "special polygamma 2", lambda: T.polygamma(2, shape)
    yield "special zeta", lambda: T.special.zeta(shape + 1, point)
    yield "special igamma", lambda: T.igamma(shape, point)
    yield "special igammac", lambda: T.igammac(shape, point)
    yield "special erfinv", lambda: T.erfinv(inside)
    for name in (
        "ndtri i0 i0e i1 i1e bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_k0 modified_bessel_k1 "
        "scaled_modified_bessel_k0 spherical_bessel_j0 erfcx log_ndtr airy_ai"
    ).split():
        function, operand = getattr(T.special, name), inside.abs() if name == "ndtri" else point
        yield f"special {name}", lambda f=function, x=operand: f(x)
        if name in "ndtri i0 i0e i1 i1e bessel_j0 bessel_j1 bessel_y0 bessel_y1".split():
            double = operand.double()
            yield f"special {name} float64", lambda f=function, x=double: f(x)
    plain_double, inside_double = plain.double(), inside.double()
    yield "special lgamma float64", lambda: T.lgamma(plain_double)
    yield "special digamma float64", lambda: T.digamma(plain_double)
    yield "special erfinv float64", lambda: T.erfinv(inside_double)
    for count, n in ((1000, 4), (64, 32), (1, 256)):
        a = randn(count, n, n)
        a = a[0] if count == 1 else a
        symmetric = a + a.mT
        yield f"svd {count}x{n}x{n}", lambda a=a: T.linalg.svd(a)
        yield f"svdvals {count}x{n}x{n}", lambda a=a: T.linalg.svdvals(a)
        yield f"eigh {count}x{n}x{n}", lambda a=symmetric: T.linalg.eigh(a)
        yield f"eigvalsh {count}x{n}x{n}", lambda a=symmetric: T.linalg.eigvalsh(a)
    points = randn(500, 64)
    for p in (1.0, 2.0, 3.0):
        yield f"cdist 500x500x64 p={p:.0f}", lambda p=p: T.cdist(points, points, p)
        yield f"pdist 500x64 p={p:.0f}", lambda p=p: T.pdist(points, p)
    planes = randn(64, 32, 26, 26)
    yield "pool 64x32x26", lambda: F.max_pool2d(planes, 2)
    stage, volume, photo = randn(32, 64, 56, 56), randn(4, 16, 16, 32, 32), randn(8, 3, 224, 224)
    yield "pool max 3 by 2 32x64x56", lambda: F.max_pool2d(stage, 3, 2, 1)
    yield "pool avg 2 32x64x56", lambda: F.avg_pool2d(stage, 2)
    yield "pool adaptive avg 1 32x64x56", lambda: F.adaptive_avg_pool2d(stage, 1)
    yield "pool adaptive avg 7 32x64x56", lambda: F.adaptive_avg_pool2d(stage, 7)
    yield "pool max 3d 4x16x16x32x32", lambda: F.max_pool3d(volume, 2)
    features, places = randn(8, 64, 56, 56), randn(8, 56, 56, 2)
    for mode in ("nearest", "bilinear", "bicubic"):
        for name, image in (("8x64x56", features), ("8x3x224", photo)):
            yield (
                f"resample {mode} x2 {name}",
                lambda i=image, m=mode: F.interpolate(i, scale_factor=2, mode=m),
            )
    yield "resample grid 8x64x56", lambda: F.grid_sample(features, places, align_corners=False)
    yield from place_cases(T, rng, randn)
    yield from order_cases(T, rng, randn)
    yield from optimizer_cases(T, randn)
    yield from lookup_cases(T, rng, randn)
    yield from linalg_cases(T, randn)
    yield from recurrent_cases(T, randn)
    yield from half_cases(T, rng, randn)


def place_cases(T: Any, rng: Any, randn: Callable[..., Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Elements that go elsewhere: images looked up, blocks, margins, bags, slices; and their gradients."""
    F = T.nn.functional

    def integers(limit: int, *sizes: int) -> Any:
        return T.from_numpy(rng.integers(0, limit, sizes))

    def both(
        name: str, function: Callable[..., Any], *inputs: Any
    ) -> Iterator[tuple[str, Callable[[], Any]]]:
        leaves = [x.clone().requires_grad_() for x in inputs]
        cotangent = T.ones_like(function(*leaves)).clone()
        yield f"{name}", lambda: function(*inputs)
        yield f"{name} forward+backward", lambda: T.autograd.grad(function(*leaves), leaves, cotangent)

    for where, sizes in (
        ("8x64x56", (8, 64, 56, 56)),
        ("8x3x224", (8, 3, 224, 224)),
        ("2x4x16x32x32", (2, 4, 16, 32, 32)),
    ):
        image = randn(*sizes)
        grid = T.from_numpy(rng.uniform(-1.1, 1.1, (sizes[0], *sizes[2:], len(sizes) - 2)).astype("float32"))
        for mode in ("bilinear", "nearest", "bicubic")[: 3 if len(sizes) == 4 else 2]:
            yield from both(
                f"grid {mode} {where}",
                lambda x, g, mode=mode: F.grid_sample(x, g, mode, align_corners=False),
                image,
                grid,
            )
    table, bags, numbers = randn(10_000, 64), integers(10_000, 1000, 10), integers(10_000, 10_000)
    offsets, factors = T.arange(0, 10_000, 10), randn(1000, 10)
    for mode in ("sum", "mean", "max"):
        yield from both(f"bag {mode}", lambda t, mode=mode: F.embedding_bag(bags, t, mode=mode), table)
        yield from both(
            f"bag {mode} offsets", lambda t, mode=mode: F.embedding_bag(numbers, t, offsets, mode=mode), table
        )
    yield from both(
        "bag weighted",
        lambda t, f: F.embedding_bag(bags, t, mode="sum", per_sample_weights=f),
        table,
        factors,
    )
    yield from both("embedding of 10000", lambda t: F.embedding(numbers, t), table)
    for rows, count, width in ((2000, 2000, 64), (100, 5000, 64)):
        x, source, index = randn(rows, width), randn(count, width), integers(rows, count)
        where = f"{rows}x{width} by {count}"
        for reduce in ("amax", "prod", "mean"):
            yield from both(
                f"index_reduce {reduce} {where}",
                lambda a, b, i=index, reduce=reduce: a.index_reduce(0, i, b, reduce),
                x,
                source,
            )
        yield from both(f"index_add {where}", lambda a, b, i=index: a.index_add(0, i, b), x, source)
        every = index.unsqueeze(1).expand(count, width)
        yield from both(f"scatter_add {where}", lambda a, b, i=every: a.scatter_add(0, i, b), x, source)
    vector, places = randn(1_000_000), integers(1_000_000, 100_000)
    yield from both("index_select of a vector", lambda v: v.index_select(0, places), vector)
    planes = randn(8, 16, 32, 32)
    columns = F.unfold(planes, 3, padding=1)
    yield from both("unfold 8x16x32", lambda x: F.unfold(x, 3, padding=1), planes)
    yield from both("fold 8x16x32", lambda c: F.fold(c, (32, 32), 3, padding=1), columns)
    for where, sizes in (("2x3x8", (2, 3, 8, 8)), ("8x64x56", (8, 64, 56, 56))):
        image = randn(*sizes)
        for mode in ("constant", "reflect", "replicate", "circular"):
            yield from both(
                f"pad {mode} {where}", lambda x, mode=mode: F.pad(x, (1, 1, 1, 1), mode=mode), image
            )
    square = randn(1000, 1000)
    truths, bytes_, ints = (
        square > 0,
        integers(250, 1_000_000).to(T.uint8),
        integers(2**31, 1_000_000).to(T.int32),
    )
    yield "max of bools 1000x1000", lambda: truths.max(1)
    yield "sort uint8 1000000", lambda: T.sort(bytes_)
    yield "sort int32 1000000", lambda: T.sort(ints)
    yield from both("repeat_interleave", lambda x: x.repeat_interleave(3, 0), square[:, :64].contiguous())
    yield from both("cumprod middle", lambda x: x.cumprod(1), randn(32, 200, 64))


def order_cases(T: Any, rng: Any, randn: Callable[..., Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Sorted order, and the searches and counts that stand beside it."""
    for n in (1000, 100_000, 1_000_000):
        floats, integers = randn(n), T.from_numpy(rng.integers(-(2**62), 2**62, n))
        yield f"sort float32 {n}", lambda x=floats: T.sort(x)
        yield f"sort int64 {n}", lambda x=integers: T.sort(x)
    square, batch, row, many = randn(1000, 1000), randn(128, 1000), randn(100_000), randn(1_000_000)
    for dim in (-1, 0):
        yield f"sort 1000x1000 dim {dim}", lambda dim=dim: T.sort(square, dim)
        yield f"median 1000x1000 dim {dim}", lambda dim=dim: T.median(square, dim)
        yield f"topk 10 of 128x1000 dim {dim}", lambda dim=dim: T.topk(batch, 10, dim)
    yield "topk 10 of 100000", lambda: T.topk(row, 10)
    yield "kthvalue of 1000000", lambda: T.kthvalue(many, 1000)
    yield "median of 1000000", lambda: T.median(many)
    yield "quantile of 1000000", lambda: T.quantile(many, 0.9)
    numbers = T.from_numpy(rng.integers(0, 1000, 1_000_000))
    few, edges = numbers[:1000], T.sort(randn(10_000)).values
    yield "mode of 1000000", lambda: T.mode(numbers)
    yield "unique of 1000000", lambda: T.unique(numbers)
    yield "unique of 1000000 with counts", lambda: T.unique(numbers, return_inverse=True, return_counts=True)
    yield "searchsorted 100000 in 10000", lambda: T.searchsorted(edges, row)
    yield "bincount of 1000000", lambda: T.bincount(numbers)
    yield "histc of 1000000", lambda: T.histc(many, 100, -3, 3)
    yield "isin 1000000 among 1000", lambda: T.isin(numbers, few)
    yield "cumsum 1000x1000", lambda: T.cumsum(square, 1)
    places = numbers.reshape(1000, 1000)
    for dim in (1, 0):
        yield f"gather 1000x1000 dim {dim}", lambda dim=dim: T.gather(square, dim, places)
        yield f"scatter_add 1000x1000 dim {dim}", lambda dim=dim: T.scatter_add(square, dim, places, square)
        yield f"index_select 1000x1000 dim {dim}", lambda dim=dim: T.index_select(square, dim, few)


def lookup_cases(T: Any, rng: Any, randn: Callable[..., Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Tables and reductions by index, attention, alignment of sequences."""
    F = T.nn.functional
    table = randn(10_000, 64)
    for count in (1000, 10_000, 100_000):
        rows = T.from_numpy(rng.integers(0, 10_000, count))
        yield f"embedding of {count}", lambda rows=rows: F.embedding(rows, table)
    bags = T.from_numpy(rng.integers(0, 10_000, (1000, 10)))
    for mode in ("sum", "mean", "max"):
        yield f"embedding_bag {mode}", lambda mode=mode: F.embedding_bag(bags, table, mode=mode)
    target, source = randn(2000, 64), randn(2000, 64)
    places = T.from_numpy(rng.integers(0, 2000, (2000, 64)))
    for reduce in ("sum", "prod", "mean", "amax"):
        yield (
            f"scatter_reduce {reduce} 2000x64",
            lambda reduce=reduce: target.scatter_reduce(0, places, source, reduce),
        )
    q, k, v = randn(8, 8, 256, 64), randn(8, 8, 256, 64), randn(8, 8, 256, 64)
    for causal in (False, True):
        yield (
            f"attention 8x8x256x64{' causal' if causal else ''}",
            lambda causal=causal: F.scaled_dot_product_attention(q, k, v, is_causal=causal),
        )
    for samples, heads, length, width in ((12, 4, 64, 32), (1, 8, 1024, 64)):
        # Heads as a projection to query, key and value has them.
        seen = [
            t.view(samples, length, heads, width).transpose(1, 2).requires_grad_()
            for t in randn(samples, length, 3 * heads * width).split(heads * width, 2)
        ]
        upstream = randn(samples, heads, length, width)
        yield (
            f"attention causal forward+backward {samples}x{heads}x{length}x{width}",
            lambda s=seen, g=upstream: T.autograd.grad(
                F.scaled_dot_product_attention(*s, is_causal=True), s, g
            ),
        )
    x, upstream = randn(768, 512).requires_grad_(), randn(768, 512)
    for approximate in ("none", "tanh"):
        yield (
            f"gelu {approximate} forward+backward 768x512",
            lambda a=approximate, x=x, g=upstream: T.autograd.grad(F.gelu(x, approximate=a), x, g),
        )
    for shape in ((32, 128, 256), (8, 512, 768)):
        x, upstream = randn(*shape).requires_grad_(), randn(*shape)
        factors, summands = (randn(shape[-1]).requires_grad_() for _ in range(2))
        arguments = x, shape[-1:], factors, summands
        where = "x".join(map(str, shape))
        yield f"layer_norm {where}", lambda a=arguments: F.layer_norm(*a)
        yield (
            f"layer_norm forward+backward {where}",
            lambda a=arguments, g=upstream: T.autograd.grad(F.layer_norm(*a), (a[0], *a[2:]), g),
        )
    x, upstream = randn(8, 64, 32, 32).requires_grad_(), randn(8, 64, 32, 32)
    factors, summands = (randn(64).requires_grad_() for _ in range(2))
    channels = x, 8, factors, summands
    yield "group_norm 8x64x32x32", lambda: F.group_norm(*channels)
    yield (
        "group_norm forward+backward 8x64x32x32",
        lambda: T.autograd.grad(F.group_norm(*channels), (x, factors, summands), upstream),
    )
    scores, labels = randn(50, 16, 20).log_softmax(2), T.from_numpy(rng.integers(1, 20, (16, 20)))
    yield "ctc_loss 50x16x20", lambda: F.ctc_loss(scores, labels, (50,) * 16, (20,) * 16)


def steps(T: Any, function: Callable[..., Any], *leaves: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The forward without history, and with it the gradients of all leaves."""
    for leaf in leaves:
        leaf.requires_grad_()

    def forward() -> Any:
        with T.no_grad():
            return function(*leaves)

    upstream = T.ones_like(forward())
    return forward, lambda: T.autograd.grad(function(*leaves), leaves, upstream)


def norm_cases(T: Any, randn: Callable[..., Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Normalisation by batch, instance, group and root mean square, and of long rows."""
    F = T.nn.functional

    def both(
        name: str, function: Callable[..., Any], *leaves: Any
    ) -> Iterator[tuple[str, Callable[[], Any]]]:
        forward, step = steps(T, function, *leaves)
        yield name, forward
        yield f"{name} forward+backward", step

    for shape, last in (
        ((128, 512), False),
        ((32, 64, 56, 56), False),
        ((32, 512, 7, 7), False),
        ((32, 64, 56, 56), True),
        ((32, 512, 7, 7), True),
    ):
        x = randn(*shape)
        if last:
            x = x.contiguous(memory_format=T.channels_last)
        channels = shape[1]
        operands = x, T.ones(channels), T.zeros(channels)
        mean, var = T.zeros(channels), T.ones(channels)
        where = "x".join(map(str, shape)) + " last" * last

        def trained(x: Any, w: Any, b: Any, mean: Any = mean, var: Any = var) -> Any:
            return F.batch_norm(x, mean, var, w, b, True)

        def evaluated(x: Any, w: Any, b: Any, mean: Any = mean, var: Any = var) -> Any:
            return F.batch_norm(x, mean, var, w, b, False)

        yield from both(f"batch_norm {where}", trained, *(t.clone() for t in operands))
        yield f"batch_norm evaluated {where}", steps(T, evaluated, *(t.clone() for t in operands))[0]
    for last in (False, True):
        x = randn(8, 64, 32, 32)
        if last:
            x = x.contiguous(memory_format=T.channels_last)
        affine, where = (T.ones(64), T.zeros(64)), "8x64x32x32" + " last" * last
        yield from both(
            f"instance_norm {where}",
            lambda x, w, b: F.instance_norm(x, None, None, w, b),
            *(t.clone() for t in (x, *affine)),
        )
        if last:
            yield from both(
                f"group_norm {where}", lambda x, w, b: F.group_norm(x, 8, w, b), x.clone(), *affine
            )
    yield from both(
        "rms_norm 8x512x768", lambda x, w: F.rms_norm(x, (768,), w), randn(8, 512, 768), T.ones(768)
    )
    rows = randn(8, 512, 512), T.ones(512, 512), T.zeros(512, 512)
    yield from both("layer_norm 8x(512x512)", lambda x, w, b: F.layer_norm(x, (512, 512), w, b), *rows)


def image_pool_cases(T: Any, randn: Callable[..., Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Poolings with their gradients, of images in either order; and of signals."""
    F = T.nn.functional
    functions: dict[str, Callable[[Any], Any]] = {
        "max 2": lambda x: F.max_pool2d(x, 2),
        "max 3 by 2": lambda x: F.max_pool2d(x, 3, 2, 1),
        "avg 2": lambda x: F.avg_pool2d(x, 2),
        "avg 3 by 2": lambda x: F.avg_pool2d(x, 3, 2, 1),
        "adaptive avg 1": lambda x: F.adaptive_avg_pool2d(x, 1),
        "adaptive max 1": lambda x: F.adaptive_max_pool2d(x, 1),
    }
    for shape in ((32, 64, 56, 56), (16, 256, 14, 14)):
        for last in (False, True):
            for name, function in functions.items():
                x = randn(*shape)
                if last:
                    x = x.contiguous(memory_format=T.channels_last)
                forward, step = steps(T, function, x)
                where = "x".join(map(str, shape)) + " last" * last
                yield f"pool {name} {where}", forward
                yield f"pool {name} forward+backward {where}", step
    forward, step = steps(T, lambda x: F.max_pool1d(x, 3), randn(32, 64, 1000))
    yield "pool max 1d 3 32x64x1000", forward
    yield "pool max 1d 3 forward+backward 32x64x1000", step


def linalg_cases(T: Any, randn: Callable[..., Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Factorizations and solvers, of many tiny matrices to one of some size; and sums of products."""
    for count, n in ((1000, 4), (64, 32), (1, 256)):
        a = randn(count, n, n) + 3 * n**0.5 * T.eye(n)
        positive, right, where = a @ a.mT, randn(count, n, n), f"{count}x{n}x{n}"
        yield f"linalg cholesky {where}", lambda p=positive: T.linalg.cholesky(p)
        yield f"linalg inv {where}", lambda a=a: T.linalg.inv(a)
        yield f"linalg det {where}", lambda a=a: T.linalg.det(a)
        yield f"linalg slogdet {where}", lambda a=a: T.linalg.slogdet(a)
        yield f"linalg solve {where}", lambda a=a, b=right: T.linalg.solve(a, b)
        yield f"linalg solve vector {where}", lambda a=a, b=right[..., 0]: T.linalg.solve(a, b)
        yield (
            f"linalg solve_triangular {where}",
            lambda p=positive, b=right: T.linalg.solve_triangular(p, b, upper=False),
        )
        yield f"linalg lu_factor {where}", lambda a=a: T.linalg.lu_factor(a)
        yield f"linalg qr {where}", lambda a=a: T.linalg.qr(a)

        leaf = a.clone().requires_grad_()
        yield (
            f"linalg solve step {where}",
            lambda a=leaf, b=right: T.linalg.solve(a, b).sum().backward(),
        )
    q, k = randn(8, 8, 64, 32), randn(8, 8, 64, 32)
    x, y, z = randn(64, 32), randn(32, 32), randn(64, 32)
    yield "einsum attention", lambda: T.einsum("bhid,bhjd->bhij", q, k)
    yield "einsum outer", lambda: T.einsum("i,j->ij", x[0], x[1])
    yield "einsum bilinear", lambda: T.einsum("bi,ij,bj->b", x, y, z)
    yield "einsum 3x3", lambda: T.einsum("ij,jk->ik", x[:3, :3], y[:3, :3])


def recurrent_cases(T: Any, randn: Callable[..., Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Networks over sequences, forward alone and training; single steps."""
    rnn = importlib.import_module(f"{T.__name__}.nn.utils.rnn")
    sizes = [
        (1, 32, 10),
        (1, 128, 50),
        (1, 512, 50),
        (32, 32, 200),
        (32, 128, 50),
        (32, 512, 50),
        (128, 128, 100),
    ]
    cases = [(kind, *size, {}) for kind in ("LSTM", "GRU", "RNN") for size in sizes]
    cases += [(kind, 32, 128, 50, {"bidirectional": True}) for kind in ("LSTM", "GRU")]
    cases += [("LSTM", 32, 128, 50, {"num_layers": 2}), ("LSTM", 32, 128, 50, {"proj_size": 64})]
    for kind, batch, hidden, steps, options in cases:
        net, x = getattr(T.nn, kind)(hidden, hidden, **options), randn(steps, batch, hidden)
        lengths = [steps - i * steps // (2 * batch) for i in range(batch)]
        packed = rnn.pack_padded_sequence(x, lengths)

        def forward(net: Any = net, x: Any = x) -> None:
            with T.no_grad():
                net(x)

        def step(net: Any = net, x: Any = x) -> None:
            net.zero_grad()
            y, _ = net(x)
            (y.data if isinstance(y, tuple) else y).square().mean().backward()

        what = " ".join([kind, f"{batch}x{hidden}x{steps}", *options])
        yield f"recurrent forward {what}", forward
        yield f"recurrent step {what}", step
        if (batch, hidden) == (32, 128):
            yield f"recurrent packed step {what}", lambda step=step, x=packed: step(x=x)
    for kind in ("LSTMCell", "GRUCell", "RNNCell"):
        for batch in (1, 32):
            cell, x = getattr(T.nn, kind)(128, 128), randn(batch, 128)

            def several(cell: Any = cell, x: Any = x) -> Any:
                state = None
                for _ in range(10):
                    state = cell(x, state)
                return state

            def train(cell: Any = cell, several: Any = several) -> None:
                cell.zero_grad()
                state = several()
                (state[0] if isinstance(state, tuple) else state).square().mean().backward()

            yield f"recurrent ten {kind} {batch}x128", several
            yield f"recurrent ten {kind} step {batch}x128", train


OPTIMIZERS = {
    "SGD": {"lr": 1e-3},
    "SGD momentum": {"lr": 1e-3, "momentum": 0.9},
    "Adam": {},
    "AdamW": {},
    "Adagrad": {},
    "Adadelta": {},
    "Adamax": {},
    "ASGD": {},
    "NAdam": {},
    "RAdam": {},
    "RMSprop": {},
    "RMSprop centered momentum": {"centered": True, "momentum": 0.9},
    "Rprop": {},
    "Adafactor": {},
    "Muon": {},
}


def optimizer_cases(T: Any, randn: Callable[..., Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Steps over the parameters of a small transformer, and over a few large ones, by each implementation there is."""
    block = [(384, 128), (384,), (128, 128), (128,), (512, 128), (512,), (128, 512), (128,), (128,), (128,)]
    sizes = {"small transformer": 4 * block, "4 of 512x1024": 4 * [(512, 1024)]}
    for title, options in OPTIMIZERS.items():
        make = getattr(T.optim, title.split()[0])
        takes = inspect.signature(make).parameters
        ways = [{}, *({way: True} for way in ("foreach", "fused") if way in takes)]
        for network, shapes in sizes.items():
            for way in ways:
                params = [
                    randn(*shape).requires_grad_() for shape in shapes if title != "Muon" or len(shape) == 2
                ]
                for param in params:
                    param.grad = randn(*param.shape) * 1e-3
                optimizer = make(params, **options, **way)
                yield f"optim of {network}: {title} {''.join(way)}".rstrip(), optimizer.step


def half_cases(T: Any, rng: Any, randn: Callable[..., Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Products and layers in 16 bits, and a step of training a small GPT within a block of autocast."""
    nn, F = T.nn, importlib.import_module(f"{T.__name__}.nn.functional")
    for dtype in ("bfloat16", "float16"):

        def half(*sizes: int, dtype: str = dtype) -> Any:
            return randn(*sizes).to(getattr(T, dtype))

        for n in (256, 1024) if dtype == "bfloat16" else (256,):
            a, b = half(n, n), half(n, n)
            yield f"{dtype} matmul {n}", lambda a=a, b=b: a @ b
        for rows in (1, 16, 768):
            x, w = half(rows, 512), half(512, 512)
            yield f"{dtype} linear {rows}x512x512", lambda x=x, w=w: F.linear(x, w)
    images, filters, points = (
        half(*sizes, dtype="bfloat16") for sizes in ((8, 32, 28, 28), (64, 32, 3, 3), (64, 32, 1, 1))
    )
    yield "bfloat16 conv 3x3 8x32x28x64", lambda: F.conv2d(images, filters, padding=1)
    yield "bfloat16 conv 1x1 8x32x28x64", lambda: F.conv2d(images, points)
    leaves = [t.clone().requires_grad_() for t in (images, filters)]

    def learn() -> None:
        y = F.conv2d(*leaves, padding=1)
        y.backward(y.detach())

    yield "bfloat16 conv 3x3 8x32x28x64 training", learn
    x, scores = half(768, 512, dtype="bfloat16"), half(48, 64, 64, dtype="bfloat16")
    yield "bfloat16 add 768x512", lambda: x + x
    yield "bfloat16 gelu 768x512", lambda: F.gelu(x)
    yield "bfloat16 softmax 48x64x64", lambda: F.softmax(scores, -1)
    yield "bfloat16 layer_norm 768x512", lambda: F.layer_norm(x, (512,))

    class Block(nn.Module):
        def __init__(self, width: int, heads: int) -> None:
            super().__init__()
            self.heads, self.first, self.second = heads, nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width, False), nn.Linear(width, width, False)
            self.up, self.down = nn.Linear(width, 4 * width, False), nn.Linear(4 * width, width, False)

        def forward(self, x: Any) -> Any:
            batch, length, width = x.shape
            parts = self.qkv(self.first(x)).split(width, 2)
            q, k, v = (t.view(batch, length, self.heads, width // self.heads).transpose(1, 2) for t in parts)
            seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(seen.transpose(1, 2).reshape(batch, length, width))
            return x + self.down(F.gelu(self.up(self.second(x))))

    class Gpt(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.place = nn.Embedding(65, 128), nn.Embedding(64, 128)
            self.blocks = nn.Sequential(*[Block(128, 4) for _ in range(4)])
            self.norm, self.head = nn.LayerNorm(128), nn.Linear(128, 65, False)

        def forward(self, x: Any) -> Any:
            x = self.token(x) + self.place(T.arange(x.shape[1]))
            return self.head(self.norm(self.blocks(x))).view(-1, 65)

    model, text = Gpt(), T.from_numpy(rng.integers(0, 65, (12, 64)))
    optimizer = T.optim.AdamW(model.parameters(), lr=1e-3)
    for name, enabled in (("autocast", True), ("float32", False)):

        def step(enabled: bool = enabled) -> None:
            optimizer.zero_grad()
            with T.autocast("cpu", enabled=enabled):
                loss = F.cross_entropy(model(text), text.view(-1))
            loss.backward()
            optimizer.step()

        yield f"{name} GPT step, 4 layers of 128", step


def measure(package: str, match: str, threads: int) -> None:
    T = importlib.import_module(package)
    if threads:
        T.set_num_threads(threads)
    for name, run in cases(T):
        if match not in name:
            continue
        start = time.perf_counter()
        run()
        run()
        inner = max(1, int(0.02 / max(1e-7, (time.perf_counter() - start) / 2)))
        best = float("inf")
        for _ in range(7):
            start = time.perf_counter()
            for _ in range(inner):
                run()
            best = min(best, (time.perf_counter() - start) / inner)
        print(json.dumps([name, best]), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packages", nargs=2, default=["flambeau", "torch"])
    parser.add_argument("--match", default="")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return measure(options.child, options.match, options.threads)
    found = []
    for package in options.packages:
        command = [
            sys.executable,
            __file__,
            "--child",
            package,
            "--match",
            options.match,
            "--threads",
            str(options.threads),
        ]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found.append(dict(json.loads(line) for line in output.splitlines()))
    print(f"{'microseconds':44}{options.packages[0]:>12}{options.packages[1]:>12}{'ratio':>8}")
    for name, mine in found[0].items():
        print(f"{name:44}{mine * 1e6:12.2f}{found[1][name] * 1e6:12.2f}{found[1][name] / mine:8.2f}")


if __name__ == "__main__":
    main()

"""Discrete Fourier transforms: against the defining sum, against each other, and their derivatives."""

from __future__ import annotations

import cmath
import math
from typing import Any

import pytest

import flambeau as torch
from flambeau.autograd import gradcheck, gradgradcheck

C128 = torch.complex128


def dft(x: torch.Tensor, sign: int = -1) -> torch.Tensor:
    """The defining sum along the last dimension, with roots of unity from integers."""
    n = x.size(-1)
    roots = [cmath.exp(sign * 2j * math.pi * k / n) for k in range(n)]
    matrix = torch.tensor([[roots[j * k % n] for k in range(n)] for j in range(n)], dtype=C128)
    return x.to(C128) @ matrix


def distance(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(
        (a.to(C128) - b.to(C128)).abs().square().sum().sqrt() / b.to(C128).abs().square().sum().sqrt()
    )


def check_gradient(function: Any, x: torch.Tensor) -> None:
    leaf = x.detach().clone().requires_grad_()
    assert gradcheck(function, (leaf,))
    assert gradgradcheck(function, (leaf,))


def complex_normal(*sizes: int, dtype: Any = C128) -> torch.Tensor:
    return torch.randn(*sizes, dtype=dtype)


# One line and several; radices, primes with and without a butterfly, matrices, convolutions.
LENGTHS = [
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    11,
    12,
    15,
    16,
    30,
    31,
    49,
    60,
    64,
    100,
    121,
    127,
    128,
    131,
    250,
    262,
    1000,
    1009,
]


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("rows", [1, 3, 21])
def test_transforms_are_the_defining_sums(n: int, rows: int) -> None:
    z = complex_normal(rows, n)
    forward, backward = dft(z), dft(z, 1) / n
    assert distance(torch.fft.fft(z), forward) < 2e-15
    assert distance(torch.fft.ifft(z), backward) < 2e-15
    assert distance(torch.fft.fft(z.to(torch.complex64)), forward) < 5e-7
    x = torch.randn(rows, n, dtype=torch.float64)
    spectrum, half = dft(x), n // 2 + 1
    assert distance(torch.fft.fft(x), spectrum) < 2e-15
    assert distance(torch.fft.rfft(x), spectrum[:, :half]) < 2e-15
    assert distance(torch.fft.ihfft(x), spectrum[:, :half].conj() / n) < 2e-15
    assert distance(torch.fft.rfft(x.float()), spectrum[:, :half]) < 5e-7
    assert distance(torch.fft.irfft(spectrum[:, :half], n), x) < 2e-15
    assert distance(torch.fft.hfft(spectrum[:, :half].conj() / n, n), x) < 2e-15
    assert distance(torch.fft.irfft(spectrum[:, :half].to(torch.complex64), n), x) < 5e-7


@pytest.mark.parametrize("n", [2, 3, 4, 5, 7, 8, 9, 12, 15, 16])
@pytest.mark.parametrize("dtype", [torch.complex64, C128])
def test_many_short_lines(n: int, dtype: Any) -> None:
    x = complex_normal(70, n, dtype=dtype)
    tolerance = 1e-5 if dtype == torch.complex64 else 1e-13
    assert distance(torch.fft.fft(x), dft(x)) < tolerance
    assert distance(torch.fft.ifft(x) * n, dft(x, 1)) < tolerance
    cut = x[:, : n // 2 + 1].expand(2, -1, -1)
    assert distance(torch.fft.fft(cut, n)[1], torch.fft.fft(cut[0], n)) < tolerance
    real = x.real.contiguous()
    half = torch.fft.rfft(real)
    assert distance(half, dft(real.to(dtype))[:, : n // 2 + 1]) < tolerance
    assert distance(torch.fft.irfft(half, n), real) < tolerance


@pytest.mark.parametrize("n", [3, 12, 64, 131, 200])
@pytest.mark.parametrize("columns", [1, 5, 16, 37])
def test_columns_transform_as_rows_do(n: int, columns: int) -> None:
    z, x = complex_normal(n, columns), torch.randn(n, columns, dtype=torch.float64)
    assert torch.allclose(torch.fft.fft(z, dim=0), torch.fft.fft(z.t().contiguous()).t(), atol=1e-12)
    assert torch.allclose(torch.fft.rfft(x, dim=0), torch.fft.rfft(x.t().contiguous()).t(), atol=1e-12)
    half = torch.fft.rfft(x, dim=0)
    assert torch.allclose(torch.fft.irfft(half, n, dim=0), x, atol=1e-12)


@pytest.mark.parametrize("n", [65536, 100_000, 30_030, 10_007, 3 * 40_009])
def test_long_transforms_come_back(n: int) -> None:
    z, x = complex_normal(n), torch.randn(n, dtype=torch.float64)
    assert distance(torch.fft.ifft(torch.fft.fft(z)), z) < 5e-15
    assert distance(torch.fft.irfft(torch.fft.rfft(x), n), x) < 5e-15
    k = 777  # one item of the spectrum, by its sum
    phase = (torch.arange(n) * k % n).double() * (-2 * math.pi / n)
    item = (x * torch.complex(phase.cos(), phase.sin())).sum()
    assert abs(torch.fft.rfft(x)[k] - item) < 1e-8
    assert abs(torch.fft.fft(x)[n - k] - item.conj()) < 1e-8


def test_strided_and_batched_input() -> None:
    z = complex_normal(4, 6, 5, 7)
    for permuted in (z.permute(3, 1, 0, 2), z[::2, :, 1:, ::3], z.flip(1), z.transpose(1, 2)):
        for dim in range(4):
            expected = dft(permuted.movedim(dim, -1)).movedim(-1, dim)
            assert torch.allclose(torch.fft.fft(permuted, dim=dim), expected, atol=1e-12)
    row = torch.randn(5, dtype=torch.float64).expand(3, 5)
    assert torch.allclose(torch.fft.rfft(row), dft(row)[:, :3], atol=1e-12)


def test_several_dimensions_one_after_the_other() -> None:
    z = complex_normal(3, 4, 5)
    by_hand = torch.fft.fft(torch.fft.fft(torch.fft.fft(z, dim=0), dim=1), dim=2)
    assert torch.allclose(torch.fft.fftn(z), by_hand, atol=1e-12)
    assert torch.allclose(torch.fft.ifftn(by_hand), z, atol=1e-12)
    assert torch.allclose(torch.fft.fft2(z), torch.fft.fftn(z, dim=(1, 2)), atol=1e-12)
    x = torch.randn(3, 4, 5, dtype=torch.float64)
    assert torch.allclose(torch.fft.rfftn(x), torch.fft.fftn(x)[..., :3], atol=1e-12)
    assert torch.allclose(torch.fft.irfftn(torch.fft.rfftn(x), x.shape), x, atol=1e-12)
    assert torch.allclose(torch.fft.irfft2(torch.fft.rfft2(x), (4, 5)), x, atol=1e-12)
    assert torch.allclose(torch.fft.ihfftn(x), torch.fft.ifftn(x)[..., :3], atol=1e-12)
    assert torch.allclose(torch.fft.hfftn(torch.fft.ihfftn(x), x.shape), x, atol=1e-12)
    assert torch.allclose(torch.fft.hfft2(torch.fft.ihfft2(x), (4, 5)), x, atol=1e-12)


def test_norms_share_the_factor_between_the_directions() -> None:
    x = complex_normal(2, 6)
    plain = torch.fft.fft(x)
    assert torch.allclose(torch.fft.fft(x, norm="forward"), plain / 6)
    assert torch.allclose(torch.fft.fft(x, norm="ortho"), plain / math.sqrt(6))
    for norm in ("forward", "ortho", "backward", None):
        assert torch.allclose(torch.fft.ifftn(torch.fft.fftn(x, norm=norm), norm=norm), x)
        half = torch.fft.rfftn(x.real, norm=norm)
        assert torch.allclose(torch.fft.irfftn(half, (2, 6), norm=norm), x.real)


def test_sizes_cut_off_and_fill_up() -> None:
    x = torch.arange(1.0, 6.0)
    assert torch.equal(torch.fft.fft(x, 3), torch.fft.fft(x[:3]))
    assert torch.equal(torch.fft.fft(x, 8), torch.fft.fft(torch.tensor([1.0, 2, 3, 4, 5, 0, 0, 0])))
    assert torch.fft.irfft(x).shape == (8,)
    assert torch.fft.irfft(x, 9).shape == (9,)
    assert torch.fft.fftn(torch.ones(3, 4), (2, -1)).shape == (2, 4)
    assert torch.fft.irfftn(torch.ones(3, 4), (2, -1)).shape == (2, 6)


def test_the_imaginary_parts_of_what_must_be_real_do_not_count() -> None:
    for n in (8, 9, 200):
        for rows in (1, 20):
            half = complex_normal(rows, n // 2 + 1)
            changed = half.clone()
            changed[:, 0] += 3j
            if n % 2 == 0:
                changed[:, -1] -= 5j
            assert torch.equal(torch.fft.irfft(half, n), torch.fft.irfft(changed, n))


def test_element_types() -> None:
    assert torch.fft.fft(torch.ones(3, dtype=torch.int16)).dtype is torch.complex64
    assert torch.fft.rfft(torch.tensor([True, False])).dtype is torch.complex64
    assert torch.fft.irfft(torch.ones(3, dtype=torch.float64)).dtype is torch.float64
    assert torch.fft.hfft(torch.ones(3, dtype=torch.complex64)).dtype is torch.float32
    with pytest.raises(RuntimeError, match="Unsupported dtype Half"):
        torch.fft.fft(torch.ones(4).half())


def test_results_lie_in_memory_as_in_pytorch() -> None:
    assert torch.fft.fft(torch.ones(4, 3, 5), dim=1).stride() == (15, 1, 3)
    assert torch.fft.fftn(torch.ones(3, 4, 5, 6), dim=(3, 0)).stride() == (6, 90, 18, 1)
    assert torch.fft.rfftn(torch.ones(3, 4, 5, 6), dim=(3, 0)).stride() == (1, 60, 12, 2)
    assert torch.fft.irfftn(torch.ones(3, 4, 5), (2, 2), (1, 0)).stride() == (1, 2, 4)
    assert torch.fft.ihfft2(torch.ones(3, 4, 5)).stride() == (12, 1, 4)


def test_nothing_to_transform() -> None:
    assert torch.fft.fft(torch.ones(0, 3)).shape == (0, 3)
    assert torch.fft.rfft(torch.ones(4, 0, 4)).shape == (4, 0, 3)
    assert torch.equal(torch.fft.fftn(torch.tensor(2.0)), torch.tensor(2 + 0j))
    assert torch.equal(torch.fft.fftn(torch.ones(2, 2), dim=()), torch.ones(2, 2) + 0j)


def test_out_receives_the_result() -> None:
    x = torch.arange(4.0)
    target = torch.empty(0, dtype=torch.complex128)
    assert torch.fft.fft(x, out=target) is target
    assert torch.equal(target, torch.fft.fft(x).to(C128))
    with pytest.raises(RuntimeError, match="fft expects a complex output tensor, but got Float"):
        torch.fft.fft(x, out=torch.empty(4))
    with pytest.raises(
        RuntimeError, match="irfft expects a floating point output tensor, but got ComplexFloat"
    ):
        torch.fft.irfft(x, out=torch.empty(4, dtype=torch.complex64))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: torch.fft.fft(x, 0), RuntimeError, "Invalid number of data points \\(0\\) specified"),
        (
            lambda x: torch.fft.irfft(x[:, :1]),
            RuntimeError,
            "Invalid number of data points \\(0\\) specified",
        ),
        (lambda x: torch.fft.fft(x, norm="x"), RuntimeError, 'Invalid normalization mode: "x"'),
        (lambda x: torch.fft.fft(x, dim=2), IndexError, "Dimension out of range"),
        (
            lambda x: torch.fft.fft(x.sum()),
            IndexError,
            "Dimension specified as -1 but tensor has no dimensions",
        ),
        (
            lambda x: torch.fft.rfft(x + 1j),
            RuntimeError,
            "rfft expects a real input tensor, but got ComplexFloat",
        ),
        (lambda x: torch.fft.fftn(x, dim=(0, 0)), RuntimeError, "FFT dims must be unique"),
        (lambda x: torch.fft.fftn(x, (2,), (0, 1)), RuntimeError, "must have the same length"),
        (
            lambda x: torch.fft.fftn(x, (2, 2, 2)),
            RuntimeError,
            "Got shape with 3 values but input tensor only has 2",
        ),
        (lambda x: torch.fft.rfftn(x, dim=()), RuntimeError, "rfftn must transform at least one axis"),
        (lambda x: torch.fft.rfftn(x + 1j), RuntimeError, "rfftn expects a real-valued input tensor"),
    ],
)
def test_bad_input_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(torch.ones(2, 3))


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_derivatives(n: int) -> None:
    z, x = complex_normal(2, n), torch.randn(2, n, dtype=torch.float64)
    check_gradient(lambda t: torch.fft.fft(t, norm="ortho"), z)
    check_gradient(torch.fft.ifft, z)
    check_gradient(torch.fft.fft, x)
    check_gradient(torch.fft.rfft, x)
    check_gradient(lambda t: torch.fft.ihfft(t, n + 1, 0), x)
    check_gradient(lambda t: torch.fft.irfft(t, 2 * n), z)
    check_gradient(lambda t: torch.fft.hfft(t, 2 * n + 1), z)
    check_gradient(lambda t: torch.fft.irfft(t, n + 3), x)


def test_derivatives_of_several_dimensions() -> None:
    x, z = torch.randn(2, 3, 4, dtype=torch.float64), complex_normal(2, 3, 3)
    check_gradient(lambda t: torch.fft.fftn(t, (3, 2), (0, 2)), x)
    check_gradient(lambda t: torch.fft.rfftn(t, dim=(0, 2), norm="ortho"), x)
    check_gradient(torch.fft.ihfft2, x)
    check_gradient(lambda t: torch.fft.irfftn(t, (2, 5)), z)
    check_gradient(torch.fft.hfft2, z)


def test_shapes_without_memory() -> None:
    x = torch.empty(4, 3, 5, device="meta")
    assert torch.fft.rfft(x, dim=1).stride() == (10, 1, 2)
    assert torch.fft.irfft2(x).shape == (4, 3, 8)


# ---- short-time transforms


def frames_by_hand(x: torch.Tensor, window: torch.Tensor, hop: int) -> torch.Tensor:
    n = window.size(0)
    starts = range(0, x.size(-1) - n + 1, hop)
    return torch.stack([dft(x[..., s : s + n] * window) for s in starts], -1)


def test_stft_is_the_transform_of_windowed_frames() -> None:
    x, window = torch.randn(2, 50, dtype=torch.float64), torch.hann_window(8, dtype=torch.float64)
    expected = frames_by_hand(x, window, 3)
    got = torch.stft(x, 8, 3, window=window, center=False, return_complex=True)
    assert got.shape == (2, 5, 15)
    assert torch.allclose(got, expected[:, :5])
    both = torch.stft(
        x, 8, 3, window=window, center=False, onesided=False, normalized=True, return_complex=True
    )
    assert torch.allclose(both, expected / math.sqrt(8))
    z = complex_normal(50)
    assert torch.allclose(z.stft(8, 3, window=window, center=False), frames_by_hand(z, window, 3))


def test_stft_centres_frames_by_padding() -> None:
    x, window = torch.randn(40, dtype=torch.float64), torch.hamming_window(6, dtype=torch.float64)
    for mode in ("reflect", "constant", "replicate", "circular"):
        padded = torch.nn.functional.pad(x[None, None], (3, 3), mode)[0, 0]
        got = torch.stft(x, 6, 2, window=window, pad_mode=mode, return_complex=True)
        assert torch.allclose(got, torch.stft(padded, 6, 2, window=window, center=False, return_complex=True))


def test_a_short_window_stands_in_the_middle() -> None:
    x, window = torch.randn(30, dtype=torch.float64), torch.rand(5, dtype=torch.float64)
    wide = torch.cat([window.new_zeros(1), window, window.new_zeros(2)])
    got = torch.stft(x, 8, 2, 5, window, center=False, return_complex=True)
    assert torch.allclose(got, frames_by_hand(x, wide, 2)[:5])
    # Aligned, the first frame starts where the window does.
    aligned = torch.stft(x, 8, 2, 5, window, center=False, return_complex=True, align_to_window=True)
    assert torch.allclose(aligned, frames_by_hand(torch.nn.functional.pad(x, (1, 2)), wide, 2)[:5])
    with pytest.warns(UserWarning, match="A window was not provided"):
        plain = torch.stft(x, 8, 2, 5, center=False, return_complex=True)
    assert torch.allclose(
        plain, torch.stft(x, 8, 2, 5, window=torch.ones(5), center=False, return_complex=True)
    )


def test_stft_with_parts_is_deprecated() -> None:
    x, window = torch.randn(30), torch.ones(8)
    with pytest.warns(UserWarning, match="return_complex=False is deprecated"):
        parts = torch.stft(x, 8, window=window, return_complex=False)
    assert torch.equal(parts, torch.view_as_real(torch.stft(x, 8, window=window, return_complex=True)))
    with pytest.raises(
        RuntimeError, match="stft requires the return_complex parameter be given for real inputs"
    ):
        torch.stft(x, 8, window=window)


@pytest.mark.parametrize("shape", [(100,), (3, 100)])
def test_istft_undoes_stft(shape: tuple[int, ...]) -> None:
    x = torch.randn(*shape, dtype=torch.float64)
    for n, hop, length in ((16, 4, 16), (15, 5, 15), (16, 3, 12), (20, 10, 20)):
        window = torch.rand(length, dtype=torch.float64) + 0.5
        for normalized in (False, True):
            spectrum = torch.stft(x, n, hop, length, window, normalized=normalized, return_complex=True)
            back = torch.istft(spectrum, n, hop, length, window, normalized=normalized, length=90)
            assert torch.allclose(back, x[..., :90])
    window = torch.hann_window(16, dtype=torch.float64)
    whole = torch.stft(x, 16, window=window, onesided=False, return_complex=True)
    assert torch.allclose(whole.istft(16, window=window), x)
    z = torch.complex(x, x.flip(-1))
    spectrum = torch.stft(z, 16, window=window)
    assert torch.allclose(torch.istft(spectrum, 16, window=window, return_complex=True), z)


def test_istft_to_another_length() -> None:
    x, window = torch.randn(100), torch.ones(16)
    spectrum = torch.stft(x, 16, 4, window=window, center=False, return_complex=True)
    assert torch.allclose(torch.istft(spectrum, 16, 4, window=window, center=False), x, atol=1e-6)
    with pytest.warns(UserWarning, match="The length of signal is shorter than the length parameter"):
        longer = torch.istft(spectrum, 16, 4, window=window, center=False, length=110)
    assert longer.shape == (110,)
    assert longer[100:].abs().max() == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_fft": 0, "center": False}, "expected 0 < n_fft < 30, but got n_fft=0"),
        ({"n_fft": 31, "center": False}, "expected 0 < n_fft < 30, but got n_fft=31"),
        ({"n_fft": 8, "hop_length": 0}, "expected hop_length > 0, but got hop_length=0"),
        ({"n_fft": 8, "win_length": 9}, "expected 0 < win_length <= n_fft, but got win_length=9"),
        ({"n_fft": 8, "window": torch.ones(7)}, "equal to win_length=8, but got window with size \\[7\\]"),
        (
            {"n_fft": 8, "window": torch.ones(8) + 0j, "onesided": True},
            "Cannot have onesided output if window",
        ),
        ({"n_fft": 8, "align_to_window": True}, "align_to_window should only be set when center = false"),
    ],
)
def test_stft_refuses(arguments: dict[str, Any], message: str) -> None:
    arguments = {"window": torch.ones(arguments.get("win_length", arguments["n_fft"])), **arguments}
    with pytest.raises(RuntimeError, match=message):
        torch.stft(torch.ones(2, 30), return_complex=True, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hop_length": 9}, "expected 0 < hop_length <= win_length"),
        ({"win_length": 9, "window": torch.ones(9)}, "expected 0 < win_length <= n_fft"),
        ({"window": torch.ones(7)}, "window has to be 1D and length of `win_length`"),
        ({"onesided": False}, "match n_fft when onesided=False, but got 5"),
        ({"return_complex": True}, "Cannot have onesided output if window or input is complex"),
        ({"window": torch.ones(8) + 0j}, "Complex windows are incompatible with return_complex=False"),
        ({"window": torch.zeros(8)}, "window overlap add min: 1"),
    ],
)
def test_istft_refuses(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        torch.istft(torch.ones(5, 6) + 0j, 8, **{"window": torch.ones(8), **arguments})


def test_messages_of_stft_say_what_was_given() -> None:
    with pytest.raises(
        RuntimeError, match=r"^stft\(torch.FloatTensor\[2, 38\], n_fft=8, hop_length=0, win_length=8, "
    ):
        torch.stft(torch.ones(2, 30), 8, 0, window=torch.ones(8), return_complex=True)
    with pytest.raises(
        RuntimeError, match=r"^istft\(CPUComplexFloatType\[4, 6\], n_fft=8, hop_length=2, win_length=8, "
    ):
        torch.istft(torch.ones(4, 6) + 0j, 8, window=torch.ones(8))


def test_derivatives_of_short_time_transforms() -> None:
    x, window = torch.randn(20, dtype=torch.float64), torch.rand(6, dtype=torch.float64) + 0.5
    check_gradient(lambda t: torch.stft(t, 6, 2, window=window, center=False, return_complex=True), x)
    check_gradient(lambda t: torch.stft(x, 6, 2, window=t, return_complex=True), window)
    spectrum = torch.stft(x, 6, 2, window=window, return_complex=True)
    check_gradient(lambda t: torch.istft(t, 6, 2, window=window), spectrum)
    check_gradient(lambda t: torch.istft(spectrum, 6, 2, window=t), window)

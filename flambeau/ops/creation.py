"""Window functions: those of the top level, and those of `signal.windows`, which round and refuse in their own ways."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, operator, windows

_PLACE = "dtype? dtype=None, layout? layout=None, device? device=None, bool requires_grad=False"


def _bessel_i0(x: Tensor) -> Tensor:
    """The modified Bessel function of order zero by its power series sum_k ((x / 2)^k / k!)^2, whose terms are positive.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, equation 9.6.12.
    """
    quarter = (x / 2).square()
    term = torch.ones_like(x)
    total = term
    k = 1
    while bool((term > total * 1e-17).any()):
        term = term * quarter / (k * k)
        total = total + term
        k += 1
    return total


def _periodic(
    name: str, length: int, periodic: bool, options: dict[str, Any], values: Callable[[Tensor, int], Tensor]
) -> Tensor:
    """values(0 .. n - 1, n) for a symmetric window; a periodic one is the next longer without its last sample."""
    dtype = torch.get_default_dtype() if options["dtype"] is None else options["dtype"]
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(f"{name} expects floating point dtypes, got: {dtype}")
    if dtype.is_complex:
        raise RuntimeError(f"{name} does not support complex dtypes, got: {dtype}")
    if length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={length}")
    requires_grad = options["requires_grad"]
    place = {**options, "dtype": dtype, "requires_grad": False}
    if length <= 1:
        window = torch.ones((length,), **place)
    else:
        n = length + 1 if periodic else length
        wide = {**place, "dtype": torch.float64 if dtype == torch.float64 else torch.float32}
        window = values(torch.arange(length, **wide), n).to(dtype)
    return window.requires_grad_(requires_grad)


def _triangle(k: Tensor, period: int) -> Tensor:
    return 1 - (k * (2 / period) - 1).abs()


def _raised_cosine(k: Tensor, period: int, alpha: float, beta: float) -> Tensor:
    return (k * (2 * math.pi / period)).cos() * -beta + alpha


@operator("bartlett_window(int window_length, bool periodic=True, *, options) -> Tensor", function)
def bartlett_window(window_length: int, periodic: bool, **options: Any) -> Tensor:
    """Bartlett's triangular window: w[k] = 1 - |2 k / (N - 1) - 1|, of N samples.

    Args:
        window_length: the number of samples
        periodic: whether N is one more than that, the last sample left out, as Fourier analysis wants it
        dtype, layout, device, pin_memory, requires_grad: as of every new tensor; floating point

    Raises:
        RuntimeError: a negative length, or a dtype that is not floating point.

    >>> import flambeau as torch
    >>> torch.bartlett_window(4, dtype=torch.float64).mul(100).round().div(100).abs().tolist()
    [0.0, 0.5, 1.0, 0.5]

    Source: Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.5.
    """
    return _periodic("bartlett_window", window_length, periodic, options, lambda k, n: _triangle(k, n - 1))


@operator("blackman_window(int window_length, bool periodic=True, *, options) -> Tensor", function)
def blackman_window(window_length: int, periodic: bool, **options: Any) -> Tensor:
    """Blackman's window: w[k] = 0.42 - 0.5 cos(2 pi k / (N - 1)) + 0.08 cos(4 pi k / (N - 1)), of N samples.

    Args:
        window_length: the number of samples
        periodic: whether N is one more than that, the last sample left out, as Fourier analysis wants it
        dtype, layout, device, pin_memory, requires_grad: as of every new tensor; floating point

    Raises:
        RuntimeError: a negative length, or a dtype that is not floating point.

    >>> import flambeau as torch
    >>> torch.blackman_window(4, dtype=torch.float64).mul(100).round().div(100).abs().tolist()
    [0.0, 0.34, 1.0, 0.34]

    Source: Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.5.
    """
    return _periodic(
        "blackman_window",
        window_length,
        periodic,
        options,
        lambda k, n: (
            (k * (4 * math.pi / (n - 1))).cos() * 0.08 - (k * (2 * math.pi / (n - 1))).cos() * 0.5 + 0.42
        ),
    )


@operator("hann_window(int window_length, bool periodic=True, *, options) -> Tensor", function)
def hann_window(window_length: int, periodic: bool, **options: Any) -> Tensor:
    """Von Hann's window: w[k] = (1 - cos(2 pi k / (N - 1))) / 2, of N samples.

    Args:
        window_length: the number of samples
        periodic: whether N is one more than that, the last sample left out, as Fourier analysis wants it
        dtype, layout, device, pin_memory, requires_grad: as of every new tensor; floating point

    Raises:
        RuntimeError: a negative length, or a dtype that is not floating point.

    >>> import flambeau as torch
    >>> torch.hann_window(4, dtype=torch.float64).mul(100).round().div(100).abs().tolist()
    [0.0, 0.5, 1.0, 0.5]

    Source: Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.5.
    """
    return _periodic(
        "hann_window", window_length, periodic, options, lambda k, n: _raised_cosine(k, n - 1, 0.5, 0.5)
    )


@operator(
    "hamming_window(int window_length, bool periodic=True, float alpha=0.54, float beta=0.46, *, options) -> Tensor",
    function,
)
def hamming_window(window_length: int, periodic: bool, alpha: float, beta: float, **options: Any) -> Tensor:
    """Hamming's window: w[k] = alpha - beta cos(2 pi k / (N - 1)), of N samples.

    Args:
        window_length: the number of samples
        periodic: whether N is one more than that, the last sample left out, as Fourier analysis wants it
        alpha, beta: the coefficients
        dtype, layout, device, pin_memory, requires_grad: as of every new tensor; floating point

    Raises:
        RuntimeError: a negative length, or a dtype that is not floating point.

    >>> import flambeau as torch
    >>> torch.hamming_window(4, dtype=torch.float64).mul(100).round().div(100).abs().tolist()
    [0.08, 0.54, 1.0, 0.54]

    Source: Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.5.
    """
    return _periodic(
        "hamming_window",
        window_length,
        periodic,
        options,
        lambda k, n: _raised_cosine(k, n - 1, alpha, beta),
    )


@operator(
    "kaiser_window(int window_length, bool periodic=True, float beta=12.0, *, options) -> Tensor", function
)
def kaiser_window(window_length: int, periodic: bool, beta: float, **options: Any) -> Tensor:
    """Kaiser's window: w[k] = I0(beta sqrt(1 - (2 k / (N - 1) - 1)^2)) / I0(beta), of N samples.

    Args:
        window_length: the number of samples
        periodic: whether N is one more than that, the last sample left out, as Fourier analysis wants it
        beta: the shape: larger is narrower
        dtype, layout, device, pin_memory, requires_grad: as of every new tensor; floating point

    Raises:
        RuntimeError: a negative length, or a dtype that is not floating point.

    >>> import flambeau as torch
    >>> torch.kaiser_window(4, False, 0.0).tolist()
    [1.0, 1.0, 1.0, 1.0]

    Source: Kaiser and Schafer, On the use of the I0-sinh window for spectrum analysis, 1980.
    """
    return _periodic(
        "kaiser_window", window_length, periodic, options, lambda k, n: _kaiser(k * (2 / (n - 1)) - 1, beta)
    )


def _kaiser(place: Tensor, beta: float) -> Tensor:
    """Kaiser's window at places from -1 to 1."""
    wide = place.to(torch.float64)
    at = (1 - wide.square()).clamp_min(0).sqrt() * beta
    return (
        _bessel_i0(at) / _bessel_i0(torch.tensor(float(beta), dtype=torch.float64, device=place.device))
    ).to(place.dtype)


def _window(name: str, M: int, options: dict[str, Any], values: Callable[[Tensor], Tensor]) -> Tensor:
    """values(0 .. M - 1), computed in the window's dtype."""
    dtype = torch.get_default_dtype() if options["dtype"] is None else options["dtype"]
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if options["layout"] not in (None, torch.strided):
        raise ValueError(f"{name} is implemented for strided tensors only, got: {options['layout']}")
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    place = {"dtype": dtype, "device": options["device"]}
    if M == 0:
        window = torch.empty((0,), **place)
    elif M == 1:
        window = torch.ones((1,), **place)
    else:
        window = values(torch.arange(M, **place))
    return window.requires_grad_(options["requires_grad"])


def _cosines(name: str, M: int, coefficients: Sequence[float], sym: bool, options: dict[str, Any]) -> Tensor:
    """The sum of (-1)^i a[i] cos(2 pi i k / N)."""

    def values(k: Tensor) -> Tensor:
        angle = k * (2 * math.pi / (M - 1 if sym else M))
        total = torch.zeros_like(k)
        for i, a in enumerate(coefficients):
            total = total + (angle * i).cos() * (-a if i % 2 else a)
        return total

    return _window(name, M, options, values)


@operator(f"bartlett(int M, *, bool sym=True, {_PLACE}) -> Tensor", windows)
def bartlett(M: int, *, sym: bool, **options: Any) -> Tensor:
    """Bartlett's triangular window: w[k] = 1 - |2 k / (M - 1) - 1|.

    Args:
        M: the number of samples
        sym: whether the window is symmetric; otherwise periodic, as Fourier analysis wants it
        dtype, layout, device, requires_grad: as of every new tensor; float32 or float64

    Raises:
        ValueError: a negative length, another dtype or layout.

    >>> import flambeau as torch
    >>> torch.signal.windows.bartlett(3).mul(100).round().abs().tolist()
    [0.0, 100.0, 0.0]

    Source: Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.5.
    """
    return _window("bartlett", M, options, lambda k: _triangle(k, M - 1 if sym else M))


@operator(f"cosine(int M, *, bool sym=True, {_PLACE}) -> Tensor", windows)
def cosine(M: int, *, sym: bool, **options: Any) -> Tensor:
    """The cosine window: w[k] = sin(pi (k + 1/2) / M).

    Args:
        M: the number of samples
        sym: whether the window is symmetric; otherwise periodic, as Fourier analysis wants it
        dtype, layout, device, requires_grad: as of every new tensor; float32 or float64

    Raises:
        ValueError: a negative length, another dtype or layout.

    >>> import flambeau as torch
    >>> torch.signal.windows.cosine(3).mul(100).round().abs().tolist()
    [50.0, 100.0, 50.0]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    return _window("cosine", M, options, lambda k: ((k + 0.5) * (math.pi / (M if sym else M + 1))).sin())


@operator(
    f"exponential(int M, *, float? center=None, Number tau=1.0, bool sym=True, {_PLACE}) -> Tensor", windows
)
def exponential(M: int, *, center: float | None, tau: float, sym: bool, **options: Any) -> Tensor:
    """The exponential window: w[k] = exp(-|k - center| / tau).

    Args:
        M: the number of samples
        center: where the window is 1; the middle by default, and always where it is symmetric
        tau: the decay, positive
        sym: whether the window is symmetric; otherwise periodic, as Fourier analysis wants it
        dtype, layout, device, requires_grad: as of every new tensor; float32 or float64

    Raises:
        ValueError: a negative length, tau <= 0, a center for a symmetric window, another dtype or layout.

    >>> import flambeau as torch
    >>> torch.signal.windows.exponential(3).mul(100).round().abs().tolist()
    [37.0, 100.0, 37.0]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    middle = (M - 1 if sym else M) / 2 if center is None else center
    return _window("exponential", M, options, lambda k: ((k - middle).abs() / -tau).exp())


@operator(f"gaussian(int M, *, Number std=1.0, bool sym=True, {_PLACE}) -> Tensor", windows)
def gaussian(M: int, *, std: float, sym: bool, **options: Any) -> Tensor:
    """The Gaussian window: w[k] = exp(-((k - (M - 1) / 2) / std)^2 / 2).

    Args:
        M: the number of samples
        std: the standard deviation in samples, positive
        sym: whether the window is symmetric; otherwise periodic, as Fourier analysis wants it
        dtype, layout, device, requires_grad: as of every new tensor; float32 or float64

    Raises:
        ValueError: a negative length, std <= 0, another dtype or layout.

    >>> import flambeau as torch
    >>> torch.signal.windows.gaussian(3).mul(100).round().abs().tolist()
    [61.0, 100.0, 61.0]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    middle = (M - 1 if sym else M) / 2
    return _window(
        "gaussian", M, options, lambda k: ((k - middle) / (std * math.sqrt(2))).square().neg().exp()
    )


@operator(f"kaiser(int M, *, Number beta=12.0, bool sym=True, {_PLACE}) -> Tensor", windows)
def kaiser(M: int, *, beta: float, sym: bool, **options: Any) -> Tensor:
    """Kaiser's window: w[k] = I0(beta sqrt(1 - (2 k / (M - 1) - 1)^2)) / I0(beta).

    Args:
        M: the number of samples
        beta: the shape, not negative: larger is narrower
        sym: whether the window is symmetric; otherwise periodic, as Fourier analysis wants it
        dtype, layout, device, requires_grad: as of every new tensor; float32 or float64

    Raises:
        ValueError: a negative length, a negative beta, another dtype or layout.

    >>> import flambeau as torch
    >>> torch.signal.windows.kaiser(3, beta=0.0).mul(100).round().abs().tolist()
    [100.0, 100.0, 100.0]

    Source: Kaiser and Schafer, On the use of the I0-sinh window for spectrum analysis, 1980.
    """
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    return _window("kaiser", M, options, lambda k: _kaiser(k * (2 / (M - 1 if sym else M)) - 1, beta))


@operator(f"hamming(int M, *, bool sym=True, {_PLACE}) -> Tensor", windows)
def hamming(M: int, *, sym: bool, **options: Any) -> Tensor:
    """Hamming's window: w[k] = 0.54 - 0.46 cos(2 pi k / (M - 1)).

    Args:
        M: the number of samples
        sym: whether the window is symmetric; otherwise periodic, as Fourier analysis wants it
        dtype, layout, device, requires_grad: as of every new tensor; float32 or float64

    Raises:
        ValueError: a negative length, another dtype or layout.

    >>> import flambeau as torch
    >>> torch.signal.windows.hamming(3).mul(100).round().abs().tolist()
    [8.0, 100.0, 8.0]

    Source: Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.5.
    """
    return _cosines("general_cosine", M, (0.54, 1 - 0.54), sym, options)


@operator(f"hann(int M, *, bool sym=True, {_PLACE}) -> Tensor", windows)
def hann(M: int, *, sym: bool, **options: Any) -> Tensor:
    """Von Hann's window: w[k] = (1 - cos(2 pi k / (M - 1))) / 2.

    Args:
        M: the number of samples
        sym: whether the window is symmetric; otherwise periodic, as Fourier analysis wants it
        dtype, layout, device, requires_grad: as of every new tensor; float32 or float64

    Raises:
        ValueError: a negative length, another dtype or layout.

    >>> import flambeau as torch
    >>> torch.signal.windows.hann(3).mul(100).round().abs().tolist()
    [0.0, 100.0, 0.0]

    Source: Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.5.
    """
    return _cosines("general_cosine", M, (0.5, 0.5), sym, options)


@operator(f"blackman(int M, *, bool sym=True, {_PLACE}) -> Tensor", windows)
def blackman(M: int, *, sym: bool, **options: Any) -> Tensor:
    """Blackman's window: w[k] = 0.42 - 0.5 cos(2 pi k / (M - 1)) + 0.08 cos(4 pi k / (M - 1)).

    Args:
        M: the number of samples
        sym: whether the window is symmetric; otherwise periodic, as Fourier analysis wants it
        dtype, layout, device, requires_grad: as of every new tensor; float32 or float64

    Raises:
        ValueError: a negative length, another dtype or layout.

    >>> import flambeau as torch
    >>> torch.signal.windows.blackman(3).mul(100).round().abs().tolist()
    [0.0, 100.0, 0.0]

    Source: Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.5.
    """
    return _cosines("blackman", M, (0.42, 0.5, 0.08), sym, options)


@operator(f"nuttall(int M, *, bool sym=True, {_PLACE}) -> Tensor", windows)
def nuttall(M: int, *, sym: bool, **options: Any) -> Tensor:
    """Nuttall's window with minimal four terms: 0.3635819, 0.4891775, 0.1365995, 0.0106411 times cosines.

    Args:
        M: the number of samples
        sym: whether the window is symmetric; otherwise periodic, as Fourier analysis wants it
        dtype, layout, device, requires_grad: as of every new tensor; float32 or float64

    Raises:
        ValueError: a negative length, another dtype or layout.

    >>> import flambeau as torch
    >>> torch.signal.windows.nuttall(3).mul(100).round().abs().tolist()
    [0.0, 100.0, 0.0]

    Source: Nuttall, Some windows with very good sidelobe behavior, 1981.
    """
    return _cosines("general_cosine", M, (0.3635819, 0.4891775, 0.1365995, 0.0106411), sym, options)


@operator(f"general_hamming(int M, *, float alpha=0.54, bool sym=True, {_PLACE}) -> Tensor", windows)
def general_hamming(M: int, *, alpha: float, sym: bool, **options: Any) -> Tensor:
    """The general Hamming window: w[k] = alpha - (1 - alpha) cos(2 pi k / (M - 1)).

    Args:
        M: the number of samples
        alpha: the coefficient
        sym: whether the window is symmetric; otherwise periodic, as Fourier analysis wants it
        dtype, layout, device, requires_grad: as of every new tensor; float32 or float64

    Raises:
        ValueError: a negative length, another dtype or layout.

    >>> import flambeau as torch
    >>> torch.signal.windows.general_hamming(3).mul(100).round().abs().tolist()
    [8.0, 100.0, 8.0]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    return _cosines("general_cosine", M, (alpha, 1 - alpha), sym, options)


@operator(f"general_cosine(int M, *, object a, bool sym=True, {_PLACE}) -> Tensor", windows)
def general_cosine(M: int, *, a: Any, sym: bool, **options: Any) -> Tensor:
    """A sum of cosines: w[k] = sum_i (-1)^i a[i] cos(2 pi i k / (M - 1)).

    Args:
        M: the number of samples
        a: the coefficients, at least one
        sym: whether the window is symmetric; otherwise periodic, as Fourier analysis wants it
        dtype, layout, device, requires_grad: as of every new tensor; float32 or float64

    Raises:
        ValueError: a negative length, no coefficients, another dtype or layout.
        TypeError: coefficients that are no sequence.

    >>> import flambeau as torch
    >>> torch.signal.windows.general_cosine(3, a=[0.5, 0.5]).round().abs().tolist()
    [0.0, 1.0, 0.0]

    Source: Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
    """
    if not hasattr(a, "__iter__"):
        raise TypeError("Coefficients must be a list/tuple")
    coefficients = [float(value) for value in a]
    if not coefficients:
        raise ValueError("Coefficients cannot be empty")
    return _cosines("general_cosine", M, coefficients, sym, options)

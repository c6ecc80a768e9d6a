"""The short-time Fourier transform and its inverse."""

from __future__ import annotations

import warnings
from typing import Any

import flambeau as torch
from flambeau import Tensor, _core
from flambeau.ops._operator import float32, function, method, operator


def _type_of(tensor: Tensor) -> str:
    """The type's name as PyTorch's messages about these two spell it."""
    name: str = tensor.type()
    return f"CPU{name[6:-6]}Type" if tensor.is_complex() else name


def _described(
    function: str, tensor: Tensor, n_fft: int, hop: int, length: int, window: Any, more: str
) -> str:
    shown = None if window is None else f"{_type_of(window)}{{{list(window.shape)}}}"
    return (
        f"{function}({_type_of(tensor)}{list(tensor.shape)}, n_fft={n_fft}, hop_length={hop}, win_length={length}, "
        f"window={shown}, {more})"
    )


def _number(value: bool | None) -> int | None:
    return None if value is None else int(value)


def _filled(window: Tensor, n_fft: int) -> Tensor:
    """The window in the middle of `n_fft` items."""
    left = (n_fft - window.size(0)) // 2
    right = n_fft - window.size(0) - left
    return torch.nn.functional.pad(window, (left, right)) if left or right else window


@operator(
    "stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, "
    "str pad_mode='reflect', bool normalized=False, bool? onesided=None, bool? return_complex=None, "
    "bool? align_to_window=None) -> Tensor",
    function,
    method,
    float32,
)
def stft(
    self: Tensor,
    n_fft: int,
    hop_length: int | None,
    win_length: int | None,
    window: Tensor | None,
    center: bool,
    pad_mode: str,
    normalized: bool,
    onesided: bool | None,
    return_complex: bool | None,
    align_to_window: bool | None,
) -> Tensor:
    """The short-time Fourier transform: X[k, t] = sum over j of window[j] x[t hop + j] e^(-2 pi i j k / n_fft).

    Args:
        self: the signal, (length) or (batch, length), real or complex
        n_fft: the points of each transform
        hop_length: from frame to frame; n_fft // 4 by default
        win_length: the window's length, at most n_fft (the default); a shorter window stands in the middle of a frame
        window: (win_length); ones by default
        center: frame t is centred at t hop, and the signal padded by n_fft // 2 at either end
        pad_mode: how, as of `nn.functional.pad`
        normalized: whether transforms are divided by sqrt(n_fft)
        onesided: the first n_fft // 2 + 1 frequencies alone; the default where signal and window are real
        return_complex: False gives real and imaginary parts in a last dimension; has to be given for real input
        align_to_window: frames start where the window does, not n_fft points around it; only without center

    Returns:
        (frequencies, frames) or (batch, frequencies, frames), complex.

    Raises:
        RuntimeError: lengths that do not fit each other, integers, onesided of complex numbers.

    >>> import flambeau as torch
    >>> x = torch.tensor([1.0, 2.0, 3.0, 4.0])
    >>> torch.stft(x, 2, 2, window=torch.ones(2), center=False, return_complex=True).real.tolist()
    [[3.0, 7.0], [-1.0, -1.0]]

    Source: Allen and Rabiner, A unified approach to short-time Fourier analysis and synthesis, 1977.
    """
    if center:
        if align_to_window is not None:
            raise RuntimeError("stft align_to_window should only be set when center = false")
        missing = max(3 - self.dim(), 0)  # dimensions, for some modes pad only with others before
        wide = self.reshape((1,) * missing + tuple(self.shape))
        wide = torch.nn.functional.pad(wide, (n_fft // 2, n_fft // 2), pad_mode)
        self = wide.reshape(wide.shape[missing:])
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    if window is None:
        warnings.warn(
            "A window was not provided. A rectangular window will be applied, which is known to cause spectral leakage. "
            "Other windows such as torch.hann_window or torch.hamming_window are recommended to reduce spectral leakage. "
            "To suppress this warning and use a rectangular window, explicitly set "
            "`window=torch.ones(n_fft, device=<device>)`.",
            stacklevel=2,
        )
    is_complex = self.is_complex() or (window is not None and window.is_complex())
    as_complex = is_complex if return_complex is None else return_complex
    if not as_complex:
        if return_complex is None:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs, and will further require that "
                "return_complex=True in a future PyTorch release."
            )
        warnings.warn(
            "stft with return_complex=False is deprecated. In a future pytorch release, stft will return complex tensors "
            "for all inputs, and return_complex=False will raise an error.\nNote: you can still call torch.view_as_real on "
            "the complex output to recover the old return format.",
            stacklevel=2,
        )

    def refuse(what: str) -> None:
        more = f"normalized={int(normalized)}, onesided={_number(onesided)}, return_complex={_number(return_complex)}, "
        more += f"align_to_window={_number(align_to_window)}"
        raise RuntimeError(f"{_described('stft', self, n_fft, hop, length, window, more)} : {what}")

    if not self.is_floating_point() and not self.is_complex():
        refuse("expected a tensor of floating point or complex values")
    if self.dim() not in (1, 2):
        refuse("expected a 1D or 2D tensor")
    points = self.size(-1)
    if not 0 < n_fft <= points:
        refuse(f"expected 0 < n_fft < {points}, but got n_fft={n_fft}")
    if hop <= 0:
        refuse(f"expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        refuse(f"expected 0 < win_length <= n_fft, but got win_length={length}")
    if window is not None and tuple(window.shape) != (length,):
        refuse(
            f"expected a 1D window tensor of size equal to win_length={length}, but got window with size "
            f"{list(window.shape)}"
        )
    if align_to_window and length < n_fft:
        left = (n_fft - length) // 2
        self = torch.nn.functional.pad(self, (left, n_fft - length - left))
    frames = self.unfold(-1, n_fft, hop)
    if window is not None or length < n_fft:
        # Ones where there is no window: in the signal's dtype, the frames' own where it is complex.
        weights = torch.ones(length, dtype=self.dtype, device=self.device) if window is None else window
        frames = frames * _filled(weights, n_fft)
    norm = "ortho" if normalized else "backward"
    if is_complex and onesided:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    half = not is_complex and onesided is not False
    spectrum = torch.fft.rfft(frames, norm=norm) if half else torch.fft.fft(frames, norm=norm)
    spectrum = spectrum.transpose(-1, -2)
    return spectrum if as_complex else torch.view_as_real(spectrum)


@operator(
    "istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, "
    "bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor",
    function,
    method,
    float32,
)
def istft(
    self: Tensor,
    n_fft: int,
    hop_length: int | None,
    win_length: int | None,
    window: Tensor | None,
    center: bool,
    normalized: bool,
    onesided: bool | None,
    length: int | None,
    return_complex: bool,
) -> Tensor:
    """The inverse of `stft`, in the sense of least squares: windowed frames are added up and divided by their windows.

    Args:
        self: (frequencies, frames) or (batch, frequencies, frames), complex
        n_fft, hop_length, win_length, window, center, normalized: as `stft` got them
        onesided: whether the frequencies are the first n_fft // 2 + 1; by default as their number says
        length: that of the signal; by default all that the frames hold
        return_complex: for signals, or windows, that are complex

    Returns:
        (length) or (batch, length)

    Raises:
        RuntimeError: lengths that do not fit each other, a real input, windows that add up to nothing somewhere.

    >>> import flambeau as torch
    >>> x, window = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.ones(2)
    >>> torch.istft(torch.stft(x, 2, 1, window=window, return_complex=True), 2, 1, window=window)
    tensor([1., 2., 3., 4.])

    Source: Griffin and Lim, Signal estimation from modified short-time Fourier transform, 1984.
    """
    if window is None:
        warnings.warn(
            "A window was not provided. A rectangular window will be applied. Please provide the same window used by stft "
            "to make the inversion lossless. To suppress this warning and use a rectangular window, explicitly set "
            "`window=torch.ones(n_fft, device=<device>)`.",
            stacklevel=2,
        )
    hop = n_fft // 4 if hop_length is None else hop_length
    win = n_fft if win_length is None else win_length
    more = (
        f"center={int(center)}, normalized={int(normalized)}, onesided={_number(onesided)}, length={length}, "
    )
    described = _described(
        "istft", self, n_fft, hop, win, window, f"{more}return_complex={int(return_complex)}"
    )

    def need(condition: bool, what: str) -> None:
        if not condition:
            raise RuntimeError(f"{described} : {what}")

    if not self.is_complex():
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
        )
    count, frequencies = self.size(-1), self.size(-2)
    half = frequencies != n_fft if onesided is None else onesided
    need(self.numel() > 0, "input tensor cannot be empty.")
    need(self.dim() in (2, 3), f"expected a tensor with 3 or 4 dimensions, but got {self.dim() + 1}")
    wanted = "match n_fft / 2 + 1 when onesided=True" if half else "match n_fft when onesided=False"
    need(
        frequencies == (n_fft // 2 + 1 if half else n_fft),
        f"expected the frequency dimension (3rd to the last) of the input tensor to {wanted}, but got {frequencies}",
    )
    need(0 < hop <= win, "expected 0 < hop_length <= win_length")
    need(0 < win <= n_fft, "expected 0 < win_length <= n_fft")
    need(
        window is None or tuple(window.shape) == (win,),
        "Invalid window shape. window has to be 1D and length of `win_length`",
    )
    if window is None:
        window = torch.ones(win, dtype=self.real.dtype, device=self.device)
    window = _filled(window, n_fft)
    spectrum, norm = self.transpose(-1, -2), "ortho" if normalized else "backward"
    if return_complex:
        if half:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
        frames = torch.fft.ifft(spectrum, norm=norm)
    else:
        if window.is_complex():
            raise RuntimeError("Complex windows are incompatible with return_complex=False")
        frames = torch.fft.irfft(spectrum[..., : n_fft // 2 + 1], n_fft, norm=norm)
    total = n_fft + hop * (count - 1)
    signal = _core._fft._overlap_add(frames * window, total, hop)
    envelope = _core._fft._overlap_add((window * window).expand(count, n_fft), total, hop)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - (n_fft // 2 if center else 0)
    signal, envelope = signal[..., start:end], envelope[start:end]
    if not envelope.is_meta and not bool(envelope.abs().min() > 1e-11):
        raise RuntimeError(f"{described} window overlap add min: 1\n[ CPUBoolType{{}} ]")
    signal = signal / envelope
    if end > total:
        warnings.warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. "
            "Please check your center and hop_length settings.",
            stacklevel=2,
        )
        signal = torch.nn.functional.pad(signal, (0, end - total))
    return signal

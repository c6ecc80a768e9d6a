"""Losses. Each takes ``reduction``: none, mean or sum; ``size_average`` and ``reduce`` are its older form."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..._core import Tensor, int64, promote_types
from ..._precision import precision
from ...ops._refusals import need_floating, scalar_type
from .. import _reduction
from ._operators import operator

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss",
    "cosine_similarity", "cross_entropy", "ctc_loss", "gaussian_nll_loss", "hinge_embedding_loss", "huber_loss",
    "kl_div", "l1_loss", "margin_ranking_loss", "mse_loss", "multi_margin_loss",
    "multilabel_margin_loss", "multilabel_soft_margin_loss", "nll_loss", "normalize", "pairwise_distance",
    "poisson_nll_loss", "smooth_l1_loss", "soft_margin_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss",
]  # fmt: skip

_mse_loss, _l1_loss, _nll_loss = operator("mse_loss"), operator("l1_loss"), operator("nll_loss")
_cross_entropy, _linear, _ctc_loss = operator("cross_entropy"), operator("linear"), operator("ctc_loss")
_binary_cross_entropy = operator("binary_cross_entropy")
_binary_cross_entropy_with_logits = operator("binary_cross_entropy_with_logits")
_where, _broadcast_tensors = operator("where"), operator("broadcast_tensors")
_softplus, _xlogy, _log_sigmoid = operator("softplus"), operator("xlogy"), operator("log_sigmoid")


def _chosen(reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    if size_average is None and reduce is None:
        return reduction
    return _reduction.legacy_get_string(size_average, reduce)


def _code(reduction: str, size_average: bool | None, reduce: bool | None) -> int:
    return _reduction.get_enum(_chosen(reduction, size_average, reduce))


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    code = _reduction.get_enum(reduction)
    return loss if code == 0 else loss.mean() if code == 1 else loss.sum()


def _same_size(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Both, broadcast to each other with a warning if their sizes differ."""
    if target.size() == input.size():
        return input, target
    warnings.warn(
        f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This "
        "will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
        stacklevel=3,
    )
    input, target = _broadcast_tensors([input, target])
    return input, target


def _weighted(loss: Tensor, weight: Tensor, input: Tensor, reduction: str, by_weight: bool) -> Tensor:
    """The reduction of weighted errors; ``by_weight`` takes the weighted mean."""
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")
    loss = loss * weight
    if reduction == "mean" and by_weight:
        return loss.sum() / weight.sum()
    return _reduced(loss, reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    r"""Computes :math:`(x - y)^2`; with ``weight``, the mean is the weighted one.

    Args:
        input, target: one shape.
        size_average, reduce: deprecated, an older form of ``reduction``.
        reduction: 'none', 'mean' or 'sum'.
        weight: of the input's shape.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.mse_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(5.)
    """
    reduction = _chosen(reduction, size_average, reduce)
    input, target = _same_size(input, target)
    if weight is not None:
        return _weighted((input - target) ** 2, weight, input, reduction, by_weight=True)
    return _mse_loss(input, target, _reduction.get_enum(reduction))


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    r"""Computes :math:`|x - y|`; with ``weight``, the mean is the weighted one.

    Args:
        input, target: one shape.
        size_average, reduce: deprecated, an older form of ``reduction``.
        reduction: 'none', 'mean' or 'sum'.
        weight: of the input's shape.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.l1_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(2.)
    """
    reduction = _chosen(reduction, size_average, reduce)
    input, target = _same_size(input, target)
    if weight is not None:
        return _weighted((input - target).abs(), weight, input, reduction, by_weight=True)
    return _l1_loss(input, target, _reduction.get_enum(reduction))


@precision("float32")
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    r"""Computes :math:`d^2 / (2\beta)` where :math:`d = |x - y| < \beta`, else :math:`d - \beta / 2`.

    Args:
        input, target: one shape.
        size_average, reduce: deprecated, an older form of ``reduction``.
        reduction: 'none', 'mean' or 'sum'.
        beta: :math:`\beta`.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.smooth_l1_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(1.5000)

    Source: Girshick, "Fast R-CNN", 2015.
    """
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    reduction = _chosen(reduction, size_average, reduce)
    input, target = _same_size(input, target)
    if beta == 0:
        return _l1_loss(input, target, _reduction.get_enum(reduction))
    need_floating("smooth_l1_cpu", promote_types(input.dtype, target.dtype))
    distance = (input - target).abs()
    return _reduced(
        _where(distance < beta, 0.5 * distance * distance / beta, distance - 0.5 * beta), reduction
    )


@precision("float32")
def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    r"""Computes :math:`d^2 / 2` where :math:`d = |x - y| \le \delta`, else :math:`\delta (d - \delta / 2)`.

    Args:
        input, target: one shape.
        reduction: 'none', 'mean' or 'sum'.
        delta: :math:`\delta`.
        weight: of the input's shape.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.huber_loss(torch.zeros(2), torch.tensor([1.0, 3.0]))
        tensor(1.5000)

    Source: Huber, "Robust estimation of a location parameter", 1964.
    """
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    input, target = _same_size(input, target)
    need_floating("huber_cpu", promote_types(input.dtype, target.dtype))
    distance = (input - target).abs()
    loss = _where(distance <= delta, 0.5 * distance * distance, delta * (distance - 0.5 * delta))
    return (
        _reduced(loss, reduction)
        if weight is None
        else _weighted(loss, weight, input, reduction, by_weight=False)
    )


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Computes :math:`-w_y x_y`, the mean weighted by :math:`w_y`.

    Args:
        input: log-probabilities of shape ``(N, C, *)`` or ``(C,)``.
        target: classes of shape ``(N, *)`` or ``()``.
        weight: one for each class.
        ignore_index: a class that counts for nothing.
        reduction: 'none', 'mean' or 'sum'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.nll_loss(torch.tensor([[-1.0, -2.0]]), torch.tensor([1]))
        tensor(2.)
    """
    return _nll_loss(input, target, weight, _code(reduction, size_average, reduce), ignore_index)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    r"""Computes :math:`-\sum_c w_c \, y_c \log \text{softmax}(x)_c`.

    Args:
        input: scores of shape ``(N, C, *)`` or ``(C,)``.
        target: classes of shape ``(N, *)`` or ``()``, or probabilities in the input's shape.
        weight: one for each class.
        ignore_index: a class that counts for nothing.
        reduction: 'none', 'mean' or 'sum'.
        label_smoothing: how much of the target is spread over all classes (Szegedy et al., 2015).

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.cross_entropy(torch.zeros(3, 4), torch.tensor([0, 1, 2]))
        tensor(1.3863)
    """
    return _cross_entropy(
        input, target, weight, _code(reduction, size_average, reduce), ignore_index, label_smoothing
    )


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    r"""Connectionist temporal classification: :math:`-\log P(\text{target} \mid \text{scores})` over all alignments.

    Args:
        log_probs: logarithms of probabilities, as log_softmax gives them, ``(T, N, C)`` or ``(T, C)``.
        targets: labels, ``(N, S)``, or those of all samples in a row; none is the blank.
        input_lengths: how many steps of each sample count, ``(N)``.
        target_lengths: how many labels of each sample count, ``(N)``.
        blank: the class that stands between labels.
        reduction: 'none', 'mean' (of the losses divided by the targets' lengths) or 'sum'.
        zero_infinity: whether infinite losses and their gradients count as 0; targets that are too long have them.

    Raises:
        RuntimeError: lengths that do not fit.

    Example:
        >>> import flambeau as torch
        >>> scores = torch.full((2, 1, 2), 0.5).log()
        >>> torch.nn.functional.ctc_loss(scores, torch.tensor([[1]]), (2,), (1,))
        tensor(0.2877)

    Source: Graves et al., "Connectionist temporal classification", 2006.
    """
    return _ctc_loss(
        log_probs,
        targets,
        input_lengths,
        target_lengths,
        blank,
        _reduction.get_enum(reduction),
        zero_infinity,
    )


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Computes :math:`-w (y \log x + (1 - y) \log(1 - x))` for probabilities; logarithms stop at -100.

    Args:
        input: probabilities, any shape.
        target: of the same shape, in [0, 1].
        weight: broadcasts to the target.
        size_average, reduce: deprecated, an older form of ``reduction``.
        reduction: 'none', 'mean' or 'sum'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.binary_cross_entropy(torch.tensor([0.5]), torch.ones(1))
        tensor(0.6931)
    """
    code = _code(reduction, size_average, reduce)
    if target.size() != input.size():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is "
            "deprecated. Please ensure they have the same size."
        )
    if weight is not None:
        _, weight = _broadcast_tensors([target, weight])
    return _binary_cross_entropy(input, target, weight, code)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    r"""Computes :math:`-w (p \, y \log \sigma(x) + (1 - y) \log(1 - \sigma(x)))`; ``pos_weight`` is p.

    Args:
        input: scores, any shape.
        target: of the same shape, in [0, 1].
        weight: broadcasts to the target.
        size_average, reduce: deprecated, an older form of ``reduction``.
        reduction: 'none', 'mean' or 'sum'.
        pos_weight: the weight of positive examples, one for each class.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.binary_cross_entropy_with_logits(torch.zeros(1), torch.ones(1))
        tensor(0.6931)
    """
    code = _code(reduction, size_average, reduce)
    if target.size() != input.size():
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    return _binary_cross_entropy_with_logits(input, target, weight, pos_weight, code)


@precision("float32")
def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    r"""Computes :math:`y (\log y - x)` for log-probabilities :math:`x`.

    Args:
        input: log-probabilities.
        target: probabilities, or their logarithms with ``log_target``.
        reduction: also 'batchmean', the sum divided by the batch size, which is the divergence's definition.
        log_target: whether the target holds logarithms.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.kl_div(torch.zeros(1, 2), torch.ones(1, 2), reduction="batchmean")
        tensor(0.)

    Source: Kullback and Leibler, "On information and sufficiency", 1951.
    """
    if size_average is None and reduce is None and reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major release.",
            stacklevel=2,
        )
    reduction = _chosen(reduction, size_average, reduce)
    for given in (input, target):
        if not given.is_floating_point():
            kind = "Complex" if given.is_complex() else "Integral"
            raise RuntimeError(f"kl_div: {kind} inputs not supported.")
    loss = target.exp() * (target - input) if log_target else _xlogy(target, target) - target * input
    if reduction != "batchmean":
        return _reduced(loss, reduction)
    return loss.sum() / input.size(0) if input.dim() else loss.sum()


@precision("float32")
def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Computes :math:`e^x - y x`, or :math:`x - y \log(x + \epsilon)` where ``log_input`` is False.

    Args:
        input: the expectation or, by default, its logarithm.
        target: the counts.
        log_input: whether the input is a logarithm.
        full: whether to add Stirling's approximation of :math:`\log y!` where :math:`y > 1`.
        eps: keeps the logarithm finite.
        reduction: 'none', 'mean' or 'sum'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.poisson_nll_loss(torch.zeros(2), torch.ones(2))
        tensor(1.)
    """
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    reduction = _chosen(reduction, size_average, reduce)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return _reduced(loss, reduction)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    r"""Computes :math:`(\log v + (x - y)^2 / v) / 2` with the variance :math:`v`, at least ``eps``.

    Args:
        input: the expectation.
        target: what was observed.
        var: the variance: a number, or a tensor in the input's shape, without its last dimension, or with
            size 1.
        full: whether to add :math:`\log(2 \pi) / 2`.
        eps: the bound of the variance; it has no gradient.
        reduction: 'none', 'mean' or 'sum'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.gaussian_nll_loss(torch.zeros(2), torch.ones(2), torch.ones(2))
        tensor(0.5000)

    Source: Nix and Weigend, "Estimating the mean and variance of the target probability distribution", 1994.
    """
    if isinstance(var, (int, float)):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = input.new_full(input.size(), float(var))
    elif (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        if input.size()[:-1] == var.size():
            var = var.unsqueeze(-1)
        elif not _broadcasts_once(tuple(var.size()), tuple(input.size())):
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    # The bound is a constant: where it holds, the gradient passes as if it did not.
    var = var + (var.detach().clamp(min=eps) - var.detach())
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduced(loss, reduction)


def _broadcasts_once(size: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Whether the sizes agree but for ones."""
    return len(size) == len(to) and all(s in (1, t) for s, t in zip(size, to, strict=True))


@precision("float32")
def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Computes :math:`x` where :math:`y = 1` and :math:`\max(0, \text{margin} - x)` where :math:`y = -1`.

    Args:
        input: distances, any shape.
        target: 1 or -1, of the same shape.
        margin: the distance from which unlike pairs cost nothing.
        size_average, reduce: deprecated, an older form of ``reduction``.
        reduction: 'none', 'mean' or 'sum'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.hinge_embedding_loss(torch.tensor([0.5, 0.5]), torch.tensor([1.0, -1.0]))
        tensor(0.5000)
    """
    apart = (margin - input).clamp(min=0).masked_fill(target == 1, 0)
    together = input.masked_fill(target == -1, 0)
    return _reduced(apart + together, _chosen(reduction, size_average, reduce))


@precision("float32")
def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Computes :math:`\max(0, -y (x_1 - x_2) + \text{margin})`.

    Args:
        input1, input2: of one shape.
        target: 1 where the first should be larger, else -1.
        margin: how far apart they should be.
        size_average, reduce: deprecated, an older form of ``reduction``.
        reduction: 'none', 'mean' or 'sum'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.margin_ranking_loss(torch.zeros(1), torch.ones(1), torch.ones(1))
        tensor(1.)
    """
    if input1.dim() != input2.dim() or input1.dim() != target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    loss = (-target * (input1 - input2) + float(margin)).clamp(min=0)  # unsigned integers wrap around first
    return _reduced(loss, _chosen(reduction, size_average, reduce))


@precision("float32")
def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Computes :math:`\log(1 + e^{-y x})`.

    Args:
        input: any shape.
        target: 1 or -1, of the same shape.
        size_average, reduce: deprecated, an older form of ``reduction``.
        reduction: 'none', 'mean' or 'sum'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.soft_margin_loss(torch.zeros(2), torch.ones(2))
        tensor(0.6931)
    """
    return _reduced(_softplus(-(input * target)), _chosen(reduction, size_average, reduce))


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Computes the mean over classes of :math:`-(y \log \sigma(x) + (1 - y) \log \sigma(-x))`.

    Args:
        input, target: ``(N, C)``.
        weight: one for each class.
        size_average, reduce: deprecated, an older form of ``reduction``.
        reduction: 'none', 'mean' or 'sum'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.multilabel_soft_margin_loss(torch.zeros(2, 3), torch.ones(2, 3))
        tensor(0.6931)
    """
    loss = -(target * _log_sigmoid(input) + (1 - target) * _log_sigmoid(-input))
    if weight is not None:
        loss = loss * weight
    return _reduced(loss.mean(dim=input.dim() - 1), _chosen(reduction, size_average, reduce))


@precision("float32")
def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Computes :math:`\frac{1}{C} \sum_{j \ne y} w_y \max(0, \text{margin} - x_y + x_j)^p`.

    Args:
        input: scores, ``(N, C)`` or ``(C)``.
        target: classes, ``(N)`` or one.
        p: 1 or 2.
        margin: how far the class should be ahead of the others.
        weight: of the classes, ``(C)``.

    Example:
        >>> import flambeau as torch
        >>> scores = torch.tensor([[0.1, 0.2, 0.4, 0.8]])
        >>> torch.nn.functional.multi_margin_loss(scores, torch.tensor([3]))
        tensor(0.3250)
    """
    reduction = _chosen(reduction, size_average, reduce)
    _reduction.get_enum(reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    scores = _as_rows(input)
    classes = scores.size(1)
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    if weight is not None and weight.numel() != classes:
        raise RuntimeError(f"inconsistent weight size, expected {classes} but got {list(weight.shape)}")
    if target.dim() > 1 or target.numel() != scores.size(0):
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples "
            f"(batch size). Expected target size [{scores.size(0)}], but got {list(target.shape)}. Input has "
            f"shape {list(input.shape)}."
        )
    if target.dtype != int64:
        raise RuntimeError(f"expected scalar type Long but found {scalar_type(target.dtype)}")
    chosen = target.reshape(-1, 1)
    if chosen.numel() and (chosen.min() < 0 or chosen.max() >= classes):
        raise RuntimeError("target out of range")
    short = (margin - scores.gather(1, chosen) + scores).clamp(min=0)
    if p == 2:
        short = short * short
    if weight is not None:
        short = short * weight[chosen]
    loss = short.scatter(1, chosen, 0.0).sum(1) / classes
    return _reduced(loss if input.dim() == 2 else loss.reshape(target.shape), reduction)


def _as_rows(input: Tensor) -> Tensor:
    """Scores of one sample or of several as a matrix."""
    if input.dim() > 2 or (input.dim() > 0 and input.size(-1) == 0):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(input.shape)}"
        )
    return input if input.dim() == 2 else input.reshape(1, -1)


@precision("float32")
def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Computes :math:`\frac{1}{C} \sum_{i \in Y} \sum_{j \notin Y} \max(0, 1 - x_i + x_j)`.

    Args:
        input: scores, ``(N, C)`` or ``(C)``.
        target: of the same size: the classes :math:`Y` of each sample, ended by -1.

    Example:
        >>> import flambeau as torch
        >>> scores = torch.tensor([[0.1, 0.2, 0.4, 0.8]])
        >>> torch.nn.functional.multilabel_margin_loss(scores, torch.tensor([[3, 0, -1, 1]]))
        tensor(0.8500)
    """
    reduction = _chosen(reduction, size_average, reduce)
    _reduction.get_enum(reduction)
    scores = _as_rows(input)
    if target.shape != input.shape:
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    classes, labels = scores.size(1), _as_rows(target)
    if labels.numel() and (labels.min() < -1 or labels.max() >= classes):
        raise RuntimeError("argument #2 'target' is out of range")
    named = (labels >= 0).long().cumprod(1).bool()  # up to the first -1
    labels = labels.clamp(min=0)
    marks = labels.new_zeros(scores.shape).scatter_add_(1, labels, named.long()) > 0
    short = (1 - scores.gather(1, labels).unsqueeze(2) + scores.unsqueeze(1)).clamp(min=0)
    counted = named.unsqueeze(2) & ~marks.unsqueeze(1)
    loss = short.masked_fill(~counted, 0.0).sum((1, 2)) / classes
    return _reduced(loss if input.dim() == 2 else loss.squeeze(0), reduction)


def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    r"""Computes :math:`\lVert x_1 - x_2 + \epsilon \rVert_p` over the last dimension.

    Args:
        x1, x2: ``(*, D)``; shapes broadcast.
        p: the norm.
        eps: keeps the derivative finite at equal vectors.
        keepdim: whether the last dimension stays, with size 1.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.pairwise_distance(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
        tensor([5.0000])
    """
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    r"""Computes :math:`x / \max(\lVert x \rVert_p, \epsilon)` along ``dim``.

    Args:
        input: any shape.
        p: the norm.
        dim: the dimension in which the vectors lie.
        eps: the least length a vector counts with.
        out: where the result goes.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.normalize(torch.tensor([3.0, 4.0]), p=1.0, dim=0).tolist()
        [0.4285714328289032, 0.5714285969734192]
    """
    normalized = input / input.norm(p, dim, keepdim=True).clamp_min(eps)
    return normalized if out is None else out.copy_(normalized)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    r"""Computes :math:`x_1 \cdot x_2 / (\lVert x_1 \rVert \lVert x_2 \rVert)`; lengths from ``eps`` up.

    Args:
        x1, x2: shapes broadcast.
        dim: the dimension in which the vectors lie.
        eps: the least length a vector counts with.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.cosine_similarity(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]), dim=0)
        tensor(0.)
    """
    x1, x2 = _broadcast_tensors([x1, x2])
    length1, length2 = (x.norm(2, dim, keepdim=True).clamp_min(eps) for x in (x1, x2))
    return (x1 / length1 * (x2 / length2)).sum(dim=dim)


@precision("float32")
def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Computes :math:`1 - \cos(x_1, x_2)` where :math:`y = 1` and :math:`\max(0, \cos - \text{margin})`
    where -1.

    Args:
        input1: of shape ``(N, D)`` or ``(D,)``.
        input2: likewise.
        target: 1 or -1, of shape ``(N,)`` or ``()``.
        margin: the cosine up to which vectors count as unlike.
        reduction: 'none', 'mean' or 'sum'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.cosine_embedding_loss(torch.ones(1, 3), torch.ones(1, 3), torch.tensor([-1.0]))
        tensor(1.)
    """
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    rank = target.dim() + 1
    if input1.dim() != rank or input2.dim() != rank:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {rank}D input tensors, but found inputs with sizes "
            f"{list(input1.size())} and {list(input2.size())}."
        )
    tiny = 1e-12  # keeps the root's derivative finite at zero
    dot = (input1 * input2).sum(dim=-1)
    lengths = (((input1 * input1).sum(dim=-1) + tiny) * ((input2 * input2).sum(dim=-1) + tiny)).sqrt()
    cosine = dot / lengths
    like = (1 - cosine).masked_fill(target != 1, 0)
    unlike = (cosine - margin).clamp(min=0).masked_fill(target != -1, 0)
    return _reduced(like + unlike, _chosen(reduction, size_average, reduce))


@precision("float32")
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    r"""Computes :math:`\max(0, d(a, p) - d(a, n) + \text{margin})` with the p-norm's distance.

    Args:
        anchor, positive, negative: ``(N, D)`` or ``(D)``.
        margin: how much nearer the positive should be.
        p: the norm.
        eps: keeps the derivative finite at equal vectors.
        swap: whether to take the smaller of the negative's distances to anchor and positive.
        size_average, reduce: deprecated, an older form of ``reduction``.
        reduction: 'none', 'mean' or 'sum'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.triplet_margin_loss(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2))
        tensor(0.)

    Source: Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional neural
    networks", 2016, also for ``swap``.
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    reduction = _chosen(reduction, size_average, reduce)

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return pairwise_distance(x, y, p, eps)

    return _triplet(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    r"""Computes :math:`\max(0, d(a, p) - d(a, n) + \text{margin})` with any distance; default: the 2-norm's.

    Args:
        anchor, positive, negative: what the distance takes; by default ``(N, D)`` or ``(D)``.
        distance_function: gives the distances of two batches.
        margin: how much nearer the positive should be, above 0.
        swap: whether to take the smaller of :math:`d(a, n)` and :math:`d(p, n)`.
        reduction: 'none', 'mean' or 'sum'.

    Example:
        >>> import flambeau as torch
        >>> a, p, n = torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2)
        >>> far = torch.nn.functional.l1_loss
        >>> torch.nn.functional.triplet_margin_with_distance_loss(a, p, n, distance_function=far, margin=3.0)
        tensor(2.)
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return _triplet(
        anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction
    )


def _triplet(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    distance: Callable[[Tensor, Tensor], Tensor],
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    if not anchor.dim() == positive.dim() == negative.dim():
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.dim()}D, positive {positive.dim()}D, and negative "
            f"{negative.dim()}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = far.minimum(distance(positive, negative))
    return _reduced((margin + near - far).clamp(min=0), reduction)

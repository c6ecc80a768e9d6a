"""Losses as modules. All take ``reduction``; ``size_average`` and ``reduce`` are its older form."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ..._core import Tensor
from .. import _reduction
from .. import functional as F
from .linear import Linear
from .module import Module

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CTCLoss", "CosineEmbeddingLoss", "CrossEntropyLoss", "GaussianNLLLoss",
    "HingeEmbeddingLoss", "HuberLoss", "KLDivLoss", "L1Loss", "LinearCrossEntropyLoss", "MSELoss", "MarginRankingLoss",
    "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss", "MultiMarginLoss", "NLLLoss", "NLLLoss2d",
    "PoissonNLLLoss", "SmoothL1Loss", "SoftMarginLoss", "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]  # fmt: skip


class _Loss(Module):
    reduction: str

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = _reduction.legacy_get_string(size_average, reduce)
        self.reduction = reduction


class _WeightedLoss(_Loss):
    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    r"""Measures :math:`|x - y|`.

    Args:
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        Input and target ``(*)``; output ``()``, or ``(*)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.L1Loss()(torch.tensor([1.0, 3.0]), torch.zeros(2))
        tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    r"""Measures :math:`(x - y)^2`.

    Args:
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        Input and target ``(*)``; output ``()``, or ``(*)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.MSELoss()(torch.tensor([1.0, 3.0]), torch.zeros(2))
        tensor(5.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    r"""Measures :math:`d^2 / (2\beta)` where :math:`d = |x - y| < \beta`, else :math:`d - \beta / 2`.

    Args:
        reduction: 'none', 'mean' or 'sum'.
        beta: where the square turns into a line.

    Shape:
        Input and target ``(*)``; output ``()``, or ``(*)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.SmoothL1Loss()(torch.tensor([1.0, 3.0]), torch.zeros(2))
        tensor(1.5000)

    Source: Girshick, "Fast R-CNN", 2015.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    r"""Measures :math:`d^2 / 2` where :math:`d = |x - y| \le \delta`, else :math:`\delta (d - \delta / 2)`.

    Args:
        reduction: 'none', 'mean' or 'sum'.
        delta: where the square turns into a line.

    Shape:
        Input and target ``(*)``; output ``()``, or ``(*)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.HuberLoss()(torch.tensor([1.0, 3.0]), torch.zeros(2))
        tensor(1.5000)

    Source: Huber, "Robust estimation of a location parameter", 1964.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if not isinstance(delta, (float, int)):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class NLLLoss(_WeightedLoss):
    r"""Measures :math:`-w_y x_y` for log-probabilities :math:`x`; the mean is weighted by :math:`w_y`.

    Args:
        weight: one for each class.
        ignore_index: a class that counts for nothing.
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        Input ``(N, C, *)`` or ``(C,)``; target ``(N, *)`` or ``()``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.NLLLoss()(torch.tensor([[-0.5, -1.0]]), torch.tensor([1]))
        tensor(1.)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.nll_loss(
            input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class CrossEntropyLoss(_WeightedLoss):
    r"""Measures :math:`-\sum_c w_c \, y_c \log \text{softmax}(x)_c` for scores :math:`x`.

    Args:
        weight: one for each class.
        ignore_index: a class that counts for nothing.
        reduction: 'none', 'mean' or 'sum'; with class targets, the mean is weighted.
        label_smoothing: how much of the target is spread over all classes, between 0 and 1.

    Shape:
        Input ``(N, C, *)`` or ``(C,)``; target: classes ``(N, *)`` or ``()``, or probabilities like the
        input.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.CrossEntropyLoss()(torch.zeros(3, 4), torch.tensor([0, 1, 2]))
        tensor(1.3863)

    Source: for the smoothing, Szegedy et al., "Rethinking the Inception architecture for computer vision",
        2015.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCELoss(_WeightedLoss):
    r"""Measures :math:`-w (y \log x + (1 - y) \log(1 - x))` for probabilities :math:`x`; logarithms stop at
    -100.

    Args:
        weight: broadcasts to the target.
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        Input and target ``(*)``; output ``()``, or ``(*)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.BCELoss()(torch.tensor([0.5]), torch.tensor([1.0]))
        tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    r"""Measures :math:`-w (p \, y \log \sigma(x) + (1 - y) \log(1 - \sigma(x)))`, stably for large scores.

    Args:
        weight: :math:`w`, broadcasts to the target.
        reduction: 'none', 'mean' or 'sum'.
        pos_weight: :math:`p`, the weight of positive examples, one for each class.

    Shape:
        Input and target ``(*)``; output ``()``, or ``(*)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.BCEWithLogitsLoss()(torch.zeros(2), torch.ones(2))
        tensor(0.6931)
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    r"""Measures :math:`y (\log y - x)` for log-probabilities :math:`x`.

    Args:
        reduction: 'none', 'mean', 'sum', or 'batchmean', which is the divergence's definition.
        log_target: whether the target holds logarithms.

    Shape:
        Input and target ``(*)``; output ``()``, or ``(*)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> loss = torch.nn.KLDivLoss(reduction="batchmean", log_target=True)
        >>> loss(torch.zeros(1, 2), torch.zeros(1, 2))
        tensor(0.)

    Source: Kullback and Leibler, "On information and sufficiency", 1951.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(_Loss):
    r"""Measures :math:`e^x - y x`, the negative log-likelihood of counts :math:`y`.

    Args:
        log_input: whether the input is the logarithm of the expectation.
        full: whether to add Stirling's approximation of :math:`\log y!`.
        eps: keeps the logarithm finite where ``log_input`` is False.
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        Input and target ``(*)``; output ``()``, or ``(*)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.PoissonNLLLoss()(torch.zeros(2), torch.ones(2))
        tensor(1.)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.poisson_nll_loss(
            log_input,
            target,
            log_input=self.log_input,
            full=self.full,
            eps=self.eps,
            reduction=self.reduction,
        )


class GaussianNLLLoss(_Loss):
    r"""Measures :math:`(\log v + (x - y)^2 / v) / 2` with the variance :math:`v`, at least ``eps``.

    Args:
        full: whether to add :math:`\log(2 \pi) / 2`.
        eps: the bound of the variance.
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        Input, target and variance ``(*)``; the variance may lack the last dimension or have size 1 there.
        Output ``()``, or ``(*)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.GaussianNLLLoss()(torch.zeros(2), torch.ones(2), torch.ones(2))
        tensor(0.5000)

    Source: Nix and Weigend, "Estimating the mean and variance of the target probability distribution", 1994.
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Any) -> Tensor:
        """Computes the loss."""
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class HingeEmbeddingLoss(_Loss):
    r"""Measures :math:`x` where :math:`y = 1` and :math:`\max(0, \text{margin} - x)` where :math:`y = -1`.

    Args:
        margin: the distance from which unlike pairs cost nothing.
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        Input and target ``(*)``; output ``()``, or ``(*)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.HingeEmbeddingLoss()(torch.tensor([0.5, 0.5]), torch.tensor([1.0, -1.0]))
        tensor(0.5000)
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    r"""Measures :math:`\max(0, -y (x_1 - x_2) + \text{margin})`.

    Args:
        margin: how far apart the ranked pair should be.
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        Inputs and target ``(N)`` or ``()``; output ``()``, or ``(N)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.MarginRankingLoss()(torch.zeros(1), torch.ones(1), torch.ones(1))
        tensor(1.)
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    r"""Measures :math:`\log(1 + e^{-y x})` for :math:`y = \pm 1`.

    Args:
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        Input and target ``(*)``; output ``()``, or ``(*)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.SoftMarginLoss()(torch.zeros(2), torch.ones(2))
        tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    r"""Measures the mean over classes of :math:`-(y \log \sigma(x) + (1 - y) \log \sigma(-x))`.

    Args:
        weight: one for each class.
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        Input and target ``(N, C)``; output ``()``, or ``(N)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.MultiLabelSoftMarginLoss()(torch.zeros(2, 3), torch.ones(2, 3))
        tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    r"""Measures :math:`\frac{1}{C} \sum_{i \in Y} \sum_{j \notin Y} \max(0, 1 - x_i + x_j)`.

    Args:
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        Scores ``(N, C)`` or ``(C)``; targets of the same size: the classes :math:`Y`, ended by -1.

    Example:
        >>> import flambeau as torch
        >>> scores = torch.tensor([[0.1, 0.2, 0.4, 0.8]])
        >>> torch.nn.MultiLabelMarginLoss()(scores, torch.tensor([[3, 0, -1, 1]]))
        tensor(0.8500)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    r"""Measures :math:`\frac{1}{C} \sum_{j \ne y} w_y \max(0, \text{margin} - x_y + x_j)^p`.

    Args:
        p: 1 or 2.
        margin: how far the class should be ahead of the others.
        weight: of the classes, ``(C)``.
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        Scores ``(N, C)`` or ``(C)``; targets ``(N)`` or one.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.MultiMarginLoss()(torch.tensor([[0.1, 0.2, 0.4, 0.8]]), torch.tensor([3]))
        tensor(0.3250)
    """

    margin: float
    p: int

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.dim() != 1:
            raise ValueError(
                f"MultiMarginLoss: expected weight to be None or 1D tensor, got {weight.dim()}D instead"
            )
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.multi_margin_loss(input, target, self.p, self.margin, self.weight, reduction=self.reduction)


class CTCLoss(_Loss):
    r"""Connectionist temporal classification: :math:`-\log P(\text{target} \mid \text{scores})` over all alignments.

    Args:
        blank: the class that stands between labels.
        reduction: 'none', 'mean' (of the losses divided by the targets' lengths) or 'sum'.
        zero_infinity: whether infinite losses and their gradients count as 0.

    Shape:
        Log-probabilities ``(T, N, C)`` or ``(T, C)``, targets ``(N, S)`` or all in a row, lengths ``(N)``; output ``()``, or
        ``(N)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> scores = torch.full((2, 1, 2), 0.5).log()
        >>> torch.nn.CTCLoss()(scores, torch.tensor([[1]]), (2,), (1,))
        tensor(0.2877)

    Source: Graves et al., "Connectionist temporal classification", 2006.
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        """Computes the loss."""
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )


class LinearCrossEntropyLoss(Module):
    """The cross entropy of an affine map of the input, whose weight belongs to the layer.

    Args:
        in_features: width of the input.
        num_classes: how many classes, C.
        out_features: sizes of further axes of the loss.
        bias: whether the map has a bias.
        device, dtype: of the map's parameters.
        reduction: 'none', 'mean' or 'sum'.
        weight: of the classes, ``(C)``.
        ignore_index: a class that counts for nothing; default: -100; not with probabilities.
        label_smoothing: the share of the target that is spread over all classes.
        options: how the batch is divided to save memory, a :class:`flambeau.nn.LinearCrossEntropyOptions`.

    Shape:
        Input ``(N, in_features)`` or ``(in_features)``, target classes ``(N, *out_features)`` or probabilities
        ``(N, C, *out_features)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.LinearCrossEntropyLoss(3, 5)(torch.ones(2, 3), torch.tensor([0, 4])).shape
        torch.Size([])
    """

    weight: Tensor | None

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.num_classes = num_classes
        self.out_features = tuple(out_features)
        self.reduction = reduction
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.options = options
        width = math.prod(self.out_features, start=num_classes)
        self.linear = Linear(in_features, width, bias=bias, device=device, dtype=dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        """What it was made from."""
        return (
            f"in_features={self.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )


class CosineEmbeddingLoss(_Loss):
    r"""Measures :math:`1 - \cos(x_1, x_2)` where :math:`y = 1` and :math:`\max(0, \cos - \text{margin})`
    where -1.

    Args:
        margin: the cosine up to which vectors count as unlike.
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        Inputs ``(N, D)`` or ``(D)``, target ``(N)`` or ``()``; output ``()``, or that of the target where the
        reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.CosineEmbeddingLoss()(torch.ones(1, 3), torch.ones(1, 3), torch.tensor([-1.0]))
        tensor(1.)
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """Computes the loss."""
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


def _check_margin(name: str, margin: float) -> None:
    if margin <= 0:
        raise ValueError(f"{name}: expected margin to be greater than 0, got {margin} instead")


class TripletMarginLoss(_Loss):
    r"""Measures :math:`\max(0, d(a, p) - d(a, n) + \text{margin})` with the p-norm's distance.

    Args:
        margin: how much nearer the positive should be.
        p: the norm.
        eps: keeps the derivative finite at equal vectors.
        swap: whether to take the smaller of :math:`d(a, n)` and :math:`d(p, n)`.
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        All three inputs ``(N, D)`` or ``(D)``; output ``()``, or ``(N)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> a, p, n = torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2)
        >>> torch.nn.TripletMarginLoss()(a, p, n)
        tensor(0.)

    Source: Balntas et al., "Learning local feature descriptors with triplets and shallow convolutional neural
    networks", 2016.
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        _check_margin("TripletMarginLoss", margin)
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Computes the loss."""
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(_Loss):
    r"""Measures :math:`\max(0, d(a, p) - d(a, n) + \text{margin})` with any distance.

    Args:
        distance_function: default: :class:`PairwiseDistance`.
        margin: how much nearer the positive should be.
        swap: whether to take the smaller of :math:`d(a, n)` and :math:`d(p, n)`.
        reduction: 'none', 'mean' or 'sum'.

    Shape:
        All three inputs ``(N, D)`` or ``(D)``; output ``()``, or ``(N)`` where the reduction is 'none'.

    Example:
        >>> import flambeau as torch
        >>> manhattan = lambda x, y: (x - y).abs().sum(-1)
        >>> loss = torch.nn.TripletMarginWithDistanceLoss(distance_function=manhattan)
        >>> loss(torch.zeros(1, 2), torch.ones(1, 2), torch.zeros(1, 2))
        tensor(3.)
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        from .distance import PairwiseDistance

        super().__init__(reduction=reduction)
        _check_margin("TripletMarginWithDistanceLoss", margin)
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Computes the loss."""
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class NLLLoss2d(NLLLoss):
    """The old name of :class:`NLLLoss` for images."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            "`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in replacement.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(*args, **kwargs)

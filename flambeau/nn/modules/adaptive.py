"""The loss over very many classes, rare ones in clusters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ... import _core
from ..._core import Tensor
from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    r"""The log-probabilities of targets among many classes, where frequent classes cost more than rare ones.

    The classes are sorted by their frequency, the most frequent first. Those before the first cutoff and one entry for
    each cluster of the others are the ``head``. A cluster, between two cutoffs, is reached by a projection to
    ``in_features / div_value ** (i + 1)`` numbers, and :math:`\log p(y) = \log p(\text{cluster}) + \log p(y |
    \text{cluster})`.

    Args:
        in_features: the width of the input.
        n_classes: how many classes there are.
        cutoffs: growing, from 1 to ``n_classes - 1``: where the clusters begin.
        div_value: how much narrower each further cluster is.
        head_bias: whether the head has a bias.
        device, dtype: of the parameters.

    Shape:
        Input ``(N, in_features)``, target ``(N)``, output ``(N)``; or all without ``N``. The result is a named tuple of the
        output and the ``loss``, the mean of its negative.

    Raises:
        ValueError: the cutoffs are none, not growing, or out of range.
        RuntimeError: input and target do not belong together, or a target is no class.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs=[5, 10], div_value=2.0)
        >>> x = torch.ones(3, 8)
        >>> output, loss = layer(x, torch.tensor([0, 7, 19]))
        >>> torch.allclose(output, layer.log_prob(x)[range(3), [0, 7, 19]])
        True

    Source: Grave et al., "Efficient softmax approximation for GPUs", 2017.
    """

    in_features: int
    n_classes: int
    cutoffs: list[int]
    div_value: float
    head_bias: bool
    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        bounds = list(cutoffs)
        if not bounds:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        growing = all(low < high for low, high in pairwise([0, *bounds, n_classes]))
        if not growing or any(int(bound) != bound for bound in bounds):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where "
                "each value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*bounds, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(bounds)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            width = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, width, bias=False, device=device, dtype=dtype),
                    Linear(width, high - low, bias=False, device=device, dtype=dtype),
                )
            )

    def reset_parameters(self) -> None:
        """Draws all weights anew."""
        self.head.reset_parameters()
        for projection, classes in self.tail:  # type: ignore[attr-defined]
            projection.reset_parameters()
            classes.reset_parameters()

    def _check(self, input: Tensor, target: Tensor) -> None:
        if target.dim() == 1:
            if input.size(0) != target.size(0):
                raise RuntimeError("Input and target should have the same size in the batch dimension.")
            if input.dim() != 2:
                raise RuntimeError(
                    f"1D target tensor expects 2D input tensors, but found inputs with size {input.size()}"
                )
        elif target.dim() != 0:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        elif input.dim() != 1:
            raise RuntimeError(
                f"0D target tensor expects 1D input tensors, but found inputs with size {input.size()}"
            )
        if target.numel() and bool(((target < 0) | (target >= self.n_classes)).any()):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """The log-probabilities of the targets, and their mean with the sign changed."""
        self._check(input_, target_)
        batched = target_.dim() > 0
        input, target = (input_, target_) if batched else (input_.unsqueeze(0), target_.unsqueeze(0))
        entry = target.clone()  # of the head: a class, or a cluster
        within = input.new_zeros(target.size(0))
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if rows.numel():
                entry.index_fill_(0, rows, self.shortlist_size + i)
                scores = F.log_softmax(self.tail[i](input.index_select(0, rows)), dim=1)
                found = scores.gather(1, (target[rows] - low).unsqueeze(1)).squeeze(1)
                within = within.index_copy(0, rows, found.to(within.dtype))
        head = F.log_softmax(self.head(input), dim=1)
        output = within + head.gather(1, entry.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def _full_log_prob(self, input: Tensor, head_output: Tensor) -> Tensor:
        head = F.log_softmax(head_output, dim=1)
        parts = [head[:, : self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            parts.append(F.log_softmax(cluster(input), dim=1) + head[:, self.shortlist_size + i].unsqueeze(1))
        return _core.cat(parts, dim=1)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes, ``(N, n_classes)``.

        Args:
            input: ``(N, in_features)``.
        """
        return self._full_log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of every row, without the clusters where the head is sure.

        Args:
            input: ``(N, in_features)``.
        """
        head_output = self.head(input)
        classes = head_output.argmax(dim=1)
        rare = classes >= self.shortlist_size
        if bool(rare.any()):
            classes[rare] = self._full_log_prob(input[rare], head_output[rare]).argmax(dim=1)
        return classes

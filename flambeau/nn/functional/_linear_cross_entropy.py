"""The cross entropy of an affine map, a part of the batch at a time."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import flambeau

from ..._core import Tensor
from ...autograd import Function
from ...autograd.function import once_differentiable
from ._loss import cross_entropy
from ._operators import operator

__all__ = ["linear_cross_entropy"]

_linear = operator("linear")


class _Plan(NamedTuple):
    """What the options come to for inputs of some sizes: rows of a part, and the types of products and of sums."""

    size: int
    products: Any
    computing: Any


def _plan(options: Any, rows: int, width: int, classes: int, dtype: Any) -> _Plan:
    half = dtype in (flambeau.float16, flambeau.bfloat16)
    automatic = options.acc_policy == "auto"
    computing = options.acc_dtype
    if computing is None:
        computing = flambeau.float32 if half and automatic else dtype
    if computing != dtype and not (half and computing == flambeau.float32):
        raise RuntimeError(
            "linear_cross_entropy supports float32 acc_dtype with float16/bfloat16 inputs, but got "
            f"{computing} acc_dtype and {dtype} inputs."
        )
    method, size = options.chunking_method, options.batch_chunk_size
    if method == "auto":
        method = None if size is not None else "aspect_ratio" if half else "aspect_ratio:2"
    if method is None:
        size = min(size or rows, rows)
    else:
        chosen = _by_aspect_ratio(method, rows, width, classes)
        if size not in (None, chosen):
            raise ValueError(
                f"batch_chunk_size (={size}) and chunking_method ('{method}') give different chunk sizes ({size} vs "
                f"{chosen}); pass only one."
            )
        size = chosen
    accurate = options.acc_policy == "accurate" or (automatic and half)
    return _Plan(max(1, size), computing if accurate else dtype, computing)


def _by_aspect_ratio(method: str, rows: int, width: int, classes: int) -> int:
    """Rows whose scores are as many as the numbers of all rows of the input, to a power of two; fewer by the factor."""
    factor = int(method.partition(":")[2] or 1)
    wanted = -(-rows // max(1, -(-classes // max(1, width))))
    return min((1 << max(wanted - 1, 0).bit_length()) // factor, rows)


def _gradients(
    rows: Tensor, weight: Tensor, bias: Tensor | None, loss_of: Any, wanted: list[bool]
) -> tuple[Tensor, list[Tensor | None]]:
    """The loss of some rows, and its gradients with respect to rows, weight and bias, those that are wanted."""
    leaves = [
        None if x is None else x.detach().requires_grad_(w)
        for x, w in zip((rows, weight, bias), wanted, strict=True)
    ]
    asked = [x for x, w in zip(leaves, wanted, strict=True) if x is not None and w]
    with flambeau.enable_grad():
        loss = loss_of(_linear(*leaves))
        found = iter(flambeau.autograd.grad(loss, asked) if asked else ())
    gradients = [next(found) if x is not None and w else None for x, w in zip(leaves, wanted, strict=True)]
    return loss.detach(), gradients


class _Parts:
    """The arguments of a call, by parts of the batch."""

    def __init__(
        self,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        target: Tensor,
        class_weight: Tensor | None,
        ignore_index: int,
        plan: _Plan,
    ) -> None:
        self.dtype = input.dtype
        self.size, self.products, self.computing = plan
        self.input, self.target = input.detach(), target
        self.weight = weight.detach().to(self.products)
        self.bias = None if bias is None else bias.detach().to(self.products)
        self.class_weight = None if class_weight is None else class_weight.detach().to(self.computing)
        self.ignore_index = ignore_index

    def run(self, wanted: list[bool], upstream: Tensor | None) -> tuple[Tensor, list[Tensor | None]]:
        """The losses of all rows, and the gradients of their sum, weighted by `upstream`."""
        rows = self.input.size(0)
        losses = self.input.new_empty(rows, dtype=self.computing)
        found: list[Tensor | None] = [
            self.input.new_empty(self.input.shape) if wanted[0] else None,
            self.weight.new_zeros(self.weight.shape, dtype=self.computing) if wanted[1] else None,
            None
            if self.bias is None or not wanted[2]
            else self.bias.new_zeros(self.bias.shape, dtype=self.computing),
        ]
        for first in range(0, rows, self.size):
            part = slice(first, min(first + self.size, rows))

            def total(scores: Tensor, part: slice = part) -> Tensor:
                each = cross_entropy(
                    scores.to(self.computing),
                    self.target[part],
                    self.class_weight,
                    ignore_index=self.ignore_index,
                    reduction="none",
                )
                losses[part] = each.detach()
                return each.sum() if upstream is None else (each * upstream[part].to(self.computing)).sum()

            _, gradients = _gradients(
                self.input[part].to(self.products), self.weight, self.bias, total, wanted
            )
            if found[0] is not None and gradients[0] is not None:
                found[0][part] = gradients[0].to(self.dtype)
            for sum_of, gradient in zip(found[1:], gradients[1:], strict=True):
                if sum_of is not None and gradient is not None:
                    sum_of += gradient
        return losses, found

    def divisor(self) -> Tensor:
        """The weights of the classes that count, added up."""
        counts = self.target != self.ignore_index
        if self.class_weight is None:
            return counts.sum().to(self.computing)
        return (self.class_weight[self.target.masked_fill(~counts, 0)] * counts).sum()


class _Reduced(Function):
    """Loss and gradients in one pass; the gradients wait for what the loss's is."""

    @staticmethod
    def forward(
        ctx: Any, parts: _Parts, mean: bool, keep: bool, input: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        wanted = [bool(flag) for flag in ctx.needs_input_grad[3:]]
        losses, gradients = parts.run(wanted, None)
        loss = losses.sum()
        if mean:
            divisor = parts.divisor()
            loss = loss / divisor
            gradients = [None if g is None else g / divisor for g in gradients]
        ctx.gradients = [None if g is None else g.to(parts.dtype) for g in gradients]
        ctx.keep = keep
        return loss.to(parts.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:
        if ctx.gradients is None:
            raise RuntimeError(
                "linear_cross_entropy chunked backward called twice; retain_graph=True / double backward are not supported."
                " LinearCrossEntropyOptions(allow_retain_graph=True) keeps the gradients."
            )
        found = [None if g is None else g * grads[0] for g in ctx.gradients]
        if not ctx.keep:
            ctx.gradients = None
        return None, None, None, *found


class _OfEachRow(Function):
    """The losses; gradients are computed again in the backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        target: Tensor,
        class_weight: Tensor | None,
        ignore_index: int,
        plan: _Plan,
    ) -> Tensor:
        ctx.save_for_backward(input, weight, bias, target, class_weight)
        ctx.rest = ignore_index, plan
        parts = _Parts(input, weight, bias, target, class_weight, ignore_index, plan)
        return parts.run([False] * 3, None)[0].to(parts.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:
        parts = _Parts(*ctx.saved_tensors, *ctx.rest)
        wanted = [bool(flag) for flag in ctx.needs_input_grad[:3]]
        _, gradients = parts.run(wanted, grads[0])
        return *(None if g is None else g.to(parts.dtype) for g in gradients), None, None, None, None


def _in_parts(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    linear_bias: Tensor | None,
    weight: Tensor | None,
    reduction: str,
    ignore_index: int,
    options: Any,
) -> Tensor:
    """The loss of classes, without the scores of the whole batch in memory."""
    single = input.dim() == 1
    if single:
        input, target = input.unsqueeze(0), target.unsqueeze(0)
    if target.dim() != 1 or target.size(0) != input.size(0):
        raise RuntimeError(
            f"linear_cross_entropy: expected a target of {input.size(0)} classes, one for each row of the input, got a "
            f"target of shape {tuple(target.shape)}"
        )
    plan = _plan(options, input.size(0), input.size(1), linear_weight.size(0), input.dtype)
    arguments = (input, linear_weight, linear_bias, target, weight, ignore_index, plan)
    if reduction == "none":
        losses: Tensor = _OfEachRow.apply(*arguments)
        return losses.squeeze(0) if single else losses
    parts = _Parts(*arguments)
    loss: Tensor = _Reduced.apply(
        parts, reduction == "mean", options.allow_retain_graph, input, linear_weight, linear_bias
    )
    return loss


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """The cross entropy of an affine map: ``cross_entropy(linear(input, linear_weight, linear_bias), target)``.

    Args:
        input: ``(N, in)`` or ``(in)``.
        linear_weight: ``(C, in)``, or ``(C, d1, ..., dK, in)`` for a loss over K more axes.
        target: classes ``(N, d1, ..., dK)``, or their probabilities ``(N, C, d1, ..., dK)``.
        linear_bias: ``(C, d1, ..., dK)``.
        weight: of the classes, ``(C)``.
        reduction: 'none', 'mean' or 'sum'.
        ignore_index: a class that counts for nothing; default: -100; not with probabilities.
        label_smoothing: the share of the target that is spread over all classes.
        options: how the batch is divided to save memory, a :class:`flambeau.nn.LinearCrossEntropyOptions`; where it does
            not apply (probabilities, smoothing, more axes) it is ignored with a warning. Such a loss has no second
            derivative.

    Raises:
        RuntimeError: shapes that do not fit.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.linear_cross_entropy(torch.ones(1, 2), torch.ones(2, 2), torch.tensor([0]))
        tensor(0.6931)
    """
    if linear_weight.dim() < 2:
        raise RuntimeError(
            f"expected linear_weight with dimensionality at least 2, got {linear_weight.dim()}"
        )
    if input.dim() not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {input.dim()}")
    classes, *rest, width = linear_weight.shape
    if input.size(-1) != width:
        raise RuntimeError(
            f"expected equal input and linear_weight last dimensions (in_features), got {input.size(-1)} and "
            f"{width}, respectively"
        )
    if rest and input.dim() == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires batched input, "
            f"(N, {width}), got unbatched input with shape {tuple(input.shape)}"
        )
    if linear_bias is not None and tuple(linear_bias.shape) != (classes, *rest):
        raise RuntimeError(f"expected linear_bias shape {(classes, *rest)}, got {tuple(linear_bias.shape)}")
    if ignore_index is not None and target.is_floating_point():
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    ignored = -100 if ignore_index is None else ignore_index
    if options is not None:
        divisible = reduction in ("mean", "sum", "none") and target.dtype == flambeau.int64
        if divisible and label_smoothing == 0 and not rest:
            return _in_parts(input, linear_weight, target, linear_bias, weight, reduction, ignored, options)
        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in {'mean','sum','none'}, "
            f"label_smoothing == 0, target.dtype == int64, out_features == (). Got reduction={reduction!r}, "
            f"label_smoothing={label_smoothing}, target.dtype={target.dtype}, out_features={tuple(rest)}.",
            stacklevel=2,
        )
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = _linear(input, linear_weight.reshape(-1, width), bias)
    return cross_entropy(
        logits.reshape(*input.shape[:-1], classes, *rest),
        target,
        weight=weight,
        ignore_index=ignored,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )

"""Losses: values from their formulas, reductions, ignored and weighted classes, errors and derivatives."""

import math

import numpy as np
import pytest
from gradients import check_gradient

import flambeau as torch
import flambeau.nn.functional as F


def double(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def close(got, expected, tolerance=1e-9):
    np.testing.assert_allclose(got.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


def log_softmax(x, axis):
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


# ---- differences


def test_mse_loss_is_the_mean_squared_difference():
    a, b = double(4, 5), double(4, 5, seed=1)
    squares = (a.numpy() - b.numpy()) ** 2
    close(F.mse_loss(a, b), squares.mean())
    close(F.mse_loss(a, b, reduction="sum"), squares.sum())
    close(F.mse_loss(a, b, reduction="none"), squares)


def test_smooth_l1_and_huber_are_quadratic_near_zero_and_linear_beyond():
    d = torch.tensor([-3.0, -0.5, 0.0, 0.5, 3.0])
    zero = torch.zeros(5)
    assert F.l1_loss(d, zero, reduction="none").tolist() == [3, 0.5, 0, 0.5, 3]
    assert F.smooth_l1_loss(d, zero, reduction="none", beta=2.0).tolist() == [2, 0.0625, 0, 0.0625, 2]
    assert F.huber_loss(d, zero, reduction="none", delta=2.0).tolist() == [4, 0.125, 0, 0.125, 4]


def test_the_mean_of_nothing_is_nan():
    assert math.isnan(F.mse_loss(torch.empty(0), torch.empty(0)).item())


# ---- classes


@pytest.mark.parametrize("shape", [(3,), (6, 3), (70, 10), (4, 3, 5), (2, 3, 4, 5), (5, 300)])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_agrees_with_its_formula(shape, reduction, weighted, smoothing):
    axis = 0 if len(shape) == 1 else 1
    classes = shape[axis]
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape)
    target = rng.integers(0, classes, shape[:axis] + shape[axis + 1 :])
    weight = rng.random(classes) + 0.5 if weighted else np.ones(classes)
    ignored = (target == 1).astype(float)
    logs = log_softmax(x, axis)
    shaped = weight.reshape([classes if i == axis else 1 for i in range(len(shape))])
    of_target = -np.take_along_axis(logs, np.expand_dims(target, axis), axis).squeeze(axis) * weight[target]
    of_all = -(logs * shaped).sum(axis) / classes
    losses = ((1 - smoothing) * of_target + smoothing * of_all) * (1 - ignored)
    total = (weight[target] * (1 - ignored)).sum()
    with np.errstate(invalid="ignore"):
        expected = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / total}[reduction]
    got = F.cross_entropy(
        torch.from_numpy(x),
        torch.tensor(target.tolist()),
        torch.from_numpy(weight) if weighted else None,
        ignore_index=1,
        reduction=reduction,
        label_smoothing=smoothing,
    )
    close(got, expected)


def test_cross_entropy_with_probabilities_agrees_with_class_indices():
    x, target = double(5, 4), torch.tensor([0, 3, 1, 1, 2])
    one_hot = torch.eye(4, dtype=torch.float64)[target]
    for smoothing in (0.0, 0.2):
        close(
            F.cross_entropy(x, one_hot, label_smoothing=smoothing),
            F.cross_entropy(x, target, label_smoothing=smoothing).item(),
        )


def test_huge_logits_do_not_overflow():
    x = torch.tensor([[1e4, 0.0], [0.0, 1e4]], requires_grad=True)
    loss = F.cross_entropy(x, torch.tensor([0, 0]))
    loss.backward()
    assert loss.item() == 5000
    assert x.grad.tolist() == [[0, 0], [-0.5, 0.5]]


def test_nll_loss_of_log_softmax_is_cross_entropy():
    x, target = double(6, 5), torch.tensor([0, 4, 2, 2, 1, 3])
    close(F.nll_loss(x.log_softmax(1), target), F.cross_entropy(x, target).item())


def test_when_all_targets_are_ignored_the_mean_is_nan_and_the_sum_zero():
    x, target = torch.ones(2, 3), torch.tensor([-100, -100])
    assert math.isnan(F.nll_loss(x, target).item())
    assert F.nll_loss(x, target, reduction="sum").item() == 0


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("shape", [(4, 3), (2, 3, 4), (40, 10)])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_derivatives_of_cross_entropy(reduction, shape, smoothing):
    target = torch.arange(shape[0] * math.prod(shape[2:])).reshape(shape[0], *shape[2:]) % shape[1]
    weight = torch.arange(1.0, shape[1] + 1, dtype=torch.float64)
    scores = double(*shape)
    if scores.numel() > 100:
        scores = scores[:3]
        target = target[:3]

    def loss(x):
        return F.cross_entropy(
            x, target, weight, ignore_index=2, reduction=reduction, label_smoothing=smoothing
        )

    check_gradient(loss, scores)
    # The fused gradient, which is not recorded, against the recorded one.
    fused, recorded = scores.clone().requires_grad_(), scores.clone().requires_grad_()
    loss(fused).sum().backward()
    (gradient,) = torch.autograd.grad(loss(recorded).sum(), recorded, create_graph=True)
    close(fused.grad, gradient.detach().numpy(), 1e-12)


# ---- two classes


def test_binary_cross_entropy_agrees_with_its_formula():
    logits, target = double(20), torch.from_numpy(np.random.default_rng(1).random(20))
    p, t = 1 / (1 + np.exp(-logits.numpy())), target.numpy()
    expected = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    close(F.binary_cross_entropy(torch.from_numpy(p), target, reduction="none"), expected)
    close(F.binary_cross_entropy_with_logits(logits, target, reduction="none"), expected)
    weighted = -(3 * t * np.log(p) + (1 - t) * np.log(1 - p))
    pos_weight = torch.tensor([3.0], dtype=torch.float64)
    close(F.binary_cross_entropy_with_logits(logits, target, pos_weight=pos_weight), weighted.mean())


def test_certain_and_wrong_costs_a_hundred():
    assert F.binary_cross_entropy(torch.tensor([0.0]), torch.tensor([1.0])).item() == 100
    assert F.binary_cross_entropy_with_logits(torch.tensor([-1000.0]), torch.tensor([1.0])).item() == 1000


def test_derivatives_of_losses_of_numbers():
    x, t = double(2, 3), double(2, 3, seed=1)
    check_gradient(F.mse_loss, x, t)
    check_gradient(lambda a, b: F.smooth_l1_loss(a, b, beta=0.7), x, t)
    check_gradient(lambda a, b: F.huber_loss(a, b, delta=0.7, reduction="sum"), x, t)
    check_gradient(lambda a, b: F.binary_cross_entropy_with_logits(a, b.sigmoid()), x, t)
    weight = torch.tensor([2.0, 1.0, 0.5], dtype=torch.float64)
    check_gradient(
        lambda a: F.binary_cross_entropy_with_logits(a, t.sigmoid(), weight=weight, pos_weight=3 * weight), x
    )
    check_gradient(lambda a: F.binary_cross_entropy(a.sigmoid(), t.sigmoid(), weight=weight), x)


# ---- errors


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: F.cross_entropy(x, torch.tensor([0, 3])), IndexError, "Target 3 is out of bounds."),
        (lambda x: F.nll_loss(x, torch.tensor([0, -1])), IndexError, "Target -1 is out of bounds."),
        (
            lambda x: F.cross_entropy(x, torch.tensor([0, 1, 2])),
            ValueError,
            r"Expected input batch_size \(2\) to match target batch_size \(3\)",
        ),
        (
            lambda x: F.cross_entropy(x, torch.tensor([0.0, 1.0])),
            RuntimeError,
            "expected target dtype to be Long or Byte, but got Float",
        ),
        (
            lambda x: F.cross_entropy(x[..., None], torch.zeros(2, 2, dtype=torch.int64)),
            RuntimeError,
            r"Expected target size \[2, 1\], got \[2, 2\]",
        ),
        (
            lambda x: F.cross_entropy(x, torch.tensor([0, 1]), weight=x[0, :2]),
            RuntimeError,
            "weight tensor should be defined either for all 3 classes",
        ),
        (
            lambda x: F.cross_entropy(x, torch.tensor([0, 1]), label_smoothing=2.0),
            RuntimeError,
            "label_smoothing must be between 0.0 and 1.0. Got: 2",
        ),
        (
            lambda x: F.binary_cross_entropy(x + 1, x),
            RuntimeError,
            "all elements of input should be between 0 and 1",
        ),
        (
            lambda x: F.binary_cross_entropy_with_logits(x, x[0]),
            ValueError,
            "Target size .* must be the same as input size",
        ),
        (
            lambda x: F.mse_loss(x.long(), x.long()),
            NotImplementedError,
            "\"mse_cpu\" not implemented for 'Long'",
        ),
        (
            lambda x: F.huber_loss(x, x, delta=0.0),
            RuntimeError,
            "huber_loss does not support non-positive values for delta.",
        ),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.ones(2, 3))


@pytest.mark.parametrize(
    ("target", "logit", "expected"),
    [
        (0.0, math.inf, math.inf),
        (0.5, math.inf, math.inf),
        (0.9, -math.inf, math.inf),
        (1.0, -math.inf, math.inf),
        (0.0, -math.inf, 0.0),
        (1.0, math.inf, 0.0),
    ],
)
def test_an_infinite_logit_costs_what_it_denies(target, logit, expected):
    x = torch.tensor([logit], requires_grad=True)
    t = torch.tensor([target])
    for pos_weight in (None, torch.tensor([3.0])):
        loss = F.binary_cross_entropy_with_logits(x, t, pos_weight=pos_weight)
        assert loss.item() == expected
        (gradient,) = torch.autograd.grad(loss, x)
        denied = 1 - target if logit > 0 else -target
        factor = 1 if pos_weight is None or logit > 0 else 3
        assert gradient.item() == pytest.approx(denied * factor)


@pytest.mark.parametrize("weight", [None, torch.tensor([0.0, 1.0, 1.0])])
def test_a_logit_of_minus_infinity_makes_the_loss_of_probabilities_nan_but_not_its_gradient(weight):
    logits = torch.tensor([[-math.inf, 0.0, 0.0], [-math.inf, 0.0, 0.0]], requires_grad=True)
    target = torch.tensor([[0.0, 0.5, 0.5], [0.0, 0.25, 0.75]])
    loss = F.cross_entropy(logits, target, weight, reduction="none")
    assert loss.isnan().all()  # 0 times minus infinity
    loss.sum().backward()
    assert logits.grad.tolist() == [[0, 0, 0], [0, 0.25, -0.25]]


def test_a_class_of_probability_at_minus_infinity_costs_infinity():
    logits = torch.tensor([[-math.inf, 0.0, 0.0]])
    assert F.cross_entropy(logits, torch.tensor([[0.5, 0.25, 0.25]])).item() == math.inf
    assert F.cross_entropy(logits, torch.tensor([0])).item() == math.inf


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"weight": torch.tensor([1.0, 2.0, 0.0])}])
@pytest.mark.parametrize("spoilt", [[1.0, math.inf, 0.0], [1.0, math.nan, 0.0], [-math.inf] * 3])
def test_the_gradient_of_an_ignored_position_without_a_softmax_is_nan(spoilt, options):
    logits = torch.tensor([spoilt, [1.0, 2.0, 3.0], [-math.inf, 0.0, 1.0]])
    target = torch.tensor([-100, 1, -100])
    rows = logits.clone().requires_grad_()
    loss = F.cross_entropy(rows, target, **options)
    loss.backward()
    assert loss.isfinite()
    assert rows.grad.isnan().tolist() == [[True] * 3, [False] * 3, [False] * 3]
    assert rows.grad[2].tolist() == [0, 0, 0]
    columns = logits.t()[None].clone().requires_grad_()  # the classes not along the last dimension
    F.cross_entropy(columns, target[None], **options).backward()
    assert torch.allclose(columns.grad[0].t(), rows.grad, equal_nan=True)


# ---- margins between classes


def test_multi_margin_loss_sums_what_other_classes_are_short_of_the_margin():
    x, target = double(5, 4), torch.tensor([0, 3, 1, 1, 2])
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    scores = x.numpy()
    for p in (1, 2):
        expected = [
            sum(max(0, 0.5 - row[y] + row[j]) ** p for j in range(4) if j != y) * (y + 1) / 4
            for row, y in zip(scores, target.tolist(), strict=True)
        ]
        close(F.multi_margin_loss(x, target, p, 0.5, weight, reduction="none"), expected)
        close(torch.nn.MultiMarginLoss(p, 0.5, weight)(x, target), np.mean(expected))
    check_gradient(lambda x: F.multi_margin_loss(x, target, 2, 0.5, weight), x)
    one = F.multi_margin_loss(x[0], torch.tensor(0), reduction="none")
    assert one.shape == ()


def test_multilabel_margin_loss_compares_the_named_classes_with_the_others():
    x = double(2, 4)
    target = torch.tensor([[3, 0, -1, 1], [2, -1, 0, 0]])
    named = [[3, 0], [2]]
    expected = [
        sum(max(0, 1 - row[i] + row[j]) for i in classes for j in range(4) if j not in classes) / 4
        for row, classes in zip(x.numpy(), named, strict=True)
    ]
    close(F.multilabel_margin_loss(x, target, reduction="none"), expected)
    close(torch.nn.MultiLabelMarginLoss(reduction="sum")(x, target), sum(expected))
    check_gradient(lambda x: F.multilabel_margin_loss(x, target), x)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: F.multi_margin_loss(x, torch.tensor([0, 3])), RuntimeError, "target out of range"),
        (lambda x: F.multi_margin_loss(x, torch.tensor([0])), RuntimeError, "target tensor should be 1-D"),
        (lambda x: F.multi_margin_loss(x, torch.tensor([0, 1]), p=3), ValueError, "only p == 1 and p == 2"),
        (
            lambda x: F.multilabel_margin_loss(x, torch.tensor([0, 1])),
            RuntimeError,
            "inconsistent target size",
        ),
        (lambda x: F.multilabel_margin_loss(x, torch.full((2, 3), 3)), RuntimeError, "is out of range"),
    ],
)
def test_bad_targets_of_margin_losses_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.ones(2, 3))


@pytest.mark.parametrize(("dtype", "name"), [(torch.int64, "Long"), (torch.complex64, "ComplexFloat")])
def test_losses_of_distances_refuse_what_is_not_floating_point(dtype, name):
    x = torch.ones(2).to(dtype)
    with pytest.raises(NotImplementedError, match=f"\"smooth_l1_cpu\" not implemented for '{name}'"):
        F.smooth_l1_loss(x, x)
    with pytest.raises(NotImplementedError, match=f"\"huber_cpu\" not implemented for '{name}'"):
        F.huber_loss(x, x)
    kind = "Complex" if dtype.is_complex else "Integral"
    with pytest.raises(RuntimeError, match=f"kl_div: {kind} inputs not supported"):
        F.kl_div(torch.ones(2), x, reduction="sum")


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1}, {"weight": torch.tensor([1.0, 2.0, 3.0])}])
@pytest.mark.parametrize("target", [0, 1])
def test_cross_entropy_of_an_infinite_logit_is_nan_with_all_its_gradient(target, options):
    x = torch.tensor([[math.inf, 0.0, 1.0], [1.0, 2.0, 3.0]], requires_grad=True)
    loss = F.cross_entropy(x, torch.tensor([target, 1]), reduction="none", **options)
    loss.sum().backward()
    assert loss.isnan().tolist() == [True, False]
    assert x.grad.isnan().tolist() == [[True] * 3, [False] * 3]


# ---- sequences


def ctc_by_enumeration(probabilities, target, blank=0):
    """-log of the probability of all sequences that spell the target, one by one."""
    steps, classes = probabilities.shape
    total = 0.0
    for path in np.ndindex(*[classes] * steps):
        spelled = [c for i, c in enumerate(path) if c != blank and (i == 0 or path[i - 1] != c)]
        if spelled == target:
            total += np.prod([probabilities[t, c] for t, c in enumerate(path)])
    return -math.log(total) if total else math.inf


def test_ctc_loss_counts_every_alignment():
    scores = double(5, 3, 3).log_softmax(-1)
    targets, lengths = torch.tensor([[1, 2], [1, 1], [2, 0]]), [5, 4, 3]
    expected = [
        ctc_by_enumeration(scores[:n, i].exp().numpy(), target)
        for i, (n, target) in enumerate(zip(lengths, ([1, 2], [1, 1], [2]), strict=True))
    ]
    close(F.ctc_loss(scores, targets, lengths, (2, 2, 1), reduction="none"), expected)
    in_a_row = torch.tensor([1, 2, 1, 1, 2])
    of_tensors = F.ctc_loss(
        scores, in_a_row, torch.tensor(lengths), torch.tensor([2, 2, 1]), reduction="none"
    )
    close(of_tensors, expected)
    close(F.ctc_loss(scores, targets, lengths, (2, 2, 1)), np.mean(np.array(expected) / [2, 2, 1]))
    close(torch.nn.CTCLoss(reduction="sum")(scores, targets, lengths, (2, 2, 1)), sum(expected))
    close(F.ctc_loss(scores[:, 0], targets[0], (5,), (2,), reduction="none"), expected[0])


def test_ctc_loss_has_the_gradient_of_the_scores_before_log_softmax():
    targets = torch.tensor([[1, 2], [1, 1]])
    scores = double(5, 2, 3).requires_grad_()

    def loss(x):
        return F.ctc_loss(x.log_softmax(-1), targets, (5, 4), (2, 2), reduction="sum")

    assert torch.autograd.gradcheck(loss, (scores,))
    (gradient,) = torch.autograd.grad(loss(scores), scores, create_graph=True)
    with pytest.raises(RuntimeError, match="derivative for aten::_ctc_loss_backward is not implemented"):
        gradient.sum().backward()


def test_ctc_loss_of_a_target_that_is_too_long_is_infinite_or_nothing():
    scores = double(3, 2, 3).log_softmax(-1).requires_grad_()
    targets = torch.tensor([[1, 1], [1, 2]])
    losses = F.ctc_loss(scores, targets, (2, 3), (2, 2), reduction="none")
    assert losses[0] == math.inf
    losses = F.ctc_loss(scores, targets, (2, 3), (2, 2), reduction="none", zero_infinity=True)
    assert losses[0] == 0
    losses.sum().backward()
    assert (scores.grad[:, 0] == 0).all()
    assert (scores.grad[:, 1] != 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1, 2]], (4,), (2,)), "Expected input_lengths to have value at most 3, but got value 4"),
        (([[1, 2]], (3,), (3,)), "Expected tensor to have size at least 3 at dimension 1"),
        (([1, 2, 1], (3,), (2,)), "Expected tensor to have size 2 at dimension 0, but got size 3"),
        (([[1, 2]], (3, 3), (2,)), "input_lengths must be of size batch_size"),
        (([[1, 2]], (3,), (2,), 3), "blank must be in label range"),
        (([[1, 2]], torch.tensor([3.0]), torch.tensor([2])), "input_lengths must be integral"),
    ],
)
def test_ctc_loss_refuses_lengths_that_do_not_fit(arguments, message):
    targets, *rest = arguments
    with pytest.raises(RuntimeError, match=message):
        F.ctc_loss(torch.zeros(3, 1, 3), torch.tensor(targets), *rest)


def test_ctc_loss_refuses_labels_that_are_no_class():
    with pytest.raises(IndexError, match="Target 7 is out of bounds"):
        F.ctc_loss(torch.zeros(3, 1, 3), torch.tensor([[7]]), (3,), (1,))


def test_linear_cross_entropy_is_both_in_one():
    x, weight, bias = double(4, 3), double(5, 2, 3, seed=1), double(5, 2, seed=2)
    target = torch.tensor([[0, 1], [4, 2], [3, 3], [1, 0]])
    logits = torch.einsum("ni,cdi->ncd", x, weight) + bias
    expected = F.cross_entropy(logits, target, ignore_index=3, label_smoothing=0.1)
    given = F.linear_cross_entropy(x, weight, target, linear_bias=bias, ignore_index=3, label_smoothing=0.1)
    close(given, expected.numpy())
    layer = torch.nn.LinearCrossEntropyLoss(3, 5, out_features=(2,), reduction="none").double()
    assert layer(x, target).shape == (4, 2)
    with pytest.raises(RuntimeError, match="expected linear_bias shape"):
        F.linear_cross_entropy(x, weight, target, linear_bias=bias[0])


# ---- at the top level, where reductions are numbers


def test_losses_of_the_top_level_are_those_of_the_functional_module():
    x, y = double(4, 5), double(4, 5, seed=1)
    for code, reduction in enumerate(("none", "mean", "sum")):
        terms = y.exp() * (y - x)
        close(torch.kl_div(x, y.exp(), code), (terms, terms.mean(), terms.sum())[code].numpy())
        signs = y.sign()
        close(
            torch.hinge_embedding_loss(x, signs, 1.0, code),
            F.hinge_embedding_loss(x, signs, reduction=reduction).numpy(),
        )
        close(
            torch.margin_ranking_loss(x, y, signs, 0.5, code),
            F.margin_ranking_loss(x, y, signs, 0.5, reduction=reduction).numpy(),
        )
        close(
            torch.triplet_margin_loss(x, y, x + 1, reduction=code),
            F.triplet_margin_loss(x, y, x + 1, reduction=reduction).numpy(),
        )
        close(
            torch.poisson_nll_loss(x, y.abs(), True, True, 1e-8, code),
            F.poisson_nll_loss(x, y.abs(), full=True, reduction=reduction).numpy(),
        )
        close(
            torch.binary_cross_entropy_with_logits(x, y.sigmoid(), reduction=code),
            F.binary_cross_entropy_with_logits(x, y.sigmoid(), reduction=reduction).numpy(),
        )
        close(
            torch.cosine_embedding_loss(x, y, signs[:, 0], 0.1, code),
            F.cosine_embedding_loss(x, y, signs[:, 0], 0.1, reduction=reduction).numpy(),
        )

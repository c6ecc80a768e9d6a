"""The layers and their functions: values from formulas, representations and errors as PyTorch has them."""

import inspect
import math
import warnings

import numpy as np
import pytest

import flambeau as torch
import flambeau.nn.functional as F
from flambeau import nn

LAST = torch.channels_last


def rows(*values):
    return torch.tensor(values)


def close(actual, expected, tolerance=1e-6):
    np.testing.assert_allclose(np.array(actual.tolist()), np.array(expected), rtol=tolerance, atol=tolerance)


# ---- affine and shape layers


def test_linear_is_a_product_and_a_sum():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": rows([2.0, 3.0]), "bias": rows(4.0)})
    assert layer(rows([1.0, 10.0], [0.0, 1.0])).tolist() == [[36], [7]]
    assert layer(rows(1.0, 10.0)).tolist() == [36]


def test_linear_without_bias():
    layer = nn.Linear(2, 1, bias=False)
    assert layer.bias is None and list(layer.state_dict()) == ["weight"]


def test_linear_uses_a_weight_that_replaced_the_parameter():
    layer = nn.Linear(2, 1, bias=False)
    del layer.weight
    layer.weight = rows([1.0, 1.0])
    assert layer(rows(2.0, 3.0)).tolist() == [5]


def test_linear_takes_a_type():
    assert nn.Linear(2, 3, dtype=torch.float64).weight.dtype == torch.float64


def test_flatten_and_unflatten_are_inverse():
    x = torch.arange(24.0).reshape(2, 3, 4)
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Unflatten(1, (3, -1))(nn.Flatten()(x)).tolist() == x.tolist()
    with pytest.raises(
        TypeError, match="unflattened_size must be tuple of ints, but found element of type str at pos 1"
    ):
        nn.Unflatten(1, (2, "a"))
    with pytest.raises(TypeError, match="unflattened_size must be a tuple of ints, but found type int"):
        nn.Unflatten(1, 3)


# ---- convolution and pooling


def test_conv1d_slides_its_kernel():
    layer = nn.Conv1d(1, 1, 2)
    layer.load_state_dict({"weight": rows([[1.0, -1.0]]), "bias": rows(10.0)})
    assert layer(rows([[1.0, 3.0, 6.0]])).tolist() == [[[8, 7]]]


def test_conv2d_slides_its_kernel():
    layer = nn.Conv2d(1, 1, 2, stride=2, padding=1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1)
    assert layer(torch.arange(9.0).reshape(1, 1, 3, 3)).tolist() == [[[[0, 3], [9, 24]]]]


def test_grouped_convolution_keeps_groups_apart():
    layer = nn.Conv2d(2, 2, 1, groups=2, bias=False)
    layer.load_state_dict({"weight": torch.tensor([2.0, 3.0]).reshape(2, 1, 1, 1)})
    assert layer(torch.ones(1, 2, 1, 1)).flatten().tolist() == [2, 3]


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_padding_by_name(padding):
    out = nn.Conv2d(1, 1, (3, 2), padding=padding, dilation=2)(torch.zeros(1, 1, 9, 9))
    assert out.shape == ((1, 1, 9, 9) if padding == "same" else (1, 1, 5, 7))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"groups": 0}, "groups must be a positive integer"),
        ({"groups": 3}, "in_channels must be divisible by groups"),
        ({"groups": 4}, "out_channels must be divisible by groups"),
        ({"padding": "both"}, "Invalid padding string 'both', should be one of"),
        ({"padding": "same", "stride": 2}, "padding='same' is not supported for strided convolutions"),
        ({"padding_mode": "mirror"}, "padding_mode must be one of"),
    ],
)
def test_convolutions_check_their_arguments(arguments, message):
    with pytest.raises(ValueError) as raised:
        nn.Conv2d(4, 6, 3, **arguments)
    assert message in str(raised.value)


def test_max_pool1d_takes_the_maximum_of_each_window():
    x = rows([1.0, 5.0, 2.0, 4.0, 3.0])
    assert nn.MaxPool1d(2)(x).tolist() == [[5, 4]]
    assert nn.MaxPool1d(2, ceil_mode=True)(x).tolist() == [[5, 4, 3]]
    values, indices = nn.MaxPool1d(2, return_indices=True)(x)
    assert values.tolist() == [[5, 4]] and indices.tolist() == [[1, 3]]


def test_max_pool2d_takes_the_maximum_of_each_window():
    x = torch.arange(16.0).reshape(1, 4, 4)
    values, indices = nn.MaxPool2d(2, return_indices=True)(x)
    assert values.tolist() == [[[5, 7], [13, 15]]] and indices.tolist() == [[[5, 7], [13, 15]]]
    assert nn.MaxPool2d(3, stride=2, padding=1)(x).tolist() == [[[5, 7], [13, 15]]]
    assert F.max_pool2d(x, (2, 1)).tolist() == [[[4, 5, 6, 7], [12, 13, 14, 15]]]


def test_max_pool2d_sends_gradients_to_the_maxima():
    x = torch.arange(4.0).reshape(1, 1, 2, 2).requires_grad_()
    nn.MaxPool2d(2)(x).sum().backward()
    assert x.grad.flatten().tolist() == [0, 0, 0, 1]


# ---- activations

X = [-4.0, -1.0, -0.25, 0.0, 0.25, 1.0, 4.0]


def normal_cdf(x):
    return (1 + math.erf(x / math.sqrt(2))) / 2


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


FORMULAS = {
    "ReLU": ((), lambda x: max(0.0, x)),
    "ReLU6": ((), lambda x: min(max(0.0, x), 6)),
    "Hardtanh": ((-0.5, 2.0), lambda x: min(max(x, -0.5), 2)),
    "LeakyReLU": ((0.1,), lambda x: x if x > 0 else 0.1 * x),
    "PReLU": ((), lambda x: x if x > 0 else 0.25 * x),
    "ELU": ((0.5,), lambda x: x if x > 0 else 0.5 * math.expm1(x)),
    "CELU": ((2.0,), lambda x: x if x > 0 else 2 * math.expm1(x / 2)),
    "SELU": ((), lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x))),
    "GELU": ((), lambda x: x * normal_cdf(x)),
    "SiLU": ((), lambda x: x * sigmoid(x)),
    "Mish": ((), lambda x: x * math.tanh(math.log1p(math.exp(x)))),
    "Sigmoid": ((), sigmoid),
    "LogSigmoid": ((), lambda x: math.log(sigmoid(x))),
    "Tanh": ((), math.tanh),
    "Tanhshrink": ((), lambda x: x - math.tanh(x)),
    "Softsign": ((), lambda x: x / (1 + abs(x))),
    "Softplus": ((2.0,), lambda x: math.log1p(math.exp(2 * x)) / 2),
    "Hardsigmoid": ((), lambda x: min(max(x + 3, 0), 6) / 6),
    "Hardswish": ((), lambda x: x * min(max(x + 3, 0), 6) / 6),
    "Hardshrink": ((0.3,), lambda x: x if abs(x) > 0.3 else 0.0),
    "Softshrink": ((0.3,), lambda x: math.copysign(max(abs(x) - 0.3, 0), x)),
    "Threshold": ((0.5, 20.0), lambda x: x if x > 0.5 else 20.0),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_activations_follow_their_formulas(name):
    arguments, formula = FORMULAS[name]
    x = torch.tensor(X, dtype=torch.float64)
    close(getattr(nn, name)(*arguments).double()(x), [formula(v) for v in X], 1e-9)


@pytest.mark.parametrize(
    "name", [n for n in FORMULAS if n not in ("ReLU6", "Hardshrink", "Softshrink", "Threshold")]
)
def test_derivatives_of_activations_are_difference_quotients(name):
    arguments, formula = FORMULAS[name]
    points = [-3.3, -0.7, 0.4, 1.7]
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    getattr(nn, name)(*arguments).double()(x).sum().backward()
    h = 1e-6
    close(x.grad, [(formula(p + h) - formula(p - h)) / (2 * h) for p in points], 1e-7)


@pytest.mark.parametrize(
    "name", ["ReLU", "ReLU6", "LeakyReLU", "ELU", "SiLU", "Hardtanh", "Hardswish", "SELU", "CELU"]
)
def test_activations_in_place_write_to_their_input(name):
    arguments, formula = FORMULAS[name]
    x = torch.tensor(X)
    assert getattr(nn, name)(*arguments, inplace=True)(x) is x
    close(x, [formula(v) for v in X])


def test_gelu_has_an_approximation():
    def formula(x):
        return x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2

    close(nn.GELU(approximate="tanh")(torch.tensor(X)), [formula(v) for v in X])


def test_prelu_has_one_slope_for_each_channel():
    layer = nn.PReLU(2)
    layer.load_state_dict({"weight": rows(0.5, 2.0)})
    assert layer(rows([-1.0, -1.0], [1.0, 1.0])).tolist() == [[-0.5, -2], [1, 1]]
    with pytest.raises(RuntimeError, match="Found parameter numbers = 2 and channel size = 3"):
        layer(torch.ones(1, 3))


def test_glu_gates_one_half_by_the_other():
    close(nn.GLU()(rows([2.0, 3.0, 0.0, 1.0])), [[1.0, 3 * sigmoid(1)]])
    with pytest.raises(RuntimeError, match="Halving dimension must be even, but dimension 0 is size 3"):
        F.glu(torch.ones(3))


def test_softmax_and_its_kin():
    x = rows([0.0, math.log(3.0)])
    close(nn.Softmax(dim=1)(x), [[0.25, 0.75]])
    close(nn.Softmin(dim=1)(x), [[0.75, 0.25]])
    close(nn.LogSoftmax(dim=-1)(x), [[math.log(0.25), math.log(0.75)]])
    close(nn.Softmax2d()(torch.zeros(4, 1, 1)).flatten(), [0.25] * 4)
    assert F.softmax(x, 1, dtype=torch.float64).dtype == torch.float64


@pytest.mark.parametrize(("rank", "dim"), [(1, 0), (2, 1), (3, 0), (4, 1)])
def test_softmax_without_a_dimension_warns_and_takes_the_old_one(rank, dim):
    x = torch.arange(2.0**rank).reshape([2] * rank)
    with pytest.warns(UserWarning, match="Implicit dimension choice for softmax has been deprecated"):
        assert F.softmax(x).tolist() == F.softmax(x, dim).tolist()


# ---- dropout


def test_dropout_zeroes_and_scales_in_training_only():
    torch.manual_seed(0)
    layer = nn.Dropout(0.25)
    values = layer(torch.ones(1000)).tolist()
    assert {round(v, 4) for v in values} == {0.0, 1.3333}
    assert 0.2 < values.count(0.0) / 1000 < 0.3
    assert layer.eval()(torch.ones(5)).tolist() == [1] * 5


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("drop", [F.dropout, F.dropout1d, F.alpha_dropout, F.feature_alpha_dropout])
def test_what_is_dropped_leaves_no_trace_of_its_value(drop, value):
    torch.manual_seed(0)
    x = torch.full((20, 30), value, requires_grad=True)
    y = drop(x, 0.5, True)
    dropped = y.isfinite()
    assert 0 < dropped.sum() < 600
    (gradient,) = torch.autograd.grad(y, x, torch.full_like(y, math.inf))
    assert torch.equal(gradient == 0, dropped)
    x = torch.full((2, 3), value, requires_grad=True)
    y = drop(x, 1.0, True)
    y.sum().backward()
    assert y.tolist() == x.grad.tolist() == [[0, 0, 0]] * 2


def test_dropout_of_everything_and_of_nothing():
    assert F.dropout(torch.ones(3), 1.0).tolist() == [0, 0, 0]
    assert F.dropout(torch.ones(3), 0.0).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Dropout1d, (4, 8, 5)),
        (nn.Dropout1d, (8, 5)),
        (nn.Dropout2d, (4, 8, 5, 3)),
        (nn.Dropout3d, (4, 8, 2, 2, 2)),
    ],
)
def test_channel_dropout_drops_whole_channels(layer, shape):
    torch.manual_seed(0)
    spatial = len(shape) - (1 if len(shape) == 2 else 2)
    out = layer(0.5)(torch.ones(*shape)).numpy().reshape(-1, *shape[-spatial:])
    assert {tuple(sorted(set(channel.ravel().tolist()))) for channel in out} == {(0.0,), (2.0,)}


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_dropout_checks_its_probability(p):
    message = f"dropout probability has to be between 0 and 1, but got {p}"
    with pytest.raises(ValueError, match=message):
        nn.Dropout(p)
    with pytest.raises(ValueError, match=message):
        F.dropout(torch.ones(1), p)


# ---- losses

P, Y = [0.5, -1.0, 3.0], [1.0, 1.0, 0.0]


def softplus(x):
    return math.log1p(math.exp(x))


LOSSES = {
    "MSELoss": ({}, lambda x, y: (x - y) ** 2),
    "L1Loss": ({}, lambda x, y: abs(x - y)),
    "SmoothL1Loss": (
        {"beta": 0.8},
        lambda x, y: (x - y) ** 2 / 1.6 if abs(x - y) < 0.8 else abs(x - y) - 0.4,
    ),
    "HuberLoss": (
        {"delta": 0.8},
        lambda x, y: (x - y) ** 2 / 2 if abs(x - y) < 0.8 else 0.8 * (abs(x - y) - 0.4),
    ),
    "BCEWithLogitsLoss": ({}, lambda x, y: softplus(x) - x * y),
    "SoftMarginLoss": ({}, lambda x, y: softplus(-x * y)),
    "PoissonNLLLoss": ({}, lambda x, y: math.exp(x) - y * x),
    "KLDivLoss": ({"log_target": True}, lambda x, y: math.exp(y) * (y - x)),
}


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_follow_their_formulas(name, reduction):
    arguments, formula = LOSSES[name]
    each = np.array([formula(x, y) for x, y in zip(P, Y, strict=True)])
    expected = {"none": each, "mean": each.mean(), "sum": each.sum()}[reduction]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loss = getattr(nn, name)(reduction=reduction, **arguments)(torch.tensor(P), torch.tensor(Y))
    close(loss, expected)


def test_bce_stops_logarithms_at_minus_100():
    loss = nn.BCELoss(reduction="none")(rows(0.25, 0.0, 1.0), rows(1.0, 1.0, 1.0))
    close(loss, [-math.log(0.25), 100, 0])


def test_binary_losses_take_weights():
    close(nn.BCELoss(weight=rows(1.0, 3.0))(rows(0.5, 0.5), rows(1.0, 0.0)), 2 * math.log(2))
    close(nn.BCEWithLogitsLoss(pos_weight=rows(3.0))(rows(0.0, 0.0), rows(1.0, 0.0)), 2 * math.log(2))


def test_nll_loss_picks_and_weighs():
    x = rows([-1.0, -2.0], [-3.0, -4.0], [-5.0, -6.0])
    y = torch.tensor([1, 0, 1])
    assert nn.NLLLoss(reduction="none")(x, y).tolist() == [2, 3, 6]
    close(nn.NLLLoss(weight=rows(1.0, 3.0))(x, y), (3 * 2 + 3 + 3 * 6) / 7)
    close(nn.NLLLoss(ignore_index=0)(x, y), 4)


def test_cross_entropy_of_classes_and_of_probabilities():
    x = rows([0.0, math.log(3.0)])
    close(nn.CrossEntropyLoss()(x, torch.tensor([1])), -math.log(0.75))
    close(nn.CrossEntropyLoss()(x, rows([0.5, 0.5])), -(math.log(0.25) + math.log(0.75)) / 2)
    smoothed = -(0.9 + 0.05) * math.log(0.75) - 0.05 * math.log(0.25)
    close(nn.CrossEntropyLoss(label_smoothing=0.1)(x, torch.tensor([1])), smoothed)


def test_cross_entropy_of_images():
    x = torch.zeros(2, 4, 3, 3)
    y = torch.zeros(2, 3, 3, dtype=torch.int64)
    y[0] = -100
    loss = nn.CrossEntropyLoss(reduction="none")(x, y)
    close(loss, np.stack([np.zeros((3, 3)), np.full((3, 3), math.log(4))]))
    close(nn.CrossEntropyLoss()(x, y), math.log(4))


def test_the_gradient_of_cross_entropy_is_the_softmax_less_the_target():
    x = torch.zeros(2, 4, requires_grad=True)
    nn.CrossEntropyLoss()(x, torch.tensor([0, 3])).backward()
    close(x.grad, [[-0.375, 0.125, 0.125, 0.125], [0.125, 0.125, 0.125, -0.375]])


def test_ranking_and_embedding_losses():
    one, minus = rows(1.0), rows(-1.0)
    assert nn.MarginRankingLoss(margin=0.5)(rows(1.0), rows(3.0), one).item() == 2.5
    assert nn.MarginRankingLoss()(rows(1.0), rows(3.0), minus).item() == 0
    assert nn.HingeEmbeddingLoss()(rows(0.25), one).item() == 0.25
    assert nn.HingeEmbeddingLoss()(rows(0.25), minus).item() == 0.75
    x, y = rows([1.0, 0.0]), rows([1.0, 1.0])
    close(nn.CosineEmbeddingLoss()(x, y, one), 1 - math.sqrt(0.5))
    close(nn.CosineEmbeddingLoss(margin=0.5)(x, y, minus), math.sqrt(0.5) - 0.5)
    close(nn.TripletMarginLoss()(x, y, x), 2.0, 1e-4)
    close(
        nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: (a - b).abs().sum(-1))(x, y, x), 2.0
    )


def test_gaussian_loss_bounds_the_variance():
    loss = nn.GaussianNLLLoss(full=True)(rows([1.0]), rows([3.0]), rows([4.0]))
    close(loss, 0.5 * (math.log(4) + 1) + 0.5 * math.log(2 * math.pi))
    close(F.gaussian_nll_loss(rows([1.0]), rows([1.0]), 0.0, eps=0.5), 0.5 * math.log(0.5))
    with pytest.raises(ValueError, match="var has negative entry/entries"):
        nn.GaussianNLLLoss()(rows([1.0]), rows([1.0]), rows([-1.0]))


def test_distances():
    x, y = rows([0.0, 0.0, 1.0]), rows([3.0, 4.0, 1.0])
    close(nn.PairwiseDistance()(x, y), [5.0], 1e-5)
    close(nn.PairwiseDistance(p=1, keepdim=True)(x, y), [[7.0]], 1e-5)
    close(nn.CosineSimilarity()(x, y), [1 / math.sqrt(26)])
    close(F.normalize(y), [[v / math.sqrt(26) for v in (3, 4, 1)]])


def test_the_derivative_of_a_length_at_zero_is_zero():
    x = torch.zeros(1, 3, requires_grad=True)
    F.pairwise_distance(x, torch.zeros(1, 3), eps=0.0).sum().backward()
    assert x.grad.tolist() == [[0, 0, 0]]
    x.grad = None
    F.normalize(x, eps=0.5).sum().backward()
    assert x.grad.tolist() == [[2, 2, 2]]


def test_weighted_errors():
    x, y, w = rows(1.0, 2.0), rows(0.0, 0.0), rows(1.0, 3.0)
    assert F.mse_loss(x, y, weight=w).item() == 13 / 4
    assert F.l1_loss(x, y, weight=w, reduction="sum").item() == 7
    with pytest.raises(ValueError, match="Weights and input must have the same size"):
        F.mse_loss(x, y, weight=rows(1.0))


def test_losses_warn_of_sizes_that_differ():
    with pytest.warns(UserWarning, match="This will likely lead to incorrect results due to broadcasting"):
        assert F.mse_loss(rows(1.0, 2.0), rows([1.0], [2.0]), reduction="none").shape == (2, 2)
    with pytest.raises(
        ValueError, match=r"Target size \(torch.Size\(\[3\]\)\) must be the same as input size"
    ):
        nn.BCEWithLogitsLoss()(torch.ones(2), torch.ones(3))


@pytest.mark.parametrize(
    ("size_average", "reduce", "reduction"),
    [
        (True, None, "mean"),
        (False, None, "sum"),
        (None, False, "none"),
        (None, True, "mean"),
        (False, False, "none"),
    ],
)
def test_the_older_arguments_choose_a_reduction(size_average, reduce, reduction):
    with pytest.warns(UserWarning, match=f"please use reduction='{reduction}' instead"):
        assert nn.MSELoss(size_average, reduce).reduction == reduction


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="middle is not a valid value for reduction"):
        F.mse_loss(rows(1.0), rows(1.0), reduction="middle")


# ---- what layers say of themselves


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (lambda: nn.Linear(2, 3, bias=False), "Linear(in_features=2, out_features=3, bias=False)"),
        (lambda: nn.Identity(3), "Identity()"),
        (lambda: nn.Flatten(0, 2), "Flatten(start_dim=0, end_dim=2)"),
        (lambda: nn.Unflatten(1, (2, -1)), "Unflatten(dim=1, unflattened_size=(2, -1))"),
        (
            lambda: nn.Conv1d(4, 6, 3, 2, 1, 2, 2, False),
            "Conv1d(4, 6, kernel_size=(3,), stride=(2,), padding=(1,), dilation=(2,), groups=2, bias=False)",
        ),
        (
            lambda: nn.Conv2d(4, 6, 3, padding="same", padding_mode="circular"),
            "Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=same, padding_mode=circular)",
        ),
        (
            lambda: nn.MaxPool2d(3, 2, 1, 2, ceil_mode=True),
            "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=2, ceil_mode=True)",
        ),
        (lambda: nn.Dropout(0.3, True), "Dropout(p=0.3, inplace=True)"),
        (lambda: nn.ReLU(True), "ReLU(inplace=True)"),
        (lambda: nn.ReLU6(), "ReLU6()"),
        (lambda: nn.Hardtanh(-2, 3, True), "Hardtanh(min_val=-2, max_val=3, inplace=True)"),
        (lambda: nn.LeakyReLU(0.3), "LeakyReLU(negative_slope=0.3)"),
        (lambda: nn.ELU(2, True), "ELU(alpha=2, inplace=True)"),
        (lambda: nn.PReLU(4), "PReLU(num_parameters=4)"),
        (lambda: nn.GELU(), "GELU(approximate='none')"),
        (lambda: nn.GLU(), "GLU(dim=-1)"),
        (lambda: nn.Hardshrink(), "Hardshrink(0.5)"),
        (lambda: nn.Hardswish(True), "Hardswish()"),
        (lambda: nn.Softplus(), "Softplus(beta=1.0, threshold=20.0)"),
        (lambda: nn.Threshold(1, 2, True), "Threshold(threshold=1, value=2, inplace=True)"),
        (lambda: nn.Softmax(1), "Softmax(dim=1)"),
        (lambda: nn.CrossEntropyLoss(), "CrossEntropyLoss()"),
    ],
)
def test_representations(layer, text):
    assert repr(layer()) == text


def test_functions_that_there_are_not_are_named():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        F.nonsense  # noqa: B018


# ---- the order of memory


@pytest.mark.parametrize(
    "layer",
    [
        lambda x: F.conv2d(x, torch.ones(4, 8, 3, 3)),
        lambda x: F.conv2d(x.contiguous(), torch.ones(4, 8, 3, 3).contiguous(memory_format=LAST)),
        lambda x: F.max_pool2d(x, 2),
        lambda x: F.max_pool2d(x, 2, return_indices=True)[1],
        lambda x: F.dropout(x, 0.5),
        lambda x: F.dropout2d(x, 0.5),
        lambda x: F.feature_alpha_dropout(x, 0.5, True),
        lambda x: F.prelu(x, torch.ones(8)),
        lambda x: x * torch.ones(2, 8, 1, 1),
        lambda x: torch.ones(8, 1, 1) + x,
        lambda x: x.relu().gt(0),
    ],
)
def test_channels_stay_last(layer):
    values = torch.randn(2, 8, 6, 6)
    kept, plain = layer(values.contiguous(memory_format=LAST)), layer(values)
    assert kept.is_contiguous(memory_format=LAST)
    assert not kept.is_contiguous()
    assert kept.shape == plain.shape


@pytest.mark.parametrize(
    ("first", "second", "strides"),
    [
        (torch.zeros(3, 2).t(), torch.zeros(2, 3), (1, 2)),
        (torch.zeros(2, 3), torch.zeros(3, 2).t(), (3, 1)),
        (torch.zeros(3, 1), torch.zeros(1, 4), (4, 1)),
        (torch.zeros(4).expand(3, 4), torch.zeros(3, 4), (4, 1)),
        (torch.zeros(2, 4, 3).transpose(1, 2), torch.zeros(3, 1), (12, 1, 3)),
    ],
)
def test_the_first_operand_that_tells_two_axes_apart_orders_the_result(first, second, strides):
    assert (first + second).stride() == strides


# ---- signatures


def test_modules_and_their_forwards_have_signatures():
    assert str(inspect.signature(torch.nn.ReLU())) == "(*args, **kwargs)"
    assert list(inspect.signature(torch.nn.ReLU().forward).parameters) == ["input"]
    assert list(inspect.signature(torch.nn.ReLU).parameters) == ["inplace"]
    assert list(inspect.signature(torch.nn.Linear(1, 1).forward).parameters) == ["input"]


def test_a_call_of_ones_own_keeps_its_signature():
    class Own(torch.nn.Module):
        def __call__(self, x, y=1):
            return x + y

    assert str(inspect.signature(Own())) == "(x, y=1)"


# ---- draws of classes that gradients flow through


def test_gumbel_softmax_draws_classes_by_their_probabilities():
    torch.manual_seed(0)
    logits = torch.tensor([0.7, 0.2, 0.1]).log().expand(4000, 3).clone().requires_grad_()
    drawn = F.gumbel_softmax(logits, tau=0.5, hard=True)
    assert ((drawn.detach() - drawn.detach().round()).abs() < 1e-6).all()
    close(drawn.detach().mean(0), [0.7, 0.2, 0.1], 0.03)
    drawn[:, 0].sum().backward()
    assert logits.grad.abs().sum() > 0
    close(F.gumbel_softmax(logits).sum(1).detach(), [1.0] * 4000, 1e-5)


def test_rrelu_draws_a_slope_for_each_element_that_is_not_positive():
    x = torch.tensor([-1.0, 2.0, -3.0, 0.0], requires_grad=True)
    assert torch.allclose(torch.rrelu(x, 0.1, 0.3), torch.tensor([-0.2, 2.0, -0.6, 0.0]))
    torch.manual_seed(0)  # the values are PyTorch's for this seed
    y = torch.nn.functional.rrelu(x, 0.1, 0.3, training=True)
    assert torch.allclose(y, torch.tensor([-0.2940, 2.0, -0.7247, 0.0]), atol=1e-4)
    y.sum().backward()
    assert torch.allclose(x.grad, torch.tensor([0.2940, 1.0, 0.2416, 0.1919]), atol=1e-4)
    z = torch.tensor([-8.0])
    assert torch.rrelu_(z, 0.125, 0.375) is z
    assert torch.nn.RReLU().eval()(torch.tensor([-24.0])).item() == pytest.approx(-5.5)
    with pytest.raises(RuntimeError, match="Lower bound should be less than or equal to the upper bound"):
        torch.rrelu(x, 0.5, 0.2)

"""nn.init: the same seed gives PyTorch's numbers; and nn.utils on gradients and parameters."""

import math

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn import init

# Recorded from PyTorch 2.13: torch.manual_seed(5), a matrix of 4 x 4, its first values.
STREAMS = {
    "uniform": (
        lambda t: init.uniform_(t, -1, 2),
        [1.490756, -0.621667, 1.722409, 1.459781, 1.76031, -0.650064],
    ),
    "normal": (
        lambda t: init.normal_(t, 1, 2),
        [4.68466, 2.037774, -2.423843, -2.402759, 5.038839, 0.462771],
    ),
    "xavier_uniform": (init.xavier_uniform_, [0.572013, -0.647595, 0.705758, 0.55413, 0.72764, -0.66399]),
    "xavier_normal": (
        lambda t: init.xavier_normal_(t, gain=2.0),
        [1.84233, 0.518887, -1.711921, -1.701379, 2.019419, -0.268614],
    ),
    "kaiming_uniform": (
        init.kaiming_uniform_,
        [0.808949, -0.915838, 0.998093, 0.783658, 1.029039, -0.939024],
    ),
    "kaiming_normal": (
        lambda t: init.kaiming_normal_(t, mode="fan_out", nonlinearity="relu"),
        [1.302724, 0.366909, -1.210511, -1.203057, 1.427945, -0.189939],
    ),
    "trunc_normal": (init.trunc_normal_, [1.84233, 0.518887, -1.711921, -1.701379, -0.129663, -0.268614]),
    "the tail of a normal": (
        lambda t: init.trunc_normal_(t, 0.0, 1.0, 2.0, 4.0),
        [2.319929, 2.169419, 2.231799, 2.32717, 2.677295, 2.23329],
    ),
    "orthogonal": (init.orthogonal_, [0.628195, 0.72365, -0.106115, 0.265408, 0.688579, -0.370657]),
    "sparse": (lambda t: init.sparse_(t, 0.5), [0.018423, 0.0, 0.0, -0.017014, 0.0, 0.0]),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_seed_gives_the_recorded_numbers(name):
    fill, expected = STREAMS[name]
    torch.manual_seed(5)
    tensor = torch.empty(4, 4)
    assert fill(tensor) is tensor
    np.testing.assert_allclose(tensor.flatten()[:6].tolist(), expected, atol=4e-6)


def test_layers_start_from_the_recorded_numbers():
    torch.manual_seed(0)
    layers = [nn.Linear(4, 3), nn.Conv1d(4, 4, 2, groups=2), nn.Conv2d(2, 4, 3)]
    expected = [
        [-0.003743, 0.268222, -0.411523, -0.36797], [-0.477674, -0.331141, -0.206112],
        [0.018522, 0.197668, 0.300011, -0.338971], [0.432, -0.32409, -0.230166, -0.34932],
        [-0.22075, -0.137589, 0.202609, 0.105175], [-0.181811, -0.012987, 0.03539, -0.096527],
    ]  # fmt: skip
    parameters = [p for layer in layers for p in layer.parameters()]
    for param, values in zip(parameters, expected, strict=True):
        np.testing.assert_allclose(param.flatten()[:4].tolist(), values, atol=1e-6)


def test_initialisation_is_not_recorded():
    param = nn.Parameter(torch.empty(3, 3))
    assert init.kaiming_uniform_(param) is param
    assert param.grad_fn is None and param.is_leaf


def test_a_generator_is_used():
    first, second = (
        init.uniform_(torch.empty(3), generator=torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize(
    ("arguments", "gain"),
    [
        (("linear",), 1),
        (("conv2d",), 1),
        (("sigmoid",), 1),
        (("tanh",), 5 / 3),
        (("relu",), math.sqrt(2)),
        (("leaky_relu",), math.sqrt(2 / 1.0001)),
        (("leaky_relu", 0.2), math.sqrt(2 / 1.04)),
        (("selu",), 0.75),
    ],
)
def test_gains(arguments, gain):
    assert init.calculate_gain(*arguments) == pytest.approx(gain)


def test_gains_that_do_not_exist():
    with pytest.raises(ValueError, match="Unsupported nonlinearity step"):
        init.calculate_gain("step")
    with pytest.raises(ValueError, match="negative_slope True not a valid number"):
        init.calculate_gain("leaky_relu", True)


def test_constants():
    assert init.constant_(torch.empty(2), 4).tolist() == [4, 4]
    assert init.ones_(torch.empty(2)).tolist() == [1, 1]
    assert init.zeros_(torch.empty(2)).tolist() == [0, 0]


def test_eye_is_the_identity():
    assert init.eye_(torch.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 2)])
def test_orthogonal_rows_or_columns(shape):
    matrix = np.array(init.orthogonal_(torch.empty(*shape), gain=2.0).reshape(shape[0], -1).tolist())
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-5)


def test_dirac_makes_a_convolution_the_identity():
    layer = nn.Conv2d(2, 2, 3, padding=1, bias=False)
    init.dirac_(layer.weight)
    x = torch.arange(18.0).reshape(1, 2, 3, 3)
    assert layer(x).tolist() == x.tolist()


def test_dirac_of_groups():
    weight = init.dirac_(torch.empty(4, 2, 3), groups=2)
    assert weight[:, :, 1].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert weight.sum().item() == 4


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (lambda: init.xavier_uniform_(torch.ones(2)), "Fan in and fan out can not be computed"),
        (lambda: init.kaiming_normal_(torch.ones(2, 2), mode="fan"), "Mode fan not supported"),
        (lambda: init.eye_(torch.ones(2)), "Only tensors with 2 dimensions are supported"),
        (lambda: init.dirac_(torch.ones(2)), "Only tensors with 3, 4, or 5 dimensions are supported"),
        (lambda: init.dirac_(torch.ones(3, 2, 2), 2), "dim 0 must be divisible by groups"),
        (lambda: init.sparse_(torch.ones(2), 0.1), "Only tensors with 2 dimensions are supported"),
    ],
)
def test_shapes_that_do_not_fit(fill, message):
    with pytest.raises(ValueError, match=message):
        fill()


def test_empty_weights_are_left_alone_with_a_warning():
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        init.kaiming_uniform_(torch.empty(0, 2))


def test_older_names_warn():
    with pytest.warns(
        FutureWarning, match="`nn.init.uniform` is now deprecated in favor of `nn.init.uniform_`."
    ):
        init.uniform(torch.empty(2))


# ---- nn.utils


def gradient(*values):
    param = nn.Parameter(torch.zeros(len(values)))
    param.grad = torch.tensor(values)
    return param


@pytest.mark.parametrize(
    ("norm", "expected"), [(2.0, 13.0), (1.0, 19.0), (math.inf, 12.0), (3.0, 1819 ** (1 / 3))]
)
def test_the_norm_of_all_gradients(norm, expected):
    params = [gradient(3.0, -4.0), gradient(12.0), nn.Parameter(torch.zeros(1))]
    assert nn.utils.clip_grad_norm_(params, 100.0, norm).item() == pytest.approx(expected, rel=1e-6)
    assert params[0].grad.tolist() == [3, -4]


def test_gradients_are_scaled_to_the_bound():
    params = [gradient(3.0, 4.0)]
    assert nn.utils.clip_grad_norm_(params, 1.0).item() == 5
    np.testing.assert_allclose(params[0].grad.tolist(), [0.6, 0.8], rtol=1e-5)


def test_a_norm_that_is_not_finite_may_raise():
    with pytest.raises(
        RuntimeError, match="The total norm of order 2.0 for gradients from `parameters` is non-finite"
    ):
        nn.utils.clip_grad_norm_([gradient(math.nan)], 1.0, error_if_nonfinite=True)


def test_gradients_are_clamped():
    param = gradient(-3.0, 0.5, 7.0)
    nn.utils.clip_grad_value_(param, 1.0)
    assert param.grad.tolist() == [-1, 0.5, 1]


def test_parameters_become_a_vector_and_back():
    layer = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (9,) and vector.requires_grad
    nn.utils.vector_to_parameters(torch.arange(9.0), layer.parameters())
    assert layer.bias.tolist() == [6, 7, 8] and layer.weight.requires_grad

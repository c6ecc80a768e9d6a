"""Cells of recurrent networks: their formulas, states and errors."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import nn


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def parts(cell, x, h):
    """The maps of input and state, as arrays."""
    arrays = {name: param.detach().numpy() for name, param in cell.named_parameters()}
    of_input, of_state = x @ arrays["weight_ih"].T, h @ arrays["weight_hh"].T
    return of_input + arrays.get("bias_ih", 0), of_state + arrays.get("bias_hh", 0)


def data(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def close(got, expected):
    np.testing.assert_allclose(got.detach().numpy(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("bias", [True, False])
def test_elmans_cell(bias):
    x, h = data(3, 2), data(3, 4, seed=1)
    for name, function in (("tanh", np.tanh), ("relu", lambda v: np.maximum(v, 0))):
        cell = nn.RNNCell(2, 4, bias=bias, nonlinearity=name).double()
        close(cell(torch.from_numpy(x), torch.from_numpy(h)), function(sum(parts(cell, x, h))))


def test_the_long_short_term_memory():
    cell, x, h, c = nn.LSTMCell(2, 4).double(), data(3, 2), data(3, 4, seed=1), data(3, 4, seed=2)
    i, f, g, o = np.split(sum(parts(cell, x, h)), 4, 1)
    new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    got_h, got_c = cell(torch.from_numpy(x), (torch.from_numpy(h), torch.from_numpy(c)))
    close(got_c, new_c)
    close(got_h, sigmoid(o) * np.tanh(new_c))


def test_the_gated_recurrent_unit():
    cell, x, h = nn.GRUCell(2, 4).double(), data(3, 2), data(3, 4, seed=1)
    of_input, of_state = (np.split(part, 3, 1) for part in parts(cell, x, h))
    r, z = sigmoid(of_input[0] + of_state[0]), sigmoid(of_input[1] + of_state[1])
    n = np.tanh(of_input[2] + r * of_state[2])
    close(cell(torch.from_numpy(x), torch.from_numpy(h)), (1 - z) * n + z * h)


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.LSTMCell, nn.GRUCell])
def test_states_start_from_zero_and_samples_may_come_alone(kind):
    cell = kind(2, 4)
    x = torch.ones(3, 2)
    batch, one = cell(x), cell(x[0])
    if kind is nn.LSTMCell:
        zero = cell(x, (torch.zeros(3, 4), torch.zeros(3, 4)))
        batch, one, zero = batch[0], one[0], zero[0]
    else:
        zero = cell(x, torch.zeros(3, 4))
    assert torch.equal(batch, zero)
    assert torch.allclose(one, batch[0])
    assert repr(kind(2, 4, bias=False)) == f"{kind.__name__}(2, 4, bias=False)"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((torch.ones(4, 2, 2),), ValueError, "RNNCell: Expected input to be 1D or 2D, got 3D instead"),
        ((torch.ones(4, 3),), RuntimeError, "inconsistent input_size: got 3 expected 2"),
        ((torch.ones(4, 2), torch.ones(3, 4)), RuntimeError, "Input batch size 4 doesn't match hidden0"),
        ((torch.ones(4, 2), torch.ones(4, 2)), RuntimeError, "hidden0 has inconsistent hidden_size"),
    ],
)
def test_inputs_that_do_not_fit_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        nn.RNNCell(2, 4)(*arguments)

"""Cells of recurrent networks: their formulas, states and errors."""

import numpy as np
import pytest
from gradients import check_gradient

import flambeau as torch
from flambeau import nn
from flambeau.nn.utils import rnn


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


# ---- sequences of several lengths

SEQUENCES = [[1.0, 2.0], [3.0, 4.0, 5.0, 6.0], [7.0]]


def sequences():
    return [torch.tensor(values, dtype=torch.float64) for values in SEQUENCES]


def test_sequences_are_padded_at_either_end():
    assert rnn.pad_sequence(sequences(), batch_first=True, padding_value=-1).tolist() == [
        [1, 2, -1, -1],
        [3, 4, 5, 6],
        [7, -1, -1, -1],
    ]
    assert rnn.pad_sequence(sequences(), padding_side="left").t().tolist()[0] == [0, 0, 1, 2]
    padded = rnn.pad_sequence(sequences())
    assert [row.tolist() for row in rnn.unpad_sequence(padded, torch.tensor([2, 4, 1]))] == SEQUENCES


def test_packed_sequences_go_step_by_step_from_the_longest():
    packed = rnn.pack_sequence(sequences(), enforce_sorted=False)
    assert packed.data.tolist() == [3, 1, 7, 4, 2, 5, 6]
    assert packed.batch_sizes.tolist() == [3, 2, 1, 1]
    assert packed.sorted_indices.tolist() == [1, 0, 2]
    assert [row.tolist() for row in rnn.unpack_sequence(packed)] == SEQUENCES
    padded, lengths = rnn.pad_packed_sequence(packed, batch_first=True, padding_value=9, total_length=5)
    assert padded.tolist()[0] == [1, 2, 9, 9, 9]
    assert lengths.tolist() == [2, 4, 1]
    assert packed.float().data.dtype == torch.float32
    assert packed.cpu() is packed


def test_many_sequences_of_one_length_have_pytorchs_order():
    lengths = torch.tensor([9, 1, 3, 7, 8, 7, 8, 2, 2, 1, 9, 3, 7, 4, 2, 3, 1])
    packed = rnn.pack_padded_sequence(torch.zeros(9, 17), lengths, enforce_sorted=False)
    assert packed.sorted_indices.tolist() == [0, 10, 4, 6, 3, 5, 12, 13, 2, 15, 11, 7, 8, 14, 16, 9, 1]


def test_padded_sequences_have_pytorchs_strides():
    assert rnn.pad_sequence(sequences()).stride() == (3, 1)
    packed = rnn.pack_sequence(sequences(), enforce_sorted=False)
    assert rnn.pad_packed_sequence(packed, batch_first=True)[0].stride() == (4, 1)


def test_gradients_flow_through_packing_and_padding():
    x = torch.from_numpy(data(4, 3, 2))
    lengths = torch.tensor([2, 4, 1])

    def there_and_back(x):
        packed = rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
        return rnn.pad_packed_sequence(packed)[0] ** 2

    check_gradient(there_and_back, x)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda x: rnn.pack_padded_sequence(x, [2, 4, 1]),
            RuntimeError,
            "must be sorted in decreasing order",
        ),
        (
            lambda x: rnn.PackedSequence(x),
            AssertionError,
            "Expected data to be a list or tuple of length 2",
        ),
        (lambda x: rnn.pack_padded_sequence(x, [4, 2, 0]), RuntimeError, "has to be greater than 0"),
        (lambda x: rnn.pack_padded_sequence(x, [5, 2, 1]), RuntimeError, "sequences have 4 steps"),
        (lambda x: rnn.pack_padded_sequence(x, [4, 2]), RuntimeError, "equal to batch_size"),
        (lambda x: rnn.pack_padded_sequence(x, [[4, 2, 1]]), RuntimeError, "should be a 1D CPU int64"),
        (lambda x: rnn.pad_sequence([]), RuntimeError, "empty list of sequences"),
        (lambda x: rnn.pad_sequence([x], padding_side="up"), RuntimeError, "one of left or right"),
        (
            lambda x: rnn.pad_packed_sequence(rnn.pack_padded_sequence(x, [4, 2, 1]), total_length=3),
            ValueError,
            "at least the length of the longest",
        ),
    ],
)
def test_lengths_that_do_not_fit_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.ones(4, 3))

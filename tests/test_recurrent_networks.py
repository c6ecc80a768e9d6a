"""Recurrent networks over sequences: PyTorch's numbers, gradients, packed sequences, states, errors."""

import copy
import json
import pickle
from pathlib import Path

import pytest
from gradients import check_gradient

import flambeau as torch
from flambeau import nn
from flambeau.nn.utils import rnn

NETWORKS = {
    "tanh": ("RNN", {}),
    "relu, two layers, both directions": (
        "RNN",
        {"nonlinearity": "relu", "num_layers": 2, "bidirectional": True},
    ),
    "gru": ("GRU", {}),
    "gru, two layers, both directions, no bias": (
        "GRU",
        {"num_layers": 2, "bidirectional": True, "bias": False},
    ),
    "lstm": ("LSTM", {}),
    "lstm, two layers, both directions": ("LSTM", {"num_layers": 2, "bidirectional": True}),
    "lstm, projected": ("LSTM", {"num_layers": 2, "proj_size": 2, "bidirectional": True}),
    "lstm, projected, no bias, batch first": (
        "LSTM",
        {"proj_size": 1, "bias": False, "batch_first": True},
    ),
}
KINDS = ["RNN", "GRU", "LSTM"]
# By PyTorch 2.13, for padded and for packed input: `figures` with its module in place of ours.
RECORD = json.loads((Path(__file__).parent / "recurrent.json").read_text(encoding="utf-8"))


def wave(*shape, phase=0.0):
    n = 1
    for size in shape:
        n *= size
    return torch.sin(torch.arange(n, dtype=torch.float64) * 0.7 + phase).reshape(shape)


def weighted(t):
    return (t * wave(*t.shape, phase=1.0)).sum()


def network_of(kind, options, *sizes):
    net = getattr(nn, kind)(*sizes, **options).double()
    for i, param in enumerate(net.parameters()):
        param.data = wave(*param.shape, phase=float(i))
    return net


def figures(kind, options, packed):
    """Of each output and each gradient one number."""
    net = network_of(kind, options, 3, 4)
    x = wave(2, 5, 3) if options.get("batch_first") else wave(5, 2, 3)
    x.requires_grad_()
    states = net.num_layers * (2 if net.bidirectional else 1)
    h = wave(states, 2, net.proj_size or 4, phase=2.0).requires_grad_()
    c = wave(states, 2, 4, phase=3.0).requires_grad_()
    hx = (h, c) if kind == "LSTM" else h
    given = rnn.pack_padded_sequence(x, [3, 5], net.batch_first, enforce_sorted=False) if packed else x
    y, last = net(given, hx)
    outputs = [y.data if packed else y, *(last if kind == "LSTM" else (last,))]
    leaves = [x, h] + ([c] if kind == "LSTM" else []) + list(net.parameters())
    gradients = torch.autograd.grad(sum(weighted(t) for t in outputs), leaves)
    return [weighted(t).item() for t in [*outputs, *gradients]]


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("name", NETWORKS)
def test_values_and_gradients_are_pytorchs(name, packed):
    assert figures(*NETWORKS[name], packed) == pytest.approx(RECORD[name][packed], rel=1e-8, abs=1e-8)


def run(net, x, *state):
    """All results, behind one another."""
    hx = None if not state else state if isinstance(net, nn.LSTM) else state[0]
    y, last = net(x, hx)
    results = [y.data if isinstance(y, rnn.PackedSequence) else y]
    results += last if isinstance(net, nn.LSTM) else [last]
    return torch.cat([t.reshape(-1) for t in results])


@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("RNN", {}),
        ("RNN", {"bidirectional": True}),
        ("GRU", {"bidirectional": True}),
        ("GRU", {"bias": False}),
        ("LSTM", {"bidirectional": True}),
        ("LSTM", {"proj_size": 1}),
    ],
)
def test_first_and_second_derivatives(kind, options, packed):
    net = network_of(kind, options, 2, 2)
    names = [name for name, _ in net.named_parameters()]
    directions = 2 if net.bidirectional else 1
    lengths = [3, 2] if packed else None

    def function(x, *rest):
        weights, state = rest[: len(names)], rest[len(names) :]
        for name, weight in zip(names, weights, strict=True):
            del net._parameters[name]
            object.__setattr__(net, name, weight)
        net._init_flat_weights()
        given = rnn.pack_padded_sequence(x, lengths) if packed else x
        try:
            return run(net, given, *state)
        finally:
            for name in names:
                object.__delattr__(net, name)
                net._parameters[name] = None

    states = [wave(directions, 2, net.proj_size or 2, phase=2.0)]
    if kind == "LSTM":
        states.append(wave(directions, 2, 2, phase=3.0))
    weights = [param.detach() for param in net.parameters()]
    check_gradient(function, wave(3, 2, 2), *weights, *states)


def test_dropout_lies_between_layers_in_training_alone():
    torch.manual_seed(0)
    net = nn.GRU(2, 3, num_layers=2, dropout=0.5)
    x = torch.ones(4, 1, 2)
    torch.manual_seed(1)
    first = net(x)[0]
    torch.manual_seed(1)
    assert torch.equal(net(x)[0], first)
    assert not torch.equal(net(x)[0], first)
    # The same by hand: the mask is drawn over the first layer's output.
    layers = [nn.GRU(2, 3), nn.GRU(3, 3)]
    for i, layer in enumerate(layers):
        for name, param in layer.named_parameters():
            param.data = getattr(net, name.replace("l0", f"l{i}")).data
    torch.manual_seed(1)
    by_hand = layers[1](torch.dropout(layers[0](x)[0], 0.5, True))[0]
    assert torch.equal(by_hand, first)
    net.eval()
    assert torch.equal(net(x)[0], net(x)[0])


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_that_is_not_given_is_zero_and_a_sequence_may_come_alone(kind):
    net = network_of(kind, {"batch_first": True, "bidirectional": True}, 2, 3)
    x = wave(4, 5, 2)
    zeros = [torch.zeros(2, 4, 3, dtype=torch.float64)] * 2
    assert torch.equal(run(net, x), run(net, x, *zeros))
    y, last = net(x)
    alone, its_last = net(x[1])
    assert torch.allclose(alone, y[1])
    pairs = zip(its_last, last, strict=True) if kind == "LSTM" else [(its_last, last)]
    for one, all_of_them in pairs:
        assert one.shape == (2, 3)
        assert torch.allclose(one, all_of_them[:, 1])
    unbatched = [wave(2, 3)] * 2
    batched = [state.unsqueeze(1) for state in unbatched]
    assert torch.equal(run(net, x[1], *unbatched), run(net, x[1:2], *batched))


@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_sequence_is_each_sequence_by_itself(kind):
    net = network_of(kind, {"num_layers": 2, "bidirectional": True}, 2, 3)
    sequences = [wave(n, 2, phase=float(n)) for n in (2, 5, 1, 5)]
    y, last = net(rnn.pack_sequence(sequences, enforce_sorted=False))
    rows, lengths = rnn.pad_packed_sequence(y)
    last = last[0] if kind == "LSTM" else last
    assert lengths.tolist() == [2, 5, 1, 5]
    for i, sequence in enumerate(sequences):
        alone, its_last = net(sequence)
        assert torch.allclose(rows[: len(sequence), i], alone)
        assert torch.allclose(last[:, i], its_last[0] if kind == "LSTM" else its_last)


@pytest.mark.parametrize("kind", KINDS)
def test_many_sequences_in_two_threads_are_each_by_itself(kind):
    net = network_of(kind, {}, 16, 40)
    x = wave(6, 37, 16)
    y = net(x)[0]
    assert torch.allclose(y[:, 5:6], net(x[:, 5:6])[0])
    packed = rnn.pack_padded_sequence(x, [6 - i // 8 for i in range(37)])
    rows = rnn.pad_packed_sequence(net(packed)[0])[0]
    assert torch.allclose(rows[:3, 30], y[:3, 30])


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_large_weights_that_threads_share_out_by_columns(kind):
    """The same by single steps, whose products are whole."""
    net = getattr(nn, kind)(8, 300).double()
    x = wave(4, 6, 8).requires_grad_()
    weights = net._flat_weights
    state = torch.zeros(6, 300, dtype=torch.float64)
    cell, steps = state, []
    for t in range(4):
        if kind == "LSTM":
            state, cell = torch.lstm_cell(x[t], (state, cell), *weights)
        else:
            state = torch.gru_cell(x[t], state, *weights)
        steps.append(state)
    y, expected = net(x)[0], torch.stack(steps)
    assert torch.allclose(y, expected)
    leaves = [x, *weights]
    pairs = zip(
        torch.autograd.grad(weighted(y), leaves),
        torch.autograd.grad(weighted(expected), leaves),
        strict=True,
    )
    assert all(torch.allclose(one, other) for one, other in pairs)


@pytest.mark.parametrize("kind", KINDS)
def test_results_may_be_overwritten_before_the_derivative_runs(kind):
    net, x = network_of(kind, {}, 2, 3), wave(4, 2, 2)
    net(x)[0].mul(2).sum().backward()
    expected = net.weight_hh_l0.grad
    net.zero_grad()
    y, last = net(x)
    y.mul_(2)
    (last[0] if kind == "LSTM" else last).zero_()
    y.sum().backward()
    assert torch.equal(net.weight_hh_l0.grad, expected)


def test_the_output_has_pytorchs_strides():
    y, (h, _) = nn.LSTM(2, 3, batch_first=True)(torch.ones(4, 5, 2))
    assert (y.stride(), h.stride()) == ((3, 12, 1), (12, 3, 1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_computed_in_float32(dtype):
    torch.manual_seed(0)
    net = nn.LSTM(4, 8)
    x = torch.randn(5, 3, 4).to(dtype)
    expected = net.to(dtype).float()(x.float())[0]
    net = net.to(dtype)
    y = net(x)[0]
    assert torch.equal(y, expected.to(dtype))
    y.sum().backward()
    assert net.weight_hh_l0.grad.dtype == dtype


def test_complex_numbers():
    net = nn.RNN(2, 2, bias=False, dtype=torch.complex128)
    x = torch.complex(wave(1, 1, 2), wave(1, 1, 2, phase=1.0))
    assert torch.allclose(net(x)[0][0], torch.tanh(x[0] @ net.weight_ih_l0.T))


@pytest.mark.parametrize("kind", KINDS)
def test_shapes_alone_on_meta(kind):
    net = getattr(nn, kind)(2, 3, num_layers=2, bidirectional=True, device="meta")
    x = torch.empty(5, 4, 2, device="meta", requires_grad=True)
    y, last = net(x)
    assert y.shape == (5, 4, 6)
    assert y.device.type == "meta"
    y.sum().backward()
    assert x.grad.shape == x.shape
    packed = rnn.PackedSequence(torch.empty(3, 2, device="meta"), torch.tensor([2, 1]))
    assert net(packed)[0].data.shape == (3, 6)


def test_nothing_but_a_sequence_of_nothing_is_refused():
    net = nn.GRU(2, 3)
    assert net(torch.ones(5, 0, 2))[0].shape == (5, 0, 3)
    with pytest.raises(RuntimeError, match="Expected sequence length to be larger than 0 in RNN"):
        net(torch.ones(0, 5, 2))


# ---- the modules


def test_weights_have_pytorchs_names_and_order():
    net = nn.LSTM(2, 4, num_layers=2, bidirectional=True, proj_size=3)
    kinds = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"]
    names = [f"{kind}_l{layer}{suffix}" for layer in (0, 1) for suffix in ("", "_reverse") for kind in kinds]
    assert list(net.state_dict()) == names
    assert [len(weights) for weights in net.all_weights] == [5] * 4
    assert net.all_weights[1][0] is net.weight_ih_l0_reverse
    assert net._flat_weights[-1] is net.weight_hr_l1_reverse
    assert net.weight_ih_l1.shape == (16, 6)
    assert repr(net) == "LSTM(2, 4, proj_size=3, num_layers=2, bidirectional=True)"
    assert repr(nn.RNN(2, 4, 1, "relu", False, True)) == "RNN(2, 4, bias=False, batch_first=True)"


def test_initial_weights_are_pytorchs():
    torch.manual_seed(3)
    net = nn.LSTM(1, 1)
    values = [round(value, 6) for param in net.parameters() for value in param.flatten().tolist()[:2]]
    assert values == [-0.991473, -0.788861, -0.056771, -0.879767, 0.188842, 0.775713, -0.700318, -0.197062]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_have_weights_of_their_own(copied):
    net = nn.GRU(2, 3, num_layers=2)
    twin = copied(net)
    x = torch.ones(4, 1, 2)
    assert torch.equal(twin(x)[0], net(x)[0])
    assert twin._flat_weights[0] is twin.weight_ih_l0
    with torch.no_grad():
        twin.weight_ih_l0.zero_()
    assert not torch.equal(twin(x)[0], net(x)[0])


def test_weights_that_take_others_places_are_used():
    net = nn.RNN(2, 3, bias=False)
    x = torch.ones(4, 1, 2)
    net.weight_ih_l0 = nn.Parameter(torch.zeros(3, 2))
    assert not net(x)[0].any()
    net = net.double()
    assert not net(x.double())[0].any()
    zeros = {name: torch.zeros_like(param) for name, param in nn.RNN(2, 3).named_parameters()}
    assert not torch.func.functional_call(nn.RNN(2, 3), zeros, (x,))[0].any()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dropout": 2}, ValueError, "dropout should be a number in range"),
        ({"dropout": True}, ValueError, "dropout should be a number in range"),
        ({"bias": 1}, TypeError, "bias should be of type bool, got: int"),
        ({"batch_first": 0}, TypeError, "batch_first should be of type bool, got: int"),
        ({"hidden_size": 2.0}, TypeError, "hidden_size should be of type int, got: float"),
        ({"input_size": 0}, ValueError, "input_size must be greater than zero"),
        ({"num_layers": 0}, ValueError, "num_layers must be greater than zero"),
        ({"proj_size": -1}, ValueError, "proj_size should be a positive integer or zero"),
        ({"proj_size": 4}, ValueError, "proj_size has to be smaller than hidden_size"),
    ],
)
def test_wrong_options_are_named(options, error, message):
    with pytest.raises(error, match=message):
        nn.LSTM(**{"input_size": 3, "hidden_size": 4, **options})


def test_what_only_some_networks_have():
    for kind in (nn.RNN, nn.GRU):
        with pytest.raises(ValueError, match="proj_size argument is only supported for LSTM"):
            kind(3, 4, proj_size=2)
    with pytest.raises(ValueError, match="Unknown nonlinearity 'x'. Select from 'tanh' or 'relu'"):
        nn.RNN(3, 4, nonlinearity="x")
    with pytest.raises(ValueError, match="Unrecognized RNN mode: FOO"):
        nn.RNNBase("FOO", 3, 4)
    with pytest.warns(UserWarning, match="dropout option adds dropout after all but last recurrent layer"):
        nn.GRU(3, 4, dropout=0.5)


X = (5, 6, 3)


@pytest.mark.parametrize(
    ("kind", "x", "states", "error", "message"),
    [
        ("RNN", (2, 2, 2, 3), None, ValueError, "RNN: Expected input to be 2D or 3D, got 4D tensor"),
        ("GRU", (2, 2, 2, 3), None, ValueError, "GRU: Expected input to be 2D or 3D, got 4D instead"),
        ("GRU", (5, 6, 2), None, RuntimeError, "equal to input_size. Expected 3, got 2"),
        ("GRU", X, (1, 9, 4), RuntimeError, r"Expected hidden size \(1, 6, 4\), got \[1, 9, 4\]"),
        ("LSTM", X, (1, 9, 4), RuntimeError, r"Expected hidden\[0\] size \(1, 6, 4\), got \[1, 9, 4\]"),
        ("RNN", X, (6, 4), RuntimeError, "For batched 3-D input, hx should also be 3-D but got 2-D"),
        ("LSTM", X, (6, 4), RuntimeError, r"hx and cx should also be 3-D but got \(2-D, 2-D\) tensors"),
        ("GRU", (5, 3), (1, 1, 4), RuntimeError, "For unbatched 2-D input, hx should also be 2-D"),
    ],
)
def test_sequences_and_states_that_do_not_fit_are_named(kind, x, states, error, message):
    state = None if states is None else torch.zeros(states)
    with pytest.raises(error, match=message):
        getattr(nn, kind)(3, 4)(torch.ones(x), (state, state) if kind == "LSTM" and states else state)


def test_an_input_of_another_dtype_is_named():
    with pytest.raises(ValueError, match=r"RNN input dtype \(torch.float64\) does not match weight dtype"):
        nn.LSTM(3, 4)(torch.ones(X).double())


# ---- the functions

WEIGHTS = [torch.zeros(12, 3), torch.zeros(12, 4), torch.zeros(12), torch.zeros(12)]


def gru(x=None, h=None, weights=None, layers=1, biased=True):
    x, h = torch.ones(X) if x is None else x, torch.zeros(1, 6, 4) if h is None else h
    return torch.gru(x, h, weights or WEIGHTS, biased, layers, 0.0, False, False, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": WEIGHTS[:3]}, "ArrayRef size 3 not divisible by stride 4"),
        ({"layers": 2}, "ArrayRef: invalid slice, N = 4"),
        ({"layers": 0}, "Expected more hidden states in stacked_rnn"),
        ({"x": torch.ones(X).double()}, "same dtype, but got Double and Float"),
        ({"x": torch.ones(5, 6, 2)}, r"shapes cannot be multiplied \(30x2 and 3x12\)"),
        ({"x": torch.ones(6, 3)}, "input must have 3 dimensions, got 2"),
        ({"x": torch.ones(X).long()}, "not implemented for 'Long'"),
        ({"h": torch.zeros(1, 5, 4)}, "Expected hidden size"),
        ({"h": torch.zeros(1, 6, 4).double()}, "hidden has Double"),
        ({"weights": [torch.zeros(10, 3), *WEIGHTS[1:]]}, "hidden_size rows"),
        ({"weights": [*WEIGHTS[:3], torch.zeros(11)]}, "expected a bias of shape"),
    ],
)
def test_arguments_of_the_functions_that_do_not_fit_are_named(arguments, message):
    with pytest.raises(RuntimeError, match=message):
        gru(**arguments)


@pytest.mark.parametrize("sizes", [[3, 4], [4, 4], [4, 0, 3], [6, 3]])
def test_batch_sizes_that_do_not_fit_are_refused(sizes):
    with pytest.raises(RuntimeError, match="batch_sizes|hidden size"):
        torch.gru(
            torch.ones(7, 3), torch.tensor(sizes), torch.zeros(1, 4, 4), WEIGHTS, True, 1, 0.0, False, False
        )


def test_layers_of_other_widths_are_refused():
    wide = [torch.zeros(15, 4), torch.zeros(15, 5), torch.zeros(15), torch.zeros(15)]
    with pytest.raises(RuntimeError, match="expected a state of 4 numbers in every layer"):
        gru(weights=[*WEIGHTS, *wide], layers=2, h=torch.zeros(2, 6, 4))


def test_an_lstm_takes_two_states():
    h = torch.zeros(1, 6, 4)
    with pytest.raises(RuntimeError, match="lstm expects two hidden states"):
        torch.lstm(torch.ones(X), [h], WEIGHTS, True, 1, 0.0, False, False, False)
    with pytest.raises(RuntimeError, match="lstm_cell expects two hidden states"):
        torch.lstm_cell(torch.ones(6, 3), [h[0]], *WEIGHTS)


def test_a_step_may_have_one_bias_alone():
    x, h = wave(2, 3), wave(2, 4)
    weights = [wave(12, 3), wave(12, 4)]
    bias = wave(12, phase=1.0)
    alone = torch.gru_cell(x, h, *weights, bias)
    assert torch.equal(alone, torch.gru_cell(x, h, *weights, bias, torch.zeros_like(bias)))


@pytest.mark.parametrize("kind", [nn.RNNCell, nn.GRUCell, nn.LSTMCell])
def test_derivatives_of_a_step(kind):
    cell = kind(2, 2).double()
    weights = [wave(*param.shape, phase=float(i)) for i, param in enumerate(cell.parameters())]

    def function(x, h, c, *weights):
        if kind is nn.LSTMCell:
            return torch.cat(torch.lstm_cell(x, (h, c), *weights))
        step = torch.gru_cell if kind is nn.GRUCell else torch.rnn_tanh_cell
        return step(x, h, *weights) + 0 * c

    check_gradient(function, wave(3, 2), wave(3, 2, phase=2.0), wave(3, 2, phase=3.0), *weights)


def test_steps_make_the_sequence():
    net, x = network_of("LSTM", {}, 3, 4), wave(5, 2, 3)
    y, (h, c) = net(x)
    state = (torch.zeros(2, 4, dtype=torch.float64),) * 2
    for t in range(5):
        state = torch.lstm_cell(x[t], state, *net._flat_weights)
        assert torch.allclose(state[0], y[t])
    assert torch.allclose(state[1], c[0])
    assert torch.allclose(state[0], h[0])


def test_autocast_brings_a_network_to_the_lower_precision():
    x = torch.ones(5, 2, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert nn.LSTM(3, 4)(x)[0].dtype == torch.bfloat16
        assert nn.RNN(3, 4)(x)[0].dtype == torch.bfloat16
        assert nn.GRU(3, 4)(x)[0].dtype == torch.float32
        assert nn.LSTMCell(3, 4)(x[0])[0].dtype == torch.float32


def test_more_layers_than_memory_holds_are_refused_at_once():
    with pytest.raises(RuntimeError, match="not enough memory: 4611686018427387904 layers"):
        torch.nn.LSTM(2, 2, num_layers=2**62)

"""flambeau.summary: what a model is made of, and what a pass costs."""

import pytest

import flambeau as torch
from flambeau import nn


class Several(nn.Module):
    """Several inputs, a list of layers, a layer called twice, one that is not, a tensor that is no parameter."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.cell = nn.GRUCell(16, 16)
        self.layers = nn.ModuleList([nn.Linear(16, 16), nn.Linear(16, 4)])
        self.unused = nn.Linear(5, 5)
        self.table = torch.ones(4)

    def forward(self, tokens, state, *, scale=1.0):
        embedded = self.embedding(tokens)
        for step in range(tokens.shape[1]):
            state = self.cell(embedded[:, step], state)
        for layer in self.layers:
            state = layer(state)
        return state * scale + self.table, {"embedded": embedded}


def convolutional():
    return nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(3456, 10))


def test_rows_have_outputs_parameters_and_multiply_adds():
    report = torch.summary(convolutional(), (2, 1, 28, 28))
    assert [(layer.name, layer.type, layer.depth) for layer in report.layers] == [
        ("", "Sequential", 0),
        ("0", "Conv2d", 1),
        ("1", "ReLU", 1),
        ("2", "Flatten", 1),
        ("3", "Linear", 1),
    ]
    assert [layer.output for layer in report.layers[1:3]] == [(2, 6, 24, 24), (2, 6, 24, 24)]
    assert [layer.parameters for layer in report.layers] == [0, 6 * 26, 0, 0, 3457 * 10]
    assert [layer.multiply_adds for layer in report.layers] == [0, 2 * 6 * 24 * 24 * 25, 0, 0, 2 * 34560]
    assert report.parameters == report.trainable_parameters == 34726
    assert report.multiply_adds == 2 * 120960


def test_memory_is_counted():
    report = torch.summary(convolutional(), (2, 1, 28, 28))
    image = 2 * 6 * 24 * 24 * 4
    assert report.input_bytes == 2 * 28 * 28 * 4
    assert report.parameter_bytes == 34726 * 4
    assert report.forward_bytes == 2 * image  # the convolution's output beside the rectified one
    assert report.saved_bytes == image + 2 * 10 * 4  # the rectified one, and the output


@pytest.mark.parametrize(
    ("layer", "size", "multiply_adds"),
    [
        (nn.Conv1d(4, 6, 3, groups=2), (5, 4, 10), 5 * 6 * 8 * 2 * 3),
        (nn.Conv3d(1, 2, 2, stride=2), (1, 1, 4, 4, 4), 2 * 8 * 8),
        (nn.ConvTranspose2d(3, 4, 3), (2, 3, 5, 5), 2 * 3 * 25 * 4 * 9),
        (nn.Linear(3, 4, bias=False), (7, 2, 3), 14 * 12),
        (nn.LSTMCell(3, 5), (2, 3), 2 * 20 * (3 + 5)),
        (nn.BatchNorm2d(3), (2, 3, 4, 4), 0),
        (nn.LSTM(3, 5, num_layers=2), (7, 2, 3), 14 * 20 * (3 + 5) + 14 * 20 * (5 + 5)),
        (nn.LSTM(3, 5, proj_size=2), (7, 2, 3), 14 * 20 * (3 + 2) + 14 * 5 * 2),
        (nn.GRU(3, 5, bidirectional=True), (7, 2, 3), 2 * 14 * 15 * (3 + 5)),
    ],
)
def test_multiply_adds_of_layers(layer, size, multiply_adds):
    assert torch.summary(layer, size).multiply_adds == multiply_adds


def test_multiply_adds_of_functions_within_a_module():
    class Attention(nn.Module):
        def forward(self, x):
            scores = torch.einsum("bid,bjd->bij", x, x).softmax(-1)
            return scores @ x

    assert torch.summary(Attention(), (2, 5, 3)).multiply_adds == 2 * (2 * 5 * 5 * 3)


def test_several_inputs_and_calls():
    torch.manual_seed(0)
    model = Several()
    for parameter in model.embedding.parameters():
        parameter.requires_grad = False
    report = torch.summary(model, [(2, 3), (2, 16)], dtypes=[torch.int64, torch.float32])
    assert [layer.name for layer in report.layers] == [
        "", "embedding", "cell", "cell", "cell", "layers.0", "layers.1", "unused",
    ]  # fmt: skip
    assert [layer.parameters for layer in report.layers[2:5]] == [2 * 48 * 17, 0, 0]
    assert report.layers[0].output == ((2, 4), {"embedded": (2, 3, 16)})
    assert report.layers[-1].output is None and report.layers[-1].parameters == 30
    assert report.parameters - report.trainable_parameters == 1600
    assert "1,600 frozen" in str(report) and "not called" in str(report)


def test_inputs_by_name_and_as_tensors():
    given = {"tokens": torch.zeros(2, 3, dtype=torch.int64), "state": (2, 16), "scale": 2.0}
    assert torch.summary(Several(), given).layers[0].output[0] == (2, 4)
    pair = torch.summary(nn.LSTMCell(3, 5), [(2, 3), ((2, 5), (2, 5))])
    assert pair.layers[0].output == ((2, 5), (2, 5))


def test_packed_sequences_are_inputs_and_outputs():
    packed = nn.utils.rnn.pack_sequence([torch.ones(3, 2), torch.ones(1, 2)])
    report = torch.summary(nn.GRU(2, 5), [packed])
    assert report.multiply_adds == 4 * 15 * (2 + 5)
    assert report.layers[0].output[0][0] == (4, 5)


def test_a_mode_without_gradients_changes_nothing():
    expected = torch.summary(convolutional(), (2, 1, 28, 28))
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            assert torch.summary(convolutional(), (2, 1, 28, 28)).saved_bytes == expected.saved_bytes


def test_outputs_that_are_no_tensors_are_named():
    report = torch.summary(nn.TransformerEncoderLayer(8, 2, 8, batch_first=True), (1, 3, 8))
    attention = next(layer for layer in report.layers if layer.type == "MultiheadAttention")
    assert attention.output == ((1, 3, 8), "None") and "([1, 3, 8], None)" in str(report)


def test_shared_parameters_count_once():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    report = torch.summary(model, (1, 4))
    assert report.parameters == 24 and [layer.parameters for layer in report.layers] == [0, 20, 4]
    assert report.parameter_bytes == 96


def test_the_table_shows_levels_down_to_the_depth():
    model = nn.Sequential(
        nn.Sequential(nn.Linear(4, 8), nn.Sequential(nn.ReLU(), nn.Linear(8, 2))), nn.Linear(2, 3)
    )
    report = torch.summary(model, (1, 4), depth=2)
    lines = str(report).splitlines()[2:7]
    assert [line.split()[:3] for line in lines] == [
        ["Sequential", "[1,", "3]"],
        ["├─", "0:", "Sequential"],
        ["│", "├─", "0:"],
        ["│", "└─", "1:"],
        ["└─", "1:", "Linear"],
    ]
    assert lines[3].split()[-2:] == ["18", "16"]  # those of the linear layer within
    assert "0: Sequential  [1, 2]          58             48" in str(torch.summary(model, (1, 4), depth=1))


def test_the_model_and_the_random_stream_are_left_alone():
    model = nn.Sequential(nn.LazyLinear(4), nn.Dropout(), nn.BatchNorm1d(4))
    seen = []
    model.register_forward_hook(lambda *_: seen.append(1))
    torch.manual_seed(3)
    state = torch.get_rng_state()
    report = torch.summary(model, (2, 3))
    assert torch.equal(state, torch.get_rng_state())
    assert seen == [] and model[2].num_batches_tracked == 0 and model[0].in_features == 0
    assert report.layers[1].type == "Linear" and report.layers[1].parameters == 16


def test_no_memory_is_taken():
    model = nn.Sequential(*[nn.Linear(2**14, 2**14, device="meta") for _ in range(50)])  # 50 GiB
    before = torch.memory_stats()["peak_allocated_bytes"]
    report = torch.summary(model, (64, 2**14))
    assert report.parameter_bytes == 50 * 2**16 * (2**14 + 1)
    assert torch.memory_stats()["peak_allocated_bytes"] - before < 2**20


def test_parametrized_and_pruned_layers():
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
    assert torch.summary(layer, (1, 3)).parameters == 4 + 4 + 12
    pruned = nn.utils.prune.l1_unstructured(nn.Linear(3, 4), "weight", 2)
    assert torch.summary(pruned, (1, 3)).parameters == 16


def test_the_dtype_is_that_of_the_parameters():
    report = torch.summary(nn.Linear(3, 4).double(), (1, 3))
    assert report.input_bytes == 24 and report.parameter_bytes == 128


def test_a_failure_says_in_which_layer():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 6))
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied") as raised:
        torch.summary(model, (1, 3))
    assert getattr(raised.value, "__notes__", ["'1' (Linear)"])[0].find("'1' (Linear)") >= 0


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: torch.summary(3, (1, 3)), TypeError, "takes a module, not int"),
        (lambda: torch.summary(nn.ReLU(), 3), TypeError, "a list or dict of such, not int"),
        (lambda: torch.summary(nn.ReLU(), (-1, 3)), ValueError, "needs every size of an input, got [-1, 3]"),
        (
            lambda: torch.summary(nn.ReLU(), (1, 3), dtypes=[torch.float32] * 2),
            ValueError,
            "got 2 dtypes for 1 sizes; give one for each",
        ),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert message in str(raised.value)


def test_attention_in_blocks_counts_both_of_its_products():
    class Attention(nn.Module):
        def forward(self, x):
            return nn.functional.scaled_dot_product_attention(x, x, x)

    assert torch.summary(Attention(), (2, 4, 5, 3)).multiply_adds == 2 * 4 * 5 * 5 * (3 + 3)

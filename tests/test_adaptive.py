"""AdaptiveLogSoftmaxWithLoss, and CrossMapLRN2d."""

import pytest

import flambeau as torch
from flambeau import nn

# The last projection of eight features has no width, which is allowed.
pytestmark = pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")

TARGETS = torch.tensor([0, 4, 5, 9, 10, 19])


def layer(**options):
    torch.manual_seed(0)
    return nn.AdaptiveLogSoftmaxWithLoss(8, 20, **{"cutoffs": [5, 10], **options})


@pytest.mark.parametrize("options", [{}, {"div_value": 2.0, "head_bias": True}, {"cutoffs": [1, 19]}])
def test_the_log_probabilities_are_those_of_all_classes(options):
    module, x = layer(**options), torch.randn(6, 8, requires_grad=True)
    full = module.log_prob(x)
    assert torch.allclose(full.exp().sum(1), torch.ones(6))
    output, loss = module(x, TARGETS)
    assert torch.allclose(output, full.gather(1, TARGETS.unsqueeze(1)).squeeze(1))
    assert torch.allclose(loss, -output.mean())
    assert torch.equal(module.predict(x), full.argmax(1))
    (by_output,) = torch.autograd.grad(loss, x)
    (by_full,) = torch.autograd.grad(nn.functional.nll_loss(module.log_prob(x), TARGETS), x)
    assert torch.allclose(by_output, by_full, atol=1e-6)


def test_the_seed_gives_pytorchs_loss():
    module, x = layer(), torch.randn(6, 8)
    assert module(x, TARGETS).loss.item() == pytest.approx(3.184, abs=1e-3)  # recorded from PyTorch
    assert list(module.state_dict()) == [
        "head.weight", "tail.0.0.weight", "tail.0.1.weight", "tail.1.0.weight", "tail.1.1.weight",
    ]  # fmt: skip


def test_a_single_sample():
    module, x = layer(), torch.ones(8)
    output, loss = module(x, torch.tensor(7))
    assert output.shape == () and torch.allclose(output, -loss)
    assert torch.allclose(output, module(x.unsqueeze(0), torch.tensor([7])).output[0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: layer(cutoffs=[]), ValueError, "cutoffs should be a sequence of length larger than 0"),
        *(
            (lambda cutoffs=cutoffs: layer(cutoffs=cutoffs), ValueError, "unique, positive integers sorted")
            for cutoffs in ([5, 5], [5, 3], [0, 3], [20], [3.5])
        ),
        (lambda: layer()(torch.ones(2, 8), TARGETS[:1]), RuntimeError, "same size in the batch dimension"),
        (
            lambda: layer()(torch.ones(2, 8, 1), TARGETS[:2]),
            RuntimeError,
            "1D target tensor expects 2D input",
        ),
        (lambda: layer()(torch.ones(2, 8), TARGETS[0]), RuntimeError, "0D target tensor expects 1D input"),
        (
            lambda: layer()(torch.ones(2, 8), TARGETS[:2, None]),
            RuntimeError,
            "0D or 1D target tensor expected",
        ),
        (
            lambda: layer()(torch.ones(2, 8), torch.tensor([0, 20])),
            RuntimeError,
            "Target values should be in [0, 19], but values in range [0, 20] were found.",
        ),
        (
            lambda: nn.CrossMapLRN2d(3)(torch.ones(1, 2, 3)),
            ValueError,
            "CrossMapLRN2d: Expected input to be 4D, got 3D instead.",
        ),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert message in str(raised.value)


# Recorded from PyTorch.
@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (3, [0.594, 0.961, 1.134, 1.234, 1.291, 1.325, 1.347, 1.746]),
        (5, [0.542, 0.894, 1.095, 1.201, 1.266, 1.306, 1.585, 1.94]),
    ],
)
def test_the_older_local_response_norm(size, expected):
    x = torch.arange(1.0, 9).view(1, 8, 1, 1)
    y = nn.CrossMapLRN2d(size, alpha=0.5, beta=0.5, k=2)(x)
    assert y.flatten().tolist() == pytest.approx(expected, abs=1e-3)

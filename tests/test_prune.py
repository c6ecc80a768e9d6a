"""nn.utils.prune: masks on parameters."""

import pickle

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn.utils import prune

# nn.Linear(4, 3) of seed 0
WEIGHT = [-0.004, 0.268, -0.412, -0.368, -0.193, 0.134, -0.01, 0.396, -0.044, 0.132, -0.151, -0.098]


def linear():
    torch.manual_seed(0)
    return nn.Linear(4, 3)


def mask_of(layer):
    return layer.weight_mask.int().flatten().tolist()


class EverySecond(prune.BasePruningMethod):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        mask = default_mask.clone()
        mask.view(-1)[::2] = 0
        return mask


def test_a_pruned_parameter_is_the_product_of_the_original_and_the_mask():
    layer = prune.l1_unstructured(linear(), "weight", 6)
    assert list(layer.state_dict()) == ["bias", "weight_orig", "weight_mask"]
    assert [name for name, _ in layer.named_parameters()] == ["bias", "weight_orig"]
    assert torch.equal(layer.weight, layer.weight_orig * layer.weight_mask)
    layer(torch.ones(1, 4)).sum().backward()
    assert torch.equal(layer.weight_orig.grad, layer.weight_mask)
    with torch.no_grad():
        layer.weight_orig.fill_(2)
    layer(torch.ones(1, 4))
    assert torch.equal(layer.weight, 2 * layer.weight_mask)


# Recorded from PyTorch.
@pytest.mark.parametrize(
    ("pruned", "mask"),
    [
        (lambda m: prune.identity(m, "weight"), [1] * 12),
        (lambda m: prune.random_unstructured(m, "weight", 3), [1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0]),
        (lambda m: prune.l1_unstructured(m, "weight", 0.3), [0, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1, 0]),
        (lambda m: prune.random_structured(m, "weight", 2, 1), [0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0]),
        (lambda m: prune.random_structured(m, "weight", 0.4, 0), [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]),
        (lambda m: prune.ln_structured(m, "weight", 0.5, 1, dim=1), [0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]),
        (lambda m: prune.ln_structured(m, "weight", 1, 2, dim=-2), [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]),
        (
            lambda m: prune.ln_structured(m, "weight", 0.5, float("-inf"), dim=1),
            [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
        ),
        (
            lambda m: prune.custom_from_mask(m, "weight", torch.ones(3, 4).tril()),
            [1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 0],
        ),
        (
            lambda m: prune.l1_unstructured(m, "weight", 10, importance_scores=torch.arange(12.0).view(3, 4)),
            [0] * 10 + [1] * 2,
        ),
    ],
)
def test_masks(pruned, mask):
    assert mask_of(pruned(linear())) == mask


def test_pruning_again_chooses_among_what_is_left():
    layer = linear()
    for amount in (2, 2):
        prune.l1_unstructured(layer, "weight", amount)
    prune.ln_structured(layer, "weight", 1, 2, dim=0)
    prune.custom_from_mask(layer, "weight", torch.tensor([[0, 1, 1, 1]] * 3))
    assert mask_of(layer) == [0, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 0]
    (container,) = layer._forward_pre_hooks.values()
    names = [type(method).__name__ for method in container]
    assert names == ["L1Unstructured", "L1Unstructured", "LnStructured", "CustomFromMask"]


def test_removing_leaves_the_zeros():
    layer = linear()
    weight = layer.weight
    prune.l1_unstructured(layer, "weight", 6)
    assert prune.is_pruned(nn.Sequential(layer))
    prune.remove(layer, "weight")
    assert layer.weight is weight and int((weight == 0).sum()) == 6
    assert not prune.is_pruned(layer) and list(layer.state_dict()) == ["bias", "weight"]
    assert torch.equal(pickle.loads(pickle.dumps(layer)).weight, weight)
    with pytest.raises(ValueError, match="Parameter 'weight' of module Linear.* has to be pruned before"):
        prune.remove(layer, "weight")


def test_global_pruning_sees_the_parameters_as_one():
    first, second = linear(), nn.Linear(3, 2)
    with torch.no_grad():
        second.weight.fill_(0.14)
        first.bias.fill_(5.0)
    prune.global_unstructured(
        ((m, n) for m, n in [(first, "weight"), (second, "weight"), (first, "bias")]),
        prune.L1Unstructured,
        amount=6,
    )
    assert mask_of(first) == [int(abs(w) > 0.14) if abs(w) != 0.134 else 0 for w in WEIGHT]
    assert second.weight_mask.sum() == 6 and first.bias_mask.sum() == 3
    scores = {(second, "weight"): torch.zeros(2, 3)}
    prune.global_unstructured(
        [(first, "weight"), (second, "weight")], prune.L1Unstructured, importance_scores=scores, amount=4
    )
    assert second.weight_mask.sum() == 2


def test_prune_gives_a_pruned_copy():
    method, x = prune.L1Unstructured(2), torch.arange(-3.0, 3.0)
    assert method.prune(x).tolist() == [-3, -2, 0, 0, 1, 2]
    assert method.prune(x, importance_scores=torch.arange(6.0)).tolist() == [0, 0, -1, 0, 1, 2]


def test_a_failure_leaves_the_module_as_it_was():
    layer = linear()
    weight = layer.weight
    with pytest.raises(
        AssertionError, match=r"default_mask shape torch.Size\(\[3, 4\]\) must match self.mask shape"
    ):
        prune.custom_from_mask(layer, "weight", torch.ones(2))
    assert layer.weight is weight and not prune.is_pruned(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight"]


def test_own_methods_take_part():
    assert EverySecond.apply(linear(), "weight")._tensor_name == "weight"
    layer = prune.l1_unstructured(linear(), "weight", 1)
    EverySecond.apply(layer, "weight")
    assert mask_of(layer) == [0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]  # of the eleven entries that were left


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda m: prune.l1_unstructured(m, "weight", -1),
            ValueError,
            "amount=-1 should either be a float in the",
        ),
        (
            lambda m: prune.random_structured(m, "weight", 1.5, 0),
            ValueError,
            "amount=1.5 should either be a float",
        ),
        (
            lambda m: prune.l1_unstructured(m, "weight", "x"),
            TypeError,
            "Invalid type for amount: x. Must be int or",
        ),
        (
            lambda m: prune.l1_unstructured(m, "weight", 13),
            ValueError,
            "amount=13 should be smaller than the number of parameters to prune=12",
        ),
        (lambda m: prune.ln_structured(m, "weight", 5, 2, 0), ValueError, "parameters to prune=3"),
        (
            lambda m: prune.ln_structured(m, "bias", 1, 2, 0),
            ValueError,
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of shape "
            "torch.Size([3]) with 1 dims",
        ),
        (
            lambda m: prune.ln_structured(m, "weight", 1, 2, 2),
            IndexError,
            "Invalid index 2 for tensor of size",
        ),
        (
            lambda m: prune.l1_unstructured(m, "weight", 1, importance_scores=torch.ones(2)),
            AssertionError,
            "importance_scores should have the same shape as parameter weight of Linear",
        ),
        (
            lambda m: prune.global_unstructured(3, prune.L1Unstructured),
            TypeError,
            "parameters is not an Iterable",
        ),
        (
            lambda m: prune.global_unstructured([(m, "weight")], prune.RandomStructured, amount=1),
            TypeError,
            'Only "unstructured" PRUNING_TYPE supported',
        ),
        (lambda m: prune.BasePruningMethod(), TypeError, "abstract class BasePruningMethod"),
        (lambda m: EverySecond().apply_mask(m), AssertionError, "has to be pruned"),
        (
            lambda m: prune.PruningContainer().add_pruning_method(3),
            TypeError,
            "is not a BasePruningMethod subclass",
        ),
        (
            lambda m: prune.PruningContainer(EverySecond.apply(m, "weight")).add_pruning_method(
                EverySecond()
            ),
            ValueError,
            "Can only add pruning methods acting on the parameter named 'weight' to PruningContainer",
        ),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error) as raised:
        call(linear())
    assert message in str(raised.value)

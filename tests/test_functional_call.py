"""Modules called with other parameters than their own, and stacked."""

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.func import functional_call, stack_module_state
from flambeau.nn.utils import parametrizations, stateless

ZERO = torch.tensor(0.0)


class Sum(nn.Module):
    def __init__(self):
        super().__init__()
        self.one = nn.Parameter(torch.tensor(1.0))
        self.tied = self.one
        self.register_buffer("two", torch.tensor(2.0))
        self.inner = nn.Linear(1, 1)
        self.number = 3

    def forward(self, x, more=0.0):
        return x + self.one + self.tied + self.two + more


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.tensor(0.0))

    def forward(self, x):
        self.count = self.count + 1
        return x + self.count


def ten():
    return torch.tensor(10.0)


def test_what_stands_in_is_used_and_then_gone():
    module = Sum()
    one = module.one
    assert functional_call(module, {"two": ten()}, ZERO) == 12
    assert functional_call(module, {"two": ten()}, (ZERO,), {"more": 5.0}) == 17
    assert module.two == 2 and module.one is one and list(module._parameters) == ["one", "tied"]


def test_a_shared_tensor_is_replaced_under_all_of_its_names():
    assert functional_call(Sum(), {"one": ten()}, ZERO) == 22
    assert functional_call(Sum(), {"one": ten()}, ZERO, tie_weights=False) == 13
    value = ten()
    assert functional_call(Sum(), {"one": value, "tied": value}, ZERO) == 22
    assert functional_call(Sum(), {"one": ten(), "tied": ZERO}, ZERO, tie_weights=False) == 12
    with pytest.raises(ValueError, match=r"multiple values for keys \['one', 'tied'\], which are tied"):
        functional_call(Sum(), {"one": ten(), "tied": ZERO}, ZERO)


def test_gradients_reach_what_stands_in():
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    given = {name: p.detach().clone().requires_grad_() for name, p in module.named_parameters()}
    functional_call(module, given, torch.arange(6.0).view(3, 2)).pow(3).sum().backward()
    assert all(p.grad is not None for p in given.values())
    assert all(p.grad is None for p in module.parameters())


def test_what_the_module_replaces_arrives_in_the_dictionary():
    module, given = Counting(), {"count": ten()}
    assert functional_call(module, given, ZERO) == 11
    assert given["count"] == 11 and module.count == 0


def test_a_failing_forward_leaves_the_module_as_it_was():
    module = Sum()
    one = module.one
    with pytest.raises(TypeError):
        functional_call(module, {"one": ten()}, "x")
    assert module.one is one and module.tied is one
    with pytest.raises(AttributeError, match="Linear has no attribute `no`"):
        functional_call(module, {"one": ten(), "inner.no.x": ten()}, ZERO)
    assert module.one is one


def test_several_dictionaries():
    assert functional_call(Sum(), [{"one": ten()}, {"two": ZERO}], ZERO) == 20


def test_the_original_of_a_parametrized_weight_can_be_replaced():
    layer = parametrizations.weight_norm(nn.Linear(1, 1, bias=False))
    key = "parametrizations.weight.original"
    given = {key + "0": torch.tensor([[3.0]]), key + "1": torch.tensor([[5.0]])}
    assert functional_call(layer, given, torch.ones(1)) == 3


def test_the_older_spelling_warns():
    with pytest.warns(FutureWarning, match="Please use `torch.func.functional_call` instead"):
        assert stateless.functional_call(Sum(), {"two": ten()}, ZERO) == 12


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: functional_call(nn.Linear(1, 1), {"bias": ten(), "no": ten()}, ZERO, strict=True),
            RuntimeError,
            "Error(s) in reparametrizing for Linear:\n\tUnexpected key(s): 'no'.\n\tMissing key(s): 'weight'.",
        ),
        (lambda: functional_call(Sum(), {"one": 3}, ZERO), TypeError, "3 is not an instance of torch.Tensor"),
        (
            lambda: functional_call(Sum(), {"number": ten()}, ZERO),
            TypeError,
            "attribute `number`: 3 is not an instance",
        ),
        (lambda: functional_call(Sum(), {"": ten()}, ZERO), KeyError, "t be empty string"),
        (lambda: functional_call(Sum(), {"one.x": ten()}, ZERO), TypeError, "submodule `one`: "),
        (
            lambda: functional_call(Sum(), ({"one": ten()}, {"one": ten()}), ZERO),
            ValueError,
            "['one'] appeared in multiple dictionaries; behavior of functional call is ambiguous",
        ),
        (
            lambda: functional_call(Sum(), [3], ZERO),
            ValueError,
            "Expected all elements of parameter_and_buffer_dicts",
        ),
        (
            lambda: functional_call(Sum(), 3, ZERO),
            ValueError,
            "to be a dict, or a list/tuple of dicts, but got <class",
        ),
        (
            lambda: functional_call(nn.DataParallel(nn.Linear(1, 1)), {}, ZERO),
            RuntimeError,
            "The stateless API can't be used with nn.DataParallel module",
        ),
        (
            lambda: functional_call(torch.jit.script(nn.Linear(1, 1)), {}, ZERO),
            RuntimeError,
            "The stateless API can't be used with Jitted modules",
        ),
        (lambda: stack_module_state([]), RuntimeError, "Expected at least one model, got 0."),
        (
            lambda: stack_module_state([nn.ReLU(), nn.ReLU().eval()]),
            RuntimeError,
            "Expected all models to have the same training/eval mode.",
        ),
        (
            lambda: stack_module_state([nn.ReLU(), nn.Tanh()]),
            RuntimeError,
            "all models to be of the same class.",
        ),
        (
            lambda: stack_module_state([nn.Linear(1, 1), nn.Linear(1, 1).requires_grad_(False)]),
            RuntimeError,
            "Expected weight from each model to have the same .requires_grad",
        ),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error) as raised:
        call()
    assert message in str(raised.value)


def test_states_of_several_modules_are_stacked():
    models = [nn.BatchNorm1d(2) for _ in range(3)]
    params, buffers = stack_module_state(models)
    assert {name: tuple(p.shape) for name, p in params.items()} == {"weight": (3, 2), "bias": (3, 2)}
    assert list(buffers) == ["running_mean", "running_var", "num_batches_tracked"]
    assert all(p.requires_grad and p.is_leaf for p in params.values())

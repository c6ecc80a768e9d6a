"""Modules that learn the sizes of their parameters from the first input."""

from __future__ import annotations

import copy
import io
import pickle

import pytest

import flambeau as torch
from flambeau import nn

CASES = [
    (lambda: nn.LazyLinear(3), nn.Linear, (2, 4), {"weight": (3, 4), "bias": (3,)}),
    (lambda: nn.LazyConv2d(4, 3, groups=2), nn.Conv2d, (1, 6, 5, 5), {"weight": (4, 3, 3, 3), "bias": (4,)}),
    (lambda: nn.LazyConv1d(4, 3, bias=False), nn.Conv1d, (6, 5), {"weight": (4, 6, 3)}),
    (lambda: nn.LazyConvTranspose3d(4, 2, groups=2), nn.ConvTranspose3d, (2, 6, 3, 3, 3),
     {"weight": (6, 2, 2, 2, 2), "bias": (4,)}),
    (lambda: nn.LazyBatchNorm1d(), nn.BatchNorm1d, (2, 5),
     {"weight": (5,), "bias": (5,), "running_mean": (5,), "running_var": (5,), "num_batches_tracked": ()}),
    (lambda: nn.LazyInstanceNorm1d(affine=False), nn.InstanceNorm1d, (2, 5, 4),
     {"running_mean": (5,), "running_var": (5,), "num_batches_tracked": ()}),
]  # fmt: skip


@pytest.mark.parametrize(("make", "become", "size", "shapes"), CASES)
def test_the_first_input_gives_the_shapes(make, become, size, shapes):
    layer = make()
    assert layer.has_uninitialized_params()
    layer(torch.zeros(size))
    assert type(layer) is become
    assert {name: tuple(t.shape) for name, t in layer.state_dict().items()} == shapes
    assert all(type(p) is nn.Parameter for p in layer.parameters())
    assert not layer._forward_pre_hooks
    assert not layer._load_state_dict_pre_hooks


def test_lazy_layers_start_from_the_values_of_plain_ones():
    x = torch.ones(1, 2, 4, 4)
    torch.manual_seed(3)
    lazy = nn.LazyConv2d(3, 2)
    first = lazy(x)
    torch.manual_seed(3)
    assert torch.equal(first, nn.Conv2d(2, 3, 2)(x))


def test_a_state_gives_the_shapes():
    source = nn.Conv2d(5, 4, 3)
    layer = nn.LazyConv2d(4, 3)
    layer.load_state_dict(source.state_dict())
    assert torch.equal(layer.weight, source.weight)
    x = torch.ones(1, 5, 4, 4)
    assert torch.equal(layer(x), source(x))
    assert type(layer) is nn.Conv2d


def test_the_state_of_a_lazy_layer_is_lazy():
    state = nn.LazyLinear(3).state_dict()
    assert [type(t) for t in state.values()] == [nn.UninitializedParameter] * 2
    other = nn.LazyLinear(3)
    other.load_state_dict(state)
    assert other.has_uninitialized_params()
    with pytest.raises(RuntimeError, match="Can't access the shape of an uninitialized parameter"):
        nn.Linear(4, 3).load_state_dict(state)


def test_lazy_layers_are_copied_pickled_and_converted():
    layer = nn.LazyLinear(3).double()
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert twin.weight is not layer.weight
        assert twin.weight.dtype == torch.float64
        assert twin(torch.zeros(2, 4, dtype=torch.float64)).shape == (2, 3)
    assert layer.has_uninitialized_params()
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    assert isinstance(torch.load(file, weights_only=False)["weight"], nn.UninitializedParameter)


def test_an_optimizer_takes_parameters_before_they_have_shapes():
    layer = nn.LazyLinear(1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    layer(torch.ones(1, 2)).sum().backward()
    before = layer.weight.detach().clone()
    optimizer.step()
    assert torch.equal(layer.weight, before - 1)


def test_what_has_no_shape_refuses_to_be_used():
    weight = nn.LazyLinear(3).weight
    assert repr(weight) == "<UninitializedParameter>"
    with pytest.raises(RuntimeError, match="Can't access the shape"):
        _ = weight.shape
    with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter in"):
        _ = weight + 1
    with pytest.raises(RuntimeError, match="Can't share memory on an uninitialized"):
        nn.LazyLinear(3).share_memory()


def test_inputs_that_do_not_fit():
    with pytest.raises(
        RuntimeError, match=r"Expected 3D \(unbatched\) or 4D \(batched\) input to LazyConv2d"
    ):
        nn.LazyConv2d(4, 3)(torch.zeros(1, 2))
    with pytest.raises(ValueError, match="in_channels must be divisible by groups"):
        nn.LazyConv2d(4, 3, groups=3)(torch.zeros(1, 2, 5, 5))


def test_a_module_that_forgets_a_parameter_is_told():
    class Forgetful(nn.modules.lazy.LazyModuleMixin, nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.UninitializedParameter()

        def initialize_parameters(self, x):
            pass

    with pytest.raises(RuntimeError, match="module Forgetful has not been fully initialized"):
        Forgetful()(torch.zeros(1))

"""nn.utils.parametrize and the parametrizations, and the older weight_norm and spectral_norm."""

import copy
import pickle

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.nn.utils import parametrizations, parametrize, remove_spectral_norm, remove_weight_norm


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).T

    def right_inverse(self, a):
        return a.triu()


class Twice(nn.Module):
    def forward(self, x):
        return 2 * x


class RankOne(nn.Module):
    def forward(self, x, y):
        return x.unsqueeze(-1) @ y.unsqueeze(-2)

    def right_inverse(self, z):
        u, s, vh = torch.linalg.svd(z, full_matrices=False)
        return u[:, 0] * s[0].sqrt(), vh[0] * s[0].sqrt()


class Giving(nn.Module):
    """A parametrization that gives, and whose right_inverse gives, whatever is wanted."""

    def __init__(self, forward, right_inverse=None):
        super().__init__()
        self.function = forward
        if right_inverse is not None:
            self.right_inverse = right_inverse

    def forward(self, *x):
        return self.function(*x)


def linear(inputs=3, outputs=3):
    torch.manual_seed(0)
    return nn.Linear(inputs, outputs)


def symmetric():
    return parametrize.register_parametrization(linear(), "weight", Symmetric())


def symmetric_twice():
    return parametrize.register_parametrization(symmetric(), "weight", Twice())


# ---- parametrize


def test_a_parametrized_weight_is_computed_from_its_original():
    layer = symmetric()
    original = layer.parametrizations.weight.original
    assert torch.equal(layer.weight, original.triu() + original.triu(1).T)
    assert list(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    assert repr(layer) == (
        "ParametrizedLinear(\n  in_features=3, out_features=3, bias=True\n  (parametrizations): ModuleDict(\n"
        "    (weight): ParametrizationList(\n      (0): Symmetric()\n    )\n  )\n)"
    )


def test_the_original_stays_the_parameter_that_an_optimizer_knows():
    layer = linear()
    weight = layer.weight
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert layer.parametrizations.weight.original is weight
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight is weight and torch.equal(weight, weight.T)


def test_parametrizations_follow_one_another_and_are_differentiated():
    layer = symmetric_twice()
    original = layer.parametrizations.weight.original
    layer(torch.tensor([[1.0, 2.0, 3.0]])).sum().backward()
    assert original.grad.tolist() == [[2.0, 6.0, 8.0], [0.0, 4.0, 10.0], [0.0, 0.0, 6.0]]


def test_assigning_goes_through_the_right_inverses():
    layer = symmetric()
    layer.weight = torch.arange(9.0).view(3, 3)
    assert layer.weight.tolist() == [[0.0, 1.0, 2.0], [1.0, 4.0, 5.0], [2.0, 5.0, 8.0]]
    with pytest.raises(RuntimeError, match="parametrization Twice does not implement right_inverse"):
        symmetric_twice().weight = torch.eye(3)
    with pytest.raises(ValueError, match="has dtype torch.float64 while `original` has dtype torch.float32"):
        layer.weight = torch.eye(3, dtype=torch.float64)


def test_a_right_inverse_may_give_several_originals():
    layer = parametrize.register_parametrization(linear(4, 4), "weight", RankOne())
    assert [name for name, _ in layer.parametrizations.weight.named_parameters()] == [
        "original0",
        "original1",
    ]
    assert torch.linalg.matrix_rank(layer.weight) == 1
    layer.weight = torch.outer(torch.arange(1.0, 5.0), torch.ones(4))
    assert torch.allclose(layer.weight[3], torch.full((4,), 4.0))
    with pytest.raises(ValueError, match="Cannot leave unparametrized"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert isinstance(layer.weight, nn.Parameter) and type(layer) is nn.Linear


def test_a_buffer_can_be_parametrized():
    norm = parametrize.register_parametrization(nn.BatchNorm1d(2), "running_var", Twice())
    assert "parametrizations.running_var.original" in dict(norm.named_buffers())
    assert norm.running_var.tolist() == [2.0, 2.0]
    parametrize.remove_parametrizations(norm, "running_var", leave_parametrized=False)
    assert norm.running_var.tolist() == [1.0, 1.0] and "running_var" in norm._buffers


def test_the_class_goes_back_when_the_last_parametrization_is_removed():
    layer = parametrize.register_parametrization(symmetric(), "bias", Twice())
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer).__name__ == "ParametrizedLinear" and not hasattr(type(layer), "weight")
    parametrize.remove_parametrizations(layer, "bias")
    assert type(layer) is nn.Linear and not hasattr(layer, "parametrizations")


def test_cached_computes_once_for_each_module():
    layer, other = symmetric(), symmetric()
    with parametrize.cached():
        first = layer.weight
        with parametrize.cached():
            assert layer.weight is first and other.weight is not first
        assert layer.weight is first
    assert layer.weight is not first


def test_a_cached_weight_cannot_be_traced():
    with parametrize.cached(), pytest.raises(RuntimeError, match="Cannot trace a model while caching"):
        torch.jit.trace(symmetric(), torch.ones(1, 3))


def test_a_deep_copy_is_independent():
    layer = symmetric_twice()
    before = layer.weight.tolist()
    other = copy.deepcopy(layer)
    with parametrize.cached():  # keyed by the module, not by what it was copied from
        assert layer.weight is not other.weight
    with torch.no_grad():
        other.parametrizations.weight.original.fill_(1.0)
    parametrize.remove_parametrizations(other, "weight")
    assert other.weight.tolist() == [[2.0] * 3] * 3
    assert layer.weight.tolist() == before


def test_pickling_is_refused():
    with pytest.raises(RuntimeError, match=r"only supported through state_dict\(\)"):
        pickle.dumps(symmetric())


def test_states_are_loaded_into_originals():
    source, target = symmetric(), symmetric()
    with torch.no_grad():
        source.parametrizations.weight.original.fill_(3.0)
    target.load_state_dict(source.state_dict())
    assert target.weight.tolist() == [[3.0] * 3] * 3
    with pytest.raises(RuntimeError, match='Unexpected key\\(s\\) in state_dict: "weight"'):
        target.load_state_dict(linear().state_dict())


def test_transferring_shares_parametrizations_and_originals():
    source, target = parametrize.register_parametrization(symmetric(), "bias", Twice()), nn.Linear(3, 3)
    parametrize.transfer_parametrizations_and_params(source, target, "weight")
    assert not parametrize.is_parametrized(target, "bias")
    assert target.parametrizations.weight.original is source.parametrizations.weight.original
    assert torch.equal(target.weight, source.weight)
    ranks = parametrize.register_parametrization(linear(4, 4), "weight", RankOne())
    made = parametrize.transfer_parametrizations_and_params(ranks, nn.Module())
    assert torch.equal(made.weight, ranks.weight)


def test_a_parametrization_takes_over_the_modules_mode():
    layer = parametrize.register_parametrization(linear().eval(), "weight", Twice())
    assert not layer.parametrizations.weight[0].training


FIRST = [
    (
        Giving(lambda x: x[:1]),
        "unparametrized shape: torch.Size([3, 3])\nparametrized shape: torch.Size([1, 3])",
    ),
    (Giving(lambda x: x.double()), "unparametrized dtype: torch.float32\nparametrized dtype: torch.float64"),
    (Giving(lambda x: 3), "A parametrization must return a tensor. Got int."),
    (Giving(lambda x: x, lambda x: 5), "'right_inverse' must return a Tensor or a Sequence of tensors"),
    (Giving(lambda x, y: x, lambda x: [x, 5]), "Got element 1 of the sequence with type int."),
    (
        Giving(lambda x: x, lambda x: x.double()),
        "it may not change the dtype.\noriginal.dtype: torch.float32\n",
    ),
]


@pytest.mark.parametrize(("parametrization", "message"), FIRST)
def test_the_first_parametrization_must_keep_the_form(parametrization, message):
    layer = linear()
    with pytest.raises(ValueError) as error:
        parametrize.register_parametrization(layer, "weight", parametrization)
    assert message in str(error.value)
    assert type(layer) is nn.Linear and isinstance(layer.weight, nn.Parameter)


FURTHER = [
    (
        Giving(lambda x: x[:1]),
        "module.weight.shape: torch.Size([3, 3])\nparametrization(module.weight).shape: ",
    ),
    (Giving(lambda x: x.double()), "parametrization(module.weight).dtype: torch.float64"),
    (Giving(lambda x: x, lambda x: 5), "parametrization.right_inverse must return a tensor. Got: int"),
    (
        Giving(lambda x: x, lambda x: x.double()),
        "The tensor returned by parametrization.right_inverse must have the same dtype as module.weight, unless the "
        "`unsafe` flag is enabled.\nmodule.weight.dtype: torch.float32\nreturned dtype: torch.float64",
    ),
    (Giving(lambda x: x, lambda x: x[0]), "returned shape: torch.Size([3])"),
]


@pytest.mark.parametrize(("parametrization", "message"), FURTHER)
def test_further_parametrizations_must_keep_the_form(parametrization, message):
    layer = symmetric()
    with pytest.raises(ValueError) as error:
        parametrize.register_parametrization(layer, "weight", parametrization)
    assert message in str(error.value)
    assert len(layer.parametrizations.weight) == 1


def test_unsafe_parametrizations_may_change_the_form():
    layer = parametrize.register_parametrization(
        linear(), "weight", Giving(lambda x: x[:1].double()), unsafe=True
    )
    assert layer.weight.shape == (1, 3) and layer.weight.dtype is torch.float64
    assert layer.parametrizations.weight.unsafe


def test_what_cannot_be_parametrized_is_named():
    with pytest.raises(
        ValueError, match="does not have a parameter, a buffer, or a parametrized element with name 'no'"
    ):
        parametrize.register_parametrization(linear(), "no", Twice())
    with pytest.raises(ValueError, match="does not have a parametrization on bias"):
        parametrize.remove_parametrizations(symmetric(), "bias")
    with pytest.raises(ValueError, match="ParametrizationList requires one or more modules"):
        parametrize.ParametrizationList([], torch.ones(1))


# ---- orthogonal


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5), (2, 4, 3)])
@pytest.mark.parametrize("which", [None, "matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("trivialization", [True, False])
def test_an_orthogonal_weight_stays_so_in_training(shape, which, trivialization):
    torch.manual_seed(0)
    module = nn.Module()
    module.weight = nn.Parameter(torch.randn(shape))
    parametrizations.orthogonal(module, orthogonal_map=which, use_trivialization=trivialization)
    optimizer = torch.optim.SGD(module.parameters(), 0.1)
    for _ in range(2):
        q = module.weight if shape[-2] >= shape[-1] else module.weight.mT
        assert torch.allclose(q.mT @ q, torch.eye(q.size(-1)), atol=1e-5)
        before = q.detach().clone()
        (q * torch.linspace(0, 1, q.numel()).view(q.shape)).sum().backward()
        optimizer.step()
    assert not torch.equal(module.weight, before if shape[-2] >= shape[-1] else before.mT)


def test_a_weight_that_is_not_orthogonal_becomes_the_factor_q_of_it():
    layer = parametrizations.orthogonal(linear(3, 5))
    layer(torch.ones(1, 3)).pow(2).sum().backward()
    # Recorded from PyTorch.
    weight = [
        -0.006,
        0.502,
        -0.713,
        -0.596,
        0.008,
        0.377,
        -0.016,
        0.747,
        0.182,
        0.214,
        -0.413,
        -0.397,
        -0.774,
        -0.14,
    ]
    assert layer.weight.flatten().tolist()[:14] == pytest.approx(weight, abs=1e-3)
    assert layer.parametrizations.weight.original.grad.abs().sum().item() == pytest.approx(6.08, abs=1e-2)


def test_assigning_an_orthogonal_matrix_keeps_it():
    torch.manual_seed(0)
    q = nn.init.orthogonal_(torch.empty(5, 3))
    for which in ("matrix_exp", "cayley", "householder"):
        layer = parametrizations.orthogonal(nn.Linear(3, 5), orthogonal_map=which)
        layer.weight = q
        assert torch.allclose(layer.weight, q, atol=1e-5)
    layer = parametrizations.orthogonal(nn.Linear(3, 5), use_trivialization=False)
    layer.weight = q
    assert torch.allclose(layer.weight, q, atol=1e-5)


def test_a_complex_weight_becomes_unitary():
    layer = parametrizations.orthogonal(nn.Linear(3, 3, dtype=torch.complex64))
    assert torch.allclose(layer.weight.mH @ layer.weight, torch.eye(3, dtype=torch.complex64), atol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: parametrizations.orthogonal(linear(), orthogonal_map="no"),
            'has to be one of "matrix_exp", "cayley"',
        ),
        (lambda: parametrizations.orthogonal(linear(), "bias"), "Got a tensor of 1 dimensions"),
        (lambda: parametrizations.orthogonal(linear(), "no"), "has no parameter or buffer with name 'no'"),
        (
            lambda: parametrizations.orthogonal(
                nn.Linear(3, 3, dtype=torch.complex64), orthogonal_map="householder"
            ),
            "The householder parametrization does not support complex tensors",
        ),
        (
            lambda: setattr(parametrizations.orthogonal(linear()), "weight", torch.ones(2, 2)),
            "Expected a matrix or batch of matrices of shape torch.Size([3, 3]). Got a tensor of shape",
        ),
        (lambda: parametrizations.spectral_norm(linear(), "no"), "has no parameter or buffer with name 'no'"),
        (lambda: parametrizations.spectral_norm(linear(), n_power_iterations=0), "n_power_iterations=0"),
        (lambda: nn.utils.spectral_norm(linear(), n_power_iterations=-1), "n_power_iterations=-1"),
        (
            lambda: nn.utils.spectral_norm(nn.Linear(2, 2, bias=False), "bias"),
            "`SpectralNorm` cannot be applied as parameter `bias` is None",
        ),
        (lambda: nn.utils.spectral_norm(nn.LazyLinear(2)), "can't have uninitialized parameters"),
        (lambda: remove_spectral_norm(linear()), "spectral_norm of 'weight' not found in Linear"),
        (lambda: remove_weight_norm(linear()), "weight_norm of 'weight' not found in Linear"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


# ---- weight_norm


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_keeps_the_weight_and_splits_it(dim):
    layer = linear(2, 3)
    weight = layer.weight.detach().clone()
    parametrizations.weight_norm(layer, dim=dim)
    lengths = layer.parametrizations.weight.original0
    assert torch.allclose(layer.weight, weight)
    expected = weight.norm() if dim is None else weight.norm(dim=1 - dim, keepdim=True)
    assert torch.allclose(lengths, expected)
    with torch.no_grad():
        lengths.mul_(2)
    assert torch.allclose(layer.weight, 2 * weight)


def test_the_gradient_of_the_directions_is_orthogonal_to_them():
    layer = parametrizations.weight_norm(linear(4, 3))
    layer(torch.ones(1, 4)).pow(2).sum().backward()
    directions = layer.parametrizations.weight.original1
    assert torch.allclose((directions * directions.grad).sum(1), torch.zeros(3), atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated")
def test_older_weight_norms_are_hooks_whose_states_the_newer_ones_load():
    older = nn.utils.weight_norm(linear(2, 3))
    weight = older.weight.detach().clone()
    assert list(older.state_dict()) == ["bias", "weight_g", "weight_v"]
    newer = parametrizations.weight_norm(nn.Linear(2, 3))
    newer.load_state_dict(older.state_dict())
    assert torch.equal(newer.weight, older.weight)
    with pytest.raises(
        RuntimeError, match="Cannot register two weight_norm hooks on the same parameter weight"
    ):
        nn.utils.weight_norm(older)
    with torch.no_grad():
        older.weight_g.mul_(3)
    older(torch.ones(1, 2))
    assert torch.allclose(older.weight, 3 * weight)
    remove_weight_norm(older)
    assert list(older.state_dict()) == ["bias", "weight"] and not older._forward_pre_hooks


def test_the_older_weight_norm_says_that_it_is_deprecated():
    with pytest.warns(FutureWarning, match="in favor of `torch.nn.utils.parametrizations.weight_norm`"):
        nn.utils.weight_norm(linear())


# ---- spectral_norm


@pytest.mark.parametrize(
    ("layer", "dim"),
    [(lambda: nn.Linear(4, 3), 0), (lambda: nn.Conv2d(2, 3, 2), 0), (lambda: nn.ConvTranspose2d(2, 3, 2), 1)],
)
def test_the_largest_singular_value_becomes_one(layer, dim):
    torch.manual_seed(0)
    module = parametrizations.spectral_norm(layer())
    for _ in range(50):
        weight = module.weight
    assert torch.linalg.matrix_norm(weight.movedim(dim, 0).flatten(1), 2).item() == pytest.approx(1, abs=1e-4)
    older = nn.utils.spectral_norm(layer(), n_power_iterations=50)
    older(torch.ones(1, *([4] if dim == 0 and weight.dim() == 2 else [2, 4, 4])))
    matrix = older.weight.movedim(dim, 0).flatten(1)
    assert torch.linalg.matrix_norm(matrix, 2).item() == pytest.approx(1, abs=1e-4)


def test_evaluation_leaves_the_vectors_alone():
    layer = parametrizations.spectral_norm(linear(4, 3)).eval()
    u = layer.parametrizations.weight[0]._u.clone()
    layer(torch.ones(1, 4))
    assert torch.equal(u, layer.parametrizations.weight[0]._u)
    with parametrize.cached():
        layer.train()(torch.ones(1, 4))
    assert not torch.equal(u, layer.parametrizations.weight[0]._u)


def test_spectral_norm_starts_from_pytorchs_random_vectors():
    layer = parametrizations.spectral_norm(linear(4, 3)).eval()
    # Recorded from PyTorch.
    expected = torch.tensor([-0.0055, 0.3927, -0.6025])
    assert torch.allclose(layer.weight.flatten()[:3], expected, atol=1e-4)


def test_a_vector_is_divided_by_its_length():
    assert parametrizations.spectral_norm(linear(), "bias").bias.norm().item() == pytest.approx(1)


def test_two_forwards_before_a_backward():
    layer = nn.utils.spectral_norm(linear())
    (layer(torch.ones(1, 3)) - layer(torch.zeros(1, 3))).sum().backward()
    assert layer.weight_orig.grad is not None


def test_older_spectral_norms_are_removed_with_all_of_their_hooks():
    layer = nn.utils.spectral_norm(linear())
    with pytest.raises(RuntimeError, match="Cannot register two spectral_norm hooks"):
        nn.utils.spectral_norm(layer)
    layer(torch.ones(1, 3))
    weight = layer.weight.detach().clone()
    remove_spectral_norm(layer)
    assert torch.allclose(layer.weight, weight) and isinstance(layer.weight, nn.Parameter)
    layer.load_state_dict(linear().state_dict())


def test_states_of_older_spectral_norms_are_completed():
    source, target = nn.utils.spectral_norm(linear()), nn.utils.spectral_norm(nn.Linear(3, 3))
    source(torch.ones(1, 3))
    state = source.state_dict()
    assert state._metadata[""]["spectral_norm"] == {"weight.version": 1}
    first = {**state, "weight": source.weight.detach()}  # of version 0
    del first["weight_v"]
    target.load_state_dict(first)
    assert torch.allclose(target.weight_v, source.weight_v, atol=1e-4)
    del state["weight_u"]
    with pytest.raises(RuntimeError, match='Missing key\\(s\\) in state_dict: "weight_u"'):
        target.load_state_dict(state)


def test_what_such_a_hook_computed_cannot_be_deep_copied():
    layer = nn.utils.spectral_norm(linear())
    copy.deepcopy(layer)
    layer(torch.ones(1, 3))
    with pytest.raises(RuntimeError, match="spectral_norm or prune computes before each forward"):
        copy.deepcopy(layer)

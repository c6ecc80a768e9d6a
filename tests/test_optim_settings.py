"""What settings of optimizers mean, and what they refuse, in PyTorch's words."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import optim

START = [[[1.0, -2.0], [0.5, 3.0]], [0.25, -1.5]]
SETTINGS = [
    ("SGD", {"momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1}),
    ("AdamW", {"maximize": True}),
    ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.2}),
    ("Adadelta", {"weight_decay": 0.3}),
    ("Adamax", {"weight_decay": 0.1, "maximize": True}),
    ("ASGD", {"t0": 1.0, "weight_decay": 0.1, "lambd": 0.1}),
    ("NAdam", {"weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "betas": (0.9, 0.5)}),
    ("RAdam", {"maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.5, "weight_decay": 0.1}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "maximize": True}),
    ("Rprop", {"step_sizes": (1e-3, 0.2)}),
]
CAPTURED = ["Adam", "AdamW", "Adadelta", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop"]


def gradients(shape, steps, dtype):
    rng = np.random.default_rng(0)
    return [torch.tensor(rng.standard_normal(shape)).to(dtype) for _ in range(steps)]


def final(name, options, start, grads, **more):
    param = start.clone() if more.get("differentiable") else start.clone().requires_grad_()
    optimizer = getattr(optim, name)([param], **options, **more)
    for grad in grads:
        param.grad = grad.clone()
        optimizer.step()
    return param.detach(), optimizer


def after_one_step(name, grad=None, param=None, **options):
    param = torch.ones(2, requires_grad=True) if param is None else param
    optimizer = getattr(optim, name)([param], **options)
    param.grad = torch.ones_like(param) if grad is None else grad
    optimizer.step()
    return optimizer


# ---- one call of the core


@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=str)
def test_the_core_steps_as_the_recorded_formula_does(name, options):
    start = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    grads = gradients((3,), 6, torch.float64)
    ours, optimizer = final(name, options, start, grads)
    formula, recorded = final(name, options, start, grads, differentiable=True)
    assert torch.allclose(ours, formula, rtol=1e-9, atol=1e-12)
    states = [each.state_dict()["state"][0] for each in (optimizer, recorded)]
    assert list(states[0]) == list(states[1])
    for key, value in states[0].items():
        assert torch.allclose(value, states[1][key].detach(), rtol=1e-6), key


@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=str)
def test_a_long_parameter_is_updated_in_pieces(name, options):
    start = torch.linspace(-2, 2, 70_001)
    grads = gradients((70_001,), 3, torch.float32)
    whole, _ = final(name, options, start, grads)
    for some in (slice(0, 5), slice(1020, 1030), slice(32766, 32770), slice(69_990, None)):
        part, _ = final(name, options, start[some], [grad[some] for grad in grads])
        assert torch.allclose(whole[some], part, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=str)
def test_single_precision_follows_double(name, options):
    start = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    grads = gradients((3,), 6, torch.float64)
    double, _ = final(name, options, start, grads)
    single, _ = final(name, options, start.float(), [grad.float() for grad in grads])
    assert torch.allclose(single.double(), double, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=str)
def test_parts_of_complex_parameters_are_parameters(name, options):
    start = torch.tensor([[1.0, -2.0], [0.5, 0.3]], dtype=torch.float64)
    grads = gradients((2, 2), 4, torch.float64)
    parts, _ = final(name, options, start, grads)
    whole, _ = final(
        name, options, torch.view_as_complex(start), [torch.view_as_complex(grad) for grad in grads]
    )
    assert torch.allclose(torch.view_as_real(whole), parts, rtol=1e-12)
    recorded, _ = final(
        name,
        options,
        torch.view_as_complex(start),
        [torch.view_as_complex(grad) for grad in grads],
        differentiable=True,
    )
    assert torch.allclose(torch.view_as_real(recorded), parts, rtol=1e-9)


@pytest.mark.parametrize(("name", "options"), SETTINGS, ids=str)
def test_columns_are_updated_as_rows_are(name, options):
    start = torch.arange(6.0).view(2, 3)
    grads = gradients((2, 3), 3, torch.float32)
    rows, _ = final(name, options, start, grads)
    columns = start.t().contiguous().t().requires_grad_()
    optimizer = getattr(optim, name)([columns], **options)
    for grad in grads:
        columns.grad = grad
        optimizer.step()
    assert torch.allclose(columns, rows, rtol=1e-6)


def test_the_core_refuses_numbers_of_another_kind_before_it_writes():
    param = torch.ones(2, requires_grad=True)
    optimizer = after_one_step("NAdam", param=param)
    optimizer.state[param]["step"] = torch.tensor([1, 2])
    before = param.tolist()
    with pytest.raises(RuntimeError, match="`step` must be a floating-point tensor of one element"):
        optimizer.step()
    assert param.tolist() == before


# ---- Adafactor, Muon: paths of PyTorch 2.13 over fifty steps


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("Adafactor", {"lr": 0.1}, [-0.168306918, 0.0, 0.0, 4.913180439, 0.0, -0.119947996]),
        (
            "Adafactor",
            {
                "lr": 0.1,
                "weight_decay": 0.1,
                "d": 2.0,
                "eps": (1e-4, 1e-2),
                "beta2_decay": -0.5,
                "maximize": True,
            },
            [2.065230312, -2.136670126, 1.888171988, 2.084343823, 2.125004513, -1.90905205],
        ),
        ("Muon", {"lr": 0.02}, [0.022007234, -2.008133037, 0.344951593, 3.414372432]),
        (
            "Muon",
            {
                "lr": 0.02,
                "nesterov": False,
                "momentum": 0.5,
                "ns_steps": 3,
                "adjust_lr_fn": "match_rms_adamw",
                "weight_decay": 0.01,
            },
            [0.686336833, -2.060943909, 0.471070081, 3.167245275],
        ),
    ],
    ids=str,
)
def test_adafactor_and_muon_take_pytorchs_path(name, options, expected):
    starts = START[:1] if name == "Muon" else START
    params = [torch.tensor(start, dtype=torch.float64, requires_grad=True) for start in starts]
    optimizer = getattr(optim, name)(params, **options)
    for _ in range(50):
        optimizer.zero_grad()
        for param in params:
            (param.sin() * param).backward(torch.ones_like(param))
        optimizer.step()
    got = np.concatenate([param.detach().numpy().ravel() for param in params])
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-8)


def test_muons_update_is_nearly_orthogonal():
    weight = torch.zeros(8, 5, requires_grad=True)
    weight.grad = gradients((8, 5), 1, torch.float32)[0]
    optim.Muon([weight], lr=1.0, weight_decay=0.0).step()
    sizes = torch.linalg.svdvals(weight.detach()) / (8 / 5) ** 0.5
    assert sizes.min() > 0.5
    assert sizes.max() < 1.3


def test_adafactor_keeps_a_row_and_a_column():
    optimizer = after_one_step("Adafactor", param=torch.ones(2, 3, 4, requires_grad=True))
    (values,) = optimizer.state_dict()["state"].values()
    assert {key: tuple(value.shape) for key, value in values.items()} == {
        "step": (),
        "row_var": (2, 3, 1),
        "col_var": (2, 1, 4),
    }


# ---- what implementations of the step refuse


@pytest.mark.parametrize("name", CAPTURED)
def test_a_step_on_the_cpu_is_not_captured(name):
    with pytest.raises(AssertionError, match="^If capturable=True, params.* must be on supported devices: "):
        after_one_step(name, capturable=True)
    optimizer = getattr(optim, name)([torch.ones(2, requires_grad=True)], capturable=True)
    optimizer.step()  # nothing has a gradient


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_a_fused_step_may_be_capturable(name):
    after_one_step(name, capturable=True, fused=True)


@pytest.mark.parametrize("name", ["Adagrad", *CAPTURED])
def test_foreach_steps_are_not_recorded(name):
    with pytest.raises(AssertionError, match="_foreach ops don't support autograd"):
        after_one_step(name, param=torch.ones(2), foreach=True, differentiable=True)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "Adagrad"])
def test_fused_steps_take_real_dense_parameters(name):
    with pytest.raises(RuntimeError, match="`fused` does not support `differentiable`"):
        getattr(optim, name)([torch.ones(1)], fused=True, differentiable=True)
    with pytest.raises(RuntimeError, match="`fused` and `foreach` cannot be `True` together."):
        getattr(optim, name)([torch.ones(1)], fused=True, foreach=True)
    with pytest.raises(
        RuntimeError,
        match="`fused=True` requires all the params to be floating point Tensors of .*complex64 and cpu",
    ):
        after_one_step(name, param=torch.ones(2, dtype=torch.complex64, requires_grad=True), fused=True)
    with pytest.raises(RuntimeError, match="does not support sparse grad"):
        after_one_step(name, grad=torch.ones(2).to_sparse(), fused=True)


@pytest.mark.parametrize(
    "name", ["Adadelta", "Adamax", "ASGD", "NAdam", "RAdam", "RMSprop", "Rprop", "Adafactor"]
)
@pytest.mark.parametrize("recorded", [False, True])
def test_sparse_gradients_are_refused_by_name(name, recorded):
    options = {"differentiable": True} if recorded and name != "Adafactor" else {}
    with pytest.raises(RuntimeError, match=f"{name} does not support sparse gradients"):
        after_one_step(name, grad=torch.ones(2).to_sparse(), param=torch.ones(2), **options)


def test_a_rate_of_one_element_is_a_number():
    for options in ({}, {"differentiable": True}):
        for name in ("SGD", "Adam", "Adagrad", "ASGD", "RMSprop"):
            start, grad = torch.tensor(2.0), [torch.tensor(3.0)]
            by_number, _ = final(name, {"lr": 0.5}, start, grad, **options)
            by_tensor, _ = final(name, {"lr": torch.tensor([0.5])}, start, grad, **options)
            assert by_tensor.shape == ()
            assert by_tensor.item() == by_number.item()


# ---- bad input

W = torch.ones(2, requires_grad=True)


@pytest.mark.parametrize(
    ("params", "error", "words"),
    [
        ([], ValueError, "optimizer got an empty parameter list; an iterator gives its parameters once"),
        ({}, ValueError, "optimizer got an empty parameter list"),
        (iter(()), ValueError, "optimizer got an empty parameter list"),
        ({"w": W}, TypeError, "one of the params is str: a dictionary's key; pass its values()"),
        (
            W,
            TypeError,
            "an iterable of Tensors or dicts, but got torch.FloatTensor; to optimize one tensor, pass it in a",
        ),
        ([W * 2], ValueError, "can't optimize a non-leaf Tensor: the parameter at position 0"),
        (None, TypeError, "'NoneType' object is not iterable"),
        (torch.nn.Linear(1, 1), TypeError, "'Linear' object is not iterable; pass its parameters()"),
        (
            [W, 3],
            TypeError,
            "optimizer can only optimize Tensors, but one of the params is int, at position 1",
        ),
        (
            [{"params": {W}}],
            TypeError,
            "the ordering of tensors in sets will change between runs. Please use a list instead.",
        ),
        (
            [{"params": [W]}, {"params": [W]}],
            ValueError,
            "some parameters appear in more than one parameter group; list",
        ),
        ([{"params": [W]}, W], TypeError, "param_group must be a dict, but got <class"),
        ([("a", W), W], ValueError, "Some param names are missing"),
        ([{"lr": 0.1}], KeyError, "params"),
    ],
)
def test_parameters_that_are_none_are_refused(params, error, words):
    with pytest.raises(error) as raised:
        optim.SGD(params, lr=0.1)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "name", [name for name in optim.__all__ if name[0].isupper() and name not in ("Optimizer", "Muon")]
)
def test_a_negative_rate_is_refused(name):
    with pytest.raises(
        ValueError, match="(Invalid learning rate: -1|Learning rate should be >= 0 but is: -1)"
    ):
        getattr(optim, name)([W], lr=-1)


def test_a_generator_is_taken():
    optimizer = optim.SGD((param for param in [W]), lr=0.1)
    assert optimizer.param_groups[0]["params"][0] is W


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"beta2_decay": 0.1}, "beta2_decay should be <= 0 but is: 0.1"),
        ({"eps": (-1, 1e-3)}, "epsilon1 should be >= 0 but is: -1"),
        ({"eps": (None, -1)}, "epsilon2 should be >= 0 but is: -1"),
        ({"d": 0.5}, "Clipping threshold d should be >= 1 but is: 0.5"),
        ({"lr": torch.ones(2)}, "Tensor lr must be 1-element"),
    ],
)
def test_adafactor_checks_its_options(options, words):
    with pytest.raises(ValueError, match=words):
        optim.Adafactor([W], **options)


def test_muon_takes_matrices():
    with pytest.raises(ValueError, match=r"Muon only supports 2D parameters .* size: torch.Size\(\[2\]\)"):
        optim.Muon([W])
    with pytest.raises(ValueError, match="Adjust learning rate function x is not supported"):
        optim.Muon([torch.ones(1, 1)], adjust_lr_fn="x")
    for options, words in (
        ({"ns_steps": 100}, "less than 100"),
        ({"ns_coefficients": (1, 2)}, "exactly 3 values"),
    ):
        with pytest.raises(ValueError, match=words):
            after_one_step("Muon", param=torch.ones(1, 1), **options)


# ---- other parameters for a while


def test_an_optimizer_works_on_other_parameters_for_a_while():
    own, other = torch.ones(2, requires_grad=True), torch.zeros(2, requires_grad=True)
    optimizer = after_one_step("SGD", param=own, lr=0.5, momentum=0.9)
    saved = optimizer.state_dict()
    saved["param_groups"][0]["lr"] = 1.0
    other.grad = torch.ones(2)
    with optim.swap_in_optimizer_params_and_state(optimizer, {"w": other}, saved):
        assert optimizer.param_groups[0]["lr"] == 1.0
        optimizer.step()
    assert other.tolist() == pytest.approx([-1.9, -1.9])
    assert own.tolist() == [0.5, 0.5]
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert optimizer.param_groups[0]["params"][0] is own
    assert saved["state"][0]["momentum_buffer"].tolist() == pytest.approx([1.9, 1.9])


def test_what_is_swapped_in_has_to_fit():
    def swap(optimizer, params, state_dict):
        with optim.swap_in_optimizer_params_and_state(optimizer, params, state_dict):
            pass

    with pytest.raises(RuntimeError, match="requires initialized optimizer state"):
        swap(optim.SGD([W], lr=0.1), {"w": W}, {})
    optimizer = after_one_step("SGD", lr=0.1, momentum=0.9)
    saved = optimizer.state_dict()
    (group,) = saved["param_groups"]
    for params, state_dict, words in (
        ({"w": W}, {}, "per-param state dicts, got NoneType"),
        ({"w": W}, {"state": {}, "param_groups": []}, "different number of parameter groups"),
        ({"w": W}, {**saved, "param_groups": [{**group, "params": []}]}, "different number of params"),
        ({"w": W}, {**saved, "param_groups": [{**group, "x": 1}]}, r"Keys only in swap-in: \['x'\]"),
        ({}, saved, "explicit parameter state to match"),
    ):
        with pytest.raises(RuntimeError, match=words):
            swap(optimizer, params, state_dict)


# ---- names


def test_states_with_names_and_without_load_into_each_other():
    def make(named):
        layer = torch.nn.Linear(2, 1)
        optimizer = optim.Adam(layer.named_parameters() if named else layer.parameters())
        layer(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        return optimizer

    named, unnamed = make(True), make(False)
    assert named.param_groups[0]["param_names"] == ["weight", "bias"]
    unnamed.load_state_dict(named.state_dict())
    assert unnamed.param_groups[0]["param_names"] == ["weight", "bias"]
    named.load_state_dict(make(False).state_dict())
    assert named.param_groups[0]["param_names"] == ["weight", "bias"]
    assert all(values["step"].item() == 1 for values in named.state.values())


def test_hooks_of_all_optimizers_enclose_those_of_one():
    calls = []
    optimizer = optim.RAdam([W])
    handles = [
        optimizer.register_step_pre_hook(lambda *_: calls.append("before")),
        optimizer.register_step_post_hook(lambda *_: calls.append("after")),
        optim.optimizer.register_optimizer_step_pre_hook(lambda *_: calls.append("before all")),
        optim.optimizer.register_optimizer_step_post_hook(lambda *_: calls.append("after all")),
    ]
    optimizer.step()
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert calls == ["before all", "before", "after", "after all"]

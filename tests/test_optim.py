"""Optimizers and schedules against their formulas, and PyTorch's checkpoint layout."""

import copy
import math
import pickle
import warnings

import numpy as np
import pytest

import flambeau as torch
from flambeau.optim import lr_scheduler

STEPS = 50
START = [np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([0.25, -1.5])]


def backward(params):
    """Gradients of the sum of x sin(x) over all parameters; `gradient_of` is its derivative."""
    for param in params:
        (param.sin() * param).backward(torch.ones_like(param))


def gradient_of(value):
    return np.sin(value) + value * np.cos(value)


def run(optimizer_class, dtype=torch.float64, **options):
    params = [torch.tensor(start.tolist(), dtype=dtype, requires_grad=True) for start in START]
    optimizer = optimizer_class(params, **options)
    for _ in range(STEPS):
        optimizer.zero_grad()
        backward(params)
        optimizer.step()
    return [param.detach().numpy() for param in params], optimizer


def sgd_by_formula(value, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, maximize=False):
    buffer = None
    for _ in range(STEPS):
        grad = (-1 if maximize else 1) * gradient_of(value) + weight_decay * value
        if momentum:
            buffer = grad if buffer is None else momentum * buffer + (1 - dampening) * grad
            grad = grad + momentum * buffer if nesterov else buffer
        value = value - lr * grad
    return value


def adam_by_formula(
    value,
    lr=1e-3,
    betas=(0.9, 0.999),
    eps=1e-8,
    weight_decay=0,
    amsgrad=False,
    maximize=False,
    decoupled_weight_decay=False,
):
    m = v = v_max = np.zeros_like(value)
    for t in range(1, STEPS + 1):
        grad = (-1 if maximize else 1) * gradient_of(value)
        if decoupled_weight_decay:
            value = value * (1 - lr * weight_decay)
        else:
            grad = grad + weight_decay * value
        m = betas[0] * m + (1 - betas[0]) * grad
        v = betas[1] * v + (1 - betas[1]) * grad**2
        v_max = np.maximum(v_max, v)
        corrected = (v_max if amsgrad else v) / (1 - betas[1] ** t)
        value = value - lr * m / (1 - betas[0] ** t) / (np.sqrt(corrected) + eps)
    return value


SGD_OPTIONS = [
    {},
    {"lr": 0.01},
    {"lr": 0.01, "weight_decay": 0.5},
    {"lr": 0.01, "momentum": 0.9},
    {"lr": 0.01, "weight_decay": 0.1, "maximize": True},
    {"lr": 0.01, "momentum": 0.9, "dampening": 0.5},
    {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1, "dampening": 0.2, "maximize": True},
    {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
]
ADAM_OPTIONS = [
    {},
    {"lr": 0.01},
    {"lr": 0.01, "betas": (0.5, 0.9), "eps": 1e-3},
    {"lr": 0.01, "weight_decay": 0.1},
    {"lr": 0.01, "weight_decay": 0.1, "maximize": True},
    {"lr": 0.1, "weight_decay": 0.1, "amsgrad": True},
]


@pytest.mark.parametrize("options", SGD_OPTIONS, ids=str)
def test_sgd_takes_the_path_of_its_formula(options):
    for got, start in zip(run(torch.optim.SGD, **options)[0], START, strict=True):
        np.testing.assert_allclose(got, sgd_by_formula(start, **options), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("options", ADAM_OPTIONS, ids=str)
def test_adam_takes_the_path_of_its_formula(options):
    for got, start in zip(run(torch.optim.Adam, **options)[0], START, strict=True):
        np.testing.assert_allclose(got, adam_by_formula(start, **options), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("options", [{"weight_decay": 0.01}, *ADAM_OPTIONS[3:]], ids=str)
def test_adamw_decays_the_parameter_itself(options):
    for got, start in zip(run(torch.optim.AdamW, **options)[0], START, strict=True):
        expected = adam_by_formula(start, decoupled_weight_decay=True, **options)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


# Fifty steps of PyTorch 2.13 from START.
RECORDED = [
    ("RMSprop", {}, [0.080279578, -0.446143324, 0.000473278, 4.327882059, 0.0, -0.292643053]),
    (
        "RMSprop",
        {"momentum": 0.9, "centered": True, "weight_decay": 0.1},
        [0.068051134, 0.139106144, -0.020380415, 4.903856864, -0.005570312, 0.044285307],
    ),
    ("Adagrad", {"lr": 0.1}, [0.099510426, -0.484021979, 0.00103304, 4.282105935, 1e-09, -0.327821695]),
    (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1, "maximize": True},
        [1.562521109, -1.954583328, 1.117967412, 2.453863706, 0.868654806, -1.905996844],
    ),
    ("Adadelta", {}, [0.817286348, -1.20689329, 0.335432879, 3.197556511, 0.10941569, -1.29899838]),
    (
        "Adadelta",
        {"rho": 0.95, "weight_decay": 0.9},
        [0.773298123, -1.738250358, 0.300035531, 3.512625447, 0.08753293, -1.257291029],
    ),
    ("Adamax", {"lr": 0.01}, [0.530259253, -1.605909765, 0.137433064, 3.484768647, 0.002680884, -1.01446935]),
    (
        "Adamax",
        {"lr": 0.01, "weight_decay": 0.9, "maximize": True},
        [1.343064222, -1.640822433, 0.988534923, 2.546120183, 0.708015918, -1.376226716],
    ),
    ("NAdam", {}, [0.907074635, -1.877913911, 0.409702511, 3.094741061, 0.163898295, -1.40476321]),
    (
        "NAdam",
        {"lr": 0.01, "weight_decay": 0.1, "momentum_decay": 0.006, "decoupled_weight_decay": True},
        [0.524166516, -1.261919528, 0.121429274, 3.328748253, -0.001378573, -0.947105195],
    ),
    ("RAdam", {}, [0.988591078, -1.995005388, 0.49092143, 3.018690707, 0.243069277, -1.489964935]),
    (
        "RAdam",
        {"lr": 0.01, "weight_decay": 0.9, "decoupled_weight_decay": True},
        [0.554838296, -1.221405598, 0.254108066, 2.027199225, 0.10991038, -0.877595236],
    ),
    ("ASGD", {}, [0.429804179, -1.922274493, 0.189169998, 4.544318542, 0.091896609, -0.843857807]),
    (
        "ASGD",
        {"lr": 0.02, "t0": 10, "weight_decay": 0.1, "maximize": True},
        [1.84204881, -1.957389595, 1.60966396, 2.008147889, 1.20178998, -1.91787687],
    ),
    ("Rprop", {}, [-2.4785e-05, 0.00098946, 3.869e-06, 4.91330683, 1.076e-06, 8.1e-08]),
    (
        "Rprop",
        {"etas": (0.4, 1.1), "step_sizes": (0.001, 0.05), "maximize": True},
        [2.028603828, -2.028096, 2.029603828, 2.029316172, 2.022247028, -2.029603828],
    ),
]


@pytest.mark.parametrize(("name", "options", "expected"), RECORDED, ids=lambda value: str(value)[:40])
def test_the_other_optimizers_take_pytorchs_path(name, options, expected):
    params, _ = run(getattr(torch.optim, name), **options)
    np.testing.assert_allclose(
        np.concatenate([param.ravel() for param in params]), expected, rtol=1e-6, atol=2e-9
    )


@pytest.mark.parametrize(
    ("options", "losses", "calls", "expected"),
    [
        (
            {"line_search_fn": "strong_wolfe", "max_iter": 6, "history_size": 3},
            [1238.5, 3.90391224, 3.74399632],
            21,
            [-0.646492392, 0.423699772, 0.155692921],
        ),
        (
            {"lr": 0.002, "max_iter": 8},
            [1238.5, 1208.8321402, 1178.6605351],
            24,
            [-1.488968921, 1.974608997, 0.530622728],
        ),
    ],
)
def test_lbfgs_takes_pytorchs_path_on_rosenbrocks_function(options, losses, calls, expected):
    x = torch.tensor([-1.5, 2.0, 0.5], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([x], **options)

    def closure():
        optimizer.zero_grad()
        loss = sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2 for i in range(2))
        loss.backward()
        return loss

    assert [optimizer.step(closure).item() for _ in losses] == pytest.approx(losses, rel=1e-7)
    assert optimizer.state[x]["func_evals"] == calls
    assert x.tolist() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("optimizer_class", [torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW])
def test_float32_follows_float64(optimizer_class):
    narrow, wide = (run(optimizer_class, dtype, lr=0.01)[0] for dtype in (torch.float32, torch.float64))
    for got, expected in zip(narrow, wide, strict=True):
        np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(
    "options", [{"lr": 0.01, "momentum": 0.9}, {"lr": 0.01, "nesterov": True, "momentum": 0.9}]
)
def test_a_long_parameter_is_updated_everywhere(options):
    # Longer than what one thread takes, and not a multiple of a vector.
    count = 200_003
    value = torch.linspace(-1, 1, count, dtype=torch.float64).requires_grad_()
    optimizer = torch.optim.SGD([torch.zeros(3, requires_grad=True), value], **options)
    start = value.detach().numpy().copy()
    for _ in range(STEPS):
        optimizer.zero_grad()
        backward([value])
        optimizer.step()
    np.testing.assert_allclose(
        value.detach().numpy(), sgd_by_formula(start, **options), rtol=1e-9, atol=1e-12
    )


def test_a_parameter_in_another_memory_order_is_updated():
    value = torch.tensor(START[0].tolist(), dtype=torch.float64).t().requires_grad_()
    optimizer = torch.optim.Adam([value], lr=0.1)
    value.grad = torch.tensor([[1.0, 2.0], [-3.0, 4.0]], dtype=torch.float64)
    optimizer.step()
    np.testing.assert_allclose(
        value.detach().numpy(), START[0].T - 0.1 * np.array([[1, 1], [-1, 1]]), rtol=1e-6, atol=1e-9
    )


def test_a_strided_parameter_is_updated_and_its_neighbours_are_not():
    memory = torch.zeros(6)
    value = memory[::2].requires_grad_()
    value.grad = torch.ones(3)
    torch.optim.SGD([value], lr=1.0).step()
    assert memory.tolist() == [-1, 0, -1, 0, -1, 0]


def test_parameters_without_gradient_stay_and_get_no_state():
    used, unused = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    for optimizer_class, options in ((torch.optim.SGD, {"momentum": 0.9}), (torch.optim.Adam, {})):
        optimizer = optimizer_class([unused, used], lr=0.1, **options)
        used.grad = torch.ones(2)
        optimizer.step()
        assert unused.tolist() == [1, 1]
        assert list(optimizer.state_dict()["state"]) == [1]


def test_a_late_gradient_starts_its_own_momentum():
    early, late = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([early, late], lr=1.0, momentum=0.5, dampening=0.25)
    early.grad = torch.ones(1)
    optimizer.step()
    late.grad = torch.ones(1)
    optimizer.step()
    # early: 1, then 0.5 * 1 + 0.75 * 1; late: its first gradient, not dampened.
    assert early.item() == -2.25
    assert late.item() == -1


def test_a_step_bumps_the_version_so_that_a_stale_graph_is_noticed():
    value = torch.ones(2, requires_grad=True)
    square = value * value
    optimizer = torch.optim.SGD([value], lr=0.1)
    value.grad = torch.ones(2)
    optimizer.step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        square.backward(torch.ones(2))


def test_a_tensor_learning_rate_counts_with_its_present_value():
    value, rate = torch.zeros(1, requires_grad=True), torch.tensor(0.5)
    optimizer = torch.optim.SGD([value], lr=rate)
    value.grad = torch.ones(1)
    optimizer.step()
    rate.fill_(0.25)
    optimizer.step()
    assert value.item() == -0.75


def test_groups_have_their_own_options():
    a, b = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.25)
    a.grad, b.grad = torch.ones(1), torch.ones(1)
    optimizer.step()
    assert (a.item(), b.item()) == (-0.25, -0.5)


def test_a_closure_is_called_with_gradients_and_its_loss_returned():
    value = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([value], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = value * 3
        loss.backward()
        return loss

    with torch.no_grad():
        loss = optimizer.step(closure)
    assert loss.item() == 3
    assert value.item() == pytest.approx(0.7)


def test_zero_grad_forgets_or_fills_with_zeros():
    value = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([value])
    value.grad = torch.ones(2)
    kept = value.grad
    optimizer.zero_grad(set_to_none=False)
    assert value.grad is kept
    assert kept.tolist() == [0, 0]
    optimizer.zero_grad()
    assert value.grad is None


def test_state_dict_has_pytorchs_layout():
    _, optimizer = run(torch.optim.Adam, torch.float32, lr=0.01, amsgrad=True)
    state = optimizer.state_dict()
    assert list(state) == ["state", "param_groups"]
    assert list(state["state"]) == [0, 1]
    assert list(state["state"][0]) == ["step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"]
    step = state["state"][0]["step"]
    assert (step.dtype, tuple(step.shape), step.item()) == (torch.float32, (), STEPS)
    assert state["param_groups"] == [
        {
            "lr": 0.01,
            "betas": (0.9, 0.999),
            "eps": 1e-8,
            "weight_decay": 0,
            "amsgrad": True,
            "maximize": False,
            "foreach": None,
            "capturable": False,
            "differentiable": False,
            "fused": None,
            "decoupled_weight_decay": False,
            "params": [0, 1],
        }
    ]


@pytest.mark.parametrize(
    ("optimizer_class", "options"),
    [(torch.optim.SGD, {"lr": 0.01, "momentum": 0.9}), (torch.optim.AdamW, {"lr": 0.01, "amsgrad": True})],
)
def test_loading_a_state_dict_continues_the_path(optimizer_class, options):
    expected, _ = run(optimizer_class, **options)
    half = STEPS // 2
    params = [torch.tensor(start.tolist(), dtype=torch.float64, requires_grad=True) for start in START]
    optimizer = optimizer_class(params, **options)
    for i in range(STEPS):
        if i == half:
            saved = pickle.loads(pickle.dumps(optimizer.state_dict()))
            optimizer = optimizer_class(params, lr=1.0)
            optimizer.load_state_dict(saved)
        optimizer.zero_grad()
        backward(params)
        optimizer.step()
    for got, wanted in zip(params, expected, strict=True):
        np.testing.assert_array_equal(got.detach().numpy(), wanted)


def test_loaded_state_takes_the_parameters_dtype_but_not_the_step():
    _, narrow = run(torch.optim.Adam, torch.float32)
    _, wide = run(torch.optim.Adam, torch.float64)
    wide.load_state_dict(narrow.state_dict())
    values = next(iter(wide.state.values()))
    assert values["exp_avg"].dtype == torch.float64
    assert values["step"].dtype == torch.float32


def test_old_checkpoints_with_plain_step_counts_load():
    _, optimizer = run(torch.optim.Adam)
    state = optimizer.state_dict()
    for values in state["state"].values():
        values["step"] = STEPS
    optimizer.load_state_dict(state)
    assert all(values["step"].item() == STEPS for values in optimizer.state.values())


def test_state_dicts_that_do_not_fit_are_refused():
    params = [torch.zeros(1, requires_grad=True) for _ in range(2)]
    one, two = torch.optim.SGD(params[:1]), torch.optim.SGD(params)
    grouped = torch.optim.SGD([{"params": params[:1]}, {"params": params[1:]}])
    with pytest.raises(ValueError, match="different number of parameter groups"):
        one.load_state_dict(grouped.state_dict())
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        one.load_state_dict(two.state_dict())


def test_named_parameters_keep_their_names():
    value = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([("weight", value)])
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight"]


def test_an_optimizer_can_be_copied_and_pickled():
    _, optimizer = run(torch.optim.SGD, momentum=0.9)
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert repr(other) == repr(optimizer)
        buffer = other.state[other.param_groups[0]["params"][0]]["momentum_buffer"]
        expected = optimizer.state[optimizer.param_groups[0]["params"][0]]["momentum_buffer"]
        assert buffer.tolist() == expected.tolist()


def test_repr_lists_the_options():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    assert repr(optimizer) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    differentiable: False\n    foreach: None\n"
        "    fused: None\n    lr: 0.1\n    maximize: False\n    momentum: 0\n    nesterov: False\n"
        "    weight_decay: 0\n)"
    )


def test_hooks_run_around_the_step_in_order():
    calls = []
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    handles = [
        torch.optim.optimizer.register_optimizer_step_pre_hook(lambda *_: calls.append("global pre")),
        optimizer.register_step_pre_hook(lambda *_: calls.append("pre")),
        optimizer.register_step_post_hook(lambda *_: calls.append("post")),
        torch.optim.optimizer.register_optimizer_step_post_hook(lambda *_: calls.append("global post")),
    ]
    optimizer.step()
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert calls == ["global pre", "pre", "post", "global post"]


def test_a_pre_hook_may_replace_the_arguments():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    optimizer.register_step_pre_hook(lambda opt, args, kwargs: ((opt, lambda: "loss"), {}))
    assert optimizer.step() == "loss"


def test_state_dict_hooks_see_and_replace():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    optimizer.register_state_dict_post_hook(lambda _, state: {**state, "extra": 1})
    assert optimizer.state_dict()["extra"] == 1
    optimizer.register_load_state_dict_pre_hook(
        lambda _, state: {**state, "param_groups": [{**state["param_groups"][0], "lr": 7.0}]}
    )
    optimizer.load_state_dict(optimizer.state_dict())
    assert optimizer.param_groups[0]["lr"] == 7.0


def test_a_subclass_needs_only_step():
    class Half(torch.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"factor": 0.5})

        def step(self, closure=None):
            with torch.no_grad():
                for group in self.param_groups:
                    for param in group["params"]:
                        param.mul_(group["factor"])

    value = torch.ones(1, requires_grad=True)
    optimizer, calls = Half([value]), []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    optimizer.step()
    assert (value.item(), calls) == (0.5, [1])


def leaf():
    return torch.zeros(2, requires_grad=True)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: torch.optim.SGD(leaf()), TypeError, "should be an iterable of Tensors or dicts"),
        (lambda: torch.optim.SGD([]), ValueError, "optimizer got an empty parameter list"),
        (
            lambda: torch.optim.SGD([3]),
            TypeError,
            "optimizer can only optimize Tensors, but one of the params is int",
        ),
        (lambda: torch.optim.SGD([{"params": {leaf()}}]), TypeError, "organized in ordered collections"),
        (lambda: torch.optim.SGD([leaf() * 2]), ValueError, "can't optimize a non-leaf Tensor"),
        (lambda: torch.optim.SGD([leaf()], lr=-1), ValueError, "Invalid learning rate: -1"),
        (lambda: torch.optim.SGD([leaf()], lr=torch.ones(2)), ValueError, "Tensor lr must be 1-element"),
        (lambda: torch.optim.SGD([leaf()], momentum=-0.5), ValueError, "Invalid momentum value: -0.5"),
        (
            lambda: torch.optim.SGD([leaf()], weight_decay=-0.5),
            ValueError,
            "Invalid weight_decay value: -0.5",
        ),
        (
            lambda: torch.optim.SGD([leaf()], nesterov=True),
            ValueError,
            "Nesterov momentum requires a momentum",
        ),
        (
            lambda: torch.optim.SGD([leaf()], foreach=True, fused=True),
            RuntimeError,
            "`fused` and `foreach` cannot be `True` together.",
        ),
        (lambda: torch.optim.Adam([leaf()], lr=-1), ValueError, "Invalid learning rate: -1"),
        (lambda: torch.optim.Adam([leaf()], eps=-1), ValueError, "Invalid epsilon value: -1"),
        (
            lambda: torch.optim.Adam([leaf()], betas=(1.0, 0.9)),
            ValueError,
            "Invalid beta parameter at index 0: 1.0",
        ),
        (
            lambda: torch.optim.Adam([leaf()], betas=(0.9, -0.1)),
            ValueError,
            "Invalid beta parameter at index 1",
        ),
        (lambda: torch.optim.AdamW([leaf()], weight_decay=-1), ValueError, "Invalid weight_decay value: -1"),
        (
            lambda: torch.optim.Adam([leaf()], betas=(0.9, torch.tensor(0.99))),
            ValueError,
            "betas must be either both floats or both Tensors",
        ),
        (
            lambda: torch.optim.Adam([leaf()], lr=torch.tensor(0.1), foreach=True),
            ValueError,
            "lr as a Tensor is not supported for capturable=False and foreach=True",
        ),
        (
            lambda: torch.optim.SGD([("a", leaf()), leaf()]),
            ValueError,
            "all optimizer params should be with/without names",
        ),
    ],
)
def test_bad_arguments_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_parameter_belongs_to_one_group():
    value = leaf()
    with pytest.raises(ValueError, match="some parameters appear in more than one parameter group"):
        torch.optim.SGD([{"params": [value]}, {"params": [value]}])
    with pytest.warns(UserWarning, match="parameter group with duplicate parameters"):
        torch.optim.SGD([value, value])


# The learning rates of twelve epochs, as PyTorch gives them, from 0.1.
SCHEDULES = {
    "step": (
        lambda o: lr_scheduler.StepLR(o, 4, 0.5),
        lambda e: 0.1 * 0.5 ** (e // 4),
    ),
    "milestones": (
        lambda o: lr_scheduler.MultiStepLR(o, [2, 5, 5], 0.5),
        lambda e: 0.1 * 0.5 ** ((e >= 2) + 2 * (e >= 5)),
    ),
    "exponential": (lambda o: lr_scheduler.ExponentialLR(o, 0.8), lambda e: 0.1 * 0.8**e),
    "lambda": (lambda o: lr_scheduler.LambdaLR(o, lambda e: 1 / (1 + e)), lambda e: 0.1 / (1 + e)),
    "multiplicative": (lambda o: lr_scheduler.MultiplicativeLR(o, lambda e: 0.9), lambda e: 0.1 * 0.9**e),
    "constant": (lambda o: lr_scheduler.ConstantLR(o, 0.5, 3), lambda e: 0.05 if e < 3 else 0.1),
    "linear": (
        lambda o: lr_scheduler.LinearLR(o, 0.5, 1.0, 5),
        lambda e: 0.1 * (0.5 + 0.5 * min(e, 5) / 5),
    ),
    "polynomial": (
        lambda o: lr_scheduler.PolynomialLR(o, 8, 2.0),
        lambda e: 0.1 * (1 - min(e, 8) / 8) ** 2,
    ),
    "cosine": (
        lambda o: lr_scheduler.CosineAnnealingLR(o, 5, 0.01),
        lambda e: 0.01 + 0.09 * (1 + math.cos(math.pi * e / 5)) / 2,
    ),
    "restarts": (
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 4, eta_min=0.01),
        lambda e: 0.01 + 0.09 * (1 + math.cos(math.pi * (e % 4) / 4)) / 2,
    ),
    "sequential": (
        lambda o: lr_scheduler.SequentialLR(
            o, [lr_scheduler.ConstantLR(o, 0.5, 100), lr_scheduler.ExponentialLR(o, 0.5)], [3]
        ),
        lambda e: 0.05 if e < 3 else 0.1 * 0.5 ** (e - 3),
    ),
    "chained": (
        lambda o: lr_scheduler.ChainedScheduler(
            [lr_scheduler.StepLR(o, 4, 0.5), lr_scheduler.ExponentialLR(o, 0.9)]
        ),
        lambda e: 0.1 * 0.9**e * 0.5 ** (e // 4),
    ),
    "cyclic": (
        lambda o: lr_scheduler.CyclicLR(o, 0.1, 0.3, step_size_up=2),
        lambda e: 0.1 + 0.2 * [0, 0.5, 1, 0.5][e % 4],
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_follows_its_formula(name):
    make, formula = SCHEDULES[name]
    optimizer = torch.optim.SGD([leaf()], lr=0.1, momentum=0.9)
    schedule = make(optimizer)
    for epoch in range(12):
        assert schedule.get_last_lr() == [pytest.approx(formula(epoch), abs=1e-12)]
        assert optimizer.param_groups[0]["lr"] == schedule.get_last_lr()[0]
        optimizer.step()
        schedule.step()


def test_one_cycle_rises_and_falls():
    optimizer = torch.optim.SGD([leaf()], lr=0.1, momentum=0.9)
    schedule = lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=10, anneal_strategy="linear")
    rates, momenta = [], []
    for _ in range(10):
        rates += schedule.get_last_lr()
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(0.02)
    assert rates[2] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(0.02 / 1e4)
    assert (momenta[0], momenta[2], momenta[-1]) == (0.95, pytest.approx(0.85), pytest.approx(0.95))
    with pytest.raises(ValueError, match="Tried to step 11 times"):
        schedule.step()


def test_reduce_on_plateau_waits_for_its_patience():
    optimizer = torch.optim.SGD([leaf()], lr=1.0)
    schedule = lr_scheduler.ReduceLROnPlateau(optimizer, patience=1, factor=0.5)
    rates = []
    for metric in [3.0, 2.0, 2.0, torch.tensor(2.0), 2.0, 1.0]:
        schedule.step(metric)
        rates += schedule.get_last_lr()
    assert rates == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5]


def test_a_schedule_continues_from_its_state():
    optimizer = torch.optim.SGD([leaf()], lr=0.1)
    schedule = lr_scheduler.CosineAnnealingLR(optimizer, 8)
    for _ in range(3):
        optimizer.step()
        schedule.step()
    other_optimizer = torch.optim.SGD([leaf()], lr=0.1)
    other = lr_scheduler.CosineAnnealingLR(other_optimizer, 8)
    other.load_state_dict(schedule.state_dict())
    other_optimizer.load_state_dict(optimizer.state_dict())
    for each in (schedule, other):
        each.optimizer.step()
        each.step()
    assert other.get_last_lr() == schedule.get_last_lr()


def test_the_wrong_order_of_steps_is_warned_about():
    optimizer = torch.optim.SGD([leaf()], lr=0.1)
    schedule = lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match=r"lr_scheduler.step\(\)` before `optimizer.step"):
        schedule.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer.step()
        schedule.step()


def test_a_tensor_rate_is_scheduled_in_place():
    rate = torch.tensor(1.0)
    optimizer = torch.optim.SGD([leaf()], lr=rate)
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    schedule.step()
    assert rate.item() == 0.5


# ---- what optimizers share


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda params: torch.optim.SGD(params, 0.1, momentum=0.9), "momentum_buffer"),
        (lambda params: torch.optim.Adam(params, 0.1), "exp_avg"),
        (lambda params: torch.optim.Adagrad(params, 0.1), "sum"),
    ],
)
def test_loaded_state_is_a_copy(make, key):
    def run_three_steps():
        param = torch.tensor([1.0, -2.0], requires_grad=True)
        optimizer = make([param])
        for _ in range(3):
            param.grad = param.detach() * 2 + 1
            optimizer.step()
        return param, optimizer

    (_, first), (param, second) = run_three_steps(), run_three_steps()
    second.load_state_dict(first.state_dict())
    before = copy.deepcopy(first.state_dict()["state"][0])
    param.grad = torch.tensor([5.0, 5.0])
    second.step()
    after, moved = first.state_dict()["state"][0], second.state_dict()["state"][0]
    assert torch.equal(after[key], before[key])
    assert not torch.equal(moved[key], before[key])
    if "step" in before:
        assert after["step"].item() == 3
        assert moved["step"].item() == 4


def test_groups_are_not_shared_with_the_caller_or_another_optimizer():
    first, second = (torch.zeros(1, requires_grad=True) for _ in range(2))
    groups = [{"params": [first]}, {"params": [second], "lr": 0.5}]
    plain = torch.optim.SGD(groups, lr=0.01)
    heavy = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    assert [set(group) for group in groups] == [{"params"}, {"params", "lr"}]
    assert [group["lr"] for group in heavy.param_groups] == [0.1, 0.5]
    assert [group["momentum"] for group in plain.param_groups] == [0, 0]
    heavy.param_groups[0]["lr"] = 7.0
    assert plain.param_groups[0]["lr"] == 0.01


# ---- steps that are recorded

RECORDED = [
    (torch.optim.SGD, {}),
    (torch.optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (torch.optim.SGD, {"momentum": 0.5, "dampening": 0.3, "maximize": True}),
    (torch.optim.Adam, {"amsgrad": True, "weight_decay": 0.1}),
    (torch.optim.AdamW, {}),
    (torch.optim.Adagrad, {"lr_decay": 0.1}),
    (torch.optim.Adadelta, {}),
    (torch.optim.Adamax, {"weight_decay": 0.1}),
    (torch.optim.ASGD, {"t0": 1.0}),
    (torch.optim.NAdam, {"decoupled_weight_decay": True, "weight_decay": 0.1}),
    (torch.optim.RAdam, {"betas": (0.9, 0.5)}),
    (torch.optim.RMSprop, {"centered": True, "momentum": 0.5}),
    (torch.optim.Rprop, {}),
]


def loss_after_steps(optimizer_class, options, start, scale, lr, differentiable):
    param = start.clone() if differentiable else start.detach().clone().requires_grad_()
    optimizer = optimizer_class([param], lr=lr, differentiable=differentiable, **options)
    for point in ([0.5, -1.0, 2.0], [0.6, -0.8, 1.9], [0.4, 0.9, 1.8], [0.7, 0.5, 1.5]):
        param.grad = scale * torch.tensor(point, dtype=torch.float64) + scale**2
        optimizer.step()
    return (param.sin() * param).sum()


@pytest.mark.parametrize(("optimizer_class", "options"), RECORDED)
def test_gradients_flow_through_recorded_steps(optimizer_class, options):
    start = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    numbers = {"scale": 1.3, "lr": 0.1}
    takes_tensor = issubclass(optimizer_class, (torch.optim.SGD, torch.optim.Adam))

    def value(start, scale, lr):
        return loss_after_steps(optimizer_class, options, start, scale, lr, differentiable=False).item()

    leaves = [start.clone().requires_grad_()]
    leaves += [torch.tensor(number, dtype=torch.float64, requires_grad=True) for number in numbers.values()]
    lr = leaves[2] if takes_tensor else numbers["lr"]
    loss = loss_after_steps(optimizer_class, options, leaves[0], leaves[1], lr, differentiable=True)
    assert loss.item() == pytest.approx(value(start, **numbers), rel=1e-9)
    gradients = torch.autograd.grad(loss, leaves if takes_tensor else leaves[:2])
    step = 1e-5
    for i in range(3):
        moved = step * torch.eye(3, dtype=torch.float64)[i]
        slope = (value(start + moved, **numbers) - value(start - moved, **numbers)) / (2 * step)
        assert gradients[0][i].item() == pytest.approx(slope, rel=1e-5, abs=1e-7)
    for gradient, name in zip(gradients[1:], numbers, strict=False):
        ahead, behind = ({**numbers, name: numbers[name] + sign * step} for sign in (1, -1))
        slope = (value(start, **ahead) - value(start, **behind)) / (2 * step)
        assert gradient.item() == pytest.approx(slope, rel=1e-5, abs=1e-7)


def test_a_recorded_step_does_not_write_to_a_leaf_that_requires_a_gradient():
    leaf = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([leaf], lr=0.1, differentiable=True)
    leaf.grad = torch.ones(2)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        optimizer.step()


# ---- L-BFGS where there is nothing to do


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_stays_where_the_loss_is_flat(search):
    param = torch.tensor([1.0, 2.0], requires_grad=True)
    for tolerance in (1e-7, -1.0):
        optimizer = torch.optim.LBFGS([param], tolerance_grad=tolerance, line_search_fn=search)

        def closure(optimizer=optimizer):
            optimizer.zero_grad()
            loss = (param * 0).sum()
            loss.backward()
            return loss

        assert optimizer.step(closure).item() == 0
        assert param.tolist() == [1, 2]


def test_lbfgs_searches_along_a_straight_line():
    param = torch.tensor([1.0], requires_grad=True)
    optimizer = torch.optim.LBFGS([param], max_iter=3, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = (2 * param).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert -math.inf < param.item() < 0


def test_lbfgs_moves_both_parts_of_complex_numbers():
    param = torch.tensor([-1.5 + 1j, 2.0], dtype=torch.complex128, requires_grad=True)
    optimizer = torch.optim.LBFGS([param], line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = (param - (1 + 2j)).abs().square().sum()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    assert torch.allclose(param, torch.full((2,), 1 + 2j, dtype=torch.complex128))

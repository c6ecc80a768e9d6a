"""Averaged models and the schedule that goes with them."""

import math

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.optim import swa_utils


def model_with(value):
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, value)
    nn.init.constant_(model.bias, -value)
    return model


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 3.0),
        ({"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()}, 3.0),
        ({"avg_fn": swa_utils.get_ema_avg_fn(0.5)}, 0.5 * 1.5 + 0.5 * 6),
        ({"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.5)}, 0.5 * 1.5 + 0.5 * 6),
        ({"avg_fn": lambda average, param, count: average * 0 + count}, 2.0),
    ],
)
def test_parameters_are_averaged(options, expected):
    averaged = swa_utils.AveragedModel(model_with(9.0), **options)
    for value in (1.0, 2.0, 6.0):
        averaged.update_parameters(model_with(value))
    assert averaged.module.weight.item() == pytest.approx(expected)
    assert averaged.n_averaged.item() == 3
    assert list(averaged.state_dict()) == ["n_averaged", "module.weight", "module.bias"]


def test_the_average_is_a_copy():
    model = model_with(1.0)
    averaged = swa_utils.AveragedModel(model)
    averaged.update_parameters(model)
    nn.init.constant_(model.weight, 5.0)
    assert averaged(torch.ones(1, 1)).item() == 0


@pytest.mark.parametrize("use_buffers", [False, True])
def test_buffers_are_the_last_ones_or_averaged(use_buffers):
    averaged = swa_utils.AveragedModel(nn.BatchNorm1d(1), use_buffers=use_buffers)
    for value in (1.0, 3.0):
        norm = nn.BatchNorm1d(1)
        norm.running_mean.fill_(value)
        averaged.update_parameters(norm)
    assert averaged.module.running_mean.item() == (2 if use_buffers else 3)


def test_statistics_are_computed_anew_over_all_batches():
    model = nn.Sequential(nn.BatchNorm1d(1, momentum=0.3))
    model[0].running_mean.fill_(7)
    model.eval()
    batches = [torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0], [7.0]])]
    swa_utils.update_bn([(batch, None) for batch in batches], model)
    assert model[0].running_mean.item() == 4
    assert model[0].running_var.item() == 2
    assert model[0].momentum == 0.3
    assert not model.training


@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_the_rate_moves_to_its_last_value(strategy):
    optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
    schedule = swa_utils.SWALR(optimizer, 0.05, anneal_epochs=3, anneal_strategy=strategy)
    rates = []
    for _ in range(5):
        optimizer.step()
        schedule.step()
        rates.append(optimizer.param_groups[0]["lr"])
    shares = [min(1, step / 3) for step in range(1, 6)]
    if strategy == "cos":
        shares = [(1 - math.cos(math.pi * share)) / 2 for share in shares]
    assert rates == pytest.approx([0.05 * share + 0.1 * (1 - share) for share in shares])
    assert schedule.get_last_lr() == [rates[-1]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda optimizer: swa_utils.SWALR(optimizer, 0.1, anneal_strategy="exp"),
            ValueError,
            "'cos' or 'linear'",
        ),
        (lambda optimizer: swa_utils.SWALR(optimizer, 0.1, anneal_epochs=-1), ValueError, "greater than 0"),
        (lambda optimizer: swa_utils.SWALR(optimizer, [1, 2]), ValueError, "swa_lr has 2 values"),
        (lambda _: swa_utils.get_ema_avg_fn(1.5), ValueError, "Invalid decay value 1.5"),
        (
            lambda _: swa_utils.AveragedModel(nn.Linear(1, 1), avg_fn=max, multi_avg_fn=max),
            AssertionError,
            "Only one of",
        ),
    ],
)
def test_bad_options_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1))

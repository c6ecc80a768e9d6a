"""Schedules over sixty epochs, as PyTorch 2.13 went: rates and momenta at some of them."""

import pytest

import flambeau as torch
from flambeau.optim import lr_scheduler as L

EPOCHS = (1, 4, 7, 12, 23, 38, 59)
RECORDED = {
    "restarts that double": (
        lambda o: L.CosineAnnealingWarmRestarts(o, 3, 2, 0.001),
        [0.03775, 0.0467176224, 0.01325, 0.0428241161, 0.0491651827, 0.010585345, 0.040414655],
        [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9],
    ),
    "cycles that halve": (
        lambda o: L.CyclicLR(o, 0.01, 0.1, 7, 5, "triangular2", base_momentum=0.7, max_momentum=0.95),
        [0.0228571429, 0.0614285714, 0.1, 0.01, 0.019, 0.0132142857, 0.011125],
        [0.914285714, 0.807142857, 0.7, 0.95, 0.925, 0.941071429, 0.946875],
    ),
    "cycles that decay": (
        lambda o: L.CyclicLR(o, 0.01, 0.1, 7, mode="exp_range", gamma=0.98),
        [0.0226, 0.0574360768, 0.088131298, 0.03017843, 0.0503937539, 0.0338668628, 0.0217112753],
        [0.886, 0.847293248, 0.813187447, 0.877579522, 0.855118051, 0.873481264, 0.886987472],
    ),
    "one cycle of three phases": (
        lambda o: L.OneCycleLR(
            o, 0.1, 61, pct_start=0.4, div_factor=3, final_div_factor=7.0, three_phase=True
        ),
        [0.033633294, 0.0380255082, 0.0470014853, 0.0680088647, 0.0999519457, 0.0540139876, 0.00516459664],
        [0.949550059, 0.942961738, 0.929497772, 0.897986703, 0.850072081, 0.918979019, 0.95],
    ),
    "a sequence in a sequence": (
        lambda o: L.SequentialLR(
            o,
            [
                L.SequentialLR(o, [L.LinearLR(o, 0.1, 1.0, 5), L.CosineAnnealingLR(o, 10)], [6]),
                L.StepLR(o, 9),
            ],
            [30],
        ),
        [0.014, 0.041, 0.0452254249, 0.0103053687, 0.0452254249, 0.05, 5e-05],
        [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9],
    ),
    "a sequence of a chain": (
        lambda o: L.SequentialLR(
            o,
            [L.ChainedScheduler([L.LinearLR(o, 0.1, 1.0, 5), L.ExponentialLR(o, 0.9)]), L.StepLR(o, 3, 0.5)],
            [5],
        ),
        [0.01134, 0.02421009, 0.05, 0.0125, 0.00078125, 2.44140625e-05, 1.90734863e-07],
        [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9],
    ),
    "a chain of a sequence": (
        lambda o: L.ChainedScheduler(
            [L.SequentialLR(o, [L.LinearLR(o), L.StepLR(o, 30)], [4]), L.ExponentialLR(o, 0.99)]
        ),
        [0.0231, 0.0495, 0.0480298005, 0.0456758624, 0.0408953469, 0.00351723847, 0.00284800601],
        [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9],
    ),
}


@pytest.mark.parametrize("name", RECORDED)
@pytest.mark.parametrize("lr", [0.05, torch.tensor(0.05, dtype=torch.float64)], ids=["number", "tensor"])
def test_schedules_take_pytorchs_path(name, lr):
    make, rates, momenta = RECORDED[name]
    lr = lr.clone() if isinstance(lr, torch.Tensor) else lr
    optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=lr, momentum=0.9)
    schedule = make(optimizer)
    got = []
    for _ in range(EPOCHS[-1]):
        optimizer.step()
        schedule.step()
        got.append((float(schedule.get_last_lr()[0]), optimizer.param_groups[0]["momentum"]))
    assert [got[epoch - 1][0] for epoch in EPOCHS] == pytest.approx(rates, rel=1e-8)
    assert [got[epoch - 1][1] for epoch in EPOCHS] == pytest.approx(momenta, rel=1e-8)


@pytest.mark.parametrize("name", RECORDED)
def test_a_schedule_made_anew_goes_on_from_its_state(name):
    def start():
        optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.05, momentum=0.9)
        return optimizer, RECORDED[name][0](optimizer)

    def run(optimizer, schedule, epochs):
        rates = []
        for _ in range(epochs):
            optimizer.step()
            schedule.step()
            rates.append(schedule.get_last_lr()[0])
        return rates

    whole = run(*start(), 40)
    optimizer, schedule = start()
    first = run(optimizer, schedule, 17)
    optimizer_state, state = optimizer.state_dict(), schedule.state_dict()
    optimizer, schedule = start()
    optimizer.load_state_dict(optimizer_state)
    schedule.load_state_dict(state)
    assert first + run(optimizer, schedule, 23) == whole

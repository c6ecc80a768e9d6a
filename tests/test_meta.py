"""The device `meta`: every operator gives the shape, stride and dtype that it gives on the CPU, and no values."""

from __future__ import annotations

import io
import warnings
from typing import Any

import pytest
from operator_samples import operators, samples

import flambeau as torch
from flambeau import nn

# What a result's shape depends on, or the result itself, are values.
_NEEDS_VALUES = {
    "Tensor.bincount",
    "Tensor.unique",
    "Tensor.unique_consecutive",
    "_count_in_bins",
    "_nn.longest_first",
    "_unique2",
    "_unique_rows",
    "histogramdd",
    "unique",
    "unique_consecutive",
    "Tensor.cpu",
    "Tensor.map2_",
    "Tensor.map_",
    "Tensor.masked_scatter_",
    "allclose",
    "argwhere",
    "bincount",
    "combinations",
    "equal",
    "Tensor.histc",
    "Tensor.histogram",
    "histc",
    "histogram",
    "masked_scatter",
    "Tensor.is_nonzero",
    "is_nonzero",
    "masked_select",
    "nonzero",
    "tensor_split",
    "where",
    "repeat_interleave",
}
# What every dense tensor refuses, and what makes a sparse one of another tensor's values.
_SPARSE = {"Tensor.coalesce", "Tensor.is_coalesced", "Tensor.indices", "Tensor.values", "Tensor.sparse_mask"}
_SPARSE |= {"Tensor.to_sparse", "Tensor.to_sparse_coo", "sparse_coo_tensor"}
_OPERATORS = {name: schemas for name, schemas in operators().items() if name not in _SPARSE}


def _tensors_in(value: Any) -> list[Any]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [tensor for item in value for tensor in _tensors_in(item)]
    return []


@pytest.mark.parametrize("name", sorted(_OPERATORS))
def test_an_operator_on_meta_gives_the_geometry_it_gives_on_the_cpu(name: str) -> None:
    found = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in samples(name, _OPERATORS[name]):
            found += 1
            expected = _tensors_in(sample.call())
            try:
                made = _tensors_in(sample.call(lambda t: t.to("meta")))
            except RuntimeError:  # NotImplementedError is one
                assert name in _NEEDS_VALUES
                continue
            assert len(made) == len(expected)
            from_tensor = any(_tensors_in(argument) for argument in [*sample.args, *sample.keywords.values()])
            for have, want in zip(made, expected, strict=True):
                assert (have.shape, have.stride(), have.dtype) == (want.shape, want.stride(), want.dtype)
                assert have.is_meta or not from_tensor
    assert found, "no sample: give its arguments in operator_samples.py"


def test_gradients_flow_on_meta() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 5)).to(
        "meta"
    )
    loss = nn.functional.cross_entropy(
        model(torch.empty(4, 1, 8, 8, device="meta")), torch.zeros(4, dtype=torch.int64, device="meta")
    )
    loss.backward()
    for parameter in model.parameters():
        assert parameter.grad.is_meta and parameter.grad.shape == parameter.shape
    torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9).step()


def test_a_device_block_makes_everything_there() -> None:
    with torch.device("meta"):
        model = nn.Linear(10**6, 10**6)  # 4 TB, were it real
        made = [torch.zeros(2), torch.arange(3), torch.tensor([1.0]), torch.randn(2, 2), torch.ones(2)]
    assert model.weight.is_meta and all(t.is_meta for t in made)
    assert torch.zeros(2).device == torch.device("cpu")


def test_an_explicit_device_wins_over_the_block() -> None:
    with torch.device("meta"):
        assert torch.zeros(2, device="cpu").device.type == "cpu"
        assert torch.zeros_like(torch.zeros(2, device="cpu")).device.type == "cpu"


def test_set_default_device() -> None:
    torch.set_default_device("meta")
    try:
        assert torch.get_default_device() == torch.device("meta")
        assert torch.empty(1).is_meta
    finally:
        torch.set_default_device(None)
    assert not torch.empty(1).is_meta


def test_to_empty_gives_a_meta_model_memory_and_a_state_dict_fills_it() -> None:
    source = nn.Linear(3, 2)
    with torch.device("meta"):
        model = nn.Linear(3, 2)
    model.to_empty(device="cpu").load_state_dict(source.state_dict())
    x = torch.rand(1, 3)
    assert torch.equal(model(x), source(x))


def test_load_state_dict_with_assign_replaces_meta_parameters() -> None:
    source = nn.Linear(3, 2)
    with torch.device("meta"):
        model = nn.Linear(3, 2)
    model.load_state_dict(source.state_dict(), assign=True)
    assert torch.equal(model.weight, source.weight)


def test_a_meta_model_moves_only_by_to_empty() -> None:
    with torch.device("meta"):
        model = nn.Linear(3, 2)
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor; no data!.*to_empty"):
        model.to("cpu")


def test_values_of_a_meta_tensor_are_refused_by_name() -> None:
    x = torch.empty(2, device="meta")
    with pytest.raises(RuntimeError, match=r"Tensor.item\(\) cannot be called on meta tensors"):
        x[0].item()
    for ask in (x.tolist, x.cpu, lambda: bool(x[0]), lambda: torch.zeros(2).copy_(x)):
        with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
            ask()
    with pytest.raises(TypeError, match="can't convert meta device type tensor to numpy"):
        x.numpy()
    for ask in (lambda: torch.nonzero(x), lambda: x[x > 0], lambda: torch.equal(x, x)):
        with pytest.raises(NotImplementedError, match="meta"):
            ask()


def test_mixing_devices_is_refused_but_for_single_numbers_of_the_cpu() -> None:
    x, y = torch.empty(2, device="meta"), torch.ones(2)
    for call in (
        lambda: x + y,
        lambda: torch.cat([x, y]),
        lambda: torch.mm(x[None], y[:, None]),
        lambda: x.add_(y),
    ):
        with pytest.raises(
            RuntimeError, match="Expected all tensors to be on the same device, but found at least two"
        ):
            call()
    assert (x * torch.tensor(2.0)).is_meta
    x.copy_(y)  # what a copy is for


def test_indices_and_values_of_another_device_are_refused() -> None:
    x, index = torch.zeros(4), torch.zeros(2, dtype=torch.int64, device="meta")
    with pytest.raises(RuntimeError, match="indices should be either on cpu or on the same device"):
        x[index]
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        x[torch.tensor([0, 1])] = torch.ones(2, device="meta")
    assert torch.empty(4, device="meta")[torch.tensor([0, 1])].shape == (2,)


def test_printing_and_moving() -> None:
    x = torch.empty(2, 3, device="meta")
    assert repr(x) == "tensor(..., device='meta', size=(2, 3))"
    assert torch.ones(2).to("meta").is_meta and torch.ones(2).to(x).is_meta
    assert x.data_ptr() == 0 and x.untyped_storage().device.type == "meta"


def test_loading_to_meta() -> None:
    file = io.BytesIO()
    torch.save({"a": torch.ones(3)}, file)
    file.seek(0)
    assert torch.load(file, map_location="meta")["a"].is_meta


def test_operators_written_in_python_deliver_on_meta() -> None:
    x = torch.zeros(3, dtype=torch.complex64, device="meta")
    out = torch.empty(6, dtype=torch.complex64, device="meta")[::2]
    assert torch.sinc(x, out=out) is out and x.sinc_() is x
    weight = torch.ones(3, device="meta", requires_grad=True)
    assert (weight * 2).sinc_().is_meta
    with pytest.raises(RuntimeError, match="Expected out tensor to have device meta, but got cpu"):
        torch.sinc(x, out=torch.empty(3, dtype=torch.complex64))

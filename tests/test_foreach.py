"""Functions over lists of tensors."""

import math

import pytest

import flambeau as torch


def pair():
    return [torch.tensor([1.0, 4.0]), torch.tensor([[9.0]])]


@pytest.mark.parametrize(
    ("name", "operands", "options", "expected"),
    [
        ("sqrt", (), {}, [[1.0, 2.0], [[3.0]]]),
        ("neg", (), {}, [[-1.0, -4.0], [[-9.0]]]),
        ("add", (1.0,), {}, [[2.0, 5.0], [[10.0]]]),
        ("add", ([1.0, 2.0],), {}, [[2.0, 5.0], [[11.0]]]),
        ("add", (pair(),), {"alpha": 2}, [[3.0, 12.0], [[27.0]]]),
        ("mul", (torch.tensor(2.0),), {}, [[2.0, 8.0], [[18.0]]]),
        ("sub", (pair(),), {}, [[0.0, 0.0], [[0.0]]]),
        ("div", (2,), {}, [[0.5, 2.0], [[4.5]]]),
        ("pow", (2,), {}, [[1.0, 16.0], [[81.0]]]),
        ("maximum", (5.0,), {}, [[5.0, 5.0], [[9.0]]]),
        ("minimum", ([torch.zeros(2), torch.ones(1, 1)],), {}, [[0.0, 0.0], [[1.0]]]),
        ("clamp_max", ([2.0, 3.0],), {}, [[1.0, 2.0], [[3.0]]]),
        ("lerp", ([torch.zeros(2), torch.zeros(1, 1)], 0.5), {}, [[0.5, 2.0], [[4.5]]]),
        ("addcmul", (pair(), pair()), {"value": 2}, [[3.0, 36.0], [[171.0]]]),
        ("addcmul", (pair(), pair(), [0.0, 1.0]), {}, [[1.0, 4.0], [[90.0]]]),
        ("addcdiv", (pair(), pair(), torch.tensor([1.0, 2.0])), {}, [[2.0, 5.0], [[11.0]]]),
    ],
)
def test_both_forms(name, operands, options, expected):
    tensors = pair()
    results = getattr(torch, f"_foreach_{name}")(tensors, *operands, **options)
    assert isinstance(results, tuple)
    assert [result.tolist() for result in results] == expected
    assert [tensor.tolist() for tensor in tensors] == [tensor.tolist() for tensor in pair()]
    assert getattr(torch, f"_foreach_{name}_")(tensors, *operands, **options) is tensors
    assert [tensor.tolist() for tensor in tensors] == expected


def test_those_of_one_form():
    assert [norm.item() for norm in torch._foreach_norm(pair())] == pytest.approx([math.sqrt(17), 9.0])
    assert [norm.item() for norm in torch._foreach_norm(pair(), math.inf, torch.float64)] == [4.0, 9.0]
    assert [value.item() for value in torch._foreach_max(pair())] == [4.0, 9.0]
    assert [value.item() for value in torch._foreach_powsum(pair(), 2)] == [17.0, 81.0]
    assert [power.tolist() for power in torch._foreach_pow(2.0, pair())] == [[2.0, 16.0], [[512.0]]]
    assert torch._foreach_mm([torch.ones(1, 2)], [torch.ones(2, 3)])[0].tolist() == [[2.0, 2.0, 2.0]]
    tensors = pair()
    clones = torch._foreach_clone(tensors)
    torch._foreach_zero_(tensors)
    assert tensors[0].tolist() == [0.0, 0.0]
    torch._foreach_copy_(tensors, clones)
    assert tensors[1].tolist() == [[9.0]]


def test_gradients_flow():
    leaves = [torch.tensor(3.0, requires_grad=True), torch.tensor(4.0, requires_grad=True)]
    sum(torch._foreach_mul(leaves, leaves)).backward()
    assert [leaf.grad.item() for leaf in leaves] == [6.0, 8.0]


def test_lists_have_to_fit():
    for call, words in (
        (lambda: torch._foreach_add([], 1), "Tensor list must have at least one tensor."),
        (lambda: torch._foreach_add(pair(), pair()[:1]), "must have the same number of tensors, got 2 and 1"),
        (lambda: torch._foreach_add(pair(), [1.0]), "same number of elements as scalar list"),
        (
            lambda: torch._foreach_mul(pair(), torch.ones(2)),
            "scalar tensor expected to be 0 dim but it has 1 dimensions",
        ),
    ):
        with pytest.raises(RuntimeError, match=words):
            call()
    with pytest.raises(TypeError, match="must be tuple of Tensors, not Tensor"):
        torch._foreach_add(torch.ones(2), 1)
    with pytest.raises(AttributeError, match="_foreach_nothing"):
        torch._foreach_nothing  # noqa: B018

"""The text of tensors: recorded from PyTorch 2.13, character for character."""

import doctest

import numpy
import pytest

import flambeau as torch
from flambeau._tensor_str import printoptions

RECORDED = """
>>> torch.tensor(1.5)
tensor(1.5000)
>>> torch.tensor(3)
tensor(3)
>>> torch.tensor(True)
tensor(True)
>>> torch.tensor(-0.0)
tensor(-0.)
>>> torch.tensor(float("nan"))
tensor(nan)
>>> torch.tensor([])
tensor([])
>>> torch.tensor([], dtype=torch.int64)
tensor([], dtype=torch.int64)
>>> torch.empty(0, 3)
tensor([], size=(0, 3))
>>> torch.empty(2, 0, dtype=torch.float64)
tensor([], size=(2, 0), dtype=torch.float64)
>>> torch.tensor([1, 2, 3])
tensor([1, 2, 3])
>>> torch.tensor([1, -20, 300], dtype=torch.int16)
tensor([  1, -20, 300], dtype=torch.int16)
>>> torch.tensor([True, False])
tensor([ True, False])
>>> torch.tensor([1.0, 2.0])
tensor([1., 2.])
>>> torch.tensor([1.0, 2.5])
tensor([1.0000, 2.5000])
>>> torch.tensor([1.0, float("nan")])
tensor([1., nan])
>>> torch.tensor([1.5, float("inf"), -float("inf")])
tensor([1.5000,    inf,   -inf])
>>> torch.tensor([float("nan"), float("inf")])
tensor([nan, inf])
>>> torch.tensor([0.0, -0.0])
tensor([0., -0.])
>>> torch.tensor([1e-5, 1.0])
tensor([1.0000e-05, 1.0000e+00])
>>> torch.tensor([1e-4, 0.1])
tensor([1.0000e-04, 1.0000e-01])
>>> torch.tensor([1.0, 1001.0])
tensor([1.0000e+00, 1.0010e+03])
>>> torch.tensor([1.0, 1000.0])
tensor([   1., 1000.])
>>> torch.tensor([1.5, 1500.6])
tensor([1.5000e+00, 1.5006e+03])
>>> torch.tensor([1e9])
tensor([1.0000e+09])
>>> torch.tensor([1e8])
tensor([100000000.])
>>> torch.tensor([1e-8, float("nan")])
tensor([1.0000e-08,        nan])
>>> torch.tensor([0.1, 0.2], dtype=torch.float64)
tensor([0.1000, 0.2000], dtype=torch.float64)
>>> torch.tensor([0.1, 0.2], dtype=torch.float16)
tensor([0.1000, 0.2000], dtype=torch.float16)
>>> torch.tensor([0.1, 100.0], dtype=torch.bfloat16)
tensor([  0.1001, 100.0000], dtype=torch.bfloat16)
>>> torch.tensor([3.4028234663852886e38, 1e-45])
tensor([3.4028e+38, 1.4013e-45])
>>> torch.tensor([[1, 2], [3, 4]])
tensor([[1, 2],
        [3, 4]])
>>> torch.tensor([[1.0, 2.5], [float("nan"), -4.0]])
tensor([[ 1.0000,  2.5000],
        [    nan, -4.0000]])
>>> torch.zeros(2, 2, 2)
tensor([[[0., 0.],
         [0., 0.]],
<BLANKLINE>
        [[0., 0.],
         [0., 0.]]])
>>> torch.zeros(1, 2, 1, 2)
tensor([[[[0., 0.]],
<BLANKLINE>
         [[0., 0.]]]])
>>> torch.arange(8.0).view(2, 2, 2).transpose(0, 2)
tensor([[[0., 4.],
         [2., 6.]],
<BLANKLINE>
        [[1., 5.],
         [3., 7.]]])
>>> torch.arange(30)
tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,
        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29])
>>> torch.arange(30.0) / 7
tensor([0.0000, 0.1429, 0.2857, 0.4286, 0.5714, 0.7143, 0.8571, 1.0000, 1.1429,
        1.2857, 1.4286, 1.5714, 1.7143, 1.8571, 2.0000, 2.1429, 2.2857, 2.4286,
        2.5714, 2.7143, 2.8571, 3.0000, 3.1429, 3.2857, 3.4286, 3.5714, 3.7143,
        3.8571, 4.0000, 4.1429])
>>> torch.arange(1001)
tensor([   0,    1,    2,  ...,  998,  999, 1000])
>>> torch.arange(2000.0).view(2, 1000)
tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 9.9700e+02, 9.9800e+02,
         9.9900e+02],
        [1.0000e+03, 1.0010e+03, 1.0020e+03,  ..., 1.9970e+03, 1.9980e+03,
         1.9990e+03]])
>>> torch.zeros(40, 40)
tensor([[0., 0., 0.,  ..., 0., 0., 0.],
        [0., 0., 0.,  ..., 0., 0., 0.],
        [0., 0., 0.,  ..., 0., 0., 0.],
        ...,
        [0., 0., 0.,  ..., 0., 0., 0.],
        [0., 0., 0.,  ..., 0., 0., 0.],
        [0., 0., 0.,  ..., 0., 0., 0.]])
>>> torch.ones(2, requires_grad=True)
tensor([1., 1.], requires_grad=True)
>>> torch.ones(2, requires_grad=True) * 2
tensor([2., 2.], grad_fn=<MulBackward0>)
>>> torch.ones(2, dtype=torch.float64, requires_grad=True).sum()
tensor(2., dtype=torch.float64, grad_fn=<SumBackward0>)
>>> torch.arange(12, dtype=torch.int32) * 1000
tensor([    0,  1000,  2000,  3000,  4000,  5000,  6000,  7000,  8000,  9000,
        10000, 11000], dtype=torch.int32)
>>> torch.tensor([[123456789] * 6], dtype=torch.int32)
tensor([[123456789, 123456789, 123456789, 123456789, 123456789, 123456789]],
       dtype=torch.int32)
>>> torch.zeros(2, 3, 400, dtype=torch.uint8)
tensor([[[0, 0, 0,  ..., 0, 0, 0],
         [0, 0, 0,  ..., 0, 0, 0],
         [0, 0, 0,  ..., 0, 0, 0]],
<BLANKLINE>
        [[0, 0, 0,  ..., 0, 0, 0],
         [0, 0, 0,  ..., 0, 0, 0],
         [0, 0, 0,  ..., 0, 0, 0]]], dtype=torch.uint8)
>>> torch.zeros(7, 200)
tensor([[0., 0., 0.,  ..., 0., 0., 0.],
        [0., 0., 0.,  ..., 0., 0., 0.],
        [0., 0., 0.,  ..., 0., 0., 0.],
        ...,
        [0., 0., 0.,  ..., 0., 0., 0.],
        [0., 0., 0.,  ..., 0., 0., 0.],
        [0., 0., 0.,  ..., 0., 0., 0.]])
>>> torch.nn.Parameter(torch.ones(1, 2))
Parameter containing:
tensor([[1., 1.]], requires_grad=True)
"""

RECORDED_WITH_OPTIONS = """
>>> precision=2; torch.tensor([1.23456, 10.0])
tensor([ 1.23, 10.00])
>>> precision=0; torch.tensor([1.5, 2.25])
tensor([2, 2])
>>> sci_mode=True; torch.tensor([1.0, 20.0])
tensor([1.0000e+00, 2.0000e+01])
>>> sci_mode=False; torch.tensor([1e-6, 1e6])
tensor([      0.0000, 1000000.0000])
>>> threshold=5; torch.arange(10)
tensor([0, 1, 2,  ..., 7, 8, 9])
>>> threshold=5, edgeitems=1; torch.arange(36.0).view(3, 3, 4)
tensor([[[ 0.,  ...,  3.],
         ...,
         [ 8.,  ..., 11.]],
<BLANKLINE>
        ...,
<BLANKLINE>
        [[24.,  ..., 27.],
         ...,
         [32.,  ..., 35.]]])
>>> threshold=5, edgeitems=0; torch.arange(10)
tensor([...], size=(10,))
>>> edgeitems=0; torch.arange(3)
tensor([0, 1, 2], size=(3,))
>>> linewidth=20; torch.arange(10)
tensor([0, 1, 2, 3,
        4, 5, 6, 7,
        8, 9])
>>> linewidth=30; torch.ones(3, dtype=torch.float64)
tensor([1., 1., 1.],
       dtype=torch.float64)
>>> profile="short"; torch.arange(2000.0) / 3
tensor([0.00e+00, 3.33e-01,  ..., 6.66e+02, 6.66e+02])
"""


def recorded(text: str) -> list:
    examples = doctest.DocTestParser().get_examples(text)
    return [
        pytest.param(e.source.strip(), e.want.replace("<BLANKLINE>\n", "\n")[:-1], id=e.source.strip())
        for e in examples
    ]


@pytest.fixture(autouse=True)
def default_options():
    torch.set_printoptions(profile="default")
    yield
    torch.set_printoptions(profile="default")


@pytest.mark.parametrize(("source", "expected"), recorded(RECORDED))
def test_repr(source, expected):
    assert repr(eval(source)) == expected


@pytest.mark.parametrize(("source", "expected"), recorded(RECORDED_WITH_OPTIONS))
def test_repr_with_options(source, expected):
    options, _, source = source.partition("; ")
    torch.set_printoptions(**eval(f"dict({options})"))
    assert repr(eval(source)) == expected


def test_str_is_repr():
    assert str(torch.ones(2)) == repr(torch.ones(2)) == f"{torch.ones(2)}"


def test_the_default_type_goes_without_saying():
    torch.set_default_dtype(torch.float64)
    try:
        assert repr(torch.tensor([1.0])) == "tensor([1.])"
        assert repr(torch.tensor([1.0], dtype=torch.float32)) == "tensor([1.], dtype=torch.float32)"
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_subclass_bears_its_own_name():
    class Mask(torch.Tensor):
        pass

    assert repr(torch.ones(2).as_subclass(Mask)) == "Mask([1., 1.])"


def test_printing_in_full_shows_every_element():
    torch.set_printoptions(profile="full", linewidth=10**6)
    assert repr(torch.arange(1001)) == "tensor([" + ", ".join(f"{i:4}" for i in range(1001)) + "])"


def test_every_element_reads_back_within_the_precision():
    values = torch.linspace(-3, 3, 50)
    with printoptions(precision=6):
        shown = repr(values)
    numbers = [float(number) for number in shown.removeprefix("tensor([").removesuffix("])").split(",")]
    assert numpy.allclose(numbers, values.tolist(), rtol=0, atol=5e-7)


def test_options_can_be_read_and_set_back():
    torch.set_printoptions(precision=7, sci_mode=True)
    options = torch.get_printoptions()
    assert options == {"precision": 7, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": True}
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)
    assert torch.get_printoptions() == options


def test_scientific_notation_is_automatic_again_unless_asked_for():
    torch.set_printoptions(sci_mode=True)
    torch.set_printoptions(precision=3)
    assert torch.get_printoptions()["sci_mode"] is None


def test_options_hold_for_a_block():
    with printoptions(precision=1):
        assert repr(torch.tensor(1.25)) == "tensor(1.2)"
    assert repr(torch.tensor(1.25)) == "tensor(1.2500)"


def test_unknown_profiles_are_refused():
    with pytest.raises(ValueError, match="unknown profile 'tiny'"):
        torch.set_printoptions(profile="tiny")


def test_printing_records_nothing_and_changes_nothing():
    source = torch.ones(2, requires_grad=True)
    repr(source)
    assert source.grad_fn is None
    assert source._version == 0

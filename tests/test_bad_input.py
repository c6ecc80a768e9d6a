"""Bad input raises PyTorch's exception type with its wording, and leaves tensors as they were."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flambeau as torch


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: torch.ones(3) + torch.ones(4),
            RuntimeError,
            r"size of tensor a \(3\) must match the size of tensor b \(4\)",
        ),
        (lambda: torch.ones(2, 3) @ torch.ones(2, 3), RuntimeError, "cannot be multiplied"),
        (lambda: torch.ones(2, 3).view(7), RuntimeError, "is invalid for input of size 6"),
        (lambda: torch.ones(2, 3).sum(5), IndexError, "Dimension out of range"),
        (lambda: torch.ones(3)[3], IndexError, "index 3 is out of bounds for dimension 0 with size 3"),
        (lambda: torch.ones(3)[0, 0], IndexError, "too many indices"),
        (lambda: torch.ones(3)[torch.tensor([5])], IndexError, "out of bounds"),
        (lambda: torch.ones(3)[torch.tensor([True])], IndexError, "mask"),
        (lambda: torch.ones(3)[0.5], (TypeError, IndexError), "only integers, slices"),
        (lambda: torch.zeros(-1), RuntimeError, "negative dimension"),
        (
            lambda: torch.cov(torch.ones(2, 3), aweights=torch.ones(2, dtype=torch.int64)),
            RuntimeError,
            "expected aweights to have floating point dtype but got aweights with Long dtype",
        ),
        (
            lambda: torch.cov(torch.ones(2, 3), aweights=torch.ones(2)),
            RuntimeError,
            "to have the same numel as there are observations in the input but got 2 != 3",
        ),
        (
            lambda: torch.gradient(torch.ones(3, 3), dim=(0,), spacing=[1.0, 2.0]),
            RuntimeError,
            "got a spacing argument of length 2 and a dim argument of length 1.",
        ),
        (
            lambda: torch.gradient(torch.ones(3, 3), spacing=[torch.arange(3.0)]),
            RuntimeError,
            r"'self.dim\(\) = 2', since dim argument was not given, but got a list of length 1",
        ),
        (
            lambda: torch.nn.functional.multi_margin_loss(torch.ones(2, 3), torch.ones(2)),
            RuntimeError,
            "expected scalar type Long but found Float",
        ),
        (
            lambda: torch.prelu(torch.tensor(1.0), torch.ones(2)),
            RuntimeError,
            "Not allow zero-dim input tensor.",
        ),
        (
            lambda: torch.nn.functional.softshrink(torch.ones(1), -0.5),
            RuntimeError,
            r"lambda must be in range \[0, 3.40282e\+38\] for input dtype Float, but found -0.5",
        ),
        (
            lambda: torch.nn.functional.softshrink(torch.ones(1).half(), 1e9),
            RuntimeError,
            r"in range \[0, 65504\] for input dtype Half",
        ),
        (
            lambda: torch.ormqr(torch.ones(3, 2), torch.ones(1), torch.ones(3, 3)),
            RuntimeError,
            r"tau.shape\[-1\] must be equal to min\(other.shape\[-2\], input.shape\[-1\]\)",
        ),
        (lambda: torch.signal.windows.gaussian(3, std=0), ValueError, "must be positive, got: 0 instead"),
        (lambda: torch.signal.windows.kaiser(3, beta=-2), ValueError, "be non-negative, got: -2 instead"),
        (lambda: torch.zeros(2**40, 2**40), RuntimeError, "overflow"),
        (lambda: torch.ones(3).expand(2), RuntimeError, "must match the existing size"),
        (lambda: torch.ones(3).expand(2, 3).add_(1), RuntimeError, "single memory location"),
        (lambda: torch.ones(3, dtype=torch.int64).add_(1.5), RuntimeError, "can't be cast"),
        (lambda: torch.ones(3).add_(torch.ones(2, 3)), RuntimeError, "doesn't match the broadcast shape"),
        (lambda: torch.ones(2).add("x"), TypeError, "must be Tensor or Number, not str"),
        (
            lambda: torch.empty((3.5, 2)),
            TypeError,
            r"'size' \(position 1\) must be tuple of ints, but found element of type float at pos 0",
        ),
        (
            lambda: torch.zeros(2, "a"),
            TypeError,
            "must be tuple of ints, but found element of type str at pos 1",
        ),
        (
            lambda: torch.empty(size=[2, None]),
            TypeError,
            "'size' must be tuple of ints, but found element of type",
        ),
        (
            lambda: torch.cat([torch.ones(1), 3]),
            TypeError,
            "expected Tensor as element 1 in argument 0, but got int",
        ),
        (lambda: torch.ones(2).add(), TypeError, "missing 1 required"),
        (lambda: torch.ones(2).add(1, beta=2), TypeError, "unexpected keyword argument 'beta'"),
        (lambda: torch.ones(2) + "x", TypeError, "unsupported operand"),
        (lambda: torch.ones(2).to("cuda"), AssertionError, "CUDA"),
        (lambda: torch.device("gpu"), RuntimeError, "device string"),
        (lambda: torch.ones(2).as_strided((5,), (1,)), RuntimeError, "out of bounds"),
        (lambda: torch.ones(2).as_strided((2,), (-1,)), RuntimeError, "[Nn]egative"),
        (lambda: torch.cat([]), (RuntimeError, ValueError), "non-empty list"),
        (lambda: torch.tensor([1, 2]) // 0, RuntimeError, "ZeroDivisionError"),
        (lambda: torch.tensor("text"), TypeError, "str"),
        (
            lambda: torch.nn.functional.nll_loss(torch.zeros(2, 3), torch.tensor([0, 3])),
            IndexError,
            "out of bounds",
        ),
        (
            lambda: torch.nn.functional.cross_entropy(torch.zeros(2, 3), torch.tensor([0, -1])),
            IndexError,
            "out of bounds",
        ),
        (
            lambda: torch.nn.functional.conv2d(torch.ones(1, 2, 3, 3), torch.ones(1, 1, 2, 2)),
            RuntimeError,
            "channels",
        ),
        (
            lambda: torch.nn.functional.conv2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 5, 5)),
            RuntimeError,
            "greater than",
        ),
        (lambda: torch.nn.functional.max_pool2d(torch.ones(1, 1, 1, 1), 2), RuntimeError, "too small"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_failed_write_changes_nothing():
    x = torch.arange(3.0)
    for attempt in (
        lambda: x.add_(torch.ones(2, 3)),
        lambda: x.__setitem__(torch.tensor([0, 9]), 1.0),
        lambda: x.copy_(torch.ones(5)),
    ):
        with pytest.raises((RuntimeError, IndexError)):
            attempt()
    assert x.tolist() == [0.0, 1.0, 2.0]


def test_an_empty_batch_flows_through_a_network():
    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 3),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(18, 4),
    )
    y = model(torch.zeros(0, 1, 8, 8))
    assert y.shape == (0, 4)
    y.sum().backward()
    assert model[0].weight.grad.abs().sum().item() == 0


def test_tensor_new_alone_is_a_valid_object():
    x = torch.Tensor.__new__(torch.Tensor)
    assert x.shape == (0,)
    assert (x + 1).shape == (0,)


def test_running_out_of_memory_raises_and_leaves_the_process_usable():
    with pytest.raises(RuntimeError, match="not enough memory"):
        torch.zeros(2**40)
    assert torch.ones(3).sum().item() == 3


def test_a_list_that_holds_itself_is_refused():
    data: list = []
    data.append(data)
    with pytest.raises((ValueError, RecursionError)):
        torch.tensor(data)


def test_views_of_an_output_that_grows_stay_valid():
    out = torch.zeros(2)
    view = out[:1]
    with pytest.warns(UserWarning, match="was resized"):
        torch.add(torch.ones(1000), 1, out=out)
    assert out.shape == (1000,)
    assert view.tolist() == [0.0]


def test_deep_shapes_have_a_limit_that_is_named():
    with pytest.raises((RuntimeError, ValueError), match="dimensions"):
        torch.zeros([1] * 65)


@settings(max_examples=200, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 4), max_size=4),
    key=st.lists(
        st.one_of(
            st.integers(-6, 6),
            st.builds(
                slice,
                st.one_of(st.none(), st.integers(-6, 6)),
                st.one_of(st.none(), st.integers(-6, 6)),
                st.integers(1, 3),
            ),
            st.none(),
            st.just(Ellipsis),
        ),
        max_size=5,
    ),
)
def test_basic_indexing_is_numpys(sizes, key):
    import numpy as np

    array = np.arange(int(np.prod(sizes)), dtype=np.int64).reshape(sizes)
    tensor = torch.from_numpy(array.copy())
    try:
        expected = array[tuple(key)]
    except IndexError:
        with pytest.raises(IndexError):
            tensor[tuple(key)]
        return
    assert tensor[tuple(key)].tolist() == expected.tolist()


def test_importing_does_not_load_numpy_or_other_frameworks(tmp_path):
    code = "import sys, flambeau; print([m for m in ('numpy', 'torch', 'matplotlib', 'tqdm') if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "cut",
    [
        lambda: torch.zeros(1).expand(2**31 - 1).unbind(),
        lambda: list(torch.zeros(1).expand(2**31 - 1)),
        lambda: torch.hsplit(torch.zeros(0), 2**31 - 1),
        lambda: torch.zeros(1).expand(2**40).split(1),
        lambda: torch.zeros(0).chunk(2**40),
    ],
)
def test_more_pieces_than_memory_holds_are_refused_at_once(cut):
    with pytest.raises(RuntimeError, match="not enough memory"):
        cut()


def test_a_number_of_the_cpu_is_written_to_a_meta_tensor():
    t = torch.zeros(2, dtype=torch.int32, device="meta")
    t[False] = torch.ones((1, 1, 1), dtype=torch.complex128)
    assert t.shape == (2,)


def test_views_of_strides_that_nobody_follows_wrap():
    odd = torch.empty((2, 0, 2**63 - 1)).unsqueeze(0)
    assert odd.shape == (1, 2, 0, 2**63 - 1)
    assert torch.ones((1, 2), dtype=torch.complex128).as_strided((1, 2), (2**62, 1)).imag.tolist() == [[0, 0]]


def test_a_view_with_more_elements_than_can_be_counted_is_refused():
    with pytest.raises(RuntimeError, match="no tensor can have that many elements"):
        torch.empty((0, 2**62), dtype=torch.int32).view(torch.int16)

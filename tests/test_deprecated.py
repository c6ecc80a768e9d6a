"""What PyTorch still takes with a warning: factors before what they scale, writes to expanded tensors."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

import flambeau as torch

A = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
B = torch.tensor([[5.0, 6.0], [7.0, 8.0]])
V = torch.tensor([1.0, 2.0])
BATCH = torch.ones(2, 2, 2)


@pytest.mark.filterwarnings("ignore:This overload of")
@pytest.mark.parametrize(
    ("name", "head", "factors", "tail"),
    [
        ("add", A, {"alpha": -1}, (B,)),
        ("sub", A, {"alpha": 2.5}, (B,)),
        ("addcmul", A, {"value": 2}, (A, B)),
        ("addcdiv", A, {"value": 0.5}, (A, B)),
    ],
)
def test_a_factor_may_stand_before_the_operands_it_scales(name, head, factors, tail):
    (factor,) = factors.values()
    expected = getattr(torch, name)(head, *tail, **factors).tolist()
    assert getattr(torch, name)(head, factor, *tail).tolist() == expected
    assert getattr(torch, name)(head, factor, *tail, out=torch.empty(0)).tolist() == expected
    assert getattr(head, name)(factor, *tail).tolist() == expected
    changed = head.clone()
    assert getattr(changed, name + "_")(factor, *tail) is changed
    assert changed.tolist() == expected


@pytest.mark.filterwarnings("ignore:This overload of")
@pytest.mark.parametrize(
    ("name", "head", "a", "b"),
    [
        ("addmm", A, A, B),
        ("addbmm", A, BATCH, BATCH),
        ("baddbmm", BATCH, BATCH, BATCH),
        ("addmv", V, A, V),
        ("addr", A, V, V),
    ],
)
def test_both_factors_may_stand_before_what_they_scale(name, head, a, b):
    function = getattr(torch, name)
    expected = function(head, a, b, beta=2, alpha=3).tolist()
    assert function(2, head, 3, a, b).tolist() == expected
    assert function(2, head, 3, a, b, out=torch.empty(0)).tolist() == expected
    assert getattr(head, name)(2, 3, a, b).tolist() == expected
    assert getattr(head.clone(), name + "_")(2, 3, a, b).tolist() == expected
    expected = function(head, a, b, beta=2).tolist()
    assert function(2, head, a, b).tolist() == expected
    assert getattr(head, name)(2, a, b).tolist() == expected
    assert getattr(head.clone(), name + "_")(2, a, b).tolist() == expected
    with pytest.raises(TypeError, match="takes 3 positional arguments"):
        function(head, 2, a, b)


@pytest.mark.filterwarnings("ignore:This overload of")
def test_deprecated_overloads_are_differentiated():
    x = torch.ones(2, requires_grad=True)
    torch.add(V, 3, x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_deprecated_overloads_are_neither_offered_nor_taken_elsewhere():
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        torch.add(A, B, 2)
    with pytest.raises(TypeError, match="takes 2 positional arguments but 3 were given"):
        torch.subtract(A, 2, B)
    assert all("deprecated" not in schema for schema in torch.add.schemas)


def test_deprecated_overloads_warn_once_together(tmp_path):
    code = """
import warnings
import flambeau as torch
a = torch.ones(2, 2)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    torch.add(a, 2, 3)
    a.add_(2, a)
    torch.addmm(2, a, a, a)
print([(w.category.__name__, str(w.message)) for w in caught])
"""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    text = (
        "This overload of add is deprecated:\n\tadd(Tensor input, Number alpha, Tensor other, *, Tensor out = None)\n"
        "Consider using one of the following signatures instead:\n"
        "\tadd(Tensor input, Tensor other, *, Number alpha = 1, Tensor out = None)"
    )
    assert found.stdout.strip() == repr([("UserWarning", text)])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            "a.addcmul_(2, a, a)",
            "This overload of addcmul_ is deprecated:\n\taddcmul_(Number value, Tensor tensor1, Tensor tensor2)\n"
            "Consider using one of the following signatures instead:\n"
            "\taddcmul_(Tensor tensor1, Tensor tensor2, *, Number value = 1)",
        ),
        (
            "torch.addmv(2, a[0], 3, a, a[0])",
            "This overload of addmv is deprecated:\n"
            "\taddmv(Number beta, Tensor input, Number alpha, Tensor mat, Tensor vec, *, Tensor out = None)\n"
            "Consider using one of the following signatures instead:\n"
            "\taddmv(Tensor input, Tensor mat, Tensor vec, *, Number beta = 1, Number alpha = 1, Tensor out = None)",
        ),
        (
            "a.addr(2, a[0], a[0])",
            "This overload of addr is deprecated:\n\taddr(Number beta, Tensor vec1, Tensor vec2)\n"
            "Consider using one of the following signatures instead:\n"
            "\taddr(Tensor vec1, Tensor vec2, *, Number beta = 1, Number alpha = 1)",
        ),
    ],
)
def test_the_warning_names_the_signatures(call, text, tmp_path):
    code = f"import flambeau as torch\na = torch.ones(2, 2)\ntry: {call}\nexcept UserWarning as w: print(w, end='')"
    found = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert found.stdout == text


# ---- writes to expanded tensors

MASK = torch.tensor([[True, False, False], [False, True, False]])


def base_after(write):
    """A vector of 1, 2, 3 after a write to two rows that both stand for it, and the operators that warned."""
    base = torch.tensor([1.0, 2.0, 3.0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write(base.expand(2, 3))
    assert all(
        "on expanded tensors is deprecated. Please clone() the tensor" in str(w.message) for w in caught
    )
    return base.tolist(), [str(w.message).split()[2] for w in caught]


def setting(key, value):
    return lambda x: x.__setitem__(key, value)


@pytest.mark.parametrize(
    ("write", "expected", "warned"),
    [
        (lambda x: x.masked_fill_(MASK, 5), [5, 5, 3], ["masked_fill_"]),
        (lambda x: x.masked_fill_(MASK, torch.tensor(5.0)), [5, 5, 3], ["masked_fill_"]),
        (lambda x: x.masked_fill_(MASK[0], 5), [5, 2, 3], ["masked_fill_"]),
        (lambda x: x.masked_fill_(torch.tensor([[True], [False]]), 5), [5, 5, 5], ["masked_fill_"]),
        (lambda x: x.masked_fill_(torch.zeros(2, 3).bool(), 5), [1, 2, 3], ["masked_fill_"]),
        (setting(MASK, 5), [5, 5, 3], ["index_put_", "masked_fill_"]),
        (setting(MASK, torch.tensor(5.0)), [5, 5, 3], ["index_put_", "masked_fill_"]),
        (setting(MASK, torch.tensor([5.0, 6.0])), [5, 6, 3], ["index_put_"]),
        (setting(torch.tensor([0, 1]), 5), [5, 5, 5], ["index_put_"]),
        (setting((slice(None), torch.tensor([1])), 5), [1, 5, 3], ["index_put_"]),
        (setting((0, torch.tensor([1])), 5), [1, 5, 3], []),
        (setting(0, 5), [5, 5, 5], []),
        (setting(slice(0, 1), 5), [5, 5, 5], []),
        (
            lambda x: x.index_put_(
                (torch.tensor([0, 1]), torch.tensor([0, 0])), torch.tensor([5.0, 6.0]), accumulate=True
            ),
            [12, 2, 3],
            ["index_put_"],
        ),
        (lambda x: x.index_fill_(0, torch.tensor([0]), 5.0), [5, 5, 5], ["index_fill_"]),
        (lambda x: x.index_fill_(1, torch.tensor([0, 2]), torch.tensor(5.0)), [5, 2, 5], ["index_fill_"]),
        (lambda x: x.tril_(), [1, 0, 0], []),
        (lambda x: x.triu_(1), [0, 0, 3], []),
    ],
)
def test_writes_to_expanded_tensors_that_pytorch_takes(write, expected, warned):
    assert base_after(write) == (expected, warned)


@pytest.mark.parametrize(
    "write",
    [
        setting(slice(None), 5),
        setting(..., 5),
        setting(None, 5),
        setting(slice(None), torch.ones(3)),
        lambda x: x.index_copy_(0, torch.tensor([0]), torch.ones(1, 3)),
        lambda x: x.masked_scatter_(MASK, torch.tensor([9.0, 8.0])),
        lambda x: x.add_(1),
    ],
)
def test_writes_to_expanded_tensors_that_are_refused(write):
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        base_after(write)


@pytest.mark.filterwarnings("ignore:Use of")
@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.masked_fill_(MASK, 5),
        lambda x: x.index_fill_(0, torch.tensor([0]), 5.0),
        lambda x: x.index_put_((torch.tensor([0]), torch.tensor([1])), torch.tensor([5.0])),
        setting(MASK, 5),
        lambda x: x.triu_(),
    ],
)
def test_recorded_writes_to_expanded_tensors_are_refused(write):
    doubled = torch.tensor([1.0, 2.0, 3.0], requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        write(doubled.expand(2, 3))
    assert doubled.tolist() == [2.0, 4.0, 6.0]


@pytest.mark.filterwarnings("ignore:Use of")
def test_adding_to_an_expanded_tensor_loses_nothing():
    base = torch.zeros(64)
    rows, places = torch.arange(1024).unsqueeze(1), torch.zeros(1024, 64).long()
    base.expand(1024, 64).index_put_((rows, places), torch.ones(1024, 64), accumulate=True)
    assert base[0].item() == 65536.0
    assert base[1:].abs().sum().item() == 0.0


def test_a_write_to_an_expanded_tensor_counts_once():
    x = torch.ones(3).expand(2, 3)
    with pytest.warns(UserWarning, match="masked_fill_ on expanded"):
        x.masked_fill_(torch.tensor([True, False, False]), 5.0)
    assert x._version == 1


def test_resize_out_of_place_is_a_view_with_a_warning():
    x = torch.arange(6.0, requires_grad=True)
    with pytest.warns(UserWarning, match="non-inplace resize is deprecated"):
        a = x.resize(2, 3)
    assert (a.shape, a._is_view(), a.grad_fn.name()) == ((2, 3), True, "ResizeBackward")
    with pytest.warns(UserWarning, match="non-inplace resize_as is deprecated"):
        b = a.t().resize_as(torch.zeros(6))
    assert b.tolist() == [0, 3, 1, 4, 2, 5]
    (b * torch.arange(6.0)).sum().backward()
    assert x.grad.tolist() == [0, 2, 4, 1, 3, 5]


@pytest.mark.parametrize(
    ("sizes", "text"), [((7,), "7 \\(7 elements"), ((-1, 3), "-1x3 \\(-3 elements"), ((), " \\(1 e")]
)
def test_resize_out_of_place_keeps_the_number_of_elements(sizes, text):
    with pytest.warns(UserWarning), pytest.raises(RuntimeError, match=f"requested resize to {text}"):
        torch.arange(6.0).resize(*sizes)


@pytest.mark.parametrize(
    "call", [lambda x: x.resize_(2), lambda x: x.resize_(3), lambda x: x.resize_as_(x.detach())]
)
def test_what_requires_grad_is_not_resized(call):
    leaf = torch.zeros(3, requires_grad=True)
    for x in (leaf, leaf * 1):
        with pytest.raises(RuntimeError, match="cannot resize variables that require grad"):
            call(x)

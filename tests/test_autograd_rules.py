"""What may be written, differentiated and assigned, and the words in which the rest is refused (as PyTorch 2.13's)."""

from __future__ import annotations

import pytest

import flambeau as torch

AMBIGUOUS = "Given that this use case is ambiguous and error-prone, it is forbidden"


def leaf(n=4):
    return torch.ones(n, requires_grad=True)


def no_grad_view(t):
    with torch.no_grad():
        return t[:2]


# ---- views made under no_grad


@pytest.mark.parametrize("base", [leaf(), leaf() * 2], ids=["leaf", "result"])
def test_a_view_made_under_no_grad_requires_grad_as_its_base_does(base):
    view = no_grad_view(base)
    assert view.requires_grad and view.is_leaf and view.grad_fn is None and view._is_view()


def test_no_gradient_flows_through_a_view_made_under_no_grad():
    x = leaf()
    y = no_grad_view(x) * 2
    assert y.requires_grad and y.grad_fn.next_functions == ((None, 0), (None, 0))
    y.sum().backward()
    assert x.grad is None


def test_writing_to_a_view_made_under_no_grad_is_refused_where_it_would_be_recorded():
    view = no_grad_view(leaf() * 2)
    with pytest.raises(
        RuntimeError, match="^A view was created in no_grad mode and is being modified inplace"
    ):
        view.mul_(2)
    assert view.tolist() == [2, 2]


def test_the_other_operand_may_be_what_makes_a_write_recorded():
    base = torch.ones(4)
    view = no_grad_view(base)
    with pytest.raises(RuntimeError, match=AMBIGUOUS):
        view.mul_(torch.ones(2, requires_grad=True) * 3)
    assert base.tolist() == [1, 1, 1, 1] and not base.requires_grad
    view.mul_(2)
    assert base.tolist() == [2, 2, 1, 1]


def test_a_view_of_a_view_made_under_no_grad_is_named_by_its_own_node():
    view = no_grad_view(leaf() * 2)[:1]
    assert type(view.grad_fn).__name__ == "SliceBackward0"
    with pytest.raises(
        RuntimeError, match="^Output 0 of Slice is a view of a view which was created in no_grad mode"
    ):
        view.mul_(2)


def test_a_view_made_under_no_grad_has_no_history_after_a_write_to_its_base():
    y = leaf() * 2
    view = no_grad_view(y)
    y.mul_(3)
    assert view.requires_grad
    for use in (lambda: view.grad_fn, lambda: view * 2, lambda: view.is_leaf):
        with pytest.raises(
            RuntimeError, match="no_grad mode and its base or another view of its base has been"
        ):
            use()


def test_a_view_of_a_constant_that_requires_grad_is_a_view_of_a_leaf():
    base = torch.ones(4)
    view = base[:2].requires_grad_()
    with pytest.raises(
        RuntimeError, match="^a view of a leaf Variable that requires grad is being used in an in-place"
    ):
        view.mul_(2)
    base.mul_(2)
    assert not base.requires_grad


@pytest.mark.parametrize("split", [lambda t: t.split(2)[0], lambda t: t.chunk(2)[0], lambda t: t.unbind()[0]])
def test_one_of_many_views_of_a_leaf_is_named_as_that(split):
    with pytest.raises(
        RuntimeError, match="^Output 0 of .* is a view and is being modified inplace. This view is the"
    ):
        split(leaf()).mul_(2)


def test_one_of_many_views_of_a_constant_takes_writes_that_are_not_recorded():
    base = torch.ones(4)
    part = base.split(2)[0]
    part.mul_(2)
    with pytest.raises(RuntimeError, match="function that returns multiple views"):
        part.mul_(torch.ones(2, requires_grad=True))
    assert base.tolist() == [2, 2, 1, 1]


@pytest.mark.parametrize("view", [torch.ones(4)[:2], (leaf() * 2)[:2]], ids=["constant", "result"])
def test_views_are_not_detached_in_place(view):
    with pytest.raises(RuntimeError, match="^Can't detach views in-place. Use detach"):
        view.detach_()


def test_writing_through_detach_is_noticed_by_what_saved_the_value():
    y = leaf() * 2
    z = (y * y).sum()
    assert not y.detach()._is_view()
    y.detach().mul_(2)
    with pytest.raises(
        RuntimeError, match=r"is at version 1; expected version 0.*set_detect_anomaly\(True, check_nan=F"
    ):
        z.backward()


# ---- inference mode


def inference(n=2):
    with torch.inference_mode():
        return torch.ones(n)


OUTSIDE = "^Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone"


@pytest.mark.parametrize(
    "write",
    [
        lambda t: t.add_(1),
        lambda t: t.__setitem__(0, 1),
        lambda t: t[:1].mul_(2),
        lambda t: torch.add(torch.ones(2), 1, out=t),
        lambda t: t.set_(torch.ones(2)),
    ],
)
def test_inference_tensors_are_not_written_outside(write):
    t = inference()
    with pytest.raises(RuntimeError, match=OUTSIDE):
        write(t)
    assert t.tolist() == [1, 1]
    with torch.inference_mode():
        write(t)


def test_inference_tensors_count_no_versions():
    with pytest.raises(RuntimeError, match="^Inference tensors do not track version counter.$"):
        _ = inference()._version


def test_views_of_inference_tensors_are_inference_tensors_and_no_views():
    view = inference()[:1]
    assert view.is_inference() and not view._is_view()


def test_a_view_made_in_inference_mode_of_a_normal_tensor_is_a_normal_view():
    y = leaf() * 2
    with torch.inference_mode():
        view = y[:2]
        assert not view.is_inference() and view._is_view() and view.requires_grad and view._version == 0
        view.mul_(2)
    assert y._version == 1
    with pytest.raises(
        RuntimeError, match="A view was created in inference mode and is being modified inplace in norm"
    ):
        view.mul_(2)


def test_nothing_is_recorded_in_inference_mode_whatever_the_grad_mode_says():
    x = leaf()
    with torch.inference_mode(), torch.enable_grad():
        assert torch.is_grad_enabled()
        y = x * 2
        assert not y.requires_grad and y.is_inference()
    assert torch.is_grad_enabled()


def test_inference_mode_switched_off_records():
    x = leaf()
    with torch.inference_mode():
        assert not torch.is_grad_enabled()
        with torch.inference_mode(False):
            assert torch.is_grad_enabled() and (x * 2).requires_grad and not torch.ones(1).is_inference()
        assert not torch.is_grad_enabled() and torch.is_inference_mode_enabled()


def test_inference_tensors_neither_require_grad_nor_are_saved():
    t = inference()
    with pytest.raises(
        RuntimeError, match="^Setting requires_grad=True on inference tensor outside InferenceMode is not"
    ):
        t.requires_grad_()
    with pytest.raises(RuntimeError, match="^Inference tensors cannot be saved for backward"):
        torch.ones(2, requires_grad=True) * t
    with torch.no_grad():
        assert (torch.ones(2, requires_grad=True) * t).tolist() == [1, 1]


def test_gradients_that_come_about_in_inference_mode_are_inference_tensors():
    x = leaf(2)
    y = (x * x).sum()
    with torch.inference_mode():
        y.backward()
    assert x.grad.is_inference() and x.grad.tolist() == [2, 2]
    with pytest.raises(RuntimeError, match=OUTSIDE):
        x.sum().backward()


# ---- x.data = y


def test_views_go_on_counting_with_a_tensor_whose_data_was_replaced():
    x = torch.ones(4)
    view = x[:2]
    x.add_(1)
    x.data = torch.zeros(4)
    x.add_(1)
    assert (x._version, view._version) == (2, 2)
    view.add_(1)
    assert (x._version, view._version) == (3, 3)
    assert view.tolist() == [3, 3] and x.tolist() == [1, 1, 1, 1]


def test_the_counter_of_what_data_was_set_to_is_its_own():
    x, y = torch.ones(4), torch.zeros(4)
    x.data = y
    y.add_(1)
    assert (x._version, y._version) == (0, 1) and x.tolist() == [1, 1, 1, 1]


def test_a_captured_view_notices_writes_to_its_base_after_the_data_was_replaced():
    w, x = leaf(), torch.ones(4)
    z = (x[:2] * w[:2]).sum()
    x.data = torch.zeros(4)
    x.add_(1)
    with pytest.raises(RuntimeError, match="is at version 1; expected version 0"):
        z.backward()


def test_views_go_on_counting_with_a_tensor_that_was_resized():
    x = torch.zeros(3)
    view = x[1:]
    x.resize_(600)
    x.add_(1)
    assert (x._version, view._version) == (2, 2)


@pytest.mark.parametrize("value", [None, 3, [1]])
def test_data_has_to_be_a_tensor(value):
    with pytest.raises(TypeError, match="^Variable data has to be a tensor, but got "):
        torch.ones(1).data = value


def test_data_is_not_deleted():
    with pytest.raises(RuntimeError, match="^Deleting tensor data is not allowed"):
        del torch.ones(1).data


# ---- assigning


@pytest.mark.parametrize(
    ("grad", "error", "message"),
    [
        (
            torch.ones(3),
            RuntimeError,
            r"attempting to assign a gradient of size '\[3\]' to a tensor of size '\[4\]'",
        ),
        (
            torch.ones(4).double(),
            RuntimeError,
            "attempting to assign a gradient with dtype .* grad_dtype 'Float'",
        ),
        (
            torch.ones(4, device="meta"),
            RuntimeError,
            "attempting to assign a gradient with device type 'meta' to a ten",
        ),
        (3, TypeError, "assigned grad expected to be a Tensor or None but got grad of type int"),
    ],
)
def test_a_gradient_is_assigned_only_where_it_fits(grad, error, message):
    x = leaf()
    with pytest.raises(error, match="^" + message):
        x.grad = grad
    assert x.grad is None


def test_a_tensor_is_not_its_own_gradient():
    x = leaf()
    with pytest.raises(RuntimeError, match="^can't assign Variable as its own grad"):
        x.grad = x


def test_only_leaves_change_requires_grad():
    y = leaf() * 2
    for value in (True, False):
        with pytest.raises(RuntimeError, match="^you can only change requires_grad flags of leaf variables."):
            y.requires_grad = value
    with pytest.raises(RuntimeError, match="use var_no_grad = var.detach"):
        y.requires_grad_(False)
    assert y.requires_grad_() is y


def test_integers_do_not_require_gradients():
    x = torch.ones(2, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="^only Tensors of floating point dtype can require gradients$"):
        x.requires_grad = True
    with pytest.raises(
        RuntimeError, match="^only Tensors of floating point and complex dtype can require gradients$"
    ):
        x.requires_grad_()
    with pytest.raises(
        RuntimeError, match="^Only Tensors of floating point and complex dtype can require gradients$"
    ):
        torch.arange(3, requires_grad=True)
    assert x.requires_grad_(False) is x


@pytest.mark.parametrize("value", [1, "a", None])
def test_requires_grad_is_a_bool(value):
    x = torch.ones(1)
    with pytest.raises(TypeError, match="argument 'requires_grad' .position 1. must be bool, not "):
        x.requires_grad_(value)
    with pytest.raises(RuntimeError, match="requires_grad must be a bool"):
        x.requires_grad = value


def test_retain_grad_of_one_of_many_views_is_refused_once_its_base_was_written():
    base = torch.ones(2, 3, requires_grad=True) * 1
    row = base.unbind()[1]
    base.mul_(2)
    with pytest.raises(RuntimeError, match="Output 1 of Unbind is a view and its base"):
        row.retain_grad()

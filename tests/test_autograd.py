"""The mechanisms of automatic differentiation; values by hand from the derivatives."""

from __future__ import annotations

import gc
import weakref

import pytest

import flambeau as torch


def leaf(*values: float) -> torch.Tensor:
    return torch.tensor(list(values), requires_grad=True)


def test_gradient_of_a_chain():
    x = leaf(1.0, 2.0)
    (x * x * 3).sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_gradients_accumulate_over_passes():
    x = leaf(1.0)
    for _ in range(3):
        (x * 2).sum().backward()
    assert x.grad.tolist() == [6.0]


def test_gradients_of_two_leaves_do_not_share_memory():
    a, b = leaf(1.0), leaf(2.0)
    (a + b).sum().backward()
    a.grad.zero_()
    assert b.grad.tolist() == [1.0]


def test_broadcast_operands_get_summed_gradients():
    row, column = torch.ones(1, 3, requires_grad=True), torch.ones(2, 1, requires_grad=True)
    (row * column * 2).sum().backward()
    assert row.grad.tolist() == [[4.0, 4.0, 4.0]]
    assert column.grad.tolist() == [[6.0], [6.0]]


def test_second_backward_through_a_freed_graph_is_refused():
    x = leaf(1.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_retained_graph_can_be_used_again():
    x = leaf(3.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [12.0]


def test_third_derivative():
    x = leaf(2.0)
    (first,) = torch.autograd.grad((x**4).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(second.sum(), x)
    assert third.tolist() == [48.0]


def test_non_scalar_needs_a_gradient():
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (leaf(1.0, 2.0) * 2).backward()


def test_gradient_of_another_shape_is_refused():
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (leaf(1.0, 2.0) * 2).backward(torch.ones(3))


def test_constants_have_no_graph():
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.ones(1).sum().backward()


def test_unused_input_is_an_error_unless_allowed():
    x, y = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        torch.autograd.grad((x * 2).sum(), [x, y])
    assert torch.autograd.grad((x * 2).sum(), [x, y], allow_unused=True)[1] is None


def test_grad_of_an_intermediate():
    x = leaf(1.0, 2.0)
    y = x * 3
    (g,) = torch.autograd.grad((y * y).sum(), y)
    assert g.tolist() == [6.0, 12.0]
    assert x.grad is None


def test_backward_with_inputs_touches_no_other_leaf():
    x, y = leaf(2.0), leaf(3.0)
    (x * y).sum().backward(inputs=[x])
    assert x.grad.tolist() == [3.0]
    assert y.grad is None


def test_integer_tensors_cannot_require_gradients():
    with pytest.raises(RuntimeError, match="floating point"):
        torch.ones(2, dtype=torch.int64).requires_grad_()


# ---- in place


def test_in_place_on_a_leaf_is_refused_and_changes_nothing():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        x.add_(1)
    assert x.tolist() == [1.0]
    assert x._version == 0


def test_in_place_on_a_view_of_a_leaf_is_refused():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable"):
        x[0] = 5.0


def test_in_place_keeps_the_history():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.mul_(3)
    y.sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_in_place_saves_what_it_overwrites():
    x = leaf(0.5)
    y = x * 1
    y.sin_()
    y.sum().backward()
    assert x.grad.item() == pytest.approx(0.8775825619, rel=1e-6)  # cos(0.5)


def test_writing_over_a_saved_value_is_noticed():
    x = leaf(1.0)
    y = x.exp()
    z = y * 2
    y.add_(1)  # exp saved its result
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_writing_through_a_view_rewrites_the_history_of_its_base():
    x, w = leaf(1.0, 2.0, 3.0), leaf(10.0)
    y = x * 2
    y[1] = w[0] * 4
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 0.0, 2.0]
    assert w.grad.tolist() == [4.0]


def test_a_view_sees_what_its_base_became():
    x = leaf(1.0, 2.0)
    y = x * 1
    v = y[0]
    y.mul_(5)
    v.backward()
    assert x.grad.tolist() == [5.0, 0.0]


def test_a_constant_base_gains_a_history():
    w = leaf(2.0)
    buffer = torch.zeros(3)
    buffer[1:] = w * 3
    assert buffer.requires_grad
    buffer.sum().backward()
    assert w.grad.tolist() == [6.0]


def test_writing_to_a_view_of_a_view():
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    y = x * 1
    y.t()[1].mul_(10)
    y.sum().backward()
    assert x.grad.tolist() == [[1.0, 10.0, 1.0], [1.0, 10.0, 1.0]]


def test_one_of_many_views_cannot_be_written():
    parts = (leaf(1.0, 2.0) * 1).split(1)
    with pytest.raises(RuntimeError, match="multiple views"):
        parts[0].add_(1)


def test_a_view_made_without_grad_cannot_be_written_with_it():
    y = leaf(1.0, 2.0) * 1
    with torch.no_grad():
        v = y[0]
    with pytest.raises(RuntimeError, match="no_grad mode"):
        v.add_(1)


def test_detach_shares_the_version_counter_and_data_does_not():
    x = torch.ones(2)
    x.detach().add_(1)
    assert x._version == 1
    x.data.add_(1)
    assert x._version == 1
    assert x.tolist() == [3.0, 3.0]


# ---- modes


def test_no_grad_records_nothing():
    x = leaf(1.0)
    with torch.no_grad():
        assert not (x * 2).requires_grad
        with torch.enable_grad():
            assert (x * 2).requires_grad
    assert torch.is_grad_enabled()


def test_modes_survive_exceptions_and_decorate():
    @torch.no_grad()
    def fails():
        raise ValueError

    with pytest.raises(ValueError):
        fails()
    assert torch.is_grad_enabled()


def test_set_grad_enabled_acts_at_once():
    torch.set_grad_enabled(False)
    try:
        assert not torch.is_grad_enabled()
    finally:
        torch.set_grad_enabled(True)


def test_tensors_of_inference_mode_stay_out_of_graphs():
    w = leaf(2.0)
    with torch.inference_mode():
        x = torch.ones(1)
        assert x.is_inference()
        assert not (w * x).requires_grad
        x.add_(1)
    assert not w.is_inference()
    with pytest.raises(RuntimeError, match="cannot be saved for backward"):
        w * x
    with pytest.raises(RuntimeError, match="InferenceMode"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="InferenceMode"):
        x.requires_grad_()
    assert (w * x.clone()).requires_grad


# ---- hooks


def test_tensor_hook_replaces_the_gradient():
    x = leaf(1.0)
    handle = x.register_hook(lambda g: g * 10)
    (x * 2).sum().backward()
    assert x.grad.tolist() == [20.0]
    handle.remove()
    x.grad = None
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2.0]


def test_leaf_hook_sees_the_whole_gradient_once():
    x, seen = leaf(1.0), []
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 2 + x * 3).sum().backward()
    assert seen == [5.0]


def test_hook_on_an_intermediate_and_retained_gradient():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.register_hook(lambda g: g + 1)
    y.retain_grad()
    (y * 3).sum().backward()
    assert y.grad.tolist() == [4.0, 4.0]
    assert x.grad.tolist() == [8.0, 8.0]


def test_a_tensor_that_retained_its_gradient_may_die_first():
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    z = y * 3
    del y
    gc.collect()
    z.sum().backward()
    assert x.grad.tolist() == [6.0]


def test_post_accumulate_hook_runs_after():
    x, seen = leaf(1.0), []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 2).sum().backward()
    assert seen == [2.0]


def test_node_hooks():
    x, order = leaf(1.0), []
    y = x * 2
    y.grad_fn.register_prehook(lambda outs: order.append(("pre", outs[0].item())))
    y.grad_fn.register_hook(lambda ins, outs: order.append(("post", ins[0].item(), outs[0].item())))
    y.sum().backward()
    assert order == [("pre", 1.0), ("post", 2.0, 1.0)]


def test_a_failing_hook_leaves_the_engine_usable():
    x = leaf(1.0)
    y = x * 2

    def fails(grad):
        raise KeyError("mine")

    handle = y.register_hook(fails)
    with pytest.raises(KeyError, match="mine"):
        y.sum().backward(retain_graph=True)
    handle.remove()
    y.sum().backward()
    assert x.grad.tolist() == [2.0]


def test_backward_inside_a_hook():
    x, w = leaf(3.0), leaf(2.0)
    y = x * x

    def inner(grad):
        with torch.enable_grad():
            (w * w).sum().backward()

    y.register_hook(inner)
    y.sum().backward()
    assert x.grad.tolist() == [6.0]
    assert w.grad.tolist() == [4.0]


def test_backward_inside_a_hook_over_the_same_graph():
    x = leaf(3.0)
    y = x * x
    z = y * 2
    inner = []

    def differentiate_again(grad):
        if not inner:
            inner.append(None)
            inner[0] = torch.autograd.grad(z, x, torch.ones(1), retain_graph=True)[0].item()

    z.register_hook(differentiate_again)
    z.sum().backward()
    assert inner == [12.0]
    assert x.grad.tolist() == [12.0]


# ---- the graph as seen from Python


def test_names_and_next_functions():
    x = leaf(1.0)
    y = (x * 2).exp()
    assert y.grad_fn.name() == "ExpBackward0"
    assert type(y.grad_fn).__name__ == "ExpBackward0"
    ((inner, number),) = y.grad_fn.next_functions
    assert inner.name() == "MulBackward0"
    assert number == 0
    accumulate = inner.next_functions[0][0]
    assert accumulate.variable is x
    assert y.grad_fn is y.grad_fn


def test_user_function():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * x**2

    x = leaf(2.0)
    y = Cube.apply(x)
    assert y.grad_fn.name() == "CubeBackward"
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    assert g.tolist() == [12.0]
    assert torch.autograd.grad(g.sum(), x)[0].tolist() == [12.0]


def test_user_function_with_several_results_and_arguments():
    class SumAndDifference(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, scale):
            ctx.scale = scale
            return (a + b) * scale, (a - b) * scale

        @staticmethod
        def backward(ctx, grad_sum, grad_difference):
            return (grad_sum + grad_difference) * ctx.scale, (grad_sum - grad_difference) * ctx.scale, None

    a, b = leaf(1.0), leaf(2.0)
    total, _ = SumAndDifference.apply(a, b, 3.0)
    total.sum().backward()
    assert (a.grad.item(), b.grad.item()) == (3.0, 3.0)


def test_wrong_number_of_gradients_from_a_user_function():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a + b

        @staticmethod
        def backward(ctx, grad):
            return grad

    with pytest.raises(RuntimeError, match="incorrect number of gradients"):
        Wrong.apply(leaf(1.0), leaf(1.0)).sum().backward()


# ---- memory


def make_self_attribute():
    x = torch.ones(1)
    x.me = x
    return weakref.ref(x)


def make_hook_on_itself():
    y = leaf(1.0) * 2
    y.register_hook(lambda g: y and None)
    return weakref.ref(y)


def make_leaf_hook_on_itself():
    x = leaf(1.0)
    x.register_hook(lambda g: x and None)
    return weakref.ref(x)


def make_saved_result():
    y = leaf(1.0).exp()
    y.me = y
    return weakref.ref(y)


def make_leaf_holding_its_function():
    x = leaf(1.0)
    x.cache = x.sin()
    return weakref.ref(x)


def make_grad_owning_its_leaf():
    x = leaf(1.0)
    x.grad = torch.ones(1)
    x.grad.owner = x
    return weakref.ref(x)


def make_context_holding_its_output():
    class Keep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.output = y = x * 2
            return y

        @staticmethod
        def backward(ctx, grad):
            return grad

    y = Keep.apply(leaf(1.0))
    return weakref.ref(y)


@pytest.mark.parametrize(
    "make",
    [
        make_self_attribute,
        make_hook_on_itself,
        make_leaf_hook_on_itself,
        make_saved_result,
        make_leaf_holding_its_function,
        make_grad_owning_its_leaf,
        make_context_holding_its_output,
    ],
)
def test_cycles_are_collected(make):
    reference = make()
    gc.collect()
    assert reference() is None


def test_identity_and_attributes_survive_in_the_core():
    x = leaf(1.0)
    x.grad = torch.ones(1)
    x.grad.tag = "mine"
    gc.collect()
    assert x.grad.tag == "mine"
    assert x.grad is x.grad


def test_a_chain_of_a_million_operations():
    x = leaf(0.5)
    y = x
    for _ in range(1_000_000):
        y = y + 1
    y.sum().backward()
    assert x.grad.tolist() == [1.0]
    del y
    before = torch.memory_stats()["allocated_bytes"]
    z = x
    for _ in range(1000):
        z = z.sin()
    del z
    assert torch.memory_stats()["allocated_bytes"] == before

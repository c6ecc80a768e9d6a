"""What stands around the engine: hooks on captures and on several gradients, anomaly mode, Functions, gradcheck, checkpoints."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

import flambeau as torch
from flambeau.autograd.graph import (
    GradientEdge,
    disable_saved_tensors_hooks,
    get_gradient_edge,
    register_multi_grad_hook,
    save_on_cpu,
    saved_tensors_hooks,
)
from flambeau.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential


def leaf(*values: float) -> Any:
    return torch.tensor(list(values), requires_grad=True)


def double(*values: float) -> Any:
    return torch.tensor(list(values), dtype=torch.float64, requires_grad=True)


def function(forward: Any, backward: Any) -> Any:
    return type(
        "Made",
        (torch.autograd.Function,),
        {"forward": staticmethod(forward), "backward": staticmethod(backward)},
    )


# ---- hooks on captured tensors


def test_captures_pass_through_pack_and_unpack():
    packed = []
    x = leaf(1.0, 2.0)

    def pack(tensor):
        packed.append(tensor.tolist())
        return tensor.tolist()

    with saved_tensors_hooks(pack, torch.tensor):
        y = (x * x).exp()
    y.sum().backward()
    assert packed[0] == [1.0, 2.0]
    assert len(packed) == 3  # both factors, and exp's result
    assert x.grad.tolist() == pytest.approx([2 * 2.718281828, 4 * 54.59815003], rel=1e-5)


def test_unpacked_captures_have_their_history():
    x = double(2.0)
    with saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
        y = (x**3).exp()
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(g.sum(), x)
    import math

    assert second.item() == pytest.approx((6 * 2 + (3 * 4) ** 2) * math.exp(8.0), rel=1e-9)


def test_a_function_saves_through_the_hooks():
    square = function(
        lambda ctx, x: (ctx.save_for_backward(x), x * x)[1], lambda ctx, g: g * 2 * ctx.saved_tensors[0]
    )
    x, seen = leaf(3.0), []
    with saved_tensors_hooks(lambda t: seen.append("pack") or t, lambda t: seen.append("unpack") or t):
        y = square.apply(x)
    y.sum().backward()
    assert seen == ["pack", "unpack"]
    assert x.grad.item() == 6.0


def test_a_pack_hook_may_not_write():
    x = leaf(1.0)
    h = x * 1
    with (
        saved_tensors_hooks(lambda t: t.add_(1), lambda t: t),
        pytest.raises(RuntimeError, match="pack hook is modifying"),
    ):
        h * h


def test_an_unpack_hook_returns_a_tensor():
    x = leaf(1.0)
    with saved_tensors_hooks(lambda t: t, lambda t: 3):
        y = x * x
    with pytest.raises(TypeError, match="unpack_hook expected to be a Tensor but got result of type int"):
        y.sum().backward()


def test_hooks_on_captures_can_be_forbidden():
    with disable_saved_tensors_hooks("not here"):
        with pytest.raises(RuntimeError, match="not here"), saved_tensors_hooks(lambda t: t, lambda t: t):
            pass
    with saved_tensors_hooks(lambda t: t, lambda t: t), pytest.raises(RuntimeError, match="not here"):
        with disable_saved_tensors_hooks("not here"):
            pass


def test_the_innermost_hooks_count():
    x, seen = leaf(2.0), []
    with saved_tensors_hooks(lambda t: seen.append("outer") or t, lambda t: t):
        with saved_tensors_hooks(lambda t: seen.append("inner") or t, lambda t: t):
            x.exp()
        x.exp()
    x.exp()
    assert seen == ["inner", "outer"]


def test_save_on_cpu_gives_the_same_gradient():
    x = leaf(3.0)
    with save_on_cpu():
        y = x * x * x
    y.backward()
    assert x.grad.item() == 27.0


# ---- edges, nodes


def test_an_edge_stands_for_its_tensor():
    x = leaf(2.0)
    y = x * 3
    z = (y * y).sum()
    edge = get_gradient_edge(y)
    assert isinstance(edge, GradientEdge)
    assert edge.node is y.grad_fn
    assert edge.output_nr == 0
    assert torch.autograd.grad(z, edge, retain_graph=True)[0].tolist() == [12.0]
    assert torch.autograd.grad(get_gradient_edge(z), get_gradient_edge(x), retain_graph=True)[0].tolist() == [
        36.0
    ]
    torch.autograd.backward(get_gradient_edge(z), torch.tensor(0.5))
    assert x.grad.tolist() == [18.0]


def test_a_constant_has_no_edge():
    with pytest.raises(RuntimeError, match="does not require gradients"):
        get_gradient_edge(torch.ones(1))


def test_a_node_called_as_a_function_computes_its_derivative():
    x = leaf(1.0, 2.0)
    y = x * 2
    grad, other = y.grad_fn(torch.ones(2))
    assert grad.tolist() == [2.0, 2.0]
    assert other is None
    with pytest.raises(TypeError, match="expected 1 arguments, got 0"):
        y.grad_fn()


def test_nodes_show_what_they_captured():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = x * w
    assert y.grad_fn._saved_self is x
    assert y.grad_fn._saved_other is w
    assert x.exp().grad_fn._saved_result.tolist() == x.exp().tolist()
    assert (x * torch.ones(2)).grad_fn._saved_other.tolist() == [1.0, 1.0]
    with pytest.raises(AttributeError, match="_saved_nothing"):
        y.grad_fn._saved_nothing  # noqa: B018
    y.sum().backward()
    with pytest.raises(RuntimeError, match="already been freed"):
        y.grad_fn._saved_self  # noqa: B018


def test_the_node_of_a_function_shows_its_context():
    made = function(
        lambda ctx, x: (ctx.save_for_backward(x), setattr(ctx, "factor", 3), x * 3)[2], lambda ctx, g: g * 3
    )
    x = leaf(1.0)
    node = made.apply(x).grad_fn
    assert node.factor == 3
    assert node.saved_tensors[0] is x
    assert node.needs_input_grad == (True,)
    assert not hasattr(node, "nothing")


def test_a_hook_stays_with_the_value_it_was_put_on():
    x, seen = leaf(1.0), []
    y = x * 2
    handle = y.register_hook(lambda g: seen.append(g.item()))
    y.mul_(10)
    y.sum().backward(retain_graph=True)
    assert seen == [10.0]
    handle.remove()
    y.sum().backward()
    assert seen == [10.0]


def test_any_callable_is_a_hook():
    class Double:
        def __call__(self, grad):
            return grad * 2

    x = leaf(1.0)
    x.register_hook(Double())
    (x * 3).sum().backward()
    assert x.grad.tolist() == [6.0]


def test_reading_grad_of_a_tensor_that_is_no_leaf_warns():
    y = leaf(1.0) * 2
    with pytest.warns(UserWarning, match="not a leaf Tensor is being accessed"):
        assert y.grad is None
    y.retain_grad()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert y.grad is None


def test_materialized_gradients():
    x, unused = leaf(1.0), leaf(1.0, 2.0)
    (_, zeros) = torch.autograd.grad((x * 2).sum(), [x, unused], materialize_grads=True)
    assert zeros.tolist() == [0.0, 0.0]


def test_gradients_of_a_batch_are_stacked():
    x = leaf(1.0, 2.0)
    (g,) = torch.autograd.grad(x * x, x, torch.eye(2), is_grads_batched=True)
    assert g.tolist() == [[2.0, 0.0], [0.0, 4.0]]


# ---- hooks on several gradients


def test_a_hook_on_several_gradients_runs_once_with_all():
    a, b, c, seen = leaf(2.0), leaf(3.0), leaf(4.0), []
    handle = register_multi_grad_hook(
        (a, b, c), lambda grads: seen.append([None if g is None else g.item() for g in grads])
    )
    (a * b).sum().backward()
    (a * b + c).sum().backward()
    handle.remove()
    (a * b).sum().backward()
    assert seen == [[3.0, 2.0, None], [3.0, 2.0, 1.0]]


def test_a_hook_on_any_gradient_runs_with_the_first():
    a, seen = leaf(2.0), []
    h = a * 3
    register_multi_grad_hook((a, h), lambda g: seen.append(g.item()), mode="any")
    (h * 5).sum().backward()
    assert seen == [5.0]
    with pytest.raises(ValueError, match="Expects mode to be one of"):
        register_multi_grad_hook((a,), lambda g: None, mode="some")


# ---- views and Functions


def view_through_function(x):
    return function(lambda ctx, x: x.view(-1), lambda ctx, g: g).apply(x)


def as_it_is(x):
    return function(lambda ctx, x: x, lambda ctx, g: g * 2).apply(x)


@pytest.mark.parametrize("make", [view_through_function, as_it_is])
def test_a_view_that_a_function_returned_cannot_be_written(make):
    y = leaf(1.0, 2.0) * 1
    v = make(y)
    assert v._base is y
    with pytest.raises(RuntimeError, match="This view was created inside a custom Function"):
        v.add_(1)


def test_a_view_that_a_function_returned_is_stale_after_a_write_to_its_base():
    y = leaf(1.0, 2.0) * 1
    v = view_through_function(y)
    y.add_(1)
    assert v.requires_grad
    assert "<Invalid>" in repr(v)
    with pytest.raises(RuntimeError, match="its base or another view of its base has been modified"):
        v.sum()


def test_an_input_returned_as_it_is_has_the_functions_derivative():
    x = leaf(1.0)
    as_it_is(x).sum().backward()
    assert x.grad.item() == 2.0


def test_a_view_made_in_inference_mode_is_named_as_that():
    y = leaf(1.0, 2.0) * 1
    with torch.inference_mode():
        v = y[:1]
    with pytest.raises(
        RuntimeError, match="A view was created in inference mode and is being modified inplace in normal"
    ):
        v.add_(1)


def test_a_function_may_write_a_view_in_place():
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    x = leaf(1.0, 1.0, 1.0)
    y = x * 1
    function(forward, lambda ctx, g: g * 2).apply(y[:2])
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 1.0]


def test_what_was_marked_dirty_is_returned():
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.clone()

    with pytest.raises(RuntimeError, match="must all be outputs of the Function"):
        function(forward, lambda ctx, g: g).apply(leaf(1.0) * 1)


def test_a_function_marks_no_leaf_dirty():
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x

    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad has been used in an in-place"):
        function(forward, lambda ctx, g: g).apply(leaf(1.0))


def test_vjp_is_backward_by_another_name_but_not_beside_it():
    class Named(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def vjp(ctx, g):
            return g * 7

    x = leaf(1.0)
    Named.apply(x).sum().backward()
    assert x.grad.item() == 7.0

    class Both(Named):
        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(RuntimeError, match="Implementing both 'backward' and 'vjp'"):
        Both.apply(x).sum().backward()


def test_setup_context_sees_default_arguments():
    class Scale(torch.autograd.Function):
        @staticmethod
        def forward(x, factor=2.0):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.factor = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None

    x = leaf(1.0)
    Scale.apply(x).sum().backward()
    assert x.grad.item() == 2.0


def test_absent_gradients_stay_absent_where_that_is_asked_for():
    seen = []

    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        return x.clone(), x.clone()

    def backward(ctx, g, h):
        seen.append((g.tolist(), h))
        return g

    function(forward, backward).apply(leaf(1.0))[0].sum().backward()
    assert seen == [([1.0], None)]


def test_a_gradient_for_what_is_no_tensor_is_refused():
    made = function(lambda ctx, x, n: x * n, lambda ctx, g: (g, g))
    with pytest.raises(RuntimeError, match="returned a gradient different than None at position 2"):
        made.apply(leaf(1.0), 3).sum().backward()


# ---- anomaly mode


def test_anomaly_mode_names_the_function_and_shows_the_forward_call():
    x = torch.zeros(2, requires_grad=True)
    with torch.autograd.set_detect_anomaly(True):
        y = (x * 0 / x).sum()
        with (
            pytest.warns(UserWarning, match=r"(?s)Error detected in DivBackward0.*test_anomaly_mode_names"),
            pytest.raises(
                RuntimeError, match="Function 'DivBackward0' returned nan values in its 1th output"
            ),
        ):
            y.backward()
    assert not torch.is_anomaly_enabled()


def test_anomaly_mode_shows_where_a_failing_node_was_recorded():
    x = leaf(1.0)
    with (
        pytest.warns(UserWarning, match="Anomaly Detection has been enabled"),
        torch.autograd.detect_anomaly(),
    ):
        y = x.exp()
        z = y * 1
        y.add_(1)
        with (
            pytest.warns(UserWarning, match="Error detected in ExpBackward0"),
            pytest.raises(
                RuntimeError, match="which is output 0 of Exp, is at version 1; expected version 0"
            ),
        ):
            z.sum().backward()


def test_anomaly_mode_without_the_search_for_nan():
    x = torch.zeros(1, requires_grad=True)
    with torch.autograd.set_detect_anomaly(True, check_nan=False):
        assert not torch.is_anomaly_check_nan_enabled()
        (x * 0 / x).sum().backward()
    assert x.grad.isnan().all()
    assert torch.is_anomaly_check_nan_enabled()


# ---- gradcheck


@pytest.mark.parametrize("fast", [False, True])
def test_gradcheck_passes_what_is_right(fast):
    a, b = double(0.5, 1.5), double(2.0, 3.0)
    assert torch.autograd.gradcheck(lambda a, b: (a.sin() * b, a @ b), (a, b), fast_mode=fast)
    assert torch.autograd.gradgradcheck(lambda a, b: a**3 * b, (a, b), fast_mode=fast)


@pytest.mark.parametrize("fast", [False, True])
def test_gradcheck_refuses_what_is_wrong(fast):
    wrong = function(lambda ctx, x: x * 2, lambda ctx, g: g * 3)
    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"):
        torch.autograd.gradcheck(wrong.apply, (double(1.0, 2.0),), fast_mode=fast)
    assert not torch.autograd.gradcheck(wrong.apply, (double(1.0),), fast_mode=fast, raise_exception=False)


@pytest.mark.parametrize(
    ("backward", "message"),
    [
        (lambda ctx, g: g * 2 + g * torch.rand(1, dtype=torch.float64) * 1e-7, "Backward is not reentrant"),
        (lambda ctx, g: g * 2 + 1e-7, "backward not multiplied by grad_output"),
    ],
)
def test_gradcheck_tells_what_rule_is_broken(backward, message):
    with pytest.raises(RuntimeError, match=message):
        torch.autograd.gradcheck(function(lambda ctx, x: x * 2, backward).apply, (double(1.0, 2.0),))


def test_gradcheck_allows_a_tolerance_for_chance():
    noisy = function(
        lambda ctx, x: x * 2, lambda ctx, g: g * 2 + g * torch.rand(1, dtype=torch.float64) * 1e-7
    )
    assert torch.autograd.gradcheck(noisy.apply, (double(1.0, 2.0),), nondet_tol=1e-6)


def test_gradcheck_of_a_function_without_differentiable_results():
    with pytest.raises(RuntimeError, match="expected to be zero"):
        torch.autograd.gradcheck(lambda x: x.detach() * 2, (double(1.0),))
    assert torch.autograd.gradcheck(lambda x: torch.ones(2), (double(1.0),))


def test_gradcheck_wants_an_input_to_check():
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        torch.autograd.gradcheck(lambda x: x, (torch.ones(2, dtype=torch.float64),))
    with pytest.warns(UserWarning, match="not a double precision"), pytest.raises(RuntimeError):
        torch.autograd.gradcheck(lambda x: x * x, (leaf(1.0),))


def test_gradgradcheck_refuses_a_backward_that_cuts_the_graph():
    square = function(
        lambda ctx, x: (ctx.save_for_backward(x), x * x)[1],
        lambda ctx, g: g * 2 * ctx.saved_tensors[0].detach(),
    )
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        torch.autograd.gradgradcheck(square.apply, (double(1.0, 2.0),))


@pytest.mark.parametrize("option", ["check_batched_grad", "check_forward_ad", "check_batched_forward_grad"])
def test_gradcheck_names_what_is_not_there(option):
    with pytest.raises(NotImplementedError, match=option):
        torch.autograd.gradcheck(lambda x: x, (double(1.0),), **{option: True})


@pytest.mark.parametrize(
    "view",
    [
        lambda b: b[0],
        lambda b: b.t()[1],
        lambda b: b.view(6)[2:5],
        lambda b: b.transpose(0, 1),
        lambda b: b.unsqueeze(1),
        lambda b: b.narrow(1, 0, 2),
        lambda b: b.diagonal(),
        lambda b: b.as_strided((2, 2), (3, 1), 1),
        lambda b: b.permute(1, 0)[::2],
        lambda b: b[:],
    ],
)
def test_written_views_beside_their_base(view):
    def write(x):
        base = x * 1
        other, written = base[1:], view(base)
        written.mul_(2).add_(written)
        return base, written, other

    x = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(write, (x,))
    assert torch.autograd.gradgradcheck(write, (x,))


# ---- checkpoints


def segment(x: Any) -> Any:
    return (x.sin() * x).exp()


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpointed_segment_has_the_same_gradient(reentrant):
    x, y = leaf(0.5, 1.0), leaf(0.5, 1.0)
    segment(x).sum().backward()
    checkpoint(segment, y * 1, use_reentrant=reentrant).sum().backward()
    assert y.grad.tolist() == pytest.approx(x.grad.tolist())


@pytest.mark.parametrize("reentrant", [False, True])
def test_a_checkpointed_segment_draws_the_same_numbers_again(reentrant):
    x = torch.ones(50, requires_grad=True)
    torch.manual_seed(3)
    y = checkpoint(lambda x: torch.nn.functional.dropout(x, 0.5), x, use_reentrant=reentrant)
    torch.rand(7)
    state = torch.get_rng_state()
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())
    assert torch.equal(state, torch.get_rng_state())


def test_a_checkpoint_keeps_nothing_of_its_segment():
    held = []

    def count(x):
        held.append(1)
        return segment(x)

    x = leaf(0.5)
    with saved_tensors_hooks(lambda t: held.append("kept") or t, lambda t: t):
        y = checkpoint(count, x, use_reentrant=False)
        assert held == [1]
    y.sum().backward()
    assert held == [1, 1]


def test_checkpoints_nest_and_stand_in_graphs_that_are_kept():
    def outer(x):
        return checkpoint(segment, x, use_reentrant=False).sin() * x

    x = leaf(0.5)
    y = checkpoint(outer, x, use_reentrant=False).sum()
    (first,) = torch.autograd.grad(y, x, retain_graph=True)
    (again,) = torch.autograd.grad(y, x)
    (plain,) = torch.autograd.grad((segment(x).sin() * x).sum(), x)
    assert first.item() == again.item() == pytest.approx(plain.item())


def test_a_second_run_that_does_something_else_is_noticed():
    runs = []

    def changing(x):
        runs.append(1)
        return x.exp().sin() if len(runs) == 1 else x.exp()

    y = checkpoint(changing, leaf(1.0, 2.0), use_reentrant=False)
    with pytest.raises(CheckpointError, match="A different number of tensors was saved"):
        y.sum().backward()
    runs.clear()

    def shrinking(x):
        runs.append(1)
        return x.exp() if len(runs) == 1 else x[:1].exp()

    y = checkpoint(shrinking, leaf(1.0, 2.0), use_reentrant=False)
    with pytest.raises(CheckpointError, match="have different metadata"):
        y.sum().backward()


def test_reentrant_checkpoints_refuse_grad():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="incompatible with .grad"):
        torch.autograd.grad(checkpoint(segment, x, use_reentrant=True).sum(), x)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: k"):
        checkpoint(segment, x, use_reentrant=True, k=1)


def test_a_sequence_in_segments():
    x, y = leaf(0.3), leaf(0.3)
    steps = [torch.sin, torch.exp, torch.cos, torch.tanh, torch.sin]
    value = y
    for step in steps:
        value = step(value)
    value.sum().backward()
    checkpoint_sequential(steps, 2, x, use_reentrant=False).sum().backward()
    assert x.grad.tolist() == pytest.approx(y.grad.tolist())


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.nn.functional.dropout(x, 0.5),
        lambda x: torch.nn.functional.cross_entropy(x, torch.tensor([0, 2, 1, 1])),
        lambda x: torch.nn.functional.nll_loss(x, torch.tensor([0, 2, 1, 1])),
        lambda x: torch.nn.functional.max_pool2d(x.reshape(1, 1, 4, 3), 2),
        lambda x: x.max(0).values,
        lambda x: x.cummax(0).values,
    ],
    ids=["dropout", "cross_entropy", "nll_loss", "max_pool2d", "max", "cummax"],
)
def test_pack_hooks_see_what_the_forward_computed(function):
    gradients = []
    for pack in (lambda t: t, lambda t: t.clone()):
        torch.manual_seed(0)
        x = torch.randn(4, 3, requires_grad=True)
        with saved_tensors_hooks(pack, lambda t: t):
            y = function(x)
        y.sum().backward()
        gradients.append(x.grad)
    assert torch.equal(*gradients)


def test_a_gradient_lies_on_the_device_of_its_tensor():
    x = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="attempting to assign a gradient with device type 'meta'"):
        x.grad = torch.ones(3, device="meta")
    with pytest.raises(RuntimeError, match="incompatible tensor type"):
        x.data = torch.ones(3, device="meta")


def test_a_gradient_of_another_device_is_refused_before_it_is_summed():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return torch.ones(3, device="meta")

    with pytest.raises(RuntimeError, match="expected device cpu but got meta"):
        Wrong.apply(torch.ones((), requires_grad=True)).backward()


def test_gradients_of_one_result_add_up_on_their_own_device():
    x = torch.ones(2, device="meta", requires_grad=True)
    y, z = x * 2, torch.ones((), requires_grad=True) * 2
    torch.autograd.backward(
        [z, y, y], [torch.ones(()), torch.ones(2, device="meta"), torch.ones(2, device="meta")]
    )
    assert x.grad.is_meta and x.grad.shape == (2,)


# ---- contexts of Functions


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        ("mark_non_differentiable", "mark_non_differentiable only accepts variable arguments, but got int"),
        ("mark_dirty", "mark_dirty can only accept variables"),
    ],
)
@pytest.mark.parametrize("recorded", [False, True])
def test_only_tensors_are_marked(mark, words, recorded):
    def forward(ctx, x):
        getattr(ctx, mark)(3)
        return x * 2

    with pytest.raises(RuntimeError, match=words):
        function(forward, lambda ctx, g: g).apply(torch.ones(2, requires_grad=recorded))


def test_an_input_returned_as_a_constant_keeps_its_own_gradient():
    def forward(ctx, x, y):
        ctx.mark_non_differentiable(x)
        return x, x * y

    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    constant, product = function(forward, lambda ctx, g, h: (h * 3, h * 5)).apply(x, y)
    assert x.requires_grad and not constant.requires_grad and product.requires_grad
    assert constant is not x and constant.data_ptr() == x.data_ptr()
    product.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0] and y.grad.tolist() == [5.0, 5.0]


def test_an_input_returned_unrecorded_is_another_tensor_without_gradient():
    as_it_is = function(lambda ctx, x: x, lambda ctx, g: g)
    x = leaf(1.0, 2.0)
    with torch.no_grad():
        y = as_it_is.apply(x)
    assert y is not x and not y.requires_grad and y.data_ptr() == x.data_ptr()
    constant = torch.ones(2)
    assert as_it_is.apply(constant) is not constant


def test_marking_what_is_no_input_as_dirty_warns():
    def forward(ctx, x):
        y = x * 2
        ctx.mark_dirty(y)
        return y

    with pytest.warns(UserWarning, match="received a tensor that was not an input"):
        function(forward, lambda ctx, g: g * 2).apply(leaf(1.0))


def test_arguments_by_name_take_their_places():
    seen = []

    def forward(ctx, x, w=None, k=2):
        seen.append((ctx.needs_input_grad, k))
        return x * k

    scaled = function(forward, lambda ctx, g: (g, g * 3)[: len(ctx.needs_input_grad)])
    w = leaf(1.0)
    scaled.apply(torch.ones(1), w=w).backward()
    assert w.grad.tolist() == [3.0]
    scaled.apply(leaf(1.0))
    assert seen == [((False, True), 2), ((True,), 2)]
    with pytest.raises(TypeError, match=r"forward\(\) missing required argument: 'w' \(position 1\)"):
        scaled.apply(torch.ones(1), k=3)
    with pytest.raises(TypeError, match=r"forward\(\) got an unexpected keyword argument 'q'"):
        scaled.apply(torch.ones(1), q=3)


def test_saved_tensors_are_gone_with_the_graph_whatever_they_were():
    seen = []

    def keep(*saved):
        def forward(ctx, x):
            ctx.save_for_backward(*saved)
            return x.sum()

        def backward(ctx, g):
            seen.append(ctx.saved_tensors)
            return g.expand(2)

        return function(forward, backward).apply(leaf(1.0, 2.0))

    for saved in ((), (None,)):
        y = keep(*saved)
        y.backward(retain_graph=True)
        y.backward()
        assert seen == [saved, saved]
        seen.clear()
        with pytest.raises(RuntimeError, match="backward through the graph a second time"):
            y.backward()


def test_a_context_knows_its_name_and_former_attributes():
    def forward(ctx, x):
        ctx.save_for_backward(x)
        assert ctx.name() == type(ctx).__name__
        with pytest.raises(TypeError, match=r"set_materialize_grads .* expected \(bool\)"):
            ctx.set_materialize_grads(3)
        with pytest.raises(AssertionError, match="save_for_forward expects all arguments to be tensors"):
            ctx.save_for_forward([x])
        ctx.save_for_forward(x, None)
        return x * 2

    def backward(ctx, g):
        with pytest.warns(DeprecationWarning, match="'saved_variables' is deprecated"):
            (x,) = ctx.saved_variables
        assert ctx.saved_for_forward[0] is x and ctx.saved_for_forward[1] is None
        return g * x

    x = leaf(3.0)
    function(forward, backward).apply(x).backward()
    assert x.grad.tolist() == [3.0]


def test_a_function_says_how_it_acts_on_batches():
    assert torch.autograd.Function.generate_vmap_rule is False
    with pytest.raises(NotImplementedError, match="override the vmap staticmethod or set generate_vmap_rule"):
        torch.autograd.Function.vmap({}, (), 1)


def test_a_function_is_no_object():
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        instance = function(lambda ctx, x: x * 2, lambda ctx, g: g)()
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward method"):
        instance(torch.ones(1))


# ---- arguments of backward and grad


def test_the_gradient_of_a_tensor_may_stand_in_a_list():
    x = leaf(1.0, 2.0)
    (x * x).backward([torch.ones(2)])
    assert x.grad.tolist() == [2.0, 4.0]


@pytest.mark.parametrize(
    ("gradient", "error", "words"),
    [
        ([1.0, 1.0], TypeError, "gradients can be either Tensors or None, but got float"),
        ("a", TypeError, "gradients can be either Tensors or None, but got str"),
        (3, TypeError, "'int' object is not iterable"),
        ([], RuntimeError, "got 1 tensors and 0 gradients"),
    ],
)
def test_other_gradients_are_refused(gradient, error, words):
    x = leaf(1.0, 2.0)
    for differentiate in (
        lambda y: y.backward(gradient),
        lambda y: torch.autograd.backward(y, gradient),
        lambda y: torch.autograd.grad(y, x, gradient),
    ):
        with pytest.raises(error, match=words):
            differentiate(x * x)


@pytest.mark.parametrize("wrong", [3, "a", None])
def test_only_tensors_and_edges_are_differentiated(wrong):
    x = leaf(1.0)
    with pytest.raises(AssertionError, match=r"Expected output to be a torch\.Tensor"):
        torch.autograd.grad([wrong], x)
    name = type(wrong).__name__
    for differentiate in (
        lambda: torch.autograd.grad(x * 2, [wrong]),
        lambda: torch.autograd.backward(x * 2, inputs=[x, wrong]),
        lambda: (x * 2).backward(inputs=[wrong]),
    ):
        with pytest.raises(
            RuntimeError, match=f"all inputs have to be Tensors or GradientEdges, but got {name}"
        ):
            differentiate()


def test_grad_needs_inputs():
    with pytest.raises(RuntimeError, match=r"`inputs` argument to `grad\(\)` cannot be empty\."):
        torch.autograd.grad(leaf(1.0) * 2, [])


def test_backward_takes_edges_as_inputs():
    x = leaf(3.0)
    (x * x).backward(inputs=[get_gradient_edge(x)])
    assert x.grad.tolist() == [6.0]


@pytest.mark.parametrize("flag", ["retain_graph", "create_graph"])
def test_flags_of_backward_are_numbers(flag):
    x = leaf(1.0)
    with pytest.raises(TypeError, match="'str' object cannot be interpreted as an integer"):
        (x * x).backward(**{flag: "a"})
    with pytest.raises(TypeError, match="'str' object cannot be interpreted as an integer"):
        torch.autograd.grad(x * x, x, **{flag: "a"})


def test_backward_with_create_graph_warns_once(monkeypatch):
    monkeypatch.setattr(torch.autograd, "_warned_of_cycle", False)
    x = leaf(2.0)
    with pytest.warns(UserWarning, match="will create a reference cycle") as told:
        (x * x).backward(create_graph=True)
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.autograd.backward(x * x, create_graph=True)
    x.grad = None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (3, r"increment_version expect a Iterable\[Tensor\] as input"),
        ([3], "increment_version expects each element of the iterable to be a tensor"),
    ],
)
def test_versions_of_tensors_alone_are_counted(wrong, words):
    with pytest.raises(RuntimeError, match=words):
        torch.autograd.graph.increment_version(wrong)


def test_anomaly_mode_is_switched_by_bools():
    words = r"set_anomaly_enabled\(\): argument 'enabled' \(position 1\) must be bool, not int"
    with pytest.raises(TypeError, match=words):
        torch.autograd.set_detect_anomaly(3)
    with pytest.raises(TypeError, match=r"argument 'check_nan' \(position 2\) must be bool, not int"):
        torch.autograd.set_detect_anomaly(True, 3)
    assert not torch.is_anomaly_enabled()


def test_writing_to_captures_is_not_allowed_for_yet():
    with (
        pytest.raises(NotImplementedError, match="allow_mutation_on_saved_tensors"),
        torch.autograd.graph.allow_mutation_on_saved_tensors(),
    ):
        pass


def test_debugging_of_checkpoints_is_refused_by_name_and_switched_by_a_block():
    from flambeau.utils.checkpoint import set_checkpoint_debug_enabled

    def run(**keywords):
        x = leaf(0.0)
        checkpoint(torch.exp, x, use_reentrant=False, **keywords).backward()
        return x.grad.tolist()

    with pytest.raises(NotImplementedError, match=r"checkpoint\(debug=True\)"):
        run(debug=True)
    with (
        set_checkpoint_debug_enabled(True),
        pytest.raises(NotImplementedError, match=r"checkpoint\(debug=True\)"),
    ):
        run()
    with set_checkpoint_debug_enabled(False):
        assert run(debug=True) == [1.0]
    assert run() == [1.0]
    with pytest.raises(
        ValueError, match="`context_fn` or `debug` is only supported when use_reentrant=False"
    ):
        checkpoint(torch.exp, leaf(0.0), use_reentrant=True, debug=True)


def test_selective_checkpoints_are_refused_by_name():
    from flambeau.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts

    assert [policy.value for policy in CheckpointPolicy] == [0, 1, 2, 3, 4, 5]
    with pytest.raises(NotImplementedError, match="create_selective_checkpoint_contexts"):
        create_selective_checkpoint_contexts(lambda ctx, op, *args: CheckpointPolicy.MUST_SAVE)


# ---- captures one by one


def test_a_pair_of_hooks_on_one_capture_packs_and_unpacks_it():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.tensor([3.0, 4.0], requires_grad=True)
    z = x * y
    calls = []
    saved = z.grad_fn._raw_saved_self
    assert saved.unpack_hook is None
    assert saved.data.tolist() == [1, 2]

    def unpack(doubled):
        calls.append("unpack")
        return doubled * 10

    saved.register_hooks(lambda t: (calls.append("pack"), t * 2)[1], unpack)
    assert saved.unpack_hook is unpack
    assert saved.data.tolist() == [2, 4]
    assert z.grad_fn._saved_self.tolist() == [20, 40]
    z.sum().backward()
    assert calls == ["pack", "unpack", "unpack"]
    assert x.grad.tolist() == [3, 4]
    assert y.grad.tolist() == [20, 40]


def test_hooks_on_a_captured_result():
    x = torch.zeros(2, requires_grad=True)
    z = x.exp()
    z.grad_fn._raw_saved_result.register_hooks(
        lambda t: t.tolist(), lambda numbers: torch.tensor(numbers) * 3
    )
    z.sum().backward()
    assert x.grad.tolist() == [3, 3]


def test_factors_of_a_square_have_a_capture_each():
    x = torch.tensor([2.0], requires_grad=True)
    z = x * x
    z.grad_fn._raw_saved_self.register_hooks(lambda t: t, lambda t: t * 10)
    assert z.grad_fn._saved_self.item() == 20
    assert z.grad_fn._saved_other.item() == 2
    z.backward()
    assert x.grad.item() == 22


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda node: node._raw_saved_self.register_hooks(1, lambda t: t), TypeError, "callable"),
        (lambda node: node._raw_saved_self.register_hooks(lambda t: t.mul_(2), None), TypeError, "callable"),
        (
            lambda node: node._raw_saved_self.register_hooks(lambda t: t.detach().mul_(2), lambda t: t),
            RuntimeError,
            "A saved tensor pack hook is modifying its input in place",
        ),
        (
            lambda node: [node._raw_saved_self.register_hooks(lambda t: t, lambda t: t) for _ in range(2)],
            RuntimeError,
            "whose hooks have already been set",
        ),
        (lambda node: type(node._raw_saved_self)(), RuntimeError, "from Python is forbidden"),
        (lambda node: node._raw_saved_nobody, AttributeError, "_raw_saved_nobody"),
    ],
)
def test_wrong_hooks_on_a_capture_are_refused(spoil, error, message):
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(error, match=message):
        spoil((x * x.detach().requires_grad_()).grad_fn)


def test_hooks_on_a_freed_capture_are_refused():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    z = x.sin()
    saved = z.grad_fn._raw_saved_self
    z.sum().backward()
    assert saved.data is None
    for raw in (saved, z.grad_fn._raw_saved_self):
        with pytest.raises(RuntimeError, match="after it has been freed"):
            raw.register_hooks(lambda t: t, lambda t: t)
    with pytest.raises(RuntimeError, match="second time"):
        saved.unpack()


def test_what_a_function_saved_can_be_packed():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            ctx.save_for_backward(a, None, a * 2)
            return a * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * ctx.saved_tensors[0]

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    z = Double.apply(x)
    first, nothing, third = z.grad_fn._raw_saved_tensors
    assert nothing.unpack() is None
    with pytest.raises(RuntimeError, match="with value None is forbidden"):
        nothing.register_hooks(lambda t: t, lambda t: t)
    assert third.unpack().tolist() == [2, 4]
    first.register_hooks(lambda t: t, lambda t: t * 5)
    z.sum().backward()
    assert x.grad.tolist() == [5, 10]
    with pytest.raises(RuntimeError, match="second time"):
        _ = z.grad_fn._raw_saved_tensors


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (torch.exp, ["result"]),
        (torch.sin, ["self"]),
        (lambda x: x * x.detach().requires_grad_(), ["other", "self"]),
        (lambda x: x[None] @ x.detach().requires_grad_()[:, None], ["mat2", "self"]),
        (torch.sum, []),
    ],
)
def test_the_captures_of_a_node_are_in_its_directory(call, names):
    node = call(torch.ones(2, requires_grad=True)).grad_fn
    assert [name for name in dir(node) if name.startswith("_saved_")] == [f"_saved_{name}" for name in names]
    assert [name for name in dir(node) if name.startswith("_raw_saved_")] == [
        f"_raw_saved_{name}" for name in names
    ]
    assert "next_functions" in dir(node)

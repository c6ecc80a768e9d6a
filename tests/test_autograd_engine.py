"""The engine: what it checks, when hooks run, what captures hold, threads, the collector. Values from formulas."""

from __future__ import annotations

import gc
import math
import re
import threading
import weakref
from typing import Any

import pytest

import flambeau as torch


def leaf(*values: float) -> Any:
    return torch.tensor(list(values), requires_grad=True)


def values(t: Any) -> set[float]:
    return {t.detach().min().item(), t.detach().max().item()}


def returning(gradient: Any) -> Any:
    """A function like clone() whose backward returns that gradient."""

    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return gradient

    return Bad.apply


# ---- a value that the forward overwrites keeps its history


def second_derivative(function: Any, at: float) -> float:
    y = leaf(at)
    (g,) = torch.autograd.grad(function(y).sum(), y, create_graph=True)
    return torch.autograd.grad(g.sum(), y)[0].item()


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda y: (y * 1).pow_(3), 12.0),
        (lambda y: (y * 1).mul_(y), 2.0),
        (lambda y: (y * 1).sin_(), -math.sin(2.0)),
        (lambda y: (y * 1).mul_(2).add_(y * y).pow_(2), 104.0),  # (2y + y^2)^2
        (lambda y: (lambda b: (b.view(1).pow_(3), b)[1])(y * 1), 12.0),
        (lambda y: (lambda b: (b[0].exp_(), b)[1])(y * 1), math.exp(2.0)),
        (lambda y: (lambda b: (b[0].mul_(2).exp_(), b)[1])(y * 1) ** 2, 16 * math.exp(8.0)),
    ],
)
def test_second_derivatives_pass_through_in_place_writes(function, expected):
    assert second_derivative(function, 2.0) == pytest.approx(expected, rel=1e-5)


def arguments_for(schema: str, shape: tuple[int, ...]) -> list[Any] | None:
    """Values for the required arguments behind self; None where a type has no obvious one."""
    wanted = re.match(r"[\w.]+\((.*)\) ->", schema)
    found: list[Any] = []
    for part in wanted.group(1).split(", ")[1:]:
        if part.startswith("*") or "=" in part:
            break
        kind = part.rsplit(" ", 1)[0]
        if kind in ("Tensor", "Tensor|Number"):
            count = math.prod(shape)
            found.append((torch.arange(count, dtype=torch.float64).reshape(shape) + 2) / (count + 3))
        elif kind in ("Number", "float"):
            found.append(0.75)
        else:
            return None
    return found


def in_place_operators() -> list[tuple[str, str]]:
    pairs = []
    for name in dir(torch.Tensor):
        plain = getattr(torch.Tensor, name[:-1], None)
        written = getattr(torch.Tensor, name, None)
        if (
            name.endswith("_")
            and not name.startswith("_")
            and hasattr(plain, "schemas")
            and hasattr(written, "schemas")
        ):
            pairs += [(name[:-1], schema) for schema in plain.schemas]
    return pairs


def written_through_view(base: Any, name: str, arguments: list[Any]) -> Any:
    getattr(base[:], name)(*arguments)
    return base


# Their in-place form draws, or changes more than values.
NOT_COMPARED = {"bernoulli", "dropout", "alpha_dropout", "feature_dropout", "rrelu", "resize", "detach"}


def test_second_derivatives_of_in_place_forms_are_those_of_the_plain_forms():
    compared = []
    for name, schema in in_place_operators():
        arguments = arguments_for(schema, (2, 3))
        if name in NOT_COMPARED or arguments is None:
            continue
        start = torch.tensor([[0.2, 0.3, 0.45], [0.6, 0.7, 0.85]], dtype=torch.float64)
        weight = torch.tensor([[1.0, -2.0, 3.0], [0.5, 1.5, -1.0]], dtype=torch.float64)
        found = []
        for form in (
            lambda y, n=name, a=arguments: getattr(y * 1, n)(*a),
            lambda y, n=name, a=arguments: getattr(y * 1, n + "_")(*a),
            lambda y, n=name, a=arguments: written_through_view(y * 1, n + "_", a),
        ):
            y = start.clone().requires_grad_()
            try:
                out = form(y)
                if out.dtype != torch.float64 or not out.requires_grad:
                    break
                (g,) = torch.autograd.grad((out * weight).sum(), y, create_graph=True)
            except (RuntimeError, TypeError, ValueError, NotImplementedError, IndexError):
                assert not found, f"{schema}: the plain form works, the in-place form does not"
                break
            second = (
                torch.autograd.grad((g * weight).sum(), y, allow_unused=True)[0] if g.requires_grad else None
            )
            found.append((out.detach(), g.detach(), torch.zeros_like(y) if second is None else second))
        if len(found) == 3:
            compared.append(name)
            for other in found[1:]:
                for a, b in zip(found[0], other, strict=True):
                    assert torch.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True), schema
    assert len(set(compared)) > 60, sorted(set(compared))


# ---- gradients are checked where they flow


@pytest.mark.parametrize(
    "layer",
    [
        lambda x: torch.nn.functional.conv2d(x, torch.ones(2, 2, 3, 3)),
        lambda x: x.softmax(-1),
        lambda x: torch.nn.functional.max_pool2d(x, 2),
        lambda x: torch.nn.functional.nll_loss(x, torch.zeros(1, 6, 6, dtype=torch.int64), reduction="none"),
    ],
)
def test_a_gradient_of_another_shape_is_refused_by_name(layer):
    y = layer(torch.ones(1, 2, 6, 6, requires_grad=True))
    with pytest.raises(
        RuntimeError,
        match=r"Function BadBackward returned an invalid gradient at index 0 - got \[5, 2\] but expected shape "
        r"compatible with \[1, ",
    ):
        returning(torch.ones(5, 2))(y).sum().backward()


def test_a_gradient_that_was_broadcast_is_summed():
    x = leaf(1.0, 2.0, 3.0)
    returning(torch.ones(2, 3))(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_a_gradient_smaller_than_its_tensor_is_refused():
    with pytest.raises(RuntimeError, match="invalid gradient at index 0"):
        returning(torch.ones(1))(leaf(1.0, 2.0)).sum().backward()


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64, torch.bool])
def test_a_gradient_of_another_dtype_is_cast(dtype):
    x = leaf(1.0, 2.0)
    seen = []
    y = x * 3
    y.register_hook(lambda g: seen.append(g.dtype))
    returning(torch.ones(2, dtype=dtype))(y).sum().backward()
    assert seen == [torch.float32]
    assert x.grad.tolist() == [3.0, 3.0]


def test_a_gradient_on_another_device_is_refused():
    with pytest.raises(RuntimeError, match="expected device cpu but got meta"):
        returning(torch.ones(2, device="meta"))(leaf(1.0, 2.0)).sum().backward()


def test_what_a_function_returns_beside_tensors_is_refused():
    with pytest.raises(RuntimeError, match=r"expected Variable or None \(got int\)"):
        returning(3)(leaf(1.0)).sum().backward()


def through_tensor_hook(y, hook):
    y.register_hook(hook)


def through_prehook(y, hook):
    y.grad_fn.register_prehook(lambda grads: (hook(grads[0]),))


def through_posthook(y, hook):
    y.grad_fn.register_hook(lambda ins, outs: (hook(ins[0]), *ins[1:]))


@pytest.mark.parametrize("place", [through_tensor_hook, through_prehook, through_posthook])
@pytest.mark.parametrize(
    ("hook", "error", "message"),
    [
        (lambda g: g.double(), RuntimeError, r"has changed the type of value \(was torch.FloatTensor got torch.DoubleTensor\)"),
        (lambda g: g[:1], RuntimeError, "has changed the size of value"),
        (lambda g: 3, TypeError, "expected Variable, but hook returned 'int'"),
    ],
)  # fmt: skip
def test_hooks_keep_the_form_of_a_gradient(place, hook, error, message):
    y = leaf(1.0, 2.0) * 2
    place(y, hook)
    with pytest.raises(error, match=message):
        y.sum().backward()


def test_node_hooks_return_as_many_values_as_they_got():
    y = leaf(1.0) * 2
    y.grad_fn.register_prehook(lambda grads: (grads[0], grads[0]))
    with pytest.raises(RuntimeError, match=r"incorrect number of values \(got 2, but expected 1\)"):
        y.sum().backward()


def test_an_absent_gradient_cannot_be_replaced():
    y = leaf(1.0) * 2
    y.grad_fn.register_hook(lambda ins, outs: (ins[0], ins[0]))
    with pytest.raises(RuntimeError, match="can't replace a None gradient with a non-None value"):
        y.sum().backward()


# ---- when things run


def test_a_leaf_is_finished_as_soon_as_its_gradient_is_complete():
    order = []
    w1, w2 = leaf(1.0, 1.0), leaf(1.0, 1.0)
    w2.register_post_accumulate_grad_hook(lambda p: order.append(p.grad.tolist()))
    h = w1 * 2
    h.register_hook(lambda g: order.append("h"))
    (h * w2).sum().backward()
    assert order == [[2.0, 2.0], "h"]


def test_a_leaf_that_is_used_twice_waits_for_both():
    order, w = [], leaf(2.0)
    w.register_hook(lambda g: order.append(g.item()))
    h = w * 3
    h.register_hook(lambda g: order.append("h"))
    (h * w).sum().backward()  # 3 w^2
    assert order == ["h", 12.0]
    assert w.grad.item() == 12.0


def test_a_hook_sees_the_leafs_gradient_complete_in_a_restricted_pass():
    order, w, v = [], leaf(2.0), leaf(5.0)
    w.register_hook(lambda g: order.append(g.item()))
    v.register_hook(lambda g: order.append("v"))
    out = torch.autograd.grad((w * 3 * w * v).sum(), w)
    assert out[0].item() == 60.0
    assert order == [60.0]
    assert v.grad is None


def test_the_hooks_of_a_leaf_run_in_order():
    w, order = leaf(1.0), []
    w.register_post_accumulate_grad_hook(lambda p: order.append("after accumulation"))
    accumulate = (w * 1).grad_fn.next_functions[0][0]
    accumulate.register_hook(lambda ins, outs: order.append("node"))
    accumulate.register_prehook(lambda outs: order.append("before the node"))
    w.register_hook(lambda g: order.append("tensor"))
    (w * 2).sum().backward()
    assert order == ["tensor", "before the node", "after accumulation", "node"]


def test_functions_run_with_zeros_where_nothing_flowed():
    seen = []

    class Seen(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            seen.append(grad.tolist())
            return grad

    x = leaf(1.0, 2.0)
    returning(None)(Seen.apply(x) * 2).sum().backward()
    assert seen == [[0.0, 0.0]]
    assert x.grad.tolist() == [0.0, 0.0]


def test_partial_gradients_of_many_leaves_add_up_at_once():
    weights = [torch.ones(1024, requires_grad=True) for _ in range(12)]
    x = torch.ones(1024)
    y = x
    for _ in range(40):
        for w in weights:
            y = y * w
    loss = y.sum()
    del y
    loss.backward()
    assert all(values(w.grad) == {40.0} for w in weights)


def test_the_place_of_a_gradient_asked_for_does_not_run():
    x = leaf(1.0, 2.0)
    y = x.exp()
    (g,) = torch.autograd.grad((y * y).sum(), y)
    y.backward(g)  # exp's captures are still there
    assert x.grad.tolist() == pytest.approx([2 * math.exp(2.0), 2 * math.exp(4.0)], rel=1e-5)


def test_backward_with_respect_to_a_tensor_that_is_no_leaf_fills_its_grad():
    x = leaf(1.0)
    h = x * 2
    (h * 3).sum().backward(inputs=[h])
    assert h.grad.tolist() == [3.0]
    assert x.grad is None


def test_retained_gradients_are_filled_by_grad_too():
    x = leaf(1.0)
    h = x * 2
    h.retain_grad()
    torch.autograd.grad((h * 3).sum(), x)
    assert h.grad.tolist() == [3.0]


# ---- captures own a window


def test_data_swapped_after_the_forward_does_not_reach_the_backward():
    w = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    x = torch.tensor([[1.0, 1.0]], requires_grad=True)
    y = x @ w
    x.data = torch.zeros(3, 5)
    w.data = torch.zeros(2, 2)
    y.sum().backward(inputs=[w])
    assert w.grad.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_a_swapped_capture_keeps_its_history():
    x = leaf(2.0)
    y = x**3
    x.data = torch.tensor([5.0])
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    assert g.item() == 12.0
    assert torch.autograd.grad(g.sum(), x)[0].item() == 12.0


def test_former_data_is_let_go_with_the_graph():
    x = leaf(2.0)
    y = x**3
    before = torch.memory_stats()["allocated_bytes"]
    x.data = torch.ones(10_000)
    del y
    x.data = torch.ones(1)
    assert torch.memory_stats()["allocated_bytes"] <= before + 1024


def test_backward_after_the_captured_tensor_was_detached_in_place_is_refused():
    h = leaf(2.0) * 1
    y = h * h
    h.detach_()
    with pytest.raises(RuntimeError, match="has been detached in-place"):
        y.sum().backward()


def test_a_mask_that_was_changed_unseen_is_noticed():
    pytest.importorskip("numpy")
    x = torch.ones(100, requires_grad=True)
    mask = torch.zeros(100, dtype=torch.bool)
    mask[3] = True
    y = x.masked_select(mask)
    mask.numpy()[:] = True
    with pytest.raises(RuntimeError, match="changed behind autograd's back"):
        y.sum().backward()


# ---- threads


def in_threads(count: int, work: Any) -> list[str]:
    errors: list[str] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(repr(error))

    threads = [threading.Thread(target=guarded, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


def test_threads_add_to_the_gradients_of_shared_leaves():
    x = torch.ones(200_000, requires_grad=True)
    trunk = x * 1.0

    def work(number):
        for _ in range(20):
            (trunk * float(number + 1)).sum().backward(retain_graph=True)

    assert not in_threads(3, work)
    assert values(x.grad) == {20.0 * (1 + 2 + 3)}


def test_threads_differentiate_a_shared_trunk():
    x = torch.ones(100_000, requires_grad=True)
    trunk = (x * 2.0).exp()
    wrong = []

    def work(number):
        for _ in range(20):
            (g,) = torch.autograd.grad((trunk * float(number)).sum(), x, retain_graph=True)
            if abs(g[0].item() - 2 * number * math.exp(2.0)) > 1e-3:
                wrong.append(g[0].item())

    assert not in_threads(3, work)
    assert not wrong


# ---- the collector


def test_cycles_through_chained_functions_are_collected():
    class Holds(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, holder):
            ctx.save_for_backward(x)
            ctx.holder = holder
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2, None

    class Holder:
        pass

    holder = Holder()
    holder.me = holder
    x = leaf(1.0)
    holder.out = Holds.apply(Holds.apply(x, holder), holder) * 1
    reference = weakref.ref(holder)
    del holder
    gc.collect()
    assert reference() is None


def test_cycles_through_a_written_view_are_collected():
    class Holder:
        pass

    holder = Holder()
    x = leaf(1.0, 2.0)
    y = x * 1
    y.register_hook(lambda g, h=holder: h and None)
    z = y * 1
    z[0] = 3.0
    z[1:].mul_(2)
    z.mul_(y)
    holder.z = z
    reference = weakref.ref(holder)
    del holder, x, y, z
    gc.collect()
    assert reference() is None


def test_an_optimizer_step_survives_that_another_thread_drops_the_gradient():
    n = 500_000
    p = torch.zeros(n, requires_grad=True)
    go, stop = threading.Event(), []

    def drop():
        while not stop:
            go.wait()
            go.clear()
            p.grad = None
            torch.full((n,), 7.0)

    thread = threading.Thread(target=drop, daemon=True)
    thread.start()
    optimizer = torch.optim.SGD([p], lr=1.0)
    for _ in range(30):
        p.grad = torch.zeros(n)
        go.set()
        optimizer.step()
    stop.append(1)
    go.set()
    thread.join()
    assert values(p) == {0.0}

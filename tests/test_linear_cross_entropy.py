"""The cross entropy of an affine map in parts of a batch, and products of groups."""

import pytest

import flambeau as torch

nn, F = torch.nn, torch.nn.functional


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


# ---- the cross entropy of an affine map, in parts


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("size", [1, 3, 7, None])
def test_parts_of_a_batch_give_the_whole_ones_loss_and_gradients(size, reduction):
    x, w, b = normal(7, 3), normal(5, 3, seed=1), normal(5, seed=2)
    target = torch.tensor([0, 4, 2, -100, 1, 1, 3])
    of_class = torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0], dtype=torch.float64)
    results = []
    for options in (None, nn.LinearCrossEntropyOptions(batch_chunk_size=size)):
        leaves = [t.clone().requires_grad_() for t in (x, w, b)]
        loss = F.linear_cross_entropy(
            leaves[0],
            leaves[1],
            target,
            linear_bias=leaves[2],
            weight=of_class,
            reduction=reduction,
            options=options,
        )
        results.append([loss, *torch.autograd.grad(loss.sin().sum(), leaves)])
    for whole, parts in zip(*results, strict=True):
        assert torch.allclose(whole, parts)


def test_the_scores_of_all_classes_are_not_in_memory():
    from flambeau import _core

    x, w = torch.zeros(512, 4, requires_grad=True), torch.zeros(4096, 4, requires_grad=True)
    target = torch.zeros(512, dtype=torch.int64)
    before = _core.memory_stats()["allocated_bytes"]
    _core.reset_peak_memory_stats()
    options = nn.LinearCrossEntropyOptions(batch_chunk_size=16)
    F.linear_cross_entropy(x, w, target, options=options).backward()
    assert _core.memory_stats()["peak_allocated_bytes"] - before < 4 << 20  # the scores alone: 8 MiB


def test_gradients_are_used_up_unless_they_are_kept():
    x, w, target = normal(4, 3).requires_grad_(), normal(5, 3, seed=1), torch.tensor([0, 1, 2, 3])
    loss = F.linear_cross_entropy(x, w, target, options=nn.LinearCrossEntropyOptions())
    loss.backward(retain_graph=True)
    once = x.grad.clone()
    with pytest.raises(RuntimeError, match="chunked backward called twice.*allow_retain_graph=True"):
        loss.backward()
    kept = F.linear_cross_entropy(x, w, target, options=nn.LinearCrossEntropyOptions(allow_retain_graph=True))
    kept.backward(retain_graph=True)
    kept.backward()
    assert torch.allclose(x.grad, 3 * once)


def test_halves_are_computed_in_float32():
    x, w, target = normal(6, 8).bfloat16(), normal(9, 8, seed=1).bfloat16(), torch.arange(6)
    loss = F.linear_cross_entropy(x, w, target, options=nn.LinearCrossEntropyOptions())
    assert loss.dtype == torch.bfloat16
    expected = F.cross_entropy(F.linear(x.float(), w.float()), target)
    assert abs(loss.item() - expected.item()) < 0.004 * expected.item()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"acc_policy": "x"}, ValueError, "invalid acc_policy: 'x'; it is one of"),
        ({"chunking_method": "aspect_ratio:0"}, ValueError, "invalid chunking_method"),
        ({"batch_chunk_size": 0}, ValueError, "batch_chunk_size must be positive int or None, got 0"),
        ({"acc_dtype": torch.int32}, ValueError, "acc_dtype must be one of"),
        (
            {"acc_dtype": torch.float32},
            RuntimeError,
            "supports float32 acc_dtype with float16/bfloat16 inputs",
        ),
        (
            {"batch_chunk_size": 3, "chunking_method": "aspect_ratio"},
            ValueError,
            "give different chunk sizes",
        ),
    ],
)
def test_options_that_do_not_fit_are_named(options, error, message):
    with pytest.raises(error, match=message):
        F.linear_cross_entropy(
            normal(8, 4),
            normal(8, 4),
            torch.arange(8),
            options=nn.LinearCrossEntropyOptions(**options),
        )


def test_options_that_do_not_apply_are_ignored_with_a_warning():
    x, w, target = normal(4, 3), normal(5, 3, seed=1), torch.tensor([0, 1, 2, 3])
    with pytest.warns(UserWarning, match="``options`` ignored; chunked path needs"):
        loss = F.linear_cross_entropy(
            x, w, target, label_smoothing=0.1, options=nn.LinearCrossEntropyOptions()
        )
    assert torch.allclose(loss, F.linear_cross_entropy(x, w, target, label_smoothing=0.1))


# ---- products of groups


def test_groups_lie_side_by_side_or_one_behind_the_other():
    a, b, ends = (
        normal(6, 4).float(),
        normal(2, 4, 3, seed=1).float(),
        torch.tensor([2, 5], dtype=torch.int32),
    )
    rows = F.grouped_mm(a, b, offs=ends)
    assert torch.allclose(rows[:2], a[:2] @ b[0])
    assert torch.allclose(rows[2:5], a[2:5] @ b[1])
    assert rows[5].tolist() == [0] * 3
    columns = F.grouped_mm(b.transpose(1, 2), a.t(), offs=ends)
    assert torch.allclose(columns, rows.t())
    inner = F.grouped_mm(a.t(), a, offs=ends)
    assert torch.allclose(inner[1], a[2:5].t() @ a[2:5])
    assert torch.allclose(F.grouped_mm(b, b.transpose(1, 2)), b.bmm(b.transpose(1, 2)))


def test_products_of_groups_are_differentiated():
    a, b = normal(4, 2).float().requires_grad_(), normal(2, 2, 3, seed=1).float().requires_grad_()
    F.grouped_mm(a, b, offs=torch.tensor([1, 4], dtype=torch.int32)).sum().backward()
    assert torch.allclose(a.grad[0], b[0].detach().sum(1))
    assert torch.allclose(b.grad[1], a.detach()[1:].sum(0).unsqueeze(1).expand(2, 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda a, b, o: F.grouped_mm(a, b), RuntimeError, "Have to provide offsets"),
        (lambda a, b, o: F.grouped_mm(b, b, offs=o), RuntimeError, "Have to provide offsets"),
        (lambda a, b, o: F.grouped_mm(a, b, offs=o.long()), RuntimeError, "Offsets have to be int32"),
        (lambda a, b, o: F.grouped_mm(a, b, offs=o[:1]), RuntimeError, "matrix batch sizes have to match"),
        (
            lambda a, b, o: F.grouped_mm(a, b, offs=o + 9),
            RuntimeError,
            "offs has to grow from 0 to 4 at most",
        ),
        (lambda a, b, o: F.grouped_mm(a, b, offs=o, bias=a), RuntimeError, "Bias not supported yet"),
        (lambda a, b, o: F.grouped_mm(a.double(), b, offs=o), RuntimeError, "Expected mat_a to be Float32"),
        (lambda a, b, o: F.grouped_mm(a[:, :1], b, offs=o), RuntimeError, "contraction dimension"),
        (lambda a, b, o: F.grouped_mm(a[0], b, offs=o), RuntimeError, "mat_a has to be 2 or 3d"),
        (
            lambda a, b, o: F.scaled_mm(a, a, None, None, None, None),
            ValueError,
            "Invalid scaling configuration",
        ),
        (lambda a, b, o: F.scaled_grouped_mm(a, a, None, None), NotImplementedError, "_scaled_grouped_mm_v2"),
    ],
)
def test_what_does_not_fit_groups_is_named(call, error, message):
    ends = torch.tensor([1, 4], dtype=torch.int32)
    with pytest.raises(error, match=message):
        call(normal(4, 2).float(), normal(2, 2, 2).float(), ends)

"""Sparse tensors in coordinate layout: values by hand from their dense counterparts."""

import copy
import io
import pickle

import pytest

import flambeau as torch
from flambeau import _utils


@pytest.fixture
def pair():
    """A sparse matrix with a place that comes twice, and the dense one."""
    indices = torch.tensor([[0, 1, 1, 1], [2, 0, 2, 0]])
    values = torch.tensor([3.0, 4.0, 5.0, 6.0])
    dense = torch.tensor([[0.0, 0.0, 3.0], [10.0, 0.0, 5.0]])
    return torch.sparse_coo_tensor(indices, values, (2, 3)), dense


def test_parts_and_layout(pair):
    s, dense = pair
    assert s.is_sparse and s.layout == torch.sparse_coo and not dense.is_sparse
    assert (s.shape, s.dtype, s.device.type) == ((2, 3), torch.float32, "cpu")
    assert (s.sparse_dim(), s.dense_dim(), s._nnz(), s.is_coalesced()) == (2, 0, 4, False)
    assert isinstance(s, torch.Tensor) and s.type() == "torch.sparse.FloatTensor"


def test_coalesce_sorts_and_sums(pair):
    s, dense = pair
    c = s.coalesce()
    assert c.indices().tolist() == [[0, 1, 1], [2, 0, 2]]
    assert c.values().tolist() == [3.0, 10.0, 5.0]
    assert c.is_coalesced() and torch.equal(c.to_dense(), dense) and torch.equal(s.to_dense(), dense)
    with pytest.raises(RuntimeError, match="Cannot get values on an uncoalesced tensor"):
        s.values()


def test_from_dense(pair):
    _, dense = pair
    s = dense.to_sparse()
    assert s.indices().tolist() == [[0, 1, 1], [2, 0, 2]] and s.values().tolist() == [3.0, 10.0, 5.0]
    rows = torch.tensor([[0.0, 0.0], [1.0, 2.0]]).to_sparse(1)
    assert rows.indices().tolist() == [[1]] and rows.values().tolist() == [[1.0, 2.0]]
    assert rows.dense_dim() == 1


def test_arithmetic(pair):
    s, dense = pair
    other = torch.arange(6.0).reshape(2, 3)
    assert torch.equal((s + s).to_dense(), 2 * dense)
    assert torch.equal((s - s * 3).to_dense(), -2 * dense)
    assert torch.equal(other + s, other + dense)
    assert torch.equal((s * other).to_dense(), dense * other)
    assert torch.equal((s * other.to_sparse()).to_dense(), dense * other)
    assert torch.equal((s / 2).to_dense(), dense / 2)
    assert torch.equal(s.pow(2).to_dense(), dense**2)
    assert torch.equal(s.sqrt().to_dense(), dense.sqrt())
    assert torch.equal((-s).to_dense(), -dense)
    with pytest.raises(RuntimeError, match="Use add\\(dense, sparse\\) instead"):
        s + other


def test_in_place(pair):
    s, dense = pair
    target = torch.ones(2, 3)
    assert target.add_(s, alpha=2) is target and torch.equal(target, 1 + 2 * dense)
    turned = torch.ones(3, 2).t()
    assert torch.equal(turned.add_(s), 1 + dense)
    assert s.mul_(2) is s and torch.equal(s.to_dense(), 2 * dense)
    assert s.zero_()._nnz() == 0 and torch.equal(s.to_dense(), torch.zeros(2, 3))


def test_products(pair):
    s, dense = pair
    m = torch.arange(6.0).reshape(3, 2)
    assert torch.equal(torch.sparse.mm(s, m), dense @ m)
    assert torch.equal(s @ m, dense @ m) and torch.equal(m @ s, m @ dense)
    assert torch.equal(s @ m[:, 0], dense @ m[:, 0])
    assert torch.equal(torch.sparse.mm(s, s.t()).to_dense(), dense @ dense.t())
    assert torch.equal(torch.sparse.addmm(torch.ones(2, 2), s, m, beta=2, alpha=3), 2 + 3 * (dense @ m))
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        torch.sparse.mm(s, s)


def test_sums_and_softmax(pair):
    s, dense = pair
    assert s.sum().item() == 18.0 and torch.sparse.sum(s).item() == 18.0
    assert torch.sparse.sum(s, 0).to_dense().tolist() == [10.0, 0.0, 8.0]
    assert s.norm().item() == pytest.approx(dense.norm().item())
    masked = torch.where(dense == 0, -float("inf"), dense)
    for ours, theirs in (
        (torch.sparse.softmax, torch.softmax),
        (torch.sparse.log_softmax, torch.log_softmax),
    ):
        values = theirs(masked, 1)[dense != 0]
        assert torch.allclose(ours(s, 1).values(), values)


def test_shapes(pair):
    s, dense = pair
    assert torch.equal(s.t().to_dense(), dense.t()) and torch.equal(s[1].to_dense(), dense[1])
    assert torch.equal(s.unsqueeze(0).to_dense(), dense.unsqueeze(0))
    assert torch.equal(torch.cat([s, s], 1).to_dense(), torch.cat([dense, dense], 1))
    assert torch.equal(torch.stack([s, s]).to_dense(), torch.stack([dense, dense]))
    index = torch.tensor([2, 0, 2])
    assert torch.equal(s.index_select(1, index).to_dense(), dense.index_select(1, index))
    assert [row.to_dense().tolist() for row in s] == dense.tolist()


def test_gradients_reach_values_and_dense_operands(pair):
    s, dense = pair
    values = torch.tensor([3.0, 4.0, 5.0, 6.0], dtype=torch.float64, requires_grad=True)
    m = torch.arange(6.0, dtype=torch.float64).reshape(3, 2).requires_grad_()

    def product(values, m):
        return torch.sparse.mm(torch.sparse_coo_tensor(s._indices(), values, (2, 3)).coalesce(), m)

    assert torch.autograd.gradcheck(product, (values, m))
    assert torch.autograd.gradgradcheck(product, (values, m))
    x = dense.double().requires_grad_()
    (x.to_sparse() * 2).to_dense().sum().backward()
    assert torch.equal(x.grad, 2.0 * (dense != 0))


def test_gradient_of_a_sparse_leaf_is_sparse(pair):
    s = pair[0].coalesce().requires_grad_()
    (s @ torch.ones(3, 2)).sum().backward()
    assert s.grad.is_sparse and s.grad.values().tolist() == [2.0, 2.0, 2.0]


class Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table, index):
        ctx.index, ctx.size = index, table.shape
        return table.detach()[index]

    @staticmethod
    def backward(ctx, grad):
        return torch.sparse_coo_tensor(ctx.index.unsqueeze(0), grad, ctx.size), None


def test_sparse_gradients_accumulate():
    table = torch.zeros(4, 2, requires_grad=True)
    index = torch.tensor([1, 3, 1])
    Lookup.apply(table, index).sum().backward()
    assert table.grad.is_sparse
    assert table.grad.to_dense().tolist() == [[0, 0], [2, 2], [0, 0], [1, 1]]
    Lookup.apply(table, index).sum().backward()
    assert table.grad.is_sparse and table.grad.to_dense()[1].tolist() == [4, 4]
    (Lookup.apply(table, index).sum() + table.sum()).backward()  # dense and sparse meet
    assert not table.grad.is_sparse
    assert table.grad.tolist() == [[1, 1], [7, 7], [1, 1], [4, 4]]
    Lookup.apply(table, index).sum().backward()
    assert table.grad[1].tolist() == [9, 9]


def test_a_sparse_gradient_meets_dense_derivatives():
    table = torch.ones(4, 2, requires_grad=True)
    seen = []
    scaled = table * 3
    scaled.register_hook(lambda g: seen.append(g.is_sparse))
    scaled.retain_grad()
    Lookup.apply(scaled, torch.tensor([1])).sum().backward()
    assert seen == [True] and scaled.grad.is_sparse
    assert not table.grad.is_sparse and table.grad.tolist() == [[0, 0], [3, 3], [0, 0], [0, 0]]


def test_a_sparse_gradient_of_another_shape_is_refused():
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            return torch.sparse_coo_tensor([[0]], torch.ones(1, 3), (4, 3))

    with pytest.raises(RuntimeError, match="WrongBackward returned an invalid gradient"):
        Wrong.apply(torch.ones(4, 2, requires_grad=True)).sum().backward()


def with_sparse_gradient(optimizer, steps=3, **settings):
    """The parameter after some steps whose gradients are sparse, and with the same ones dense."""
    results = []
    for sparse in (True, False):
        p = torch.ones(4, 2, requires_grad=True)
        o = optimizer([p], **settings)
        for step in range(steps):
            g = torch.sparse_coo_tensor([[1, 3, 1]], torch.full((3, 2), 1.0 + step), (4, 2))
            p.grad = g if sparse else g.to_dense()
            o.step()
        results.append(p.detach())
    return results


@pytest.mark.parametrize(
    "settings", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"maximize": True}]
)
def test_sgd(settings):
    sparse, dense = with_sparse_gradient(torch.optim.SGD, lr=0.1, **settings)
    assert torch.allclose(sparse, dense)


def test_adagrad():
    sparse, dense = with_sparse_gradient(torch.optim.Adagrad, lr=0.1)
    assert torch.allclose(sparse, dense)


def test_sparse_adam_moves_the_rows_that_have_a_gradient_as_adam_does():
    p = torch.ones(4, 2, requires_grad=True)
    o = torch.optim.SparseAdam([p], lr=0.1)
    for step in range(3):
        p.grad = torch.sparse_coo_tensor([[1, 3, 1]], torch.full((3, 2), 1.0 + step), (4, 2))
        o.step()
    q = torch.ones(4, 2, requires_grad=True)
    adam = torch.optim.Adam([q], lr=0.1)
    for step in range(3):
        q.grad = torch.zeros(4, 2)
        q.grad[1], q.grad[3] = 2.0 + 2 * step, 1.0 + step
        adam.step()
    assert torch.allclose(p, q, atol=1e-6) and p[0].tolist() == [1, 1]
    p.grad = torch.ones(4, 2)
    with pytest.raises(RuntimeError, match="SparseAdam does not support dense gradients"):
        o.step()


@pytest.mark.parametrize(
    "name", ["Adam", "AdamW", "RMSprop", "Adadelta", "Adamax", "NAdam", "RAdam", "Rprop", "ASGD"]
)
def test_other_optimizers_refuse(name):
    p = torch.ones(4, 2, requires_grad=True)
    p.grad = torch.sparse_coo_tensor([[1]], torch.ones(1, 2), (4, 2))
    with pytest.raises(RuntimeError, match="does not support sparse gradients"):
        getattr(torch.optim, name)([p]).step()


def test_zero_grad_and_copies(pair):
    s, dense = pair
    p = torch.zeros(2, 3, requires_grad=True)
    p.grad = s.clone()
    torch.optim.SGD([p], lr=0.1).zero_grad(set_to_none=False)
    assert p.grad.is_sparse and p.grad._nnz() == 0
    for again in (copy.deepcopy(s), pickle.loads(pickle.dumps(s)), s.detach(), s.clone()):
        assert again.is_sparse and torch.equal(again.to_dense(), dense)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda s: s.exp(), NotImplementedError, "Could not run 'aten::exp'.*SparseCPU"),
        (lambda s: s.view(6), NotImplementedError, "SparseCPU"),
        (lambda s: s.numpy(), TypeError, "Use Tensor.to_dense\\(\\) first"),
        (lambda s: s.tolist(), RuntimeError, "doesn't have storage"),
        (lambda s: s.data_ptr(), RuntimeError, "doesn't have storage"),
        (lambda s: s.item(), RuntimeError, "cannot be converted to Scalar"),
        (lambda s: s[0, 1], NotImplementedError, "indexed by one integer"),
        (lambda s: torch.ones(2).indices(), RuntimeError, "got Strided"),
        (
            lambda s: torch.sparse_coo_tensor([[0, 5], [0, 1]], [1.0, 2.0], (2, 3)),
            RuntimeError,
            "found index 5",
        ),
        (
            lambda s: torch.sparse_coo_tensor([[0, -1], [0, 1]], [1.0, 2.0], (2, 3)),
            RuntimeError,
            "negative index",
        ),
        (
            lambda s: torch.sparse_coo_tensor([[0, 1], [0, 1]], [1.0], (2, 3)),
            RuntimeError,
            "must have same nnz",
        ),
        (lambda s: torch.sparse_coo_tensor([[0.5]], [1.0], (2,)), RuntimeError, "int64"),
        (lambda s: torch.ones(2).to_sparse(layout=torch.sparse_csr), NotImplementedError, "sparse_csr"),
        (lambda s: torch.sparse_csr_tensor, AttributeError, "sparse_csr_tensor"),
    ],
)
def test_refusals(pair, call, error, words):
    with pytest.raises(error, match=words):
        call(pair[0])


def test_repr(pair):
    assert repr(pair[0]) == (
        "tensor(indices=tensor([[0, 1, 1, 1],\n"
        "                       [2, 0, 2, 0]]),\n"
        "       values=tensor([3., 4., 5., 6.]),\n"
        "       size=(2, 3), nnz=4, layout=torch.sparse_coo)"
    )


@pytest.mark.parametrize("padding", [None, 2])
def test_embedding_with_sparse_gradients(padding):
    index = torch.tensor([[1, 2], [1, 4]])
    grads = []
    for sparse in (True, False):
        torch.manual_seed(0)
        table = torch.nn.Embedding(5, 3, padding_idx=padding, sparse=sparse)
        (table(index) ** 2).sum().backward()
        assert table.weight.grad.is_sparse == sparse
        grads.append(table.weight.grad.to_dense())
    assert torch.allclose(*grads)


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_embedding_bag_with_sparse_gradients(mode):
    grads = []
    for sparse in (True, False):
        torch.manual_seed(0)
        bag = torch.nn.EmbeddingBag(5, 3, mode=mode, sparse=sparse)
        (bag(torch.tensor([1, 2, 1, 4]), torch.tensor([0, 3])) ** 2).sum().backward()
        assert bag.weight.grad.is_sparse == sparse
        grads.append(bag.weight.grad.to_dense())
    assert torch.allclose(*grads)


def test_training_a_table_with_sparse_adam_lowers_the_loss():
    torch.manual_seed(0)
    table = torch.nn.Embedding(10, 4, sparse=True)
    optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.1)
    index, target = torch.tensor([1, 3, 3, 7]), torch.randn(4, 4)
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        loss = ((table(index) - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("weights_only", [True, False])
def test_files_hold_sparse_tensors(weights_only):
    sparse = torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0], (2, 3))
    for tensor in (sparse, sparse.coalesce()):
        file = io.BytesIO()
        torch.save({"x": tensor}, file)
        file.seek(0)
        loaded = torch.load(file, weights_only=weights_only)["x"]
        assert loaded.is_sparse and loaded.is_coalesced() == tensor.is_coalesced()
        assert torch.equal(loaded.to_dense(), sparse.to_dense())
    assert torch.equal(pickle.loads(pickle.dumps(sparse)).to_dense(), sparse.to_dense())


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((torch.tensor([[5]]), torch.ones(1), (3,), False), "size is 3 but found index 5"),
        ((torch.tensor([[1, 0]]), torch.ones(2), (3,), True), "are out of order or repeated"),
        ((torch.tensor([[1]]), torch.ones(2), (3,), False), "must have same nnz"),
    ],
)
def test_files_with_wrong_sparse_tensors_are_refused(parts, message):
    class Wrong:
        def __reduce__(self):
            return _utils._rebuild_sparse_tensor, (torch.sparse_coo, parts)

    file = io.BytesIO()
    torch.save(Wrong(), file)
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError, match=message):
        torch.load(file)


def test_other_layouts_in_files_are_refused_by_name():
    with pytest.raises(NotImplementedError, match="sparse tensor for layout torch.sparse_csr"):
        _utils._rebuild_sparse_tensor(torch.sparse_csr, ())


def test_a_sparse_tensor_grows_in_place():
    x = torch.sparse_coo_tensor([[0, 1], [1, 0]], [[1.0, 2.0], [3.0, 4.0]], (2, 2, 2)).coalesce()
    assert x.sparse_resize_((3, 2, 3), 2, 1) is x
    assert x.shape == (3, 2, 3) and x.is_coalesced()
    assert x.to_dense()[:2].tolist() == [[[0, 0, 0], [1, 2, 0]], [[3, 4, 0], [0, 0, 0]]]
    x.sparse_resize_and_clear_((4,), 1, 0)
    assert x.shape == (4,) and x._nnz() == 0 and x.to_dense().tolist() == [0] * 4


@pytest.mark.parametrize(
    ("size", "dims", "message"),
    [
        (
            (1, 2),
            (2, 0),
            r"shrinking the size of sparse dimensions \(from \[2, 2\] to \[1, 2\]\) on a non-empty",
        ),
        ((2,), (1, 0), r"changing the number of sparse dimensions \(from 2 to 1\)"),
        ((2, 2, 2), (2, 1), r"changing the number of dense dimensions \(from 0 to 1\)"),
        ((2, 2), (1, 0), r"'len\(size\) == sparse_dim \+ dense_dim' is not satisfied"),
    ],
)
def test_a_sparse_tensor_does_not_shrink(size, dims, message):
    x = torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0], (2, 2))
    with pytest.raises(RuntimeError, match=message):
        x.sparse_resize_(size, *dims)
    assert x.shape == (2, 2)


def test_gather_with_a_sparse_gradient():
    x = torch.arange(12.0).view(3, 4).requires_grad_()
    index = torch.tensor([[0, 1], [1, 1]])
    for dim in (0, 1):
        (sparse,) = torch.autograd.grad(torch.gather(x, dim, index, sparse_grad=True).pow(2).sum(), x)
        (dense,) = torch.autograd.grad(torch.gather(x, dim, index).pow(2).sum(), x)
        assert sparse.is_sparse and torch.equal(sparse.to_dense(), dense)
    (nothing,) = torch.autograd.grad(torch.gather(x, 0, index[:0], sparse_grad=True).sum(), x)
    assert nothing.is_sparse and nothing.shape == x.shape and nothing._nnz() == 0
    point = torch.tensor(3.0, requires_grad=True)
    torch.gather(point, 0, torch.tensor(0), sparse_grad=True).backward()
    assert point.grad.is_sparse and point.grad.to_dense().item() == 1

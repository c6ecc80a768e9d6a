"""Sparse tensors in coordinate layout: where the elements that are not zero lie, and what they are.

A sparse tensor is an object of a subclass of Tensor that has sizes and no memory of its own. Its elements are two ordinary
tensors, `indices` (sparse_dim, nnz) and `values` (nnz, *dense sizes), and every operation on it is one on these: what
is differentiable with respect to the values is so by theirs. Calls of operators come here through `__torch_function__`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import flambeau as torch
from flambeau import Tensor, _core

_HANDLERS: dict[str, Callable[..., Any]] = {}
# What sizes and element type alone answer.
_PLAIN = frozenset(
    """
    size dim ndimension numel nelement is_floating_point is_complex is_signed is_inference is_pinned get_device
    """.split()
)


def _handles(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What the operators of these names do when they meet a sparse tensor."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            _HANDLERS[name] = function
        return function

    return register


class SparseTensor(Tensor):
    """A sparse tensor in coordinate layout; made by `sparse_coo_tensor` and `to_sparse`."""

    _i: Tensor
    _v: Tensor
    _coalesced: bool

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.__name__
        if name in _PLAIN:
            return _core._disabled_torch_function_impl(func, types, args, kwargs or {})
        handler = _HANDLERS.get(name)
        if handler is None:
            raise NotImplementedError(
                f"Could not run 'aten::{name}' with arguments from the 'SparseCPU' backend: there is no such operator "
                "for sparse tensors; convert with .to_dense()"
            )
        return handler(*args, **(kwargs or {}))

    # ---- what it is made of

    def sparse_dim(self) -> int:
        return self._i.size(0)

    def dense_dim(self) -> int:
        return self._v.dim() - 1

    def _nnz(self) -> int:
        return self._i.size(1)

    def is_coalesced(self) -> bool:
        return self._coalesced

    def _coalesced_(self, value: bool) -> SparseTensor:
        self._coalesced = bool(value)
        return self

    def _indices(self) -> Tensor:
        return self._i.detach()

    def _values(self) -> Tensor:
        return self._v.detach()

    def indices(self) -> Tensor:
        self._need_coalesced("indices")
        return self._i.detach()

    def values(self) -> Tensor:
        self._need_coalesced("values")
        return self._v

    def _need_coalesced(self, what: str) -> None:
        if not self._coalesced:
            raise RuntimeError(f"Cannot get {what} on an uncoalesced tensor, please call .coalesce() first")

    def sparse_resize_(self, size: Sequence[int], sparse_dim: int, dense_dim: int) -> SparseTensor:
        return _resize_(self, size, sparse_dim, dense_dim)

    def sparse_resize_and_clear_(self, size: Sequence[int], sparse_dim: int, dense_dim: int) -> SparseTensor:
        return _resize_(self, size, sparse_dim, dense_dim, clear=True)

    def coalesce(self) -> Tensor:
        return _coalesce(self)

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
        if dtype is not None:
            raise RuntimeError("dtype argument is not supported by sparse_to_dense")
        return _dense(self)

    def to_sparse(self, *args: Any, layout: Any = None, **kwargs: Any) -> Tensor:
        if args or kwargs or layout not in (None, torch.sparse_coo):
            raise NotImplementedError(
                "to_sparse of a sparse tensor: only the layout torch.sparse_coo is there"
            )
        return self

    def to_sparse_coo(self) -> Tensor:
        return self

    # ---- what a tensor tells of itself

    @property
    def requires_grad(self) -> bool:  # type: ignore[override]
        return self._v.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._v.requires_grad = value

    def requires_grad_(self, requires_grad: bool = True) -> SparseTensor:  # type: ignore[override]
        self._v.requires_grad_(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:  # type: ignore[override]
        return self._v.is_leaf

    @property
    def grad_fn(self) -> Any:  # type: ignore[override]
        return self._v.grad_fn

    @property
    def grad(self) -> Any:  # type: ignore[override]
        grad = self._v.grad
        return None if grad is None else _make(self._i, grad, self.shape, self._coalesced)

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            raise NotImplementedError("assigning the grad of a sparse tensor is not implemented, except None")
        self._v.grad = None

    def retain_grad(self) -> None:
        self._v.retain_grad()

    @property
    def data(self) -> Tensor:  # type: ignore[override]
        return self.detach()

    @data.setter
    def data(self, value: Any) -> None:
        raise NotImplementedError("assigning the data of a sparse tensor is not implemented")

    @property
    def T(self) -> Tensor:  # type: ignore[override]
        return _permute(self, *reversed(range(self.dim())))

    @property
    def mT(self) -> Tensor:  # type: ignore[override]
        return _transpose(self, -2, -1)

    def stride(self, dim: int | None = None) -> Any:
        return (0,) * self.dim() if dim is None else 0

    def is_contiguous(self, *args: Any, **kwargs: Any) -> bool:
        return False

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        if dtype is None:
            return str(self._v.type()).replace("torch.", "torch.sparse.", 1)
        return self.to(dtype)

    def element_size(self) -> int:
        return self._v.element_size()

    def storage(self) -> Any:
        raise NotImplementedError("Cannot access storage of SparseTensorImpl")

    untyped_storage = storage

    def data_ptr(self) -> int:
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    def numpy(self, *, force: bool = False) -> Any:
        raise TypeError("can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first.")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self.numpy()

    def tolist(self) -> Any:
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    def item(self) -> Any:
        if self.numel() != 1:
            raise RuntimeError(f"a Tensor with {self.numel()} elements cannot be converted to Scalar")
        return _dense(self).item()

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self.item())

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int) and not isinstance(key, bool):
            return _select(self, 0, key)
        raise NotImplementedError(
            "a sparse tensor is indexed by one integer; convert with .to_dense() for the rest"
        )

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError("Cannot assign to a sparse tensor")

    def __iter__(self) -> Any:
        return iter([_select(self, 0, i) for i in range(self.size(0))])

    def __deepcopy__(self, memo: Any) -> Tensor:
        result = memo[id(self)] = _make(
            self._i.clone(), self._v.detach().clone(), self.shape, self._coalesced
        )
        result.requires_grad_(self.requires_grad)
        return result

    def __reduce_ex__(self, protocol: Any) -> Any:
        from flambeau._utils import reduce_sparse

        return reduce_sparse(self)

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        def part(name: str, value: Tensor) -> str:
            pad = "\n" + " " * (len(name) + 8)
            return f"{name}=" + repr(value).replace("\n", pad)

        parts = [part("indices", self._i), part("       values", self._v.detach())]
        parts[1] = parts[1].replace("\n" + " " * 7, "\n")
        tail = f"size={tuple(self.shape)}, nnz={self._nnz()}"
        if self.dtype not in (torch.get_default_dtype(), torch.int64, torch.bool):
            tail += f", dtype={self.dtype}"
        tail += ", layout=torch.sparse_coo"
        if self.grad_fn is not None:
            tail += f", grad_fn=<{self.grad_fn.name()}>"
        elif self.requires_grad:
            tail += ", requires_grad=True"
        return f"tensor({parts[0]},\n{parts[1]},\n       {tail})"

    def sparse_mask(self, mask: Tensor) -> Tensor:
        return _mask(_dense(self), mask)


def _make(indices: Tensor, values: Tensor, size: Sequence[int], coalesced: bool) -> SparseTensor:
    shell = torch.empty(tuple(size), dtype=values.dtype, device="meta")
    make: Any = Tensor._make_subclass
    result: Any = make(SparseTensor, shell)
    _core._as_sparse(result)
    result._i, result._v, result._coalesced = indices, values, coalesced
    return result  # type: ignore[no-any-return]


def _like(x: Any, values: Tensor, coalesced: bool | None = None) -> SparseTensor:
    """Other values at the same places."""
    return _make(x._i, values, x.shape, x._coalesced if coalesced is None else coalesced)


def _put(x: Any, y: Any) -> Any:
    """x becomes y, in place."""
    if x.requires_grad and x.is_leaf and torch.is_grad_enabled():
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if x.dtype != y.dtype:
        y = _to(y, x.dtype)
    x._i, x._v, x._coalesced = y._i, y._v, y._coalesced
    return x


def _resize_(
    x: Any, size: Sequence[int], sparse_dim: int, dense_dim: int, clear: bool = False
) -> SparseTensor:
    """Gives x another size, in place; its elements stay where they are, and what is new in dense dimensions is zero."""
    if len(size) != sparse_dim + dense_dim:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(size)}, sparse_dim = "
            f"{sparse_dim}, dense_dim = {dense_dim}"
        )
    dense = list(size[sparse_dim:])
    if clear or x._nnz() == 0:
        indices = x._i.new_empty((sparse_dim, 0))
        values = x._v.detach().new_empty((0, *dense))
    else:
        _check_growth(x, size, sparse_dim, dense_dim)
        indices, values = x._i, x._v.detach()
        if dense != list(values.shape[1:]):
            grown = values.new_zeros((values.size(0), *dense))
            grown[tuple(slice(n) for n in values.shape)] = values
            values = grown
    y = _put(x, _make(indices, values, size, x._coalesced or indices.size(1) == 0))
    Tensor.data.__set__(y, _make(indices, values, size, True))  # type: ignore[attr-defined]
    return y  # type: ignore[no-any-return]


def _check_growth(x: Any, size: Sequence[int], sparse_dim: int, dense_dim: int) -> None:
    what = None
    for kind, before, after in (("sparse", x.sparse_dim(), sparse_dim), ("dense", x.dense_dim(), dense_dim)):
        if before != after and what is None:
            what = f"changing the number of {kind} dimensions (from {before} to {after})"
    for kind, part in (("sparse", slice(0, sparse_dim)), ("dense", slice(sparse_dim, None))):
        was, now = list(x.shape[part]), list(size[part])
        if what is None and any(b < a for a, b in zip(was, now, strict=True)):
            what = f"shrinking the size of {kind} dimensions (from {was} to {now})"
    if what is not None:
        raise RuntimeError(
            f"{what} on a non-empty sparse tensor is not supported: make another tensor of these indices and values, "
            "or an empty one with torch.sparse_coo_tensor(size)"
        )


def _sparse_sizes(x: Any) -> list[int]:
    return list(x.shape[: x._i.size(0)])


def _numbered(rows: Any, sizes: Sequence[int], count: int) -> Tensor:
    """The row-major numbers of `count` places, given by their coordinates in each of the dimensions."""
    lines = torch.zeros(count, dtype=torch.int64)
    for row, size in zip(rows, sizes, strict=True):
        lines = lines * size + row
    return lines


def _lines(x: Any) -> Tensor:
    """The row-major numbers of the places."""
    return _numbered(x._i, _sparse_sizes(x), x._nnz())


def _from_lines(lines: Tensor, sizes: Sequence[int]) -> Tensor:
    rows = []
    for size in reversed(sizes):
        rows.append(lines % size if size else lines)
        lines = lines // size if size else lines
    return torch.stack(rows[::-1]) if rows else torch.empty((0, lines.numel()), dtype=torch.int64)


def _coalesce(x: Any) -> SparseTensor:
    if x._coalesced:
        return x  # type: ignore[no-any-return]
    if x._nnz() < 2:
        return _like(x, x._v, True)
    lines, inverse = torch.unique(_lines(x), return_inverse=True)
    if x.dtype == torch.bool:
        summed = x._v.new_zeros((lines.numel(), *x._v.shape[1:]), dtype=torch.int64)
        values = summed.index_add(0, inverse, x._v.to(torch.int64)).to(torch.bool)
    else:
        values = x._v.new_zeros((lines.numel(), *x._v.shape[1:])).index_add(0, inverse, x._v)
    return _make(_from_lines(lines, _sparse_sizes(x)), values, x.shape, True)


def _dense(x: Any) -> Tensor:
    sizes = _sparse_sizes(x)
    if x.dtype == torch.bool:
        return _dense(_like(x, x._v.to(torch.int64))).to(torch.bool)
    whole = x._v.new_zeros((math.prod(sizes), *x._v.shape[1:]))
    return whole.index_add(0, _lines(x), x._v).view(x.shape)


def _from_dense(x: Tensor, sparse_dim: int | None = None) -> SparseTensor:
    dims = x.dim() if sparse_dim is None else sparse_dim
    if not 0 <= dims <= x.dim() or (dims == 0 and x.dim()):
        raise RuntimeError(f"sparse_dim must be between 1 and {x.dim()}, the tensor's dimensions, got {dims}")
    held = x.detach() != 0
    if dims < x.dim():
        held = held.flatten(dims).any(-1)
    indices = held.nonzero().t().contiguous() if dims else torch.zeros((0, int(held)), dtype=torch.int64)
    sizes = list(x.shape[:dims])
    lines = _numbered(indices, sizes, indices.size(1))
    values = x.reshape(math.prod(sizes), *x.shape[dims:]).index_select(0, lines)
    return _make(indices, values, x.shape, True)


def _mask(x: Tensor, mask: Any) -> SparseTensor:
    """The elements of a dense tensor at the places of a sparse one."""
    if not isinstance(mask, SparseTensor):
        raise RuntimeError("sparse_mask expected the mask to be a sparse tensor, but got Strided")
    if x.shape != mask.shape:
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(x.shape)} but mask has size "
            f"{list(mask.shape)}"
        )
    sizes = _sparse_sizes(mask)
    rows = x.reshape(math.prod(sizes), *mask._v.shape[1:])
    return _like(mask, rows.index_select(0, _lines(mask)))


# ---- gradients: what the engine asks


def add_gradients(sum: Any, grad: Any, create_graph: bool, in_place: bool) -> Tensor:
    """sum + grad, of which at least one is sparse; with `in_place` a dense sum is written.

    Without `create_graph` no history is kept.
    """
    if not create_graph:
        grad = grad.detach()
    if sum is None:
        return grad  # type: ignore[no-any-return]
    with torch.set_grad_enabled(create_graph):
        if not isinstance(grad, SparseTensor):
            return _add(grad, sum)
        return _add_(sum, grad) if in_place and not isinstance(sum, SparseTensor) else _add(sum, grad)


def dense_gradient(x: Any) -> Tensor:
    return _dense(x)


def gradient_of_elements(index: Tensor, dim: int, values: Tensor, size: Sequence[int]) -> Tensor:
    """zeros(size) with `values` added where `gather` with that index reads along `dim`."""
    values = values.reshape(-1)
    if not size:
        return _make(torch.empty((0, values.numel()), dtype=torch.int64), values, size, False)
    if index.numel() == 0:
        return _make(torch.empty((len(size), 0), dtype=torch.int64), values, size, False)
    places = []
    for d, count in enumerate(index.shape):
        line = torch.arange(count).view([-1 if i == d else 1 for i in range(index.dim())])
        places.append((index.long() if d == dim else line.expand(index.shape)).reshape(-1))
    return _make(torch.stack(places), values, size, False)


def gradient_of_rows(index: Tensor, values: Tensor, rows: int, padding: int) -> Tensor:
    """zeros(rows, width) with `values` added at `index`; where that is `padding`, nothing is."""
    index = index.reshape(-1).to(torch.int64)
    values = values.reshape(index.numel(), values.size(-1))
    if padding >= 0:
        kept = (index != padding).nonzero().view(-1)
        index, values = index.index_select(0, kept), values.index_select(0, kept)
    return _make(index.unsqueeze(0), values, (rows, values.size(1)), False)


# ---- operators


def _refuse_dense_after_sparse(a: Any) -> None:
    if isinstance(a, SparseTensor):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")


def _same_size(name: str, a: Any, b: Any) -> None:
    if a.shape != b.shape:
        raise RuntimeError(
            f"{name}: expected 'self' and 'other' to have same sizes, but {list(a.shape)} != {list(b.shape)}"
        )


@_handles("add")
def _add(a: Any, b: Any, *, alpha: Any = 1) -> Tensor:
    if not isinstance(b, SparseTensor):
        _refuse_dense_after_sparse(a)
    if not isinstance(a, Tensor):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    _same_size("add", a, b)
    b_values = b._v if alpha == 1 else b._v * alpha
    if isinstance(a, SparseTensor):
        if a.sparse_dim() != b.sparse_dim():
            raise RuntimeError("add: sparse tensors must have the same number of sparse dimensions")
        dtype = torch.promote_types(a.dtype, b.dtype)
        joined = _make(
            torch.cat([a._i, b._i], 1), torch.cat([a._v.to(dtype), b_values.to(dtype)]), a.shape, False
        )
        return _coalesce(joined) if a._coalesced and b._coalesced else joined
    rows = a.reshape(math.prod(_sparse_sizes(b)), *b._v.shape[1:])
    dtype = torch.promote_types(a.dtype, b.dtype)
    return rows.to(dtype).index_add(0, _lines(b), b_values.to(dtype)).view(a.shape)


@_handles("add_")
def _add_(a: Any, b: Any, *, alpha: Any = 1) -> Any:
    if isinstance(a, SparseTensor):
        return _put(a, _add(a, b, alpha=alpha))
    _same_size("add_", a, b)
    sizes = _sparse_sizes(b)
    values = b._v if alpha == 1 else b._v * alpha
    if a.is_contiguous():  # a view of the memory that is written, line by line
        a.view(math.prod(sizes), *b._v.shape[1:]).index_add_(0, _lines(b), values.to(a.dtype))
    else:
        a.index_put_(tuple(b._i), values.to(a.dtype), accumulate=True)
    return a


@_handles("sub")
def _sub(a: Any, b: Any, *, alpha: Any = 1) -> Tensor:
    return _add(a, b, alpha=-alpha)


@_handles("sub_")
def _sub_(a: Any, b: Any, *, alpha: Any = 1) -> Any:
    return _add_(a, b, alpha=-alpha)


def _is_number(x: Any) -> bool:
    return not isinstance(x, Tensor) or (not isinstance(x, SparseTensor) and x.dim() == 0)


@_handles("mul", "multiply")
def _mul(a: Any, b: Any) -> Tensor:
    if _is_number(b):
        return _like(a, a._v * b)
    if _is_number(a):
        return _like(b, a * b._v)
    _same_size("mul", a, b)
    if isinstance(a, SparseTensor) and isinstance(b, SparseTensor):
        a, b = _coalesce(a), _coalesce(b)
        a_lines, b_lines = _lines(a), _lines(b)
        if not b_lines.numel():
            return _like(b, b._v * 1)
        at = torch.searchsorted(b_lines, a_lines).clamp_max(b_lines.numel() - 1)
        both = (b_lines.index_select(0, at) == a_lines).nonzero().view(-1)
        values = a._v.index_select(0, both) * b._v.index_select(0, at.index_select(0, both))
        return _make(a._i.index_select(1, both), values, a.shape, True)
    if isinstance(a, SparseTensor):
        return _like(a, a._v * _mask(b, a)._v)
    return _like(b, _mask(a, b)._v * b._v)


@_handles("mul_", "multiply_")
def _mul_(a: Any, b: Any) -> Any:
    if isinstance(a, SparseTensor):
        return _put(a, _mul(a, b))
    return a.copy_(_dense(_mul(a, b)))


@_handles("div", "true_divide", "divide")
def _div(a: Any, b: Any, *, rounding_mode: str | None = None) -> Tensor:
    if not isinstance(a, SparseTensor) or not _is_number(b):
        raise RuntimeError("Sparse division requires a scalar or zero-dim dense tensor divisor")
    a = _coalesce(a) if rounding_mode else a
    return _like(a, torch.div(a._v, b, rounding_mode=rounding_mode))


@_handles("div_", "true_divide_", "divide_")
def _div_(a: Any, b: Any, *, rounding_mode: str | None = None) -> Any:
    return _put(a, _div(a, b, rounding_mode=rounding_mode))


# Functions with f(0) = 0, of the sums of what lies at one place.
_KEEP_ZERO = """
    abs asin arcsin asinh arcsinh atan arctan atanh arctanh ceil deg2rad erf expm1 floor frac log1p rad2deg relu round
    sgn sign sin sinh sqrt square tan tanh trunc isnan isinf isposinf isneginf signbit nan_to_num
""".split()


def _keep_zero(name: str) -> None:
    function = getattr(torch, name)

    def apply(x: Any, *args: Any, **kwargs: Any) -> Tensor:
        x = _coalesce(x)
        return _like(x, function(x._v, *args, **kwargs))

    _HANDLERS[name] = apply
    if hasattr(Tensor, name + "_"):
        _HANDLERS[name + "_"] = lambda x, *args, **kwargs: _put(x, apply(x, *args, **kwargs))


for _name in _KEEP_ZERO:
    _keep_zero(_name)


@_handles("neg", "negative")
def _neg(x: Any) -> Tensor:
    return _like(x, -x._v)


@_handles("neg_", "negative_")
def _neg_(x: Any) -> Any:
    return _put(x, _neg(x))


@_handles("pow")
def _pow(x: Any, exponent: Any) -> Tensor:
    if not isinstance(x, SparseTensor) or isinstance(exponent, Tensor) or exponent == 0:
        raise RuntimeError("pow of a sparse tensor takes a number that is not zero")
    x = _coalesce(x)
    return _like(x, x._v.pow(exponent))


@_handles("clone")
def _clone(x: Any, *, memory_format: Any = None) -> Tensor:
    return _make(x._i.clone(), x._v.clone(), x.shape, x._coalesced)


@_handles("detach", "alias")
def _detach(x: Any) -> Tensor:
    return _like(x, x._v.detach())


@_handles("detach_")
def _detach_(x: Any) -> Any:
    x._v = x._v.detach()
    return x


@_handles("zero_")
def _zero_(x: Any) -> Any:
    empty = _make(x._i[:, :0], x._v.detach()[:0], x.shape, True)
    return _put(x, empty)


@_handles("copy_")
def _copy_(x: Any, source: Any, non_blocking: bool = False) -> Any:
    if not isinstance(x, SparseTensor) or not isinstance(source, SparseTensor):
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented! Use to_dense() or to_sparse()"
        )
    _same_size("copy_", x, source)
    return _put(x, _clone(source))


@_handles("zeros_like")
def _zeros_like(x: Any, *, dtype: Any = None, **options: Any) -> Tensor:
    values = x._v.new_zeros((0, *x._v.shape[1:]), dtype=x.dtype if dtype is None else dtype)
    return _make(x._i[:, :0], values, x.shape, True)


@_handles("to")
def _to(x: Any, *args: Any, **kwargs: Any) -> Tensor:
    copy = kwargs.pop("copy", False)
    values = x._v.to(*args, **kwargs)
    if values.device.type != "cpu":
        raise NotImplementedError("sparse tensors of another device than the CPU are not implemented")
    if values is x._v:
        return _clone(x) if copy else x  # type: ignore[no-any-return]
    return _like(x, values)


def _converts(name: str) -> None:
    dtype = getattr(
        torch, {"bfloat16": "bfloat16", "cfloat": "complex64", "cdouble": "complex128"}.get(name, name)
    )
    _HANDLERS[name] = lambda x, **_: x if x.dtype == dtype else _to(x, dtype)


for _name in "bool int long short half float double bfloat16 cfloat cdouble".split():
    _converts(_name)


@_handles("cpu", "contiguous")
def _itself(x: Any, **_: Any) -> Any:
    return x


@_handles("type_as")
def _type_as(x: Any, other: Any) -> Tensor:
    return _to(x, other.dtype)


@_handles("is_same_size")
def _is_same_size(x: Any, other: Any) -> bool:
    return bool(x.shape == other.shape)


@_handles("to_dense")
def _to_dense(x: Any, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    return x.to_dense(dtype, masked_grad=masked_grad)  # type: ignore[no-any-return]


_HANDLERS["sparse_mask"] = _mask


# ---- shapes


def _wrap(x: Any, dim: int) -> int:
    from flambeau.ops._dims import wrap_dim

    return wrap_dim(dim, x.dim())


@_handles("permute")
def _permute(x: Any, *dims: Any) -> Tensor:
    order = [_wrap(x, d) for d in (dims[0] if len(dims) == 1 and not isinstance(dims[0], int) else dims)]
    if sorted(order) != list(range(x.dim())):
        raise RuntimeError("permute(sparse_coo): the dimensions must be a permutation of those of the tensor")
    n = x.sparse_dim()
    if sorted(order[:n]) != list(range(n)):
        raise RuntimeError(
            "transpose(): can only transpose sparse dimensions with sparse ones, dense with dense"
        )
    indices = x._i[order[:n]] if n else x._i
    values = x._v.permute(0, *[d - n + 1 for d in order[n:]])
    return _make(indices, values, [x.shape[d] for d in order], x._coalesced and order[:n] == list(range(n)))


@_handles("transpose", "swapaxes", "swapdims")
def _transpose(x: Any, dim0: int, dim1: int) -> Tensor:
    order = list(range(x.dim()))
    a, b = _wrap(x, dim0), _wrap(x, dim1)
    order[a], order[b] = order[b], order[a]
    return _permute(x, *order)


@_handles("t")
def _t(x: Any) -> Tensor:
    if x.dim() > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 sparse dimensions, but self is {x.dim()}D")
    return _transpose(x, 0, 1) if x.dim() == 2 else x


@_handles("unsqueeze")
def _unsqueeze(x: Any, dim: int) -> Tensor:
    at = dim + x.dim() + 1 if dim < 0 else dim
    if not 0 <= at <= x.dim():
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-x.dim() - 1}, {x.dim()}], but got {dim})"
        )
    size = [*x.shape[:at], 1, *x.shape[at:]]
    n = x.sparse_dim()
    if at > n:
        return _make(x._i, x._v.unsqueeze(at - n + 1), size, x._coalesced)
    row = x._i.new_zeros((1, x._nnz()))
    return _make(torch.cat([x._i[:at], row, x._i[at:]]), x._v, size, x._coalesced)


@_handles("select")
def _select(x: Any, dim: int, index: int) -> Tensor:
    d = _wrap(x, dim)
    size = x.shape[d]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(x.shape)} at dimension {d}"
        )
    index %= size
    rest = [s for i, s in enumerate(x.shape) if i != d]
    n = x.sparse_dim()
    if d >= n:
        return _make(x._i, x._v.select(d - n + 1, index), rest, x._coalesced)
    held = (x._i[d] == index).nonzero().view(-1)
    values = x._v.index_select(0, held)
    if n == 1:
        return values.sum(0)
    rows = [i for i in range(n) if i != d]
    return _make(x._i[rows].index_select(1, held), values, rest, x._coalesced)


@_handles("index_select")
def _index_select(x: Any, dim: int, index: Tensor) -> Tensor:
    d = _wrap(x, dim)
    size = list(x.shape)
    size[d] = index.numel()
    n = x.sparse_dim()
    if d >= n:
        return _make(x._i, x._v.index_select(d - n + 1, index), size, x._coalesced)
    x = _coalesce(x)
    order = torch.argsort(x._i[d], stable=True)
    along = x._i[d].index_select(0, order)
    first, last = torch.searchsorted(along, index), torch.searchsorted(along, index, right=True)
    pieces, starts = _ranges(first, last - first)
    taken = order.index_select(0, starts)
    indices = x._i.index_select(1, taken)
    indices[d] = pieces
    return _make(indices, x._v.index_select(0, taken), size, False)


@_handles("cat", "concat", "concatenate")
def _cat(tensors: Any, dim: int = 0) -> Tensor:
    parts = list(tensors)
    if not all(isinstance(p, SparseTensor) for p in parts):
        raise RuntimeError("Concatenating sparse tensors, but a dense tensor was found")
    d, n = _wrap(parts[0], dim), parts[0].sparse_dim()
    if any(p.sparse_dim() != n or p.dense_dim() != parts[0].dense_dim() for p in parts):
        raise RuntimeError("All tensors must have the same sparse_dim and dense_dim to be concatenated")
    size = list(parts[0].shape)
    size[d] = sum(p.shape[d] for p in parts)
    if d >= n:
        raise NotImplementedError("cat of sparse tensors along a dense dimension is not implemented")
    indices, start = [], 0
    for p in parts:
        moved = p._i.clone()
        moved[d] += start
        indices.append(moved)
        start += p.shape[d]
    return _make(torch.cat(indices, 1), torch.cat([p._v for p in parts]), size, False)


@_handles("stack")
def _stack(tensors: Any, dim: int = 0) -> Tensor:
    return _cat([_unsqueeze(p, dim) for p in tensors], dim)


# ---- sums and products


def _sum(x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    values = x._v if dtype is None else x._v.to(dtype)
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return values.sum()
    dims = {_wrap(x, d) for d in ([dim] if isinstance(dim, int) else dim)}
    n = x.sparse_dim()
    dense = [d - n + 1 for d in dims if d >= n]
    if dense:
        values = values.sum(dense)
    rows = [d for d in range(n) if d not in dims]
    size = [s for d, s in enumerate(x.shape) if d not in dims]
    if not rows:
        total = values.sum(0)
        return total.reshape([1 if d in dims else s for d, s in enumerate(x.shape)]) if keepdim else total
    result = _make(x._i[rows], values, size, False)
    if len(rows) == n:
        result._coalesced = x._coalesced
    result = _coalesce(result)
    if keepdim:
        for d in sorted(dims):
            result = _unsqueeze(result, d)  # type: ignore[assignment]
    return result


_HANDLERS["sum"] = _sum


@_handles("any")
def _any(x: Any) -> Tensor:
    return _coalesce(x)._v.any()


@_handles("norm")
def _norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    if dim is not None:
        raise RuntimeError("norm_sparse currently only supports full reductions, so 'dim' must be None")
    return _coalesce(x)._v.norm(2 if p == "fro" or p is None else p)


def _ranges(first: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """For ranges first[i] .. first[i] + counts[i]: whose each number is, and the numbers."""
    owners = torch.repeat_interleave(torch.arange(counts.numel()), counts)
    ends = counts.cumsum(0)
    numbers = torch.arange(owners.numel()) - (ends - counts - first).index_select(0, owners)
    return owners, numbers


def _check_product(name: str, a: Any, b: Any) -> None:
    if a.dim() != 2 or b.dim() != 2 or a.size(1) != b.size(0):
        raise RuntimeError(f"{name}: mat1 and mat2 shapes cannot be multiplied ({_by(a)} and {_by(b)})")
    for x in (a, b):
        if isinstance(x, SparseTensor) and x.dense_dim():
            raise RuntimeError(f"{name}: expected 'mat1' to have two sparse dimensions and none dense")


def _by(x: Any) -> str:
    return "x".join(map(str, x.shape))


@_handles("mm")
def mm(a: Any, b: Any) -> Tensor:
    _check_product("mm", a, b)
    if isinstance(a, SparseTensor) and isinstance(b, SparseTensor):
        a, b = _coalesce(a), _coalesce(b)
        rows = b._i[0].contiguous()
        wanted = a._i[1].contiguous()
        first = torch.searchsorted(rows, wanted)
        mine, theirs = _ranges(first, torch.searchsorted(rows, wanted, right=True) - first)
        indices = torch.stack([a._i[0].index_select(0, mine), b._i[1].index_select(0, theirs)])
        values = a._v.index_select(0, mine) * b._v.index_select(0, theirs)
        return _coalesce(_make(indices, values, (a.size(0), b.size(1)), False))
    if isinstance(a, SparseTensor):
        products = a._v.unsqueeze(1) * b.index_select(0, a._i[1])
        return products.new_zeros((a.size(0), b.size(1))).index_add(0, a._i[0], products)
    return mm(_t(b), a.t()).t()


@_handles("mv")
def _mv(a: Any, b: Any) -> Tensor:
    if a.dim() != 2 or b.dim() != 1 or a.size(1) != b.size(0):
        raise RuntimeError(f"mv: Tensor of size {_by(a)} and vector of size {_by(b)} cannot be multiplied")
    return mm(a, b.unsqueeze(1)).squeeze(1)


@_handles("matmul")
def _matmul(a: Any, b: Any) -> Tensor:
    return _mv(a, b) if b.dim() == 1 and a.dim() == 2 else mm(a, b)


@_handles("addmm")
def addmm(mat: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    product = mm(a, b)
    if isinstance(product, SparseTensor) or isinstance(mat, SparseTensor):
        raise RuntimeError("addmm: expected a dense matrix, and a product of a sparse and a dense one")
    return (mat if beta == 1 else mat * beta) + (product if alpha == 1 else product * alpha)


# ---- optimizers


def sgd_step(params: list[Tensor], buffers: list[Tensor], dampening: float, group: dict[str, Any]) -> None:
    """The step of SGD for those parameters whose gradients are sparse; with momentum, the buffers are dense."""
    for i, param in enumerate(params):
        grad: Any = param.grad
        if not isinstance(grad, SparseTensor):
            continue
        if group["weight_decay"]:
            raise RuntimeError(
                "add(sparse, dense) is not supported. Use add(dense, sparse) instead. Sparse gradients take no weight_decay"
            )
        update: Any = _neg(grad) if group["maximize"] else grad
        if group["momentum"]:
            _add_(buffers[i].mul_(group["momentum"]), update, alpha=1 - dampening)
            update = buffers[i] if not group["nesterov"] else _add(buffers[i] * group["momentum"], update)
        param.detach().add_(update, alpha=-float(group["lr"]))


def adagrad_step(param: Tensor, grad: Any, total: Tensor, rate: float, eps: float) -> None:
    """The step of Adagrad for the rows that have a gradient."""
    grad = _coalesce(grad)
    _add_(total, _like(grad, grad._v.square()))
    root = _mask(total, grad)._v.sqrt().add_(eps)
    _add_(param.detach(), _like(grad, grad._v / root), alpha=-rate)

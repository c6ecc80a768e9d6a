"""Operators of linear algebra over other operators."""

from __future__ import annotations

import math
import warnings
from typing import Any

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, linalg, method, operator, out
from flambeau.ops._refusals import HALVES, WIDE_UNSIGNED, is_integral, refuse, scalar_type


@operator(
    "cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor",
    function,
    method,
)
def cov(self: Tensor, *, correction: int, fweights: Tensor | None, aweights: Tensor | None) -> Tensor:
    """The covariance matrix of variables in rows and observations in columns.

    With weights w = fweights * aweights, V1 = sum(w) and the weighted means mu:

        C[i, j] = sum_k w[k] (x[i, k] - mu[i]) conj(x[j, k] - mu[j]) / (V1 - correction * sum(w * aweights) / V1)

    Args:
        self: (variables, observations), or (observations,) for one variable
        correction: what the number of observations is reduced by; 1 is Bessel's correction, 0 the plain mean
        fweights: (observations,), integers: how often each observation was made
        aweights: (observations,), floating point: the importance of each observation

    Returns:
        (variables, variables); a scalar for one variable.

    Raises:
        RuntimeError: more than two dimensions, a bool input, weights of a wrong shape or dtype, or negative ones.

    >>> import flambeau as torch
    >>> torch.cov(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if self.dim() > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {self.dim()}"
        )
    if self.dtype == torch.bool:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    observations = self.reshape(1, -1) if self.dim() < 2 else self
    count = observations.size(1)
    weights = None
    if fweights is not None:
        _check_weights("fweights", fweights, count)
        if fweights.is_floating_point() or fweights.is_complex() or fweights.dtype == torch.bool:
            raise RuntimeError("cov(): expected fweights to have integral dtype")
        if count and bool((fweights < 0).any()):
            raise RuntimeError("cov(): fweights cannot be negative")
        weights = fweights
    if aweights is not None:
        _check_weights("aweights", aweights, count)
        if not aweights.is_floating_point():
            raise RuntimeError("cov(): expected aweights to have floating point dtype")
        if count and bool((aweights < 0).any()):
            raise RuntimeError("cov(): aweights cannot be negative")
        weights = aweights if weights is None else weights * aweights
    if weights is None:
        total: Any = count
        mean = observations.sum(1, keepdim=True) / count
    else:
        total = weights.sum()
        if bool(total == 0):
            raise ZeroDivisionError("cov(): weights sum to zero, can't be normalized")
        mean = (observations * weights).sum(1, keepdim=True) / total
    norm = total - correction
    if aweights is not None and correction != 0:
        norm = total - correction * (weights * aweights).sum() / total
    if bool(norm <= 0):
        warnings.warn("cov(): degrees of freedom is <= 0", stacklevel=2)
        norm = norm * 0
    centred = observations - mean
    weighted = centred if weights is None else centred * weights
    return (torch.mm(centred, _adjoint(weighted)) / norm).squeeze()


def _check_weights(name: str, weights: Tensor, observations: int) -> None:
    if weights.dim() > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.dim()}"
        )
    if weights.numel() != observations:
        raise RuntimeError(
            f"cov(): expected {name} to have the same number of observations as the input but got {weights.numel()} "
            f"!= {observations}"
        )


def _adjoint(matrix: Tensor) -> Tensor:
    return matrix.t().conj() if matrix.is_complex() else matrix.t()


@operator("corrcoef(Tensor self) -> Tensor", function, method)
def corrcoef(self: Tensor) -> Tensor:
    """Pearson's correlation coefficients of variables in rows: C[i, j] / sqrt(C[i, i] C[j, j]), C the covariances.

    Args:
        self: (variables, observations), or (observations,) for one variable

    Returns:
        (variables, variables), values clipped to [-1, 1]; a scalar for one variable.

    Raises:
        RuntimeError: more than two dimensions, a bool input.

    >>> import flambeau as torch
    >>> torch.corrcoef(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])).round().tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    if self.dim() > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {self.dim()} dimensions"
        )
    c = torch.cov(self)
    if c.dim() == 0:
        return c / c
    deviation = (c.diagonal().real if c.is_complex() else c.diagonal()).sqrt()
    c = c / deviation.unsqueeze(-1) / deviation.unsqueeze(0)
    return torch.complex(c.real.clamp(-1, 1), c.imag.clamp(-1, 1)) if c.is_complex() else c.clamp(-1, 1)


@operator("kron(Tensor self, Tensor other) -> Tensor", function, method, out)
def kron(self: Tensor, other: Tensor) -> Tensor:
    """The Kronecker product: blocks of `other`, each scaled by an element of `self`.

    Args:
        self, other: any shapes; the one of fewer dimensions gets leading ones

    Returns:
        In each dimension the product of the sizes.

    >>> import flambeau as torch
    >>> torch.kron(torch.tensor([1, 10]), torch.tensor([1, 2])).tolist()
    [1, 2, 10, 20]
    """
    count = max(self.dim(), other.dim())
    a = [1] * (count - self.dim()) + list(self.shape)
    b = [1] * (count - other.dim()) + list(other.shape)
    left = self.reshape([n for size in a for n in (size, 1)])
    right = other.reshape([n for size in b for n in (1, size)])
    return (left * right).reshape([m * n for m, n in zip(a, b, strict=True)])


@operator("inner(Tensor self, Tensor other) -> Tensor", function, method, out)
def inner(self: Tensor, other: Tensor) -> Tensor:
    """Sums of products over the last dimensions; a plain product where one is a scalar.

    Args:
        self: (..., n)
        other: (..., n)

    Returns:
        The leading dimensions of self, then those of other.

    Raises:
        RuntimeError: last dimensions that differ.

    >>> import flambeau as torch
    >>> torch.inner(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor(11)
    """
    if self.dim() == 0 or other.dim() == 0:
        return self * other
    if self.size(-1) != other.size(-1):
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(self.shape)} and "
            f"{list(other.shape)}"
        )
    return torch.tensordot(self, other, [[-1], [-1]])


@operator("tensordot(Tensor a, Tensor b, object dims=2) -> Tensor", function, out)
def tensordot(a: Tensor, b: Tensor, dims: Any) -> Tensor:
    """The contraction of two tensors: sums of products over pairs of dimensions.

    Args:
        a, b: tensors of one dtype
        dims: n, for the last n dimensions of a and the first n of b; or two lists of dimensions of the same sizes

    Returns:
        The dimensions of a that are left, then those of b.

    Raises:
        RuntimeError: a negative number, more dimensions than there are, or sizes that differ.

    >>> import flambeau as torch
    >>> torch.tensordot(torch.ones(2, 3), torch.ones(3, 4), 1).shape
    torch.Size([2, 4])
    """
    if isinstance(dims, Tensor):
        dims = int(dims) if dims.numel() == 1 else dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(
                f"tensordot expects dims < ndim_a or ndim_b (a.dim()={a.dim()}, b.dim()={b.dim()}), but got dims={dims}"
            )
        of_a, of_b = list(range(a.dim() - dims, a.dim())), list(range(dims))
    else:
        of_a, of_b = ([d] if isinstance(d, int) else list(d) for d in dims)
        of_a, of_b = [_dim(d, a.dim()) for d in of_a], [_dim(d, b.dim()) for d in of_b]
    if len(of_a) != len(of_b):
        raise RuntimeError("both dimension lists should have same length")
    summed_alone: list[int] = []
    for i, j in zip(of_a, of_b, strict=True):
        if a.size(i) == b.size(j):
            continue
        if 1 not in (a.size(i), b.size(j)):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.size(i)} in dim {i} and second has size "
                f"{b.size(j)} in dim {j}"
            )
        summed_alone.append(i)
        # A size of one broadcasts: the other side is summed by itself.
        a, b = (a.sum(i, True), b) if b.size(j) == 1 else (a, b.sum(j, True))
    left = [d for d in range(a.dim()) if d not in of_a]
    right = [d for d in range(b.dim()) if d not in of_b]
    inside = math.prod(a.size(d) for d in of_a)
    first = a.permute([*left, *of_a]).reshape(math.prod(a.size(d) for d in left), inside)
    second = b.permute([*of_b, *right]).reshape(inside, math.prod(b.size(d) for d in right))
    return torch.mm(first, second).reshape([*(a.size(d) for d in left), *(b.size(d) for d in right)])


def _dim(dim: int, count: int) -> int:
    if not -max(count, 1) <= dim < max(count, 1):
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-max(count, 1)}, {max(count, 1) - 1}], but got {dim})"
        )
    return dim % max(count, 1)


@operator("einsum(str equation, Tensor[] operands...) -> Tensor", function)
def einsum(equation: str, operands: tuple[Tensor, ...]) -> Tensor:
    """Sums of products, in Einstein's notation: a letter for each dimension; letters absent from the result are summed.

    Operands are contracted pairwise from the left; a pair's letters that nothing else needs are summed at once, as a batched
    matrix product.

    Args:
        equation: 'ij,jk->ik'; without '->', the letters that occur once, in alphabetical order; '...' stands for dimensions
            that broadcast
        operands: tensors of one dtype

    Raises:
        RuntimeError: an equation that does not fit the operands, or sizes that differ.

    >>> import flambeau as torch
    >>> torch.einsum("ij,j->i", torch.tensor([[1, 2], [3, 4]]), torch.tensor([1, 1])).tolist()
    [3, 7]

    Source: Einstein, Die Grundlage der allgemeinen Relativitaetstheorie, 1916, section 5.
    """
    if not operands:
        raise RuntimeError("einsum(): must provide at least one operand")
    inputs, result = _parse_equation(equation, operands)
    sizes: dict[str, int] = {}
    tensors = []
    for letters, tensor in zip(inputs, operands, strict=True):
        kept: list[str] = []
        for letter in letters:
            size = tensor.size(len(kept))
            if sizes.get(letter, 1) == 1:
                sizes[letter] = size
            elif size not in (1, sizes[letter]):
                raise RuntimeError(
                    f"einsum(): subscript {letter} has size {size} for an operand which does not broadcast with previously "
                    f"seen size {sizes[letter]}"
                )
            if letter in kept:  # a diagonal
                at = kept.index(letter)
                if tensor.size(at) != size:
                    raise RuntimeError(
                        f"einsum(): subscript {letter} is repeated for an operand but the sizes don't match, "
                        f"{size} != {tensor.size(at)}"
                    )
                tensor = tensor.diagonal(0, at, len(kept)).movedim(-1, at)
            else:
                kept.append(letter)
        tensors.append((kept, tensor))
    for letter in result:
        if letter not in sizes:
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any input operand"
            )
    letters, value = tensors[0]
    for i, (others, other) in enumerate(tensors[1:], 1):
        needed = {*result, *(x for rest, _ in tensors[i + 1 :] for x in rest)}
        letters, value = _contract(letters, value, others, other, needed)
    gone = [k for k, letter in enumerate(letters) if letter not in result]
    if gone:
        value = value.sum(gone)
    letters = [x for x in letters if x in result]
    value = value.permute([letters.index(x) for x in result])
    return value


def _parse_equation(equation: str, operands: tuple[Tensor, ...]) -> tuple[list[list[str]], list[str]]:
    """The letters of each operand and of the result; the dimensions of '...' are numbers from the right."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise RuntimeError(
            f"einsum(): {'more' if len(terms) < len(operands) else 'fewer'} operands were given than the equation names"
        )
    inputs, widest = [], 0
    for i, (term, tensor) in enumerate(zip(terms, operands, strict=True)):
        before, dots, behind = term.partition("...")
        if not (before + behind).isalpha() and before + behind:
            raise RuntimeError(
                f"einsum(): invalid subscript given, subscripts must be in [a-zA-Z], got {term!r}"
            )
        spare = tensor.dim() - len(before + behind)
        if spare < 0 or (spare and not dots):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(before + behind)}) does not match the number of "
                f"dimensions ({tensor.dim()}) for operand {i} and no ellipsis was given"
            )
        widest = max(widest, spare if dots else 0)
        inputs.append([*before, *(str(k) for k in range(spare, 0, -1)), *behind])
    ellipsis = [str(k) for k in range(widest, 0, -1)]
    if arrow:
        before, dots, behind = right.partition("...")
        if not (before + behind).isalpha() and before + behind:
            raise RuntimeError(
                f"einsum(): invalid subscript given, subscripts must be in [a-zA-Z], got {right!r}"
            )
        result = [*before, *(ellipsis if dots else []), *behind]
        for letter in set(result):
            if result.count(letter) > 1:
                raise RuntimeError(
                    f"einsum(): output subscript {letter} appears more than once in the output"
                )
    else:
        once = sorted(
            x for x in {y for t in inputs for y in t if y.isalpha()} if sum(t.count(x) for t in inputs) == 1
        )
        result = [*ellipsis, *once]
    return inputs, result


def _contract(
    a_letters: list[str], a: Tensor, b_letters: list[str], b: Tensor, needed: set[str]
) -> tuple[list[str], Tensor]:
    """The product of two operands, summed over the letters that are needed no more."""
    for letters, tensor, others in ((a_letters, a, b_letters), (b_letters, b, a_letters)):
        alone = [
            k for k, x in enumerate(letters) if x not in needed and (x not in others or tensor.size(k) == 1)
        ]
        if alone:
            kept = [x for k, x in enumerate(letters) if k not in alone]
            if tensor is a:
                a_letters, a = kept, tensor.sum(alone)
            else:
                b_letters, b = kept, tensor.sum(alone)
    # A letter of size one on one side only broadcasts: the other side keeps it or sums it.
    both = [x for x in a_letters if x in b_letters]
    batch = [x for x in both if x in needed]
    summed = [x for x in both if x not in needed]
    only_a = [x for x in a_letters if x not in b_letters]
    only_b = [x for x in b_letters if x not in a_letters]
    size = {x: max(a.size(a_letters.index(x)), b.size(b_letters.index(x))) for x in both}
    a = a.permute([a_letters.index(x) for x in (*batch, *only_a, *summed)])
    b = b.permute([b_letters.index(x) for x in (*batch, *summed, *only_b)])
    sizes_a = [a.size(len(batch) + k) for k in range(len(only_a))]
    sizes_b = [b.size(len(batch) + len(summed) + k) for k in range(len(only_b))]
    batch_sizes = [size[x] for x in batch]
    inside = [size[x] for x in summed]
    if not summed:
        a = a.reshape([*a.shape, *[1] * len(only_b)])
        b = b.reshape([*b.shape[: len(batch)], *[1] * len(only_a), *b.shape[len(batch) :]])
        return [*batch, *only_a, *only_b], a * b
    a = a.expand([*batch_sizes, *sizes_a, *inside]).reshape(
        math.prod(batch_sizes), math.prod(sizes_a), math.prod(inside)
    )
    b = b.expand([*batch_sizes, *inside, *sizes_b]).reshape(
        math.prod(batch_sizes), math.prod(inside), math.prod(sizes_b)
    )
    return [*batch, *only_a, *only_b], torch.bmm(a, b).reshape([*batch_sizes, *sizes_a, *sizes_b])


def _best_split(sizes: list[int]) -> list[list[int]]:
    """Where the cheapest order of a chain of products splits it: Cormen et al., Introduction to Algorithms, section 15.2."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            costs = [
                cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)
            ]
            cost[i][j] = min(costs)
            split[i][j] = i + costs.index(cost[i][j])
    return split


@operator("multi_dot(Tensor[] tensors) -> Tensor", linalg, out)
def multi_dot(tensors: tuple[Tensor, ...]) -> Tensor:
    """The product of a chain of matrices, in the order that takes the fewest multiplications.

    Args:
        tensors: at least two matrices; the first and the last may be vectors

    Raises:
        RuntimeError: fewer than two tensors, or shapes that do not chain.

    >>> import flambeau as torch
    >>> torch.linalg.multi_dot([torch.ones(2, 3), torch.ones(3, 4), torch.ones(4)]).tolist()
    [12.0, 12.0]

    Source: Cormen, Leiserson, Rivest, Stein, Introduction to Algorithms, 3rd edition, section 15.2.
    """
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    first, last = tensors[0], tensors[-1]
    for i, t in enumerate(tensors):
        if t.dim() != 2 and not (t.dim() == 1 and i in (0, len(tensors) - 1)):
            raise RuntimeError(
                f"multi_dot(): tensor {i} must be 2D{' or 1D' if i in (0, len(tensors) - 1) else ''} but got {t.dim()}D"
            )
        if t.dtype != first.dtype:
            raise RuntimeError(
                f"multi_dot(): expected tensors of one dtype but tensor 0 is {first.dtype} and tensor {i} {t.dtype}"
            )
    chain = list(tensors)
    if first.dim() == 1:
        chain[0] = first.unsqueeze(0)
    if last.dim() == 1:
        chain[-1] = last.unsqueeze(1)
    for i, (a, b) in enumerate(zip(chain, chain[1:], strict=False)):
        if a.size(1) != b.size(0):
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a.shape)} and {list(b.shape)} cannot be multiplied"
            )
    split = _best_split([*(t.size(0) for t in chain), chain[-1].size(1)])

    def product(i: int, j: int) -> Tensor:
        return chain[i] if i == j else torch.mm(product(i, split[i][j]), product(split[i][j] + 1, j))

    result = product(0, len(chain) - 1)
    if first.dim() == 1:
        result = result.squeeze(0)
    return result.squeeze(-1) if last.dim() == 1 else result


@operator("chain_matmul(Tensor[] matrices...) -> Tensor", function, out)
def chain_matmul(matrices: tuple[Tensor, ...]) -> Tensor:
    """The product of a chain of matrices in the cheapest order; see `linalg.multi_dot`.

    Args:
        matrices: at least one

    Raises:
        RuntimeError: a tensor that is no matrix, or shapes that do not chain.

    >>> import flambeau as torch
    >>> torch.chain_matmul(torch.ones(1, 2), torch.ones(2, 1)).tolist()
    [[2.0]]
    """
    for matrix in matrices:
        if matrix.dim() != 2:
            raise RuntimeError(f"Tensor dimension is {matrix.dim()}, expected 2 instead.")
    return matrices[0].clone() if len(matrices) == 1 else torch.linalg.multi_dot(matrices)


def _cross(self: Tensor, other: Tensor, dim: int) -> Tensor:
    if self.dim() != other.dim():
        raise RuntimeError(
            f"linalg.cross: inputs must have the same number of dimensions. Got {self.dim()} and {other.dim()}"
        )
    if self.dtype != other.dtype:
        raise RuntimeError(
            f"expected scalar type {scalar_type(self.dtype)} but found {scalar_type(other.dtype)}"
        )
    dim = _dim(dim, self.dim())
    if self.size(dim) != 3 or other.size(dim) != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {self.size(dim)} and {other.size(dim)}"
        )
    refuse("cross", self.dtype, "Bool", WIDE_UNSIGNED)
    a, b = torch.broadcast_tensors(self, other)
    return a.roll(-1, dim) * b.roll(-2, dim) - a.roll(-2, dim) * b.roll(-1, dim)


@operator("cross(Tensor self, Tensor other, int? dim=None) -> Tensor", function, method, out)
def cross(self: Tensor, other: Tensor, dim: int | None) -> Tensor:
    """The cross product of vectors of three elements.

    Args:
        self, other: shapes broadcast
        dim: where the vectors lie; by default the first dimension of size 3

    Raises:
        RuntimeError: numbers of dimensions that differ, or a dimension of another size than 3.

    >>> import flambeau as torch
    >>> torch.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0]), dim=0).tolist()
    [0, 0, 1]
    """
    if dim is None:
        if self.shape != other.shape and self.dim() == other.dim():
            self, other = torch.broadcast_tensors(self, other)
        threes = [k for k, size in enumerate(self.shape) if size == 3]
        if not threes:
            raise RuntimeError("no dimension of size 3 in input")
        dim = threes[0]
    return _cross(self, other, dim)


@operator("cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor", linalg, out)
def linalg_cross(self: Tensor, other: Tensor, *, dim: int) -> Tensor:
    """The cross product of vectors of three elements along a dimension.

    Args:
        self, other: shapes broadcast; size 3 in `dim`

    Raises:
        RuntimeError: numbers of dimensions that differ, or another size than 3.

    >>> import flambeau as torch
    >>> torch.linalg.cross(torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0])).tolist()
    [0, 0, 1]
    """
    return _cross(self, other, dim)


def _vander(x: Tensor, columns: int | None) -> Tensor:
    n = x.size(-1) if columns is None else columns
    if n <= 0:
        raise RuntimeError(f"N must be greater than 1, got {n}.")
    ones = x.new_ones((*x.shape, 1))
    return torch.cat([ones, x.unsqueeze(-1).expand((*x.shape, n - 1)).cumprod(-1)], -1)


@operator("vander(Tensor x, int? N=None, bool increasing=False) -> Tensor", function)
def vander(x: Tensor, N: int | None, increasing: bool) -> Tensor:
    """The Vandermonde matrix: powers of the elements of a vector, in columns.

    Args:
        x: (n,)
        N: the number of columns, n by default
        increasing: whether powers grow from left to right

    Returns:
        (n, N).

    Raises:
        RuntimeError: x is no vector, or N is negative.

    >>> import flambeau as torch
    >>> torch.vander(torch.tensor([1, 2, 3])).tolist()
    [[1, 1, 1], [4, 2, 1], [9, 3, 1]]
    """
    if x.dim() != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.size(0) if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    dtype = (
        torch.int64 if x.dtype in (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32) else x.dtype
    )
    if n == 0:
        return torch.empty((x.size(0), 0), dtype=dtype, device=x.device)
    powers = _vander(x.to(dtype), n)
    return powers if increasing else powers.flip(-1)


@operator("vander(Tensor x, *, int? N=None) -> Tensor", linalg)
def linalg_vander(x: Tensor, *, N: int | None) -> Tensor:
    """Vandermonde matrices: increasing powers of the last dimension's elements, in columns.

    Args:
        x: (..., n)
        N: the number of columns, n by default

    Returns:
        (..., n, N).

    Raises:
        RuntimeError: N below 1, a scalar, booleans or half precision.

    >>> import flambeau as torch
    >>> torch.linalg.vander(torch.tensor([1, 2, 3])).tolist()
    [[1, 1, 1], [1, 2, 4], [1, 3, 9]]
    """
    if scalar_type(x.dtype) in {"Bool", *HALVES}:
        raise RuntimeError(
            f"linalg.vander supports floating point, complex, and integer tensors, but got {scalar_type(x.dtype)}"
        )
    if is_integral(x):
        x = x.to(torch.int64)
    return _vander(torch.atleast_1d(x), N)


def _check_square(a: Tensor, name: str) -> None:
    if a.dim() < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if a.size(-1) != a.size(-2):
        raise RuntimeError(
            f"{name}: A must be batches of square matrices, but they are {a.size(-2)} by {a.size(-1)} matrices"
        )


@operator("matrix_power(Tensor A, int n) -> Tensor", linalg, out)
@operator("matrix_power(Tensor self, int n) -> Tensor", function, method, out)
def matrix_power(self: Tensor, n: int) -> Tensor:
    """The n-th power of square matrices, by repeated squaring; the identity for n = 0, powers of the inverse below it.

    Args:
        self: (..., k, k)

    Raises:
        RuntimeError: matrices that are not square, or singular ones for a negative n.

    >>> import flambeau as torch
    >>> torch.linalg.matrix_power(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 5).tolist()
    [[1.0, 5.0], [0.0, 1.0]]

    Source: Knuth, The Art of Computer Programming, volume 2, section 4.6.3.
    """
    _check_square(self, "linalg.matrix_power")
    if n == 0:
        return self.clone().copy_(torch.eye(self.size(-1), dtype=self.dtype, device=self.device))
    if n < 0:
        self, n = torch.linalg.inv(self), -n
    result: Any = None
    while True:
        if n % 2:
            result = self if result is None else torch.matmul(result, self)
        n //= 2
        if n == 0:
            return result.clone() if result is self else result
        self = torch.matmul(self, self)


@operator("vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor", linalg, out)
def vecdot(x: Tensor, y: Tensor, *, dim: int) -> Tensor:
    """The dot products of vectors along a dimension: sum conj(x) y.

    Args:
        x, y: of one dtype, floating point or complex; shapes broadcast

    Returns:
        The shape without `dim`.

    Raises:
        RuntimeError: integers, dtypes that differ.

    >>> import flambeau as torch
    >>> torch.linalg.vecdot(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]))
    tensor(11.)
    """
    if not (x.is_floating_point() or x.is_complex()):
        raise RuntimeError(
            f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {scalar_type(x.dtype)}"
        )
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"linalg.vecdot: Expected x and y to have the same dtype, but found x of type {scalar_type(x.dtype)} and "
            f"y of type {scalar_type(y.dtype)} instead"
        )
    return ((x.conj() if x.is_complex() else x) * y).sum(dim)


@operator("diagonal(Tensor A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor", linalg)
def linalg_diagonal(A: Tensor, *, offset: int, dim1: int, dim2: int) -> Tensor:
    """A view of matrices' diagonals; `Tensor.diagonal` for the last two dimensions.

    Args:
        A: (..., m, n)

    >>> import flambeau as torch
    >>> torch.linalg.diagonal(torch.eye(2)).tolist()
    [1.0, 1.0]
    """
    return A.diagonal(offset, dim1, dim2)


@operator("matmul(Tensor self, Tensor other) -> Tensor", linalg, out)
def linalg_matmul(self: Tensor, other: Tensor) -> Tensor:
    """The matrix product; as `flambeau.matmul`.

    Args:
        self: (..., m, k)
        other: (..., k, n)

    >>> import flambeau as torch
    >>> torch.linalg.matmul(torch.ones(1, 2), torch.ones(2, 1)).tolist()
    [[2.0]]
    """
    return torch.matmul(self, other)


def _pair(dim: tuple[int, ...], count: int, name: str) -> tuple[int, int]:
    if len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {list(dim)}")
    first, second = _dim(dim[0], count), _dim(dim[1], count)
    if first == second:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    return first, second


def _matrix_norm(a: Tensor, order: Any, dim: tuple[int, ...], keepdim: bool, dtype: Any) -> Tensor:
    if a.dim() < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if not (a.is_floating_point() or a.is_complex()):
        raise RuntimeError(
            f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {a.dtype}"
        )
    rows, columns = _pair(dim, a.dim(), "linalg.matrix_norm")
    if order == "fro":
        return torch.linalg.vector_norm(a, 2, (rows, columns), keepdim, dtype=dtype)
    if dtype is not None:
        a = a.to(dtype)
    if order == "nuc" or order in (2, -2):
        values = torch.linalg.svdvals(a.movedim((rows, columns), (-2, -1)))
        value = values.sum(-1) if order == "nuc" else values.amax(-1) if order == 2 else values.amin(-1)
        if keepdim:
            for d in sorted((rows, columns)):
                value = value.unsqueeze(d)
        return value
    if isinstance(order, str) or order not in (1, -1, math.inf, -math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {order} not supported.")
    summed, extreme = (rows, columns) if order in (1, -1) else (columns, rows)
    if not keepdim and extreme > summed:
        extreme -= 1
    sums = torch.linalg.vector_norm(a, 1, summed, keepdim)
    return sums.amax(extreme, keepdim) if order > 0 else sums.amin(extreme, keepdim)


@operator(
    "matrix_norm(Tensor A, Number ord, int[] dim=[-2,-1], bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    linalg,
    out,
)
def matrix_norm(A: Tensor, ord: float, dim: tuple[int, ...], keepdim: bool, *, dtype: Any) -> Tensor:
    """A norm of matrices.

    1 and -1 are the largest and the smallest sum of magnitudes in a column, inf and -inf in a row; 2 and -2 the largest and
    the smallest singular value; 'fro', the default, is the root of the sum of squares, 'nuc' the sum of the singular values.

    Args:
        A: (..., m, n), floating point
        ord: which norm
        dim: where the matrices' rows and columns stand
        dtype: converted to before anything is computed

    Raises:
        RuntimeError: fewer than two dimensions, integers, another norm.

    >>> import flambeau as torch
    >>> torch.linalg.matrix_norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5.)
    """
    return _matrix_norm(A, ord, dim, keepdim, dtype)


@operator(
    "matrix_norm(Tensor A, str ord='fro', int[] dim=[-2,-1], bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    linalg,
    out,
)
def matrix_norm_by_name(A: Tensor, ord: str, dim: tuple[int, ...], keepdim: bool, *, dtype: Any) -> Tensor:
    return _matrix_norm(A, ord, dim, keepdim, dtype)


@operator(
    "norm(Tensor A, Number? ord=None, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    linalg,
    out,
)
def norm(A: Tensor, ord: float | None, dim: tuple[int, ...] | None, keepdim: bool, *, dtype: Any) -> Tensor:
    """A norm of vectors or matrices: of matrices where `dim` names two dimensions, or `ord` is given for a matrix.

    Args:
        A: any shape, floating point
        ord: as in `vector_norm` or `matrix_norm`; by default the root of the sum of squares
        dim: an integer for vectors, two for matrices, all dimensions by default
        dtype: converted to before anything is computed

    Raises:
        RuntimeError: integers, or a matrix norm of something else than a matrix.

    >>> import flambeau as torch
    >>> torch.linalg.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if ord is not None and dim is not None and len(dim) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if ord is not None and dim is None and A.dim() not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.dim()}D."
        )
    if ord is not None and (len(dim) == 2 if dim is not None else A.dim() == 2):
        return _matrix_norm(A, ord, (0, 1) if dim is None else dim, keepdim, dtype)
    return torch.linalg.vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


@operator(
    "norm(Tensor A, str ord, int[]? dim=None, bool keepdim=False, *, dtype? dtype=None) -> Tensor",
    linalg,
    out,
)
def norm_by_name(A: Tensor, ord: str, dim: tuple[int, ...] | None, keepdim: bool, *, dtype: Any) -> Tensor:
    if dim is not None and len(dim) not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    if dim is None and A.dim() not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.dim()}D."
        )
    return _matrix_norm(A, ord, (0, 1) if dim is None else dim, keepdim, dtype)


@operator("cdist(Tensor x1, Tensor x2, float p=2, str? compute_mode=None) -> Tensor", function)
def cdist(x1: Tensor, x2: Tensor, p: float, compute_mode: str | None) -> Tensor:
    """The p-norm distances between the rows of two batches: out[i, j] = ||x1[i] - x2[j]||_p.

    For p = 2 and more than 25 rows, |a - b|^2 = |a|^2 - 2 a.b + |b|^2 turns the work into a matrix product, unless
    `compute_mode` is 'donot_use_mm_for_euclid_dist'; 'use_mm_for_euclid_dist' always does.

    Args:
        x1: (..., P, M)
        x2: (..., R, M), floating point as x1
        p: at least 0; 0 counts the elements that differ

    Returns:
        (..., P, R).

    Raises:
        RuntimeError: integers, a negative p, or M that differ.
        NotImplementedError: half precision without the matrix product.
        ValueError: another compute_mode.

    >>> import flambeau as torch
    >>> torch.cdist(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])).tolist()
    [[5.0]]
    """
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode is not None and compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    for name, x in (("X1", x1), ("X2", x2)):
        if not x.is_floating_point():
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: {scalar_type(x.dtype)}"
            )
        if x.dim() < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.dim()}D")
    if x1.size(-1) != x2.size(-1):
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.size(-1)} X2: {x2.size(-1)}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    many = x1.size(-2) > 25 or x2.size(-2) > 25
    if p == 2 and x1.size(-1) and (compute_mode == modes[1] or (many and compute_mode != modes[2])):
        squares = x1.square().sum(-1, keepdim=True) + x2.square().sum(-1).unsqueeze(-2)
        return _root((squares - 2 * torch.matmul(x1, x2.transpose(-1, -2))).clamp_min(0))
    refuse("cdist", x1.dtype, HALVES)
    return _p_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p)


def _root(squares: Tensor) -> Tensor:
    """Square roots whose derivative at zero is zero."""
    zero = squares == 0
    return torch.where(zero, 0, torch.where(zero, 1, squares).sqrt())


def _p_norm(difference: Tensor, p: float) -> Tensor:
    return torch.linalg.vector_norm(difference, p, -1)


@operator("pdist(Tensor self, float p=2) -> Tensor", function)
def pdist(self: Tensor, p: float) -> Tensor:
    """The p-norm distances between all pairs of rows, each pair once: the upper triangle of `cdist` in order.

    Args:
        self: (N, M), floating point
        p: at least 0

    Returns:
        (N (N - 1) / 2,).

    Raises:
        RuntimeError: no matrix, integers, a negative p.
        NotImplementedError: half precision.

    >>> import flambeau as torch
    >>> torch.pdist(torch.tensor([[0.0], [1.0], [3.0]])).tolist()
    [1.0, 3.0, 2.0]
    """
    if self.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {self.dim()}D")
    if not self.is_floating_point():
        raise RuntimeError("pdist only supports floating-point dtypes")
    refuse("pdist", self.dtype, HALVES)
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = torch.triu_indices(self.size(0), self.size(0), 1, device=self.device).unbind()
    return _p_norm(self[first] - self[second], p)


@operator("matrix_exp(Tensor A) -> Tensor", linalg)
@operator("matrix_exp(Tensor self) -> Tensor", function, method)
def matrix_exp(self: Tensor) -> Tensor:
    """The exponential of square matrices: I + A + A^2 / 2! + ...

    A is halved s times until its 1-norm is below 1/2, the series summed to the 18th power, and the result squared s times.

    Args:
        self: (..., n, n), floating point or complex

    Raises:
        RuntimeError: matrices that are not square, integers.

    >>> import flambeau as torch
    >>> torch.matrix_exp(torch.zeros(2, 2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]

    Source: Moler and Van Loan, Nineteen dubious ways to compute the exponential of a matrix, 2003, method 3.
    """
    if not (self.is_floating_point() or self.is_complex()):
        raise RuntimeError(
            f"linalg.matrix_exp: Expected a floating point or complex tensor as input. Got {scalar_type(self.dtype)}"
        )
    _check_square(self, "linalg.matrix_exp")
    if self.numel() == 0:
        return self.clone()
    largest = 0.0 if self.is_meta else float(self.detach().abs().sum(-2).amax())
    halvings = max(0, math.frexp(largest)[1] + 1) if math.isfinite(largest) else 0
    a = self / 2.0**halvings
    identity = torch.eye(self.size(-1), dtype=self.dtype, device=self.device)
    total = identity.expand(self.shape)
    for k in range(18, 0, -1):  # Horner's rule
        total = identity + torch.matmul(a, total) / k
    for _ in range(halvings):
        total = torch.matmul(total, total)
    return total

"""Sums of products in Einstein's notation: planned once for an equation and shapes, then carried out by matrix products."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import flambeau as torch
from flambeau import Tensor
from flambeau.ops._operator import function, operator


@operator("einsum(str equation, Tensor[] operands...) -> Tensor", function)
def einsum(equation: str, operands: tuple[Tensor, ...]) -> Tensor:
    """Sums of products, in Einstein's notation: a letter for each dimension; letters absent from the result are summed.

    Operands are contracted pairwise, in the order that takes the fewest multiplications (of more than six,
    always the cheapest pair); a pair's letters that nothing else needs are summed at once, as a batched matrix product.

    Args:
        equation: 'ij,jk->ik'; without '->', the letters that occur once, in alphabetical order; '...' stands for dimensions
            that broadcast
        operands: tensors of one dtype

    Operands may also come with lists of numbers below 52, or `...`, in the place of letters:
    einsum(x, [0, 1], y, [1, 2], [0, 2]), for up to eleven operands.

    Raises:
        RuntimeError: an equation that does not fit the operands, or sizes that differ.

    >>> import flambeau as torch
    >>> torch.einsum("ij,j->i", torch.tensor([[1, 2], [3, 4]]), torch.tensor([1, 1])).tolist()
    [3, 7]

    Source: Einstein, Die Grundlage der allgemeinen Relativitaetstheorie, 1916, section 5; Smith and Gray, opt_einsum, 2018.
    """
    plan = _plan(equation, tuple([x.shape for x in operands]))
    values = list(operands)
    for i, preparation in plan.preparations:
        values[i] = preparation.run(values[i])
    for step in plan.steps:
        b = values.pop(step.right)
        values.append(step.run(values.pop(step.left), b))
    return values[0] if plan.order is None else values[0].permute(plan.order)


@operator(
    "einsum(Tensor operand0, object subscripts0, object operand1=None, object subscripts1=None, "
    "object operand2=None, object subscripts2=None, object operand3=None, object subscripts3=None, "
    "object operand4=None, object subscripts4=None, object operand5=None, object subscripts5=None, "
    "object operand6=None, object subscripts6=None, object operand7=None, object subscripts7=None, "
    "object operand8=None, object subscripts8=None, object operand9=None, object subscripts9=None, "
    "object operand10=None, object subscripts10=None, object operand11=None, "
    "object subscripts11=None) -> Tensor",
    function,
)
def einsum_by_numbers(
    operand0: Tensor,
    subscripts0: Any,
    operand1: Any,
    subscripts1: Any,
    operand2: Any,
    subscripts2: Any,
    operand3: Any,
    subscripts3: Any,
    operand4: Any,
    subscripts4: Any,
    operand5: Any,
    subscripts5: Any,
    operand6: Any,
    subscripts6: Any,
    operand7: Any,
    subscripts7: Any,
    operand8: Any,
    subscripts8: Any,
    operand9: Any,
    subscripts9: Any,
    operand10: Any,
    subscripts10: Any,
    operand11: Any,
    subscripts11: Any,
) -> Tensor:
    given = [
        operand0,
        subscripts0,
        operand1,
        subscripts1,
        operand2,
        subscripts2,
        operand3,
        subscripts3,
        operand4,
        subscripts4,
        operand5,
        subscripts5,
        operand6,
        subscripts6,
        operand7,
        subscripts7,
        operand8,
        subscripts8,
        operand9,
        subscripts9,
        operand10,
        subscripts10,
        operand11,
        subscripts11,
    ]
    while given[-1] is None:
        given.pop()
    result = _letters(given.pop()) if len(given) % 2 else None  # the result's subscripts come last
    equation = ",".join(_letters(subscripts) for subscripts in given[1::2])
    return torch.einsum(equation if result is None else f"{equation}->{result}", *given[::2])


def _letters(subscripts: Any) -> str:
    """A list of numbers below 52, and perhaps an ellipsis, in letters."""
    text = ""
    for number in subscripts:
        if number is Ellipsis:
            text += "..."
        elif 0 <= number < 52:
            text += chr(ord("A") + number) if number < 26 else chr(ord("a") + number - 26)
        else:
            raise ValueError(
                f"einsum(): subscript in subscript list is not within the valid range [0, 52): {number}"
            )
    return text


class _Preparation(NamedTuple):
    """What happens to an operand before it meets others."""

    diagonals: list[tuple[int, int]]  # of two dimensions, left in the place of the first
    squeezed: list[int]  # of size one, where another operand has more
    summed: list[int]  # that nothing else needs

    def run(self, x: Tensor) -> Tensor:
        for first, second in self.diagonals:
            x = x.diagonal(0, first, second).movedim(-1, first)
        if self.squeezed:
            x = x.squeeze(self.squeezed)
        return x.sum(self.summed) if self.summed else x


class _Step(NamedTuple):
    """The product of two values: each permuted and reshaped where that is not None."""

    left: int
    right: int
    kind: str
    left_order: list[int] | None
    left_shape: list[int] | None
    right_order: list[int] | None
    right_shape: list[int] | None
    shape: list[int] | None

    def run(self, a: Tensor, b: Tensor) -> Tensor:
        if self.left_order is not None:
            a = a.permute(self.left_order)
        if self.left_shape is not None:
            a = a.reshape(self.left_shape)
        if self.right_order is not None:
            b = b.permute(self.right_order)
        if self.right_shape is not None:
            b = b.reshape(self.right_shape)
        kind = self.kind
        if kind == "mm":
            value = torch.mm(a, b)
        elif kind == "bmm":
            value = torch.bmm(a, b)
        elif kind == "mul":
            value = a * b
        elif kind == "dot":
            value = torch.dot(a, b)
        else:
            value = (a * b).sum(-1)
        return value if self.shape is None else value.reshape(self.shape)


class _Plan(NamedTuple):
    preparations: list[tuple[int, _Preparation]]
    steps: list[_Step]
    order: list[int] | None  # of the last value's dimensions in the result


@lru_cache(maxsize=1024)
def _plan(equation: str, shapes: tuple[Any, ...]) -> _Plan:
    if not shapes:
        raise RuntimeError("einsum(): must provide at least one operand")
    inputs, result = _parse(equation, [len(shape) for shape in shapes])
    sizes = _sizes(inputs, shapes)
    for letter in result:
        if letter not in sizes:
            raise RuntimeError(
                f"einsum(): output subscript {letter} does not appear in the equation for any input operand"
            )
    # What broadcasts is left to the operand that has more of it.
    real = [
        {x for x, size in zip(letters, shape, strict=True) if size == sizes[x]}
        for letters, shape in zip(inputs, shapes, strict=True)
    ]
    preparations, values = [], []
    for i, (letters, shape) in enumerate(zip(inputs, shapes, strict=True)):
        elsewhere = {*result, *(x for k, others in enumerate(real) if k != i for x in others)}
        preparation, kept = _prepare(letters, shape, sizes, elsewhere)
        if any(preparation):
            preparations.append((i, preparation))
        values.append(kept)
    steps = []
    for left, right in _path([frozenset(v) for v in values], frozenset(result), sizes):
        b, a = values.pop(right), values.pop(left)
        step, letters = _pair(left, right, a, b, {*result, *(x for rest in values for x in rest)}, sizes)
        steps.append(step)
        values.append(letters)
    order = [values[0].index(x) for x in result]
    # A lone operand is permuted all the same: the result is a view of it, not the tensor itself.
    return _Plan(preparations, steps, None if steps and order == sorted(order) else order)


def _parse(equation: str, ranks: list[int]) -> tuple[list[list[str]], list[str]]:
    """The letters of each operand and of the result; the dimensions of '...' are numbers from the right."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise RuntimeError(
            f"einsum(): {'more' if len(terms) < len(ranks) else 'fewer'} operands were provided than specified in the "
            "equation"
        )
    inputs, widest = [], 0
    for i, (term, rank) in enumerate(zip(terms, ranks, strict=True)):
        before, dots, behind = term.partition("...")
        if not (before + behind).isalpha() and before + behind:
            raise _invalid(equation)
        spare = rank - len(before + behind)
        if spare < 0 or (spare and not dots):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(before + behind)}) does not match the number of "
                f"dimensions ({rank}) for operand {i} and no ellipsis was given"
            )
        widest = max(widest, spare if dots else 0)
        inputs.append([*before, *(str(k) for k in range(spare, 0, -1)), *behind])
    ellipsis = [str(k) for k in range(widest, 0, -1)]
    if not arrow:
        letters = [x for term in inputs for x in term if x.isalpha()]
        return inputs, [*ellipsis, *sorted(x for x in set(letters) if letters.count(x) == 1)]
    before, dots, behind = right.partition("...")
    if not (before + behind).isalpha() and before + behind:
        raise _invalid(equation)
    result = [*before, *(ellipsis if dots else []), *behind]
    for letter in result:
        if result.count(letter) > 1:
            raise RuntimeError(f"einsum(): output subscript {letter} appears more than once in the output")
    return inputs, result


def _invalid(equation: str) -> RuntimeError:
    at = next((i for i, x in enumerate(equation) if not (x.isalpha() or x in " .,->")), len(equation))
    return RuntimeError(
        f"einsum(): invalid subscript given at index {at} in the equation string, subscripts must be in [a-zA-Z]"
    )


def _sizes(inputs: list[list[str]], shapes: tuple[Any, ...]) -> dict[str, int]:
    """The size of each letter; those of one broadcast."""
    sizes: dict[str, int] = {}
    for i, (letters, shape) in enumerate(zip(inputs, shapes, strict=True)):
        own: dict[str, int] = {}
        for letter, size in zip(letters, shape, strict=True):
            if own.setdefault(letter, size) != size:
                raise RuntimeError(
                    f"einsum(): subscript {letter} is repeated for operand {i} but the sizes don't match, "
                    f"{size} != {own[letter]}"
                )
            if sizes.get(letter, 1) == 1:
                sizes[letter] = size
            elif size not in (1, sizes[letter]):
                raise RuntimeError(
                    f"einsum(): subscript {letter} has size {size} for operand {i} which does not broadcast with previously "
                    f"seen size {sizes[letter]}"
                )
    return sizes


def _prepare(
    letters: list[str], shape: tuple[int, ...], sizes: dict[str, int], elsewhere: set[str]
) -> tuple[_Preparation, list[str]]:
    """Leaves one dimension for a letter, and only letters that broadcast nowhere and are needed elsewhere."""
    kept: list[tuple[str, int]] = []
    diagonals = []
    for letter, size in zip(letters, shape, strict=True):
        names = [x for x, _ in kept]
        if letter in names:
            diagonals.append((names.index(letter), len(kept)))
        else:
            kept.append((letter, size))
    squeezed = [k for k, (letter, size) in enumerate(kept) if size == 1 and sizes[letter] != 1]
    kept = [pair for k, pair in enumerate(kept) if k not in squeezed]
    summed = [k for k, (letter, _) in enumerate(kept) if letter not in elsewhere]
    return _Preparation(diagonals, squeezed, summed), [x for x, _ in kept if x in elsewhere]


def _path(
    operands: list[frozenset[str]], result: frozenset[str], sizes: dict[str, int]
) -> list[tuple[int, int]]:
    """Which two values are multiplied in each step; their product becomes the last one."""
    if len(operands) <= 2:
        return [(0, 1)][: len(operands) - 1]
    return (_best_path if len(operands) <= 6 else _greedy_path)(operands, result, sizes)


def _cost(letters: frozenset[str], sizes: dict[str, int]) -> int:
    return math.prod(sizes[x] for x in letters)


def _best_path(
    operands: list[frozenset[str]], result: frozenset[str], sizes: dict[str, int]
) -> list[tuple[int, int]]:
    """The cheapest tree of products, by the cheapest ones over all subsets of the operands."""
    n = len(operands)
    every = (1 << n) - 1

    def union(subset: int) -> frozenset[str]:
        return frozenset().union(*(operands[i] for i in range(n) if subset >> i & 1))

    left_over = {s: union(s) & (result | union(every ^ s)) for s in range(1, every + 1)}
    best: dict[int, tuple[int, int]] = {
        1 << i: (0, 0) for i in range(n)
    }  # the cost, and one half of the split
    for subset in range(1, every + 1):
        if subset in best:
            continue
        lowest = subset & -subset
        part, options = (subset - 1) & subset, []
        while part:
            if part & lowest:  # each split once
                rest = subset ^ part
                here = _cost(left_over[part] | left_over[rest], sizes)
                options.append((best[part][0] + best[rest][0] + here, -part))
            part = (part - 1) & subset
        cost, negative = min(options)
        best[subset] = cost, -negative
    steps: list[tuple[int, int]] = []
    present = [1 << i for i in range(n)]

    def multiply(subset: int) -> None:
        part = best[subset][1]
        if not part:
            return
        multiply(part)
        multiply(subset ^ part)
        left, right = sorted((present.index(part), present.index(subset ^ part)))
        steps.append((left, right))
        del present[right], present[left]
        present.append(subset)

    multiply(every)
    return steps


def _greedy_path(
    operands: list[frozenset[str]], result: frozenset[str], sizes: dict[str, int]
) -> list[tuple[int, int]]:
    """Always the pair whose product is the cheapest."""
    present, steps = list(operands), []
    while len(present) > 1:
        pairs = ((i, j) for i in range(len(present)) for j in range(i + 1, len(present)))
        left, right = min(pairs, key=lambda pair: _cost(present[pair[0]] | present[pair[1]], sizes))
        steps.append((left, right))
        b, a = present.pop(right), present.pop(left)
        present.append((a | b) & result.union(*present))
    return steps


def _pair(
    left: int, right: int, a: list[str], b: list[str], needed: set[str], sizes: dict[str, int]
) -> tuple[_Step, list[str]]:
    """How two values are multiplied and summed over the letters that are needed no more; and the product's letters."""
    both = [x for x in a if x in b]
    batch, summed = [x for x in both if x in needed], [x for x in both if x not in needed]
    only_a, only_b = [x for x in a if x not in both], [x for x in b if x not in both]

    def sizes_of(letters: list[str]) -> list[int]:
        return [sizes[x] for x in letters]

    def product(letters: list[str]) -> int:
        return math.prod(sizes_of(letters))

    outcome = [*batch, *only_a, *only_b]
    shape: list[int] | None = sizes_of(outcome)
    a_letters = [*batch, *only_a, *summed]
    b_letters = [*batch, *summed, *only_b]
    if not summed:
        kind = "mul"
        a_shape = [*sizes_of(a_letters), *[1] * len(only_b)]
        b_shape = [*sizes_of(batch), *[1] * len(only_a), *sizes_of(only_b)]
        shape = None
    elif not only_a and not only_b:
        kind = "sum" if batch else "dot"
        a_shape = b_shape = [*sizes_of(batch), product(summed)]
        shape = None
    else:
        kind = "bmm" if batch else "mm"
        batches = [product(batch)] if batch else []
        a_shape = [*batches, product(only_a), product(summed)]
        b_shape = [*batches, product(summed), product(only_b)]
        if [*batches, a_shape[-2], b_shape[-1]] == shape:
            shape = None
    a_order, b_order = [a.index(x) for x in a_letters], [b.index(x) for x in b_letters]
    return (
        _Step(
            left,
            right,
            kind,
            None if a_order == sorted(a_order) else a_order,
            None if a_shape == sizes_of(a_letters) else a_shape,
            None if b_order == sorted(b_order) else b_order,
            None if b_shape == sizes_of(b_letters) else b_shape,
            shape,
        ),
        outcome,
    )

"""einsum: the order of its products, and what its plan makes of equations."""

import numpy as np
import pytest

import flambeau as torch


def arrays(equation, size=lambda letter: 2 + ord(letter) % 4):
    rng = np.random.default_rng(0)
    return [rng.standard_normal([size(x) for x in term]) for term in equation.partition("->")[0].split(",")]


@pytest.mark.parametrize(
    "equation",
    [
        "ij,jk,kl->il",
        "ij,jk,kl,lm->im",
        "ab,bc,cd,de,ef->af",
        "ab,bc,cd,de,ef,fg->ag",
        "ab,bc,cd,de,ef,fg,gh,hi->ai",
        "i,j,k->ijk",
        "bi,ij,bj->b",
        "bn,anm,bm->ba",
        "ijk,ilm,njm,nlk->",
        "ij,ij,ij->ij",
        "ii,ij,j->",
        "abc,abc->",
        "abc,abc->a",
        "ab,cd->dbca",
    ],
)
def test_any_order_of_products_gives_numpys_sum(equation):
    operands = arrays(equation)
    got = torch.einsum(equation, *map(torch.from_numpy, operands))
    np.testing.assert_allclose(got.numpy(), np.einsum(equation, *operands), rtol=1e-9, atol=1e-9)


def test_numbers_stand_for_letters():
    a, b = torch.rand(2, 3), torch.rand(4, 3, 5)
    assert torch.equal(torch.einsum(a, [0, 1], b, [7, 1, 30], [30, 0, 7]), torch.einsum("ij,kjl->lik", a, b))
    assert torch.equal(torch.einsum(b, [..., 0], b, [..., 0], [...]), torch.einsum("...i,...i->...", b, b))
    assert torch.equal(torch.einsum(a, [1, 0]), a.t())
    with pytest.raises(ValueError, match=r"subscript list is not within the valid range \[0, 52\)"):
        torch.einsum(a, [0, 52])


def test_sizes_of_one_broadcast():
    a, b = np.random.rand(4, 1), np.random.rand(3, 5)
    got = torch.einsum("ij,jk->ik", torch.from_numpy(a), torch.from_numpy(b))
    np.testing.assert_allclose(got.numpy(), np.broadcast_to(a, (4, 3)) @ b)
    got = torch.einsum("ij,jk->ijk", torch.from_numpy(a), torch.from_numpy(b))
    np.testing.assert_allclose(got.numpy(), a[:, :, None] * b)


def test_the_cheapest_order_is_taken():
    from flambeau.ops.einsum import _plan

    # From the right: the vector first makes every product one of a matrix and a vector.
    assert [(s.left, s.right) for s in _plan("ab,bc,cd,d->a", ((9, 9), (9, 9), (9, 9), (9,))).steps] == [
        (2, 3),
        (1, 2),
        (0, 1),
    ]


def test_one_operand_gives_a_view_of_it():
    x = torch.zeros(2, 3)
    for equation in ("ij->ij", "ij->ji", "ii->i"):
        target = x[:, :2] if equation == "ii->i" else x
        view = torch.einsum(equation, target)
        assert view is not target
        view += 1
    assert x.tolist() == [[3, 2, 2], [2, 3, 2]]


@pytest.mark.parametrize(
    ("equation", "words"),
    [
        ("ij,jk,kl->il", "einsum(): fewer operands were provided than specified in the equation"),
        ("ij->i", "einsum(): more operands were provided than specified in the equation"),
        (
            "i1,jk->ik",
            "einsum(): invalid subscript given at index 1 in the equation string, subscripts must be in [a-zA-Z]",
        ),
        (
            "ij,kj->ik",
            "einsum(): subscript j has size 4 for operand 1 which does not broadcast with previously seen size 3",
        ),
        ("ii,jk->ik", "einsum(): subscript i is repeated for operand 0 but the sizes don't match, 3 != 2"),
        ("ij,jk->iz", "einsum(): output subscript z does not appear in the equation for any input operand"),
        ("ij,jk->ii", "einsum(): output subscript i appears more than once in the output"),
    ],
)
def test_equations_that_do_not_fit_are_refused_in_pytorchs_words(equation, words):
    with pytest.raises(RuntimeError) as caught:
        torch.einsum(equation, torch.ones(2, 3), torch.ones(3, 4))
    assert str(caught.value) == words


def test_many_operands_may_come_with_numbers():
    factors = [torch.full((2, 2), float(i)) for i in range(1, 9)]
    arguments = [x for i, f in enumerate(factors) for x in (f, [i, i + 1])]
    letters = ",".join(chr(97 + i) + chr(98 + i) for i in range(8))
    assert torch.equal(torch.einsum(*arguments, [0, 8]), torch.einsum(f"{letters}->ai", *factors))
    assert torch.einsum(*arguments[:12]).shape == (2, 2)

"""Factorizations, solvers, inverses and determinants: identities, layouts, infos, errors and derivatives."""

import math

import pytest
from gradients import check_gradient

import flambeau as torch

L = torch.linalg
DTYPES = [torch.float32, torch.float64, torch.complex64, torch.complex128]
# Around the size up to which our own loops work, and LAPACK's beyond it.
SIZES = [1, 4, 24, 25, 60]


def random(*shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def regular(*shape, dtype=torch.float64, seed=0):
    return random(*shape, dtype=dtype, seed=seed) + 2 * math.sqrt(shape[-1]) * torch.eye(
        shape[-1], dtype=dtype
    )


def positive(*shape, dtype=torch.float64, seed=0):
    a = random(*shape, dtype=dtype, seed=seed)
    return a @ a.mH + torch.eye(shape[-1], dtype=dtype)


def close(a, b):
    tolerance = 1e-3 if a.dtype in (torch.float32, torch.complex64) else 1e-9
    assert a.shape == b.shape
    assert torch.allclose(a, b, rtol=tolerance, atol=tolerance), (a, b)


def in_columns(x):
    return x.stride()[-2:] == (1, max(1, x.size(-2)))


# ---- values


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("n", SIZES)
def test_factorizations_multiply_to_the_matrix(dtype, n):
    a, s = regular(2, n, n, dtype=dtype), positive(2, n, n, dtype=dtype)
    lower = L.cholesky(s)
    close(lower @ lower.mH, s)
    assert in_columns(lower) and bool((lower.triu(1) == 0).all())
    upper = L.cholesky(s, upper=True)
    close(upper.mH @ upper, s)
    p, low, up = L.lu(a)
    close(p @ low @ up, a)
    factors, pivots = L.lu_factor(a)
    assert in_columns(factors) and pivots.dtype == torch.int32
    close(torch.lu_unpack(factors, pivots)[2], up)
    q, r = L.qr(a)
    close(q @ r, a)
    close(q.mH @ q, torch.eye(n, dtype=dtype).expand(2, n, n))
    assert in_columns(q) and in_columns(r)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("n", SIZES)
def test_solutions_solve(dtype, n):
    a, b = regular(2, n, n, dtype=dtype), random(2, n, 3, dtype=dtype, seed=1)
    close(a @ L.solve(a, b), b)
    close(a.mT @ L.solve(a.mT, b), b)
    close(L.solve(a, b.mT, left=False) @ a, b.mT)
    close(L.solve(a.mT, b.mT, left=False) @ a.mT, b.mT)
    close(a @ L.inv(a), torch.eye(n, dtype=dtype).expand(2, n, n))
    assert in_columns(L.inv(a)) and in_columns(L.solve(a, b))
    factors, pivots = L.lu_factor(a)
    close(L.lu_solve(factors, pivots, b), L.solve(a, b))
    close(a.mH @ L.lu_solve(factors, pivots, b, adjoint=True), b)
    close(L.lu_solve(factors, pivots, b.mT, left=False) @ a, b.mT)
    close(L.lu_solve(factors, pivots, b.mT, left=False, adjoint=True) @ a.mH, b.mT)
    s = positive(2, n, n, dtype=dtype)
    for upper in (False, True):
        factor = L.cholesky(s, upper=upper)
        close(s @ torch.cholesky_solve(b, factor, upper=upper), b)
        close(torch.cholesky_inverse(factor, upper=upper), L.inv(s))
        close(torch.cholesky_solve(b, factor.mT.contiguous().mT, upper=upper), L.solve(s, b))
    ld, exchanges = L.ldl_factor(s, hermitian=True)
    close(s @ L.ldl_solve(ld, exchanges, b, hermitian=True), b)
    symmetric = a + a.mT
    close(symmetric @ L.ldl_solve(*L.ldl_factor(symmetric), b), b)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("n", [3, 30])
@pytest.mark.parametrize("layout", ["rows", "columns", "strided"])
def test_triangular_equations(dtype, n, layout):
    a = regular(2, n, n, dtype=dtype)
    if layout == "columns":
        a = a.mT.contiguous().mT
    if layout == "strided":
        a = torch.stack([a, a], -1)[..., 0]
    b = random(2, n, 5, dtype=dtype, seed=1)
    for upper in (False, True):
        for unit in (False, True):
            t = a.triu() if upper else a.tril()
            if unit:
                t = t / a.diagonal(0, -2, -1).unsqueeze(-2)
                t = t / n  # of small elements off the diagonal
            matrix = (t.triu(1) if upper else t.tril(-1)) + torch.eye(n, dtype=dtype) if unit else t
            x = L.solve_triangular(t, b, upper=upper, unitriangular=unit)
            close(matrix @ x, b)
            y = L.solve_triangular(t, b.mT, upper=upper, left=False, unitriangular=unit)
            close(y @ matrix, b.mT)
            old = torch.triangular_solve(b, t, upper=upper, transpose=True, unitriangular=unit)
            close(matrix.mT @ old.solution, b)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_determinants_are_products_of_pivots(dtype, n):
    a = regular(3, n, n, dtype=dtype) / (2 * math.sqrt(n))
    sign, logarithm = L.slogdet(a)
    _, _, u = L.lu(a)
    close(L.det(a).abs(), u.diagonal(0, -2, -1).prod(-1).abs())
    close(L.det(a @ a), L.det(a) ** 2) if n < 10 else None
    close(sign * logarithm.exp(), L.det(a))
    swapped = a[..., torch.tensor([*range(1, n), 0]), :]
    close(L.slogdet(swapped)[0], sign * (-1) ** (n - 1))
    close(L.det(a.mT), L.det(a))


def test_determinants_at_the_edges():
    assert L.det(torch.zeros(0, 0)).item() == 1
    assert L.slogdet(torch.zeros(2, 0, 0)).logabsdet.tolist() == [0, 0]
    assert L.slogdet(torch.zeros(2, 2)) == (torch.tensor(0.0), torch.tensor(-math.inf))
    assert math.isnan(torch.logdet(-torch.eye(3)).item())
    assert torch.logdet(torch.zeros(2, 2)).item() == -math.inf
    assert math.isnan(L.det(torch.full((2, 2), math.nan)).item())
    assert math.isnan(L.slogdet(torch.full((2, 2), math.nan)).logabsdet.item())


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (30, 40), (40, 30), (0, 3), (3, 0), (2, 5, 3)])
@pytest.mark.parametrize("mode", ["reduced", "complete", "r"])
def test_qr_in_every_mode(shape, mode):
    a = random(*shape, dtype=torch.complex128)
    q, r = L.qr(a, mode=mode)
    m, n = shape[-2:]
    k = m if mode == "complete" else min(m, n)
    assert r.shape == (*shape[:-2], k, n) and bool((r.tril(-1) == 0).all())
    if mode == "r":
        assert q.shape == (0,)
        return
    assert q.shape == (*shape[:-2], m, k)
    close(q @ r, a)
    close(q.mH @ q, torch.eye(k, dtype=a.dtype).expand(*shape[:-2], k, k))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_reflections_multiply(dtype):
    a, c = random(2, 5, 3, dtype=dtype), random(2, 5, 4, dtype=dtype, seed=1)
    reflectors, tau = torch.geqrf(a)
    q, r = L.qr(a)
    close(L.householder_product(reflectors, tau), q)
    close(torch.orgqr(reflectors[..., :2], tau[..., :2]), q[..., :2])
    close(reflectors.triu()[..., :3, :], r)
    full, _ = L.qr(a, mode="complete")
    close(torch.ormqr(reflectors, tau, c), full @ c)
    close(torch.ormqr(reflectors, tau, c, transpose=True), full.mH @ c)
    close(torch.ormqr(reflectors, tau, c.mT, left=False), c.mT @ full)
    tracked = tau.clone().requires_grad_()
    close(L.householder_product(reflectors, tracked).detach(), q)
    close(torch.ormqr(reflectors, tracked, c, transpose=True).detach(), full.mH @ c)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (30, 26)])
def test_lu_of_matrices_that_are_not_square(shape):
    a = random(2, *shape)
    p, lower, upper = L.lu(a)
    close(p @ lower @ upper, a)
    close(torch.lu(a)[0], L.lu_factor(a).LU)
    empty = torch.lu_unpack(*L.lu_factor(a), unpack_pivots=False)
    assert empty.P.shape == (0,) and empty.L.shape == lower.shape
    assert torch.lu_unpack(*L.lu_factor(a), unpack_data=False).L.shape == (0,)


@pytest.fixture
def three_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_threads_share_the_factors_of_one_large_matrix(dtype, three_threads):
    n = 530
    a, s = regular(n, n, dtype=dtype), positive(n, n, dtype=dtype)
    factor = L.cholesky(s)
    close(factor @ factor.mH / n, s / n)
    for matrix in (a, a[:, :520], a[:520]):
        p, low, up = L.lu(matrix)
        close(p @ low @ up, matrix)
    s[400, 400] = -1
    assert L.cholesky_ex(s).info.item() == 401
    a[:, 400] = 0
    assert L.lu_factor_ex(a).info.item() == 401
    assert L.inv_ex(a).info.item() == 401 and bool(L.inv_ex(a).inverse.isnan().all())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_threads_share_the_columns_of_one_large_matrix(dtype, three_threads):
    n = 230
    a, s, b = regular(n, n, dtype=dtype), positive(n, n, dtype=dtype), random(n, 40, dtype=dtype, seed=1)
    for shape in ((n, n), (n + 20, n), (n, n + 20)):
        matrix = random(*shape, dtype=dtype)
        q, r = L.qr(matrix)
        close(q @ r, matrix)
        close(q.mH @ q, torch.eye(n, dtype=dtype))
    close(a @ L.inv(a), torch.eye(n, dtype=dtype))
    close(a @ L.solve(a, b), b)
    close(L.solve(a, b.mT, left=False) @ a, b.mT)
    close(torch.cholesky_solve(s @ b / n, L.cholesky(s)), b / n)
    close(a.triu() @ L.solve_triangular(a.triu(), b, upper=True), b)
    close(L.solve_triangular(a.triu(), b.mT, upper=True, left=False) @ a.triu(), b.mT)
    a[:, 200] = 0
    assert L.inv_ex(a).info.item() == 201 and bool(L.inv_ex(a).inverse.isnan().all())


def test_batches_broadcast():
    a, b = regular(2, 1, 4, 4), random(3, 4, 2, seed=1)
    x = L.solve(a, b)
    assert x.shape == (2, 3, 4, 2)
    close(a @ x, b.expand(2, 3, 4, 2))
    close(L.solve_triangular(a.triu(), b, upper=True), L.solve(a.triu(), b))
    close(L.lu_solve(*L.lu_factor(a), b), x)
    close(L.lu_solve(*L.lu_factor(a[0, 0]), b), L.solve(a[0, 0], b))
    s = positive(2, 1, 4, 4)
    close(torch.cholesky_solve(b, L.cholesky(s)), L.solve(s, b))
    close(L.ldl_solve(*L.ldl_factor(s), b), L.solve(s, b))
    vectors = random(2, 1, 4, seed=2)
    close(L.solve(a, vectors), L.solve(a, vectors.unsqueeze(-1)).squeeze(-1))
    close(a[0, 0] @ L.solve(a[0, 0], torch.ones(4, dtype=torch.float64)), torch.ones(4, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3), (2, 0, 0)])
def test_empty_matrices(shape):
    a = torch.zeros(shape)
    for f in (L.cholesky, L.inv, torch.cholesky_inverse, lambda a: L.solve(a, a), lambda a: L.qr(a)[0]):
        assert f(a).shape == shape
    assert L.lu_factor_ex(a).info.shape == shape[:-2]
    assert L.ldl_solve(*L.ldl_factor(a), a).shape == shape
    assert torch.cholesky_solve(a, a).shape == shape


def test_tensors_as_linear_maps():
    a = random(2, 3, 6)
    inverse = L.tensorinv(a, ind=2)
    close(torch.tensordot(inverse, a, 2), torch.eye(6, dtype=torch.float64))
    b = random(2, 3, seed=1)
    close(torch.tensordot(a, L.tensorsolve(a, b), 1), b)
    close(L.tensorsolve(a.movedim(2, 0), b, dims=(0,)), L.tensorsolve(a, b))
    c = regular(3, 3)
    close(L.matrix_power(c, -2) @ c @ c, torch.eye(3, dtype=torch.float64))


# ---- infos and errors


def test_infos_instead_of_exceptions():
    batch = torch.stack([torch.eye(3), torch.diag(torch.tensor([1.0, 0.0, 1.0]))])
    assert L.cholesky_ex(batch).info.tolist() == [0, 2]
    assert L.inv_ex(batch).info.tolist() == [0, 2]
    assert bool(L.inv_ex(batch).inverse[1].isnan().all())
    assert L.lu_factor_ex(batch).info.tolist() == [0, 2]
    assert L.solve_ex(batch, torch.ones(3)).info.tolist() == [0, 2]
    assert L.ldl_factor_ex(batch).info.tolist() == [0, 2]
    large = torch.eye(40)
    large[30, 30] = 0
    assert L.cholesky_ex(large).info.item() == 31
    assert L.inv_ex(large).info.item() == 31 and bool(L.inv_ex(large).inverse.isnan().all())


SINGULAR = "The diagonal element 2 is zero, the inversion could not be completed because the input matrix is singular."
NOT_POSITIVE = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor of order 2 is "
    "not positive-definite)."
)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (L.cholesky, f"linalg.cholesky: (Batch element 1): {NOT_POSITIVE}"),
        (
            lambda a: L.cholesky_ex(a, check_errors=True),
            f"linalg.cholesky_ex: (Batch element 1): {NOT_POSITIVE}",
        ),
        (L.inv, f"linalg.inv: (Batch element 1): {SINGULAR}"),
        (lambda a: L.inv(a[1]), f"linalg.inv: {SINGULAR}"),
        (lambda a: L.inv_ex(a, check_errors=True), f"linalg.inv_ex: (Batch element 1): {SINGULAR}"),
        (torch.cholesky_inverse, f"cholesky_inverse: (Batch element 1): {SINGULAR}"),
        (lambda a: L.matrix_power(a, -1), f"linalg.inv: (Batch element 1): {SINGULAR}"),
        (
            lambda a: L.solve(a, torch.ones(3)),
            "torch.linalg.solve: (Batch element 1): The solver failed because the input matrix is singular.",
        ),
    ],
)
def test_numerical_failures_are_linalg_errors(function, words):
    batch = torch.stack([torch.eye(3), torch.diag(torch.tensor([1.0, 0.0, 1.0]))])
    with pytest.raises(L.LinAlgError) as caught:
        function(batch)
    assert str(caught.value) == words
    assert isinstance(caught.value, RuntimeError)


def test_a_zero_pivot_is_a_runtime_error():
    with pytest.raises(
        RuntimeError, match=r"^torch.linalg.lu_factor: U\[1,1\] is zero and using it on lu_solve would"
    ):
        L.lu_factor(torch.zeros(2, 2))


SQUARE, WIDE, INTEGERS = torch.eye(2), torch.ones(2, 3), torch.ones(2, 2, dtype=torch.int64)
PIVOTS = torch.ones(2, dtype=torch.int32)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: L.inv(WIDE),
            "linalg.inv: A must be batches of square matrices, but they are 2 by 3 matrices",
        ),
        (
            lambda: L.inv(INTEGERS),
            "linalg.inv: Expected a floating point or complex tensor as input. Got Long",
        ),
        (lambda: L.inv(SQUARE.half()), "linalg.inv: Low precision dtypes not supported. Got Half"),
        (
            lambda: L.cholesky(SQUARE[0]),
            "linalg.cholesky: The input tensor A must have at least 2 dimensions.",
        ),
        (lambda: L.cholesky(SQUARE.half()), "\"cholesky_cpu\" not implemented for 'Half'"),
        (
            lambda: L.lu(SQUARE[0]),
            "linalg.lu: Expected tensor with 2 or more dimensions. Got size: [2] instead",
        ),
        (
            lambda: L.lu(SQUARE, pivot=False),
            "linalg.lu_factor: LU without pivoting is not implemented on the CPU",
        ),
        (
            lambda: L.solve(SQUARE, torch.ones(3, 3)),
            "linalg.solve: Incompatible shapes of A and B for the equation AX = B (2x2 and 3x3)",
        ),
        (
            lambda: L.solve(SQUARE, SQUARE.double()),
            "linalg.solve: Expected A and B to have the same dtype, but found A of type Float and B of type Double instead",
        ),
        (
            lambda: L.solve_triangular(SQUARE, torch.ones(3, 3), upper=True, left=False),
            "linalg.solve_triangular: Incompatible shapes of A and B for the equation XA = B (2x2 and 3x3)",
        ),
        (
            lambda: L.lu_solve(SQUARE, PIVOTS.long(), SQUARE),
            "linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32",
        ),
        (
            lambda: L.lu_solve(SQUARE, PIVOTS * 0, SQUARE),
            "Pivots given to lu_solve must all be greater or equal to 1. Did you properly pass the result of lu_factor?",
        ),
        (
            lambda: torch.lu_unpack(SQUARE, PIVOTS * 7),
            "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly pass the result of "
            "lu_factor?",
        ),
        (
            lambda: L.qr(SQUARE, mode="x"),
            "qr received unrecognized mode 'x' but expected one of 'reduced' (default), 'r', or 'complete'",
        ),
        (
            lambda: torch.cholesky_solve(torch.ones(3, 1), SQUARE),
            "Incompatible matrix sizes for cholesky_solve: each A matrix is 2 by 2 but each b matrix is 3 by 1",
        ),
        (
            lambda: L.tensorinv(WIDE, ind=1),
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got 3 != 2",
        ),
    ],
)
def test_bad_input_is_refused_in_pytorchs_words(call, words):
    with pytest.raises(RuntimeError) as caught:
        call()
    assert str(caught.value) == words


def test_pivots_beyond_the_matrix_are_refused():
    with pytest.raises(RuntimeError, match="smaller or equal to LU.size"):
        L.lu_solve(SQUARE, PIVOTS * 3, SQUARE)
    with pytest.raises(RuntimeError, match="pivots must be between"):
        L.ldl_solve(SQUARE, PIVOTS * -3, SQUARE)


@pytest.mark.parametrize("name", ["solve", "symeig", "eig", "lstsq"])
def test_what_pytorch_has_removed_says_what_to_call(name):
    for function in (getattr(torch, name), getattr(SQUARE, name)):
        with pytest.raises(
            RuntimeError, match="^This function was deprecated since version 1.9 and is now removed"
        ):
            function(SQUARE)


# ---- out=


def test_results_go_to_out_whatever_it_held():
    a = regular(3, 3)
    out = torch.zeros(5, 5, dtype=torch.float64)
    with pytest.warns(UserWarning, match="was resized"):
        assert L.inv(a, out=out) is out
    close(out, L.inv(a))
    outs = (
        torch.empty(0, dtype=torch.float64),
        torch.empty(0, dtype=torch.int32),
        torch.empty(0, dtype=torch.int32),
    )
    result = L.lu_factor_ex(a, out=outs)
    assert all(x is y for x, y in zip(result, outs, strict=True))
    close(outs[0], L.lu_factor(a).LU)
    inplace = a.clone()
    L.inv(inplace, out=inplace)
    close(inplace, L.inv(a))
    with pytest.raises(RuntimeError, match="Expected out tensor to have dtype double, but got float instead"):
        L.inv(a, out=torch.empty(0))
    with pytest.raises(TypeError, match="as many tensors as there are results"):
        L.slogdet(a, out=torch.empty(0, dtype=torch.float64))


# ---- derivatives


def symmetric(f):
    """f of a Hermitian matrix made of its argument, so that finite differences keep it one."""
    return lambda a, *rest: f(a @ a.mH + torch.eye(a.size(-1), dtype=a.dtype), *rest)


DERIVATIVES = {
    "cholesky": (symmetric(L.cholesky), [(2, 3, 3)]),
    "cholesky upper": (symmetric(lambda a: L.cholesky(a, upper=True)), [(3, 3)]),
    "inv": (L.inv, [(2, 3, 3)]),
    "solve": (L.solve, [(2, 3, 3), (3, 2)]),
    "solve transposed": (lambda a, b: L.solve(a.mT, b), [(2, 3, 3), (3, 2)]),
    "solve vector": (L.solve, [(3, 3), (3,)]),
    "solve right": (lambda a, b: L.solve(a, b, left=False), [(2, 3, 3), (4, 3)]),
    "solve_triangular": (lambda a, b: L.solve_triangular(a, b, upper=True), [(2, 3, 3), (3, 2)]),
    "solve_triangular right": (
        lambda a, b: L.solve_triangular(a / 4, b, upper=False, left=False, unitriangular=True),
        [(3, 3), (2, 3)],
    ),
    "triangular_solve": (lambda b, a: torch.triangular_solve(b, a, transpose=True)[0], [(3, 2), (3, 3)]),
    "det": (L.det, [(2, 3, 3)]),
    "slogdet": (lambda a: L.slogdet(a)[1], [(2, 3, 3)]),
    "lu square": (lambda a: L.lu_factor(a)[0], [(2, 3, 3)]),
    "lu tall": (lambda a: L.lu_factor(a)[0], [(5, 3)]),
    "lu wide": (lambda a: L.lu_factor(a)[0], [(3, 5)]),
    "lu": (lambda a: L.lu(a)[1] * 2 + L.lu(a)[2], [(3, 3)]),
    "lu_solve": (lambda a, b: L.lu_solve(*L.lu_factor(a), b), [(3, 3), (3, 2)]),
    "lu_solve adjoint": (lambda a, b: L.lu_solve(*L.lu_factor(a), b, adjoint=True), [(3, 3), (3, 2)]),
    "lu_solve right": (lambda a, b: L.lu_solve(*L.lu_factor(a), b, left=False), [(3, 3), (2, 3)]),
    "lu_solve right adjoint": (
        lambda a, b: L.lu_solve(*L.lu_factor(a), b, left=False, adjoint=True),
        [(3, 3), (2, 3)],
    ),
    "qr tall": (lambda a: L.qr(a)[0] + 2, [(4, 3)]),
    "qr r tall": (lambda a: L.qr(a)[1], [(4, 3)]),
    "qr wide": (lambda a: L.qr(a)[0], [(2, 3, 4)]),
    "qr r wide": (lambda a: L.qr(a, mode="complete")[1], [(3, 4)]),
    "householder_product": (L.householder_product, [(4, 3), (2,)]),
    "ormqr": (torch.ormqr, [(4, 3), (3,), (4, 2)]),
    "ormqr right": (lambda a, t, c: torch.ormqr(a, t, c, left=False, transpose=True), [(4, 2), (2,), (3, 4)]),
    "cholesky_inverse": (symmetric(lambda a: torch.cholesky_inverse(L.cholesky(a))), [(3, 3)]),
    "cholesky_solve": (lambda b, a: torch.cholesky_solve(b, a.tril()), [(3, 2), (3, 3)]),
    "cholesky_solve upper": (lambda b, a: torch.cholesky_solve(b, a.triu(), upper=True), [(3, 2), (2, 3, 3)]),
    "tensorinv": (lambda a: L.tensorinv(a.reshape(2, 2, 4)), [(4, 4)]),
    "tensorsolve": (lambda a, b: L.tensorsolve(a.reshape(2, 2, 4), b.reshape(2, 2)), [(4, 4), (4,)]),
    "matrix_power": (lambda a: L.matrix_power(a, -2), [(3, 3)]),
}


def arguments(shapes, dtype):
    return [
        regular(*shape, dtype=dtype, seed=i) / 2
        if len(shape) > 1 and shape[-1] == shape[-2]
        else random(*shape, dtype=dtype, seed=i)
        for i, shape in enumerate(shapes)
    ]


@pytest.mark.parametrize("name", DERIVATIVES)
def test_real_derivatives_are_those_of_finite_differences(name):
    function, shapes = DERIVATIVES[name]
    weights = None

    def weighted(*inputs):
        nonlocal weights
        value = function(*inputs)
        weights = random(*value.shape, seed=9) if weights is None else weights
        return value * weights

    check_gradient(weighted, *arguments(shapes, torch.float64))


@pytest.mark.parametrize("name", DERIVATIVES)
def test_complex_derivatives_are_those_of_finite_differences(name):
    function, shapes = DERIVATIVES[name]
    inputs = arguments(shapes, torch.complex128)

    def real_function(*parts):
        value = function(*(torch.view_as_complex(p) for p in parts))
        if not value.is_complex():
            return value
        return torch.view_as_real(value) * random(*value.shape, 2, seed=9)

    check_gradient(real_function, *(torch.view_as_real(x) for x in inputs))


def test_gradient_of_the_determinant_of_singular_matrices():
    a = torch.tensor([[1.0, 2.0], [2.0, 4.0]], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(L.det(a), a)
    close(gradient, torch.tensor([[4.0, -2.0], [-2.0, 1.0]], dtype=torch.float64))
    (gradient,) = torch.autograd.grad(L.det(a), a, create_graph=True)
    assert torch.allclose(gradient, torch.tensor([[4.0, -2.0], [-2.0, 1.0]], dtype=torch.float64), atol=1e-6)
    (second,) = torch.autograd.grad(gradient.sum(), a)
    expected = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    assert torch.allclose(second, expected, atol=1e-6)


def test_the_angle_of_a_complex_determinant_has_a_gradient():
    a = regular(3, 3, dtype=torch.complex128)

    def angle(parts):
        return torch.view_as_real(L.slogdet(torch.view_as_complex(parts))[0]) * torch.tensor([2.0, -3.0])

    check_gradient(angle, torch.view_as_real(a))


def test_derivatives_that_are_not_there_say_so():
    a = random(3, 2).requires_grad_()
    with pytest.raises(RuntimeError, match="not differentiable when mode='complete' and nrows > ncols"):
        L.qr(a, mode="complete")[1].sum().backward()
    with pytest.raises(RuntimeError, match="depends on Q, which is not computed when mode='r'"):
        L.qr(a, mode="r")[1].sum().backward()
    with pytest.raises(NotImplementedError, match="the derivative for 'geqrf' is not implemented"):
        torch.geqrf(a)[0].sum().backward()
    with pytest.raises(RuntimeError, match="derivative for aten::linalg_ldl_factor_ex is not implemented"):
        L.ldl_factor(positive(2, 2).requires_grad_())[0].sum().backward()

"""Singular values, eigenvalues, least squares and what is made of them: identities, layouts, errors and derivatives."""

import math

import pytest
from gradients import check_gradient

import flambeau as torch

L = torch.linalg
DTYPES = [torch.float32, torch.float64, torch.complex64, torch.complex128]
# Within the reach of Jacobi's rotations, at its border, and LAPACK's.
SHAPES = [(1, 1), (4, 4), (8, 8), (3, 6), (16, 8), (9, 9), (12, 40), (40, 12)]


def random(*shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def hermitian(*shape, dtype=torch.float64, seed=0):
    a = random(*shape, dtype=dtype, seed=seed)
    return a + a.mH


def close(a, b, factor=1):
    tolerance = factor * (1e-4 if a.dtype in (torch.float32, torch.complex64) else 1e-11)
    assert a.shape == b.shape
    assert torch.allclose(a, b.to(a.dtype), rtol=tolerance, atol=tolerance), (a, b)


def in_columns(x):
    return x.stride()[-2:] == (1, max(1, x.size(-2)))


def orthonormal_columns(x):
    close(x.mH @ x, torch.eye(x.size(-1), dtype=x.dtype).expand(*x.shape[:-2], -1, -1))


# ---- values


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("full", [False, True])
def test_svd_multiplies_to_the_matrix(dtype, shape, full):
    a = random(2, *shape, dtype=dtype)
    u, s, vh = L.svd(a, full_matrices=full)
    m, n = shape
    k = min(m, n)
    assert u.shape == (2, m, m if full else k) and vh.shape == (2, n if full else k, n)
    assert s.dtype == a.abs().dtype and in_columns(u) and in_columns(vh)
    close(u[..., :k] * s.unsqueeze(-2) @ vh[..., :k, :], a)
    orthonormal_columns(u)
    orthonormal_columns(vh.mH)
    assert bool((s >= 0).all()) and bool((s.diff(dim=-1) <= 0).all())
    close(L.svdvals(a), s)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("n", [1, 2, 4, 8, 9, 40, 150])
@pytest.mark.parametrize("uplo", ["L", "u"])
def test_eigh_reads_one_triangle(dtype, n, uplo):
    a = hermitian(2, n, n, dtype=dtype)
    seen = a.tril() if uplo == "L" else a.triu()
    values, vectors = L.eigh(seen, UPLO=uplo)
    assert values.dtype == a.abs().dtype and in_columns(vectors)
    close(a @ vectors, vectors * values.unsqueeze(-2))
    orthonormal_columns(vectors)
    assert bool((values.diff(dim=-1) >= 0).all())
    close(L.eigvalsh(seen, uplo), values)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("n", [1, 2, 3, 20])
def test_eig(dtype, n):
    a = random(2, n, n, dtype=dtype)
    values, vectors = L.eig(a)
    assert values.is_complex() and in_columns(vectors)
    close(a.to(values.dtype) @ vectors, vectors * values.unsqueeze(-2), 10)
    close(L.vector_norm(vectors, dim=-2), torch.ones(2, n, dtype=a.abs().dtype))
    close(L.eigvals(a).sum(-1), a.diagonal(dim1=-2, dim2=-1).sum(-1).to(values.dtype), 10)


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e12, 1e30])
def test_tiny_matrices_of_extreme_size(size):
    a = random(4, 4, dtype=torch.float32) * size
    u, s, vh = L.svd(a)
    close(u * (s / size) @ vh, a / size)
    orthonormal_columns(u)
    h = hermitian(4, 4, dtype=torch.float32)
    close(L.eigvalsh(h * size) / size, L.eigvalsh(h))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (6, 3), (20, 20)], ids=str)
def test_svd_of_deficient_matrices_has_orthonormal_vectors(dtype, shape):
    for a in (torch.zeros(shape, dtype=dtype), torch.ones(shape, dtype=dtype)):
        u, s, vh = L.svd(a)
        orthonormal_columns(u)
        orthonormal_columns(vh.mH)
        k = min(shape)
        close(u[..., :k] * s @ vh[..., :k, :], a)


def test_empty_matrices():
    u, s, vh = L.svd(torch.empty(3, 0))
    assert torch.equal(u, torch.eye(3)) and s.shape == (0,) and vh.shape == (0, 0)
    assert L.svd(torch.empty(0, 3), full_matrices=False).Vh.shape == (0, 3)
    assert L.svdvals(torch.empty(0, 3, 3)).shape == (0, 3)
    assert L.eigh(torch.empty(2, 0, 0)).eigenvectors.shape == (2, 0, 0)
    assert L.eigvals(torch.empty(0, 0)).dtype == torch.complex64
    assert L.pinv(torch.empty(2, 0, 3)).shape == (2, 3, 0)
    assert L.matrix_rank(torch.empty(2, 0, 3)).tolist() == [0, 0]
    assert L.cond(torch.empty(0, 0)).item() == 0
    assert L.lstsq(torch.empty(3, 0), torch.ones(3, 2), driver="gelsd").residuals.tolist() == [3, 3]


def test_old_svd_gives_v_and_zeros_without_vectors():
    a = random(5, 3)
    u, s, v = torch.svd(a)
    close(u * s @ v.mT, a)
    assert torch.svd(a, some=False).U.shape == (5, 5)
    u, s, v = a.svd(compute_uv=False)
    assert u.shape == (5, 5) and not u.any() and not v.any()
    close(s, L.svdvals(a))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (20, 12)], ids=str)
def test_pinv_meets_the_four_conditions(dtype, shape):
    a = random(2, *shape, dtype=dtype)
    p = L.pinv(a)
    close(a @ p @ a, a, 10)
    close(p @ a @ p, p, 10)
    close((a @ p).mH, a @ p, 10)
    close((p @ a).mH, p @ a, 10)


def test_limits_of_pinv_and_rank():
    a = torch.diag(torch.tensor([4.0, 2.0, 1e-3]))
    assert L.matrix_rank(a).item() == 3
    assert L.matrix_rank(a, 1.0).item() == L.matrix_rank(a, torch.tensor(1.0)).item() == 2
    assert L.matrix_rank(a, atol=3.0).item() == 1
    assert L.matrix_rank(a, rtol=0.6).item() == 1
    assert L.matrix_rank(a, atol=torch.tensor([3.0, 1e-4, 0.0])).tolist() == [1, 3, 3]
    assert L.matrix_rank(-a, atol=1.0, hermitian=True).item() == 2
    assert L.pinv(a, 0.3).diagonal().tolist() == [0.25, 0.5, 0]
    assert L.pinv(-a, rtol=torch.tensor(0.6), hermitian=True).diagonal().tolist() == [-0.25, 0, 0]
    assert torch.pinverse(a, 0.6).diagonal().tolist() == a.pinverse(0.6).diagonal().tolist() == [0.25, 0, 0]


@pytest.mark.parametrize("driver", [None, "gels", "gelsy", "gelsd", "gelss"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_lstsq(driver, dtype):
    for m, n in ((6, 3), (3, 6), (4, 4)):
        a, b = random(2, m, n, dtype=dtype), random(2, m, 2, dtype=dtype, seed=1)
        found = L.lstsq(a, b, driver=driver)
        close(found.solution, L.pinv(a) @ b, 10)
        if m > n and driver not in (None, "gelsy"):
            close(found.residuals, (a @ found.solution - b).abs().square().sum(-2), 10)
        else:
            assert found.residuals.shape == (0,)
        assert found.rank.tolist() == ([] if driver == "gels" else [min(m, n)] * 2)
        if driver in ("gelsd", "gelss"):
            close(found.singular_values, L.svdvals(a))
        else:
            assert found.singular_values.shape == (0,)
        close(L.lstsq(a[0], b[0, :, 0], driver=driver).solution, found.solution[0, :, 0])


def test_lstsq_broadcasts_and_keeps_the_ranks_of_a():
    a, b = random(1, 5, 3), random(2, 5, 2)
    found = L.lstsq(a, b, driver="gelsd")
    assert found.solution.shape == (2, 3, 2) and found.rank.shape == (1,)
    assert found.singular_values.shape == (1, 3)
    deficient = L.lstsq(torch.ones(5, 3), torch.ones(5, 1))
    assert deficient.rank.item() == 1 and torch.allclose(deficient.solution, torch.full((3, 1), 1 / 3))


def test_norms_of_singular_values():
    a = torch.diag(torch.tensor([3.0, -4.0]))
    expected = {2: 4, -2: 3, "nuc": 7, "fro": 5, 1: 4, -1: 3, math.inf: 4, -math.inf: 3}
    for order, value in expected.items():
        assert abs(L.matrix_norm(a, order).item() - value) < 1e-5
        assert abs(L.norm(a, order).item() - value) < 1e-5
    assert L.matrix_norm(a.expand(2, 3, 2, 2), "nuc", (1, -1), True).shape == (2, 1, 2, 1)
    assert abs(torch.norm(a, "nuc").item() - 7) < 1e-5
    assert torch.norm(random(2, 3, 4), "nuc", (0, 2)).shape == (3,)
    close(torch.nuclear_norm(random(2, 3, 4)), L.svdvals(random(2, 3, 4)).sum(-1))
    assert torch.nuclear_norm(random(2, 3, 4), (0, 1), keepdim=True).shape == (1, 1, 4)
    assert torch.frobenius_norm(a, (0, 1)).item() == 5
    assert (
        L.matrix_norm(torch.empty(0, 3), 2).item() == 0 == L.matrix_norm(torch.empty(0, 3), math.inf).item()
    )


def test_condition_numbers():
    a = torch.diag(torch.tensor([4.0, 2.0]))
    for p, value in {None: 2, 2: 2, -2: 0.5, 1: 2, -1: 0.5, "fro": 2.5, "nuc": 4.5, math.inf: 2}.items():
        assert abs(L.cond(a, p).item() - value) < 1e-5, p
    singular = torch.stack([a, torch.ones(2, 2)])
    for p in (1, "fro", "nuc"):
        assert L.cond(singular, p)[1].item() == math.inf


def test_low_rank():
    a = random(9, 2) @ random(2, 7, seed=1)
    for found in (torch.svd_lowrank(a, q=2), torch.svd_lowrank(a.mT, q=2)[::-1]):
        u, s, v = found
        close(u * s @ v.mT, a, 10)
    u, s, v = torch.svd_lowrank(a + 1, q=2, M=torch.ones((), dtype=a.dtype))
    close(u * s @ v.mT, a, 10)
    close(torch.pca_lowrank(a, q=2)[1], L.svdvals(a - a.mean(0))[:2], 10)
    with pytest.raises(ValueError, match="not greater than min"):
        torch.pca_lowrank(a, q=8)


def test_lobpcg():
    a = hermitian(2, 12, 12) + 20 * torch.diag(torch.arange(12.0, dtype=torch.float64))
    expected = L.eigvalsh(a)
    values, vectors = torch.lobpcg(a, k=3)
    close(values, expected[:, -3:].flip(-1), 1e3)
    assert float((a @ vectors - vectors * values.unsqueeze(-2)).abs().max()) < 1e-4
    close(torch.lobpcg(a[0], k=2, largest=False, iK=L.inv(a[0]))[0], expected[0, :2], 1e3)
    b = torch.diag(torch.arange(1.0, 13, dtype=torch.float64))
    values, vectors = torch.lobpcg(a[0], B=b, X=random(12, 2))
    close(values, L.eigvals(L.solve(b, a[0])).real.sort(descending=True).values[:2], 1e3)
    close(vectors.mT @ b @ vectors, torch.eye(2, dtype=torch.float64))
    with pytest.raises(ValueError, match="smaller than 3 x the number of requested eigenpairs"):
        torch.lobpcg(a[0], k=5)
    with pytest.raises(NotImplementedError, match="tracker"):
        torch.lobpcg(a[0], tracker=print)


def test_lobpcg_gradient():
    a = (hermitian(9, 9) + 10 * torch.diag(torch.arange(9.0, dtype=torch.float64))).requires_grad_()

    def of(values, vectors):
        return (values * torch.arange(1.0, 3)).sum() + (
            vectors.abs() ** 2 * torch.arange(18.0).reshape(9, 2)
        ).sum()

    (found,) = torch.autograd.grad(of(*torch.lobpcg(a, k=2, tol=1e-14, niter=200)), a)
    values, vectors = L.eigh(a)
    (expected,) = torch.autograd.grad(of(values.flip(0)[:2], vectors.flip(1)[:, :2]), a)
    assert torch.allclose(found, expected, atol=1e-6), (found, expected)


@pytest.mark.parametrize("p", [0, 0.5, 1, 2, 3, math.inf])
@pytest.mark.parametrize("width", [0, 3, 16, 70, 300])
@pytest.mark.parametrize("dtype", DTYPES[:2], ids=str)
def test_distances_without_history(p, width, dtype):
    x, y = random(2, 7, width, dtype=dtype), random(1, 5, width, dtype=dtype, seed=1)
    difference = x.unsqueeze(-2) - y.unsqueeze(-3)
    expected = L.vector_norm(difference, p, -1) if width else difference.sum(-1)
    close(torch.cdist(x, y, p), expected)
    close(torch.pdist(x[0], p), torch.cdist(x[0], x[0], p)[tuple(torch.triu_indices(7, 7, 1))])


def test_nan_is_no_distance():
    x = torch.zeros(3, 40)
    x[1, 5] = math.nan
    for p in (0.5, 1, 2, math.inf):
        assert torch.pdist(x, p).isnan().tolist() == [True, False, True]


def test_out():
    a = random(3, 3)
    results = [torch.empty(0, dtype=torch.float64) for _ in range(3)]
    u, s, vh = L.svd(a, out=tuple(results))
    assert u is results[0]
    close(u * s @ vh, a)
    assert L.pinv(a, out=results[0]) is results[0]


# ---- bad input


@pytest.mark.parametrize("n", [3, 30])
def test_nan_fails_by_name(n):
    a = torch.eye(n).repeat(2, 1, 1)
    a[1, 1, 1] = math.nan
    with pytest.raises(L.LinAlgError, match=r"linalg.svd: \(Batch element 1\): .* contained non-finite"):
        L.svd(a)
    with pytest.raises(L.LinAlgError, match="linalg.svd: The algorithm failed"):
        L.svdvals(a[1])
    with pytest.raises(
        L.LinAlgError, match=r"linalg.eigh: \(Batch element 1\): The algorithm failed to converge"
    ):
        L.eigh(a)
    with pytest.raises(RuntimeError, match="torch.linalg.eig: input tensor should not contain infs or NaNs"):
        L.eigvals(a)
    with pytest.raises(L.LinAlgError, match="contained non-finite"):
        L.lstsq(a, a)
    with pytest.raises(L.LinAlgError, match="linalg.svd"):
        L.pinv(a)


@pytest.mark.parametrize("n", [3, 30])
def test_infinity_gives_nan_where_pytorch_does(n):
    a = torch.eye(n)
    a[1, 1] = math.inf
    assert L.svdvals(a).isnan().all() and L.eigh(a).eigenvalues.isnan().all()
    assert L.matrix_rank(a).item() == 0


def test_words():
    square = torch.eye(3)
    for call, error, words in (
        (lambda: L.svd(torch.ones(3)), RuntimeError, "linalg.svd: The input tensor A must have at least 2"),
        (
            lambda: L.svd(square.int()),
            RuntimeError,
            "Expected a floating point or complex tensor as input. Got Int",
        ),
        (lambda: L.svd(square.half()), NotImplementedError, "\"linalg_svd_cpu\" not implemented for 'Half'"),
        (lambda: L.svd(square, driver="gesvd"), RuntimeError, "only supported on CUDA inputs"),
        (lambda: L.eigh(torch.ones(3, 4)), RuntimeError, "linalg.eigh: A must be batches of square matrices"),
        (lambda: L.eigvalsh(square, "X"), RuntimeError, "Expected UPLO argument to be 'L' or 'U', but got X"),
        (lambda: L.eig(square.int()), RuntimeError, "Unknown Complex ScalarType for Int"),
        (lambda: L.pinv(square.int()), RuntimeError, "expected a tensor with 2 or more dimensions of float"),
        (lambda: L.pinv(square, rtol=torch.tensor(1j)), RuntimeError, "rtol tensor of complex type"),
        (lambda: L.lstsq(square, square, driver="x"), RuntimeError, "parameter `driver` should be one of"),
        (
            lambda: L.lstsq(square, torch.ones(4, 1)),
            RuntimeError,
            r"input.size\(-2\) should match other.size\(-2\)",
        ),
        (
            lambda: L.lstsq(torch.tensor([[1.0, 1.0], [0.0, 0.0]]), square[:2], driver="gels"),
            L.LinAlgError,
            "does not have full rank",
        ),
        (lambda: L.cond(square, 3), RuntimeError, "linalg.cond got an invalid norm type: 3"),
        (lambda: L.cond(torch.ones(3, 4), "fro"), RuntimeError, r"linalg.cond\(ord=fro\): A must be batches"),
        (lambda: L.matrix_norm(square, 3), RuntimeError, "Order 3 not supported"),
        (
            lambda: L.matrix_norm(square.half(), 2),
            RuntimeError,
            "Low precision dtypes not supported. Got Half",
        ),
        (lambda: L.norm(square.double(), dtype=torch.float32), RuntimeError, "without narrowing"),
        (lambda: torch.norm(square, "nuc", 0), RuntimeError, "dim must be a 2-tuple. Got 0"),
    ):
        with pytest.raises(error, match=words):
            call()


# ---- derivatives


def signed(x):
    """Free of the phases of its columns."""
    return (x.abs() ** 2 * torch.arange(1.0, 1 + x.size(-1))).sum(-1)


def split_complex(function):
    """A function of complex matrices as one of their real and imaginary parts."""
    return lambda re, im: function(torch.complex(re, im))


def every_gradient(function, *shape):
    check_gradient(function, random(*shape))
    check_gradient(split_complex(function), random(*shape), random(*shape, seed=1))


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)], ids=str)
def test_svd_gradients(shape):
    every_gradient(lambda a: L.svdvals(a) ** 2, *shape)
    every_gradient(lambda a: signed(L.svd(a, False).U), *shape)
    every_gradient(lambda a: signed(L.svd(a, False).Vh.mH), *shape)

    def together(a):
        u, s, vh = L.svd(a, False)
        return (u * s.exp().unsqueeze(-2) @ vh).abs() ** 2

    every_gradient(together, *shape)


def test_eigen_gradients():
    every_gradient(lambda a: L.eigvalsh(a + a.mH).exp(), 2, 3, 3)
    every_gradient(lambda a: signed(L.eigh(a + a.mH).eigenvectors), 3, 3)
    every_gradient(lambda a: signed(L.eig(a).eigenvectors), 3, 3)
    every_gradient(lambda a: L.eigvals(a).abs() ** 2, 2, 3, 3)


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4)], ids=str)
def test_pinv_and_lstsq_gradients(shape):
    every_gradient(lambda a: L.pinv(a).abs() ** 2, *shape)
    b = random(shape[0], 2, seed=2)
    check_gradient(lambda a, b: L.lstsq(a, b).solution, random(*shape), b)
    check_gradient(lambda a, b: L.lstsq(a, b[:, 0]).solution, random(*shape), b)
    if shape[0] > shape[1]:
        check_gradient(lambda a, b: L.lstsq(a, b, driver="gels").residuals, random(*shape), b)


def test_norm_gradients():
    for order in (2, -2, "nuc"):
        check_gradient(lambda a, order=order: L.matrix_norm(a, order), random(3, 4))
    for p in (None, -2, 1, "fro", "nuc"):
        check_gradient(lambda a, p=p: L.cond(a, p), random(3, 3))
    check_gradient(torch.nuclear_norm, random(3, 4))


def test_functions_of_phases_have_no_gradient():
    a = torch.complex(random(3, 3), random(3, 3, seed=1)).requires_grad_()
    with pytest.raises(RuntimeError, match="svd_backward: The singular vectors in the complex case"):
        L.svd(a).U.real.sum().backward()
    with pytest.raises(RuntimeError, match="linalg_eigh_backward: The eigenvectors in the complex case"):
        L.eigh(a + a.mH).eigenvectors.real.sum().backward()
    with pytest.raises(RuntimeError, match="linalg_eig_backward: The eigenvectors in the complex case"):
        L.eig(a).eigenvectors.real.sum().backward()


def test_vander_takes_more_than_one_column():
    assert L.vander(torch.tensor([2.0]), N=3).tolist() == [[1, 2, 4]]
    for call in (lambda: L.vander(torch.ones(1)), lambda: L.vander(torch.ones(3), N=1)):
        with pytest.raises(RuntimeError, match="N must be greater than 1"):
            call()
    with pytest.raises(RuntimeError, match="inputs dimension -1 must have length 3. Got 2 and 2"):
        L.cross(torch.ones(2), torch.ones(2))


def test_norm_by_name_goes_to_out():
    result = torch.empty(())
    assert torch.norm(torch.eye(3), "nuc", out=result) is result and result.item() == 3

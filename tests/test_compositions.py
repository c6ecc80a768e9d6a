"""Operators written in Python: their values against NumPy's or a formula, their gradients against finite differences."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from gradients import check_gradient

import flambeau as torch

RNG = np.random.default_rng(0)


def tensor(array):
    return torch.tensor(np.asarray(array))


def same(result, expected, tolerance=1e-12):
    np.testing.assert_allclose(result.numpy(), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("correction", [0, 1])
def test_covariances_with_weights_are_numpys(correction):
    x, f, a = RNG.normal(size=(3, 6)), RNG.integers(1, 4, 6), RNG.uniform(0.5, 2, 6)
    expected = np.cov(x, ddof=correction, fweights=f, aweights=a)
    same(torch.cov(tensor(x), correction=correction, fweights=tensor(f), aweights=tensor(a)), expected)
    same(torch.corrcoef(tensor(x)), np.corrcoef(x))


@pytest.mark.parametrize(
    "equation",
    [
        "ij,jk->ik",
        "ij,jk",
        "ij->ji",
        "ii->i",
        "ij->",
        "bij,bjk->bik",
        "i,j->ij",
        "...ij,...jk->...ik",
        "ij,ij->j",
        "ij,jk,kl->il",
    ],
)
def test_einsum_is_numpys(equation):
    sizes = {"b": 2, "i": 3, "j": 3, "k": 4, "l": 2}
    terms = equation.partition("->")[0].split(",")
    arrays = [
        RNG.normal(size=([2] if "..." in t else []) + [sizes[c] for c in t if c.isalpha()]) for t in terms
    ]
    same(torch.einsum(equation, *map(tensor, arrays)), np.einsum(equation, *arrays))


def test_einsum_names_the_letter_whose_sizes_differ():
    with pytest.raises(RuntimeError, match="subscript j has size 3"):
        torch.einsum("ij,jk->ik", torch.ones(2, 2), torch.ones(3, 2))


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_differences_are_numpys(n):
    x = RNG.normal(size=(3, 5))
    same(torch.diff(tensor(x), n, 1), np.diff(x, n, 1))


@pytest.mark.parametrize("edge_order", [1, 2])
def test_derivatives_of_samples_are_numpys(edge_order):
    y, x = RNG.normal(size=(4, 5)), np.cumsum(RNG.uniform(0.5, 1.5, 5))
    same(
        torch.gradient(tensor(y), dim=1, edge_order=edge_order)[0],
        np.gradient(y, axis=1, edge_order=edge_order),
    )
    (result,) = torch.gradient(tensor(y), spacing=[tensor(x)], dim=1, edge_order=edge_order)
    same(result, np.gradient(y, x, axis=1, edge_order=edge_order))


def test_integrals_by_the_trapezoidal_rule():
    y, x = RNG.normal(size=(2, 5)), np.cumsum(RNG.uniform(0.5, 1.5, 5))
    areas = np.diff(x) * (y[:, 1:] + y[:, :-1]) / 2
    same(torch.trapezoid(tensor(y), tensor(x)), areas.sum(1))
    same(torch.cumulative_trapezoid(tensor(y), tensor(x)), areas.cumsum(1))
    same(torch.trapz(tensor(y), dx=0.5), ((y[:, 1:] + y[:, :-1]) / 4).sum(1))


def test_products_of_kronecker_and_contractions_are_numpys():
    a, b = RNG.normal(size=(2, 3)), RNG.normal(size=(3, 4))
    same(torch.kron(tensor(a), tensor(b)), np.kron(a, b))
    same(torch.tensordot(tensor(a), tensor(b), 1), a @ b)
    same(torch.inner(tensor(a), tensor(a)), np.inner(a, a))
    same(torch.linalg.multi_dot([tensor(a), tensor(b), tensor(b.T)]), a @ b @ b.T)
    same(torch.linalg.matrix_power(tensor(b @ b.T), 5), np.linalg.matrix_power(b @ b.T, 5), 1e-9)
    same(torch.vander(tensor(b[0]), 3), np.vander(b[0], 3))


def test_a_chain_of_products_takes_the_cheapest_order():
    from flambeau.ops.products import _best_split

    assert (
        _best_split([30, 35, 15, 5, 10, 20, 25])[0][5] == 2
    )  # Cormen et al., section 15.2: ((A1(A2A3))((A4A5)A6))


@pytest.mark.parametrize("order", ["fro", 1, -1, math.inf, -math.inf])
def test_norms_of_matrices_are_numpys(order):
    x = RNG.normal(size=(2, 3, 4))
    expected = np.stack([np.linalg.norm(m, order) for m in x])
    same(torch.linalg.matrix_norm(tensor(x), order), expected)
    same(torch.linalg.norm(tensor(x), order, (1, 2)), expected)


def test_distances_of_rows():
    a, b = RNG.normal(size=(30, 4)), RNG.normal(size=(3, 4))
    for p in (0, 1, 2, 3, math.inf):
        expected = np.linalg.norm(a[:, None] - b[None], p, axis=-1)
        same(torch.cdist(tensor(a), tensor(b), p), expected, 1e-7)
    pairs = [np.linalg.norm(x - y) for x, y in itertools.combinations(b, 2)]
    same(torch.pdist(tensor(b)), pairs)


def test_the_exponential_of_a_rotation_generator_is_the_rotation():
    angle = 20.0
    result = torch.matrix_exp(torch.tensor([[0.0, -angle], [angle, 0.0]], dtype=torch.float64))
    c, s = math.cos(angle), math.sin(angle)
    same(result, [[c, -s], [s, c]], 1e-11)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64, torch.complex128], ids=str)
def test_exponentials_of_small_and_large_matrices(dtype):
    tolerance = 1e-5 if dtype in (torch.float32, torch.complex64) else 1e-13
    generator = torch.Generator().manual_seed(0)
    eye = torch.eye(5, dtype=dtype)
    for scale in (1e-3, 0.3, 1.0, 3.0):
        a = scale * torch.randn(2, 3, 5, 5, dtype=dtype, generator=generator)
        growth = torch.matrix_exp(a).abs().amax() * torch.matrix_exp(-a).abs().amax()
        assert (torch.matrix_exp(a) @ torch.matrix_exp(-a) - eye).abs().amax() < tolerance * growth
    diagonal = torch.tensor([-3.0, 0.0, 0.5, 2.0], dtype=dtype)
    assert torch.allclose(
        torch.matrix_exp(torch.diag(diagonal)), torch.diag(diagonal.exp()), rtol=10 * tolerance
    )
    nilpotent = torch.tensor([[0, 2, 1], [0, 0, 4], [0, 0, 0]], dtype=dtype)
    assert torch.allclose(
        torch.matrix_exp(nilpotent)[0, 2].real, torch.tensor(5.0, dtype=nilpotent.real.dtype)
    )


@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hanning"])
def test_windows_are_numpys(name):
    short = {"hanning": "hann"}.get(name, name)
    for n in (1, 2, 5, 8):
        expected = getattr(np, name)(n)
        same(getattr(torch, f"{short}_window")(n, False, dtype=torch.float64), expected, 1e-12)
        same(getattr(torch.signal.windows, short)(n, dtype=torch.float64), expected, 1e-12)


def test_a_periodic_window_is_the_next_symmetric_one_without_its_end():
    for name in ("hann", "kaiser", "cosine", "nuttall", "gaussian", "exponential"):
        window = getattr(torch.signal.windows, name)
        same(window(6, sym=False, dtype=torch.float64), window(7, dtype=torch.float64)[:6].numpy())
    same(torch.signal.windows.kaiser(9, beta=5.0, dtype=torch.float64), np.kaiser(9, 5.0))


def test_searches_are_numpys():
    rows, values = np.sort(RNG.integers(0, 5, 9)), np.arange(-1, 7)
    for side in ("left", "right"):
        same(torch.searchsorted(tensor(rows), tensor(values), side=side), np.searchsorted(rows, values, side))
    same(torch.bucketize(tensor(values), tensor(rows)), np.searchsorted(rows, values))
    assert torch.searchsorted(torch.tensor([1.0, 2.0]), torch.tensor([math.nan])).tolist() == [2]


def test_histograms_are_numpys():
    x, w = RNG.normal(size=50), RNG.uniform(size=50)
    hist, edges = torch.histogram(tensor(x), 7, weight=tensor(w), density=True)
    expected, expected_edges = np.histogram(x, 7, weights=w, density=True)
    same(hist, expected)
    same(edges, expected_edges)
    same(torch.histc(tensor(x), 5, -1, 1), np.histogram(x, 5, (-1, 1))[0])
    same(torch.bincount(torch.tensor([0, 3, 3]), minlength=5), [1, 0, 0, 2, 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_neighbours_and_parts_of_floating_point_numbers_are_numpys(dtype):
    x = np.array([0.0, -0.0, 1.0, -3.5, 5e-324 if dtype is np.float64 else 1e-45, np.inf, 1e30], dtype)
    for y in (-np.inf, 0.0, np.inf):
        result = torch.nextafter(tensor(x), torch.full((7,), y, dtype=tensor(x).dtype)).numpy()
        assert result.tobytes() == np.nextafter(x, dtype(y)).tobytes()
    mantissa, exponent = torch.frexp(tensor(x))
    expected = np.frexp(x)
    assert mantissa.numpy().tobytes() == expected[0].tobytes() and exponent.tolist() == expected[1].tolist()


def test_divisors_and_multiples_are_numpys():
    a, b = np.array([0, 4, -12, 7, 2**40]), np.array([0, -6, 18, 0, 2**35 * 3])
    same(torch.gcd(tensor(a), tensor(b)), np.gcd(a, b))
    same(torch.lcm(tensor(a[:4]), tensor(b[:4])), np.lcm(a[:4], b[:4]))


def test_polynomials_are_numpys():
    x = np.linspace(-1.5, 1.5, 7)
    for name, basis in (
        ("chebyshev_polynomial_t", np.polynomial.chebyshev.Chebyshev),
        ("hermite_polynomial_h", np.polynomial.hermite.Hermite),
        ("hermite_polynomial_he", np.polynomial.hermite_e.HermiteE),
        ("laguerre_polynomial_l", np.polynomial.laguerre.Laguerre),
        ("legendre_polynomial_p", np.polynomial.legendre.Legendre),
    ):
        for n in (0, 1, 5):
            same(getattr(torch.special, name)(tensor(x), n), basis.basis(n)(x), 1e-10)


def test_coordinates_grids_and_choices():
    flat = np.array([0, 5, 11])
    for have, want in zip(
        torch.unravel_index(tensor(flat), (3, 4)), np.unravel_index(flat, (3, 4)), strict=True
    ):
        same(have, want)
    for indexing in ("ij", "xy"):
        for have, want in zip(
            torch.meshgrid(torch.arange(2), torch.arange(3), indexing=indexing),
            np.meshgrid(np.arange(2), np.arange(3), indexing=indexing),
            strict=True,
        ):
            same(have, want)
    assert torch.combinations(torch.arange(4), 3).tolist() == [
        list(c) for c in itertools.combinations(range(4), 3)
    ]
    with_again = itertools.combinations_with_replacement(range(3), 2)
    assert torch.combinations(torch.arange(3), 2, True).tolist() == [list(c) for c in with_again]
    product = itertools.product(range(2), range(3))
    assert torch.cartesian_prod(torch.arange(2), torch.arange(3)).tolist() == [list(c) for c in product]


@pytest.mark.parametrize("shape", [(3, 3), (2, 4), (7, 3), (8, 3), (3, 3, 3)])
@pytest.mark.parametrize("wrap", [False, True])
def test_diagonals_are_filled_as_numpys(shape, wrap):
    expected = np.zeros(shape)
    np.fill_diagonal(expected, 5, wrap)
    same(torch.zeros(shape).fill_diagonal_(5, wrap), expected)


def test_pixels_are_shuffled_back():
    x = torch.arange(2 * 12 * 2 * 3).reshape(2, 12, 2, 3)
    assert torch.equal(torch.pixel_unshuffle(torch.pixel_shuffle(x, 2), 2), x)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.cov(x),
        lambda x: torch.kron(x, x),
        lambda x: torch.einsum("ij,kj->ik", x, x),
        lambda x: torch.gradient(x, dim=1)[0],
        lambda x: torch.diag_embed(x),
        lambda x: x.select_scatter(x[0] * 2, 0, 1),
        lambda x: torch.cdist(x, x * 2 + 1),
        lambda x: torch.sinc(x),
        lambda x: torch.special.entr(x * x),
        lambda x: torch.linalg.matrix_norm(x, 1),
        lambda x: torch.matrix_exp(x @ x.t()),
        lambda x: torch.constant_pad_nd(x, (1, -1)),
        lambda x: torch.renorm(x, 2, 0, 0.5),
    ],
)
def test_gradients_of_compositions(function):
    check_gradient(function, torch.tensor([[0.3, -0.7, 1.1], [0.9, 0.4, -0.2]], dtype=torch.float64))


@pytest.mark.parametrize(
    ("name", "angle_form"),
    [
        ("t", lambda n, a: math.cos(n * a)),
        ("u", lambda n, a: math.sin((n + 1) * a) / math.sin(a)),
        ("v", lambda n, a: math.cos((n + 0.5) * a) / math.cos(a / 2)),
        ("w", lambda n, a: math.sin((n + 0.5) * a) / math.sin(a / 2)),
    ],
)
def test_chebyshev_polynomials_of_any_degree_end(name, angle_form):
    n = 10**9 + 7
    x = torch.tensor([0.3, -0.7], dtype=torch.float64)
    wanted = [angle_form(n, math.acos(v)) for v in x.tolist()]
    plain = getattr(torch.special, f"chebyshev_polynomial_{name}")(x, n)
    shifted = getattr(torch.special, f"shifted_chebyshev_polynomial_{name}")((x + 1) / 2, n)
    assert plain.tolist() == pytest.approx(wanted, abs=1e-4)
    assert shifted.tolist() == pytest.approx(wanted, abs=1)  # the shift rounds the angle
    ends = getattr(torch.special, f"chebyshev_polynomial_{name}")(torch.tensor([1.0, -1.0]).double(), n)
    assert (
        ends.tolist()
        == {
            "t": [1.0, -1.0],
            "u": [n + 1.0, -n - 1.0],
            "v": [1.0, -2.0 * n - 1.0],
            "w": [2.0 * n + 1.0, -1.0],
        }[name]
    )


@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("chebyshev_polynomial_t", 2.0),
        ("hermite_polynomial_h", 0.3),
        ("hermite_polynomial_he", -1.0),
        ("laguerre_polynomial_l", -0.7),
        ("legendre_polynomial_p", 2.0),
        ("legendre_polynomial_p", math.inf),
    ],
)
def test_polynomials_without_bound_are_nan_at_once(name, x):
    assert getattr(torch.special, name)(torch.tensor([x]), 2**62).isnan().all()


def test_polynomials_that_stay_finite_have_a_highest_degree():
    with pytest.raises(NotImplementedError, match="legendre_polynomial_p.*degree 4611686018427387904"):
        torch.special.legendre_polynomial_p(torch.tensor([0.3]), 2**62)
    with pytest.raises(NotImplementedError, match="laguerre_polynomial_l"):
        torch.special.laguerre_polynomial_l(torch.tensor([0.3, -1.0]), 2**62)
    assert torch.special.legendre_polynomial_p(torch.tensor([1.0, -1.0]), 2**62 + 1).tolist() == [1.0, -1.0]
    assert torch.special.laguerre_polynomial_l(torch.tensor([0.0]), 2**62).tolist() == [1.0]


def test_polynomials_of_several_degrees_at_once():
    x, n = torch.tensor([0.5, 0.5, 0.5, -2.0, 1.0]), torch.tensor([-3, 0, 2, 3, 10**12])
    assert torch.special.legendre_polynomial_p(x, n).tolist() == [0.0, 1.0, -0.125, -17.0, 1.0]


def test_windows_refuse_other_layouts_and_dtypes_in_pytorchs_words():
    windows = torch.signal.windows
    for name, called in (("hann", "general_cosine"), ("blackman", "blackman"), ("gaussian", "gaussian")):
        window = getattr(windows, name)
        with pytest.raises(
            ValueError, match=f"^{called} is implemented for strided tensors only, got: torch.sparse_coo"
        ):
            window(4, layout=torch.sparse_coo)
        with pytest.raises(
            ValueError, match=f"^{called} expects float32 or float64 dtypes, got: torch.float16"
        ):
            window(4, dtype=torch.float16)
        with pytest.raises(ValueError, match=f"^{called} requires non-negative window length, got M=-1"):
            window(-1)

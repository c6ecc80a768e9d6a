"""The accuracy of the elementary functions, in units in the last place, against NumPy in a wider format."""

import math

import numpy as np
import pytest

import flambeau as torch


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# name: reference, domain
FUNCTIONS = {
    "exp": (np.exp, (-103, 89)),
    "exp2": (np.exp2, (-149, 128)),
    "expm1": (np.expm1, (-20, 88)),
    "log": (np.log, (0, 1e30)),
    "log2": (np.log2, (0, 1e30)),
    "log10": (np.log10, (0, 1e30)),
    "log1p": (np.log1p, (-1, 1e10)),
    "sin": (np.sin, (-2e6, 2e6)),
    "cos": (np.cos, (-2e6, 2e6)),
    "tan": (np.tan, (-2e6, 2e6)),
    "asin": (np.arcsin, (-1, 1)),
    "acos": (np.arccos, (-1, 1)),
    "atan": (np.arctan, (-1e6, 1e6)),
    "sinh": (np.sinh, (-89, 89)),
    "cosh": (np.cosh, (-89, 89)),
    "tanh": (np.tanh, (-20, 20)),
    "asinh": (np.arcsinh, (-1e6, 1e6)),
    "acosh": (np.arccosh, (1, 1e6)),
    "atanh": (np.arctanh, (-1, 1)),
    "sigmoid": (sigmoid, (-87, 30)),
    "sqrt": (np.sqrt, (0, 1e30)),
    "rsqrt": (lambda x: 1 / np.sqrt(x), (0, 1e30)),
}


def bound(name):
    return 2.5 if name == "sigmoid" else 2  # an exponential, a sum and a quotient


def arguments(low, high, dtype):
    """Numbers of every magnitude within the domain, of both signs where it has both."""
    rng = np.random.default_rng(0)
    even = rng.uniform(low, high, 20000)
    magnitudes = np.exp(rng.uniform(math.log(1e-30), math.log(max(abs(low), abs(high))), 20000))
    near_one = rng.uniform(0.25, 4, 20000)
    x = np.concatenate([even, magnitudes, -magnitudes, near_one, -near_one]).astype(dtype)
    return x[(x >= low) & (x <= high)]


def ulps(got, expected):
    """The distance in units in the last place of got's format."""
    with np.errstate(over="ignore"):
        rounded = expected.astype(got.dtype)
    spacing = np.spacing(np.abs(rounded)).astype(expected.dtype)
    with np.errstate(invalid="ignore"):
        error = np.abs(got.astype(expected.dtype) - expected) / spacing
    return np.where(got == rounded, 0, error).max()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_is_within_its_bound(name):
    reference, domain = FUNCTIONS[name]
    x = arguments(*domain, np.float32)
    with np.errstate(all="ignore"):
        expected = reference(x.astype(np.float64))
    assert ulps(getattr(torch, name)(torch.from_numpy(x)).numpy(), expected) <= bound(name)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="needs a format wider than double")
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in ("sin", "cos", "tan")])
def test_float64_is_within_its_bound(name):
    reference, domain = FUNCTIONS[name]
    x = arguments(*domain, np.float64)
    with np.errstate(all="ignore"):
        expected = reference(x.astype(np.longdouble))
    assert ulps(getattr(torch, name)(torch.from_numpy(x)).numpy(), expected) <= bound(name)


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_float64_sine_is_within_two_ulps_of_the_c_library(name):
    x = arguments(-1e5, 1e5, np.float64)
    expected = getattr(np, name)(x)
    assert ulps(getattr(torch, name)(torch.from_numpy(x)).numpy(), expected) <= 2


# Recorded with 40 digits.
LARGE_ANGLES = [
    (1e22, -0.8522008497671888, 0.523214785395139),
    (1e300, -0.8178819121159085, -0.5753861119575491),
    (6381956970095103 * 2.0**797, 1.0, -4.687165924254628e-19),
    (math.pi, 1.2246467991473532e-16, -1.0),
]


@pytest.mark.parametrize("angle, sine, cosine", LARGE_ANGLES)
def test_angles_of_any_size_are_reduced_exactly(angle, sine, cosine):
    x = torch.tensor([angle, -angle, 1.0], dtype=torch.float64)
    np.testing.assert_allclose(torch.sin(x).numpy()[:2], [sine, -sine], rtol=4e-16)
    np.testing.assert_allclose(torch.cos(x).numpy()[:2], [cosine, cosine], rtol=4e-16)
    assert torch.sin(x)[2].item() == pytest.approx(math.sin(1.0), rel=1e-15)


def test_large_float32_angles_are_reduced_exactly():
    x = np.float32([1e7, 3e20, 1e38, -16777216])
    np.testing.assert_allclose(
        torch.sin(torch.from_numpy(x)).numpy(), np.sin(x.astype(np.float64)), rtol=1.2e-7
    )


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 2**-22), (torch.float64, 2**-51)])
def test_error_function(dtype, tolerance):
    # Abramowitz and Stegun, table 7.1, and beyond it
    x = torch.tensor([0.0, 0.1, 0.5, 1.0, 2.0, 3.0, -0.7, 10.0], dtype=dtype)
    expected = [
        0.0,
        0.1124629160182849,
        0.5204998778130465,
        0.8427007929497149,
        0.9953222650189527,
        0.9999779095030014,
        -0.6778011938374185,
        1.0,
    ]
    np.testing.assert_allclose(
        torch.erf(x).numpy(), expected, rtol=max(tolerance, 2e-7 if dtype is torch.float32 else 0)
    )
    complement = [
        1.0,
        0.8875370839817151,
        0.4795001221869535,
        0.1572992070502851,
        0.004677734981047266,
        2.209049699858544e-05,
        1.6778011938374185,
        2.088487583762545e-45,
    ]
    atol = 1e-44 if dtype is torch.float32 else 0
    np.testing.assert_allclose(
        torch.erfc(x).numpy(), complement, rtol=max(tolerance, 3e-7 if atol else 1e-15), atol=atol
    )


INF = math.inf
NAN = math.nan


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "name, inputs, outputs",
    [
        ("exp", [INF, -INF, NAN, 1000, -1000, 0], [INF, 0, NAN, INF, 0, 1]),
        ("expm1", [INF, -INF, NAN, -0.0], [INF, -1, NAN, -0.0]),
        ("exp2", [INF, -INF, NAN, 10, -3], [INF, 0, NAN, 1024, 0.125]),
        ("log", [0, -0.0, -1, INF, NAN, 1], [-INF, -INF, NAN, INF, NAN, 0]),
        ("log2", [8, 0.5, 0, -1], [3, -1, -INF, NAN]),
        ("log10", [1000, 0.0, INF], [3, -INF, INF]),
        ("log1p", [-1, -2, INF, -0.0], [-INF, NAN, INF, -0.0]),
        ("sin", [INF, NAN, -0.0], [NAN, NAN, -0.0]),
        ("cos", [-INF, 0], [NAN, 1]),
        ("tan", [INF, -0.0], [NAN, -0.0]),
        ("asin", [1, -1, 2, -0.0], [math.pi / 2, -math.pi / 2, NAN, -0.0]),
        ("acos", [1, -1, 2], [0, math.pi, NAN]),
        ("atan", [INF, -INF, -0.0], [math.pi / 2, -math.pi / 2, -0.0]),
        ("sinh", [INF, -INF, -0.0], [INF, -INF, -0.0]),
        ("cosh", [INF, -INF, 0], [INF, INF, 1]),
        ("tanh", [INF, -INF, 50, -0.0, NAN], [1, -1, 1, -0.0, NAN]),
        ("sigmoid", [INF, -INF, 0, NAN], [1, 0, 0.5, NAN]),
        ("atanh", [1, -1, 2], [INF, -INF, NAN]),
        ("acosh", [1, 0.5, INF], [0, NAN, INF]),
        ("sqrt", [-1, INF, -0.0], [NAN, INF, -0.0]),
        ("rsqrt", [0, INF, -1], [INF, 0, NAN]),
        ("erf", [INF, -INF, -0.0, NAN], [1, -1, -0.0, NAN]),
    ],
)
def test_special_values(name, inputs, outputs, dtype):
    got = getattr(torch, name)(torch.tensor(inputs, dtype=dtype)).numpy()
    expected = np.array(outputs, dtype=got.dtype)
    np.testing.assert_array_equal(got, expected)
    zero = expected == 0
    np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(expected[zero]))


def test_denormal_results_are_gradual():
    assert torch.exp(torch.tensor(-100.0)).item() == pytest.approx(math.exp(-100), rel=0.02)
    assert torch.log(torch.tensor(1e-45)).item() == pytest.approx(math.log(2**-149), rel=1e-7)


SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3.0, -3.0, INF, -INF, NAN, 1e-30, 1e30, -1e30]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_power_of_special_values_follows_c(dtype):
    x, y = (a.ravel() for a in np.meshgrid(np.array(SPECIAL, dtype), np.array(SPECIAL, dtype)))
    with np.errstate(all="ignore"):
        expected = np.power(x, y)
    np.testing.assert_allclose(
        torch.pow(torch.from_numpy(x.copy()), torch.from_numpy(y.copy())).numpy(),
        expected,
        rtol=4 * np.finfo(dtype).eps,
    )


def test_power_is_within_two_ulps():
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(0, 3, 20000), np.exp(rng.uniform(-80, 80, 20000))])
    y = np.concatenate([rng.uniform(-50, 50, 20000), rng.uniform(-1, 1, 20000)])
    a, b = x.astype(np.float32), y.astype(np.float32)
    with np.errstate(all="ignore"):
        expected = np.power(a.astype(np.float64), b.astype(np.float64))
    keep = (expected > 1e-37) & (expected < 3e38)
    got = torch.pow(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    assert ulps(got[keep], expected[keep]) <= 1
    if np.finfo(np.longdouble).nmant >= 63:
        got = torch.pow(torch.from_numpy(x), torch.from_numpy(y)).numpy()
        assert ulps(got, np.power(x.astype(np.longdouble), y.astype(np.longdouble))) <= 2


@pytest.mark.parametrize("length", [1, 3, 7, 8, 15, 16, 17, 31, 33, 100])
def test_every_length_gives_the_same_values(length):
    x = np.linspace(-3, 3, 101, dtype=np.float32)[:length]
    for name in ("exp", "tanh", "sin", "sigmoid"):
        one_by_one = [getattr(torch, name)(torch.tensor([float(v)])).item() for v in x]
        together = getattr(torch, name)(torch.from_numpy(x.copy())).numpy()
        np.testing.assert_allclose(together, np.float32(one_by_one), rtol=2.5e-7)

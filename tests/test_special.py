"""Special functions: values computed with 50 digits, poles and limits, derivatives, element types."""

from functools import partial

import pytest
from gradients import check_gradient

import flambeau as torch

NAN, INF = float("nan"), float("inf")

# name: function, value at each argument; every branch of the method is met
FUNCTIONS = {
    "lgamma": (
        torch.lgamma,
        {
            1e-30: 69.07755278982137,
            0.25: 1.2880225246980774,
            0.75: 0.20328095143129538,
            1.001: -0.0005763935982833062,
            1.9: -0.03898427592308336,
            4.5: 2.4537365708424423,
            7.9: 8.32426586800881,
            30.0: 71.25703896716801,
            1e100: 2.2925850929940456e102,
            -0.5: 1.2655121234846454,
            -3.25: -0.6231534513209986,
        },
    ),
    "digamma": (
        torch.digamma,
        {
            1e-20: -1e20,
            0.25: -4.2274535333762655,
            1.4616: -3.110625123034165e-05,
            1.75: 0.24747245354686118,
            3.5: 1.103156640645243,
            9.5: 2.1977378764029494,
            50.0: 3.901989673427892,
            1e100: 230.25850929940458,
            -0.25: 2.9141391202135276,
            -7.6: 1.071732116277544,
        },
    ),
    "trigamma": (
        partial(torch.polygamma, 1),
        {
            1e-20: 1.0000000000000002e40,
            0.25: 17.19732915450711,
            3.5: 0.3303577561002349,
            12.0: 0.08690187287176838,
            1e100: 1e-100,
            -0.25: 18.541879647671607,
            -7.6: 10.788265451054698,
        },
    ),
    "erfinv": (
        torch.erfinv,
        {
            1e-20: 8.86226925452758e-21,
            0.25: 0.2253120550121781,
            -0.95: -1.3859038243496777,
            0.9999: 2.75106390571208,
            0.9999999990686774: 4.328028275800946,
            0.9999999999999991: 5.686128441310391,
        },
    ),
    "erfcx": (
        torch.special.erfcx,
        {
            -26.0: 7.657724931490568e293,
            -3.0: 16205.988853999586,
            -0.1: 1.1236433541992095,
            0.0: 1.0,
            0.1: 0.8964569799691267,
            4.0: 0.13699945762506138,
            50.0: 0.011281536265323773,
            1000000000.0: 5.641895835477563e-10,
        },
    ),
    "ndtri": (
        torch.special.ndtri,
        {
            1e-300: -37.0470962993612,
            1e-12: -7.034483825301132,
            0.001: -3.0902323061678136,
            0.25: -0.6744897501960817,
            0.51: 0.025068908258711057,
            0.999: 3.090232306167813,
        },
    ),
    "log_ndtr": (
        torch.special.log_ndtr,
        {
            -10000.0: -50000010.12927891,
            -20.0: -203.91715537109727,
            -1.5: -2.7059444008238898,
            -0.5: -1.1759117615936185,
            0.0: -0.6931471805599453,
            0.5: -0.3689464152886564,
            7.0: -1.279812543886654e-12,
        },
    ),
    "i0": (
        torch.i0,
        {
            0.0: 1.0,
            0.5: 1.0634833707413236,
            -7.9: 389.406283282158,
            8.1: 469.5006067101215,
            100.0: 1.0737517071310738e42,
            712.0: 2.4684110577627523e307,
        },
    ),
    "i1": (
        torch.special.i1,
        {
            1e-20: 5e-21,
            0.5: 0.2578943053908963,
            -7.9: -363.8539440845084,
            8.1: 439.48430891035844,
            100.0: 1.0683693903381625e42,
            712.0: 2.4666770135246153e307,
        },
    ),
    "i0e": (
        torch.special.i0e,
        {
            0.5: 0.6450352704491501,
            -7.9: 0.14436986414104191,
            8.1: 0.14251180948829528,
            1000000.0: 0.00039894233026924577,
        },
    ),
    "i1e": (
        torch.special.i1e,
        {
            0.5: 0.1564208031848717,
            -7.9: -0.13489649943989376,
            8.1: 0.13340068832583662,
            1000000.0: 0.0003989421307980308,
        },
    ),
    "modified_bessel_k0": (
        torch.special.modified_bessel_k0,
        {
            1e-100: 230.37444081506297,
            0.5: 0.9244190712276659,
            1.9: 0.1288459792760475,
            2.1: 0.10078374088996693,
            100.0: 4.656628229175902e-45,
        },
    ),
    "modified_bessel_k1": (
        torch.special.modified_bessel_k1,
        {
            1e-100: 1e100,
            0.5: 1.656441120003301,
            1.9: 0.15966015303266762,
            2.1: 0.12274641153350789,
            100.0: 4.6798537356369095e-45,
        },
    ),
    "scaled_modified_bessel_k0": (
        torch.special.scaled_modified_bessel_k0,
        {
            0.5: 1.5241093857739094,
            1.9: 0.8614506167517558,
            2.1: 0.8230171525316621,
            100000.0: 0.003963322343474756,
        },
    ),
    "scaled_modified_bessel_k1": (
        torch.special.scaled_modified_bessel_k1,
        {
            0.5: 2.731009708211786,
            1.9: 1.0674709298145701,
            2.1: 1.0023680527405792,
            100000.0: 0.003963342160036932,
        },
    ),
    "bessel_j0": (
        torch.special.bessel_j0,
        {
            0.0: 1.0,
            -0.5: 0.9384698072408129,
            2.4048: 1.3268284301171568e-05,
            4.9: -0.2097383275853262,
            5.1: -0.14433474706050065,
            100.0: 0.019985850304223122,
            1000000.0: 0.00033104301373987376,
            1000000000.0: 2.4687471886269195e-05,
        },
    ),
    "bessel_j1": (
        torch.special.bessel_j1,
        {
            1e-20: 5e-21,
            -0.5: -0.2422684576748739,
            3.8317: 2.404559043103632e-06,
            4.9: -0.31469467101519066,
            5.1: -0.3370972020182318,
            -100.0: 0.07714535201411216,
            1000000.0: -0.000725968356813763,
            1000000000.0: -5.210422641553878e-06,
        },
    ),
    "bessel_y0": (
        torch.special.bessel_y0,
        {
            1e-20: -29.391228250285796,
            0.5: -0.44451873350670656,
            4.9: -0.2920545942440142,
            5.1: -0.3216024491248594,
            100.0: -0.07724431336508315,
            1000000.0: -0.0007259685223351791,
            1000000000.0: -5.2104226538976135e-06,
        },
    ),
    "bessel_y1": (
        torch.special.bessel_y1,
        {
            1e-20: -6.3661977236758135e19,
            0.5: -1.471472392670243,
            4.9: 0.18124669204504856,
            5.1: 0.11373644197749973,
            100.0: -0.020372312002759792,
            1000000.0: -0.00033104337672417626,
            1000000000.0: -2.4687471888874407e-05,
        },
    ),
    "spherical_bessel_j0": (
        torch.special.spherical_bessel_j0,
        {
            0.0: 1.0,
            1e-09: 1.0,
            -0.5: 0.958851077208406,
            100.0: -0.005063656411097588,
            1000000000.0: 5.458434494486995e-10,
        },
    ),
    "airy_ai": (
        torch.special.airy_ai,
        {
            -1e8: -0.0055541288000569947,
            -10000.0: 0.02705738360464258,
            -20.0: -0.1764061270779847,
            -4.1: 0.009676979518714048,
            -3.9: -0.14741990564074425,
            -1.0: 0.5355608832923521,
            0.0: 0.3550280538878172,
            1.9: 0.0405944200315295,
            2.1: 0.029952602115866523,
            10.0: 1.1047532552898686e-10,
            100.0: 2.6344821520881846e-291,
        },
    ),
}
PAIRS = {
    "polygamma 2": (
        lambda n, x: torch.polygamma(int(n), x),
        {
            (2.0, 0.25): -129.32773993753693,
            (3.0, 2.5): 0.22390584881725206,
            (7.0, 30.0): 3.693311077871013e-08,
            (2.0, -7.6): -22.291481096904285,
            (3.0, -0.25): 1555.7633125348507,
        },
    ),
    "zeta": (
        torch.special.zeta,
        {
            (1.001, 0.5): 1001.9648639703559,
            (2.5, 3.0): 0.1647105619542803,
            (2.0, 40.0): 0.02531510384129103,
            (30.0, 1.5): 5.215096203815732e-06,
            (20.5, 1000.0): 1.6375462615902897e-60,
        },
    ),
    "igamma": (
        torch.igamma,
        {
            (0.25, 0.125): 0.6401572060830841,
            (0.5, 2.0): 0.9544997361036416,
            (3.0, 2.0): 0.32332358381693654,
            (20.0, 25.0): 0.8664251659143496,
            (70.0, 30.0): 3.3625217066504525e-10,
            (100.0, 90.0): 0.15822098918643016,
            (100.0, 125.0): 0.9906208683311739,
            (1000000.0, 1000000.0): 0.5001329807608725,
        },
    ),
    "igammac": (
        torch.igammac,
        {
            (0.25, 0.125): 0.35984279391691587,
            (0.01, 0.75): 0.003430885284941196,
            (0.5, 2.0): 0.04550026389635842,
            (3.0, 2.0): 0.6766764161830635,
            (20.0, 25.0): 0.1335748340856504,
            (70.0, 150.0): 1.0866022937696919e-13,
            (100.0, 90.0): 0.8417790108135699,
            (100.0, 125.0): 0.009379131668826096,
            (1000000.0, 1000000.0): 0.4998670192391274,
        },
    ),
}


def close(found, expected, tolerance=2e-15):
    """Relatively, and as near to a root as an argument's last digit lets it be."""
    assert torch.allclose(found, torch.tensor(expected, dtype=found.dtype), rtol=tolerance, atol=4e-17), found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_value(name):
    function, values = FUNCTIONS[name]
    close(function(torch.tensor(list(values), dtype=torch.float64)), list(values.values()), 5e-15)


@pytest.mark.parametrize("name", PAIRS)
def test_value_of_two_arguments(name):
    function, values = PAIRS[name]
    for (first, second), expected in values.items():
        pair = [torch.tensor([v], dtype=torch.float64) for v in (first, second)]
        close(function(pair[0] if "poly" not in name else first, pair[1]), [expected], 2e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_is_near_the_rounded_value(name):
    function, values = FUNCTIONS[name]
    x = torch.tensor([v for v in values if 1e-3 < abs(v) < 1e3], dtype=torch.float32)
    assert torch.allclose(function(x), function(x.double()).float(), rtol=5e-7, atol=1e-38)


LIMITS = {
    "lgamma": (torch.lgamma, {NAN: NAN, INF: INF, -INF: INF, 0.0: INF, -1.0: INF, 1.0: 0.0, 2.0: 0.0}),
    "digamma": (torch.digamma, {NAN: NAN, INF: INF, -INF: NAN, 0.0: -INF, -1.0: NAN}),
    "polygamma": (partial(torch.polygamma, 2), {NAN: NAN, INF: NAN, 0.0: -INF, -1.0: -INF}),
    "erfinv": (torch.erfinv, {NAN: NAN, 1.0: INF, -1.0: -INF, 1.5: NAN, INF: NAN}),
    "ndtri": (torch.special.ndtri, {NAN: NAN, 0.0: -INF, 1.0: INF, -0.5: NAN, 2.0: NAN}),
    "erfcx": (torch.special.erfcx, {NAN: NAN, INF: 0.0, -INF: INF, -27.5: INF}),
    "log_ndtr": (torch.special.log_ndtr, {NAN: NAN, INF: 0.0, -INF: -INF}),
    "i0": (torch.i0, {NAN: NAN, INF: NAN, 800.0: INF}),
    "i0e": (torch.special.i0e, {NAN: NAN, INF: 0.0, -INF: 0.0}),
    "i1": (torch.special.i1, {NAN: NAN, -800.0: -INF}),
    "k0": (torch.special.modified_bessel_k0, {NAN: NAN, 0.0: INF, -1.0: NAN, INF: 0.0}),
    "k1e": (torch.special.scaled_modified_bessel_k1, {NAN: NAN, 0.0: INF, -1.0: NAN, INF: 0.0}),
    "j0": (torch.special.bessel_j0, {NAN: NAN, INF: NAN}),
    "y1": (torch.special.bessel_y1, {NAN: NAN, 0.0: -INF, -1.0: NAN, INF: NAN}),
    "spherical": (torch.special.spherical_bessel_j0, {NAN: NAN, INF: 0.0, -INF: 0.0}),
    "airy_ai": (torch.special.airy_ai, {NAN: NAN, INF: NAN, 200.0: 0.0}),
}


@pytest.mark.parametrize("name", LIMITS)
def test_poles_and_limits(name):
    function, values = LIMITS[name]
    for x, expected in values.items():
        found = function(torch.tensor([x], dtype=torch.float64))
        assert torch.equal(found.nan_to_num(7.0), torch.tensor([expected]).double().nan_to_num(7.0)), x


def test_digamma_at_minus_zero():
    assert torch.digamma(torch.tensor([-0.0])).item() == INF


def test_incomplete_gamma_limits():
    a = torch.tensor([0.0, 0.0, 2.0, INF, INF, 2.0, -1.0, 2.0, NAN]).double()
    x = torch.tensor([1.0, 0.0, 0.0, 3.0, INF, INF, 1.0, -1.0, 1.0]).double()
    lower = [1.0, 7.0, 0.0, 0.0, 7.0, 1.0, 7.0, 7.0, 7.0]
    assert torch.igamma(a, x).nan_to_num(7.0).tolist() == lower
    assert torch.igammac(a, x).nan_to_num(7.0).tolist() == [7.0 if v == 7.0 else 1 - v for v in lower]


def test_upper_gamma_of_a_tiny_exponent_is_the_exponential_integral():
    a = torch.tensor([1e-20, 1e-300], dtype=torch.float64)
    found = torch.igammac(a, torch.tensor([0.5], dtype=torch.float64)) / a
    assert torch.allclose(found, torch.tensor(0.5597735947761608, dtype=torch.float64), rtol=1e-14)
    assert torch.igamma(a, torch.tensor([0.5], dtype=torch.float64)).tolist() == [1.0, 1.0]


def test_zeta_poles():
    s = torch.tensor([1.0, 0.5, 2.0, 2.0, 2.5, NAN]).double()
    q = torch.tensor([3.0, 3.0, 0.0, -3.0, -0.5, 2.0]).double()
    assert (
        torch.special.zeta(s, q).nan_to_num(7.0).tolist()
        == torch.tensor([INF, NAN, INF, INF, NAN, NAN]).double().nan_to_num(7.0).tolist()
    )


def test_zeta_far_below_zero_takes_no_longer():
    found = torch.special.zeta(torch.tensor([2.0]).double(), -1e9 + 0.25)
    assert torch.allclose(found, torch.tensor([2 * torch.pi**2]).double(), rtol=1e-6)  # pi^2 / sin^2(pi / 4)


@pytest.mark.parametrize(
    "function, x",
    [
        (torch.lgamma, [0.3, 1.5, 4.0, -0.7]),
        (torch.digamma, [0.3, 1.5, 4.0, -0.7]),
        (partial(torch.polygamma, 0), [0.3, 1.5, 4.0]),
        (partial(torch.polygamma, 2), [0.8, 1.5, 4.0]),
        (torch.erfinv, [-0.7, 0.0, 0.3]),
        (torch.special.erfcx, [-1.0, 0.5, 3.0]),
        (torch.special.ndtri, [0.2, 0.5, 0.9]),
        (torch.special.log_ndtr, [-3.0, -0.5, 2.0]),
        (torch.i0, [-2.0, 0.5, 3.0]),
        (torch.special.i0e, [-2.0, 0.5, 3.0]),
        (torch.special.i1, [-2.0, 0.5, 3.0]),
        (torch.special.i1e, [-2.0, 0.5, 3.0]),
        (partial(torch.mvlgamma, p=3), [1.5, 2.5, 6.0]),
    ],
)
def test_derivative(function, x):
    check_gradient(function, torch.tensor(x, dtype=torch.float64))


def test_derivative_by_the_second_argument():
    a = torch.tensor([0.5, 2.0, 5.0], dtype=torch.float64)
    x = torch.tensor([0.4, 1.5, 7.0], dtype=torch.float64)
    for function in (torch.igamma, torch.igammac):
        check_gradient(lambda x, function=function: function(a, x), x)
    check_gradient(lambda q: torch.special.zeta(a + 1, q), x)
    check_gradient(lambda q: torch.special.zeta(2.5, q), x)


def test_derivative_of_bessel_ratio_at_zero():
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    for function in (torch.special.i1, torch.special.i1e):
        assert torch.autograd.grad(function(x), x)[0].item() == 0.5


def test_derivative_by_the_first_argument_is_refused():
    a = torch.ones(2, requires_grad=True)
    for function, name in ((torch.igamma, "igamma: input"), (torch.special.zeta, "zeta")):
        with pytest.raises(NotImplementedError, match=f"the derivative for '{name}' is not implemented"):
            function(a, torch.ones(2)).sum().backward()


def test_functions_without_derivative():
    x = torch.ones(2, requires_grad=True)
    assert not torch.special.bessel_j0(x).requires_grad
    assert not torch.special.airy_ai(x).requires_grad


def test_integers_become_the_default_dtype():
    for function in (torch.lgamma, torch.special.bessel_j0, partial(torch.polygamma, 3)):
        assert function(torch.tensor([2, 3])).dtype == torch.float32
    assert torch.special.zeta(torch.tensor([2]), torch.tensor([3])).dtype == torch.float32
    with pytest.raises(NotImplementedError, match="\"igamma_cpu\" not implemented for 'Long'"):
        torch.igamma(torch.tensor([2]), torch.tensor([3]))


def test_half_precision_where_there_is_some():
    x = torch.tensor([0.5, 2.5])
    for function in (torch.lgamma, torch.digamma, torch.erfinv, torch.i0, torch.special.i1e):
        for dtype in (torch.float16, torch.bfloat16):
            found = function(x.to(dtype))
            assert found.dtype == dtype
            assert torch.equal(found.nan_to_num(7.0), function(x.to(dtype).float()).to(dtype).nan_to_num(7.0))
    for name in ("zeta", "erfcx", "ndtri", "bessel_y0", "airy_ai"):
        arguments = [x.half()] * (2 if name == "zeta" else 1)
        with pytest.raises(NotImplementedError, match=f"\"{name}_cpu\" not implemented for 'Half'"):
            getattr(torch.special, name)(*arguments)


def test_mvlgamma():
    x = torch.tensor([3.0, 5.5], dtype=torch.float64)
    expected = (
        torch.lgamma(x) + torch.lgamma(x - 0.5) + torch.lgamma(x - 1) + 1.5 * torch.tensor(torch.pi).log()
    )
    assert torch.allclose(torch.mvlgamma(x, 3), expected)
    assert torch.equal(torch.special.multigammaln(x, 3), x.clone().mvlgamma_(3))
    with pytest.raises(RuntimeError, match="p has to be greater than or equal to 1"):
        torch.mvlgamma(x, 0)
    with pytest.raises(RuntimeError, match="may not be a boolean tensor"):
        torch.mvlgamma(torch.tensor([True]), 1)


def test_polygamma_forms():
    x = torch.tensor([1.0, 2.0])
    assert torch.equal(x.polygamma(1), torch.polygamma(n=1, input=x))
    assert torch.equal(x.clone().polygamma_(1), torch.special.polygamma(1, x))
    with pytest.raises(RuntimeError, match="does not support negative n"):
        torch.polygamma(-1, x)


def test_strided_and_empty_operands():
    x = torch.linspace(0.5, 6, 24).double().reshape(4, 6)
    assert torch.equal(torch.lgamma(x.t()), torch.lgamma(x).t())
    assert torch.equal(torch.igamma(x[:, :1], x), torch.igamma(x[:, :1].expand(4, 6).contiguous(), x))
    assert torch.special.i0e(torch.empty(0, 3)).shape == (0, 3)
    assert torch.special.zeta(torch.tensor(3.0), torch.tensor(2.0)).shape == ()

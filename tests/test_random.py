"""The streams are PyTorch's: values recorded from PyTorch 2.13 on a CPU."""

import copy
import pickle
import threading
import zlib

import numpy as np
import pytest

import flambeau as torch

SEEDS = (0, 1234, 2**40 + 5)
LARGE = 100003
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64")


def checksum(tensor):
    return zlib.crc32(tensor.numpy().tobytes())


def seeded(draw, seed=0):
    torch.manual_seed(seed)
    return draw()


# ---- uniforms and integers: equal to the bit


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (0, ["0x1.fc2ab0p-2", "0x1.89545ep-1", "0x1.6a6750p-4", "0x1.0e66p-3"]),
        (1234, ["0x1.dacbcp-6", "0x1.9b8b4cp-2", "0x1.0a1498p-2", "0x1.7770d4p-2"]),
        (2**40 + 5, ["0x1.a916c6p-1", "0x1.024670p-3", "0x1.d09fdep-1", "0x1.a3cd7ap-1"]),
    ],
)
def test_rand_gives_pytorchs_numbers(seed, expected):
    assert seeded(lambda: torch.rand(4), seed).tolist() == [float.fromhex(x) for x in expected]


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (0, ["0x1.f0aac97c4aa2fp-1", "0x1.6a675d821ccc0p-1", "0x1.d6687b744a5f6p-2"]),
        (1234, ["0x1.dacbdfd9b8b4cp-3", "0x1.429368aeee1a8p-4", "0x1.dd9993966bae8p-2"]),
        (2**40 + 5, ["0x1.48b630e2048cep-1", "0x1.09fdfa9a3cd7ap-2", "0x1.717ccba3bb8ecp-2"]),
    ],
)
def test_rand_of_doubles_has_53_bits(seed, expected):
    values = seeded(lambda: torch.rand(3, dtype=torch.float64), seed).tolist()
    assert values == [float.fromhex(x) for x in expected]


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (lambda: torch.rand(LARGE), (1752477267, 4088905649, 3526109261)),
        (lambda: torch.rand(LARGE, dtype=torch.float64), (1426637663, 4248688962, 3844100987)),
        (lambda: torch.randperm(LARGE), (2146511808, 2245267235, 1249181743)),
        (lambda: torch.randint(0, 1000, (LARGE,)), (1883118159, 1755196101, 3899267110)),
    ],
    ids=["rand", "rand_double", "randperm", "randint"],
)
def test_long_streams_agree(draw, expected):
    assert tuple(checksum(seeded(draw, seed)) for seed in SEEDS) == expected


@pytest.mark.parametrize(
    ("seed", "expected"),
    [(0, [14, 9, 3, 5, 8, -1]), (1234, [-5, 16, 1, 10, 11, 9]), (2**40 + 5, [6, 9, 12, 5, 1, 15])],
)
def test_randint(seed, expected):
    assert seeded(lambda: torch.randint(-5, 20, (6,)), seed).tolist() == expected


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (0, [-3711235831533098449, -642142871786238784, -2716036421228801285]),
        (1234, [-1078775733986860333, -2359176853020877771, 3462965527040974196]),
    ],
)
def test_randint_of_a_wide_range_takes_64_bits(seed, expected):
    assert seeded(lambda: torch.randint(-(2**62), 2**62, (3,)), seed).tolist() == expected


@pytest.mark.parametrize(
    ("seed", "expected"),
    [(0, [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]), (1234, [5, 4, 8, 2, 6, 9, 1, 7, 0, 3])],
)
def test_randperm(seed, expected):
    assert seeded(lambda: torch.randperm(10), seed).tolist() == expected


@pytest.mark.parametrize("n", [0, 1, 2, 1000])
def test_randperm_is_a_permutation(n):
    assert sorted(torch.randperm(n).tolist()) == list(range(n))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("bool", [False, False, True]),
        ("uint8", [106, 152, 249]),
        ("int8", [106, 24, 121]),
        ("int16", [5994, 1688, 11513]),
        ("int32", [218175338, 303761048, 893988089]),
        ("int64", [937055941807507096, 3839649608876091011, 5366245355481424840]),
        ("float32", [71389.0, 1771142.0, 4795460.0]),
        ("float64", [307219314442800.0, 2582726356426969.0, 6961798910534005.0]),
    ],
)
def test_random_without_bounds_fills_the_dtypes_integers(dtype, expected):
    tensor = torch.empty(3, dtype=getattr(torch, dtype))
    assert seeded(tensor.random_, 3).tolist() == expected


def test_random_over_all_of_int64():
    torch.manual_seed(3)
    torch.rand(3)
    tensor = torch.empty(2, dtype=torch.int64).random_(-(2**63), None)
    assert tensor.tolist() == [-2952419054130250824, 2238117252665022720]


def test_random_to():
    values = torch.empty(1000, dtype=torch.int32).random_(7).tolist()
    assert set(values) == set(range(7))


def test_uniform_stays_in_its_range():
    values = torch.empty(10000).uniform_(3.0, 3.0000005).tolist()
    assert set(values) == {3.0, 3.000000238418579}


# ---- normals: within 2e-6


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (
            0,
            [
                1.5409960746765137,
                -0.293428897857666,
                -2.1787893772125244,
                0.5684312582015991,
                -1.0845223665237427,
            ],
        ),
        (
            1234,
            [
                0.0461304634809494,
                0.4024028182029724,
                -1.0115290880203247,
                0.2167382389307022,
                -0.612273097038269,
            ],
        ),
    ],
)
def test_few_normals_come_in_pairs(seed, expected):
    np.testing.assert_allclose(seeded(lambda: torch.randn(5), seed).tolist(), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (
            0,
            [-1.1258398, -1.6959312, 0.56665063, 0.79350835, 0.59883946,
             -1.5550951, -0.34136039, 1.8530061, 0.46809641, -0.58549756,
             -0.17339675, 0.18347794, 1.3893661, 1.5863342, 0.94629836,
             -0.84367675, 0.93182659],
        ),
        (
            2**40 + 5,
            [1.8423299, 1.2220253, -0.33644935, -0.96506017, -0.12966268,
             -0.60176563, 0.14499857, -0.14982717, 2.6145771, 0.77923375,
             -0.058339462, -2.0304952, 1.4829323, 0.49403808, 0.24921878,
             1.7470315, 0.74477696],
        ),
    ],
)  # fmt: skip
def test_many_normals_come_in_blocks_of_16_with_the_last_drawn_again(seed, expected):
    np.testing.assert_allclose(seeded(lambda: torch.randn(17), seed).tolist(), expected, rtol=0, atol=2e-6)


def test_blocks_of_double_normals():
    values = seeded(lambda: torch.randn(17, dtype=torch.float64)).tolist()[-3:]
    np.testing.assert_allclose(
        values, [-0.4484158047114511, -0.8910030351707375, 0.6748575435940039], rtol=1e-14
    )


def test_the_spare_normal_serves_the_next_call_of_any_dtype():
    torch.manual_seed(7)
    doubles, pair, one = torch.randn(3, dtype=torch.float64), torch.randn(2), torch.randn(1)
    np.testing.assert_allclose(
        doubles.tolist(), [-0.1467950974849952, 0.7861412987235358, 0.9468216090039564]
    )
    np.testing.assert_allclose(pair.tolist(), [-1.1143440008163452, 1.6907901763916016], rtol=1e-7)
    np.testing.assert_allclose(one.tolist(), [-0.8948279023170471], rtol=1e-7)


def test_a_mixed_sequence():
    torch.manual_seed(7)
    assert torch.rand(3).tolist() == [0.5349225401878357, 0.19880318641662598, 0.6592116951942444]
    np.testing.assert_allclose(
        torch.randn(3).tolist(), [-0.032551974058151245, 1.0110543966293335, 1.7714937925338745], rtol=1e-6
    )
    np.testing.assert_allclose(
        torch.randn(20).tolist()[-2:], [-0.25013262033462524, 0.501121461391449], atol=2e-6
    )
    assert torch.randperm(5).tolist() == [3, 1, 0, 4, 2]
    assert torch.rand(2).tolist() == [0.899403989315033, 0.9936200976371765]


def test_normals_of_a_strided_tensor_come_in_pairs():
    torch.manual_seed(0)
    values = torch.empty(20, 2)[:, 0].normal_()[:3].tolist()
    np.testing.assert_allclose(
        values, [1.5409960746765137, -0.293428897857666, -2.1787893772125244], rtol=1e-7
    )


def test_normal_with_tensors_of_means_and_deviations():
    torch.manual_seed(0)
    mean, std = torch.arange(4.0), torch.tensor([0.1, 0.2, 0.3, 0.4])
    expected = [0.15409961342811584, 0.9413142204284668, 1.3463631868362427, 3.227372407913208]
    np.testing.assert_allclose(torch.normal(mean, std).tolist(), expected, rtol=1e-6)
    np.testing.assert_allclose(
        torch.normal(2.0, torch.ones(2)).tolist(), [0.9154776334762573, 0.6014045476913452], rtol=1e-6
    )
    np.testing.assert_allclose(
        torch.normal(torch.zeros(2), 3.0).tolist(), [1.21004056930542, 2.5140790939331055], rtol=1e-6
    )
    np.testing.assert_allclose(
        torch.normal(1.0, 2.0, (2,)).tolist(), [-0.43851515650749207, 0.19331294298171997], rtol=1e-5
    )


# ---- order in memory


def test_a_transposed_tensor_is_filled_in_memory_order():
    values = seeded(lambda: torch.empty(2, 3).t().uniform_()).tolist()
    assert values == [
        [0.49625658988952637, 0.13203048706054688],
        [0.7682217955589294, 0.30742281675338745],
        [0.08847743272781372, 0.6340786814689636],
    ]


def test_rand_like_keeps_the_order_in_memory():
    values = seeded(lambda: torch.rand_like(torch.empty(3, 2).t())).tolist()
    assert values == [
        [0.49625658988952637, 0.08847743272781372, 0.30742281675338745],
        [0.7682217955589294, 0.13203048706054688, 0.6340786814689636],
    ]


# ---- further distributions


@pytest.mark.parametrize(
    ("seed", "expected"),
    [(0, [0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1]), (1234, [1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0, 1])],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_bernoulli_of_one_probability(seed, expected, dtype):
    tensor = torch.empty(12, dtype=getattr(torch, dtype))
    assert [int(x) for x in seeded(lambda: tensor.bernoulli_(0.3), seed).tolist()] == expected


def test_bernoulli_of_broadcast_probabilities():
    p = torch.tensor([0.9, 0.1, 0.5])
    values = seeded(lambda: torch.empty(3, 2).t().bernoulli_(p)).tolist()
    assert values == [[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_bernoulli_of_a_certain_event(p):
    assert torch.empty(1000).bernoulli_(p).tolist() == [p] * 1000


@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        (
            lambda: torch.empty(3).exponential_(2.0),
            [1.754163146018982, 0.6151923537254333, 0.3075220584869385],
        ),
        (
            lambda: torch.empty(3).cauchy_(1.0, 2.0),
            [22.195459365844727, 2.5295345783233643, 0.743401288986206],
        ),
        (
            lambda: torch.empty(3).log_normal_(0.5, 0.25),
            [2.4235877990722656, 1.5321052074432373, 0.9562868475914001],
        ),
        (lambda: torch.empty(6).geometric_(0.3), [1.0, 1.0, 3.0, 1.0, 2.0, 1.0]),
        (lambda: torch.poisson(torch.tensor([0.5, 3.0, 40.0, 1000.0])), [2.0, 4.0, 41.0, 996.0]),
        (
            lambda: torch.binomial(
                torch.tensor([10.0, 100.0, 7.0, 1000.0]), torch.tensor([0.5, 0.2, 0.9, 0.7])
            ),
            [7.0, 21.0, 7.0, 715.0],
        ),
    ],
    ids=["exponential", "cauchy", "log_normal", "geometric", "poisson", "binomial"],
)
def test_distributions(draw, expected):
    np.testing.assert_allclose(seeded(draw).tolist(), expected, rtol=2e-7)


@pytest.mark.parametrize(("seed", "without", "with_replacement"), [
    (0, [2, 1, 3], [3, 3, 1, 2, 2, 1]),
    (1234, [1, 3, 2], [2, 1, 1, 1, 1, 3]),
    (2**40 + 5, [3, 2, 1], [1, 3, 2, 3, 3, 2]),
])  # fmt: skip
def test_multinomial(seed, without, with_replacement):
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4])
    torch.manual_seed(seed)
    assert torch.multinomial(weights, 3).tolist() == without
    assert torch.multinomial(weights, 6, replacement=True).tolist() == with_replacement


def test_multinomial_never_takes_a_category_of_weight_0():
    weights = torch.tensor([[0.0, 1.0, 0.0, 2.0], [1.0, 0.0, 0.0, 0.0]])
    samples = torch.multinomial(weights, 200, replacement=True).tolist()
    assert set(samples[0]) == {1, 3}
    assert set(samples[1]) == {0}


@pytest.mark.parametrize(
    ("weights", "samples"), [([2.0, 7.0, 1.0, 0.0], 4), ([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]], 2)]
)
def test_multinomial_without_replacement_needs_a_category_for_each_sample(weights, samples):
    with pytest.raises(RuntimeError, match="not enough non-zero categories to sample"):
        torch.multinomial(torch.tensor(weights), samples)


def test_multinomial_prefers_the_smallest_weight_to_none():
    smallest = torch.full((8,), 1e-45)
    smallest[:4] = 0
    for _ in range(50):
        assert sorted(torch.multinomial(smallest, 4).tolist()) == [4, 5, 6, 7]


# ---- dropout


@pytest.mark.parametrize(
    ("seed", "kept"),
    [(0, [0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1]), (1234, [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1])],
)
def test_dropout_scales_what_it_keeps(seed, kept):
    values = seeded(lambda: torch.dropout(torch.ones(12), 0.25, True), seed).tolist()
    assert values == [x * 1.3333333730697632 for x in kept]


def test_dropout_in_place():
    x = torch.ones(12)
    assert seeded(lambda: torch.dropout_(x, 0.25, True)) is x
    assert [bool(v) for v in x.tolist()] == [bool(v) for v in [0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1]]


def test_the_gradient_of_dropout_has_the_same_zeros():
    x = torch.ones(50, requires_grad=True)
    y = torch.dropout(x, 0.5, True)
    y.backward(torch.ones_like(y))
    assert x.grad.tolist() == y.tolist()


def test_dropout_outside_training_is_the_identity():
    x = torch.rand(5)
    assert torch.dropout(x, 0.5, False) is x


def test_feature_dropout_drops_whole_channels():
    values = seeded(lambda: torch.feature_dropout(torch.ones(2, 3, 2), 0.5, True)).tolist()
    assert values == [[[0.0, 0.0], [0.0, 0.0], [2.0, 2.0]], [[0.0, 0.0]] * 3]


def test_alpha_dropout():
    values = seeded(lambda: torch.alpha_dropout(torch.ones(6), 0.4, True)).tolist()
    expected = [-0.9106420278549194] * 6
    expected[2] = 1.4703772068023682
    np.testing.assert_allclose(values, expected, rtol=2e-7)


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_dropout_checks_its_probability(p):
    with pytest.raises(RuntimeError, match="dropout probability has to be between 0 and 1"):
        torch.dropout(torch.ones(3), p, True)


# ---- gradients


@pytest.mark.parametrize(
    "write",
    [
        lambda t: t.uniform_(),
        lambda t: t.normal_(),
        lambda t: t.random_(5),
        lambda t: t.bernoulli_(0.5),
        lambda t: t.exponential_(),
        lambda t: t.cauchy_(),
        lambda t: t.log_normal_(),
        lambda t: t.geometric_(0.5),
    ],
)
def test_no_gradient_flows_through_what_was_overwritten(write):
    x = torch.ones(4, requires_grad=True)
    y = x * 2
    write(y)
    y.backward(torch.ones_like(y))
    assert x.grad.tolist() == [0.0] * 4


def test_the_gradient_of_normal_with_respect_to_its_parameters_is_0():
    mean, std = torch.zeros(3, requires_grad=True), torch.ones(3, requires_grad=True)
    torch.normal(mean, std).backward(torch.ones(3))
    assert mean.grad.tolist() == std.grad.tolist() == [0.0] * 3


# ---- arguments


def test_a_generator_of_its_own_leaves_the_default_one_alone():
    state = torch.get_rng_state()
    generator = torch.Generator().manual_seed(0)
    assert torch.randint(0, 100, (3,), generator=generator).tolist() == [44, 39, 33]
    assert torch.get_rng_state().tolist() == state.tolist()


def test_rand_into_out():
    out = torch.empty(0, dtype=torch.float64)
    result = seeded(lambda: torch.rand(3, out=out))
    assert result is out
    assert out[0].item() == float.fromhex("0x1.f0aac97c4aa2fp-1")


def test_requires_grad():
    assert torch.randn(2, requires_grad=True).requires_grad


def test_randint_like_and_rand_like_take_a_dtype():
    assert torch.randint_like(torch.zeros(3), 5, 9).dtype == torch.float32
    assert torch.rand_like(torch.zeros(3, dtype=torch.int64), dtype=torch.float64).dtype == torch.float64


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: torch.rand(3, dtype=torch.int64),
            NotImplementedError,
            "\"check_uniform_bounds\" not implemented for 'Long'",
        ),
        (
            lambda: torch.randn(3, dtype=torch.int64),
            NotImplementedError,
            "\"normal_kernel_cpu\" not implemented for 'Long'",
        ),
        (lambda: torch.rand(-1), RuntimeError, "negative dimension -1"),
        (lambda: torch.empty(3).uniform_(1, 0), RuntimeError, "found from=1 > to=0"),
        (lambda: torch.empty(3).normal_(0, -1), RuntimeError, "normal expects std >= 0.0, but found std -1"),
        (lambda: torch.randint(5, 5, (2,)), RuntimeError, "got from=5 >= to=5"),
        (
            lambda: torch.randint(0, 300, (2,), dtype=torch.uint8),
            RuntimeError,
            "to - 1 is out of bounds for unsigned char",
        ),
        (
            lambda: torch.empty(3, dtype=torch.int64).exponential_(),
            RuntimeError,
            "dtype must be a floating point",
        ),
        (lambda: torch.empty(3).exponential_(-1), RuntimeError, "exponential_ expects lambda > 0.0"),
        (
            lambda: torch.empty(3).geometric_(1.5),
            RuntimeError,
            r"geometric_ expects p to be in \(0, 1\), but got p=1.5",
        ),
        (
            lambda: torch.empty(3).bernoulli_(1.5),
            RuntimeError,
            r"bernoulli_ expects p to be in \[0, 1\], but got p=1.5",
        ),
        (lambda: torch.bernoulli(torch.tensor([1.5])), RuntimeError, "Expected p_in >= 0 && p_in <= 1"),
        (lambda: torch.randperm(-1), RuntimeError, "negative dimension -1"),
        (lambda: torch.multinomial(torch.tensor([1.0, -1.0]), 1), RuntimeError, "element < 0"),
        (lambda: torch.multinomial(torch.zeros(2), 2, True), RuntimeError, "sum of probabilities <= 0"),
        (lambda: torch.multinomial(torch.ones(2), 3), RuntimeError, "without replacement"),
        (lambda: torch.poisson(torch.tensor([-1.0])), RuntimeError, "expected rate to be non-negative"),
        (
            lambda: torch.normal(torch.zeros(2), torch.tensor([-1.0, 1.0])),
            RuntimeError,
            "all elements of std >= 0.0",
        ),
        (lambda: torch.empty(2).expand(3, 2).uniform_(), RuntimeError, "refers to a single memory location"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- seeds and states


def test_the_state_has_pytorchs_bytes():
    torch.manual_seed(0)
    torch.rand(3)
    state = torch.get_rng_state()
    assert (state.dtype, state.numel()) == (torch.uint8, 5056)
    assert checksum(state) == 3358612806


def test_the_state_holds_the_spare_normal():
    torch.manual_seed(0)
    torch.randn(3, dtype=torch.float64)
    assert checksum(torch.get_rng_state()) == 932786199


@pytest.mark.parametrize("drawn", [0, 1, 623, 624, 625, 5000])
def test_a_state_restores_the_sequence(drawn):
    torch.manual_seed(1)
    torch.rand(drawn)
    torch.randn(1)
    state = torch.get_rng_state()
    first = torch.randn(3).tolist() + torch.rand(1000).tolist()
    torch.manual_seed(2)
    torch.set_rng_state(state)
    assert torch.randn(3).tolist() + torch.rand(1000).tolist() == first


def test_long_and_short_draws_give_one_sequence():
    whole = seeded(lambda: torch.rand(2000)).tolist()
    torch.manual_seed(0)
    assert [x for n in (1, 622, 3, 700, 674) for x in torch.rand(n).tolist()] == whole


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        (
            lambda: torch.zeros(3, dtype=torch.uint8),
            RuntimeError,
            "Expected a CPUGeneratorImplState of size 5056",
        ),
        (lambda: torch.zeros(5056), TypeError, "RNG state must be a torch.ByteTensor"),
        (lambda: torch.zeros(5056, dtype=torch.uint8), RuntimeError, "Invalid mt19937 state"),
        (lambda: torch.full((5056,), 255, dtype=torch.uint8), RuntimeError, "Invalid mt19937 state"),
        (lambda: 5, TypeError, "expected a torch.ByteTensor, but got int"),
    ],
)
def test_what_is_no_state_is_refused(state, error, message):
    with pytest.raises(error, match=message):
        torch.set_rng_state(state())


def test_negative_seeds_are_taken_modulo_2_to_the_64():
    assert torch.manual_seed(-1).initial_seed() == 2**64 - 1
    assert torch.rand(1).item() == 0.9937993884086609


def test_a_seed_of_more_than_64_bits_is_refused():
    with pytest.raises(ValueError, match="Overflow"):
        torch.manual_seed(2**64)


def test_seed_is_unpredictable_and_returned():
    generator = torch.Generator()
    assert generator.seed() != generator.seed()
    assert generator.seed() == generator.initial_seed()


def test_a_new_generator_has_the_default_seed():
    assert torch.Generator().initial_seed() == 67280421310721


def test_default_generator_is_the_one_that_manual_seed_seeds():
    assert torch.manual_seed(3) is torch.default_generator
    assert torch.initial_seed() == 3


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda g: pickle.loads(pickle.dumps(g)), lambda g: g.clone_state()]
)
def test_a_copy_of_a_generator_continues_on_its_own(duplicate):
    generator = torch.Generator().manual_seed(5)
    torch.rand(3, generator=generator)
    twin = duplicate(generator)
    assert torch.rand(4, generator=twin).tolist() == torch.rand(4, generator=generator).tolist()


def test_fork_rng_restores_the_state():
    torch.manual_seed(0)
    with torch.random.fork_rng():
        inside = torch.rand(3)
    assert torch.rand(3).tolist() == inside.tolist()


def test_threads_may_share_a_generator():
    generator = torch.Generator().manual_seed(0)
    drawn = []
    threads = [
        threading.Thread(target=lambda: drawn.append(torch.rand(200_000, generator=generator)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = np.sort(np.concatenate([t.numpy() for t in drawn]))
    generator.manual_seed(0)
    np.testing.assert_array_equal(together, np.sort(torch.rand(800_000, generator=generator).numpy()))

"""out=: the caller owns its targets. A target that is an input gives the plain result, whatever is resized or written first."""

import re
import warnings

import pytest

import flambeau as torch

VALUES = {
    "Tensor": lambda: torch.rand(4, 4, generator=torch.Generator().manual_seed(1)) + 0.5,
    "Tensor|Number": lambda: torch.rand(4, 4, generator=torch.Generator().manual_seed(2)) + 0.5,
    "Tensor[]": lambda: [
        torch.rand(4, 4, generator=torch.Generator().manual_seed(3)) + 0.5 for _ in range(2)
    ],
    "Number": lambda: 2,
    "int": lambda: 1,
    "int[]": lambda: [1],
    "float": lambda: 0.5,
    "bool": lambda: False,
}
# What the first guesses do not fit: by operator and parameter.
SPECIAL = {
    "index": lambda: torch.tensor([[0, 1, 2, 3], [3, 2, 1, 0], [1, 1, 2, 2], [0, 0, 3, 3]]),
    "mask": lambda: torch.eye(4, dtype=torch.bool),
    "condition": lambda: torch.eye(4, dtype=torch.bool),
    "vec": lambda: torch.arange(4.0),
    "vec1": lambda: torch.arange(4.0),
    "vec2": lambda: torch.arange(4.0),
    "tensor": lambda: torch.arange(4.0),
}
VECTORS = {"dot", "vdot", "outer", "ger", "addr", "inner"}
INTEGERS = {"bitwise", "gcd", "lcm", "logical"}


def parameters(schema):
    inside = schema[schema.index("(") + 1 : schema.rindex(") ->")]
    for part in re.split(r", (?![^\[]*\])", inside):
        match = re.fullmatch(r"(\S+) (\w+)(?:\.\.\.)?(=.*)?", part)
        if match:
            yield match[1], match[2], match[3] is not None


def arguments(name, schema):
    """The required arguments of a call, by name; None where this test knows no value."""
    values = {}
    for kind, parameter, optional in parameters(schema):
        if optional:
            continue
        make = SPECIAL.get(parameter) or VALUES.get(kind.rstrip("?"))
        if make is None:
            return None
        values[parameter] = make()
        if kind.startswith("Tensor") and kind != "Tensor[]":
            if name in VECTORS and values[parameter].dim() == 2 and (name, parameter) != ("addr", "self"):
                values[parameter] = values[parameter][0].clone()
            if name.split("_")[0] in INTEGERS or name in INTEGERS:
                values[parameter] = (values[parameter] * 4).long()
    return values


def operators():
    homes = (torch, torch.special, torch.linalg)
    for name, operator in (item for home in homes for item in sorted(vars(home).items())):
        for schema, takes_out in zip(
            getattr(operator, "schemas", []), getattr(operator, "takes_out", []), strict=False
        ):
            if takes_out and "options" not in schema and "Generator" not in schema:
                values = arguments(name, schema)
                if values:
                    yield name, operator, values


def test_a_target_that_is_an_input_gives_the_plain_result():
    reached, wrong = set(), []
    for name, operator, values in operators():
        try:
            expected = operator(**values)
        except (RuntimeError, TypeError, IndexError, ValueError):
            continue
        if not isinstance(expected, torch.Tensor):
            continue
        for parameter, value in values.items():
            copies = {
                key: [t.clone() for t in v] if isinstance(v, list) and isinstance(v[0], torch.Tensor)
                else v.clone() if isinstance(v, torch.Tensor) else v
                for key, v in values.items()
            }  # fmt: skip
            target = copies[parameter]
            if isinstance(value, list) and isinstance(value[0], torch.Tensor):
                target = target[1]
            if not isinstance(target, torch.Tensor):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    result = operator(**copies, out=target)
                except (RuntimeError, TypeError):  # a dtype that the result cannot be written to
                    assert target.dtype != expected.dtype, (name, parameter)
                    continue
            reached.add(name)
            same = result is target and torch.allclose(
                target.double(), expected.to(target.dtype).double(), equal_nan=True
            )
            if not same:
                wrong.append((name, parameter))
    assert not wrong
    assert len(reached) > 120, sorted(reached)


@pytest.mark.filterwarnings("ignore:An output with one or more")
def test_a_target_that_is_an_input_may_be_resized():
    empty = torch.empty(0)
    assert torch.equal(torch.cat([empty, torch.ones(200_000)], out=empty), torch.ones(200_000))
    row = torch.arange(3.0)
    assert torch.add(row, torch.ones(1000, 3), out=row).shape == (1000, 3)
    assert row[999].tolist() == [1.0, 2.0, 3.0]
    vector = torch.arange(1.0, 4.0)
    assert torch.dot(vector, vector, out=vector).item() == 14.0
    matrix = torch.arange(6.0).view(2, 3)
    assert torch.mv(matrix, matrix[0].clone(), out=matrix).tolist() == [5.0, 14.0]
    counts = torch.tensor([0, 3, 0, 5])
    assert torch.nonzero(counts, out=counts).tolist() == [[1], [3]]
    vector = torch.arange(1.0, 4.0)
    assert torch.outer(vector, vector, out=vector)[2].tolist() == [3.0, 6.0, 9.0]


@pytest.mark.filterwarnings("ignore:An output with one or more")
@pytest.mark.parametrize("name", ["sum", "mean", "prod", "std", "var", "amax", "amin", "logsumexp"])
def test_a_reduction_into_its_input(name):
    x = torch.rand(300, 5, generator=torch.Generator().manual_seed(0)) + 0.5
    expected = getattr(torch, name)(x, 0)
    assert torch.equal(getattr(torch, name)(x, 0, out=x), expected) and x.shape == (5,)


@pytest.mark.filterwarnings("ignore:An output with one or more")
def test_a_view_of_an_input_as_target():
    x = torch.arange(6.0).view(2, 3)
    torch.sum(x, 1, keepdim=True, out=x[:, 1:2])
    assert x.tolist() == [[0.0, 3.0, 2.0], [3.0, 12.0, 5.0]]
    values, indices = torch.tensor([[1.0, 5.0], [7.0, 3.0]]), torch.empty(0, dtype=torch.int64)
    result = torch.max(values, 1, out=(values, indices))
    assert result.values is values and values.tolist() == [5.0, 7.0] and indices.tolist() == [1, 0]


# Whether an operator takes a target of another dtype, and in which words it refuses: recorded from PyTorch 2.13.
@pytest.mark.parametrize(
    ("call", "dtype", "words"),
    [
        (lambda x, out: torch.abs(x, out=out), "float64", "Found dtype Double but expected Float"),
        (lambda x, out: torch.floor(x, out=out), "int64", "Found dtype Long but expected Float"),
        (lambda x, out: torch.clamp(x, 0, out=out), "float16", "Found dtype Half but expected Float"),
        (lambda x, out: torch.mm(x, x, out=out), "int64", "Expected out tensor to have dtype float, but got long int"),
        (lambda x, out: torch.addmm(x, x, x, out=out), "float64", "dtype float, but got double instead"),
        (lambda x, out: torch.gather(x, 0, x.long(), out=out), "uint16", "but got short unsigned int instead"),
        (lambda x, out: torch.sum(x, 0, dtype=torch.float64, out=out), "float32", "dtype double, but got float"),
        (lambda x, out: torch.any(x, out=out), "int64", "any only supports bool tensor for result, got: Long"),
        (lambda x, out: torch.all(x, out=out), "float32", "all only supports bool tensor for result, got: Float"),
        (lambda x, out: torch.exp(x, out=out), "int64", "result type Float can't be cast to the desired output type"),
        (lambda x, out: torch.amax(x, 0, out=out), "float64", "Expected the dtype for input and out to match"),
        (lambda x, out: torch.nonzero(x, out=out), "int32", "nonzero: Expected out tensor to have scalar type Long"),
        (lambda x, out: torch.signbit(x, out=out), "float32", "signbit does not support non-boolean outputs"),
        (lambda x, out: torch.logsumexp(x, 0, out=out), "bool", "result type Float can't be cast"),
    ],
)  # fmt: skip
def test_a_target_of_a_wrong_dtype_is_refused_unchanged(call, dtype, words):
    target = torch.ones(1, dtype=getattr(torch, dtype))
    with pytest.raises(RuntimeError, match=re.escape(words)):
        call(torch.zeros(2, 2), target)
    assert target.shape == (1,) and target.item() == 1


def test_both_targets_of_two_results_are_checked():
    x, values = torch.zeros(2, 2), torch.empty(0)
    with pytest.raises(RuntimeError, match="dtype long int, but got int instead"):
        torch.max(x, 0, out=(values, torch.empty(0, dtype=torch.int32)))
    with pytest.raises(RuntimeError, match="dtype float, but got double instead"):
        torch.max(x, 0, out=(values.double(), torch.empty(0, dtype=torch.int64)))


@pytest.mark.parametrize("dtype", ["float64", "int32", "bool", "uint8"])
@pytest.mark.parametrize("name", ["sum", "prod"])
def test_sums_and_products_are_computed_in_the_dtype_of_their_target(name, dtype):
    x = torch.tensor([[1.75, 2.5], [1.75, 0.5]])
    target = torch.empty(0, dtype=getattr(torch, dtype))
    assert torch.equal(
        getattr(torch, name)(x, 0, out=target), getattr(x.to(target.dtype), name)(0).to(target.dtype)
    )


def test_running_sums_take_integer_targets_and_halves_are_summed_in_float():
    out = torch.empty(0, dtype=torch.int64)
    assert torch.cumsum(torch.tensor([1.75, 1.75]), 0, out=out).tolist() == [1, 2]
    assert torch.cumprod(torch.tensor([2.5, 2.5]), 0, out=out.resize_(0)).tolist() == [2, 4]
    x = torch.full((4096,), 1.0, dtype=torch.float16)
    x[0] = 0.5
    assert torch.sum(x, 0, out=torch.empty(0)).item() == 4095.5


def test_a_magnitude_of_complex_numbers_goes_to_any_floating_target():
    x = torch.tensor([3 + 4j])
    assert torch.abs(x, out=torch.empty(0, dtype=torch.float64)).tolist() == [5.0]
    with pytest.raises(RuntimeError, match="result type Float can't be cast"):
        torch.abs(x, out=torch.empty(0, dtype=torch.int64))


@pytest.mark.parametrize(
    "call",
    [
        lambda out: torch.arange(0, 4, out=out),
        lambda out: torch.linspace(0, 3, 4, out=out),
        lambda out: torch.logspace(0, 3, 4, base=2, out=out).log2_(),
    ],
)
def test_a_sequence_is_written_within_a_view_of_its_size(call):
    x = torch.zeros(2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = call(x.narrow(1, 1, 2))
    assert x.tolist() == [[0, 0, 1], [0, 2, 3]] and result.shape == (2, 2)


def test_a_sequence_of_another_length_resizes_its_target():
    with pytest.warns(UserWarning, match=r"of shape \[2, 2\] is 4 which does not match .* elements 5"):
        assert torch.arange(5, out=torch.ones(2, 2)).shape == (5,)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.linspace(0, 1, 3, out=torch.ones(2, 2)).shape == (3,)

"""Arguments for every operator, made from its schema: what an operator accepts on the CPU is a sample of it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import flambeau as torch

# Arguments by name, for operators that ask for more than their types say.
_NAMED: dict[str, list[Any]] = {
    "size": [(2, 3), (2, 1, 2, 2, 2)],
    "sizes": [(2, 3)],
    "stride": [(1,), (3, 1), 1],
    "kernel_size": [(2,), (2, 2)],
    "output_size": [(2,), (2, 2), (2, 2, 2)],
    "grid": [torch.rand(2, 2, 2, 2)],
    "random_samples": [torch.rand(2, 3, 2), torch.rand(1, 2, 3)],
    "indices_or_sections": [1, (1,)],
    "ord": [2.0],
    "p": [0.5, 2.0, 2],
    "reduce": ["add"],
    "equation": ["ij->ji"],
    "indexing": ["ij"],
    "repeats": [(1, 2, 1), 2],
    "physical_layout": [(1, 0)],
    "unflattened_size": [(3, 1)],
    "split_size": [2],
    "mode": ["constant", "nearest"],
    "approximate": ["none"],
    "rounding_mode": ["floor"],
    "padding": [0, "valid"],
    "pad": [(1, 1)],
    "target": [torch.tensor([0, 2]), torch.rand(2, 3)],
    "dims": [(0, 1), (1, 0), 1],
    "shifts": [(1, 1), 1],
    "vec": [torch.rand(3)],
    "tensor": [torch.rand(3)],
    "vec1": [torch.rand(2)],
    "vec2": [torch.rand(3)],
    "mat2": [torch.rand(3, 2)],
    "mat1": [torch.rand(2, 3)],
    "batch1": [torch.rand(2, 2, 3)],
    "batch2": [torch.rand(2, 3, 2)],
    "mask": [torch.tensor([[True, False, True]])],
    "condition": [torch.tensor([[True, False, True]])],
    "index": [torch.tensor([0, 1]), torch.tensor([[0, 1, 1]])],
    "indices": [torch.tensor([0, 1]), [torch.tensor([0, 1])]],
    "dtype": [torch.float64],
    "device": [None],
    "memory_format": [torch.contiguous_format],
}


def _tensors() -> list[Any]:
    torch.manual_seed(0)
    square = torch.rand(3, 3)
    return [
        torch.rand(2, 3),
        torch.rand(3),
        square @ square.t() + torch.eye(3),
        torch.randint(1, 4, (2, 3)),
        torch.rand(2, 3) > 0.5,
        torch.rand(2, 3, 4, 4),
        torch.rand(2, 3, 4),
        torch.rand(()),
    ]


def _choices(kind: str, name: str, first: bool) -> list[Any]:
    if name in _NAMED and not (first and kind == "Tensor"):
        return _NAMED[name]
    kind = kind.rstrip("?")
    tensors = _tensors()
    return {
        "Tensor": tensors if first else tensors[:5],
        "Tensor|Number": tensors[:4] if first else [*tensors[:4], 2],
        "Number": [1, 0.5],
        "Tensor[]": [[tensors[0], tensors[0]], [tensors[1], tensors[1]]],
        "int": [1, 0, 2],
        "int[]": [(1,), (0, 1), (2, 3)],
        "float": [0.5],
        "bool": [False],
        "str": ["sum"],
        "dtype": [torch.float64],
        "device": [None],
    }.get(kind, [None])


def _recurrent(gates: int, step: bool = False) -> list[Any]:
    """Arguments of a recurrent network of one layer, or of a step of it, with so many gates."""
    sizes = (2, 3) if step else (5, 2, 3)
    state = torch.rand(2, 4) if step else torch.rand(1, 2, 4)
    weights = [torch.rand(4 * gates, 3), torch.rand(4 * gates, 4)]
    states = [state, state] if gates == 4 else state
    if step:
        return [torch.rand(sizes), states, *weights]
    return [torch.rand(sizes), states, weights, False, 1, 0.0, False, False, False]


# Operators whose arguments have to fit each other more closely than a choice by type would hit on.
_WHOLE: dict[str, list[Any]] = {
    "_nn.cdist_forward": [torch.rand(2, 3), torch.rand(4, 3), 2],
    "_nn.col2im": [torch.rand(2, 8, 6), (3, 4), 2],
    "_nn.embedding_bags": [torch.rand(5, 3), torch.tensor([[1, 4], [2, 0]])],
    "_nn.pad": [torch.rand(2, 3, 4), (1, 2), "circular"],
    "_nn.pad_edges": [torch.rand(2, 3, 4), (1, 2), "reflect"],
    "grid_sampler": [torch.rand(2, 3, 4, 4), torch.rand(2, 2, 2, 2), 0, 0, False],
    "grid_sampler_2d": [torch.rand(2, 3, 4, 4), torch.rand(2, 2, 2, 2), 2, 1, False],
    "grid_sampler_3d": [torch.rand(1, 2, 3, 4, 4), torch.rand(1, 2, 2, 2, 3), 0, 2, True],
    "conv1d": [torch.rand(1, 2, 6), torch.rand(3, 2, 2)],
    "conv2d": [torch.rand(1, 2, 5, 5), torch.rand(3, 2, 2, 2)],
    "conv3d": [torch.rand(1, 2, 4, 5, 5), torch.rand(3, 2, 2, 2, 2)],
    "conv_tbc": [torch.rand(6, 1, 2), torch.rand(2, 2, 3), torch.rand(3)],
    "conv_transpose1d": [torch.rand(1, 2, 6), torch.rand(2, 3, 2)],
    "conv_transpose2d": [torch.rand(1, 2, 5, 5), torch.rand(2, 3, 2, 2)],
    "conv_transpose3d": [torch.rand(1, 2, 3, 4, 4), torch.rand(2, 3, 2, 2, 2)],
    "convolution": [torch.rand(1, 2, 6), torch.rand(3, 2, 2), torch.rand(3), [1], [0], [1], False, [0], 1],
    "bmm": [torch.rand(2, 3, 2), torch.rand(2, 2, 3)],
    "addbmm_": [torch.rand(3, 3), torch.rand(2, 3, 2), torch.rand(2, 2, 3)],
    "addmm_": [torch.rand(3, 3), torch.rand(3, 2), torch.rand(2, 3)],
    "baddbmm_": [torch.rand(2, 3, 3), torch.rand(2, 3, 2), torch.rand(2, 2, 3)],
    "float_power_": [torch.rand(2, 3).double(), 2],
    "unfold": [torch.rand(4, 5), 1, 2, 1],
    "scatter_reduce": [torch.rand(3, 4), 0, torch.tensor([[0, 2]]), torch.rand(1, 2), "mean"],
    "index_reduce": [torch.rand(3, 4), 0, torch.tensor([0, 2]), torch.rand(2, 4), "prod"],
    "segment_reduce": [torch.rand(3, 4), "max"],
    "ctc_loss": [torch.rand(4, 2, 3).log(), torch.tensor([[1, 2], [1, 1]]), (4, 4), (2, 1)],
    "embedding_bag": [torch.rand(5, 3), torch.tensor([1, 4, 2]), torch.tensor([0, 2])],
    "native_group_norm": [torch.rand(2, 4, 3), None, None, 2, 4, 3, 2, 1e-5],
    "clamp": [torch.rand(2, 3), 0.2, 0.8],
    "clip": [torch.rand(2, 3), 0.2, 0.8],
    "bincount": [torch.tensor([0, 2, 2])],
    "chain_matmul": [torch.rand(2, 3), torch.rand(3, 2)],
    "combinations": [torch.rand(3)],
    "einsum": ["ij,jk->ik", torch.rand(2, 3), torch.rand(3, 2)],
    "fill_diagonal_": [torch.rand(3, 3), 5],
    "map_": [torch.rand(2), torch.rand(2), max],
    "map2_": [torch.rand(2), torch.rand(2), torch.rand(2), max],
    "frexp": [torch.rand(2, 3)],
    "gcd": [torch.tensor([4, 6]), torch.tensor([6, 9])],
    "histc": [torch.rand(5), 4, 0, 1],
    "histogramdd": [torch.rand(5, 2), [2, 3]],
    "quantile": [torch.rand(2, 3), 0.5, 1],
    "nanquantile": [torch.rand(2, 3), 0.5, 1],
    "_count_in_bins": [torch.rand(5, 1), [torch.tensor([0.0, 0.5, 1.0])]],
    "_unique_rows": [torch.rand(5, 2)],
    "imag": [torch.rand(2, 3) + 1j],
    "_linalg.ldl_solve": [torch.eye(3), torch.arange(1, 4).int(), torch.rand(3, 2)],
    "_linalg.lu_solve": [torch.eye(3), torch.arange(1, 4).int(), torch.rand(3, 2)],
    "lu_solve": [torch.rand(3, 2), torch.eye(3), torch.arange(1, 4).int()],
    "lu_unpack": [torch.rand(2, 3), torch.arange(1, 3).int()],
    "lcm": [torch.tensor([4, 6]), torch.tensor([6, 9])],
    "matrix_exp": [torch.rand(2, 3, 3)],
    "nonzero_static": [torch.rand(2, 3)],
    "searchsorted": [torch.arange(4.0), torch.rand(2, 3)],
    "select_copy": [torch.rand(2, 3), 1, 0],
    "select_scatter": [torch.rand(2, 3), torch.rand(2), 1, 0],
    "split_with_sizes_copy": [torch.rand(2, 3), (1, 2), 1],
    "unfold_copy": [torch.rand(4, 5), 1, 2, 1],
    "unravel_index": [torch.tensor([1, 5]), (2, 3)],
    "unsafe_split_with_sizes": [torch.rand(2, 3), (1, 2), 1],
    "view_as_complex": [torch.rand(3, 2)],
    "view_as_real": [torch.rand(2, 3) + 1j],
    "_nn.longest_first": [torch.tensor([2, 4, 1])],
    "lstm": _recurrent(4),
    "gru": _recurrent(3),
    "rnn_tanh": _recurrent(1),
    "rnn_relu": _recurrent(1),
    "lstm_cell": _recurrent(4, step=True),
    "gru_cell": _recurrent(3, step=True),
    "rnn_tanh_cell": _recurrent(1, step=True),
    "rnn_relu_cell": _recurrent(1, step=True),
    "linspace": [0, 1, 5],
    "logspace": [0, 1, 5],
    "select": [torch.rand(2, 3), 1, 0],
    "split_with_sizes": [torch.rand(2, 3), (1, 2), 1],
    "stft": [torch.rand(2, 20), 4, 2, 3, torch.rand(3), True, "reflect", False, True, True],
    "istft": [torch.rand(2, 3, 5) + 0j, 4, 2, 4, torch.ones(4)],
    "unflatten": [torch.rand(2, 6), 1, (2, 3)],
}

# Their keyword arguments, where they ask for any.
_KEYWORDS: dict[str, dict[str, Any]] = {
    "nonzero_static": {"size": 4},
    "segment_reduce": {"lengths": torch.tensor([1, 2])},
}

_WHOLE_KEYWORDS: dict[str, dict[str, Any]] = {"nonzero_static": {"size": 2}}

_SCHEMA = re.compile(r"^(\w+)\((.*)\) -> .*$")


@dataclass
class Sample:
    """One call of an operator that works on the CPU."""

    name: str
    function: Any
    args: list[Any]
    keywords: dict[str, Any]

    def call(self, change: Any = lambda value: value) -> Any:
        """Calls the operator with every argument that is (or holds) a tensor changed; a fresh copy of it each time."""

        def fresh(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                return change(value.clone())
            if isinstance(value, list):
                return [fresh(item) for item in value]
            return value

        torch.manual_seed(0)
        return self.function(*map(fresh, self.args), **{k: fresh(v) for k, v in self.keywords.items()})


def operators() -> dict[str, Any]:
    """Every exposed operator by its name: functions, and the methods that are no functions."""
    torch.ops.load_all()
    core = torch._core
    found: dict[str, Any] = {}
    for prefix, home in (
        ("", core),
        ("_nn.", core._nn),
        ("_special.", core._special),
        ("_linalg.", core._linalg),
    ):
        for name in dir(home):
            if hasattr(getattr(home, name), "schemas"):
                found[prefix + name] = getattr(home, name)
    for name in dir(torch.Tensor):
        attribute = getattr(torch.Tensor, name)
        if hasattr(attribute, "schemas") and name not in found:
            found["Tensor." + name] = attribute
    return found


def parameters(schema: str) -> list[tuple[str, str, bool, bool]]:
    """(type, name, is required, is keyword-only) of each parameter of a schema."""
    match = _SCHEMA.match(schema)
    assert match, schema
    text, found, keyword_only = match.group(2), [], False
    for part in re.split(r",\s*(?![^\[]*\])", text):
        part = part.strip()
        if not part or part == "options":
            continue
        if part == "*":
            keyword_only = True
            continue
        declaration, equals, _ = part.partition("=")
        kind, name = declaration.split()
        found.append((kind, name.rstrip("."), not equals, keyword_only))
    return found


def samples(name: str, function: Any, most: int = 3) -> Iterator[Sample]:
    """Up to `most` calls for each overload that the CPU takes."""
    short = name.rpartition(".")[2]
    if whole := _WHOLE.get(name, _WHOLE.get(short, _WHOLE.get(short.rstrip("_")))):
        yield Sample(name, function, whole, _KEYWORDS.get(short, {}))
    for schema in function.schemas:
        wanted = [p for p in parameters(schema) if p[2] or p[1] in ("kernel_size", "dim0", "dim1")]
        options = [_choices(kind, argument, k == 0) for k, (kind, argument, _, _) in enumerate(wanted)]
        found = 0
        for values in itertools.islice(itertools.product(*options), 400):
            args = [v for v, p in zip(values, wanted, strict=True) if not p[3]]
            keywords = {p[1]: v for v, p in zip(values, wanted, strict=True) if p[3]}
            sample = Sample(name, function, args, keywords)
            try:
                sample.call()
            except Exception:
                continue
            yield sample
            found += 1
            if found == most:
                break

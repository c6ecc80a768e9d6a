"""The examples in docstrings run as they stand."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import flambeau
from flambeau import _core

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(flambeau.__path__, "flambeau.")
    if not module.name.startswith(("flambeau._core", "flambeau.demo"))
)

HOMES = ("_nn", "_special", "_linalg", "_optim", "_fft", "_windows")


@pytest.mark.parametrize("name", ["flambeau", *MODULES])
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    failures, _ = doctest.testmod(
        module,
        extraglobs={"bool": bool, "float": float, "int": int},  # which are dtypes in flambeau itself
        optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE,
    )
    assert failures == 0


def operators():
    """Every public operator in both languages, by its name with its home."""
    found = {}
    for place in (flambeau, flambeau.Tensor, *(vars(_core)[n] for n in vars(_core) if n in HOMES)):
        for name in dir(place):
            if name.startswith("has_"):  # answers with a warning
                continue
            operator = getattr(place, name, None)
            if type(operator).__name__ in ("Function", "Method"):
                found[operator.full_name] = operator
    return found


OPERATORS = operators()


def test_every_operator_is_documented():
    assert len(OPERATORS) > 400
    bare = [
        name
        for name, operator in OPERATORS.items()
        if ">>> " not in operator.__doc__ and not name.startswith("_optim.")  # what optimizers call
    ]
    assert bare == []


@pytest.mark.parametrize("letter", sorted({name[0] for name in OPERATORS}))
def test_examples_of_operators(letter):
    parser = doctest.DocTestParser()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for name, operator in OPERATORS.items():
        if name.startswith(letter) and not (name.endswith("_") and name[:-1] in OPERATORS):
            runner.run(parser.get_doctest(operator.__doc__, {}, name, name, 0))
    assert runner.summarize().failed == 0

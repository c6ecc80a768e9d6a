"""The examples in docstrings run as they stand."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import flambeau
from flambeau import ops

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(flambeau.__path__, "flambeau.")
    if not module.name.startswith(("flambeau._core", "flambeau.demo"))
)


@pytest.mark.parametrize("name", ["flambeau", *MODULES])
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    failures, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert failures == 0


@pytest.mark.parametrize("family", sorted(path.stem for path in Path(ops.__path__[0]).glob("[a-z]*.py")))
def test_examples_of_python_operators(family):
    module = importlib.import_module(f"flambeau.ops.{family}")
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for name, operator in vars(module).items():
        for body in getattr(operator, "bodies", ()):
            if body is not None and body.__doc__:
                runner.run(parser.get_doctest(body.__doc__, {}, name, module.__file__, 0))
    assert runner.summarize().attempted > 0 and runner.summarize().failed == 0

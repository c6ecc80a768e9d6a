"""The examples in docstrings run as they stand."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import flambeau

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

"""Operators written in Python: bound, overridden, loaded, named and documented as those in C++."""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import flambeau as torch
from flambeau import _core, ops
from flambeau.ops import _operator
from flambeau.ops._describe import parameters

TOOLS = Path(__file__).parent.parent / "tools"


def fresh(code: str) -> str:
    """What a new process prints."""
    # Not in the checkout, whose package has no extension in it.
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    return done.stdout.strip()


def python_operators():
    ops.load_all()
    return _operator.registered


@pytest.fixture
def scratch_operators():
    """Makes operators for a test, and takes their names away afterwards."""
    names: list[str] = []
    before = len(_operator.registered)

    def make(schema, body, *forms, **keywords):
        names.append(schema.partition("(")[0])
        return _operator.operator(schema, *forms, **keywords)(body)

    yield make
    del _operator.registered[before:]
    for name in [*names, *(n + "_" for n in names)]:
        vars(_core).pop(name, None)
        if name in vars(torch.Tensor):
            delattr(torch.Tensor, name)


def test_the_index_is_fresh(tmp_path):
    subprocess.run([sys.executable, TOOLS / "make_index.py", "--check"], check=True, cwd=tmp_path)


def test_importing_the_package_loads_no_family():
    loaded = fresh("import sys, flambeau; print(*[m for m in sys.modules if m.startswith('flambeau.ops')])")
    assert set(loaded.split()) == {"flambeau.ops", "flambeau.ops._index"}


@pytest.mark.parametrize(
    "use",
    [
        "flambeau.cov(x)",
        "x.cov()",
        "flambeau.Tensor.cov(x)",
        "flambeau._core.cov(x)",
        "type('S', (type(x),), {}).cov(x)",
    ],
)
def test_a_first_use_loads_the_operator(use):
    assert fresh(f"import flambeau; x = flambeau.ones(2, 3); print({use}.shape)") == "torch.Size([2, 2])"


def test_names_are_listed_before_they_are_loaded():
    code = "import flambeau as t; print('cov' in dir(t), 'cov' in dir(t.Tensor), hasattr(t, 'no_such'))"
    assert fresh(code) == "True True False"


def test_bodies_have_the_parameters_of_their_schemas():
    python_operators()
    for family, schema, forms in _operator.registered:
        name = schema.partition("(")[0]
        home = next((h for h in ops.HOMES if forms & getattr(_operator, h[1:])), None)
        place = vars(_core)[home] if home else _core if forms & _operator.function else torch.Tensor
        operator = vars(place)[name]
        for text, body in zip(operator.schemas, operator.bodies, strict=True):
            wanted = parameters(text, False)
            have = list(inspect.signature(body).parameters.values())
            keywords = [p for p in have if p.kind is inspect.Parameter.VAR_KEYWORD]
            have = [p for p in have if p.kind is not inspect.Parameter.VAR_KEYWORD]

            def by_position(found):
                return [p for p in found if p.kind is not inspect.Parameter.KEYWORD_ONLY]

            assert len(by_position(have)) == len(by_position(wanted)), (family, text)
            by_name = {p.name for p in wanted if p.kind is inspect.Parameter.KEYWORD_ONLY}
            named = {p.name for p in have if p.kind is inspect.Parameter.KEYWORD_ONLY}
            assert named <= by_name and (keywords or named == by_name), (family, text)


def test_arguments_arrive_as_the_schema_types_them(scratch_operators):
    seen = []

    def body(self, sizes, scale, *, dtype, generator, flag):
        seen.extend([self, sizes, scale, dtype, generator, flag])
        return self

    op = scratch_operators(
        "scratch_arguments(Tensor self, int[] sizes, float scale=2, *, dtype? dtype=None, Generator? generator=None, object flag=None)"
        " -> Tensor",
        body,
        _operator.function,
    )
    x, generator = torch.ones(2), torch.Generator()
    op(x, 3, dtype=torch.float64, generator=generator, flag="anything")
    assert seen[0] is x and seen[1] == (3,) and seen[2] == 2.0 and isinstance(seen[2], float)
    assert seen[3] is torch.float64 and seen[4] is generator and seen[5] == "anything"


def test_what_the_binder_refuses_is_a_type_error_with_the_reason():
    with pytest.raises(TypeError, match="cov\\(\\): argument 'correction' must be int, not str"):
        torch.cov(torch.ones(2), correction="1")
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        torch.cov()
    with pytest.raises(TypeError, match="unexpected keyword argument 'rowvar'"):
        torch.ones(2).cov(rowvar=True)


def test_an_error_of_the_body_reaches_the_caller(scratch_operators):
    def body(self):
        raise LookupError("from the body")

    with pytest.raises(LookupError, match="from the body"):
        scratch_operators("scratch_error(Tensor self) -> Tensor", body, _operator.function)(torch.ones(1))


def test_the_in_place_form_keeps_identity_and_history(scratch_operators):
    scratch_operators(
        "scratch_square(Tensor self) -> Tensor",
        lambda self: self * self,
        _operator.function,
        _operator.method,
        _operator.inplace,
    )
    leaf = torch.tensor([3.0], requires_grad=True)
    x = leaf * 1
    assert x.scratch_square_() is x and x.item() == 9
    x.backward()
    assert leaf.grad.item() == 6


def test_the_in_place_form_cannot_grow_its_tensor(scratch_operators):
    scratch_operators(
        "scratch_grow(Tensor self) -> Tensor",
        lambda self: torch.stack([self, self]),
        _operator.method,
        _operator.inplace,
    )
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        torch.ones(2).scratch_grow_()


def test_out_is_written_resized_and_checked(scratch_operators):
    op = scratch_operators(
        "scratch_flip(Tensor self) -> Tensor",
        lambda self: self.flip(0) * 1.5,
        _operator.function,
        _operator.out,
    )
    x = torch.tensor([1.0, 2.0])
    assert op(x, out=x) is x and x.tolist() == [3.0, 1.5]
    with pytest.raises(RuntimeError, match="can't be cast"):
        op(x, out=torch.empty(2, dtype=torch.int64))
    with pytest.raises(RuntimeError, match="don't support automatic differentiation"):
        op(torch.ones(2, requires_grad=True), out=torch.empty(2))


def test_several_results_are_a_named_tuple_and_take_several_out(scratch_operators):
    op = scratch_operators(
        "scratch_two(Tensor self) -> (Tensor, Tensor)",
        lambda self: (self + 1, self + 2),
        _operator.function,
        _operator.out,
        result="scratch_two first second",
    )
    result = op(torch.zeros(1))
    assert result.first.item() == 1 and result.second.item() == 2
    a, b = torch.empty(1), torch.empty(1)
    assert op(torch.zeros(1), out=(a, b)).second is b and (a.item(), b.item()) == (1, 2)


def test_overloads_are_tried_in_order(scratch_operators):
    scratch_operators(
        "scratch_overloads(Tensor self, int n) -> Tensor", lambda self, n: self + n, _operator.function
    )
    op = scratch_operators(
        "scratch_overloads(Tensor self, str s) -> Tensor", lambda self, s: self * len(s), _operator.function
    )
    assert op(torch.ones(1), 4).item() == 5 and op(torch.ones(1), "abc").item() == 3
    with pytest.raises(TypeError, match="received an invalid combination"):
        op(torch.ones(1), 1.5)


def test_a_name_that_is_there_in_cpp_is_refused():
    with pytest.raises(RuntimeError, match="one operator, one place"):
        _core._register_operator(
            "add(Tensor self, int no_such) -> Tensor", _operator.function, lambda self, n: self
        )


def test_torch_function_takes_the_call_over():
    calls = []

    class Subclass(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            calls.append(func)
            return super().__torch_function__(func, types, args, kwargs or {})

    x = torch.ones(2, 3).as_subclass(Subclass)
    assert isinstance(torch.cov(x), Subclass) and isinstance(x.cov(), Subclass)
    assert calls[0] is torch.cov and torch.Tensor.cov in calls


@pytest.mark.parametrize("path", ["cov", "Tensor.cov", "add", "Tensor.add", "Tensor.add_"])
def test_operators_are_pickled_and_copied_by_name(path):
    operator = torch
    for name in path.split("."):
        operator = getattr(operator, name)
    assert pickle.loads(pickle.dumps(operator)) is operator
    assert copy.deepcopy(operator) is operator
    assert operator.__qualname__ == path


def test_signatures_come_from_the_schemas():
    assert str(inspect.signature(torch.cov)) == "(self, *, correction=1, fweights=None, aweights=None)"
    assert str(inspect.signature(torch.block_diag)) == "(*tensors)"
    assert str(inspect.signature(torch.add)) == "(self, other, *, alpha=1, out=None)"


def test_loading_a_family_again_replaces_its_operators():
    import importlib

    family = importlib.import_module("flambeau.ops.statistics")
    before = torch.cov.schemas
    count = len(_operator.registered)
    importlib.reload(family)
    del _operator.registered[count:]
    assert torch.cov.schemas == before


def test_methods_that_are_no_operators_reach_torch_function():
    seen = []

    class Noting(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            seen.append((func.__name__, len(args), kwargs))
            return super().__torch_function__(func, types, args, kwargs or {})

    x = torch.ones(2, 3).as_subclass(Noting)
    assert x.numel() == 6 and x.size(1) == 3 and x.size(dim=0) == 2 and x.dim() == 2 and x.is_contiguous()
    assert seen == [
        ("numel", 1, {}), ("size", 2, {}), ("size", 1, {"dim": 0}), ("dim", 1, {}), ("is_contiguous", 1, {}),
    ]  # fmt: skip
    with torch._C.DisableTorchFunction():
        x.numel()
    torch.ones(2).as_subclass(type("Plain", (torch.Tensor,), {})).numel()
    assert len(seen) == 5


def test_states_of_old_pickles_are_taken_over():
    x = torch.empty(0)
    x.__setstate__((torch.arange(6.0).untyped_storage(), 1, (2, 2), (2, 1)))
    assert x.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    x.__setstate__((True, False, None))
    assert x.requires_grad
    x = torch.empty(0)
    x.__setstate__((torch.ones(2), False, None, True, None))
    assert x.tolist() == [1.0, 1.0] and x.requires_grad
    with pytest.raises(RuntimeError, match="__setstate__ can be only called on leaf Tensors"):
        (x * 2).__setstate__(())


def test_a_class_that_rests_on_torch_dispatch_is_refused():
    def dispatch(cls, func, types, args=(), kwargs=None):
        return None

    resting = type("Resting", (torch.Tensor,), {"__torch_dispatch__": classmethod(dispatch)})
    with pytest.raises(NotImplementedError, match="Resting.__torch_dispatch__ would never be called"):
        torch.ones(2).as_subclass(resting)
    with pytest.raises(NotImplementedError, match="_make_wrapper_subclass is not implemented"):
        torch.Tensor._make_wrapper_subclass(resting, (2,))
    switched_off = {"__torch_dispatch__": torch._C._disabled_torch_dispatch_impl}
    assert torch.ones(2).as_subclass(type("Off", (torch.Tensor,), switched_off)).sum() == 2

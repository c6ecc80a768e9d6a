"""Programs that are saved with their weights: tracing, scripting, loading."""

from __future__ import annotations

import copy
import io
import math
import subprocess
import sys
import warnings

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.jit._language import UnsafeProgram
from flambeau.nn import functional as F

OFFSET = 0.25


def helper(x, power: int = 2):
    return torch.relu(x) ** power + OFFSET * math.pi


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.out = nn.Sequential(nn.Linear(4 * 4 * 4, 10), nn.GELU(), nn.Dropout(0.1))
        self.scale = nn.Parameter(torch.rand(10))
        self.width = 3

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        x = self.out(x.view(x.size(0), -1)) * (self.scale * 2) + torch.arange(10)
        return F.softmax(x, dim=-1), x[:, : self.width].T


class Controlled(nn.Module):
    """Loops and branches, methods, functions, constants and containers."""

    limit = 2

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(3, 3) for _ in range(2)])
        self.activation = F.relu
        self._half = 0.5
        self.names = ["a", "b"]
        self.register_buffer("seen", torch.zeros(1), persistent=False)

    def forward(self, x: torch.Tensor, flag: bool = True):
        """Not saved: documentation."""
        for i, layer in enumerate(self.layers):
            x = self.activation(layer(x)) * (i + 1)
        if float(x.sum()) > 0 and flag:
            x = self.more(x, self.limit)
        else:
            x = -x
        out = []
        n: int = 0
        while n < self.limit:
            out.append(x[n] * self._half)
            n += 1
        return torch.stack(out), {name: helper(x, power=i) for i, name in enumerate(self.names)}

    def more(me, x, n):  # noqa: N805
        x = torch.stack([t for t in x.unbind(0)])
        return me.low(x) + n

    @staticmethod
    def low(x):
        return x.clamp(max=1.0)

    @torch.jit.export
    def first(self, x):
        return self.layers[0](x)


def again(module):
    file = io.BytesIO()
    torch.jit.save(module, file)
    file.seek(0)
    return torch.jit.load(file)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


# ---- trace


def test_a_trace_follows_the_sizes_of_its_inputs():
    module = Convolutional().eval()
    traced = torch.jit.trace(module, torch.rand(2, 1, 8, 8))
    x = torch.rand(5, 1, 8, 8)
    assert same(traced(x), module(x))
    assert "max_pool2d.size(0)" in traced.code


def test_a_trace_shares_the_tensors_and_their_names():
    module = Convolutional().eval()
    traced = torch.jit.trace(module, torch.rand(2, 1, 8, 8))
    assert list(traced.state_dict()) == list(module.state_dict())
    assert traced.conv.weight is module.conv.weight
    traced(torch.rand(2, 1, 8, 8))[0][0, 0].backward()
    assert module.conv.weight.grad is not None
    assert isinstance(module.scale, nn.Parameter)


def test_tensors_made_from_traced_sizes_follow_them():
    def f(x):
        n, width = x.shape
        mask = torch.ones(n, n).tril()
        return (
            torch.arange(n * 2),
            torch.zeros((width, n)) + x.sum(),
            mask @ x,
            x.new_zeros(n + 1),
            x.repeat(n, 1),
        )

    traced = torch.jit.trace(f, torch.rand(2, 3))
    x = torch.rand(5, 4)
    assert same(traced(x), f(x))


def test_writes_in_place_and_views_are_traced():
    def f(x, y):
        z = x.clone()
        z[:, 0] = y
        z.view(-1).mul_(2)
        z[0].add_(y.sum())
        return z, z.sum(0, keepdim=True).expand(x.shape[0], -1)

    traced = torch.jit.trace(f, (torch.rand(2, 3), torch.rand(2)))
    x, y = torch.rand(4, 3), torch.rand(4)
    assert same(traced(x, y), f(x, y))


def test_structures_go_in_and_out():
    def f(pair, table):
        return pair[0] + table["a"], (pair[1] * 2, pair[0])

    traced = torch.jit.trace(f, ((torch.ones(2), torch.ones(2)), {"a": torch.ones(2)}))
    first, (second, third) = traced((torch.zeros(2), torch.full((2,), 3.0)), {"a": torch.ones(2)})
    assert (first.tolist(), second.tolist(), third.tolist()) == ([1.0, 1.0], [6.0, 6.0], [0.0, 0.0])


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (lambda x: x if x.sum() > 0 else -x, "boolean"),
        (lambda x: x * float(x[0]), "float"),
        (lambda x: x[: int(x[0])], "integer"),
        (lambda x: x * x[0].item(), "number"),
    ],
)
def test_values_in_a_trace_are_warned_of(f, what):
    with pytest.warns(torch.jit.TracerWarning, match=f"Converting a tensor to a Python {what}"):
        torch.jit.trace(f, torch.ones(2), check_trace=False)


def test_a_trace_that_computes_something_else_is_warned_of():
    calls = []

    def f(x):
        calls.append(0)
        return x + len(calls)

    with pytest.warns(torch.jit.TracerWarning, match="Output nr 1. of the traced function does not match"):
        torch.jit.trace(f, torch.ones(2))


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: {"a": x}, "Encountering a dict at the output"),
        (lambda x: (x, 3), "Only tensors, lists, tuples of tensors"),
    ],
)
def test_what_a_trace_cannot_return(f, message):
    with pytest.raises(RuntimeError, match=message):
        torch.jit.trace(f, torch.ones(2))


def test_a_dictionary_may_be_returned_where_it_is_asked_for():
    traced = torch.jit.trace(lambda x: {"a": x + 1}, torch.ones(2), strict=False)
    assert traced(torch.zeros(1))["a"].item() == 1.0


def test_several_methods_are_traced():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(2))

        def forward(self, x):
            return x * self.weight

        def other(self, x, y):
            return x + y * self.weight

    traced = torch.jit.trace_module(
        Two(), {"forward": torch.ones(2), "other": (torch.ones(2), torch.ones(2))}
    )
    assert traced.other(torch.ones(2), torch.ones(2)).tolist() == [2.0, 2.0]
    loaded = again(traced)
    assert loaded.other(torch.ones(2), torch.ones(2)).tolist() == [2.0, 2.0]
    with pytest.raises(AttributeError, match="pairs"):
        torch.jit.trace_module(Two(), torch.ones(2))


def test_arguments_by_name():
    traced = torch.jit.trace(
        lambda a, b: a - b, example_kwarg_inputs={"a": torch.ones(1), "b": torch.zeros(1)}
    )
    assert traced(a=torch.ones(1), b=torch.ones(1)).item() == 0.0


def test_a_recurrent_cell_is_traced():
    cell = nn.GRUCell(2, 3)
    traced = torch.jit.trace(cell, (torch.rand(1, 2), torch.rand(1, 3)))
    x, h = torch.rand(4, 2), torch.rand(4, 3)
    assert torch.allclose(traced(x, h), cell(x, h))


def test_is_tracing_inside_a_trace():
    asked = []

    def f(x):
        asked.append(torch.jit.is_tracing())
        return x + 1

    torch.jit.trace(f, torch.ones(1), check_trace=False)
    assert asked == [True]
    assert not torch.jit.is_tracing()


def test_copies_of_traces():
    traced = torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2))
    twin = copy.deepcopy(traced)
    with torch.no_grad():
        twin.weight.zero_()
        twin.bias.zero_()
    assert twin(torch.ones(1, 2)).tolist() == [[0.0, 0.0]]
    assert traced(torch.ones(1, 2)).abs().sum() > 0


# ---- script


def test_a_scripted_module_runs_as_the_module():
    module = Controlled()
    scripted = torch.jit.script(module)
    x = torch.rand(4, 3)
    assert torch.equal(scripted(x)[0], module(x)[0])
    assert scripted.layers[0].weight is module.layers[0].weight
    assert torch.equal(scripted.first(x), module.first(x))
    assert scripted.original_name == "Controlled"
    assert "Not saved" not in scripted.code
    scripted.eval()
    assert not module.training


def test_a_saved_program_computes_the_same():
    module = Controlled()
    loaded = again(torch.jit.script(module))
    x = torch.rand(4, 3)
    for flag in (True, False):
        (a, table), (b, wanted) = loaded(x, flag=flag), module(x, flag)
        assert torch.equal(a, b)
        assert all(torch.equal(table[name], wanted[name]) for name in ("a", "b"))
    assert torch.equal(loaded.first(x), module.first(x))
    assert list(loaded.state_dict()) == list(module.state_dict())
    assert type(loaded).__name__ == "Controlled"


def test_a_loaded_program_trains():
    loaded = again(torch.jit.script(nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))))
    optimizer = torch.optim.SGD(loaded.parameters(), lr=0.1)
    x, y = torch.rand(8, 2), torch.rand(8, 1)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = F.mse_loss(loaded(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_a_loaded_program_is_saved_again():
    loaded = again(torch.jit.script(Controlled()))
    x = torch.rand(4, 3)
    assert torch.equal(again(loaded)(x)[0], loaded(x)[0])


def test_loading_needs_no_class_of_the_program(tmp_path):
    torch.jit.script(Controlled()).save(tmp_path / "c.pt")
    torch.jit.trace(Convolutional().eval(), torch.rand(1, 1, 8, 8)).save(str(tmp_path / "t.pt"))
    program = (
        "import sys, flambeau as torch\n"
        f"m = torch.jit.load({str(tmp_path / 'c.pt')!r}); print(m(torch.ones(2, 3))[0].shape)\n"
        f"m = torch.jit.load({str(tmp_path / 't.pt')!r}); print(m(torch.ones(3, 1, 8, 8))[1].shape)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert out.stdout.split("\n")[:2] == ["torch.Size([2, 3])", "torch.Size([3, 3])"]


def test_functions_are_scripted_traced_saved():
    @torch.jit.script
    def f(x: torch.Tensor, low: float = 0.5):
        total = x
        for i in range(3):
            if float(total.sum()) > low:
                total = total - i
        return helper(total)

    x = torch.rand(3)
    assert torch.equal(again(f)(x), f(x))
    assert "helper(total)" in f.code
    traced = torch.jit.trace(lambda x: x * 2 + 1, x)
    assert torch.equal(again(traced)(x), x * 2 + 1)


def test_extra_files_go_with_a_program():
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(nn.ReLU()), file, _extra_files={"note": "hello"})
    file.seek(0)
    wanted = {"note": ""}
    torch.jit.load(file, _extra_files=wanted)
    assert wanted["note"] == b"hello"


def test_modes_and_types_of_a_loaded_program():
    loaded = again(torch.jit.script(nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2))).eval())
    assert not loaded.training
    assert torch.equal(loaded(torch.ones(1, 2)), loaded(torch.ones(1, 2)))
    assert loaded.double()(torch.ones(1, 2, dtype=torch.float64)).dtype == torch.float64


def test_freezing():
    scripted = torch.jit.script(nn.Linear(2, 2))
    with pytest.raises(RuntimeError, match="only implemented for modules in eval mode"):
        torch.jit.freeze(scripted)
    frozen = torch.jit.freeze(scripted.eval())
    assert not any(p.requires_grad for p in frozen.parameters())
    assert scripted.weight.requires_grad
    with pytest.raises(RuntimeError, match="Freezing expects a ScriptModule"):
        torch.jit.freeze(nn.Linear(1, 1))


def test_forks_are_futures():
    future = torch.jit.fork(torch.add, torch.ones(1), 1)
    assert torch.jit.wait(future).item() == 2.0


def test_module_classes_written_by_hand():
    class Old(torch.jit.ScriptModule):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)

        @torch.jit.script_method
        def forward(self, x):
            return self.linear(x)

    assert Old()(torch.ones(1, 2)).shape == (1, 2)
    assert isinstance(torch.jit.script(nn.ReLU()), torch.jit.ScriptModule)


# ---- what cannot be saved, and what is not loaded


def test_what_cannot_be_saved_is_named():
    import json

    class Reads(nn.Module):
        def forward(self, x):
            return x + len(json.dumps({}))

    with pytest.raises(
        torch.jit.NotSupportedError, match="the name 'json' in .*forward stands for <module 'json'"
    ):
        again(torch.jit.script(Reads()))

    class Calls(nn.Linear):
        def forward(self, x):
            return super().forward(x)

    with pytest.raises(torch.jit.NotSupportedError, match="super"):
        again(torch.jit.script(Calls(1, 1)))
    with pytest.raises(TypeError, match="torch.jit.save takes a scripted or traced module"):
        torch.jit.save(nn.Linear(1, 1), io.BytesIO())
    with pytest.raises(RuntimeError, match="takes a module, a function or a class, not int"):
        torch.jit.script(3)


def record(source, attributes=None, names=None):
    """A program as a file has it."""
    return {
        "format": "flambeau program",
        "version": 1,
        "extra": {},
        "functions": [
            {
                "name": "forward",
                "source": source,
                "globals": names or {},
                "defaults": [],
                "keyword_defaults": {},
            }
        ],
        "root": {
            "name": "M",
            "training": True,
            "parameters": {},
            "buffers": {},
            "not_saved": [],
            "children": {},
            "methods": {"forward": 0},
            "attributes": attributes or {},
        },
    }


def written(program):
    file = io.BytesIO()
    torch.save(program, file)
    file.seek(0)
    return file


def test_a_plain_program_loads():
    loaded = torch.jit.load(written(record("def forward(self, x):\n    return torch.relu(x) + math.pi")))
    assert loaded(torch.zeros(1)).item() == pytest.approx(math.pi)


@pytest.mark.parametrize(
    "body",
    [
        "import os",
        "x.__class__.__mro__",
        "().__class__.__base__.__subclasses__()",
        "self.__dict__",
        "open('x', 'w')",
        "eval('1')",
        "exec('1')",
        "__import__('os').system('true')",
        "getattr(x, '__class__')",
        "globals()",
        "'{0.__class__}'.format(x)",
        "x.numpy().tofile('x')",
        "x.untyped_storage()",
        "x.register_hook(print)",
        "x.apply_(print)",
        "torch.save(x, 'x')",
        "torch.load('x')",
        "torch.from_file('x')",
        "torch.hub.load('x', 'y')",
        "torch.relu.bodies[0].x",
        "torch.Tensor.mro()",
        "torch.nn.functional.operator('from_file')",
        "torch.utils.data",
        "torch._core",
        "math.__loader__",
        "(lambda torch: torch.save(x, 'x'))(x)",
        "[torch for torch in (x,)][0].numpy()",
        "self.register_forward_hook(print)",
        "(x for _ in ()).gi_frame.f_globals",
        "type(x)",
        "vars(x)",
        "breakpoint()",
        "input()",
        "class_ = 1; class A: pass",
        "async_ = await x",
    ],
)  # fmt: skip
def test_a_saved_program_reaches_nothing(body, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = "def forward(self, x):\n    return " + body if "import os" != body and ";" not in body else f"def forward(self, x):\n    {body}"  # fmt: skip
    with pytest.raises((UnsafeProgram, NameError, RuntimeError)):
        torch.jit.load(written(record(source)))(torch.ones(1))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["numpy", "register_forward_hook", "__class__", "_parameters", "state_dict"])
def test_a_saved_module_gives_no_other_meaning_to_known_names(name):
    program = record(f"def forward(self, x):\n    return x.{name}", attributes={name: {"value": 1}})
    with pytest.raises(RuntimeError):
        torch.jit.load(written(program))(torch.ones(1))


def test_names_of_a_saved_program_cannot_be_redirected():
    for path in ("torch.save", "builtins.eval", "builtins.open", "os.system", "core._set_blas_library", "operator.attrgetter"):  # fmt: skip
        program = record("def forward(self, x):\n    return f(x)", names={"f": {"path": path}})
        with pytest.raises((UnsafeProgram, AttributeError)):
            torch.jit.load(written(program))


def test_what_is_no_program_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="holds no program"):
        torch.jit.load(written({"a": torch.ones(1)}))
    with pytest.raises(ValueError, match="does not exist"):
        torch.jit.load(str(tmp_path / "none.pt"))
    program = record("def forward(self, x):\n    return x")
    program["version"] = 2
    with pytest.raises(RuntimeError, match="version"):
        torch.jit.load(written(program))


@pytest.mark.parametrize(
    "damage",
    [
        lambda r: r.pop("functions"),
        lambda r: r["functions"].clear(),
        lambda r: r["root"].pop("children"),
        lambda r: r["root"].update(methods={"forward": "x"}),
        lambda r: r["root"].update(parameters={"w": 3}),
        lambda r: r["root"].update(buffers={"a.b": torch.ones(1)}),
        lambda r: r["functions"][0].update(source=3),
        lambda r: r["functions"][0].update(globals={"f": {}}),
        lambda r: r["functions"][0].update(globals={"f": {"function": 7}}),
        lambda r: r.update(root=[]),
    ],
)
def test_a_damaged_program_is_refused(damage):
    program = record("def forward(self, x):\n    return x")
    damage(program)
    with pytest.raises(RuntimeError):
        torch.jit.load(written(program))


def test_hooks_are_not_lost_in_silence():
    module = nn.ReLU()
    module.register_forward_hook(lambda *_: None)
    with pytest.raises(torch.jit.NotSupportedError, match="ReLU has forward hooks"):
        torch.jit.save(torch.jit.script(module), io.BytesIO())


# ---- compile


@pytest.fixture
def said():
    torch._compile.say_once.cache_clear()
    yield
    torch._compile.say_once.cache_clear()


def test_a_compiled_function_behaves_the_same_and_says_so_once(said):
    with pytest.warns(UserWarning, match="runs eagerly"):
        compiled = torch.compile(helper)
    x = torch.rand(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(compiled(x), helper(x))
        assert torch.compile(helper, mode="max-autotune", fullgraph=True, dynamic=True).__name__ == "helper"


def test_a_compiled_module_is_a_module_around_the_module(said):
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    with pytest.warns(UserWarning, match="runs eagerly"):
        compiled = torch.compile(module)
    assert isinstance(compiled, torch._dynamo.OptimizedModule)
    assert list(compiled.state_dict()) == ["_orig_mod.0.weight", "_orig_mod.0.bias"]
    compiled.eval()
    assert not module[1].training
    compiled.note = 3
    assert module.note == 3
    x = torch.rand(1, 2)
    assert torch.equal(compiled(x), module(x))
    assert type(copy.deepcopy(compiled)) is torch._dynamo.OptimizedModule


def test_compile_as_a_decorator(said):
    with pytest.warns(UserWarning, match="runs eagerly"):

        @torch.compile(backend="inductor")
        def f(x):
            return x * 2

    assert f(torch.ones(1)).item() == 2.0


def test_a_compiler_of_the_users_gets_graphs():
    seen = []

    def backend(graph, examples):
        seen.append((len(graph.graph.nodes), [tuple(x.shape) for x in examples]))
        return graph.forward

    compiled = torch.compile(lambda x, y: torch.relu(x) + y, backend=backend)
    assert compiled(torch.ones(2), torch.ones(2)).tolist() == [2.0, 2.0]
    compiled(torch.ones(2), torch.ones(2))
    compiled(torch.ones(3), torch.ones(3))
    assert seen == [(5, [(2,), (2,)]), (5, [(3,), (3,)])]


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"backend": "foo"}, RuntimeError, "Invalid backend: 'foo'"),
        ({"mode": "foo"}, RuntimeError, "Unrecognized mode=foo"),
        ({"mode": "default", "options": {}}, RuntimeError, "both can't be specified"),
    ],
)
def test_compile_refuses(kwargs, error, message):
    with pytest.raises(error, match=message):
        torch.compile(helper, **kwargs)
    with pytest.raises(AssertionError, match="A callable function is expected"):
        torch.compile(3)
    assert torch.compile(helper, disable=True) is helper

"""Kinds of calls of the public API, each with arguments drawn from a seed.

A kind is a function of the random numbers, the live tensors and `note`, which it tells about every call before making it.
"""

from __future__ import annotations

import copy
import io
import random
import warnings
from collections.abc import Callable
from typing import Any

from hostile_values import DTYPES, NUMBERS, SIZES, Meddling, make_shape, make_tensor, make_value

import flambeau as torch
from flambeau import nn
from flambeau import ops as _python_operators

Note = Callable[..., None]
Call = Callable[[random.Random, list[Any], Note], None]

_python_operators.load_all()


def _operators() -> list[tuple[str, Callable[..., Any]]]:
    found: list[tuple[str, Callable[..., Any]]] = []
    core = torch._core
    for prefix, home in (
        ("", core),
        ("_nn.", core._nn),
        ("_special.", core._special),
        ("_linalg.", core._linalg),
        ("_fft.", getattr(core, "_fft", None)),
    ):
        for name in sorted(vars(home)) if home is not None else []:
            value = getattr(home, name, None)
            if hasattr(value, "schemas"):
                found.append((prefix + name, value))
    for name in dir(torch.Tensor):
        if hasattr(getattr(torch.Tensor, name, None), "schemas"):
            found.append(("Tensor." + name, getattr(torch.Tensor, name)))
    return found


def _named(home: Any, wanted: Callable[[Any], bool]) -> list[tuple[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that are deprecated
        values = [(name, getattr(home, name, None)) for name in sorted(dir(home)) if not name.startswith("_")]
    return [(name, value) for name, value in values if wanted(value)]


OPERATORS = _operators()
IN_PLACE = [
    (name, f)
    for name, f in OPERATORS
    if name.startswith("Tensor.") and name.endswith("_") and name[-2] != "_"
]
FUNCTIONS = [
    (name, getattr(torch, name))
    for name in (
        "tensor",
        "as_tensor",
        "asarray",
        "frombuffer",
        "Size",
        "device",
        "Tensor",
        "finfo",
        "iinfo",
        "result_type",
        "promote_types",
        "can_cast",
        "broadcast_shapes",
        "unravel_index",
        "bilinear",
        "from_dlpack",
        "set_rng_state",
        "UntypedStorage",
        "TypedStorage",
    )
] + _named(torch, lambda v: isinstance(v, type) and v.__name__.endswith("Tensor"))
_METHODS = [
    "tolist",
    "item",
    "size",
    "stride",
    "numpy",
    "backward",
    "requires_grad_",
    "retain_grad",
    "register_hook",
    "new_tensor",
    "new",
    "type",
    "apply_",
    "__repr__",
    "__deepcopy__",
    "__reduce_ex__",
    "__contains__",
    "__iter__",
    "__array__",
    "is_set_to",
    "storage",
]
_NN_FUNCTIONS = _named(
    nn.functional, lambda v: callable(v) and not isinstance(v, type) and v.__module__ != "typing"
)
_MODULES = _named(nn, lambda v: isinstance(v, type) and issubclass(v, nn.Module))
_OPTIMIZERS = _named(torch.optim, lambda v: isinstance(v, type) and issubclass(v, torch.optim.Optimizer))


def _keep(pick: random.Random, tensors: list[Any], result: Any) -> None:
    if isinstance(result, torch.Tensor) and result.numel() < 1000:
        tensors[pick.randrange(len(tensors))] = result


def window_of(pick: random.Random, t: Any) -> Any:
    """Another window on a tensor's memory, which may overlap the first, or itself."""
    ways: list[Callable[[], Any]] = [
        lambda: t,
        lambda: t.data,
        lambda: t.detach(),
        lambda: t.t(),
        lambda: t[1:],
        lambda: t[::2],
        lambda: t[..., :1],
        lambda: t.view(-1),
        lambda: t.expand(2, *t.shape),
        lambda: t.select(0, -1),
        lambda: t.flatten()[: t.numel() - 1],
        lambda: t.unfold(0, 2, 1),
        lambda: t.as_strided(tuple(t.shape), (1,) * t.dim()),
        lambda: t.as_strided((0,), (1,), 1),
        lambda: t.view(pick.choice(DTYPES)),
        lambda: torch.view_as_real(t),
        lambda: t.as_subclass(torch.Tensor),
    ]
    try:
        return pick.choice(ways)()
    except Exception:
        return t


def operator(pick: random.Random, tensors: list[Any], note: Note) -> None:
    name, function = pick.choice(OPERATORS) if pick.random() < 0.93 else pick.choice(FUNCTIONS)
    args = [make_value(pick, tensors) for _ in range(pick.choice([0, 1, 1, 2, 2, 2, 3, 3, 4, 5]))]
    if args and pick.random() < 0.8:
        args[0] = pick.choice(tensors)
    keywords: dict[str, Any] = {}
    if pick.random() < 0.25:
        keywords["out"] = pick.choice(
            [pick.choice(tensors), [pick.choice(tensors), pick.choice(tensors)], args[0] if args else 1]
        )
    if pick.random() < 0.15:
        keywords[pick.choice(["dim", "dtype", "keepdim", "\ud800", "size", "device"])] = make_value(
            pick, tensors
        )
    note(name, args, keywords)
    _keep(pick, tensors, function(*args, **keywords))


def alias(pick: random.Random, tensors: list[Any], note: Note) -> None:
    """Operands and targets that are windows on one memory."""
    t = pick.choice(tensors)
    name, function = pick.choice(OPERATORS if pick.random() < 0.5 else IN_PLACE)
    args = [window_of(pick, t)]
    for _ in range(pick.choice([0, 1, 1, 2, 3])):
        args.append(window_of(pick, t) if pick.random() < 0.6 else make_value(pick, tensors))
    keywords: dict[str, Any] = {}
    if not name.endswith("_"):
        target = window_of(pick, t)
        keywords["out"] = target if pick.random() < 0.85 else (target, window_of(pick, t))
    note(name, args, keywords)
    _keep(pick, tensors, function(*args, **keywords))


def subscript(pick: random.Random, tensors: list[Any], note: Note) -> None:
    t = pick.choice(tensors)
    key: Any = [make_value(pick, tensors) for _ in range(pick.choice([1, 1, 2, 3]))]
    if pick.random() < 0.7:
        key = tuple(key) if len(key) > 1 else key[0]
    if pick.random() < 0.5:
        note("getitem", [t, key], {})
        _keep(pick, tensors, t[key])
    else:
        value = make_value(pick, tensors) if pick.random() < 0.7 else window_of(pick, t)
        note("setitem", [t, key, value], {})
        t[key] = value


def method(pick: random.Random, tensors: list[Any], note: Note) -> None:
    t, name = pick.choice(tensors), pick.choice(_METHODS)
    args = [make_value(pick, tensors) for _ in range(pick.choice([0, 0, 1, 2]))]
    note(name, [t, *args], {})
    _keep(pick, tensors, getattr(t, name)(*args))


def assign(pick: random.Random, tensors: list[Any], note: Note) -> None:
    t, name = (
        pick.choice(tensors),
        pick.choice(["data", "data", "grad", "requires_grad", "real", "imag", "names"]),
    )
    value = make_value(pick, tensors)
    note("set " + name, [t, value], {})
    setattr(t, name, value)


# ---- windows and storages that change under a tensor


def _size(pick: random.Random) -> Any:
    return (
        make_shape(pick)
        if pick.random() < 0.7
        else tuple(pick.choice(SIZES) for _ in range(pick.choice([1, 2, 3])))
    )


def storage(pick: random.Random, tensors: list[Any], note: Note) -> None:
    t, other = pick.choice(tensors), pick.choice(tensors)
    numbers = [
        pick.choice([0, 1, 2, 3, 100]) if pick.random() < 0.8 else pick.choice(SIZES) for _ in range(8)
    ]
    ways: list[tuple[str, Callable[[], Any]]] = [
        ("set_", lambda: t.set_(other)),
        ("set_ storage", lambda: t.set_(other.untyped_storage())),
        (
            "set_ window",
            lambda: t.set_(other.untyped_storage(), numbers[0], tuple(numbers[1:3]), tuple(numbers[3:5])),
        ),
        ("resize_", lambda: t.resize_(_size(pick))),
        ("resize_as_", lambda: t.resize_as_(other)),
        ("as_strided_", lambda: t.as_strided_(tuple(numbers[1:3]), tuple(numbers[3:5]), numbers[0])),
        ("as_strided", lambda: t.as_strided(tuple(numbers[1:3]), tuple(numbers[3:5]), numbers[0])),
        ("storage resize_", lambda: t.untyped_storage().resize_(numbers[0])),
        ("typed storage resize_", lambda: t.storage().resize_(numbers[0])),
        ("storage slice", lambda: t.set_(t.untyped_storage()[numbers[0] : numbers[1]])),
        ("storage fill_", lambda: t.untyped_storage().fill_(make_value(pick, tensors))),
        ("storage copy_", lambda: t.untyped_storage().copy_(other.untyped_storage())),
        ("storage item", lambda: t.untyped_storage()[make_value(pick, tensors)]),
        ("storage set", lambda: t.untyped_storage().__setitem__(make_value(pick, tensors), numbers[0])),
        ("storage memoryview", lambda: bytes(memoryview(t.untyped_storage()))),
        ("typed storage", lambda: t.storage()[numbers[0]]),
        ("squeeze_", lambda: t.squeeze_(pick.choice([0, 1, -1]))),
        ("unsqueeze_", lambda: t.unsqueeze_(numbers[0])),
        ("transpose_", lambda: t.transpose_(0, -1)),
        ("view", lambda: t.view(pick.choice(DTYPES))),
        ("numpy", lambda: t.numpy().fill(1)),
        (
            "constructor",
            lambda: getattr(torch, pick.choice(["Tensor", "FloatTensor", "LongTensor"]))(
                *numbers[: pick.choice([1, 2, 3])]
            ),
        ),
        ("constructor of storage", lambda: type(t)(other.storage())),
        ("new", lambda: t.new(*numbers[: pick.choice([0, 1, 2])])),
        ("new of storage", lambda: t.new(other.storage())),
        (
            "new_empty_strided",
            lambda: torch.empty_strided(tuple(numbers[:2]), tuple(numbers[2:4]), dtype=t.dtype),
        ),
        (
            "rebuild",
            lambda: torch._utils._rebuild_tensor_v2(
                other.storage(), numbers[0], tuple(numbers[1:3]), tuple(numbers[3:5]), False, {}
            ),
        ),
    ]
    name, call = pick.choice(ways)
    note(name, [t, other, numbers], {})
    _keep(pick, tensors, call())
    note(name + ", then read", [t], {})
    if t.device.type == "cpu":
        t.clone()


def exchange(pick: random.Random, tensors: list[Any], note: Note) -> None:
    """DLPack capsules, used twice, dropped, or kept longer than their tensor; arrays."""
    t, value = pick.choice(tensors), make_value(pick, tensors)
    note("dlpack", [t, value], {})
    kind = pick.randrange(8)
    if kind == 0:
        _keep(pick, tensors, torch.from_dlpack(t))
    elif kind == 1:
        capsule = t.__dlpack__()
        _keep(pick, tensors, torch.from_dlpack(capsule))
        torch.from_dlpack(capsule)
    elif kind == 2:
        tensors.append(t.__dlpack__())
        del tensors[-1]
    elif kind == 3:
        t.__dlpack__(
            value, **{pick.choice(["stream", "max_version", "dl_device", "copy"]): make_value(pick, tensors)}
        )
    elif kind == 4:
        torch.from_dlpack(value)
    elif kind == 5:
        capsule = t.__dlpack__(max_version=(1, 0))
        t.resize_(100)
        _keep(pick, tensors, torch.utils.dlpack.from_dlpack(capsule))
    elif kind == 6:
        array = t.numpy()
        t.resize_(50)
        if array.size < 1 << 24:  # NumPy reads an expanded tensor of 2^40 elements to its end
            array.sum()
        _keep(pick, tensors, torch.from_numpy(array[::-1] if pick.random() < 0.3 else array[::2]))
    else:
        _keep(pick, tensors, torch.asarray(memoryview(t.untyped_storage())[1:]))


# ---- gradients


def differentiate(pick: random.Random, tensors: list[Any], note: Note) -> None:
    a, b, gradient = pick.choice(tensors), pick.choice(tensors), make_value(pick, tensors)
    note("grad", [a, b, gradient], {})
    torch.autograd.grad(a, b, gradient, allow_unused=True, create_graph=pick.random() < 0.5)


def wrong_gradients(pick: random.Random, tensors: list[Any], note: Note) -> None:
    """Gradients of another shape, dtype or device: given, returned by hooks and functions, or met in `grad`."""
    x = torch.ones(
        make_shape(pick),
        dtype=pick.choice([torch.float32, torch.float64, torch.complex64]),
        requires_grad=True,
    )
    kind, wrong = pick.randrange(8), make_value(pick, tensors)
    note(f"wrong gradient {kind}", [x, wrong], {})

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Any:
            ctx.save_for_backward(*inputs)
            return inputs[0] * 2 if kind < 6 else wrong

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            return wrong if kind < 7 else (wrong, gradients[0])

    if kind == 0:
        x.register_hook(lambda g: wrong)
        (x * 2).sum().backward()
    elif kind == 1:
        x.data = pick.choice(tensors)
        (x * x).backward(wrong)
    elif kind == 2:
        y = x * 3
        y.register_hook(lambda g: wrong)
        y.sum().backward()
    elif kind == 3:
        y = (x * x).sum()
        (x * x).sum().backward()
        x.data = pick.choice(tensors)
        y.backward()
        (x * 2).backward(torch.ones_like(x))
    elif kind == 4:
        y = x * x
        with torch.no_grad():
            pick.choice(
                [
                    lambda: x.resize_(0),
                    lambda: x.set_(pick.choice(tensors)),
                    lambda: x.as_strided_((1,), (1,)),
                    lambda: x.t_(),
                ]
            )()
        y.backward(torch.ones_like(y))
    else:
        outputs = Wrong.apply(x, x) if kind != 5 else Wrong.apply(x)
        torch.autograd.backward(outputs, wrong if pick.random() < 0.3 else None)
        outputs.sum().backward()


# ---- networks


def _nn_value(pick: random.Random, tensors: list[Any]) -> Any:
    if pick.random() < 0.6:
        return pick.choice(
            [
                0,
                1,
                1,
                2,
                2,
                3,
                4,
                True,
                False,
                None,
                0.5,
                (1, 2),
                (2,),
                (1, 1, 1, 1),
                "same",
                "mean",
                "sum",
                "none",
            ]
        )
    return make_value(pick, tensors)


def nn_function(pick: random.Random, tensors: list[Any], note: Note) -> None:
    name, function = pick.choice(_NN_FUNCTIONS)
    args = [pick.choice(tensors)]
    for _ in range(pick.choice([0, 1, 2, 2, 3, 4, 6])):
        args.append(pick.choice(tensors) if pick.random() < 0.45 else _nn_value(pick, tensors))
    note("F." + name, args, {})
    _keep(pick, tensors, function(*args))


def module(pick: random.Random, tensors: list[Any], note: Note) -> None:
    name, kind = pick.choice(_MODULES)
    args = [_nn_value(pick, tensors) for _ in range(pick.choice([0, 1, 1, 2, 2, 3, 3, 4, 5]))]
    note("nn." + name, args, {})
    made = kind(*args)
    shape = (2, 2, 3, 3)[: pick.choice([1, 2, 3, 4])]
    given = [
        torch.ones(shape) if pick.random() < 0.6 else pick.choice(tensors)
        for _ in range(pick.choice([1, 1, 2]))
    ]
    if pick.random() < 0.3:
        given[-1] = torch.zeros(shape[:1], dtype=torch.int64)
    if pick.random() < 0.3:  # parameters of another form than the module thinks
        parameters = list(made.parameters())
        if parameters:
            pick.choice(parameters).data = window_of(pick, pick.choice(tensors))
    if pick.random() < 0.2:
        made.to(pick.choice([torch.float64, torch.float16, torch.bfloat16, torch.complex64, "meta"]))
    note("forward of nn." + name, [*args, *given], {})
    result = made(*given)
    if isinstance(result, torch.Tensor) and result.requires_grad:
        note("backward of nn." + name, [*args, *given], {})
        result.sum().backward()


def optimizer(pick: random.Random, tensors: list[Any], note: Note) -> None:
    """Steps whose parameters, gradients and state change form in between."""
    name, kind = pick.choice(_OPTIMIZERS)
    shape = make_shape(pick)
    parameters = [
        nn.Parameter(
            torch.ones(
                shape, dtype=pick.choice([torch.float32, torch.float64, torch.complex64, torch.float16])
            )
        )
        for _ in range(2)
    ]
    keywords: dict[str, Any] = {"lr": pick.choice([0.1, *NUMBERS])}
    for key in (
        "momentum",
        "weight_decay",
        "amsgrad",
        "nesterov",
        "maximize",
        "foreach",
        "eps",
        "betas",
        "capturable",
    ):
        if pick.random() < 0.15:
            keywords[key] = pick.choice([True, False, 0.5, (0.9, 0.9), *NUMBERS])
    note("optim." + name, [shape], keywords)
    made = kind(parameters, **keywords)

    def step() -> None:
        for p in parameters:
            if pick.random() < 0.8:
                p.grad = torch.ones_like(p) if pick.random() < 0.8 else window_of(pick, pick.choice(tensors))
        note(f"step of optim.{name}", [[p, p.grad] for p in parameters], keywords)
        made.step(*([lambda: (parameters[0] * parameters[0]).sum()] if name == "LBFGS" else []))

    step()
    for _ in range(pick.choice([1, 2])):
        victim = pick.choice(parameters)
        state = made.state[victim]
        if pick.random() < 0.4:
            victim.data = pick.choice(tensors)
        if state and pick.random() < 0.6:
            state[pick.choice(list(state))] = make_value(pick, tensors)
        if pick.random() < 0.2:
            parameters.append(parameters[0])
            made.param_groups[0]["params"].append(parameters[0])
        if pick.random() < 0.2:
            saved = made.state_dict()
            for entry in saved["state"].values():
                if entry and pick.random() < 0.5:
                    entry[pick.choice(list(entry))] = make_value(pick, tensors)
            made.load_state_dict(saved)
        try:
            step()
        except SystemError:
            raise
        except Exception:
            continue


# ---- files


def _mutated(pick: random.Random, data: bytes) -> bytes:
    raw = bytearray(data)
    for _ in range(pick.choice([1, 1, 2, 8])):
        at = pick.randrange(len(raw))
        kind = pick.randrange(5)
        if kind == 0:
            raw[at] ^= 1 << pick.randrange(8)
        elif kind == 1:
            raw[at] = pick.choice([0, 1, 127, 128, 255])
        elif kind == 2:
            del raw[at : at + pick.choice([1, 4, 64])]
        elif kind == 3:
            raw[at:at] = pick.randbytes(pick.choice([1, 4]))
        else:
            raw[at : at + 8] = pick.choice([2**31, 2**63 - 1, 2**64 - 1, 7]).to_bytes(8, "little")
        if not raw:
            return b""
    return bytes(raw)


def _rezipped(pick: random.Random, data: bytes) -> bytes:
    """Mutates what the archive's parts hold, with checksums that are right again."""
    import zipfile

    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(result, "w") as after:
        for name in before.namelist():
            part = before.read(name)
            if part and pick.random() < (0.9 if name.endswith("pkl") else 0.2):
                part = _mutated(pick, part)
            after.writestr(name, part)
    return result.getvalue()


def load_file(pick: random.Random, tensors: list[Any], note: Note) -> None:
    """Files that were damaged. Loading never runs what a file names, so nothing it says may do harm."""
    saved = io.BytesIO()
    content = {
        "a": torch.ones(2, 3),
        "b": [torch.zeros(4, dtype=torch.float64)[1:], nn.Parameter(torch.ones(2))],
        "c": pick.choice(tensors),
    }
    zip_file = pick.random() < 0.7
    note("save", [content["c"]], {})
    try:
        torch.save(content, saved, _use_new_zipfile_serialization=zip_file)
    except Exception:
        saved = io.BytesIO()
        del content["c"]
        torch.save(content, saved, _use_new_zipfile_serialization=zip_file)
    data = saved.getvalue()
    data = _rezipped(pick, data) if zip_file and pick.random() < 0.7 else _mutated(pick, data)
    note("load", [data.hex()], {})
    loaded = torch.load(io.BytesIO(data), weights_only=True)
    note("use of what was loaded", [data.hex()], {})
    for value in [*loaded.values()] if isinstance(loaded, dict) else [loaded]:
        for t in value if isinstance(value, list) else [value]:
            if isinstance(t, torch.Tensor) and t.device.type == "cpu" and t.numel() < 10**6:
                (t + 1, copy.deepcopy(t.detach()))


KINDS: list[Call] = (
    [operator] * 20
    + [alias] * 8
    + [subscript] * 6
    + [storage] * 8
    + [nn_function] * 5
    + [module] * 3
    + [optimizer] * 2
    + [wrong_gradients] * 3
    + [method, method, assign, assign, differentiate, exchange, exchange, load_file]
)

__all__ = ["KINDS", "Meddling", "make_tensor"]

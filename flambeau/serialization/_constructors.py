"""What a pickle of a checkpoint may build: a fixed table of constructors, which check their arguments."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, NoReturn

from flambeau import _utils
from flambeau.serialization import _safe_globals
from flambeau.serialization._checks import (
    ADVICE,
    Class,
    Constructor,
    Machine,
    Mark,
    StorageType,
    check_key,
    check_state,
    is_count,
    refuse,
)
from flambeau.serialization._names import DTYPES, STORAGE_DTYPES


def _refuse_global(module: str, name: str) -> NoReturn:
    if module in _safe_globals.BLOCKED:
        refuse(f"Trying to load unsupported GLOBAL {module}.{name} whose module {module} is blocked.")
    reason = (
        f"Unsupported global: GLOBAL {module}.{name} was not an allowed global by default. Please use "
        f"`torch.serialization.add_safe_globals([{module}.{name}])` or the "
        f"`torch.serialization.safe_globals([{module}.{name}])` context manager to allowlist this global if you "
        "trust this class/function. "
    )
    if module.partition(".")[0] == "numpy":
        reason += "Convert NumPy's numbers and arrays before saving: .item() or torch.from_numpy(). "
    refuse(reason + ADVICE)


# Constructors: each takes the tuple of arguments that stands in the file.


def _take(name: str, arguments: tuple[Any, ...], *kinds: type | tuple[type, ...]) -> tuple[Any, ...]:
    if len(arguments) != len(kinds) or not all(map(isinstance, arguments, kinds)):
        refuse(f"{name} does not take arguments of the types {[type(item).__name__ for item in arguments]}")
    return arguments


def _tensor_v2(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    if len(arguments) not in (6, 7):
        refuse(f"_rebuild_tensor_v2 takes 6 or 7 arguments, not {len(arguments)}")
    storage, offset, size, stride, requires_grad = arguments[:5]
    return machine.tensor(storage, None, offset, size, stride, requires_grad, *arguments[6:])


def _tensor_v3(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    if len(arguments) not in (7, 8):
        refuse(f"_rebuild_tensor_v3 takes 7 or 8 arguments, not {len(arguments)}")
    storage, offset, size, stride, requires_grad = arguments[:5]
    return machine.tensor(storage, arguments[6], offset, size, stride, requires_grad, *arguments[7:])


def _tensor_v1(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    if len(arguments) != 4:
        refuse(f"_rebuild_tensor takes 4 arguments, not {len(arguments)}")
    storage, offset, size, stride = arguments
    return machine.tensor(storage, None, offset, size, stride, False)


def _meta_tensor(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    import flambeau

    sizes = (tuple, flambeau.Size)
    dtype, size, stride, requires_grad = _take(
        "_rebuild_meta_tensor_no_storage", arguments, type(flambeau.float32), sizes, tuple, bool
    )
    if not all(map(is_count, (*size, *stride))):
        refuse("A tensor's size or stride holds something else than counts")
    try:
        return _utils._rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad)
    except (RuntimeError, ValueError, TypeError) as error:
        refuse(f"A tensor on meta cannot be made: {error}")


def _layout(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    import flambeau

    name = _take("_get_layout", arguments, str)[0]
    try:
        return flambeau.serialization._get_layout(name)
    except RuntimeError as error:
        refuse(str(error))


def _sparse_tensor(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    import flambeau

    layout, parts = _take("_rebuild_sparse_tensor", arguments, flambeau.layout, tuple)
    kinds: tuple[Any, ...] = (flambeau.Tensor, flambeau.Tensor, (flambeau.Size, tuple), bool)
    _take("_rebuild_sparse_tensor", parts, *kinds[: max(3, len(parts))])
    if not all(map(is_count, parts[2])):
        refuse("A sparse tensor's size holds something else than counts")
    try:
        return _utils._rebuild_sparse_tensor(layout, parts)
    except (RuntimeError, NotImplementedError, TypeError) as error:
        refuse(f"A sparse tensor cannot be made: {error}")


def _parameter(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    import flambeau

    data, requires_grad, _ = _take("_rebuild_parameter", arguments, flambeau.Tensor, bool, OrderedDict)
    return _utils._rebuild_parameter(data, requires_grad, None)


def _parameter_with_state(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    if len(arguments) != 4:
        refuse(f"_rebuild_parameter_with_state takes 4 arguments, not {len(arguments)}")
    parameter = _parameter(machine, arguments[:3])
    vars(parameter).update(check_state(arguments[3]))
    return parameter


def _from_type(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    rebuild, kind, inner, state = _take(
        "_rebuild_from_type_v2", arguments, Constructor, (Class, type), tuple, (dict, tuple)
    )
    if rebuild.call not in (_tensor_v1, _tensor_v2, _tensor_v3, _meta_tensor, _parameter):
        refuse(f"{rebuild.name} does not build a tensor")
    tensor = rebuild.call(machine, inner)
    if isinstance(kind, type):  # a class that was declared safe
        return _utils.finish_tensor(tensor, kind, state)
    if kind.name != type(tensor).__name__:
        refuse(f"A tensor of class {kind.name} cannot be built by {rebuild.name}")
    vars(tensor).update(check_state(state))
    return tensor


def _ordered_dict(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    result: OrderedDict[Any, Any] = OrderedDict()
    for pair in machine.charge(_take("OrderedDict", arguments, list)[0]) if arguments else ():
        if type(pair) not in (tuple, list) or len(pair) != 2:
            refuse("OrderedDict takes a list of pairs")
        machine.set_item(result, *pair)
    return result


def _counter(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    return Counter(machine.charge(_take("Counter", arguments, dict)[0]))


def _set(kind: type) -> Callable[[Machine, tuple[Any, ...]], Any]:
    def build(machine: Machine, arguments: tuple[Any, ...]) -> Any:
        items = machine.charge(_take(kind.__name__, arguments, list)[0])
        for item in items:
            check_key(item)
        return kind(items)

    return build


def _complex(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    return complex(*_take("complex", arguments, float, float))


def _encode(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    text, encoding = _take("_codecs.encode", arguments, str, str)
    try:
        return machine.charge(text).encode({"latin1": "latin1", "latin-1": "latin1"}[encoding])
    except (KeyError, UnicodeEncodeError):
        refuse("_codecs.encode encodes latin1 only, for this is how pickles hold bytes")


def _bytes(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    _take("bytes", arguments)
    return b""


def _bytearray(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    if not arguments:
        return bytearray()
    if len(arguments) == 2:
        return bytearray(_encode(machine, arguments))
    return bytearray(machine.charge(_take("bytearray", arguments, (bytes, bytearray))[0]))


def _size(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    import flambeau

    lengths = _take("torch.Size", arguments, tuple)[0]
    if not all(map(is_count, lengths)):
        refuse("torch.Size takes a tuple of counts")
    return flambeau.Size(machine.charge(lengths))


def _device(machine: Machine, arguments: tuple[Any, ...]) -> Any:
    import flambeau

    kinds = (str, int)[: len(arguments)] or (str,)
    try:
        return flambeau.device(*_take("torch.device", arguments, *kinds))
    except (RuntimeError, ValueError, OverflowError, NotImplementedError) as error:
        refuse(f"torch.device{arguments}: {error}")


def _set_constructors(kind: type) -> dict[tuple[str, str], Mark]:
    constructor = Constructor(kind.__name__, _set(kind))
    return {("builtins", kind.__name__): constructor, ("__builtin__", kind.__name__): constructor}


_GLOBALS: dict[tuple[str, str], Mark] = {
    ("collections", "OrderedDict"): Constructor("OrderedDict", _ordered_dict),
    ("collections", "Counter"): Constructor("Counter", _counter),
    ("builtins", "complex"): Constructor("complex", _complex),
    ("__builtin__", "complex"): Constructor("complex", _complex),
    ("builtins", "bytes"): Constructor("bytes", _bytes),
    ("__builtin__", "bytes"): Constructor("bytes", _bytes),
    ("builtins", "bytearray"): Constructor("bytearray", _bytearray),
    ("__builtin__", "bytearray"): Constructor("bytearray", _bytearray),
    **_set_constructors(set),
    **_set_constructors(frozenset),
    ("_codecs", "encode"): Constructor("_codecs.encode", _encode),
    ("torch", "Size"): Constructor("torch.Size", _size),
    ("torch", "device"): Constructor("torch.device", _device),
    ("torch._utils", "_rebuild_tensor"): Constructor("_rebuild_tensor", _tensor_v1),
    ("torch._utils", "_rebuild_tensor_v2"): Constructor("_rebuild_tensor_v2", _tensor_v2),
    ("torch._utils", "_rebuild_tensor_v3"): Constructor("_rebuild_tensor_v3", _tensor_v3),
    ("torch._utils", "_rebuild_meta_tensor_no_storage"): Constructor(
        "_rebuild_meta_tensor_no_storage", _meta_tensor
    ),
    ("torch._utils", "_rebuild_sparse_tensor"): Constructor("_rebuild_sparse_tensor", _sparse_tensor),
    ("torch.serialization", "_get_layout"): Constructor("_get_layout", _layout),
    ("torch._utils", "_rebuild_parameter"): Constructor("_rebuild_parameter", _parameter),
    ("torch._utils", "_rebuild_parameter_with_state"): Constructor(
        "_rebuild_parameter_with_state", _parameter_with_state
    ),
    ("torch._tensor", "_rebuild_from_type_v2"): Constructor("_rebuild_from_type_v2", _from_type),
    ("torch", "Tensor"): Class("Tensor"),
    ("torch.nn.parameter", "Parameter"): Class("Parameter"),
    ("torch.storage", "UntypedStorage"): StorageType(None),
}


def look_up(module: str, name: str) -> Any:
    """The mark for a name in the table, or what has been declared safe under it; None for other names.

    Element types are data and stand for themselves.
    """
    import flambeau

    found = _GLOBALS.get((module, name))
    if found is not None:
        return found
    if module in ("torch", "torch.cuda") and name in STORAGE_DTYPES:
        return StorageType(getattr(flambeau, STORAGE_DTYPES[name]))
    if module == "torch" and name in DTYPES and hasattr(flambeau, name):
        return getattr(flambeau, name)
    return _safe_globals.find(module, name)


def find_global(module: str, name: str) -> Any:
    """What stands for a class or function while the pickle is read.

    Raises:
        pickle.UnpicklingError: it is neither in the table nor declared safe.
    """
    found = look_up(module, name)
    if found is None:
        _refuse_global(module, name)
    return found

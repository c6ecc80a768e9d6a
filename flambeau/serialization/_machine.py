"""Reads the pickle of a checkpoint without ever running what stands in it.

A pickle is a program for a small stack machine, and two of its instructions can call anything. This
interpreter knows only the instructions that build data, and in place of functions a fixed table of
constructors, each of which checks its arguments. Everything else raises `pickle.UnpicklingError`.
"""

from __future__ import annotations

import pickle
import struct
import sys
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from flambeau import _utils
from flambeau._utils import TypedStorage, set_object_state
from flambeau.serialization._checks import (
    ADVICE,
    Arguments,
    Constructor,
    Mark,
    StorageType,
    check_key,
    check_state,
    check_view,
    is_count,
    refuse,
)
from flambeau.serialization._constructors import find_global
from flambeau.serialization._safe_globals import is_allowed


class Unpickler:
    """The stack machine; `load_storage(key, dtype, count, location)` fetches the storages it comes across."""

    def __init__(self, source: Any, load_storage: Callable[..., Any], encoding: str = "utf-8") -> None:
        self._source = source  # has `read` and `readline`, and never gives more than there is
        self._encoding = encoding
        self._consumed = 0
        self._copied = 0  # what the constructors have copied out of other objects
        self._load_storage = load_storage
        self._stack: list[Any] = []
        self._outer: list[list[Any]] = []  # the stacks below the open marks
        self._memo: dict[int, Any] = {}
        # dtype None: a storage that was saved untyped. The storages are kept here, so their ids stay theirs.
        self._storages: dict[int, TypedStorage] = {}

    def load(self) -> Any:
        """Runs the pickle and returns the object it builds."""
        while True:
            code = self._read(1)[0]
            if code == pickle.STOP[0]:
                break
            instruction = _INSTRUCTIONS.get(code)
            if instruction is None:
                refuse(f"Unsupported operand {code}. {ADVICE}")
            instruction(self)
        result = self._pop()
        if self._stack or self._outer or isinstance(result, Mark):
            refuse("The pickle does not end with one object")
        return result

    # Reading

    def _read(self, count: int) -> bytes:
        piece: bytes = self._source.read(min(count, sys.maxsize))
        if len(piece) != count:
            refuse("Ran out of input: the pickle is truncated")
        self._consumed += count
        return piece

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._read(struct.calcsize(form)))[0]

    def _line(self) -> str:
        line: bytes = self._source.readline()
        if not line.endswith(b"\n"):
            refuse("Ran out of input: the pickle is truncated")
        self._consumed += len(line)
        return self._decode(line[:-1])

    def _decode(self, text: bytes) -> str:
        try:
            return text.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            refuse("A text is not UTF-8")

    def _old_text(self, text: bytes) -> str | bytes:
        """A text as Python 2 wrote it, in the encoding that the caller names."""
        if self._encoding == "bytes":
            return text
        try:
            return text.decode(self._encoding)
        except UnicodeDecodeError:
            refuse(f"A text is not in the encoding {self._encoding}")

    # The stack

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        if not self._stack:
            refuse("An instruction finds nothing on the stack")
        return self._stack.pop()

    def _top(self) -> Any:
        if not self._stack:
            refuse("An instruction finds nothing on the stack")
        return self._stack[-1]

    def _pop_to_mark(self) -> list[Any]:
        if not self._outer:
            refuse("An instruction finds no mark on the stack")
        items, self._stack = self._stack, self._outer.pop()
        return items

    def _mark(self) -> None:
        self._outer.append(self._stack)
        self._stack = []

    def _push_tuple(self, items: list[Any]) -> None:
        self._push(Arguments(items) if any(isinstance(item, Mark) for item in items) else tuple(items))

    def _put(self, index: int) -> None:
        self._memo[index] = self._top()

    def _get(self, index: int) -> None:
        if index not in self._memo:
            refuse(f"Memo value not found at index {index}")
        self._push(self._memo[index])

    def charge(self, value: Any) -> Any:
        """`value`, after charging for its copy: a pickle that copies one object over and over would fill the
        memory."""
        self._copied += len(value)
        if self._copied > self._consumed:
            refuse("The pickle copies more data than it holds")
        return value

    # Containers

    def _check_value(self, value: Any) -> None:
        if isinstance(value, Mark):
            refuse(f"A class or function cannot be part of a checkpoint. {ADVICE}")

    def set_item(self, target: Any, key: Any, value: Any) -> None:
        if type(target) not in (dict, OrderedDict, Counter):
            refuse(
                f"Can only SETITEM for dict, collections.OrderedDict, collections.Counter, not {type(target)}"
            )
        check_key(key)
        self._check_value(value)
        if key in target:
            refuse(f"The key {key!r} stands twice in a dictionary")
        target[key] = value

    def _set_items(self, items: list[Any]) -> None:
        if len(items) % 2:
            refuse("A dictionary has a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            self.set_item(self._top(), key, value)

    def _extend(self, items: list[Any]) -> None:
        target = self._top()
        if type(target) is not list:
            refuse(f"Can only append to lists, not {type(target)}")
        for item in items:
            self._check_value(item)
        target.extend(items)

    def _add_items(self, items: list[Any]) -> None:
        target = self._top()
        if type(target) is not set:
            refuse(f"Can only add to sets, not {type(target)}")
        for item in items:
            check_key(item)
        target.update(items)

    def _frozen_set(self) -> None:
        items = self._pop_to_mark()
        for item in items:
            check_key(item)
        self._push(frozenset(items))

    # Objects

    def _global(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            refuse("STACK_GLOBAL requires str")
        self._push(find_global(module, name))

    def _stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        self._global(module, name)

    def _reduce(self) -> None:
        arguments, constructor = self._pop(), self._pop()
        if isinstance(constructor, Constructor) and isinstance(arguments, tuple):
            self._push(constructor.call(self, arguments))
        elif type(arguments) is tuple and is_allowed(constructor):
            self._push(constructor(*arguments))
        else:
            refuse(
                f"Trying to call {type(constructor).__name__}, which is no function of a checkpoint. {ADVICE}"
            )

    def _new_object(self) -> None:
        arguments, kind = self._pop(), self._pop()
        if type(arguments) is not tuple or not isinstance(kind, type) or not is_allowed(kind):
            refuse(f"Trying to make an object of {kind!r}, which is no class of a checkpoint. {ADVICE}")
        self._push(kind.__new__(kind, *arguments))

    def _build(self) -> None:
        state, target = self._pop(), self._top()
        if type(target) is OrderedDict:
            vars(target).update(check_state(state))
        elif is_allowed(type(target)):
            self._check_value(state)
            set_object_state(target, state)
        else:
            refuse(f"Can only build OrderedDict objects, not {type(target)}. {ADVICE}")

    def _persistent(self) -> None:
        reference = self._pop()
        if not isinstance(reference, tuple) or len(reference) not in (5, 6) or reference[0] != "storage":
            refuse("Only persistent ids of storages are supported")
        _, kind, key, location, count, *view = reference
        if not (
            isinstance(kind, StorageType) and type(key) is str and type(location) is str and is_count(count)
        ):
            refuse("The reference to a storage is malformed")
        if view and not (view[0] is None or (type(view[0]) is tuple and len(view[0]) == 3)):
            refuse("The reference to a piece of a storage is malformed")
        storage = self._load_storage(key, kind.dtype, count, location, *view)
        known = self._storages.setdefault(id(storage), TypedStorage(storage, kind.dtype))
        if known.dtype != kind.dtype:
            refuse(f"Storage {key!r} is declared as {known.dtype} and as {kind.dtype}")
        self._push(storage)

    def tensor(
        self,
        storage: Any,
        dtype: Any,
        offset: Any,
        size: Any,
        stride: Any,
        requires_grad: Any,
        metadata: Any = None,
    ) -> Any:
        """A tensor over a storage of this file, after checking that it stays within."""
        import flambeau

        typed = self._storages.get(id(storage))
        if typed is None:
            refuse("A tensor's storage is none")
        if typed.dtype is None and isinstance(dtype, type(flambeau.float32)):
            typed = TypedStorage(storage, dtype)
        if (
            typed.dtype is None
            or type(requires_grad) is not bool
            or not (metadata is None or type(metadata) is dict)
        ):
            refuse("A tensor's type, requires_grad or metadata is malformed")
        if requires_grad and not (typed.dtype.is_floating_point or typed.dtype.is_complex):
            refuse(f"A tensor of {typed.dtype} cannot require gradients")
        check_view(typed, offset, size, stride)
        return _utils._rebuild_tensor_v2(typed, offset, size, stride, requires_grad, None, metadata)


def _long(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _length(machine: Unpickler, form: str) -> bytes:
    return machine._read(machine._number(form))


_INSTRUCTIONS: dict[int, Callable[[Unpickler], None]] = {
    code[0]: instruction
    for code, instruction in {
        pickle.PROTO: lambda m: None if m._number("B") <= 5 else refuse("Unsupported pickle protocol"),
        pickle.FRAME: lambda m: m._number("<Q") and None,
        pickle.MARK: Unpickler._mark,
        pickle.POP: lambda m: (m._pop() if m._stack else m._pop_to_mark()) and None,
        pickle.POP_MARK: lambda m: m._pop_to_mark() and None,
        pickle.NONE: lambda m: m._push(None),
        pickle.NEWTRUE: lambda m: m._push(True),
        pickle.NEWFALSE: lambda m: m._push(False),
        pickle.BININT: lambda m: m._push(m._number("<i")),
        pickle.BININT1: lambda m: m._push(m._number("B")),
        pickle.BININT2: lambda m: m._push(m._number("<H")),
        pickle.LONG1: lambda m: m._push(_long(_length(m, "B"))),
        pickle.LONG4: lambda m: m._push(_long(_length(m, "<I"))),
        pickle.BINFLOAT: lambda m: m._push(m._number(">d")),
        pickle.SHORT_BINSTRING: lambda m: m._push(m._old_text(_length(m, "B"))),
        pickle.BINSTRING: lambda m: m._push(m._old_text(_length(m, "<I"))),
        pickle.SHORT_BINUNICODE: lambda m: m._push(m._decode(_length(m, "B"))),
        pickle.BINUNICODE: lambda m: m._push(m._decode(_length(m, "<I"))),
        pickle.BINUNICODE8: lambda m: m._push(m._decode(_length(m, "<Q"))),
        pickle.SHORT_BINBYTES: lambda m: m._push(_length(m, "B")),
        pickle.BINBYTES: lambda m: m._push(_length(m, "<I")),
        pickle.BINBYTES8: lambda m: m._push(_length(m, "<Q")),
        pickle.BYTEARRAY8: lambda m: m._push(bytearray(_length(m, "<Q"))),
        pickle.EMPTY_LIST: lambda m: m._push([]),
        pickle.APPEND: lambda m: m._extend([m._pop()]),
        pickle.APPENDS: lambda m: m._extend(m._pop_to_mark()),
        pickle.EMPTY_TUPLE: lambda m: m._push(()),
        pickle.TUPLE1: lambda m: m._push_tuple([m._pop()]),
        pickle.TUPLE2: lambda m: m._push_tuple([m._pop() for _ in range(2)][::-1]),
        pickle.TUPLE3: lambda m: m._push_tuple([m._pop() for _ in range(3)][::-1]),
        pickle.TUPLE: lambda m: m._push_tuple(m._pop_to_mark()),
        pickle.EMPTY_DICT: lambda m: m._push({}),
        pickle.SETITEM: lambda m: m._set_items([m._pop() for _ in range(2)][::-1]),
        pickle.SETITEMS: lambda m: m._set_items(m._pop_to_mark()),
        pickle.EMPTY_SET: lambda m: m._push(set()),
        pickle.ADDITEMS: lambda m: m._add_items(m._pop_to_mark()),
        pickle.FROZENSET: Unpickler._frozen_set,
        pickle.GLOBAL: lambda m: m._global(m._line(), m._line()),
        pickle.STACK_GLOBAL: Unpickler._stack_global,
        pickle.REDUCE: Unpickler._reduce,
        pickle.NEWOBJ: Unpickler._new_object,
        pickle.BUILD: Unpickler._build,
        pickle.BINPERSID: Unpickler._persistent,
        pickle.BINGET: lambda m: m._get(m._number("B")),
        pickle.LONG_BINGET: lambda m: m._get(m._number("<I")),
        pickle.BINPUT: lambda m: m._put(m._number("B")),
        pickle.LONG_BINPUT: lambda m: m._put(m._number("<I")),
        pickle.MEMOIZE: lambda m: m._put(len(m._memo)),
    }.items()
}

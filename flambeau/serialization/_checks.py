"""What constructors and stack machine both rest on: marks, checks, and the refusal."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NoReturn, Protocol

from flambeau._utils import TypedStorage
from flambeau.serialization._safe_globals import is_allowed

_MAX_DIMENSIONS = 64
_MAX_INDEX = (1 << 63) - 1
# Keys are hashed and compared, which for nested tuples can take time exponential in their depth.
_MAX_KEY_PARTS = 1000
ADVICE = (
    "By default tensors, numbers, texts and plain containers load, and nothing in a file is executed. Save "
    "model.state_dict() rather than the model, and fill a new model with "
    "model.load_state_dict(torch.load(file)); or, for a file that you trust, load it with weights_only=False"
)


def refuse(reason: str) -> NoReturn:
    raise pickle.UnpicklingError(f"Weights only load failed. {reason}")


class Mark:
    """What GLOBAL leaves on the stack: never the thing itself, and no part of a result."""


class StorageType(Mark):
    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype


class Machine(Protocol):
    """What a constructor asks of the machine that calls it."""

    def charge(self, value: Any) -> Any:
        """`value`, whose copy is paid for with the bytes of the pickle."""

    def set_item(self, target: Any, key: Any, value: Any) -> None:
        """target[key] = value, for dictionaries."""

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


class Constructor(Mark):
    def __init__(self, name: str, call: Callable[[Machine, tuple[Any, ...]], Any]) -> None:
        self.name = name
        self.call = call


class Class(Mark):
    def __init__(self, name: str) -> None:
        self.name = name


class Arguments(tuple[Any, ...], Mark):
    """A tuple that holds marks: good as arguments of a constructor, but not as data."""


def is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MAX_INDEX


def check_key(key: Any) -> None:
    """Only what is quick to hash and to compare, and runs nothing of its own, is a key."""
    parts = [key]
    for seen in range(_MAX_KEY_PARTS):
        if not parts:
            return
        part = parts.pop()
        if isinstance(part, Mark):
            break
        if isinstance(part, tuple | frozenset):
            if len(part) > _MAX_KEY_PARTS - seen:
                break
            parts.extend(part)
        elif not (
            part is None or isinstance(part, str | bytes | int | float | complex) or _is_plain_value(part)
        ):
            break
    refuse(f"A {type(key).__name__} of this content cannot be the key of a dictionary or an element of a set")


def _is_plain_value(value: Any) -> bool:
    import flambeau

    return isinstance(value, type(flambeau.float32) | flambeau.device) or is_allowed(type(value))


def check_state(state: Any) -> dict[str, Any]:
    """Attributes for an object's own dictionary."""
    if type(state) is not dict or not all(type(name) is str and not name.startswith("__") for name in state):
        refuse("The state of an object is not a dictionary of attributes")
    return state


def check_view(storage: TypedStorage, offset: Any, size: Any, stride: Any) -> None:
    """Refuses a tensor that would reach beyond its storage."""
    import flambeau

    if type(size) not in (tuple, flambeau.Size) or type(stride) is not tuple or len(size) != len(stride):
        refuse("A tensor's size and stride are not tuples of one length")
    if len(size) > _MAX_DIMENSIONS:
        refuse(f"A tensor has {len(size)} dimensions; at most {_MAX_DIMENSIONS} are supported")
    if not (is_count(offset) and all(map(is_count, size)) and all(map(is_count, stride))):
        refuse(f"A tensor's offset {offset}, size {size} or stride {stride} holds something else than counts")
    elements = 1
    for length in size:
        elements *= length
    available = storage.untyped.nbytes() // storage.dtype.itemsize
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if (elements and last >= available) or elements * storage.dtype.itemsize > _MAX_INDEX:
        refuse(
            f"A tensor of size {tuple(size)}, stride {stride} and offset {offset} is out of bounds for its "
            f"storage of {available} elements"
        )

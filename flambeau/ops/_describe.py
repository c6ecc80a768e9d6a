"""Documentation and signatures of operators, made when somebody asks for them."""

from __future__ import annotations

import inspect
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from flambeau import _core

_OPTIONS = "dtype? dtype=None, layout? layout=None, device? device=None, bool? pin_memory=False, bool requires_grad=False"


def split_parameters(text: str) -> list[str]:
    """The parameters of a schema; commas within brackets do not separate."""
    parts, depth, current = [], 0, ""
    for c in text:
        depth += (c in "[(") - (c in "])")
        if c == "," and not depth:
            parts.append(current.strip())
            current = ""
        else:
            current += c
    return [*parts, current.strip()] if current.strip() else parts


def parameters(schema: str, takes_out: bool) -> list[inspect.Parameter]:
    """The parameters of an overload as Python has them."""
    import ast

    inside = schema[schema.index("(") + 1 : schema.rindex("->")].rstrip().removesuffix(")")
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    found = []
    for text in split_parameters(inside.replace("options", _OPTIONS)):
        if text == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
            continue
        name, equals, default = text.partition(" ")[2].partition("=")
        value: Any = inspect.Parameter.empty
        if equals:
            value = tuple(ast.literal_eval(default)) if default.startswith("[") else ast.literal_eval(default)
        this_kind = inspect.Parameter.VAR_POSITIONAL if name.endswith("...") else kind
        name = name.removesuffix("...")
        if this_kind is inspect.Parameter.VAR_POSITIONAL:
            value, kind = inspect.Parameter.empty, inspect.Parameter.KEYWORD_ONLY
        name += "_" if name in ("from", "lambda") else ""
        found.append(inspect.Parameter(name, this_kind, default=value))
    if takes_out:
        found.append(inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None))
    return found


def signature(operator: Any) -> inspect.Signature:
    """The signature of an operator's first overload."""
    wanted = parameters(operator.schemas[0], operator.takes_out[0])
    seen_default = False
    for i, p in enumerate(wanted):  # x(a=1, b) is a schema, but no signature
        if p.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            break
        if seen_default and p.default is inspect.Parameter.empty:
            wanted[i] = p.replace(default=None)
        seen_default = seen_default or p.default is not inspect.Parameter.empty
    return inspect.Signature(wanted)


@cache
def _native() -> dict[str, str]:
    """The documentation of the operators in C++, which the build puts beside the extension."""
    path = Path(_core.__file__).parent / "_operator_docs.json"
    return json.loads(path.read_text(encoding="utf-8"))


def documentation(operator: Any) -> str:
    """The signatures of an operator's overloads and what its source says about it."""
    name = operator.__name__
    heads = [re.sub(r"^[\w.]+\(", f"{name}(", schema) for schema in operator.schemas]
    texts = [inspect.cleandoc(b.__doc__) for b in operator.bodies if b is not None and b.__doc__]
    if not texts:
        plain = operator.full_name
        text = _native().get(plain)
        if text is None and plain.endswith("_"):
            text = _native().get(plain[:-1])
            text = (
                text and f"The in-place form of `{name[:-1]}`, which writes to the tensor itself:\n\n{text}"
            )
        texts = [text] if text else []
    return "\n".join([*heads, *(f"\n{text}" for text in texts)]) + "\n"

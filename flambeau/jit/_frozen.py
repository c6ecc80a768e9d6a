"""Programs for inference: their tensors are constants."""

from __future__ import annotations

import copy
from typing import Any

from ._modules import RecursiveScriptModule, ScriptModule, TopLevelTracedModule

__all__ = ["export_opnames", "freeze", "optimize_for_inference", "run_frozen_optimizations"]


def freeze(
    mod: ScriptModule, preserved_attrs: list[str] | None = None, optimize_numerics: bool = True
) -> ScriptModule:
    """A copy of a scripted or traced module whose tensors need no gradients.

    Args:
        mod: the module, in evaluation mode
        preserved_attrs: attributes to keep; all are kept
        optimize_numerics: whether the program may be changed where results stay the same within rounding; it is not

    Raises:
        RuntimeError: it is not a scripted module, or is in training mode.
    """
    if not isinstance(mod, ScriptModule):
        raise RuntimeError(
            "Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to script your "
            "'nn.Module'."
        )
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module before "
            "freezing."
        )
    frozen = copy.deepcopy(mod)
    for parameter in frozen.parameters():
        parameter.requires_grad_(False)
    return frozen


def optimize_for_inference(mod: ScriptModule, other_methods: list[str] | None = None) -> ScriptModule:
    """:func:`freeze` for a module that is not frozen yet."""
    if isinstance(mod, ScriptModule):
        mod.eval()
    return freeze(mod)


def run_frozen_optimizations(
    mod: ScriptModule, optimize_numerics: bool = True, preserved_methods: list[str] | None = None
) -> None:
    """Nothing: a frozen program is as fast as it gets here."""


def export_opnames(m: Any) -> list[str]:
    """The names of the operators that a traced module calls."""
    if isinstance(m, RecursiveScriptModule) or not isinstance(m, TopLevelTracedModule):
        raise NotImplementedError("torch.jit.export_opnames of what was not traced is not implemented yet")
    names = {
        str(node.target) if isinstance(node.target, str) else getattr(node.target, "__name__", "")
        for node in m.graph.nodes
        if node.op in ("call_function", "call_method")
    }
    return sorted(f"aten::{name}" for name in names)

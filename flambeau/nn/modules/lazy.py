"""Modules that learn the sizes of their parameters from the first input."""

from __future__ import annotations

from typing import Any

from ... import _core
from ..parameter import is_lazy

__all__ = ["LazyModuleMixin"]


# Of the core's type, as modules are: only then may an instance change its class to that of a module.
class LazyModuleMixin(_core.ModuleBase):
    """Stands before a module class whose parameters the first call makes.

    The class makes :class:`UninitializedParameter` where a size is unknown, and ``initialize_parameters``, which
    gets the arguments of the first call, gives them their shapes. The module then becomes ``cls_to_become``.
    Loading a state gives the shapes, too.
    """

    cls_to_become: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        module: Any = self
        self._load_hook = module._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = module.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Gives every parameter and buffer its shape and first values; a subclass must override it.

        Args:
            args, kwargs: those of the first call.
        """
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Whether some parameter or buffer still waits for its shape."""
        module: Any = self
        return any(is_lazy(t) for t in (*module._parameters.values(), *module._buffers.values()))

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        parent: Any = super()
        parent._save_to_state_dict(destination, prefix, True)
        module: Any = self
        for name, tensor in module._own_state().items():
            if not keep_vars and not is_lazy(tensor):
                destination[prefix + name] = tensor.detach()

    def _lazy_load_hook(self, state_dict: Any, prefix: str, *others: Any) -> None:
        module: Any = self
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            source = state_dict.get(prefix + name)
            if source is not None and is_lazy(tensor) and not is_lazy(source):
                tensor.materialize(source.shape)

    def _infer_parameters(self, module: Any, args: Any, kwargs: Any = None) -> None:
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {module._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self) -> Any:
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy forward pass to "
            "correctly initialize the modules"
        )

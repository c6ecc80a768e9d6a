"""Scaling of losses, so that small gradients in float16 do not vanish."""

from __future__ import annotations

import inspect
import math
import warnings
from collections import defaultdict
from enum import Enum
from typing import Any

from flambeau import _core
from flambeau._core import Tensor
from flambeau._grad_mode import no_grad

__all__ = ["GradScaler", "OptState"]


class OptState(Enum):
    """What was done for an optimizer since the last update."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _fresh_state() -> dict[str, Any]:
    return {"stage": OptState.READY, "found_inf_per_device": {}}


class GradScaler:
    """Multiplies losses by a scale, divides gradients by it, and skips steps whose gradients are not finite.

    A skipped step multiplies the scale by `backoff_factor`; `growth_interval` steps in a row that are not skipped
    multiply it by `growth_factor`. For CUDA, which is not there, the scaler warns and only passes on.

    Args:
        device: 'cuda', 'cpu' ...
        init_scale: the first scale
        growth_factor: above 1
        backoff_factor: below 1
        growth_interval: how many steps
        enabled: False makes a scaler that only passes on

    Method: Micikevicius et al., Mixed Precision Training, 2018.

    >>> import flambeau as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> optimizer = torch.optim.SGD([x], lr=0.5)
    >>> scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    >>> scaler.scale((x * x).sum()).backward()
    >>> x.grad
    tensor([8., 8.])
    >>> _ = scaler.step(optimizer)
    >>> scaler.update()
    >>> x
    tensor([0., 0.], requires_grad=True)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        self._enabled = enabled
        if enabled and device == "cuda":
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.", stacklevel=2
            )
            self._enabled = False
        if not self._enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._scale: Tensor | None = None  # made at the first use
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._init_growth_tracker = 0
        self._growth_tracker: Tensor | None = None
        self._per_optimizer_states: dict[int, dict[str, Any]] = defaultdict(_fresh_state)

    def _started(self, function: str) -> tuple[Tensor, Tensor]:
        advice = "This may indicate your script did not use scaler.scale(loss or outputs) earlier in the iteration."
        if self._scale is None or self._growth_tracker is None:
            raise AssertionError(f"Attempted {function} but _scale is None.  {advice}")
        return self._scale, self._growth_tracker

    def _start(self) -> None:
        self._scale = _core.tensor(float(self._init_scale), device=self._device)
        self._growth_tracker = _core.tensor(self._init_growth_tracker, dtype=_core.int32, device=self._device)

    def scale(self, outputs: Any) -> Any:
        """Outputs times the scale: a tensor, or a list or tuple (of lists, of tuples) of tensors.

        Raises:
            ValueError: for anything else.
        """
        if not self._enabled:
            return outputs
        if self._scale is None:
            self._start()
        if isinstance(outputs, Tensor):
            return outputs * self._started("scale")[0]
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(each) for each in outputs)
        if hasattr(outputs, "__iter__") and not isinstance(outputs, (str, bytes)):
            return map(self.scale, outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def _unscale(self, optimizer: Any, factor: Tensor, allow_half: bool) -> dict[Any, Tensor]:
        """Multiplies gradients by a factor; says for each device whether some are not finite."""
        found: dict[Any, Tensor] = {}
        with no_grad():
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    grad = parameter.grad
                    if grad is None:
                        continue
                    if grad.dtype == _core.float16 and not allow_half:
                        raise ValueError("Attempting to unscale FP16 gradients.")
                    finite = bool(_core.isfinite(grad).all())
                    grad.mul_(factor)
                    device = grad.device
                    if device not in found:
                        found[device] = _core.tensor(0.0, device=device)
                    if not finite:
                        found[device].fill_(1.0)
        return found

    def unscale_(self, optimizer: Any) -> None:
        """Divides the gradients of an optimizer's parameters by the scale, for example to clip them before the step.

        Raises:
            RuntimeError: if that was done since the last update, or the step.
            ValueError: for gradients in float16, which have no room for it.
        """
        if not self._enabled:
            return
        scale, _ = self._started("unscale_")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse = scale.double().reciprocal().float()
        state["found_inf_per_device"] = self._unscale(optimizer, inverse, False)
        state["stage"] = OptState.UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Divides the gradients unless :meth:`unscale_` did, and steps unless some are not finite.

        Args:
            optimizer: whose step
            args, kwargs: for its ``step``; no closure

        Returns:
            What ``step`` returns; None if it was skipped.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._started("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if getattr(optimizer, "_step_supports_amp_scaling", False):
            return self._step_of_unscaling(optimizer, args, kwargs)
        if state["stage"] is OptState.READY:
            self.unscale_(optimizer)
        if not state["found_inf_per_device"]:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        overflowed = any(float(found) for found in state["found_inf_per_device"].values())
        result = None if overflowed else optimizer.step(*args, **kwargs)
        state["stage"] = OptState.STEPPED
        return result

    def _step_of_unscaling(self, optimizer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The step of an optimizer that divides the gradients itself, and itself skips: it finds `grad_scale`, None where
        :meth:`unscale_` has divided them, and `found_inf`; or asks for the scaler as an argument."""
        scale, _ = self._started("step")
        state = self._per_optimizer_states[id(optimizer)]
        if "grad_scaler" in inspect.signature(optimizer.step).parameters:
            warnings.warn(
                "GradScaler is going to stop passing itself as a keyword argument to the passed optimizer. In the near "
                "future GradScaler registers `grad_scale: Tensor` and `found_inf: Tensor` to the passed optimizer and let "
                "the optimizer use them directly.",
                FutureWarning,
                stacklevel=3,
            )
            result = optimizer.step(*args, **kwargs, grad_scaler=self)
            state["stage"] = OptState.STEPPED
            return result
        if state["stage"] is OptState.READY:
            self._check_inf_per_device(optimizer)
        own = getattr(optimizer, "grad_scale", None)
        factor = scale if own is None else own * scale
        optimizer.grad_scale = None if state["stage"] is OptState.UNSCALED else factor
        optimizer.found_inf = sum(state["found_inf_per_device"].values())
        try:
            result = optimizer.step(*args, **kwargs)
        finally:
            del optimizer.grad_scale, optimizer.found_inf
        state["stage"] = OptState.STEPPED
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Changes the scale for the next iteration: by the rule, or to a given one.

        Raises:
            AssertionError: if nothing was scaled yet, or no optimizer stepped.
        """
        if not self._enabled:
            return
        scale, tracker = self._started("update")
        if new_scale is not None:
            if isinstance(new_scale, Tensor) and (new_scale.numel() != 1 or new_scale.requires_grad):
                raise AssertionError(
                    "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor "
                    "with requires_grad=False."
                )
            scale.fill_(float(new_scale))
        else:
            found = [
                inf
                for state in self._per_optimizer_states.values()
                for inf in state["found_inf_per_device"].values()
            ]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            self._follow_rule(scale, tracker, any(float(inf) for inf in found))
        self._per_optimizer_states = defaultdict(_fresh_state)

    def _follow_rule(self, scale: Tensor, tracker: Tensor, overflowed: bool) -> None:
        if overflowed:
            scale.mul_(self._backoff_factor)
            tracker.zero_()
            return
        successes = int(tracker) + 1
        if successes == self._growth_interval:
            grown = float(scale * self._growth_factor)
            if math.isfinite(grown):
                scale.fill_(grown)
            successes = 0
        tracker.fill_(successes)

    def _check_inf_per_device(self, optimizer: Any) -> dict[Any, Tensor]:
        """Says for each device whether some gradients are not finite, and leaves them as they are."""
        scale, _ = self._started("_check_inf_per_device")
        found = self._unscale(optimizer, _core.ones_like(scale), True)
        self._per_optimizer_states[id(optimizer)]["found_inf_per_device"] = found
        return found

    def _found_inf_per_device(self, optimizer: Any) -> dict[Any, Tensor]:
        return self._per_optimizer_states[id(optimizer)]["found_inf_per_device"]  # type: ignore[no-any-return]

    def get_scale(self) -> float:
        """The scale; 1 for a scaler that only passes on."""
        if not self._enabled:
            return 1.0
        return float(self._init_scale) if self._scale is None else float(self._scale)

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Sets what the scale is multiplied by when it grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by when a step is skipped."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Sets what the scale is multiplied by when a step is skipped."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many steps the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Sets after how many steps the scale grows."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._growth_tracker is None else int(self._growth_tracker)

    def is_enabled(self) -> bool:
        """Whether it scales."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale and the rule's numbers; nothing for a scaler that only passes on."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what :meth:`state_dict` gave.

        Raises:
            RuntimeError: for what a scaler gave that only passes on.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._scale is not None:
            self._start()

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        if self._enabled:
            if self._per_optimizer_states:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end "
                    "after scaler.update()."
                )
            state["_init_scale"] = self.get_scale()
            state["_init_growth_tracker"] = self._get_growth_tracker()
            state["_scale"] = state["_growth_tracker"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

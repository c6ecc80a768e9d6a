"""Adagrad."""

from __future__ import annotations

from typing import Any

import flambeau

from .._core import Tensor, _optim
from .optimizer import ParamsT, step_count
from .tensor_optimizer import TensorOptimizer, add_quotient, check_not_negative, check_rate, root_plus

__all__ = ["Adagrad"]


class Adagrad(TensorOptimizer):
    r"""Adagrad: steps scaled by the sum of all squared gradients.

    .. math::
        s \leftarrow s + g^2, \qquad
        \theta \leftarrow \theta - \frac{\gamma}{1 + (t - 1) \eta} \frac{g}{\sqrt{s} + \epsilon}

    Args:
        params: tensors, `(name, tensor)` pairs, or dictionaries that describe groups.
        lr: learning rate :math:`\gamma`.
        lr_decay: :math:`\eta`.
        weight_decay: L2 penalty.
        initial_accumulator_value: what :math:`s` starts with.
        eps: :math:`\epsilon`.
        maximize: follow the gradient upwards.
        foreach, fused: kept, and refused where PyTorch refuses them; the step is the same, for there is one implementation.
        differentiable: record the step, so that gradients flow through it to the gradients, the parameters
            before it and `lr`; the parameters must not be leaves then.

    Raises:
        ValueError: an option is out of its range.

    Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic
        optimization",
    JMLR 2011.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_rate(lr)
        check_not_negative(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        self._check_implementation()
        for group in self.param_groups:
            for param in group["params"]:
                self.state[param] = {"step": step_count(group, 0.0), **self._first_values(param, group)}

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {"sum": flambeau.full_like(param, self.defaults["initial_accumulator_value"])}

    def _state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def _step(self, tensors: list[Tensor], group: dict[str, Any]) -> int:
        return _optim.adagrad_(
            tensors,
            float(group["lr"]),
            group["lr_decay"],
            group["eps"],
            group["weight_decay"],
            group["maximize"],
        )

    def _update_param(
        self, param: Tensor, grad: Tensor, values: dict[str, Tensor], lr: Any, group: dict[str, Any]
    ) -> None:
        rate = lr / (1 + (values["step"].item() - 1) * group["lr_decay"])
        total = values["sum"].addcmul_(grad, grad)
        add_quotient(param, grad, root_plus(total, group["eps"]), -rate)

    def _update_sparse(self, params: list[Tensor], group: dict[str, Any]) -> None:
        from flambeau.sparse._coo import adagrad_step

        if group["differentiable"]:
            raise NotImplementedError("Adagrad: differentiable=True with sparse gradients")
        if group["fused"]:
            raise RuntimeError("`fused` does not support sparse grad or complex param; leave fused=False")
        for param in params:
            grad = param.grad
            if grad is None or not grad.is_sparse:
                continue
            if group["weight_decay"] != 0:
                raise RuntimeError("weight_decay option is not compatible with sparse gradients")
            values = self.state[param]
            values["step"] += 1
            rate = float(group["lr"]) / (1 + (values["step"].item() - 1) * group["lr_decay"])
            adagrad_step(param, -grad if group["maximize"] else grad, values["sum"], rate, group["eps"])

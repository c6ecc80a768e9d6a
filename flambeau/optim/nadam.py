"""NAdam."""

from __future__ import annotations

from typing import Any

import flambeau

from .._core import Tensor, _optim
from .optimizer import ParamsT, step_count
from .tensor_optimizer import (
    TensorOptimizer,
    add_quotient,
    check_betas,
    check_not_negative,
    check_rate,
    root_plus,
)

__all__ = ["NAdam"]


class NAdam(TensorOptimizer):
    r"""NAdam: Adam with Nesterov's look-ahead.

    With :math:`m` and :math:`v` as in Adam, and :math:`\mu_t = \beta_1 (1 - 0.96^{t \psi} / 2)`:

    .. math::
        \theta \leftarrow \theta - \gamma \left(
            \frac{\mu_{t+1} m}{1 - \prod_{i \le t+1} \mu_i} + \frac{(1 - \mu_t) g}{1 - \prod_{i \le t} \mu_i}
            \right)
            \Big/ \left( \sqrt{v / (1 - \beta_2^t)} + \epsilon \right)

    Args:
        params: tensors, `(name, tensor)` pairs, or dictionaries that describe groups.
        lr: learning rate :math:`\gamma`.
        betas: decay rates of the two averages.
        eps: :math:`\epsilon`.
        weight_decay: L2 penalty, or the decay per step where `decoupled_weight_decay`.
        momentum_decay: :math:`\psi`.
        decoupled_weight_decay: shrink the parameter directly, as AdamW does.
        maximize: follow the gradient upwards.
        foreach: kept, and refused with `differentiable`; the step is the same, for there is one implementation.
        capturable: refused at the first step, as PyTorch does on the CPU.
        differentiable: record the step, so that gradients flow through it to the gradients, the parameters
            before it and `lr`; the parameters must not be leaves then.

    Raises:
        ValueError: an option is out of its range.

    Source: T. Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016.
    """

    _captured = ("params, mu_products and state_steps", "params, mu_products, and state_steps")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_rate(lr)
        check_not_negative(eps=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for param in group["params"]:
                values = self.state.get(param)
                if values and not isinstance(values["mu_product"], Tensor):
                    values["mu_product"] = step_count(group, float(values["mu_product"]))

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        return {
            "mu_product": step_count(group, 1.0),
            "exp_avg": flambeau.zeros_like(param),
            "exp_avg_sq": flambeau.zeros_like(param),
        }

    def _state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("mu_product", "exp_avg", "exp_avg_sq")

    def _step(self, tensors: list[Tensor], group: dict[str, Any]) -> int:
        beta1, beta2 = group["betas"]
        return _optim.nadam_(
            tensors,
            float(group["lr"]),
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["momentum_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
        )

    def _update_param(
        self, param: Tensor, grad: Tensor, values: dict[str, Tensor], lr: Any, group: dict[str, Any]
    ) -> None:
        beta1, beta2 = group["betas"]
        step, decay = values["step"].item(), group["momentum_decay"]
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (t * decay)) for t in (step, step + 1))
        values["mu_product"] *= mu
        product = values["mu_product"].item()
        exp_avg = values["exp_avg"].lerp_(grad, 1 - beta1)
        exp_avg_sq = values["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        scale = root_plus(exp_avg_sq.div(1 - beta2**step), group["eps"])
        add_quotient(param, grad, scale, -lr * (1 - mu) / (1 - product))
        add_quotient(param, exp_avg, scale, -lr * mu_next / (1 - product * mu_next))

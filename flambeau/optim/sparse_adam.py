"""Adam for sparse gradients."""

from __future__ import annotations

from typing import Any

import flambeau

from .._core import Tensor
from .optimizer import CoreOptimizer, ParamsT

__all__ = ["SparseAdam"]


class SparseAdam(CoreOptimizer):
    r"""Adam that updates only the rows that have a gradient, and their averages.

    For the rows of the gradient :math:`g` (negated if `maximize`), at step :math:`t`:

    .. math::
        m \leftarrow m + (1 - \beta_1)(g - m), \qquad v \leftarrow v + (1 - \beta_2)(g^2 - v), \qquad
        \theta \leftarrow \theta - \gamma \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t} \frac{m}{\sqrt{v} + \epsilon}

    Rows without a gradient keep their averages, where Adam would let them decay.

    Args:
        params: tensors, `(name, tensor)` pairs, or dictionaries that describe groups.
        lr: learning rate :math:`\gamma`, a number or a tensor of one element.
        betas: :math:`(\beta_1, \beta_2)`.
        eps: :math:`\epsilon`.
        maximize: follow the gradient upwards.

    Raises:
        ValueError: a setting out of its range, or a parameter that is sparse itself.
        RuntimeError: in `step`: a gradient that is not sparse.

    Example:
        >>> import flambeau as torch
        >>> table = torch.nn.Embedding(4, 2, sparse=True)
        >>> optimizer = torch.optim.SparseAdam(table.parameters())
        >>> table(torch.tensor([1, 3])).sum().backward()
        >>> optimizer.step()

    Source: Kingma and Ba, Adam: a method for stochastic optimization, 2015.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 < lr:
            raise ValueError(
                f"Invalid learning rate: {lr}; it must be above 0, and maximize=True goes upwards"
            )
        if not 0.0 < eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        sparse = [
            [number, i]
            for number, group in enumerate(self.param_groups)
            for i, param in enumerate(group["params"])
            if param.is_sparse
        ]
        if sparse:
            raise ValueError(
                f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors"
            )

    def _update_group(self, group: dict[str, Any]) -> None:
        for param in group["params"]:
            if param.grad is None:
                continue
            if not param.grad.is_sparse:
                raise RuntimeError(
                    "SparseAdam does not support dense gradients, please consider Adam instead"
                )
            self._update_param(param, param.grad.coalesce(), group)

    def _update_param(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state = self.state[param]
        if not state:
            state["step"] = 0
            state["exp_avg"] = flambeau.zeros_like(param)
            state["exp_avg_sq"] = flambeau.zeros_like(param)
        state["step"] += 1
        beta1, beta2 = group["betas"]
        values = -grad.values() if group["maximize"] else grad.values()
        if not values.numel():
            return
        averages = []
        for name, beta, now in (("exp_avg", beta1, values), ("exp_avg_sq", beta2, values.square())):
            before = state[name].sparse_mask(grad).values()
            change = (now - before) * (1 - beta)
            _add_at(state[name], grad, change)
            averages.append(before + change)
        mean, square = averages
        step = state["step"]
        size = float(group["lr"]) * (1 - beta2**step) ** 0.5 / (1 - beta1**step)
        _add_at(param.detach(), grad, mean / square.sqrt().add_(group["eps"]) * -size)


def _add_at(target: Tensor, places: Tensor, values: Tensor) -> None:
    target.add_(flambeau.sparse_coo_tensor(places.indices(), values, places.shape, check_invariants=False))

"""Adafactor."""

from __future__ import annotations

from typing import Any

import flambeau

from .._core import Tensor
from .optimizer import CoreOptimizer, ParamsT, step_count

__all__ = ["Adafactor"]


class Adafactor(CoreOptimizer):
    r"""Adafactor: Adam without momentum, whose squares of a matrix are kept as one row and one column.

    At step :math:`t`, with :math:`g` the gradient (negated if `maximize`) and :math:`\hat\beta_t = 1 - t^\kappa`:

    .. math::
        R \leftarrow \hat\beta_t R + (1 - \hat\beta_t) \, \overline{g^2}^{\text{ rows}}, \quad
        C \leftarrow \hat\beta_t C + (1 - \hat\beta_t) \, \overline{g^2}^{\text{ columns}}, \quad
        \hat V = \frac{R C}{\max(\overline R, \epsilon_1)}, \\
        u = \frac{g}{\sqrt{\max(\hat V, \epsilon_1^2)}}, \quad
        \theta \leftarrow (1 - \gamma \lambda) \theta - \max(\epsilon_2, \text{RMS}(\theta))
        \min(\gamma, 1 / \sqrt t) \frac{u}{\max(1, \text{RMS}(u) / d)}

    Parameters of one dimension or none keep :math:`V`, the average of :math:`g^2`, itself.

    Args:
        params: tensors, `(name, tensor)` pairs, or dictionaries that describe groups.
        lr: highest relative rate :math:`\gamma`, a number or a tensor of one element.
        beta2_decay: :math:`\kappa`, not positive.
        eps: :math:`\epsilon_1` (None: the machine epsilon of the parameter's type) and :math:`\epsilon_2`.
        d: :math:`d`, above which the size of an update is cut off.
        weight_decay: :math:`\lambda`.
        foreach: checked and kept, without effect: there is one implementation.
        maximize: follow the gradient upwards.

    Raises:
        ValueError: an option is out of its range.
        RuntimeError: at the first step, a parameter is complex, or a gradient sparse.

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([[4.0, -2.0]], requires_grad=True)
        >>> optimizer = torch.optim.Adafactor([x], lr=0.1)
        >>> for _ in range(300):
        ...     optimizer.zero_grad()
        ...     (x - 1).square().sum().backward()
        ...     optimizer.step()
        >>> (x - 1).abs().max().item() < 0.2
        True

    Source: N. Shazeer, M. Stern, "Adafactor: adaptive learning rates with sublinear memory cost", ICML 2018.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 >= beta2_decay:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        for i, value in enumerate(eps, 1):
            if value is not None and not 0.0 <= value:
                raise ValueError(f"epsilon{i} should be >= 0 but is: {value}")
        if not 1.0 <= d:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
        self._restore_step_counts()

    def _update_group(self, group: dict[str, Any]) -> None:
        with flambeau.no_grad():
            for param in group["params"]:
                if param.grad is not None:
                    self._update_param(param, param.grad, group)

    def _update_param(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        if grad.is_sparse:
            raise RuntimeError("Adafactor does not support sparse gradients")
        if param.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        values = self.state[param] or self._start(param, grad, group)
        values["step"] += 1
        step, lr = values["step"].item(), float(group["lr"])
        if group["maximize"]:
            grad = -grad
        least, least_size = group["eps"]
        if least is None:
            least = flambeau.finfo(param.dtype).eps
        share, count = step ** group["beta2_decay"], max(1, param.numel())
        size = max(least_size, param.norm().item() / count**0.5)
        if group["weight_decay"] != 0:
            param.mul_(1 - lr * group["weight_decay"])
        squares = grad.square()
        if grad.dim() > 1:
            rows = values["row_var"].lerp_(squares.mean(-1, keepdim=True), share)
            columns = values["col_var"].lerp_(squares.mean(-2, keepdim=True), share)
            # The product of a column and a row, without a matrix product's overhead.
            variance = (rows / rows.mean(-2, keepdim=True).clamp_(min=least)) * columns
        else:
            variance = values["variance"].lerp_(squares, share).clone()
        update = variance.clamp_(min=least * least).rsqrt_().mul_(grad)
        cut = max(1.0, update.norm().item() / (count**0.5 * group["d"]))
        param.add_(update, alpha=-size * min(lr, step**-0.5) / cut)

    def _start(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> dict[str, Tensor]:
        values: dict[str, Tensor] = self.state[param]
        values["step"] = step_count(group, 0.0)
        if grad.dim() > 1:
            values["row_var"] = grad.new_zeros((*grad.shape[:-1], 1))
            values["col_var"] = grad.new_zeros((*grad.shape[:-2], 1, grad.shape[-1]))
        else:
            values["variance"] = flambeau.zeros_like(grad)
        return values

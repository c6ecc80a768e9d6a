"""Muon."""

from __future__ import annotations

from typing import Any

import flambeau

from .._core import Tensor
from .optimizer import CoreOptimizer, ParamsT

__all__ = ["Muon"]

_MOST_STEPS = 100


class Muon(CoreOptimizer):
    r"""Muon: momentum whose matrix is replaced by the nearest orthogonal one, for weights of two dimensions.

    .. math::
        B \leftarrow \mu B + (1 - \mu) G, \qquad
        W \leftarrow (1 - \gamma \lambda) W - \gamma' \, \text{NS}(\mu B + (1 - \mu) G \text{ if nesterov, else } B)

    :math:`\text{NS}` is the Newton-Schulz iteration :math:`X \leftarrow a X + (b A + c A^2) X`, :math:`A = X X^T`, from
    :math:`X / \|X\|`, in bfloat16. :math:`\gamma' = \gamma \sqrt{\max(1, \text{rows} / \text{columns})}`, or with
    `adjust_lr_fn="match_rms_adamw"` :math:`0.2 \, \gamma \sqrt{\max(\text{rows}, \text{columns})}`, so that rates and
    decays tuned for AdamW fit. Train biases, embeddings and the last layer with another optimizer.

    Args:
        params: matrices, `(name, matrix)` pairs, or dictionaries that describe groups.
        lr: learning rate :math:`\gamma`.
        weight_decay: :math:`\lambda`.
        momentum: :math:`\mu`.
        nesterov: look ahead.
        ns_coefficients: :math:`(a, b, c)`.
        eps: least norm that a matrix is divided by.
        ns_steps: number of Newton-Schulz iterations, less than 100.
        adjust_lr_fn: None or `"original"`, or `"match_rms_adamw"`.

    Raises:
        ValueError: an option is out of its range, or a parameter is not a matrix.

    Example:
        >>> import flambeau as torch
        >>> weight = torch.eye(2, requires_grad=True)
        >>> optimizer = torch.optim.Muon([weight], lr=0.1, weight_decay=0)
        >>> (weight * torch.tensor([[2.0, 0.0], [0.0, 1.0]])).sum().backward()
        >>> optimizer.step()
        >>> weight.diagonal().lt(1).tolist()
        [True, True]

    Sources: K. Jordan, "Muon: an optimizer for hidden layers in neural networks", 2024; J. Liu et al., "Muon is scalable
        for LLM training", 2025.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 <= momentum:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(
                f"Adjust learning rate function {adjust_lr_fn} is not supported; 'original' and 'match_rms_adamw' are"
            )
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                if param.dim() != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {param.size()}; "
                        "train it with AdamW"
                    )

    def _update_group(self, group: dict[str, Any]) -> None:
        with flambeau.no_grad():
            for param in group["params"]:
                if param.grad is not None:
                    self._update_param(param, param.grad, group)

    def _update_param(self, param: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        if param.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        if grad.is_sparse:
            raise RuntimeError("Muon does not support sparse gradients")
        values = self.state[param]
        if not values:
            values["momentum_buffer"] = flambeau.zeros_like(grad)
        momentum, lr = group["momentum"], float(group["lr"])
        average = values["momentum_buffer"].lerp_(grad, 1 - momentum)
        update = grad.lerp(average, momentum) if group["nesterov"] else average
        update = _orthogonal(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = param.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            size = 0.2 * max(rows, columns) ** 0.5
        else:
            size = max(1, rows / columns) ** 0.5
        param.mul_(1 - lr * group["weight_decay"])
        param.add_(update, alpha=-lr * size)


def _orthogonal(matrix: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """The Newton-Schulz iteration: singular values of a matrix go towards one, in bfloat16."""
    if steps >= _MOST_STEPS:
        raise ValueError("Number of steps must be less than 100 for computational efficiency; 5 are enough")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    x = matrix.bfloat16()
    is_tall = x.size(0) > x.size(1)
    if is_tall:
        x = x.t()  # the products are those of the shorter side
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.t()
        x = flambeau.addmm(x, flambeau.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.t() if is_tall else x

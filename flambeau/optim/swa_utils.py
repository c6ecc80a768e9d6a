"""Averages of a model's parameters over training, and the schedule that goes with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any, TypeAlias

import flambeau

from .._core import Tensor
from ..nn import Module
from ..nn.modules.batchnorm import _BatchNorm
from .lr_scheduler.scheduler import LRScheduler, Rates, per_group
from .optimizer import Optimizer

__all__ = [
    "AveragedModel", "SWALR", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn",
    "get_swa_multi_avg_fn", "update_bn",
]  # fmt: skip

# The average, the model's value, and how many are averaged already: the new average.
AverageFunction: TypeAlias = Callable[[Tensor, Tensor, Any], Any]
# The same for lists, in place.
ListAverageFunction: TypeAlias = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_avg_fn(decay: float = 0.999) -> AverageFunction:
    r"""The exponential average: :math:`a \leftarrow \text{decay} \cdot a + (1 - \text{decay}) \cdot p`."""
    _check_decay(decay)

    @flambeau.no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> ListAverageFunction:
    """:func:`get_ema_avg_fn` for lists of tensors, in place."""
    _check_decay(decay)

    @flambeau.no_grad()
    def ema_update(
        ema_param_list: Sequence[Tensor], current_param_list: Sequence[Tensor], num_averaged: Any
    ) -> None:
        for average, param in zip(ema_param_list, current_param_list, strict=True):
            if average.is_floating_point() or average.is_complex():
                average.lerp_(param, 1 - decay)
            else:
                average.copy_(average * decay + param * (1 - decay))

    return ema_update


def get_swa_avg_fn() -> AverageFunction:
    r"""The plain average: :math:`a \leftarrow a + (p - a) / (n + 1)`."""

    @flambeau.no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_swa_multi_avg_fn() -> ListAverageFunction:
    """:func:`get_swa_avg_fn` for lists of tensors, in place."""

    @flambeau.no_grad()
    def swa_update(
        averaged_param_list: Sequence[Tensor], current_param_list: Sequence[Tensor], num_averaged: Any
    ) -> None:
        share = 1 / (float(num_averaged) + 1)
        for average, param in zip(averaged_param_list, current_param_list, strict=True):
            if average.is_floating_point() or average.is_complex():
                average.lerp_(param, share)
            else:
                average.copy_(average + (param - average) * share)

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are the average of those it is updated with.

    Args:
        model: the model; it is copied.
        device: where the copy is moved.
        avg_fn: the average of one parameter; default: the plain one, :func:`get_swa_avg_fn`.
        multi_avg_fn: in its place, the average of lists of parameters, in place.
        use_buffers: whether to average buffers, too; otherwise they are those of the model updated with last.

    Example:
        >>> import flambeau as torch
        >>> model = torch.nn.Linear(1, 1, bias=False)
        >>> averaged = torch.optim.swa_utils.AveragedModel(model)
        >>> for value in (1.0, 2.0, 6.0):
        ...     _ = torch.nn.init.constant_(model.weight, value)
        ...     averaged.update_parameters(model)
        >>> averaged.module.weight.item()
        3.0

    Source: P. Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018.
    """

    n_averaged: Tensor
    module: Module

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: AverageFunction | None = None,
        multi_avg_fn: ListAverageFunction | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", flambeau.tensor(0, dtype=flambeau.long, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the averaged copy."""
        return self.module(*args, **kwargs)

    def _averaged(self, model: Module) -> list[Tensor]:
        params: list[Tensor] = list(model.parameters())
        return params + list(model.buffers()) if self.use_buffers else params

    def update_parameters(self, model: Module) -> None:
        """Takes the model's present parameters into the average."""
        averages = [average.detach() for average in self._averaged(self.module)]
        params = [
            param.detach().to(average.device)
            for average, param in zip(averages, self._averaged(model), strict=True)
        ]
        if self.n_averaged == 0:
            for average, param in zip(averages, params, strict=True):
                average.copy_(param)
        elif self.multi_avg_fn is not None:
            self.multi_avg_fn(averages, params, self.n_averaged)
        else:
            function = get_swa_avg_fn() if self.avg_fn is None else self.avg_fn
            for average, param in zip(averages, params, strict=True):
                average.copy_(function(average, param, self.n_averaged.to(average.device)))
        if not self.use_buffers:
            for copied, buffer in zip(self.module.buffers(), model.buffers(), strict=True):
                copied.detach().copy_(buffer.detach())
        self.n_averaged += 1


@flambeau.no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Computes the running statistics of batch normalisations anew, over all batches of a loader.

    Args:
        loader: batches, or lists and tuples whose first element is one.
        model: what holds the normalisations; it is called with every batch.
        device: where batches are moved first.
    """
    norms = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    if not norms:
        return
    was_training = model.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all batches
    model.train()
    for batch in loader:
        if isinstance(batch, (list, tuple)):
            batch = batch[0]
        model(batch if device is None else batch.to(device))
    for norm, momentum in norms.items():
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    r"""Moves the rate to a constant one over some epochs, and leaves it there.

    With :math:`t` the share of the epochs, :math:`\gamma = \alpha \gamma_{swa} + (1 - \alpha) \gamma_0`, where
    :math:`\alpha` is :math:`t` or :math:`(1 - \cos \pi t) / 2`.

    Args:
        optimizer: whose groups' `"lr"` is set.
        swa_lr: the rate to come to, or one for each group.
        anneal_epochs: over how many epochs.
        anneal_strategy: `"cos"` or `"linear"`.
        last_epoch: the epoch to go on from.

    Raises:
        ValueError: an option is out of its range.

    Example:
        >>> import flambeau as torch
        >>> optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.3)
        >>> schedule = torch.optim.swa_utils.SWALR(optimizer, 0.1, anneal_epochs=2, anneal_strategy="linear")
        >>> for _ in range(3):
        ...     optimizer.step()
        ...     schedule.step()
        ...     print(round(optimizer.param_groups[0]["lr"], 2))
        0.2
        0.1
        0.1
    """

    anneal_epochs: int
    _anneal_strategy: str

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        for group, rate in zip(optimizer.param_groups, per_group("swa_lr", optimizer, swa_lr), strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """The final rate's share after so many steps."""
        t = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> Rates:
        """Moves the present rates on: the initial one follows from the present one and its share."""
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, share = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            final = group["swa_lr"]
            initial = final if before == 1 else (group["lr"] - before * final) / (1 - before)
            rates.append(final * share + initial * (1 - share))
        return rates

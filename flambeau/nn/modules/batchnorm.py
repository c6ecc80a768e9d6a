"""Layers that normalise over batches and instances, and keep statistics of what they have seen."""

from __future__ import annotations

import warnings
from typing import Any

from ... import _core
from ..._core import Tensor
from .. import functional as F
from ..parameter import UninitializedBuffer, UninitializedParameter
from .lazy import LazyModuleMixin
from .module import Module
from .normalization import _Scaling

__all__ = [
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d",
    "LazyInstanceNorm3d", "SyncBatchNorm",
]  # fmt: skip


class _Norm(_Scaling):
    """Parameters and statistics of ``num_features`` channels."""

    _version = 2
    num_features: int
    eps: float
    momentum: float | None
    affine: bool
    track_running_stats: bool
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
        bias: bool,
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        if track_running_stats:
            self.register_buffer("running_mean", _core.zeros(num_features, device=device, dtype=dtype))
            self.register_buffer("running_var", _core.ones(num_features, device=device, dtype=dtype))
            self.register_buffer("num_batches_tracked", _core.tensor(0, dtype=_core.int64, device=device))
        else:
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                self.register_buffer(name, None)
        self._make_parameters((num_features,), affine, affine and bias, device=device, dtype=dtype)

    def reset_running_stats(self) -> None:
        """Forgets what was seen: mean 0, variance 1."""
        if self.track_running_stats:
            self.running_mean.zero_()  # type: ignore[union-attr]
            self.running_var.fill_(1)  # type: ignore[union-attr]
            self.num_batches_tracked.zero_()  # type: ignore[union-attr]

    def reset_parameters(self) -> None:
        """Sets factors to 1 and summands to 0, and forgets the statistics."""
        self.reset_running_stats()
        super().reset_parameters()

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *arguments: Any
    ) -> None:
        # Version 1, before batches were counted.
        if local_metadata.get("version") is None or local_metadata["version"] < 2:
            key = prefix + "num_batches_tracked"
            if self.track_running_stats and key not in state_dict:
                count = self.num_batches_tracked
                known = count is not None and count.device.type != "meta"
                state_dict[key] = count if known else _core.tensor(0, dtype=_core.int64)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *arguments)

    def extra_repr(self) -> str:
        """The channels and the options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Norm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-05,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def _check_input_dim(self, input: Tensor) -> None:
        raise NotImplementedError(f"{type(self).__name__} does not define _check_input_dim")

    def forward(self, input: Tensor) -> Tensor:
        """Normalises the input."""
        self._check_input_dim(input)
        share = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                share = 1.0 / float(self.num_batches_tracked)
        of_batch = self.training or (self.running_mean is None and self.running_var is None)
        used = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if used else None,
            self.running_var if used else None,
            self.weight,
            self.bias,
            of_batch,
            share,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    r"""Normalises every channel over a batch: :math:`y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta`.

    In training, :math:`\mu` and :math:`\sigma^2` are the batch's, and the running mean and (unbiased)
    variance move towards them; in evaluation the running ones are taken.

    Args:
        num_features: the channels.
        eps: :math:`\epsilon`.
        momentum: the share of the new batch in the running statistics; None: the mean of all batches.
        affine: whether there are :math:`\gamma` and :math:`\beta`, from 1 and 0.
        track_running_stats: whether there are running statistics; without, the batch's are always taken.
        device, dtype: of parameters and statistics.
        bias: whether there is :math:`\beta`.

    Shape:
        Input and output ``(N, C)`` or ``(N, C, L)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.BatchNorm1d(1)(torch.tensor([[1.0], [3.0]])).round().tolist()
        [[-1.0], [1.0]]

    Source: Ioffe and Szegedy, "Batch normalization", 2015.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() not in (2, 3):
            raise ValueError(f"expected 2D or 3D input (got {input.dim()}D input)")


class BatchNorm2d(_BatchNorm):
    r"""Normalises every channel of images over a batch: :math:`y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta`.

    Args:
        num_features: the channels.
        eps, momentum, affine, track_running_stats, device, dtype, bias: as those of :class:`BatchNorm1d`.

    Shape:
        Input and output ``(N, C, H, W)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.BatchNorm2d(1)(torch.tensor([[[[1.0, 3.0]]]])).round().tolist()
        [[[[-1.0, 1.0]]]]

    Source: Ioffe and Szegedy, "Batch normalization", 2015.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() != 4:
            raise ValueError(f"expected 4D input (got {input.dim()}D input)")


class BatchNorm3d(_BatchNorm):
    r"""Normalises every channel of volumes over a batch: :math:`y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta`.

    Args:
        num_features: the channels.
        eps, momentum, affine, track_running_stats, device, dtype, bias: as those of :class:`BatchNorm1d`.

    Shape:
        Input and output ``(N, C, D, H, W)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.BatchNorm3d(1)(torch.tensor([[[[[1.0, 3.0]]]]])).round().tolist()
        [[[[[-1.0, 1.0]]]]]

    Source: Ioffe and Szegedy, "Batch normalization", 2015.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() != 5:
            raise ValueError(f"expected 5D input (got {input.dim()}D input)")


class SyncBatchNorm(_BatchNorm):
    r"""Normalises every channel over a batch that several processes share; in a single process it is :class:`BatchNorm1d`.

    Args:
        num_features, eps, momentum, affine, track_running_stats: as those of :class:`BatchNorm1d`.
        process_group: the processes that share a batch; there is only this one.
        device, dtype, bias: as those of :class:`BatchNorm1d`.

    Shape:
        Input and output ``(N, C, ...)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.SyncBatchNorm(2)(torch.ones(3, 2, 4)).shape
        torch.Size([3, 2, 4])

    Source: Ioffe and Szegedy, "Batch normalization", 2015.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-05,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")
        if input.size(1) == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """Replaces every batch normalisation in a module by one of this class, with its parameters and statistics.

        Args:
            module: changed in place, unless it is itself a batch normalisation.
            process_group: the processes that share a batch.

        Returns:
            The module, or what stands for it.

        Example:
            >>> import flambeau as torch
            >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
            >>> type(torch.nn.SyncBatchNorm.convert_sync_batchnorm(net)[1]).__name__
            'SyncBatchNorm'
        """
        converted: Any = module
        if isinstance(module, _BatchNorm):
            converted = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
                bias=module.bias is not None,
            )
            if module.affine:
                converted.weight, converted.bias = module.weight, module.bias
            for name in ("running_mean", "running_var", "num_batches_tracked", "training"):
                setattr(converted, name, getattr(module, name))
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted  # type: ignore[no-any-return]


class _InstanceNorm(_Norm):
    image_axes: int

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-05,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalises the input."""
        unbatched = self.image_axes + 1
        if input.dim() not in (unbatched, unbatched + 1):
            raise ValueError(f"expected {unbatched}D or {unbatched + 1}D input (got {input.dim()}D input)")
        axis = input.dim() - unbatched
        if input.size(axis) != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={axis} to match num_features ({self.num_features}), but "
                    f"got: {input.size(axis)}."
                )
            warnings.warn(
                f"input's size at dim={axis} does not match num_features. You can silence this warning by "
                "not passing in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        y = F.instance_norm(
            input if axis else input.unsqueeze(0),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return y if axis else y.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    r"""Normalises every channel of every sample: :math:`y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta`.

    Args:
        num_features: the channels.
        eps: :math:`\epsilon`.
        momentum: the share of new samples in the running statistics.
        affine: whether there are :math:`\gamma` and :math:`\beta`, from 1 and 0.
        track_running_stats: whether there are running statistics, which evaluation takes.
        device, dtype: of parameters and statistics.
        bias: whether there is :math:`\beta`.

    Shape:
        Input and output ``(N, C, L)`` or ``(C, L)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.InstanceNorm1d(1, eps=0.0)(torch.tensor([[1.0, 3.0]])).tolist()
        [[-1.0, 1.0]]

    Source: Ulyanov et al., "Instance normalization", 2016.
    """

    image_axes = 1


class InstanceNorm2d(_InstanceNorm):
    r"""Normalises every channel of each of the images: :math:`y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta`.

    Args:
        num_features: the channels.
        eps, momentum, affine, track_running_stats, device, dtype, bias: as those of :class:`InstanceNorm1d`.

    Shape:
        Input and output ``(N, C, H, W)`` or ``(C, H, W)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.InstanceNorm2d(1, eps=0.0)(torch.tensor([[[1.0, 3.0]]])).tolist()
        [[[-1.0, 1.0]]]

    Source: Ulyanov et al., "Instance normalization", 2016.
    """

    image_axes = 2


class InstanceNorm3d(_InstanceNorm):
    r"""Normalises every channel of each of the volumes: :math:`y = \gamma (x - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta`.

    Args:
        num_features: the channels.
        eps, momentum, affine, track_running_stats, device, dtype, bias: as those of :class:`InstanceNorm1d`.

    Shape:
        Input and output ``(N, C, D, H, W)`` or ``(C, D, H, W)``.

    Example:
        >>> import flambeau as torch
        >>> torch.nn.InstanceNorm3d(1, eps=0.0)(torch.tensor([[[[1.0, 3.0]]]])).tolist()
        [[[[-1.0, 1.0]]]]

    Source: Ulyanov et al., "Instance normalization", 2016.
    """

    image_axes = 3


class _LazyNorm(LazyModuleMixin):
    """The number of channels comes from the first input."""

    weight: Any
    bias: Any
    running_mean: Any
    running_var: Any

    def __init__(
        self,
        eps: float = 1e-05,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False, device, dtype, bias=bias)
        self.num_features = 0
        self.affine = affine
        self.track_running_stats = track_running_stats
        made = {"device": device, "dtype": dtype}
        if affine:
            self.weight = UninitializedParameter(**made)
            if bias:
                self.bias = UninitializedParameter(**made)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(**made)
            self.running_var = UninitializedBuffer(**made)
            self.num_batches_tracked = _core.tensor(0, dtype=_core.int64, device=device)

    def reset_parameters(self) -> None:
        """Sets factors to 1 and summands to 0, and forgets the statistics, once they have shapes."""
        if not self.has_uninitialized_params() and self.num_features != 0:
            parent: Any = super()
            parent.reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:  # type: ignore[override]
        """Makes parameters and statistics for the input's second dimension.

        Args:
            input: ``(N, C, ...)``.
        """
        if self.has_uninitialized_params():
            self.num_features = input.shape[1]
            for tensor in (self.weight, self.bias, self.running_mean, self.running_var):
                if tensor is not None:
                    tensor.materialize((self.num_features,))
            self.reset_parameters()


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):  # type: ignore[misc]
    """:class:`BatchNorm1d` whose ``num_features`` the first input decides.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as those of :class:`BatchNorm1d`, but that
            parameters and statistics are there unless they are declined.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.LazyBatchNorm1d()
        >>> layer(torch.zeros(2, 3, 4)).shape
        torch.Size([2, 3, 4])
        >>> type(layer).__name__, layer.num_features
        ('BatchNorm1d', 3)
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):  # type: ignore[misc]
    """:class:`BatchNorm2d` whose ``num_features`` the first input decides.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as those of :class:`BatchNorm2d`, but that
            parameters and statistics are there unless they are declined.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.LazyBatchNorm2d()
        >>> layer(torch.zeros(2, 3, 4, 4)).shape
        torch.Size([2, 3, 4, 4])
        >>> type(layer).__name__, layer.num_features
        ('BatchNorm2d', 3)
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):  # type: ignore[misc]
    """:class:`BatchNorm3d` whose ``num_features`` the first input decides.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as those of :class:`BatchNorm3d`, but that
            parameters and statistics are there unless they are declined.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.LazyBatchNorm3d()
        >>> layer(torch.zeros(2, 3, 4, 4, 4)).shape
        torch.Size([2, 3, 4, 4, 4])
        >>> type(layer).__name__, layer.num_features
        ('BatchNorm3d', 3)
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):  # type: ignore[misc]
    """:class:`InstanceNorm1d` whose ``num_features`` the first input decides.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as those of :class:`InstanceNorm1d`, but that
            parameters and statistics are there unless they are declined.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.LazyInstanceNorm1d()
        >>> layer(torch.zeros(2, 3, 4)).shape
        torch.Size([2, 3, 4])
        >>> type(layer).__name__, layer.num_features
        ('InstanceNorm1d', 3)
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):  # type: ignore[misc]
    """:class:`InstanceNorm2d` whose ``num_features`` the first input decides.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as those of :class:`InstanceNorm2d`, but that
            parameters and statistics are there unless they are declined.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.LazyInstanceNorm2d()
        >>> layer(torch.zeros(2, 3, 4, 4)).shape
        torch.Size([2, 3, 4, 4])
        >>> type(layer).__name__, layer.num_features
        ('InstanceNorm2d', 3)
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):  # type: ignore[misc]
    """:class:`InstanceNorm3d` whose ``num_features`` the first input decides.

    Args:
        eps, momentum, affine, track_running_stats, device, dtype, bias: as those of :class:`InstanceNorm3d`, but that
            parameters and statistics are there unless they are declined.

    Example:
        >>> import flambeau as torch
        >>> layer = torch.nn.LazyInstanceNorm3d()
        >>> layer(torch.zeros(2, 3, 4, 4, 4)).shape
        torch.Size([2, 3, 4, 4, 4])
        >>> type(layer).__name__, layer.num_features
        ('InstanceNorm3d', 3)
    """

    cls_to_become = InstanceNorm3d

"""The answers about CUDA of a build that has none.

Questions are answered (there is no GPU, nothing is allocated on one), seeds are taken and kept by nobody, as by
PyTorch's builds without CUDA, and whatever would need a GPU raises AssertionError.

>>> import flambeau as torch
>>> torch.device("cuda" if torch.cuda.is_available() else "cpu")
device(type='cpu')
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from flambeau import _core
from flambeau._absent import device_count as device_count
from flambeau._absent import empty_cache as empty_cache
from flambeau._absent import get_arch_list as get_arch_list
from flambeau._absent import get_rng_state_all as get_rng_state_all
from flambeau._absent import is_available as is_available
from flambeau._absent import is_bf16_supported as is_bf16_supported
from flambeau._absent import is_initialized as is_initialized
from flambeau._absent import manual_seed as manual_seed
from flambeau._absent import manual_seed_all as manual_seed_all
from flambeau._absent import max_memory_allocated as max_memory_allocated
from flambeau._absent import max_memory_reserved as max_memory_reserved
from flambeau._absent import memory_allocated as memory_allocated
from flambeau._absent import memory_reserved as memory_reserved
from flambeau._absent import memory_stats as memory_stats
from flambeau._absent import seed as seed
from flambeau._absent import seed_all as seed_all
from flambeau._exceptions import AcceleratorError as AcceleratorError
from flambeau._exceptions import OutOfMemoryError as OutOfMemoryError
from flambeau._missing import dummy, refusing
from flambeau._submodules import submodules

_MODULES = ("amp", "nvtx")
_NO_CUDA = "Torch not compiled with CUDA enabled"
_NO_NVML = "nvidia-ml-py does not seem to be installed or it can't be imported."

has_half = True
has_magma = False
default_generators: tuple[_core.Generator, ...] = ()


# ---- what there is: nothing


def is_tf32_supported() -> bool:
    """Whether the GPU computes with TF32: False, there is none."""
    return False


def get_gencode_flags() -> str:
    """The compiler's flags for the architectures: none."""
    return ""


def list_gpu_processes(device: Any = None) -> str:
    """The processes that use a GPU: cannot be asked for without NVIDIA's management library."""
    return "pynvml module not found, please install nvidia-ml-py"


# ---- seeds: for the GPUs that are there, which is none


def set_rng_state(new_state: _core.Tensor, device: Any = "cuda") -> None:
    """Sets the state of a GPU's generator, if there is one."""
    new_state.clone()


def set_rng_state_all(new_states: Iterable[_core.Tensor]) -> None:
    """Sets the states of all GPUs' generators, of which there are none."""
    for state in new_states:
        set_rng_state(state)


# ---- memory: none is taken


def memory_cached(device: Any = None) -> int:
    """The former name of :func:`memory_reserved`."""
    warnings.warn(
        "`torch.cuda.memory_cached` has been renamed to `torch.cuda.memory_reserved`",
        FutureWarning,
        stacklevel=2,
    )
    return 0


def max_memory_cached(device: Any = None) -> int:
    """The former name of :func:`max_memory_reserved`."""
    warnings.warn(
        "`torch.cuda.max_memory_cached` has been renamed to `torch.cuda.max_memory_reserved`",
        FutureWarning,
        stacklevel=2,
    )
    return 0


def memory_stats_as_nested_dict(device: Any = None) -> dict[str, Any]:
    """Figures of the allocator of a GPU: none."""
    return {}


def host_memory_stats() -> OrderedDict[str, Any]:
    """Figures of the allocator of pinned memory: none."""
    return OrderedDict()


def host_memory_stats_as_nested_dict() -> dict[str, Any]:
    """Figures of the allocator of pinned memory: none."""
    return {}


# ---- blocks that choose a device or stream: doing so without a GPU does nothing, as in PyTorch


class device:
    """A block on a GPU; without one, an ordinary block.

    Args:
        device: what to choose; None and negative numbers choose nothing

    Raises:
        ValueError: for a device of another type.
        AssertionError: on entering the block, if a GPU is chosen.
    """

    def __init__(self, device: Any) -> None:
        self.idx = _index(device)
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx >= 0:
            raise AssertionError(_NO_CUDA)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class device_of(device):
    """A block on the GPU of a tensor; for a tensor that is on none, an ordinary block."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.get_device() if obj.is_cuda else -1)


class StreamContext:
    """A block on a stream of a GPU; without one, an ordinary block."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def stream(stream: Any) -> StreamContext:
    """A block on a stream of a GPU; without one, an ordinary block."""
    return StreamContext(stream)


def _index(device: Any) -> int:
    """The number of a GPU; -1 for no choice."""
    if device is None:
        return -1
    if isinstance(device, int):
        return device
    found = _core.device(device)
    if found.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {found}")
    return 0 if found.index is None else found.index


# ---- what needs a GPU

Stream = dummy(__name__, "Stream", RuntimeError, "torch.cuda.Stream requires CUDA support")
ExternalStream = dummy(__name__, "ExternalStream", RuntimeError, "torch.cuda.Stream requires CUDA support")
for _name in ("Event", "CUDAGraph", "MemPool", "_CudaDeviceProperties"):
    globals()[_name] = dummy(__name__, _name, RuntimeError, f"Tried to instantiate dummy base class {_name}")
for _name in ("Bool", "Byte", "Char", "Short", "Int", "Long", "Half", "BFloat16", "Float", "Double"):
    globals()[f"{_name}Tensor"] = dummy(
        __name__,
        f"{_name}Tensor",
        TypeError,
        f"type torch.cuda.{_name}Tensor not available. Torch not compiled with CUDA enabled.",
    )
    globals()[f"{_name}Storage"] = dummy(__name__, f"{_name}Storage", AssertionError, _NO_CUDA)
for _name in ("clock_rate", "device_memory_used", "memory_usage", "power_draw", "temperature", "utilization"):
    globals()[_name] = refusing(__name__, _name, ModuleNotFoundError, _NO_NVML)
for _name in (
    "caching_allocator_alloc",
    "caching_allocator_delete",
    "can_device_access_peer",
    "change_current_allocator",
    "cudart",
    "current_blas_handle",
    "current_device",
    "current_solver_handle",
    "current_stream",
    "default_stream",
    "get_allocator_backend",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_per_process_memory_fraction",
    "get_rng_state",
    "get_stream_from_external",
    "get_sync_debug_mode",
    "graph",
    "graph_pool_handle",
    "init",
    "initial_seed",
    "ipc_collect",
    "is_current_stream_capturing",
    "make_graphed_callables",
    "mem_get_info",
    "memory_snapshot",
    "memory_summary",
    "reset_accumulated_host_memory_stats",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_host_memory_stats",
    "reset_peak_memory_stats",
    "set_device",
    "set_per_process_memory_fraction",
    "set_stream",
    "set_sync_debug_mode",
    "synchronize",
    "use_mem_pool",
):
    globals()[_name] = refusing(__name__, _name, AssertionError, _NO_CUDA)
del _name


__getattr__ = submodules(__name__, _MODULES)

"""The answers about Intel's GPUs of a build that does not use them."""

from __future__ import annotations

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
from flambeau._missing import dummy, refusing

_NO_XPU = "Torch not compiled with XPU enabled"

default_generators: tuple[_core.Generator, ...] = ()


for _name in ("Event", "Stream"):
    globals()[_name] = dummy(__name__, _name, RuntimeError, f"Tried to instantiate dummy base class {_name}")
for _name in (
    "current_device",
    "current_stream",
    "get_device_capability",
    "get_device_name",
    "get_device_properties",
    "get_rng_state",
    "init",
    "initial_seed",
    "mem_get_info",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
    "set_device",
    "set_rng_state",
    "set_stream",
    "synchronize",
):
    globals()[_name] = refusing(__name__, _name, AssertionError, _NO_XPU)
del _name

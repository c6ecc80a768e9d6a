"""The answers about Apple's GPUs of a build that does not use them."""

from __future__ import annotations

from flambeau._absent import device_count as device_count
from flambeau._absent import is_available as is_available
from flambeau._absent import manual_seed as manual_seed
from flambeau._missing import refusing

_ASKED = {
    "compile_shader": "compileShader",
    "current_allocated_memory": "getCurrentAllocatedMemory",
    "driver_allocated_memory": "getDriverAllocatedMemory",
    "empty_cache": "emptyCache",
    "get_rng_state": "getDefaultGenerator",
    "recommended_max_memory": "getRecommendedMaxMemory",
    "seed": "getDefaultGenerator",
    "set_per_process_memory_fraction": "setMemoryFraction",
    "set_rng_state": "getDefaultGenerator",
    "synchronize": "deviceSynchronize",
}
for _name, _asked in _ASKED.items():
    globals()[_name] = refusing(
        __name__, _name, RuntimeError, f"Cannot execute {_asked}() without MPS backend."
    )
del _name, _asked

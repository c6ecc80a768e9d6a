"""The answers about Meta's accelerators of a build that does not use them."""

from __future__ import annotations

from flambeau._absent import device_count as device_count
from flambeau._absent import is_available as is_available
from flambeau._absent import is_initialized as is_initialized
from flambeau._absent import manual_seed as manual_seed
from flambeau._absent import manual_seed_all as manual_seed_all
from flambeau._absent import max_memory_allocated as max_memory_allocated
from flambeau._absent import memory_allocated as memory_allocated
from flambeau._missing import refusing

_ASKED = {
    "current_device": "getCurrentDevice",
    "current_stream": "getCurrentDevice",
    "set_device": "setCurrentDevice",
    "synchronize": "getCurrentDevice",
}
for _name, _asked in _ASKED.items():
    globals()[_name] = refusing(
        __name__, _name, RuntimeError, f"Cannot execute {_asked}() without MTIA backend."
    )
del _name, _asked

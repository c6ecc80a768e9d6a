"""How batches are put together, and who fetches them."""

from . import collate, fetch, worker

__all__ = ["collate", "fetch", "worker"]

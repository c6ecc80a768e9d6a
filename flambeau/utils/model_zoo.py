"""The former place of :mod:`torch.hub`'s functions for files by URL."""

from flambeau.hub import load_state_dict_from_url as load_url

__all__ = ["load_url"]

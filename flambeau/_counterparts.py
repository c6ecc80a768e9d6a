"""PyTorch's names of packages and ours."""

from __future__ import annotations

# What a program imports, and the package that stands in for it.
COUNTERPARTS = {"torch": "flambeau", "torchvision": "flambeau.vision"}


def own_name(name: str) -> str | None:
    """`flambeau.nn.functional` for `torch.nn.functional`, None for a name that is not ours to answer."""
    top, dot, rest = name.partition(".")
    return None if top not in COUNTERPARTS else COUNTERPARTS[top] + dot + rest


def public_name(name: str) -> str:
    """`torch.nn.functional` for `flambeau.nn.functional`; other names stay what they are."""
    for public, own in sorted(COUNTERPARTS.items(), key=lambda pair: -len(pair[1])):
        if name == own or name.startswith(own + "."):
            return public + name.removeprefix(own).removeprefix("._core")
    return name

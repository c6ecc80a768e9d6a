"""PyTorch's names of packages, modules and classes, and ours."""

from __future__ import annotations

from typing import Any

# What a program imports, and the package that stands in for it.
COUNTERPARTS = {"torch": "flambeau", "torchvision": "flambeau.vision"}
# Modules of PyTorch whose classes stand in another module here.
_MOVED = {
    "torch.nn.modules.channelshuffle": "flambeau.nn.modules.padding",
    "torch.nn.modules.instancenorm": "flambeau.nn.modules.batchnorm",
    "torch.nn.modules.pixelshuffle": "flambeau.nn.modules.padding",
}
_MOVED_CLASSES = {
    "ChannelShuffle": "torch.nn.modules.channelshuffle",
    "InstanceNorm1d": "torch.nn.modules.instancenorm",
    "InstanceNorm2d": "torch.nn.modules.instancenorm",
    "InstanceNorm3d": "torch.nn.modules.instancenorm",
    "PixelShuffle": "torch.nn.modules.pixelshuffle",
    "PixelUnshuffle": "torch.nn.modules.pixelshuffle",
}
# Modules of PyTorch that are packages here.
_SPLIT = ("torch.nn.functional", "torch.optim.lr_scheduler", "torch.serialization")


def own_name(name: str) -> str | None:
    """`flambeau.nn.functional` for `torch.nn.functional`, None for a name that is not ours to answer."""
    if name in _MOVED:
        return _MOVED[name]
    top, dot, rest = name.partition(".")
    return None if top not in COUNTERPARTS else COUNTERPARTS[top] + dot + rest


def public_name(name: str) -> str:
    """`torch.nn.functional` for `flambeau.nn.functional`; other names stay what they are."""
    for public, own in sorted(COUNTERPARTS.items(), key=lambda pair: -len(pair[1])):
        if name == own or name.startswith(own + "."):
            return public + name.removeprefix(own).removeprefix("._core")
    return name


def public_home(obj: Any) -> str:
    """The module in which PyTorch has the counterpart of a class or function of ours; the object's own for others."""
    module: str = getattr(obj, "__module__", None) or ""
    public = public_name(module)
    if public == module:
        return module
    if public.startswith("torch.nn.modules."):
        return _MOVED_CLASSES.get(obj.__qualname__, public)
    return next((package for package in _SPLIT if public.startswith(package + ".")), public)

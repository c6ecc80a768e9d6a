"""Models in folders with a file hubconf.py, and files by URL."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import sys
import tempfile
import types
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import Request, urlopen

__all__ = [
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "set_dir",
]

_HASH = re.compile(r"-([a-f0-9]*)\.")  # resnet18-5c106cde.pth
_CHUNK = 2**17
_dir: str | None = None


def get_dir() -> str:
    """The folder for models: what :func:`set_dir` has set, else ``$TORCH_HOME/hub``, else ``~/.cache/torch/hub``."""
    if _dir is not None:
        return _dir
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", os.path.join(cache, "torch"))
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d: str | os.PathLike[str]) -> None:
    """Sets the folder for models."""
    global _dir
    _dir = os.path.expanduser(os.fspath(d))


def _entries(repo_or_dir: str, source: str) -> types.ModuleType:
    """The module hubconf.py of a folder."""
    if source not in ("github", "local"):
        raise ValueError(f'Unknown source: "{source}". Allowed values: "github" | "local".')
    if source == "github":
        raise NotImplementedError("torch.hub with source='github' is not implemented yet; use source='local'")
    path = os.path.join(repo_or_dir, "hubconf.py")
    sys.path.insert(0, str(repo_or_dir))
    try:
        spec = importlib.util.spec_from_file_location("hubconf", path)
        if spec is None or spec.loader is None:
            raise FileNotFoundError(path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(repo_or_dir))
    lacking = [name for name in getattr(module, "dependencies", ()) if importlib.util.find_spec(name) is None]
    if lacking:
        raise RuntimeError(f"Missing dependencies: {', '.join(lacking)}")
    return module


def _entry(module: types.ModuleType, name: Any) -> Any:
    if not isinstance(name, str):
        raise ValueError("Invalid input: model should be a string of function name")
    function = getattr(module, name, None)
    if function is None or not callable(function):
        raise RuntimeError(f"Cannot find callable {name} in hubconf")
    return function


def load(
    repo_or_dir: str,
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: Any = None,
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """Calls a function of a folder's hubconf.py, which makes a model.

    Args:
        repo_or_dir: the folder
        model: the function's name
        args, kwargs: its arguments
        source: 'local'; 'github' is not there yet
        trust_repo, force_reload, verbose, skip_validation: concern downloads

    Raises:
        RuntimeError: if there is no such function, or a package in hubconf's `dependencies` is missing.
        NotImplementedError: for source='github'.
    """
    return _entry(_entries(repo_or_dir, source), model)(*args, **kwargs)


def list(
    github: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: Any = None,
    verbose: bool = True,
    *,
    source: str = "github",
) -> Any:
    """The names of the functions of a folder's hubconf.py; see :func:`load` for the arguments."""
    module = _entries(github, source)
    return [name for name in dir(module) if callable(getattr(module, name)) and not name.startswith("_")]


def help(
    github: str,
    model: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: Any = None,
    *,
    source: str = "github",
) -> str | None:
    """The docstring of a function of a folder's hubconf.py; see :func:`load` for the arguments."""
    return _entry(_entries(github, source), model).__doc__


def download_url_to_file(
    url: str, dst: str | os.PathLike[str], hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Fetches a file; `dst` appears when it is whole.

    Args:
        url: where from
        dst: where to
        hash_prefix: how its SHA-256 must begin, in hexadecimal
        progress: show a bar, if tqdm is installed

    Raises:
        RuntimeError: if the hash differs.
    """
    dst = os.path.expanduser(os.fspath(dst))
    with urlopen(Request(url, headers={"User-Agent": "torch.hub"})) as answer:
        length = answer.headers.get("Content-Length")
        descriptor, partial = tempfile.mkstemp(prefix=os.path.basename(dst), dir=os.path.dirname(dst) or ".")
        try:
            digest = hashlib.sha256()
            with os.fdopen(descriptor, "wb") as file, _bar(int(length) if length else None, progress) as bar:
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    bar.update(len(chunk))
            found = digest.hexdigest()
            if hash_prefix is not None and not found.startswith(hash_prefix):
                raise RuntimeError(f'invalid hash value (expected "{hash_prefix}", got "{found}")')
            shutil.move(partial, dst)
        finally:
            Path(partial).unlink(missing_ok=True)


class _Silent:
    def __enter__(self) -> _Silent:
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def update(self, n: int) -> None:
        """Counts nothing."""


def _bar(total: int | None, progress: bool) -> Any:
    if not progress or importlib.util.find_spec("tqdm") is None:
        return _Silent()
    from tqdm import tqdm

    return tqdm(total=total, unit="B", unit_scale=True, unit_divisor=1024)


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> Any:
    """Loads what a file by URL holds, fetching it unless the folder has it.

    Args:
        url: where from
        model_dir: the folder; default: ``checkpoints`` in that of :func:`get_dir`
        map_location: see :func:`torch.load`
        progress: show a bar
        check_hash: the file's name ends with the beginning of its SHA-256, as in resnet18-5c106cde.pth: check it
        file_name: the name in the folder; default: the URL's
        weights_only: see :func:`torch.load`
    """
    from flambeau.serialization import load as load_file

    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(folder, exist_ok=True)
    name = file_name if file_name is not None else os.path.basename(urlparse(url).path)
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        sys.stderr.write(f'Downloading: "{url}" to {path}\n')
        match = _HASH.search(name) if check_hash else None
        download_url_to_file(url, path, match.group(1) if match else None, progress=progress)
    return load_file(path, map_location=map_location, weights_only=weights_only)

"""A model in a file that holds no code: saved, and loaded with its every claim checked."""

from __future__ import annotations

import io
import pickletools
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ecgnb.errors import ModelError, UsageError, plain_text
from ecgnb.files import check_values, read_bytes, written_whole
from ecgnb.models.registry import create

FORMAT = "ecgnb-model-1"

# What a file may hold: the pickle of the largest network of the course, se_ecgnet, has 67 kB and 1,700 tuples.
MAX_PICKLE, MAX_TUPLES = 150_000, 10_000
MAX_SAMPLES = 10_000  # of one beat: some layers take memory for each

PARTS = ("name", "options", "extra", "state_dict")
NAMES_IN_PICKLES = r"collections OrderedDict|torch\._utils _rebuild_tensor_v2|torch \w+Storage"


def save(model: nn.Module, path: str | Path, **extra: Any) -> None:
    """Save the weights and what is needed to build the model again.

    Parameters
    ----------
    model : nn.Module
        Made by `create`; a class of your own can be saved with ``torch.save(model.state_dict(), path)``.
    path : path
        An old file goes only when the new one is whole.
    **extra
        Numbers, short text or truth values to keep beside the weights, such as ``threshold=0.25``.

    Raises
    ------
    UsageError
        For a model that `create` did not make, a value that `load` could not read safely, or a path that cannot be
        written.
    """
    config = getattr(model, "ecgnb_config", None)
    if config is None:
        raise UsageError("only a model made by create() can be saved so that load() can build it again")
    options = {name: _plain(name, value) for name, value in config["options"].items()}
    extra = {name: _plain(name, value) for name, value in extra.items()}
    try:
        check_values("the model", options | extra)
        _check_samples("the model", options)
    except ModelError as fault:
        raise UsageError(str(fault)) from None
    content = {"format": FORMAT, "name": config["name"], "options": options, "extra": extra}
    with written_whole(path) as new:
        torch.save(content | {"state_dict": model.state_dict()}, new)


def _plain(name: str, value: Any) -> Any:
    """Return a value as Python's own type, so that a file of it can be read with no code run."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is not None and not isinstance(value, bool | int | float | str):
        raise UsageError(f"{name} is a {type(value).__name__}; a model file keeps numbers, text and truth values only")
    return value


def load(path: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """Return the model saved in a file, in evaluation mode, and the values kept beside it.

    The file is read with ``weights_only=True``: it can hold numbers, not code. Nor can it unpack to more than its size,
    hold what is endless when printed, or ask for a model larger than the weights it holds.

    Raises
    ------
    ModelError
        Where the file is absent, damaged or not one of ours.
    """
    path = Path(path)
    name = plain_text(path, 500)
    content = _unpickled(name, read_bytes(path, "a model saved by a run, such as best_model.pth"))
    if type(content) is not dict or type(content.get("format")) is not str or content["format"] != FORMAT:
        raise ModelError(f"{name} was not saved by this course; expected format {FORMAT!r}")
    if lacking := [part for part in PARTS if part not in content]:
        raise ModelError(f"{name} lacks what a saved model holds: {', '.join(lacking)}")
    check_values(name, {"name": content["name"]})
    check_values(name, content["options"])
    check_values(name, content["extra"])
    return _built(name, str(content["name"]), content["options"], content["state_dict"]), content["extra"]


def _unpickled(name: str, content: bytes) -> Any:
    """Return what an archive of PyTorch holds.

    What PyTorch reads is packed anew, so that it sees what was checked here, and no other reading of a strange archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            unpacked = sum(entry.file_size for entry in entries)
            if unpacked > len(content):  # PyTorch packs numbers as they are
                raise ModelError(
                    f"{name} has {len(content):,} bytes and unpacks to {unpacked:,}; expected a model saved by a run"
                )
            parts = {entry.filename: archive.read(entry) for entry in entries}
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for entry, part in parts.items():
                if entry.endswith(".pkl"):
                    _check_pickle(name, part)
                archive.writestr(entry, part)
        packed.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns of foreign pickles; the error below says it plainly
            return torch.load(packed, map_location="cpu", weights_only=True)
    except ModelError:
        raise
    except Exception as fault:  # zipfile and PyTorch raise whatever a file that is none happens to trip
        raise ModelError(f"{name} is not a model file that can be read safely ({type(fault).__name__})") from None


def _check_pickle(name: str, pickled: bytes) -> None:
    """Raise an error for a pickle that holds the same container twice, or more than a dictionary of weights does.

    A tuple of ten times the same tuple, and so on, is small in a file, and takes years to print or to hash. What a
    saved model repeats are texts and names alone.
    """
    texts: set[Any] = set()
    before, n_tuples = "", 0
    if len(pickled) > MAX_PICKLE:
        raise ValueError("too long")
    for code, given, _ in pickletools.genops(pickled):
        if code.name.endswith("PUT"):
            (texts.add if before in ("BINUNICODE", "GLOBAL") else texts.discard)(given)
        n_tuples += "TUPLE" in code.name
        if code.name == "DUP" or (code.name.endswith("GET") and given not in texts) or n_tuples > MAX_TUPLES:
            raise ModelError(f"{name} holds values within values where numbers or text were expected")
        if code.name == "GLOBAL" and not re.fullmatch(NAMES_IN_PICKLES, str(given)):
            raise ValueError("a name of no tensor")
        before = code.name


def _built(name: str, kind: str, options: dict[str, Any], weights: Any) -> nn.Module:
    """Return the model with its weights, or raise `ModelError` before anything larger than the file is made."""
    fault = f"{name}: its weights do not fit {plain_text(kind, 60)}"
    _check_samples(name, options)
    if not isinstance(weights, dict) or not all(type(part) is torch.Tensor for part in weights.values()):
        raise ModelError(f"{fault}: expected a tensor for each name")
    try:
        n_bytes = sum(part.nbytes for part in weights.values())
        held = {part.untyped_storage().data_ptr(): part.untyped_storage().nbytes() for part in weights.values()}
        if n_bytes > sum(held.values()):
            raise ModelError(f"{fault}: it asks for more than its file holds")
        with torch.device("meta"):  # takes no memory, whatever the file asks for
            wanted = create(kind, **options).state_dict()
        if _shapes(wanted) != _shapes(weights):
            raise ModelError(f"{fault}: other names or shapes of weights")
        model = create(kind, **options)
        model.load_state_dict(weights)
        return model.eval()
    except RuntimeError as cause:
        raise ModelError(f"{fault}: {plain_text(str(cause).strip().splitlines()[-1:])}") from None


def _check_samples(name: str, options: Mapping[str, Any]) -> None:
    n_samples = options.get("n_samples", 0)
    if not isinstance(n_samples, int) or n_samples > MAX_SAMPLES:
        given = plain_text(repr(n_samples), 60)
        raise ModelError(f"{name} reads beats of {given} samples; expected a number up to {MAX_SAMPLES:,}")


def _shapes(weights: Mapping[str, torch.Tensor]) -> dict[Any, Any]:
    return {name: (part.shape, part.is_floating_point()) for name, part in weights.items()}

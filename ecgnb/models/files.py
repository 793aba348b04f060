"""A model in a file that holds no code: saved, and loaded with its every claim checked."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ecgnb.errors import ModelError, UsageError
from ecgnb.models.registry import create

FORMAT = "ecgnb-model-1"

MAX_TEXT = 10_000  # characters of a value in a file
MAX_SAMPLES = 100_000  # of one beat, in a file: some layers take memory for each


def save(model: nn.Module, path: str | Path, **extra: Any) -> None:
    """Save the weights and what is needed to build the model again.

    Parameters
    ----------
    model : nn.Module
        Made by `create`; a class of your own can be saved with ``torch.save(model.state_dict(), path)``.
    path : path
    **extra
        Numbers, text or truth values to keep beside the weights, such as ``threshold=0.25``.

    Raises
    ------
    UsageError
        For a model that `create` did not make, or a value that `load` could not read safely.
    """
    config = getattr(model, "ecgnb_config", None)
    if config is None:
        raise UsageError("only a model made by create() can be saved so that load() can build it again")
    options = {name: _plain(name, value) for name, value in config["options"].items()}
    extra = {name: _plain(name, value) for name, value in extra.items()}
    content = {"format": FORMAT, "name": config["name"], "options": options, "extra": extra}
    torch.save(content | {"state_dict": model.state_dict()}, path)


def _plain(name: str, value: Any) -> Any:
    """Return a value as Python's own type, so that a file of it can be read with no code run."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is not None and not isinstance(value, bool | int | float | str):
        raise UsageError(f"{name} is a {type(value).__name__}; a model file keeps numbers, text and truth values only")
    return value


def load(path: str | Path) -> tuple[nn.Module, dict[str, Any]]:
    """Return the model saved in a file, in evaluation mode, and the values kept beside it.

    The file is read with ``weights_only=True``: it can hold numbers, not code. Nor can it unpack to more than its size,
    or ask for a model larger than the weights it holds.

    Raises
    ------
    ModelError
        Where the file is absent, damaged or not one of ours.
    """
    _check_archive(Path(path))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch warns of foreign pickles; the error below says it plainly
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as fault:
        reason = "does not exist" if isinstance(fault, FileNotFoundError) else f"cannot be read: {fault.strerror}"
        raise ModelError(f"{path} {reason}; expected a model saved by a run, such as best_model.pth") from None
    except Exception as fault:  # PyTorch raises whatever a file that is none happens to trip
        raise ModelError(f"{path} is not a model file that can be read safely ({type(fault).__name__})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ModelError(f"{path} was not saved by this course; expected format {FORMAT!r}")
    _check_plain(path, content)
    try:
        weights, longest = content["state_dict"].values(), content["options"].get("n_samples", 0)
        if longest > MAX_SAMPLES or any(part.untyped_storage().nbytes() < part.nbytes for part in weights):
            raise RuntimeError(f"it asks for more than its file holds, or for beats of over {MAX_SAMPLES:,} samples")
        with torch.device("meta"):  # takes no memory, whatever the file asks for
            wanted = {
                name: part.shape for name, part in create(content["name"], **content["options"]).state_dict().items()
            }
        if wanted != {name: part.shape for name, part in content["state_dict"].items()}:
            raise RuntimeError("other names or shapes of weights")
        model = create(content["name"], **content["options"])
        model.load_state_dict(content["state_dict"])
        if not isinstance(content["extra"], dict):
            raise TypeError("extra")
        return model.eval(), content["extra"]
    except (KeyError, TypeError, AttributeError) as fault:
        raise ModelError(f"{path} lacks what a saved model holds ({type(fault).__name__}: {fault})") from None
    except RuntimeError as fault:
        raise ModelError(f"{path}: its weights do not fit {content['name']}: {str(fault).splitlines()[-1]}") from None


def _check_plain(path: str | Path, content: dict[str, Any]) -> None:
    """Raise `ModelError` for a file that holds anything but short text and numbers beside its weights.

    Nested values can be small in a file and endless when printed, so they are refused before anybody looks at them.
    """
    values = [content.get("name")]
    for part in (content.get("options"), content.get("extra")):
        values += [*part.keys(), *part.values()] if isinstance(part, dict) else []
    for value in values:
        if value is not None and type(value) not in (bool, int, float, str):
            raise ModelError(f"{path} holds a {type(value).__name__} where a number or text was expected")
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise ModelError(f"{path} holds a text of {len(value):,} characters; expected at most {MAX_TEXT:,}")


def _check_archive(path: Path) -> None:
    """Raise `ModelError` for a file that unpacks to more than its size: PyTorch packs numbers as they are."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        n_bytes = path.stat().st_size
    except Exception:  # no archive: what reads the file next says it better
        return
    if unpacked > n_bytes:
        raise ModelError(f"{path} has {n_bytes:,} bytes and unpacks to {unpacked:,}; expected a model saved by a run")

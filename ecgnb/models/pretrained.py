"""The weights that come with the package."""

from __future__ import annotations

import json
from importlib.resources import as_file, files

from torch import nn

from ecgnb.errors import ModelError, plain_text
from ecgnb.models.files import load

NO_BEATS = ("twelve_leads", "wave_unet")  # read ten seconds, mark waves, and label no beat


def pretrained_names() -> list[str]:
    """Return the names of the networks that label beats; `load_pretrained` takes those of `NO_BEATS`, too."""
    folder = files("ecgnb.models").joinpath("weights")
    there = folder.iterdir() if folder.is_dir() else iter(())
    names = {entry.name.removesuffix(".pth") for entry in there if entry.name.endswith(".pth")}
    return sorted(names - {*NO_BEATS})


def load_pretrained(name: str) -> nn.Module:
    """Return a model with the weights that come with the package, in evaluation mode.

    Its attribute `saved_values` says how the beats it expects were cut; the model card beside the weights says what it
    was trained on, how well it does, and what it must not be used for.

    Parameters
    ----------
    name : str
        "beat_sequence": lesson 06's network of whole recordings, trained on both leads of DS1 without record 201 and of
        svdb; "beat_sequence_causal": the same for streams; "cnn_lstm": lesson 02's network of single beats, trained on
        DS1 without record 201; "wave_unet": lesson 08's network that marks P, QRS and T, trained on 120 patients of
        LUDB; "twelve_leads": the network of ten seconds of twelve leads, trained on 488 recordings of PTB-XL.

    Raises
    ------
    ModelError
        For a name that has no weights.
    """
    known = pretrained_names()
    if name not in [*known, *NO_BEATS]:
        there = f"there are some of: {', '.join(known)}" if known else "make some with: make weights"
        raise ModelError(f"there are no pretrained weights of {plain_text(name, 100)!r}; {there}")
    weights = files("ecgnb.models").joinpath("weights")
    with as_file(weights.joinpath(f"{name}.pth")) as path:
        model, values = load(path)
    certainty = weights.joinpath(f"{name}.json")  # of another run than the weights: lesson 07's
    if certainty.is_file():
        values |= json.loads(certainty.read_text(encoding="utf-8"))
    model.saved_values = values  # type: ignore[assignment]
    return model

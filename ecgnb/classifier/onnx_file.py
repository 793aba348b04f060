"""A network in an ONNX file, read back without PyTorch."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgnb.classifier.base import batches, classes_of, probabilities_of
from ecgnb.classifier.certainty import Certainty
from ecgnb.classifier.recipe import Inputs, Recipe
from ecgnb.errors import ModelError, UsageError, plain_text
from ecgnb.files import MAX_TEXT, check_values, read_bytes

try:
    import onnxruntime

    from ecgnb.classifier.trial import fault_of, rows_at_once, session_options
except ImportError as fault:
    raise UsageError(f"{fault.name} is not installed; get it with: pip install 'ecgnb[export]'") from None

EXPECTED = "a file that `ecgnb export` wrote"


class OnnxClassifier:
    """A network in an ONNX file that `export_onnx` wrote.

    Parameters
    ----------
    path : path
    foreign : bool
        Whether somebody else may have written the file. Then a process of its own, short of memory and time, tries it
        first: see `trial`.

    Raises
    ------
    ModelError
        Where the file is absent, damaged, takes too much memory or time, or does not say how its beats are cut.
    """

    def __init__(self, path: str | Path, *, foreign: bool = True) -> None:
        path = Path(path)
        file, content = plain_text(path.name), read_bytes(path, EXPECTED)
        try:
            fault = fault_of(content) if foreign else None
            if fault is None:
                self.session = onnxruntime.InferenceSession(
                    content, session_options(), providers=["CPUExecutionProvider"]
                )
        except Exception as cause:  # onnxruntime has no common class of errors
            fault = str(cause)
        if fault is not None:
            raise ModelError(f"{file} is no ONNX network that can be used: {plain_text(' '.join(fault.split()), 150)}")
        values, self.reach = self._stored(file)
        self.name = plain_text(values["name"], 60)
        self.recipe = Recipe.from_values(values, file)
        self.classes = classes_of(values, file)
        self.certainty = Certainty.from_values(values, len(self.classes), file)
        self.n_samples = values["n_samples"]
        self.n_numbers = self.recipe.n_numbers if self.recipe else self.n_samples
        self.batch = min(256, rows_at_once(max(1, self.n_numbers)) - sum(self.reach))
        shapes = self.session.get_inputs()[0].shape[-1], self.session.get_outputs()[0].shape[-1]
        if shapes != (self.n_numbers, len(self.classes)) or (self.recipe and self.recipe.n_samples != self.n_samples):
            raise ModelError(
                f"{file} reads {shapes[0]} numbers a beat and scores {shapes[1]} classes; its recipe makes "
                f"{self.n_numbers} of {self.n_samples} samples, and it names {len(self.classes)} classes"
            )
        if self.batch < 1:
            raise ModelError(f"{file} looks at {sum(self.reach):,} beats around each, which takes too much memory")

    def _stored(self, file: str) -> tuple[dict[str, Any], tuple[int, int]]:
        """Return what the file says of itself, all of it checked, and how many beats before and after it looks at."""
        try:
            stored = self.session.get_modelmeta().custom_metadata_map
            if max(map(len, stored.values()), default=0) > 2 * MAX_TEXT:
                raise ValueError
            values = {name: json.loads(value) for name, value in stored.items()}
            reach = values.pop("reach", [0, 0])
            check_values(file, values)
            is_pair = isinstance(reach, list) and len(reach) == 2 and all(type(one) is int for one in reach)
            if type(values.get("name")) is not str or type(values.get("n_samples")) is not int or not is_pair:
                raise ValueError
            if not 0 <= min(reach) <= max(reach) < 10_000:
                raise ValueError
        except (ValueError, RecursionError):
            raise ModelError(f"{file} does not say how its beats are cut; expected {EXPECTED}") from None
        return values, (reach[0], reach[1])

    def scores(self, beats: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the score of each class: rows of one batch, (n_beats, n_numbers), to (n_beats, n_classes).

        Raises
        ------
        ModelError
            Where the network fails, or gives something else.
        """
        try:
            found = self.session.run(None, {self.session.get_inputs()[0].name: beats})[0]
        except Exception as fault:  # onnxruntime has no common class of errors
            raise ModelError(
                f"the ONNX network {self.name} failed: {plain_text(' '.join(str(fault).split()))}"
            ) from None
        if getattr(found, "shape", None) != (len(beats), len(self.classes)):
            raise ModelError(f"the ONNX network {self.name} gave no score for each beat and class")
        return found

    def all_scores(self, inputs: Inputs, batch_size: int | None = None) -> NDArray[np.float32]:
        """Give the score of each class, (n_kept, n_classes), in batches on all cores."""
        size = batch_size or self.batch
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            parts = pool.map(lambda batch: self.scores(batch[0])[batch[1]], batches(inputs, self.reach, size))
            return np.concatenate([np.zeros((0, len(self.classes)), dtype=np.float32), *parts])

    def probabilities(self, inputs: Inputs) -> NDArray[np.float32]:
        """Give the probability of each class, (n_kept, n_classes), of what the recipe made of some beats."""
        return probabilities_of(self.all_scores(inputs), self.certainty)

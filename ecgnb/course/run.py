"""A run's folder: figures, model, predictions, summary and, written last, metrics.json with the run's provenance."""

from __future__ import annotations

import html
import json
import os
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from IPython.display import Image, display
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from torch import nn

from ecgnb import models
from ecgnb.course.display import show_banner
from ecgnb.course.folders import PENDING, PENDING_NAME, is_finished, new_run_folder, write_atomically
from ecgnb.datasets.beats import Beats
from ecgnb.errors import RunError
from ecgnb.paths import shown

VERSIONS_OF = ("ecgnb", "torch", "numpy", "pandas", "scikit-learn")


class Run:
    """One execution of a lesson and the folder it fills.

    Parameters
    ----------
    lesson : str
        Number of the lesson, such as "01".
    parameters : mapping
        Every parameter of the lesson and its value in this run.
    beats : Beats
        The data; where it is synthetic the run says so, in a banner, in every figure and in metrics.json.
    output_dir : str
        The folder to fill; a new one below ``runs/`` where it is empty.

    Raises
    ------
    RunError
        Where the folder already holds a finished run, or cannot be written.
    """

    def __init__(self, lesson: str, parameters: Mapping[str, Any], beats: Beats, output_dir: str = "") -> None:
        self.lesson = lesson
        self.parameters = dict(parameters)
        self.beats = beats
        self.started = time.perf_counter()
        self.folder = Path(output_dir).expanduser().resolve() if output_dir else new_run_folder(lesson)
        if is_finished(self.folder):
            raise RunError(f"{self.folder} already holds a finished run; give another output_dir, or remove it")
        try:
            (self.folder / "figures").mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise RunError(f"cannot write to {self.folder}: {fault.strerror}; give another output_dir") from fault
        if self.is_synthetic:
            reason = f" {beats.note}." if beats.note else ""
            show_banner(
                "SYNTHETIC DATA. These beats were made by a formula; no number below says anything about hearts."
                + html.escape(reason)
            )
        print(f"run folder: {shown(self.folder)}")

    @property
    def is_synthetic(self) -> bool:
        """Whether the data is a synthetic stand-in."""
        return self.beats.source == "synthetic"

    def show(self, figure: Figure, name: str, *, alt: str) -> None:
        """Save a figure as ``figures/<name>.png`` and show it, with a text for readers who cannot see it."""
        if self.is_synthetic:
            figure.suptitle("SYNTHETIC DATA", color="#b00020", fontweight="bold", fontsize=10)
            alt = f"Synthetic data. {alt}"
        path = self.folder / "figures" / f"{name}.png"
        figure.savefig(path)
        plt.close(figure)
        display(Image(path, alt=alt))

    def save_model(self, model: nn.Module, file: str = "best_model.pth", /, **extra: Any) -> None:
        """Save a model, as ``best_model.pth`` unless told otherwise, with plain values beside it."""
        models.save(model, self.folder / file, **extra)

    def save_predictions(self, file: str = "predictions.npz", /, **columns: ArrayLike) -> None:
        """Save arrays of equal length, one row a test beat, as ``predictions.npz`` unless told otherwise."""
        arrays: dict[str, Any] = {name: np.asarray(column) for name, column in columns.items()}
        np.savez_compressed(self.folder / file, **arrays)

    def save_report(self, name: str, report: Mapping[str, Any]) -> None:
        """Save what was found of one model as ``reports/<name>.json``, with the data it was found on."""
        content = {"model": name, "data": {"name": self.beats.name, "source": self.beats.source}} | dict(report)
        (self.folder / "reports").mkdir(exist_ok=True)
        text = json.dumps(content, indent=2, default=_plain, allow_nan=False)
        write_atomically(self.folder / "reports" / f"{name}.json", text + "\n")

    def finish(self, metrics: Mapping[str, Any], *, train_seconds: float) -> dict[str, Any]:
        """Write SUMMARY.txt and then metrics.json, show the latter's content and return it.

        In a headless run the file waits under another name until the executed notebook and its page are written too.
        """
        beats = self.beats
        record = {
            "lesson": self.lesson,
            "parameters": self.parameters,
            "data": {"name": beats.name, "source": beats.source, "sha256": dict(beats.sha256)},
            "metrics": dict(metrics),
            "seconds": {"train": round(train_seconds, 1), "total": round(time.perf_counter() - self.started, 1)},
            "seed": self.parameters.get("seed"),
            "versions": {"python": platform.python_version()} | {name: version(name) for name in VERSIONS_OF},
            "device": _device_name(),
        }
        record = json.loads(json.dumps(record, default=_plain, allow_nan=False))
        write_atomically(self.folder / "SUMMARY.txt", summary(record))
        text = json.dumps(record, indent=2)
        name = PENDING_NAME if os.environ.get(PENDING) else "metrics.json"
        write_atomically(self.folder / name, text + "\n")
        display({"application/json": record, "text/plain": text}, raw=True)
        return record


def summary(record: Mapping[str, Any]) -> str:
    """Return a run's headline numbers as text: every metric that is a plain number."""
    lines = [f"Lesson {record['lesson']} on {record['data']['source'].upper()} data ({record['data']['name']})"]
    if record["data"]["source"] == "synthetic":
        lines.append("Synthetic data: these numbers say nothing about hearts.")
    lines += [
        f"  {name.replace('_', ' '):<28} {value:.4g}"
        for name, value in record["metrics"].items()
        if isinstance(value, int | float)
    ]
    lines.append(f"  {'seconds (train / total)':<28} {record['seconds']['train']} / {record['seconds']['total']}")
    lines.append(f"  {'device':<28} {record['device']}")
    return "\n".join(lines) + "\n"


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers and arrays into what JSON knows."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a metric is a {type(value).__name__}; expected numbers, text, lists or dictionaries of them")


def _device_name() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    n_threads = torch.get_num_threads()
    return f"cpu, {n_threads} thread{'s' if n_threads > 1 else ''}"

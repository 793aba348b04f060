"""A run's folder: figures, model, predictions, summary and, written last, metrics.json with the run's provenance."""

from __future__ import annotations

import copy
import html
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from IPython.display import Image, display
from numpy.typing import ArrayLike

from ecgnb.course.display import show_banner
from ecgnb.course.folders import (
    PENDING,
    PENDING_NAME,
    named_folder,
    new_run_folder,
    take,
    write_atomically,
)
from ecgnb.errors import RunError, UsageError
from ecgnb.paths import shown

if TYPE_CHECKING:  # `import ecgnb.course` takes no second; what draws or trains has imported these long before
    from matplotlib.figure import Figure
    from torch import nn

    from ecgnb.course.told import Told

VERSIONS_OF = ("ecgnb", "torch", "numpy", "pandas", "scikit-learn")


class Data(Protocol):
    """What a run records of the data that it rests on: `Beats`, or `TwelveLeadRecords`."""

    @property
    def name(self) -> str:  # noqa: D102
        ...

    @property
    def source(self) -> str:  # noqa: D102
        ...

    @property
    def note(self) -> str:  # noqa: D102
        ...

    @property
    def sha256(self) -> Mapping[str, str]:  # noqa: D102
        ...


class Run:
    """One execution of a lesson and the folder it fills; a lesson calls `start`.

    Parameters
    ----------
    lesson : str
        Number of the lesson, such as "01".
    parameters : mapping
        Every parameter of the lesson and its value in this run.
    data : Data
        Where it is synthetic the run says so, in a banner, in every figure and in metrics.json.
    output_dir : str
        The folder to fill; a new one below ``runs/`` where it is empty.

    Raises
    ------
    RunError
        Where the folder already holds a finished run or files that no run wrote, another run is at work in it, or it
        cannot be written.
    """

    def __init__(self, lesson: str, parameters: Mapping[str, Any], data: Data, output_dir: str = "") -> None:
        self.lesson = lesson
        self.parameters = dict(parameters)
        self._told: Told | None = None
        self.data = data
        self.started = time.perf_counter()
        self.folder = named_folder(output_dir) if output_dir else new_run_folder(lesson)
        # Whoever executes a lesson headless has taken its folder, and waits for this process.
        self._lock = None if os.environ.get(PENDING) else take(self.folder, again=True)
        (self.folder / "figures").mkdir(parents=True, exist_ok=True)
        if self.is_synthetic:
            reason = f" {data.note}." if data.note else ""
            show_banner(
                "SYNTHETIC DATA, made by a formula: no number below says anything about hearts." + html.escape(reason)
            )
        print(f"run folder: {shown(self.folder)}")

    @classmethod
    def start(cls, lesson: str, namespace: Mapping[str, Any], data: Data) -> Run:
        """Begin a run with the parameters that the lesson's tagged cell declares and the values they have now.

        Parameters
        ----------
        lesson : str
            Number of the lesson, such as "01"; its parameters cell is read.
        namespace : mapping
            Where the values are: ``globals()``. Its ``output_dir`` names the folder to fill.
        data : Data

        Raises
        ------
        UsageError
            For an unknown lesson, or a value that its parameter does not take.
        RunError
            Where a parameter has no value yet, or as in `Run`.
        """
        from ecgnb.course.lessons import check_parameters, find, parameters
        from ecgnb.course.told import Told

        found = find(lesson)
        known = parameters(found)
        if missing := [name for name in known if name not in namespace]:
            raise RunError(f"{', '.join(missing)} has no value: run the cell with the lesson's parameters first")
        values = check_parameters(found, {name: copy.deepcopy(namespace[name]) for name in known}, known)
        run = cls(found.number, values, data, values.pop("output_dir", ""))
        run._told = Told(found, known, namespace)
        return run

    @property
    def is_synthetic(self) -> bool:
        """Whether the data is a synthetic stand-in."""
        return self.data.source == "synthetic"

    def show(self, figure: Figure, name: str, *, alt: str) -> None:
        """Save a figure as ``figures/<name>.png`` and show it, with a text for readers who cannot see it."""
        if self.is_synthetic:
            figure.suptitle("SYNTHETIC DATA", color="#b00020", fontweight="bold", fontsize=10)
            alt = f"Synthetic data. {alt}"
        from matplotlib import pyplot as plt

        path = self.folder / "figures" / f"{name}.png"
        figure.savefig(path)
        self._wrote(path.name)
        plt.close(figure)
        display(Image(path, alt=alt))

    def save_model(
        self,
        model: nn.Module,
        file: str = "best_model.pth",
        /,
        recipe: Any = None,
        classes: Sequence[str] | str | None = None,
        **extra: Any,
    ) -> None:
        """Save a model, as ``best_model.pth`` unless told otherwise, with what is needed to use it.

        Parameters
        ----------
        model : nn.Module
            Made by `models.create`.
        file : str
            Name of the file in the run's folder.
        recipe : Recipe, optional
            How the beats were cut and scaled that the model has learned from: what has ``to_values()``.
        classes : sequence of str, optional
            Names of the classes in the order of the model's outputs.
        **extra
            Numbers, text or truth values to keep besides.
        """
        from ecgnb import models

        values = {} if recipe is None else dict(recipe.to_values())
        if classes is not None:
            names = [classes] if isinstance(classes, str) else list(classes)
            if not isinstance(classes, str) and any(" " in name for name in names):
                raise UsageError(f"classes are {names}; expected names without a space")
            values["classes"] = " ".join(names)
        models.save(model, self.folder / file, **values | extra)
        self._wrote(file)

    def save_predictions(self, file: str = "predictions.npz", /, **columns: ArrayLike) -> None:
        """Save arrays of equal length, one row a test beat, as ``predictions.npz`` unless told otherwise."""
        arrays: dict[str, Any] = {name: np.asarray(column) for name, column in columns.items()}
        np.savez_compressed(self.folder / file, **arrays)
        self._wrote(file)

    def save_report(self, name: str, report: Mapping[str, Any]) -> None:
        """Save what was found of one model as ``reports/<name>.json``, with the data it was found on."""
        content = {"model": name, "data": {"name": self.data.name, "source": self.data.source}} | dict(report)
        (self.folder / "reports").mkdir(exist_ok=True)
        text = json.dumps(content, indent=2, default=_plain, allow_nan=False)
        write_atomically(self.folder / "reports" / f"{name}.json", text + "\n")
        self._wrote(f"{name}.json")

    def save_values(self, file: str, values: Mapping[str, Any]) -> None:
        """Save plain values, such as a gate's, as a JSON file of that name."""
        write_atomically(self.folder / file, json.dumps(values, indent=1, default=_plain, allow_nan=False) + "\n")
        self._wrote(file)

    def _wrote(self, file: str) -> None:
        if self._told is not None:
            self._told.wrote(file)

    def finish(self, metrics: Mapping[str, Any], *, train_seconds: float) -> dict[str, Any]:
        """Write SUMMARY.txt and then metrics.json, show the latter's content and return it.

        Parameters
        ----------
        metrics : mapping
            Numbers, text, lists or dictionaries of them by name. An `Estimate` called ``x`` is written as ``x`` and
            ``x_interval``.
        train_seconds : float

        Notes
        -----
        The parameters in the file are those that the cells have used. A cell of a reader's own that the numbers rest on
        is named in it under ``own_code``.

        In a headless run the file waits under another name until the executed notebook and its page are written too.

        Raises
        ------
        RunError
            Where the cells have used different values of a parameter, or were run in an order that leaves some of them
            out of date; it says which sections to run again.
        """
        data, own = self.data, list[str]()
        if self._told is not None:
            self.parameters, own = self._told.parameters(self.parameters)
        record = {
            "lesson": self.lesson,
            "parameters": self.parameters,
            "data": {"name": data.name, "source": data.source, "sha256": dict(data.sha256)},
            "metrics": _expanded(metrics),
            "seconds": {"train": round(train_seconds, 1), "total": round(time.perf_counter() - self.started, 1)},
            "seed": self.parameters.get("seed"),
            "versions": {"python": platform.python_version()} | {name: version(name) for name in VERSIONS_OF},
            "device": _device_name(),
        }
        if own:
            record["own_code"] = own
        record = json.loads(json.dumps(record, default=_plain, allow_nan=False))
        write_atomically(self.folder / "SUMMARY.txt", summary(record))
        text = json.dumps(record, indent=2)
        name = PENDING_NAME if os.environ.get(PENDING) else "metrics.json"
        write_atomically(self.folder / name, text + "\n")
        if self._lock is not None:
            self._lock.release(force=True)
        page = (
            f"<pre>{html.escape(summary(record))}</pre>\n"
            f"<details><summary>metrics.json, all of it</summary><pre>{html.escape(text)}</pre></details>"
        )
        display({"application/json": record, "text/html": page, "text/plain": text}, raw=True)
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


def _expanded(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics with each estimate as two entries: its value, and its interval under ``<name>_interval``."""
    found: dict[str, Any] = {}
    for name, value in metrics.items():
        if {"value", "low", "high"} <= set(getattr(value, "_fields", ())):  # an Estimate: its module is a heavy one
            found |= {name: value.value, f"{name}_interval": [value.low, value.high]}
        else:
            found[name] = value
    return found


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers and arrays into what JSON knows."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a metric is a {type(value).__name__}; expected numbers, text, lists or dictionaries of them")


def _device_name() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    n_threads = torch.get_num_threads()
    return f"cpu, {n_threads} thread{'s' if n_threads > 1 else ''}"

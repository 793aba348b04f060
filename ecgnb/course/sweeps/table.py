"""Finished runs in a table, one a row, wherever they lie; and in a figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ecgnb.course.folders import read_metrics
from ecgnb.course.parameters import LARGEST
from ecgnb.errors import RunError

BLUE = "#0072B2"


def collect(folder: str | Path) -> pd.DataFrame:
    """Return one row for each finished run in or below a folder.

    Parameters
    ----------
    folder : path

    Returns
    -------
    DataFrame
        ``run`` (its folder, relative to `folder`), ``lesson``, ``source`` of its data (real or synthetic), ``seed``,
        ``device``; then ``parameters.NAME``, ``metrics.NAME`` for each metric that is a number, and ``seconds.NAME``.
        A run that did not finish has no row; what a lesson does not have is missing in its rows.

    Raises
    ------
    RunError
        Where there is no such folder, no finished run in it, or a damaged metrics.json.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise RunError(f"{folder} is no folder; expected one that holds runs, such as runs/")
    found = (path.parent for path in sorted(folder.rglob("metrics.json")) if path.is_file())
    runs = [run for run in found if not any(part.startswith(".") for part in run.relative_to(folder).parts)]
    if not runs:
        raise RunError(f"{folder} holds no finished run: there is no metrics.json in it or below")
    return table(runs, folder)


def table(runs: Iterable[Path], folder: Path) -> pd.DataFrame:
    """Return one row for each of the given folders of finished runs; names are relative to `folder`."""
    rows = pd.DataFrame([_row(run, folder) for run in runs])
    groups = ("parameters.", "metrics.", "seconds.")  # together, though the lessons' rows bring them in turn
    ours = sorted(rows.columns, key=lambda name: next((i for i, g in enumerate(groups, 1) if name.startswith(g)), 0))
    for name in ours:
        if rows[name].dtype == object and len({type(value) for value in rows[name].dropna()}) > 1:
            rows[name] = rows[name].map(
                str, na_action="ignore"
            )  # a name that is a number in one lesson, text in another
    return rows[ours]


def _row(run: Path, folder: Path) -> dict[str, Any]:
    record = read_metrics(run)
    try:
        cells = _cells(record, run.relative_to(folder).as_posix())
        return {_shown(name): _cell(value) for name, value in cells.items()}
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        raise RunError(
            f"{run / 'metrics.json'} is not of one of our runs; take its folder out, or name another"
        ) from None


def _cells(record: dict[str, Any], name: str) -> dict[str, Any]:
    row: dict[str, Any] = {"run": name, "lesson": record["lesson"]}
    row |= {"source": record["data"]["source"], "seed": record["seed"], "device": record["device"]}
    given = {name: value for name, value in record["parameters"].items() if name != "output_dir"}
    row |= {f"parameters.{name}": ", ".join(map(str, v)) if isinstance(v, list) else v for name, v in given.items()}
    row |= {f"metrics.{name}": v for name, v in record["metrics"].items() if isinstance(v, int | float)}
    if (
        not all(isinstance(row[name], str) for name in ("lesson", "source", "device"))
        or "total" not in record["seconds"]
    ):
        raise TypeError
    return row | {f"seconds.{name}": float(value) for name, value in record["seconds"].items()}


def _cell(value: Any) -> Any:
    """Return a value that every form of table can hold, or raise TypeError or ValueError."""
    if isinstance(value, str):
        return _shown(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and abs(value) < LARGEST:
        return value
    raise TypeError


def _shown(text: str) -> str:
    """Return text with what is not to be shown, such as a terminal's commands or half a character, written out."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def plot(runs: pd.DataFrame, swept: Sequence[str], metric: str) -> Figure:
    """Draw a metric of many runs, as `table` gives them, over the parameters in which they differ.

    The first two parameters besides the seed become the axis and the colours; a bar reaches from the lowest to the
    highest of the runs that share both.
    """
    order = [name for name in swept if name != "seed"] or list(swept)
    along, colour = (*order, None, None)[:2]
    data = pd.DataFrame({name: runs[f"parameters.{name}"] for name in swept} | {metric: runs[f"metrics.{metric}"]})
    with plt.style.context(str(files("ecgnb.plotting").joinpath("ecgnb.mplstyle"))):
        figure, axis = plt.subplots(figsize=(6.4, 3.6))
        hue = data[colour].astype(str) if colour else None
        sns.pointplot(data, x=along, y=metric, hue=hue, errorbar=("pi", 100), dodge=0.2 if colour else False,
                      palette=sns.color_palette("colorblind", data[colour].nunique()) if colour else None,
                      color=None if colour else BLUE, linewidth=1.2, capsize=0.06, ax=axis)  # fmt: skip
        axis.set(xlabel=along or "", ylabel=metric.replace("_", " "))
        axis.set_title(f"{len(runs)} runs of lesson {runs['lesson'].iloc[0]}; bars: lowest to highest")
        if colour:
            axis.legend(title=colour, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        if (runs["source"] == "synthetic").any():
            figure.suptitle("SYNTHETIC DATA", color="#b00020", fontweight="bold", fontsize=10)
    return figure

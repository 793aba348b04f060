"""Measures of a classifier, each from confusion matrices, with intervals over whole records.

Beats of one recording resemble each other, so they are no independent witnesses: an interval that draws single beats is
far too narrow. Here whole records are drawn, each with all its beats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ecgnb.errors import UsageError
from ecgnb.metrics.intervals import Estimate, Statistic, estimate, resample_records


def confusion_by_record(y_true: ArrayLike, y_pred: ArrayLike, record: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    """Return one confusion matrix a record, true class by predicted class: (n_records, n_classes, n_classes).

    Where no record is known (all are empty text), each beat stands for itself: (n_beats, n_classes, n_classes).
    """
    true, predicted, record = np.asarray(y_true), np.asarray(y_pred), np.asarray(record)
    if not len(true) == len(predicted) == len(record):
        raise UsageError(
            f"{len(true)} true classes, {len(predicted)} predicted, {len(record)} records; expected as many"
        )
    if not len(true):
        raise UsageError("no beat to measure; expected at least one")
    if min(true.min(), predicted.min()) < 0 or max(true.max(), predicted.max()) >= n_classes:
        raise UsageError(f"classes run from {min(true.min(), predicted.min())} to {max(true.max(), predicted.max())}; "
                         f"expected 0 to {n_classes - 1}")  # fmt: skip
    groups = np.arange(len(true)) if (record.astype(str) == "").all() else np.unique(record, return_inverse=True)[1]
    flat = (groups * n_classes + true) * n_classes + predicted
    return np.bincount(flat, minlength=(groups.max() + 1) * n_classes**2).reshape(-1, n_classes, n_classes)


def accuracy(matrix: NDArray[Any]) -> Any:
    """Share of beats named rightly, over the last two axes: (..., n, n) to (...)."""
    return np.trace(matrix, axis1=-2, axis2=-1) / matrix.sum(axis=(-2, -1))


def recall(matrix: NDArray[Any]) -> Any:
    """Share of each class's beats that were found (sensitivity), (..., n, n) to (..., n); NaN where there are none."""
    return _ratio(_hits(matrix), matrix.sum(axis=-1))


def precision(matrix: NDArray[Any]) -> Any:
    """Share of each class's alarms that were right (positive predictive value), (..., n, n) to (..., n); NaN: none."""
    return _ratio(_hits(matrix), matrix.sum(axis=-2))


def f1(matrix: NDArray[Any]) -> Any:
    """Harmonic mean of precision and recall, (..., n, n) to (..., n); NaN for a class that has no beat."""
    support = matrix.sum(axis=-1)
    return np.where(support > 0, _ratio(2 * _hits(matrix), support + matrix.sum(axis=-2)), np.nan)


def macro_f1(classes: Sequence[int]) -> Statistic:
    """Return the statistic "mean F1 over these classes", each counting the same; a class without a beat is left out."""
    chosen = list(classes)
    return lambda matrix: np.nanmean(f1(matrix)[..., chosen], axis=-1)


def weighted_f1(matrix: NDArray[Any]) -> Any:
    """Mean F1 over all classes, each counting as many times as it has beats."""
    support = matrix.sum(axis=-1)
    return np.nansum(f1(matrix) * support, axis=-1) / support.sum(axis=-1)


def _hits(matrix: NDArray[Any]) -> Any:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _ratio(part: Any, whole: Any) -> Any:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)


def report(matrices: NDArray[np.int64], class_names: Sequence[str], *, seed: int = 0) -> pd.DataFrame:
    """Return one row a class: precision, recall and F1 with their intervals over records, and support.

    Returns
    -------
    DataFrame
        Columns precision, precision_low, precision_high, ... support; NaN where a class cannot be measured.
    """
    total, drawn = matrices.sum(axis=0), resample_records(matrices, seed=seed)
    columns: dict[str, Any] = {}
    for name, statistic in (("precision", precision), ("recall", recall), ("f1", f1)):
        columns[name] = statistic(total)
        values = statistic(drawn)
        bounds = [np.nanpercentile(v, [2.5, 97.5]) if np.isfinite(v).any() else (np.nan, np.nan) for v in values.T]
        columns[f"{name}_low"], columns[f"{name}_high"] = np.transpose(bounds)
    return pd.DataFrame(columns | {"support": total.sum(axis=1)}, index=pd.Index(class_names, name="class"))


def in_words(table: pd.DataFrame) -> pd.DataFrame:
    """Return a report with each measure and its interval in one cell, for reading."""

    def cell(row: Any, name: str) -> str:
        value, low, high = (row[column] for column in (name, f"{name}_low", f"{name}_high"))
        return "–" if np.isnan(value) else f"{value:.3f} ({low:.2f} to {high:.2f})"

    columns = {name: [cell(row, name) for _, row in table.iterrows()] for name in ("precision", "recall", "f1")}
    return pd.DataFrame(columns | {"support": table["support"]}, index=table.index)


def se_ppv(matrices: NDArray[np.int64]) -> list[str]:
    """Return each class's sensitivity and positive predictive value in percent, as text; a dash where there is none."""
    total = matrices.sum(axis=0)
    pairs = zip(recall(total), precision(total), strict=True)
    return [" / ".join("–" if np.isnan(value) else f"{100 * value:.1f}" for value in pair) for pair in pairs]


def summary(matrices: NDArray[np.int64], class_names: Sequence[str], *, macro_over: Sequence[int]) -> dict[str, Any]:
    """Return what a run records of a classifier: scores with intervals over records, and each class's own.

    Parameters
    ----------
    matrices : (n_records, n_classes, n_classes) array
    class_names : sequence of str
    macro_over : sequence of int
        The classes that the macro F1 runs over; named in the result.

    Returns
    -------
    dict
        accuracy, macro_f1, weighted_f1, each with ``_interval``; macro_f1_classes; per_class {name: {precision, recall,
        f1, support}}, None where a class cannot be measured.
    """
    found: dict[str, Any] = {"macro_f1_classes": [class_names[position] for position in macro_over]}
    measures = {"accuracy": accuracy, "macro_f1": macro_f1(macro_over), "weighted_f1": weighted_f1}
    for name, measure in measures.items():
        value = estimate(matrices, measure)
        found |= {name: value.value, f"{name}_interval": value[1:]}
    rows = report(matrices, class_names)[["precision", "recall", "f1", "support"]].to_dict("index")
    return found | {
        "per_class": {
            name: {measure: None if np.isnan(value) else value for measure, value in row.items()}
            for name, row in rows.items()
        }
    }


def table(found: Mapping[Any, NDArray[Any]], /, **statistics: Statistic) -> pd.DataFrame:
    """Return one row a classifier, one column a measure, each cell a value with its 95 % interval over records.

    Parameters
    ----------
    found : mapping of name to (n_records, n_classes, n_classes) array
        As `confusion_by_record` gives them. Names that are tuples make an index of several levels.
    **statistics
        The measures, as `estimate` takes them, by the heading of their column.

    Returns
    -------
    DataFrame of str
        Such as "0.944 (0.93 to 0.95)"; a dash where a measure cannot be computed.
    """
    rows = [[_cell(estimate(matrices, measure)) for measure in statistics.values()] for matrices in found.values()]
    names = list(found)
    index = pd.MultiIndex.from_tuples(names) if isinstance(names[0], tuple) else pd.Index(names)
    return pd.DataFrame(rows, index, list(statistics))


def of_class(statistic: Statistic, position: int) -> Statistic:
    """Return the statistic "this measure of that class", of one that gives all classes, such as `recall` or `f1`."""
    return lambda matrix: statistic(matrix)[..., position]


def _cell(found: Estimate) -> str:
    if np.isnan(found.value):
        return "–"
    bounds = "" if np.isnan(found.low) else f" ({found.low:.2f} to {found.high:.2f})"
    return f"{found.value:.3f}{bounds}"

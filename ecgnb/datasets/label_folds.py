"""Folds of whole patients where a record has several labels, or none."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgnb.errors import UsageError


def multilabel_patient_folds(
    label: ArrayLike, patient: ArrayLike, n_folds: int, *, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return training and validation rows for cross-validation, each patient in the validation part of one fold.

    Each label is spread over the folds as evenly as whole patients allow, the rarest first: iterative stratification
    (Sechidis, Tsoumakas and Vlahavas 2011, On the stratification of multi-label data, ECML PKDD,
    doi:10.1007/978-3-642-23808-6_10), of patients in place of records.

    Parameters
    ----------
    label : (n, n_labels) array
        0 or 1; any number of 1 a row, or none.
    patient : (n,) array
        Whose record each row is.
    n_folds : int
        Between 2 and the number of patients.
    seed : int

    Returns
    -------
    list of (train, validation)
        Row numbers, in order.

    Raises
    ------
    UsageError
        For a number of folds that the patients do not allow, or labels of another form.
    """
    label = np.asarray(label)
    names, whose = np.unique(np.asarray(patient), return_inverse=True)
    if label.ndim != 2 or len(label) != len(whose) or not np.isin(label, (0, 1)).all():
        raise UsageError(f"label has shape {label.shape}; expected 0 and 1, ({len(whose)}, n_labels)")
    if not 2 <= n_folds <= len(names):
        raise UsageError(f"{n_folds} folds of {len(names)} patients; expected between 2 folds and one a patient")
    counts = np.zeros((len(names), label.shape[1] + 1))  # of each patient's labels, and of the records
    np.add.at(counts, whose, np.c_[label, np.ones(len(label))])
    fold = _fold_of_each(counts, n_folds, np.random.default_rng(seed))[whose]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]


def _fold_of_each(counts: NDArray[np.float64], n_folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Deal patients out: of the label that fewest of those left have, each to the fold that lacks it most."""
    fold = np.full(len(counts), -1)
    lacking = np.tile(counts.sum(axis=0) / n_folds, (n_folds, 1))
    while (left := np.flatnonzero(fold < 0)).size:
        owners = (counts[left] > 0).sum(axis=0)
        rarest = int(np.argmin(np.where(owners > 0, owners, np.inf)))
        have_it = left[counts[left, rarest] > 0]
        most_first = have_it[np.lexsort((rng.random(len(have_it)), -counts[have_it, rarest]))]
        for patient in most_first:
            need = np.stack([lacking[:, rarest], lacking[:, -1], rng.random(n_folds)])
            fold[patient] = np.lexsort(need[::-1])[-1]
            lacking[fold[patient]] -= counts[patient]
    return fold

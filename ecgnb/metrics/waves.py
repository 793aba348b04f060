"""How well the waves of an ECG were found: which are the same as marked ones, and how far their edges are apart.

A found wave is a marked one where it is of the same kind, and its onset **and** its offset lie within 150 ms of the
marked ones. The 150 ms are ANSI/AAMI EC57's, taken for the edges of waves by Moskalenko et al. 2020, arXiv:2001.04689,
and others since. They count each edge by itself; here both edges have to be right, which is stricter. Each wave belongs
to one pair at most.

In LUDB the waves before a lead's first mark and after its last are unmarked. So a found wave that belongs to no pair is
a false positive where its middle lies between these two marks, and is left out where it does not. A wave that lacks a
mark for its onset or offset is neither demanded nor, where one is found on its peak, a false positive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ecgnb.datasets.ludb import marked_span
from ecgnb.errors import UsageError
from ecgnb.metrics.intervals import estimate
from ecgnb.metrics.peaks import positive_predictive_value, sensitivity

EDGE_TOLERANCE = 0.15  # s

WAVES = ("P", "QRS", "T")

OUTCOMES = ("found", "missed", "false positive")


def match_waves(
    found: ArrayLike, marked: ArrayLike, fs: float, *, tolerance: float = EDGE_TOLERANCE
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair found waves of one kind with marked ones, as many as can be paired.

    Parameters
    ----------
    found, marked : (n, 2), (m, 2) int arrays
        Onset and offset in samples; in order of time, no wave within another of its kind.
    fs : float
    tolerance : float
        Most seconds between two onsets, and between two offsets, of a pair.

    Returns
    -------
    of_found, of_marked : (n_pairs,) int64 arrays
        Positions in the two.

    Notes
    -----
    The first wave of each are compared. Where both edges agree they are a pair; where an edge of one comes too early,
    no later wave of the other fits it any better, and it has no partner. So no other pairing has more pairs.
    """
    found, marked = (np.asarray(waves, dtype=np.int64).reshape(-1, 2) for waves in (found, marked))
    reach = tolerance * fs + 1e-9
    pairs, mine, theirs = [], 0, 0
    while mine < len(found) and theirs < len(marked):
        gap = found[mine] - marked[theirs]
        if (np.abs(gap) <= reach).all():
            pairs.append((mine, theirs))
        alone = (gap < -reach).any(), (gap > reach).any()  # the found one comes too early; the marked one does
        mine += not alone[1] or alone[0]
        theirs += not alone[0] or alone[1]
    of_found, of_marked = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return of_found, of_marked


def compare_waves(
    found: pd.DataFrame, marked: pd.DataFrame, fs: float, *, tolerance: float = EDGE_TOLERANCE
) -> pd.DataFrame:
    """Set the waves that were found beside those that are marked.

    Parameters
    ----------
    found : DataFrame
        One row a wave: `record`, `lead`, `wave`, `onset` and `offset` in samples at the rate `fs`.
    marked : DataFrame
        As `load_ludb` gives it, at the same rate. Leads without marks are left out.
    fs : float
    tolerance : float
        As for `match_waves`.

    Returns
    -------
    DataFrame
        One row a wave, found or marked or both: `record`, `lead`, `wave`, `outcome` ("found", "missed" or "false
        positive"), `onset` and `offset` in samples (marked ones, of a false positive the found ones) and the errors
        `onset_ms` and `offset_ms`, found less marked (NaN where nothing is to be compared).

    Raises
    ------
    UsageError
        Where nothing is marked.
    """
    if not len(marked):
        raise UsageError("no wave is marked; expected the waves that load_ludb gives")
    mine: dict[Any, pd.DataFrame] = dict(list(found.groupby(["record", "lead"], sort=False)))
    parts = {
        key: _of_lead(mine.get(key, found[:0]), expected, fs, tolerance)
        for key, expected in marked.groupby(["record", "lead"], sort=False)
    }
    return pd.concat(parts, names=["record", "lead"]).reset_index(["record", "lead"]).reset_index(drop=True)


def _of_lead(found: pd.DataFrame, marked: pd.DataFrame, fs: float, tolerance: float) -> pd.DataFrame:
    """Set the waves of one lead beside each other: see `compare_waves`."""
    begin, end = marked_span(marked)
    rows: list[tuple[str, str, int, int, float, float]] = []
    for kind in WAVES:
        expected = marked.loc[marked["wave"] == kind, ["onset", "peak", "offset"]].to_numpy(np.int64)
        is_whole = (expected[:, [0, 2]] >= 0).all(axis=1)
        peaks, expected = expected[~is_whole, 1], expected[is_whole][:, [0, 2]]
        given = found.loc[found["wave"] == kind, ["onset", "offset"]].to_numpy(np.int64)
        of_found, of_marked = match_waves(given, expected, fs, tolerance=tolerance)
        error = 1000 / fs * (given[of_found] - expected[of_marked])
        pairs = zip(expected[of_marked].tolist(), error.tolist(), strict=True)
        rows += [(kind, "found", *edges, *errors) for edges, errors in pairs]
        missed = np.delete(expected, of_marked, axis=0).tolist()
        rows += [(kind, "missed", *edges, np.nan, np.nan) for edges in missed]
        extra = np.delete(given, of_found, axis=0)
        middle = extra.mean(axis=1)
        on_a_peak = ((extra[:, :1] <= peaks) & (peaks <= extra[:, 1:])).any(axis=1)
        extra = extra[(middle >= begin) & (middle < end) & ~on_a_peak].tolist()
        rows += [(kind, "false positive", *edges, np.nan, np.nan) for edges in extra]
    return pd.DataFrame(rows, columns=["wave", "outcome", "onset", "offset", "onset_ms", "offset_ms"])


def wave_counts(compared: pd.DataFrame, wave: str) -> NDArray[np.int64]:
    """Return the counts of one kind of wave by record, as `estimate` takes them for `sensitivity` and others.

    Parameters
    ----------
    compared : DataFrame
        As `compare_waves` gives it.
    wave : {"P", "QRS", "T"}

    Returns
    -------
    (n_records, 1, 3) int64 array
        Marked waves that were found, marked waves, waves that were found; records in alphabetical order.
    """
    records = pd.Index(compared["record"].unique()).sort_values()
    of_kind = compared[compared["wave"] == wave]
    table = pd.crosstab(of_kind["record"], of_kind["outcome"])
    hits, missed, false = table.reindex(index=records, columns=list(OUTCOMES), fill_value=0).to_numpy().T
    return np.stack([hits, hits + missed, hits + false], axis=1)[:, None]


def f1_of_waves(counts: NDArray[Any]) -> Any:
    """Return the harmonic mean of sensitivity and positive predictive value, (..., 1, 3) to (...)."""
    hits, marked, found = (counts[..., 0, column] for column in range(3))
    return 2 * hits / np.maximum(marked + found, 1)


def edge_error_counts(compared: pd.DataFrame, wave: str, edge: str) -> NDArray[np.int64]:
    """Return how often each record has an error of 0, 1, 2, ... ms, (n_records, 1, 1001), late and early alike."""
    records = pd.Index(compared["record"].unique()).sort_values()
    error = compared.loc[compared["wave"] == wave].set_index("record")[f"{edge}_ms"].dropna().abs()
    counts = np.zeros((len(records), 1, 1001), dtype=np.int64)
    bins = np.minimum(np.round(error.to_numpy()), 1000).astype(np.int64)
    np.add.at(counts[:, 0], (records.get_indexer(error.index), bins), 1)
    return counts


def quantile_of_errors(share: float) -> Callable[[NDArray[Any]], Any]:
    """Return what gives the error (ms) that so many errors do not exceed, from counts (..., 1, n) to (...)."""

    def quantile(counts: NDArray[Any]) -> Any:
        summed = np.cumsum(counts[..., 0, :], axis=-1)
        total = summed[..., -1]
        reached = (summed >= share * np.maximum(total, 1)[..., None]).argmax(axis=-1).astype(np.float64)
        return np.where(total > 0, reached, np.nan)

    return quantile


def wave_scores(compared: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Return how well each kind of wave was found, with 95 % intervals over records.

    Parameters
    ----------
    compared : DataFrame
        As `compare_waves` gives it.

    Returns
    -------
    DataFrame
        One row a kind of wave: `wave`, `marked` (a number) and, each an `Estimate`, `sensitivity`, `ppv`, `f1`, and the
        median and 90th percentile of the distances between found and marked edges: `onset_median_ms`, `onset_p90_ms`,
        `offset_median_ms`, `offset_p90_ms`.
    """
    rows: list[dict[str, Any]] = []
    for wave in WAVES:
        counts = wave_counts(compared, wave)
        row: dict[str, Any] = {"wave": wave, "marked": int(counts[:, 0, 1].sum())}
        measures = {"sensitivity": sensitivity, "ppv": positive_predictive_value, "f1": f1_of_waves}
        with np.errstate(invalid="ignore"):  # a draw of records without any such wave has no sensitivity
            row |= {name: estimate(counts, measure, seed=seed) for name, measure in measures.items()}
        for edge in ("onset", "offset"):
            errors = edge_error_counts(compared, wave, edge)
            for name, share in (("median", 0.5), ("p90", 0.9)):
                row[f"{edge}_{name}_ms"] = estimate(errors, quantile_of_errors(share), seed=seed)
        rows.append(row)
    return pd.DataFrame(rows)

"""Train, validation and test sets as index arrays that prove themselves disjoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ecgnb.datasets.beats import Beats
from ecgnb.datasets.mitbih import divide_records, patient_of
from ecgnb.errors import UsageError


@dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of the beats used to train, to choose (None where nothing is chosen), and to test."""

    train: NDArray[np.int64]
    val: NDArray[np.int64] | None
    test: NDArray[np.int64]

    def check(self, n_beats: int, patient: ArrayLike | None = None) -> Split:
        """Prove the split: no part is empty, no row is outside the data, no row is used twice.

        Parameters
        ----------
        n_beats : int
        patient : (n_beats,) array, optional
            Whose beat it is; where given, prove also that no patient is in two parts.

        Raises
        ------
        UsageError
            Naming the part at fault, or the patients.
        """
        parts = {"train": self.train, "val": self.val, "test": self.test}
        held = {name: rows for name, rows in parts.items() if rows is not None}
        for name, rows in held.items():
            if not len(rows):
                raise UsageError(f"the {name} part of the split is empty: more beats are needed")
            if rows.min() < 0 or rows.max() >= n_beats:
                raise UsageError(f"the {name} part names rows outside 0 to {n_beats - 1}")
        together = np.concatenate(list(held.values()))
        used_twice = len(together) - len(np.unique(together))
        if used_twice:
            raise UsageError(f"{used_twice} rows stand in the split more than once")
        if patient is not None:
            whose = np.asarray(patient)
            seen: set[str] = set()
            for rows in held.values():
                here = set(np.unique(whose[rows]).tolist())
                if both := seen & here:
                    raise UsageError(f"patients on both sides of the split: {', '.join(sorted(map(str, both)))}")
                seen |= here
        return self


def beatwise_split(label: ArrayLike, *, seed: int, test: float = 0.2, val: float = 0.05) -> Split:
    """Split beats at random with the same share of each class everywhere, whoever they are from.

    Neighbouring beats of one patient land on both sides, so a test on such a split flatters. It is what most published
    figures rest on.

    Parameters
    ----------
    label : (n_beats,) int array
    seed : int
    test, val : float
        Shares of all beats; the rest is for training. With 0 for `val`, `Split.val` is None.

    Raises
    ------
    UsageError
        Where a class has too few beats to be in every part, or the shares leave nothing to train on.
    """
    label = np.asarray(label)
    if not (0 < test < 1 and 0 <= val < 1 and test + val < 1):
        raise UsageError(f"test={test}, val={val}; expected shares that leave some beats to train and to test on")
    rows = np.arange(len(label))
    try:
        from sklearn.model_selection import train_test_split  # half a second to import, and not every command needs it

        rest, tested = train_test_split(rows, test_size=test, stratify=label, random_state=seed)
        if not val:
            return Split(rest, None, tested).check(len(label))
        trained, chosen = train_test_split(rest, test_size=val / (1 - test), stratify=label[rest], random_state=seed)
    except ValueError as fault:
        raise UsageError(f"cannot split {len(label)} beats with every class in every part: {fault}") from None
    return Split(trained, chosen, tested).check(len(label))


def patient_split(
    record: ArrayLike,
    patient: ArrayLike,
    label: ArrayLike,
    *,
    train: Sequence[str],
    test: Sequence[str],
    val: Sequence[str] = (),
) -> Split:
    """Split by record, and prove that no patient is on two sides.

    Parameters
    ----------
    record, patient : (n_beats,) str array
    label : (n_beats,) array
        Class of each beat.
    train, test, val : sequence of str
        Names of the records of each part; without records to validate on, `Split.val` is None.

    Raises
    ------
    UsageError
        For a record that has no beats, a patient in two parts, or a class that is tested and not trained on.
    """
    record = np.asarray(record)
    for name in (*train, *val, *test):
        if not (record == name).any():
            raise UsageError(f"no beat is from record {name!r}; there are: {', '.join(np.unique(record))}")
    rows = [np.flatnonzero(np.isin(record, part)) for part in (train, val, test)]
    unknown = np.setdiff1d(np.asarray(label)[rows[2]], np.asarray(label)[rows[0]])
    if len(unknown):
        raise UsageError(
            f"class {', '.join(map(str, unknown))} is in the test and not in the training part; move a record"
        )
    return Split(rows[0], rows[1] if len(val) else None, rows[2]).check(len(record), patient)


def hybrid_split(
    record: ArrayLike,
    patient: ArrayLike,
    label: ArrayLike,
    start: ArrayLike,
    end: ArrayLike,
    *,
    train: Sequence[str],
    test: Sequence[str],
    adapt_minutes: float,
) -> Split:
    """Split by record, and lend the training part the first minutes of each test record.

    A program may learn that much of a test patient before it is judged on the rest (ANSI/AAMI EC57, learning period).

    Parameters
    ----------
    record, patient, label, train, test
        As for `patient_split`.
    start, end : (n_beats,) array
        When each beat's window begins and ends in its record, in s. A window that lies across the border is in no part.
    adapt_minutes : float
        Above 0.

    Raises
    ------
    UsageError
        As `patient_split`, and where a test record has no beat after its first minutes.
    """
    if not 0 < adapt_minutes < np.inf:
        raise UsageError(f"adapt_minutes={adapt_minutes!r}; expected a number above 0")
    apart = patient_split(record, patient, label, train=train, test=test)
    record, border = np.asarray(record), 60 * adapt_minutes
    lent = apart.test[np.asarray(end)[apart.test] <= border]
    tested = apart.test[np.asarray(start)[apart.test] >= border]
    if short := set(test) - set(record[tested].tolist()):
        raise UsageError(
            f"records {', '.join(sorted(short))} have no beat after adapt_minutes={adapt_minutes:g}; lower it"
        )
    return Split(np.concatenate([apart.train, lent]), None, tested).check(len(record))


def random_patient_split(
    label: ArrayLike, patient: ArrayLike, *, seed: int, test: float = 0.15, val: float = 0.15
) -> Split:
    """Split patients at random, so that each class can be learned, watched and tested.

    Patients are drawn until validation and test hold 3 % of each class's beats and training 40 %: half of a class may
    live in one heart.

    Parameters
    ----------
    label, patient : (n_beats,) array
    seed : int
    test, val : float
        Shares of the patients.

    Raises
    ------
    UsageError
        Where no draw of a thousand does.
    """
    names, whose = np.unique(patient, return_inverse=True)
    classes, label = np.unique(label, return_inverse=True)
    n_test, n_val = (max(1, round(share * len(names))) for share in (test, val))
    if not (0 < test < 1 and 0 < val < 1 and n_test + n_val < len(names)):
        raise UsageError(
            f"test={test}, val={val} of {len(names)} patients; expected shares that leave some to train on"
        )
    counts = np.zeros((len(names), len(classes)), dtype=np.int64)
    np.add.at(counts, (whose, label), 1)
    total = counts.sum(axis=0)
    rng = np.random.default_rng(seed)
    for _ in range(1000):
        parts = np.split(rng.permutation(len(names)), [n_test, n_test + n_val])  # test, validation, training
        tested, chosen, trained = (counts[part].sum(axis=0) for part in parts)
        if (np.minimum(tested, chosen) >= 0.03 * total).all() and (trained >= 0.4 * total).all():
            held, watched, learned = (np.flatnonzero(np.isin(whose, part)) for part in parts)
            return Split(learned, watched, held).check(len(whose), patient)
    raise UsageError(
        f"no draw of {len(names)} patients gives enough of {len(classes)} classes to every part; use more patients"
    )


def without_overlap(split: Split, record: ArrayLike, r_sample: ArrayLike, length: float) -> Split:
    """Leave out of training each beat whose window shares a stretch of the recording with a window of another part.

    A window of 2 s around a beat shows its neighbours too, so that at random a test window's samples are trained on.
    Likewise, validation beats that overlap test beats are left out.

    Parameters
    ----------
    split : Split
        With a validation part.
    record, r_sample : (n_beats,) array
        Where each beat is; all windows lie around it in the same way.
    length : float
        Of a window, in samples of the record.
    """
    if split.val is None:
        raise UsageError("the split has no validation part; expected one")
    where = (record, r_sample, length)
    train = split.train[~overlaps(split.train, np.concatenate([split.val, split.test]), *where)]
    val = split.val[~overlaps(split.val, split.test, *where)]
    return Split(train, val, split.test).check(len(np.asarray(record)))


def overlaps(
    rows: NDArray[np.int64], others: NDArray[np.int64], record: ArrayLike, r_sample: ArrayLike, length: float
) -> NDArray[np.bool_]:
    """Say of each row's window whether it shares a stretch of its recording with the window of one of the others.

    Parameters
    ----------
    rows, others : (n,), (m,) int array
        Row numbers of beats.
    record, r_sample, length
        As for `without_overlap`.

    Returns
    -------
    (n,) bool array
    """
    r_sample = np.asarray(r_sample, dtype=np.float64)
    _, number = np.unique(record, return_inverse=True)
    at = r_sample + number * (r_sample.max() + 2 * length)  # all recordings on one line, none near another
    edges = np.concatenate([[-np.inf], np.sort(at[others]), [np.inf]])
    after = np.searchsorted(edges, at[rows])
    return np.minimum(at[rows] - edges[after - 1], edges[after] - at[rows]) < length


def limit_classes(
    rows: NDArray[np.int64], label: ArrayLike, limit: int, *, class_names: Sequence[str], seed: int
) -> NDArray[np.int64]:
    """Draw at most so many rows of each class.

    Parameters
    ----------
    rows : (n,) int array
        Row numbers of beats.
    label : (n_beats,) int array
        Of all beats.
    limit : int
        0 keeps them all.
    class_names : sequence of str
    seed : int

    Raises
    ------
    UsageError
        Where a class that is present has fewer rows than `limit`, so that the classes would not come out equal.
    """
    if not limit:
        return rows
    if limit < 0:
        raise UsageError(f"class_limit={limit}; expected a number of beats, or 0 for all")
    rows = np.random.default_rng(seed).permutation(rows)
    found = np.asarray(label)[rows]
    counts = np.bincount(found, minlength=len(class_names))
    rarest = int(min(np.flatnonzero(counts), key=lambda position: counts[position]))
    if counts[rarest] < limit:
        raise UsageError(
            f"class_limit={limit} is more than the {counts[rarest]} beats of class {class_names[rarest]} there are to "
            f"train on; expected at most {counts[rarest]}, or 0 for all beats of every class"
        )
    return np.concatenate([rows[found == position][:limit] for position in np.flatnonzero(counts)])


def patient_folds(
    label: ArrayLike, patient: ArrayLike, n_folds: int, *, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return training and validation rows for cross-validation, each patient in the validation part of one fold.

    The classes are spread over the folds as evenly as whole patients allow.

    Parameters
    ----------
    label, patient : (n_beats,) array
    n_folds : int
        Between 2 and the number of patients.
    seed : int

    Raises
    ------
    UsageError
        For a number of folds that the patients do not allow.
    """
    n_patients = len(np.unique(patient))
    if not 2 <= n_folds <= n_patients:
        raise UsageError(f"{n_folds} folds of {n_patients} patients; expected between 2 folds and one a patient")
    from sklearn.model_selection import StratifiedGroupKFold

    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    try:
        return list(folds.split(np.zeros(len(np.asarray(label))), label, patient))
    except ValueError as fault:
        raise UsageError(f"cannot make {n_folds} folds of these beats: {fault}") from None


def one_class_split(
    is_normal: ArrayLike,
    *,
    seed: int,
    reserved: ArrayLike = (),
    fractions: tuple[float, float] = (0.70, 0.15),
) -> Split:
    """Split for one-class learning: normal beats are divided, every anomaly is tested on.

    Parameters
    ----------
    is_normal : (n_beats,) bool array
    seed : int
        Decides which normal beats fall where.
    reserved : (n,) int array
        Rows of anomalies that were used to choose hyper-parameters and so may not be tested on.
    fractions : (float, float)
        Shares of the normal beats for training and validation; the rest is for the test.

    Returns
    -------
    Split
        `train` and `val` hold normal beats alone; `test` holds the other normal beats, then the anomalies.
    """
    is_normal = np.asarray(is_normal, dtype=bool)
    reserved = np.asarray(reserved, dtype=np.int64)
    if len(reserved) and is_normal[reserved].any():
        raise UsageError("reserved rows must be anomalies, and some are normal beats")
    normal = np.random.default_rng(seed).permutation(np.flatnonzero(is_normal))
    ends = np.round(np.cumsum(fractions) * len(normal)).astype(int)
    train, val, test = np.split(normal, ends)
    anomalies = np.setdiff1d(np.flatnonzero(~is_normal), reserved)
    return Split(train, val, np.concatenate([test, anomalies])).check(len(is_normal))


def ds1_ds2_split(beats: Beats) -> Split:
    """Split beats of mitdb as de Chazal et al. 2004 did: train on DS1, test on DS2, whose patients are others.

    Record 201 is left out of DS1, for its patient is in DS2 too, as record 202. The four paced records are in no part.

    Parameters
    ----------
    beats : Beats
        Of all records.

    Raises
    ------
    UsageError
        As `patient_split` does.
    """
    train, test = divide_records()
    return patient_split(beats.record, patient_of(beats.record), beats.class_name, train=train, test=test)


def mixed_patients_split(beats: Beats, *, like: Split, seed: int) -> Split:
    """Return the control of a patient-wise split: as many training beats, of all patients, tested on some of its test.

    All beats of `like` are shuffled. As many as it trains on are for training; of the others, those that it tests on
    are for the test. So the tested patients are met in training, and nothing else changes.

    Parameters
    ----------
    beats : Beats
    like : Split
        Patient-wise, such as `ds1_ds2_split` gives it.
    seed : int
    """
    rows = np.sort(np.concatenate([like.train, like.test]))
    shuffled = beatwise_split(beats.label[rows], seed=seed, test=len(like.test) / len(rows), val=0.0)
    tested = np.intersect1d(rows[shuffled.test], like.test)  # in order of time
    return Split(rows[shuffled.train], None, tested).check(len(beats))


def describe_splits(splits: Mapping[str, tuple[Beats, Split]]) -> pd.DataFrame:
    """Return one row a split: its beats and patients, how many patients are on both sides, and what is tested.

    Parameters
    ----------
    splits : mapping of name to (Beats, Split)

    Returns
    -------
    DataFrame
        Columns "training beats", "test beats", "patients trained on", "patients tested on", "patients in both", then
        one column a class with its test beats. Where the beats' records are not known, neither are the patients: "?".
    """
    rows = {}
    for name, (beats, split) in splits.items():
        trained, tested = (set(patient_of(beats.record[part]).tolist()) for part in (split.train, split.test))
        known = trained != {""}
        rows[name] = {
            "training beats": len(split.train),
            "test beats": len(split.test),
            "patients trained on": len(trained) if known else "?",
            "patients tested on": len(tested) if known else "?",
            "patients in both": len(trained & tested) if known else "?",
            **beats[split.test].counts().add_prefix("tested: ").to_dict(),
        }
    return pd.DataFrame(rows).T


def stratified_order(rows: NDArray[np.int64], label: ArrayLike, *, seed: int) -> NDArray[np.int64]:
    """Shuffle rows so that the first so many of them, however many, hold each class in its share.

    Parameters
    ----------
    rows : (n,) int array
        Row numbers of beats.
    label : (n_beats,) int array
        Of all beats.
    seed : int

    Returns
    -------
    (n,) int array
        The same rows in another order.
    """
    rows = np.random.default_rng(seed).permutation(rows)
    found, place = np.asarray(label)[rows], np.empty(len(rows))
    for one in np.unique(found):
        members = np.flatnonzero(found == one)
        place[members] = (np.arange(len(members)) + 0.5) / len(members)  # from 0 to 1, at even distances
    return rows[np.argsort(place, kind="stable")]


def dealt_split(stratum: ArrayLike, *, seed: int = 0) -> Split:
    """Deal patients out like cards: of five, three to training, one to validation, one to the test.

    Those of one stratum follow one another in the pack, so that each part gets its share of each.

    Parameters
    ----------
    stratum : (n_patients,) array
        Such as the rhythm of each.
    seed : int
        Decides the order within a stratum.

    Raises
    ------
    UsageError
        For fewer than five patients.
    """
    _, group = np.unique(np.asarray(stratum), return_inverse=True)
    if len(group) < 5:
        raise UsageError(f"{len(group)} patients; expected at least five, to deal out")
    pack = np.lexsort((np.random.default_rng(seed).permutation(len(group)), group))
    hand = np.arange(len(pack)) % 5
    train, val, test = (np.sort(pack[part]) for part in (hand < 3, hand == 3, hand == 4))
    return Split(train, val, test).check(len(group), np.arange(len(group)))

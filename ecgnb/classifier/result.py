"""What was found in a recording: a table of beats, a summary, warnings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecgnb.classifier.base import Classifier
from ecgnb.classifier.certainty import Certainty, in_words
from ecgnb.classifier.doubts import NO_BEAT, NO_WAVES, doubt_of_rate
from ecgnb.detection.quality import BARE, UPSIDE_DOWN
from ecgnb.detection.rhythm import IRREGULAR, irregular_stretches, irregularity

UNSURE = "?"  # the label of a beat that is not classified

MIN_CONFIDENCE = 0.7  # for a network of which nobody measured how far its confidence can be trusted

NO_ECG = "these ten seconds do not look like an ECG"
NO_RHYTHM = "nothing is early in an irregular rhythm"

MUCH = 0.05  # of the beats or the time: more of it is worth a warning


@dataclass(frozen=True, eq=False)
class ClassifiedRecording:
    """The beats of a recording, named.

    Parameters
    ----------
    beats : DataFrame
        One row a beat: time_s and r_sample of its R peak, rr_s since the beat before, label (``?`` where it is not
        classified), likeliest (the class with the highest probability), confidence (that probability), could_be (the
        classes of its prediction set, where the classifier makes any), one column ``p_...`` a class, irregular (whether
        the rhythm around it is), and why it is not classified.
    classes : list of str
    faults : DataFrame
        As `quality.find_faults` gives it.
    quality : DataFrame
        As `gate.judge` gives it: how probably each ten seconds are an ECG.
    seconds : float
        Length of the recording.
    fs : float
    pointing_up : float
        Share of beats that point up.
    beside_qrs : float
        As `quality.waves_beside_qrs` gives it: the P or T wave of the average beat, as a share of its QRS complex.
    usual_confidence : float
        The least confidence that the classifier's makers chose.
    forced : bool
        Whether what looks like no ECG was classified, too.
    """

    beats: pd.DataFrame
    classes: list[str]
    faults: pd.DataFrame
    quality: pd.DataFrame
    seconds: float
    fs: float
    pointing_up: float
    beside_qrs: float = float("nan")
    usual_confidence: float = MIN_CONFIDENCE
    forced: bool = False

    @property
    def irregular(self) -> pd.DataFrame:
        """The stretches of irregular rhythm: start_s, seconds, beats."""
        return irregular_stretches(self.beats["time_s"], self.beats["irregular"])

    def to_csv(self, path: str | Path | None = None) -> str | None:
        """Write the table of beats, times to 0.1 ms; return it as text where no path is given."""
        return beats_to_csv(self.beats, path)

    def with_confidence(self, min_confidence: float) -> ClassifiedRecording:
        """Return the same beats, classified where the network is at least so sure."""
        return replace(self, beats=relabelled(self.beats, min_confidence))

    def counts(self) -> pd.Series:
        """Return the number of beats of each class, and of those not classified."""
        return self.beats["label"].value_counts().reindex([*self.classes, UNSURE], fill_value=0).rename("beats")

    def summary(self) -> dict[str, Any]:
        """Return what a reader wants first.

        Returns
        -------
        dict
            seconds, beats, heart_rate_bpm (of the median interval) with its lowest and highest over ten beats,
            beats_by_class, not_classified (share), no_ecg and irregular (share of the time), missing, flat and clipped
            (share of the time). Rates are None where there are fewer than two beats.
        """
        counts, interval = self.counts(), self.beats["rr_s"].dropna()
        over_ten = 60 / interval.rolling(10, min_periods=min(10, max(1, len(interval)))).mean().dropna()
        share = self.faults.groupby("fault")["seconds"].sum() / self.seconds
        return {
            "seconds": self.seconds,
            "beats": len(self.beats),
            "heart_rate_bpm": 60 / float(interval.median()) if len(interval) else None,
            "lowest_heart_rate_bpm": float(over_ten.min()) if len(interval) else None,
            "highest_heart_rate_bpm": float(over_ten.max()) if len(interval) else None,
            "beats_by_class": {name: int(counts[name]) for name in self.classes},
            "not_classified": float(counts[UNSURE] / len(self.beats)) if len(self.beats) else None,
            "no_ecg": float(self.quality.loc[~self.quality["is_ecg"], "seconds"].sum() / self.seconds),
            "irregular": float(self.irregular["seconds"].sum() / self.seconds),
        } | {fault: float(share.get(fault, 0)) for fault in ("missing", "flat", "clipped")}

    def warnings(self) -> list[str]:
        """Return what a reader should know before they believe the table, one sentence each."""
        summary = self.summary()
        of_rate = doubt_of_rate(summary["heart_rate_bpm"], self.fs) if len(self.beats) else NO_BEAT
        found = [doubt for doubt in (of_rate, NO_WAVES if self.beside_qrs < BARE else "") if doubt]
        if self.pointing_up < UPSIDE_DOWN:
            found.append(
                f"{1 - self.pointing_up:.0%} of the beats point down: the lead may be upside down, or this heart's QRS "
                "points down in it. Try again with the signal flipped, and compare."
            )
        for fault, doing in (("missing", "has no value"), ("flat", "is flat"), ("clipped", "is clipped")):
            stretches = self.faults[self.faults["fault"] == fault]
            if len(stretches):
                longest = stretches.sort_values("seconds").iloc[-1]
                plural = "es" if len(stretches) > 1 else ""
                found.append(
                    f"The signal {doing} in {len(stretches):,} stretch{plural}, {summary[fault]:.1%} of the time; "
                    f"the longest starts at {longest['start_s']:.1f} s and lasts {longest['seconds']:.2f} s."
                )
        if summary["no_ecg"] and len(self.beats):
            first = self.quality.loc[~self.quality["is_ecg"], "start_s"].iloc[0]
            doing = "were classified all the same" if self.forced else "have no label"
            found.append(
                f"{summary['no_ecg']:.1%} of the time does not look like an ECG, first at {first:.0f} s; "
                f"the beats there {doing}."
            )
        if summary["irregular"] > MUCH:
            first = self.irregular["start_s"].iloc[0]
            found.append(
                f"The rhythm is irregular for {summary['irregular']:.1%} of the time, first at {first:.0f} s, as in "
                "atrial fibrillation: there no beat is called early (S)."
            )
        unsure = (self.beats["confidence"] < self.usual_confidence).sum()
        if unsure > 0.2 * len(self.beats):
            found.append(
                f"Of {unsure / len(self.beats):.0%} of the beats the network is less sure than "
                f"{self.usual_confidence:.2f}: this recording is unlike those it learned from."
            )
        if "could_be" not in self.beats:
            found.append("Nobody has measured how far this model's confidence can be trusted.")
        return found


def usual_confidence(certainty: Certainty | None) -> float:
    """Return the least confidence at which a classifier's beats are classified, where nobody asks for another."""
    return MIN_CONFIDENCE if certainty is None else certainty.min_confidence


def beats_to_csv(beats: pd.DataFrame, path: str | Path | None = None) -> str | None:
    """Write a table of beats as `ClassifiedRecording.to_csv` does."""
    digits = {name: 5 if name.startswith("p_") or name == "confidence" else 4 for name in beats.columns}
    text = beats.select_dtypes(exclude=["number", "bool"]).columns
    rounded = beats.round(digits).assign(**{name: beats[name].map(as_text) for name in text})
    return rounded.rename(columns=as_text).to_csv(path, index_label="beat")


def as_text(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula: with an apostrophe before what could be one.

    The "-" of an empty prediction set is none.
    """
    is_formula = isinstance(cell, str) and cell != "-" and cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{cell}" if is_formula else cell


def relabelled(beats: pd.DataFrame, min_confidence: float) -> pd.DataFrame:
    """Return a table of beats, classified where the network is at least so sure; else their label is ``?``."""
    has_window = beats["confidence"].notna()
    sure = has_window & (beats["confidence"] >= min_confidence)
    why = beats["why"].where(~has_window, "").mask(has_window & ~sure, f"less sure than {min_confidence:.3g}")
    if "irregular" in beats:
        early = sure & beats["irregular"] & (beats["likeliest"] == "S")
        sure, why = sure & ~early, why.mask(early, NO_RHYTHM)
    return beats.assign(label=beats["likeliest"].where(sure, UNSURE), why=why)


def labelled(
    p: NDArray[np.float32],
    why: NDArray[Any],
    classifier: Classifier,
    min_confidence: float,
    irregular: NDArray[np.bool_] | None = None,
) -> pd.DataFrame:
    """Return one row a beat: label, likeliest class, confidence, prediction set, probabilities, and why it has none."""
    classes, certainty = classifier.classes, classifier.certainty
    has_window = ~np.isnan(p[:, 0])
    safe = np.where(has_window[:, None], p, 0)
    likeliest = np.where(has_window, np.array(classes)[safe.argmax(axis=1)], UNSURE)
    confidence = np.where(has_window, safe.max(axis=1, initial=0), np.nan)
    table = pd.DataFrame({"label": likeliest, "likeliest": likeliest, "confidence": confidence})
    if certainty is not None:
        table["could_be"] = np.where(has_window, in_words(certainty.could_be(safe), classes), "")
    table = table.assign(**{f"p_{name}": p[:, k] for k, name in enumerate(classes)})
    if irregular is not None:
        table["irregular"] = irregular
    table = table.assign(why=why)
    return relabelled(table, min_confidence)


def table_of(
    r: NDArray[np.int64],
    p: NDArray[np.float32],
    why: NDArray[Any],
    wave: NDArray[np.float32],
    fs: float,
    classifier: Classifier,
    min_confidence: float,
) -> pd.DataFrame:
    """Return one row a beat: when it came, how long after the one before, and what `labelled` says of it."""
    time = r / fs
    interval = np.diff(time, prepend=np.nan)
    missing = np.cumsum(np.isnan(wave))[r]
    interval[np.diff(missing, prepend=0) > 0] = np.nan  # nobody knows what beat in a gap
    timing = pd.DataFrame({"time_s": time, "r_sample": r, "rr_s": interval})
    irregular = irregularity(np.where(why == "", interval, np.nan)) > IRREGULAR
    return pd.concat([timing, labelled(p, why, classifier, min_confidence, irregular)], axis=1)

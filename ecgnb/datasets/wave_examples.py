"""LUDB as a network of waves meets it: one lead at a time, prepared, with the class of each sample.

What a lead goes through here, `prepare_lead`, it goes through when somebody asks for the waves of their recording:
`classifier.find_waves` calls the same function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from ecgnb.datasets.ludb import LEADS, marked_span
from ecgnb.datasets.wfdb import Record
from ecgnb.datasets.windows import fill_gaps, highpassed, resampling_ratio
from ecgnb.errors import UsageError

WAVE_FS = 250.0  # Hz: a step of 4 ms, finer than two cardiologists agree

HIGHPASS = 0.5  # Hz

WAVE_CLASSES = ("none", "P", "QRS", "T")

UNKNOWN = -100  # the class of a sample that nobody marked: PyTorch's losses leave it out

STRETCH = 2.0  # s: at 30 beats a minute each holds one


class WaveExamples(NamedTuple):
    """Leads and what is known of their samples.

    Parameters
    ----------
    signal : (n_leads, n_samples) float32 array
        As `prepare_lead` gives it.
    label : (n_leads, n_samples) int64 array
        Positions in `WAVE_CLASSES`; `UNKNOWN` where nobody marked.
    record, lead : (n_leads,) str array
    """

    signal: NDArray[np.float32]
    label: NDArray[np.int64]
    record: NDArray[np.str_]
    lead: NDArray[np.str_]

    def of(self, records: Sequence[str]) -> WaveExamples:
        """Return the examples of some records."""
        chosen = np.isin(self.record, list(records))
        return WaveExamples(self.signal[chosen], self.label[chosen], self.record[chosen], self.lead[chosen])

    def stretched(self, most: float = 0.25, *, seed: int = 0) -> WaveExamples:
        """Return the same leads as if each had been recorded slower or faster, by up to exp(`most`), about its middle.

        What lies outside the recording then is `UNKNOWN`.
        """
        n_samples = self.signal.shape[1]
        middle, steps = (n_samples - 1) / 2, np.arange(n_samples)
        factor = np.exp(np.random.default_rng(seed).uniform(-most, most, len(self.signal)))
        signal, label = np.empty_like(self.signal), np.empty_like(self.label)
        for row, by in enumerate(factor):
            at = middle + by * (steps - middle)
            nearest = np.round(at).astype(np.int64).clip(0, n_samples - 1)
            is_inside = (at >= 0) & (at <= n_samples - 1)
            signal[row] = np.interp(at, steps, self.signal[row])
            label[row] = np.where(is_inside, self.label[row, nearest], UNKNOWN)
        return self._replace(signal=signal, label=label)

    @property
    def unknown(self) -> float:
        """Share of the samples that nobody marked."""
        return float((self.label == UNKNOWN).mean())


def prepare_lead(wave: NDArray[Any], fs: float) -> NDArray[np.float32]:
    """Bring a lead to 250 Hz, without its wandering baseline, in units of its usual height.

    Parameters
    ----------
    wave : (n_samples,) float array
        In any unit; NaN where there is no value.
    fs : float
        Its sampling rate, Hz.

    Returns
    -------
    (n_samples * 250 / fs,) float32 array
        High-passed at 0.5 Hz, forth and back; divided by the median over stretches of two seconds of the distance from
        lowest to highest sample, which is about the height of a QRS.
    """
    filled, _ = fill_gaps(np.asarray(wave, dtype=np.float64))
    still = highpassed(filled, fs, HIGHPASS)
    ratio = resampling_ratio(fs, WAVE_FS)
    if ratio != 1:
        still = scipy.signal.resample_poly(still, ratio.numerator, ratio.denominator, padtype="line")
    size = round(STRETCH * WAVE_FS)
    whole = still[: len(still) // size * size].reshape(-1, size) if len(still) >= size else still[None]
    height = float(np.median(np.ptp(whole, axis=1)))
    return (still / (height or 1.0)).astype(np.float32)


def sample_labels(waves: pd.DataFrame, n_samples: int, fs: float) -> NDArray[np.int64]:
    """Return the class of each sample of a lead, at 250 Hz.

    Parameters
    ----------
    waves : DataFrame
        As `load_ludb` gives it, of one lead of one record, in order of time.
    n_samples : int
        Of the prepared lead.
    fs : float
        Rate of the marks, Hz.

    Returns
    -------
    (n_samples,) int64 array
        Positions in `WAVE_CLASSES`. `UNKNOWN` before the first mark and after the last, and where a wave has a peak and
        no onset (from the wave before it to its peak) or no offset (from its peak to the next wave).
    """
    label = np.full(n_samples, UNKNOWN, dtype=np.int64)

    def at(sample: float) -> int:
        return round(sample * WAVE_FS / fs)

    begin, end = marked_span(waves)
    label[at(begin) : at(end)] = 0
    known = waves[["onset", "peak", "offset"]].to_numpy()
    for place, (kind, (onset, peak, offset)) in enumerate(zip(waves["wave"], known, strict=True)):
        before = known[place - 1].max() if place else begin
        after = min(one for one in known[place + 1] if one >= 0) if place + 1 < len(known) else end
        if onset < 0 or offset < 0:
            label[at(before) : at(peak)] = UNKNOWN if onset < 0 else label[at(before) : at(peak)]
            label[at(peak) : at(after)] = UNKNOWN if offset < 0 else label[at(peak) : at(after)]
        first, last = onset if onset >= 0 else peak, offset if offset >= 0 else peak
        label[at(first) : at(last) + 1] = WAVE_CLASSES.index(kind)
    return label


def wave_examples(records: Sequence[Record], waves: pd.DataFrame, leads: Sequence[str] = LEADS) -> WaveExamples:
    """Return every lead of some records as an example.

    Parameters
    ----------
    records, waves
        As `load_ludb` gives them; records of the same length.
    leads : sequence of str
        Those to take; a lead without any mark is left out.

    Raises
    ------
    UsageError
        Where no lead has a mark.
    """
    marked = dict(list(waves.groupby(["record", "lead"], sort=False)))
    whose = [(one, lead) for one in records for lead in leads if (one.name, lead) in marked]
    if not whose:
        raise UsageError(f"none of the leads {', '.join(leads)} has marks in these {len(records)} records")
    signal = np.stack([prepare_lead(one.wave(lead), one.fs) for one, lead in whose])
    label = [sample_labels(marked[one.name, lead], signal.shape[1], one.fs) for one, lead in whose]
    names, of_leads = np.array([(one.name, lead) for one, lead in whose]).T
    return WaveExamples(signal, np.stack(label), names, of_leads)

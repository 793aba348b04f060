"""Where P, QRS and T begin and end in a recording of one lead, and the intervals that follow: PR, QRS, QT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import ArrayLike, NDArray

from ecgnb.classifier.load import OF_WAVES, WEIGHTS
from ecgnb.classifier.recording import blocks, checked_signal
from ecgnb.classifier.result import NO_ECG, ClassifiedRecording
from ecgnb.datasets.wave_examples import WAVE_CLASSES, WAVE_FS, prepare_lead
from ecgnb.datasets.windows import even_steps
from ecgnb.detection.r_peaks import check_fs
from ecgnb.errors import UsageError

SHORTEST = {"P": 0.03, "QRS": 0.03, "T": 0.05}  # s: LUDB's shortest waves, but for a few, are longer

GAP = 0.02  # s: two stretches of one kind with less between them are one wave

PIECE, MARGIN = 9600, 1344  # samples that the network reads at once, and those at each end that it only looks at

MOST_PR, MOST_ST, NEAR = 0.4, 0.5, 0.06  # s: from P's onset to QRS, from QRS to T's onset, from QRS to its R peak

INTERVALS = {
    "PR_ms": ("P_onset_s", "QRS_onset_s"),
    "QRS_ms": ("QRS_onset_s", "QRS_offset_s"),
    "QT_ms": ("QRS_onset_s", "T_offset_s"),
}

FEWEST = 3  # beats of which a median is told

WaveScores = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def find_waves(signal: ArrayLike, fs: float, *, scores: WaveScores | None = None) -> pd.DataFrame:
    """Find the P, QRS and T waves of one lead.

    It marks what it takes for waves in any signal: whether that is an ECG is for others to say, as `classify_recording`
    does. Blocks of ten minutes are prepared one by one, so that a day of it needs little memory.

    Parameters
    ----------
    signal : (n_samples,) float array
        In any unit and of either polarity; NaN where there is no value, and no wave is found that touches it.
    fs : float
        Samples per second, 100 to 2,000.
    scores : callable, optional
        A network of your own: (n_pieces, n_samples) float32 at 250 Hz to (n_pieces, 4, n_samples), as
        ``lambda pieces: predict(network, torch.from_numpy(pieces)).numpy()`` makes it of a `models.WaveUNet`; the
        pretrained one where it is not given.

    Returns
    -------
    DataFrame
        One row a wave, in order of time: `wave` ("P", "QRS" or "T"), `onset` and `offset` in samples of the signal (its
        first and its last), and `probability`, the mean of what the network gives for that kind of wave over it.

    Raises
    ------
    UsageError
        For a rate outside the range.
    DataError
        For a signal that is too short, has no value in most places, or never changes.
    """
    fs = check_fs(fs)
    wave = checked_signal(signal, fs)
    scores = scores or wave_network()
    parts = []
    for start, stop, low, high in blocks(len(wave), fs, even_steps(fs, WAVE_FS)):
        given = waves_of_scores(_in_pieces(prepare_lead(wave[low:high], fs), scores))
        for edge in ("onset", "offset"):
            at = np.round(given[edge].to_numpy() * fs / WAVE_FS).astype(np.int64) + low
            given[edge] = np.minimum(at, len(wave) - 1)
        parts.append(given[(given["onset"] >= start) & (given["onset"] < stop)])
    found = pd.concat(parts, ignore_index=True)
    # A wave that ends where the signal does may go on: the samples beside it have to be there, too.
    lacking = np.cumsum(np.r_[0, True, np.isnan(wave), True])
    known = lacking[found["offset"] + 3] == lacking[found["onset"]]
    twice = found.groupby("wave")["offset"].shift(fill_value=-1) >= found["onset"]  # by two blocks
    return found[known & ~twice].reset_index(drop=True)


def _in_pieces(wave: NDArray[np.float32], scores: WaveScores) -> NDArray[np.float32]:
    """Score a prepared lead, (n_samples,) to (4, n_samples), in pieces of one length that overlap by two margins."""
    step = PIECE - 2 * MARGIN
    n = -(-len(wave) // step)
    padded = np.pad(wave, (MARGIN, n * step - len(wave) + MARGIN))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, PIECE)[::step]
    given = [scores(pieces[at : at + 4].copy()) for at in range(0, n, 4)]
    inner = np.concatenate(given)[:, :, MARGIN:-MARGIN]
    return inner.transpose(1, 0, 2).reshape(len(WAVE_CLASSES), -1)[:, : len(wave)]


@cache
def wave_network() -> WaveScores:
    """Return what gives the pretrained network's scores: by onnxruntime where it is installed, else by PyTorch."""
    if find_spec("onnxruntime"):
        import onnxruntime

        from ecgnb.classifier.trial import session_options

        content = WEIGHTS.joinpath(f"{OF_WAVES}.onnx").read_bytes()
        session = onnxruntime.InferenceSession(content, session_options(), providers=["CPUExecutionProvider"])
        return lambda pieces: session.run(None, {"signal": pieces})[0]
    import torch  # it takes a second or two to import

    from ecgnb.models import load_pretrained
    from ecgnb.training.loop import predict

    network = load_pretrained(OF_WAVES)
    return lambda pieces: predict(network, torch.from_numpy(pieces)).numpy()


def waves_of_scores(scores: NDArray[np.floating[Any]]) -> pd.DataFrame:
    """Return the waves that a network's scores of each sample mean.

    Each sample belongs to its likeliest class. Stretches of one class are waves; two of one kind less than 20 ms apart
    are one, and what is shorter than 30 ms (a T: 50 ms) is none.

    Parameters
    ----------
    scores : (4, n_samples) float array
        As `models.WaveUNet` gives them, at 250 Hz.

    Returns
    -------
    DataFrame
        As `find_waves` gives it, in samples at 250 Hz.
    """
    probability = scipy.special.softmax(np.asarray(scores, dtype=np.float32), axis=0)
    likeliest = probability.argmax(axis=0)
    parts = []
    for number, kind in enumerate(WAVE_CLASSES[1:], start=1):
        edges = np.flatnonzero(np.diff(np.r_[False, likeliest == number, False]))
        onset, offset = edges[::2], edges[1::2] - 1
        apart = onset[1:] - offset[:-1] > GAP * WAVE_FS
        onset, offset = onset[np.r_[True, apart][: len(onset)]], offset[np.r_[apart, True][: len(offset)]]
        long = offset - onset >= SHORTEST[kind] * WAVE_FS
        onset, offset = onset[long], offset[long]
        summed = np.r_[0.0, np.cumsum(probability[number], dtype=np.float64)]
        mean = (summed[offset + 1] - summed[onset]) / (offset + 1 - onset)
        parts.append(pd.DataFrame({"wave": kind, "onset": onset, "offset": offset, "probability": mean}))
    return pd.concat(parts).sort_values("onset", kind="stable", ignore_index=True)


def waves_of_beats(waves: pd.DataFrame, r_sample: ArrayLike, fs: float) -> pd.DataFrame:
    """Say which waves belong to which beat.

    A beat's QRS lies on its R peak, or within 60 ms of it. Its P is the last one after the QRS before that begins at
    most 0.4 s before its own QRS and ends before it; its T is the first one before the next QRS that begins at most
    0.5 s after its own. A wave belongs to one beat.

    Parameters
    ----------
    waves : DataFrame
        As `find_waves` gives it.
    r_sample : (n_beats,) int array
        In samples of the same signal, in order of time.
    fs : float

    Returns
    -------
    DataFrame
        One row a beat: `P_onset_s`, `P_offset_s`, `QRS_onset_s`, ... (seconds from the start) and `PR_ms` (from P's
        onset to that of the QRS), `QRS_ms`, `QT_ms`; NaN where a wave was not found.
    """
    r = np.asarray(r_sample, dtype=np.int64)
    edges = {kind: waves.loc[waves["wave"] == kind, ["onset", "offset"]].to_numpy(np.int64) for kind in WAVE_CLASSES}
    qrs = _with_borders(edges["QRS"])
    mine = np.searchsorted(qrs[:, 0], r + NEAR * fs, side="right") - 1  # the last one that begins before
    has_qrs = (qrs[mine, 1] >= r - NEAR * fs) & (np.diff(mine, prepend=-1) > 0)
    onset, offset = qrs[mine].T
    p = _with_borders(edges["P"])
    p = p[np.searchsorted(p[:, 1], onset, side="right") - 1]
    has_p = has_qrs & (p[:, 0] >= np.maximum(qrs[mine - 1, 1], onset - MOST_PR * fs))
    t = _with_borders(edges["T"])
    t = t[np.searchsorted(t[:, 0], offset)]
    has_t = has_qrs & (t[:, 1] <= qrs[mine + 1, 0]) & (t[:, 0] <= offset + MOST_ST * fs)
    table = pd.DataFrame(index=range(len(r)))
    for kind, of_kind, there in (("P", p, has_p), ("QRS", qrs[mine], has_qrs), ("T", t, has_t)):
        for column, edge in enumerate(("onset", "offset")):
            table[f"{kind}_{edge}_s"] = np.where(there, of_kind[:, column] / fs, np.nan)
    for name, (first, last) in INTERVALS.items():
        table[name] = (1000 * (table[last] - table[first])).round(1)
    return table


def _with_borders(edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return onsets and offsets, (n, 2), between a wave long before all others and one long after: (n + 2, 2)."""
    far = np.int64(2**60)
    return np.concatenate([[[-far, -far]], edges, [[far, far]]])


def with_waves(
    found: ClassifiedRecording, signal: ArrayLike, *, scores: WaveScores | None = None
) -> ClassifiedRecording:
    """Return the beats of a recording with their waves beside them.

    Parameters
    ----------
    found : ClassifiedRecording
        As `classify_recording` gives it.
    signal : (n_samples,) float array
        That it was given.
    scores : callable, optional
        As for `find_waves`.

    Returns
    -------
    ClassifiedRecording
        Its `beats` have the columns of `waves_of_beats` at the end. All of them are empty for a beat in a stretch that
        does not look like an ECG; P and PR are where the rhythm is irregular, as in atrial fibrillation, which has no P
        wave and in which the network finds some.

    Raises
    ------
    UsageError
        For a signal of another length.
    """
    if len(np.asarray(signal)) != round(found.seconds * found.fs):
        raise UsageError(f"a signal of {len(np.asarray(signal)):,} samples; expected that of {found.seconds:.3f} s")
    table = waves_of_beats(find_waves(signal, found.fs, scores=scores), found.beats["r_sample"], found.fs)
    table[found.beats["why"].to_numpy() == NO_ECG] = np.nan
    table.loc[found.beats["irregular"].to_numpy(), ["P_onset_s", "P_offset_s", "PR_ms"]] = np.nan
    return replace(found, beats=pd.concat([found.beats, table], axis=1))


def intervals_in_words(found: ClassifiedRecording) -> str:
    """Say the median PR, QRS and QT, and of how many beats; found by `with_waves`."""
    said = []
    for name in INTERVALS:
        known = found.beats[name].dropna()
        what = name.removesuffix("_ms")
        some = f"{what} {known.median():.0f} ms ({len(known):,})"
        said.append(some if len(known) >= FEWEST else f"{what} not found ({len(known)})")
    return f"Median of the beats in which it was found: {', '.join(said)} of {len(found.beats):,}."

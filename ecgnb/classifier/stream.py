"""The causal network on a stream: samples in, named beats out, each within a second of its R peak."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ecgnb.classifier.base import Classifier
from ecgnb.classifier.load import load_classifier
from ecgnb.classifier.recipe import Inputs, Recipe
from ecgnb.classifier.result import NO_RHYTHM, UNSURE, usual_confidence
from ecgnb.datasets.reference import N_BETWEEN, reference_beat
from ecgnb.datasets.timing import log_rr, rr_features_of
from ecgnb.datasets.windows import even_steps, fill_gaps
from ecgnb.detection.gate import JUDGES, EcgGate, judge
from ecgnb.detection.indices import STRETCH_SECONDS
from ecgnb.detection.online import OnlineSlopeDetector, Tail
from ecgnb.detection.quality import waves_beside_qrs
from ecgnb.detection.r_peaks import MIN_SECONDS, check_fs, detect_r_peaks
from ecgnb.detection.rhythm import IRREGULAR, N_BEATS, irregularity
from ecgnb.errors import ModelError, UsageError

CAUSAL = "beat_sequence_causal"  # the weights that serve streams

STEP = 0.1  # s; the stream is worked through in such steps, however it is cut into pushes
AHEAD = 0.85  # s after an R peak that are looked at, for the network's window and its filter
HELD = 2.0  # s more for the filter, which runs back from there, at the level of the last second
BEHIND = 10.0  # s before it that the filter remembers
LARGEST = 1e30  # what is larger is no value: its square is none
KEPT_SECONDS = 3 * STRETCH_SECONDS
KEPT_WINDOWS = 2**14  # four hours of beats; of longer streams every second one, every fourth, ...

OF_STREAMS = ("recording", "so far", "running", False)  # scaling, reference, rr and next_rr of such a recipe

NOT_YET = "what is usual in this recording is known after 64 beats"
NO_ECG_BEFORE = "the ten seconds before do not look like an ECG"


@dataclass(frozen=True)
class StreamedBeat:
    """A beat of a stream.

    Parameters
    ----------
    time_s, r_sample
        Of its R peak, from the start of the stream.
    rr_s : float
        Since the beat before; NaN for the first, and after samples without a value.
    label : str
        Its class; ``?`` where it is not classified.
    likeliest : str
        The class with the highest probability; ``?`` where there is none.
    confidence : float
        That probability, or NaN.
    p : tuple of float
        The probability of each class; empty where there is none.
    why : str
        Why it is not classified.
    given_s : float
        How much of the stream had come when it was given.
    again : bool
        Whether it was given before, without a label: the first 64 beats get theirs together.
    """

    time_s: float
    r_sample: int
    rr_s: float
    label: str = UNSURE
    likeliest: str = UNSURE
    confidence: float = float("nan")
    p: tuple[float, ...] = ()
    why: str = ""
    given_s: float = 0.0
    again: bool = False


class _Cut(NamedTuple):
    """A beat on its way to a label."""

    beat: StreamedBeat
    seconds: float  # its time, less the stretches that are cut out of it
    windows: NDArray[np.float32]  # (1, n_samples), or (0, n_samples)
    why: str  # it has no window


class BeatStream:
    """Finds and names the beats of one lead while it comes in.

    Each beat is given within 0.95 s of its R peak, those of the first three seconds at their end. What surrounds it is
    what the recipe calls usual *so far*, so the first 64 beats are given without a label, and once more with one as
    soon as all of them are there. From then on each has its label at once. Each ten seconds are judged when they are
    complete, and the beats of the next ten get no label where they do not look like an ECG (the first ten seconds stand
    for themselves). How the stream is cut into pushes changes nothing.

    Against `classify_recording`, which has the recording as a whole, these differ: the high-pass filter sees 0.85 s
    ahead of the R peak, and takes the level of the last second for what comes then; a stretch is judged by itself and
    those before, and says something of the next; and a rhythm is irregular by the last 48 intervals. Given the same
    windows, the network computes the same. After four hours of beats the reference beat is that of every second one,
    then of every fourth, so that memory stays bounded.

    Parameters
    ----------
    fs : float
        Samples per second, 100 to 2,000.
    classifier : Classifier, optional
        One that looks back only; the pretrained ``beat_sequence_causal`` where it is not given.
    min_confidence : float, optional
        A beat whose likeliest class is less probable is not classified; as for `classify_recording`.
    force : bool
        Classify what looks like no ECG, too.
    gate : EcgGate, optional
        The one that lesson 07 fitted where it is not given.

    Raises
    ------
    UsageError
        For a rate outside the range.
    ModelError
        For a classifier that needs to know what comes later.
    """

    def __init__(
        self,
        fs: float,
        classifier: Classifier | None = None,
        *,
        min_confidence: float | None = None,
        force: bool = False,
        gate: EcgGate | None = None,
    ) -> None:
        self.fs = check_fs(fs)
        self.classifier = classifier or load_classifier(CAUSAL)
        self._recipe = _checked_recipe(self.classifier)
        self._least = usual_confidence(self.classifier.certainty) if min_confidence is None else min_confidence
        self._force, self._gate = force, gate
        needed = round((BEHIND + 2) * self.fs) + even_steps(self.fs, self._recipe.fs)
        self._wave = Tail(max(round((KEPT_SECONDS + 2) * self.fs), needed))
        self._detector = OnlineSlopeDetector(self.fs)
        self._step = max(1, round(STEP * self.fs))
        self._found: deque[int] = deque()  # R peaks that are not given yet
        self._last_r = -1
        self._n_judged = 0  # complete stretches of ten seconds
        self._stretches: dict[int, tuple[bool, float]] = {}  # are its beats seen; seconds cut out of the time before it
        self._waiting: list[_Cut] = []  # the first beats
        self._intervals: deque[float] = deque(maxlen=N_BEATS)  # the last ones, NaN where one is not known
        self._so_far: _SoFar | None = None  # from the 64th beat on
        self._finished = False
        self.beside_qrs = float("nan")  # of the first beats, as `quality.waves_beside_qrs` gives it

    @property
    def heart_rate_bpm(self) -> float | None:
        """That of the median of the last intervals; None where there is none."""
        known = [one for one in self._intervals if np.isfinite(one)]
        return 60 / float(np.median(known)) if known else None

    @property
    def seconds(self) -> float:
        """How much of the stream has come."""
        return self._wave.end / self.fs

    def push(self, samples: ArrayLike) -> list[StreamedBeat]:
        """Take the next samples, in any unit, NaN where there is no value; return the beats that have become known."""
        if self._finished:
            raise UsageError("this stream is finished; expected no more samples: make a new BeatStream")
        try:
            values = np.atleast_1d(np.asarray(samples, dtype=np.float32))
        except (TypeError, ValueError):
            raise UsageError("the samples are no numbers; expected (n_samples,), of one lead") from None
        if values.ndim != 1:
            raise UsageError(f"samples of shape {values.shape}; expected (n_samples,), of one lead")
        values = np.where(np.abs(values) < LARGEST, values, np.float32(np.nan))
        beats: list[StreamedBeat] = []
        while len(values):
            room = self._step - self._wave.end % self._step
            self._wave.append(values[:room])
            values = values[room:]
            if self._wave.end % self._step == 0:
                beats += self._work(final=False)
        return beats

    def finish(self) -> list[StreamedBeat]:
        """Say that no more will come; return the beats that were waiting for it."""
        if self._finished:
            return []
        self._finished = True
        beats = self._work(final=True)
        if self._so_far is not None or not self._waiting:
            return beats
        if not self._n_judged:
            beats += self._judge()
        now = {beat.r_sample: beat for beat in beats}  # given in this very call: once is enough
        named = [replace(beat, again=beat.r_sample not in now) for beat in self._first_named()]
        now |= {beat.r_sample: beat for beat in named}
        return list(now.values())

    def _work(self, *, final: bool) -> list[StreamedBeat]:
        """Do what has become possible with the samples that are there."""
        beats: list[StreamedBeat] = []
        while self._wave.end >= self._edge(self._n_judged + 1):
            beats += self._judge()
        self._found.extend(self._detector.step(self._wave, final=final))
        ahead = round(AHEAD * self.fs)
        while self._found and (final or self._found[0] + ahead <= self._wave.end):
            r = self._found.popleft()
            if np.isfinite(self._wave.between(r, r + 1)).all():  # none in a gap
                beats += self._given(r)
        return beats

    def _edge(self, stretch: int) -> int:
        return max(0, round(stretch * STRETCH_SECONDS * self.fs))

    def _judge(self) -> list[StreamedBeat]:
        """Say whether the next stretch is an ECG, hearing those before it: so the beats after it are seen, or not.

        The beats of the first stretch, which came before anybody could judge, are given again where it is none.
        """
        number = self._n_judged
        low, high = self._edge(number - 2), min(self._edge(number + 1), self._wave.end)
        is_ecg = self._force or _is_ecg(self._wave.between(low, high), self.fs, self._gate)
        if not number:
            self._stretches[0] = (is_ecg, 0.0)  # nothing stands before it
        seen, left_out = self._stretches[number]
        self._stretches[number + 1] = (is_ecg, left_out + (0.0 if seen else STRETCH_SECONDS))
        self._stretches.pop(number - 2, None)
        self._n_judged += 1
        if number or is_ecg:
            return []
        unseen, self._waiting = self._waiting, []
        return [replace(one.beat, why=NO_ECG_BEFORE, given_s=self.seconds, again=True) for one in unseen]

    def _given(self, r: int) -> list[StreamedBeat]:
        """Return a beat with its label, where what is usual is known; else without one, and all when it is."""
        stretch = self._n_judged - (r < self._edge(self._n_judged))
        is_seen, left_out = self._stretches.get(stretch, (True, 0.0))
        beat = StreamedBeat(r / self.fs, r, self._interval(r), given_s=self.seconds)
        if not is_seen:
            self._intervals.append(float("nan"))
            return [replace(beat, why=NO_ECG_BEFORE)]
        cut = _Cut(beat, r / self.fs - left_out, *self._cut(r))
        self._intervals.append(float("nan") if cut.why else beat.rr_s)
        if self._so_far is not None:
            p = self._so_far.next(cut)
            return [self._labelled(beat, p) if p is not None else replace(beat, why=cut.why)]
        if cut.why and self._waiting and self._waiting[-1].why:
            self._waiting.pop()  # of those without a window the last one's time is enough
        self._waiting.append(cut)
        if sum(len(one.windows) for one in self._waiting) < N_BETWEEN:
            return [replace(beat, why=cut.why or NOT_YET)]
        return [replace(one, again=one.r_sample != r) for one in self._first_named()]

    def _cut(self, r: int) -> tuple[NDArray[np.float32], str]:
        """Return a beat's window, or why it has none; the filter sees no further than our constants."""
        step = even_steps(self.fs, self._recipe.fs)
        low = (
            max(0, r - round(BEHIND * self.fs)) // step * step
        )  # resampling meets each sample as in the whole recording
        high = r + round(AHEAD * self.fs)
        wave = self._wave.between(low, high).astype(np.float32)
        last = wave[-round(self.fs) :][np.isfinite(wave[-round(self.fs) :])]
        if self._wave.end >= high and len(last):
            wave = np.r_[wave, np.full(round(HELD * self.fs), np.median(last))]
        windows, why = self._recipe.cut(wave, self.fs, np.array([r - low]))
        return windows, str(why[0])

    def _interval(self, r: int) -> float:
        """Return the seconds since the beat before; NaN where nobody knows what beat in between."""
        last, self._last_r = self._last_r, r
        known = last >= self._wave.start and np.isfinite(self._wave.between(last, r)).all()
        return (r - last) / self.fs if known else float("nan")

    def _first_named(self) -> list[StreamedBeat]:
        """Name the first beats, as the recipe does: by a reference beat of themselves."""
        waiting, self._waiting = self._waiting, []
        self._so_far = _SoFar(self._recipe, self.classifier)
        p = self._so_far.first(waiting)
        whole = [one.beat for one in waiting if not one.why]
        windows = [one.windows for one in waiting if not one.why]
        if windows:
            self.beside_qrs = waves_beside_qrs(np.concatenate(windows), self._recipe.before, self._recipe.fs)
        return [self._labelled(*each) for each in zip(whole, p, strict=True)]

    def _labelled(self, beat: StreamedBeat, p: NDArray[np.float32]) -> StreamedBeat:
        """Put probabilities and label beside a beat, or why it has none."""
        likeliest, confidence = self.classifier.classes[int(p.argmax())], float(p.max())
        why = f"less sure than {self._least:g}" if confidence < self._least else ""
        if not why and likeliest == "S" and irregularity(self._intervals)[-1] > IRREGULAR:
            why = NO_RHYTHM
        return replace(
            beat, label=UNSURE if why else likeliest, likeliest=likeliest, confidence=confidence,
            p=tuple(map(float, p)), why=why, given_s=self.seconds,
        )  # fmt: skip


class _SoFar:
    """What a recording's beats so far say of the next one: its row beside the rows before it, and so its label.

    What `Recipe.relative` computes of all beats at once is computed here of one after the other, to the same numbers.
    """

    def __init__(self, recipe: Recipe, classifier: Classifier) -> None:
        self._recipe, self._classifier = recipe, classifier
        self._windows: list[NDArray[np.float32]] = []  # scaled by themselves
        self._every = 1  # beat of which the window is kept
        self._n = 0
        self._reference = np.zeros(recipe.n_samples, dtype=np.float32)
        self._last_seconds = 0.0
        self._totals: deque[float] = deque([0.0], maxlen=9)  # of the intervals before the last eight beats, and now
        self._rows: deque[tuple[NDArray[np.float32], ...]] = deque(maxlen=_reach(classifier)[0] + 1)

    def first(self, found: list[_Cut]) -> NDArray[np.float32]:
        """Return the probabilities of the first beats, (n_kept, n_classes)."""
        seconds = np.array([one.seconds for one in found])
        why = np.array([one.why for one in found], dtype=np.str_)
        windows = np.concatenate([np.zeros((0, self._recipe.n_samples), np.float32), *[one.windows for one in found]])
        inputs = self._recipe.inputs_of(windows, why, seconds)
        for window, before in zip(windows, rr_features_of(seconds)[why == "", 0], strict=True):
            self._keep(self._recipe.scaled(window[None])[0])
            self._totals.append(self._totals[-1] + float(before))
        self._last_seconds = float(seconds[-1]) if len(seconds) else 0.0
        self._rows.extend(zip(inputs.signal, inputs.reference, inputs.timing, strict=True))
        return self._classifier.probabilities(inputs)

    def next(self, found: _Cut) -> NDArray[np.float32] | None:
        """Return the probabilities of the next beat; None where it has no window."""
        before = float(np.float32(found.seconds - self._last_seconds))
        self._last_seconds = found.seconds
        if found.why:
            return None
        if self._n % N_BETWEEN == 0:
            self._reference = reference_beat(np.stack(self._windows), self._recipe.before, self._recipe.fs)
        window = self._recipe.scaled(found.windows)[0]
        height = np.maximum(np.ptp(self._reference), 1e-9)
        self._rows.append((window / height, self._reference / height, self._timing(before)))
        self._keep(window)
        signal, reference, timing = (np.stack(column) for column in zip(*self._rows, strict=True))
        inputs = Inputs(signal, reference, timing, np.zeros(len(signal), np.int64), np.full(len(signal), ""))
        return self._classifier.probabilities(inputs)[-1]

    def _timing(self, before: float) -> NDArray[np.float32]:
        """Return the timing as `datasets.relative_rr` does with "running" means and no next interval."""
        n_recent, total = min(self._n, 8), self._totals[-1]
        recent = (total - self._totals[-1 - n_recent]) / n_recent if n_recent else before
        self._totals.append(total + before)
        usual = self._totals[-1] / (self._n + 1)
        return log_rr(np.array([before / usual, before / recent])).astype(np.float32)

    def _keep(self, window: NDArray[np.float32]) -> None:
        """Keep a window for the reference beat; of a very long stream every second one, every fourth, ..."""
        if self._n % self._every == 0:
            self._windows.append(window)
        self._n += 1
        if len(self._windows) > KEPT_WINDOWS:
            self._windows, self._every = self._windows[::2], 2 * self._every


def stream_recording(
    signal: ArrayLike,
    fs: float,
    classifier: Classifier | None = None,
    *,
    min_confidence: float | None = None,
    force: bool = False,
) -> pd.DataFrame:
    """Run a recording through a `BeatStream`, and say what it gave and when.

    Parameters
    ----------
    signal : (n_samples,) float array
        One lead, in any unit; NaN where there is no value.
    fs, classifier, min_confidence, force
        As for `BeatStream`.

    Returns
    -------
    DataFrame
        One row a beat, in the columns of `ClassifiedRecording.beats` but for could_be and irregular: time_s, r_sample,
        rr_s, label, likeliest, confidence, ``p_...`` and why; and delay_s, from the R peak until the beat was given,
        label_delay_s, until it was given as it stands here.
    """
    stream = BeatStream(fs, classifier, min_confidence=min_confidence, force=force)
    given: dict[int, list[StreamedBeat]] = {}
    for beat in [*stream.push(signal), *stream.finish()]:
        given.setdefault(beat.r_sample, []).append(beat)
    classes = stream.classifier.classes
    names = ("time_s", "r_sample", "rr_s", "label", "likeliest", "confidence")
    rows = []
    for first, *later in given.values():
        last = [first, *later][-1]
        p = last.p or (np.nan,) * len(classes)
        delays = (first.given_s - first.time_s, last.given_s - last.time_s)
        rows.append([*(getattr(last, name) for name in names), *p, last.why, *delays])
    columns = [*names, *(f"p_{name}" for name in classes), "why", "delay_s", "label_delay_s"]
    return pd.DataFrame(rows, columns=columns)


def _is_ecg(wave: NDArray[np.float64], fs: float, gate: EcgGate | None) -> bool:
    """Say whether the last stretch of a signal looks like an ECG, heard together with those before it."""
    last = wave[-round(STRETCH_SECONDS * fs) :]
    last = last[np.isfinite(last)]
    if len(wave) < MIN_SECONDS * fs or len(last) < 0.5 * min(len(wave), STRETCH_SECONDS * fs) or np.ptp(last) == 0:
        return False
    scaled = (wave / 2.0 ** np.round(np.log2(np.nanstd(wave)))).astype(np.float32)  # any unit is as good
    filled, has_value = fill_gaps(scaled)
    first, second = (detect_r_peaks(filled, fs, name) for name in JUDGES)
    return bool(judge(scaled, fs, first[has_value[first]], second[has_value[second]], gate)["is_ecg"].iloc[-1])


def _reach(classifier: Classifier) -> tuple[int, int]:
    """Return how many beats before and after a beat its scores depend on."""
    return getattr(classifier, "reach", getattr(getattr(classifier, "network", None), "reach", (0, 0)))


def _checked_recipe(classifier: Classifier) -> Recipe:
    """Return the recipe of a classifier that looks back only, or raise `ModelError`."""
    recipe = classifier.recipe
    fits = recipe is not None and recipe.after / recipe.fs < AHEAD - 0.2 and _reach(classifier)[1] == 0
    if recipe is None or not fits or (recipe.scaling, recipe.reference, recipe.rr, recipe.next_rr) != OF_STREAMS:
        raise ModelError(
            f"the model {classifier.name} needs to know what comes after a beat; expected one that looks back only: "
            f"{CAUSAL}, or a causal_model.pth of lesson 06"
        )
    return recipe

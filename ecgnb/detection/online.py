"""Find R peaks while the signal comes in: `slope_detector`, with no more look-ahead than somebody who waits allows."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from ecgnb.datasets.windows import fill_gaps
from ecgnb.detection.r_peaks import least_share

BEFORE, AHEAD = 1.0, 0.35  # s of signal around a sample that its slope is computed from
APART = 0.25  # s between two tops of the slope, at least
REACH = 0.07  # s from the top of the slope to the R peak, at most
WAIT = 0.75  # s from a low top until it is decided whether it fills a gap; then the R peak is 0.82 s old at most
WARM_UP = 3.0  # s of signal that tell how high tops usually are; the first beats wait for them
REMEMBERED = 600  # s over which the signal's usual steepness is known


class Tail:
    """The last samples of a stream, by their number in the whole of it.

    Parameters
    ----------
    n_kept : int
        Samples that are kept at least; at most twice as many are.
    """

    def __init__(self, n_kept: int) -> None:
        self.n_kept, self.start, self.end = n_kept, 0, 0
        self._values = np.zeros(2 * n_kept)

    def append(self, values: NDArray[np.floating]) -> None:
        """Add at most `n_kept` samples."""
        n = self.end - self.start
        if n + len(values) > len(self._values):
            n = self.n_kept
            self._values[:n] = self._values[self.end - self.start - n : self.end - self.start].copy()
            self.start = self.end - n
        self._values[n : n + len(values)] = values
        self.end += len(values)

    def between(self, low: int, high: int) -> NDArray[np.float64]:
        """Return the samples from `low` to before `high`, those that have come and are kept."""
        return self._values[max(0, low - self.start) : max(0, min(high, self.end) - self.start)]


class _Top(NamedTuple):
    sample: int
    height: float


class OnlineSlopeDetector:
    """Finds R peaks of a stream within 0.82 s, and a step.

    The same stages and constants as `slope_detector`, which has the recording as a whole. Here the filter sees a third
    of a second ahead, what is usual is what was usual so far, and a gap is filled when no beat has come for as long as
    the wait allows, not when the next one is there.

    Parameters
    ----------
    fs : float
        Samples per second.
    share, share_of_neighbour, share_in_gap, share_in_silence : float
        As for `slope_detector`.
    late : float
        Of the usual interval, what must have passed before a low top fills a gap.
    """

    def __init__(
        self,
        fs: float,
        *,
        share: float = 0.35,
        share_of_neighbour: float = 0.5,
        share_in_gap: float = 0.15,
        share_in_silence: float = 0.2,
        late: float = 0.8,
    ) -> None:
        self.fs = fs
        self.share, self.share_of_neighbour = share, share_of_neighbour
        self.share_in_gap, self.share_in_silence, self.late = share_in_gap, share_in_silence, late
        self._filter = scipy.signal.butter(2, (3, 20), "bandpass", fs=fs, output="sos")
        self._at_rest = scipy.signal.sosfilt_zi(self._filter)  # its state at a level of 1
        self._filtered, self._slope = Tail(round(4 * fs)), Tail(round(4 * fs))
        self._looked_at = 0  # samples whose tops are known
        self._tops: deque[_Top] = deque()  # of the last seconds
        self._waiting: deque[_Top] = deque()  # tops of which nothing is decided
        self._usual: deque[float] = deque(maxlen=REMEMBERED)  # one a second
        self._last: _Top | None = None  # the last beat
        self._intervals: deque[int] = deque(maxlen=9)
        self._r = -1

    def step(self, wave: Tail, *, final: bool = False) -> list[int]:
        """Return the R peaks that have become known, in samples of the stream, each after the one before.

        Parameters
        ----------
        wave : Tail
            The signal; NaN where there is no value.
        final : bool
            Whether no more will come.
        """
        known = wave.end if final else wave.end - round(AHEAD * self.fs)
        if known <= self._slope.end or wave.end < round(0.2 * self.fs):
            return []
        self._take_slope(wave, known)
        limit = known if final else known - round(APART * self.fs)
        for top in self._new_tops(limit):
            self._tops.append(top)
            self._waiting.append(top)
        if wave.end < WARM_UP * self.fs and not final:
            return []
        return self._decide(wave.end, final)

    def _take_slope(self, wave: Tail, known: int) -> None:
        """Filter what is new, together with what is around it, and take its slope."""
        done = self._slope.end
        low = max(wave.start, done - round(BEFORE * self.fs))
        filtered = self._filtered_both_ways(fill_gaps(wave.between(low, wave.end))[0])
        power = scipy.ndimage.uniform_filter1d(np.gradient(filtered) ** 2, max(1, round(0.1 * self.fs)))
        self._filtered.append(filtered[done - low : known - low])
        self._slope.append(np.sqrt(np.maximum(power[done - low : known - low], 0)))

    def _filtered_both_ways(self, wave: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what SciPy's sosfiltfilt does, which takes four times as long for so few samples."""
        forth, _ = scipy.signal.sosfilt(self._filter, wave, zi=self._at_rest * wave[0])
        back, _ = scipy.signal.sosfilt(self._filter, forth[::-1], zi=self._at_rest * forth[-1])
        return np.asarray(back[::-1])

    def _new_tops(self, limit: int) -> list[_Top]:
        """Return the samples up to `limit` that are the highest of the slope for a quarter of a second around."""
        if limit <= self._looked_at:
            return []
        reach = round(APART * self.fs) - 1
        low = max(self._slope.start, self._looked_at - reach - 1)
        slope = self._slope.between(low, self._slope.end)
        is_top = (slope == scipy.ndimage.maximum_filter1d(slope, 2 * reach + 1)) & (np.diff(slope, prepend=np.inf) > 0)
        found = np.flatnonzero(is_top[: limit - low])
        found = found[found + low >= self._looked_at]
        self._looked_at = limit
        return [_Top(int(place) + low, float(slope[place])) for place in found]

    def _decide(self, now: int, final: bool) -> list[int]:
        """Return the R peaks among the waiting tops, as far as it is time to decide."""
        found = []
        while self._waiting:
            top = self._waiting[0]
            usual = self._usual_height(max(top.sample, round(WARM_UP * self.fs)))
            is_beat = top.height > self.share * usual and not self._is_t_wave(top)
            if not is_beat and self._may_fill_gap(top, usual):
                if now < top.sample + round(WAIT * self.fs) and not final:
                    break
                is_beat = not self._something_larger_follows(top)
            self._waiting.popleft()
            if is_beat and (r := self._to_the_peak(top.sample)) > self._r:
                if self._last is not None:
                    self._intervals.append(top.sample - self._last.sample)
                self._last, self._r = top, r
                found.append(r)
        return found

    def _usual_height(self, at: int) -> float:
        """Return the highest top of two seconds over the last six, but for the two values that one giant beat makes."""
        second = self.fs
        while self._tops and self._tops[0].sample < at - 8 * second:
            self._tops.popleft()
        highest = [0.0] * 8
        for top in self._tops:
            back = int((at - top.sample) // second)
            if back < 8:
                highest[max(0, back)] = max(highest[max(0, back)], top.height)
        over_two = sorted(max(highest[k], highest[k + 1]) for k in range(min(6, max(1, int(at // second)))))
        usual = over_two[max(0, len(over_two) - 3)]
        if len(self._usual) < at // second:
            self._usual.append(usual)
        return max(usual, self.share_in_silence * float(np.median(self._usual)) if self._usual else 0.0)

    def _is_t_wave(self, top: _Top) -> bool:
        if self._last is None:
            return False
        after = (top.sample - self._last.sample) / self.fs
        least = float(least_share(after, self.share_of_neighbour)) * self._last.height
        return after < 0.36 and top.height < least

    def _may_fill_gap(self, top: _Top, usual: float) -> bool:
        """Say whether a low top comes so late after the last beat that it may be one."""
        if self._last is None or not self._intervals or top.height <= self.share_in_gap * usual:
            return False
        since = top.sample - self._last.sample
        return since >= max(0.36 * self.fs, self.late * float(np.median(self._intervals)))

    def _something_larger_follows(self, top: _Top) -> bool:
        after = self._slope.between(top.sample, top.sample + round(0.4 * self.fs))
        return bool(len(after)) and float(after.max()) > 1.5 * top.height

    def _to_the_peak(self, sample: int) -> int:
        """Return where the filtered signal is largest, up or down, near the top of its slope."""
        low = max(self._filtered.start, sample - round(REACH * self.fs))
        near = np.abs(self._filtered.between(low, sample + round(REACH * self.fs) + 1))
        return low + int(near.argmax())

"use strict";
// From a recording and its R peaks to what the network reads: the twin of ecgnb/classifier/recipe.py and of
// ecgnb/datasets/windows.py, reference.py and timing.py. Windows are kept in single precision, as there.

const NEAR_START = "too near the start of the record";
const NEAR_END = "too near the end of the record";
const NO_VALUE = "samples without a value";

/** A signal with straight lines where it has no value, and which samples have one. */
function fillGaps(wave) {
  const filled = Float64Array.from(wave);
  const hasValue = new Uint8Array(filled.length);
  for (let k = 0; k < filled.length; k += 1) hasValue[k] = Number.isFinite(filled[k]) ? 1 : 0;
  if (!hasValue.includes(0)) return { filled, hasValue };
  let last = -1; // sample with a value
  for (let k = 0; k <= filled.length; k += 1) {
    if (k < filled.length && !hasValue[k]) continue;
    const [from, to] = [last < 0 ? k : last, k < filled.length ? k : last];
    for (let gap = last + 1; gap < k; gap += 1) {
      const share = to > from ? (gap - from) / (to - from) : 0;
      filled[gap] = from < 0 || from >= filled.length ? 0 : filled[from] + (filled[to] - filled[from]) * share;
    }
    last = k;
  }
  return { filled, hasValue };
}

/** Filter a part of one lead and cut its beats: windows of those that have one, and why the others have none. */
function cutBeats(wave, fs, r) {
  const { before, after, fs: rate, highpass } = ECG_RECIPE.recipe;
  const { filled, hasValue } = fillGaps(wave);
  const [up, down] = resamplingRatio(fs, rate);
  const slow = Float32Array.from(resampled(highpassed(filled, fs, highpass), up, down));
  const per = up / down;
  const lacking = cumulative(hasValue.map((one) => 1 - one));
  const inSignal = (edge) => Math.min(Math.max(roundEven(edge / per), 0), hasValue.length);
  const windows = [];
  const why = r.map((place) => {
    const start = roundEven(place * per) - before;
    const end = start + before + after;
    if (start < 0) return NEAR_START;
    if (end > slow.length) return NEAR_END;
    if (lacking[inSignal(end)] > lacking[inSignal(start)]) return NO_VALUE;
    windows.push(slow.slice(start, end));
    return "";
  });
  return { windows, why };
}

/**
 * What the network reads of a recording's beats: rows of a beat's samples, its reference's, and its timing.
 *
 * `seconds` are the times of all R peaks, `kept` says which of them have one of the `windows`.
 */
function networkRows(windows, seconds, kept) {
  const level = windows.map((window) => {
    const middle = medianFloat(window);
    return window.map((value) => value - middle);
  });
  const reference = referenceBeat(level);
  const [low, high] = rangeOf(reference);
  const height = Math.max(Math.fround(high - low), Math.fround(1e-9));
  const scale = (window) => window.map((value) => value / height);
  const usual = scale(reference);
  const timing = relativeTiming(seconds, kept);
  return level.map((window, k) => Float32Array.of(...scale(window), ...usual, ...timing[k]));
}

/** The middle of single-precision values, in single precision. */
function medianFloat(values) {
  const sorted = Float32Array.from(values).sort();
  const n = sorted.length;
  if (n % 2) return sorted[(n - 1) / 2];
  return Math.fround(Math.fround(sorted[n / 2 - 1] + sorted[n / 2]) / 2);
}

/** The typical beat of a recording: the median of the beats of its most common QRS shape. */
function referenceBeat(windows) {
  const { before, after, fs } = ECG_RECIPE.recipe;
  const { reach: seconds, alike: least, n_looked_at: most } = ECG_RECIPE.reference;
  if (!windows.length) return new Float32Array(before + after);
  const n = Math.min(windows.length, most);
  const step = n > 1 ? (windows.length - 1) / (n - 1) : 0;
  const chosen = Array.from(
    { length: n },
    (_, k) => windows[k === n - 1 && n > 1 ? windows.length - 1 : Math.trunc(k * step)],
  );
  const reach = Math.max(1, roundEven(seconds * fs));
  const qrs = chosen.map((one) =>
    normalised(Float64Array.from(one.subarray(Math.max(0, before - reach), before + reach + 1))),
  );
  let [leader, followers] = [0, []];
  for (let i = 0; i < n; i += 1) {
    const alike = chosen.filter((_, j) => i === j || dot(qrs[i], qrs[j]) > least);
    if (alike.length > followers.length) [leader, followers] = [i, alike];
  }
  return chosen[leader].map((_, k) => medianFloat(followers.map((one) => one[k])));
}

/** The timing of the kept beats relative to their mean interval, in logarithms: four numbers a beat. */
function relativeTiming(seconds, kept) {
  const n = seconds.length;
  const interval = Array.from({ length: Math.max(0, n - 1) }, (_, k) => Math.fround(seconds[k + 1] - seconds[k]));
  const ofKept = (values) => (n < 2 ? seconds.map(() => 1) : values).filter((_, k) => kept[k]);
  const before = ofKept([interval[0], ...interval]);
  const after = ofKept([...interval, interval[n - 2]]);
  const total = cumulative(before);
  const usual = meanOf(before);
  const held = (ratio) => Math.fround(Math.log(Math.min(Math.max(ratio, 0.2), 3)));
  return before.map((one, k) => {
    const recent = k ? (total[k] - total[Math.max(k - 8, 0)]) / Math.min(k, 8) : one;
    return [one / usual, one / recent, after[k] / usual, after[k] / one].map(held);
  });
}

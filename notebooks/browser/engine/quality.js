"use strict";
// What is wrong with a signal, and whether there is a rhythm: the twin of ecgnb/detection/quality.py and rhythm.py.

/** Stretches that nobody should read: [{fault, start_s, seconds}] in order of time. */
function findFaults(wave, fs) {
  const { flat_seconds, clipped_seconds } = ECG_RECIPE.quality;
  const faults = [];
  const note = (fault, runs) => runs.forEach(([from, to]) => faults.push({ fault, from, to }));
  note(
    "missing",
    joinedRuns(
      runsOf(wave, (value) => !Number.isFinite(value)),
      0.1 * fs,
    ),
  );
  const known = finiteOf(wave);
  if (known.length) {
    const still = runsOf(wave, (value, k) => k > 0 && value === wave[k - 1]).map(([from, to]) => [from - 1, to]);
    const flat = still.filter(([from, to]) => to - from >= flat_seconds * fs);
    note("flat", flat);
    const flatStarts = new Set(flat.map(([from]) => from));
    for (const limit of rangeOf(known)) {
      const runs = runsOf(wave, (value) => value === limit)
        .filter(([from, to]) => to - from >= Math.max(3, roundEven(clipped_seconds * fs)))
        .filter(([from]) => !flatStarts.has(from));
      if (runs.length > 1) note("clipped", runs);
    }
  }
  const rows = faults.map(({ fault, from, to }) => ({ fault, start_s: from / fs, seconds: (to - from) / fs }));
  return rows.sort((a, b) => a.start_s - b.start_s);
}

/** Start and end of each run of samples of which something holds. */
function runsOf(values, holds) {
  const runs = [];
  let start = -1;
  for (let k = 0; k <= values.length; k += 1) {
    const inside = k < values.length && holds(values[k], k);
    if (inside && start < 0) start = k;
    if (!inside && start >= 0) {
      runs.push([start, k]);
      start = -1;
    }
  }
  return runs;
}

/** Join runs that stand closer than `gap`. */
function joinedRuns(runs, gap) {
  const joined = [];
  for (const run of runs) {
    const last = joined[joined.length - 1];
    if (last && run[0] - last[1] < gap) last[1] = run[1];
    else joined.push([...run]);
  }
  return joined;
}

/** The share of beats whose largest deflection around the R peak is upward; NaN where there is no beat. */
function sharePointingUp(windows, before, fs) {
  const reach = roundEven(0.07 * fs);
  const up = windows.filter((window) => {
    const level = Math.fround(medianOf(window));
    const [low, high] = rangeOf(window.subarray(Math.max(0, before - reach), before + reach + 1));
    return Math.fround(high - level) > -Math.fround(low - level);
  });
  return windows.length ? up.length / windows.length : NaN;
}

/** How large the P or the T wave of the average beat is, as a share of its QRS complex; NaN where unknown. */
function wavesBesideQrs(windows, before, fs) {
  const { least_averaged: least, before_qrs: early, after_qrs: late } = ECG_RECIPE.quality;
  const [first, last] = [before + roundEven(early[0] * fs), before + roundEven(late[1] * fs)];
  if (windows.length < least || first < 0 || last > windows[0].length) return NaN;
  const average = Float64Array.from(windows[0], (_, k) => medianOf(windows.map((window) => window[k])));
  const level = medianOf(average);
  const beat = average.map((value) => value - level);
  const reach = roundEven(0.07 * fs);
  const qrs = Math.max(...beat.slice(before - reach, before + reach + 1).map(Math.abs));
  const sides = [
    beat.slice(first, before + roundEven(early[1] * fs) + 1),
    beat.slice(before + roundEven(late[0] * fs), last),
  ];
  const sizes = sides.map((side) => {
    const slope = (side[side.length - 1] - side[0]) / (side.length - 1);
    const [low, high] = rangeOf(side.map((value, k) => value - side[0] - slope * k));
    return high - low;
  });
  return qrs ? Math.max(...sizes) / qrs : NaN;
}

/** How little an interval says of the next one, over the intervals nearest to each beat; NaN where that is unknown. */
function irregularity(rr) {
  const { n_beats: n, n_between: between } = ECG_RECIPE.rhythm;
  if (rr.length < n) return rr.map(() => NaN);
  const starts = [];
  for (let start = 0; start < rr.length - n; start += between) starts.push(start);
  starts.push(rr.length - n);
  const values = starts.map((start) => {
    const window = rr.slice(start, start + n);
    const known = finiteOf(window);
    if (!(known.length / n > 2 / 3)) return NaN;
    const usual = medianOf(known);
    return sampleEntropy(window.map((one) => (Number.isFinite(one) ? one : usual)));
  });
  const halfway = starts.slice(1).map((start, k) => (start + starts[k] + n) / 2);
  return rr.map((_, k) => values[searchSorted(halfway, k)]);
}

/** The coefficient of sample entropy of Lake and Moorman 2011, doi:10.1152/ajpheart.00561.2010. */
function sampleEntropy(rr) {
  const { same } = ECG_RECIPE.rhythm;
  let [before, after] = [0, 0];
  for (let i = 0; i < rr.length - 1; i += 1) {
    for (let j = i + 1; j < rr.length - 1; j += 1) {
      if (!(Math.abs(rr[i] - rr[j]) < same)) continue;
      before += 1;
      if (Math.abs(rr[i + 1] - rr[j + 1]) < same) after += 1;
    }
  }
  const ratio = Math.max(before, 1) / Math.max(after, 1);
  return Math.log(ratio) + Math.log(2 * same) - Math.log(meanOf(rr));
}

/** The stretches in which the rhythm is irregular: [{start_s, seconds, beats}]. */
function irregularStretches(beats) {
  return runsOf(beats, (beat) => beat.irregular).map(([from, to]) => ({
    start_s: beats[from].time_s,
    seconds: beats[to - 1].time_s - beats[from].time_s,
    beats: to - from,
  }));
}

"use strict";
// From a raw recording to labelled beats, and what is better left unsaid: the twin of ecgnb/classifier/recording.py.

/** An error whose message is for the reader: what was given, what was expected, what to do. */
class DataError extends Error {}

/**
 * Find the beats of one lead and label each.
 *
 * `scores` is the network: it takes rows of numbers and promises the score of each class. `tell` hears how far it is.
 */
async function classifyRecording(signal, fs, scores, { flip = false, tell = () => {} } = {}) {
  checkRate(fs);
  const wave = scaledByPowerOfTwo(checkedSignal(signal, fs), flip);
  const [first, second] = findRPeaks(wave, fs, (share) => tell(share / 2));
  const quality = judged(wave, fs, first, second);
  refuseNoEcg(quality, wave, fs);
  tell(0.6);
  const { rows, why, windows } = inputsOf(wave, fs, first, quality);
  tell(0.8);
  const known = probabilitiesOf(await scores(rows));
  let next = 0;
  const probabilities = why.map((reason) => (reason === "" ? known[next++] : null));
  const { before, fs: rate } = ECG_RECIPE.recipe;
  const found = {
    beats: tableOf(first, probabilities, why, wave, fs),
    faults: findFaults(wave, fs),
    quality,
    seconds: wave.length / fs,
    fs,
    pointing_up: sharePointingUp(windows, before, rate),
    beside_qrs: wavesBesideQrs(windows, before, rate),
  };
  return { ...found, counts: countsOf(found.beats), summary: summaryOf(found), warnings: warningsOf(found) };
}

/** Refuse a rate outside of what the detector was made for. */
function checkRate(fs) {
  const { min_fs, max_fs } = ECG_RECIPE.r_peaks;
  if (fs >= min_fs && fs <= max_fs) return;
  const given = fs === null ? "is not given" : `is ${asPython(fs)}`;
  throw new DataError(
    `the sampling rate fs ${given}; expected ${general(min_fs)} to ${general(max_fs)} samples per second`,
  );
}

/** A number as Python writes it: 50 as 50.0. */
function asPython(number) {
  return Number.isInteger(number) && Math.abs(number) < 1e16 ? `${number}.0` : String(number);
}

/** One lead with NaN where it has no value; too short, mostly no numbers, or flat ones are refused. */
function checkedSignal(signal, fs) {
  const least = ECG_RECIPE.r_peaks.min_seconds;
  const n = signal.length;
  if (n < least * fs) {
    throw new DataError(
      `${grouped(n)} samples at ${general(fs)} Hz are ${general(n / fs, 3)} s of signal; ` +
        `expected at least ${general(least)} s`,
    );
  }
  const wave = signal.map((value) => (Number.isFinite(value) ? value : NaN)); // in single precision, as it was read
  const known = wave.filter(Number.isFinite);
  const lacking = 1 - known.length / n;
  if (lacking > 0.5) {
    throw new DataError(
      `${percent(lacking)} of the signal is no number (NaN or infinite); expected at least half of it finite`,
    );
  }
  const [low, high] = rangeOf(known);
  if (high === low) {
    throw new DataError(`the signal is ${general(low)} from start to end; expected an ECG, which changes`);
  }
  return wave;
}

/** Any unit is as good. A power of two, so that not a bit of the waves changes. */
function scaledByPowerOfTwo(wave, flip) {
  const scale = 2 ** roundEven(Math.log2(deviationOf(finiteOf(wave))));
  return wave.map((value) => value / (flip ? -scale : scale));
}

/** Start and end of each block of ten minutes, and of the wider stretch to read so that its beats are whole. */
function blocksOf(nSamples, fs, step = 1) {
  const { block_seconds, margin_seconds } = ECG_RECIPE;
  const [size, margin] = [roundEven(block_seconds * fs), roundEven(margin_seconds * fs)];
  const starts = [];
  for (let start = 0; start < nSamples; start += size) starts.push(start);
  if (starts.length > 1 && nSamples - starts[starts.length - 1] < 2 * margin) starts.pop();
  return starts.map((start, k) => {
    const stop = k + 1 < starts.length ? starts[k + 1] : nSamples;
    const low = Math.floor(Math.max(0, start - margin) / step) * step;
    return { start, stop, low, high: Math.min(nSamples, stop + margin) };
  });
}

/** The R peaks of a recording by either detector, found block by block, none of them in a gap, each once. */
function findRPeaks(wave, fs, tell) {
  const slack = roundEven(0.1 * fs); // a peak at a border may move by some samples
  const found = [[], []];
  for (const { start, stop, low, high } of blocksOf(wave.length, fs)) {
    const { filled, hasValue } = fillGaps(wave.subarray(low, high));
    for (const [detector, peaks] of detectRPeaks(filled, fs).entries()) {
      const known = peaks.filter((place) => hasValue[place]).map((place) => place + low);
      found[detector].push(...known.filter((place) => place >= start - slack && place < stop + slack));
    }
    tell(stop / wave.length);
  }
  return found.map((peaks) => {
    peaks.sort((a, b) => a - b);
    return peaks.filter((place, k) => k === 0 || place - peaks[k - 1] >= 0.2 * fs);
  });
}

/** Refuse a recording of which less than a third looks like an ECG. */
function refuseNoEcg(quality, wave, fs) {
  const edges = [...quality.map((row) => roundEven(row.start_s * fs)), wave.length];
  const hasSignal = quality.map((_, k) => {
    const [low, high] = rangeOf(wave.subarray(edges[k], edges[k + 1]));
    return high > low;
  });
  const n = hasSignal.filter(Boolean).length;
  const nEcg = quality.filter((row, k) => row.is_ecg && hasSignal[k]).length;
  if (nEcg < ECG_RECIPE.least_ecg * n || !nEcg) {
    throw new DataError(
      `this does not look like an ECG: ${nEcg} of ${n} stretches of ten seconds do (expected a third at least); ` +
        "if it is one, it can be classified all the same (--force, force=True)",
    );
  }
}

/** The network's rows of the beats in stretches that are an ECG; the rest is cut out of the time. */
function inputsOf(wave, fs, r, quality) {
  const starts = quality.map((row) => row.start_s * fs);
  const leftOut = cumulative(quality.map((row) => (row.is_ecg ? 0 : row.seconds)));
  const stretch = r.map((place) => searchSorted(starts, place, "right") - 1);
  const why = stretch.map((k) => (quality[k].is_ecg ? "" : NO_ECG));
  const windows = [];
  const step = 2 * resamplingRatio(fs, ECG_RECIPE.recipe.fs)[1];
  const seen = r.map((_, k) => k).filter((k) => why[k] === "");
  for (const { start, stop, low, high } of blocksOf(wave.length, fs, step)) {
    const rows = seen.filter((k) => r[k] >= start && r[k] < stop);
    const cut = cutBeats(
      wave.subarray(low, high),
      fs,
      rows.map((k) => r[k] - low),
    );
    rows.forEach((k, place) => {
      why[k] = cut.why[place];
    });
    windows.push(...cut.windows);
  }
  // The interval of a beat is that to its neighbours in time, with a window or without.
  const seconds = seen.map((k) => r[k] / fs - leftOut[stretch[k]]);
  const kept = seen.map((k) => why[k] === "");
  return { rows: networkRows(windows, seconds, kept), why, windows };
}

/** Calibrated probabilities of scores, in single precision. */
function probabilitiesOf(scores) {
  return scores.map((row) => {
    const cooled = row.map((score) => Math.fround(score / Math.fround(ECG_RECIPE.temperature)));
    const top = Math.max(...cooled);
    const odds = cooled.map((score) => Math.fround(Math.exp(score - top)));
    const total = odds.reduce((sum, one) => sum + one, 0);
    return odds.map((one) => Math.fround(one / total));
  });
}

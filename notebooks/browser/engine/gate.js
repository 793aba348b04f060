"use strict";
// Is this an ECG? A judgement of each ten seconds, before any network reads them: the twin of ecgnb/detection/gate.py.

/** Judge each ten-second stretch of one lead: [{start_s, seconds, p_ecg, is_ecg}]. */
function judged(wave, fs, r, other) {
  const size = roundEven(ECG_RECIPE.gate.block_seconds * fs);
  const starts = [];
  const end = Math.max(1, wave.length - Math.floor(size / 2));
  for (let start = 0; start < end; start += size) starts.push(start);
  const rows = starts.flatMap((start, k) => {
    const stop = k + 1 < starts.length ? starts[k + 1] : wave.length;
    const inside = [r, other].map((beats) =>
      beats.filter((place) => place >= start && place < stop).map((place) => place - start),
    );
    return qualityIndices(wave.subarray(start, stop), fs, ...inside).map((row) => ({
      start_s: row.start_s + start / fs,
      seconds: row.seconds,
      indices: row.values,
      p_alone: probabilityOfEcg(row.values),
    }));
  });
  const smooth = smoothed(rows.map((row) => row.p_alone));
  return rows.map((row, k) => {
    const p_ecg = Number.isNaN(row.p_alone) ? 0 : smooth[k];
    return { ...row, p_ecg, is_ecg: p_ecg >= 0.5 };
  });
}

/** The gate's logistic regression on indices, their squares and products; NaN where an index is not known. */
function probabilityOfEcg(indices) {
  const { mean, scale, weights, intercept, furthest } = ECG_RECIPE.gate;
  const held = indices.map((value, k) => {
    const standard = (value - mean[k]) / scale[k];
    return Math.min(Math.max(standard, -furthest), furthest);
  });
  const products = held.flatMap((one, k) => held.slice(k).map((other) => one * other));
  const odds = [...held, ...products].reduce((total, term, k) => total + term * weights[k], intercept);
  return 1 / (1 + Math.exp(-odds));
}

/** The probabilities of consecutive stretches, each heard together with its two neighbours. */
function smoothed(probabilities) {
  const most = ECG_RECIPE.gate.most_certain;
  const odds = probabilities.map((p) => {
    const known = Number.isNaN(p) ? 0 : p;
    return Math.min(Math.max(Math.log(known / (1 - known)), -most), most);
  });
  return odds.map((one, k) => {
    const before = odds[Math.max(0, k - 1)];
    const after = odds[Math.min(odds.length - 1, k + 1)];
    return 1 / (1 + Math.exp(-(before + 3 * one + after) / 5));
  });
}

/** Whether most ten-second stretches of a short signal look like an ECG; not where that cannot be judged. */
function looksLikeEcg(values, fs) {
  const { min_fs, max_fs, min_seconds } = ECG_RECIPE.r_peaks;
  const known = finiteOf(values);
  const [low, high] = rangeOf(known);
  if (!(fs >= min_fs && fs <= max_fs) || values.length < min_seconds * fs) return false;
  if (known.length < 0.5 * values.length || high === low) return false;
  const middle = medianOf(known);
  const spread = deviationOf(known);
  const scaled = Float32Array.from(values, (value) => (Number.isFinite(value) ? (value - middle) / spread : NaN));
  const { filled } = fillGaps(scaled);
  const [first, second] = detectRPeaks(filled, fs);
  const rows = judged(scaled, fs, first, second);
  return rows.filter((row) => row.is_ecg).length > 0.5 * rows.length;
}

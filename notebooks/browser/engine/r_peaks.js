"use strict";
// R peaks where a signal is steep for its surroundings: the twin of ecgnb/detection/r_peaks.py.

/** The R peaks of one finite lead of at least five seconds, as our detector finds them, and as the second one does. */
function detectRPeaks(wave, fs) {
  const [lowest, highest] = rangeOf(wave);
  if (highest === lowest) return [[], []];
  const [low, high] = percentiles(wave, [0.1, 99.9]); // one spike of an amplifier must not drown all beats
  let held = wave;
  if (high > low) {
    const [bottom, top] = [low - 2 * (high - low), high + 2 * (high - low)];
    held = wave.map((value) => Math.min(Math.max(value, bottom), top));
  }
  return [slopeDetector, panTompkins].map((detector) => [...new Set(detector(held, fs))].sort((a, b) => a - b));
}

/** What the detector sees: the signal between 3 and 20 Hz, its slope, the tops of the slope, their usual height. */
function slopeStages(wave, fs) {
  const { band, slope_seconds, peak_seconds } = ECG_RECIPE.r_peaks;
  const filtered = bandpassed(wave, fs, ...band);
  const power = uniformFilter(
    gradient(filtered).map((one) => one * one),
    Math.max(1, roundEven(slope_seconds * fs)),
  );
  const slope = power.map((one) => Math.sqrt(Math.max(one, 0)));
  const peak = topsApart(slope, Math.max(1, roundEven(peak_seconds * fs)));
  const height = peak.map((place) => slope[place]);
  const usual = usualHeight(
    height,
    peak.map((place) => place / fs),
  );
  return { filtered, slope, peak, usual };
}

/** Tops of a curve that stand at least `distance` samples apart, the higher ones first: scipy.signal.find_peaks. */
function topsApart(curve, distance) {
  const tops = [];
  for (let k = 1; k < curve.length - 1; k += 1) {
    if (curve[k - 1] >= curve[k]) continue;
    let ahead = k + 1;
    while (ahead < curve.length - 1 && curve[ahead] === curve[k]) ahead += 1;
    if (curve[ahead] < curve[k]) tops.push((k + ahead - 1) >> 1);
    k = ahead - 1;
  }
  const keep = new Array(tops.length).fill(true);
  const byHeight = tops.map((_, k) => k).sort((a, b) => curve[tops[b]] - curve[tops[a]] || b - a);
  for (const one of byHeight) {
    if (!keep[one]) continue;
    for (let k = one - 1; k >= 0 && tops[one] - tops[k] < distance; k -= 1) keep[k] = false;
    for (let k = one + 1; k < tops.length && tops[k] - tops[one] < distance; k += 1) keep[k] = false;
  }
  return tops.filter((_, k) => keep[k]);
}

/** At each peak, the upper quartile over five seconds of the highest peak within two seconds. */
function usualHeight(height, time) {
  if (!height.length) return [];
  const highest = new Float64Array(Math.floor(time[time.length - 1]) + 1);
  height.forEach((one, k) => {
    const second = Math.floor(time[k]);
    highest[second] = Math.max(highest[second], one);
  });
  const level = withoutGiants(rankFilter(highest, 2, 1, "reflect", 0));
  const usual = rankFilter(level, 5, 3, "nearest");
  const least = ECG_RECIPE.r_peaks.share_in_silence * medianOf(usual);
  const held = usual.map((one) => Math.max(one, least));
  return interpolated(
    time,
    Float64Array.from(held, (_, k) => k + 0.5),
    held,
  );
}

/** Lower what stands out to the height around it: a giant beat or a moved electrode must not hide other beats. */
function withoutGiants(highest) {
  const size = Math.min(4, highest.length);
  const half = Math.floor(size / 2);
  const eroded = rankFilter(highest, size, 0, "constant");
  const lasting = rankFilter(eroded, size, size - 1, "constant", size % 2 ? half : half - 1);
  const middle = rankFilter(highest, 11, 5, "mirror");
  return highest.map((one, k) => {
    const around = Math.max(lasting[k], middle[k]);
    return one > 2 * around ? around : one;
  });
}

function slopeDetector(wave, fs) {
  const { share, share_of_neighbour, share_in_gap, align_seconds } = ECG_RECIPE.r_peaks;
  const { filtered, slope, peak, usual } = slopeStages(wave, fs);
  const height = peak.map((place) => slope[place]);
  const time = peak.map((place) => place / fs);
  let beat = peak.map((_, k) => k).filter((k) => height[k] > share * usual[k]);
  beat = withoutTWaves(beat, time, height, share_of_neighbour);
  beat = withGapsFilled(
    beat,
    time,
    height,
    Float64Array.from(usual, (one) => share_in_gap * one),
  );
  const reach = roundEven(align_seconds * fs);
  return beat.map((k) => toThePeak(filtered, peak[k], reach));
}

/** Drop a beat that follows another within 360 ms and is not steep enough for so soon a beat. */
function withoutTWaves(beat, time, height, share) {
  return beat.filter((k, place) => {
    if (!place) return true;
    const before = beat[place - 1];
    const after = time[k] - time[before];
    return !(after < 0.36 && height[k] < leastShare(after, share) * height[before]);
  });
}

/** How steep a beat must be, of that so many seconds before; the sooner, the likelier it is a T wave. */
function leastShare(after, share) {
  const [early, late] = ECG_RECIPE.r_peaks.soon_seconds;
  return interpolated([after], [early, late], [ECG_RECIPE.r_peaks.soon_times * share, share])[0];
}

/** Add the highest candidate of each gap longer than 1.4 usual intervals, where it is higher than `least`. */
function withGapsFilled(beat, time, height, least) {
  const interval = beat.slice(1).map((k, place) => time[k] - time[beat[place]]);
  if (!interval.length) return beat;
  const usual = rankFilter(interval, 9, 4, "nearest");
  const found = [...beat];
  interval.forEach((length, gap) => {
    if (!(length > 1.4 * usual[gap])) return;
    const [before, after] = [beat[gap], beat[gap + 1]];
    let best = -1;
    for (let k = before + 1; k < after; k += 1) {
      const inside = time[k] - time[before] >= 0.36 && time[after] - time[k] >= 0.3;
      if (inside && (best < 0 || height[k] > height[best])) best = k;
    }
    if (best >= 0 && height[best] > least[best]) found.push(best);
  });
  return found.sort((a, b) => a - b);
}

/** Move a mark to the largest deflection, up or down, within `reach` samples. */
function toThePeak(smooth, sample, reach) {
  let best = Math.max(0, sample - reach);
  for (let k = best; k <= Math.min(smooth.length - 1, sample + reach); k += 1) {
    if (Math.abs(smooth[k]) > Math.abs(smooth[best])) best = k;
  }
  return best;
}

"use strict";
// What tells ten seconds of ECG from ten seconds of something else: the twin of ecgnb/detection/indices.py.

/** The borders of a recording's ten-second stretches, in samples. */
function stretchEdges(nSamples, fs) {
  const seconds = ECG_RECIPE.indices.stretch_seconds;
  const n = Math.max(1, Math.trunc(nSamples / fs / seconds + 0.5));
  return [...Array.from({ length: n }, (_, k) => roundEven(k * seconds * fs)), nSamples];
}

/** The signal quality indices of each ten-second stretch of one lead: {start_s, seconds, values}, NaN if not known. */
function qualityIndices(wave, fs, r, other) {
  const { fs: rate, cleanest, names } = ECG_RECIPE.indices;
  const edges = stretchEdges(wave.length, fs);
  const { filled, hasValue } = fillGaps(wave);
  const [up, down] = resamplingRatio(fs, rate);
  const slow = resampled(filled, up, down);
  const per = up / down;
  const borders = edges.map((edge) => Math.min(roundEven(edge * per), slow.length));
  const beats = r.map((place) => Math.min(roundEven(place * per), slow.length - 1));
  const still = bandpassed(slow, rate, 0.7, 40);
  const columns = {
    ...columnsOfOne(slow, still, beats, borders, rate),
    agreement: agreement(r, other, edges, fs),
  };
  const known = cumulative(hasValue);
  return edges.slice(0, -1).map((edge, k) => {
    const [from, to] = [edges[k], edges[k + 1]];
    const nBeats = searchSorted(beats, borders[k + 1]) - searchSorted(beats, borders[k]);
    const isKnown = nBeats >= 3 && known[to] - known[from] > 0.5 * (to - from);
    const values = names.map((name) => {
      let value = isKnown ? columns[name][k] : NaN;
      const [low, high] = cleanest[name] || [null, null];
      if (low !== null && value < low) value = low;
      if (high !== null && value > high) value = high;
      return Number.isFinite(value) ? value : NaN;
    });
    return { start_s: edge / fs, seconds: (to - from) / fs, values };
  });
}

/** The indices that need one detector alone, of each stretch. */
function columnsOfOne(slow, still, r, borders, rate) {
  const intervals = r.map((place, k) => (k ? Math.log((place - r[k - 1]) / rate) : NaN));
  return {
    likeness: meanOfBeats(likeness(still, r, rate), r, borders),
    "one direction": meanOfBeats(directions(still, r, rate), r, borders).map(Math.abs),
    "slope in QRS": slopeInQrs(still, r, borders, rate),
    "QRS width": meanOfBeats(widths(still, r, rate).map(Math.log), r, borders),
    "T wave": tWave(slow, still, r, borders, rate),
    kurtosis: eachStretch(borders, (from, to) => Math.log(kurtosis(still.subarray(from, to)))),
    rate: meanOfBeats(intervals, r, borders),
    ...powers(slow, borders, rate),
  };
}

function eachStretch(borders, measure) {
  return borders.slice(1).map((to, k) => measure(borders[k], to));
}

/** The mean of each stretch's beats; NaN where it has none. */
function meanOfBeats(values, r, borders) {
  const total = new Float64Array(borders.length - 1);
  const n = new Float64Array(borders.length - 1);
  values.forEach((value, k) => {
    if (!Number.isFinite(value)) return;
    const stretch = stretchOf(borders, r[k]);
    total[stretch] += value;
    n[stretch] += 1;
  });
  return Array.from(total, (sum, k) => (n[k] ? sum / n[k] : NaN));
}

function stretchOf(borders, place) {
  return Math.min(Math.max(searchSorted(borders, place, "right") - 1, 0), borders.length - 2);
}

/** The share of the beats of either detector that the other has, too. */
function agreement(one, other, edges, fs) {
  const met = new Float64Array(edges.length - 1);
  const n = new Float64Array(edges.length - 1);
  const times = edges.map((edge) => edge / fs);
  const pairs = [one, other].map((beats) => beats.map((place) => place / fs));
  for (const [mine, theirs] of [pairs, [pairs[1], pairs[0]]]) {
    for (const time of mine) {
      const place = searchSorted(theirs, time);
      const before = place > 0 ? time - theirs[place - 1] : Infinity;
      const after = place < theirs.length ? theirs[place] - time : Infinity;
      const stretch = stretchOf(times, time);
      met[stretch] += Math.min(before, after) <= ECG_RECIPE.indices.same_beat ? 1 : 0;
      n[stretch] += 1;
    }
  }
  return Array.from(met, (sum, k) => sum / Math.max(n[k], 1));
}

/** The samples around each R peak, from `before` to `after` seconds; those beyond an end are the end's. */
function around(wave, r, before, after, rate) {
  const first = -roundEven(before * rate);
  const n = roundEven(after * rate) + 1 - first;
  const last = wave.length - 1;
  return r.map((place) => {
    const near = new Float64Array(n);
    for (let k = 0; k < n; k += 1) near[k] = wave[Math.min(Math.max(place + first + k, 0), last)];
    return near;
  });
}

/** The correlation of each beat with the third most similar of those around it: an odd beat has some like it, too. */
function likeness(still, r, rate) {
  const { around: reach, n_compared: most } = ECG_RECIPE.indices;
  const beats = around(still, r, ...reach, rate).map(normalised);
  const alike = r.map(() => new Float64Array(2 * most).fill(-1));
  for (let step = 1; step <= most; step += 1) {
    for (let k = step; k < beats.length; k += 1) {
      const together = dot(beats[k], beats[k - step]);
      alike[k][step - 1] = together;
      alike[k - step][most + step - 1] = together;
    }
  }
  return alike.map((row) => Math.atanh(Math.min(Math.max(row.sort()[row.length - 3], -0.99), 0.995)));
}

/** A vector of mean 0 and length 1. */
function normalised(vector) {
  const mean = meanOf(vector);
  const centred = vector.map((value) => value - mean);
  const length = Math.max(Math.sqrt(dot(centred, centred)), 1e-12);
  return centred.map((value) => value / length);
}

function dot(one, other) {
  let total = 0;
  for (let k = 0; k < one.length; k += 1) total += one[k] * other[k];
  return total;
}

/** 1 for a beat that points up, -1 for one that points down. */
function directions(still, r, rate) {
  return around(still, r, 0.06, 0.06, rate).map((near) => {
    const [low, high] = rangeOf(near);
    return high > -low ? 1 : -1;
  });
}

/** How many times as steep (power of the slope) the signal is around its R peaks as elsewhere, as a logarithm. */
function slopeInQrs(still, r, borders, rate) {
  const reach = roundEven(0.08 * rate);
  const near = new Uint8Array(still.length);
  for (const place of r) near.fill(1, Math.max(0, place - reach), place + reach + 1);
  const power = gradient(still).map((one) => one * one);
  const inside = cumulative(power.map((one, k) => one * near[k]));
  const outside = cumulative(power.map((one, k) => one * (1 - near[k])));
  const count = cumulative(near);
  return eachStretch(borders, (from, to) => {
    const n = count[to] - count[from];
    const rest = Math.max(outside[to] - outside[from], 1e-12) / (to - from - n);
    return Math.log((inside[to] - inside[from]) / n / rest);
  });
}

/** For how many seconds the deflection at the R peak is at least half as large as at its top. */
function widths(still, r, rate) {
  const reach = roundEven(0.4 * rate);
  const tops = around(still, r, 0.06, 0.06, rate).map((near, k) => {
    let best = 0;
    near.forEach((value, place) => {
      if (Math.abs(value) > Math.abs(near[best])) best = place;
    });
    return best - roundEven(0.06 * rate) + r[k];
  });
  return around(still, tops, 0.4, 0.4, rate).map((beat) => {
    const half = 0.5 * Math.abs(beat[reach]);
    const sign = Math.sign(beat[reach]);
    const steps = (direction) => {
      for (let k = 0; k <= reach; k += 1) if (beat[reach + direction * k] * sign < half) return k;
      return reach;
    };
    return (steps(1) + steps(-1)) / rate;
  });
}

/** How large the slow waves after the QRS complex are in the mean beat, beside the QRS complex, as a logarithm. */
function tWave(slow, still, r, borders, rate) {
  const after = around(bandpassed(slow, rate, 0.7, 8), r, -0.16, 0.4, rate);
  const qrs = around(still, r, 0.08, 0.08, rate);
  const places = borders.map((border) => searchSorted(r, border));
  return eachStretch(places, (first, last) => {
    if (last <= first) return NaN;
    const [low, high] = rangeOf(meanBeat(qrs.slice(first, last)));
    return Math.log(deviationOf(meanBeat(after.slice(first, last))) / (high - low) + 1e-3);
  });
}

function meanBeat(beats) {
  return beats[0].map((_, k) => beats.reduce((total, beat) => total + beat[k], 0) / beats.length);
}

/** The fourth moment over the square of the second: 3 of noise. */
function kurtosis(values) {
  const mean = meanOf(values);
  let [second, fourth] = [0, 0];
  for (const value of values) {
    const square = (value - mean) ** 2;
    second += square;
    fourth += square * square;
  }
  return (values.length * fourth) / second ** 2;
}

/** The shares of power: of 5 to 15 Hz in 5 to 40, of up to 1 Hz in up to 40, of above 40 in above 1. */
function powers(slow, borders, rate) {
  const bands = [
    [5, 15],
    [5, 40],
    [0, 1],
    [0, 40],
    [40, rate / 2],
    [1, rate / 2],
  ];
  const rows = eachStretch(borders, (from, to) => {
    const part = slow.subarray(from, to);
    const mean = meanOf(part);
    const n = part.length;
    const power = spectrum(part.map((v, k) => (v - mean) * (0.5 - 0.5 * Math.cos((2 * Math.PI * k) / (n - 1)))));
    return bands.map(([low, high]) => {
      let total = 1e-12;
      power.forEach((one, k) => {
        const frequency = k / (n / rate);
        if (frequency >= low && frequency < high) total += one;
      });
      return total;
    });
  });
  return {
    "QRS band": rows.map(([qrs, upper]) => Math.log(qrs / (upper - qrs + 1e-3 * upper))),
    baseline: rows.map(([, , base, low]) => Math.log(base / (low - base + 1e-3 * low))),
    "high band": rows.map(([, , , , high, most]) => Math.log(high / (most - high + 1e-3 * most) + 1e-4)),
  };
}

/** The power at each frequency of a real signal, from 0 to half the rate. */
function spectrum(values) {
  const n = values.length;
  const { re, im } = fourier(Float64Array.from(values), new Float64Array(n));
  return Array.from({ length: Math.floor(n / 2) + 1 }, (_, k) => re[k] ** 2 + im[k] ** 2);
}

/** The discrete Fourier transform of any length, split at its prime factors. */
function fourier(re, im) {
  const n = re.length;
  const factor = smallestFactor(n);
  const size = n / factor;
  const parts = [];
  for (let j = 0; j < factor; j += 1) {
    const [partRe, partIm] = [new Float64Array(size), new Float64Array(size)];
    for (let k = 0; k < size; k += 1) [partRe[k], partIm[k]] = [re[k * factor + j], im[k * factor + j]];
    parts.push(size === 1 ? { re: partRe, im: partIm } : fourier(partRe, partIm));
  }
  const { cosines, sines } = circleOf(n);
  const found = { re: new Float64Array(n), im: new Float64Array(n) };
  for (let j = 0; j < factor; j += 1) {
    const part = parts[j];
    for (let k = 0, turn = 0, from = 0; k < n; k += 1) {
      found.re[k] += part.re[from] * cosines[turn] + part.im[from] * sines[turn];
      found.im[k] += part.im[from] * cosines[turn] - part.re[from] * sines[turn];
      turn = turn + j < n ? turn + j : turn + j - n;
      from = from + 1 < size ? from + 1 : 0;
    }
  }
  return found;
}

function smallestFactor(n) {
  for (let factor = 2; factor * factor <= n; factor += 1) if (n % factor === 0) return factor;
  return n;
}

const circles = new Map();

/** Cosine and sine of n equal steps around a circle. */
function circleOf(n) {
  if (!circles.has(n)) {
    const turns = Float64Array.from({ length: n }, (_, k) => (2 * Math.PI * k) / n);
    circles.set(n, { cosines: turns.map(Math.cos), sines: turns.map(Math.sin) });
  }
  return circles.get(n);
}

"use strict";
// Another sampling rate: scipy.signal.resample_poly with padtype "line", and the fraction that it goes by.

/** What `target / fs` is nearest to among fractions with a denominator up to 1000: [numerator, denominator]. */
function resamplingRatio(fs, target) {
  return limitedFraction(target / fs, 1000n);
}

/** Python's Fraction(value).limit_denominator(most), for a value above 0. */
function limitedFraction(value, most) {
  let denominator = 1n;
  let scaled = value;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    denominator *= 2n;
  }
  let numerator = BigInt(scaled);
  if (denominator <= most) return [Number(numerator), Number(denominator)];
  const whole = [numerator, denominator];
  let [p0, q0, p1, q1] = [0n, 1n, 1n, 0n];
  for (;;) {
    const part = numerator / denominator;
    if (q0 + part * q1 > most) break;
    [p0, q0, p1, q1] = [p1, q1, p0 + part * p1, q0 + part * q1];
    [numerator, denominator] = [denominator, numerator - part * denominator];
  }
  const k = (most - q0) / q1;
  const other = [p0 + k * p1, q0 + k * q1];
  const nearer = 2n * denominator * (q0 + k * q1) <= whole[1];
  const [p, q] = nearer ? [p1, q1] : other;
  return [Number(p), Number(q)];
}

/** Taps of the low-pass that goes before taking fewer samples: a sinc in a Kaiser window of beta 5. */
function resamplingTaps(up, down) {
  const widest = Math.max(up, down);
  const half = 10 * widest;
  const taps = new Float64Array(2 * half + 1);
  let total = 0;
  for (let k = 0; k < taps.length; k += 1) {
    const place = (k - half) / widest;
    const sinc = place === 0 ? 1 : Math.sin(Math.PI * place) / (Math.PI * place);
    taps[k] = (sinc * besselI0(5 * Math.sqrt(1 - ((k - half) / half) ** 2))) / widest;
    total += taps[k];
  }
  return taps.map((tap) => (tap * up) / total);
}

/** The modified Bessel function of order zero; its series converges fast for what is asked here. */
function besselI0(x) {
  let term = 1;
  let total = 1;
  for (let k = 1; term > 1e-17 * total; k += 1) {
    term *= (x / (2 * k)) ** 2;
    total += term;
  }
  return total;
}

/** A signal at up / down times its rate, in lowest terms; beyond its ends it goes on as a line through both of them. */
function resampled(wave, up, down) {
  if (up === 1 && down === 1) return Float64Array.from(wave);
  const n = wave.length;
  const taps = resamplingTaps(up, down);
  const half = (taps.length - 1) / 2;
  const beyond = Math.ceil(half / up) + 1;
  const slope = n > 1 ? (wave[n - 1] - wave[0]) / (n - 1) : 0;
  const longer = new Float64Array(n + 2 * beyond);
  longer.set(wave, beyond);
  for (let k = 1; k <= beyond; k += 1) {
    longer[beyond - k] = wave[0] - slope * k;
    longer[beyond + n - 1 + k] = wave[n - 1] + slope * k;
  }
  const found = new Float64Array(Math.ceil((n * up) / down));
  for (let k = 0; k < found.length; k += 1) {
    const middle = k * down + half; // of the taps over the samples, each `up` apart
    const last = Math.floor(middle / up);
    let total = 0;
    for (let j = Math.ceil((middle - taps.length + 1) / up); j <= last; j += 1) {
      total += longer[j + beyond] * taps[middle - j * up];
    }
    found[k] = total;
  }
  return found;
}

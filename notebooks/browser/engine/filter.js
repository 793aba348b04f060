"use strict";
// Butterworth filters of second order, run forth and back so that they shift no wave: scipy.signal's
// butter(2, ..., output="sos") and sosfiltfilt.

const ORDER = 2;

/** Sections {b, a} of a band-pass between two frequencies in Hz, or of a high-pass from one on. */
function butterworth(kind, cutoffs, fs) {
  const warped = cutoffs.map((cutoff) => 4 * Math.tan((Math.PI * cutoff) / fs));
  const prototype = [Math.cos((3 * Math.PI) / 4), Math.sin((3 * Math.PI) / 4)]; // its other pole is the conjugate
  if (kind === "highpass") {
    const pole = divided([warped[0], 0], prototype);
    return [section(bilinear(pole), [1, -2, 1], 1 / squared(subtracted([4, 0], pole)), 16)];
  }
  const [low, high] = warped;
  const half = prototype.map((part) => (part * (high - low)) / 2);
  const [re, im] = half;
  const root = squareRoot([re * re - im * im - low * high, 2 * re * im]);
  const poles = [added(half, root), subtracted(half, root)];
  // Two zeros at 0 Hz and two at half the rate, one of each kind in either section.
  const bottom = poles.map((pole) => squared(subtracted([4, 0], pole)));
  return poles.map((pole, k) => section(bilinear(pole), [1, 0, -1], (4 * (high - low)) / bottom[k], 1));
}

function section([re, im], zeros, gain, scale) {
  return { b: zeros.map((zero) => zero * gain * scale), a: [1, -2 * re, re * re + im * im] };
}

function bilinear(pole) {
  return divided(added([4, 0], pole), subtracted([4, 0], pole));
}

function added([a, b], [c, d]) {
  return [a + c, b + d];
}

function subtracted([a, b], [c, d]) {
  return [a - c, b - d];
}

function divided([a, b], [c, d]) {
  const size = c * c + d * d;
  return [(a * c + b * d) / size, (b * c - a * d) / size];
}

function squared([a, b]) {
  return a * a + b * b;
}

function squareRoot([re, im]) {
  const size = Math.hypot(re, im);
  const real = Math.sqrt((size + re) / 2);
  return [real, Math.sign(im || 1) * Math.sqrt((size - re) / 2)];
}

/** Run sections over a signal in place, begun as if its first value had been there for ever. */
function runSections(sections, signal, first) {
  let level = first;
  for (const { b, a } of sections) {
    const atRest = (b[0] + b[1] + b[2]) / (a[0] + a[1] + a[2]);
    let one = level * (atRest - b[0]);
    let two = level * (b[2] - a[2] * atRest);
    for (let k = 0; k < signal.length; k += 1) {
      const given = signal[k];
      const found = b[0] * given + one;
      one = b[1] * given - a[1] * found + two;
      two = b[2] * given - a[2] * found;
      signal[k] = found;
    }
    level *= atRest;
  }
}

/** Filter a signal forth and back; its ends are continued point-symmetrically. */
function filteredBothWays(sections, wave) {
  const n = wave.length;
  const pad = 3 * (ORDER * sections.length + 1);
  const padded = new Float64Array(n + 2 * pad);
  padded.set(wave, pad);
  for (let k = 1; k <= pad; k += 1) {
    padded[pad - k] = 2 * wave[0] - wave[k];
    padded[pad + n - 1 + k] = 2 * wave[n - 1] - wave[n - 1 - k];
  }
  runSections(sections, padded, padded[0]);
  padded.reverse();
  runSections(sections, padded, padded[0]);
  padded.reverse();
  return padded.slice(pad, pad + n);
}

/** A signal between two frequencies, Hz. */
function bandpassed(wave, fs, low, high) {
  return filteredBothWays(butterworth("bandpass", [low, high], fs), wave);
}

/** A signal without the wandering of its baseline, all below `cutoff` in Hz. */
function highpassed(wave, fs, cutoff) {
  return filteredBothWays(butterworth("highpass", [cutoff], fs), wave);
}

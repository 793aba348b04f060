"use strict";
// Plain arithmetic as numpy and scipy.ndimage do it: the other files are readable beside their twins in Python.

/** Round to the nearest whole number, halves to the even one. */
function roundEven(value) {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
}

/** The place of the first element above `value` ("right"), or not below it ("left"), in a sorted array. */
function searchSorted(sorted, value, side = "left") {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (side === "left" ? sorted[middle] < value : sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Percentiles of values without NaN, with straight lines between the ranks. */
function percentiles(values, shares) {
  const sorted = Float64Array.from(values).sort();
  return shares.map((share) => {
    const place = (share / 100) * (sorted.length - 1);
    const low = Math.floor(place);
    const high = Math.min(low + 1, sorted.length - 1);
    const part = place - low;
    const step = sorted[high] - sorted[low];
    return part < 0.5 ? sorted[low] + step * part : sorted[high] - step * (1 - part);
  });
}

/** The middle of values without NaN, in double precision. */
function medianOf(values) {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  return n ? (n % 2 ? sorted[(n - 1) / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2) : NaN;
}

/** Mean of an array; NaN of none. */
function meanOf(values) {
  let total = 0;
  for (let k = 0; k < values.length; k += 1) total += values[k];
  return total / values.length;
}

/** Standard deviation of an array, around its own mean. */
function deviationOf(values) {
  const mean = meanOf(values);
  let total = 0;
  for (let k = 0; k < values.length; k += 1) total += (values[k] - mean) ** 2;
  return Math.sqrt(total / values.length);
}

/** The lowest and the highest value; NaN is passed over. */
function rangeOf(values) {
  let low = Infinity;
  let high = -Infinity;
  for (let k = 0; k < values.length; k += 1) {
    if (values[k] < low) low = values[k];
    if (values[k] > high) high = values[k];
  }
  return [low, high];
}

/** The values that are finite, in double precision. */
function finiteOf(values) {
  return Float64Array.from(values).filter((value) => value - value === 0);
}

/** Slope per sample: central differences, one-sided at the ends. */
function gradient(values) {
  const n = values.length;
  const slope = new Float64Array(n);
  for (let k = 1; k < n - 1; k += 1) slope[k] = (values[k + 1] - values[k - 1]) / 2;
  slope[0] = values[1] - values[0];
  slope[n - 1] = values[n - 1] - values[n - 2];
  return slope;
}

/** Values at `at` on straight lines through (x, y), x in order; beyond the ends the end's value. */
function interpolated(at, x, y) {
  return Float64Array.from(at, (place) => {
    if (place <= x[0]) return y[0];
    if (place >= x[x.length - 1]) return y[y.length - 1];
    const next = searchSorted(x, place, "right");
    return y[next - 1] + ((y[next] - y[next - 1]) / (x[next] - x[next - 1])) * (place - x[next - 1]);
  });
}

/** Where a place beyond the ends of n values lies within them, as scipy.ndimage's modes say; -1: nowhere. */
function folded(place, n, mode) {
  if (place >= 0 && place < n) return place;
  if (mode === "constant") return -1;
  if (mode === "nearest") return place < 0 ? 0 : n - 1;
  if (n === 1) return 0;
  const period = mode === "mirror" ? 2 * n - 2 : 2 * n;
  const inside = ((place % period) + period) % period;
  if (inside < n) return inside;
  return mode === "mirror" ? period - inside : period - 1 - inside;
}

/** The value of a given rank (0: the lowest) among the `size` values from `start` places before each one on. */
function rankFilter(values, size, rank, mode, start = Math.floor(size / 2)) {
  const n = values.length;
  const window = new Float64Array(size);
  return Float64Array.from(values, (_, k) => {
    for (let step = 0; step < size; step += 1) {
      const place = folded(k - start + step, n, mode);
      window[step] = place < 0 ? 0 : values[place];
    }
    return Float64Array.from(window).sort()[rank];
  });
}

/** The running mean over `size` values; mirrored at the ends. */
function uniformFilter(values, size) {
  const n = values.length;
  const before = Math.floor(size / 2);
  const longer = new Float64Array(n + size);
  longer.set(values, before);
  for (let k = 0; k < before; k += 1) longer[k] = values[folded(k - before, n, "reflect")];
  for (let k = n; k < n + size - before; k += 1) longer[before + k] = values[folded(k, n, "reflect")];
  const found = new Float64Array(n);
  let mean = 0;
  for (let k = 0; k < size; k += 1) mean += longer[k];
  mean /= size;
  found[0] = mean;
  for (let k = 1; k < n; k += 1) {
    mean += (longer[k - 1 + size] - longer[k - 1]) / size;
    found[k] = mean;
  }
  return found;
}

/** Cumulative sums with a zero in front: entry k is the sum of the first k values. */
function cumulative(values) {
  const sums = new Float64Array(values.length + 1);
  for (let k = 0; k < values.length; k += 1) sums[k + 1] = sums[k] + Number(values[k]);
  return sums;
}

/** Numbers as Python writes them: a fixed number of digits, halves to the even one. */
function fixed(value, digits) {
  const scaled = value * 10 ** digits;
  const exact = Math.abs(scaled % 1) === 0.5 && scaled / 10 ** digits === value && digits < 3;
  const text = exact ? (roundEven(scaled) / 10 ** digits).toFixed(digits) : value.toFixed(digits);
  return text;
}

/** A share in per cent. */
function percent(share, digits = 0) {
  return `${fixed(share * 100, digits)}%`;
}

/** Six significant digits, or as many as are asked for, without needless zeros: Python's format "g". */
function general(value, digits = 6) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (value === 0) return "0";
  const [mantissa, power] = value.toExponential(digits - 1).split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= digits) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${trimmed(mantissa)}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  return trimmed(value.toFixed(Math.max(0, digits - 1 - exponent)));
}

function trimmed(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** A whole number with commas between the thousands. */
function grouped(value) {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

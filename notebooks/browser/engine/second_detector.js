"use strict";
// The second detector, whose agreement with the first tells of a signal's quality: sleepecg's version of Pan and
// Tompkins 1985, doi:10.1109/TBME.1985.325532 (BSD-3-Clause, the SleepECG developers), step by step as its C does it.

function panTompkins(ecg, fs) {
  let start = 0;
  if (ecg[1] === ecg[0]) {
    while (start < ecg.length && ecg[start] === ecg[0]) start += 1; // a flat start would mislead the thresholds
  }
  const filtered = bandpassed(ecg.subarray ? ecg.subarray(start) : ecg.slice(start), fs, 5, 30);
  const n = filtered.length;
  const longer = new Float64Array(n + 4); // zeros beyond its ends
  longer.set(filtered, 2);
  const power = new Float64Array(n);
  for (let k = 0; k < n; k += 1) power[k] = (2 * longer[k + 3] + longer[k + 4] - 2 * longer[k + 1] - longer[k]) ** 2;
  const integrated = movingSum(power, Math.trunc(0.15 * fs));
  return thresholded(filtered, integrated, fs).map((place) => place + start);
}

/** The sum of a window around each sample. */
function movingSum(power, size) {
  const half = (size + 1) >> 1;
  const found = new Float64Array(power.length);
  let sum = 0;
  for (let k = 0; k < half; k += 1) sum += power[k];
  for (let k = half; k < power.length + half; k += 1) {
    found[k - half] = sum;
    if (k - size >= 0) sum -= power[k - size];
    if (k < power.length) sum += power[k];
  }
  return found;
}

/** Peaks above two running thresholds; what is missed for long is searched for with lower ones. */
function thresholded(filtered, integrated, fs) {
  const refractory = Math.trunc(0.2 * fs);
  const tWindow = Math.trunc(0.36 * fs);
  const learning = Math.trunc(2 * fs);
  let [spkF, spkI] = [0, 0];
  let [npkF, npkI] = [0, 0];
  for (let k = 0; k < learning; k += 1) {
    spkF = Math.max(spkF, filtered[k]);
    spkI = Math.max(spkI, integrated[k]);
    npkF += filtered[k] / learning;
    npkI += integrated[k] / learning;
  }
  let thresholdI = npkI + 0.25 * (spkI - npkI);
  let thresholdF = npkF + 0.25 * (spkF - npkF);
  const beats = [];
  const intervals = [0, 0];
  let [missedLimit, lowLimit, highLimit] = [0, 0, 0];
  let [peakF, peakI] = [0, 0];
  let maySearch = true;
  let peak = -refractory + 1;
  let previous = peak;
  let searchFrom = previous + refractory;
  let index = 1;
  while (index < filtered.length - 1) {
    let isSignal = false;
    let isNoise = false;
    const since = index - previous;
    const n = beats.length;
    if ((n > 1 && since > missedLimit && maySearch) || (n === 0 && index > fs) || (n === 1 && since > 1.5 * fs)) {
      const missed = searchedBack(filtered, integrated, searchFrom, index, thresholdF, thresholdI);
      [peakF, peakI] = [missed.peakF, missed.peakI];
      if (missed.best >= 0) {
        spkI = 0.25 * peakI + 0.75 * spkI;
        spkF = 0.25 * peakF + 0.75 * spkF;
        [isSignal, peak, maySearch] = [true, missed.best, false];
      }
      if (!isSignal) searchFrom = index;
    } else if (filtered[index] > filtered[index + 1]) {
      if (filtered[index] > filtered[index - 1]) {
        [peakF, peakI] = [filtered[index], integrated[index]];
        if (peakF > thresholdF && peakI > thresholdI) {
          spkF = 0.125 * peakF + 0.875 * spkF;
          spkI = 0.125 * peakI + 0.875 * spkI;
          [isSignal, peak] = [true, index];
        } else isNoise = true;
      }
      index += 1;
    }
    if (isSignal && n > 0 && peak - previous < tWindow) {
      if (steepestBefore(filtered, peak) < steepestBefore(filtered, previous) / 2) [isSignal, isNoise] = [false, true];
    }
    if (isSignal) {
      beats.push(peak);
      thresholdI = npkI + 0.25 * (spkI - npkI);
      thresholdF = npkF + 0.25 * (spkF - npkF);
      if (beats.length > 1) {
        intervals.push(peak - previous);
        if (beats.length === 2) [lowLimit, highLimit] = [0.92 * (peak - previous), 1.16 * (peak - previous)];
        const { average, irregular } = recentInterval(intervals, lowLimit, highLimit);
        [lowLimit, highLimit, missedLimit] = [0.92 * average, 1.16 * average, 1.66 * average];
        if (irregular) [thresholdF, thresholdI] = [thresholdF / 2, thresholdI / 2];
      }
      maySearch = true;
      previous = peak;
      searchFrom = peak + refractory;
      index = peak + refractory;
    } else if (isNoise) {
      npkI = 0.125 * peakI + 0.875 * npkI;
      npkF = 0.125 * peakF + 0.875 * npkF;
      thresholdI = npkI + 0.25 * (spkI - npkI);
      thresholdF = npkF + 0.25 * (spkF - npkF);
    }
    index += 1;
  }
  return beats;
}

/** The mean of the eight last intervals within the limits, and whether others lie between them. */
function recentInterval(intervals, low, high) {
  let [sum, count, irregular] = [0, 0, false];
  for (let k = intervals.length - 1; k > 1 && count < 8; k -= 1) {
    if (low < intervals[k] && intervals[k] < high) {
      sum += intervals[k];
      count += 1;
    } else irregular = true;
  }
  return { average: sum / count, irregular };
}

/** The steepest step of the rise that ends in a peak. */
function steepestBefore(filtered, peak) {
  let steepest = -1;
  for (let k = peak; k > 0 && filtered[k - 1] <= filtered[k]; k -= 1) {
    steepest = Math.max(steepest, filtered[k] - filtered[k - 1]);
  }
  return steepest;
}

/** The highest peak between two samples that only lower thresholds let pass, and the last that was looked at. */
function searchedBack(filtered, integrated, first, last, thresholdF, thresholdI) {
  let [peakF, peakI, best] = [0, 0, -1];
  for (let halved = 1; halved < 16 && best < 0; halved += 1) {
    const divisor = 2 ** halved;
    let highest = -1;
    for (let k = first; k < last; k += 1) {
      peakF = filtered[k];
      if (!(peakF > filtered[k + 1])) continue;
      if (peakF > filtered[k - 1]) {
        peakI = integrated[k];
        const byF = thresholdF / divisor < peakF && peakF < thresholdF && thresholdI / divisor < peakI;
        const byI = thresholdI / divisor < peakI && peakI < thresholdI && thresholdF / divisor < peakF;
        if ((byF || byI) && peakF > highest) [best, highest] = [k, peakF];
      }
      k += 1; // the next one is lower, and no peak
    }
  }
  return { best, peakF, peakI };
}

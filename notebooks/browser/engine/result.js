"use strict";
// What was found, labelled, and what a reader should know before they believe it: ecgnb/classifier/result.py's twin.

const UNSURE = "?"; // the label of a beat that is not classified
const NO_ECG = "these ten seconds do not look like an ECG";
const NO_RHYTHM = "nothing is early in an irregular rhythm";

/** One row a beat: time, interval, label, likeliest class, confidence, prediction set, and why it has no label. */
function tableOf(r, probabilities, why, wave, fs) {
  const { classes, least } = ECG_RECIPE;
  const missing = new Uint32Array(wave.length);
  for (let k = 0, n = 0; k < wave.length; k += 1) {
    if (Number.isNaN(wave[k])) n += 1;
    missing[k] = n;
  }
  const rr = r.map((place, k) => {
    const isKnown = k && missing[place] === missing[r[k - 1]];
    return isKnown ? place / fs - r[k - 1] / fs : NaN; // nobody knows what beat in a gap
  });
  const uneven = irregularity(rr.map((one, k) => (why[k] === "" ? one : NaN)));
  return r.map((place, k) => {
    const p = probabilities[k];
    const best = p ? p.indexOf(Math.max(...p)) : -1;
    const beat = {
      time_s: place / fs,
      r_sample: place,
      rr_s: rr[k],
      likeliest: p ? classes[best] : UNSURE,
      confidence: p ? p[best] : NaN,
      could_be: p ? classes.filter((_, c) => least[c] !== null && p[c] >= least[c]).join(" ") || "-" : "",
      irregular: uneven[k] > ECG_RECIPE.rhythm.irregular,
      why: why[k],
    };
    return { ...beat, ...labelOf(beat) };
  });
}

/** The label of a beat, and why it has none. */
function labelOf(beat) {
  const { min_confidence: most } = ECG_RECIPE;
  if (Number.isNaN(beat.confidence)) return { label: UNSURE, why: beat.why };
  if (!(beat.confidence >= Math.fround(most))) return { label: UNSURE, why: `less sure than ${general(most, 3)}` };
  if (beat.irregular && beat.likeliest === "S") return { label: UNSURE, why: NO_RHYTHM };
  return { label: beat.likeliest, why: "" };
}

/** The number of beats of each class, and of those not classified. */
function countsOf(beats) {
  const counts = Object.fromEntries([...ECG_RECIPE.classes, UNSURE].map((name) => [name, 0]));
  for (const beat of beats) counts[beat.label] += 1;
  return counts;
}

/** Length, number of beats, heart rate, and the shares of time that are missing, flat, clipped, irregular or no ECG. */
function summaryOf(found) {
  const intervals = found.beats.map((beat) => beat.rr_s).filter(Number.isFinite);
  const total = (rows) => rows.reduce((sum, row) => sum + row.seconds, 0) / found.seconds;
  const summary = {
    seconds: found.seconds,
    beats: found.beats.length,
    heart_rate_bpm: intervals.length ? 60 / medianOf(intervals) : null,
    no_ecg: total(found.quality.filter((row) => !row.is_ecg)),
    irregular: total(irregularStretches(found.beats)),
  };
  for (const fault of ["missing", "flat", "clipped"]) {
    summary[fault] = total(found.faults.filter((row) => row.fault === fault));
  }
  return summary;
}

/** What a reader should know before they believe the table, one sentence each. */
function warningsOf(found) {
  const warnings = [];
  const summary = summaryOf(found);
  const { no_beat: noBeat, no_waves: noWaves } = ECG_RECIPE.doubts;
  const ofRate = found.beats.length ? doubtOfRate(summary.heart_rate_bpm, found.fs) : noBeat;
  if (ofRate) warnings.push(ofRate);
  if (found.beside_qrs < ECG_RECIPE.quality.bare) warnings.push(noWaves);
  if (found.pointing_up < ECG_RECIPE.quality.upside_down) {
    warnings.push(
      `${percent(1 - found.pointing_up)} of the beats point down: the lead may be upside down, or this heart's QRS ` +
        "points down in it. Try again with the signal flipped, and compare.",
    );
  }
  warnings.push(...warningsOfFaults(found, summary));
  if (summary.no_ecg && found.beats.length) {
    const first = found.quality.find((row) => !row.is_ecg).start_s;
    warnings.push(
      `${percent(summary.no_ecg, 1)} of the time does not look like an ECG, first at ${fixed(first, 0)} s; ` +
        "the beats there have no label.",
    );
  }
  if (summary.irregular > ECG_RECIPE.much) {
    const first = irregularStretches(found.beats)[0].start_s;
    warnings.push(
      `The rhythm is irregular for ${percent(summary.irregular, 1)} of the time, first at ${fixed(first, 0)} s, as ` +
        "in atrial fibrillation: there no beat is called early (S).",
    );
  }
  const unsure = found.beats.filter((beat) => beat.confidence < Math.fround(ECG_RECIPE.min_confidence)).length;
  if (unsure > 0.2 * found.beats.length) {
    warnings.push(
      `Of ${percent(unsure / found.beats.length)} of the beats the network is less sure than ` +
        `${fixed(ECG_RECIPE.min_confidence, 2)}: this recording is unlike those it learned from.`,
    );
  }
  return warnings;
}

/** What is odd about a heart rate, that of the median interval; empty text where nothing is. */
function doubtOfRate(rate, fs) {
  const { hardly_possible: possible, rare } = ECG_RECIPE.doubts;
  const within = ([low, high]) => rate >= low && rate <= high;
  if (rate === null || within(rare)) return "";
  const how = within(possible) ? "rare" : "hardly possible";
  return `A heart rate of ${fixed(rate, 0)} a minute is ${how}; is ${general(fs)} Hz the right rate?`;
}

function warningsOfFaults(found, summary) {
  const doings = [
    ["missing", "has no value"],
    ["flat", "is flat"],
    ["clipped", "is clipped"],
  ];
  return doings.flatMap(([fault, doing]) => {
    const rows = found.faults.filter((row) => row.fault === fault);
    if (!rows.length) return [];
    const longest = rows.reduce((best, row) => (row.seconds >= best.seconds ? row : best));
    return [
      `The signal ${doing} in ${grouped(rows.length)} stretch${rows.length > 1 ? "es" : ""}, ` +
        `${percent(summary[fault], 1)} of the time; the longest starts at ${fixed(longest.start_s, 1)} s and lasts ` +
        `${fixed(longest.seconds, 2)} s.`,
    ];
  });
}

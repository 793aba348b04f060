"use strict";
// Some seconds of a recording on ECG paper, a mark and a letter on each beat.

const HEIGHT = 320;
const ROOM = 44; // pixels above the paper, for the letters
const SECOND = 110; // pixels: about as wide as paper at 25 mm/s on a screen
const LINES = [
  [0.04, 0.2],
  [0.2, 1],
]; // seconds between fine and coarse lines: 1 mm and 5 mm, or where there is less room

const IN_MV = { mv: 1, µv: 1000, μv: 1000, uv: 1000, v: 0.001 };

/** An element of a drawing, with attributes. */
function drawn(name, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

/** The heights that are drawn of a whole recording, one scale for all its pages, and its fine and coarse lines. */
function scaleOf(signal, unit) {
  const every = Math.max(1, Math.floor(signal.length / 200000));
  const part = Float64Array.from({ length: Math.ceil(signal.length / every) }, (_, k) => signal[k * every]);
  const sorted = part.filter(Number.isFinite).sort();
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  const [bottom, top] = [at(0.0005), at(0.9995)];
  const [fine, coarse] = heightLines(unit, Math.max(top - bottom, 1e-9));
  return {
    low: Math.floor(bottom / coarse - 0.3) * coarse,
    high: Math.ceil(top / coarse + 0.3) * coarse,
    fine,
    coarse,
  };
}

/** The lines across: 0.1 and 0.5 mV, or what fits a signal of an unknown unit. */
function heightLines(unit, span) {
  const scale = IN_MV[unit.trim().toLowerCase()];
  if (scale && span / (0.5 * scale) <= 24) return [0.1 * scale, 0.5 * scale];
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const coarse = power * [1, 2, 5, 10].find((factor) => span / (power * factor) <= 12);
  return [coarse / 5, coarse];
}

/** The stretches to shade: what does not look like an ECG, and where the rhythm is irregular. */
function shadesOf({ beats, quality }) {
  const noEcg = quality.filter((row) => !row.is_ecg);
  const irregular = beats
    .slice(0, -1)
    .map((beat, k) => ({ kind: "irregular", from: beat.time_s, to: beats[k + 1].time_s }))
    .filter((_, k) => beats[k].irregular && beats[k + 1].irregular);
  return [...noEcg.map((row) => ({ kind: "no-ecg", from: row.start_s, to: row.start_s + row.seconds })), ...irregular];
}

/** How many seconds a strip of so many pixels shows. */
function secondsOf(width) {
  return Math.max(2, Math.min(12, Math.round(width / SECOND)));
}

/** Draw the page that starts at a second; `picked` is the beat that stands out. */
function drawStrip(place, { signal, fs, beats, scale, shades }, start, picked) {
  const width = Math.max(280, Math.floor(place.clientWidth));
  const seconds = secondsOf(width);
  const x = (time) => ((time - start) / seconds) * width;
  const y = (value) => ROOM + ((scale.high - value) / (scale.high - scale.low)) * (HEIGHT - ROOM - 22);
  const picture = drawn("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img" });
  const here = beats.filter((beat) => beat.time_s >= start && beat.time_s < start + seconds);
  const letters = here.map((beat) => beat.label).join(" ") || "no beat";
  picture.append(drawn("title", {}, `Seconds ${start} to ${start + seconds}: ${letters}`));
  picture.append(...paper(scale, start, seconds, width, x, y));
  for (const { kind, from, to } of shades) {
    const [left, right] = [from, to].map((time) => Math.min(width, Math.max(0, x(time))));
    const [top, bottom] = [y(scale.high), y(scale.low)];
    if (right > left)
      picture.append(drawn("rect", { class: kind, x: left, y: top, width: right - left, height: bottom - top }));
  }
  picture.append(drawn("path", { class: "trace", d: tracePath(signal, fs, start, seconds, x, y) }));
  for (const beat of here) {
    const kind = beat.label === "?" ? "unsure" : beat.label;
    const middle = x(beat.time_s);
    const isPicked = beat === picked ? " picked" : "";
    const value = signal[beat.r_sample];
    const mark = Number.isFinite(value) ? y(Math.min(scale.high, Math.max(scale.low, value))) : y(scale.low);
    picture.append(
      drawn("circle", { class: `mark class-${kind}${isPicked}`, cx: middle, cy: mark, r: isPicked ? 7 : 4.5 }),
    );
    picture.append(
      drawn("text", { class: `letter class-${kind}`, x: middle, y: 28, "text-anchor": "middle" }, beat.label),
    );
  }
  place.replaceChildren(picture);
  return seconds;
}

/** The lines of the paper, and the seconds written below it. */
function paper(scale, start, seconds, width, x, y) {
  const [fine, coarse] = width / seconds >= 80 ? LINES[0] : LINES[1];
  const [top, bottom] = [y(scale.high), y(scale.low)];
  const upright = (step) =>
    range(Math.ceil(start / step - 1e-6), Math.floor((start + seconds) / step + 1e-6))
      .map((k) => `M${x(k * step).toFixed(1)} ${top}V${bottom}`)
      .join("");
  const across = (step) =>
    range(Math.round(scale.low / step), Math.round(scale.high / step))
      .map((k) => `M0 ${y(k * step).toFixed(1)}H${width}`)
      .join("");
  const found = [
    drawn("rect", { class: "paper", x: 0, y: top, width, height: bottom - top }),
    drawn("path", { class: "fine", d: upright(fine) + across(scale.fine) }),
    drawn("path", { class: "coarse", d: upright(coarse) + across(scale.coarse) }),
  ];
  for (const second of range(Math.ceil(start), Math.floor(start + seconds))) {
    const anchor = second === start ? "start" : second === start + seconds ? "end" : "middle";
    found.push(drawn("text", { class: "second", x: x(second), y: HEIGHT - 5, "text-anchor": anchor }, `${second} s`));
  }
  return found;
}

function range(first, last) {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => first + k);
}

/** The line of the signal; where there are more samples than pixels, the lowest and the highest of each. */
function tracePath(signal, fs, start, seconds, x, y) {
  const first = Math.max(0, Math.floor(start * fs));
  const last = Math.min(signal.length, Math.ceil((start + seconds) * fs) + 1);
  const parts = [];
  let isDown = false; // the pen
  for (let k = first; k < last; k += 1) {
    const value = signal[k];
    if (Number.isFinite(value)) parts.push(`${isDown ? "L" : "M"}${x(k / fs).toFixed(2)} ${y(value).toFixed(1)}`);
    isDown = Number.isFinite(value);
  }
  return parts.join("");
}

/** What a square of the paper is, in words. */
function paperInWords(scale, unit, width) {
  const isWide = width / secondsOf(width) >= 80;
  const height = `${Number(scale.fine.toPrecision(6))}${unit ? ` ${unit}` : ""}`;
  const doubt = unit ? "" : " The file names no unit, and none was assumed: the labels do not depend on it.";
  return `A small square is ${isWide ? LINES[0][0] : LINES[1][0]} s wide and ${height} high.${doubt}`;
}

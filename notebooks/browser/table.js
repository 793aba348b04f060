"use strict";
// The table of beats: the rows around the page that is shown, and all of them as a file.

const ROWS = 200; // at a time: a day has a hundred thousand, and a browser would stand still

const COLUMNS = ["time_s", "rr_s", "label", "likeliest", "confidence", "could_be", "why"];

/** Show the rows of the beats from `first` on; a click picks one. */
function showRows(body, beats, first, picked, pick) {
  const rows = beats.slice(first, first + ROWS).map((beat, k) => {
    const row = document.createElement("tr");
    const cells = [first + k + 1, ...COLUMNS.map((name) => shownCell(beat, name))];
    for (const text of cells) row.insertCell().textContent = text;
    row.cells[3].className = `label class-${beat.label === "?" ? "unsure" : beat.label}`;
    if (beat === picked) row.setAttribute("aria-current", "true");
    row.addEventListener("click", () => pick(beat));
    return row;
  });
  body.replaceChildren(...rows);
}

function shownCell(beat, name) {
  const value = beat[name];
  if (typeof value !== "number") return value;
  return Number.isNaN(value) ? "–" : value.toFixed(name === "confidence" ? 2 : 3);
}

/** The whole table as text, columns divided by commas; nothing that a spreadsheet takes for a formula is in it. */
function tableAsText(beats) {
  const digits = { time_s: 4, rr_s: 4, confidence: 5 };
  const cell = (beat, name) => {
    const value = beat[name];
    if (typeof value === "number") return Number.isNaN(value) ? "" : String(Number(value.toFixed(digits[name])));
    return String(value);
  };
  const rows = beats.map((beat, k) => [k, ...COLUMNS.map((name) => cell(beat, name))].join(","));
  return [["beat", ...COLUMNS].join(","), ...rows, ""].join("\n");
}

"use strict";
// A text file's first lines, whatever it is encoded in, and its lines one after the other: ecgnb/datasets/own/text.py.

const CHUNK = 2 ** 22; // bytes that are read at a time, so that no large file lies in memory as text

/** A pattern that Python knows, by its name: to be found anywhere, or to fit the whole text, or its beginning. */
function pattern(name, place = "anywhere") {
  const [source, flags] = ECG_RECIPE.own.patterns[name];
  const key = `${name} ${place}`;
  if (!pattern.made.has(key)) {
    const text = { anywhere: source, whole: `^(?:${source})$`, start: `^(?:${source})` }[place];
    pattern.made.set(key, new RegExp(text, flags));
  }
  return pattern.made.get(key);
}
pattern.made = new Map();

/** What somebody else wrote as one short line without control characters, for errors that quote it. */
function plainText(value, most = 200) {
  const signs = [...String(value)].slice(0, most + 1);
  const text = signs.map((sign) =>
    sign !== " " && /[\p{C}\p{Z}]/u.test(sign) ? (/\s/u.test(sign) ? " " : "?") : sign,
  );
  return text.length <= most ? text.join("") : `${text.slice(0, most - 1).join("")}…`;
}

/** A text in quotation marks, as Python writes it. */
function quoted(text) {
  const escaped = text.replaceAll("\\", "\\\\");
  if (text.includes("'") && !text.includes('"')) return `"${escaped}"`;
  return `'${escaped.replaceAll("'", "\\'")}'`;
}

/** Whether a cell is a number as people write them, with that decimal mark and no other. */
function isNumber(cell, decimal = ".") {
  if (decimal !== "." && cell.includes(".")) return false;
  const text = decimal === "." ? cell : cell.replaceAll(decimal, ".");
  return cell.length <= ECG_RECIPE.own.longest_number && pattern("number", "whole").test(text);
}

/** Whether a cell says that there is no value. */
function isEmpty(cell) {
  return ECG_RECIPE.own.empty.includes(cell);
}

/** The number that a cell holds; NaN for none, and null where it is no number at all. */
function numberOf(cell, decimal) {
  if (decimal !== "." && cell.includes(".")) return null;
  const text = decimal === "." ? cell : cell.replace(decimal, ".");
  const value = Number(text);
  const code = text.charCodeAt(1); // 0x10 is no number here
  if (value === value && text !== "" && !(code > 64 && code !== 69 && code !== 101)) return value;
  if (isEmpty(text.trim()) || NO_VALUES.has(text.trim())) return NaN;
  if (!isNumber(text.trim())) return null;
  const plain = text.trim().toLowerCase();
  if (plain.includes("inf")) return plain.startsWith("-") ? -Infinity : Infinity;
  return Number(plain.replace("+", "").replace("nan", "NaN"));
}

// What pandas takes for no value, besides.
const NO_VALUES = new Set(["#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>"]);

/** The first bytes of a file. */
async function firstBytes(file, n) {
  return new Uint8Array(await file.slice(0, n).arrayBuffer());
}

/** The first lines of a file of text: {lines, encoding, whole}; what is none is refused. */
async function readHead(file) {
  const most = ECG_RECIPE.own.looked_at;
  const content = await firstBytes(file, most);
  const encoding = encodingOf(content, file.name);
  const lines = new TextDecoder(encoding).decode(content, { stream: true }).split(/\r\n|\r|\n/);
  const whole = content.length < most;
  return { lines: whole || lines.length < 2 ? lines : lines.slice(0, -1), encoding, whole };
}

function encodingOf(content, name) {
  const startsWith = (...bytes) => bytes.every((byte, k) => content[k] === byte);
  if (startsWith(0xff, 0xfe)) return "utf-16le";
  if (startsWith(0xfe, 0xff)) return "utf-16be";
  if (startsWith(0xef, 0xbb, 0xbf)) return "utf-8";
  const half = Math.floor(content.length / 2);
  for (const [first, encoding] of [
    [0, "utf-16be"],
    [1, "utf-16le"],
  ]) {
    const [zeros, letters] = [content.filter((_, k) => k % 2 === first), content.filter((_, k) => k % 2 !== first)];
    const isWide = half > 4 && zeros.filter((byte) => byte === 0).length >= 0.9 * half;
    if (isWide && letters.every((byte) => byte >= 9)) return encoding;
  }
  if (content.includes(0)) throw new DataError(`${plainText(name)} is no text; expected ${ECG_RECIPE.own.what}`);
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(content, { stream: true }); // its end may be half a letter
  } catch {
    return codePageOf(content) || "windows-1252";
  }
  return "utf-8";
}

/** The encoding of another script in which a known word is found; empty text for none. */
function codePageOf(content) {
  const { code_pages: pages, other_scripts: scripts } = ECG_RECIPE.own;
  for (const [, encoding] of pages) {
    try {
      const text = new TextDecoder(encoding, { fatal: true }).decode(content, { stream: true }).toLowerCase();
      if (scripts.some((word) => text.includes(word))) return encoding;
    } catch {
      continue;
    }
  }
  return "";
}

/** All lines of a file, some thousand at a time: {number of the first, lines}. */
async function* linesOf(file, encoding) {
  const decoder = new TextDecoder(encoding);
  let rest = "";
  let number = 1;
  for (let start = 0; start < file.size; start += CHUNK) {
    const isLast = start + CHUNK >= file.size;
    const bytes = await file.slice(start, start + CHUNK).arrayBuffer();
    const text = rest + decoder.decode(bytes, { stream: !isLast });
    const lines = text.split(/\r\n|\n|\r(?!$)/); // an \r at the end of a chunk may be half of \r\n
    rest = isLast ? "" : lines.pop();
    if (isLast && lines[lines.length - 1] === "") lines.pop();
    yield { number, lines };
    number += lines.length;
  }
}

/** Whether each line of a file holds all samples of a lead, or one line all there is. */
function linesAreLeads(head) {
  const { most_leads: most, least_samples: least } = ECG_RECIPE.own;
  const lines = head.lines.filter((line) => !saysNothing(line));
  if (!lines.length || lines.length > most || (!head.whole && lines.length > most / 2)) return false;
  return Math.min(...lines.slice(0, head.whole ? lines.length : 1).map(roughCells)) >= least;
}

/** Whether a line is empty or a comment, as Octave writes above a matrix. */
function saysNothing(line) {
  return /^\s*(?:[#%]|$)/.test(line);
}

function roughCells(line) {
  const count = (mark) => line.split(mark).length - 1;
  return Math.max(count("\t"), count(";"), count(","), words(line.slice(0, 100000)).length) + 1;
}

/** The words of a text, without the spaces between. */
function words(text) {
  const trimmed = text.trim();
  return trimmed ? trimmed.split(/\s+/) : [];
}

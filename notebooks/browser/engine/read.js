"use strict";
// One lead of anybody's recording, from the files that people have: of what kind they are, and what is not read here.

const MOST_BYTES = 200 * 2 ** 20; // fits the memory of a tab; more is refused before a byte is read

const PACKED = [0x50, 0x4b, 3, 4]; // how a zip begins

/** Read a table, or a WFDB record from its files; {asks} where the rate must be asked for. */
async function readFiles(files, { fs, lead }) {
  for (const file of files) checkSize(file);
  const recording = await readOne(files, fs, lead);
  if (recording.fs !== null) return recording;
  const question =
    `${recording.read}: the file does not say its sampling rate; give it in the field ` +
    "“Sampling rate (Hz)”, and read it again.";
  return { asks: true, question, field: "fs" };
}

async function readOne(files, fs, lead) {
  const signals = files.filter((file) => endingOf(file.name) !== "atr");
  if (!signals.length) {
    throw new DataError(`${files[0].name} holds marks and no signal; expected the .hea and the .dat beside it, too`);
  }
  const headers = signals.filter((file) => endingOf(file.name) === "hea");
  if (headers.length === 1) {
    const others = signals.filter((file) => file !== headers[0]);
    const strange = others.find((file) => !["dat", "mat", "xyz"].includes(endingOf(file.name)));
    if (!strange) return readRecord(headers[0], others, { fs, lead });
  }
  if (signals.length > 1) {
    throw new DataError(
      `${files.length} files; expected one, or the .hea and the .dat of one WFDB record (and its .atr)`,
    );
  }
  const [file] = signals;
  await refuseForeign(file);
  return readSignalTable(file, { fs, lead });
}

function endingOf(name) {
  const found = name.match(/.\.([^.]*)$/);
  return found ? found[1].toLowerCase() : "";
}

/** Refuse a file that is empty, or too large for a browser, before it is read. */
function checkSize(file) {
  if (!file.size) throw new DataError(`${file.name} is empty; expected ${ECG_RECIPE.own.what}`);
  if (file.size > MOST_BYTES) {
    throw new DataError(
      `${file.name} has ${grouped(fixed(file.size / 2 ** 20, 0))} MB; expected at most ${MOST_BYTES / 2 ** 20} MB in ` +
        "a browser; cut it into parts, or take the app (make app)",
    );
  }
}

/** Refuse a file of a kind that is known and not read; what says so are its first bytes. */
async function refuseForeign(file) {
  const content = await firstBytes(file, 4096);
  const kind = kindOfFile(content, endingOf(file.name));
  if (kind) throw new DataError(`${file.name} is ${kind}, which is not read here: ${ECG_RECIPE.own.kinds[kind]}`);
  const other = kindForTheApp(content, endingOf(file.name));
  if (other) throw new DataError(`${file.name} is ${other}, which this page does not read; the app does (make app)`);
  const isBinary =
    content.filter((byte) => (byte >= 32 && byte < 127) || [9, 10, 13].includes(byte)).length < 0.95 * content.length;
  if (endingOf(file.name) === "dat" && isBinary) {
    const stem = stemOf(file.name);
    throw new DataError(`${stem}.hea is missing; a WFDB record needs ${stem}.hea and ${stem}.dat`);
  }
}

/** What Python reads and this page does not. */
function kindForTheApp(content, ending) {
  const starts = (bytes) => bytes.every((byte, k) => content[k] === byte);
  if (starts(PACKED)) return "a zip";
  if (ending === "npy" || starts([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59])) return "a NumPy array";
  const text = asLatin(content.subarray(0, 192));
  return /^(?:0 {7}|ÿBIOSEMI)/.test(text) && /^\s*\d+\s*$/.test(text.slice(184)) ? "EDF or BDF" : "";
}

function asLatin(content) {
  return Array.from(content, (byte) => String.fromCharCode(byte)).join("");
}

/** The kind of a file by its first bytes; empty text for one that is none of these: foreign.py's twin. */
function kindOfFile(content, ending) {
  const raw = asLatin(content);
  const text = raw.replaceAll("\0", "").replace(/^[\xef\xbb\xbf\xff\xfe \r\n\t]+/, "");
  if (raw.slice(128, 132) === "DICM" || ["dcm", "dicom"].includes(ending)) return "DICOM";
  if (raw.slice(16, 22) === "SCPECG" || (ending === "scp" && raw.includes("SCPECG"))) return "SCP-ECG";
  if (/^(?:<!doctype html|<html|<svg)/i.test(text)) return "a page or a drawing";
  if (/^(?:Brain Vision|BrainVision)/.test(text)) return "a BrainVision header";
  if (text.startsWith("<")) return /AnnotatedECG|urn:hl7-org/.test(text) ? "HL7 aECG" : "an ECG in XML";
  if (ECG_RECIPE.own.sheets.includes(`.${ending}`)) return "an Excel workbook";
  const found = ECG_RECIPE.own.starts.find(([start]) => raw.startsWith(start));
  if (found) return found[1];
  const isJson = /^[{[]/.test(text) && (ending === "json" || /^["{[]/.test(text.slice(1, 40).trimStart()));
  if (isJson) return "JSON";
  return ending === "mat" ? "a MATLAB file without a .hea" : "";
}

"use strict";
// One lead of a WFDB record: its header, and its samples in the formats that recorders write. The twin of
// ecgnb/datasets/own/wfdb_record.py; records of several segments are left to the app.

/** Read one lead of a record from its header and its signal files, [File]. */
async function readRecord(header, others, { fs, lead }) {
  const base = stemOf(header.name);
  if (header.size > ECG_RECIPE.own.header_bytes) {
    throw new DataError(`${header.name} has ${grouped(header.size)} bytes; expected a header of at most 1 MB`);
  }
  const text = await headerText(header);
  const about = parsedHeader(text, header.name, base);
  const position = await leadOf(about, base, others, lead);
  const signal = about.signals[position];
  checkHeader(about, base, signal);
  const values = await samplesOf(about, position, others, base);
  const offset = offsetOf(values.subarray(0, ECG_RECIPE.own.behaves));
  const isUnitless = ECG_RECIPE.own.unitless.includes(signal.unit.toLowerCase());
  const scale = Math.fround(isUnitless ? 1 : ECG_RECIPE.own.in_mv[signal.unit]);
  if (fs !== null && Math.abs(fs - about.fs) > 1e-6) {
    throw new DataError(
      `fs=${general(fs)}, but ${base}.hea says ${general(about.fs)} Hz; leave fs out for a WFDB record`,
    );
  }
  return asRecording({
    name: base,
    signal: new Float32Array(values.map((value) => Math.fround(value - offset) * scale)),
    fs: about.fs,
    lead: signal.name || `signal ${position + 1}`,
    unit: isUnitless ? signal.unit : "mV",
    from: "from its header",
    notes: [signal.saysGain ? "" : "its header gives no gain: 200 a mV were taken, WFDB's custom", sayOffset(offset)],
    file: `${base}.hea`,
    of: `lead ${position + 1} of ${about.signals.length}`,
  });
}

async function headerText(file) {
  const bytes = await file.arrayBuffer();
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** What a header says: {fs, nSamples, signals: [{file, format, gain, baseline, unit, name, ...}]}. */
function parsedHeader(text, name, base) {
  const { most_signals: mostSignals, most_segments: mostSegments } = ECG_RECIPE.own;
  const lines = text.split(/\r\n|\r|\n/).filter((line) => line.trim() && !line.startsWith("#"));
  const first = lines[0] || "";
  const numbers = first.slice(0, 200).match(/^\S+?(?:\/(\d{1,12}))?\s+(\d{1,12})(?:\s|$)/);
  if (!numbers) {
    throw new DataError(
      `${name} is no WFDB header: its first line is ${quoted(plainText(first.slice(0, 60)))}; expected a name, a ` +
        "number of signals, a rate and a number of samples",
    );
  }
  for (const [number, most, what] of [
    [numbers[1], mostSegments, "segments"],
    [numbers[2], mostSignals, "signals"],
  ]) {
    if (number && Number(number) > most) {
      throw new DataError(`${name} promises ${grouped(Number(number))} ${what}; expected at most ${grouped(most)}`);
    }
  }
  if (/\s\d{1,2}:\d{2}(:\d{2}\S*)?\s+\d{4}\s*$/.test(first)) {
    throw new DataError(
      `${name}: its first line ends in ${words(first).pop()}; expected a date such as 31/12/2006, or none`,
    );
  }
  if (numbers[1]) {
    throw new DataError(`${base} has several segments, which this page does not join; the app does (make app)`);
  }
  const [, , rate = "250", length = "0"] = words(first);
  const n = Number(numbers[2]);
  if (lines.length < n + 1) {
    throw new DataError(`${name} promises ${n} signals and describes ${lines.length - 1}; expected a line for each`);
  }
  const signals = lines.slice(1, n + 1).map((line) => signalOf(line, name));
  if (!Number(length)) {
    throw new DataError(`${base}.hea does not say how many samples there are; expected their number in line 1`);
  }
  return { fs: parseFloat(rate), nSamples: parseInt(length, 10), signals };
}

/** What a header's line says of a signal. */
function signalOf(line, name) {
  const fields = words(line);
  const format = (fields[1] || "").match(/^(\d+)(?:x(\d+))?(?::(\d+))?(?:\+(\d+))?$/);
  const gain = (fields[2] || "").match(/^(-?\d*\.?\d*(?:e[+-]?\d+)?)(?:\((-?\d+)\))?(?:\/(\S+))?$/i);
  if (!format)
    throw new DataError(
      `${name}: the line ${quoted(plainText(line, 60))} describes no signal; expected file and format`,
    );
  const number = (text) => (text === undefined || text === "" || !Number.isFinite(Number(text)) ? 0 : Number(text));
  const size = gain ? number(gain[1]) : 0;
  const zero = number(fields[4]);
  return {
    file: fields[0],
    format: format[1],
    perFrame: number(format[2]) || 1,
    skew: number(format[3]),
    skipped: number(format[4]),
    gain: size || 200,
    saysGain: size > 0,
    baseline: gain && gain[2] !== undefined ? Number(gain[2]) : zero,
    unit: gain && gain[3] ? gain[3].replace(/^(?:Âµ|µ|μ|Î¼)/, "u") : "mV",
    name: line.trim().split(/\s+/).slice(8).join(" "),
  };
}

async function leadOf(about, base, others, lead) {
  const { signals, fs, nSamples } = about;
  const where = `record ${base}`;
  if (lead !== null)
    return pickLead(
      signals.map((signal, k) => signal.name || `signal ${k + 1}`),
      lead,
      where,
    );
  if (signals.length === 1) return 0;
  const n = Math.min(nSamples, ECG_RECIPE.own.behaves);
  const columns = [];
  for (const [k, signal] of signals.entries()) {
    columns.push({ name: signal.name, values: await samplesOf(about, k, others, base, n) });
  }
  return chooseColumn(columns, where, fs).place;
}

/** Refuse what is not read here, rather than read it wrongly. */
function checkHeader({ fs, signals }, base, { unit }) {
  const { in_mv: known, unitless } = ECG_RECIPE.own;
  if (!signals.length || !(fs > 0)) {
    throw new DataError(`record '${base}' has ${signals.length} signals at ${fs} Hz; expected one or more, above 0 Hz`);
  }
  if (signals.some((signal) => signal.perFrame !== 1 || signal.skew)) {
    throw new DataError(
      `record '${base}' has signals of several rates, or shifted ones; expected one rate and no skew`,
    );
  }
  if (!(unit in known) && !unitless.includes(unit.toLowerCase())) {
    throw new DataError(`record '${base}' is in ${unit}; expected one of: ${Object.keys(known).join(", ")}`);
  }
}

/** The first samples of one signal, or all, in its own unit; NaN where it has no value. */
async function samplesOf(about, position, others, base, most = about.nSamples) {
  const signal = about.signals[position];
  const file = others.find((one) => one.name.toLowerCase() === signal.file.toLowerCase());
  const group = about.signals.map((_, k) => k).filter((k) => about.signals[k].file === signal.file);
  checkSignalFile(about, signal, group, file, base);
  const bytes = new Uint8Array(await file.slice(signal.skipped).arrayBuffer());
  const at = SAMPLES[signal.format](bytes);
  const lacking = LACKING[signal.format] ?? null;
  const [first, step] = [group.indexOf(position), group.length];
  const values = new Float64Array(most);
  for (let k = 0; k < most; k += 1) {
    const value = at(k * step + first);
    values[k] = value === lacking ? NaN : (value - signal.baseline) / signal.gain;
  }
  return values;
}

function checkSignalFile({ signals, nSamples }, signal, group, file, base) {
  const { bytes_per_sample: known } = ECG_RECIPE.own;
  const name = signal.file;
  if (/[/\\]/.test(name) || !/\.(dat|mat|xyz)$/i.test(name)) {
    throw new DataError(`${base}.hea names ${plainText(name)}; expected its signals in ${base}.dat`);
  }
  if (!file) throw new DataError(`${name} is missing; a WFDB record needs ${base}.hea and ${name}`);
  const formats = [...new Set(group.map((k) => signals[k].format))].sort();
  const unknown = formats.filter((format) => !(format in known));
  if (unknown.length) {
    throw new DataError(`${name} has the format ${unknown.join(", ")}; expected one of ${KNOWN_FORMATS.join(", ")}`);
  }
  if (formats.length > 1) {
    throw new DataError(`${base}.hea gives ${name} the formats ${formats.join(", ")}; expected one a file`);
  }
  const needed = Math.max(...group.map((k) => signals[k].skipped)) + nSamples * group.length * known[signal.format];
  if (needed > file.size + 4) {
    throw new DataError(
      `${name} has ${grouped(file.size)} bytes, and its header promises ${grouped(fixed(needed, 0))}; ` +
        "the file looks cut off",
    );
  }
}

const KNOWN_FORMATS = ["16", "24", "32", "61", "80", "160", "212", "310", "311"];

/** What a format writes where there is no value. */
const LACKING = {
  80: -128,
  310: -512,
  311: -512,
  212: -2048,
  16: -32768,
  61: -32768,
  160: -32768,
  24: -8388608,
  32: -2147483648,
};

function signed(value, bits) {
  return value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
}

/** For each format: from the bytes of a file to a function that gives any of its samples. */
const SAMPLES = {
  16: (b) => (k) => signed(b[2 * k] + 256 * b[2 * k + 1], 16),
  61: (b) => (k) => signed(256 * b[2 * k] + b[2 * k + 1], 16),
  160: (b) => (k) => b[2 * k] + 256 * b[2 * k + 1] - 32768,
  80: (b) => (k) => b[k] - 128,
  24: (b) => (k) => signed(b[3 * k] + 256 * b[3 * k + 1] + 65536 * b[3 * k + 2], 24),
  32: (b) => (k) => b[4 * k] | (b[4 * k + 1] << 8) | (b[4 * k + 2] << 16) | (b[4 * k + 3] << 24),
  212: (b) => (k) => {
    const at = 3 * Math.floor(k / 2);
    return signed(k % 2 ? b[at + 2] + 256 * (b[at + 1] >> 4) : b[at] + 256 * (b[at + 1] & 15), 12);
  },
  310: (b) => (k) => {
    const at = 4 * Math.floor(k / 3);
    const values = [
      (b[at] >> 1) + 128 * (b[at + 1] & 7),
      (b[at + 2] >> 1) + 128 * (b[at + 3] & 7),
      (b[at + 1] >> 3) + 32 * (b[at + 3] >> 3),
    ];
    return signed(values[k % 3], 10);
  },
  311: (b) => (k) => {
    const at = 4 * Math.floor(k / 3);
    const values = [
      b[at] + 256 * (b[at + 1] & 3),
      (b[at + 1] >> 2) + 64 * (b[at + 2] & 15),
      (b[at + 2] >> 4) + 16 * (b[at + 3] & 63),
    ];
    return signed(values[k % 3], 10);
  },
};

"use strict";
// The sampling rate from a column of time: seconds to nanoseconds, clocks, dates, stamps of packets. The twin of
// ecgnb/datasets/own/clock.py and table_rate.py.

const DAY = 86400; // s

/** A column of time that no unit makes a sampling rate of. */
class NoUnitFits extends DataError {}

/** A cell of time as a number, in seconds where it is a clock or a date, else in its own unit; NaN for none. */
function secondsOfCell(cell, kind, decimal) {
  const text = cell.replace(/^[ '"[\]]+|[ '"[\]]+$/g, "");
  if (kind === "date") return secondsOfDate(text);
  return kind === "number" ? (numberOf(text, decimal) ?? NaN) : secondsOfClock(text);
}

/** A clock as seconds, of the day where it says so; NaN where there is none. */
function secondsOfClock(text) {
  if (isEmpty(text)) return NaN;
  const half = text.match(/([AaPp])\.?[Mm]\.?$/);
  const parts = text
    .replace(/ ?[AaPp]\.?[Mm]\.?$/, "")
    .replace(",", ".")
    .replace(/^(\d+:\d+:\d+):(\d{3})$/, "$1.$2")
    .replace(/^\d+ days? /, "")
    .split(":");
  const seconds = parts.slice(-3).reduce((total, part) => 60 * total + Number(part), 0);
  return half ? (seconds % (DAY / 2)) + (half[1].toLowerCase() === "p" ? DAY / 2 : 0) : seconds;
}

/** A date as seconds since 1970, its clock alone where the year does not come first; NaN where it is not understood. */
function secondsOfDate(text) {
  const turned = text.replace(/^(\d{1,2}:[\d:.,]+) (\S+)$/, "$2 $1"); // the clock first, as PhysioNet does
  if (!/^\d{4}/.test(turned)) {
    const clock = turned // nobody knows whether day or month comes first
      .replace(/^\d{1,2}[-/. ][\p{L}\d]{1,9}[-/. ]\d{2,4}(?:T| *)/u, "")
      .replace(/ ?(?:Z|UTC|[+-]\d{2}:?\d{2})$/, "")
      .replace(/^$/, "0:00");
    return secondsOfClock(clock.replace(/^(\d{1,2}:\d{2})( ?[AaPp]|$)/, "$1:00$2"));
  }
  const clock = "(\\d{1,2}):(\\d{2})(?::(\\d{2})(?:[.,:](\\d{1,9}))?)?";
  const day = "(\\d{4})[-/.](\\d{1,2})[-/.](\\d{1,2})";
  const found = turned.match(new RegExp(`^${day}(?:[T ]{1,2}${clock})?(?: ?(Z|UTC|[+-]\\d{2}:?\\d{2}))?$`));
  if (!found) return NaN;
  const [, year, month, date, hour = 0, minute = 0, second = 0, part = "0", zone = ""] = found;
  const shift = zone.match(/([+-])(\d{2}):?(\d{2})/);
  const west = shift ? (shift[1] === "-" ? 1 : -1) * (Number(shift[2]) * 3600 + Number(shift[3]) * 60) : 0;
  return Date.UTC(year, month - 1, date, hour, minute, second) / 1000 + Number(`0.${part}`) + west;
}

/** What a column of time says: {fs: samples per second, or null where it merely counts; how}. */
function rateOf(given, name, kind, quantum, file) {
  const { time_units: units, named_units: namedUnits, lowest_fs: lowest, highest_fs: highest } = ECG_RECIPE.own;
  const called = name ? `the column of time ${quoted(plainText(name))}` : "the column of time";
  const wrong = given.findIndex((value) => !Number.isFinite(value));
  if (given.length < 2 || wrong >= 0) {
    const nWrong = given.filter((value) => !Number.isFinite(value)).length;
    const many = nWrong > 0.5 * given.length && kind === "date";
    throw new DataError(
      `${file}: ${called} ${many ? "holds dates or times that are not understood" : "lacks a value"}` +
        `${wrong >= 0 ? ` in sample ${grouped(wrong + 1)}` : ""}; give fs (--fs), or mend the column`,
    );
  }
  const ofOneDay = kind === "clock" || (kind === "date" && rangeOf(given)[1] < DAY);
  const time = ofOneDay ? pastMidnight(given) : given;
  const { at, stamp } = firstOfEach(time);
  const last = at.length - 1;
  if (at.length < 2 || !(stamp[last] > stamp[0])) {
    throw new DataError(`${file}: ${called} does not run forward; give fs (--fs), or mend the column`);
  }
  const step = (stamp[last] - stamp[0]) / (at[last] - at[0]);
  checkEven(at, stamp, step, called, file);
  const isStamp = kind === "clock" || kind === "date";
  let unit = isStamp ? "s" : namedUnits.find(([, words]) => new RegExp(words, "iu").test(name))?.[0] || "";
  if (!unit && Math.abs(step - 1) < 1e-9) return { fs: null, how: "" }; // 0, 1, 2, ...: nobody can tell
  const from = name ? `from the column ${quoted(plainText(name))}` : "from the column of time";
  let how = `${from}, in ${unit}`;
  if (!unit) {
    const { lowest_plausible: least, highest_plausible: most } = ECG_RECIPE.own;
    const fits = (size) => 1 / (step * size) >= least && 1 / (step * size) <= most;
    const plausible = Object.keys(units).filter((u) => fits(units[u]));
    const [earliest, latest] = ECG_RECIPE.own.serial;
    if (stamp[0] > earliest && stamp[0] < latest && fits(DAY)) plausible.unshift("days");
    if (!plausible.length) {
      throw new NoUnitFits(
        `${file}: ${called} rises by ${general(step)} a sample: no unit makes a rate of that; give fs (--fs)`,
      );
    }
    [unit] = plausible;
    how = `${from}, which names no unit: read as ${unit}`;
  }
  const fs = 1 / (step * { ...units, ...ECG_RECIPE.own.long_units }[unit]);
  if (!(fs >= lowest && fs <= highest)) {
    throw new DataError(
      `${file}: ${called}, in ${unit}, says ${general(fs)} samples per second; give fs (--fs), or mend the column`,
    );
  }
  if (at.length < 0.9 * time.length) how += `, stamps of packets of ${general((at[last] - at[0]) / last, 3)} samples`;
  const rounded = Math.max(1e-5, (3 * quantum) / (stamp[last] - stamp[0])); // times are rounded where they are written
  const whole = roundEven(fs);
  return { fs: Math.abs(fs - whole) < rounded * fs ? whole : fs, how };
}

function pastMidnight(time) {
  let days = 0;
  return time.map((value, k) => {
    if (k && value - time[k - 1] < -DAY / 2) days += 1;
    return value + DAY * days;
  });
}

/** Where a new stamp stands, and the stamps: the samples of a packet may share one. */
function firstOfEach(time) {
  const fresh = [];
  for (let k = 1; k < time.length; k += 1) if (time[k] !== time[k - 1]) fresh.push(k);
  const arePackets = fresh.length > 1 && fresh.length < 0.9 * time.length; // the first may have lost its start
  const at = arePackets ? fresh : new Uint32Array(time.length).map((_, k) => k);
  return { at, stamp: arePackets ? at.map((k) => time[k]) : time };
}

function checkEven(at, stamp, step, called, file) {
  let widest = 0;
  let [worst, most] = [0, 0];
  for (let k = 0; k < at.length; k += 1) {
    if (k) widest = Math.max(widest, at[k] - at[k - 1]);
    const off = Math.abs(stamp[k] - stamp[0] - step * (at[k] - at[0])) / step;
    if (off > most) [worst, most] = [k, off];
  }
  if (most > ECG_RECIPE.own.most_off * Math.max(1, widest)) {
    throw new DataError(
      `${file}: the times in ${called.replace(/^the column of time /, "")} are not even: sample ` +
        `${grouped(at[worst] + 1)} is off by ${fixed(most, 0)} samples; put a line with no value for each ` +
        "sample that is missing, or give fs (--fs) if the times are wrong",
    );
  }
}

/** The rate of a table, where it came from, and what is doubtful: a column of time counts more than a line above. */
function tableRate(times, layout, file) {
  const line = { fs: layout.fs, how: layout.fs ? layout.said : "", doubt: "" };
  let found = null;
  try {
    found = rateFrom(times, layout, file);
  } catch (fault) {
    if (!(fault instanceof NoUnitFits) || !layout.fs) throw fault;
  }
  if (!found) return line;
  const differs = layout.fs && Math.abs(found.fs - layout.fs) > 0.02 * found.fs;
  const rates = [layout.fs || 0, found.fs].map((rate) => general(rate));
  const doubt = `${layout.said}: ${rates[0]} Hz; its column of time says ${rates[1]}, and was believed`;
  return { ...found, doubt: differs ? doubt : "" };
}

/** The rate that the first believable column of time says; null where all merely count. */
function rateFrom(times, { form }, file) {
  let fault = null;
  for (const [clock, time] of times) {
    try {
      const found = rateOf(time, clockName(form, clock), form.kinds[clock], quantumOf(form, clock), file);
      if (found.fs !== null) return found;
    } catch (wrong) {
      if (!(wrong instanceof DataError)) throw wrong;
      fault ||= wrong;
    }
  }
  if (fault) throw fault;
  return null;
}

/** The rate of the first rows, to judge columns by; null where no clock is easy to read. */
function rateOfSample({ clocks, form }) {
  for (const clock of clocks) {
    const cells = form.body.filter((row) => row.length > clock).map((row) => row[clock]);
    const time = cells.map((cell) => secondsOfCell(cell, form.kinds[clock], form.decimal));
    try {
      return rateOf(time, clockName(form, clock), form.kinds[clock], 0, "").fs;
    } catch (fault) {
      if (!(fault instanceof DataError)) throw fault;
    }
  }
  return null;
}

function clockName(form, clock) {
  const [name, unit] = [form.names[clock], form.units[clock]];
  return unit && !name.includes(unit) ? `${name} [${unit}]` : name;
}

/** The smallest step that a column of time is written with. */
function quantumOf(form, clock) {
  let most = 0;
  for (const row of form.body) {
    const cell = (row[clock] || "").replaceAll(",", ".");
    if (cell.includes(".")) most = Math.max(most, cell.split(".").pop().replace(/\D/g, "").length);
  }
  return 10 ** -most;
}

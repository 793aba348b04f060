"use strict";
// A signal in a table of text: one column of it, its rate, its unit, and what is to be said about how it was read. The
// twin of ecgnb/datasets/own/signal_table.py and table_blocks.py.

/** Read one column of a table. */
async function readSignalTable(file, { fs, lead }) {
  const head = await readHead(file);
  if (linesAreLeads(head)) return readLinesAsLeads(file, head, fs, lead);
  const layout = await layoutOf(formOf(head, file.name), file, fs);
  const { form, signals } = layout;
  const found = signals.map((column) => ({ name: form.names[column], values: layout.firstValues.get(column) }));
  const rateToJudge = fs || layout.fs || rateOfSample(layout);
  const { place, why } = pickOrChoose(found, lead, file.name, rateToJudge);
  const column = signals[place];
  await refuseStacked(file, form);
  const clocks = fs !== null ? [] : clocksOf(column, layout);
  const codes = codesIn(layout.firstValues.get(column));
  const offset = offsetOf(withoutCodes(layout.firstValues.get(column), codes));
  const all = await readColumn(file, layout, column, clocks, { codes, offset });
  const { signal, times, thinned } = withoutEmptyRows(all);
  const { fs: rate, how, doubt } = tableRate(times, layout, file.name);
  const ends = thinned ? "" : lostAtTheEnd(layout, column, signal.length);
  const notes = [...layout.notes, why, thinned, doubt, sayCodes(codes), sayOffset(offset), ends];
  if (fs !== null && rate !== null && Math.abs(fs - rate) > 0.01 * rate) {
    notes.push(`the file says ${general(rate)} samples per second (${how}), and ${general(fs)} were given`);
  }
  if (fs === null && rate === null && layout.notUnderstood) {
    notes.push(`the line ${quoted(plainText(layout.notUnderstood))} may say the rate, and is not understood`);
  }
  return asRecording({
    name: stemOf(file.name),
    signal,
    fs: fs || rate,
    lead: form.names[column],
    unit: form.units[column] || (signals.length === 1 ? layout.unit : ""),
    from: fs !== null ? "given" : how,
    notes,
    file: file.name,
    of: form.kinds.length > 1 ? `column ${column + 1} of ${form.kinds.length}` : "",
  });
}

function pickOrChoose(found, lead, where, fs) {
  if (lead === null) return chooseColumn(found, where, fs);
  return {
    place: pickLead(
      found.map((column) => column.name),
      lead,
      where,
    ),
    why: "",
  };
}

/** A recording that says in one line how it was read. */
function asRecording({ name, signal, fs, lead, unit, from, notes, file, of = "" }) {
  const [leadText, unitText] = [plainText(lead, 60).trim(), plainText(unit, 20).trim()];
  const which = leadText && of ? `${leadText} (${of})` : leadText || of;
  const rate = fs === null ? "no sampling rate" : `${general(fs)} Hz (${from})`;
  const length = fs
    ? `${fixed(signal.length / fs, 1).replace(/\B(?=(\d{3})+(?!\d)\.)/g, ",")} s`
    : `${grouped(signal.length)} samples`;
  const read = [plainText(file), which, rate, unitText && `in ${unitText}`, length].filter(Boolean).join(", ");
  return { name, signal, fs, lead: leadText, unit: unitText, read, notes: notes.filter(Boolean) };
}

/** A file's name without its last ending. */
function stemOf(name) {
  return name.replace(/(?<=.)\.[^.]*$/, "");
}

/** What is to be taken off before a signal is kept in single precision; 0 where it does no harm. */
function offsetOf(values) {
  const known = finiteOf(values);
  const [low, high] = rangeOf(known);
  if (!known.length || low === high) return 0;
  const middle = medianOf(known);
  return Math.abs(middle) * 1e-7 > 1e-4 * deviationOf(known) ? middle : 0; // single precision has seven digits
}

/** The numbers that a device writes where it has no value: such as -9999, far off all others. */
function codesIn(values) {
  const { no_value_codes: all, codes_off: times, least_beside_codes: least } = ECG_RECIPE.own;
  const known = finiteOf(values);
  const there = all.filter((code) => known.includes(code)).sort((a, b) => a - b);
  const rest = there.length ? known.filter((value) => !there.includes(value)) : known;
  const [low, high] = rangeOf(rest);
  if (!there.length || rest.length < least || low === high) return [];
  const middle = medianOf(rest);
  return there.filter((code) => Math.abs(code - middle) > times * (high - low));
}

function withoutCodes(values, codes) {
  return codes.length ? values.map((value) => (codes.includes(value) ? NaN : value)) : values;
}

function sayCodes(codes) {
  const all = codes.map((code) => general(code, 10)).join(" and ");
  return codes.length ? `${all}, far off all the rest, was read as no value` : "";
}

function sayOffset(offset) {
  if (!offset) return "";
  const [whole, ...rest] = general(offset, 10).split(".");
  return `an offset of ${[grouped(whole), ...rest].join(".")} was taken off, which single precision would not bear`;
}

/** Visit the rows of a table after the lines above it, until `visit` returns false. */
async function eachRow(file, form, visit) {
  const n = form.kinds.length;
  const isAlone = n === 1 && form.separator === "\\s+"; // nothing to divide, and its decimal comma must not
  const separator = isAlone ? "\t" : form.separator;
  const above = form.above[form.above.length - 1] || "";
  const quote = above.startsWith("'") || (await firstBytes(file, 1))[0] === 39 ? "'" : '"';
  for await (const { number, lines } of linesOf(file, form.encoding)) {
    for (const [k, line] of lines.entries()) {
      if (number + k <= form.nAbove || (n > 1 && !line.trim())) continue;
      let cells = null;
      if (line.includes(quote)) {
        if (line.split(quote).length % 2 === 0)
          throw new DataError(`${file.name}: not a table of numbers; expected a number`);
        if (separator === "\\s+") cells = words(line).map((cell) => cell.replace(SURROUNDING, ""));
        else cells = quotedCells(quote === "'" ? line.replaceAll("'", '"') : line, separator);
      } else cells = separator === "\\s+" ? words(line) : line.split(separator);
      if (visit(cells, number + k) === false) return;
    }
  }
}

/** Read columns of numbers of a table; where something is none its line is named. */
async function readNumbers(file, form, columns, most = Infinity, texts = []) {
  const found = columns.map(() => new Growing());
  const others = texts.map(() => new Growing());
  const n = form.kinds.length;
  let [rows, tooLong] = [0, ""];
  await eachRow(file, form, (cells, line) => {
    if (cells.length > n && !tooLong && cells.slice(n).some((cell) => cell.trim())) {
      tooLong = `, line ${line}: ${cells.length} columns, where the first line has ${n}`;
    }
    for (let k = 0; k < columns.length; k += 1) {
      const column = columns[k];
      const value = column < cells.length ? numberOf(cells[column], form.decimal) : NaN;
      if (value === null) {
        const cell = [...cells[column].replace(SURROUNDING, "")].slice(0, 20).join("");
        const fault = tooLong || `, line ${line}: ${quoted(plainText(cell))} in column ${column + 1}`;
        throw new DataError(`${file.name}${fault}; expected a number`);
      }
      found[k].push(value);
    }
    texts.forEach((column, k) => others[k].push(secondsOfCell(cells[column] || "", form.kinds[column], form.decimal)));
    rows += 1;
    return rows < most;
  });
  const all = [...found, ...others].map((values) => values.array());
  return new Map([...columns, ...texts].map((column, k) => [column, all[k]]));
}

/** Numbers in double precision, as many as come. */
class Growing {
  constructor() {
    this.values = new Float64Array(1024);
    this.length = 0;
  }

  push(value) {
    if (this.length === this.values.length) {
      const longer = new Float64Array(2 * this.length);
      longer.set(this.values);
      this.values = longer;
    }
    this.values[this.length] = value;
    this.length += 1;
  }

  array() {
    return this.values.subarray(0, this.length);
  }
}

/** The columns of time of a signal: where each signal has its own, the one that stands before it. */
function clocksOf(column, { form, clocks, signals }) {
  const named = clocks.filter((k) => form.kinds[k] === "number" && form.names[k].trim());
  const before = named.filter((k) => k < column);
  const alike = new Set(named.map((k) => plainName(form.names[k]))).size === 1 || signals.length === named.length;
  return named.length > 1 && before.length && alike ? [Math.max(...before)] : clocks;
}

/** Read a column and those of time; empty lines at the end are none. */
async function readColumn(file, { form, skip }, column, clocks, { codes, offset }) {
  const isNumbers = (clock) => form.kinds[clock] === "number";
  const [numbers, texts] = [clocks.filter(isNumbers), clocks.filter((clock) => !isNumbers(clock))];
  const all = await readNumbers(file, form, [column, ...numbers], Infinity, texts);
  const values = withoutCodes(all.get(column).subarray(skip), codes);
  let end = values.length;
  while (end > 0 && Number.isNaN(values[end - 1])) end -= 1;
  if (!end) throw new DataError(`${file.name} holds no sample in column ${column + 1}; expected one a line`);
  const signal = new Float32Array(
    offset ? values.subarray(0, end).map((value) => value - offset) : values.subarray(0, end),
  );
  return {
    signal,
    times: new Map([...numbers, ...texts].map((clock) => [clock, all.get(clock).subarray(skip, skip + end)])),
  };
}

/** Leave out the rows in which only other columns have a value, where these lie all over the file; and say so. */
function withoutEmptyRows({ signal, times }) {
  const { sparse, few_rows: few } = ECG_RECIPE.own;
  let n = 0;
  for (let k = 0; k < signal.length; k += 1) if (!Number.isNaN(signal[k])) n += 1;
  if (n > (1 - sparse) * signal.length) return { signal, times, thinned: "" };
  const at = [];
  for (let k = 0; k < signal.length; k += 1) if (!Number.isNaN(signal[k])) at.push(k);
  const steps = at.slice(1).map((place, k) => place - at[k]);
  const isFull = at.length < few || at.length > (1 - sparse) * (at[at.length - 1] - at[0] + 1);
  const share = (holds) => steps.filter(holds).length / steps.length;
  if (isFull || share((step) => step > 1) < sparse) return { signal, times, thinned: "" };
  const usual = medianOf(steps);
  const clocks = [...times.values()].map((time) => time.slice(1).map((one, k) => one - time[k]));
  const inTurn = isEven(steps, 0) || !clocks.every((passed) => isEven(passed, 0.5));
  if (!inTurn || rangeOf(steps)[1] > 20 * Math.max(usual, 2)) return { signal, times, thinned: "" };
  const kept = (values) => values.constructor.from(at, (place) => values[place]);
  return {
    signal: kept(signal),
    times: new Map([...times].map(([clock, time]) => [clock, kept(time)])),
    thinned: `${percent(1 - at.length / signal.length)} of its rows have no value in this column, and were left out`,
  };
}

/** Say whether nearly all steps are alike, within a share of the usual one. */
function isEven(steps, tolerance) {
  const usual = medianOf(steps);
  const n = steps.filter((step) => Math.abs(step - usual) <= tolerance * usual).length;
  return n > ECG_RECIPE.own.most_steps * steps.length;
}

/** Say where a column ends long before the others: it may be of another rate than the clock. */
function lostAtTheEnd({ firstValues }, column, nKept) {
  const nRows = Math.max(...[...firstValues.values()].map((values) => values.length));
  const isEmptyAfter = firstValues.get(column).subarray(nKept).every(Number.isNaN);
  if (!(nKept < 0.8 * nRows && nRows < ECG_RECIPE.own.behaves && isEmptyAfter)) return "";
  const rows = `${grouped(nKept)} of ${grouped(nRows)} rows`;
  return `the column ends after ${rows}: is it of another rate than the column of time?`;
}

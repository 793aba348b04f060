"use strict";
// A signal in a table of text: one column of it, its rate, its unit, and what is to be said about how it was read. The
// twin of ecgnb/datasets/own/signal_table.py, table_layout.py, table_blocks.py and first_rows.py.

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
  const offset = offsetOf(layout.firstValues.get(column));
  const { signal, times } = await readColumn(file, layout, column, clocks, offset);
  const { fs: rate, how, doubt } = tableRate(times, layout, file.name);
  const notes = [...layout.notes, why, doubt, sayOffset(offset), lostAtTheEnd(layout, column, signal.length)];
  if (fs !== null && rate !== null && Math.abs(fs - rate) > 0.01 * rate) {
    notes.push(`the file says ${general(rate)} samples per second (${how}), and ${general(fs)} were given`);
  }
  if (fs === null && rate === null && layout.notUnderstood) {
    notes.push(`the line ${quoted(plainText(layout.notUnderstood))} may say the rate, and is not understood`);
  }
  return asRecording({
    name: stemOf(file.name), signal, fs: fs || rate, lead: form.names[column],
    unit: form.units[column] || (signals.length === 1 ? layout.unit : ""),
    from: fs !== null ? "given" : how, notes, file: file.name,
    of: form.kinds.length > 1 ? `column ${column + 1} of ${form.kinds.length}` : "",
  });
}

function pickOrChoose(found, lead, where, fs) {
  if (lead === null) return chooseColumn(found, where, fs);
  return { place: pickLead(found.map((column) => column.name), lead, where), why: "" };
}

/** A recording that says in one line how it was read. */
function asRecording({ name, signal, fs, lead, unit, from, notes, file, of = "" }) {
  const [leadText, unitText] = [plainText(lead, 60).trim(), plainText(unit, 20).trim()];
  const which = leadText && of ? `${leadText} (${of})` : leadText || of;
  const rate = fs === null ? "no sampling rate" : `${general(fs)} Hz (${from})`;
  const length = fs ? `${fixed(signal.length / fs, 1).replace(/\B(?=(\d{3})+(?!\d)\.)/g, ",")} s` : `${grouped(signal.length)} samples`;
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
        if (line.split(quote).length % 2 === 0) throw new DataError(`${file.name}: not a table of numbers; expected a number`);
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

/** What of a table is what: which columns may hold a signal, which tell the time, and what is refused at once. */
async function layoutOf(given, file, fsGiven) {
  const above = readAbove(given.above, given.kinds.length);
  const isNamed = above.names.some(Boolean);
  const form = isNamed ? { ...given, names: above.names, units: above.units.length ? above.units : given.units } : given;
  const ofKind = (...kinds) => form.kinds.map((_, k) => k).filter((k) => kinds.includes(form.kinds[k]));
  const numbers = ofKind("number");
  let values = await readNumbers(file, form, numbers, ECG_RECIPE.own.behaves);
  if (![...values.values()].some((column) => column.length)) {
    throw new DataError(`${file.name} holds no sample; expected one a line`);
  }
  const { skip, fs, note } = rowsThatAreNoSamples(form, values, above.fs || fsGiven);
  values = new Map([...values].map(([k, column]) => [k, column.subarray(skip)]));
  const risesInSeconds = (k) =>
    ["s", "sec", "seconds", "ms", "us", "µs", "ns"].includes(form.units[k].toLowerCase()) && onlyRises(values.get(k));
  const named = numbers.filter((k) => roleOf(form.names[k]).kind === "time" || risesInSeconds(k));
  const stamps = ofKind("clock", "date");
  const [first] = numbers;
  const rising = numbers.length > 1 && !form.names[first].trim() && isClock(values.get(first)) ? [first] : [];
  const signals = numbers.filter((k) => !named.includes(k) && !rising.includes(k));
  if (!signals.length) throw new DataError(`${file.name}${whyNoSignal(form, [named, rising, stamps].some((one) => one.length))}`);
  refuseWrapped(form, signals.map((k) => values.get(k)), file.name);
  const key = (k) => [form.kinds[k] !== "number", !form.units[k], k].map(Number);
  const clocks = [...named, ...stamps, ...rising].sort((a, b) => {
    const [one, other] = [key(a), key(b)];
    return one[0] - other[0] || one[1] - other[1] || one[2] - other[2]; // a device's own before dates
  });
  const said = above.said ? `from the line ${quoted(plainText(above.said, 60))}` : "from its header";
  return {
    form, signals, clocks, firstValues: values, skip,
    fs: above.fs || (fs === fsGiven ? above.fs : fs), said: above.fs ? said : "from its second row",
    notUnderstood: above.notUnderstood, notes: note ? [note] : [], unit: above.unit,
  };
}

/** Whether an unnamed first column is a clock: it rises from line to line, or counts from some year on. */
function isClock(values) {
  const known = finiteOf(values);
  if (known.length < 5) return false;
  const steps = known.subarray(1).map((value, k) => value - known[k]);
  const [low, high] = rangeOf(steps);
  if (low > 0 && high < 5 * medianOf(steps)) return true;
  return known[0] > ECG_RECIPE.own.unix && low >= 0 && known[known.length - 1] > known[0];
}

/** Say why a table holds no signal, and what stands in the place of one. */
function whyNoSignal(form, hasClock) {
  const text = form.kinds.indexOf("text");
  const shown = text < 0 ? "" : ` (column ${text + 1} holds ${quoted(plainText(form.body[0][text], 20))})`;
  const what = hasClock ? "a column of time and no other that holds numbers" : "no column of numbers";
  return ` has ${what}${shown}; expected the signal, one sample a line`;
}

/** Refuse samples that go on from column to column, as Fortran and some sensors write them. */
function refuseWrapped(form, columns, name) {
  const n = columns.length;
  if (n < 4 || form.names.some((cell) => cell.trim()) || columns.some((column) => column.length <= 20)) return;
  const rows = Math.min(2000, columns[0].length);
  const at = (row, column) => columns[column][row];
  let [along, down] = [0, 0];
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < n; column += 1) {
      if (!Number.isFinite(at(row, column))) return;
      if (column) along += Math.abs(at(row, column) - at(row, column - 1));
      else if (row) along += Math.abs(at(row, 0) - at(row - 1, n - 1));
      if (row) down += Math.abs(at(row, column) - at(row - 1, column));
    }
  }
  if (along / (rows * n - 1) < 0.7 * (down / ((rows - 1) * n))) {
    throw new DataError(
      `${name} has ${n} columns, and its samples seem to go on from column to column; ` +
        "expected one sample a line: write it anew so",
    );
  }
}

/** Refuse several recordings, or leads, one under the other. */
async function refuseStacked(file, form) {
  const { groups, most_stacked: most } = ECG_RECIPE.own;
  const group = form.names.findIndex((name, k) => groups.includes(plainName(name)) && form.kinds[k] !== "empty");
  if (group < 0) return;
  let [changes, last] = [0, null];
  await eachRow(file, form, (cells) => {
    const text = (cells[group] || "").trim();
    if (last !== null && text !== last) changes += 1;
    last = text;
  });
  if (changes > 0 && changes < most) {
    throw new DataError(
      `${file.name} holds ${changes + 1} recordings one under the other, as its column ` +
        `${quoted(plainText(form.names[group], 40))} says; expected one: cut it apart`,
    );
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
async function readColumn(file, { form, skip }, column, clocks, offset) {
  const isNumbers = (clock) => form.kinds[clock] === "number";
  const [numbers, texts] = [clocks.filter(isNumbers), clocks.filter((clock) => !isNumbers(clock))];
  const all = await readNumbers(file, form, [column, ...numbers], Infinity, texts);
  const values = all.get(column).subarray(skip);
  let end = values.length;
  while (end > 0 && Number.isNaN(values[end - 1])) end -= 1;
  if (!end) throw new DataError(`${file.name} holds no sample in column ${column + 1}; expected one a line`);
  const signal = new Float32Array(offset ? values.subarray(0, end).map((value) => value - offset) : values.subarray(0, end));
  return { signal, times: new Map([...numbers, ...texts].map((clock) => [clock, all.get(clock).subarray(skip, skip + end)])) };
}

/** Say where a column ends long before the others: it may be of another rate than the clock. */
function lostAtTheEnd({ firstValues }, column, nKept) {
  const nRows = Math.max(...[...firstValues.values()].map((values) => values.length));
  const isEmptyAfter = firstValues.get(column).subarray(nKept).every(Number.isNaN);
  if (!(nKept < 0.8 * nRows && nRows < ECG_RECIPE.own.behaves && isEmptyAfter)) return "";
  return `the column ends after ${grouped(nKept)} of ${grouped(nRows)} rows: is it of another rate than the column of time?`;
}

/** How many rows come before the samples, the rate that they say, and what is to be said of it. */
function rowsThatAreNoSamples(form, values, fs) {
  const columns = [...values.values()];
  const nRows = columns[0].length;
  const none = { skip: 0, fs, note: "" };
  if (nRows < 5) return none;
  const first = columns.filter((column) => Number.isFinite(column[0]));
  const [start, second] = [0, 1].map((row) => new Set(first.map((column) => column[row])));
  const rest = columns.flatMap((column) => [...finiteOf(column.subarray(2, 200))]);
  const [one] = start;
  const isStart = start.size === 1 && one > 1e9 && one < 4e9 && second.size === 1;
  if (isStart && rest.length && rest.every((value) => Math.abs(value) < 1e9)) {
    const [rate] = second;
    if (rate >= 1 && rate <= 5000) {
      return { skip: 2, fs: fs || rate, note: `its first two rows are a time and the rate ${general(rate)}, no samples` };
    }
  }
  if (numbersTheColumns(form, columns)) return { skip: 1, fs, note: "its first row numbers the columns, and is no sample" };
  const isNamed = form.above.some((line) => /channels?$/.test(line.trim().toLowerCase()));
  const counts = start.size === 1 && Number.isInteger(one) && nRows - 3 <= one && one <= nRows + 2;
  if (nRows > 100 && start.size === 1 && (counts || (isNamed && one > 100))) {
    const more = farOff(columns.map((column) => column.subarray(1)));
    return { skip: 1 + more, fs, note: `its first row, ${general(one)}, is a number of samples and none itself` };
  }
  const far = farOff(columns);
  const lies = far === 1 ? "row lies" : "rows lie";
  return far ? { skip: far, fs, note: `its first ${lies} far off the rest, and was left out` } : none;
}

/** Whether the first row is 0, 1, 2, ... as pandas names columns that have no name. */
function numbersTheColumns(form, columns) {
  if (form.names.some(Boolean) || !form.body.length) return false;
  const cells = form.body[0].filter(Boolean);
  const n = cells.length;
  if (!n || cells.some((cell, k) => cell !== String(k)) || n < columns.length - 1) return false;
  const rest = form.body.slice(1, 50).flatMap((row) => row.slice(-n));
  const written = new Set(rest.map((cell) => (cell.replaceAll(",", ".").split(".")[1] || "").length));
  const decimals = written.size > 0 && Math.min(...written) > 0 && (n > 1 || written.size === 1);
  return decimals || columns.slice(-n).every((column) => isFar(column[0], column.subarray(1), 3));
}

function isFar(value, rest, times) {
  const known = finiteOf(rest);
  if (known.length < 20) return false;
  const middle = medianOf(known);
  const furthest = known.reduce((most, one) => Math.max(most, Math.abs(one - middle)), 1e-12);
  return Math.abs(value - middle) > times * furthest;
}

/** How many of the first two rows lie far off all that follows, in each column that has them. */
function farOff(columns) {
  const isOff = (n) => columns.every((column) =>
    [...column.subarray(0, n)].every((value) => isFar(value, column.subarray(n, 2000), ECG_RECIPE.own.far)));
  return columns.length ? [2, 1].find(isOff) || 0 : 0;
}

/** Read a file whose lines are leads, each perhaps with its name in front. */
async function readLinesAsLeads(file, head, fs, lead) {
  const { names, rows } = await leadsOfLines(file, head);
  const found = names.map((name, k) => ({ name, values: rows[k] }));
  const { place, why } = pickOrChoose(found, lead, `${file.name} (each of its lines is a lead)`, fs);
  const how = names.length > 1 ? "each of its lines was read as a lead" : "its one line was read as the samples";
  return asRecording({
    name: stemOf(file.name), signal: Float32Array.from(rows[place]), fs, lead: names[place], unit: "", from: "given",
    notes: [how, why], file: file.name, of: names.length > 1 ? `line ${place + 1} of ${names.length}` : "",
  });
}

async function leadsOfLines(file, head) {
  const { most_leads: most } = ECG_RECIPE.own;
  const tooMany = `${file.name} has lines of very many values; expected one sample a line, or at most ${most} leads`;
  if (file.size > 2 ** 24) throw new DataError(`${tooMany}, a line each, in 16 MB; turn the table`);
  const lines = new TextDecoder(head.encoding).decode(await file.arrayBuffer()).split(/\r\n|\r|\n/);
  if (lines[lines.length - 1] === "") lines.pop();
  if (lines.filter((line) => line.trim()).length > most) {
    throw new DataError(`${tooMany}, a line each, and not ${grouped(lines.length)}; beats that are cut already are read elsewhere`);
  }
  const names = [];
  let rows = [];
  let isNumbered = false;
  for (const [k, line] of lines.entries()) {
    if (!line.trim()) continue;
    const { name, values } = leadOfLine(line);
    if (!values) {
      throw new DataError(`${file.name}, line ${k + 1}: it has ${grouped(roughCells(line))} cells, and they are no numbers`);
    }
    const counts = (from) => values.subarray(from).every((value, place) => value === place);
    if (counts(0) || counts(1)) isNumbered = true; // numbers of the columns, and perhaps an empty place above the lines'
    else [names[rows.length], rows[rows.length]] = [name, values];
  }
  if ((rows.length > 1 || isNumbered) && rows.every((row, k) => row[0] === k)) rows = rows.map((row) => row.subarray(1));
  if (!rows.length) throw new DataError(`${file.name} has numbers of columns and no samples`);
  const [least, longest] = rangeOf(rows.map((row) => row.length));
  if (least !== longest) {
    throw new DataError(
      `${file.name} has ${rows.length} lines of ${grouped(least)} to ${grouped(longest)} values; ` +
        "expected as many in each: one sample a line, or one lead a line",
    );
  }
  return { names, rows };
}

/** A line's name and numbers; null where they are none. */
function leadOfLine(line) {
  const count = (mark) => (mark ? line.split(mark).length - 1 : 1);
  const marks = ["\t", ";", ",", null].sort((a, b) => count(b) - count(a));
  for (const separator of marks.slice(0, 2)) {
    let cells = (separator ? line.trim().split(separator) : words(line)).map((cell) => cell.replace(/^[ '"[\]]+|[ '"[\]]+$/g, ""));
    if (!cells[cells.length - 1]) cells = cells.slice(0, -1);
    for (const decimal of [".", ","]) {
      const bracket = cells[0].lastIndexOf("["); // "ecg = [0.1"
      const before = bracket < 0 ? "" : cells[0].slice(0, bracket).replace(/^[ =:'"]+|[ =:'"]+$/g, "");
      if (bracket >= 0) cells = [cells[0].slice(bracket + 1), ...cells.slice(1)];
      const name = bracket >= 0 ? before : isNumber(cells[0], decimal) ? "" : cells[0];
      const rest = name && bracket < 0 ? cells.slice(1) : cells;
      if (rest.length < ECG_RECIPE.own.least_samples - 1 || decimal === separator) continue;
      const values = rest.map((cell) => (isEmpty(cell) ? NaN : isNumber(cell, decimal) ? numberOf(cell, decimal) : null));
      if (!values.includes(null)) return { name, values: Float64Array.from(values) };
    }
  }
  return { name: "", values: null };
}

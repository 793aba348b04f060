"use strict";
// What of a table is what: columns of signals and of time, rows that are no samples, and what is refused at once. The
// twin of ecgnb/datasets/own/table_layout.py and first_rows.py.

/** What of a table is what: which columns may hold a signal, which tell the time, and what is refused at once. */
async function layoutOf(given, file, fsGiven) {
  const above = readAbove(
    given.above,
    given.kinds.length,
    given.kinds.filter((kind) => kind !== "empty").length,
  );
  const isNamed = above.names.some(Boolean);
  const form = isNamed
    ? { ...given, names: above.names, units: above.units.length ? above.units : given.units }
    : given;
  const ofKind = (...kinds) => form.kinds.map((_, k) => k).filter((k) => kinds.includes(form.kinds[k]));
  const numbers = ofKind("number");
  let values = await readNumbers(file, form, numbers, ECG_RECIPE.own.behaves);
  if (![...values.values()].some((column) => column.length)) {
    throw new DataError(`${file.name} holds no sample; expected one a line`);
  }
  const { skip, fs, note } = rowsThatAreNoSamples(form, values, above.fs || fsGiven);
  values = new Map([...values].map(([k, column]) => [k, column.subarray(skip)]));
  const risesInSeconds = (k) =>
    ECG_RECIPE.own.units_of_time.includes(form.units[k].toLowerCase()) && onlyRises(values.get(k));
  const named = numbers.filter((k) => roleOf(form.names[k]).kind === "time" || risesInSeconds(k));
  const stamps = ofKind("clock", "date");
  const [first] = numbers;
  const rising = numbers.length > 1 && !form.names[first].trim() && isClock(values.get(first)) ? [first] : [];
  const signals = numbers.filter((k) => !named.includes(k) && !rising.includes(k));
  if (!signals.length)
    throw new DataError(
      `${file.name}${whyNoSignal(
        form,
        [named, rising, stamps].some((one) => one.length),
      )}`,
    );
  refuseWrapped(
    form,
    signals.map((k) => values.get(k)),
    file.name,
  );
  const key = (k) => [form.kinds[k] !== "number", !form.units[k], k].map(Number);
  const clocks = [...named, ...stamps, ...rising].sort((a, b) => {
    const [one, other] = [key(a), key(b)];
    return one[0] - other[0] || one[1] - other[1] || one[2] - other[2]; // a device's own before dates
  });
  const said = above.said ? `from the line ${quoted(plainText(above.said, 60))}` : "from its header";
  return {
    form,
    signals,
    clocks,
    firstValues: values,
    skip,
    fs: above.fs || (fs === fsGiven ? above.fs : fs),
    said: above.fs ? said : "from its second row",
    notUnderstood: above.notUnderstood,
    notes: note ? [note] : [],
    unit: above.unit,
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
  refuseInTurn(file, form);
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

/** Refuse rows of several leads or kinds that take turns. */
function refuseInTurn(file, form) {
  const { groups, most_in_turn: most, often } = ECG_RECIPE.own;
  form.kinds.forEach((kind, k) => {
    const found = form.body.filter((row) => row.length > k).map((row) => row[k]);
    const kinds = [...new Set(found)].sort();
    const isGroup = groups.includes(plainName(form.names[k])) && kind !== "empty";
    const isEcg = (word) => roleOf(word).kind === "ecg" && !plainName(word).includes(" ");
    const saysEcg = kind === "text" && kinds.length <= most && kinds.some(isEcg);
    const nTurns = found.filter((one, row) => row && one !== found[row - 1]).length;
    if (!(isGroup || saysEcg) || kinds.length < 2 || kinds.length > most || nTurns <= (isGroup ? Math.max(kinds.length, often * found.length) : 0)) return;
    const name = plainText(form.names[k], 40);
    throw new DataError(
      `${file.name} holds rows of ${kinds.length} kinds, as its column ${name || quoted(String(k + 1))} says ` +
        `(${listed(kinds)}); expected a column each: turn the table, or keep the rows of one`,
    );
  });
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
      return {
        skip: 2,
        fs: fs || rate,
        note: `its first two rows are a time and the rate ${general(rate)}, no samples`,
      };
    }
  }
  if (numbersTheColumns(form, columns))
    return { skip: 1, fs, note: "its first row numbers the columns, and is no sample" };
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
  const isOff = (n) =>
    columns.every((column) =>
      [...column.subarray(0, n)].every((value) => isFar(value, column.subarray(n, 2000), ECG_RECIPE.own.far)),
    );
  return columns.length ? [2, 1].find(isOff) || 0 : 0;
}

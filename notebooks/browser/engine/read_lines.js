"use strict";
// A file whose lines are leads, each perhaps with its name in front: the twin of ecgnb/datasets/own/text.py.

/** Read a file whose lines are leads, each perhaps with its name in front. */
async function readLinesAsLeads(file, head, fs, lead) {
  const { names, rows } = await leadsOfLines(file, head);
  const found = names.map((name, k) => ({ name, values: rows[k] }));
  const { place, why } = pickOrChoose(found, lead, `${file.name} (each of its lines is a lead)`, fs);
  const how = names.length > 1 ? "each of its lines was read as a lead" : "its one line was read as the samples";
  return asRecording({
    name: stemOf(file.name),
    signal: Float32Array.from(rows[place]),
    fs,
    lead: names[place],
    unit: "",
    from: "given",
    notes: [how, why],
    file: file.name,
    of: names.length > 1 ? `line ${place + 1} of ${names.length}` : "",
  });
}

async function leadsOfLines(file, head) {
  const { most_leads: most } = ECG_RECIPE.own;
  const tooMany = `${file.name} has lines of very many values; expected one sample a line, or at most ${most} leads`;
  if (file.size > 2 ** 24) throw new DataError(`${tooMany}, a line each, in 16 MB; turn the table`);
  const lines = new TextDecoder(head.encoding).decode(await file.arrayBuffer()).split(/\r\n|\r|\n/);
  if (lines[lines.length - 1] === "") lines.pop();
  if (lines.filter((line) => line.trim()).length > most) {
    throw new DataError(
      `${tooMany}, a line each, and not ${grouped(lines.length)}; beats that are cut already are read elsewhere`,
    );
  }
  const names = [];
  let rows = [];
  let isNumbered = false;
  for (const [k, line] of lines.entries()) {
    if (saysNothing(line)) continue;
    const { name, values } = leadOfLine(line);
    if (!values) {
      throw new DataError(
        `${file.name}, line ${k + 1}: it has ${grouped(roughCells(line))} cells, and they are no numbers`,
      );
    }
    const counts = (from) => values.subarray(from).every((value, place) => value === place);
    if (counts(0) || counts(1))
      isNumbered = true; // numbers of the columns, and perhaps an empty place above the lines'
    else [names[rows.length], rows[rows.length]] = [name, values];
  }
  if ((rows.length > 1 || isNumbered) && rows.every((row, k) => row[0] === k))
    rows = rows.map((row) => row.subarray(1));
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
    let cells = (separator ? line.trim().split(separator) : words(line)).map((cell) =>
      cell.replace(/^[ '"[\]]+|[ '"[\]]+$/g, ""),
    );
    if (!cells[cells.length - 1]) cells = cells.slice(0, -1);
    for (const decimal of [".", ","]) {
      const bracket = cells[0].lastIndexOf("["); // "ecg = [0.1"
      const before = bracket < 0 ? "" : cells[0].slice(0, bracket).replace(/^[ =:'"]+|[ =:'"]+$/g, "");
      if (bracket >= 0) cells = [cells[0].slice(bracket + 1), ...cells.slice(1)];
      const name = bracket >= 0 ? before : isNumber(cells[0], decimal) ? "" : cells[0];
      const rest = name && bracket < 0 ? cells.slice(1) : cells;
      if (rest.length < ECG_RECIPE.own.least_samples - 1 || decimal === separator) continue;
      const values = rest.map((cell) =>
        isEmpty(cell) ? NaN : isNumber(cell, decimal) ? numberOf(cell, decimal) : null,
      );
      if (!values.includes(null)) return { name, values: Float64Array.from(values) };
    }
  }
  return { name: "", values: null };
}

"use strict";
// How a table of text is written: what divides its columns, what they hold, what they are called. The twin of
// ecgnb/datasets/own/table_form.py.

/** Find out from the first lines how a table is written. */
function formOf(head, name) {
  const { most_above: most, body: nBody, longest_titles: longest } = ECG_RECIPE.own;
  const { lines } = head;
  const inside = lines.slice(0, most).findIndex((line) => pattern("list").test(line.slice(0, longest))) + 1;
  if (inside) {
    throw new DataError(
      `${name}, line ${inside}: all samples stand in brackets in one cell; expected one sample a line`,
    );
  }
  const found = bestStart(lines);
  if (!found) {
    const first = lines.find((line) => line.trim()) || "";
    throw new DataError(
      `${name} has no line of numbers among its first ${Math.min(lines.length, most)}; the first line is ` +
        `${quoted(plainText(first.trim().slice(0, 40)))}; expected one sample a line`,
    );
  }
  const { nAbove, separator, decimal } = found;
  const body = lines
    .slice(nAbove, nAbove + nBody)
    .filter((line) => line.trim())
    .map((line) => cellsOf(line, separator));
  if (separator === "," && decimal === "." && commasDoBoth(body)) {
    throw new DataError(
      `${name}: commas divide its columns and stand in its numbers, too; save it with semicolons or tabs`,
    );
  }
  const above = lines.slice(0, nAbove);
  const { place, names, units } = titlesOf(above, separator, found.kinds);
  const kinds = found.kinds.map((kind, k) => (kind === "empty" ? laterKind(body, k, names[k], decimal) : kind));
  const inLines = above.some((line) => pattern("channels", "whole").test(line)); // names stand in lines of their own
  const rest = above.filter((_, k) => k !== place || inLines);
  return { nAbove, names, units, kinds, separator, decimal, encoding: head.encoding, above: rest, body };
}

/** Where the numbers start and in which form: the first line whose cells all tell something, if any. */
function bestStart(lines) {
  const { most_above: most, follow } = ECG_RECIPE.own;
  let best = null;
  let bestScore = 0;
  for (const [nAbove, line] of lines.slice(0, most).entries()) {
    if (!line.trim()) continue;
    const following = lines
      .slice(nAbove + 1, nAbove + 1 + 3 * follow)
      .filter((one) => one.trim())
      .slice(0, follow);
    const found = formFrom(line, following, lines.slice(nAbove, nAbove + 2100), nAbove ? lines[nAbove - 1] : "");
    const isOther = !best || !found || best.separator !== found.separator || best.decimal !== found.decimal;
    const enough = following.length >= Math.min(follow, lines.length - nAbove - 2, 3);
    if (found && isOther && found.score > bestScore + 1e-9 && enough) {
      [best, bestScore] = [{ nAbove, ...found }, found.score]; // in the same form the first line counts
    }
    if (bestScore >= 1 || (best && nAbove > best.nAbove + 2 * follow)) break;
  }
  return best;
}

/** Whether pairs of cells look like numbers that a comma has parted, as in 0,004,-0,055. */
function commasDoBoth(body) {
  const n = body[0].length;
  const rows = body.slice(0, 200);
  if (n < 4 || n % 2 || rows.some((row) => row.some((cell) => cell.includes(".")))) return false;
  for (let k = 1; k < n; k += 2) {
    const rests = rows.filter((row) => row.length > k).map((row) => row[k]);
    const all = rests.every((cell) => /^\d+$/.test(cell)) && rests.some((cell) => cell.length > 1 && cell[0] === "0");
    if (!all) return false;
  }
  return true;
}

const SURROUNDING = /^[ '"\r\n]+|[ '"\r\n]+$/g;

/** The cells of a line, without what surrounds them. */
function cellsOf(line, separator) {
  let cells = null;
  if (separator === "\\s+") cells = words(line);
  else if (line.includes('"') && line.length < 100000) cells = quotedCells(line, separator);
  else cells = line.split(separator);
  return cells.map((cell) => cell.replace(SURROUNDING, ""));
}

/** The cells of a line in which quotation marks hold some together. */
function quotedCells(line, separator) {
  const cells = [""];
  let inside = false;
  for (let k = 0; k < line.length; k += 1) {
    const sign = line[k];
    const last = cells.length - 1;
    if (inside && sign === '"' && line[k + 1] === '"') {
      cells[last] += '"';
      k += 1;
    } else if (sign === '"' && (inside || cells[last] === "")) inside = !inside;
    else if (sign === separator && !inside) cells.push("");
    else cells[last] += sign;
  }
  return cells;
}

/** What a cell holds: "number", "clock", "date", "empty" or "text". */
function kindOf(cell, decimal) {
  if (isEmpty(cell)) return "empty";
  if (isNumber(cell, decimal)) return "number";
  if (cell.length > 40) return "text";
  if (pattern("clock", "whole").test(cell)) return "clock";
  return pattern("date", "whole").test(cell) ? "date" : "text";
}

/** Separator, decimal mark and kinds of the columns that a line and those after it share, and how well. */
function formFrom(line, following, rest, title) {
  let best = null;
  for (const decimal of [".", ","]) {
    for (const separator of ["\t", ";", ",", "|", "\\s+"]) {
      if (decimal === separator && !line.includes('"')) continue;
      const found = fitOf(line, following, separator, decimal);
      if (!found) continue;
      if (separator === "," && decimal === "." && isDecimalComma(found.kinds, rest, title)) continue;
      if (found.score > (best ? best.score : 0) + 1e-9) best = { separator, decimal, ...found };
    }
  }
  return best;
}

/** The kinds of the columns and which share of the cells tells something; null where lines differ. */
function fitOf(line, following, separator, decimal) {
  const cells = cellsOf(line, separator);
  if (cells.length > ECG_RECIPE.own.most_columns || (separator !== "\\s+" && cells.length === 1)) return null;
  const mine = cells.map((cell) => kindOf(cell, decimal));
  const others = following.map((other) => cellsOf(other, separator).map((cell) => kindOf(cell, decimal)));
  const alike = [mine, ...others].filter((row) => row.length === mine.length);
  const kinds = mine.map((_, k) => usualKind(alike.map((row) => row[k])));
  const odd = mine.some((one, k) => one !== kinds[k] && one !== "empty" && kinds[k] !== "text");
  if (!kinds.includes("number") || odd) return null;
  if (cells.some((cell, k) => /[:=]$/.test(cell) && mine[k] === "text")) {
    const same = following.every((other) => cellsOf(other, separator)[0] === cells[0]);
    if (!following.length || !same) return null; // "Gain: 200" is no row of a table
  }
  const fits = others.filter((row) => {
    const plain =
      row.length === kinds.length && row.every((one, k) => one === kinds[k] || one === "empty" || one === "text");
    return plain && row.filter((one, k) => one === kinds[k] || one === "empty").length * 2 >= kinds.length;
  });
  if (others.length && fits.length < (others.length >= 10 ? 0.9 : 0.5) * others.length) return null;
  return { kinds, score: kinds.filter((kind) => kind !== "text").length / kinds.length };
}

/** What a column holds that is empty at first. */
function laterKind(body, column, name, decimal) {
  const kind = usualKind(body.filter((row) => row.length > column).map((row) => kindOf(row[column], decimal)));
  return kind === "empty" && roleOf(name).kind === "ecg" ? "number" : kind;
}

function usualKind(column) {
  const counts = new Map();
  for (const kind of column) if (kind !== "empty") counts.set(kind, (counts.get(kind) || 0) + 1);
  return [...counts].reduce((best, one) => (best && best[1] >= one[1] ? best : one), null)?.[0] || "empty";
}

/** Whether the commas in lines such as -0,055 part a number and not two. */
function isDecimalComma(kinds, lines, title) {
  const { follow } = ECG_RECIPE.own;
  const titles = cellsOf(title, ",").filter(Boolean);
  const isLead = pattern("lead_line", "start").test(title.slice(0, 200));
  const areTwo = titles.length === 2 && titles.some((cell) => roleOf(cell).kind) && !isLead;
  if (kinds.join() !== "number,number" || areTwo) return false;
  let pairs = lines
    .slice(0, 2000)
    .filter((line) => line.trim())
    .map((line) => line.match(/^\s*([+-]?\d{1,6}),(\d{1,9})\s*$/));
  if (pairs.length > 1 && !pairs[pairs.length - 1]) pairs = pairs.slice(0, -1); // the last may be cut off
  if (!pairs.length || pairs.some((pair) => !pair)) return false;
  if (pairs.some(([, whole, rest]) => whole === "-0" || /^0\d+$/.test(rest))) return true;
  const widths = pairs.map(([, , rest]) => rest.length);
  const width = Math.max(...widths);
  if (pairs.some(([, , rest]) => rest.length < width && rest.endsWith("0") && rest !== "0")) return false;
  const first = pairs.map(([, whole]) => Number(whole));
  const [low, high] = rangeOf(first);
  const isFixed = low === high && Math.abs(low) < 100 && width > 1 && width === Math.min(...widths);
  if (first.length >= follow && isFixed) return true;
  if (onlyRises(first)) return false;
  if (first.length < follow || first.every((value, k) => !k || value >= first[k - 1])) return false;
  const both = pairs.map(([, whole, rest]) => Number(whole) + (whole.startsWith("-") ? -1 : 1) * Number(`0.${rest}`));
  return roughness(both) < roughness(pairs.map(([, , rest]) => Number(rest)));
}

function roughness(values) {
  const steps = values.slice(1).map((value, k) => Math.abs(value - values[k]));
  return meanOf(steps) / (deviationOf(values) || Infinity);
}

/** Which line names the columns (-1: none), and their names and units. */
function titlesOf(above, separator, kinds) {
  const n = kinds.length;
  const none = kinds.map(() => "");
  const named = () => ({ place: -1, names: namedInALineEach(above, n), units: none });
  const rows = above
    .map((line, place) => ({ place, row: line.trim() ? titleCells(line, separator, kinds) : [] }))
    .filter(({ row }) => row.length);
  let fitting = rows.filter(({ row }) => !row.every(isUnit));
  if (n === 1) fitting = fitting.filter(({ row }) => !/[=:]|\d{2,}/.test(row[0].slice(0, 200)));
  fitting = fitting.filter(
    ({ row }) => !row.some((cell) => cell && (isNumber(cell) || pattern("date", "whole").test(cell))),
  );
  if (!fitting.length && n > 1) fitting = rows.filter(({ row }) => row.every(Boolean)); // "ms,mV" names them, too
  if (!fitting.length) return named();
  const telling = (row) => row.filter((cell) => roleOf(cell).kind).length;
  const { place, row: names } = fitting.reduce((best, one) => (telling(one.row) >= telling(best.row) ? one : best));
  if (n === 1 && above.filter((line) => line.trim()).length > 1 && roleOf(names[0]).kind !== "ecg") return named();
  const units = rows.find((one) => one.place !== place && one.row.every(isUnit) && one.row.some(Boolean))?.row || none;
  return { place, names, units: names.map((name, k) => units[k].replace(/^[[\]()]+|[[\]()]+$/g, "") || unitIn(name)) };
}

/** The cells of a line above as names of so many columns; none where it has another number of them. */
function titleCells(line, separator, kinds) {
  const n = kinds.length;
  const text = line
    .slice(0, ECG_RECIPE.own.longest_titles)
    .replace(/^[\r\n]+|[\r\n]+$/g, "")
    .replace(/^[#% ]+/, "");
  const spare = kinds[n - 1] === "empty" ? 1 : 0; // a separator at the end of each line
  let ways = [cellsOf(text, separator)];
  if (separator === "\\s+")
    ways.push(
      text
        .trim()
        .split(/\s{2,}|\t|,/)
        .map((cell) => cell.replace(/^[ '"]+|[ '"]+$/g, "")),
    );
  if (ways[0][0]?.startsWith("ChannelTitle=")) ways = [["Time", ...ways[0].slice(1)]]; // LabChart
  for (const row of ways) {
    if (row.length >= n - spare && row.length <= n) return [...row, ...Array(n).fill("")].slice(0, n);
  }
  const [row] = ways;
  const isOfR = n > 1 && row.length === n - 1 && row[row.length - 1] && kinds[0] === "number" && !/[=:]/.test(text);
  return isOfR ? ["", ...row] : []; // R leaves out the name of the column of row names
}

/** The unit that a name has in brackets, or as its last word. */
function unitIn(name) {
  const [source] = ECG_RECIPE.own.patterns.unit;
  const inside = name.slice(0, 100).match(new RegExp(`[\\[(](${source})[\\])]`, "iu"));
  const last = name.slice(0, 100).match(/(?:[_/ ]|in )([muµμ]?V)$/);
  return inside ? inside[1] : last ? last[1] : "";
}

/** The name of a single column that a line such as "Lead,Lead I" gives. */
function namedInALineEach(above, n) {
  for (const line of n === 1 ? above : []) {
    const found = line.slice(0, 200).match(pattern("lead_line", "start"));
    if (found) return [found[1].replace(/^[ '"]+|[ '"]+$/g, "")];
  }
  return Array(n).fill("");
}

function isUnit(cell) {
  return !cell || (cell.length < 30 && pattern("unit", "whole").test(cell.replace(/^[[\]() ]+|[[\]() ]+$/g, "")));
}

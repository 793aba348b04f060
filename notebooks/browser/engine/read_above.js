"use strict";
// What the lines above the numbers say: the sampling rate in several languages, and what known devices write there. The
// twin of ecgnb/datasets/own/header_lines.py.

/** Read the lines above a table: {fs, said, names, notUnderstood, unit, units}. Of several rates none is believed. */
function readAbove(lines, nColumns, nFilled) {
  const { longest, lowest_fs: lowest, highest_fs: highest } = ECG_RECIPE.own;
  const unit = nColumns < 3 ? lines.map((line) => unitOfLine(line.slice(0, longest))).find(Boolean) || "" : "";
  for (const line of lines) {
    const device = openSignals(line, nColumns);
    if (device) return { ...device, unit };
  }
  const { names, units } = acqKnowledge(lines, nColumns, nFilled);
  const said = [];
  let notUnderstood = "";
  for (const line of lines) {
    const text = line
      .slice(0, longest)
      .replaceAll('"', " ")
      .trim()
      .replace(/^[#%;, ]+|[#%;, ]+$/g, "");
    if (pattern("of_others").test(text) && !/sampled at|ecg|ekg/i.test(text)) continue;
    const rate = rateOfLine(text);
    if (rate !== null && rate >= lowest && rate <= highest) said.push({ rate, text });
    else if (/\d/.test(text) && (rate !== null || pattern("rate_words").test(text))) notUnderstood ||= text;
  }
  if (new Set(said.map(({ rate }) => rate)).size === 1) {
    return { fs: said[0].rate, said: said[0].text, names, notUnderstood: "", unit, units };
  }
  return { fs: null, said: "", names, notUnderstood: said.length ? said[0].text : notUnderstood, unit, units };
}

/** The samples per second that a line says; null where it says none that is understood. */
function rateOfLine(text) {
  if (pattern("step_words").test(text)) {
    const inside = text.match(pattern("unit_then_number"));
    const given = text.match(pattern("step"));
    const [size, number] = inside ? [inside[1], inside[2]] : given ? [given[2], given[1]] : ["", ""];
    const plain = text.match(pattern("set_to"));
    const step =
      writtenNumber(number || (plain ? plain[1] : "0")) * ECG_RECIPE.own.seconds[(size || "s")[0].toLowerCase()];
    return step ? Number((1 / step).toFixed(6)) : null;
  }
  const at = text.match(pattern("rate_words"));
  if (at) {
    const rest = text.slice(at.index);
    if (/\d ?(?:-|to|bis) ?\d+ ?k?hz/i.test(rest)) return null; // a range of rates
    for (const name of ["hertz", "per_second", "set_to"]) {
      const number = rest.match(pattern(name));
      if (number) return writtenNumber(number[1], name === "hertz" && number[2] ? 1000 : 1);
    }
    return null;
  }
  const rate = text.match(pattern("at_rate"));
  if (!rate) return null;
  const k = [1, 3, 5].find((place) => rate[place]);
  return writtenNumber(rate[k], rate[k + 1] ? 1000 : 1);
}

/** A number that may be written 1,000 or 511,443 or 1.000,5 or 1 000: the one that can be a sampling rate. */
function writtenNumber(given, times = 1) {
  const { lowest_fs: lowest, highest_fs: highest } = ECG_RECIPE.own;
  const text = given.replace(/[ '\u2019]/g, "");
  const isGrouped = /^[1-9]\d{0,2}(?:[.,]\d{3})+(?:[.,]\d+)?$/.test(text);
  const decimal = Math.max(text.lastIndexOf("."), text.lastIndexOf(","));
  const whole = decimal < 0 ? text : `${text.slice(0, decimal).replace(/[.,]/g, "")}.${text.slice(decimal + 1)}`;
  if (isGrouped && text.length - decimal === 4) {
    const thousands = Number(text.replace(/[.,]/g, ""));
    const isPlain = text[decimal] === "," || Number(whole) < lowest;
    if (thousands * times <= highest / 2 && isPlain) return thousands * times;
  }
  return Number(whole) * times;
}

function unitOfLine(line) {
  const found = line.match(
    /^\s*#?\s*(?:unit|units|einheit|unit[ée]|unidad|unidade|unit[àa]|単位|单位|단위)\s*[,;:=\t]\s*([^\s,;]{1,10})/i,
  );
  return found ? found[1].replace(/^['"]+|['"]+$/g, "") : "";
}

/** Read the header of OpenSignals (BITalino, biosignalsplux): JSON in a comment. */
function openSignals(line, nColumns) {
  const { lowest_fs: lowest, highest_fs: highest } = ECG_RECIPE.own;
  const text = line.replace(/^[# \t]+/, "");
  if (!text.startsWith("{") || text.length > 20000) return null;
  try {
    const [device] = Object.values(JSON.parse(text));
    const names = device.column.map(String);
    const sensors = new Map(device.label.map((label, k) => [String(label), String(device.sensor[k])]));
    const rate = Number(device["sampling rate"]);
    if (!(rate >= lowest && rate <= highest) || names.length > nColumns) return null;
    const told = names
      .map((name) => (sensors.has(name) ? `${name} ${sensors.get(name)}` : name))
      .map((name) => (/^[IO]\d$/.test(name) ? `digital ${name}` : name));
    return {
      fs: rate,
      said: "",
      names: [...told, ...Array(nColumns - told.length).fill("")],
      notUnderstood: "",
      units: [],
    };
  } catch {
    return null;
  }
}

/** Names and units of channels, which AcqKnowledge writes a line each, in turn, after their number. */
function acqKnowledge(lines, nColumns, nFilled) {
  for (const [place, line] of lines.entries()) {
    const found = line.slice(0, ECG_RECIPE.own.longest).match(pattern("channels", "whole"));
    if (!found || lines.length <= place + 2 * found[1]) continue;
    const n = Number(found[1]);
    const told = lines.slice(place + 1, place + 1 + 2 * n).map((one) => one.trim().slice(0, 60));
    const before = Array(Math.max(0, nFilled - n)).fill(""); // a column of time
    const filled = (odd) =>
      [...before, ...told.filter((_, k) => k % 2 === odd), ...Array(nColumns).fill("")].slice(0, nColumns);
    return { names: filled(0), units: filled(1) };
  }
  return { names: [], units: [] };
}

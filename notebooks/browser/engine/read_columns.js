"use strict";
// Which column of a file is the ECG: by its name, by what it does, and otherwise by asking. Columns of time, clocks and
// counters are none. The twin of ecgnb/datasets/own/columns.py.

/** A name without unit, brackets, accents and decoration, in small letters. */
function plainName(name) {
  const { dull } = ECG_RECIPE.own;
  const bare = name
    .slice(0, 200)
    .replace(/[[(<{][^\])>}]{0,40}[\])>}]/g, " ")
    .replace(/(?<=[a-z])(?=[A-Z])/g, " ");
  const letters = bare.normalize("NFKD").replace(/\p{M}/gu, "").normalize("NFC").toLowerCase();
  const all = letters.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const telling = all.filter((word) => !dull.includes(word) && word !== "μv" && word !== "μ");
  return (telling.length ? telling : all).join(" ");
}

/** What a name says: {kind: "ecg", "time", "other" or "" (nothing), rank of an ECG}. */
function roleOf(name) {
  const own = ECG_RECIPE.own;
  const short = plainName(name);
  const parts = short.split(" ");
  const squashed = short.replaceAll(" ", "");
  const has = (list) => parts.some((word) => list.includes(word));
  const isEcg = own.ecg_words.some((word) => squashed.includes(word));
  const isTime = has(own.time) || /^(?:timestamp|elapsed|time)/.test(squashed);
  if (has(own.time_words) || (!isEcg && isTime)) return { kind: "time", rank: 0 };
  const inside = name.slice(0, 200).match(/[[(]\s*([\p{L}\p{N}_ ]{1,8}?)\s*[\])]/u);
  const pair = Object.keys(own.electrodes).find((one) => squashed.includes(one));
  const lead = pair ? own.electrodes[pair] : leadAmong(parts);
  const ecg = (rank) => (has(own.no_ecg_of_an_ecg) ? { kind: "other", rank: 0 } : { kind: "ecg", rank });
  for (const [rank, names] of own.ranks.entries()) {
    if (names.includes(lead) || (inside && names.includes(inside[1].toLowerCase()) && !has(own.other)))
      return ecg(rank);
  }
  if (isEcg) return ecg(own.ranks.findIndex((names) => names.includes("ecg")));
  return { kind: has(own.other) || own.other.includes(squashed) ? "other" : "", rank: 0 };
}

/** The one word that names a lead, where the others only say that it is an ECG; else empty text. */
function leadAmong(parts) {
  const { ranks, other } = ECG_RECIPE.own;
  const ecg = ["ecg", "ekg"];
  const leads = ranks.flat().filter((name) => !ecg.includes(name));
  const all = [...new Set(parts)];
  const found = all.filter((word) => leads.includes(word)).sort((a, b) => b.length - a.length);
  const rest = all.filter((word) => !leads.includes(word) && !ecg.includes(word));
  const isSure = found.length === 1 && (found[0].length > 1 || !rest.length || all.some((word) => ecg.includes(word)));
  const harmless = ["red", "off", "green", "ir", "eeg"];
  return isSure && !all.some((word) => other.includes(word) && !harmless.includes(word)) ? found[0] : "";
}

/** Whether a column never falls, but for starting anew as a counter does. */
function onlyRises(values) {
  const known = finiteOf(values);
  const steps = Array.from(known.subarray(1), (value, k) => value - known[k]);
  if (known.length < ECG_RECIPE.own.enough || !steps.some((step) => step > 0)) return false;
  const falls = steps.map((step, k) => (step < 0 ? k : -1)).filter((k) => k >= 0);
  if (!falls.length) return true;
  const [low, high] = rangeOf(known);
  const startsAnew = Math.max(...falls.map((k) => known[k + 1])) <= low + 0.02 * (high - low);
  const endsHigh = Math.min(...falls.map((k) => known[k])) >= high - 0.02 * (high - low);
  const [least, most] = rangeOf(steps.filter((step) => step >= 0));
  return startsAnew && endsHigh && most - least <= 1e-6 * Math.max(1, high - low);
}

/** Why a column cannot be an ECG by what it does, or "" where it can. */
function cannotBe(values) {
  const { enough, few_values: few } = ECG_RECIPE.own;
  const known = finiteOf(values);
  if (!known.length) return "is empty";
  if (known.length < enough) return "";
  const [low, high] = rangeOf(known);
  if (low === high) return "never changes";
  const different = new Set(known).size;
  if (different < few) return `has ${different} values`;
  return onlyRises(known) ? "only rises" : "";
}

/** The position of the lead asked for, by name or by number from 1 on. */
function pickLead(names, lead, where) {
  const wanted = lead.trim().toLowerCase();
  for (const same of [(name) => name.toLowerCase(), plainName]) {
    const place = names.findIndex((name) => name && same(name) === same(wanted));
    if (place >= 0) return place;
  }
  if (/^\d{1,5}$/.test(wanted) && wanted >= 1 && wanted <= names.length) return Number(wanted) - 1;
  const counts = /^\p{Nd}+$/u.test(wanted) ? " (numbers count these, from 1 on)" : ""; // and not the column of time
  throw new DataError(`${where} has no lead ${quoted(plainText(lead))}; it has: ${listed(names)}${counts}`);
}

/** Which of several columns [{name, values}] is the ECG, and what should be said about the choice. */
function chooseColumn(columns, where, fs) {
  const names = columns.map((column) => column.name);
  const n = names.length;
  const areOfR = n > 1 && n !== 6 && names.every((name, k) => name === `V${k + 1}`); // R calls columns V1, V2, ...
  const roles = names.map((name) => (areOfR ? { kind: "", rank: 0 } : roleOf(name)));
  const places = names.map((_, k) => k);
  const fits = (k) => !cannotBe(columns[k].values);
  const looks = (k) => looksLikeEcg(columns[k].values, fs);
  const named = places.filter((k) => roles[k].kind === "ecg").sort((a, b) => roles[a].rank - roles[b].rank || a - b);
  const unnamed = places.filter((k) => roles[k].kind === "");
  let possible = named.filter(fits);
  if (!possible.length) possible = unnamed.filter(fits);
  if (possible.length && named.includes(possible[0])) {
    const alike = possible.filter((k) => roles[k].rank === roles[possible[0]].rank); // a dead one is passed over
    const found = fs && possible.length > 1 ? alike.find(looks) : undefined;
    return { place: found ?? possible[0], why: "" };
  }
  const alone = n === 1 ? (named.length ? named : unnamed) : [];
  if (alone.length && cannotBe(columns[alone[0]].values) !== "only rises") return { place: alone[0], why: "" };
  if (possible.length > 1 && fs) {
    const like = possible.filter(looks);
    if (like.length) possible = like;
  }
  if (possible.length === 1) return { place: possible[0], why: n === 1 ? "" : "the only column that could be an ECG" };
  throw new DataError(
    `${where}: ${undecided(columns, possible)}; say which with --lead (lead=), ` +
      (n > 1 ? `by name or by number from 1 to ${n}` : "as --lead 1 if it is one"),
  );
}

/** Say which columns could all be the ECG, or why none can. */
function undecided(columns, possible) {
  if (possible.length) {
    return `several columns could be the ECG: ${listed(possible.map((k) => columns[k].name || String(k + 1)))}`;
  }
  const faults = columns.map(
    ({ name, values }, k) => `${listed([name || String(k + 1)])} ${cannotBe(values) || "is named as something else"}`,
  );
  return `no column looks like an ECG: ${faults.slice(0, 12).join("; ")}${faults.length > 12 ? " ..." : ""}`;
}

/** Names one after the other, the number where there is no name, and not more than a dozen. */
function listed(names) {
  const some = names
    .slice(0, 12)
    .map((name, k) => plainText(name, 60) || String(k + 1))
    .join(", ");
  return names.length > 12 ? `${some} and ${grouped(names.length - 12)} more` : some;
}

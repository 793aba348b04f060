"use strict";
// The page: what is dropped goes to the worker, and what the worker found is shown.

const part = (id) => document.getElementById(id);
let worker = null;
let asked = null; // what is being read, or was last: {files} or {sample}
let shown = null; // what is on the page
let start = 0; // second at which the strip begins
let picked = null;

/** Start a worker from the text of its scripts: none may be loaded from a folder. */
function newWorker() {
  const text = `const ECG_RECIPE = ${JSON.stringify(ECG_RECIPE)};\n${ECG_RUNTIME.script}\n${ECG_ENGINE}`;
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  const made = new Worker(address);
  made.postMessage({ kind: "start", runtime: { loader: ECG_RUNTIME.loader, wasm: ECG_RUNTIME.wasm } });
  made.onmessage = ({ data }) => answers[data.kind](data);
  made.onerror = (event) => answers.failed({ message: event.message });
  return made;
}

const answers = {
  progress({ share, doing }) {
    part("progress").value = share;
    say(`${doing} …`);
  },
  asks({ question, field }) {
    isBusy(false);
    refuse(question);
    part(field).focus();
  },
  refused({ message }) {
    isBusy(false);
    refuse(inThePage(message));
  },
  failed({ message }) {
    isBusy(false);
    refuse(`Something here is unlike all that this page foresees (${message}). Try another file.`);
  },
  found({ recording, found }) {
    isBusy(false);
    show(recording, found);
  },
};

/** Name the fields of the page where a sentence names options of the command line. */
function inThePage(message) {
  return message
    .replaceAll("the rate (--fs, fs=)", "the rate in its field")
    .replaceAll("fs (--fs)", "the rate in its field")
    .replace(/say which with --lead \(lead=\).*/, "choose it in the field 'Lead or column' above")
    .replaceAll("--lead (lead=)", "the field 'Lead or column'")
    .replace(
      "it can be classified all the same (--force, force=True)",
      "`ecgnb classify --force` reads it all the same",
    );
}

function say(text) {
  part("state").textContent = text;
}

function refuse(message) {
  say("");
  part("result").hidden = true;
  part("fault").textContent = message;
  part("fault").hidden = false;
}

function isBusy(busy) {
  part("progress").hidden = !busy;
  part("progress").value = 0;
  part("result").setAttribute("aria-busy", String(busy));
}

/** Give the worker a recording; one that is still being read is given up. */
function ask(what) {
  if (!part("progress").hidden) {
    worker.terminate();
    worker = newWorker();
  }
  asked = what;
  part("again").disabled = false;
  part("fault").hidden = true;
  isBusy(true);
  const text = part("fs").value.trim().replace(",", ".");
  const fs = text === "" ? null : Number(text);
  if (fs !== null && !(fs > 0 && Number.isFinite(fs))) {
    answers.asks({
      question: `A sampling rate of "${text}" is no number above 0; expected samples per second, such as 360.`,
      field: "fs",
    });
    return;
  }
  const lead = part("lead").value.trim() || null;
  worker.postMessage({ kind: "classify", ...what, fs, lead, flip: part("flip").checked });
}

/** Show a recording that was labelled. */
function show(recording, found) {
  const sign = part("flip").checked ? -1 : 1;
  const signal = sign < 0 ? recording.signal.map((value) => -value) : recording.signal;
  const { name, unit } = recording;
  shown = { ...found, signal, unit, name, scale: scaleOf(signal, unit), shades: shadesOf(found) };
  picked = null;
  start = 0;
  say(`${shown.beats.length.toLocaleString("en")} beats found.`);
  const about = [recording.name, recording.lead && `lead ${recording.lead}`, `${+found.fs.toPrecision(6)} Hz`];
  part("name").textContent = [...about, sign < 0 ? "upside down" : ""].filter(Boolean).join(" · ");
  part("read").textContent = recording.read;
  part("summary").textContent = inNumbers(found);
  showList(part("warnings"), [...recording.notes.map((note) => `How it was read: ${note}.`), ...found.warnings]);
  showCounts(found.counts);
  part("shades").hidden = !shown.shades.length;
  part("result").hidden = false;
  seekable(found.counts);
  draw();
  part("result").focus({ preventScroll: false });
}

function inNumbers({ seconds, beats, summary, counts }) {
  const length = seconds < 7200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
  const parts = [length, `${beats.length.toLocaleString("en")} beats`];
  if (summary.heart_rate_bpm !== null) parts.push(`${summary.heart_rate_bpm.toFixed(0)} a minute`);
  if (beats.length) parts.push(`${((100 * counts["?"]) / beats.length).toFixed(1)}% not classified`);
  return parts.join(" · ");
}

function showList(list, texts) {
  list.hidden = !texts.length;
  list.replaceChildren(
    ...texts.map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }),
  );
}

/** One line a class: its letter in its colour, what it is called, how many there are. */
function showCounts(counts) {
  part("counts").replaceChildren(
    ...Object.entries(counts).map(([label, n]) => {
      const item = document.createElement("li");
      const letter = document.createElement("b");
      letter.className = `letter class-${label === "?" ? "unsure" : label}`;
      letter.textContent = label;
      item.append(letter, ` ${ECG_RECIPE.meanings[label].name}: `, n.toLocaleString("en"));
      item.title = ECG_RECIPE.meanings[label].what;
      return item;
    }),
  );
}

/** Offer to go to the next beat of each class that there is. */
function seekable(counts) {
  const options = Object.keys(counts)
    .filter((label) => counts[label])
    .map((label) => new Option(label, label));
  part("seek").replaceChildren(new Option("beat of class …", ""), ...options);
}

function draw() {
  const seconds = drawStrip(part("strip"), shown, start, picked);
  part("place").max = Math.max(0, Math.ceil(shown.seconds - seconds));
  part("place").value = start;
  part("place").setAttribute("aria-valuetext", `from second ${start}`);
  part("paper").textContent = paperInWords(shown.scale, shown.unit, part("strip").clientWidth);
  const first = Math.max(
    0,
    shown.beats.findIndex((beat) => beat.time_s >= start),
  );
  showRows(part("beats"), shown.beats, first, picked, (beat) => goTo(beat.time_s - seconds / 2, beat));
}

/** Show the strip from a second on. */
function goTo(second, beat = null) {
  const last = Math.max(0, Math.ceil(shown.seconds - secondsOf(part("strip").clientWidth)));
  start = Math.min(last, Math.max(0, Math.round(second)));
  picked = beat;
  draw();
}

function choose(files) {
  if (files.length) ask({ files: [...files] });
}

function begin() {
  worker = newWorker();
  part("files").addEventListener("change", (event) => choose(event.target.files));
  part("sample").addEventListener("click", () => ask({ sample: ECG_SAMPLE }));
  part("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    if (asked) ask(asked);
  });
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault(); // else the browser would open the file in place of the page
      part("drop").classList.toggle("over", kind === "dragover");
    });
  }
  document.addEventListener("drop", (event) => choose(event.dataTransfer.files));
  const page = () => secondsOf(part("strip").clientWidth);
  part("back").addEventListener("click", () => goTo(start - page()));
  part("on").addEventListener("click", () => goTo(start + page()));
  part("place").addEventListener("input", (event) => goTo(Number(event.target.value)));
  part("seek").addEventListener("change", (event) => {
    const label = event.target.value;
    event.target.value = "";
    const from = picked ? picked.time_s : start - 1e-9;
    const of = shown.beats.filter((beat) => beat.label === label);
    const next = of.find((beat) => beat.time_s > from) || of[0];
    if (next) goTo(next.time_s - page() / 2, next);
  });
  part("save").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([tableAsText(shown.beats)], { type: "text/csv" }));
    link.download = "beats.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  new ResizeObserver(() => shown && !part("result").hidden && draw()).observe(part("strip"));
  document.body.dataset.ready = "yes";
}

begin();

"""For those who write lessons: keep pairs together, know a stale run, and carry measured numbers into the text.

The .py file of a lesson is its source. `notebooks` executes it on real data where its code changed since the last run;
changed prose alone is carried over. Metrics of recorded runs are kept in ``notebooks/results``; every number in README
and in a lesson's text is generated from them, between markers such as ``<!-- times:start -->``. The weights that come
with the package are those of the recorded default run, and their model card is written from its numbers.
"""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from jupytext.combine import combine_inputs_with_outputs

from ecgnb import exercises, sections
from ecgnb.display import source_text
from ecgnb.errors import EcgnbError, RunError, UsageError
from ecgnb.lessons import PROFILES, Lesson, code_sha256, execute, find, lessons, parameters, results_path
from ecgnb.paths import checkout, runs_dir
from ecgnb.run_folders import read_metrics, write_atomically

WORDS_PER_MINUTE = 130  # slow: a lesson is read beside its code and figures
PRETRAINED = {"02": ("cnn_lstm", "patient_wise_model.pth")}  # by lesson: name of the weights, file in its run's folder


def stale_because(lesson: Lesson) -> str:
    """Return why the committed outputs do not belong to the code as it stands, or "" where they do."""
    if not lesson.notebook.is_file():
        return "it was never executed"
    committed = nbformat.read(lesson.notebook, as_version=4)
    stamp = committed.metadata.get("ecgnb", {})
    if stamp.get("code_sha256") != code_sha256(jupytext.read(lesson.script)):
        return "its code changed since it was executed"
    if stamp.get("source") != "real":
        return "it was not executed on real data"
    for cell in committed.cells:
        for output in cell.get("outputs", []):
            if name := output.get("metadata", {}).get("ecgnb_source"):
                module, _, thing = name.partition(":")
                if output["data"]["text/plain"] != source_text(getattr(importlib.import_module(module), thing)):
                    return f"it shows an older source of {thing}"
    return ""


def committed_record(lesson: Lesson) -> dict[str, Any]:
    """Return the metrics and provenance that the committed notebook's last cell shows."""
    committed = nbformat.read(lesson.notebook, as_version=4)
    for cell in reversed(committed.cells):
        for output in cell.get("outputs", []):
            if "application/json" in output.get("data", {}):
                return output["data"]["application/json"]
    raise RunError(f"{lesson.notebook} shows no record of its run")


def record(lesson: Lesson, profile: str) -> Path:
    """Execute a profile and keep its metrics; return the run's folder."""
    folder = runs_dir() / lesson.number / f"recorded-{profile}"
    code = code_sha256(jupytext.read(lesson.script))  # before the run: somebody may edit meanwhile
    shutil.rmtree(folder, ignore_errors=True)
    execute(lesson, profile=profile, output_dir=folder, progress=sys.stderr.isatty())
    source = read_metrics(folder)["data"]["source"]
    if (source == "real") != (profile != "smoke"):
        raise RunError(f"lesson {lesson.number}: the {profile} profile ran on {source} data; see: ecgnb data")
    kept = read_metrics(folder) | {"code_sha256": code}
    write_atomically(results_path(lesson, profile), json.dumps(kept, indent=2) + "\n")
    return folder


def update_notebook(lesson: Lesson, *, anew: bool = False) -> bool:
    """Bring the committed notebook up to its source, or execute it in any case; return whether it was executed."""
    source = jupytext.read(lesson.script)
    reason = "asked for" if anew else stale_because(lesson)
    if reason:
        print(f"{lesson.name}: {reason}; executing", flush=True)
        folder = record(lesson, "default")
        if code_sha256(jupytext.read(lesson.script)) != code_sha256(source):
            raise RunError(f"the code of lesson {lesson.number} was changed while it ran; call this again")
        shutil.copyfile(folder / "figures" / "hero.png", lesson.script.parent / "images" / f"{lesson.number}_hero.png")
        if lesson.number in PRETRAINED:
            name, file = PRETRAINED[lesson.number]
            _weights("").mkdir(exist_ok=True)
            shutil.copyfile(folder / file, _weights(f"{name}.pth"))
            _weights(f"{name}.md").write_text(model_card(lesson), encoding="utf-8")
        ran = _without_traces(nbformat.read(folder / "executed.ipynb", as_version=4))
        ran.metadata["ecgnb"] = {"code_sha256": code_sha256(source), "source": "real"}
    else:
        ran = nbformat.read(lesson.notebook, as_version=4)
    refresh_text(lesson)
    source = jupytext.read(lesson.script)
    if lesson.notebook.is_file():  # cells that are still there keep their ids, so that a change shows small
        source = combine_inputs_with_outputs(source, nbformat.read(lesson.notebook, as_version=4))
    for cell in source.cells:
        cell.pop("outputs", None)
    outputs = iter([cell for cell in ran.cells if cell.cell_type == "code"])
    for cell in source.cells:
        if cell.cell_type == "code":
            match = next(outputs)
            cell.outputs, cell.execution_count = match.outputs, match.execution_count
    source.metadata["ecgnb"] = ran.metadata["ecgnb"]
    source.metadata["language_info"] = {"name": "python"}
    nbformat.write(source, lesson.notebook)
    exercises.update(lesson)
    return bool(reason)


def _without_traces(notebook: Any) -> Any:
    """Drop what papermill adds: its cell with the output folder, its metadata, the count that cell used up."""
    notebook.cells = [cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    number = 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            number += 1
            cell.execution_count = number
            for output in cell.outputs:
                if "execution_count" in output:
                    output["execution_count"] = number
    return notebook


def _results(lesson: Lesson) -> dict[str, dict[str, Any]]:
    """Return the recorded runs by profile; one made by older code has nothing to say and is left out."""
    paths = {profile: results_path(lesson, profile) for profile in PROFILES}
    found = {profile: json.loads(path.read_text()) for profile, path in paths.items() if path.is_file()}
    now = code_sha256(jupytext.read(lesson.script))
    return {profile: run for profile, run in found.items() if run.get("code_sha256") == now}


def _fill(text: str, marker: str, lines: list[str], prefix: str = "") -> str:
    """Put lines between a pair of markers, each line behind the prefix that its surroundings have."""
    start, end = f"<!-- {marker}:start -->", f"<!-- {marker}:end -->"
    pattern = re.compile(f"({re.escape(prefix + start)}\n).*?({re.escape(prefix + end)})", re.DOTALL)
    if not pattern.search(text):
        return text
    body = "".join(f"{prefix}{line}".rstrip() + "\n" for line in lines)
    return pattern.sub(lambda found: found.group(1) + body + found.group(2), text)


def lesson_text(lesson: Lesson) -> str:
    """Return the lesson's source with its generated passages filled in from the recorded runs."""
    text = sections.with_lines(lesson.script.read_text(encoding="utf-8"), jupytext.read(lesson.script))
    results = _results(lesson)
    rows = results.get("full", {}).get("metrics", {}).get("search", [])
    text = _fill(text, "search", markdown_table(rows) if rows else [], "# ")  # first: its words are read, too
    prose = "\n".join(c.source for c in jupytext.reads(text, fmt="py:percent").cells if c.cell_type == "markdown")
    minutes = 5 * max(1, round(len(prose.split()) / WORDS_PER_MINUTE / 5))
    times = " · ".join(f"{profile} {_duration(found['seconds']['total'])}" for profile, found in results.items())
    devices = ", ".join(sorted({found["device"] for found in results.values()}))
    lines = [f"*Reading:* about {minutes} minutes. *Running*, as measured on {devices}: {times}."]
    return _fill(text, "times", lines, "# > ")


def markdown_table(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows of equal keys as a Markdown table: settings as they are, results (after the first one) rounded."""
    measured = [name for name in rows[0] if any(len(f"{row[name]}") > 6 for row in rows)]
    lines = [f"| {' | '.join(name.replace('_', ' ') for name in rows[0])} |", "|---" * len(rows[0]) + "|"]
    for row in rows:
        cells = [
            f"{value:.4f}" if name in measured and isinstance(value, float) else f"{value}"
            for name, value in row.items()
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def refresh_text(lesson: Lesson) -> None:
    """Write the generated passages into the lesson's source."""
    text = lesson_text(lesson)
    if text != lesson.script.read_text(encoding="utf-8"):
        lesson.script.write_text(text, encoding="utf-8")


def readme_text() -> str:
    """Return README.md with its course map, parameters and results filled in from lessons and recorded runs."""
    text = _readme().read_text(encoding="utf-8")
    course, results, options = ["| | lesson | default run |", "|---|---|---|"], [], []
    for lesson in lessons():
        found = _results(lesson)
        seconds = _duration(found["default"]["seconds"]["total"]) if "default" in found else "not run"
        course.append(f"| {lesson.number} | [{lesson.title}](notebooks/{lesson.notebook.name}) | {seconds} |")
        results += _result_lines(lesson, found)
        options += [f"**Lesson {lesson.number}**", "", "| name | type | default | meaning |", "|---|---|---|---|"]
        options += [f"| `{p.name}` | {p.type} | `{p.default!r}` | {p.help} |" for p in parameters(lesson).values()]
    for marker, lines in (("course", course), ("results", results), ("parameters", options)):
        text = _fill(text, marker, lines)
    return text


def _result_lines(lesson: Lesson, found: dict[str, dict[str, Any]]) -> list[str]:
    """Return the README's table of one lesson: every plain number of its real runs, and the baselines."""
    columns = {profile: run for profile, run in found.items() if run["data"]["source"] == "real"}
    if not columns:
        return []
    lines = [f"**Lesson {lesson.number}: {lesson.title}**", ""]
    lines += [next(iter(columns.values()))["metrics"]["headline"], ""]
    lines += [f"| | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    names = [name for name, value in next(iter(columns.values()))["metrics"].items() if isinstance(value, float)]
    for name in names:
        cells = []
        for run in columns.values():
            low, high = run["metrics"].get(f"{name}_interval", (None, None))
            value = run["metrics"][name]
            digits = 5 if 0 < abs(value) < 0.01 else 3  # an error in mV² may be that small
            interval = f" ({low:.{digits}f} to {high:.{digits}f})" if low is not None else ""
            cells.append((f"{value:.{max(digits, 4)}f}" if abs(value) < 100 else f"{value:,.0f}") + interval)
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    for name in next(iter(columns.values()))["metrics"].get("baselines", {}):
        cells = []
        for run in columns.values():
            low, high = run["metrics"]["baseline_intervals"][name]
            cells.append(f"{run['metrics']['baselines'][name]:.4f} ({low:.3f} to {high:.3f})")
        measure = next(iter(columns.values()))["metrics"].get("baseline_measure", "auroc")
        lines.append(f"| baseline {name}: {measure} | {' | '.join(cells)} |")
    for name, run in columns.items():
        if seeds := run["metrics"].get("seeds"):
            values = [row["LSTM autoencoder"] for row in seeds]
            lines += ["", f"Over {len(seeds)} seeds ({name} profile), AUROC {min(values):.4f} to {max(values):.4f}."]
    training = "; ".join(f"{run['seconds']['train']:.0f} s ({name})" for name, run in columns.items())
    lines += ["", f"Measured on {next(iter(columns.values()))['device']}; training {training}.", ""]
    return lines


def _readme() -> Path:
    root = checkout()
    assert root is not None, "authoring is done in a checkout"
    return root / "README.md"


def update_readme() -> None:
    """Write the generated passages into README.md."""
    _readme().write_text(readme_text(), encoding="utf-8")


def _weights(name: str) -> Path:
    """Return where a file of the pretrained weights lies."""
    return _readme().parent / "ecgnb" / "models" / "weights" / name


def model_card(lesson: Lesson) -> str:
    """Return the card of the weights that a lesson's default run gives, with that run's numbers."""
    run = json.loads(results_path(lesson, "default").read_text())
    found, options = run["metrics"]["splits"]["patient"], run["parameters"]
    rows = [
        {"class": name} | {measure: "" if value is None else f"{value:.3f}" for measure, value in row.items()}
        for name, row in found["per_class"].items()
    ]
    for row, entry in zip(rows, found["per_class"].values(), strict=True):
        row["support"] = f"{entry['support']:.0f}"
    low, high = found["macro_f1_interval"]
    versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items())
    digest = next(iter(run["data"]["sha256"].values()))
    over = ", ".join(found["macro_f1_classes"])
    score = f"{found['macro_f1']:.3f} ({low:.3f} to {high:.3f}, 95 % over records)"
    return f"""# Model card: {PRETRAINED[lesson.number][0]}

The patient-wise network of lesson {lesson.number}'s default run. Written by `make weights`; do not edit.

**Input.** One lead (MLII), 187 samples at 125 Hz, 75 of them before the R peak, each beat shifted and scaled to mean 0
and standard deviation 1. **Output.** Scores of the AAMI classes N, S, V, F, Q.

**Training data.** MIT-BIH Arrhythmia Database, records of DS1 (de Chazal et al. 2004) without 201, whose patient is in
DS2 too, as record 202. No beat of DS2, of the paced records or of any other database. Licence of the data: ODC-By 1.0.
SHA-256 of the list of the database's files: `{digest}`.

**Training.** {options["patient_epochs"]} epochs, batches of {options["batch_size"]}, AdamW, one-cycle with peak \
{options["lr"]}, rare classes: {options["imbalance"]}, bf16: {options["bf16"]}, seed {options["seed"]}. \
{versions}; {run["device"]}.

**Test.** DS2, new patients: accuracy {found["accuracy"]:.3f}; macro F1 over {over} {score}.

{chr(10).join(markdown_table(rows))}

**Limits.** For learning and research, not for diagnosis. It misses most S and F beats of new patients;
Q cannot be judged from seven beats. Its 21 training patients were recorded in Boston between 1975 and 1979. Other
leads, paced rhythms, children and noisy signals were not tested.
"""


def main(arguments: list[str]) -> int:
    """Run ``notebooks``, ``record [NUMBER]``, ``weights`` or ``readme``."""
    try:
        if arguments[:1] == ["record"]:
            for lesson in [find(number) for number in arguments[1:]] or lessons():
                for profile in ("smoke", "full"):
                    record(lesson, profile)
        elif arguments == ["weights"]:
            for number in PRETRAINED:
                update_notebook(find(number), anew=True)
        elif arguments not in (["notebooks"], ["readme"]):
            raise UsageError("python -m ecgnb.authoring takes one of: notebooks, record [NUMBER], weights, readme")
        for lesson in lessons():
            if arguments == ["notebooks"] or not stale_because(lesson):
                update_notebook(lesson)
            if missing := set(PROFILES) - set(_results(lesson)):
                print(f"{lesson.name}: not recorded since its code changed: {', '.join(missing)}; run: make full")
        update_readme()
    except EcgnbError as fault:
        print(f"authoring: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

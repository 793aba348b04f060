"""For those who write lessons: keep pairs together, know a stale run, and carry measured numbers into the text.

The .py file of a lesson is its source. `notebooks` executes it on real data where its code changed since the last run;
changed prose alone is carried over. Metrics of recorded runs are kept in ``notebooks/results``; every number in README
and in a lesson's text is generated from them, between markers such as ``<!-- times:start -->``. The weights that come
with the package are those of the recorded default run, and their model card is written from its numbers.
"""

from __future__ import annotations

import importlib
import json
import operator
import shutil
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from jupytext.combine import combine_inputs_with_outputs

from ecgnb.classifier.load import DEFAULT
from ecgnb.classifier.network import load_network
from ecgnb.classifier.onnx import export_onnx
from ecgnb.course import exercises
from ecgnb.course.authoring.card import LEARNED, PRETRAINED, model_card, weights_path
from ecgnb.course.authoring.text import refresh_text
from ecgnb.course.display import source_text
from ecgnb.course.execute import execute
from ecgnb.course.folders import read_metrics, write_atomically
from ecgnb.course.lessons import Lesson, code_sha256, find, results_path
from ecgnb.errors import RunError
from ecgnb.paths import runs_dir


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
                shown = operator.attrgetter(thing)(importlib.import_module(module))  # a method has a dot in its name
                if output["data"]["text/plain"] != source_text(shown):
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
        record(lesson, "smoke")  # seconds: what fails there need not be waited for
        folder = record(lesson, "default")
        if code_sha256(jupytext.read(lesson.script)) != code_sha256(source):
            raise RunError(f"the code of lesson {lesson.number} was changed while it ran; call this again")
        shutil.copyfile(folder / "figures" / "hero.png", lesson.script.parent / "images" / f"{lesson.number}_hero.png")
        for name, shipped in PRETRAINED.items():
            if shipped.lesson == lesson.number:
                weights_path("").mkdir(exist_ok=True)
                shutil.copyfile(folder / shipped.file, weights_path(f"{name}.pth"))
                weights_path(f"{name}.md").write_text(model_card(name, lesson), encoding="utf-8")
        if lesson.number == "07":
            for file, target in LEARNED.items():
                shutil.copyfile(folder / file, weights_path("").parents[1] / target)
            weights_path("beat_sequence.md").write_text(model_card("beat_sequence", find("06")), encoding="utf-8")
            export_onnx(load_network(DEFAULT), weights_path(f"{DEFAULT}.onnx"))  # for those who have no PyTorch
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

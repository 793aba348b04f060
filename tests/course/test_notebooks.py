"""Every lesson: its pair agrees, its outputs are fresh, its anatomy holds, it runs from anywhere and repeats itself."""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pytest
from conftest import ROOT

from ecgnb.course import exercises
from ecgnb.course.authoring import record, text
from ecgnb.course.execute import execute
from ecgnb.course.folders import is_finished, read_metrics
from ecgnb.course.lessons import (
    Lesson,
    Parameter,
    check_parameters,
    code_sha256,
    lessons,
    parameters,
    profile_parameters,
    results_path,
)
from ecgnb.datasets import load_mitdb
from ecgnb.errors import UsageError

LESSONS = lessons()
each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)


def cells(notebook):
    return [(cell.cell_type, cell.source.strip(), cell.metadata.get("tags", [])) for cell in notebook.cells]


@each_lesson
def test_pairing(lesson):
    assert cells(jupytext.read(lesson.script)) == cells(nbformat.read(lesson.notebook, as_version=4))


@each_lesson
def test_freshness(lesson):
    assert record.stale_because(lesson) == "", "run: make notebooks"
    committed = nbformat.read(lesson.notebook, as_version=4)
    nbformat.validate(committed)
    assert all(cell.execution_count for cell in committed.cells if cell.cell_type == "code")
    recorded = read_json(results_path(lesson, "default"))
    assert recorded.pop("code_sha256") == code_sha256(jupytext.read(lesson.script))
    assert record.committed_record(lesson) == recorded
    assert record.committed_record(lesson)["data"]["source"] == "real"
    assert text.lesson_text(lesson) == lesson.script.read_text(), "run: make readme"


def read_json(path):
    return json.loads(path.read_text())


def test_freshness_notices_changes(tmp_path):
    """The check above can fail: on changed code, a changed package, a synthetic run; not on changed prose."""
    lesson = Lesson("01", LESSONS[0].name, tmp_path / LESSONS[0].script.name)
    assert record.stale_because(lesson) == "it was never executed"
    shutil.copy(LESSONS[0].notebook, lesson.notebook)
    script = LESSONS[0].script.read_text()
    lesson.script.write_text(script.replace("# ## The data", "# ## Data"))
    assert record.stale_because(lesson) == ""
    lesson.script.write_text(script.replace("plotting.use_style()", "plotting.use_style()  # changed"))
    assert "its code changed" in record.stale_because(lesson)
    lesson.script.write_text(script)
    text = lesson.notebook.read_text()
    lesson.notebook.write_text(text.replace("class LSTMAutoencoder", "class OldAutoencoder"))
    assert "older source" in record.stale_because(lesson)
    synthetic = json.loads(text)
    synthetic["metadata"]["ecgnb"]["source"] = "synthetic"
    lesson.notebook.write_text(json.dumps(synthetic))
    assert "not executed on real data" in record.stale_because(lesson)


def test_changed_prose_keeps_the_outputs(tmp_path):
    lesson = Lesson("01", LESSONS[0].name, tmp_path / LESSONS[0].script.name)
    shutil.copy(LESSONS[0].notebook, lesson.notebook)
    lesson.script.write_text(LESSONS[0].script.read_text().replace("# ## The data", "# ## Other words"))
    assert not record.update_notebook(lesson), "nothing is executed"
    before, after = (nbformat.read(found.notebook, as_version=4) for found in (LESSONS[0], lesson))
    assert cells(after) == cells(jupytext.read(lesson.script)) != cells(before)
    for old, new in zip(before.cells, after.cells, strict=True):
        assert old.get("outputs") == new.get("outputs")
        assert old.id == new.id or old.source != new.source


def test_a_list_takes_a_list():
    parameter = Parameter("models", "list[str]", ["a"], "names")
    assert parameter.check("['a', 'b']") == ["a", "b"]
    for value in ("3", "a, b", {"a": 1}):
        with pytest.raises(UsageError, match="parameter models takes a list; got"):
            parameter.check(value)


@each_lesson
def test_no_trace_of_the_machine(lesson):
    text = lesson.notebook.read_text()
    assert not re.search(r"/(home|root|work|tmp|Users)/", text)
    assert "papermill" not in nbformat.read(lesson.notebook, as_version=4).metadata


@each_lesson
def test_anatomy(lesson):
    notebook = jupytext.read(lesson.script)
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    prose = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert 25 <= len(notebook.cells) <= 50
    assert max(len(source.splitlines()) for source in code) <= 25
    assert sorted(len(source.splitlines()) for source in code)[len(code) // 2] <= 15, "most code cells are short"
    assert notebook.cells[0].source.startswith("# ") and "![" in notebook.cells[0].source, "a title and a hero figure"
    for heading in ("**You will** ", "**You will learn**", "**You need**", "## Baselines first", "## Exercises",
                    "## What you learned", "**In practice.**", "**Next.**", "### References"):  # fmt: skip
        assert heading in prose, heading
    assert "not for diagnosis" in prose
    assert prose.index("## Baselines first") < prose.index("## The model")
    assert prose.count("<summary>A solution</summary>") >= 2 and prose.count("<summary>Guess first") >= 3
    assert "doi.org" in prose
    assert "run.finish(" in code[-1]
    assert not re.search(r"^\s*[%!]", "\n".join(code), re.MULTILINE), "no magics: ruff cannot read them"
    for image in re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", prose):
        assert len(image[0]) > 30 and (lesson.script.parent / image[1]).is_file()
    outputs = nbformat.read(lesson.notebook, as_version=4)
    pictures = [
        output for cell in outputs.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 5
    assert all(len(picture["metadata"]["image/png"]["alt"]) > 30 for picture in pictures), "alt text on every figure"


@each_lesson
def test_parameters(lesson):
    notebook = jupytext.read(lesson.script)
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    found = parameters(lesson)
    assert len(found) == len(tagged[0].source.strip().splitlines()), "one parameter a line, nothing else"
    for parameter in found.values():
        assert parameter.type != "None" and parameter.help, f"{parameter.name} needs a type and a comment"
        assert parameter.check(parameter.default) == parameter.default, "the default is within its own range"
    for profile in ("smoke", "default", "full"):
        values = profile_parameters(lesson, profile)
        assert check_parameters(lesson, values) == values
    assert set(record.committed_record(lesson)["parameters"]) == set(found) - {"output_dir"}
    with pytest.raises(UsageError, match="has no parameter 'ephocs'"):
        check_parameters(lesson, {"ephocs": 1})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("lr", "1e-3", 0.001), ("lr", 1, 1.0), ("epochs", "7", 7), ("search", "True", True), ("search", False, False)],
)
def test_values_take_the_declared_type(name, value, expected):
    found = check_parameters(LESSONS[0], {name: value})[name]
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "value"),
    [("epochs", "ten"), ("epochs", 1.5), ("epochs", True), ("lr", "fast"), ("search", "perhaps"), ("data", 3)],
)
def test_values_of_another_type_are_refused(name, value):
    with pytest.raises(UsageError, match=f"parameter {name} takes .*; got {value!r}"):
        check_parameters(LESSONS[0], {name: value})


def test_what_lesson_02_says_of_its_search():
    """Eight epochs are ahead of the default four by less than the spread."""
    full = read_json(results_path(LESSONS[1], "full"))
    assert full["code_sha256"] == code_sha256(jupytext.read(LESSONS[1].script)), "run: make full"
    rows = full["metrics"]["search"]
    defaults = {name: parameter.default for name, parameter in parameters(LESSONS[1]).items()}
    wanted = {"epochs": defaults["patient_epochs"], "learning rate": defaults["lr"], "samples before R": 75}
    (chosen,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    assert rows[0]["epochs"] == 8 and rows[1] == chosen
    assert rows[0]["macro F1, N S V"] - chosen["macro F1, N S V"] < chosen["spread"]


@pytest.fixture(scope="module", params=LESSONS, ids=lambda lesson: lesson.number)
def smoke(request, tmp_path_factory):
    """A lesson executed in smoke size, from a foreign working directory."""
    folder = tmp_path_factory.mktemp("smoke")
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("elsewhere"))
    try:
        yield request.param, execute(request.param, profile="smoke", output_dir=folder / "run")
    finally:
        os.chdir(before)


def test_smoke_run(smoke):
    lesson, folder = smoke
    assert is_finished(folder)
    for name in ("executed.ipynb", "executed.html", "SUMMARY.txt", "best_model.pth", "predictions.npz"):
        assert (folder / name).stat().st_size > 0
    figures = list((folder / "figures").glob("*.png"))
    assert len(figures) >= 5 and min(figure.stat().st_size for figure in figures) > 3000
    record = read_metrics(folder)
    assert record["data"]["source"] == "synthetic"
    recorded = read_json(results_path(lesson, "default"))
    assert set(record["metrics"]) == set(recorded["metrics"]), "a smoke run measures what a real one measures"
    page = (folder / "executed.html").read_text()
    assert "SYNTHETIC DATA" in page and 'alt="' in page
    assert "<details>" in page and "</summary>\n</details>" not in page, "answers are folded away"
    assert (folder / "images" / f"{lesson.number}_hero.png").is_file()


def without_times(value):
    if isinstance(value, dict):
        times = re.compile(r"seconds|s per epoch|beats_per_second|latency_ms")
        return {name: without_times(part) for name, part in value.items() if not times.search(name)}
    return value


def exercise_cells(lesson):
    """Return the lesson's exercises, each as a blank that fails at its check and as a solution that passes it."""
    sources = ["import pytest\n\nfrom ecgnb.exercises import NotSolvedError, answered"]
    for exercise in exercises.exercises(lesson):
        if exercise.check:
            failing = textwrap.indent(exercise.checking, "    ")
            sources += [
                exercise.blank,
                f'with pytest.raises(NotSolvedError, match="a value in the cell above"):\n{failing}',
            ]
            sources += [exercise.solution, exercise.checking]
    # A cell whose output is not compared still has to run without an error.
    return [nbformat.v4.new_code_cell(source, metadata={"tags": ["nbval-ignore-output"]}) for source in sources]


def test_smoke_run_repeats_itself_and_solutions_run(smoke):
    """Execute the executed copy again: nbval compares the outputs, but of cells that show times; then the exercises."""
    lesson, folder = smoke
    sanitize = ROOT / "tests" / "nbval_sanitize.cfg"
    assert configparser.ConfigParser().read(sanitize)
    copy = folder / "again.ipynb"
    notebook = nbformat.read(folder / "executed.ipynb", as_version=4)
    notebook.cells += exercise_cells(lesson)
    nbformat.write(notebook, copy)
    copy.write_text(copy.read_text().replace(f'output_dir = \\"{folder}\\"', f'output_dir = \\"{folder}/again\\"'))
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-sanitize-with", str(sanitize), "-q", "-p",
               "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull, "--rootdir", str(folder), str(copy)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder)
    assert done.returncode == 0, done.stdout[-5000:]
    n_cells = sum(cell.cell_type == "code" for cell in notebook.cells)
    assert f"{n_cells} passed" in done.stdout
    first, second = (without_times(read_metrics(run)) for run in (folder, folder / "again"))
    assert first == second, "the numbers in the cells that nbval leaves out"


def test_lesson_02_runs_on_pre_cut_files(tmp_path):
    """The random split on mitbih_train.csv and mitbih_test.csv, here written from synthetic beats."""
    beats = load_mitdb("synthetic", records=["102", "106", "119", "208"])
    low, high = beats.signal.min(axis=1, keepdims=True), beats.signal.max(axis=1, keepdims=True)
    table = np.column_stack([(beats.signal - low) / (high - low), beats.label])
    for name, rows in (("train", table[::2]), ("test", table[1::2])):
        np.savetxt(tmp_path / f"mitbih_{name}.csv", rows, delimiter=",", fmt="%.6e")
    paths = {f"{name}_csv": str(tmp_path / f"mitbih_{name}.csv") for name in ("train", "test")}
    given = paths | dict(epochs=1, compare_beats=100)
    record = read_metrics(execute(LESSONS[1], given, profile="smoke", output_dir=tmp_path / "run"))
    support = [row["support"] for row in record["metrics"]["splits"]["beat"]["per_class"].values()]
    assert support == np.bincount(beats.label[1::2], minlength=5).tolist(), "the pair's own division"
    with np.load(tmp_path / "run" / "predictions.npz") as kept:
        assert (kept["y_true"] == beats.label[1::2]).all() and kept["y_probs"].shape == (len(table[1::2]), 5)

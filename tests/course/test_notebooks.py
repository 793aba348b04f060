"""Every lesson: its pair agrees, its outputs are fresh, its anatomy holds, it runs from anywhere and repeats itself."""

import ast
import json
import re
import shutil

import jupytext
import nbformat
import pytest

from ecgnb.course.authoring import record, results, text
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
        with pytest.raises(UsageError, match="parameter models takes a list of text; got"):
            parameter.check(value)


@pytest.mark.parametrize("profile", ["smoke", "full"])
def test_a_run_of_earlier_code_is_labelled_where_it_is_shown(profile, tmp_path, monkeypatch):
    """In lesson, README and book; a fresh run is not. A default run of earlier code is not shown at all."""
    lesson = Lesson("01", LESSONS[0].name, tmp_path / LESSONS[0].script.name)
    shutil.copy(LESSONS[0].script, lesson.script)
    for room in (text, results):
        monkeypatch.setattr(room, "lessons", lambda: [lesson])
    now = {"code_sha256": code_sha256(jupytext.read(lesson.script))}
    (tmp_path / "results").mkdir()

    def keep(which, **changes):
        run = read_json(results_path(LESSONS[0], which)) | now | changes
        run["data"] = {"source": "real"}
        results_path(lesson, which).write_text(json.dumps(run))

    def shown():
        return text.lesson_text(lesson), results.results_text(), "\n".join(text.course_map())

    keep("default")
    keep(profile)
    assert not any(text.EARLIER in page for page in shown())
    keep(profile, code_sha256="of other code")
    in_lesson, in_book, in_map = shown()
    told = [line for line in in_lesson.splitlines() if text.EARLIER in line]
    assert len(told) == (2 if profile == "full" else 1), "its time, and the table of the search"
    assert re.search(rf"{profile} [\d.]+ (s|min) \({text.EARLIER}\)", told[0])
    assert f"| {profile} ({text.EARLIER}) |" in in_book and "| default |" in in_book
    assert text.EARLIER not in in_map and "not run" not in in_map
    keep("default", code_sha256="of other code")
    assert "not run" in shown()[2] and "default" not in shown()[1].splitlines()[4]


def test_reading_takes_time_for_text_and_for_code():
    words = nbformat.v4.new_markdown_cell("word " * 2000 + "\n\n```python\n" + "x = 1\n" * 500 + "```\n")
    code, hidden = nbformat.v4.new_code_cell("x = 1\n\n" * 150), nbformat.v4.new_code_cell("x = 1\n" * 300)
    hidden.metadata["tags"] = ["hide-input"]
    notebook = nbformat.v4.new_notebook(cells=[words, code, hidden])
    assert text.reading_minutes(notebook) == (10, 30), "200 words a minute, eight seconds a line"


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
    assert len(found) == len(ast.parse(tagged[0].source).body), "parameters, nothing else"
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

"""How densely lessons and package may be written. `python tests/measures.py` prints all numbers."""

import subprocess
import sys

import pytest
from measures import NOTEBOOKS, PACKAGE, between_rooms, circle, imports, longest_function, measure, names_bound

LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.py"))
MOST = {
    "lines a cell, median": 8,
    "lines a cell, 90th percentile": 15,
    "lines over 88 columns": 0,
    "formatter suppressions": 0,
    "nested comprehensions": 0,
    "names bound in a cell, mean": 2.5,
    "names bound in a cell, most": 5,
    "words of a prose cell, median": 70,
}
LEAST = {"computing, share of visible code": 0.55}
# Cells that read better with more than five names, by lesson: the most names that one binds. At most ten in the course.
EXCEPTIONS: dict[str, int] = {}
ROOMS = {"app", "classifier", "course", "datasets", "detection", "metrics", "models", "plotting", "training"}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.name[:2])
def test_a_lesson_breathes(lesson):
    found = measure(lesson)
    bounds = MOST | {"names bound in a cell, most": EXCEPTIONS.get(lesson.name[:2], 5)}
    assert {name: found[name] for name, bound in bounds.items() if found[name] > bound} == {}
    assert {name: found[name] for name, bound in LEAST.items() if found[name] < bound} == {}


def test_exceptions_are_few():
    assert len(EXCEPTIONS) <= 10


def test_what_is_measured():
    assert names_bound("a, b = 1, [c for c in d]\nimport e\ndef f(g):\n    h = 1\nfor i in j:\n    k = i") == set(
        "abfik"
    )
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_six_files_and_nine_rooms():
    files = {"__init__.py", "__main__.py", "cli.py", "errors.py", "files.py", "paths.py"}
    assert {path.name for path in PACKAGE.glob("*.py")} == files
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == ROOMS


def test_imports_run_in_no_circle():
    edges = imports()
    assert sum(map(len, edges.values())) > 100, "the imports are found"
    assert circle(edges) == []
    assert circle(between_rooms(edges)) == []


def test_functions_fit_a_screen():
    n_lines, name = longest_function()
    assert n_lines <= 80, name


def test_the_course_starts_without_torch():
    code = "import sys, ecgnb.course; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0

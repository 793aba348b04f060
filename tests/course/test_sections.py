"""Each section of a lesson names the sections it starts from, and these are enough."""

import jupytext
import pytest
from conftest import run_by_sections

from ecgnb.course.dataflow import Flow, Function, Known, flow
from ecgnb.course.lessons import Lesson, lessons
from ecgnb.course.sections import EXPLAINED, LINE, listed, run_first, sections, with_lines

SMALL = """# %% [markdown]
# # A lesson

# %% tags=["parameters"]
epochs = 3

# %% [markdown]
# ## Setup

# %%
import numpy as np

# %% [markdown]
# ## The data

# %%
beats = np.ones(3)
names = ["N"]
for name in names:
    print(name)

# %% [markdown]
# ## Training
# Words.

# %%
def train(n):
    beats = 2
    return [model * n for model in range(beats)]

models = train(epochs)

# %% [markdown]
# ## Result?

# %%
for name in models:
    print(name, beats)
beats = beats + 1

# %% [markdown]
# ## Change

# %%
for name in names:
    models[0] = name

# %% [markdown]
# ## End

# %%
print(beats, models)
"""


each_lesson = pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.number)


def test_what_a_section_starts_from():
    found = sections(jupytext.reads(SMALL, fmt="py:percent"))
    assert {section.heading: section.needs for section in found} == {
        "": {},
        "Setup": {},
        "The data": {"np": ["Setup"]},
        "Training": {"epochs": [""]},
        "Result?": {"models": ["Training"], "beats": ["The data"]},
        "Change": {"names": ["The data"], "models": ["Training"]},
        "End": {"beats": ["Result?"], "models": ["Training", "Change"]},
    }
    assert found[-1].starts_from == ["", "Setup", "The data", "Training", "Result?", "Change"]
    assert listed(found[-1], found) == ["The data", "Training", "Result?", "Change"]
    assert run_first(found) == ["", "Setup"]


def test_lines_are_put_in_once():
    text = with_lines(SMALL, jupytext.reads(SMALL, fmt="py:percent"))
    assert "# ## Result?\n#\n# *Starts from: The data; Training. (After a restart" in text, "the first explains itself"
    assert "# ## Change\n#\n# *Starts from: The data; Training.*\n" in text
    assert "# ## End\n#\n# *Starts from: all sections above.*\n" in text
    assert text.count("Starts from") == 3, "what needs Setup alone says nothing"
    assert with_lines(text, jupytext.reads(text, fmt="py:percent")) == text


@pytest.mark.parametrize(
    ("code", "reads", "binds", "changes"),
    [
        ("values = []\nvalues.append(1)", "", "values", {}),
        ("def f():\n    values = []\n    values.append(a)\n    found[0] = 1", "", "f", {}),
        ("def f():\n    found[0] = a\nf()", "a", "f", {"found": True}),
        ("def f(x=a):\n    return g(x)\ndef g(x):\n    return x + b\ny = f(1)", "a b", "f g y", {}),
        ("def f(net):\n    net.x = 1\nf(own)\nf(net=other)", "own other", "f", {"own": True, "other": True}),
        ("history = fit(net, a)", "fit net a", "history", {"net": False}),
        ("scores['a'] = b\nscores.update(c)", "b c", "", {"scores": True}),
        ("total += 1\ncounts[k] += 1\nrows.append(a)", "total k a", "total", {"counts": False, "rows": False}),
        ("for a in b:\n    c = a\nprint(a, c)", "b", "a c", {}),
        ("if a:\n    b = 1\nprint(b)", "a b", "", {}),
        ("if a:\n    b = 1\nelse:\n    b = 2\nprint(b)", "a", "b", {}),
        ("x = [a for a in b if c]\nf = lambda a: a + d\ng = f\ny = g(1)", "b c d", "x f g y", {}),
        ("def f():\n    kept.append(a)\nh = run(f)\nprint(h)", "run a", "f h", {"kept": False}),
        ("class A(B):\n    p = q\n    def f(self):\n        return p + r\nA()", "B q r p", "A", {}),
        ("with a as b:\n    pass\ntry:\n    c = b\nexcept E as fault:\n    print(fault)", "a E", "b c", {}),
        ("import numpy as np\nfrom a.b import c\nnp.random.shuffle(x)", "x", "np c", {}),
        ("%time a = b\n!ls", "get_ipython", "", {}),
        ("not Python at all", "", "", {}),
    ],
)
def test_what_code_does_with_names(code, reads, binds, changes):
    found = flow(code, Known())
    assert (found.reads - {"print"}, found.binds - {"fault"}) == (set(reads.split()), set(binds.split()))
    assert found.changes == changes


def test_a_function_of_an_earlier_cell_is_followed():
    known = Known()
    flow("import numpy as np\nSIZE = 3, -1\ndef f():\n    return g()\ndef g(x=SIZE):\n    return late\n", known)
    assert known.constants == {"np", "SIZE", "f", "g"}
    assert flow("late = [1]\nf()", known) == Flow({"f", "g"}, {"late"})
    flow("held = {'f': f}\nresult = run(f)", known)
    assert "late" in flow("held['f']()", known).reads and "late" not in flow("print(result)", known).reads
    assert flow("f()", known).reads == {"f", "g", "late"}
    flow("f = 3\ndef g(x=late):\n    return x", known)
    assert known.constants == {"np", "SIZE", "f"} and known.functions["g"] == Function(parameters=("x",))
    assert "f" not in known.functions


@each_lesson
def test_lessons_say_so(lesson):
    text = lesson.script.read_text()
    assert text.count("# *Starts from: ") >= 5
    assert with_lines(text, jupytext.read(lesson.script)) == text, "run: make notebooks"
    said = [" ".join(line.replace("#", "").split()) for line in LINE.findall(text)]
    assert said[0].endswith(f"{EXPLAINED}*") and EXPLAINED not in "".join(said[1:])


@each_lesson
def test_the_line_names_what_is_run(lesson):
    """What `test_sections_run_from_what_they_say` lets a section see is what a reader reads."""
    notebook = jupytext.read(lesson.script)
    found = sections(notebook)
    text = " ".join(with_lines(lesson.script.read_text(), notebook).replace("\n#", " ").split())
    first = run_first(found)
    for place, section in enumerate(found):
        said = text.partition(f"## {section.heading} *Starts from: ")[2].partition("*")[0]
        said = said.replace(EXPLAINED, "").strip().removesuffix(".")
        named = said.removeprefix("all sections above").removeprefix(", but for: ").split("; ")
        above = [other.heading for other in found[:place] if other.code and other.heading not in first]
        if said.startswith("all sections above"):
            named = [heading for heading in above if heading not in named]
        assert [heading for heading in named if heading] == listed(section, found)


@each_lesson
def test_sections_run_from_what_they_say(lesson, section_faults):
    """Each with nothing but what Setup and the sections have left that it names."""
    assert section_faults(lesson.number) == {}


def test_a_section_that_says_too_little_is_found_out(tmp_path, monkeypatch):
    hidden = SMALL.replace("models = train(epochs)", "globals()['models'] = train(epochs)")
    script = tmp_path / "90_small.py"
    script.write_text(hidden.replace("epochs = 3", "epochs: int = 3  # passes").replace("model * n", "str(model)"))
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "smoke.yaml").write_text("'90': {epochs: 2}")
    variables, faults = run_by_sections(Lesson("90", "90_small", script), tmp_path)
    assert faults == dict.fromkeys(("Result?", "Change"), "NameError: name 'models' is not defined")
    assert variables["epochs"] == 2 and variables["models"] == ["N", "1"] and variables["beats"].tolist() == [2, 2, 2]

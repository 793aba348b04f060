"""Each section of a lesson names the sections it starts from, and these are enough."""

import jupytext
import matplotlib.pyplot as plt
import pytest
from IPython.utils.capture import capture_output

from ecgnb.course.lessons import find, lessons, profile_parameters
from ecgnb.course.sections import sections, with_lines

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


def test_what_a_section_starts_from():
    found = {
        section.heading: set(section.needs.items()) for section in sections(jupytext.reads(SMALL, fmt="py:percent"))
    }
    assert found == {
        "": set(),
        "Setup": set(),
        "The data": {("np", "Setup")},
        "Training": {("epochs", "")},
        "Result?": {("models", "Training"), ("beats", "The data")},
        "Change": {("names", "The data"), ("models", "Training")},
        "End": {("beats", "Result?"), ("models", "Change")},
    }


def test_lines_are_put_in_once():
    text = with_lines(SMALL, jupytext.reads(SMALL, fmt="py:percent"))
    assert "# ## Result?\n#\n# *Starts from: The data; Training.*\n" in text
    assert "# ## Change\n#\n# *Starts from: The data; Training.*\n" in text
    assert "# ## End\n#\n# *Starts from: Result?; Change.*\n" in text
    assert text.count("Starts from") == 3, "what needs Setup alone says nothing"
    assert with_lines(text, jupytext.reads(text, fmt="py:percent")) == text


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.number)
def test_lessons_say_so(lesson):
    text = lesson.script.read_text()
    assert text.count("# *Starts from: ") >= 5
    assert with_lines(text, jupytext.read(lesson.script)) == text, "run: make notebooks"


def test_a_section_runs_after_a_restart(tmp_path, monkeypatch):
    """With nothing but what it says it starts from, and what these start from."""
    monkeypatch.setenv("ECGNB_RUNS_DIR", str(tmp_path))
    lesson = find("01")
    found = sections(jupytext.read(lesson.script))
    by_heading = {section.heading: section for section in found}
    wanted, waiting = set(), ["What the score hides: a threshold that has seen the test"]
    while waiting:
        wanted.add(heading := waiting.pop())
        waiting += set(by_heading[heading].needs.values()) - wanted
    left_out = [section.heading for section in found if section.code and section.heading not in wanted]
    assert "Another seed, another number" in left_out and len(wanted) > 5
    namespace = {}
    with capture_output():
        for section in found:
            if section.heading in wanted or section.heading in ("", "Setup"):
                for code in section.code:
                    exec(code, namespace)
                    if "epochs: int" in code:
                        namespace |= profile_parameters(lesson, "smoke") | {"epochs": 1}
    assert 0 <= namespace["oracle_balanced_accuracy"] <= 1
    plt.close("all")

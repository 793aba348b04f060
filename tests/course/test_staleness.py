"""What stands in metrics.json is what the cells used, also where some were run again; else it is refused."""

import json
import random
import re

import jupytext
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from ecgnb.course.lessons import lessons, parameters
from ecgnb.course.run import Run
from ecgnb.course.sections import HEADING
from ecgnb.course.staleness import Cell, settled
from ecgnb.course.told import code_cells
from ecgnb.errors import RunError

LESSON = '''# %% [markdown]
# # A lesson

# %% tags=["parameters"]
seed: int = 0  # of nothing
threshold_quantile: float = 0.95  # share that passes [0, 1]
epochs: int = 3  # passes
noise: float = 0.5  # a default of a function
bins: int = 10  # of a figure
unused: int = 1  # by nobody
output_dir: str = ""  # folder

# %% [markdown]
# ## Setup

# %%
import numpy as np
from matplotlib.figure import Figure

from ecgnb.course import Run
from ecgnb.datasets import Beats

LEVELS = (0.5, 1.0)

# %%
beats = Beats("made", np.ones((4, 3), np.float32), np.zeros(4, int), ("N",), np.array(["a"] * 4))
run = Run.start("90", globals(), beats)

# %% [markdown]
# ## The data

# %%
values = np.arange(20.0) + seed


def share(above):
    """Return a share of the values."""
    return float((values > above).mean())


# %% [markdown]
# ## Baselines

# %%
scores = {name: values * level for name, level in zip("ab", LEVELS)}
rows = []

# %% [markdown]
# ## Training

# %%
def train(epochs, noise=noise):
    """Return a model."""
    losses = []
    for epoch in range(epochs):
        losses.append(values.sum() * noise + epoch)
    return losses


model = train(epochs)
scores["net"] = np.array(model)

# %% [markdown]
# ## A threshold

# %%
threshold = np.quantile(values, threshold_quantile)

# %% [markdown]
# ## The result

# %%
result = share(threshold)
rows.append(result)

# %%
best = max(score.max() for score in scores.values())
scores["result"] = np.array([result])

# %% [markdown]
# ## A figure

# %%
figure = Figure((1, 1))
figure.add_subplot().hist(values, bins)
run.show(figure, "figure", alt="A histogram.")

# %% [markdown]
# ## Beside the record

# %%
if epochs > 100:
    print(threshold_quantile, bins)

# %% [markdown]
# ## The record

# %%
record = run.finish(
    dict(result=result, best=best, rows=rows, threshold=threshold, scores={k: v.sum() for k, v in scores.items()}),
    train_seconds=0,
)
'''

SECTIONS = HEADING.findall(LESSON.replace("# ## ", "## "))


class Reader:
    """Somebody who runs cells of the lesson in a live kernel."""

    def __init__(self, folder):
        self.shell, self.count = InteractiveShell.instance(), 0
        self.cells, heading = {"": []}, ""
        for cell in jupytext.reads(LESSON, fmt="py:percent").cells:
            if cell.cell_type == "code":
                self.cells.setdefault(heading, []).append(cell.source)
            else:
                heading = (HEADING.findall(cell.source) or [heading])[-1]
        self.folder = folder
        self.edit(output_dir=str(folder / "0"))

    def edit(self, **values):
        """Change parameters in their cell and run it."""
        for name, value in values.items():
            [source] = self.cells[""]
            self.cells[""] = [re.sub(rf"^({name}: \w+ =) .*?  #", rf"\1 {value!r}  #", source, flags=re.MULTILINE)]
        self.type(self.cells[""][0])

    def type(self, source):
        """Run a cell; raise what it raises."""
        with capture_output() as shown:
            result = self.shell.run_cell(source, store_history=True)
        self.shown = shown.stdout
        result.raise_error()

    def run(self, *headings):
        """Run sections; return the record where the last one made one."""
        for heading in headings:
            if heading == "Setup":
                self.count += 1
                self.edit(output_dir=str(self.folder / str(self.count)))
            for source in self.cells[heading]:
                self.type(source)
        return self.shell.user_ns.get("record")

    def run_all(self):
        return self.run(*SECTIONS)

    def refused(self, *headings):
        """Run sections of which the last must refuse; return what it says and the headings that it names."""
        with pytest.raises(RunError) as caught:
            self.run(*headings)
        said = str(caught.value)
        return said, re.findall("'([^']*)'", said.partition("in this order: ")[2])


@pytest.fixture
def reader(tmp_path, monkeypatch):
    monkeypatch.setenv("ECGNB_LESSONS_DIR", str(tmp_path))
    (tmp_path / "90_small.py").write_text(LESSON)
    InteractiveShell.clear_instance()
    yield Reader(tmp_path)
    InteractiveShell.clear_instance()


def test_the_lesson_as_it_is(reader):
    record = reader.run_all()
    assert record["parameters"] == dict(seed=0, threshold_quantile=0.95, epochs=3, noise=0.5, bins=10, unused=1)
    assert "own_code" not in record
    again = reader.run_all()
    assert again["metrics"] == record["metrics"]
    reader.edit(seed=4, epochs=2, threshold_quantile=0.5)
    assert reader.run_all()["parameters"]["seed"] == 4


def test_a_threshold_moved_and_all_run_again_that_it_concerns(reader):
    reader.run_all()
    reader.edit(threshold_quantile=0.5)
    said, again = reader.refused("A threshold", "The result", "The record")
    assert "'The record' used rows after 'The result' had changed it once more" in said
    assert again == ["Baselines", "Training", "The result", "The record"]
    record = reader.run(*again)
    assert record["parameters"]["threshold_quantile"] == 0.5
    assert record["metrics"]["threshold"] == 9.5 and len(record["metrics"]["rows"]) == 1
    assert json.loads((reader.folder / "1" / "metrics.json").read_text()) == record


def test_a_section_forgotten(reader):
    reader.run_all()
    reader.edit(epochs=2, threshold_quantile=0.5)
    said, again = reader.refused("A threshold", "The record")
    assert "epochs is 2 now, but 'Training' used 3" in said
    assert "'A threshold' was run again after 'The result', which uses its threshold" in said
    assert again == ["Baselines", "Training", "The result", "The record"]
    assert said.endswith("or the cell of parameters, Setup and everything below.")
    assert reader.run(*again)["metrics"]["threshold"] == 9.5


def test_a_parameter_changed_that_nothing_ran_again(reader):
    first = reader.run_all()
    reader.edit(threshold_quantile=0.5)
    said, again = reader.refused("The record")
    assert "threshold_quantile is 0.5 now, but 'A threshold' used 0.95" in said
    assert again == ["Baselines", "Training", "A threshold", "The result", "The record"]
    reader.edit(threshold_quantile=0.95, unused=2)
    record = reader.run("The record")
    assert record["parameters"]["threshold_quantile"] == 0.95 and record["metrics"] == first["metrics"]


def test_a_default_of_a_function_is_as_old_as_the_function(reader):
    reader.run_all()
    reader.edit(noise=0.1)
    said, _ = reader.refused("The record")
    assert "noise is 0.1 now, but 'Training' used 0.5" in said


def test_what_stands_in_the_folder_counts(reader):
    reader.run_all()
    reader.edit(bins=5)
    said, again = reader.refused("The record")
    assert "bins is 5 now, but 'A figure' used 10" in said and again == ["A figure", "The record"]
    assert reader.run(*again)["parameters"]["bins"] == 5


def test_what_feeds_nothing_does_not_count(reader):
    reader.run_all()
    reader.run("Beside the record")
    assert reader.run("The record")["parameters"]["epochs"] == 3


def test_baselines_alone(reader):
    reader.run_all()
    said, again = reader.refused("Baselines", "The record")
    assert "'The record' used scores without what 'Training', 'The result' does to it" in said
    assert again == ["Training", "The result", "The record"]
    record = reader.run(*again)
    assert set(record["metrics"]["scores"]) == {"a", "b", "net", "result"}


def test_functions_and_imports_may_be_run_again(reader):
    first = reader.run_all()
    reader.type(reader.cells["Setup"][0])
    assert reader.run("The record")["metrics"] == first["metrics"]


def test_setup_again_and_not_what_is_below(reader):
    reader.run_all()
    reader.edit(seed=1)
    said, _ = reader.refused("Setup", "The record")
    assert "seed is 1 now, but 'The data' used 0" in said
    said, _ = reader.refused("Setup", "The data", "The record")
    assert reader.run_all()["parameters"]["seed"] == 1


def test_code_of_ones_own(reader):
    reader.run_all()
    reader.type("scratch = 3\nprint(values)")
    assert "own_code" not in reader.run("The record"), "nothing rests on it"
    reader.run("Setup", "The data", "Baselines", "Training")
    reader.type("threshold = 3.0  # mine")
    record = reader.run("The result", "A figure", "The record")
    assert record["own_code"] == ["threshold = 3.0  # mine"] and record["metrics"]["threshold"] == 3
    reader.run("Setup", "The data", "Baselines", "Training")
    reader.type("threshold = threshold_quantile * 2")
    reader.edit(threshold_quantile=0.4)
    said, again = reader.refused("The result", "The record")
    assert "threshold_quantile is 0.4 now, but your cell 'threshold = threshold_quantile * 2' used 0.95" in said
    assert again == [] and said.endswith("Run the cell of parameters, Setup and everything below.")


def test_a_cell_that_failed(reader):
    with pytest.raises(NameError):
        reader.run("Training")
    assert reader.run_all()["parameters"]["seed"] == 0
    reader.edit(epochs=-1)
    with pytest.raises(ValueError, match="zero-size"):
        reader.run("Training", "The result")
    reader.edit(epochs=3)
    said, _ = reader.refused("The record")
    assert "'Training' used -1" in said or "'The result' stopped with an error" in said


def test_values_out_of_range(reader):
    reader.run_all()
    reader.edit(threshold_quantile=0.5)
    reader.run("Baselines", "Training", "A threshold", "The result")
    reader.shell.user_ns["unused"] = "many"
    assert reader.run("The record")["parameters"]["unused"] == 1, "nobody has used it"


def fresh(parameters):
    """Return what a run from top to bottom finds with these parameters."""
    values = 20 * [0.0]
    for k in range(20):
        values[k] = k + parameters["seed"]
    model = [sum(values) * parameters["noise"] + k for k in range(parameters["epochs"])]
    return {"a": sum(values) / 2, "b": float(sum(values)), "net": sum(model)}


@pytest.mark.parametrize("luck", range(8))
def test_whatever_a_reader_does(reader, luck):
    """What is recorded is true; where it is refused, the advice suffices."""
    draw = random.Random(luck)
    reader.run_all()
    for _ in range(draw.randint(1, 4)):
        if draw.random() < 0.6:
            name = draw.choice(["seed", "epochs", "noise", "threshold_quantile", "bins", "unused"])
            share = name in ("noise", "threshold_quantile")
            reader.edit(**{name: draw.choice([0.1, 0.7]) if share else draw.randint(1, 5)})
        for heading in draw.sample(SECTIONS[1:-1], draw.randint(0, 4)):
            try:
                reader.run(heading)
            except Exception:
                assert heading
    reader.shell.user_ns.pop("record")
    try:
        record = reader.run("The record")
    except RunError as fault:
        again = re.findall("'([^']*)'", str(fault).partition("in this order: ")[2].partition("; or")[0])
        record = reader.run(*again) if again else reader.run_all()
    now = {name: reader.shell.user_ns[name] for name in ("seed", "epochs", "noise", "threshold_quantile", "bins")}
    assert {name: record["parameters"][name] for name in now} == now
    found = record["metrics"]
    for name, total in fresh(record["parameters"]).items():
        assert found["scores"][name] == pytest.approx(total)
    assert set(found["scores"]) == {"a", "b", "net", "result"} and found["rows"] == [found["result"]]
    first = reader.run_all()
    assert first["metrics"] == found


def test_in_a_notebook_of_exercises(reader):
    """There the lesson's cells are run within one cell, so start and finish are compared."""
    (reader.folder / "profiles").mkdir()
    (reader.folder / "profiles" / "smoke.yaml").write_text("'90': {epochs: 2}")
    reader.type("from ecgnb.course.exercises import prepare\nprepare('90', globals(), profile='smoke')")
    assert reader.shell.user_ns["record"]["parameters"]["epochs"] == 2


def test_without_a_kernel_start_and_finish_are_compared(tmp_path, monkeypatch, synthetic_beats):
    monkeypatch.setenv("ECGNB_LESSONS_DIR", str(tmp_path))
    (tmp_path / "90_small.py").write_text(LESSON)
    names = dict(seed=0, threshold_quantile=0.9, epochs=1, noise=1.0, bins=2, unused=1, output_dir=str(tmp_path / "a"))
    run = Run.start("90", names, synthetic_beats)
    names["epochs"] = 2
    with pytest.raises(RunError, match=r"epochs is 2 now, and was 1\. Run the cell of parameters, Setup"):
        run.finish({}, train_seconds=0)
    names["epochs"] = 1
    assert run.finish({}, train_seconds=0)["parameters"]["epochs"] == 1


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.number)
def test_no_lesson_uses_a_parameters_name_for_something_else(lesson):
    names = set(parameters(lesson))
    assert settled(code_cells(lesson), names) == names
    assert settled([Cell("", "a = 1"), Cell("", "for a in b:\n    c = 1")], ["a", "d"]) == {"d"}

"""Headless runs: one at a time in a folder, never over others' files, no endless output, no module from beside it."""

import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from filelock import FileLock, Timeout

from ecgnb.course import kernel
from ecgnb.course.execute import execute
from ecgnb.course.folders import is_finished, read_metrics, take, taken
from ecgnb.course.lessons import find
from ecgnb.course.run import Run
from ecgnb.errors import RunError

OWN_LESSON = """
# %% [markdown]
# # A lesson of my own

# %% tags=["parameters"]
code: str = ""  # what its last cell does
output_dir: str = ""  # folder to fill

# %%
import json, os, sys
from pathlib import Path
import matplotlib, wfdb
from IPython.display import HTML, Markdown, display

record = dict(lesson="90", parameters={}, metrics={}, seconds=dict(train=0, total=1), seed=0, device="cpu")
for name, text in (("SUMMARY.txt", "done"), ("metrics.json.pending", json.dumps(record))):
    (Path(output_dir) / name).write_text(text)

# %%
exec(code)
"""

TALKATIVE = """
print("x" * 10_000_000)
for percent in range(0, 101, 20):
    print(f"\\r{percent} %", end="", flush=True, file=sys.stderr)
display(HTML("<b>" + "y" * 30_000_000))
display(Markdown("**bold** <script>alert(1)</script> ![](http://127.0.0.1:9/x.png)"))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A lesson 90 that does what it is told."""
    (tmp_path / "90_own.py").write_text(OWN_LESSON)
    monkeypatch.setenv("ECGNB_LESSONS_DIR", str(tmp_path))
    return find("90")


@pytest.mark.slow
def test_a_run_where_much_is_amiss(own, tmp_path, monkeypatch):
    """Modules and a secret beside it, braces in its name, endless output, what is no picture: none of it matters."""
    beside = tmp_path / "beside"
    beside.mkdir()
    for name in ("matplotlib", "wfdb", "ipykernel_launcher", "ipykernel", "json", "nbformat", "sitecustomize"):
        (beside / f"{name}.py").write_text(f"open({str(tmp_path / 'planted')!r}, 'a').write({name!r})")
    monkeypatch.chdir(beside)
    monkeypatch.setenv("ECGNB_MIRROR", "http://user:hunter2@127.0.0.1:9/m")
    folder = execute(own, {"code": TALKATIVE}, output_dir=tmp_path / "a {code} {b}")
    assert not (tmp_path / "planted").exists()
    assert is_finished(folder) and folder.name == "a {code} {b}"
    for path in (path for path in folder.rglob("*") if path.is_file()):
        assert b"hunter2" not in path.read_bytes() and path.stat().st_size < 3_000_000, path
    outputs = nbformat.read(folder / "executed.ipynb", as_version=4).cells[-1].outputs
    printed = {output.name: output.text for output in outputs if output.output_type == "stream"}
    assert printed["stdout"].endswith("x\n[ecgnb: more than 200,000 characters were printed; the rest is left out]\n")
    assert printed["stdout"].count("x") <= 200_010
    assert "an output of more than 20,000,000 characters is left out" in json.dumps(outputs)
    page = (folder / "executed.html").read_text()
    assert "<strong>bold</strong>" in page and "<script" not in page and 'src="http' not in page


@pytest.mark.slow
@pytest.mark.parametrize("code", ["exit()", "sys.exit()", "sys.exit(0)", "get_ipython().ask_exit()"])
def test_a_lesson_that_leaves_has_failed(own, tmp_path, code):
    with pytest.raises(RunError, match=r"lesson 90 failed in cell 5: SystemExit: the lesson called exit\(.?\)"):
        execute(own, {"code": code}, output_dir=tmp_path / "run")
    assert not is_finished(tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("code", ["os._exit(0)", "os.kill(os.getpid(), 19)"])
def test_a_kernel_that_dies_or_stops_itself(own, tmp_path, monkeypatch, code):
    monkeypatch.setattr(kernel, "STOPPED_FOR", 1)
    with pytest.raises(RunError, match="its kernel died or was stopped"):
        execute(own, {"code": code}, output_dir=tmp_path / "run")
    assert not is_finished(tmp_path / "run")


def test_printed_text_is_joined_and_bounded(monkeypatch):
    monkeypatch.setattr(kernel, "MOST_PRINTED", 20)
    outs = []
    for name, text in (("stderr", "warned\n"), ("stdout", "one\n"), ("stdout", "\r10 %"), ("stdout", "\r20 %\n")):
        outs.append(nbformat.v4.new_output("stream", name=name, text=text))
        kernel._join(outs)
    assert [(out.name, out.text) for out in outs] == [("stdout", "one\n20 %\n"), ("stderr", "warned\n")]
    for _ in range(3):
        outs.append(nbformat.v4.new_output("stream", name="stdout", text="0123456789"))
        kernel._join(outs)
    assert outs[0].text == "one\n20 %\n0123" + kernel.LEFT_OUT and len(outs) == 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\rb", "b"), ("a\r", "a\r"), ("a\r\nb", "a\r\nb"), ("a\rb\rc\nd\re", "c\ne"), ("\r1\r2\r", "2\r"), ("", "")],
)
def test_a_line_that_is_written_over(text, shown):
    assert kernel.overwritten(text) == shown
    started = time.monotonic()
    kernel.overwritten("x" * 1_000_000 + "\r" * 1_000_000)
    assert time.monotonic() - started < 2


def test_a_second_run_in_a_folder_is_refused_at_once(own, tmp_path):
    """Whether it comes while the first is at work, or was begun before the first ended."""
    folder = tmp_path / "run"
    code = f"from pathlib import Path; from ecgnb.course.folders import take; lock = take(Path({str(folder)!r}))"
    first = subprocess.Popen([sys.executable, "-c", f"{code}; print(1, flush=True); import time; time.sleep(60)"],
                             stdout=subprocess.PIPE)  # fmt: skip
    try:
        first.stdout.readline()
        started = time.monotonic()
        with pytest.raises(RunError, match=r"another run is at work in .*; wait for it, or give another folder"):
            execute(own, {"code": "1/0"}, output_dir=folder)
        assert time.monotonic() - started < 5
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        first.stdout.close()
    with taken(folder):
        (folder / "metrics.json").write_text("{}")
    with pytest.raises(RunError, match="already holds a finished run"):
        execute(own, {"code": "1/0"}, output_dir=folder)


def test_a_notebooks_run_keeps_others_out_until_it_is_finished(synthetic_beats, tmp_path):
    first = Run("01", {}, synthetic_beats, str(tmp_path))
    second = Run("01", {}, synthetic_beats, str(tmp_path))
    with pytest.raises(RunError, match="another run is at work in"):
        take(tmp_path)
    second.finish({}, train_seconds=0)
    FileLock(tmp_path / ".lock", timeout=0).acquire()
    with pytest.raises(RunError, match="already holds a finished run"):
        Run("01", {}, synthetic_beats, str(tmp_path))
    assert first.folder == second.folder


@pytest.mark.parametrize("name", ["executed.ipynb", "executed.html", "SUMMARY.txt", "best_model.pth", "figures"])
def test_files_of_somebody_elses_stay(own, tmp_path, synthetic_beats, name):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / name).write_text("mine")
    with pytest.raises(
        RunError, match=f"holds {name}, and nothing says that a run wrote them; give a new or empty folder"
    ):
        execute(own, output_dir=folder)
    with pytest.raises(RunError, match=f"holds {name}, and nothing says"):
        Run("01", {}, synthetic_beats, str(folder))
    assert sorted(path.read_text() for path in folder.iterdir() if path.name != ".lock") == ["mine", "mine"]


def test_a_run_that_failed_is_done_again_in_its_folder(own, tmp_path):
    with taken(tmp_path / "run"):
        (tmp_path / "run" / "executed.ipynb").write_text("half")
    with taken(tmp_path / "run"), pytest.raises(Timeout):
        FileLock(tmp_path / "run" / ".lock", timeout=0).acquire()


@pytest.mark.parametrize("name", ["~nobody-of-that-name/run", "a\0b", "x" * 5000])
def test_what_is_no_name_of_a_folder(own, name):
    with pytest.raises(RunError, match="give another folder"):
        execute(own, output_dir=name)


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "\udc80"], ids=["deep", "cut", "no text"])
def test_metrics_that_cannot_be_read(tmp_path, text):
    (tmp_path / "metrics.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RunError, match=r"metrics\.json is damaged"):
        read_metrics(tmp_path)

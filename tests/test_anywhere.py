"""What the course needs of a system: nothing that Windows lacks, and no console that knows every letter."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb
import yaml
from conftest import ROOT

from ecgnb.course.lessons import lessons
from ecgnb.datasets.synthetic import write_mitdb

# The rooms that wall in what others wrote need a system that forks; `ecgnb grade` says so elsewhere.
GRADER = ROOT / "ecgnb" / "course" / "grading"
SOURCES = [path for path in sorted((ROOT / "ecgnb").rglob("*.py")) if GRADER not in path.parents]

POSIX_MODULES = ("resource", "fcntl", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog")
POSIX_NAMES = """
os.fork os.forkpty os.geteuid os.getuid os.getegid os.getgid os.setsid os.setuid os.killpg os.uname os.sysconf os.nice
os.wait4 os.mkfifo os.chown os.pipe2 os.sched_getaffinity os.getloadavg os.O_NOFOLLOW os.O_NONBLOCK os.O_CLOEXEC
os.WNOHANG os.posix_fadvise os.statvfs signal.SIGKILL signal.SIGCHLD signal.SIGALRM signal.SIGHUP signal.SIGSTOP
signal.SIGUSR1 signal.SIGPIPE signal.SIGXCPU signal.alarm signal.pause signal.sigwait select.poll select.epoll
socket.AF_UNIX time.tzset
"""

# Runs code as Windows would: for our modules, and for no one else's, those modules are not there.
LACKING = f"""
import builtins, importlib, os, pkgutil, sys
real = builtins.__import__
def lacking(name, globals=None, *rest, **more):
    if name.partition(".")[0] in {POSIX_MODULES} and str((globals or {{}}).get("__name__")).startswith("ecgnb"):
        raise ImportError(f"no module {{name}}")
    return real(name, globals, *rest, **more)
builtins.__import__ = lacking
"""


def calls(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            yield name, node, {keyword.arg for keyword in node.keywords}


def modes(node):
    """Return the texts among a call's arguments: one of them is the mode of a file."""
    inner = (one for argument in [*node.args, *node.keywords] for one in ast.walk(argument))
    return [one.value for one in inner if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def test_text_is_read_and_written_in_an_encoding_that_is_said():
    """Else it's the system's: cp1252 on most of Windows, where one beta in a file is an error."""
    for path in SOURCES:
        for name, node, given in calls(path):
            where = f"{path.relative_to(ROOT)}:{node.lineno}"
            if name in ("read_text", "write_text"):
                n_before = 0 if name == "read_text" else 1  # the text itself
                assert "encoding" in given or len(node.args) > n_before, where
            if name == "open" and not ast.unparse(node.func).startswith(("os.", "zipped", "archive", "tarfile")):
                assert "encoding" in given or any("b" in mode for mode in modes(node)), where
            if name in ("run", "Popen", "check_output"):
                assert "text" not in given and "universal_newlines" not in given, f"{where}: say encoding= instead"


def test_nothing_is_used_that_windows_lacks():
    lacking = set(POSIX_NAMES.split())
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and ast.unparse(node) in lacking:
                guarded = "resource is not None" in text.splitlines()[node.lineno - 1]
                assert guarded, f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"


@pytest.mark.slow
def test_every_module_is_imported_where_windows_has_none_of_posix():
    code = f"""{LACKING}
import ecgnb
for found in pkgutil.walk_packages(ecgnb.__path__, "ecgnb."):
    scripts = ("__main__", "app.page")  # which do something when they are imported
    if not found.name.startswith("ecgnb.course.grading.") and not found.name.endswith(scripts):
        importlib.import_module(found.name)
del os.fork
sys.argv = ["ecgnb", "grade", ".", "-o", "grades.csv"]
from ecgnb.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 2 and done.stderr.startswith("ecgnb: grading runs what others wrote"), done.stderr
    assert "on Windows: WSL" in done.stderr and len(done.stderr.splitlines()) == 1


def test_names_of_files_are_legal_everywhere():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    names = [name for name in listed.split("\0") if name]
    assert not [name for name in names if set(name) & set('<>:"|?*\\') or name.endswith((".", " "))]
    assert len({name.lower() for name in names}) == len(names), "some disks tell no capitals apart"
    assert max(map(len, names)) < 150, "a path on Windows has at most 260 characters"


NARROW = [
    {"PYTHONIOENCODING": "cp1252"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""},
]


def narrow(arguments, environment, cwd, **how):
    command = [str(Path(sys.executable).with_name("ecgnb")), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, env=os.environ | environment, cwd=cwd, timeout=300, **how)


@pytest.mark.slow
@pytest.mark.parametrize("environment", NARROW, ids=["cp1252", "ascii"])
def test_a_console_of_few_letters_is_enough(tmp_path, environment):
    """Nothing ends in a traceback for want of a letter, whatever a column or a file is called."""
    write_mitdb(tmp_path, ["r"], paced=())
    signal = wfdb.rdrecord(str(tmp_path / "r")).p_signal[: 360 * 60, 0]
    own = tmp_path / "Herzschlag κ µV ≥.csv" if environment.get("PYTHONIOENCODING") else tmp_path / "own.csv"
    pd.DataFrame({"κανάλι": np.round(signal, 4)}).to_csv(own, index=False)
    asked = [["--help"], ["lessons"], ["params", lessons()[-1].number], ["data"], ["classify", "--help"]]
    asked += [["classify", own, "--fs", 360, "--waves", "-o", "beats.csv", "--report", "report.html"]]
    for arguments in asked:
        done = narrow(arguments, environment, tmp_path)
        assert done.returncode == 0 and b"Traceback" not in done.stderr, (arguments, done.stderr[-2000:])
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("<") > 50
    done = narrow(["run", "αβγ"], environment, tmp_path)
    assert done.returncode == 2 and b"unknown lesson" in done.stderr and b"Traceback" not in done.stderr


@pytest.mark.rerun
@pytest.mark.slow
def test_a_lesson_runs_under_a_narrow_encoding(tmp_path):
    done = narrow(["run", "01", "--profile", "smoke", "--output-dir", "out"], NARROW[1], tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "out" / "metrics.json").is_file()


def test_the_devcontainer_installs_what_there_is():
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    command = container["postCreateCommand"]
    asked = re.search(r"-e '\.\[([\w,]+)\]' -c (\S+)$", command)
    assert set(asked[1].split(",")) <= set(project["optional-dependencies"]) and (ROOT / asked[2]).is_file()
    version = re.fullmatch(r"mcr\.microsoft\.com/devcontainers/python:(3\.\d+)", container["image"])[1]
    tested = {name.rpartition(" ")[2] for name in project["classifiers"]}
    assert version in tested
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert set(workflow["jobs"]["test"]["strategy"]["matrix"]["python"]) == tested


def test_ways_to_install_name_what_there_is():
    """Each extra in README and on the page of running is one, and each file that they name is there."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for page in ("README.md", "notebooks/pages/running.md", "notebooks/pages/instructors.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        named = {name for group in re.findall(r"(?:ecgnb|\.)\[([\w,]+)\]", text) for name in group.split(",")}
        assert named <= set(extras), page
        assert all((ROOT / name).is_file() for name in re.findall(r"(?:-c|-f) (\w+\.(?:txt|yml))", text))

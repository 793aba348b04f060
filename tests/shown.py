"""What a lesson shows, cell by cell: recorded while it runs in this process, or read from an executed notebook."""

import ast
import configparser
import contextlib
import io
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from IPython.lib.pretty import pretty

SANITIZE = Path(__file__).with_name("nbval_sanitize.cfg")
IGNORED = "nbval-ignore-output"  # the tag of cells that show times
FORMS = ("text/html", "text/markdown", "text/plain")  # the first that a thing has


class Shown:
    """Runs cells, and keeps what each prints and displays by its source; figures are files and left out."""

    def __init__(self) -> None:
        self.by_cell: dict[str, list[str]] = {}

    def run(self, code: str, name: str, namespace: dict) -> None:
        """Run a cell as a kernel does, which displays the value of an expression at its end."""
        self.current = self.by_cell[code] = []
        *body, last = ast.parse(code).body
        if not isinstance(last, ast.Expr):
            body, last = [*body, last], None
        printed, as_in_a_kernel = io.StringIO(), pd.option_context("display.max_columns", 20)
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed), as_in_a_kernel:
            for place in ("IPython.display", "ecgnb.course.display", "ecgnb.course.run"):
                patch.setattr(f"{place}.display", self.display)
            exec(compile(ast.Module(body, []), name, "exec"), namespace)
            if last is not None:
                self.display(eval(compile(ast.Expression(last.value), name, "eval"), namespace))
        self.current.append(sanitized(printed.getvalue()))

    def display(self, *things, raw=False, **_) -> None:
        """Take the place of IPython's function."""
        for thing in things:
            if thing is None:
                continue
            forms = thing if raw else {"text/plain": pretty(thing)}
            for form, method in (("text/html", "_repr_html_"), ("text/markdown", "_repr_markdown_")):
                if made := getattr(thing, method, lambda: None)():
                    forms = forms | {form: made}
            if not hasattr(thing, "_repr_png_"):
                self.current.append(shortest(forms))


def in_notebook(path: Path) -> dict[str, list[str]]:
    """Return what an executed notebook shows, by cell, but for figures and for cells that show times."""
    found = {}
    for cell in nbformat.read(path, as_version=4).cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "code" and not {IGNORED, "injected-parameters"} & set(tags):
            displayed = [output.data for output in cell.outputs if "data" in output]
            printed = [output.text for output in cell.outputs if output.get("name") == "stdout"]
            found[cell.source] = [shortest(data) for data in displayed if "image/png" not in data]
            found[cell.source].append(sanitized("".join(printed)))
    return found


def shortest(forms: dict[str, str]) -> str:
    """Return the form of a displayed thing that is compared, without what differs between two runs."""
    return sanitized(next((forms[form] for form in FORMS if form in forms), ""))


def sanitized(text: str) -> str:
    """Return a text in which nbval's settings have taken out what differs between two runs."""
    rules = configparser.ConfigParser(interpolation=None)
    assert rules.read(SANITIZE)
    for rule in rules.sections():
        text = re.sub(rules[rule]["regex"], rules[rule]["replace"], text)
    return text

"""How lessons and package read, in numbers: `python tests/measures.py` prints them, test_measures.py holds bounds."""

from __future__ import annotations

import ast
import re
import statistics
import sys
from pathlib import Path

import jupytext

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
PACKAGE = NOTEBOOKS.parent / "ecgnb"
HIDDEN = {"parameters", "hide-input", "hide-cell"}  # what the book folds away
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SHOWING = {"print", "display", "show_text", "show_source", "show_table"}  # a table, a sentence, a source
DRAWING = {"plotting", "plt", "sns", "ax", "axes", "axis", "fig", "figure", "panel", "panels"}  # a figure
PATIENCE = {"run", "Run"}  # the record of the run


def lines(code: str) -> list[str]:
    """Return the lines of code that are neither blank nor a comment alone."""
    return [line for line in code.splitlines() if line.strip() and not line.strip().startswith("#")]


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def is_plumbing(statement: ast.stmt) -> bool:
    """Say whether a statement imports, draws, prints, shows, asserts or records, rather than computes."""
    if isinstance(statement, ast.Import | ast.ImportFrom | ast.Assert):
        return True
    if isinstance(statement, ast.Expr) and not isinstance(statement.value, ast.Call):
        return True  # a table or a number that is shown
    if isinstance(statement, ast.Expr) and _root(statement.value) in PATIENCE | SHOWING | DRAWING:
        return True
    calls = {_root(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)}
    return bool(calls & (DRAWING | PATIENCE | {"print", "display", "show_text", "show_source"}))


def computing(code: str) -> tuple[int, int]:
    """Return the lines of a cell that compute, and all of them."""
    own = 0
    for statement in ast.parse(code).body:
        if not is_plumbing(statement):
            text = code.splitlines()[statement.lineno - 1 : statement.end_lineno]
            own += len(lines("\n".join(text)))
    return own, len(lines(code))


def names_bound(code: str) -> set[str]:
    """Return the names that a cell binds at its top level; imports do not count."""
    bound: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
            return
        if isinstance(node, (ast.Lambda, *COMPREHENSIONS, ast.Import, ast.ImportFrom)):
            return
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(code))
    return bound - {"_"}


def nested_comprehensions(code: str) -> int:
    """Count the comprehensions inside another one, and those of two loops."""
    found = 0
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, COMPREHENSIONS):
            found += len(node.generators) > 1
            found += sum(isinstance(inner, COMPREHENSIONS) for inner in ast.walk(node)) - 1
    return found


def measure(path: Path) -> dict[str, float]:
    """Return a lesson's measures, from its source."""
    notebook = jupytext.read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [cell for cell in code if not HIDDEN & set(cell.metadata.get("tags", []))]
    sizes = sorted(len(lines(cell.source)) for cell in code if "parameters" not in cell.metadata.get("tags", []))
    bound = [len(names_bound(cell.source)) for cell in code if "parameters" not in cell.metadata.get("tags", [])]
    prose = [len(re.findall(r"\w+", cell.source)) for cell in notebook.cells if cell.cell_type == "markdown"]
    own, visible = (sum(column) for column in zip(*(computing(cell.source) for cell in shown), strict=True))
    everything = path.read_text(encoding="utf-8").splitlines()
    return {
        "cells": len(notebook.cells),
        "code lines": sum(sizes),
        "lines a cell, median": statistics.median(sizes),
        "lines a cell, 90th percentile": sizes[int(0.9 * len(sizes))],
        "lines a cell, most": sizes[-1],
        "lines over 88 columns": sum(len(line) > 88 for cell in code for line in cell.source.splitlines()),
        "formatter suppressions": sum(bool(re.search(r"# fmt: *(skip|off)|# noqa", line)) for line in everything),
        "nested comprehensions": sum(nested_comprehensions(cell.source) for cell in code),
        "names bound in a cell, mean": round(statistics.mean(bound), 2),
        "names bound in a cell, most": max(bound),
        "words of a prose cell, median": statistics.median(prose),
        "computing, share of visible code": round(own / visible, 3),
    }


def modules() -> dict[str, ast.Module]:
    """Return the package's modules by their dotted names, parsed."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports() -> dict[str, set[str]]:
    """Return which modules of the package each module imports, anywhere in its code: late imports too."""
    known = modules()
    edges: dict[str, set[str]] = {name: set() for name in known}
    for name, tree in known.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                wanted = [(alias.name, "") for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                wanted = [(node.module or "", alias.name) for alias in node.names]
            else:
                continue
            for module, thing in wanted:
                within = f"{module}.{thing}"
                edges[name] |= {within} if within in known else {module} & known.keys()
    return edges


def between_rooms(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return which rooms, or modules beside them, each one imports."""

    def room(name: str) -> str:
        return ".".join(name.split(".")[:2])

    found: dict[str, set[str]] = {room(name): set() for name in edges}
    for name, wanted in edges.items():
        found[room(name)] |= {room(other) for other in wanted} - {room(name)}
    return found


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Return one circle of imports, or an empty list."""
    done: set[str] = set()

    def follow(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        for other in sorted(edges[name]):
            if found := follow(other, [*trail, name]):
                return found
        done.add(name)
        return []

    return next((found for name in edges if (found := follow(name, []))), [])


def longest_function() -> tuple[int, str]:
    """Return the lines of the longest function, docstring aside, and its name."""
    found = []
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0]
                is_text = isinstance(first, ast.Expr) and isinstance(getattr(first, "value", None), ast.Constant)
                text = (first.end_lineno or 0) - first.lineno + 1 if is_text and ast.get_docstring(node) else 0
                found.append(((node.end_lineno or 0) - node.lineno + 1 - text, f"{module}.{node.name}"))
    return max(found)


if __name__ == "__main__":
    import pandas as pd

    chosen = sys.argv[1:] or ["0"]
    paths = [path for path in sorted(NOTEBOOKS.glob("[0-9]*.py")) if path.name.startswith(tuple(chosen))]
    print(pd.DataFrame({path.name[:2]: measure(path) for path in paths}).to_string())
    n_lines, name = longest_function()
    print(f"\nlongest function: {name}, {n_lines} lines, docstring aside")
    print("circle of modules:", " > ".join(circle(imports())) or "none")
    print("circle of rooms:", " > ".join(circle(between_rooms(imports()))) or "none")

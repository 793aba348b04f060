"""What in a submission's code could deceive the checks, which run in its process: for a person to look at."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ecgnb.course.grading.parsing import own_names, parsed

REACHING = {
    "builtins", "__builtins__", "_getframe", "settrace", "setprofile", "gc", "inspect", "ctypes", "importlib",
    "setattr", "globals", "AssertionError", "threading", "atexit", "signal",
}  # fmt: skip

COMMON = {"__init__", "__len__", "__getitem__", "__call__", "__repr__", "__str__", "__name__", "__iter__"}

MOST = 5  # told of


def doubts(cells: Sequence[str]) -> list[str]:
    """Return what code uses or changes that a plain answer has no reason to: names, attributes of others' modules.

    It is a hint. Code can hide what it does, and may have a good reason for what it shows.
    """
    trees = [tree for code in cells if (tree := parsed(code)) is not None]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    own = set().union(*map(own_names, trees))
    found = []
    for node in nodes:
        if isinstance(node, ast.Attribute):
            names = [node.attr]
            if isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id not in own:
                found.append(f"{node.value.id}.{node.attr} =")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            names = [part for alias in node.names for part in alias.name.split(".")] + module.split(".")
            whole = [module, *(alias.name for alias in node.names)]
            names += ["ecgnb.course"] * any(name.startswith("ecgnb.course") for name in whole)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        else:
            names = [node.id] if isinstance(node, ast.Name) else []
        found += [name for name in names if name in REACHING | {"ecgnb.course"} or _is_special(name)]
    return list(dict.fromkeys(found))[:MOST]


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__") and name not in COMMON

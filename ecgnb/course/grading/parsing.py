"""Code that somebody else wrote, parsed in bounded time; nothing of it is run."""

from __future__ import annotations

import ast
import re
import warnings

MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)


def parsed(code: str) -> ast.Module | None:
    """Return the syntax tree of a cell, its magics aside; None where it is no Python.

    IPython's own reading of magics takes a while for each, which a hostile cell could make long.
    """
    try:
        with warnings.catch_warnings():  # of a backslash, say: nothing that a teacher needs to know
            warnings.simplefilter("ignore")
            return ast.parse(without_magics(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def without_magics(code: str) -> str:
    """Return a cell's code in which each line of a magic is ``pass``."""
    return MAGIC.sub(r"\1pass", code)


def own_names(tree: ast.AST | None) -> set[str]:
    """Return the names that code gives a meaning: variables, arguments, functions, classes."""
    nodes = [] if tree is None else list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return names | {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}

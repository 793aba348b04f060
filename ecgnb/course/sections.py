"""What each section of a lesson starts from: the earlier sections whose variables it reads.

After a restart of the kernel a reader can so begin at any section: run what it starts from, and what that starts from.
"""

from __future__ import annotations

import ast
import re
import symtable
import textwrap
from dataclasses import dataclass, field
from typing import Any

HEADING = re.compile(r"^## (.+)$", re.MULTILINE)

CHANGING = {"append", "extend", "update", "pop", "setdefault", "add", "insert"}

LINE = re.compile(r"#\n# \*Starts from: [^*]*[.?]\*\n")


@dataclass
class Section:
    """A heading of a notebook and the code below it.

    Attributes
    ----------
    heading : str
        "" above the first heading.
    code : list of str
        Its code cells.
    makes : set of str
        Global names it binds.
    needs : dict of str to str
        Names that it reads and that an earlier section bound last, with the heading of that section.
    """

    heading: str
    code: list[str] = field(default_factory=list)
    makes: set[str] = field(default_factory=set)
    needs: dict[str, str] = field(default_factory=dict)


def sections(notebook: Any) -> list[Section]:
    """Return a notebook's sections in order."""
    found = [Section("")]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found += [Section(heading) for heading in HEADING.findall(cell.source)]
        elif cell.cell_type == "code":
            found[-1].code.append(cell.source)
    maker: dict[str, str] = {}
    for section in found:
        for statement in ast.parse("\n".join(section.code)).body:
            reads, binds = _globals(ast.unparse(statement))
            changed = _changed(statement)
            if not isinstance(statement, ast.Assign | ast.AugAssign):
                reads -= binds  # `for name in names: print(name)` brings its own name
            reads, binds = reads | changed, binds | changed
            section.needs |= {name: maker[name] for name in reads - section.makes if name in maker}
            section.makes |= binds
        maker |= dict.fromkeys(section.makes, section.heading)
    return found


def _changed(statement: ast.stmt) -> set[str]:
    """Return the names of things that a statement changes in place: `x[0] = 1`, `x.y = 1`, `x.append(1)`."""
    places = [
        node.value
        for node in ast.walk(statement)
        if isinstance(node, ast.Subscript | ast.Attribute)
        and (isinstance(node.ctx, ast.Store) or (isinstance(node, ast.Attribute) and node.attr in CHANGING))
    ]
    return {place.id for place in places if isinstance(place, ast.Name)}


def _globals(statement: str) -> tuple[set[str], set[str]]:
    """Return the global names that a statement reads, also within functions and comprehensions, and those it binds."""
    reads, binds = set(), set()
    tables = [symtable.symtable(statement, "cell", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            top = table.get_type() == "module"
            if symbol.is_referenced() and (top or symbol.is_global()):
                reads.add(symbol.get_name())
            if top and (symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()):
                binds.add(symbol.get_name())
    return reads, binds


def with_lines(text: str, notebook: Any) -> str:
    """Return a lesson's source (py:percent) in which each heading is followed by what its section starts from.

    Setup and what stands above it are run first in any case, and are not mentioned.
    """
    found = sections(notebook)
    headings = [section.heading for section in found]
    mentioned = headings[headings.index("Setup") + 1 :]
    text = LINE.sub("", text)
    for section in found:
        if needed := [heading for heading in mentioned if heading in section.needs.values()]:
            listed = "; ".join(needed)
            end = "" if listed.endswith("?") else "."
            line = textwrap.fill(f"*Starts from: {listed}{end}*", 118, break_on_hyphens=False)
            heading = f"# ## {section.heading}\n"
            text = text.replace(heading, f"{heading}#\n{textwrap.indent(line, '# ')}\n", 1)
    return text

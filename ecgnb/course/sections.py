"""What each section of a lesson starts from: all the earlier sections that it needs, in order.

So a reader can begin at any section after a restart of the kernel: run Setup, what the section starts from, then it.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field
from typing import Any

from ecgnb.course.dataflow import Flow, Known, Maker, flow, made

HEADING = re.compile(r"^## (.+)$", re.MULTILINE)

LINE = re.compile(r"#\n# \*Starts from: [^*]*[.?)]\*\n")

EXPLAINED = (
    "(After a restart of the kernel, run the cell of parameters, Setup and the sections that are named here, in this "
    "order; then you can go on with this one. Every section that needs others says so.)"
)

ALL = "all sections above"


@dataclass
class Section:
    """A heading of a notebook and the code below it.

    Attributes
    ----------
    heading : str
        "" above the first heading.
    code : list of str
        Its code cells.
    needs : dict of str to list of str
        Global names that it uses and that earlier sections made or changed, with the headings of those.
    starts_from : list of str
        Headings of all sections that must be run before it, those included that the needed ones need; in order.
    """

    heading: str
    code: list[str] = field(default_factory=list)
    needs: dict[str, list[str]] = field(default_factory=dict)
    starts_from: list[str] = field(default_factory=list)


def sections(notebook: Any) -> list[Section]:
    """Return a notebook's sections in order."""
    found = [Section("")]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            found += [Section(heading) for heading in HEADING.findall(cell.source)]
        elif cell.cell_type == "code":
            found[-1].code.append(cell.source)
    known, makers = Known(), dict[str, list[Maker]]()
    for number, section in enumerate(found):
        for code in section.code:
            what = flow(code, known)
            _need(section, number, what, makers, found)
            made(makers, what, number)
    before: dict[str, set[str]] = {}
    for section in found:
        direct = {heading for headings in section.needs.values() for heading in headings}
        before[section.heading] = direct.union(*(before[heading] for heading in direct))
        section.starts_from = [other.heading for other in found if other.heading in before[section.heading]]
    return found


def _need(section: Section, number: int, what: Flow, makers: dict[str, list[Maker]], found: list[Section]) -> None:
    for name in sorted(what.needs):
        headings = [found[maker.key].heading for maker in makers.get(name, []) if maker.key != number]
        if headings:
            section.needs[name] = list(dict.fromkeys(section.needs.get(name, []) + headings))


def run_first(found: list[Section]) -> list[str]:
    """Return the headings of the sections that are run first in any case: those down to Setup."""
    headings = [section.heading for section in found]
    return headings[: headings.index("Setup") + 1] if "Setup" in headings else [""]


def listed(section: Section, found: list[Section]) -> list[str]:
    """Return what must be run between Setup and a section, in order."""
    return [heading for heading in section.starts_from if heading not in run_first(found)]


def with_lines(text: str, notebook: Any) -> str:
    """Return a lesson's source (py:percent) in which each heading is followed by what its section starts from.

    Setup and what stands above it are run first in any case, and are not mentioned. The first such line says what such
    lines mean.
    """
    text, explained = LINE.sub("", text), False
    found = sections(notebook)
    for section in found:
        if line := _line(section, found):
            line = line if explained else f"{line} {EXPLAINED}"
            explained = True
            wrapped = textwrap.fill(f"*Starts from: {line}*", 86, break_on_hyphens=False)
            heading = f"# ## {section.heading}\n"
            text = text.replace(heading, f"{heading}#\n{textwrap.indent(wrapped, '# ')}\n", 1)
    return text


def _line(section: Section, found: list[Section]) -> str:
    """Return the sections to run, as a sentence; "" where Setup is enough."""
    needed = listed(section, found)
    above = [other.heading for other in found[: found.index(section)] if other.code]
    above = [heading for heading in above if heading not in run_first(found)]
    spared = [heading for heading in above if heading not in needed]
    if len(needed) > 2 and not spared:
        return f"{ALL}."
    names, but_for = "; ".join(needed), f"{ALL}, but for: {'; '.join(spared)}"
    if len(needed) > 4 and len(but_for) < len(names):
        names = but_for
    return names if not names or names.endswith("?") else f"{names}."

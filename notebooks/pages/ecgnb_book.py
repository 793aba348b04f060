"""What Sphinx does for the book besides: pages written from the lessons and their recorded runs."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import jupytext
from ecgnb_figures import networks, raw, sweep
from sphinx.application import Sphinx

from ecgnb.course.authoring import text as generated
from ecgnb.course.authoring.results import results_text
from ecgnb.course.lessons import Lesson, lessons

RESULTS = """# Results

What the recorded runs found on real data, lesson by lesson, with 95 % intervals in brackets. *default* is the run that the
lessons show, *full* is longer. Scores and shares go from 0 to 1; other units stand behind the name. The
[glossary](../glossary) says what AUROC, macro F1 and the like are.

"""

PARAMETERS = """# Parameters

What can be changed in each lesson, in its cell of parameters or by `ecgnb run NN -p name=value`. `ecgnb params NN` lists
the same; ranges stand in square brackets, choices in braces.

"""

NETWORKS = """
## The networks of lesson 04 by what they cost

Choose a cost below the figure; point at a network for its interval.

"""

MAP = "Not sure which of them you need? [A map of the course](pages/map) shows the way to your goal.\n\n"


def write_pages(app: Sphinx) -> None:
    """Write cards of the lessons, results, parameters, references and the sweep's passage."""
    source = Path(app.srcdir)
    folder = source / "pages" / "generated"
    folder.mkdir(exist_ok=True)
    cited = {entry for lesson in lessons() for entry in references(lesson)}
    listed = "\n".join(f"- {entry}" for entry in sorted(cited, key=str.lower))
    way = MAP if (source / "pages" / "map.md").is_file() else ""
    pages = {
        "course.md": way + course_cards(),
        "results.md": RESULTS
        + results_text()
        + NETWORKS
        + raw(networks(), "../../_static"),
        "parameters.md": PARAMETERS + generated.parameters_text(),
        "references.md": f"# References\n\nAll that the lessons cite.\n\n{listed}\n",
        "sweep.md": sweep(source / "results" / "03_alpha_beta.csv"),
    }
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


@functools.lru_cache
def notebook(lesson: Lesson) -> Any:
    """Return a lesson's cells; to part a long one takes a while."""
    return jupytext.read(lesson.script)


def prose(lesson: Lesson) -> str:
    """Return what a lesson says between its code."""
    cells = notebook(lesson).cells
    return "\n\n".join(one.source for one in cells if one.cell_type == "markdown")


CARD = """:::{{grid-item-card}} {number} · {title}
:link: {page}
:link-type: doc
:img-top: images/{number}_hero.png
:img-alt: {alt}
:class-card: lesson

You {task}

{few} minutes to read, {many} with every line of code
:::
"""


def course_cards() -> str:
    """Return a card for each lesson: its figure, its title, what you will do, how long that takes."""
    cards = []
    for lesson in lessons():
        text = prose(lesson)
        few, many = generated.reading_minutes(notebook(lesson))
        alt = re.search(r"!\[([^\]]*)\]", text)
        task = re.search(r"\*\*You will\*\* (.+?)\n\n", text, re.DOTALL)
        assert alt and task, f"{lesson.name} begins with a figure and 'You will'"
        cards.append(
            CARD.format(
                number=lesson.number,
                title=lesson.title,
                page=lesson.name,
                alt=" ".join(alt[1].split()),
                task=" ".join(task[1].split()),
                few=few,
                many=many,
            )
        )
    return "::::{grid} 1 2 2 3\n:gutter: 3\n\n" + "\n".join(cards) + "::::\n"


def references(lesson: Lesson) -> list[str]:
    """Return the entries under a lesson's heading "References", each in one line."""
    listed = prose(lesson).partition("### References")[2].partition("\n## ")[0]
    entries = re.split(r"^- ", listed, flags=re.MULTILINE)[1:]
    return [" ".join(entry.split()) for entry in entries]


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

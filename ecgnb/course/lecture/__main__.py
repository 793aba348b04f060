"""`python -m ecgnb.course.lecture FOLDER`: the slides of all lessons."""

from __future__ import annotations

import sys
from pathlib import Path

from ecgnb.course.lecture.outline import Outline, read_outline
from ecgnb.course.lecture.pages import write_slides
from ecgnb.course.lecture.reveal import fetch_reveal, mathjax
from ecgnb.course.lessons import lessons
from ecgnb.errors import EcgnbError, UsageError


def main(arguments: list[str]) -> int:
    """Write the slides into a folder; a lesson that has none is named, and the others are written."""
    faults: list[str] = []
    try:
        if len(arguments) != 1 or arguments[0].startswith("-"):
            raise UsageError("python -m ecgnb.course.lecture takes one folder to write to")
        target = Path(arguments[0])
        scripts = fetch_reveal(target.parent), mathjax()
        outlines = _outlines(faults)
        write_slides(outlines, target, *scripts)
        if outlines:
            print(f"slides of {len(outlines)} lessons: {target / 'index.html'}")
    except EcgnbError as fault:
        faults.append(str(fault))
    except OSError as fault:
        faults.append(f"cannot be written: {fault.strerror or fault}")
    for told in faults:
        print(f"slides: {told}", file=sys.stderr)
    return 1 if faults else 0


def _outlines(faults: list[str]) -> list[Outline]:
    """Return the lessons that can be read; of the others, say why not."""
    found = []
    for lesson in lessons():
        try:
            found.append(read_outline(lesson))
        except EcgnbError as fault:
            faults.append(str(fault))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

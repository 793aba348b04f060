"""What Sphinx does for the page that reads an ECG in the browser: builds it where npm brings what it needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from ecgnb.app.browser.build import build_page
from ecgnb.app.browser.runtime import fetch_runtime
from ecgnb.errors import DataError

ABOUT = """# An ECG in your browser

{link}

![The page with one minute of record 213: its beats counted by class, eleven seconds of it on ECG paper with a letter
above each beat, and the table of beats.](../../images/browser_page.png)

Drop a recording on it, a table of numbers or a WFDB record, and see its beats, what the network of
[lesson 06](../../06_new_patients) calls each, and how sure it is. It is what `ecgnb classify` computes, written once
more in JavaScript: detector, gate, recipe and warnings are tested against Python's on real recordings. Nothing is sent
anywhere: the page works from a folder, without a network, and keeps nothing.

It reads one lead of a table (`.csv`, `.txt`, `.tsv`) or of a WFDB record (`.hea` with its `.dat`), up to 200 MB. The
app, `make app`, reads more forms of file, compares with marks and writes reports.

**For learning and research, not for diagnosis.** What the network gets wrong stands in [its card](../cards).
"""

LINK = """```{raw} html
<p><a class="sd-sphinx-override sd-btn sd-btn-primary" href="../../browser/index.html">Open the page</a></p>
```"""

NO_LINK = "*This book was built without the page: its runtime, which npm brings, could not be had. `make book` says why.*"


def bring_runtime(app: Sphinx) -> None:
    """Get what the page needs, and write the page of the book that leads to it; without npm say so in one line."""
    try:
        runtime = fetch_runtime(Path(app.srcdir).parent / "build")
    except DataError as fault:
        runtime = None
        print(
            f"book: built without the page that reads an ECG: {fault}", file=sys.stderr
        )
    app.ecgnb_runtime = runtime  # type: ignore[attr-defined]
    page = Path(app.srcdir) / "pages" / "generated" / "browser.md"
    page.parent.mkdir(exist_ok=True)
    text = ABOUT.format(link=LINK if runtime else NO_LINK)
    if not page.is_file() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def bring_page(app: Sphinx, fault: Exception | None) -> None:
    """Put the page into the book."""
    if fault is None and app.ecgnb_runtime is not None:  # type: ignore[attr-defined]
        build_page(
            Path(app.srcdir) / "browser",
            Path(app.outdir) / "browser",
            app.ecgnb_runtime,  # type: ignore[attr-defined]
        )


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("builder-inited", bring_runtime)
    app.connect("build-finished", bring_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""What Sphinx does for the book besides: what a cell prints at length is folded, and said once."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

MOST_LINES = 30
RECORD = "{'lesson': '"  # the record of a run, as Python shows it: a folded page of it stands beside


class LongOutputs(SphinxPostTransform):
    """Fold what a cell prints at length, and leave out what it says twice."""

    default_priority = 300  # after myst-nb has chosen one form of each output
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Fold the outputs of one page."""
        for output in list(self.document.findall(nodes.literal_block)):
            if "output" not in output.get("classes", []):
                continue
            text, parent = output.astext(), output.parent
            if text.startswith(RECORD) and is_shown_beside(output):
                parent.remove(output)
            elif (n_lines := len(text.splitlines())) > MOST_LINES:
                first = escape(text.splitlines()[0])
                summary = (
                    f"<summary>{n_lines} lines, from <code>{first}</code></summary>"
                )
                opened = nodes.raw("", f"<details>{summary}", format="html")
                closed = nodes.raw("", "</details>", format="html")
                parent.replace(output, [opened, output.deepcopy(), closed])


def is_shown_beside(output: nodes.Node) -> bool:
    """Say whether the same cell shows something else, too, such as the record as a page."""
    node = output.parent
    while node is not None and "cell_output" not in node.get("classes", []):
        node = node.parent
    return node is not None and any(
        "text_html" in raw.get("classes", []) for raw in node.findall(nodes.raw)
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_post_transform(LongOutputs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

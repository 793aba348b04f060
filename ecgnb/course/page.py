"""An executed notebook as a page to read: it runs no script and asks the network for nothing."""

from __future__ import annotations

import re
from pathlib import Path

from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

# What a browser is told besides: were a script left, or an address, it would do nothing with it.
POLICY = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; font-src data:; form-action 'none'"

# They run code, load pages or send data; of `template` and the like, browsers and this parser disagree on the inside.
UNWANTED = ["script", "iframe", "frame", "frameset", "object", "embed", "applet", "link", "meta", "base", "form",
            "template", "noscript", "noembed", "noframes", "xmp", "plaintext", "portal", "video", "audio", "source",
            "track", "math", "animate", "set"]  # fmt: skip

KEPT_META = ("charset", "name")

ADDRESSES = ("href", "src", "xlink:href", "action", "poster", "background", "data")

NOTE = "Formulas stand here in TeX; Jupyter draws them when it shows the notebook beside this page."


def write_page(notebook: Path) -> None:
    """Write an executed notebook as a page beside it, of the same name.

    Lessons show what they read in files of somebody else's: a model's recipe, a lead's name. Nothing of that may act.
    """
    # embed_images would close each <details> at once and so show the answers; pictures lie beside the page instead
    text, _ = HTMLExporter(mathjax_url="").from_filename(str(notebook))
    notebook.with_suffix(".html").write_text(harmless(text), encoding="utf-8")


def harmless(text: str) -> str:
    """Return a page without what runs or loads anything; links to click and pictures beside it stay."""
    page = BeautifulSoup(text, features="html.parser")
    for tag in page(UNWANTED):
        if tag.name != "meta" or not any(name in tag.attrs for name in KEPT_META) or "http-equiv" in tag.attrs:
            tag.decompose()
    for tag in page(True):
        for name in [name for name, value in tag.attrs.items() if not _may_stay(tag.name, name, str(value))]:
            del tag[name]
    if page.main is not None and any("$" in cell.text for cell in page.select(".jp-MarkdownOutput")):
        note = page.new_tag("p", attrs={"style": "padding: 1em"})
        note.string = NOTE
        page.main.insert(0, note)
    if page.head is not None:
        page.head.insert(0, page.new_tag("meta", attrs={"http-equiv": "Content-Security-Policy", "content": POLICY}))
    return str(page)


def _may_stay(tag: str, name: str, value: str) -> bool:
    if name.startswith("on") or name in ("srcdoc", "srcset", "ping", "formaction", "target"):
        return False
    return name not in ADDRESSES or _is_harmless(tag, value)


def _is_harmless(tag: str, address: str) -> bool:
    """Say whether an address may stay: of a picture beside the page or in it, of a place in it, of a link to click."""
    address = re.sub(r"[\x00-\x20\x7f-\x9f]", "", address).lower()  # browsers pass over them
    scheme = re.match(r"([a-z][a-z0-9+.-]*):", address)
    if scheme is None:
        return not address.startswith(("//", "\\\\", "/\\", "\\/"))
    if tag == "a":
        return scheme[1] in ("http", "https", "mailto")
    return tag == "img" and address.startswith("data:image/")

"""What a notebook shows besides figures: source code, banners, tables of provenance."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from IPython.display import Markdown, display
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer


def source_text(thing: Any) -> str:
    """Return the source of a class or function as it stands in the package."""
    return textwrap.dedent(inspect.getsource(thing)).rstrip()


def source_page(text: str) -> str:
    """Return Python source as HTML with its own white ground and font, so that it reads alike in every theme."""
    formatter = HtmlFormatter(
        noclasses=True,
        cssstyles="background: #fff; color: #222; padding: 0.5em 1em; overflow-x: auto; border: 1px solid #ccc",
        prestyles="font-family: monospace; font-size: 12px; line-height: 1.4; margin: 0; background: none; color: #222",
    )
    return str(highlight(text, PythonLexer(), formatter))


def show_source(thing: Any) -> None:
    """Show the source of a class or function from the package, so that what is read is what runs."""
    text = source_text(thing)
    name = f"{thing.__module__}:{thing.__qualname__}"
    display(
        {"text/html": source_page(text), "text/plain": text},
        raw=True,
        metadata={"ecgnb_source": name},  # a test compares what a committed notebook shows with the package
    )


def show_text(text: str) -> None:
    """Show text whose numbers come from variables."""
    display(Markdown(text))


def show_banner(text: str) -> None:
    """Show a warning that cannot be overlooked."""
    style = "background:#b00020;color:white;padding:0.8em 1em;border-radius:4px;font-weight:bold"
    display({"text/html": f'<div role="alert" style="{style}">{text}</div>', "text/plain": text}, raw=True)

"""A report as one page of HTML: no script, no network, and whatever comes from a file or a model is text."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from ecgnb.plotting.report_words import DISCLAIMER, Words
from ecgnb.plotting.style import class_colour

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1a1a1a; background: #fff;
  max-width: 760px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; }
.quiet, figcaption, footer { color: #5f5f5f; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(125px, 1fr)); gap: .6rem 1rem;
  border-top: 1px solid #ccc; margin: .8rem 0; padding-top: .8rem; }
.tiles b { display: block; font-size: 1.35rem; }
.tiles span { font-size: .8rem; color: #5f5f5f; }
table { border-collapse: collapse; }
td, th { padding: .1rem 1.2rem .1rem 0; text-align: left; font-weight: normal; }
th { color: #5f5f5f; font-size: .85rem; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 0 0 1rem; }
figcaption { font-size: .85rem; }
.paper { overflow-x: auto; }
.paper img { display: block; width: 191mm; }
ul { padding-left: 1.1rem; margin: .2rem 0; }
footer { border-top: 1px solid #ccc; margin-top: 1.5rem; padding-top: .5rem; font-size: .75rem;
  overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } figure { break-inside: avoid; }
  .paper { overflow: visible; } }
"""

FORMS = {"N": "●", "S": "■", "V": "▲", "F": "◆", "Q": "✚", "?": "✖"}  # of the classes, as in the pictures

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"  # of the browser: nothing is fetched or run


def page_of(words: Words, scale: str, tachogram: bytes, strips: Sequence[tuple[str, bytes]]) -> str:
    """Return a report as a page.

    Parameters
    ----------
    words : Words
    scale : str
        Of the paper, in words.
    tachogram : bytes
        An SVG picture.
    strips : sequence of (str, bytes)
        What each shows, and an SVG picture.
    """
    tiles = "".join(f"<div><b>{escape(number)}</b><span>{escape(what)}</span></div>" for number, what in words.tiles)
    rows = "".join(_row(*row) for row in words.counts)
    pictures = "".join(
        f"<figure><figcaption>{escape(caption)}</figcaption>\n{_picture(svg, f'ECG: {caption}')}</figure>\n"
        for caption, svg in strips
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ECG report: {escape(words.title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>{escape(words.title)}</h1>
<p class="quiet">{"<br>".join(map(escape, words.read))}</p>
<p class="quiet">ECG report. {DISCLAIMER}</p>
<div class="tiles">{tiles}</div>
<h2>Heart rate, beat by beat</h2>
{_picture(tachogram, "Heart rate over time, beat by beat, coloured by class")}
<h2>What the network found</h2>
<table><thead><tr><th>class</th><th>what it is</th><th class="n">beats</th><th class="n">share</th></tr></thead>
<tbody>{rows}</tbody></table>
<h2>How sure it is</h2>
{_list(words.could_be)}
<h2>Beats that tell most</h2>
<p class="quiet">{escape(scale)}. Shaded: the beat.</p>
{pictures}<h2>What not to believe</h2>
{_list([*words.doubts, *words.limits])}
</main>
<footer>{escape(words.versions)}<br>{DISCLAIMER}</footer>
</body>
</html>
"""


def _row(label: str, name: str, n: int, share: float) -> str:
    form = f'<span aria-hidden="true" style="color:{class_colour(label)}">{FORMS.get(label, "●")}</span>'
    letter = f"{form} <b>{escape(label)}</b>"
    return f'<tr><td>{letter}</td><td>{escape(name)}</td><td class="n">{n:,}</td><td class="n">{share:.1%}</td></tr>'


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>"


def _picture(svg: bytes, shows: str) -> str:
    """Return a picture in the page itself; as an image, so that nothing in it could ever run."""
    data = base64.b64encode(svg).decode()
    image = f'<img alt="{escape(shows)}" src="data:image/svg+xml;base64,{data}">'
    return f'<div class="paper" tabindex="0" role="group" aria-label="{escape(shows)}">{image}</div>'

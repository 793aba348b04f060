"""What Sphinx does for the book besides: pages from the recorded runs, links from the lessons to the glossary."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jupytext
import pandas as pd
import plotly.graph_objects as go
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from ecgnb.course.authoring import text as generated
from ecgnb.course.authoring.results import results_text
from ecgnb.course.lessons import find, lessons, results_path

LESSON = re.compile(r"^\d\d_")


def write_pages(app: Sphinx) -> None:
    """Write course map, results, parameters, references and the sweep's passage from lessons and recorded runs."""
    folder = Path(app.srcdir) / "pages" / "generated"
    folder.mkdir(exist_ok=True)
    entries = sorted(
        {entry for lesson in lessons() for entry in references(lesson.script)},
        key=str.lower,
    )
    pages = {
        "course.md": course_cards(),
        "results.md": "# Results\n\nOf the recorded runs on real data; 95 % intervals in brackets.\n\n"
        + results_text()
        + "\n## The networks of lesson 04 by what they cost\n\n"
        + "Choose a cost below the figure; point at a network for its interval.\n\n"
        + raw(networks(), "../../_static"),
        "parameters.md": "# Parameters\n\nWhat can be changed in each lesson, in its cell of parameters or by "
        "`ecgnb run NN -p name=value`. `ecgnb params NN` lists the same; ranges stand in square brackets, choices in "
        "braces.\n\n" + generated.parameters_text(),
        "references.md": "# References\n\nAll that the lessons cite.\n\n"
        + "\n".join(f"- {entry}" for entry in entries),
        "sweep.md": sweep(Path(app.srcdir) / "results" / "03_alpha_beta.csv"),
    }
    for name, text in pages.items():
        if (
            not (folder / name).is_file()
            or (folder / name).read_text(encoding="utf-8") != text
        ):
            (folder / name).write_text(text, encoding="utf-8")


def course_cards() -> str:
    """Return a card for each lesson: its figure, its title, what you will do, how long that takes."""
    cards = []
    for lesson in lessons():
        prose = [
            cell.source
            for cell in jupytext.read(lesson.script).cells
            if cell.cell_type == "markdown"
        ]
        alt = " ".join(re.search(r"!\[([^\]]*)\]", prose[0]).group(1).split())
        task = re.search(r"\*\*You will\*\* (.+?)\n\n", "\n\n".join(prose), re.DOTALL)
        few, many = generated.reading_minutes(jupytext.read(lesson.script))
        cards.append(
            f":::{{grid-item-card}} {lesson.number} · {lesson.title}\n:link: {lesson.name}\n:link-type: doc\n"
            f":img-top: images/{lesson.number}_hero.png\n:img-alt: {alt}\n\n"
            f"You {' '.join(task.group(1).split())}\n\n*"
            f"{few} minutes to read, {many} with every line of code.*\n:::\n"
        )
    return "::::{grid} 1 1 2 2\n:gutter: 3\n\n" + "\n".join(cards) + "::::\n"


def references(script: Path) -> list[str]:
    """Return the entries under a lesson's heading "References", each in one line."""
    prose = "\n\n".join(
        cell.source
        for cell in jupytext.read(script).cells
        if cell.cell_type == "markdown"
    )
    listed = prose.partition("### References")[2].partition("\n## ")[0]
    return [
        " ".join(entry.split())
        for entry in re.split(r"^- ", listed, flags=re.MULTILINE)[1:]
    ]


def networks() -> go.Figure:
    """Return lesson 04's networks: macro F1 over a cost that the reader chooses."""
    found = json.loads(results_path(find("04"), "default").read_text())["metrics"][
        "models"
    ]
    table = pd.DataFrame(found).T
    low, high = (
        pd.Series(
            {name: model["macro_f1_interval"][i] for name, model in found.items()}
        )
        for i in (0, 1)
    )
    costs = {
        "latency_ms_p50": "latency, batch 1 (ms)",
        "parameters": "parameters",
        "macs": "MACs a beat",
        "peak_memory_mb": "peak memory (MB)",
    }
    figure = go.Figure(
        go.Scatter(
            x=table["latency_ms_p50"].tolist(),
            y=table["macro_f1"].tolist(),
            text=table.index.tolist(),
            customdata=[f"{a:.3f} to {b:.3f}" for a, b in zip(low, high, strict=True)],
            mode="markers+text",
            textposition="top center",
            marker=dict(size=11, color="#0072B2"),
            hovertemplate="%{text}<br>macro F1 %{y:.3f} (%{customdata})<br>%{x:,.3g}<extra></extra>",
        )
    )
    buttons = [
        dict(
            label=label,
            method="update",
            args=[{"x": [table[name].tolist()]}, {"xaxis.title.text": label}],
        )
        for name, label in costs.items()
    ]
    figure.update_xaxes(type="log", title=costs["latency_ms_p50"])
    figure.update_yaxes(title="macro F1 over N, SVEB, VEB, Other")
    figure.update_layout(
        updatemenus=[
            dict(buttons=buttons, direction="up", x=0, y=-0.25, xanchor="left")
        ]
    )
    return figure


def sweep(path: Path) -> str:
    """Return table and figure of the recorded sweep over alpha and beta."""
    runs = pd.read_csv(path)
    shown = {
        "macro_f1": "macro F1 over N, S, V",
        "reconstruction_mse": "reconstruction error (mV²)",
    }
    figure = go.Figure()
    for position, (metric, label) in enumerate(shown.items()):
        cells = runs.pivot_table(
            index="parameters.alpha",
            columns="parameters.beta",
            values=f"metrics.{metric}",
        )
        spread = runs.pivot_table(
            index="parameters.alpha",
            columns="parameters.beta",
            values=f"metrics.{metric}",
            aggfunc=["min", "max"],
        )
        text = [
            [
                f"{low:.4g} to {high:.4g}"
                for low, high in zip(
                    spread["min"].loc[a], spread["max"].loc[a], strict=True
                )
            ]
            for a in cells.index
        ]
        figure.add_heatmap(
            x=[f"{b:g}" for b in cells.columns],
            y=[f"{a:g}" for a in cells.index],
            z=cells.to_numpy().tolist(),
            text=text,
            texttemplate="%{z:.3g}",
            colorscale="Cividis",
            visible=position == 0,
            name=label,
            colorbar=dict(title=""),
            reversescale=metric.endswith("mse"),
            hovertemplate="alpha %{y}, beta %{x}<br>mean %{z:.4g}, seeds %{text}<extra></extra>",
        )
    buttons = [
        dict(
            label=label,
            method="update",
            args=[{"visible": [other == metric for other in shown]}],
        )
        for metric, label in shown.items()
    ]
    figure.update_xaxes(title="beta: weight of classification", type="category")
    figure.update_yaxes(title="alpha: weight of reconstruction", type="category")
    figure.update_layout(
        updatemenus=[
            dict(buttons=buttons, direction="up", x=0, y=-0.25, xanchor="left")
        ]
    )
    rows = [
        {"alpha": f"{alpha:g}", "beta": f"{beta:g}"}
        | {
            label: f"{part[f'metrics.{m}'].mean():.4f} ({part[f'metrics.{m}'].min():.4f}, {part[f'metrics.{m}'].max():.4f})"
            for m, label in shown.items()
        }
        for (alpha, beta), part in runs.groupby(["parameters.alpha", "parameters.beta"])
    ]
    seconds = runs["seconds.total"]
    return (
        f"{len(runs)} runs of {seconds.min() / 60:.1f} to {seconds.max() / 60:.1f} minutes each, on {runs['device'][0]}; "
        "real data, patient-wise. In brackets the lowest and the highest seed.\n\n"
        + "\n".join(generated.markdown_table(rows))
        + "\n\n"
        + raw(figure, "../_static")  # included by a page one folder up
    )


def raw(figure: go.Figure, static: str) -> str:
    """Return an interactive figure as a directive; the script it needs lies in the book, not on the network.

    `static` is the way from the page that shows it to the book's folder of scripts.
    """
    figure.update_layout(
        template="plotly_white",
        height=460,
        margin=dict(l=60, r=20, t=20, b=120),
        font=dict(color="#222"),
    )
    page = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        config={"displaylogo": False, "responsive": True},
    )
    source = f'<script src="{static}/plotly.min.js"></script>\n'
    return f"```{{raw}} html\n{source}{page}\n```\n"


def bring_plotly(app: Sphinx, fault: Exception | None) -> None:
    """Put the script that draws interactive figures into the book."""
    if fault is None:
        script = files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
        (Path(app.outdir) / "_static" / "plotly.min.js").write_bytes(script)


class GlossaryLinks(SphinxPostTransform):
    """In each lesson, make the first mention of a glossary term a link to it."""

    default_priority = 5

    def run(self, **kwargs: Any) -> None:
        """Link the terms of one page."""
        if not LESSON.match(self.env.docname):
            return
        terms = self.env.get_domain("std").objects
        known = {
            name: (page, label)
            for (kind, name), (page, label) in terms.items()
            if kind == "term"
        }
        wanted = sorted(known, key=len, reverse=True)
        for node in list(self.document.findall(nodes.Text)):
            if not wanted:
                return
            if not in_running_text(node):
                continue
            parts, rest = [], str(node)
            while wanted and (found := mention(wanted, rest)):
                term = next(
                    t for t in wanted if found["term"].lower().endswith(t.lower())
                )
                wanted.remove(term)
                page, label = known[term]
                uri = (
                    self.app.builder.get_relative_uri(self.env.docname, page)
                    + "#"
                    + label
                )
                link = nodes.reference(
                    "", found[0], refuri=uri, internal=True, classes=["term"]
                )
                parts += [nodes.Text(rest[: found.start()]), link]
                rest = rest[found.end() :]
            if parts:
                node.parent.replace(node, [*parts, nodes.Text(rest)])


NOUN_ONLY = {"lead"}  # also verbs: a link needs an article or the like before the word
DETERMINER = r"\b(?:an?|the|one|two|each|every|this|that|its|your|which|another) "


def mention(terms: list[str], text: str) -> re.Match[str] | None:
    """Return the first place where one of the terms, its plural, or either with a capital stands."""
    ways = []
    for term in terms:
        start, rest = re.escape(term[0]), re.escape(term[1:])
        either = (
            f"[{start.lower()}{start.upper()}]{rest}"
            if term[0].isalpha()
            else start + rest
        )
        ways.append(DETERMINER + either if term in NOUN_ONLY else either)
    return re.search(r"\b(?P<term>" + "|".join(ways) + r")s?\b", text)


def in_running_text(node: nodes.Node) -> bool:
    """Say whether a text is prose: no heading, code, link, formula, table or output of a cell."""
    unlike = (
        nodes.title,
        nodes.literal,
        nodes.literal_block,
        nodes.reference,
        nodes.math,
        nodes.table,
        nodes.raw,
    )
    parent, in_paragraph = node.parent, False
    while parent is not None:
        if isinstance(parent, unlike) or "cell_output" in parent.get("classes", []):
            return False
        in_paragraph = in_paragraph or isinstance(
            parent, nodes.paragraph | nodes.list_item
        )
        parent = parent.parent
    return in_paragraph


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("build-finished", bring_plotly)
    app.add_post_transform(GlossaryLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

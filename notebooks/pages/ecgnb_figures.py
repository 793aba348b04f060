"""What Sphinx does for the book besides: the figures that answer a click, and the script that draws them."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from sphinx.application import Sphinx

from ecgnb.course.authoring.text import markdown_table
from ecgnb.course.lessons import find, results_path


def networks() -> go.Figure:
    """Return lesson 04's networks: macro F1 over a cost that the reader chooses."""
    found = json.loads(results_path(find("04"), "default").read_text(encoding="utf-8"))[
        "metrics"
    ]["models"]
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
        + "\n".join(markdown_table(rows))
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


def setup(app: Sphinx) -> dict[str, Any]:
    """Tell Sphinx."""
    app.connect("build-finished", bring_plotly)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

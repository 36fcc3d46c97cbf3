"""Charts as inline SVG that takes the page's own colours, and word clouds as inline PNG."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.dates
import matplotlib.ticker
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray
from wordcloud import WordCloud

# Told apart by people who see few colours (after Okabe & Ito), and readable on light and on dark.
FIRST, SECOND = "#2f86c8", "#d9722e"
CLOUD = ("#2f86c8", "#d9722e", "#3f9a7a", "#b0689a", "#8a8f98")
INK, _LINE = "#010203", "#040506"  # become the page's own
_WIDTH = 4.8  # inches; at 96 dots each the page shows text in its own size
_ROW = 0.27
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "figure.facecolor": "none",  # the card shows through, light or dark
    "axes.facecolor": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,  # texts are data: a $ is a dollar
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": _LINE,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _LINE,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
}


def bars(values: Mapping[str, float], axis: str) -> str:
    """Horizontal bars, the first on top, each with its number."""
    with mpl.rc_context(STYLE):
        figure, axes = figure_of(len(values))
        names = [_short(name) for name in values]
        patches = axes.barh(range(len(names)), list(values.values()), color=FIRST, height=0.7)
        axes.bar_label(
            patches, [_number(value) for value in values.values()], padding=3, fontsize=8
        )
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.grid(False, axis="y")
        axes.set_xlabel(axis)
        axes.margins(x=0.14)
        return as_svg(figure, axis)


def histogram(
    values: Sequence[float], edges: Sequence[float], axis: str, *, log: bool = False
) -> str:
    """How many texts have which value."""
    with mpl.rc_context(STYLE):
        figure, axes = figure_of(7)
        axes.hist(values, bins=list(edges), color=FIRST, edgecolor="none", rwidth=0.92)
        if log:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(mpl.ticker.ScalarFormatter())
        axes.set_xlabel(axis)
        axes.set_ylabel("texts")
        axes.grid(False, axis="x")
        return as_svg(figure, axis)


def heat_map(
    table: NDArray[np.int64], rows: Sequence[str], columns: Sequence[str], axis: str, side: str
) -> str:
    """Counts (rows, columns), coloured by their share of the row."""
    share = table / np.maximum(table.sum(1, keepdims=True), 1)
    with mpl.rc_context(STYLE | {"axes.grid": False}):
        figure, axes = figure_of(len(rows) + 2)
        axes.imshow(
            share, cmap="cividis", vmin=0, vmax=max(float(share.max()), 0.01), aspect="auto"
        )
        for row, column in np.ndindex(*table.shape):
            ink = "#ffffff" if share[row, column] < 0.55 * share.max() else "#000000"
            axes.text(
                column,
                row,
                f"{table[row, column]:,}",
                ha="center",
                va="center",
                color=ink,
                fontsize=8,
            )
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), [_short(name) for name in rows])
        axes.set_xlabel(axis)
        axes.set_ylabel(side)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return as_svg(figure, f"{side} by {axis}")


def two_sided(words: Sequence[tuple[str, float]], left: str, right: str, axis: str) -> str:
    """Words by how much they tell of one group (above zero) or of the other."""
    with mpl.rc_context(STYLE):
        figure, axes = figure_of(len(words) + 1)
        values = [value for _, value in words]
        colors = [FIRST if value > 0 else SECOND for value in values]
        axes.barh(range(len(words)), values, color=colors, height=0.7)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_yticks(range(len(words)), [_short(word) for word, _ in words])
        axes.invert_yaxis()
        axes.grid(False, axis="y")
        axes.set_xlabel(axis)
        axes.set_title(f"◀ {_short(left, 24)}", fontsize=8.5, loc="left")
        axes.set_title(f"{_short(right, 24)} ▶", fontsize=8.5, loc="right")
        return as_svg(figure, f"{left} against {right}")


def line(days: Sequence[Any], values: Sequence[float], axis: str, side: str) -> str:
    with mpl.rc_context(STYLE):
        figure, axes = figure_of(6)
        axes.plot(days, list(values), color=FIRST, linewidth=1.6)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(axis)
        axes.set_ylabel(side)
        locator = mpl.dates.AutoDateLocator(maxticks=6)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(mpl.dates.ConciseDateFormatter(locator))
        return as_svg(figure, f"{side} by {axis}")


def word_cloud(counts: Mapping[str, int]) -> str:
    """A PNG as a data address; larger words stand in more texts. counts: not empty."""

    def color(word: str, **_: object) -> str:
        return CLOUD[sum(map(ord, word)) % len(CLOUD)]

    cloud = WordCloud(
        width=960,
        height=480,
        mode="RGBA",
        background_color=None,
        max_words=70,
        prefer_horizontal=1.0,
        relative_scaling=0.5,
        color_func=color,
        random_state=0,
    )
    picture = io.BytesIO()
    cloud.generate_from_frequencies(dict(counts)).to_image().save(picture, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()


def figure_of(rows: int) -> tuple[Figure, Any]:
    figure = Figure(figsize=(_WIDTH, _ROW * max(rows, 3) + 0.75), layout="constrained")
    return figure, figure.add_subplot()


def as_svg(figure: Figure, label: str) -> str:
    """The figure as an element of a page; its ink and lines are the page's, its ids are its own."""
    mpl.rcParams["svg.hashsalt"] = label
    buffer = io.BytesIO()
    plain = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    FigureCanvasSVG(figure).print_svg(buffer, metadata=plain)
    text = buffer.getvalue().decode()
    text = text[text.index("<svg") :]
    text = text.replace(INK, "currentColor").replace(_LINE, "var(--line)")
    text = re.sub(r'(<svg[^<>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^<>]*?) height="[^"]*"', r"\1", text, count=1)
    return re.sub(r"<metadata>[^<]*+(?:<(?!/?metadata>)[^<]*+)*+</metadata>", "", text)


def _short(name: str, longest: int = 30) -> str:
    return name if len(name) <= longest else name[: longest - 1].rstrip() + "…"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"

"""Curves of a log and the reliability diagram, as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from models.training.explore.plots import CLOUD, FIRST, INK, SECOND, STYLE, as_svg, figure_of

LINES = ("-", "--", ":")  # of so many colours more
SMOOTHED = 0.9  # of the thick line, an exponential mean of the thin one
BINS = 10

Points = Sequence[tuple[float, float]]


def curves(series: Mapping[str, Points], axis: str, side: str, *, smooth: bool = False) -> str:
    """Lines over steps, a colour each. smooth: values thin, their running mean thick."""
    with mpl.rc_context(STYLE):
        figure, axes = figure_of(7)
        for number, (name, points) in enumerate(series.items()):
            color, line = CLOUD[number % len(CLOUD)], LINES[number // len(CLOUD) % len(LINES)]
            steps, values = [step for step, _ in points], [value for _, value in points]
            few = len(points) < 3 * BINS
            mark = "o" if few and not smooth else ""
            thin = smooth and not few
            style = {"linewidth": 0.6, "alpha": 0.5} if thin else {"linewidth": 1.6, "alpha": 1}
            axes.plot(steps, values, color=color, marker=mark, linestyle=line, markersize=3.5,
                      label=name, **style)  # fmt: skip
            if thin:
                axes.plot(steps, _running(values), color=color, linewidth=1.8)
        axes.set_xlim(left=0)  # steps: whole ones, from the first
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.set_xlabel(axis)
        axes.set_ylabel(side)
        if len(series) > 1:
            axes.legend(fontsize=8)
        return as_svg(figure, f"{side} by {axis}: {', '.join(series)}")


def _running(values: Sequence[float]) -> list[float]:
    means, mean = [], values[0]
    for value in values:
        mean = SMOOTHED * mean + (1 - SMOOTHED) * value
        means.append(mean)
    return means


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_], name: str) -> str:
    """The share of right guesses by sureness; on the diagonal it knows itself. Bars: texts."""
    rows = table_of(confidence, right)
    with mpl.rc_context(STYLE):
        figure, axes = figure_of(8)
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.7, linestyle="--")
        axes.plot(
            [mean for mean, _, _ in rows],
            [share for _, share, _ in rows],
            color=FIRST,
            marker="o",
            linewidth=1.6,
        )
        axes.set_xlabel("probability of the chosen class")
        axes.set_ylabel("share that is right")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        below = axes.twinx()
        below.bar(
            [mean for mean, _, _ in rows],
            [count for _, _, count in rows],
            width=0.05,
            color=SECOND,
            alpha=0.35,
        )
        below.set_ylim(0, 3 * max(count for _, _, count in rows))
        below.set_yticks([])
        below.grid(False)
        below.spines["right"].set_visible(False)
        return as_svg(figure, f"reliability of {name}")


def table_of(
    confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> list[tuple[float, float, int]]:
    """(mean probability, share that is right, texts) of each bin of equal width with a text."""
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        (
            float(confidence[place == number].mean()),
            float(right[place == number].mean()),
            int((place == number).sum()),
        )
        for number in range(BINS)
        if (place == number).any()
    ]

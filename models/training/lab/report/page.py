"""Page of a run: sections of charts with the numbers behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from models.evaluation.metrics import calibration_error, confusion, scores
from models.redact import redact
from models.training.explore import plots
from models.training.explore.report import Chart, Group, Section
from models.training.explore.words import texts_with, words
from models.training.lab.report import charts
from models.training.lab.report.read import Predictions, Run
from models.training.lab.report.slices import slices_of

QUOTE = 280  # characters
WORST = 12
ROWS = 15
LOSSES = 40  # rows of the table of losses, about
CLOUD = 120  # words
HELD_OUT = "validation_loss"  # of a look; drawn beside the loss
LONGEST = 60  # lines of the recipe's table

_FOLDER = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader([_FOLDER, Path(plots.__file__).parent]),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(run: Run) -> str:
    """The whole page as HTML, every text escaped, personal data in the quotes replaced."""
    sections = [section for section in _sections(run) if section.charts or section.groups]
    return _TEMPLATES.get_template("report.html").render(
        name=run.name, facts=_facts(run), sections=sections
    )


def _facts(run: Run) -> list[tuple[str, str]]:
    facts = []
    for part, part_predictions in run.predictions.items():
        figures = scores(
            part_predictions.truth, part_predictions.probabilities, part_predictions.names
        )
        facts += [
            (f"{figures['accuracy']:.3f}", f"accuracy, {part}"),
            (f"{figures['macro_f1']:.3f}", f"macro-F1, {part}"),
            (f"{figures['ece']:.3f}", f"calibration error, {part}"),
        ]
    parameters = run.story.get("parameters")
    if isinstance(parameters, Mapping):
        facts.append((f"{parameters['trained']:,}", f"of {parameters['all']:,} parameters trained"))
    if "processor_seconds" in run.story:
        spent = float(run.story["processor_seconds"])
        facts.append(
            (f"{spent:.0f} s" if spent < 100 else f"{spent / 60:.0f} min", "of processor time")
        )
    if run.losses:
        facts.append((f"{run.losses[-1][1]:.3f}", f"loss at step {run.losses[-1][0]:,.0f}"))
    return facts


def _sections(run: Run) -> Iterator[Section]:
    yield _curves(run)
    for part, part_predictions in run.predictions.items():
        yield _part(part, part_predictions)
    yield _tables(run)
    for part, part_predictions in run.predictions.items():
        yield _worst(part, part_predictions)
    yield _words(run)
    yield _story(run)


def _curves(run: Run) -> Section:
    looks = {
        name: points for name, points in run.looks.items() if name != HELD_OUT or not run.losses
    }
    section_charts = [*_losses(run), *_rates(run), *_looks(looks)]
    return Section(
        "curves", "How it learnt", "The log of the run, step by step.", tuple(section_charts)
    )


def _losses(run: Run) -> Iterator[Chart]:
    """The loss, with that of the held-out texts in the same picture."""
    if not run.losses:
        return
    held_out = run.looks.get(HELD_OUT)
    both = {"loss": run.losses} | ({"validation loss": held_out} if held_out else {})
    rows = [
        (name, f"{step:,.0f}", f"{loss:.4f}")
        for name, points in both.items()
        for step, loss in _thinned(points)
    ]
    svg = charts.curves(both, "step", "loss", smooth=True)
    yield _chart("Loss", svg, ("loss", "step", "value"), rows)


def _rates(run: Run) -> Iterator[Chart]:
    if not run.rates:
        return
    svg = charts.curves({"rate": run.rates}, "step", "learning rate")
    rows = [(f"{step:,.0f}", f"{rate:.3g}") for step, rate in _thinned(run.rates)]
    yield _chart("Learning rate", svg, ("step", "rate"), rows)


def _looks(looks: Mapping[str, Sequence[tuple[float, float]]]) -> Iterator[Chart]:
    for title, names in _alike(looks):
        series = {name.replace("_", " "): looks[name] for name in names}
        rows = [
            (name, f"{step:,.0f}", f"{value:.4f}")
            for name, points in series.items()
            for step, value in points
        ]
        svg = charts.curves(series, "step", title.lower())
        yield _chart(title, svg, ("figure", "step", "value"), rows[-60:])


def _alike(looks: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Figures of the same scale for one chart: shares together, every other by itself."""
    losses = [name for name in looks if name.startswith("loss")]
    if losses:
        yield "Loss of each head", losses
    names = [name for name in looks if name not in losses]
    shares = [name for name in names if _is_share(name, looks[name])]
    yield from _share_charts(shares)
    for name in names:
        if name not in shares:
            yield name.replace("_", " ").capitalize(), [name]


def _is_share(name: str, points: Sequence[tuple[float, float]]) -> bool:
    return "loss" not in name and all(0 <= value <= 1 for _, value in points)


def _share_charts(shares: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """By the parts of their names: `score`, `set.embedding`, `set.task.figure`."""
    by_task: dict[str, list[str]] = {}
    for name in shares:
        parts = name.split(".")
        title = {1: "Validation", 2: "Validation: embedding"}.get(len(parts))
        by_task.setdefault(title or f"Validation: {parts[1]}", []).append(name)
    single = by_task.pop("Validation", None)
    nearness = by_task.pop("Validation: embedding", None)
    if single:
        yield "Validation", single
    yield from sorted(by_task.items())
    if nearness:
        yield "Validation: embedding", nearness


def _part(part: str, predictions: Predictions) -> Section:
    guesses = predictions.probabilities.argmax(-1)
    table = confusion(predictions.truth, guesses, len(predictions.names))
    sure, right = predictions.probabilities.max(-1), guesses == predictions.truth
    bins = charts.table_of(sure, right)
    error = calibration_error(predictions.truth, predictions.probabilities)
    section_charts = [
        _chart(
            "Confusion",
            plots.heat_map(
                table, predictions.names, predictions.names, "what the model said", "what is so"
            ),
            ("is", *predictions.names),
            [
                (name, *(f"{count:,}" for count in row))
                for name, row in zip(predictions.names, table, strict=True)
            ],
            "Texts in each cell; the colour is the share of the row.",
        ),
        _chart(
            "Reliability",
            charts.reliability(sure, right, part),
            ("mean probability", "share right", "texts"),
            [(f"{mean:.3f}", f"{share:.3f}", f"{count:,}") for mean, share, count in bins],
            f"Expected calibration error {error:.3f} (15 bins).",
        ),
    ]
    slices = {"all": list(range(len(predictions.texts))), **slices_of(predictions.texts)}
    rows = []
    for name, members in slices.items():
        figures = scores(
            predictions.truth[members], predictions.probabilities[members], predictions.names
        )
        rows.append(
            (
                name,
                f"{figures['n']:,}",
                f"{figures['accuracy']:.3f}",
                f"{figures['macro_f1']:.3f}",
                f"{figures['ece']:.3f}",
            )
        )
    accuracies = {row[0]: 100 * float(row[2]) for row in rows}
    section_charts.append(
        _chart(
            "Slices",
            plots.bars(accuracies, "accuracy, %"),
            ("slice", "n", "accuracy", "macro-F1", "ECE"),
            rows,
            "Found by what stands in the text; the signs of sarcasm are phrases, so only some of it"
            " is found.",
        )
    )
    title = part.capitalize() if part in ("validation", "test") else part
    return Section(
        f"part-{part}", title, f"{len(predictions.texts):,} texts.", tuple(section_charts)
    )


def _tables(run: Run) -> Section:
    """The per-class tables of every evaluation in the story."""
    section_charts = []
    for name, figures in _evaluations(run.story):
        rows = [
            (
                label,
                f"{row['n']:,}",
                f"{row['precision']:.3f}",
                f"{row['recall']:.3f}",
                f"{row['f1']:.3f}",
            )
            for label, row in figures["per_class"].items()
        ]
        bars = {label: 100 * float(row["f1"]) for label, row in figures["per_class"].items()}
        section_charts.append(
            _chart(
                name,
                plots.bars(bars, "F1, %"),
                ("class", "n", "precision", "recall", "F1"),
                rows,
                _summary(figures),
            )
        )
    return Section(
        "classes",
        "Each class",
        "F1 of every class; the numbers stand below each chart.",
        tuple(section_charts),
    )


def _evaluations(
    story: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, figures in story.items():
        if isinstance(figures, Mapping):
            if isinstance(figures.get("per_class"), Mapping):
                yield f"{prefix}{name}", figures
            elif name not in ("per_class", "recipe"):
                yield from _evaluations(figures, f"{prefix}{name}: ")


def _summary(figures: Mapping[str, Any]) -> str:
    names = ("accuracy", "macro_f1", "macro_recall", "weighted_f1", "ece")
    return ", ".join(
        f"{name.replace('_', ' ')} {figures[name]:.3f}" for name in names if name in figures
    )


def _worst(part: str, predictions: Predictions) -> Section:
    """The wrong guesses that the model was surest of."""
    guesses, names = predictions.probabilities.argmax(-1), predictions.names
    wrong = np.flatnonzero(guesses != predictions.truth)
    order = wrong[np.argsort(-predictions.probabilities[wrong].max(-1), kind="stable")][:WORST]
    groups = tuple(
        Group(
            f"is {names[predictions.truth[row]]}, said {names[guesses[row]]}",
            f"{predictions.probabilities[row].max():.3f} sure",
            (_quote(predictions.texts[row]),),
        )
        for row in order
    )
    intro = f"{len(wrong):,} of {len(predictions.texts):,} are wrong; these it was surest of."
    return Section(f"worst-{part}", f"Most wrong: {part}", intro, groups=groups)


def _words(run: Run) -> Section:
    section_charts = []
    for label, counts in (run.words or _words_of(run.predictions)).items():
        known = {word: int(count) for word, count in counts.items()}
        if not known:
            continue
        top = dict(sorted(known.items(), key=lambda pair: -pair[1])[:ROWS])
        section_charts.append(
            Chart(
                f"{label}: word cloud",
                picture=plots.word_cloud(known),
                note=f"Most frequent: {', '.join(list(top)[:8])}.",
            )
        )
        rows = [(word, f"{count:,}") for word, count in top.items()]
        svg = plots.bars({word: float(count) for word, count in top.items()}, "texts with the word")
        section_charts.append(_chart(f"{label}: words", svg, ("word", "texts"), rows))
    return Section(
        "words",
        "Words of each class",
        "In how many of its texts a word stands.",
        tuple(section_charts),
    )


def _words_of(predictions: Mapping[str, Predictions]) -> dict[str, dict[str, int]]:
    """Words of the judged texts, for a run that has none of the texts it learnt from."""
    counts: dict[str, dict[str, int]] = {}
    for part in predictions.values():
        for row, name in enumerate(part.names):
            own = (
                words(text)
                for text, label in zip(part.texts, part.truth.tolist(), strict=True)
                if label == row
            )
            counts[name] = dict(texts_with(own).most_common(CLOUD))
    return counts


def _story(run: Run) -> Section:
    """The recipe, the data and the gate, as they were written."""
    groups = []
    for title, key in (("Recipe", "recipe"), ("Data", "data"), ("Versions", "versions")):
        section = run.story.get(key)
        if isinstance(section, Mapping):
            lines = tuple(
                f"{name} = {value}"
                for name, value in list(section.items())[:LONGEST]
                if value is not None
            )
            groups.append(Group(title, "", lines))
    release = run.story.get("release")
    gate = run.story.get("gate") or (release.get("gate") if isinstance(release, Mapping) else None)
    if isinstance(gate, list):
        groups.append(Group("Gate", "What the small model had to pass.", tuple(map(str, gate))))
    return Section("story", "How it was made", "", groups=tuple(groups))


def _chart(
    title: str, svg: str, head: Sequence[str], rows: Sequence[tuple[str, ...]], note: str = ""
) -> Chart:
    return Chart(title, Markup(svg), note=note, head=tuple(head), rows=tuple(rows))  # noqa: S704 (plots escape)


def _thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    return points[:: max(1, len(points) // LOSSES)]


def _quote(text: str) -> str:
    text = redact(text)
    return text if len(text) <= QUOTE else text[:QUOTE].rsplit(" ", 1)[0] + " …"

"""The page of a run: its sections, each a few charts with the numbers behind them."""

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
from models.training.lab.report.read import Run, Said
from models.training.lab.report.slices import slices_of

QUOTE = 280  # characters
WORST = 12
ROWS = 15
LOSSES = 40  # rows of the table of losses, about
CLOUD = 120  # words
LONGEST = 60  # lines of the recipe's table

_HERE = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader([_HERE, Path(plots.__file__).parent]),
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
    for part, said in run.said.items():
        told = scores(said.truth, said.probabilities, said.names)
        facts += [
            (f"{told['accuracy']:.3f}", f"accuracy, {part}"),
            (f"{told['macro_f1']:.3f}", f"macro-F1, {part}"),
            (f"{told['ece']:.3f}", f"calibration error, {part}"),
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
    for part, said in run.said.items():
        yield _part(part, said)
    yield _tables(run)
    for part, said in run.said.items():
        yield _worst(part, said)
    yield _words(run)
    yield _story(run)


def _curves(run: Run) -> Section:
    found = []
    if run.losses:
        found.append(
            _chart(
                "Loss",
                charts.curves({"loss": run.losses}, "step", "loss", smooth=True),
                ("step", "loss"),
                [(f"{step:,.0f}", f"{loss:.4f}") for step, loss in _thinned(run.losses)],
            )
        )
    for title, names in _alike(run.looks):
        some = {name.replace("_", " "): run.looks[name] for name in names}
        rows = [
            (name, f"{step:,.0f}", f"{value:.4f}")
            for name, points in some.items()
            for step, value in points
        ]
        found.append(
            _chart(
                title,
                charts.curves(some, "step", title.lower()),
                ("figure", "step", "value"),
                rows[-60:],
            )
        )
    return Section("curves", "How it learnt", "The log of the run, step by step.", tuple(found))


def _alike(looks: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Figures of one scale on one chart: shares together, every other by itself."""
    losses = [name for name in looks if name.startswith("loss")]
    if losses:
        yield "Loss of each head", losses
    looks = {name: points for name, points in looks.items() if name not in losses}
    shares = [
        name
        for name, points in looks.items()
        if "loss" not in name and all(0 <= value <= 1 for _, value in points)
    ]
    single = [name for name in shares if "." not in name]
    if single:
        yield "Validation", single
    for task in sorted({name.split(".")[1] for name in shares if name.count(".") >= 2}):
        yield f"Validation: {task}", [name for name in shares if f".{task}." in name]
    nearness = [name for name in shares if name.count(".") == 1]
    if nearness:
        yield "Validation: embedding", nearness
    for name in looks:
        if name not in shares:
            yield name.replace("_", " ").capitalize(), [name]


def _part(part: str, said: Said) -> Section:
    guesses = said.probabilities.argmax(-1)
    table = confusion(said.truth, guesses, len(said.names))
    sure, right = said.probabilities.max(-1), guesses == said.truth
    bins = charts.table_of(sure, right)
    found = [
        _chart(
            "Confusion",
            plots.heat_map(table, said.names, said.names, "what the model said", "what is so"),
            ("is", *said.names),
            [
                (name, *(f"{count:,}" for count in row))
                for name, row in zip(said.names, table, strict=True)
            ],
            "Texts in each cell; the colour is the share of the row.",
        ),
        _chart(
            "Reliability",
            charts.reliability(sure, right, part),
            ("mean probability", "share right", "texts"),
            [(f"{mean:.3f}", f"{share:.3f}", f"{count:,}") for mean, share, count in bins],
            f"Expected calibration error {calibration_error(said.truth, said.probabilities):.3f} (15 bins).",
        ),
    ]
    slices = {"all": list(range(len(said.texts))), **slices_of(said.texts)}
    rows = []
    for name, some in slices.items():
        told = scores(said.truth[some], said.probabilities[some], said.names)
        rows.append(
            (
                name,
                f"{told['n']:,}",
                f"{told['accuracy']:.3f}",
                f"{told['macro_f1']:.3f}",
                f"{told['ece']:.3f}",
            )
        )
    accuracies = {row[0]: 100 * float(row[2]) for row in rows}
    found.append(
        _chart(
            "Slices",
            plots.bars(accuracies, "accuracy, %"),
            ("slice", "n", "accuracy", "macro-F1", "ECE"),
            rows,
            "Found by what stands in the text; the signs of sarcasm are phrases, so only some of it is found.",
        )
    )
    title = part.capitalize() if part in ("validation", "test") else part
    return Section(f"part-{part}", title, f"{len(said.texts):,} texts.", tuple(found))


def _tables(run: Run) -> Section:
    """The per-class tables of every evaluation that the story tells of."""
    found = []
    for name, told in _evaluations(run.story):
        rows = [
            (
                label,
                f"{one['n']:,}",
                f"{one['precision']:.3f}",
                f"{one['recall']:.3f}",
                f"{one['f1']:.3f}",
            )
            for label, one in told["per_class"].items()
        ]
        bars = {label: 100 * float(one["f1"]) for label, one in told["per_class"].items()}
        found.append(
            _chart(
                name,
                plots.bars(bars, "F1, %"),
                ("class", "n", "precision", "recall", "F1"),
                rows,
                _summary(told),
            )
        )
    return Section(
        "classes",
        "Each class",
        "F1 of every class; the numbers stand below each chart.",
        tuple(found),
    )


def _evaluations(
    story: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, told in story.items():
        if isinstance(told, Mapping):
            if isinstance(told.get("per_class"), Mapping):
                yield f"{prefix}{name}", told
            elif name not in ("per_class", "recipe"):
                yield from _evaluations(told, f"{prefix}{name}: ")


def _summary(told: Mapping[str, Any]) -> str:
    shown = ("accuracy", "macro_f1", "macro_recall", "weighted_f1", "ece")
    return ", ".join(f"{name.replace('_', ' ')} {told[name]:.3f}" for name in shown if name in told)


def _worst(part: str, said: Said) -> Section:
    """What the model was surest of and wrong."""
    guesses = said.probabilities.argmax(-1)
    wrong = np.flatnonzero(guesses != said.truth)
    order = wrong[np.argsort(-said.probabilities[wrong].max(-1), kind="stable")][:WORST]
    groups = tuple(
        Group(
            f"is {said.names[said.truth[row]]}, said {said.names[guesses[row]]}",
            f"{said.probabilities[row].max():.3f} sure",
            (_quote(said.texts[row]),),
        )
        for row in order
    )
    intro = f"{len(wrong):,} of {len(said.texts):,} are wrong; these it was surest of."
    return Section(f"worst-{part}", f"Most wrong: {part}", intro, groups=groups)


def _words(run: Run) -> Section:
    found = []
    for label, counts in (run.words or _words_of(run.said)).items():
        known = {word: int(count) for word, count in counts.items()}
        if not known:
            continue
        top = dict(sorted(known.items(), key=lambda one: -one[1])[:ROWS])
        found.append(
            Chart(
                f"{label}: word cloud",
                picture=plots.word_cloud(known),
                note=f"Most frequent: {', '.join(list(top)[:8])}.",
            )
        )
        rows = [(word, f"{count:,}") for word, count in top.items()]
        svg = plots.bars({word: float(count) for word, count in top.items()}, "texts with the word")
        found.append(_chart(f"{label}: words", svg, ("word", "texts"), rows))
    return Section(
        "words", "Words of each class", "In how many of its texts a word stands.", tuple(found)
    )


def _words_of(said: Mapping[str, Said]) -> dict[str, dict[str, int]]:
    """Of the texts that were judged, where the run kept none of those it learnt from."""
    counts: dict[str, dict[str, int]] = {}
    for one in said.values():
        for row, name in enumerate(one.names):
            own = (
                words(text)
                for text, label in zip(one.texts, one.truth.tolist(), strict=True)
                if label == row
            )
            counts[name] = dict(texts_with(own).most_common(CLOUD))
    return counts


def _story(run: Run) -> Section:
    """The recipe, the data and the gate, as they were written."""
    groups = []
    for title, key in (("Recipe", "recipe"), ("Data", "data"), ("Versions", "versions")):
        told = run.story.get(key)
        if isinstance(told, Mapping):
            lines = tuple(
                f"{name} = {value}"
                for name, value in list(told.items())[:LONGEST]
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

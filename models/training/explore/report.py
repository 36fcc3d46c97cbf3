"""Page of explored texts: sections of charts, the numbers behind them, and redacted quotes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from numpy.typing import NDArray

from models.log_odds import WordOdds
from models.training.explore import plots
from models.training.explore.texts import ExploredText, with_embedding
from models.training.explore.themes import find_themes, near_duplicates
from models.training.explore.words import CERTAIN, log_odds, pairs, texts_with

QUOTE = 260  # characters
ROWS = 12  # of a chart
FEWEST = 10  # texts of a group whose words are compared
SEVERITIES = ("0 none", "1 mild", "2", "3", "4 blame")
SENTIMENTS = ("negative", "neutral", "positive")
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Chart:
    """svg: from plots, where every text is escaped; or picture, a data address.

    rows: the numbers behind it.
    """

    title: str
    svg: Markup = field(default_factory=Markup)
    picture: str = ""
    note: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Group:
    """Texts that belong together, as quotes."""

    title: str
    note: str
    quotes: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    id: str
    title: str
    intro: str
    charts: tuple[Chart, ...] = ()
    groups: tuple[Group, ...] = ()


@dataclass(frozen=True)
class Source:
    """The file of the texts. kind: `complaint` or `call`. labels: its columns with labels."""

    name: str
    kind: str
    model: str
    left_out: int = 0
    labels: tuple[str, ...] = ()


def page(texts: Sequence[ExploredText], source: Source) -> str:
    """The whole page as HTML. texts: not empty."""
    sections = [section for section in _sections(texts, source) if section.charts or section.groups]
    return _TEMPLATES.get_template("page.html").render(
        source=source,
        count=len(texts),
        facts=_facts(texts, source),
        sections=sections,
    )


def _facts(texts: Sequence[ExploredText], source: Source) -> list[tuple[str, str]]:
    """The figures on top of the page: (figure, what it is)."""
    facts = [(f"{len(texts):,}", f"{source.kind}s"), *_period(texts)]
    indices = [text.index for text in texts if text.index is not None]
    if indices:
        facts.append((f"{np.mean(indices):.0f}", "mean dissatisfaction, of 100"))
        facts.append((f"{np.mean([index >= 70 for index in indices]):.0%}", "at 70 or more"))
    outcomes = Counter(text.outcome for text in texts if text.outcome)
    if outcomes:
        outcome, count = outcomes.most_common(1)[0]
        facts.append((f"{count / outcomes.total():.0%}", f"outcome {outcome}"))
    facts.append((f"{np.median([_length(text) for text in texts]):.0f}", "words, the median"))
    return facts


def _period(texts: Sequence[ExploredText]) -> list[tuple[str, str]]:
    days = sorted(text.when.date() for text in texts if text.when)
    if not days or days[0] == days[-1]:
        return []
    return [(f"{days[0]:%-d %b %Y} to {days[-1]:%-d %b %Y}", "from first to last")]


def _sections(texts: Sequence[ExploredText], source: Source) -> Iterator[Section]:
    yield _themes(texts, source)
    yield _about(texts, source)
    yield _words(texts, source)
    yield _dissatisfaction(texts, source)
    yield from _contrasts(texts, source)
    yield _outcomes(texts, source)
    yield _duplicates(texts, source)
    yield _shape(texts, source)


def _themes(texts: Sequence[ExploredText], source: Source) -> Section:
    known = list(with_embedding(texts))
    themes = find_themes(
        np.array([vector for _, vector in known]), [text.words for text, _ in known]
    )
    names = [
        " · ".join(theme.words[:3]) or f"theme {number}" for number, theme in enumerate(themes, 1)
    ]
    members = [[known[row][0] for row in theme.members] for theme in themes]
    sizes = {
        name: float(len(theme_texts)) for name, theme_texts in zip(names, members, strict=True)
    }
    groups = tuple(
        Group(
            title=name,
            note=f"{len(theme_texts):,} {source.kind}s{_mean_index(theme_texts)}."
            f" Its words: {', '.join(theme.words)}.",
            quotes=tuple(_quote(text) for text in theme_texts[:3]),
        )
        for name, theme_texts, theme in zip(names, members, themes, strict=True)
    )
    chart = (_bars("Size of the themes", sizes, f"{source.kind}s"),) if themes else ()
    return Section(
        "themes",
        "Themes",
        "Groups of texts that mean alike, found without any labels; each is named by the words that"
        " tell it from the rest, and shown by its most typical texts.",
        chart,
        groups,
    )


def _about(texts: Sequence[ExploredText], source: Source) -> Section:
    charts = []
    for title, labels in (
        ("Topics", [text.topic for text in texts]),
        ("Problems", [text.problem for text in texts]),
        ("Brands", [text.brand for text in texts]),
        ("Outcomes", [text.outcome for text in texts]),
        ("Sentiment", [text.sentiment for text in texts]),
    ):
        counts = Counter(label for label in labels if label)
        if len(counts) > 1:
            charts.append(
                _bars(
                    title,
                    dict(counts.most_common(ROWS)),
                    f"{source.kind}s",
                    note=_label_source(title, source),
                )
            )
    return Section("about", "What they are about", "How often each label comes.", tuple(charts))


def _words(texts: Sequence[ExploredText], source: Source) -> Section:
    singles = texts_with(text.words for text in texts)
    doubles = texts_with(pairs(text.words) for text in texts)
    charts = []
    if singles:
        frequent = ", ".join(word for word, _ in singles.most_common(ROWS))
        charts.append(
            Chart(
                "Word cloud",
                picture=plots.word_cloud(dict(singles.most_common(120))),
                note=f"Most frequent: {frequent}.",
            )
        )
        charts.append(
            _bars("Words", dict(singles.most_common(ROWS)), f"{source.kind}s with the word")
        )
    if doubles:
        common = {pair: count for pair, count in doubles.most_common(ROWS) if count > 1}
        if common:
            charts.append(_bars("Pairs of words", common, f"{source.kind}s with the pair"))
    return Section(
        "words",
        "Words",
        f"In how many {source.kind}s a word stands; saying it ten times counts once.",
        tuple(charts),
    )


def _dissatisfaction(texts: Sequence[ExploredText], source: Source) -> Section:
    indices = [text.index for text in texts if text.index is not None]
    if not indices:
        return Section("dissatisfaction", "Dissatisfaction", "")
    counts, edges = np.histogram(indices, bins=np.arange(0, 101, 10))
    rows = tuple(
        (f"{low:.0f} to {low + 10:.0f}", f"{count:,}")
        for low, count in zip(edges, counts, strict=False)
    )
    charts = [
        Chart(
            "Distribution",
            _svg(
                plots.histogram(
                    indices, list(edges), "dissatisfaction index, 0 content to 100 furious"
                )
            ),
            note=_label_source("Dissatisfaction", source),
            head=("index", f"{source.kind}s"),
            rows=rows,
        )
    ]
    for title, labels in (
        ("Problem", [text.problem for text in texts]),
        ("Topic", [text.topic for text in texts]),
    ):
        chart = _heat(title, labels, [text.severity for text in texts], source)
        if chart:
            charts.append(chart)
    charts += _over_time(texts, source)
    return Section(
        "dissatisfaction", "Dissatisfaction", "How angry they are, and about what.", tuple(charts)
    )


def _heat(
    title: str, labels: Sequence[str | None], severities: Sequence[int | None], source: Source
) -> Chart | None:
    both = [
        (label, severity)
        for label, severity in zip(labels, severities, strict=True)
        if label and severity is not None
    ]
    names = [name for name, _ in Counter(label for label, _ in both).most_common(ROWS)]
    if len(names) < 2:
        return None
    counts = Counter(both)
    table = np.array([[counts[name, severity] for severity in range(5)] for name in names])
    svg = plots.heat_map(table, names, SEVERITIES, "severity", title.lower())
    return Chart(
        f"{title} by severity",
        _svg(svg),
        note=f"{source.kind.capitalize()}s in each cell; the colour is the share of the row.",
        head=(title.lower(), *SEVERITIES),
        rows=_counted_rows(names, table),
    )


def _over_time(texts: Sequence[ExploredText], source: Source) -> list[Chart]:
    days = sorted(text.when.date() for text in texts if text.when)
    if not days or (days[-1] - days[0]).days < 3:
        return []
    step = 1 if (days[-1] - days[0]).days <= 62 else 7
    counts = Counter(days[0] + timedelta((day - days[0]).days // step * step) for day in days)
    every: list[date] = [
        days[0] + timedelta(n) for n in range(0, (days[-1] - days[0]).days + 1, step)
    ]
    side = f"{source.kind}s a {'day' if step == 1 else 'week'}"
    svg = plots.line(every, [float(counts[day]) for day in every], "date", side)
    return [
        Chart(
            "Over time",
            _svg(svg),
            head=("from", side),
            rows=tuple((str(day), f"{counts[day]:,}") for day in every),
        )
    ]


def _contrasts(texts: Sequence[ExploredText], source: Source) -> Iterator[Section]:
    """The words of one group against another's: outcomes, sentiments, severities."""
    charts: list[Chart | None] = []
    by_outcome = _by(texts, lambda text: text.outcome)
    usual = sorted(by_outcome, key=lambda name: -len(by_outcome[name]))[:2]
    if len(usual) == 2:
        first, second = usual
        charts.append(_contrast(second, by_outcome[second], first, by_outcome[first]))
    furious = [text for text in texts if text.index is not None and text.index >= 70]
    calm = [text for text in texts if text.index is not None and text.index < 40]
    charts.append(_contrast("most dissatisfied (70 and more)", furious, "least (below 40)", calm))
    by_sentiment = _by(texts, lambda text: text.sentiment)
    negative, positive = (by_sentiment.get(name, []) for name in ("negative", "positive"))
    charts.append(_contrast("negative", negative, "positive", positive))
    yield Section(
        "contrasts",
        "Words that tell groups apart",
        "Log-odds ratios with an informative Dirichlet prior (Monroe, Colaresi & Quinn, 2008),"
        f" in standard deviations: words beyond {CERTAIN} are unlikely to be chance, one at a"
        " time.",
        tuple(chart for chart in charts if chart),
    )


def _by(
    texts: Sequence[ExploredText], label_of: Callable[[ExploredText], str | None]
) -> dict[str, list[ExploredText]]:
    """The texts that have a label, by it."""
    groups: dict[str, list[ExploredText]] = {}
    for text in texts:
        label = label_of(text)
        if label:
            groups.setdefault(label, []).append(text)
    return groups


def _contrast(
    left: str, texts: Sequence[ExploredText], right: str, rest: Sequence[ExploredText]
) -> Chart | None:
    if min(len(texts), len(rest)) < FEWEST:
        return None
    inside = texts_with(text.words for text in texts)
    outside = texts_with(text.words for text in rest)
    words = _extremes(log_odds(inside, outside))
    if not words:
        return None
    values = [(word.word, word.z) for word in words]
    svg = plots.two_sided(values, right, left, "log-odds ratio, in standard deviations")
    return Chart(
        f"{left} ({len(texts):,}) against {right} ({len(rest):,})",
        _svg(svg),
        head=("word", left, right, "log-odds", "z"),
        rows=tuple(_odds_row(word) for word in words),
    )


def _extremes(ranked: Sequence[WordOdds]) -> list[WordOdds]:
    """The ten most certain words of either side. ranked: those of the left side first."""
    left = [word for word in ranked if word.z > CERTAIN]
    right = [word for word in ranked if word.z < -CERTAIN]
    return [*left[:10], *right[-10:]]


def _odds_row(word: WordOdds) -> tuple[str, ...]:
    counts = f"{word.inside:,}", f"{word.outside:,}"
    return word.word, *counts, f"{word.odds:+.2f}", f"{word.z:+.1f}"


def _outcomes(texts: Sequence[ExploredText], source: Source) -> Section:
    counts = Counter(
        (text.outcome, text.sentiment) for text in texts if text.outcome and text.sentiment
    )
    totals: Counter[str] = Counter()
    for (outcome, _), count in counts.items():
        totals[str(outcome)] += count
    rows = [name for name, _ in totals.most_common(ROWS)]
    sentiments = {str(sentiment) for _, sentiment in counts}
    columns = sorted(sentiments, key=_sentiment_order)
    if len(rows) < 2 or len(columns) < 2:
        return Section("outcomes", "Outcome by sentiment", "")
    table = np.array([[counts[row, column] for column in columns] for row in rows])
    chart = Chart(
        "Outcome by sentiment",
        _svg(plots.heat_map(table, rows, columns, "sentiment", "outcome")),
        note=_label_source("Outcomes", source),
        head=("outcome", *columns),
        rows=_counted_rows(rows, table),
    )
    intro = "Does an open end leave people unhappy?"
    return Section("outcomes", "Outcome by sentiment", intro, (chart,))


def _sentiment_order(name: str) -> tuple[int, str]:
    known = name in SENTIMENTS
    return (SENTIMENTS.index(name) if known else len(SENTIMENTS)), name


def _counted_rows(names: Sequence[str], table: NDArray[np.int64]) -> tuple[tuple[str, ...], ...]:
    rows: list[tuple[str, ...]] = []
    for name, counts in zip(names, table, strict=True):
        rows.append((name, *(f"{count:,}" for count in counts)))
    return tuple(rows)


def _duplicates(texts: Sequence[ExploredText], source: Source) -> Section:
    known = list(with_embedding(texts))
    if not known:
        return Section("duplicates", "Nearly the same", "")
    groups = near_duplicates(
        np.array([vector for _, vector in known]), [text.words for text, _ in known]
    )
    again = sum(len(group) - 1 for group in groups)
    return Section(
        "duplicates",
        "Nearly the same",
        f"{again:,} of {len(texts):,} say again, in nearly the same words, what another says"
        f" ({len(groups):,} groups).",
        groups=tuple(
            Group(f"{len(group):,} times", "", tuple(_quote(known[row][0]) for row in group[:2]))
            for group in groups[:5]
        ),
    )


def _shape(texts: Sequence[ExploredText], source: Source) -> Section:
    lengths = [max(_length(text), 1) for text in texts]
    top = max(max(lengths), 10)
    edges = [float(edge) for edge in np.unique(np.geomspace(1, top + 1, 24).round(1))]
    quarters = np.percentile(lengths, (5, 25, 50, 75, 95))
    languages = Counter(text.language for text in texts)
    charts = [
        Chart(
            "Length",
            _svg(
                plots.histogram(
                    [float(length) for length in lengths],
                    edges,
                    "words in a text (log scale)",
                    log=True,
                )
            ),
            head=("share of texts", "have at most so many words"),
            rows=tuple(
                (f"{share} %", f"{value:,.0f}")
                for share, value in zip((5, 25, 50, 75, 95), quarters, strict=True)
            ),
        ),
        _bars(
            "Languages",
            dict(languages.most_common(ROWS)),
            f"{source.kind}s",
            note="und: too short or too mixed to tell.",
        ),
    ]
    return Section("shape", "Length and language", "", tuple(charts))


def _svg(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 (plots escape what they write)


def _bars(title: str, counts: Mapping[str, float], axis: str, note: str = "") -> Chart:
    return Chart(
        title,
        _svg(plots.bars(counts, axis)),
        note=note,
        head=(title.lower(), axis),
        rows=tuple((name, f"{value:,.0f}") for name, value in counts.items()),
    )


def _label_source(title: str, source: Source) -> str:
    column = {"Topics": "topic", "Problems": "problem", "Outcomes": "outcome"}.get(
        title, title.lower()
    )
    if column in source.labels:
        return "As the file says."
    if column in ("topic", "problem", "sentiment", "dissatisfaction", "outcome"):
        return f"As the model says ({source.model})."
    return ""


def _mean_index(texts: Sequence[ExploredText]) -> str:
    indices = [text.index for text in texts if text.index is not None]
    return f", mean dissatisfaction {np.mean(indices):.0f}" if indices else ""


def _length(text: ExploredText) -> int:
    return len(text.text.split())


def _quote(text: ExploredText) -> str:
    if len(text.text) <= QUOTE:
        return text.text
    return text.text[:QUOTE].rsplit(" ", 1)[0] + " …"

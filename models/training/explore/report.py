"""The page: its sections, each a few charts with the numbers behind them and redacted quotes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from models.training.explore import plots
from models.training.explore.texts import Understood, with_embedding
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
    """svg: made by plots, where every text is escaped; or picture, a data address. rows: the
    numbers behind it.
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
    """What was read. kind: what one text is called, `complaint` or `call`. labels: the columns that
    the file gave.
    """

    name: str
    kind: str
    model: str
    left_out: int = 0
    labels: tuple[str, ...] = ()


def page(texts: Sequence[Understood], source: Source) -> str:
    """The whole page as HTML. texts: not empty."""
    sections = [section for section in _sections(texts, source) if section.charts or section.groups]
    return _TEMPLATES.get_template("page.html").render(
        source=source,
        count=len(texts),
        facts=_facts(texts, source),
        sections=sections,
    )


def _facts(texts: Sequence[Understood], source: Source) -> list[tuple[str, str]]:
    """The figures on top of the page: (figure, what it is)."""
    facts = [(f"{len(texts):,}", f"{source.kind}s")]
    days = sorted(one.when.date() for one in texts if one.when)
    if days and days[0] != days[-1]:
        facts.append((f"{days[0]:%-d %b %Y} to {days[-1]:%-d %b %Y}", "from first to last"))
    indices = [one.index for one in texts if one.index is not None]
    if indices:
        facts.append((f"{np.mean(indices):.0f}", "mean dissatisfaction, of 100"))
        facts.append((f"{np.mean([index >= 70 for index in indices]):.0%}", "at 70 or more"))
    if any(one.outcome for one in texts):
        most, count = Counter(one.outcome for one in texts if one.outcome).most_common(1)[0]
        facts.append((f"{count / sum(1 for one in texts if one.outcome):.0%}", f"outcome {most}"))
    facts.append((f"{np.median([_length(one) for one in texts]):.0f}", "words, the median"))
    return facts


def _sections(texts: Sequence[Understood], source: Source) -> Iterator[Section]:
    yield _themes(texts, source)
    yield _about(texts, source)
    yield _words(texts, source)
    yield _dissatisfaction(texts, source)
    yield from _contrasts(texts, source)
    yield _outcomes(texts)
    yield _duplicates(texts, source)
    yield _shape(texts, source)


def _themes(texts: Sequence[Understood], source: Source) -> Section:
    known = list(with_embedding(texts))
    themes = find_themes(np.array([vector for _, vector in known]), [one.words for one, _ in known])
    names = [
        " · ".join(theme.words[:3]) or f"theme {number}" for number, theme in enumerate(themes, 1)
    ]
    members = [[known[row][0] for row in theme.members] for theme in themes]
    sizes = {name: float(len(some)) for name, some in zip(names, members, strict=True)}
    groups = tuple(
        Group(
            title=name,
            note=f"{len(some):,} {source.kind}s{_mean_index(some)}. Its words: {', '.join(theme.words)}.",
            quotes=tuple(_quote(one) for one in some[:3]),
        )
        for name, some, theme in zip(names, members, themes, strict=True)
    )
    chart = (_bars("Size of the themes", sizes, f"{source.kind}s"),) if themes else ()
    return Section(
        "themes",
        "Themes",
        "Groups of texts that mean alike, found without any labels; each is named by the words that tell it from the"
        " rest, and shown by its most typical texts.",
        chart,
        groups,
    )


def _about(texts: Sequence[Understood], source: Source) -> Section:
    charts = []
    for title, labels in (
        ("Topics", [one.topic for one in texts]),
        ("Problems", [one.problem for one in texts]),
        ("Brands", [one.brand for one in texts]),
        ("Outcomes", [one.outcome for one in texts]),
        ("Sentiment", [one.sentiment for one in texts]),
    ):
        counts = Counter(label for label in labels if label)
        if len(counts) > 1:
            charts.append(
                _bars(
                    title,
                    dict(counts.most_common(ROWS)),
                    f"{source.kind}s",
                    note=_whose(title, source),
                )
            )
    return Section("about", "What they are about", "How often each label comes.", tuple(charts))


def _words(texts: Sequence[Understood], source: Source) -> Section:
    singles = texts_with(one.words for one in texts)
    doubles = texts_with(pairs(one.words) for one in texts)
    charts = []
    if singles:
        told = ", ".join(word for word, _ in singles.most_common(ROWS))
        charts.append(
            Chart(
                "Word cloud",
                picture=plots.word_cloud(dict(singles.most_common(120))),
                note=f"Most frequent: {told}.",
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


def _dissatisfaction(texts: Sequence[Understood], source: Source) -> Section:
    indices = [one.index for one in texts if one.index is not None]
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
            _drawn(
                plots.histogram(
                    indices, list(edges), "dissatisfaction index, 0 content to 100 furious"
                )
            ),
            note=_whose("Dissatisfaction", source),
            head=("index", f"{source.kind}s"),
            rows=rows,
        )
    ]
    for title, labels in (
        ("Problem", [one.problem for one in texts]),
        ("Topic", [one.topic for one in texts]),
    ):
        if chart := _heat(title, labels, [one.severity for one in texts], source):
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
        _drawn(svg),
        note=f"{source.kind.capitalize()}s in each cell; the colour is the share of the row.",
        head=(title.lower(), *SEVERITIES),
        rows=tuple(
            (name, *(f"{count:,}" for count in row)) for name, row in zip(names, table, strict=True)
        ),
    )


def _over_time(texts: Sequence[Understood], source: Source) -> list[Chart]:
    days = sorted(one.when.date() for one in texts if one.when)
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
            _drawn(svg),
            head=("from", side),
            rows=tuple((str(day), f"{counts[day]:,}") for day in every),
        )
    ]


def _contrasts(texts: Sequence[Understood], source: Source) -> Iterator[Section]:
    """The words of one group against another's: outcomes, sentiments, severities."""
    charts = []
    outcomes = [
        name for name, _ in Counter(one.outcome for one in texts if one.outcome).most_common(2)
    ]
    if len(outcomes) == 2:
        charts.append(
            _contrast(
                outcomes[1],
                [one for one in texts if one.outcome == outcomes[1]],
                outcomes[0],
                [one for one in texts if one.outcome == outcomes[0]],
            )
        )
    charts.append(
        _contrast(
            "most dissatisfied (70 and more)",
            [one for one in texts if one.index is not None and one.index >= 70],
            "least (below 40)",
            [one for one in texts if one.index is not None and one.index < 40],
        )
    )
    charts.append(
        _contrast(
            "negative",
            [one for one in texts if one.sentiment == "negative"],
            "positive",
            [one for one in texts if one.sentiment == "positive"],
        )
    )
    shown = tuple(chart for chart in charts if chart)
    yield Section(
        "contrasts",
        "Words that tell groups apart",
        "Log-odds ratios with an informative Dirichlet prior (Monroe, Colaresi & Quinn, 2008), in standard deviations:"
        f" words beyond {CERTAIN} are unlikely to be chance, one at a time.",
        shown,
    )


def _contrast(
    left: str, these: Sequence[Understood], right: str, those: Sequence[Understood]
) -> Chart | None:
    if min(len(these), len(those)) < FEWEST:
        return None
    told = log_odds(texts_with(one.words for one in these), texts_with(one.words for one in those))
    told = [one for one in told if abs(one.z) > CERTAIN]
    ends = [*[one for one in told if one.z > 0][:10], *[one for one in told if one.z < 0][-10:]]
    if not ends:
        return None
    svg = plots.two_sided(
        [(one.word, one.z) for one in ends], right, left, "log-odds ratio, in standard deviations"
    )
    return Chart(
        f"{left} ({len(these):,}) against {right} ({len(those):,})",
        _drawn(svg),
        head=("word", left, right, "log-odds", "z"),
        rows=tuple(
            (one.word, f"{one.inside:,}", f"{one.outside:,}", f"{one.odds:+.2f}", f"{one.z:+.1f}")
            for one in ends
        ),
    )


def _outcomes(texts: Sequence[Understood]) -> Section:
    both = [(one.outcome, one.sentiment) for one in texts if one.outcome and one.sentiment]
    counts = Counter(both)
    rows = [name for name, _ in Counter(outcome for outcome, _ in both).most_common(ROWS)]
    here = {sentiment for _, sentiment in both}
    columns = [name for name in SENTIMENTS if name in here] + sorted(here - set(SENTIMENTS))
    if len(rows) < 2 or len(columns) < 2:
        return Section("outcomes", "Outcome by sentiment", "")
    table = np.array([[counts[row, column] for column in columns] for row in rows])
    chart = Chart(
        "Outcome by sentiment",
        _drawn(plots.heat_map(table, rows, columns, "sentiment", "outcome")),
        head=("outcome", *columns),
        rows=tuple(
            (name, *(f"{count:,}" for count in row)) for name, row in zip(rows, table, strict=True)
        ),
    )
    return Section(
        "outcomes", "Outcome by sentiment", "Does an open end leave people unhappy?", (chart,)
    )


def _duplicates(texts: Sequence[Understood], source: Source) -> Section:
    known = list(with_embedding(texts))
    if not known:
        return Section("duplicates", "Nearly the same", "")
    groups = near_duplicates(
        np.array([vector for _, vector in known]), [one.words for one, _ in known]
    )
    again = sum(len(group) - 1 for group in groups)
    return Section(
        "duplicates",
        "Nearly the same",
        f"{again:,} of {len(texts):,} say again, in nearly the same words, what another says ({len(groups):,} groups).",
        groups=tuple(
            Group(f"{len(group):,} times", "", tuple(_quote(known[row][0]) for row in group[:2]))
            for group in groups[:5]
        ),
    )


def _shape(texts: Sequence[Understood], source: Source) -> Section:
    lengths = [max(_length(one), 1) for one in texts]
    top = max(max(lengths), 10)
    edges = [float(edge) for edge in np.unique(np.geomspace(1, top + 1, 24).round(1))]
    quarters = np.percentile(lengths, (5, 25, 50, 75, 95))
    languages = Counter(one.language for one in texts)
    charts = [
        Chart(
            "Length",
            _drawn(
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


def _drawn(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 (plots escape what they write)


def _bars(title: str, counts: Mapping[str, float], axis: str, note: str = "") -> Chart:
    return Chart(
        title,
        _drawn(plots.bars(counts, axis)),
        note=note,
        head=(title.lower(), axis),
        rows=tuple((name, f"{value:,.0f}") for name, value in counts.items()),
    )


def _whose(title: str, source: Source) -> str:
    column = {"Topics": "topic", "Problems": "problem", "Outcomes": "outcome"}.get(
        title, title.lower()
    )
    if column in source.labels:
        return "As the file says."
    return (
        f"As the model says ({source.model})."
        if column in ("topic", "problem", "sentiment", "dissatisfaction")
        else ""
    )


def _mean_index(texts: Sequence[Understood]) -> str:
    indices = [one.index for one in texts if one.index is not None]
    return f", mean dissatisfaction {np.mean(indices):.0f}" if indices else ""


def _length(one: Understood) -> int:
    return len(one.text.split())


def _quote(one: Understood) -> str:
    return one.text if len(one.text) <= QUOTE else one.text[:QUOTE].rsplit(" ", 1)[0] + " …"

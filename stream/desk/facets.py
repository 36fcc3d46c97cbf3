"""Counts beside the choices of the queue's filters, from groups of tickets that are alike.

The groups are the same whatever is chosen, so that another choice counts without the database.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stream.desk.filters import CHOICES, LATE, OPEN, SETTLED_LATELY, Conditions, Filter, choices_of
from stream.store.listing import OUT_OF_QUEUE

Facets = dict[str, dict[str, int]]
_CLOCK, _LANE = "late", "unread"  # the one value that each of these choices has
_VALUES = {name: f"t.{name}" for name in ("brand", "network", "topic", "level", "state")} | {
    "owner": "coalesce(t.owner, '')",
    "clock": f"case when {LATE} then '{_CLOCK}' end",
    "lane": f"case when t.unread_language is not null then '{_LANE}' end",
}
_NAMES = tuple(CHOICES)
_ALIKE = """
    select {values}, {is_open} as is_open, {lately} as lately, count(*)::int as n
    from tickets t where ({domain}) and {always}
    group by {numbers}
"""


@dataclass(frozen=True, slots=True)
class Alike:
    """So many tickets with the same value of every choice, in the order of CHOICES; None: none."""

    values: tuple[str | None, ...]
    is_open: bool
    lately: bool  # settled by the customer in the last days
    n: int


def groups_of(filter: Filter, sql: Conditions) -> str:
    """The query of the groups, in SQL over `tickets t`. Rows are as `Alike` has its fields."""
    domain = f"{SETTLED_LATELY} or {OPEN}"
    if filter.searches:
        domain = "true"
    elif filter.state in OUT_OF_QUEUE:
        domain += " or t.state = :state"
    return _ALIKE.format(
        values=", ".join(f"{_VALUES[name]} as {name}" for name in _NAMES),
        is_open=OPEN,
        lately=SETTLED_LATELY,
        domain=domain,
        always=" and ".join(sql.always) or "true",
        numbers=", ".join(str(number) for number in range(1, len(_NAMES) + 3)),
    )


def alike(rows: Iterable[Any]) -> list[Alike]:
    return [Alike(tuple(row[: len(_NAMES)]), *row[len(_NAMES) :]) for row in rows]


def count(groups: Iterable[Alike], filter: Filter) -> Facets:
    """The choices of each filter, with how many tickets each would show beside the others.

    A ticket counts in every facet when it fits the filter, and in one alone when it fails nothing
    but its condition. `all`: how many the filter as it is shows.
    """
    choices = choices_of(filter)
    places = [(at, choices[name]) for at, name in enumerate(_NAMES) if name in choices]
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group in groups:
        misses = [at for at, value in places if group.values[at] != value]
        if len(misses) <= 1:
            for name, value in _counting(group, filter, misses or range(len(_NAMES))):
                counts[name][value] += group.n
        if not misses and _is_shown(group, filter):
            counts["all"]["found"] += group.n
    return {name: _in_order(counts[name]) for name in sorted(counts)}


def _counting(group: Alike, filter: Filter, places: Iterable[int]) -> Iterator[tuple[str, str]]:
    """The choices, with the group's value, beside which it counts: of what was settled in the last
    days, the state alone.
    """
    is_shown = _is_shown(group, filter)
    for at in places:
        name, value = _NAMES[at], group.values[at]
        if value is not None and (is_shown or (group.lately and name == "state")):
            yield name, value


def _is_shown(group: Alike, filter: Filter) -> bool:
    """Whether a queue with this filter is about tickets of that state."""
    if filter.searches or group.is_open:
        return True
    if filter.state == "settled":
        return group.lately
    return filter.state in OUT_OF_QUEUE and group.values[_NAMES.index("state")] == filter.state


def _in_order(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

"""Filter of tickets, and the conditions that it comes to in SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from stream.desk.search import Search, Term, Words, parse, slips
from stream.postgres.database import storable
from stream.store.listing import OUT_OF_QUEUE

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which tickets to show. Empty: all. owner "": nobody's. late: past the promised time.
    unread: in a language that no model reads.

    text: a search, as `stream.desk.search` reads it; over tickets in all states. brands: those that
    the person is bound to, on top of the choices brand; None: all. me: who `is:mine` means.
    """

    brand: str | None = None
    network: str | None = None
    topic: str | None = None
    level: str | None = None
    state: str | None = None
    owner: str | None = None
    tag: str | None = None
    text: str | None = None
    late: bool = False
    unread: bool = False
    brands: frozenset[str] | None = None
    me: str | None = None

    @property
    def searches(self) -> bool:
        return bool(self.text and self.text.strip())

    def search(self) -> Search:
        """Raises BadSearch."""
        return parse(self.text or "", datetime.now(UTC))


OPEN = """(
    t.state not in ('resolved', 'settled')
    and not (t.state = 'snoozed' and t.snoozed_until > now())
)"""
LATE = f"(t.answered_at is null and t.sla_due_at < now() and {OPEN})"
SETTLED_LATELY = "(t.state = 'settled' and t.updated_at > now() - interval '7 days')"

# The choices of a filter that are counted, part with its condition.
CHOICES = {
    "brand": "t.brand = :brand",
    "network": "t.network = :network",
    "topic": "t.topic = :topic",
    "level": "t.level = :level",
    "state": "t.state = :state",
    "owner": "coalesce(t.owner, '') = :owner",
    "clock": LATE,
    "lane": "t.unread_language is not null",
}
_FIELDS = {"clock": "late", "lane": "unread"}  # of the filter, where the choice has another name
_IS = {
    "open": OPEN,
    "snoozed": "(t.state = 'snoozed' and t.snoozed_until > now())",
    "late": LATE,
    "unread": "t.unread_language is not null",
    "mine": "t.owner = :me",
    "unassigned": "t.owner is null",
} | {state: f"t.state = '{state}'" for state in ("new", "waiting", "resolved", "settled")}
_HAS = {
    "incident": """exists (select from incident_tickets i
        where i.ticket_id = t.id and i.state = 'joined')""",
    "link": """exists (select from events e
        where e.conversation = split_part(t.id, ' ', 1) and e.direction = 'inbound'
          and coalesce(e.brand, t.brand) is not distinct from t.brand
          and e.text ~* '(https?://|www[.])[a-z0-9]')""",
    "note": "t.notes <> '[]'",
    "draft": "exists (select from replies r where r.ticket_id = t.id and r.state = 'draft')",
    "picture": """exists (select from replies r where r.ticket_id = t.id
        and r.state <> 'discarded' and jsonb_array_length(r.pictures) > 0)""",
}
_BEGINS = "exists (select from unnest(cast({} as text[])) as typed where {})"
_TERMS: dict[str, Callable[[str], str]] = {
    "author": lambda at: f"lower(t.author) = any(cast({at} as text[]))",
    "brand": lambda at: _BEGINS.format(at, "starts_with(lower(t.brand), typed)"),
    "topic": lambda at: _BEGINS.format(
        at, "starts_with(lower(t.topic), typed) or starts_with(lower(t.problem), typed)"
    ),
    "level": lambda at: f"lower(t.level) = any(cast({at} as text[]))",
    "tag": lambda at: f"t.tags && cast({at} as text[])",
    "network": lambda at: f"lower(t.network) = any(cast({at} as text[]))",
    "owner": lambda at: f"lower(t.owner) = any(cast({at} as text[]))",
    "since": lambda at: f"t.last_inbound_at >= cast({at} as timestamptz)",
    "until": lambda at: f"t.first_at < cast({at} as timestamptz)",
    "before": lambda at: f"t.first_at < cast({at} as timestamptz)",
}


@dataclass(frozen=True, slots=True)
class Conditions:
    """A filter in SQL over `tickets t`. choices: of those in CHOICES that are set, by name;
    always: the rest. values: their parameters.
    """

    choices: dict[str, str]
    always: list[str]
    values: Values

    @property
    def where(self) -> str:
        return " and ".join([*self.choices.values(), *self.always]) or "true"


def choices_of(filter: Filter) -> dict[str, str]:
    """The choices that are set, with their values as they are stored; of a flag: its name."""
    values: dict[str, str] = {}
    for name in CHOICES:
        field = _FIELDS.get(name, name)
        value = getattr(filter, field)
        if value is True:
            values[name] = field
        elif value not in (None, False):
            values[name] = storable(value)
    return values


def domain(filter: Filter) -> Filter:
    """The filter without its choices, but for a state out of the queue: what is counted beside them
    is counted among the same tickets.
    """
    is_out = filter.state in OUT_OF_QUEUE and not filter.searches
    return Filter(
        state=filter.state if is_out else None,
        tag=filter.tag,
        text=filter.text,
        brands=filter.brands,
        me=filter.me,
    )


async def conditions(connection: AsyncConnection, filter: Filter) -> Conditions:
    """Raises BadSearch."""
    values: Values = {
        name: value for name, value in choices_of(filter).items() if name not in _FIELDS
    }
    choices = {name: CHOICES[name] for name in choices_of(filter)}
    always: list[str] = []
    if filter.brands is not None:
        always.append("t.brand = any(cast(:brands as text[]))")
        values["brands"] = sorted(filter.brands)
    if filter.tag is not None:
        always.append("t.tags @> array[cast(:tag as text)]")
        values["tag"] = storable(filter.tag)
    if filter.searches:
        search = filter.search()
        if not search.words and not search.terms:
            always.append("false")  # nothing but dots and dashes: no message has such a word
        always += _term_conditions(search.terms, values, filter.me)
        always += await _word_conditions(connection, search.words, values)
    return Conditions(choices, always, values)


def _term_conditions(terms: tuple[Term, ...], values: Values, me: str | None) -> list[str]:
    parts = []
    for number, term in enumerate(terms):
        if term.operator == "has":
            condition = " or ".join(_HAS[value] for value in term.values)
        elif term.operator == "is":
            condition = " or ".join(_IS[value] for value in term.values)
            if "mine" in term.values:
                values["me"] = me
        else:
            name = f"term_{number}"
            condition = _TERMS[term.operator](f":{name}")
            values[name] = term.moment or [storable(value) for value in term.values]
        parts.append(f"not coalesce(({condition}), false)" if term.excluded else f"({condition})")
    return parts


_SILENT = text("""
    select numnode(websearch_to_tsquery('pg_catalog.english', typed)) = 0
    from unnest(cast(:queries as text[])) with ordinality as typed (typed, place) order by place
""")


async def _word_conditions(
    connection: AsyncConnection, words: tuple[Words, ...], values: Values
) -> list[str]:
    """Each of the words. Those that stand in every text, such as `the`, count only where there are
    no others.
    """
    queries = [storable(word.query) for word in words]
    if len(words) > 1:
        silent = list(await connection.scalars(_SILENT, {"queries": queries}))
        if not all(silent):
            words = tuple(
                part for part, is_silent in zip(words, silent, strict=True) if not is_silent
            )
    parts = []
    for number, part in enumerate(words):
        similar = "cast(null as tsquery)"
        values |= {
            f"said_{number}": storable(part.query),
            f"names_{number}": [storable(name) for name in part.names],
        }
        if part.word is not None:
            values[f"slips_{number}"] = " or ".join(f'"{slip}"' for slip in slips(part.word))
            values[f"begins_{number}"] = f"{part.word}:*"
            similar = f"""websearch_to_tsquery('pg_catalog.english', :slips_{number})
                || to_tsquery('pg_catalog.simple', :begins_{number})"""
        is_in = "not in" if part.excluded else "in"
        parts.append(f"""t.id {is_in} (select tickets_saying(
            websearch_to_tsquery('pg_catalog.english', :said_{number}), {similar},
            :names_{number}
        ))""")
    return parts

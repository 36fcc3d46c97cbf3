"""Store of shadows: the messages that they judge, and counts of how they differ, by class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from stream.errors import UserError
from stream.postgres.advisory_lock import sole
from stream.postgres.database import reachable
from stream.postgres.tables import Row

MARGIN = timedelta(seconds=10)  # a save is longer under way hardly ever
EXAMPLES = 5  # ids of a pair of classes, the latest
_SHARES = 10_000  # steps in which a share is told apart


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last message that was looked at, in the order of arrival."""

    at: datetime
    id: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Messages of a brand that the model in use calls `label`, and the shadow `shadow_label`."""

    in_use: str  # the version of the model
    brand: str
    field: str
    label: str
    shadow_label: str


@dataclass(frozen=True, slots=True)
class PairCount:
    """examples: ids of messages on which the two differ, the latest first."""

    pair: Pair
    messages: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shadow:
    """One shadow. messages: that it has judged. failed: that it could not judge."""

    version: str
    share: float
    started_at: datetime
    looked_at: datetime
    stopped_at: datetime | None
    messages: int
    failed: int


@dataclass(slots=True)
class Counts:
    """What one look adds. examples: by pair, of those that differ."""

    pairs: Counter[Pair] = field(default_factory=Counter)
    examples: dict[Pair, list[str]] = field(default_factory=dict)
    messages: int = 0
    failed: int = 0


class Shadows:
    """The tables `shadows` and `shadow_counts`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    def alone(self, version: str) -> AbstractAsyncContextManager[bool]:
        """Whether no other process runs this shadow, until the block ends."""
        return sole(self.engine, f"shadow {version}")

    async def start(self, version: str, share: float) -> Cursor:
        """Begin with what arrives from now on; earlier counts of this version stay.

        Returns where to read on from.
        """
        async with reachable(), self.engine.begin() as connection:
            values = {"version": version, "share": share, "margin": MARGIN}
            row = (await connection.execute(_START, values)).one()
        return Cursor(row.at)

    async def stop(self, version: str | None) -> list[str]:
        """Ask a shadow to end, or all that run; returns their versions."""
        async with reachable(), self.engine.begin() as connection:
            rows = await connection.execute(_STOP, {"version": version})
            return sorted(row.version for row in rows)

    async def known(self) -> list[Shadow]:
        """Every shadow, the latest begun first."""
        async with reachable(), self.engine.connect() as connection:
            rows = (await connection.execute(_SHADOWS)).mappings()
            return [Shadow(**row) for row in rows]

    async def find(self, version: str | None) -> Shadow:
        """A shadow by its version or the start of one; the latest where none is named.

        Raises UserError that says which there are.
        """
        known = await self.known()
        matching = [row for row in known if version is None or row.version.startswith(version)]
        if not known:
            raise UserError("no model has judged beside the one in use; see `earshot model shadow`")
        if not matching:
            versions = ", ".join(row.version for row in known)
            raise UserError(f"no shadow {version}; there is {versions}")
        return matching[0]

    async def until(self, version: str) -> datetime | None:
        """Up to when arrivals may be looked at: now without MARGIN, by the database's clock; None
        once somebody has asked this shadow to stop.
        """
        async with reachable(), self.engine.connect() as connection:
            values = {"version": version, "margin": MARGIN}
            until: datetime | None = (await connection.execute(_UNTIL, values)).scalar_one()
            return until

    async def arrived(
        self, version: str, cursor: Cursor, until: datetime, share: float, limit: int
    ) -> tuple[list[Row], Cursor]:
        """The next messages of the share that another model has judged, and the cursor after them.

        version: of the shadow; once it is in use itself, what it judged tells nothing.
        """
        values = {
            "version": version,
            "at": cursor.at,
            "id": cursor.id,
            "until": until,
            "share": round(share * _SHARES),
            "of": _SHARES,
            "limit": limit,
        }
        async with reachable(), self.engine.connect() as connection:
            arrivals = await connection.execute(_ARRIVED, values)
            rows: list[Row] = [dict(row) for row in arrivals.mappings()]
        if len(rows) == limit:
            return rows, Cursor(rows[-1]["received_at"], rows[-1]["id"])
        return rows, Cursor(max(until, cursor.at), "" if until > cursor.at else cursor.id)

    async def add(self, version: str, counts: Counts) -> None:
        """Add what a look counted, all or nothing."""
        rows = [
            {
                "version": version,
                "in_use": pair.in_use,
                "brand": pair.brand,
                "field": pair.field,
                "label": pair.label,
                "shadow_label": pair.shadow_label,
                "messages": messages,
                "examples": counts.examples.get(pair, [])[:EXAMPLES],
            }
            for pair, messages in sorted(counts.pairs.items(), key=lambda item: str(item[0]))
        ]
        async with reachable(), self.engine.begin() as connection:
            looked = {"version": version, "messages": counts.messages, "failed": counts.failed}
            await connection.execute(_LOOKED, looked)
            if rows:
                await connection.execute(_ADD, rows)

    async def pairs(self, version: str, brand: str | None = None) -> list[PairCount]:
        """The counts of a shadow, the most first. brand: of this brand alone."""
        async with reachable(), self.engine.connect() as connection:
            rows = await connection.execute(_PAIRS, {"version": version, "brand": brand})
            return [
                PairCount(
                    Pair(row.in_use, row.brand, row.field, row.label, row.shadow_label),
                    row.messages,
                    tuple(row.examples),
                )
                for row in rows
            ]

    async def texts(self, ids: Sequence[str]) -> dict[str, str]:
        """The texts of messages as they are now; a deleted one is left out."""
        async with reachable(), self.engine.connect() as connection:
            rows = await connection.execute(_TEXTS, {"ids": list(ids)})
            return {row.id: row.text for row in rows}


_START = text("""
    insert into shadows (version, share, started_at, looked_at)
    values (:version, :share, now(), now())
    on conflict (version) do update
        set share = excluded.share, looked_at = now(), stopped_at = null
    returning now() - cast(:margin as interval) as at
""")
_STOP = text("""
    update shadows set stopped_at = now()
    where stopped_at is null and (cast(:version as text) is null or version = :version)
    returning version
""")
_SHADOWS = text("""
    select version, share, started_at, looked_at, stopped_at, messages, failed from shadows
    order by looked_at desc, version
""")
_UNTIL = text("""
    select case when stopped_at is null then now() - cast(:margin as interval) end
    from shadows where version = :version
""")
# The share is taken by a hash of the id: whoever looks again takes the same messages.
_ARRIVED = text("""
    select id, revision, kind, network, conversation, direction, author, brand, language, followers,
           text, turns, occurred_at, received_at, sentiment, scores, severity, dissatisfaction,
           topic, problem, abstained, model_version
    from events
    where (received_at, id) > (cast(:at as timestamptz), :id) and received_at <= :until
      and direction = 'inbound' and kind <> 'deleted' and model_version <> :version
      and (hashtextextended(id, 18) & 9223372036854775807) % cast(:of as bigint) < :share
    order by received_at, id limit :limit
""")
_LOOKED = text("""
    update shadows
    set looked_at = now(), messages = messages + :messages, failed = failed + :failed
    where version = :version
""")
_ADD = text(f"""
    insert into shadow_counts as c
        (version, in_use, brand, field, label, shadow_label, messages, examples)
    values (:version, :in_use, :brand, :field, :label, :shadow_label, :messages,
            cast(:examples as text[]))
    on conflict (version, in_use, brand, field, label, shadow_label) do update
        set messages = c.messages + excluded.messages,
            examples = (excluded.examples || c.examples)[1:{EXAMPLES}]
""")  # noqa: S608  our own words
_PAIRS = text("""
    select in_use, brand, field, label, shadow_label, messages, examples from shadow_counts
    where version = :version and (cast(:brand as text) is null or brand = :brand)
    order by messages desc, field, label, shadow_label, brand
""")
_TEXTS = text("""
    select id, text from events where id = any(cast(:ids as text[])) and text is not null
""")

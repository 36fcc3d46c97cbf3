"""Filter of alerts: which of all of them a person looks for, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from stream.postgres.database import storable
from stream.records import AlertKind

AlertStatus = Literal["open", "acknowledged", "snoozed", "over"]
STATUSES: tuple[AlertStatus, ...] = get_args(AlertStatus)
AlertSort = Literal["urgent", "severity", "newest", "oldest"]
SORTS: tuple[AlertSort, ...] = get_args(AlertSort)

# Ours alone reaches the statement; what a person writes is a parameter.
ORDER: dict[AlertSort, str] = {
    "urgent": "status <> 'open', kind = 'p1', created_at desc, id",
    "severity": "severity desc, created_at desc, id",
    "newest": "created_at desc, id",
    "oldest": "created_at, id",
}
MATCHES = """
    (cast(:statuses as text[]) is null or status = any(cast(:statuses as text[])))
    and (cast(:kind as text) is null or kind = :kind)
    and (not cast(:unseen as boolean) or acknowledged_at is null)
    and severity >= cast(:min_severity as integer)
    and (cast(:since as timestamptz) is null or created_at >= :since)
    and (cast(:until as timestamptz) is null or created_at < :until)
    and (cast(:words as text) is null or position(lower(:words) in lower(concat_ws(' ',
        id, brand, topic, ticket_excerpt, evidence ->> 'words', evidence ->> 'topics'))) > 0)
"""


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """None and '' are no condition. since, until: when it was raised. words: in its ticket, its
    topics, its brand or the words that set it apart, whatever the case. unseen: only what nobody
    has acknowledged, over or not.
    """

    brand: str | None = None
    statuses: tuple[AlertStatus, ...] | None = None
    kind: AlertKind | None = None
    min_severity: int = 1
    since: datetime | None = None
    until: datetime | None = None
    words: str = ""
    unseen: bool = False

    def values(self, brands: frozenset[str] | None) -> dict[str, Any]:
        """Parameters of the statements. brands: those that the person is bound to; None: all."""
        return {
            "brands": None if brands is None else sorted(brands),
            "brand": None if self.brand is None else storable(self.brand),
            "statuses": None if self.statuses is None else list(self.statuses),
            "kind": self.kind,
            "min_severity": self.min_severity,
            "since": self.since,
            "until": self.until,
            "unseen": self.unseen,
            "words": storable(self.words.strip()) or None,
        }

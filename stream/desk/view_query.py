"""Query of a saved view: what may stand in it, as in the address of the queue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import StringConstraints

from stream.desk.queue import SORTS
from stream.desk.search import LONGEST, parse
from stream.errors import UserError

FIELDS = (
    *("brand", "network", "topic", "level", "state", "owner", "tag", "text"),
    *("late", "unread", "sort"),
)
ViewQuery = dict[str, Annotated[str, StringConstraints(max_length=LONGEST)]]


def query_from(payload: Mapping[str, Any]) -> dict[str, str]:
    """The query without empty fields. Raises UserError for an unknown one, and for a search that
    cannot be read.
    """
    query = {str(name): str(value)[:LONGEST] for name, value in payload.items() if value}
    for name in query:
        if name not in FIELDS:
            raise UserError(f"{name}: there is {', '.join(FIELDS)}")
    if query.get("sort", SORTS[0]) not in SORTS:
        raise UserError(f"sort {query['sort']}: there is {', '.join(SORTS)}")
    parse(query.get("text", ""), datetime.now(UTC))
    return query

"""Query of a view, as in the address of the queue: what may stand in it, and its filter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, get_args

from pydantic import StringConstraints

from stream.desk.filters import Filter
from stream.desk.queue import SORTS
from stream.desk.search import LONGEST, parse
from stream.errors import UserError
from stream.records import Level, State

CHOICES = ("brand", "network", "topic", "level", "state", "owner", "tag", "text")
FLAGS = ("late", "unread")
FIELDS = (*CHOICES, *FLAGS, "sort")
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


def filter_from(
    query: Mapping[str, Any], brands: frozenset[str] | None, me: str | None = None
) -> Filter:
    """The filter of an address or a page; unknown names are ignored. owner `-`: nobody's. Levels
    and states stand in any case. me: who `is:mine` means.
    """
    values = {name: str(query[name])[:LONGEST] for name in CHOICES if query.get(name)}
    if values.get("owner") == "-":
        values["owner"] = ""
    for name, existing in (("level", get_args(Level)), ("state", get_args(State))):
        for value in existing:
            if values.get(name, "").lower() == value.lower():
                values[name] = value
    late, unread = (bool(query.get(name)) for name in FLAGS)
    is_personal = "mine" in values.get("text", "").lower()  # others read the same otherwise
    return Filter(**values, late=late, unread=unread, brands=brands, me=me if is_personal else None)

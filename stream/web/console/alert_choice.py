"""Choice of alerts: what an address or a browser asks for; what makes no sense is left out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from stream.desk.alert_filter import SORTS, AlertFilter, AlertSort, AlertStatus
from stream.records import AlertKind

TABS: Mapping[str, tuple[AlertStatus, ...]] = {
    "open": ("open",),
    "seen": ("acknowledged", "snoozed"),
    "over": ("over",),
}
_KINDS: tuple[AlertKind, ...] = get_args(AlertKind)
_SINCE = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
_MOST_PAGES = 4_000


def choice_of(values: Mapping[str, Any]) -> dict[str, str]:
    """Every part as text, as it stands in an address."""
    texts = {name: value if isinstance(value, str) else "" for name, value in values.items()}
    severity, page = texts.get("severity", ""), texts.get("page", "")
    return {
        "show": _known(texts, "show", TABS, "open"),
        "brand": texts.get("brand", "")[:200],
        "kind": _known(texts, "kind", _KINDS, ""),
        "severity": severity if severity in map(str, range(1, 11)) else "1",
        "since": _known(texts, "since", _SINCE, ""),
        "sort": _known(texts, "sort", SORTS, "urgent"),
        "words": texts.get("words", "")[:200],
        "page": page
        if page.isascii() and page.isdigit() and 0 < int(page[:9]) <= _MOST_PAGES
        else "1",
    }


def filter_of(choice: Mapping[str, str]) -> AlertFilter:
    length = _SINCE.get(choice["since"])
    return AlertFilter(
        brand=choice["brand"] or None,
        statuses=TABS[choice["show"]],
        kind=next((kind for kind in _KINDS if kind == choice["kind"]), None),
        min_severity=int(choice["severity"]),
        since=None if length is None else datetime.now(UTC) - length,
        words=choice["words"],
    )


def sort_of(name: str) -> AlertSort:
    return next((sort for sort in SORTS if sort == name), "urgent")


def _known(texts: Mapping[str, str], name: str, values: Any, usual: str) -> str:
    value = texts.get(name, "")
    return value if value in values else usual

"""Recent revisions of events, in bounded memory: a repeated event is dropped."""

from __future__ import annotations

from collections import OrderedDict

from connectors.events import Event

LIMIT = 200_000  # events of some hours of a busy brand; 40 MB


class RecentRevisions:
    """The latest revision of the last `limit` events."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._revisions: OrderedDict[str, int] = OrderedDict()

    def __contains__(self, id: str) -> bool:
        return id in self._revisions

    def is_new(self, event: Event) -> bool:
        """Is its id new, or its revision higher than before? The event is remembered."""
        known = self._revisions.pop(event.id, -1)
        self._revisions[event.id] = max(known, event.revision)
        if len(self._revisions) > self._limit:
            self._revisions.popitem(last=False)
        return event.revision > known

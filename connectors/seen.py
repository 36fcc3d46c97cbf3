"""Which revisions of which events went by lately: what comes twice is dropped, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict

from connectors.events import Event

MOST = 200_000  # events of some hours of a busy brand; 40 MB


class Seen:
    """The latest revision of the last `most` events."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._revisions: OrderedDict[str, int] = OrderedDict()

    def __contains__(self, id: str) -> bool:
        return id in self._revisions

    def is_new(self, event: Event) -> bool:
        """Whether this is told for the first time: its id, or a higher revision of it. It is
        remembered.
        """
        known = self._revisions.pop(event.id, -1)
        self._revisions[event.id] = max(known, event.revision)
        if len(self._revisions) > self._most:
            self._revisions.popitem(last=False)
        return event.revision > known

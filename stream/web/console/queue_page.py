"""The queue and the ticket beside it."""

from __future__ import annotations

from stream.web.console.shell import Visit, add_page, tag
from stream.web.parts import DeskParts


def add_queue(parts: DeskParts) -> None:
    async def build(visit: Visit) -> None:
        tag("p", "soon")

    add_page(parts, "/", "Queue", build)
    add_page(parts, "/tickets/{ticket_id:path}", "Ticket", build)

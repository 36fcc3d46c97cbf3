"""Acts on whole conversations, as the API and the console do them: done, and published."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime
from typing import Literal, get_args

from connectors.events import Complaint, encode
from stream.desk.joined_edits import NotJoined
from stream.desk.joining import Joined
from stream.desk.tickets import Row, Seen
from stream.errors import BrokerAway
from stream.ingest.publish import topic_of
from stream.kafka import Outgoing
from stream.pipeline import outgoing
from stream.store.brand_parts import conversation_of
from stream.web.desk_services import DeskServices

log = logging.getLogger(__name__)

Channel = Literal["phone", "in person", "letter", "other"]
CHANNELS: tuple[Channel, ...] = get_args(Channel)
LONGEST_WORDS = 10_000  # characters
NETWORK = "note"  # of what a person wrote down


async def published(services: DeskServices, joined: Joined) -> Row:
    """Tell the topics what changed; the ticket. What no broker hears is told by a later rebuild."""
    messages = outgoing(joined.saved)
    if joined.deleted is not None:
        deleted = joined.deleted
        messages.append(Outgoing(topic_of(deleted), deleted.conversation, encode(deleted)))
    if messages:
        try:
            await services.publish(messages)
        except BrokerAway:
            if joined.deleted is not None:
                raise
            log.warning("%s changed, and the broker is away", joined.ticket["id"])
    return joined.ticket


class TakeBack:
    """Takes a person's latest act on a ticket back, whatever it was; as `Desk.undo`."""

    def __init__(self, services: DeskServices) -> None:
        self._services = services

    async def __call__(
        self, ticket_id: str, actor: str, *, seen: Seen, brands: frozenset[str] | None = None
    ) -> Row:
        services = self._services
        try:
            joined = await services.joining.undo(ticket_id, actor, seen=seen, brands=brands)
        except NotJoined:
            return await services.desk.undo(ticket_id, actor, seen=seen, brands=brands)
        return await published(services, joined)


async def add_words(
    services: DeskServices,
    ticket_id: str,
    words: str,
    channel: Channel,
    actor: str,
    *,
    said_at: datetime | None = None,
    brands: frozenset[str] | None = None,
) -> tuple[Row, str]:
    """Put what the customer said elsewhere into the ticket, as a message of theirs; with its id.

    A worker redacts, judges and stores it a moment later. Raises NoTicket and BrokerAway.
    """
    ticket = await services.desk.ticket(ticket_id, brands)
    event = Complaint(
        id=f"{NETWORK}:{channel.replace(' ', '-')}-{uuid.uuid4().hex}",
        conversation=conversation_of(ticket["id"]),
        occurred_at=said_at or datetime.now(UTC),
        author=ticket["author"],
        brand=ticket["brand"],
        text=words,
    )
    await services.publish([Outgoing(topic_of(event), event.conversation, encode(event))])
    how = "elsewhere" if channel == "other" else f"by {channel}"
    if channel == "in person":
        how = channel
    return await services.joining.note_words(ticket["id"], event, actor, how), event.id

"""Records of the topics `analyses`, `tickets`, `alerts` and `dead-letters`, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION: Literal[1] = 1
Level = Literal["P1", "P2", "P3", "P4"]
State = Literal["new", "open", "waiting", "snoozed", "resolved", "settled"]
AlertKind = Literal["p1", "burst", "spend", "surge", "backlog", "drift"]
ReplyState = Literal["draft", "approved", "sending", "sent", "failed", "uncertain", "discarded"]
UNNAMED = "other"  # the topic of messages whose topic nobody knows


class _Published(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal[1] = SCHEMA_VERSION

    def encode(self) -> bytes:
        """The UTF-8 JSON of the wire."""
        return self.model_dump_json(exclude_none=True).encode()


class AnalysisRecord(_Published):
    """What is stored of one event, without its text and author. Key: `conversation`."""

    id: str
    revision: int
    kind: str
    network: str
    conversation: str
    direction: str | None = None
    brand: str | None = None
    language: str | None = None
    occurred_at: datetime
    received_at: datetime
    sentiment: str | None = None
    scores: dict[str, Any] | None = None
    severity: int | None = None
    dissatisfaction: float | None = None
    topic: str | None = None
    problem: str | None = None
    abstained: bool
    model_version: str | None = None


class FactorRecord(BaseModel):
    """One reason for a priority."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    points: float = Field(description="that it adds to the priority")
    words: str = Field(description="for a person")


class TicketFields(BaseModel):
    """A conversation that needs a person: the columns of its row that others are told."""

    id: str = Field(description="of its first message")
    network: str
    brand: str | None = None
    author: str | None = None
    level: Level
    priority: int = Field(description="0 to 100, of the conversation's events alone")
    factors: tuple[FactorRecord, ...] = Field(description="why it has that priority")
    needs_look: bool = Field(description="the model was not sure, or could not judge")
    unread_language: str | None = Field(
        None, description="of the last message in a language that no model reads"
    )
    topic: str | None = None
    problem: str | None = None
    sentiment: str | None = None
    dissatisfaction: float | None = Field(None, description="0 (content) to 100 (furious)")
    excerpt: str
    messages: int
    first_at: datetime
    last_inbound_at: datetime
    received_at: datetime
    answered_at: datetime | None = None
    settled_at: datetime | None = Field(
        None, description="the customer's last word, where it closes the ticket"
    )
    waiting_since: datetime | None = None
    state: State
    owner: str | None = None
    created_at: datetime
    updated_at: datetime
    version: int = Field(description="counts every change, the stream's too")


class TicketRecord(_Published, TicketFields):
    """A stored ticket. Key: `id`. A reader ignores a version that is not higher than the one it
    knows.
    """

    withdrawn: Literal[False] = False


class WithdrawnTicket(_Published):
    """A ticket that needs nobody any more: deleted, or edited into praise. Key: `id`."""

    id: str
    version: int
    withdrawn: Literal[True] = True


class AlertRecord(_Published):
    """Something that cannot wait. Key: `id` (`p1:ticket:version`, `burst:brand:topic:start`).
    severity: 1-10. surge: more P1 tickets of a brand than usual. backlog: P1 tickets of messages
    that were old when they arrived. drift: what is written, or how, is no longer what it was.
    recovered_at: over, or taken back.

    excerpt, factors: of the ticket as it is stored now; the row of an alert quotes nobody, so that
    a deletion leaves nothing behind.
    """

    id: str
    version: int = 1
    kind: AlertKind
    severity: int
    brand: str | None = None
    topic: str | None = None
    ticket_id: str | None = None
    started_at: datetime
    peak_at: datetime | None = None
    ended_at: datetime | None = None
    recovered_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    snoozed_until: datetime | None = None
    evidence: dict[str, Any]
    excerpt: str | None = None
    factors: tuple[FactorRecord, ...] = ()


class DeadLetterRecord(_Published):
    """The notice that a message was buried: id and reason, never its bytes. Key: `id`."""

    id: int
    reason: str

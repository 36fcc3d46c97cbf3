"""Records of the desk's REST interface: tickets, messages, replies, alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from stream.records import Level, ReplyState, State, TicketFields
from stream.web.http.problems import Problem


class NoteOut(BaseModel):
    """A remark of a colleague."""

    at: datetime
    who: str
    text: str


class TicketOut(TicketFields):
    """A conversation that needs a person, with what people set."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    sla_due_at: datetime = Field(description="first answer promised by then")
    tags: list[str]
    notes: list[NoteOut]
    snoozed_until: datetime | None = None
    edits: int = Field(description="counts what people changed")


class TicketsOut(BaseModel):
    """One page of tickets."""

    tickets: list[TicketOut]
    next: str | None = Field(description="`cursor` of the next page; null at the end")


class TurnOut(BaseModel):
    """One utterance of a call. at: seconds from its start, where they are known."""

    speaker: str
    text: str
    at: float | None = None


class MessageOut(BaseModel):
    """One message of a conversation, redacted. A deleted one has no text."""

    id: str
    kind: str
    direction: str | None
    author: str | None
    text: str | None
    trimmed: str | None = Field(
        description="what stands in a mail besides: quoted history, signature, footers; not judged"
    )
    turns: list[TurnOut] | None = Field(description="of a call: both sides, redacted")
    language: str | None
    occurred_at: datetime
    sentiment: str | None
    severity: int | None
    dissatisfaction: float | None
    topic: str | None
    problem: str | None
    abstained: bool = Field(description="the model was not sure enough to judge")
    scores: dict[str, Any] | None
    model_version: str | None


class ChangeOut(BaseModel):
    """What happened to a ticket. changes: old and new value by column."""

    version: int
    changed_at: datetime
    kind: str
    who: str
    reason: str
    changes: dict[str, Any]


class SimilarOut(BaseModel):
    """A ticket of the same brand whose messages mean nearly the same."""

    id: str
    state: State
    level: Level
    priority: int
    problem: str | None
    excerpt: str
    owner: str | None
    similarity: float = Field(description="cosine of the embeddings, by the same model")


class RefusalOut(BaseModel):
    """Why the policy refuses words."""

    rule: str
    why: str


class CandidateOut(BaseModel):
    """One reply that was drafted. score: mean log probability of a token; 0 where no model wrote
    it.
    """

    text: str
    score: float
    source: str
    refusals: list[RefusalOut]


class PictureOut(BaseModel):
    """A picture that goes with a reply; its file is `/v1/replies/{number}/pictures/{id}`."""

    id: int
    type: str = Field(description="image/png or image/jpeg")
    alt: str = Field(description="what it shows, for people who cannot see it")
    width: int
    height: int
    size: int = Field(description="bytes")


class ReplyOut(BaseModel):
    """A drafted reply, and what became of it."""

    id: int
    ticket_id: str
    event_id: str = Field(description="the message that it answers")
    network: str
    brand: str | None
    state: ReplyState
    text: str
    drafted: str = Field(description="the words before a person changed them")
    candidates: list[CandidateOut]
    pictures: list[PictureOut] = Field(description="in order")
    reason: str | None
    model_version: str | None
    created_at: datetime
    updated_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    due_at: datetime | None
    sent_at: datetime | None
    url: str | None
    tries: int
    version: int = Field(
        description="counts every change, the sender's too; `ETag` is this number in quotes"
    )
    changed_by: str | None = Field(
        description="who made the latest change; null: it is as it was drafted"
    )


class RepliesOut(BaseModel):
    """The newest first."""

    replies: list[ReplyOut]
    next: int | None = Field(description="`before` of the next page; null at the end")


class WaitingReplyOut(ReplyOut):
    """A reply that waits for a person, with what its ticket says of its haste."""

    level: Level
    priority: int
    author: str | None
    owner: str | None
    ticket_state: State
    topic: str | None
    sla_due_at: datetime = Field(description="first answer promised by then")
    answered_at: datetime | None
    message: str | None = Field(description="what the customer wrote, redacted")


class WaitingRepliesOut(BaseModel):
    """The most urgent ticket's first. waiting: how many there are, by state."""

    replies: list[WaitingReplyOut]
    waiting: dict[str, int]


class TicketDetail(TicketOut):
    """A ticket with everything about it."""

    conversation: list[MessageOut] = Field(description="in order, the first 500")
    history: list[ChangeOut]
    similar: list[SimilarOut]
    replies: list[ReplyOut]


class CorrectionOut(BaseModel):
    """What a person says the model got wrong."""

    id: int
    event_id: str
    field: str
    said: str | None = Field(description="by the model")
    should_be: str
    who: str
    created_at: datetime


class CorrectionsOut(BaseModel):
    """Oldest first; of several about the same field of the same message the latest counts."""

    corrections: list[CorrectionOut]


class AlertOut(BaseModel):
    """Something that could not wait. severity: 1 to 10."""

    id: str
    kind: str
    brand: str | None
    topic: str | None
    ticket_id: str | None
    severity: int
    started_at: datetime
    peak_at: datetime | None
    ended_at: datetime | None
    recovered_at: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    snoozed_until: datetime | None
    evidence: dict[str, Any]
    version: int


class AlertsOut(BaseModel):
    """The newest first."""

    alerts: list[AlertOut]


class LostUpdate(Problem):
    """Somebody changed the ticket meanwhile: it as it is now, and who did what."""

    ticket: TicketOut
    changed_by: str
    change: str


class LostReplyUpdate(Problem):
    """Somebody changed the reply meanwhile: it as it now is, and who did what."""

    reply: ReplyOut
    changed_by: str
    change: str


class RefusedWords(Problem):
    """The policy refuses the words, or the reply is decided already."""

    refusals: list[RefusalOut] = Field(
        [], description="by the policy; absent where the reply is decided already"
    )

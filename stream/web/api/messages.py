"""Records of `POST /v1/analyze`: messages in, analyses out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from connectors.events import (
    Complaint,
    Direction,
    Short,
    TextEvent,
    Transcript,
    Turn,
    Tweet,
    whole_characters,
)
from models.calls.sides import Utterance, sided
from stream.records import FactorRecord, Level

MAX_MESSAGES = 256  # messages of one request
MOST_TURNS = 256  # of a call; longer ones go through the stream
_ANY: dict[str, Any] = {  # of an event that is nobody's
    "id": "api:1",
    "conversation": "api:1",
    "occurred_at": datetime(2024, 1, 1, tzinfo=UTC),
}
LONGEST = 100_000  # characters of one text; the model reads the beginning

Language = Annotated[
    str | None, Field(max_length=35, description="what the source says; helps with short texts")
]


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: say something")
    return text


Text = Annotated[str, Field(max_length=LONGEST, min_length=1), AfterValidator(_not_blank)]


class _Posted(BaseModel):
    """What an event says of a message besides its words, as far as a worker judges by it."""

    model_config = ConfigDict(frozen=True)

    language: Language = None
    brand: Short | None = Field(default=None, description="else the one that the words name")
    author: Short | None = Field(
        default=None, description="words of a brand's own account are not judged"
    )
    direction: Direction = "inbound"
    followers: Annotated[int, Field(ge=0, lt=2**31)] | None = None

    def _of_event(self) -> dict[str, Any]:
        return _ANY | {name: getattr(self, name) for name in _Posted.model_fields}


class Message(_Posted):
    """A text of no particular kind."""

    text: Text

    def event(self) -> TextEvent:
        return Tweet(text=self.text, **self._of_event())


class TweetMessage(Message):
    """A public post. An event as `POST /v1/events` takes it will do; what is not read here is
    ignored.
    """

    kind: Literal["tweet"]


class ComplaintMessage(Message):
    """A complaint in free text."""

    kind: Literal["complaint"]
    title: Annotated[str, Field(max_length=300)] | None = None

    def event(self) -> TextEvent:
        return Complaint(title=self.title, text=self.text, **self._of_event())


class TranscriptMessage(_Posted):
    """A call; what the customer says in it is read, turn by turn."""

    kind: Literal["transcript"]
    turns: Annotated[tuple[Turn, ...], Field(min_length=1, max_length=MOST_TURNS)]
    complete: bool = Field(default=True, description="false while the call goes on")

    def event(self) -> TextEvent:
        return Transcript(turns=self.turns, complete=self.complete, **self._of_event())

    @model_validator(mode="after")
    def _is_spoken(self) -> Self:
        turns = [Utterance(turn.speaker, turn.text, turn.name, turn.at) for turn in self.turns]
        if not any(turn.text.strip() for turn in sided(turns) if turn.speaker == "customer"):
            raise ValueError(
                "the customer says nothing in this transcript: "
                "expected turns of the speaker `customer`"
            )
        return self


def _kind(message: Any) -> str:
    kind = message.get("kind") if isinstance(message, dict) else getattr(message, "kind", None)
    return "plain" if kind is None else str(kind)[:20]


AnyMessage = Annotated[
    Annotated[Message, Tag("plain")]
    | Annotated[TweetMessage, Tag("tweet")]
    | Annotated[ComplaintMessage, Tag("complaint")]
    | Annotated[TranscriptMessage, Tag("transcript")],
    Discriminator(
        _kind,
        custom_error_type="kind",
        custom_error_message="kind is tweet, complaint or transcript; leave it out for a text",
    ),
]


class Several(BaseModel):
    """Up to 256 messages at once, of any kinds."""

    messages: Annotated[list[AnyMessage], Field(min_length=1, max_length=MAX_MESSAGES)]


def _count(payload: Any) -> str:
    if isinstance(payload, dict):
        return "several" if "messages" in payload else "one"
    return "several" if isinstance(payload, Several) else "one"


AnalyzeRequest = Annotated[
    Annotated[AnyMessage, Tag("one")] | Annotated[Several, Tag("several")],
    Discriminator(_count),
    BeforeValidator(whole_characters),
]


class SentimentOut(BaseModel):
    label: Literal["negative", "neutral", "positive"]
    score: float = Field(description="calibrated probability of `label`")
    probabilities: dict[str, float]


class TopicOut(BaseModel):
    label: str = Field(description="a topic of GET /v1/taxonomy, or `other`")
    score: float


class ProblemOut(BaseModel):
    label: str = Field(description="a problem of GET /v1/taxonomy")
    score: float
    words: list[str] = Field(description="words of the message that show it: single, or in a row")


class UrgencyOut(BaseModel):
    levels: dict[Literal["none", "P4", "P3", "P2", "P1"], float] = Field(
        description="the probability of each level; together 1"
    )
    reasons: dict[str, float] = Field(
        description="the probability of each reason, as `danger` or `outage`, from 0.1 on"
    )
    settled: float = Field(description="probability that the author calls the matter settled")


class PreviewOut(BaseModel):
    """The ticket that the message would be, if it came alone."""

    level: Level
    priority: int = Field(description="0 to 100")
    needs_look: bool = Field(description="the model was not sure, or could not judge")
    why: list[FactorRecord] = Field(description="strongest first")


class AnalysisOut(BaseModel):
    """One message understood; the same object as a line of `earshot analyze`."""

    text: str = Field(
        description="what was read: personal data is replaced by `[email]`, `[phone]` ..."
    )
    language: str = Field(description="as detected; `und` when it cannot be told")
    sentiment: SentimentOut | None
    complaint: float | None = Field(description="probability that it is a complaint")
    severity: int | None = Field(description="0 (none) to 4 (threatens with consequences)")
    dissatisfaction: float | None = Field(description="0 (content) to 100 (furious)")
    dissatisfaction_level: Literal["low", "medium", "high"] | None = Field(
        description="the same in three steps"
    )
    dissatisfaction_grade: int | None = Field(
        description="the same from 1 (content) to 5 (furious)"
    )
    topic: TopicOut | None
    problem: ProblemOut | None
    urgency: UrgencyOut | None = Field(description="null where the model has no head for it")
    abstained: bool = Field(
        description="every judgement is null, and `why` says why; null with it: an account of the "
        "brand's own wrote it, or a step failed"
    )
    why: Literal["empty", "language", "strange"] | None = Field(
        description="nothing to read, a language that the model does not know, "
        "or nothing like what it has learned"
    )
    model: str = Field(description="the version that judged")
    ticket: PreviewOut | None = Field(description="null: it needs nobody")
    call: dict[str, Any] | None = Field(
        default=None,
        description="of a call: outcome, the turn at which it soured, how the mood went",
    )


class AnalysesOut(BaseModel):
    """The analyses of several messages, in their order."""

    analyses: list[AnalysisOut]

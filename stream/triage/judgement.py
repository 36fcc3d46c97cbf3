"""The one judgement of an event: its redacted text, brand, direction and analysis.

A worker, REST, `analyze`, `alert explain`, `explore` and `evaluate` of triage all judge here. No
text stops it: where a step fails, or takes more time than one message may, the event is judged
without it, and `failed` names the step.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from connectors.events import Complaint, Deleted, Event, TextEvent, Transcript
from models.analysis import Analysis
from models.calls.analyzer import CallReader, Turn, customer_text
from models.calls.sides import Utterance, sided
from models.language import detect
from models.redact import redact_turns
from models.time_limit import limited
from models.urgency import Urgency
from stream.brands import Brands
from stream.errors import where
from stream.triage.by_model import AT_TERSE
from stream.triage.courtesy import without_courtesy
from stream.triage.footer import judged_words
from stream.triage.ticket import Step

log = logging.getLogger(__name__)

# texts, their languages, and where any is known the trades of their brands
Analyze = Callable[..., Sequence[Analysis]]
# texts that belong together, as the turns of a call, and the country of their brand
Redact = Callable[[Sequence[str], str | None], Sequence[str]]
# Probability from which the words without courtesy tell of a danger that is over: two of 354
# dangers have it, and of a dozen rescues told with thanks six.
OVER = 0.4
_DIGIT = re.compile(r"\d")
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Judgement:
    """An event that is ready to be stored.

    event: with the direction that its author gives it. text: redacted; empty for a deletion, and
    where redaction failed. analysis: None for the brand's own events, for deletions, and where a
    step failed. trimmed: what stands in a mail besides the text, redacted; nothing judges it.
    turns: both sides of a call, redacted.
    """

    event: Event
    text: str
    brand: str | None
    analysis: Analysis | None
    failed: Step | None = None
    trimmed: str | None = None
    turns: tuple[Utterance, ...] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """An event that the model may read. call: the turns of a call, redacted."""

    event: Event
    text: str
    brand: str | None
    call: tuple[Utterance, ...] | None = None
    failed: Step | None = None
    trimmed: str | None = None
    trade: str | None = None  # of the brand

    @property
    def language(self) -> str | None:
        """What its source says."""
        return getattr(self.event, "language", None)


class Judge:
    """Judges events; the same event alike, whoever asks.

    `judge(events)` does all of it. A worker takes the steps apart, so that no long call keeps the
    model from the others: `read`, `learn` a few of `unread_turns` at a time, then `understand`.
    """

    def __init__(
        self,
        analyze: Analyze,
        brands: Brands,
        calls: CallReader | None = None,
        *,
        redact: Redact = redact_turns,
    ) -> None:
        """calls: reads calls with a head of its own; None leaves their outcome open."""
        self._analyze = analyze
        # How urgent a text is, is the local model's, beside a language model, too.
        self._weigh: Analyze = getattr(analyze, "local", analyze)
        self._brands = brands
        self._calls = calls or CallReader(analyze, None)
        self._redact = redact

    def __call__(self, events: Sequence[Event]) -> list[Judgement]:
        """The judgement of each event, in order."""
        return self.understand(self.read(events))

    def read(self, events: Iterable[Event]) -> list[Reading]:
        """The events without personal data, with their brand and direction."""
        readings = []
        for event in events:
            with limited():
                readings.append(self._read(event))
        return readings

    def unread_turns(self, readings: Iterable[Reading]) -> list[Turn]:
        """The turns of calls that the model has not read lately."""
        turns: list[Turn] = []
        for reading in readings:
            if reading.call is None or reading.failed == "redact":
                continue
            # What fails here fails again in `understand`, which says so of this call alone.
            with suppress(Exception):
                turns += self._calls.unread(reading.call, reading.language, reading.trade)
        return turns

    def learn(self, turns: Sequence[Turn]) -> None:
        """Read turns ahead of their calls."""
        _one_by_one(self._learn, turns)

    def understand(self, readings: Sequence[Reading]) -> list[Judgement]:
        """What the model makes of each; of those alone that customers wrote or said."""
        readable = [reading for reading in readings if _is_readable(reading)]
        texts = [reading for reading in readable if reading.call is None]
        calls = [reading for reading in readable if reading.call is not None]
        analyses: dict[int, Analysis | Exception] = {}
        for part, read in ((texts, self._read_texts), (calls, self._read_calls)):
            results = _one_by_one(read, part)
            analyses |= {id(reading): result for reading, result in zip(part, results, strict=True)}
        return [_judgement(reading, analyses.get(id(reading))) for reading in readings]

    def _read(self, event: Event) -> Reading:
        if isinstance(event, Deleted):
            return Reading(event, "", event.brand)
        failed: Step | None = None
        text, call, trimmed = "", None, None
        try:
            country = self._country(event)
            if isinstance(event, Transcript):
                call = tuple(utterances(event, self._redact, country))
                text = customer_text(call)
            else:
                [text] = self._redact([written(event)], country)
            if isinstance(event, Complaint) and event.trimmed:
                [trimmed] = self._redact([event.trimmed], country)
        except Exception as error:
            # Whatever it is, the event is stored; its text is not, for it may hold personal data.
            failed = _failure(event, "redact", error)
        brand = event.brand
        try:
            if brand is None:
                conversation = text if call is None else "\n".join(turn.text for turn in call)
                brand = self._brands.find(conversation, event.author, event.network)
            event = self._directed(event)
        except Exception as error:
            failed = failed or _failure(event, "brand", error)
        return Reading(event, text, brand, call, failed, trimmed, self._brands.trade_of(brand))

    def _country(self, event: TextEvent) -> str | None:
        """The country of the brand that the words are about: numbers are written as there."""
        words = event.turns if isinstance(event, Transcript) else [event]
        text = "\n".join(turn.text for turn in words)
        if not _DIGIT.search(text):
            return None
        try:
            name = event.brand or self._brands.find(text, event.author, event.network)
            brand = self._brands.get(name) if name else None
        except Exception:
            # It fails again where the brand is decided, which says so; redaction does without it.
            return None
        return brand.country if brand else None

    def _directed(self, event: TextEvent) -> TextEvent:
        """The words of a brand's own account are outbound, also when the source did not know."""
        if event.direction == "inbound" and self._brands.is_own(event.author):
            return event.model_copy(update={"direction": "outbound"})
        return event

    def _read_texts(self, readings: Sequence[Reading]) -> Sequence[Analysis]:
        """What the model makes of the own words of each; of a danger, whatever courtesy is around
        it.
        """
        texts = [judged_words(reading.text) for reading in readings]
        languages = [reading.language for reading in readings]
        analyses = list(self._analyze(texts, languages, *_trades(readings)))
        bare = [without_courtesy(text) for text in texts]
        courteous = [row for row, text in enumerate(texts) if bare[row] != text]
        if courteous:
            plain = self._weigh(
                [bare[row] for row in courteous], [languages[row] for row in courteous]
            )
            for row, analysis in zip(courteous, plain, strict=True):
                analyses[row] = replace(analyses[row], urgency=_of_danger(analyses[row], analysis))
        return [
            analysis if analysis.text == reading.text else replace(analysis, text=reading.text)
            for analysis, reading in zip(analyses, readings, strict=True)
        ]

    def _read_calls(self, readings: Sequence[Reading]) -> Sequence[Analysis]:
        calls = [reading.call or () for reading in readings]
        return self._calls(calls, [reading.language for reading in readings], *_trades(readings))

    def _learn(self, turns: Sequence[Turn]) -> Sequence[Turn]:
        self._calls.learn(turns)
        return turns


def _of_danger(whole: Analysis, plain: Analysis) -> Urgency | None:
    """How urgent a message is, by its words without courtesy where these may be a P1, are likelier
    one, and do not tell of what is over. Of anything else courtesy is a part: "my bag has come,
    thanks" needs nobody.
    """
    of_whole, of_plain = whole.urgency, plain.urgency
    if of_whole is None or of_plain is None or of_plain.settled >= OVER:
        return of_whole
    threshold = max(AT_TERSE, of_whole.levels[-1])
    return (
        of_whole if of_plain.levels[-1] < threshold else replace(of_plain, settled=of_whole.settled)
    )


def _trades(readings: Sequence[Reading]) -> list[list[str | None]]:
    """The argument of trades; none where no brand has one, for analyzers that know of none."""
    trades = [reading.trade for reading in readings]
    return [trades] if any(trades) else []


def written(event: TextEvent) -> str:
    """The words of an event as the model reads them: a complaint's title is its first line."""
    title = getattr(event, "title", None)
    return f"{title}\n{event.text}" if title else event.text


def utterances(
    call: Transcript, redact: Redact = redact_turns, country: str | None = None
) -> list[Utterance]:
    """The turns without personal data, with the customer's side found where the source does not
    tell it. A number may be told in two turns: they are redacted together.
    """
    texts = redact([turn.text for turn in call.turns], country)
    return sided(
        [
            Utterance(turn.speaker, text, turn.name, turn.at)
            for turn, text in zip(call.turns, texts, strict=True)
        ]
    )


def _is_readable(reading: Reading) -> bool:
    event = reading.event
    if isinstance(event, Deleted) or event.direction != "inbound":
        return False
    return reading.failed != "redact"


def _judgement(reading: Reading, result: Analysis | Exception | None) -> Judgement:
    failed = reading.failed
    if isinstance(result, Exception):
        step: Step = "model" if _has_language(reading) else "language"
        failed, result = _failure(reading.event, step, result), None
    return Judgement(
        reading.event,
        reading.text,
        reading.brand,
        result,
        failed,
        trimmed=reading.trimmed,
        turns=reading.call,
    )


def _has_language(reading: Reading) -> bool:
    """Whether it was not finding the language that failed."""
    try:
        detect(reading.text, reading.language)
    except Exception:
        return False
    return True


def _failure(event: Event, step: Step, error: Exception) -> Step:
    log.warning("cannot judge %s: %s failed, %s", event.id, step, where(error))
    return step


def _one_by_one(
    read: Callable[[Sequence[T]], Sequence[R]], batch: Sequence[T]
) -> list[R | Exception]:
    """What `read` makes of each of the batch; by halving, the error of those that raise."""
    if not batch:
        return []
    try:
        return list(read(batch))
    except Exception as error:
        # Whatever one text does to the model, the others are judged.
        if len(batch) == 1:
            return [error]
    middle = len(batch) // 2
    return _one_by_one(read, batch[:middle]) + _one_by_one(read, batch[middle:])

"""Worker, REST, `alert explain`, `explore` and `evaluate triage` judge an event alike."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence

import pytest
from fakes import NOON, MemoryStore, Published

from connectors.events import Complaint, SourcedEvent, TextEvent, Transcript, Turn, Tweet, encode
from models.analysis import Analysis, Sentiment, Topic
from models.calls.analyzer import CallReader
from models.training.explore.texts import SourceText, understand
from stream.brands import Brand, Brands
from stream.bursts.explain import read_messages
from stream.observe.health import Health
from stream.observe.metrics import Metrics
from stream.pipeline import Message, Pipeline
from stream.store.rows import as_stored, stored_by
from stream.triage.evaluate import evaluate_triage
from stream.triage.fold import fold
from stream.triage.judgement import Judge, Judgement
from stream.web.api.messages import ComplaintMessage, TranscriptMessage, TweetMessage
from stream.web.api.model import reader

BRANDS = Brands([Brand("VoltLine", handles=("voltlinecare",), words=("voltline",))])

TWEET = Tweet(
    id="x:1",
    conversation="x:1",
    occurred_at=NOON,
    author="mia",
    text="@VoltLineCare my line is down, call me on +44 20 7946 0958",
)
COMPLAINT = Complaint(
    id="form:1",
    conversation="form:1",
    occurred_at=NOON,
    title="VoltLine charged me twice",
    text="In March, and nobody answers at jo@example.org.",
)
CALL = Transcript(
    id="call:1",
    conversation="call:1",
    occurred_at=NOON,
    turns=(
        Turn(speaker="agent", text="Thank you for calling VoltLine"),
        Turn(speaker="customer", text="my line is down since Monday"),
        Turn(speaker="customer", text="I am waiting and waiting, it is a shame"),
    ),
)
OWN = TWEET.model_copy(update={"id": "x:2", "author": "VoltLineCare", "text": "we are on it ^JH"})
EVENTS: list[TextEvent] = [TWEET, COMPLAINT, CALL, OWN]


def by_length(
    texts: Sequence[str], languages: Sequence[str | None] | None = None
) -> list[Analysis]:
    """A model whose every judgement depends on the whole text."""
    return [
        Analysis(
            text=text,
            language="en",
            model="length-1",
            sentiment=Sentiment("negative", 0.9, {"negative": min(1.0, len(text) / 100)}),
            complaint=0.5,
            severity=2,
            dissatisfaction=float(len(text) % 100),
            topic=Topic(f"topic-{len(text)}", 0.8),
        )
        for text in texts
    ]


def judge() -> Judge:
    return Judge(by_length, BRANDS, CallReader(by_length, None, whole=True))


async def by_a_worker() -> dict[str, Judgement]:
    store = MemoryStore()
    pipeline = Pipeline(
        judge=judge(),
        store=store,
        dead_letters=store,
        publish=Published(),
        cluster="test",
        metrics=Metrics(),
        health=Health(),
    )
    await pipeline.process(
        [Message("tweets", 0, offset, encode(event)) for offset, event in enumerate(EVENTS)]
    )
    return store.events


async def test_a_title_a_brand_and_a_direction_are_part_of_the_judgement():
    judgements = await by_a_worker()

    assert judgements["form:1"].text.startswith("VoltLine charged me twice\nIn March")
    assert {judgement.brand for judgement in judgements.values()} == {"VoltLine"}
    assert judgements["x:2"].event.direction == "outbound"
    assert judgements["x:2"].analysis is None
    assert judgements["call:1"].analysis.call.customer_turns == 2


async def test_what_a_mail_says_besides_is_redacted_and_not_judged():
    mail = COMPLAINT.model_copy(update={"trimmed": "VoltLine wrote to jo@example.org:\n> fire"})

    [plain, trimmed] = judge()([COMPLAINT, mail])

    assert (trimmed.text, trimmed.analysis) == (plain.text, plain.analysis)
    assert plain.trimmed is None
    assert trimmed.trimmed is not None
    assert trimmed.trimmed.endswith("> fire")
    assert "jo@example.org" not in trimmed.trimmed


async def test_alert_explain_reads_what_a_worker_stores():
    judgements = await by_a_worker()

    messages = read_messages([SourcedEvent(event, None) for event in EVENTS], judge())

    assert [(one.quote.id, one.quote.text, one.brand, one.topic) for one in messages] == [
        (id, judgement.text, judgement.brand, judgement.analysis.topic.label)
        for id, judgement in judgements.items()
        if judgement.analysis
    ]
    assert [one.quote.weight for one in messages] == [
        judgement.analysis.dissatisfaction
        for judgement in judgements.values()
        if judgement.analysis
    ]


@pytest.mark.parametrize(
    ("event", "kind"),
    [(TWEET, TweetMessage), (COMPLAINT, ComplaintMessage), (CALL, TranscriptMessage)],
    ids=lambda value: getattr(value, "kind", ""),
)
async def test_rest_answers_what_a_worker_stores(event, kind):
    stored = (await by_a_worker())[event.id].analysis
    assert stored is not None
    request = kind.model_validate_json(encode(event))

    [answer] = reader(judge(), "length-1")([request.event()])

    answer = json.loads(answer)
    call, ticket = answer.pop("call", None), answer.pop("ticket")
    folded = fold([as_stored((await by_a_worker())[event.id])])
    assert (ticket and ticket["priority"]) == (folded and folded.priority)
    assert answer == json.loads(json.dumps(stored.as_json()))
    assert call == (None if stored.call is None else json.loads(json.dumps(stored.call.as_json())))


async def test_explore_shows_what_a_worker_stores():
    judgements = list((await by_a_worker()).values())

    texts = understand(
        [SourceText(event.text) for event in EVENTS],
        [(judgement.text, judgement.analysis) for judgement in judge()(EVENTS)],
    )

    for text, judgement in zip(texts, judgements, strict=True):
        assert text.text == " ".join(judgement.text.split())
        analysis = judgement.analysis
        assert text.topic == (analysis and analysis.topic and analysis.topic.label)
        assert text.index == (analysis and analysis.dissatisfaction)


async def test_evaluate_triage_weighs_what_a_worker_stores(tmp_path):
    judgements = await by_a_worker()
    path = tmp_path / "labels.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "title", "author", "should_ticket", "priority"])
        for event in (TWEET, COMPLAINT, OWN):
            title = getattr(event, "title", None) or ""
            writer.writerow([event.text, title, event.author or "", "0", ""])
    weighed = []

    def stored(events):
        weighed.extend(stored_by(judge())(events))
        return weighed[-len(events) :]

    evaluate_triage(path, stored)

    fields = ("kind", "direction", "text", "author", "brand", "topic", "dissatisfaction")
    assert [[getattr(message, field) for field in fields] for message in weighed] == [
        [getattr(as_stored(judgements[event.id]), field) for field in fields]
        for event in (TWEET, COMPLAINT, OWN)
    ]


def test_texts_and_turns_are_read_with_the_trade_of_their_brand():
    trades: dict[str, list[str | None]] = {}

    def recorded(texts, languages, known=None):
        trades.update(zip(texts, known or [None] * len(texts), strict=True))
        return by_length(texts, languages)

    nobody = TWEET.model_copy(update={"id": "x:3", "text": "the weather is nice"})
    brand = Brand("VoltLine", handles=("voltlinecare",), words=("voltline",), trade="telecom")
    Judge(recorded, Brands([brand]))([TWEET, CALL, nobody])

    assert {text[:12]: trade for text, trade in trades.items()} == {
        "@VoltLineCar": "telecom",
        "my line is d": "telecom",
        "I am waiting": "telecom",
        "the weather ": None,
    }
    trades.clear()
    Judge(recorded, BRANDS)([TWEET, CALL])
    assert set(trades.values()) == {None}


def test_a_call_is_read_anew_for_a_brand_of_another_trade():
    rows: list[tuple[str, str | None]] = []

    def recorded(texts, languages, known=None):
        rows.extend(zip(texts, known or [None] * len(texts), strict=True))
        return by_length(texts, languages)

    judge = Judge(recorded, Brands([Brand("A", trade="bank"), Brand("B", trade="shop")]))
    for name in ("A", "B", "A"):
        judge([CALL.model_copy(update={"brand": name})])

    assert [trade for _, trade in rows] == ["bank", "bank", "shop", "shop"]

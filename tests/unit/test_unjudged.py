"""What cannot be judged is stored and needs a look: no text is lost for what it does to a step."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import timedelta

import pytest
from fakes import NOON, MemoryStore, Published, message, sentiment_of_length, tweet

from connectors.events import Transcript, Turn
from models import time_limit
from models.analysis import Analysis
from models.redact import redact, redact_turns
from stream.brands import Brand, Brands
from stream.errors import DatabaseAway
from stream.observe.health import Health
from stream.observe.metrics import Metrics
from stream.pipeline import Pipeline
from stream.store.rows import as_stored, event_row
from stream.triage.fold import fold, fold_surely
from stream.triage.judgement import Judge
from stream.triage.ticket import Message, Ticket
from stream.web.api.model import reader

POISON = "the quick brown poison"


def breaks_on_poison(
    texts: Sequence[str], languages: Sequence[str | None] | None = None
) -> list[Analysis]:
    if any("poison" in text for text in texts):
        raise IndexError(f"cannot read {texts}")
    return sentiment_of_length(texts)


def breaking_redact(texts: Sequence[str], country: str | None) -> list[str]:
    if any("poison" in text for text in texts):
        raise RecursionError(texts)
    return redact_turns(texts, country)


def judge(**parts: object) -> Judge:
    brands = Brands([Brand("VoltLine", words=("voltline",))])
    return Judge(**{"analyze": sentiment_of_length, "brands": brands, **parts})  # type: ignore[arg-type]


class Worker:
    def __init__(self, judge: Judge) -> None:
        self.store, self.published, self.metrics = MemoryStore(), Published(), Metrics()
        self.pipeline = Pipeline(
            judge=judge,
            store=self.store,
            dead_letters=self.store,
            publish=self.published,
            cluster="test",
            metrics=self.metrics,
            health=Health(),
        )

    def failed(self, step: str) -> float:
        name = "earshot_judgements_failed_total"
        return self.metrics.registry.get_sample_value(name, {"step": step}) or 0.0


def test_one_text_that_the_model_cannot_read_leaves_the_others_judged():
    events = [tweet(f"x:{number}", f"text number {number}") for number in range(20)]
    events[13] = tweet("x:13", POISON)

    judgements = judge(analyze=breaks_on_poison)(events)

    assert [judgement.failed for judgement in judgements].count("model") == 1
    assert judgements[13].failed == "model"
    assert judgements[13].text == POISON
    assert judgements[13].analysis is None
    assert all(judgement.analysis for judgement in judgements if judgement.failed is None)


def test_a_turn_that_the_model_cannot_read_fails_its_call_alone():
    def call(id: str, text: str) -> Transcript:
        turns = (Turn(speaker="customer", text=text), Turn(speaker="agent", text="I see"))
        return Transcript(id=id, conversation=id, occurred_at=NOON, turns=turns)

    events = [call("call:1", "my line is down"), call("call:2", POISON), tweet("x:1")]
    judging = judge(analyze=breaks_on_poison)
    readings = judging.read(events)
    judging.learn(judging.unread_turns(readings))

    assert [one.failed for one in judging.understand(readings)] == [None, "model", None]


@pytest.mark.parametrize(
    ("step", "parts"),
    [("model", {"analyze": breaks_on_poison}), ("redact", {"redact": breaking_redact})],
)
async def test_an_event_whose_judgement_fails_is_stored_counted_and_logged_without_a_word_of_it(
    step, parts, caplog
):
    worker = Worker(judge(**parts))

    with caplog.at_level(logging.WARNING):
        await worker.pipeline.process([message(tweet("x:1")), message(tweet("x:2", POISON), 1)])

    assert worker.store.letters == []
    assert list(worker.store.events) == ["x:1", "x:2"]
    assert worker.store.events["x:1"].analysis is not None
    assert worker.store.events["x:2"].failed == step
    assert worker.failed(step) == 1
    [line] = caplog.messages
    assert f"cannot judge x:2: {step} failed" in line
    assert "poison" not in caplog.text


def test_a_text_that_cannot_be_redacted_is_not_stored():
    [judgement] = judge(redact=breaking_redact)([tweet(text=POISON, author="mia")])

    assert (judgement.text, judgement.analysis, judgement.failed) == ("", None, "redact")


def endless_redact(texts: Sequence[str], country: str | None) -> list[str]:
    """Redaction that never ends by itself where there is poison, as a fault would make it."""
    while POISON in texts:
        time_limit.check()
    return redact_turns(texts, country)


async def test_a_message_that_takes_too_long_is_cut_off_stored_and_counted():
    worker = Worker(judge(redact=endless_redact))

    await worker.pipeline.process([message(tweet("x:1", POISON)), message(tweet("x:2"), 1)])

    assert worker.store.letters == []
    assert (worker.store.events["x:1"].failed, worker.store.events["x:1"].text) == ("redact", "")
    assert worker.store.events["x:2"].failed is None
    assert worker.failed("redact") == 1


def test_a_posted_message_that_takes_too_long_is_cut_off_and_abstained():
    both = [tweet(text=POISON), tweet(text="hello there")]
    [answer, other] = reader(judge(redact=endless_redact), "toy")(both)

    assert json.loads(answer)["abstained"]
    assert not json.loads(other).get("abstained")


def test_within_a_time_limit_that_is_used_up_nothing_is_redacted():
    with time_limit.limited(0.0), pytest.raises(time_limit.TooSlow):
        redact("call 07700 900123")


def test_where_finding_the_language_fails_it_is_said_so(monkeypatch):
    def detect(text, hint=None):
        raise ValueError("no language")

    monkeypatch.setattr("stream.triage.judgement.detect", detect)

    [judgement] = judge(analyze=breaks_on_poison)([tweet(text=POISON)])

    assert judgement.failed == "language"


def test_a_brand_that_cannot_be_looked_for_leaves_the_event_judged():
    class Broken(Brands):
        def find(self, *_: object) -> str | None:
            raise KeyError("brand")

    [judgement] = judge(brands=Broken(()))([tweet()])

    assert (judgement.brand, judgement.failed) == (None, "brand")
    assert judgement.analysis is not None


@pytest.mark.parametrize("step", ["redact", "brand", "language", "model", "save"])
def test_what_could_not_be_judged_is_a_ticket_that_somebody_sees(step):
    stored = Message("x:1", "x:1", "tweet", "inbound", NOON, text="RT @a: thanks", failed=step)

    ticket = fold([stored])

    assert ticket is not None
    assert (ticket.level, ticket.needs_look) == ("P3", True)
    assert [factor.name for factor in ticket.factors] == ["unjudged"]
    assert ticket.factors[0].words.startswith("Needs a look: ")


def test_words_of_harm_still_count_where_the_model_failed():
    text = "There is smoke coming out of the router"

    ticket = fold([Message("x:1", "x:1", "tweet", "inbound", NOON, text=text, failed="model")])

    assert ticket is not None
    assert (ticket.level, ticket.needs_look) == ("P1", True)


def test_the_step_that_failed_is_stored_with_the_event():
    [judgement] = judge(analyze=breaks_on_poison)([tweet(text=POISON)])

    assert event_row(judgement)["scores"] == {"failed": "model"}
    assert as_stored(judgement).failed == "model"


def said(id: str, text: str, minutes: int = 0) -> Message:
    return Message(
        id, "x:1", "tweet", "inbound", NOON + timedelta(minutes=minutes), text=text, negative=0.9
    )


def worst(history: Sequence[Message]) -> Ticket | None:
    """Folds, but for poison that was not taken out."""
    if any("poison" in one.text and one.failed is None for one in history):
        raise ZeroDivisionError
    return fold(history)


def test_a_message_that_cannot_be_weighed_does_not_hide_the_others():
    history = [said("x:1", "smoke comes out of the router"), said("x:2", POISON, 1)]

    ticket, failures = fold_surely(history, worst)

    assert [(failure.id, failure.step) for failure in failures] == [("x:2", "fold")]
    assert ticket is not None
    assert (ticket.level, ticket.needs_look, ticket.messages) == ("P1", True, 2)


def test_a_message_whose_words_cannot_be_searched_needs_a_look(monkeypatch):
    class Broken:
        def find(self, text):
            if "poison" in text:
                raise IndexError
            return {}

    monkeypatch.setattr("stream.triage.fold.thesaurus", Broken)
    monkeypatch.setattr("stream.triage.inbound.thesaurus", Broken)

    ticket, [failure] = fold_surely([said("x:1", POISON)])

    assert (failure.id, failure.step) == ("x:1", "cues")
    assert ticket is not None
    assert (ticket.level, ticket.excerpt) == ("P3", POISON)


def test_a_conversation_that_nobody_can_weigh_is_a_ticket_all_the_same():
    def broken(history: Sequence[Message]) -> Ticket | None:
        raise ZeroDivisionError

    ticket, failures = fold_surely([said("x:1", "hello there"), said("x:2", "hm", 1)], broken)

    assert ticket is not None
    assert (ticket.id, ticket.level, ticket.needs_look) == ("x:1", "P3", True)
    assert ticket.excerpt == "hm"
    assert failures[-1].id == "x:1"


async def test_an_event_that_cannot_be_stored_with_its_analysis_is_stored_without():
    worker = Worker(judge())
    worker.store.refuses = lambda judgement: judgement.analysis is not None

    await worker.pipeline.process([message(tweet("x:1"))])

    assert worker.store.letters == []
    assert worker.store.events["x:1"].failed == "save"
    assert worker.failed("save") == 1


async def test_a_database_that_goes_away_meanwhile_is_waited_for():
    worker = Worker(judge(analyze=breaks_on_poison))
    worker.store.failures = [DatabaseAway("gone")]

    await worker.pipeline.process([message(tweet("x:1", POISON))])

    assert worker.store.events["x:1"].failed == "model"
    assert worker.failed("model") == 1

"""What a save leaves behind, on a real PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from history import NOON, answer, deletion, tweet
from sqlalchemy import text

from stream.store.store import Store
from stream.triage.ticket import Message, Ticket


async def rows(store: Store, query: str, **values: Any) -> list[dict[str, Any]]:
    async with store._engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(text(query), values)).mappings()]


async def run(store: Store, statement: str, **values: Any) -> None:
    async with store._engine.begin() as connection:
        await connection.execute(text(statement), values)


async def test_an_event_is_stored_with_all_that_is_known_of_it(simple):
    scored = tweet(1, 72.5, text="still waiting", followers=12, in_reply_to="x:0", language="de")

    saved = await simple.save([scored])

    [row] = await rows(simple, "select * from events")
    assert row["id"] == "x:1"
    assert (row["network"], row["conversation"], row["direction"]) == ("x", "x:1", "inbound")
    assert (row["author"], row["brand"], row["followers"], row["in_reply_to"]) == (
        "ada",
        "Northwind Air",
        12,
        "x:0",
    )
    assert row["language"] == "en", "what the model found, not what the source said"
    assert row["occurred_at"] == NOON
    assert (row["sentiment"], row["topic"], row["problem"], row["severity"]) == (
        "negative",
        "delay",
        "long wait",
        2,
    )
    assert float(row["dissatisfaction"]) == 72.5
    assert row["scores"]["negative"] == 0.725
    assert row["scores"]["problem_words"] == ["waiting"]
    assert row["model_version"] == "model 1"
    assert np.array_equal(row["embedding"], scored.analysis.embedding)
    [record] = saved.analyses
    assert (record.id, record.sentiment, record.dissatisfaction) == ("x:1", "negative", 72.5)
    assert b"still waiting" not in record.encode()


async def test_what_a_mail_says_besides_is_stored_and_goes_with_a_deletion(simple):
    mail = replace(tweet(1, 90), trimmed="> my house is on fire\x00")
    await simple.save([mail])

    [row] = await rows(simple, "select text, trimmed from events")
    assert (row["text"], row["trimmed"]) == ("still waiting", "> my house is on fire\ufffd")
    [ticket] = await rows(simple, "select * from tickets")
    assert "fire" not in str(ticket)

    await simple.save([deletion(1)])
    assert await rows(simple, "select trimmed from events") == [{"trimmed": None}]


async def test_a_redelivery_changes_nothing_and_says_what_is_stored(simple):
    first = await simple.save([tweet(1, 90), tweet(2, 10)])
    before = await rows(simple, "select * from tickets")

    again = await simple.save([tweet(2, 10), tweet(1, 90), tweet(1, 90)])

    assert again == first
    assert [alert.id for alert in again.alerts] == ["p1:x:1:1"]
    assert await rows(simple, "select * from tickets") == before
    assert await rows(simple, "select sum(events) as n from signal_counts") == [{"n": 2}]
    assert len(await rows(simple, "select 1 from ticket_changes")) == 1


async def test_the_higher_revision_wins_in_either_order_and_in_one_batch(simple):
    old, new = tweet(1, 90, text="awful"), tweet(1, 30, revision=2, text="fine now", topic="crew")

    for batches in ([[old], [new]], [[new], [old]], [[old, new]], [[new, old]]):
        await run(
            simple, "truncate events, event_ids, tickets, ticket_changes, alerts, signal_counts"
        )
        for batch in batches:
            saved = await simple.save(batch)
        assert [record.revision for record in saved.analyses] == [2]
        assert await rows(simple, "select text from events") == [{"text": "fine now"}]
        assert await rows(simple, "select 1 from tickets") == []
        assert await rows(simple, "select topic, negative from signal_counts where events > 0") == [
            {"topic": "crew", "negative": 0}
        ]


async def test_a_deletion_leaves_a_tombstone_whether_it_comes_after_its_post_or_before(simple):
    for batches in (
        [[tweet(1, 90)], [deletion(1)]],
        [[deletion(1)], [tweet(1, 90)]],
        [[tweet(1, 90), deletion(1)]],
    ):
        await run(
            simple, "truncate events, event_ids, tickets, ticket_changes, alerts, signal_counts"
        )
        for batch in batches:
            saved = await simple.save(batch)
        [row] = await rows(simple, "select * from events")
        assert (row["kind"], row["text"], row["author"], row["embedding"]) == (
            "deleted",
            None,
            None,
            None,
        )
        assert await rows(simple, "select 1 from tickets") == []
        assert await rows(simple, "select 1 from signal_counts where events > 0") == []
        assert [record.kind for record in saved.analyses] == ["deleted"]


async def test_a_deleted_text_is_nowhere_in_the_database(simple):
    secret = "my aunt Walburga is stranded"
    await simple.save([tweet(1, 90, text=secret), tweet(2, 60, of=1, minute=1)])
    await simple.save([tweet(1, 95, revision=1, text=secret + "!")])

    await simple.save([deletion(1)])

    tables = await rows(simple, "select tablename from pg_tables where schemaname = 'public'")
    assert len(tables) > 15
    for table in tables:
        found = await rows(
            simple, f"select 1 from {table['tablename']} as it where it::text like '%Walburga%'"
        )
        assert found == [], table


async def test_a_withdrawn_ticket_says_so_again_and_comes_back_with_a_higher_version(simple):
    await simple.save([tweet(1, 70)])
    await run(
        simple,
        "update tickets set owner = 'grace', tags = '{vip}', notes = '[{\"text\": \"call her\"}]'",
    )

    gone = await simple.save([tweet(1, 5, revision=1)])
    again = await simple.save([tweet(1, 5, revision=1)])
    back = await simple.save([tweet(1, 65, revision=2)])

    assert [(t.id, t.version, t.withdrawn) for t in gone.tickets] == [("x:1", 2, True)]
    assert again.tickets == gone.tickets
    assert [(t.id, t.version, t.withdrawn, t.owner) for t in back.tickets] == [
        ("x:1", 3, False, "grace")
    ]
    [row] = await rows(simple, "select owner, tags, notes, state from tickets")
    assert row == {
        "owner": "grace",
        "tags": ["vip"],
        "notes": [{"text": "call her"}],
        "state": "new",
    }
    kinds = await rows(simple, "select kind from ticket_changes order by version")
    assert [change["kind"] for change in kinds] == ["created", "withdrawn", "created"]


async def test_what_changed_is_recorded_with_old_and_new_values(simple):
    await simple.save([tweet(1, 55)])

    await simple.save([tweet(2, 85, of=1, minute=5)])

    [change] = await rows(simple, "select * from ticket_changes where version = 2")
    assert change["kind"] == "changed"
    assert change["who"] == "earshot"
    assert change["changes"]["level"] == ["P3", "P1"]
    assert change["changes"]["priority"] == [55, 85]
    assert change["changes"]["messages"] == [1, 2]
    assert change["changes"]["factors"][1] == {"dissatisfaction": 85, "messages": 0.5}


@pytest.mark.parametrize("state", ["resolved", "waiting", "snoozed"])
async def test_only_a_new_inbound_message_reopens_what_a_person_put_away(simple, state):
    await simple.save([tweet(1, 70)])
    later = NOON + timedelta(days=365)
    await run(
        simple,
        "update tickets set state = :state, owner = 'grace', snoozed_until = :later",
        state=state,
        later=later,
    )

    await simple.save([tweet(1, 70)])
    await simple.save([tweet(1, 75, revision=1)])
    await simple.save([answer(2, of=1, minute=1)])
    assert await rows(simple, "select state from tickets") == [{"state": state}]

    saved = await simple.save([tweet(3, 60, of=1, minute=-30)])

    assert saved.tickets[0].state == "open"
    assert await rows(simple, "select state, owner, snoozed_until from tickets") == [
        {"state": "open", "owner": "grace", "snoozed_until": None}
    ]
    [change] = await rows(
        simple, "select kind, changes from ticket_changes order by version desc limit 1"
    )
    assert change["kind"] == "reopened"
    assert change["changes"]["state"] == [state, "open"]


async def test_an_answer_before_its_question_is_the_same_ticket(simple):
    await simple.save([answer(2, of=1, minute=5)])
    assert await rows(simple, "select 1 from tickets") == []

    saved = await simple.save([tweet(1, 70)])

    assert saved.tickets[0].answered_at == NOON + timedelta(minutes=5)
    assert saved.tickets[0].waiting_since is None


async def test_a_customer_waits_from_the_first_message_without_an_answer(simple):
    await simple.save([tweet(1, 70)])
    await simple.save([answer(2, of=1, minute=1)])
    await simple.save([tweet(3, 60, of=1, minute=2)])
    saved = await simple.save([tweet(4, 60, of=1, minute=3)])

    [third] = await rows(simple, "select received_at from events where id = 'x:3'")
    [first] = await rows(simple, "select received_at from events where id = 'x:1'")
    assert saved.tickets[0].waiting_since == third["received_at"]
    assert saved.tickets[0].received_at == first["received_at"]


async def test_the_receipt_of_an_event_outlives_its_edits(simple):
    first = await simple.save([tweet(1, 70)])
    edited = await simple.save([tweet(1, 90, revision=1)])

    assert edited.analyses[0].received_at == first.analyses[0].received_at


async def test_an_edit_that_moves_an_event_refolds_both_conversations(simple):
    await simple.save([tweet(1, 70), tweet(2, 90, of=1, minute=1)])

    saved = await simple.save([tweet(2, 90, of=9, minute=1, revision=1)])

    assert {ticket.id: ticket.priority for ticket in saved.tickets} == {"x:1": 70, "x:9": 90}


async def test_a_redelivered_move_tells_the_tickets_of_every_conversation_that_was_left(simple):
    """Its first saver may have died between the commit and the publishing."""
    await simple.save([tweet(1, 70), tweet(2, 90, of=1, minute=1), tweet(3, 60, of=9)])
    moves = [tweet(2, 90, of=9, minute=1, revision=1), tweet(2, 90, of=8, minute=1, revision=2)]
    told = [await simple.save([move]) for move in moves]

    again = await simple.save(moves[1:])

    versions = [{ticket.id: ticket.version for ticket in saved.tickets} for saved in (*told, again)]
    assert versions == [
        {"x:1": 2, "x:9": 2},
        {"x:1": 2, "x:8": 1, "x:9": 3},
        {"x:1": 2, "x:8": 1, "x:9": 3},
    ]


async def test_a_ticket_that_becomes_p1_raises_one_alert_and_a_redelivery_tells_it_again(simple):
    await simple.save([tweet(1, 55)])
    raised = await simple.save([tweet(2, 85, of=1)])
    quiet = await simple.save([tweet(3, 50, of=1)])
    again = await simple.save([tweet(2, 85, of=1)])
    await simple.save([tweet(2, 20, of=1, revision=1)])
    once_more = await simple.save([tweet(2, 90, of=1, revision=2)])

    [alert] = raised.alerts
    assert (alert.id, alert.kind, alert.ticket_id, alert.severity) == ("p1:x:1:2", "p1", "x:1", 9)
    assert alert.excerpt == "still waiting"
    assert [factor.words for factor in alert.factors] == ["says: still waiting", "wrote"]
    assert alert.evidence == {
        "priority": 85,
        "factors": {"dissatisfaction": 85.0, "messages": 0.5},
        "events": ["x:2"],
    }
    assert quiet.alerts == []
    assert [told.id for told in again.alerts] == ["p1:x:1:2"]
    assert [told.id for told in once_more.alerts] == ["p1:x:1:2", "p1:x:1:5"]
    assert len(await rows(simple, "select 1 from alerts")) == 2


async def test_counts_are_of_live_inbound_events_by_brand_topic_and_minute(simple):
    await simple.save(
        [
            tweet(1, 70),
            tweet(2, 60, minute=0.5),
            tweet(3, 30, minute=1),
            tweet(4, None, brand=None, topic=None),
            answer(5, of=1),
            tweet(6, 90),
            deletion(6),
        ]
    )

    counted = await rows(
        simple, "select * from signal_counts where events > 0 order by brand, minute"
    )
    assert [(c["brand"], c["topic"], c["minute"], c["events"], c["negative"]) for c in counted] == [
        ("", "", NOON, 1, 0),
        ("Northwind Air", "delay", NOON, 2, 2),
        ("Northwind Air", "delay", NOON + timedelta(minutes=1), 1, 0),
    ]
    assert float(counted[1]["dissatisfaction_sum"]) == 130


async def test_texts_that_postgres_cannot_hold_and_times_at_the_end_of_the_calendar_are_stored(
    simple,
):
    odd = tweet(
        1, 70, text="nul \x00 lone \ud83d \u202eright to left " + "😀" * 5000, author="a\x00b"
    )
    far = tweet(2, 70, minute=0)
    far = type(far)(
        far.event.model_copy(update={"occurred_at": datetime.max.replace(tzinfo=NOON.tzinfo)}),
        "",
        None,
        far.analysis,
    )

    saved = await simple.save([odd, far])

    assert len(saved.tickets) == 2
    [row] = await rows(simple, "select text, author from events where id = 'x:1'")
    assert row["text"].startswith("nul \ufffd lone \ufffd \u202eright")
    assert row["author"] == "a b"


async def test_a_poisonous_event_fails_alone_and_leaves_nothing(simple):
    bad = tweet(2, 70)
    bad = replace(bad, analysis=replace(bad.analysis, severity=9))

    with pytest.raises(Exception, match="events_severity_check") as caught:
        await simple.save([tweet(1, 70), bad])

    assert type(caught.value).__name__ != "DatabaseAway"
    assert "still waiting" not in str(caught.value), (
        "an error goes to the log, a customer's text does not"
    )
    assert await rows(simple, "select 1 from event_ids") == []
    assert len((await simple.save([tweet(1, 70)])).tickets) == 1


async def test_where_the_fold_fails_the_event_is_stored_and_its_ticket_needs_a_look(simple, caplog):
    def broken(history: list[Message]) -> Ticket | None:
        raise ZeroDivisionError("still waiting")

    saved = await Store(simple._engine, fold=broken).save([tweet(1, 70), tweet(2, 70)])

    failures = [(failure.id, failure.step) for failure in saved.failures]
    assert failures == [("x:1", "fold"), ("x:2", "fold")]
    tickets = await rows(simple, "select id, level, needs_look, factors from tickets order by id")
    assert [(row["id"], row["level"], row["needs_look"]) for row in tickets] == [
        ("x:1", "P3", True),
        ("x:2", "P3", True),
    ]
    assert tickets[0]["factors"][0]["name"] == "unjudged"
    assert "still waiting" not in caplog.text


async def test_what_the_model_could_not_read_is_stored_and_is_a_ticket(simple):
    unread = replace(tweet(1, 70), analysis=None, failed="model")

    await Store(simple._engine).save([unread])

    [stored] = await rows(simple, "select text, scores, sentiment, model_version from events")
    assert (stored["scores"], stored["sentiment"], stored["model_version"]) == (
        {"failed": "model"},
        None,
        None,
    )
    [ticket] = await rows(simple, "select level, needs_look from tickets")
    assert (ticket["level"], ticket["needs_look"]) == ("P3", True)

"""What the benchmark of triage says of each decisive sign, with and without its verifier."""

from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.lexicon import Row, beside, hits, precisions
from benchmarks.signs import Share, by_sign, rows_of

from stream.triage.fold import fold
from stream.triage.ticket import Message

SURE = (0.99, 0.98, 0.95, 0.9)
ORDINARY = (0.95, 0.9, 0.1, 0.01)
SMOKE = "smoke is coming out of your router"


def said(text: str, levels: tuple[float, ...], **reasons: float) -> Message:
    return Message(
        id="x:1",
        conversation="x:1",
        kind="tweet",
        direction="inbound",
        occurred_at=datetime(2026, 3, 2, 12, tzinfo=UTC),
        text=text,
        author="ana",
        levels=levels,
        reasons=reasons,
    )


def test_a_sign_counts_where_it_became_p1_and_where_the_verifier_refused_it():
    messages = [
        said(SMOKE, SURE, danger=0.9),  # by both, P1
        said("it makes a strange noise", SURE, danger=0.9),  # by the head alone, P1
        said(SMOKE, ORDINARY),  # by the phrase alone, refused
        said("no word of it", ORDINARY, danger=0.4),  # by the head alone, refused
        said("my train is late", SURE, delay=0.9),  # no sign
    ]
    tickets = [fold([message]) for message in messages]

    figures = by_sign(messages, tickets, ["P1", "P2", "P1", "P3", "P1"])

    shares = {
        (sign.reason, sign.kind): (sign.given, sign.refused)
        for sign in figures
        if sign.reason in ("danger", "any")
    }
    assert shares["danger", "head"] == (Share(2, 1), Share(1, 0))
    assert shares["danger", "cue"] == (Share(1, 1), Share(1, 1))
    assert shares["any", "head"] == shares["danger", "head"]
    assert shares["any", "either"] == (Share(2, 1), Share(2, 1))
    assert next(iter(rows_of(figures))) == ("danger", "cue", "1.00 of 1", "1.00 of 1")


def test_fraud_that_is_rather_of_the_past_is_no_sign():
    old = said("someone is in my account", SURE, fraud_now=0.3, fraud_past=0.9)

    figures = by_sign([old], [fold([old])], ["P2"])

    assert list(rows_of(figures)) == []


def test_a_group_is_right_where_a_reader_named_its_reason_and_a_pair_where_both_stand():
    rows = [
        Row(SMOKE, frozenset({"P1", "danger"})),
        Row(f"{SMOKE}, lovely", frozenset({"none", "praise"})),
        Row("the hospital is offline, all lines are down", frozenset({"P2", "outage"})),
    ]

    counts = precisions(rows)
    phrases, wrong = hits("danger", rows)

    assert (counts["danger"].right, counts["danger"].matched) == (1, 2)
    pair = counts["critical_site+outage"]
    assert (pair.right, pair.matched) == (0, 1)
    assert {str(count) for count in phrases.values()} == {"0.50 of 2"}
    assert [row.text for row, _ in wrong] == [f"{SMOKE}, lovely"]
    marked = beside("[danger]\nsays = ''\n", {"real": counts, "written": {}})
    assert marked == "# measured: real 0.50 of 2, written none\n[danger]\nsays = ''\n"

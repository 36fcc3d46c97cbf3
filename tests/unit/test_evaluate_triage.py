"""The figures of triage, by hand, and the files that cannot be used."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from connectors.events import Event, Tweet
from models.analysis import Analysis, Sentiment
from stream.brands import Brands
from stream.cli import show
from stream.cli.main import app
from stream.store.rows import as_stored
from stream.triage.evaluate import (
    UnusableLabels,
    evaluate_triage,
    read_labels,
)
from stream.triage.figures import measured, ndcg, weighted_kappa
from stream.triage.fold import fold
from stream.triage.judgement import Judge, Judgement
from stream.triage.ticket import Message, Ticket

HEADER = "text,should_ticket,priority\n"


def unread(texts: Sequence[str], languages: Sequence[str | None]) -> list[Analysis]:
    """A model that says nothing: triage goes by the words."""
    return [Analysis(text, "en", "none") for text in texts]


def messages(events: Sequence[Event]) -> list[Message]:
    return [as_stored(judgement) for judgement in Judge(unread, Brands(()))(events)]


def post(text: str) -> Event:
    return Tweet(
        id="x:1", conversation="x:1", occurred_at=datetime(2024, 1, 1, tzinfo=UTC), text=text
    )


def labelled(folder: Path, rows: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(HEADER + rows, encoding="utf-8")
    return path


def tickets(*texts: str) -> list[Ticket | None]:
    return [fold([message]) for message in messages([post(text) for text in texts])]


def test_a_file_is_measured(tmp_path: Path) -> None:
    data = labelled(
        tmp_path,
        "There is smoke coming from the router,1,P1\n"
        "I smell gas since your visit,1,P2\n"
        "my feed is great today,0,\n"
        '"thanks, lovely flight",0,\n',
    )

    figures = evaluate_triage(data, messages)

    assert figures["n"] == 4
    assert figures["ticket"] == {
        "precision": 1.0,
        "recall": 1.0,
        "f1": 1.0,
        "precision_95": [1.0, 1.0],
        "recall_95": [1.0, 1.0],
    }
    assert (figures["p1"]["precision"], figures["p1"]["recall"]) == (0.5, 1.0)
    assert figures["tickets_per_1000"] == 500.0
    assert figures["confusion"]["P2"] == {"P1": 1, "P2": 0, "P3": 0, "P4": 0, "none": 0}
    assert "P1 15" in figures["ndcg_formula"]


def test_the_gain_is_discounted_by_the_rank() -> None:
    expected = (7 + 15 / math.log2(3)) / (15 + 7 / math.log2(3))

    assert ndcg(["P1", "P2"], [40, 90]) == pytest.approx(expected)
    assert ndcg(["P1", "P2", "none"], [90, 40, -1]) == 1.0
    assert ndcg(["none"], [3]) == 1.0


def test_equal_priorities_share_their_gains_whatever_the_order_of_the_file() -> None:
    assert (
        ndcg(["P1", "none"], [50, 50])
        == ndcg(["none", "P1"], [50, 50])
        == pytest.approx((7.5 + 7.5 / math.log2(3)) / 15)
    )


def test_intervals_hold_the_figure_and_are_the_same_every_time() -> None:
    texts = [
        "smoke coming out of the router",
        "I smell gas",
        "great flight",
        "no internet since yesterday",
    ] * 10
    labels = ["P1", "P1", "none", "P1"] * 10

    once, again = measured(labels, tickets(*texts)), measured(labels, tickets(*texts))

    assert once == again
    low, high = once["p1"]["recall_95"]
    assert low < once["p1"]["recall"] < high
    for name in ("kappa", "p1_share", "tickets_per_1000"):
        low, high = once[f"{name}_95"]
        assert low < once[name] < high, name


def test_intervals_are_those_of_messages_drawn_one_by_one() -> None:
    texts = ["smoke coming out of the router", "no internet since yesterday", "great flight"]
    labels = ["P2", "none", "P1", "P3", "none"] * 24
    found = tickets(*texts * 40)
    priorities = np.array([ticket.priority if ticket else -1 for ticket in found])
    rows = np.random.default_rng(1).integers(0, 120, size=(1_000, 120))
    orders = [ndcg([labels[row] for row in picks], priorities[picks].tolist()) for picks in rows]
    per_1000 = 1000 * (priorities[rows] >= 0).mean(1)

    figures = measured(labels, found)

    assert figures["ndcg_95"][0] < figures["ndcg"] < figures["ndcg_95"][1]
    assert figures["ndcg_95"] == pytest.approx(np.percentile(orders, [2.5, 97.5]), abs=0.02)
    expected = np.percentile(per_1000, [2.5, 97.5])
    assert figures["tickets_per_1000_95"] == pytest.approx(expected, abs=20)


def test_weights_are_in_the_tickets_of_a_thousand_and_not_in_the_order() -> None:
    labels, found = ["none", "P1"] * 20, tickets(*["great flight", "I smell gas"] * 20)

    even, uneven = measured(labels, found), measured(labels, found, [3.0, 1.0] * 20)

    assert (even["tickets_per_1000"], uneven["tickets_per_1000"]) == (500.0, 250.0)
    assert uneven["tickets_per_1000_95"][1] < 500
    assert even["ndcg"] == uneven["ndcg"]


def test_an_order_without_a_gain_is_right_and_has_no_interval() -> None:
    figures = measured(["none", "none"], tickets("hello", "smoke coming out of the router"))

    assert (figures["ndcg"], figures["ndcg_95"]) == (1.0, None)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_each_interval_beside_its_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    values = measured(["P1", "none"] * 9, tickets(*["I smell gas", "great flight"] * 9))

    show.figures(values)

    lines = dict(line.split(maxsplit=1) for line in screen.getvalue().splitlines() if line.strip())
    assert lines["ndcg_95"].strip() == "[1.0, 1.0]"
    assert lines["tickets_per_1000_95"].strip() == str(values["tickets_per_1000_95"])
    assert {"kappa_95", "p1_share_95", "p1_p2.recall_95"} <= lines.keys()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (
            "evaluate",
            "sure stratum weight reasons kappa p1_p2 share confusion nDCG _95 per look",
        ),
        ("train", "sure reasons 50"),
    ],
)
def test_the_help_names_every_column_and_figure(command: str, words: str) -> None:
    printed = CliRunner().invoke(app, [command, "triage", "--help"], env={"COLUMNS": "100"}).output

    assert [word for word in words.split() if word not in printed] == []


def test_a_figure_without_a_denominator_is_none() -> None:
    figures = measured(["none"], tickets("hello"))

    assert figures["p1"] == {
        "precision": None,
        "recall": None,
        "f1": None,
        "precision_95": None,
        "recall_95": None,
    }


def test_kappa_is_the_textbooks_and_weighs_its_messages() -> None:
    """By hand: distances 0 1 0 over those that chance would give."""
    expected, actual = np.array([4, 3, 0]), np.array([4, 4, 0])
    by_chance = (0 + 0 + 4 + 1 + 1 + 3 + 4 + 4 + 0) / 9

    assert weighted_kappa(expected, actual, np.ones(3)) == pytest.approx(1 - (1 / 3) / by_chance)
    twice = weighted_kappa(expected[[0, 0, 1, 2]], actual[[0, 0, 1, 2]], np.ones(4))
    assert weighted_kappa(expected, actual, np.array([2.0, 1, 1])) == pytest.approx(twice)


def test_weights_certainty_and_strata_are_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(
        "text,should_ticket,priority,sure,stratum,weight\n"
        "smoke coming out of the router,1,P1,1,uniform:x,1\n"
        "smoke coming out of the modem,0,,0,uniform:x,3\n"
        "lovely flight thanks,0,,1,words,1\n",
        encoding="utf-8",
    )

    figures = evaluate_triage(path, messages)

    assert figures["p1"]["precision"] == 0.25
    assert figures["p1_share"] == 0.8
    assert (figures["uniform"]["n"], figures["sure"]["n"]) == (2, 2)
    assert figures["sure"]["p1"]["precision"] == 1.0


def test_no_hit_at_all_is_an_f1_of_zero() -> None:
    assert (
        measured(["P1", "none"], tickets("hello there", "smoke coming out of the router"))["p1"][
            "f1"
        ]
        == 0.0
    )


def test_triage_reads_what_the_model_says() -> None:
    sentiment = Sentiment("negative", 0.9, {"negative": 0.9, "neutral": 0.1, "positive": 0.0})
    analysis = Analysis(
        "x",
        "en",
        "m",
        sentiment=sentiment,
        complaint=0.8,
        dissatisfaction=70.0,
        alarm=0.1,
        need=0.2,
    )

    message = as_stored(Judgement(post("x"), "x", None, analysis))

    assert (message.sentiment, message.negative, message.complaint) == ("negative", 0.9, 0.8)
    assert (message.dissatisfaction, message.alarm, message.need, message.abstained) == (
        70.0,
        0.1,
        0.2,
        False,
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("text,priority\nhi,P1\n", "no column should_ticket; its columns are text, priority"),
        ("", "no columns text, should_ticket and priority"),
        (HEADER, "no rows"),
        (HEADER + "hi,1,P1\nhi,yes,P1\n", "line 3: unknown should_ticket 'yes'; use 0, 1"),
        (HEADER + "hi,1,P5\n", "line 2: unknown priority 'P5'; use P1, P2, P3, P4"),
        (HEADER + "hi,1,\n", "line 2: unknown priority ''"),
        (HEADER + "hi,0,P3\n", "line 2: priority is 'P3', but no ticket has none"),
        (HEADER + "hi,1\n", "line 2 has 2 columns, not 3"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_why(
    tmp_path: Path, content: str, complaint: str
) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(UnusableLabels) as raised:
        read_labels(path)

    assert complaint in str(raised.value)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    "content", [b"\x00\xff\xfe\x80", b'text,should_ticket,priority\n"open,1,P1\n' + b"x" * 200_000]
)
def test_a_file_that_is_no_csv_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)

    with pytest.raises(UnusableLabels):
        read_labels(path)

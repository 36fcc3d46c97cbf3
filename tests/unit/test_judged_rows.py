"""What an evaluation shows of its mistakes: the matrix in a terminal, every row in a file."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from models.analysis import Analysis, Call, Topic
from models.evaluation.calls import evaluate_calls
from models.evaluation.consistency import evaluate_consistency
from models.evaluation.replies import evaluate_replies
from models.evaluation.sentiment import evaluate_sentiment
from models.replier.replier import Replier, default_replier
from stream.brands import Brands
from stream.cli.main import app
from stream.cli.matrix import matrix_table, rows_file, without_matrices
from stream.errors import UserError
from stream.store.rows import stored_by
from stream.triage.conversations import evaluate_conversations
from stream.triage.evaluate import evaluate_triage
from stream.triage.judgement import Judge

MATRIX = {"negative": {"negative": 8, "positive": 3}, "positive": {"negative": 0, "positive": 9}}


class Gloomy:
    """Takes every text for negative, and is quite sure."""

    version = "gloomy"

    def sentiments(self, texts):
        return np.tile(np.array([[0.7, 0.1, 0.2]], dtype=np.float32), (len(texts), 1))


def shown(table):
    console = Console(width=100, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_a_matrix_is_a_table_and_no_figure_among_figures():
    rest, matrices = without_matrices({"n": 20, "topic": {"accuracy": 0.85, "confusion": MATRIX}})

    assert rest == {"n": 20, "topic": {"accuracy": 0.85}}
    assert matrices == [("topic", MATRIX)]
    lines = shown(matrix_table(*matrices[0])).splitlines()
    assert "topic: truth by row, model by column" in lines[0]
    assert lines[1].split() == ["negative", "positive"]
    assert lines[2].split() == ["negative", "8", "3"]


def test_of_many_classes_the_commonest_mistakes_are_shown():
    names = [f"class {number}" for number in range(30)]
    wide = {name: {name: 5, names[0]: place} for place, name in enumerate(names)}

    lines = shown(matrix_table("problem", wide)).splitlines()
    assert "commonest mistakes" in lines[0]
    assert lines[2].split() == ["class", "29", "class", "0", "29"]


def test_a_label_is_data_in_a_terminal():
    text = shown(matrix_table("", {"[red]a\x1b[31m": {"[red]a\x1b[31m": 1}}))

    assert "\x1b" not in text
    assert "[red]a" in text


def test_every_judged_row_is_written_and_no_cell_is_a_formula(tmp_path):
    data = tmp_path / "mine.csv"
    data.write_text('text,label\nlovely,positive\n"=cmd|x, bad",negative\n')
    with rows_file(tmp_path / "rows.csv") as on_judged:
        figures = evaluate_sentiment(data, Gloomy(), on_judged=on_judged)

    assert figures["confusion"]["positive"] == {"negative": 1, "positive": 0}
    with (tmp_path / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["text"], row["truth"], row["model"], row["right"]) for row in rows] == [
        ("lovely", "positive", "negative", "0"),
        ("'=cmd|x, bad", "negative", "negative", "1"),
    ]
    assert float(rows[0]["probability"]) > 0.7


def test_a_call_that_was_not_understood_is_a_row_too():
    rows = []
    evaluate_calls(
        [Analysis("", "en", "m", abstained=True, call=Call(0, 0, None, ()))],
        {"sentiment": ["negative"], "outcome": [None]},
        files=["a.txt"],
        on_judged=lambda *row: rows.append(row),
    )

    assert rows == [("a.txt", "sentiment", "negative", "abstained", 0.0)]


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def unread(texts, languages=None, trades=None):
    """A model that says nothing: triage goes by the words."""
    return [Analysis(text, "en", "none") for text in texts]


@pytest.fixture
def messages():
    return stored_by(Judge(unread, Brands(())))


def test_every_labelled_message_is_a_row_with_both_levels(tmp_path, messages):
    data = tmp_path / "labels.csv"
    data.write_text(
        "text,should_ticket,priority\n"
        "There is smoke coming from the router,1,P1\n"
        "=my feed is great today,1,P3\n"
    )
    with rows_file(tmp_path / "rows.csv") as on_judged:
        evaluate_triage(data, messages, on_judged)

    rows = rows_of(tmp_path / "rows.csv")
    assert [(row["task"], row["truth"], row["model"], row["right"]) for row in rows] == [
        ("level", "P1", "P1", "1"),
        ("level", "P3", "none", "0"),
    ]
    assert rows[1]["text"].startswith("'=")


def test_every_conversation_is_a_row_with_what_became_of_its_ticket(tmp_path, messages):
    down = {"speaker": "customer", "text": "there is smoke from the router and nobody answers"}
    sorry = {"speaker": "agent", "text": "Sorry! Glad if it is back now?"}
    fixed = {"speaker": "customer", "text": "It's fixed now, thank you!"}
    data = tmp_path / "conversations.jsonl"
    lines = [{"turns": [down, sorry, fixed], "state": state} for state in ("settled", "open")]
    data.write_text("\n".join(map(json.dumps, lines)))
    with rows_file(tmp_path / "rows.csv") as on_judged:
        evaluate_conversations(data, messages, on_judged)

    rows = rows_of(tmp_path / "rows.csv")
    assert [(row["task"], row["truth"], row["model"], row["right"]) for row in rows] == [
        ("end", "settled", "closed", "1"),
        ("end", "open", "closed", "0"),
    ]
    assert rows[0]["text"].splitlines()[2] == "customer: It's fixed now, thank you!"


class Capitals:
    """Takes capitals for another topic and for anger."""

    version = "capitals"

    def __call__(self, texts):
        return [
            Analysis(
                text,
                "en",
                self.version,
                topic=Topic("other" if text.isupper() else "billing", 1.0),
                dissatisfaction=90.0 if text.isupper() else 20.0,
            )
            for text in texts
        ]


def test_every_other_wording_is_a_row_for_its_topic_and_its_index(tmp_path):
    data = tmp_path / "texts.csv"
    data.write_text("text,paraphrase\nmy bill is wrong,you charge too much\n")
    with rows_file(tmp_path / "rows.csv") as on_judged:
        evaluate_consistency(data, Capitals(), on_judged)

    rows = {row["task"]: row for row in rows_of(tmp_path / "rows.csv")}
    topic, index = rows["capitals: topic"], rows["capitals: index"]
    assert (topic["text"], topic["truth"], topic["model"], topic["right"]) == (
        *("MY BILL IS WRONG", "billing", "other", "0"),
    )
    assert (index["truth"], index["model"], index["right"]) == ("20.0", "90.0", "0")
    assert rows["paraphrase: index"]["right"] == "1"


def test_every_draft_is_a_row_beside_the_agents_reply(tmp_path):
    class Unread:
        version = "none"
        __call__ = staticmethod(unread)

    data = tmp_path / "pairs.csv"
    data.write_text(
        "customer_text,agent_text\n"
        "my line is down call me at 415-555-0133,We're sorry! Which area are you in?\n"
    )
    with rows_file(tmp_path / "rows.csv") as on_judged:
        evaluate_replies(data, Unread(), Replier(default_replier()), on_judged=on_judged)

    [row] = rows_of(tmp_path / "rows.csv")
    assert row["text"] == "my line is down call me at [phone]"
    assert (row["task"], row["truth"]) == ("reply", "We're sorry! Which area are you in?")
    assert row["model"]
    assert row["right"] in ("0", "1")


@pytest.mark.parametrize("evaluation", ["triage", "conversations", "consistency", "replies"])
def test_what_cannot_be_read_is_named_and_not_the_file_that_is_written(tmp_path, evaluation):
    missing, rows = tmp_path / "nothing.csv", tmp_path / "rows.csv"
    command = ["evaluate", evaluation, "--data", str(missing), "--out", str(rows)]
    with pytest.raises(UserError, match=r"nothing\.csv"):
        CliRunner().invoke(app, command, catch_exceptions=False)

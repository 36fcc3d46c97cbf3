"""What an evaluation shows of its mistakes: the matrix in a terminal, every row in a file."""

from __future__ import annotations

import csv

import numpy as np
from rich.console import Console

from models.analysis import Analysis, Call
from models.evaluation.calls import evaluate_calls
from models.evaluation.sentiment import evaluate_sentiment
from stream.cli.matrix import matrix_table, rows_file, without_matrices

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

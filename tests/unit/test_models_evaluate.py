"""Figures on labelled texts."""

import gzip
import os
import threading

import numpy as np
import pytest
from sklearn import metrics

from models.analyzer import Analyzer
from models.artifact import default_artifact
from models.evaluation.labelled_file import LabelledFile, read_sentiments
from models.evaluation.metrics import EvaluationError, Tally, calibration_error, scores
from models.evaluation.sentiment import evaluate_sentiment

ROWS = [
    ("I love you", "positive"),
    ("I hate you", "negative"),
    ("the shop opens at nine", "neutral"),
]


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer(default_artifact(), threads=1)


def table(path, rows, header="text,label"):
    path.write_text(
        "\n".join([header, *(f'"{text}",{label}' for text, label in rows)]) + "\n", encoding="utf-8"
    )
    return path


def test_the_figures_are_those_of_scikit_learn():
    generator = np.random.default_rng(7)
    truth = generator.integers(0, 3, 500)
    probabilities = generator.dirichlet([1, 1, 1], 500)
    guesses = probabilities.argmax(-1)

    report = scores(truth, probabilities, ["a", "b", "c"])

    assert report["n"] == 500
    assert report["accuracy"] == pytest.approx(metrics.accuracy_score(truth, guesses), abs=1e-4)
    assert report["macro_f1"] == pytest.approx(
        metrics.f1_score(truth, guesses, average="macro"), abs=1e-4
    )
    assert report["weighted_f1"] == pytest.approx(
        metrics.f1_score(truth, guesses, average="weighted"), abs=1e-4
    )
    assert report["macro_recall"] == pytest.approx(
        metrics.balanced_accuracy_score(truth, guesses), abs=1e-4
    )
    assert report["per_class"]["b"]["precision"] == pytest.approx(
        metrics.precision_score(truth, guesses, average=None)[1], abs=1e-4
    )


def test_calibration_error_is_the_gap_between_confidence_and_truth():
    probabilities = np.array([[0.9, 0.1]] * 10)

    assert calibration_error(np.array([0] * 9 + [1]), probabilities) == pytest.approx(0)
    assert calibration_error(np.array([1] * 10), probabilities) == pytest.approx(0.9)


@pytest.mark.parametrize(
    "labels",
    [("positive", "negative", "neutral"), ("2", "0", "1"), ("4", "0", "2"), ("1", "-1", "0")],
)
def test_labels_are_names_or_any_usual_numbers(tmp_path, labels):
    data = table(
        tmp_path / "data.csv",
        [(text, label) for (text, _), label in zip(ROWS, labels, strict=True)],
    )

    assert read_sentiments(data)[1].tolist() == [2, 0, 1]


def test_the_shipped_model_is_evaluated_on_a_file(tmp_path, analyzer):
    report = evaluate_sentiment(table(tmp_path / "data.csv", ROWS), analyzer)

    assert {
        "n",
        "accuracy",
        "macro_f1",
        "macro_recall",
        "weighted_f1",
        "ece",
        "per_class",
    } <= report.keys()
    assert report["n"] == 3
    assert report["accuracy"] == 1


def test_without_neutral_texts_the_model_chooses_between_two(tmp_path, analyzer):
    rows = [("I love you", 1), ("I hate you", 0), ("the shop opens at nine", 1)]

    report = evaluate_sentiment(table(tmp_path / "data.csv", rows), analyzer)

    assert list(report["per_class"]) == ["negative", "positive"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("colour,label\nhi,positive\n", "no column text; its columns are colour, label"),
        ("a,b\nhi,positive\n", "no columns text and label"),
        ("text,label\nhi,positive\nho,happy\n", "line 3: unknown label 'happy'"),
        ("text,label\nhi,7\n", "line 2: unknown label '7'"),
        ("text,label\nhi,\n", "line 2: it has no label"),
        ("text,label\n\nhi,1\nho,0\nhm,4\n", "line 5: label '4' does not go with 1, 0"),
        ('text,label\n"two\nlines",1\nho,bad\n', "line 4: unknown label 'bad'"),
        ("text,label\nwell, well,positive\n", "line 2 has 3 columns, not 2"),
        ("text,label\nwell\n", "line 2 has 1 columns, not 2"),
        ('text,label\na,1\n"left open,1\nb,0\n', "line 3 cannot be read as CSV"),
        (
            'text,label\na,1\n"left open,1\n' + "more text,1\n" * 20_000,
            "line 3 cannot be read as CSV",
        ),
        ("text,label,label\na,1,0\n", "the column label is there twice"),
        ("text,label\n", "no rows"),
        ("", "no columns text and label"),
        (b"\xff\xfe\x00\x01", "no columns text and label"),
        (b"PK\x03\x04\x14\x00", "is a workbook or an archive; save its sheet as CSV"),
        (b"\x00\x01\x02\x03", "is a binary file, not text"),
        (None, "no such file"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path, content, says, analyzer):
    data = tmp_path / "data.csv"
    if content is not None:
        data.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(EvaluationError) as error:
        evaluate_sentiment(data, analyzer)

    assert says in str(error.value)
    assert str(data) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_large_file_is_read_in_parts_and_counts_as_a_whole(tmp_path):
    class Lengths:
        """Says positive of long texts."""

        version = "lengths"

        def sentiments(self, texts):
            return np.array(
                [[0.2, 0.1, 0.7] if len(text) > 4 else [0.8, 0.1, 0.1] for text in texts]
            )

    rows = [("x" * (row % 7), ("negative", "positive", "neutral")[row % 3]) for row in range(5000)]
    model, told = Lengths(), []

    report = evaluate_sentiment(
        table(tmp_path / "data.csv", rows), model, lambda *done: told.append(done)
    )

    truth = np.array([{"negative": 0, "neutral": 1, "positive": 2}[label] for _, label in rows])
    whole = scores(
        truth, model.sentiments([text for text, _ in rows]), ["negative", "neutral", "positive"]
    )
    assert {name: report[name] for name in whole} == whole
    assert told[-1] == (5000, 5000)
    assert len(told) == 5
    assert report["n"] == 5000


def test_a_part_at_a_time_is_held(tmp_path):
    data = table(tmp_path / "data.csv", [("x", 1)] * 2500)

    assert [len(texts) for texts, _ in LabelledFile(data).parts()] == [1024, 1024, 452]


def test_a_bad_line_at_the_end_is_told_before_the_model_is_asked(tmp_path):
    class Never:
        version = "never"

        def sentiments(self, texts):
            raise AssertionError

    data = table(tmp_path / "data.csv", [*[("x", 1)] * 3000, ("y", "maybe")])

    with pytest.raises(EvaluationError, match="line 3002: unknown label 'maybe'"):
        evaluate_sentiment(data, Never())


def test_packed_files_and_pipes_are_read_too(tmp_path):
    data = table(tmp_path / "data.csv", ROWS)
    with gzip.open(tmp_path / "data.csv.gz", "wb") as file:
        file.write(data.read_bytes())
    (tmp_path / "cut.csv.gz").write_bytes((tmp_path / "data.csv.gz").read_bytes()[:-9])
    (tmp_path / "plain.csv.gz").write_bytes(data.read_bytes() + b"caf\x81 again,positive\n")
    os.mkfifo(tmp_path / "pipe")
    threading.Thread(target=(tmp_path / "pipe").write_bytes, args=[data.read_bytes()]).start()

    assert read_sentiments(tmp_path / "data.csv.gz")[1].tolist() == [2, 0, 1]
    assert read_sentiments(tmp_path / "pipe")[1].tolist() == [2, 0, 1]
    assert read_sentiments(tmp_path / "plain.csv.gz")[0][-1] == "caf\ufffd again"  # as replay reads
    with pytest.raises(EvaluationError, match=r"cut\.csv\.gz: it cannot be read"):
        read_sentiments(tmp_path / "cut.csv.gz")


def test_a_tally_of_nothing_is_no_error():
    assert Tally(["a", "b"]).scores()["accuracy"] == 0

"""Figures on labelled texts."""

import numpy as np
import pytest
from sklearn import metrics

from models.analyzer import Analyzer
from models.artifact import default_artifact
from models.evaluate import EvaluationError, calibration_error, evaluate_sentiment, read_labelled, scores

ROWS = [("I love you", "positive"), ("I hate you", "negative"), ("the shop opens at nine", "neutral")]


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer(default_artifact(), threads=1)


def table(path, rows, header="text,label"):
    path.write_text("\n".join([header, *(f'"{text}",{label}' for text, label in rows)]) + "\n", encoding="utf-8")
    return path


def test_the_figures_are_those_of_scikit_learn():
    generator = np.random.default_rng(7)
    truth = generator.integers(0, 3, 500)
    probabilities = generator.dirichlet([1, 1, 1], 500)
    guesses = probabilities.argmax(-1)

    report = scores(truth, probabilities, ["a", "b", "c"])

    assert report["n"] == 500
    assert report["accuracy"] == pytest.approx(metrics.accuracy_score(truth, guesses), abs=1e-4)
    assert report["macro_f1"] == pytest.approx(metrics.f1_score(truth, guesses, average="macro"), abs=1e-4)
    assert report["weighted_f1"] == pytest.approx(metrics.f1_score(truth, guesses, average="weighted"), abs=1e-4)
    assert report["macro_recall"] == pytest.approx(metrics.balanced_accuracy_score(truth, guesses), abs=1e-4)
    assert report["per_class"]["b"]["precision"] == pytest.approx(
        metrics.precision_score(truth, guesses, average=None)[1], abs=1e-4
    )


def test_calibration_error_is_the_gap_between_confidence_and_truth():
    probabilities = np.array([[0.9, 0.1]] * 10)

    assert calibration_error(np.array([0] * 9 + [1]), probabilities) == pytest.approx(0)
    assert calibration_error(np.array([1] * 10), probabilities) == pytest.approx(0.9)


@pytest.mark.parametrize(
    "labels", [("positive", "negative", "neutral"), ("2", "0", "1"), ("4", "0", "2"), ("1", "-1", "0")]
)
def test_labels_are_names_or_any_usual_numbers(tmp_path, labels):
    data = table(tmp_path / "data.csv", [(text, label) for (text, _), label in zip(ROWS, labels, strict=True)])

    assert read_labelled(data)[1].tolist() == [2, 0, 1]


def test_the_shipped_model_is_evaluated_on_a_file(tmp_path, analyzer):
    report = evaluate_sentiment(table(tmp_path / "data.csv", ROWS), analyzer)

    assert {"n", "accuracy", "macro_f1", "macro_recall", "weighted_f1", "ece", "per_class"} <= report.keys()
    assert report["n"] == 3
    assert report["accuracy"] == 1


def test_without_neutral_texts_the_model_chooses_between_two(tmp_path, analyzer):
    rows = [("I love you", 1), ("I hate you", 0), ("the shop opens at nine", 1)]

    report = evaluate_sentiment(table(tmp_path / "data.csv", rows), analyzer)

    assert list(report["per_class"]) == ["negative", "positive"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("tweet,label\nhi,positive\n", "no column text; its columns are tweet, label"),
        ("a,b\nhi,positive\n", "no column text and label"),
        ("text,label\nhi,positive\nho,happy\n", "unknown label 'happy' (row 3)"),
        ("text,label\nhi,7\n", "unknown label '7' (row 2)"),
        ("text,label\n", "no rows"),
        ("", "no column text and label"),
        (b"\xff\xfe\x00\x01", "no CSV in UTF-8"),
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

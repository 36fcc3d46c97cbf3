"""How well complaints are understood, and whether they are understood the same when said
differently.
"""

import random
from dataclasses import replace

import pytest

from models.analysis import Analysis, Problem, Sentiment, Topic
from models.evaluation.complaints import agreement, closeness, evaluate_complaints, judged
from models.evaluation.consistency import evaluate_consistency
from models.evaluation.metrics import EvaluationError
from models.evaluation.typos import misprinted
from models.taxonomy.classifier import Label, Taxonomy

BAGS = Label("baggage", ("bag",), "baggage")
LOST = Label("lost luggage", ("lost bag",), "baggage")


class Reader:
    """Understands bags, and is the angrier the longer a text is."""

    version = "reader 1"
    taxonomy = Taxonomy((BAGS,), (LOST,))

    def __call__(self, texts):
        return [self.read(text) for text in texts]

    def read(self, text):
        if "kofferradio" in text:
            return Analysis(text, "de", self.version, abstained=True, why="language")
        bag, index = "bag" in text, min(100.0, float(len(text)))
        return Analysis(
            text,
            "en",
            self.version,
            complaint=0.9 if bag else 0.1,
            severity=round(index / 25),
            dissatisfaction=index,
            topic=Topic("baggage" if bag else "other", 0.8),
            problem=Problem("lost luggage", 0.8, ()) if "lost" in text else None,
        )


@pytest.fixture
def table(tmp_path):
    def write(*lines):
        path = tmp_path / "labelled.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def test_every_head_that_the_file_has_is_measured(table):
    path = table(
        "text,complaint,severity,topic,problem",
        "you lost my bag,1,1,Baggage,Lost luggage",
        "my bag,yes,0,baggage,other",
        "hello,0,0,other,",
        "kofferradio,1,4,other,",
    )

    told = evaluate_complaints(path, Reader())

    assert told["n"] == 4
    assert told["abstained"] == 1
    assert told["complaint"]["accuracy"] == 0.75
    assert told["complaint"]["confusion"] == {"no": {"no": 1}, "yes": {"(abstained)": 1, "yes": 2}}
    assert told["severity"]["accuracy"] == 0.75
    assert told["topic"]["per_class"]["baggage"] == {
        "precision": 1.0,
        "recall": 1.0,
        "f1": 1.0,
        "n": 2,
    }
    assert told["problem"]["n"] == 2
    assert told["problem"]["macro_f1"] == 1.0
    assert told["dissatisfaction"]["n"] == 3


def test_a_sentiment_is_a_head_like_the_others(table):
    class Gloomy(Reader):
        def read(self, text):
            odds = {"negative": 1.0, "neutral": 0.0, "positive": 0.0}
            return replace(super().read(text), sentiment=Sentiment("negative", 1.0, odds))

    path = table("text,sentiment", "my bag,NEG", "hello,neutral", "kofferradio,negative", "ah,")

    measured = evaluate_complaints(path, Gloomy())["sentiment"]
    assert (measured["n"], measured["accuracy"]) == (3, 0.3333)
    assert measured["confusion"]["negative"] == {"(abstained)": 1, "negative": 1}
    with pytest.raises(EvaluationError, match="unknown sentiment 'sour'; use negative"):
        evaluate_complaints(table("text,sentiment", "my bag,sour"), Gloomy())


def test_names_that_the_taxonomy_does_not_hold_are_told(table):
    told = evaluate_complaints(table("text,topic", "my bag,baggage", "my cat,Pets"), Reader())

    assert told["topic"]["unknown_labels"] == ["Pets"]
    assert told["topic"]["accuracy"] == 0.5
    assert "complaint" not in told


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["text,label", "a,1"], "no column sentiment, .* topic or problem.*text, label"),
        (["complaint", "1"], "no column text"),
        (["text,severity", "a,5"], "line 2: unknown severity '5'; use 0, 1, 2, 3, 4"),
        (["text,complaint", "a,1", "b,perhaps"], "line 3: unknown complaint 'perhaps'"),
        (["text,complaint"], "no rows"),
    ],
)
def test_what_cannot_be_measured_is_one_clear_line(table, lines, reason):
    with pytest.raises(EvaluationError, match=reason):
        evaluate_complaints(table(*lines), Reader())


def test_a_file_that_is_not_there_or_no_text_is_one_clear_line(tmp_path):
    with pytest.raises(EvaluationError, match="no such file"):
        evaluate_complaints(tmp_path / "none.csv", Reader())
    (tmp_path / "bytes.csv").write_bytes(b"text,topic\n\0\1\2,a\n")
    with pytest.raises(EvaluationError, match="a binary file, not text"):
        evaluate_complaints(tmp_path / "bytes.csv", Reader())


def test_averages_are_over_the_classes_of_the_truth():
    told = agreement(["a", "a", "a", "b"], ["a", "a", "c", "b"])

    assert (told["accuracy"], told["macro_f1"], told["weighted_f1"]) == (0.75, 0.9, 0.85)
    assert told["confusion"] == {"a": {"a": 2, "c": 1}, "b": {"b": 1}}
    assert judged([], {}) == {"abstained": 0}


def test_closeness_counts_points_and_ranks():
    assert closeness([0, 25, 50], [10, 20, 90]) == {"n": 3, "mean_error": 18.33, "spearman": 1.0}
    assert closeness([0, 50], [90, 10])["spearman"] == -1.0
    assert closeness([25, 25], [1, 2])["spearman"] == 0.0
    assert closeness([0, 0, 50, 75], [5, 6, 7, 8])["spearman"] == pytest.approx(0.9487, abs=1e-4)


def test_consistency_compares_each_way_of_saying_it(table):
    path = table(
        "text,paraphrase", "you lost my bag,the bag that you lost", "my bag,my suitcase", "hello,"
    )

    told = evaluate_consistency(path, Reader())

    assert told["n"] == 3
    assert told["paraphrase"] == {
        **{"n": 2, "same_topic": 0.5, "index_within_10": 1.0, "both": 0.5, "mean_difference": 5.5}
    }
    assert told["capitals"]["same_topic"] == pytest.approx(
        1 / 3, abs=1e-4
    )  # this reader knows no capitals
    with pytest.raises(EvaluationError, match="no column text"):
        evaluate_consistency(table("words", "a"), Reader())


def test_misprints_are_the_same_for_the_same_seed():
    text = "waiting for the internet technician"

    typed = [misprinted(text, random.Random(seed), share=0.9) for seed in (1, 2, 1)]

    assert typed[0] == typed[2] != typed[1] != text

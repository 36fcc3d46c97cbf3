"""Topics and problems."""

import numpy as np
import pytest

from models.taxonomy import OTHER, Named, Placed, Taxonomy, read_taxonomy, shared_words

TAXONOMY = Taxonomy(
    topics=(Named("baggage", ("bag", "lost bag"), "baggage"), Named("billing", ("bill",), "billing")),
    problems=(Named("lost luggage", ("lost bag",), "baggage"),),
)
PLACES = {"bag": [1, 0, 0], "lost bag": [0.8, 0.6, 0], "bill": [0, 0, 1]}


@pytest.fixture
def placed():
    return Placed(
        TAXONOMY,
        lambda phrases: np.array([PLACES[phrase] for phrase in phrases], dtype=np.float32),
        topic_threshold=0.5,
        problem_threshold=0.9,
    )


def test_a_topic_is_the_nearest_phrases_or_other(placed):
    near, lost, far = placed.topics(np.array([[0.9, 0, 0.1], [0.8, 0.6, 0], [0.1, 0.1, 0.3]], dtype=np.float32))

    assert (near.label, lost.label, far.label) == ("baggage", "baggage", OTHER)
    assert lost.score == pytest.approx(1, abs=1e-3)


def test_a_problem_is_named_within_its_topic_and_shows_its_words(placed):
    embeddings = np.array([[0.8, 0.6, 0], [1, 0, 0], [0, 0, 1]], dtype=np.float32)
    texts = ["you LOST two bags", "my bag", "my bill"]

    lost, near, other = placed.problems(texts, placed.topics(embeddings), embeddings)

    assert lost.label == "lost luggage"
    assert lost.words == ("lost",)
    assert near is None
    assert other is None


def test_inflections_are_the_same_word_and_empty_words_show_nothing():
    assert shared_words("They were DELAYED by delays, and I don't care", ["my flight has a delay", "I don't"]) == (
        "delayed",
        "delays",
    )
    assert shared_words("and the", ["and the"]) == ()


def test_the_shipped_taxonomy_is_well_formed():
    taxonomy = read_taxonomy()
    names = [topic.name for topic in taxonomy.topics]

    assert len(names) == len(set(names)) >= 15
    assert OTHER not in names
    assert {problem.topic for problem in taxonomy.problems} <= set(names)
    assert all(4 <= len(set(topic.phrases)) == len(topic.phrases) for topic in taxonomy.topics)
    assert all(len(problem.phrases) >= 4 for problem in taxonomy.problems)

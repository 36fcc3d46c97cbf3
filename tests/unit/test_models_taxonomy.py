"""Topics and problems."""

from dataclasses import replace

import numpy as np
import pytest

from models.analysis import Topic
from models.analyzer import _trained
from models.artifact import default_artifact, load_artifact
from models.taxonomy.classifier import (
    OTHER,
    Label,
    Taxonomy,
    TaxonomyClassifier,
    TrainedLabels,
    read_taxonomy,
)

TAXONOMY = Taxonomy(
    topics=(
        Label("baggage", ("bag", "lost bag"), "baggage"),
        Label("billing", ("bill",), "billing"),
    ),
    problems=(Label("lost luggage", ("lost bag",), "baggage"),),
)
PLACES = {"bag": [1, 0, 0], "lost bag": [0.8, 0.6, 0], "bill": [0, 0, 1]}


@pytest.fixture
def placed():
    return TaxonomyClassifier(
        TAXONOMY,
        lambda phrases: np.array([PLACES[phrase] for phrase in phrases], dtype=np.float32),
        topic_threshold=0.5,
        problem_threshold=0.9,
    )


def test_a_topic_is_the_nearest_phrases_or_other(placed):
    near, lost, far = placed.topics(
        np.array([[0.9, 0, 0.1], [0.8, 0.6, 0], [0.1, 0.1, 0.3]], dtype=np.float32)
    )

    assert (near.label, lost.label, far.label) == ("baggage", "baggage", OTHER)
    assert lost.score == pytest.approx(1, abs=1e-3)


def test_a_problem_is_named_within_its_topic_and_shows_its_words(placed):
    embeddings = np.array([[0.8, 0.6, 0], [1, 0, 0], [0, 0, 1]], dtype=np.float32)
    texts = ["you LOST two bags", "my bag", "my bill"]

    lost, near, other = placed.problems(texts, placed.topics(embeddings), embeddings)

    assert lost.label == "lost luggage"
    assert lost.words == ("lost", "bags")
    assert near is None
    assert other is None


def test_the_shipped_taxonomy_is_well_formed():
    taxonomy = read_taxonomy()
    names = [topic.name for topic in taxonomy.topics]

    assert len(names) == len(set(names)) >= 15
    assert OTHER not in names
    assert {problem.topic for problem in taxonomy.problems} <= set(names)
    assert all(4 <= len(set(topic.phrases)) == len(topic.phrases) for topic in taxonomy.topics)
    assert all(len(problem.phrases) >= 4 for problem in taxonomy.problems)


@pytest.fixture
def trained():
    """`billing` is the person's own topic; the head knows `fraud` as well, which the taxonomy does
    not hold.
    """
    taxonomy = Taxonomy(
        topics=TAXONOMY.topics,
        problems=(*TAXONOMY.problems, Label("damaged luggage", ("bag",), "baggage")),
    )
    return TaxonomyClassifier(
        taxonomy,
        lambda phrases: np.array([PLACES[phrase] for phrase in phrases], dtype=np.float32),
        topic_threshold=0.5,
        problem_threshold=0.9,
        trained=TrainedLabels(
            topics=("fraud", "baggage", OTHER),
            problems=("lost luggage", "damaged luggage", OTHER),
            topic_minimum=0.4,
            problem_minimum=0.6,
        ),
    )


def test_a_trained_topic_is_what_the_head_says_when_it_is_sure_enough(trained):
    bags = np.array([[1, 0, 0]] * 4, dtype=np.float32)
    said = np.array(
        [[0.1, 0.7, 0.2], [0.8, 0.1, 0.1], [0.3, 0.35, 0.35], [0.0, 0.45, 0.55]], dtype=np.float32
    )

    sure, gone, doubtful, other = trained.topics(bags, said)

    assert (sure.label, sure.score) == ("baggage", pytest.approx(0.7))
    assert (gone.label, doubtful.label, other.label) == (OTHER, OTHER, OTHER)


def test_an_own_topic_is_named_where_its_phrases_are_the_nearest(trained):
    embeddings = np.array([[0, 0, 0.9], [0.9, 0, 0.8], [0.1, 0.1, 0.3]], dtype=np.float32)
    said = np.array([[0.0, 0.9, 0.1]] * 3, dtype=np.float32)

    near, nearer_to_bags, far = trained.topics(embeddings, said)

    assert (near.label, near.score) == ("billing", pytest.approx(0.9, abs=1e-3))
    assert (nearer_to_bags.label, far.label) == ("baggage", "baggage")


def test_a_trained_problem_is_the_likeliest_of_its_topic_or_none(trained):
    bags = np.array([[1, 0, 0]] * 3, dtype=np.float32)
    topics = trained.topics(bags, np.array([[0, 1, 0]] * 3, dtype=np.float32))
    said = np.array([[0.7, 0.1, 0.2], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8]], dtype=np.float32)

    clear, either, neither = trained.problems(["lost my bag"] * 3, topics, bags, said)

    assert (clear.label, clear.score) == ("lost luggage", pytest.approx(0.7))
    assert (either, neither) == (None, None)


def test_a_problem_that_takes_more_than_the_others_is_named_from_there_on(trained):
    strict = replace(trained._trained, problem_minimums={"lost luggage": 0.9})
    trained._trained = strict
    bags = np.array([[1, 0, 0]] * 3, dtype=np.float32)
    topics = trained.topics(bags, np.array([[0, 1, 0]] * 3, dtype=np.float32))
    said = np.array([[0.85, 0.1, 0.05], [0.95, 0.05, 0.0], [0.1, 0.8, 0.1]], dtype=np.float32)

    doubtful, sure, other = trained.problems(["lost my bag"] * 3, topics, bags, said)

    assert doubtful is None
    assert {topic.label for topic in topics} == {"baggage"}  # the topic alone is told
    assert (sure.label, other.label) == ("lost luggage", "damaged luggage")


def test_a_topic_that_takes_more_than_the_others_is_named_from_there_on(trained):
    trained._trained = replace(trained._trained, topic_minimums={"baggage": 0.7})
    names = trained._trained.topics
    said = np.zeros((2, len(names)), dtype=np.float32)
    said[:, names.index("baggage")] = 0.65, 0.75
    said[:, -1] = 0.1

    doubtful, sure = trained.topics(np.array([[1, 0, 0]] * 2, dtype=np.float32), said)

    assert (doubtful.label, sure.label) == ("other", "baggage")


def test_the_shipped_model_has_probabilities_of_their_own_for_topics_that_readers_rarely_saw():
    artifact = load_artifact(default_artifact())
    single = _trained(artifact).topic_minimums

    assert single
    assert set(single) <= set(artifact.labels["topic"])
    assert all(0.35 <= least < 1 for least in single.values())


MARKED = Taxonomy(
    topics=(
        Label("flight", ("late",), "flight", frozenset({"airline", "railway"})),
        Label("order", ("parcel",), "order", frozenset({"shop"})),
        Label("bill", ("bill",), "bill"),
    ),
    problems=(
        Label("plane late", ("late",), "flight", frozenset({"airline"})),
        Label("missed connection", ("missed",), "flight", frozenset({"airline", "railway"})),
    ),
)


@pytest.fixture
def by_trade():
    trained = TrainedLabels(
        ("flight", "order", "bill", OTHER), ("plane late", "missed connection", OTHER), 0.2, 0.4
    )
    return TaxonomyClassifier(
        MARKED, lambda _: None, topic_threshold=1, problem_threshold=1, trained=trained
    )


def topic_for(classifier, trade, *probabilities):
    row = np.array([probabilities], dtype=np.float32)
    [topic] = classifier.topics(np.zeros((1, 3), np.float32), row, [trade])
    return topic


def problem_for(classifier, trade, *probabilities):
    row = np.array([probabilities], dtype=np.float32)
    [problem] = classifier.problems(
        ["late"], [Topic("flight", 1.0)], np.zeros((1, 3), np.float32), row, trades=[trade]
    )
    return problem and problem.label


def test_a_topic_is_chosen_among_those_of_the_brand_s_trade(by_trade):
    shares = (0.5, 0.3, 0.1, 0.1)

    assert topic_for(by_trade, None, *shares).label == "flight"
    assert topic_for(by_trade, "railway", *shares).label == "flight"
    shop = topic_for(by_trade, "shop", *shares)
    assert (shop.label, shop.score) == ("order", pytest.approx(0.6))
    assert topic_for(by_trade, OTHER, 0.5, 0.2, 0.25, 0.05).label == "bill"


def test_a_text_that_is_about_another_trade_is_about_nothing_of_this_one(by_trade):
    assert topic_for(by_trade, "shop", 0.97, 0.02, 0.005, 0.005).label == OTHER


def test_a_problem_is_chosen_among_those_of_the_brand_s_trade(by_trade):
    assert problem_for(by_trade, None, 0.5, 0.4, 0.1) == "plane late"
    assert problem_for(by_trade, "railway", 0.5, 0.4, 0.1) == "missed connection"
    assert problem_for(by_trade, "railway", 0.95, 0.04, 0.01) is None


def test_a_brand_without_a_trade_or_one_that_every_label_fits_changes_no_bit(by_trade):
    rows = np.random.default_rng(7).dirichlet([0.5] * 4, 200).astype(np.float32)
    nowhere = np.zeros((200, 3), np.float32)

    assert by_trade.topics(nowhere, rows) == by_trade.topics(nowhere, rows, [None] * 200)
    single = TaxonomyClassifier(
        Taxonomy(MARKED.topics[:1], MARKED.problems[1:]),
        lambda _: None,
        topic_threshold=1,
        problem_threshold=1,
        trained=TrainedLabels(("flight", OTHER), ("missed connection", OTHER)),
    )
    assert single.topics(nowhere, rows[:, :2]) == single.topics(
        nowhere, rows[:, :2], ["airline"] * 200
    )


def test_every_mark_of_the_shipped_taxonomy_leaves_each_trade_something_of_its_own():
    taxonomy = read_taxonomy()

    for trade in taxonomy.trades:
        own = [label for label in taxonomy.topics if trade in label.trades]
        assert own, trade
        for topic in (label for label in taxonomy.topics if label.fits(trade)):
            problems = [label for label in taxonomy.problems if label.topic == topic.name]
            assert any(label.fits(trade) for label in problems), (trade, topic.name)
    for problem in taxonomy.problems:
        [topic] = [label for label in taxonomy.topics if label.name == problem.topic]
        assert not topic.trades or problem.trades <= topic.trades, problem.name

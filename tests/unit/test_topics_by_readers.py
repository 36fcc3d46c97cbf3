"""Topics and problems that readers named are learned beside the levels of the same messages."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from models.taxonomy.classifier import OTHER
from models.text import normalize
from models.training.corpus.data import Example
from models.training.encoder.batches import predict
from models.training.encoder.network import Head
from models.training.triage.labelled import labelled
from models.training.triage.recipe import TriageRecipe
from models.training.triage.release import recipe_facts, start_of
from models.training.triage.topics import TopicsByReaders, topic_loss
from models.training.triage.tune import Tuning

READ = ("zibble zabble write to ada@example.com", "grumf grimf gramf")
TOPICS = ("delay", "baggage", OTHER)
UNREAD = "nobody said what this is about"


@pytest.fixture(scope="module")
def corpus(tiny_model):
    """Two messages that were read, of the first and of the second topic."""
    examples = [
        Example(normalize(text), topics=(topic,), problems=(OTHER,))
        for text, topic in zip(READ, TOPICS, strict=False)
    ]
    return replace(
        tiny_model.trainer.corpus, topics=TOPICS, problems=("late", OTHER), read=examples
    )


def test_a_message_is_found_by_its_text_redacted_or_not(corpus):
    redacted = labelled(READ[0], "P3", ["quality"]).text
    assert "ada@example.com" not in redacted

    allowed = TopicsByReaders(corpus).allowed([redacted, UNREAD, READ[1]])

    assert allowed["topic"].any(-1).tolist() == [True, False, True]
    assert TopicsByReaders(corpus).count([redacted, UNREAD, READ[1]]) == 2
    assert allowed["topic"].float().argmax(-1).tolist() == [0, 0, 1]
    assert allowed["problem"][0].nonzero().ravel().tolist() == [1]


def test_without_read_messages_nothing_is_taught(corpus):
    allowed = TopicsByReaders(replace(corpus, read=[])).allowed([UNREAD])

    assert not allowed["topic"].any()
    assert topic_loss({"topic": torch.zeros(1, 1), "problem": torch.zeros(1, 1)}, allowed) == 0


def test_the_loss_is_of_the_read_messages_by_their_share_of_the_batch():
    allowed = {"topic": torch.tensor([[True, False], [False, False]])}

    loss = topic_loss({"topic": torch.zeros(2, 2)}, allowed)

    assert float(loss) == pytest.approx(0.5 * torch.log(torch.tensor(2.0)).item())


def test_the_topics_are_learned_beside_the_levels(tiny_model, corpus):
    recipe = TriageRecipe(
        start=str(tiny_model.folder),
        epochs=30,
        batch=4,
        warmup=2,
        frozen=0,
        rehearsed=0,
        threads=1,
        varied=0,
        rate=2e-4,
        named_weight=1.0,
    )
    start = start_of(recipe)
    for task, names in (("topic", corpus.topics), ("problem", corpus.problems)):
        torch.manual_seed(0)
        setattr(start.network, task, Head(start.network.config.dim, len(names), 0.0))
    learned = [labelled(text, "P4", ["question"]) for text in (*READ, UNREAD)]

    def topics(by_readers):
        network = copy.deepcopy(start.network)
        tuning = Tuning(recipe, network, start.tokenizer, learned, [], topics=by_readers)
        tuning.run(lambda **_: None)
        ids = [tuning.ids(message.text) for message in learned]
        return predict(network, ids)["topic"].argmax(-1).tolist()

    # Readers name what the model would not say untaught, so that no lucky start passes.
    named = [(topic + 1) % len(corpus.topics) for topic in topics(None)[: len(READ)]]
    examples = [
        replace(example, topics=(corpus.topics[topic],))
        for example, topic in zip(corpus.read, named, strict=True)
    ]
    assert topics(TopicsByReaders(replace(corpus, read=examples)))[: len(READ)] == named


def test_a_start_s_share_of_one_leaves_the_start(tiny_model):
    recipe = TriageRecipe(
        start=str(tiny_model.folder), epochs=1, batch=2, rehearsed=0, threads=1, start_share=1.0
    )
    start = start_of(recipe)
    before = copy.deepcopy(start.network.state_dict())

    tuning = Tuning(
        recipe, start.network, start.tokenizer, [labelled(READ[1], "P1", ["danger"])], []
    )
    tuning.run(lambda **_: None)

    after = start.network.state_dict()
    assert all(torch.allclose(after[name], before[name], atol=1e-6) for name in before)


def test_a_story_names_the_start_by_its_version_and_no_folder():
    facts = recipe_facts(TriageRecipe(start="/somebody/home/model"), "triage-0")

    assert facts["start"] == "triage-0"

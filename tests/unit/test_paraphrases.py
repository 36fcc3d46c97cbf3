"""What teaches the heads beside triage while an encoder is tuned: paraphrases and sentiments."""

from __future__ import annotations

import copy

import pytest
import torch

from models.training.corpus.data import DataError
from models.training.encoder.batches import TASKS, predict
from models.training.triage.labelled import labelled
from models.training.triage.paraphrases import (
    apart,
    read_paraphrases,
    read_sentiments,
    shared_judgement,
)
from models.training.triage.recipe import TriageRecipe
from models.training.triage.release import start_of
from models.training.triage.tune import Tuning

SAID = ("the flight is late again", "again we sit here and no plane comes", "delayed once more")
FELT = [("zibble zabble zobble", 2), ("grumf grimf gramf", 0)]


def test_groups_are_read_without_personal_data_and_without_lone_texts(tmp_path):
    path = tmp_path / "paraphrases.csv"
    path.write_text(
        "group,text\na,my bag is gone\nb,nobody answers\na,write to ada@example.com: no bag\n",
        encoding="utf-8",
    )

    [group] = read_paraphrases(path)

    assert group[0] == "my bag is gone"
    assert "ada@example.com" not in group[1]


def test_an_unknown_sentiment_is_named_with_its_line(tmp_path):
    path = tmp_path / "felt.csv"
    path.write_text("text,sentiment\nlovely,positive\nmeh,so so\n", encoding="utf-8")

    with pytest.raises(DataError, match=r"line 3: unknown sentiment 'so so'; use negative"):
        read_sentiments(path)


def test_the_judgement_of_a_group_is_the_mean_of_its_members():
    logits = {task: torch.tensor([[0.0, 9.0], [9.0, 0.0], [0.0, 9.0]]) for task in TASKS}

    said = shared_judgement(logits, [7, 7, 8])

    torch.testing.assert_close(said["topic"][0], torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(said["topic"][0], said["topic"][1])
    assert said["topic"][2][1] > 0.99


@pytest.fixture(scope="module")
def start(tiny_model):
    return start_of(TriageRecipe(start=str(tiny_model.folder)))


def tuned(start, **taught):
    """The outputs of what is taught, of a copy of the start that was tuned with it."""
    recipe = TriageRecipe(
        epochs=30, batch=4, warmup=2, frozen=0, rehearsed=0, threads=1, varied=0, rate=2e-4
    )
    network = copy.deepcopy(start.network)
    learned = [labelled(f"question {number}", "P4", ["question"]) for number in range(4)]
    tuning = Tuning(recipe, network, start.tokenizer, learned, [], **taught)
    tuning.run(lambda **_: None)
    texts = [*SAID, *(text for text, _ in FELT)]
    return {
        task: torch.tensor(values)
        for task, values in predict(network, [tuning.ids(text) for text in texts]).items()
    }


def spread(outputs):
    """How far the paraphrases are from what is said of them together."""
    said = {task: outputs[task][: len(SAID)] for task in TASKS}
    together = shared_judgement(said, [0] * len(SAID))
    return float(apart(said, together) - apart({t: v.log() for t, v in together.items()}, together))


def test_paraphrases_come_to_be_judged_alike(start):
    assert spread(tuned(start, paraphrases=[SAID])) < 0.5 * spread(tuned(start))


def test_sentiments_are_learned_beside_the_levels(start):
    sentiments = tuned(start, sentiments=FELT)["sentiment"][len(SAID) :]

    assert sentiments.argmax(-1).tolist() == [2, 0]

"""A model of one's own, from a history that is written for the project: the light way, and the
encoder tuned.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from models.analyzer import Analyzer, softmax
from models.artifact import OF_PROBLEM, default_artifact, load_artifact
from models.encoder import Encoder
from models.examples.kernel import read_examples
from models.text import normalize
from models.training.custom.finetune_encoder import share_of, train_tuned
from models.training.custom.heads_only import train_light
from models.training.custom.learning_curve import learning_curve
from models.training.custom.linear import expected_index, learn_severity
from models.training.custom.request import TrainingRequest, least_probability
from models.training.encoder.base import load_base
from models.training.encoder.batches import predict
from models.training.encoder.network import Network
from models.training.encoder.restore import restore
from models.training.errors import TrainingError
from models.training.release.gate import temperature
from stream.cli.train_complaints import train_complaints
from stream.errors import UserError

OWN = Path(__file__).parents[1] / "data" / "history.csv"
TINY = Path(default_artifact()).parents[1] / "training" / "configs" / "own_tiny.toml"
SAID_TWICE = Path(__file__).parents[1] / "data" / "complaint_paraphrases.csv"
CHANNELS, TWICE, WALK = (
    "All my film channels are gone from the box!",
    "charged two times this month, I want my money back",
    "what a lovely morning for a walk in the park",
)


@pytest.fixture(scope="module", autouse=True)
def few_examples():
    """Every directory keeps where the examples lie in its network: half a minute for all of them,
    which test_places.py is about.
    """
    some = read_examples()[::50]
    with pytest.MonkeyPatch.context() as patch:
        for name in ("models.training.embed_examples", "models.analyzer"):
            patch.setattr(f"{name}.read_examples", lambda: some)
        yield


@pytest.fixture(scope="module")
def start():
    return load_artifact(default_artifact())


@pytest.fixture(scope="module")
def light(start, tmp_path_factory):
    """A model directory that was learnt the light way, and its story."""
    out = tmp_path_factory.mktemp("light") / "model"
    return out, train_light(TrainingRequest(OWN), start, out, lambda line: None)


@pytest.fixture(scope="module")
def tuned(start, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    lines: list[str] = []
    story = train_tuned(TrainingRequest(OWN, test=OWN), start, folder, TINY, lines.append)
    assert any('"quantising"' in line for line in lines)  # nobody waits in silence
    return folder / "model", story


@pytest.mark.parametrize("way", ["light", "tuned"])
def test_problems_of_ones_own_take_no_probability_that_was_chosen_for_others(way, request, start):
    _, story = request.getfixturevalue(way)

    assert any(task.startswith(OF_PROBLEM) for task in start.least_probability)
    assert set(story["least_probability"]) == {"topic", "problem"}


@pytest.mark.parametrize("way", ["light", "tuned"])
def test_it_speaks_the_companys_own_words(way, request):
    folder, story = request.getfixturevalue(way)
    channels, twice, walk = Analyzer(folder, threads=1)([CHANNELS, TWICE, WALK])

    assert (channels.topic.label, channels.problem.label) == ("TV", "missing channels")
    assert (twice.topic.label, twice.problem.label) == ("billing", "charged twice")
    assert "charged" in twice.problem.words
    assert (walk.topic.label, walk.problem) == ("other", None)
    assert twice.dissatisfaction > walk.dissatisfaction + 20
    assert (twice.sentiment.label, walk.sentiment.label) == ("negative", "positive")
    assert story["labels"]["topic"] == ("TV", "billing", "network", "other")
    assert all(line.startswith("ok") for line in story["gate"])


def test_the_light_way_changes_nothing_besides(start, light):
    texts = [CHANNELS, WALK, "hello"]
    before, after = (
        Encoder(one.model, one.tokenizer, max_tokens=start.max_tokens, threads=1)(texts)
        for one in (start, load_artifact(light[0]))
    )

    assert np.array_equal(before.sentiment, after.sentiment)
    assert np.array_equal(before.embedding, after.embedding)
    assert after.topic.shape == (3, 4)
    assert not np.array_equal(before.severity, after.severity)


def test_no_text_of_the_history_is_in_the_directory(light):
    texts = [line.split('"')[1] for line in OWN.read_text().splitlines()[1:] if '"' in line]
    told = "".join(
        (light[0] / name).read_text() for name in ("taxonomy.toml", "artifact.json", "README.md")
    )

    assert len(texts) > 10
    assert not [text for text in texts if text in told]
    assert "channels" in told


def test_the_tuned_model_tells_how_good_it_is_on_the_test_file(tuned):
    figures = tuned[1]["test"]

    assert figures["test.problem"]["n"] == 42
    assert figures["test.problem"]["accuracy"] > 0.8
    assert figures["test.severity"]["mean_error"] < 25


def test_a_model_of_ones_own_can_be_taught_again(light, tmp_path):
    story = train_light(
        TrainingRequest(OWN), load_artifact(light[0]), tmp_path / "again", lambda line: None
    )

    assert story["started_from"] == light[1]["version"]
    assert Analyzer(tmp_path / "again", threads=1)([TWICE])[0].topic.label == "billing"


def test_a_served_model_comes_back_as_the_numbers_it_stands_for(start):
    encoder, tokenizer = load_base(start.story["recipe"]["base"])
    labels = start.story["labels"]
    network = Network(
        encoder, topics=len(labels["topic"]), problems=len(labels["problem"]), triage=True
    ).without_side()
    network.load_state_dict(restore(start.model))  # every weight, and no other

    with SAID_TWICE.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    thawed = predict(network, [tokenizer.encode(normalize(text)).ids for text in texts])
    served = Encoder(start.model, start.tokenizer, max_tokens=start.max_tokens, threads=1)(texts)

    assert (thawed["embedding"] * served.embedding).sum(-1).min() > 0.99
    for task in ("sentiment", "severity", "topic", "problem"):
        logits = getattr(served, task)
        # Activations stay rounded in what is served, by a share of what they are: louder heads
        # differ by more. 0.1 of the topics' 2.83 (standard deviation, heads-2cc877e5ff97) is what
        # was allowed where heads were quieter. Of 60 texts it is 0.018 to 0.029 in every release;
        # of three it was 0.016 to 0.040, as one rounding fell.
        assert np.abs(thawed[task] - logits).mean() < 0.035 * logits.std(), task


@pytest.mark.parametrize(("texts", "least"), [(5, 0.36), (199, 0.36), (1000, 0.62)])
def test_only_many_texts_tell_from_when_an_answer_is_named(texts, least):
    sure = np.linspace(0.5, 1.5, texts)  # of two classes the first is right, with 0.62 to 0.82
    logits = np.stack([sure, np.zeros(texts)], axis=1).astype(np.float32)

    assert least_probability(np.zeros(texts, np.int64), logits, start=0.36) == pytest.approx(
        least, abs=5e-3
    )


def test_of_shares_that_are_right_as_often_the_likeliest_is_taken():
    told = np.array([0, 1, 1, -1])
    blurred = np.array([[0.1, 0], [0, 0.1], [0, 0.3], [9, 0]], np.float32)
    clear = np.array([[3, 0], [0, 3], [0, 3], [9, 0]], np.float32)

    assert share_of(told, blurred, clear) == 1.0
    assert share_of(told, clear, 9 * clear[:, ::-1]) == 0.0
    assert share_of(np.array([-1]), clear[:1], clear[:1]) == 1.0


def test_five_right_answers_are_no_certainty():
    told, logits = np.arange(5) % 2, np.eye(2, dtype=np.float32)[np.arange(5) % 2]

    of_labels, doubted = (temperature(told, logits, doubt) for doubt in (0.0, 1.0))

    assert of_labels == 0.2  # as low as it goes: 99 %
    assert softmax(logits / doubted).max() == pytest.approx(5.5 / 6, abs=0.01)


def test_the_index_lies_between_the_classes_that_it_was_learnt_as():
    generator = np.random.default_rng(0)
    index = generator.uniform(0, 100, 400).astype(np.float32)
    features = np.stack([index / 100, generator.normal(size=400)], axis=1).astype(np.float32)

    head = learn_severity(features, index, np.ones(400, np.float32))

    assert np.abs(expected_index(features @ head.weight + head.bias) - index).mean() < 10


def test_a_folder_that_is_no_model_is_left_alone(start, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("do not lose me")

    with pytest.raises(TrainingError, match="no model directory"):
        train_light(TrainingRequest(OWN), start, tmp_path / "mine", lambda line: None)

    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_labels_without_sense_are_not_released(start, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "text,topic\n" + "\n".join(f"the same words {n},{'AAAAB'[n % 5]}" for n in range(30))
    )

    with pytest.raises(
        TrainingError, match=r"not released.*topic, accuracy.*Next: .*fewer classes"
    ):
        train_light(TrainingRequest(path), start, tmp_path / "model", lambda line: None)

    assert not (tmp_path / "model").exists()


def test_the_curve_rises_from_phrases_to_heads(start):
    figures = learning_curve(
        TrainingRequest(OWN, columns={"problem": "Topic", "topic": "Topic"}),
        start,
        lambda line: None,
    )

    assert figures["n"] >= 4
    assert 0.5 < figures["all"]["few_shot"] <= 1
    assert 0.5 < figures["all"]["head_only"] <= 1


def test_the_command_trains_and_says_what_it_recognised(tmp_path, capsys):
    train_complaints(OWN, out=tmp_path / "run", head_only=True)

    said = capsys.readouterr()
    assert json.loads(said.out)["history.problem"]["accuracy"] > 0.8
    assert "index of 0 to 100" in said.err
    version = load_artifact(tmp_path / "run" / "model").version
    assert version.startswith("own-")
    assert f"{version} passed the " in said.err
    model = tmp_path / "run" / "model"
    for command in (
        f'EARSHOT_MODEL={model} earshot analyze "..."',
        f"earshot model shadow {model}",
        f"earshot model use {model}",
    ):
        assert command in said.err


def test_a_column_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(
        UserError,
        match=r"no column 'colour'; its columns are Text, Topic, Problem, Dissatisfaction",
    ):
        train_complaints(OWN, out=tmp_path / "run", head_only=True, problem="colour")

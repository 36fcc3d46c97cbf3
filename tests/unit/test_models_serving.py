"""The model that comes with earshot, as it is served."""

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.analyzer import Analyzer, dissatisfaction, softmax
from models.artifact import ArtifactError, default_artifact, load_artifact
from models.encoder import groups, padded, shared
from models.engine import Engine
from models.taxonomy import classifier
from models.taxonomy.classifier import read_taxonomy

SUBJECTS = [
    "my bag",
    "the flight",
    "your app",
    "the technician",
    "the new phone",
    "my refund",
    "the crew",
    "internet",
]
SAYINGS = [
    "is late again",
    "made my day, thank you so much 😍",
    "is broken and nobody answers me!!!",
    "will be at gate 12 on Tuesday",
    "took my money #ScamAlert http://t.co/x",
    "is fine I guess",
    "was lost, you are thieves, I will sue you 😡😡",
    "works, great job @brand",
]
ASIDES = [
    "",
    "honestly, ",
    "@brand hey, ",
    "so here we go once more on a rainy Monday in the longest queue ever, where ",
]


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer(default_artifact(), threads=1)


@pytest.fixture(scope="module")
def texts():
    """Some three hundred texts of 2 to 128 tokens."""
    made = [
        f"{aside}{subject} {saying}"
        for aside in ASIDES
        for subject in SUBJECTS
        for saying in SAYINGS
    ]
    long = [
        " and then ".join(random.Random(number).sample(made, 2 + number % 9))
        for number in range(40)
    ]
    return [*made, *long, "no", "ok", "why?", "a", "word " * 500, "😡", "12345", "thanks", "Thanks"]


def judgements(analyses):
    """Everything that is said of each text: the numbers unrounded, the embedding as its bytes."""
    return [
        (repr(one), None if one.embedding is None else one.embedding.tobytes()) for one in analyses
    ]


def test_a_text_is_judged_the_same_alone_in_any_batch_in_any_order_beside_any_padding(
    analyzer, texts
):
    expected = dict(zip(texts, judgements(analyzer(texts)), strict=True))
    shuffled = random.Random(5).sample(texts, len(texts))

    assert dict(zip(shuffled, judgements(analyzer(shuffled)), strict=True)) == expected
    for batch, threads in ((2, 1), (7, 2), (64, 1)):
        other = Analyzer(default_artifact(), threads=threads, batch=batch)
        assert dict(zip(shuffled, judgements(other(shuffled)), strict=True)) == expected, batch
    start = 0
    while start < len(shuffled):  # as messages come: a few at a time, never the same few
        some = shuffled[start : start + random.Random(start).randint(1, 9)]
        start += len(some)
        assert judgements(analyzer(some)) == [expected[text] for text in some]
    for text in texts[::7]:
        assert judgements(analyzer([text])) == [expected[text]]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love you", "positive"),
        ("I hate you", "negative"),
        ("thank you so much, the crew was wonderful", "positive"),
        ("worst airline ever, you lost my bag and nobody helps", "negative"),
        ("on hold for two hours, this is ridiculous", "negative"),
        ("not happy with the service", "negative"),
        ("what time does the store open on Sunday?", "neutral"),
        ("best day of my life 😍", "positive"),
        ("The match between Leeds and Hull starts at 8 on Friday", "neutral"),
        ("my internet has been down since this morning, fix it!!", "negative"),
    ],
)
def test_plain_feelings_are_heard(analyzer, text, label):
    assert analyzer([text])[0].sentiment.label == label


def test_an_accusation_is_a_complaint_and_weighs_more_than_a_question(analyzer):
    fraud, late, question, thanks = analyzer(
        [
            "you are thieves, you stole my money and lied to me, I will see you in court",
            "my parcel is late, where is it?",
            "which plan has more data?",
            "thank you so much for the quick help",
        ]
    )

    assert fraud.complaint > 0.5 > thanks.complaint
    assert fraud.dissatisfaction > late.dissatisfaction > thanks.dissatisfaction
    assert fraud.dissatisfaction > question.dissatisfaction
    assert thanks.severity == 0


def test_what_a_message_is_about_is_named_or_left_open(analyzer):
    bag, down, twice, nothing = analyzer(
        [
            "you lost my luggage, it has been missing for two days",
            "my internet is down again since 5am",
            "you charged me twice for one ticket",
            "the poet was born in a small village by the sea",
        ]
    )

    assert (bag.topic.label, bag.problem.label) == ("baggage", "lost luggage")
    assert (down.topic.label, down.problem.label) == ("network", "line down")
    assert (twice.topic.label, twice.problem.label) == ("billing", "charged twice")
    assert {"charged", "twice"} <= set(twice.problem.words)
    assert (nothing.topic.label, nothing.problem) == ("other", None)


def test_the_examples_of_the_complaint_project_are_read_as_there(analyzer):
    channels, line = analyzer(
        [
            "TV channels keep disappearing from my subscription!",
            "Line is down! It is really annoying!",
        ]
    )

    assert (channels.topic.label, channels.problem.label) == ("TV", "missing channels")
    assert channels.dissatisfaction_level == "high"
    assert "channels" in channels.problem.words
    assert (line.topic.label, line.problem.label) == ("network", "line down")
    assert line.dissatisfaction_grade >= 4


def test_what_is_no_message_abstains_and_a_short_or_odd_message_does_not(analyzer):
    strange = analyzer(
        [
            "import numpy as np; x = np.zeros((3, 3)); print(x.sum())",
            "asdkjh qwpoeiru zmxncbv lkasjdf",
            "0x7ffee3b2 0x00000001 0xdeadbeef segfault at 00000000",
            '{"id": 1839, "ts": 1583021, "ok": true}',
        ]
    )
    people = analyzer(
        [
            "why",
            "gate B12???",
            "ugh",
            "no",
            "flt 2281 dfw-lax 3hr late",
            "smh...",
            "@user thanks!",
            "2 bags $50",
        ]
    )

    assert [one.why for one in strange] == ["strange"] * 4
    assert all(one.sentiment is None and one.topic is None for one in strange)
    assert [one.text for one in people if one.abstained] == []


def test_a_topic_of_ones_own_works_at_once_beside_the_trained_ones(tmp_path):
    mine = tmp_path / "taxonomy.toml"
    shipped = Path(classifier.__file__).with_name("taxonomy.toml").read_text(encoding="utf-8")
    mine.write_text(
        shipped
        + """
[[topic]]
name = "loyalty app"
examples = [
    "my stamps are gone",
    "the card lost a stamp",
    "no stamp for my coffee",
    "free coffee after ten stamps",
]
""",
        encoding="utf-8",
    )
    analyzer = Analyzer(default_artifact(), taxonomy=read_taxonomy(mine), threads=1)

    stamps, bag = analyzer(
        ["I bought a coffee and got no stamp on my card", "you lost my luggage again"]
    )

    assert stamps.topic.label == "loyalty app"
    assert bag.topic.label == "baggage"


def test_an_unknown_language_and_an_empty_text_abstain(analyzer):
    spanish, empty, english, emoji = analyzer(
        [
            "El vuelo se canceló y nadie me ayuda en el aeropuerto",
            "\u200b ",
            "my flight was cancelled",
            "😡😡😡",
        ]
    )

    assert spanish.abstained
    assert spanish.language == "es"
    assert (spanish.sentiment, spanish.dissatisfaction, spanish.topic, spanish.embedding) == (
        None,
        None,
        None,
        None,
    )
    assert spanish.why == "language"
    assert (empty.abstained, empty.why) == (True, "empty")
    assert not english.abstained
    assert not emoji.abstained


@pytest.mark.parametrize(
    "text", ["\ud83d", "a\x00b", "😀" * 5000, "مرحبا " * 50, "x" * 300_000, "@" * 99, "\\u0041"]
)
def test_no_text_stops_the_analyzer(analyzer, text):
    (analysis,) = analyzer([text])

    assert analysis.text == text
    json.dumps(analysis.as_json())


def test_repeated_texts_are_run_once(analyzer, monkeypatch):
    runs = []
    monkeypatch.setattr(
        analyzer.encoder,
        "_run",
        lambda tokens, run=analyzer.encoder._run: runs.append(len(tokens)) or run(tokens),
    )

    analyses = analyzer(
        ["RT @a late again http://x.y/1", "RT @b late again http://x.y/2", "another thing"]
    )

    assert runs == [2]
    assert analyses[0].sentiment == analyses[1].sentiment


def test_each_line_is_the_contract(analyzer):
    (analysis,) = analyzer(["thank you"])
    line = analysis.as_json()

    assert list(line) == [
        *("text", "language", "sentiment", "complaint", "severity", "dissatisfaction"),
        *(
            "dissatisfaction_level",
            "dissatisfaction_grade",
            "topic",
            "problem",
            "urgency",
            "abstained",
            "why",
            "model",
        ),
    ]
    assert list(line["urgency"]) == ["levels", "reasons", "settled"]
    assert line["model"] == analyzer.version
    assert analyzer([]) == []


def test_serving_loads_neither_torch_nor_transformers():
    program = (
        "import sys, models.analyzer, models.evaluation.metrics; "
        "print({'torch', 'transformers', 'peft', 'optimum', 'onnx', 'models.training'}"
        " & set(sys.modules))"
    )

    assert (
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout
        == "set()\n"
    )


def test_the_shipped_model_is_small_and_whole():
    artifact = load_artifact(default_artifact())

    assert artifact.model.stat().st_size < 40_000_000
    assert artifact.version in (artifact.folder / "README.md").read_text(encoding="utf-8")
    assert all(line.startswith("ok") for line in artifact.story["gate"])
    assert artifact.mix["sentiment"].keys() == set(artifact.labels["sentiment"])


def broken(how, folder):
    """A copy of the shipped directory, broken in one way."""
    shutil.copytree(default_artifact(), folder)
    how(folder)
    return folder


def restated(**changes):
    def change(folder):
        story = json.loads((folder / "artifact.json").read_text())
        (folder / "artifact.json").write_text(json.dumps(story | changes))

    return change


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (lambda folder: (folder / "model.onnx").unlink(), "model.onnx is missing"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json is missing"),
        (lambda folder: (folder / "artifact.json").unlink(), "artifact.json is missing"),
        (
            lambda folder: (folder / "model.onnx").write_bytes(b"not a model"),
            "model.onnx is damaged",
        ),
        (lambda folder: (folder / "artifact.json").write_text("{"), "not a model's story"),
        (lambda folder: (folder / "artifact.json").write_text("[]"), "not a model's story"),
        (lambda folder: (folder / "artifact.json").write_bytes(b"\xff\xfe"), "not a model's story"),
        (restated(format=99), "format 99"),
        (restated(temperatures=None), "not a model's story"),
        (lambda folder: shutil.rmtree(folder), "no such directory"),
    ],
)
def test_a_broken_model_directory_is_one_clear_line(tmp_path, how, says):
    folder = broken(how, tmp_path / "model")

    with pytest.raises(ArtifactError) as error:
        Analyzer(folder)

    assert says in str(error.value)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_model_that_matches_its_hash_and_is_no_model_is_one_clear_line(tmp_path):
    import hashlib

    folder = broken(
        lambda folder: (folder / "model.onnx").write_bytes(b"not a model"), tmp_path / "model"
    )
    story = json.loads((folder / "artifact.json").read_text())
    story["files"]["model.onnx"] = hashlib.sha256(b"not a model").hexdigest()
    (folder / "artifact.json").write_text(json.dumps(story))

    with pytest.raises(ArtifactError, match="cannot be loaded") as error:
        Analyzer(folder)
    assert "\n" not in str(error.value)


def test_runs_have_one_width_and_as_many_rows_as_the_engine_needs():
    made = list(groups([3, 9, 8, 1, 30, 2, 5], batch=3, fewest=2, cost=30))

    assert made == [
        ([0, 2, 3], 8),
        ([1, 5, 6], 16),
        ([4], 32),
    ]  # three of 16 cost less than two of 8 and two of 16
    assert list(groups([5, 30], batch=3, fewest=2, cost=30)) == [([0, 1], 32)]
    assert list(groups([5, 60], batch=3, fewest=2, cost=30)) == [
        ([0], 8),
        ([1], 64),
    ]  # a lone one of 8 would wait for too much padding
    # One that takes no second row waits for less.
    assert list(groups([5, 40], batch=3, fewest=2, cost=30)) == [([0, 1], 40)]
    assert list(groups([5, 40], batch=3, fewest=1, cost=30)) == [([0], 8), ([1], 40)]
    alone = padded([[5, 6, 7]], 8, fewest=2)
    assert alone["input_ids"].shape == (2, 8)
    assert alone["attention_mask"].tolist() == [[1, 1, 1, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0]]
    assert padded([[5, 6, 7]], 8, fewest=1)["input_ids"].shape == (1, 8)


def test_runs_are_shared_out_so_that_no_core_is_idle():
    assert shared([([4, 0, 2, 1, 3], 48)], 2, 1, 30) == [([4, 0], 48), ([2, 1, 3], 48)]
    assert shared([([0, 1, 2], 128)], 2, 2, 30) == [
        ([0, 1, 2], 128)
    ]  # a half of one is padded to two
    assert shared([([0, 1, 2], 128)], 2, 1, 30) == [([0], 128), ([1, 2], 128)]
    assert shared([([0, 1, 2, 3], 8), ([4, 5, 6, 7], 64)], 3, 2, 30) == [
        ([0, 1, 2, 3], 8),
        ([4, 5], 64),
        ([6, 7], 64),
    ]
    enough = [([0, 1, 2, 3], 8), ([4, 5, 6, 7], 32)]
    assert shared(enough, 2, 2, 30) == enough
    assert shared([], 2, 2, 30) == []


def test_a_run_whose_halves_would_cost_more_than_they_read_stays_whole():
    few, enough = [([0, 1, 2, 3, 4], 40)], [([0, 1, 2, 3, 4, 5], 40)]

    assert shared(few, 2, 1, 30) == few  # two of 40 tokens
    assert shared(enough, 2, 1, 30) == [([0, 1, 2], 40), ([3, 4, 5], 40)]


def test_runs_side_by_side_answer_in_the_order_of_their_feeds():
    engine = Engine(default_artifact() / "model.onnx", threads=3)
    feeds = [
        padded([[101, 1000 + at, 102]] * (at % 3 + 1), 8 * (at % 4 + 1), fewest=2)
        for at in range(9)
    ]

    together = engine.run_all(["sentiment", "embedding"], feeds)

    for feed, values in zip(feeds, together, strict=True):
        alone = engine.run(["sentiment", "embedding"], feed)
        assert all(np.array_equal(one, other) for one, other in zip(values, alone, strict=True))
    with pytest.raises(Exception, match="input_ids"):
        engine.run_all(["sentiment"], [feeds[0], {"attention_mask": feeds[1]["attention_mask"]}])


def test_the_dissatisfaction_index_is_the_expected_severity():
    table = np.array([[1, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0.5, 0, 0.5, 0, 0]], dtype=np.float32)

    assert dissatisfaction(table).tolist() == [0, 100, 25]
    with pytest.raises(ValueError, match="five classes"):
        dissatisfaction(table[:, :3])


def test_probabilities_sum_to_one_also_for_huge_logits():
    assert softmax(np.array([[1000.0, 0, -1000]], dtype=np.float32)).tolist() == [[1, 0, 0]]

"""The heads of triage: labelled messages and their other forms, tuning, gate, own labels."""

from __future__ import annotations

import csv
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.analyzer import Analyzer
from models.artifact import OF_PROBLEM, STORY, load_artifact
from models.encoder import Encoder
from models.passages import LONG, passages
from models.training.corpus.data import DataError
from models.training.corpus.keyed import key_of
from models.training.release import gate
from models.training.release import train as training
from models.training.release.card import card
from models.training.triage.calibrate import calibrated, platt
from models.training.triage.data import TriageData, triage_data
from models.training.triage.graft import share_of, without
from models.training.triage.heads import refit_triage
from models.training.triage.labelled import (
    labelled,
    read_conversations,
    read_keyed,
    read_messages,
)
from models.training.triage.own import train_own
from models.training.triage.readers import add_readers
from models.training.triage.recipe import TriageRecipe, read_triage_recipe
from models.training.triage.release import encoder_of, train_triage
from models.training.triage.variations import varied
from models.urgency import REASONS, STATES, Urgency, of_letter

CONFIGS = Path(training.__file__).parents[1] / "configs"
HEADER = "text,should_ticket,priority,sure,reasons,stratum\n"
SMOKE = ("smoke", "sparks", "flames", "gas")
PLACES = ("the router", "the modem", "your van", "the meter", "my charger", "the boiler")
URGENT = [f"{sign} coming out of {place} right now" for sign in SMOKE for place in PLACES]
CALM = [f"how do I order {place} in {colour}" for colour in ("red", "blue") for place in PLACES]
GLAD = [f"thanks, {place} works again" for place in PLACES]


def messages():
    return [
        *(labelled(text, "P1", ["danger"]) for text in URGENT),
        *(labelled(text, "P4", ["question"]) for text in CALM),
        *(labelled(text, "none", ["thanks_solved"]) for text in GLAD),
    ]


def analyzer_of(folder):
    """Of a tiny model, which has seen too little to know what is strange."""
    return Analyzer(replace(load_artifact(folder), strange_most=float("inf")), threads=1)


@pytest.fixture(scope="module")
def corpus(tiny_model):
    return tiny_model.trainer.corpus


@pytest.fixture(scope="module")
def start(tiny_model, tmp_path_factory):
    """A tiny model directory without heads of triage; people chose when it names one problem."""
    folder = tmp_path_factory.mktemp("start") / "model"
    shutil.copytree(tiny_model.folder, folder)
    story = json.loads((folder / STORY).read_text(encoding="utf-8"))
    problem = story["labels"]["problem"][0]
    story["least_probability"] |= {f"{OF_PROBLEM}{problem}": 0.93}
    (folder / STORY).write_text(json.dumps(story), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def tuned(start, corpus, tmp_path_factory):
    """The directory of a run that taught it some urgent, some calm and some content messages."""
    recipe = TriageRecipe(
        start=str(start), epochs=12, batch=6, warmup=5, frozen=1, rehearsed=8, threads=1, examples=0
    )
    data = TriageData(messages(), messages()[::3])
    out = tmp_path_factory.mktemp("triage")
    lines: list[str] = []
    story = train_triage(recipe, data, corpus, out, lines.append)
    return out / "model", story, [json.loads(line) for line in lines]


def test_it_learns_levels_reasons_and_who_is_content(tuned):
    model, story, _ = tuned
    read = analyzer_of(model)(
        ["there are sparks coming out of my router", "thanks, the meter works again"]
    )

    urgent, content = (analysis.urgency for analysis in read)
    assert urgent.levels[3] > content.levels[3]
    assert "danger" in urgent.reasons
    assert content.settled > urgent.settled
    assert story["labels"]["reason"] == list(REASONS)
    assert all(line.startswith("ok") for line in story["gate"])


def test_what_people_chose_for_single_problems_outlives_a_release(tuned, start):
    [name] = [task for task in load_artifact(start).least_probability if OF_PROBLEM in task]

    assert tuned[1]["least_probability"][name] == 0.93
    assert load_artifact(tuned[0]).least_probability[name] == 0.93
    assert "1 of them from 0.93" in (tuned[0] / "README.md").read_text(encoding="utf-8")


def test_the_other_heads_are_held_and_what_was_measured_stands_in_the_log(tuned, start):
    model, story, lines = tuned
    texts = [*URGENT, *CALM]
    was, now = (
        Encoder(folder / "model.onnx", folder / "tokenizer.json", max_tokens=128, threads=1)(texts)
        for folder in (start, model)
    )

    assert (was.embedding * now.embedding).sum(-1).mean() > 0.95
    assert story["started_from"] == load_artifact(start).version
    assert story["recipe"] == load_artifact(start).story["recipe"]
    assert [line["epoch"] for line in lines if "epoch" in line][-1] == 12
    assert story["triage"]["learned"] == {"P1": 24, "P4": 12, "none": 6}


def test_the_release_says_how_far_it_is(tuned):
    stages = [line["release"] for line in tuned[2] if "release" in line]

    assert [stages[0], stages[-1]] == ["exporting", "measuring"]
    assert stages.count("quantising") > 1


def test_a_text_is_as_urgent_alone_as_in_any_batch(tuned):
    analyzer = analyzer_of(tuned[0])
    together = analyzer([*URGENT, *CALM, *GLAD])

    assert [analyzer([text])[0].urgency for text in URGENT[:3]] == [
        analysis.urgency for analysis in together[:3]
    ]


def test_ones_own_labels_change_the_levels_and_nothing_else(tuned, tmp_path):
    table = tmp_path / "mine.csv"
    rows = [(f"parcel {number} is at {place}", "P2") for number in range(15) for place in PLACES]
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "should_ticket", "priority"))
        writer.writerows((text, 1, level) for text, level in rows)

    story = train_own(table, tmp_path / "run", tuned[0], lambda line: None)

    was, now = (
        analyzer_of(model)(["parcel 99 is at the boiler"], ["en"])[0].urgency.levels[2]
        for model in (tuned[0], tmp_path / "run" / "model")
    )
    assert now > was
    assert story["started_from"] == tuned[1]["version"]
    assert "ok   other outputs that changed: 0.00000 (must be <= 0.00000)" in story["gate"]


def test_levels_and_reasons_are_taught_again_and_nothing_else(tuned, tmp_path):
    rows = [
        labelled(f"parcel {number} is at {place}", "P2", ["lost"])
        for number in range(15)
        for place in PLACES
    ]
    recipe = TriageRecipe(
        start=str(tuned[0]), heads_only=True, soup=2, epochs=8, batch=8, threads=1
    )

    story = refit_triage(
        recipe, TriageData([*messages(), *rows], rows[::5]), tmp_path, lambda _: None
    )

    was, now = (
        analyzer_of(model)(["parcel 99 is at the boiler"], ["en"])[0].urgency
        for model in (tuned[0], tmp_path / "model")
    )
    assert now.levels[2] > was.levels[2]
    assert now.reasons.get("lost", 0) > was.reasons.get("lost", 0)
    assert story["started_from"] == tuned[1]["version"]
    assert story["triage"]["encoder"]["recipe"]["frozen"] == 1
    assert "before" in story["triage"]["encoder"]
    assert "ok   other outputs that changed: 0.00000 (must be <= 0.00000)" in story["gate"]


def test_the_card_tells_every_tuning_of_the_encoder(tuned):
    story = tuned[1]
    first = {name: story["triage"][name] for name in ("recipe", "learned")}
    first |= {"started_from": "heads-of-before", "start": "0123456789abcdef"}
    story = {**story, "recipe": {**story["recipe"], "heads_only": True}}
    once, twice = (
        card({**story, "triage": {**story["triage"], "before": before}}) for before in (None, first)
    )

    assert "configs/triage.toml" in once
    assert "triage_further.toml" not in once
    assert "the encoder of heads-of-before\n(SHA-256 0123456789ab)" in twice
    assert twice.index("configs/triage.toml") < twice.index("configs/triage_further.toml")


def test_the_card_names_the_recipe_of_all_heads_together_and_what_it_learned_beside(tuned):
    story = tuned[1]
    first = {name: story["triage"][name] for name in ("recipe", "learned")}
    first |= {"started_from": "heads-of-before", "start": "0123456789abcdef"}

    def with_(**recipe):
        triage = {**story["triage"], "before": first, "named": 1_234}
        triage["recipe"] = {**triage["recipe"], **recipe}
        return " ".join(card({**story, "triage": triage}).split())

    named = with_(named_weight=0.4)
    alike = with_(paraphrases=["paraphrases.csv"], sentiments=["brand_sentiments.csv"])

    for told in (named, alike):
        assert "configs/triage_together.toml" in told
        assert "triage_further.toml" not in told
    assert "topics and problems that readers named of 1,234 of these messages" in named
    assert (
        "judged alike (`paraphrases.csv`), and labelled sentiments (`brand_sentiments.csv`)"
        in alike
    )
    assert "triage_further.toml" in with_(named_weight=0.0)


def test_what_readers_named_outlives_a_later_tuning(start):
    artifact = load_artifact(start)
    told = {"recipe": {"named_weight": 0.4}, "learned": {"P1": 3}, "named": 2}

    later = encoder_of(replace(artifact, story={**artifact.story, "triage": told}))

    assert later["named"] == 2


@pytest.fixture(scope="module")
def read_twice(tuned, tmp_path_factory):
    """The directory of a model with readers of words and embeddings beside its heads."""
    rows = [
        labelled(f"{place} went wibbly {number} times", "P1", ["danger"])
        for number in range(4)
        for place in PLACES
    ]
    recipe = TriageRecipe(start=str(tuned[0]), readers=True, threads=1)
    out = tmp_path_factory.mktemp("readers")
    story = add_readers(recipe, TriageData([*messages(), *rows], rows[::5]), out, lambda _: None)
    return out / "model", story


def test_readers_beside_the_heads_know_a_new_word_and_change_nothing_else(tuned, read_twice):
    model, story = read_twice
    was, now = (
        analyzer_of(folder)(["all of it went wibbly"], ["en"])[0].urgency
        for folder in (tuned[0], model)
    )

    assert now.levels[3] > was.levels[3]
    assert now.reasons["danger"] > was.reasons.get("danger", 0)
    assert now.settled == was.settled
    assert story["started_from"] == tuned[1]["version"]
    assert "ok   other outputs that changed: 0.00000 (must be <= 0.00000)" in story["gate"]


def test_the_readers_say_the_same_of_a_text_alone_and_in_any_batch(read_twice):
    encoder = Encoder(
        read_twice[0] / "model.onnx", read_twice[0] / "tokenizer.json", max_tokens=128, threads=1
    )
    texts = [*URGENT, *CALM, *GLAD, " ".join(URGENT), "gas"]
    together = encoder(texts)

    for row, text in enumerate(texts):
        alone = encoder([text])
        assert np.array_equal(alone.level[0], together.level[row])
        assert np.array_equal(alone.reason[0], together.reason[row])


def test_readers_can_be_taken_out_again(tuned, read_twice, tmp_path):
    without(read_twice[0] / "model.onnx", tmp_path / "model.onnx")
    was, now = (
        Encoder(path, tuned[0] / "tokenizer.json", max_tokens=128, threads=1)(URGENT).level
        for path in (tuned[0] / "model.onnx", tmp_path / "model.onnx")
    )

    assert np.array_equal(was, now)
    assert share_of(tmp_path / "model.onnx", "level").tolist() == [1, 1, 1, 1]
    assert share_of(read_twice[0] / "model.onnx", "level").tolist() == pytest.approx(
        [1 / 2, 1 / 2, 1 / 2, 1 / 3]
    )


def test_ones_own_labels_are_learned_by_the_head_beside_its_readers(read_twice, tmp_path):
    table = tmp_path / "mine.csv"
    rows = [f"parcel {number} is at {place},1,P2" for number in range(15) for place in PLACES]
    table.write_text("\n".join(["text,should_ticket,priority", *rows]), encoding="utf-8")

    train_own(table, tmp_path / "run", read_twice[0], lambda line: None)

    was, now = (
        analyzer_of(model)(["parcel 99 is at the boiler"], ["en"])[0].urgency.levels[2]
        for model in (read_twice[0], tmp_path / "run" / "model")
    )
    assert now > was


def test_own_labels_that_cannot_be_used_say_why(tuned, start, tmp_path):
    table = tmp_path / "few.csv"
    table.write_text("text,should_ticket,priority\nhi,1,P3\n", encoding="utf-8")

    with pytest.raises(DataError, match=r"few\.csv: it takes 50 labels, and has 1"):
        train_own(table, tmp_path / "run", tuned[0])
    with pytest.raises(DataError, match="no head of levels"):
        train_own(table, tmp_path / "run", start)


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("hi,2,P1,1,,", "line 2: unknown should_ticket '2'"),
        ("hi,1,P9,1,,", "line 2: unknown priority 'P9'"),
        ("hi,0,P1,1,,", "no ticket has none"),
        ("hi,1,P1,1,danger;dragons,", "unknown reason 'dragons'"),
    ],
)
def test_a_wrong_label_is_named_with_its_line(tmp_path, row, complaint):
    path = tmp_path / "labels.csv"
    path.write_text(HEADER + row + "\n", encoding="utf-8")

    with pytest.raises(DataError, match=complaint):
        read_messages(path)


def test_labels_are_read_redacted_with_their_certainty(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(
        HEADER + "call me on 020 7946 0018,1,P2,0,outage;leaving,uniform:x\nthanks,0,,1,praise,\n",
        encoding="utf-8",
    )

    first, second = read_messages(path)

    assert "7946" not in first.text
    assert (first.level, first.weight, first.reasons) == ("P2", 0.6, ("outage", "leaving"))
    assert (first.state, second.state, second.level) == ("open", "settled", "none")


def test_conversations_give_the_state_of_their_last_message(tmp_path):
    path = tmp_path / "conversations.jsonl"
    turns = [{"text": "is it up?"}, {"text": "all good, cheers"}]
    path.write_text(json.dumps({"turns": turns, "state": "settled", "sure": 0}), encoding="utf-8")

    (row,) = read_conversations(path)

    assert (row.text, row.state, row.grade, row.state_weight) == (
        "all good, cheers",
        "settled",
        None,
        0.6,
    )
    path.write_text('{"turns": [], "state": "settled", "sure": 1}', encoding="utf-8")
    with pytest.raises(DataError, match="no labelled conversations"):
        read_conversations(path)


def test_keyed_labels_find_their_texts_and_no_others(tmp_path):
    folder = tmp_path / "tweets" / "airline"
    folder.mkdir(parents=True)
    (folder / "Tweets.csv").write_text("text\nmy bag is gone\nlovely crew\n", encoding="utf-8")
    labels = tmp_path / "labels.csv"
    labels.write_text(
        f"key,stratum,level,sure,reasons\n{key_of('My bag is GONE!')},random,P3,1,lost\n"
        f"{key_of('nowhere')},random,P1,1,danger\n",
        encoding="utf-8",
    )

    (row,) = read_keyed(labels, tmp_path)

    assert (row.text, row.level, row.reasons) == ("my bag is gone", "P3", ("lost",))


def test_labels_that_were_looked_for_weigh_less_than_random_ones(tmp_path):
    folder = tmp_path / "tweets" / "airline"
    folder.mkdir(parents=True)
    (folder / "Tweets.csv").write_text("text\nmy bag is gone\nlovely crew\n", encoding="utf-8")
    (tmp_path / "labels.csv").write_text(
        f"key,stratum,level,sure,reasons\n{key_of('my bag is gone')},random,P3,1,lost\n"
        f"{key_of('lovely crew')},suspected P1,none,0,praise\n",
        encoding="utf-8",
    )
    recipe = TriageRecipe(keyed=("labels.csv",), sought=0.5, examples=0)

    learned = triage_data(recipe, tmp_path).learned

    assert {row.text: row.weight for row in learned} == {"my bag is gone": 1.0, "lovely crew": 0.3}


@pytest.mark.parametrize("name", ["triage.toml", "triage_heads.toml", "triage_together.toml"])
def test_the_recipes_of_the_shipped_model_can_be_read_and_name_what_is_missing(name, tmp_path):
    recipe = read_triage_recipe(CONFIGS / name)

    with pytest.raises(DataError, match=r"messages_train\.csv is missing"):
        triage_data(recipe, tmp_path)


def test_other_forms_keep_what_was_said():
    forms = {varied("there is smoke in the cabin", random.Random(seed)) for seed in range(200)}

    assert len(forms) > 60
    kept = [form for form in forms if "smoke" in form.lower()]
    assert len(kept) > 0.9 * len(forms)  # a slip of a letter may hit the word itself


def test_passages_overlap_and_hold_every_sentence():
    letter = " ".join(f"This is sentence number {number} of a letter." for number in range(60))

    cut = passages(letter)

    assert all(f"number {number} of" in " ".join(cut) for number in range(60))
    assert all(len(passage) < LONG for passage in cut)
    assert sum(map(len, cut)) > len(letter)  # each begins within the one before
    assert passages("short") == []
    assert passages("x" * 5000)  # no sentence ends


def test_calibration_finds_factor_and_shift():
    chance = np.random.default_rng(0)
    logits = chance.normal(0, 2, 4000).astype(np.float32)
    truth = chance.random(4000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))

    factor, shift = platt(truth, logits)

    assert factor == pytest.approx(0.5, abs=0.1)
    assert shift == pytest.approx(-1, abs=0.2)
    assert platt(np.zeros(5, dtype=bool), logits[:5]) == (1.0, 0.0)


def test_a_scale_without_conversations_or_reasons_changes_nothing():
    rows = [replace(row, reasons=None) for row in messages()]
    levels = np.zeros((len(rows), 4), np.float32)

    scale = calibrated(
        rows, levels, np.zeros((len(rows), len(REASONS)), np.float32), [], levels[:0, :3]
    )

    assert (scale.reason, scale.state) == ((1.0, 0.0), 1.0)


def test_an_alarming_passage_decides_and_the_last_says_whether_it_is_settled():
    beginning = Urgency((0.9, 0.8, 0.2, 0.1), {"delay": 0.4}, 0.1)
    alarming = Urgency((0.7, 0.7, 0.6, 0.5), {"danger": 0.9, "delay": 0.2}, 0.1)
    end = Urgency((0.95, 0.9, 0.3, 0.2), {"question": 0.9}, 0.8)

    letter = of_letter(beginning, [alarming, end])

    assert letter.levels == (0.9, 0.8, 0.6, 0.5)
    assert list(letter.reasons.items()) == [("danger", 0.9), ("delay", 0.4)]
    assert letter.settled == 0.8
    assert of_letter(beginning, [end]).levels == beginning.levels
    record = letter.as_json()
    assert sum(record["levels"].values()) == pytest.approx(1)
    assert record["levels"]["P1"] == 0.5
    assert STATES[-1] == "settled"


def test_a_worse_head_is_not_released(start, corpus, tmp_path):
    recipe = TriageRecipe(
        start=str(start), epochs=3, frozen=0, rate=0.5, keep_weight=0, keep_labelled_weight=0,
        rehearsed=0, warmup=1, threads=1, examples=0,
    )  # fmt: skip

    with pytest.raises(gate.GateError, match=r"not released.*Next: "):
        train_triage(
            recipe, TriageData(messages(), messages()), corpus, tmp_path, lambda line: None
        )
    assert not (tmp_path / "model").exists()

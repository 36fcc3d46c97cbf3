"""A history as what fine-tuning needs, and backends side by side."""

from __future__ import annotations

import json

import pytest
from llm_server import llm_server
from own_history import KINDS, history

from models.analysis import Analysis, Topic
from models.evaluation.compare_backends import LlmBackend, LocalBackend, compare_complaints
from models.llm.backend import Llm, Price
from models.llm.prompt import read_brief
from models.taxonomy.classifier import Label, Taxonomy
from models.training.custom.chat_export import export_finetune
from models.training.errors import TrainingError


def examples(file):
    return [json.loads(line)["messages"] for line in file.read_text().splitlines()]


def test_a_history_becomes_chats_split_by_text_and_nothing_personal_is_in_them(tmp_path):
    exported = export_finetune(history(tmp_path / "history.csv"), tmp_path / "out")

    train, validation = examples(exported.train), examples(exported.validation)
    assert len(train) + len(validation) == 60
    assert 0 < len(validation) < 20
    assert not {turns[1]["content"] for turns in train} & {
        turns[1]["content"] for turns in validation
    }
    for turns in train + validation:
        assert [turn["role"] for turn in turns] == ["system", "user", "assistant"]
        assert "7946" not in turns[1]["content"]
        assert json.loads(turns[2]["content"])["topic"] in ("TV", "Network", "Billing")
    assert exported.figures["train"]["examples"] == len(train)
    assert exported.figures["train"]["tokens"] > 50 * len(train)


def test_the_brief_asks_what_the_history_tells_with_its_labels(tmp_path):
    exported = export_finetune(history(tmp_path / "history.csv"), tmp_path / "out")
    brief = read_brief(exported.brief)

    assert brief.questions == ("topic", "problem", "dissatisfaction")
    assert brief.problems == {
        "Billing": ("Charged twice",),
        "Network": ("Line down",),
        "TV": ("Missing channels",),
    }
    assert examples(exported.train)[0][0]["content"] == brief.system(), (
        "it must be asked as it was tuned"
    )


@pytest.mark.parametrize(
    "columns", [("text", "problem"), ("text", "topic"), ("text", "dissatisfaction")]
)
def test_any_subset_of_the_columns_will_do(tmp_path, columns):
    exported = export_finetune(history(tmp_path / "history.csv", columns=columns), tmp_path / "out")

    assert read_brief(exported.brief).questions == columns[1:]
    assert set(json.loads(examples(exported.train)[0][2]["content"])) == set(columns[1:])


def test_repeats_are_left_out_and_rows_without_a_label_too(tmp_path):
    file = history(tmp_path / "history.csv")
    with file.open("a") as more:
        more.write("TV channels keep disappearing,,Missing channels,70\n" * 2)

    exported = export_finetune(file, tmp_path / "out")

    assert sum(part["examples"] for part in exported.figures.values()) == 60
    assert any("1 repeats" in line for line in exported.notes)
    assert any("1 texts without every label" in line for line in exported.notes)


def test_a_history_that_is_too_small_is_refused_in_one_line(tmp_path):
    with pytest.raises(TrainingError, match="examples to learn from; fine-tuning needs 10"):
        export_finetune(history(tmp_path / "history.csv", rows=9), tmp_path / "out")
    with pytest.raises(TrainingError, match="no such file"):
        export_finetune(tmp_path / "nothing.csv", tmp_path / "out")


class AlwaysTv:
    """A model that finds everything about TV."""

    version = "always-tv"
    taxonomy = Taxonomy((Label("TV", (), "TV"), Label("Network", (), "Network")), ())

    def __call__(self, texts, languages=None):
        return [Analysis(text, "en", self.version, topic=Topic("TV", 0.9)) for text in texts]


def test_backends_are_measured_side_by_side_with_their_cost_and_failures(tmp_path):
    brief = read_brief(export_finetune(history(tmp_path / "history.csv"), tmp_path / "out").brief)
    data = history(tmp_path / "test.csv", rows=6, columns=("text", "topic"))

    def tuned(asked):
        message = json.loads(asked["messages"][1]["content"])["message"]
        kind = next(
            kind for word, kind in KINDS.items() if word in message.lower() or kind[2] in message
        )
        return json.dumps({"topic": kind[0], "problem": kind[1], "dissatisfaction": kind[3]})

    with llm_server(tuned) as good, llm_server("500") as bad:
        backends = {
            "local": LocalBackend(AlwaysTv()),
            "tuned": LlmBackend(
                Llm(url=good.url, model="tuned", brief=brief, price=Price(1.0, 2.0))
            ),
            "broken": LlmBackend(
                Llm(url=bad.url, model="broken", brief=brief, retries=0, concurrency=1)
            ),
        }
        told = compare_complaints(data, backends)["backends"]

    assert told["local"]["topic"]["accuracy"] == pytest.approx(1 / 3, abs=0.001)
    assert told["tuned"]["topic"]["accuracy"] == told["tuned"]["topic"]["macro_f1"] == 1.0
    assert told["tuned"]["cost"]["dollars"] == pytest.approx(6 * (500 * 1.0 + 50 * 2.0) / 1e6)
    assert told["tuned"]["latency_ms"]["p95"] > 0
    assert (told["broken"]["topic"]["accuracy"], told["broken"]["unanswered"]) == (0.0, 6)
    assert told["broken"]["cost"]["failures"] == {"status 500": 5, "not asked": 1}

"""The toy model of the tests about Kafka and Postgres is one that a worker can serve in place of
the shipped one.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
from toy_model import toy_model, write_toy_model

from models.analyzer import Analyzer
from models.artifact import MODEL, default_artifact
from models.training.encoder.network import TRIAGE

TEXTS = [
    "you cancelled my flight and nobody answers",
    "thanks for the lovely crew",
    "zzz qqq",
    "my bag is lost",
    "!",
]


def ports(folder):
    session = onnxruntime.InferenceSession(str(folder / MODEL), providers=["CPUExecutionProvider"])
    return {port.name for port in session.get_inputs()}, {
        port.name for port in session.get_outputs()
    }


def test_it_has_the_inputs_and_outputs_of_the_shipped_model_and_is_small(tmp_path):
    write_toy_model(tmp_path)

    inputs, outputs = ports(default_artifact())
    # Without heads of triage its messages are judged by their words.
    assert ports(toy_model()) == (inputs, outputs - set(TRIAGE))
    assert sum(file.stat().st_size for file in toy_model().iterdir()) < 1_000_000
    for file in toy_model().iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes(), (
            "another process would serve another model"
        )


def test_it_judges_a_text_alike_in_any_company():
    analyzer = Analyzer(toy_model(), threads=1)
    together = analyzer(TEXTS)

    assert len({analysis.sentiment.label for analysis in together}) > 1
    for text, analysis in zip(TEXTS, together, strict=True):
        (alone,) = analyzer([text])
        assert np.array_equal(alone.embedding, analysis.embedding)
        assert (
            alone.sentiment,
            alone.dissatisfaction,
            alone.topic,
            alone.problem,
            alone.alarm,
        ) == (
            analysis.sentiment,
            analysis.dissatisfaction,
            analysis.topic,
            analysis.problem,
            analysis.alarm,
        )

"""The processor is asked for its instructions; a text's scores do not depend on the answer."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from models import engine
from models.artifact import default_artifact, load_artifact
from models.encoder import Encoder
from models.processor import flags, has_exact_products

WRITTEN = Path(__file__).parents[1] / "data" / "triage_written.csv"


def test_flags_are_those_of_the_first_core(tmp_path):
    listed = tmp_path / "cpuinfo"
    listed.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512_vnni\n\nflags\t\t: fpu\n")

    assert flags(listed) == {"fpu", "avx2", "avx512_vnni"}
    assert flags(tmp_path / "missing") == frozenset()


@pytest.mark.parametrize(
    ("names", "exact"),
    [
        ({"fpu", "avx2"}, False),
        (set(), False),
        ({"avx2", "avx_vnni"}, True),
        ({"avx512f", "avx512_vnni"}, True),
        ({"amx_int8"}, True),
    ],
)
def test_products_are_exact_with_vnni_or_amx_alone(names, exact):
    assert has_exact_products(frozenset(names)) is exact


@pytest.mark.skipif(not has_exact_products(), reason="the processor has no VNNI or AMX")
def test_where_products_are_exact_the_option_changes_no_bit(monkeypatch):
    artifact = load_artifact(default_artifact())
    with WRITTEN.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)][::20]

    def outputs():
        made = Encoder(
            artifact.model, artifact.tokenizer, max_tokens=artifact.max_tokens, threads=1
        )
        return made(texts)

    plain = outputs()
    monkeypatch.setattr(engine, "session_precision", lambda: {"session.x64quantprecision": "1"})
    exact = outputs()

    for name, values in plain._asdict().items():
        assert np.array_equal(values, getattr(exact, name)), name

"""What the benchmark says of processors: time an event by part, and what the machine can do."""

from __future__ import annotations

import os

import psutil
from fakes import sentiment_of_length, tweet

from models import processor
from stream.benchmark.processor import Meter, by_part, machine
from stream.bootstrap.worker_process import worker_process
from stream.brands import Brands
from stream.triage.judgement import Judge

PARTS = ["decode", "redact", "model", "judge", "cues", "fold", "rest"]


def test_the_parts_of_an_event_add_up_to_what_the_worker_took():
    events = [tweet(f"x:{number}", text=f"my line {number} is down") for number in range(70)]
    asked: list[int] = []

    def sentiments(texts):
        asked.append(len(texts))
        return sentiment_of_length(texts)

    parts = by_part(Judge(sentiment_of_length, Brands([])), sentiments, events, 32, 500.0)

    assert list(parts) == PARTS
    assert abs(sum(parts.values()) - 500.0) < 0.01
    assert asked == [32, 32, 6], "in batches as large as the worker's"


def test_a_meter_counts_from_where_it_was_made():
    meter = Meter(os.getpid())
    sum(number * number for number in range(300_000))
    used = meter.read(events=10)

    assert used["ms_per_event"] >= 0
    assert 0 <= used["cores"] <= 2 * (os.cpu_count() or 1)


def test_the_machine_is_named_by_what_makes_the_model_fast(monkeypatch):
    for flags, names in (
        ({"avx2", "avx512_vnni", "amx_int8"}, ["AVX2", "VNNI", "AMX"]),
        ({"avx2", "avx_vnni"}, ["AVX2", "VNNI"]),
        ({"avx2"}, ["AVX2"]),
        (set(), []),
    ):
        monkeypatch.setattr(processor, "flags", lambda flags=flags: frozenset(flags))
        assert machine()["instructions"] == names


def test_a_measured_worker_finds_the_settings_of_the_measurement(tmp_path, monkeypatch):
    monkeypatch.setenv("EARSHOT_DRAFTS", "true")
    with worker_process(tmp_path, settings={"EARSHOT_DRAFTS": "false"}) as worker:
        environment = psutil.Process(worker.pid).environ()

    assert environment["EARSHOT_DRAFTS"] == "false"
    assert environment["EARSHOT_HOME"] == str(tmp_path)

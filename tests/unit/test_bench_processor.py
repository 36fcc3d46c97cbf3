"""What the benchmark says of processors: time an event by part, and what the machine can do."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
from fakes import sentiment_of_length, tweet

from models import processor
from stream.benchmark.processor import ClockedEncoder, Meter, by_part, machine
from stream.bootstrap.worker_process import worker_process
from stream.brands import Brands
from stream.triage.judgement import Judge

BUSY = 0.02  # seconds of processor
PARTS = ["decode", "redact", "model", "judge", "cues", "fold", "rest"]


def test_the_parts_of_an_event_add_up_to_what_the_worker_took():
    events = [tweet(f"x:{number}", text=f"my line {number} is down") for number in range(70)]
    asked: list[int] = []
    encoder = ClockedEncoder(busy)

    def analyze(texts, *more):
        asked.append(len(texts))
        encoder(texts)
        return sentiment_of_length(texts, *more)

    parts = by_part(Judge(analyze, Brands([])), encoder, events, 32, 500.0)

    assert list(parts) == PARTS
    assert abs(sum(parts.values()) - 500.0) < 0.01
    assert asked == [32, 32, 6], "in batches as large as the worker's"
    assert parts["model"] >= 1000 * 3 * BUSY / 70 - 0.001, "what the encoder used within the judge"
    assert min(parts.values()) >= 0


def busy(texts):
    """Uses the processor for BUSY seconds."""
    until = time.process_time() + BUSY
    while time.process_time() < until:
        pass


def test_no_part_is_negative_where_the_model_reads_less_than_there_is():
    events = [tweet(f"x:{number}", text="my line is down") for number in range(64)]

    parts = by_part(Judge(sentiment_of_length, Brands([])), ClockedEncoder(busy), events, 32, 0.0)

    assert parts["model"] == 0, "it was not asked"
    assert parts["rest"] == 0, "the worker took less than the parts by themselves"
    assert min(parts.values()) >= 0


def test_a_meter_counts_from_where_it_was_made():
    meter = Meter(os.getpid())
    sum(number * number for number in range(300_000))
    used = meter.read(events=10)

    assert used["ms_per_event"] >= 0
    assert 0 <= used["cores"] <= 2 * (os.cpu_count() or 1)


def test_a_meter_with_children_counts_those_that_run_and_those_that_ended():
    burn = "import time\nwhile time.process_time() < 0.3: pass\n"
    alone, family = Meter(os.getpid()), Meter(os.getpid(), with_children=True)
    subprocess.run([sys.executable, "-c", burn], check=True)
    waits = f"{burn}print(1, flush=True)\ninput()"
    with subprocess.Popen(
        [sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        child.stdout.readline()
        by_family, by_itself = family.read(1), alone.read(1)
        child.communicate(b"\n")

    assert by_family["ms_per_event"] - by_itself["ms_per_event"] >= 550


def test_the_machine_is_named_by_what_makes_the_model_fast(monkeypatch):
    for flags, names in (
        ({"avx2", "avx512_vnni", "amx_int8"}, ["AVX2", "VNNI", "AMX"]),
        ({"avx2", "avx_vnni"}, ["AVX2", "VNNI"]),
        ({"avx2"}, ["AVX2"]),
        (set(), []),
    ):
        monkeypatch.setattr(processor, "flags", lambda flags=flags: frozenset(flags))
        assert machine()["instructions"] == names


def environment_of(pid: int) -> dict[str, str]:
    """Of a process that may just be taking its program's place: it has none for that moment."""
    process, until = psutil.Process(pid), time.monotonic() + 60
    while not (environment := process.environ()) and time.monotonic() < until:
        time.sleep(0.01)
    return environment


def test_a_measured_worker_finds_the_settings_of_the_measurement(tmp_path, monkeypatch):
    monkeypatch.setenv("EARSHOT_DRAFTS", "true")
    with worker_process(tmp_path, settings={"EARSHOT_DRAFTS": "false"}) as worker:
        environment = environment_of(worker.pid)

    assert environment["EARSHOT_DRAFTS"] == "false"
    assert environment["EARSHOT_HOME"] == str(tmp_path)

"""Processor time of the benchmark, an event and part, and what the machine's processor can do."""

from __future__ import annotations

import os
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import psutil

from connectors.events import Event, decode, encode
from models import processor
from stream.embedded import Embedded
from stream.store.rows import as_stored
from stream.triage.cues import thesaurus
from stream.triage.fold import fold
from stream.triage.judgement import Judge

Analyze = Callable[[Sequence[str]], object]

# Linux's names of what makes the model faster, by the name that people know.
INSTRUCTIONS = {
    "AVX2": ("avx2",),
    "VNNI": ("avx512_vnni", "avx_vnni"),
    "AMX": ("amx_int8",),
}


class Meter:
    """Processor time of a process from here on; cores that it keeps busy.

    with_children: of those that it started as well, also of the ones that have ended since.
    """

    def __init__(self, pid: int, *, with_children: bool = False) -> None:
        self._process = psutil.Process(pid)
        self._seconds = _family_seconds if with_children else _seconds
        self._started = time.perf_counter()
        self._used = self._seconds(self._process)

    def read(self, events: int) -> dict[str, float]:
        """ms_per_event and cores since the meter was made."""
        used = self._seconds(self._process) - self._used
        return {
            "ms_per_event": round(1000 * used / events, 3),
            "cores": round(used / (time.perf_counter() - self._started), 2),
        }


def meters(embedded: Embedded, worker: int) -> dict[str, Meter]:
    """A meter of each process that an event passes: `load` is the one that asks for it."""
    broker, postgres = embedded.pids()
    return {
        "worker": Meter(worker),
        "broker": Meter(broker),
        "postgres": Meter(postgres, with_children=True),  # a process for every connection
        "load": Meter(os.getpid()),
    }


def by_part(
    judge: Judge, sentiments: Analyze, events: Sequence[Event], batch: int, worker_ms: float
) -> dict[str, float]:
    """Milliseconds of processor an event, by part of a worker that takes `worker_ms` in all.

    Each part but the last runs by itself here, on the same events in batches as large: `decode`,
    `redact` (with the brand), `model` (tokens and encoder: `sentiments` asks for nothing more),
    `judge` (what its outputs mean), `cues` and `fold`. `rest`: SQL, Kafka and what holds them
    together.
    """
    shares = alone(judge, sentiments, events, batch)
    shares["rest"] = round(worker_ms - sum(shares.values()), 3)
    return shares


def alone(
    judge: Judge, sentiments: Analyze, events: Sequence[Event], batch: int
) -> dict[str, float]:
    """The same of the parts that run by themselves."""
    clock = _Clock()
    for start in range(0, len(events), batch):
        part = events[start : start + batch]
        values = [encode(event) for event in part]
        clock.reset()
        decoded = [decode(value) for value in values]
        clock.add("decode")
        readings = judge.read(decoded)
        clock.add("redact")
        sentiments([reading.text for reading in readings])
        clock.add("model")
        judgements = judge.understand(readings)
        clock.add("judge")
        for judgement in judgements:
            # They are kept: the fold does not search the text again.
            thesaurus().find(judgement.text)
        clock.add("cues")
        for judgement in judgements:
            fold([as_stored(judgement)])
        clock.add("fold")
    clock.seconds["judge"] -= clock.seconds["model"]  # it has run the model too
    shares = {part: 1000 * seconds / len(events) for part, seconds in clock.seconds.items()}
    return {part: round(value, 3) for part, value in shares.items()}


class _Clock:
    """Seconds of processor by part, of all threads of this process."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.reset()

    def reset(self) -> None:
        self._last = time.process_time()

    def add(self, part: str) -> None:
        """What was used since the last time belongs to this part."""
        now = time.process_time()
        self.seconds[part] += now - self._last
        self._last = now


def machine() -> dict[str, Any]:
    """What two machines are compared by."""
    names = processor.flags()
    return {
        "cores": os.cpu_count(),
        "processor": platform.machine(),
        "instructions": [
            name for name, flags in INSTRUCTIONS.items() if not names.isdisjoint(flags)
        ],
        "python": platform.python_version(),
    }


def _seconds(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _family_seconds(process: psutil.Process) -> float:
    total = _seconds(process)
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            total += _seconds(child)
    ended = process.cpu_times()
    return total + float(ended.children_user + ended.children_system)

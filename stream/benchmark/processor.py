"""Processor time of the benchmark, an event and part, and what the machine's processor can do."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import psutil

from connectors.events import Event, decode, encode
from models import processor
from stream.embedded import Embedded
from stream.store.rows import as_stored
from stream.triage.cues import thesaurus
from stream.triage.fold import fold
from stream.triage.judgement import Judge

if TYPE_CHECKING:
    from models.analyzer import Analyzer
    from models.encoder import Outputs, Reader, Reading

Value = TypeVar("Value")

PARTS = ("decode", "redact", "model", "judge", "cues", "fold")
NOTHING: Mapping[str, float] = MappingProxyType({})
# Linux's names of what makes the model faster, by the name that people know.
INSTRUCTIONS = {
    "AVX2": ("avx2",),
    "VNNI": ("avx512_vnni", "avx_vnni"),
    "AMX": ("amx_int8",),
}


class Model(Protocol):
    """Seconds of processor that tokens and encoder have used so far."""

    @property
    def seconds(self) -> float: ...


class ClockedEncoder:
    """An encoder that counts the seconds of processor it uses, of all threads of this process."""

    def __init__(self, encoder: Reader) -> None:
        self._encoder = encoder
        self.seconds = 0.0

    def __call__(self, texts: Sequence[str]) -> Outputs:
        return self._clocked(self._encoder, texts)

    def read(self, normalised: Sequence[str]) -> Reading:
        return self._clocked(self._encoder.read, normalised)

    def _clocked(self, read: Callable[[Sequence[str]], Value], texts: Sequence[str]) -> Value:
        started = time.process_time()
        try:
            return read(texts)
        finally:
            self.seconds += time.process_time() - started


def clocked(analyzer: Analyzer) -> ClockedEncoder:
    """The encoder of an analyzer, which from here on counts what it uses."""
    encoder = ClockedEncoder(analyzer.encoder)
    analyzer.encoder = encoder
    return encoder


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
    judge: Judge, model: Model, events: Sequence[Event], batch: int, worker_ms: float
) -> dict[str, float]:
    """Milliseconds of processor an event, by part of a worker that takes `worker_ms` in all.

    Each part but the last is measured by itself here, on the same events in batches as large:
    `decode`, `redact` (with the brand), `model` (tokens and encoder, counted where the judge asks
    for them), `judge` (language, and what the outputs mean), `cues` and `fold`. `rest`: SQL, Kafka
    and what holds them together; 0 where the parts alone took more than the worker.
    """
    shares = alone(judge, model, events, batch)
    shares["rest"] = round(max(worker_ms - sum(shares.values()), 0.0), 3)
    return shares


def alone(judge: Judge, model: Model, events: Sequence[Event], batch: int) -> dict[str, float]:
    """The same of the parts that run by themselves. model: the encoder that the judge uses."""
    clock = _Clock()
    for start in range(0, len(events), batch):
        part = events[start : start + batch]
        values = [encode(event) for event in part]
        clock.reset()
        decoded = [decode(value) for value in values]
        clock.add("decode")
        readings = judge.read(decoded)
        clock.add("redact")
        before = model.seconds
        judgements = judge.understand(readings)
        clock.add("judge", within={"model": model.seconds - before})
        for judgement in judgements:
            # They are kept: the fold does not search the text again.
            thesaurus().find(judgement.text)
        clock.add("cues")
        for judgement in judgements:
            fold([as_stored(judgement)])
        clock.add("fold")
    shares = {part: 1000 * seconds / len(events) for part, seconds in clock.seconds.items()}
    return {part: round(value, 3) for part, value in shares.items()}


class _Clock:
    """Seconds of processor by part, of all threads of this process."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.reset()

    def reset(self) -> None:
        self._last = time.process_time()

    def add(self, part: str, within: Mapping[str, float] = NOTHING) -> None:
        """What was used since the last time belongs to this part, but for what others used within
        it: part -> seconds.
        """
        now = time.process_time()
        self.seconds[part] += now - self._last - sum(within.values())
        for other, seconds in within.items():
            self.seconds[other] += seconds
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

"""Stream benchmark of this checkout against an older one, by turns: their ratio on this machine.

`make bench-against OLD=/path/to/checkout EVENTS=4000 ROUNDS=3`
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.tables import print_table

HERE = Path(__file__).resolve().parents[2]
QUICK = ("--rate", "10", "--seconds", "3")  # latency is no matter of this benchmark


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", type=Path, required=True, help="another checkout of earshot")
    parser.add_argument("--events", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path)
    args = parser.parse_args()
    if not (args.old / "stream" / "cli").is_dir():
        parser.error(f"--old: {args.old} is no checkout of earshot")
    old: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    for number in range(args.rounds):
        turns = [(args.old, old), (HERE, new)]
        for checkout, figures in turns if number % 2 == 0 else turns[::-1]:
            print(f"round {number + 1} of {args.rounds}: {checkout} ...", file=sys.stderr)
            figures.append(_bench(checkout, args.events, args.data))
            print(f"  {figures[-1]['events_per_s']} events a second", file=sys.stderr)
    rows = [
        ("events a second", _row(old, new, "events_per_s")),
        ("worker, ms of processor an event", _row(old, new, "worker")),
        ("the same without the model", _row(old, new, "without_model")),
        ("the model alone, texts a second", _row(old, new, "model_alone_texts_per_s")),
        ("end to end / model alone", _row(old, new, "share_of_model_alone")),
        ("worker's peak memory, MB", _row(old, new, "worker_peak_mb")),
    ]
    print_table(
        f"Medians of {args.rounds} rounds of {args.events:,} events, drafts off",
        ("", "old", "new", "new / old"),
        [(name, *values) for name, values in rows],
    )


def _bench(checkout: Path, events: int, data: Path | None) -> dict[str, Any]:
    """The figures of one run in a checkout. It keeps to itself: nothing of this one is imported."""
    with tempfile.TemporaryDirectory(prefix="earshot-against-") as folder:
        out = Path(folder) / "bench.json"
        command = [sys.executable, "-m", "stream.cli", "bench", "--part", "stream", *QUICK]
        command += ["--events", str(events), "--out", str(out)]
        if data is not None:
            command += ["--data", str(data.resolve())]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        environment |= {"PYTHONPATH": str(checkout.resolve()), "EARSHOT_DRAFTS": "false"}
        subprocess.run(
            command, cwd=checkout, env=environment, check=True, stdout=subprocess.DEVNULL
        )
        figures: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    parts = figures.get("processor_ms_per_event")
    if parts is None:  # a checkout from before the parts were measured says the rest
        return figures
    return {
        **figures,
        "worker": parts["worker"],
        "without_model": parts["worker"] - parts["model"],
    }


def _row(
    old: list[dict[str, Any]], new: list[dict[str, Any]], name: str
) -> tuple[float | str, float | str, float | str]:
    before, after = (
        median(figures[name] for figures in runs) if name in runs[0] else None
        for runs in (old, new)
    )
    if before is None or after is None:
        known = [("-" if value is None else round(value, 3)) for value in (before, after)]
        return known[0], known[1], "-"
    return round(before, 3), round(after, 3), round(after / before, 2)


if __name__ == "__main__":
    main()

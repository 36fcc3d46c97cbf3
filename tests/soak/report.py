"""Report of the soak: one table of what was done and what was checked, as JSON and Markdown."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from soak.plan import KINDS
from soak.state import State


def write(state: State, skipped: dict[str, str], folder: Path) -> bool:
    """soak.json and soak.md. Returns whether every promise was kept."""
    kept = all(check["faults"] == 0 for check in state.checks)
    counts = Counter(fault["kind"] for fault in state.log)
    under_way = sum(fault["lag"] > 0 for fault in state.log)
    report: dict[str, Any] = {
        "order": vars(state.order),
        "hours": round(state.seconds / 3600, 2),
        "sittings": state.sittings,
        "figures": state.figures,
        "faults": {kind: counts[kind] for kind in KINDS},
        "faults that met work": under_way,
        "left out": skipped,
        "checks": state.checks,
        "kept": kept,
    }
    (folder / "soak.json").write_text(json.dumps(report, indent=2) + "\n")
    (folder / "soak.md").write_text("\n".join(_lines(report)) + "\n")
    return kept


def _lines(report: dict[str, Any]) -> list[str]:
    rows = [
        ("events sent", f"{report['order']['events']:,}"),
        ("seed", report["order"]["seed"]),
        ("brokers", report["order"]["brokers"]),
        ("hours", report["hours"]),
        *report["figures"].items(),
        *((f"faults: {kind}", count) for kind, count in report["faults"].items()),
        ("faults that met work under way", report["faults that met work"]),
        *((f"left out: {kind}", reason) for kind, reason in report["left out"].items()),
    ]
    lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows), ""]
    lines += ["| promise | looked at | wrong |", "|---|---|---|"]
    for check in report["checks"]:
        lines.append(f"| {check['promise']} | {check['amount']:,} | {check['faults']:,} |")
    wrong = [(check["promise"], words) for check in report["checks"] for words in check["wrong"]]
    if wrong:
        lines += ["", "What is wrong, the first few of each:", ""]
        lines += [f"- {promise}: `{' '.join(words.split())[:600]}`" for promise, words in wrong]
    return lines

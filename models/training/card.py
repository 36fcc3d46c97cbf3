"""The model card: what a model directory says about itself to a person."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TEMPLATE = Path(__file__).with_name("card.md")


def card(story: Mapping[str, Any], minutes: int = 20) -> str:
    """The Markdown of a model's story."""
    recipe = story["recipe"]
    return _TEMPLATE.read_text(encoding="utf-8").format(
        version=story["version"],
        base=recipe["base"],
        rank=recipe["rank"],
        max_tokens=story["max_tokens"],
        texts=", ".join(f"{name} {count:,}" for name, count in story["texts"].items()),
        test=_table(story["test"]) if story["test"] else "(none: this recipe holds no test split)",
        validation=_table(story["validation"]),
        temperatures=", ".join(f"{task} {value}" for task, value in story["temperatures"].items()),
        gate="\n".join(story["gate"]),
        epochs=recipe["epochs"],
        looks=recipe["looks"],
        train=f"{story['texts']['train']:,}",
        seed=recipe["seed"],
        minutes=minutes,
    )


def _table(figures: Mapping[str, Any]) -> str:
    rows = ["| set and task | n | macro-recall | macro-F1 | accuracy | ECE |", "|---|---|---|---|---|---|"]
    for name, one in figures.items():
        shown = [f"{one[key]:.3f}" for key in ("macro_recall", "macro_f1", "accuracy", "ece")]
        rows.append("| " + " | ".join([name, f"{one['n']:,}", *shown]) + " |")
    return "\n".join(rows)

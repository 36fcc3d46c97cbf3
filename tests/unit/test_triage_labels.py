"""Labelled messages for triage: real ones by a hash, written ones whole."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from models.training.corpus.keyed import key_of
from stream.triage.evaluate import read_labels

FOLDER = Path(__file__).parents[1] / "data"
CODES = {
    "danger",
    "injury",
    "medical",
    "vulnerable",
    "alone",
    "emergency_service",
    "fraud_now",
    "fraud_past",
    "stranded",
    "self_harm",
    "violence",
    "escalated",
    "outage",
    "journey",
    "money_large",
    "no_access",
    "leaving",
    "repeated_contact",
    "legal",
    "press",
    "irreplaceable",
    "growing_damage",
    "discrimination",
    "delay",
    "lost",
    "damaged",
    "billing",
    "refund",
    "quality",
    "staff",
    "no_answer",
    "appointment",
    "question",
    "request",
    "suggestion",
    "grumble",
    "praise",
    "thanks_solved",
    "spam",
    "news",
    "chatter",
    "figurative",
    "other_language",
}


def rows_of(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_labels_of_real_messages_name_them_by_a_hash_alone() -> None:
    rows = rows_of("triage_real_labels.csv")

    assert len({row["key"] for row in rows}) == len(rows) > 3_000
    assert all(re.fullmatch("[0-9a-f]{16}", row["key"]) for row in rows)
    assert {row["level"] for row in rows} == {"P1", "P2", "P3", "P4", "none"}
    assert all(set(row["reasons"].split(";")) <= CODES for row in rows)
    assert key_of("Smoke in the cabin!") == key_of("smoke in the CABIN") != key_of("No smoke")


def test_what_is_held_out_of_the_real_messages_is_neither_learned_from_nor_chosen_on() -> None:
    learned, kept, held_out = (
        {row["key"] for row in rows_of(f"triage_real_{name}.csv")}
        for name in ("labels", "kept", "heldout")
    )

    assert len(kept) > 500
    assert len(held_out) > 500
    assert not learned & kept
    assert not held_out & (learned | kept)


def test_written_messages_are_unique_and_labelled_after_the_guide() -> None:
    rows = rows_of("triage_written.csv")

    assert len({row["text"] for row in rows}) == len(rows) > 1_800
    assert all(set(row["reasons"].split(";")) <= CODES for row in rows)
    assert len(read_labels(FOLDER / "triage_written.csv")) == len(rows)
    assert sum(row["priority"] == "P1" for row in rows) > 600


def test_contrasts_are_labelled_after_the_guide_and_none_is_both_learned_and_held_out() -> None:
    learned, kept = rows_of("triage_contrasts.csv"), rows_of("triage_contrasts_kept.csv")
    texts = [row["text"] for row in (*learned, *kept)]

    assert len(set(texts)) == len(texts) > 1_200
    assert all(set(row["reasons"].split(";")) <= CODES for row in (*learned, *kept))
    assert not {row["text"] for row in learned} & {row["text"] for row in kept}
    assert sum(row["priority"] == "P1" for row in kept) > 30

"""The triage gold set keeps what its guide (tests/data/TRIAGE_GOLD.md) says about it."""

from __future__ import annotations

import csv
import hashlib
import itertools
import re
from collections import Counter
from pathlib import Path

import pytest

from models.urgency import REASONS, STATES
from stream.triage.by_model import DECISIVE

FOLDER = Path(__file__).parents[1] / "data"
CONFIGS = Path(__file__).parents[2] / "models" / "training" / "configs"
GUIDE = {"P1": 28, "P2": 30, "P3": 34, "P4": 24, "": 84}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def rows_of(half: str) -> list[dict[str, str]]:
    return read(FOLDER / f"triage_gold_{half}.csv")


def rows_in(path: Path) -> int:
    if path.suffix == ".csv":
        return len(read(path))
    return len(path.read_text("utf-8").splitlines())


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("half", ["dev", "heldout"])
def test_each_half_has_the_counts_of_the_guide(half):
    rows = rows_of(half)

    assert len(rows) == 200
    assert Counter(row["priority"] for row in rows) == GUIDE


@pytest.mark.parametrize("half", ["dev", "heldout"])
def test_a_row_has_a_priority_exactly_when_it_should_make_a_ticket(half):
    for row in rows_of(half):
        assert list(row) == ["text", "should_ticket", "priority"]
        assert row["text"].strip() == row["text"] != ""
        assert row["should_ticket"] == ("1" if row["priority"] else "0")


def test_the_guide_states_the_same_counts():
    table = re.findall(
        r"^\| (P\d|no ticket) \| (\d+) \|$", (FOLDER / "TRIAGE_GOLD.md").read_text("utf-8"), re.M
    )

    assert {label.replace("no ticket", ""): int(count) for label, count in table} == GUIDE


def test_the_guide_says_what_every_reason_and_every_state_means():
    guide = (FOLDER / "TRIAGE_GOLD.md").read_text("utf-8")
    codes = re.findall(r"^\| `(\w+)`( \*)? \| \S.+ \|$", guide, re.M)

    assert [code for code, _ in codes if code in REASONS] == list(REASONS)
    assert {code for code, star in codes if star} == set(DECISIVE)
    assert {code for code, _ in codes} - set(REASONS) == set(STATES)


def test_the_guide_names_every_table_of_triage_with_its_rows():
    guide = (FOLDER / "TRIAGE_GOLD.md").read_text("utf-8")
    tables = [*FOLDER.glob("triage_*.csv"), *FOLDER.glob("conversation_states*.jsonl")]
    tables.append(FOLDER / "topic_labels.csv")
    stated = dict(re.findall(r"`(\w+\.\w+)`(?: \(| \| |, )([\d,]+)", guide))

    assert len(tables) > 12
    for path in tables:
        assert path.name in guide
        if path.name in stated:
            assert int(stated[path.name].replace(",", "")) == rows_in(path), path.name
    random = sum(
        row["stratum"].startswith("random") for row in read(FOLDER / "triage_real_labels.csv")
    )
    assert f"{random:,} of those learned from are of strata that begin with `random`" in guide


def test_no_two_messages_are_near_duplicates_across_or_within_the_halves():
    texts = [row["text"] for half in ("dev", "heldout") for row in rows_of(half)]
    words = [frozenset(re.findall(r"\w+", text.lower())) for text in texts]

    assert len(set(texts)) == 400
    for first, second in itertools.combinations(range(len(texts)), 2):
        shared = len(words[first] & words[second])
        every = len(words[first] | words[second])
        assert shared < 0.5 * every, (texts[first], texts[second])


def test_the_halves_are_dealt_by_the_hash_of_the_text():
    dealt = {
        row["text"]: (row["priority"], half) for half in ("dev", "heldout") for row in rows_of(half)
    }

    for label in GUIDE:
        ordered = sorted(
            (text for text, (priority, _) in dealt.items() if priority == label), key=digest
        )
        assert [dealt[text][1] for text in ordered] == ["dev", "heldout"] * (len(ordered) // 2), (
            label
        )


def test_no_recipe_learns_from_or_chooses_on_what_is_held_out():
    def texts(name: str) -> set[str]:
        with (FOLDER / name).open(encoding="utf-8", newline="") as file:
            return {row["text"].casefold() for row in csv.DictReader(file)}

    held_out = texts("triage_urgent_heldout.csv")
    recipes = "".join(path.read_text() for path in CONFIGS.glob("triage*.toml"))
    learned = [path.name for path in FOLDER.glob("triage_*.csv") if path.name in recipes]

    assert len(held_out) == 400
    assert "heldout" not in recipes
    assert "triage_urgent.csv" in learned
    for name in learned:
        if name.startswith("triage_real"):  # hashes alone
            continue
        assert not held_out & texts(name), name

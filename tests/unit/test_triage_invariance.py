"""Forms of a message that mean the same: a P1 stays a P1, and a level moves by one at most.

After CheckList (Ribeiro et al., 2020): shares of messages, by the shipped model. The bounds stand
some messages below what was measured, so that a release that is as robust passes.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from leveled import P1, P2, levels_of

from models.training.corpus.data import shared_data, text_hash
from models.training.triage import variations
from models.training.triage.labelled import read_keyed

DATA = Path(__file__).parents[1] / "data"
OWN, REAL = DATA / "triage_urgent_kept.csv", DATA / "triage_real_kept.csv"
SAMPLE = 150  # real messages; those whose hashes come first
Form = Callable[[str, random.Random], str]


def _before(words: str) -> Form:
    return lambda text, _: words + text


def _behind(words: str) -> Form:
    return lambda text, _: text.rstrip() + words


FORMS: Mapping[str, Form] = {
    "a greeting": variations._greeted,
    "an ending": variations._ended,
    "a footer": variations._with_footer,
    "small letters": variations._in_small_letters,
    "capitals": variations._in_capitals,
    "typeset quotes": variations._typeset,
    "a slip of the fingers": variations._mistyped,
    "its handle taken away": variations._without_handles,
    "a handle in front": _before("@VoltLine "),
    "the brand in front": _before("VoltLine "),
    "lol": _behind(" lol"),
    "thanks": _behind(" thanks"),
    "a sentence of thanks": lambda text, _: f"{text.rstrip(' .')}. Thank you.",
    "a signature": _behind("\n\nKind regards,\nAnna Weber"),
    "a title": _behind("\n\n--\nAnna Weber, RN\nEmergency Room, St Mary's Hospital"),
    "quotation": lambda text, _: f"“{text}”",
    "an escaped ampersand": lambda text, _: text.replace(" & ", " and ").replace(
        " and ", " &amp; "
    ),
}

# Measured: 0.95 of all pairs of a form and a message that is called P1 stay P1. The least of a form
# is 0.85 (a handle in front), then 0.87 (a slip of the fingers).
STAY, STAY_OF_FORM = 0.93, 0.8
# Measured: 0.005 of them fall below P2, 0.03 of a form (a handle in front).
FALL, FALL_OF_FORM = 0.02, 0.07
# How levels may move: two or more, of all pairs and of a form; not at all, of all and of a form.
# Measured of real messages: 0.01, 0.03 (quotation), 0.95, 0.89; of our own, near misses on purpose:
# 0.04, 0.11 (quotation), 0.92, 0.79.
MOVES = {"real": (0.03, 0.07, 0.92, 0.83), "calm": (0.06, 0.17, 0.88, 0.7)}
FEWEST = 30  # pairs of a form whose share says something


@dataclass(frozen=True, slots=True)
class Pairs:
    """Levels of messages that a form changes: before, and in that form."""

    form: str
    before: tuple[int, ...]
    after: tuple[int, ...]

    def share(self, holds: Callable[[int, int], bool]) -> float:
        return sum(map(holds, self.before, self.after)) / len(self.before)


def pairs_of(texts: Sequence[str], levels: Sequence[int]) -> list[Pairs]:
    """The pairs of each form; a message that a form leaves as it is counts in none."""
    forms: list[Pairs] = []
    for name, form in FORMS.items():
        chance = random.Random(1)
        rewritten = [form(text, chance) for text in texts]
        places = [place for place, text in enumerate(texts) if rewritten[place] != text]
        after = levels_of([rewritten[place] for place in places])
        forms.append(Pairs(name, tuple(levels[place] for place in places), tuple(after)))
    return [pairs for pairs in forms if pairs.before]


def whole(forms: Sequence[Pairs]) -> Pairs:
    before = tuple(level for pairs in forms for level in pairs.before)
    return Pairs("all", before, tuple(level for pairs in forms for level in pairs.after))


def stays(_: int, after: int) -> bool:
    return after == P1


def falls(_: int, after: int) -> bool:
    return after < P2


def far(before: int, after: int) -> bool:
    return abs(before - after) > 1


def same(before: int, after: int) -> bool:
    return before == after


def stated(forms: Sequence[Pairs]) -> str:
    """A table of the shares of each form, for whoever reads what failed."""
    rows = [f"{'':24}{'pairs':>6}{'P1':>7}{'< P2':>7}{'same':>7}{'far':>7}"]
    for pairs in (*forms, whole(forms)):
        shares = "".join(f"{pairs.share(holds):7.3f}" for holds in (stays, falls, same, far))
        rows.append(f"{pairs.form:24}{len(pairs.before):6}{shares}")
    return "\n".join(rows)


@pytest.fixture(scope="module")
def urgent() -> list[Pairs]:
    """Our own P1 messages that are called P1 as they stand, in every form."""
    with OWN.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file) if row["priority"] == "P1"]
    called = [text for text, level in zip(texts, levels_of(texts), strict=True) if level == P1]
    assert len(called) >= 0.7 * len(texts) > 100  # shares of few say nothing
    return pairs_of(called, [P1] * len(called))


@pytest.fixture(scope="module")
def calm() -> list[Pairs]:
    """Of our own messages that are no P1 every sixth, in every form."""
    with OWN.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file) if row["priority"] != "P1"][::6]
    return pairs_of(texts, levels_of(texts))


@pytest.fixture(scope="module")
def real() -> list[Pairs]:
    """A sample of real messages to brands, in every form."""
    texts = sorted((message.text for message in read_keyed(REAL, shared_data())), key=text_hash)
    if len(texts) < SAMPLE:
        pytest.skip(f"no real messages below {shared_data()}: EARSHOT_SHARED says where they are")
    return pairs_of(texts[:SAMPLE], levels_of(texts[:SAMPLE]))


def test_a_p1_stays_a_p1_in_another_form(urgent):
    table = stated(urgent)
    print(table)

    assert whole(urgent).share(stays) >= STAY, table
    for pairs in urgent:
        assert pairs.share(stays) >= STAY_OF_FORM, table


def test_a_p1_in_another_form_falls_rarely_below_p2(urgent):
    table = stated(urgent)

    assert whole(urgent).share(falls) <= FALL, table
    assert all(pairs.share(falls) <= FALL_OF_FORM for pairs in urgent), table


@pytest.mark.parametrize("messages", ["calm", "real"])
def test_another_form_moves_a_level_by_one_at_most(request, messages):
    forms = request.getfixturevalue(messages)
    most_far, most_far_of_form, least_same, least_same_of_form = MOVES[messages]
    table = stated(forms)
    print(table)

    assert whole(forms).share(far) <= most_far, table
    assert whole(forms).share(same) >= least_same, table
    for pairs in forms:
        if len(pairs.before) >= FEWEST:
            assert pairs.share(far) <= most_far_of_form, table
            assert pairs.share(same) >= least_same_of_form, table


def test_every_form_changes_a_message_and_keeps_its_words():
    text = "@VoltLine it's smoking and I can't open the door. Come now and bring help."
    forms = {name: form(text, random.Random(1)) for name, form in FORMS.items()}

    assert [name for name, form in forms.items() if form == text] == []
    kept = [name for name, form in forms.items() if "smoking" in form.lower()]
    assert set(FORMS) - set(kept) <= {"a slip of the fingers"}

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.language import UNDECIDED, detect

SAMPLES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "languages.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]


def test_english_is_never_abstained_from_however_it_is_typed():
    english = [sample for sample in SAMPLES if sample["language"] == "en"]

    taken_for_other = [s["text"] for s in english if detect(s["text"], s.get("hint")) != "en"]

    assert len(english) > 75
    assert taken_for_other == []


def test_another_language_is_never_taken_for_english():
    foreign = [sample for sample in SAMPLES if sample["language"] not in ("en", UNDECIDED)]

    taken_for_english = [
        s["text"] for s in foreign if detect(s["text"], s.get("hint")) in ("en", UNDECIDED)
    ]

    assert len(foreign) > 110
    assert taken_for_english == []


def test_the_other_language_has_the_right_name_nearly_always():
    foreign = [sample for sample in SAMPLES if sample["language"] not in ("en", UNDECIDED)]

    right = sum(detect(s["text"], s.get("hint")) == s["language"] for s in foreign)

    assert right / len(foreign) >= 0.95


@pytest.mark.parametrize("text", [s["text"] for s in SAMPLES if s["language"] == UNDECIDED])
def test_what_holds_no_words_is_undecided(text):
    assert detect(text) == UNDECIDED


@pytest.mark.parametrize("tag", ["en", "EN-us", "en_GB"])
def test_a_tag_of_any_form_decides_what_is_too_short_to_tell(tag):
    assert detect("super", tag) == "en"
    assert detect("super", "de-AT") == "de"


@pytest.mark.parametrize("tag", ["und", "qme", "zxx", "", "  ", "x" * 35, "-", "12", "ünd"])
def test_a_tag_that_names_no_language_is_no_hint(tag):
    assert detect("my flight is late again", tag) == "en"
    assert detect("Mein Flug wurde schon wieder gestrichen", tag) == "de"


def test_a_text_that_clearly_says_otherwise_overrules_its_tag():
    assert detect("Llevo tres horas esperando en el aeropuerto y nadie nos ayuda", "en") == "es"
    assert detect("You charged me twice and then you hung up on me", "es") == "en"
    assert detect("荷物はどこですか", "en") == "ja"


def test_what_was_redacted_and_handles_and_links_say_nothing_about_the_language():
    assert (
        detect(
            "@AirDeutschland ¿dónde está mi maleta? [email] https://example.de/wo-ist-mein-koffer"
        )
        == "es"
    )
    assert detect("[email] [phone]") == UNDECIDED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00" * 10,
        "\ud800\udfff\ud800",
        "😀" * 5_000,
        "a" * 300_000,
        "1a" * 150_000,
        "@" * 300_000,
        "ሀ ꙮ \ufdfd",
        "ᚠᚢᚦ",
    ],
    ids=[
        "empty",
        "nul",
        "surrogates",
        "emoji",
        "one long word",
        "codes",
        "at signs",
        "rare letters",
        "runes",
    ],
)
def test_any_text_has_an_answer(text):
    assert detect(text)


@given(text=st.text(), tag=st.none() | st.text(max_size=8))
def test_the_answer_is_always_a_short_lower_case_code(text, tag):
    language = detect(text, tag)

    assert language == language.lower()
    assert 2 <= len(language) <= 3

import tomllib
from importlib import resources
from pathlib import Path

import pytest

from stream.triage.danger_words import danger_words

TABLES = tomllib.loads(
    resources.files("stream.triage").joinpath("danger_words.toml").read_text("utf-8")
)
SENTENCES = tomllib.loads(
    (Path(__file__).parents[1] / "data" / "unread_dangers.toml").read_text("utf-8")
)
FORMS = {  # as people write it
    "as it is": lambda text: text,
    "in capitals": str.upper,
    "to a handle, with a tag": lambda text: f"@VoltLine {text} #fail 😡",
    "between other words": lambda text: f"VoltLine. {text}! 12:30, https://t.co/a1",
    "over two lines, spaced out": lambda text: "\n" + text.replace(" ", "  ") + "\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("language", SENTENCES)
def test_a_cry_in_each_language_is_heard_however_it_is_written(language, form):
    dangers = SENTENCES[language]["danger"]

    unheard = [text for text in dangers if not danger_words().find(FORMS[form](text))]

    assert len(dangers) >= 6
    assert unheard == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("language", SENTENCES)
def test_calm_sentences_with_like_words_are_calm_in_each_language(language, form):
    calm = SENTENCES[language]["calm"]

    heard = {text: danger_words().find(FORMS[form](text)) for text in calm}

    assert len(calm) >= 5
    assert {text: words for text, words in heard.items() if words} == {}


def test_twenty_languages_have_words_and_sentences():
    assert list(TABLES) == list(SENTENCES)
    assert len(TABLES) == 20


def test_no_place_of_a_phrase_is_empty():
    lines = [
        (language, line)
        for language, table in TABLES.items()
        for line in (table["says"] + table.get("unless", "")).splitlines()
        if line and not line.startswith("//")
    ]

    empty = [
        (language, line)
        for language, line in lines
        for place in line.lstrip("=! ").split()
        if "" in place.strip("[]").split("|")
    ]

    assert len(lines) > 500
    assert empty == []


@pytest.mark.parametrize(
    ("text", "quotes"),
    [
        ("Hola, ¡mi casa se está QUEMANDO!", ("se está QUEMANDO",)),
        ("l'école est en  feu", ("en feu",)),
        ("父が倒れました。救急車", ("倒れました", "救急車")),
        ("sans cri", ()),
        ("", ()),
    ],
)
def test_the_words_are_shown_as_the_text_has_them(text, quotes):
    assert danger_words().find(text) == quotes

"""Mistyped words are read as they were meant; names, acronyms and words that are known stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.typos import misprinted
from models.spelling import as_read, slips, spelled
from models.training.words import used_words


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("my flihgt was canceled agian", "my flight was canceled again"),
        ("the connecgion drops evrey ten minutes", "the connection drops every ten minutes"),
        ("Fianlly! Agian nobody ansers.", "finally! again nobody answers."),
        ("MY INTERNET IS DWON SINCE YESTREDAY", "MY INTERNET IS down SINCE yesterday"),
    ],
)
def test_a_slip_of_the_fingers_is_read_as_what_was_meant(written, read):
    assert as_read(written) == read


@pytest.mark.parametrize(
    "text",
    [
        "the router was rebooked and overbooked",  # known words that are near to others
        "tell Bryon and Quito to ask Suge",  # names
        "call CBNA about it",  # acronyms
        "@user # smh lol ppl cant wont",
        "xqzvw hjkl zzz",  # near to nothing
        "don't couldn't o'clock",
        "",
    ],
)
def test_what_is_meant_as_it_stands_stays(text):
    assert as_read(text) == text


def test_it_is_known_where_the_writer_wrote_what_is_read():
    read = spelled("no, my flihgt to Paris is arived, agian")

    assert read.text == "no, my flight to Paris is arrived, again"
    for word, wrote in {
        "flight": "flihgt",
        "arrived": "arived",
        "again": "agian",
        "Paris": "Paris",
    }.items():
        start = read.text.index(word)
        first, last = read.written(start, start + len(word))
        assert "no, my flihgt to Paris is arived, agian"[first:last] == wrote
    middle = read.text.index("rived")
    assert read.written(middle, middle + 2) == (26, 32)  # of a changed word, all of it


@given(st.text(max_size=60), st.randoms(use_true_random=False))
def test_any_text_is_read_and_every_place_is_in_what_was_written(text, chance):
    written = misprinted(text, chance, share=0.5)
    read = spelled(written)

    for start in range(len(read.text)):
        first, last = read.written(start, start + 1)
        assert 0 <= first < last <= len(written)
    assert read.written(0, len(read.text)) == (0, len(written))


def test_a_misprint_that_many_make_is_no_word():
    texts = (
        ["late flight again"] * 400 + ["late flihgt"] * 6 + ["a wifi modem"] * 5 + ["rare bird"] * 4
    )

    found = used_words(texts, vocabulary=["fright", "[UNK]", "##s"])

    assert list(found) == ["late", "again", "flight", "modem", "wifi", "fright"]
    assert (found["flight"], found["fright"]) == (400, 0)


def test_slips_begin_alike():
    near = set(slips("late"))

    assert {"ate", "fate"} & near == set()
    assert {"lae", "laet", "latte", "lake", "later"} <= near

"""What the encoder gets to see of a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.text import LONGEST, normalize


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("see https://t.co/abc?x=1 now", "see http now"),
        ("WWW.example.com/help is down", "http is down"),
        ("@SomeAirline hi", "@user hi"),
        ("@one @two, @three help", "@user help"),
        ("@me@town.social and @you.bsky.social", "@user and @user"),
        ("write to a@b.example please", "write to a@b.example please"),
        ("It\\u2019s late\\u002c again", "It's late, again"),
        ('\\""""Fine\\"""" he said', '"Fine" he said'),
        ("bags &amp;amp; seats &lt;3", "bags & seats <3"),
        ("so loooooong!!!!!!", "so looong!!!"),
        ("#WorstFlightEver #flight404", "# Worst Flight Ever # flight 404"),
        ("broken 😡😡😡", "broken enraged face"),
        ("thanks 👍🏽", "thanks thumbs up"),
        ("love ❤️ it", "love red heart it"),
        ("don’t “ask”", 'don\'t "ask"'),
        ("ﬁne", "fine"),
        ("a\x00b\x07c", "a b c"),
        ("lone \ud83d surrogate", "lone surrogate"),
        ("pair \ud83d\ude21", "pair enraged face"),
        ("two\nlines\tand \\n more", "two lines and more"),
        ("I am nt happy, it did nt work", "I am not happy, it did not work"),
        ("this is nt.", "this is not."),
        ("called last nt and the NT shop", "called last nt and the NT shop"),
        ("aint, nt-2, nt/a", "aint, nt-2, nt/a"),
        ("", ""),
        (" \u200b\n", ""),
    ],
)
def test_a_text_is_read_in_one_form(text, read):
    assert normalize(text) == read


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=200))
def test_any_text_becomes_one_printable_line(text):
    read = normalize(text)

    assert read == " ".join(read.split())
    assert not any(ord(letter) < 32 for letter in read)
    read.encode()  # raises on a lone surrogate


def test_a_huge_text_is_read_from_its_start():
    assert normalize("a b " * 100_000).startswith("a b a b")
    assert len(normalize("😀" * 5000)) < 10 * LONGEST

"""Letters: one grave passage among calm ones is heard, and calm passages raise no alarm."""

from __future__ import annotations

import pytest
from leveled import P1, P2, levels_of

from models.passages import PASSAGE, passages
from models.urgency import ALARMING, Urgency, of_letter

CALM = (
    "I have been a customer of yours for eleven years and have never written to you before, "
    "so I hope that you will forgive me for going on a little. My husband and I moved here "
    "when the children were small, and your engineer who connected the house was so friendly "
    "that we stayed.",
    "In March I received a letter about the new tariff. It said that nothing would change for "
    "me, and yet the bill of April was four pounds higher than that of the year before. I "
    "compared both and found a line called service fee, which I cannot explain to myself.",
    "I rang your number twice last week. The first time I was asked to choose between six "
    "options, none of which was mine, and the second time a young man promised to look into "
    "it and to write to me within five working days. I have looked through my post and there "
    "is no such letter.",
    "I also went to the branch on Mill Lane. The lady at the desk was kind and printed the "
    "bill for me, but she said that she could not see the tariff on her screen and that I "
    "would have to write, which is what I am doing now. I have put a copy of both bills into "
    "the envelope.",
    "What I would like to know is simple. Is the service fee part of the tariff that I agreed "
    "to, and if it is not, from when will it be left out? I do not ask for any compensation; "
    "I only want to understand what I am paying for each month.",
    "While I am writing, may I say that the new paper bills are printed so small that I need "
    "my reading glasses and a lamp? My neighbour says the same. Perhaps you could offer a "
    "larger print for those of us who are over seventy, as the water company does.",
    "I would be glad to hear from you by post, for I seldom look at my electronic mail. There "
    "is no hurry. With many thanks for your trouble and with kind regards to the lady at Mill "
    "Lane.",
)
GRAVE = (
    "Since yesterday evening there has been smoke coming out of the meter cupboard in the "
    "hall, and the wall behind it is so hot that I cannot hold my hand against it. My mother "
    "is asleep in the room next door and cannot get up by herself.",
    "There has been a strong smell of gas in the cellar since your man changed the valve. Two "
    "of us have been sick this morning and my son fainted on the stairs an hour ago.",
    "I may as well tell you that I do not want to go on. I have put the tablets on the table "
    "and I shall take all of them tonight when the house is quiet.",
    "My wife's oxygen machine has been without power since six o'clock and the spare bottle "
    "is nearly empty. She is struggling to breathe while I write this.",
    "Somebody has taken over my account. Since this morning nine payments have gone to a man "
    "whom I do not know, another one left while I was typing, and I cannot stop them.",
    "The stair lift that you fitted came off its rail with my father in it. He lies at the "
    "bottom with his leg bent the wrong way, and nobody answers at your emergency number.",
)
PLACES = {"near the beginning": 1, "in the middle": 3, "near the end": 6}

# Measured of 18 letters: all are P1.
LEAST_P1, LEAST_P2 = 0.8, 0.9


def letter(grave: str | None = None, place: int = 0) -> str:
    paragraphs = list(CALM)
    if grave is not None:
        paragraphs.insert(place, grave)
    return "\n\n".join(paragraphs)


def reading(p1: float) -> Urgency:
    return Urgency((0.9, 0.7, min(0.7, 2 * p1), p1), {"danger": p1} if p1 > 0.1 else {}, 0.1)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_grave_passage_decides_for_its_letter_wherever_it_stands(place):
    cut = passages(letter(GRAVE[0], place))
    grave = [passage for passage in cut if "smoke coming out" in passage]
    whole, calm = reading(0.02), reading(ALARMING - 0.01)

    judged = of_letter(whole, [reading(0.6) if passage in grave else calm for passage in cut])

    assert len(cut) >= 6
    assert len(grave) >= 1
    assert all(len(passage) <= PASSAGE for passage in cut)
    assert (judged.levels[-1], judged.reasons["danger"]) == (0.6, 0.6)
    assert of_letter(whole, [calm for _ in cut]) == whole


@pytest.mark.parametrize("grave", GRAVE)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_grave_sentence_stands_whole_in_a_passage(grave, place):
    cut = passages(letter(grave, place))
    sentences = [f"{sentence}." for sentence in grave.rstrip(".").split(". ")]

    for sentence in sentences:
        assert any(sentence in passage for passage in cut)


def test_a_letter_with_a_grave_passage_is_urgent_by_the_shipped_model():
    letters = [letter(grave, place) for grave in GRAVE for place in PLACES.values()]

    levels = levels_of(letters)

    assert sum(level == P1 for level in levels) >= LEAST_P1 * len(levels)
    assert sum(level >= P2 for level in levels) >= LEAST_P2 * len(levels)


def test_a_letter_of_calm_passages_is_no_p1():
    """A fourth contact is a P2 by the guide, in whatever order it is told."""
    rotated = ["\n\n".join(CALM[place:] + CALM[:place]) for place in range(len(CALM))]

    assert max(levels_of(rotated)) < P1

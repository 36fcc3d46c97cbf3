"""The n-gram model: probabilities that sum to one, favour what was seen, and survive a file."""

from __future__ import annotations

import numpy as np
import pytest

from models.replier import ngram
from models.training.replies.ngrams import estimate

START, END, SIZE = 2, 3, 12
TEXTS = [[5, 6, 7, 8], [5, 6, 7, 9], [5, 6, 10], [4, 6, 7, 8], [5, 6, 7, 8, 11]] * 3 + [
    [4, 9, 10, 11, 5]
]
EVERY = np.arange(SIZE)[None]


def after(model, words):
    state = model.start(START)
    for word in words:
        state = model.advance(state, np.array([word]))
    return state


@pytest.mark.parametrize("keep", [1000, 12])
@pytest.mark.parametrize("words", [[], [5], [5, 6], [5, 6, 7], [11, 11, 11, 11], [4, 9, 10, 11]])
def test_the_words_after_any_context_share_all_of_the_probability(words, keep):
    model = estimate(TEXTS, SIZE, order=4, start=START, end=END, keep=keep)

    found = model.probabilities(after(model, words), EVERY)[0]
    assert found.sum() == pytest.approx(1, abs=1e-5)
    assert (found > 0).all()


def test_a_longer_context_knows_better():
    model = estimate(TEXTS, SIZE, order=4, start=START, end=END, keep=1000)

    assert model.known(after(model, [5, 6, 7]))[0] == 3
    assert model.known(after(model, [11, 11]))[0] < 2
    found = model.probabilities(after(model, [5, 6, 7]), EVERY)[0]
    assert found.argmax() == 8


def test_the_bigrams_are_the_formulas_by_hand():
    """Chen & Goodman (1998): of each count from 1 to 4 there are two bigrams, so Y is 1/3 and the
    discounts follow.
    """
    texts = [[4, word] for word, count in ((5, 1), (6, 2), (7, 3), (8, 4)) for _ in range(count)]

    model = estimate(texts, 9, order=2, start=START, end=END, keep=100)

    words = model.levels[0]
    mass = dict(zip(words.keys.tolist(), words.mass.tolist(), strict=True))
    for word, count, discount in ((5, 1, 1 / 3), (6, 2, 1), (7, 3, 5 / 3), (8, 4, 5 / 3)):
        assert mass[4 * 9 + word] == pytest.approx((count - discount) / 10, rel=1e-5)


def test_a_saved_model_says_the_same(tmp_path):
    model = estimate(TEXTS, SIZE, order=4, start=START, end=END, keep=30)
    ngram.save(model, tmp_path / "ngram.npz")
    again = ngram.load(tmp_path / "ngram.npz")

    for words in ([], [5, 6], [4, 6, 7]):
        one = model.probabilities(after(model, words), EVERY)
        assert again.probabilities(after(again, words), EVERY) == pytest.approx(one, abs=1e-3)


def test_a_file_that_is_no_model_is_one_line(tmp_path):
    (tmp_path / "ngram.npz").write_bytes(b"nothing")

    with pytest.raises(ngram.ArtifactError, match=r"ngram\.npz cannot be read"):
        ngram.load(tmp_path / "ngram.npz")

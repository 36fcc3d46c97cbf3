"""Writes models/words.txt: which words people use, and how many of the training texts have each.

    $ python -m models.training.words

Counts alone, of words that several texts have; no text can be made of them again.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from models.spelling import WORDS, slips
from models.training.corpus.data import shared_data
from models.training.corpus.public import public_corpus
from models.training.encoder.base import MINILM, load_base

FEWEST = 5  # texts that have a word, or it could be anybody's
USUAL = 150  # texts; a word that so many have is meant, however near to another
TIMES = 60  # as many texts have the word that was meant as have a misprint that many make
_WORD = re.compile(r"(?<![\w'])[a-z]{3,}(?![\w'])")


def used_words(texts: Iterable[str], vocabulary: Iterable[str]) -> dict[str, int]:
    """The words that are known, most used first. vocabulary: words that are right, however seldom.

    Left out is what is one slip away from a word that is used many times as often: a misprint that
    many make.
    """
    counts = Counter(word for text in texts for word in set(_WORD.findall(text.lower())))
    right = {word for word in vocabulary if _WORD.fullmatch(word)}
    known = right | {word for word, times in counts.items() if times >= USUAL}
    known |= {
        word for word, times in counts.items() if times >= FEWEST and not _is_misprint(word, counts)
    }
    return {word: counts[word] for word in sorted(known, key=lambda word: (-counts[word], word))}


def _is_misprint(word: str, counts: Counter[str]) -> bool:
    return max((counts[other] for other in slips(word)), default=0) >= TIMES * counts[word]


def main(out: Path = WORDS) -> None:
    corpus = public_corpus(shared_data())
    _, tokenizer = load_base(MINILM)
    found = used_words(
        (one.text for one in [*corpus.train, *corpus.by_turns]), tokenizer.get_vocab()
    )
    out.write_text("".join(f"{word} {texts}\n" for word, texts in found.items()), encoding="ascii")
    print(f"{out}: {len(found):,} words", file=sys.stderr)


if __name__ == "__main__":
    main()

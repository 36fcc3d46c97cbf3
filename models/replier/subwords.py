"""Subwords that both reply models share: slotted text to ids and back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers

from models.replier.slots import SLOTS

PAD, UNKNOWN, START, END = range(4)
_SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")


def train_subwords(texts: Iterable[str], size: int) -> Tokenizer:
    """Byte-pair encoding over words, punctuation apart, every slot one token."""
    tokenizer = Tokenizer(models.BPE(unk_token=_SPECIAL[UNKNOWN]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"[^\w\s']"), "isolated"),
            pre_tokenizers.Metaspace(prepend_scheme="first"),
        ]
    )
    slots = [AddedToken(slot, lstrip=True, special=True, normalized=False) for slot in SLOTS]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[*_SPECIAL, *slots],
        limit_alphabet=300,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


class Subwords:
    """A trained tokenizer, as the reply models use it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.tokenizer = tokenizer
        self.size: int = tokenizer.get_vocab_size()
        self.pieces = [str(tokenizer.id_to_token(number)) for number in range(self.size)]
        self._slots = frozenset(SLOTS)
        self.slots = [number for number, piece in enumerate(self.pieces) if piece in self._slots]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        encodings = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [list(encoding.ids) for encoding in encodings]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids, with single spaces, without special tokens."""
        words: list[str] = []
        for number in ids:
            piece = self.pieces[number]
            if piece in self._slots:
                words.append(f" {piece}")
            elif number > END:
                words.append(piece.replace("▁", " "))
        return re.sub(r"(?<=[(#$£€@/-]) (?=<)", "", " ".join("".join(words).split()))

"""Decoder of drafts: tokens sampled from the likely ones, without repeats, per message."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.replier.mixture import Mixture
from models.replier.slots import SLOTS
from models.replier.subwords import END, PAD, START, UNKNOWN, Subwords

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

NUCLEUS = 0.85  # share of the probability that is sampled from
TEMPERATURE = 0.7
LONGEST, SHORTEST = 44, 5  # tokens
LONG_ENOUGH = 20  # tokens
HASTE = 0.15  # share of the chance to end that remains before a text is LONG_ENOUGH
# Weights of the rank of a draft, besides the mean log probability of a token; chosen on validation
# replies.
CONSENSUS = 4.0  # agreement with the other drafts
# Fit to this message: the GRU has read it, the n-grams have not; their difference for a token.
OWN = 1.0
LENGTH, FULL = 0.22, 30  # a token more, until a reply is as long as agents' are
WORST = 0.3  # the least likely token: where a sentence breaks, it is very unlikely
STUTTER = 1.0  # off for each three tokens that come a second time
SMALLEST = 1e-6  # a probability below it counts as that


@dataclass(frozen=True, slots=True)
class Written:
    """A draft with its slots. score: mean log probability of a token. rank: its place in order."""

    text: str
    score: float
    rank: float


@dataclass(frozen=True, slots=True)
class Sample:
    """A draft as it was sampled. tokens: without marks, those of one that was cut off too.

    likely, apart: (tokens and the end,), the log probability of each, and how much likelier it is
    to the GRU than to the n-grams, in nats.
    """

    tokens: tuple[int, ...]
    likely: Floats
    apart: Floats
    ended: bool


class Decoder:
    def __init__(self, mixture: Mixture, subwords: Subwords) -> None:
        self._mixture, self._subwords = mixture, subwords
        numbers = {piece: number for number, piece in enumerate(subwords.pieces)}
        self._slots = {slot: numbers[slot] for slot in SLOTS}

    def __call__(
        self,
        messages: Sequence[str],
        conditions: Ids,
        fillable: Sequence[Collection[str]],
        seeds: Sequence[int],
        *,
        samples: int,
    ) -> list[list[Written]]:
        """`samples` drafts of each message, best first.

        The first follows the likeliest tokens, the others are sampled. conditions: (messages,
        fields). fillable: the slots that each may use. seeds: of each message's chance.
        """
        if not messages:
            return []
        chance = np.stack(
            [np.random.default_rng(seed).random((LONGEST, samples)) for seed in seeds], 1
        )
        chance[:, :, 0] = 0
        barred = np.stack([self._barred(slots) for slots in fillable])
        ids = self._subwords.encode(messages)
        drafts = self._samples(ids, conditions, barred, chance.reshape(LONGEST, -1))
        return [self._ranked(drafts[at : at + samples]) for at in range(0, len(drafts), samples)]

    def _samples(
        self,
        ids: Sequence[Sequence[int]],
        conditions: Ids,
        barred: NDArray[np.bool_],
        chance: NDArray[np.float64],
    ) -> list[Sample]:
        """Every draft of every message, in order. chance: (steps, drafts of all), uniform.

        Only drafts that have not ended are computed: `row`, `message`, `state`, `words` and
        `context` hold one place for each such draft.
        """
        network, ngrams = self._mixture.network, self._mixture.ngrams
        count = chance.shape[1]
        encoded = network.read([message or [END] for message in ids], conditions)
        tokens = np.full((count, LONGEST), PAD, dtype=np.int64)
        likely, apart = np.zeros((2, count, LONGEST), dtype=np.float32)
        lengths = np.full(count, LONGEST)
        row = np.arange(count)
        message = row // (count // len(ids))
        state = encoded.state[message]
        words = np.full(count, START, dtype=np.int64)
        context = ngrams.start(START, count)
        for step in range(LONGEST):
            best, top, state = network.best(words, state, message, encoded)
            gru, ngram = np.exp(best), ngrams.probabilities(context, top)
            share = self._mixture.mixed(gru, ngram, gru.max(1), context)
            share[barred[message[:, None], top]] = 0
            if step < LONG_ENOUGH:
                share[top == END] *= 0 if step < SHORTEST else HASTE
            _bar_repeats(share, top, tokens[row, :step])
            column, log = _sampled(share, chance[step, row])
            at = np.arange(len(row)), column
            words = top[at]
            tokens[row, step], likely[row, step] = words, log
            apart[row, step] = np.log(
                np.maximum(gru[at], SMALLEST) / np.maximum(ngram[at], SMALLEST)
            )
            going = words != END
            lengths[row[~going]] = step
            if not going.any():
                break
            context = ngrams.advance(context[going], words[going])
            row, message, state, words = row[going], message[going], state[going], words[going]
        return [
            Sample(
                tuple(tokens[row, :length].tolist()),
                likely[row, : length + 1],
                apart[row, : length + 1],
                length < LONGEST,
            )
            for row, length in enumerate(lengths.tolist())
        ]

    def _barred(self, fillable: Collection[str]) -> NDArray[np.bool_]:
        """(words,): the tokens that a draft with these slots may not use."""
        barred = np.zeros(self._subwords.size, dtype=bool)
        barred[[PAD, UNKNOWN, START]] = True
        barred[[number for slot, number in self._slots.items() if slot not in fillable]] = True
        return barred

    def _ranked(self, samples: Sequence[Sample]) -> list[Written]:
        """Each distinct draft once, the best first.

        Drafts that agree with the others, and that fit this message, come first. Drafts that were
        cut off count only where none is whole.
        """
        texts = [sample for sample in samples if sample.tokens]
        whole = [sample for sample in texts if sample.ended] or texts
        if not whole:
            return []
        agreement = _agreement([sample.tokens for sample in whole])
        drafts: dict[tuple[int, ...], Written] = {}
        for sample, agreed in zip(whole, agreement, strict=True):
            if sample.tokens not in drafts:
                score = float(sample.likely.mean())
                rank = score + _bonus(sample, float(agreed))
                text = self._subwords.decode(sample.tokens)
                drafts[sample.tokens] = Written(text, score, rank)
        return sorted(drafts.values(), key=lambda draft: -draft.rank)


def _bonus(sample: Sample, agreement: float) -> float:
    return (
        CONSENSUS * agreement
        + OWN * float(sample.apart.mean())
        + WORST * float(sample.likely.min())
        + LENGTH * min(len(sample.tokens), FULL)
        - STUTTER * _stutters(sample.tokens)
    )


def _sampled(likely: Floats, chance: NDArray[np.float64]) -> tuple[Ids, Floats]:
    """A column of each row, and the log of its probability. A chance of 0 takes the likeliest."""
    likely = np.maximum(likely, 1e-30)
    order = np.argsort(-likely, axis=1, kind="stable")
    ordered = np.take_along_axis(likely, order, 1)
    share = ordered / ordered.sum(1, keepdims=True)
    before = np.cumsum(share, 1) - share
    sharp = np.where(before < NUCLEUS, share ** (1 / TEMPERATURE), 0)
    reached = np.cumsum(sharp, 1)
    place = (reached <= (chance * reached[:, -1])[:, None]).sum(1)
    rows = np.arange(len(likely))
    columns = order[rows, np.minimum(place, likely.shape[1] - 1)]
    return columns, np.log(likely[rows, columns])


def _bar_repeats(likely: Floats, top: Ids, written: Ids) -> None:
    """Bar, in place, tokens that would write four tokens in a row a second time.

    written: (rows, tokens so far).
    """
    length = written.shape[1]
    if length < 4:
        return
    # (rows, places): whether the last three tokens also stand at this place
    same = np.ones((len(written), length - 3), dtype=bool)
    for nth in range(3):
        same &= written[:, nth : length - 3 + nth] == written[:, length - 3 + nth, None]
    row, place = np.nonzero(same)
    again, column = np.nonzero(top[row] == written[row, place + 3, None])
    likely[row[again], column] = 0


def _stutters(tokens: Sequence[int]) -> int:
    """How many runs of three tokens come a second time."""
    runs = [tuple(tokens[at : at + 3]) for at in range(len(tokens) - 2)]
    return len(runs) - len(set(runs))


def _agreement(texts: Sequence[Sequence[int]]) -> Floats:
    """(texts,): the mean agreement of each text with all: the F2 of the tokens that they share.

    Recall counts more than precision, or the shortest would win.
    """
    words = {word: place for place, word in enumerate({word for text in texts for word in text})}
    counts = np.zeros((len(texts), len(words)), dtype=np.int64)
    for row, text in enumerate(texts):
        np.add.at(counts[row], [words[word] for word in text], 1)
    sizes = counts.sum(1)
    shared = np.minimum(counts[:, None], counts[None]).sum(-1)
    agreement: Floats = (5 * shared / (sizes[:, None] + 4 * sizes[None])).mean(1)
    return agreement

"""Writes drafts, token by token: sampled from the likely ones, without repeating itself, each
message on its own.
"""

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
LONG_ENOUGH, HASTE = (
    20,
    0.15,
)  # tokens; what is left of the chance that a text ends before it is so long
# What drafts of a message are ordered by, besides the mean log probability of a token; chosen on
# validation replies.
CONSENSUS = 4.0  # agreement with the other drafts
# fit to this message: how much likelier the GRU, which has read it, finds a token than the n-grams
# do
OWN = 1.0
LENGTH, FULL = 0.22, 30  # a token more, until a reply is as long as agents' are
WORST = 0.3  # the least likely token: where a sentence breaks, it is very unlikely
STUTTER = 1.0  # off for each three tokens that come a second time
LEAST = 1e-6  # a probability below it counts as that


@dataclass(frozen=True, slots=True)
class Written:
    """A draft with its slots. score: mean log probability of a token. rank: what drafts are ordered
    by.
    """

    text: str
    score: float
    rank: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A draft as it was drawn. tokens: without marks, those of one that was cut off too.

    likely, apart: (tokens and the end,), the log probability of each, and how much likelier the GRU
    finds it than the n-grams do, in nats.
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
        """`samples` drafts of each message, best first. The first follows the likeliest tokens, the
        others are drawn.

        conditions: (messages, fields). fillable: the slots that each may use. seeds: of each
        message's drawing.
        """
        if not messages:
            return []
        chance = np.stack(
            [np.random.default_rng(seed).random((LONGEST, samples)) for seed in seeds], 1
        )
        chance[:, :, 0] = 0
        barred = np.stack([self._barred(slots) for slots in fillable])
        drawn = self._drawn(
            self._subwords.encode(messages), conditions, barred, chance.reshape(LONGEST, -1)
        )
        return [self._ranked(drawn[at : at + samples]) for at in range(0, len(drawn), samples)]

    def _drawn(
        self,
        ids: Sequence[Sequence[int]],
        conditions: Ids,
        barred: NDArray[np.bool_],
        chance: NDArray[np.float64],
    ) -> list[Drawn]:
        """Every draft of every message, in order. chance: (steps, drafts of all), uniform.

        Only what has not ended is computed: `row` and what is named with it hold one place for each
        such draft.
        """
        network, ngrams = self._mixture.network, self._mixture.ngrams
        read, count = network.read([one or [END] for one in ids], conditions), chance.shape[1]
        tokens = np.full((count, LONGEST), PAD, dtype=np.int64)
        likely, apart = np.zeros((2, count, LONGEST), dtype=np.float32)
        lengths = np.full(count, LONGEST)
        row = np.arange(count)
        message = row // (count // len(ids))
        state, words, context = (
            read.state[message],
            np.full(count, START, dtype=np.int64),
            ngrams.start(START, count),
        )
        for step in range(LONGEST):
            best, top, state = network.best(words, state, message, read)
            gru, ngram = np.exp(best), ngrams.probabilities(context, top)
            share = self._mixture.mixed(gru, ngram, gru.max(1), context)
            share[barred[message[:, None], top]] = 0
            if step < LONG_ENOUGH:
                share[top == END] *= 0 if step < SHORTEST else HASTE
            _without_repeats(share, top, tokens[row, :step])
            chosen, log = _drawn(share, chance[step, row])
            here = np.arange(len(row)), chosen
            words = top[here]
            tokens[row, step], likely[row, step] = words, log
            apart[row, step] = np.log(np.maximum(gru[here], LEAST) / np.maximum(ngram[here], LEAST))
            going = words != END
            lengths[row[~going]] = step
            if not going.any():
                break
            context = ngrams.advance(context[going], words[going])
            row, message, state, words = row[going], message[going], state[going], words[going]
        return [
            Drawn(
                tuple(tokens[row, :length].tolist()),
                likely[row, : length + 1],
                apart[row, : length + 1],
                length < LONGEST,
            )
            for row, length in enumerate(lengths.tolist())
        ]

    def _barred(self, fillable: Collection[str]) -> NDArray[np.bool_]:
        barred = np.zeros(self._subwords.size, dtype=bool)
        barred[
            [
                PAD,
                UNKNOWN,
                START,
                *(number for slot, number in self._slots.items() if slot not in fillable),
            ]
        ] = True
        return barred

    def _ranked(self, drawn: Sequence[Drawn]) -> list[Written]:
        """Each distinct draft once; those that say what the others say, and that fit this message,
        come first.

        What was cut off counts only where nothing is whole.
        """
        whole = [one for one in drawn if one.tokens and one.ended] or [
            one for one in drawn if one.tokens
        ]
        if not whole:
            return []
        agreement = _agreement([one.tokens for one in whole])
        made: dict[tuple[int, ...], Written] = {}
        for one, agreed in zip(whole, agreement, strict=True):
            if one.tokens in made:
                continue
            score = float(one.likely.mean())
            rank = (
                score
                + CONSENSUS * float(agreed)
                + OWN * float(one.apart.mean())
                + WORST * float(one.likely.min())
            )
            rank += LENGTH * min(len(one.tokens), FULL) - STUTTER * _stutters(one.tokens)
            made[one.tokens] = Written(self._subwords.decode(one.tokens), score, rank)
        return sorted(made.values(), key=lambda one: -one.rank)


def _drawn(likely: Floats, chance: NDArray[np.float64]) -> tuple[Ids, Floats]:
    """Which column of each row is drawn, and the log of its probability. A chance of 0 takes the
    likeliest.
    """
    likely = np.maximum(likely, 1e-30)
    order = np.argsort(-likely, axis=1, kind="stable")
    sorted_ = np.take_along_axis(likely, order, 1)
    share = sorted_ / sorted_.sum(1, keepdims=True)
    before = np.cumsum(share, 1) - share
    sharp = np.where(before < NUCLEUS, share ** (1 / TEMPERATURE), 0)
    reached = np.cumsum(sharp, 1)
    place = (reached <= (chance * reached[:, -1])[:, None]).sum(1)
    rows = np.arange(len(likely))
    picked = order[rows, np.minimum(place, likely.shape[1] - 1)]
    return picked, np.log(likely[rows, picked])


def _without_repeats(likely: Floats, top: Ids, written: Ids) -> None:
    """Bars, in place, tokens that would write four tokens in a row a second time. written: (rows,
    tokens so far).
    """
    length = written.shape[1]
    if length < 4:
        return
    same = np.ones(
        (len(written), length - 3), dtype=bool
    )  # (rows, places): do the last three stand here too?
    for nth in range(3):
        same &= written[:, nth : length - 3 + nth] == written[:, length - 3 + nth, None]
    row, place = np.nonzero(same)
    again, column = np.nonzero(top[row] == written[row, place + 3, None])
    likely[row[again], column] = 0


def _stutters(tokens: Sequence[int]) -> int:
    """How many runs of three tokens are said a second time."""
    runs = [tuple(tokens[at : at + 3]) for at in range(len(tokens) - 2)]
    return len(runs) - len(set(runs))


def _agreement(texts: Sequence[Sequence[int]]) -> Floats:
    """(texts,): how much of each other text, itself too, a text says on average: the F2 of the
    tokens that they share.

    Recall counts more than precision, or the shortest would win.
    """
    words = {word: place for place, word in enumerate({word for text in texts for word in text})}
    counts = np.zeros((len(texts), len(words)), dtype=np.int64)
    for row, text in enumerate(texts):
        np.add.at(counts[row], [words[word] for word in text], 1)
    sizes = counts.sum(1)
    shared = np.minimum(counts[:, None], counts[None]).sum(-1)
    agreed: Floats = (5 * shared / (sizes[:, None] + 4 * sizes[None])).mean(1)
    return agreed

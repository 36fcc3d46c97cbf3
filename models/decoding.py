"""Writes drafts, token by token: sampled from the likely ones, without repeating itself, each message on its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.mixture import Mixture
from models.reply_network import TOP
from models.slots import SLOTS
from models.subwords import END, PAD, START, UNKNOWN, Subwords

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

NUCLEUS = 0.85  # share of the probability that is sampled from
TEMPERATURE = 0.7
LONGEST, SHORTEST = 44, 5  # tokens
LONG_ENOUGH, HASTE = 20, 0.15  # tokens; what is left of the chance that a text ends before it is so long
# What drafts of a message are ordered by, besides the mean log probability of a token; chosen on validation replies.
CONSENSUS = 4.0  # agreement with the other drafts
OWN = 1.0  # fit to this message: how much likelier the GRU, which has read it, finds a token than the n-grams do
LENGTH, FULL = 0.22, 30  # a token more, until a reply is as long as agents' are
WORST = 0.3  # the least likely token: where a sentence breaks, it is very unlikely
STUTTER = 1.0  # off for each three tokens that come a second time
LEAST = 1e-6  # a probability below it counts as that
FEWEST = 2  # messages of one run: a lone row is summed in another order


@dataclass(frozen=True, slots=True)
class Written:
    """A draft with its slots. score: mean log probability of a token. rank: what drafts are ordered by."""

    text: str
    score: float
    rank: float


class Drafting:
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
        """`samples` drafts of each message, best first. The first follows the likeliest tokens, the others are drawn.

        conditions: (messages, fields). fillable: the slots that each may use. seeds: of each message's drawing.
        """
        if not messages:
            return []
        rows = [*range(len(messages))]
        rows += rows[:1] * (FEWEST - len(rows))
        ids = self._subwords.encode([messages[row] for row in rows])
        chance = np.stack([np.random.default_rng(seeds[row]).random((LONGEST, samples)) for row in rows], 1)
        chance[:, :, 0] = 0
        barred = np.stack([self._barred(fillable[row]) for row in rows])
        tokens, logs = self._run(ids, conditions[rows], barred, chance)
        return [self._ranked(tokens[row], logs[row]) for row in range(len(messages))]

    def _run(
        self, ids: Sequence[Sequence[int]], conditions: Ids, barred: NDArray[np.bool_], chance: NDArray[np.float64]
    ) -> tuple[list[list[list[int]]], list[list[list[tuple[float, float]]]]]:
        """Tokens and their log probabilities, by message and draft. chance: (steps, messages, drafts), uniform."""
        mixture, (count, drafts) = self._mixture, chance.shape[1:]
        read = mixture.network.read([one or [END] for one in ids], conditions)
        state = np.repeat(read.state[:, None], drafts, 1)
        words = np.full((count, drafts), START, dtype=np.int64)
        context = mixture.ngrams.start(START, count * drafts)
        written: list[list[list[int]]] = [[[] for _ in range(drafts)] for _ in range(count)]
        logs: list[list[list[tuple[float, float]]]] = [[[] for _ in range(drafts)] for _ in range(count)]
        open_ = np.ones((count, drafts), dtype=bool)
        alive = np.arange(count)  # messages with an unfinished draft
        for step in range(LONGEST):
            best, which, state = mixture.network.best(words[alive], state, read)
            gru, top = np.exp(best.reshape(-1, TOP)), which.reshape(-1, TOP)
            rows = (alive[:, None] * drafts + np.arange(drafts)).ravel()
            ngram = mixture.ngrams.probabilities(context[rows], top)
            likely = mixture.mixed(gru, ngram, gru.max(1), context[rows])
            likely[np.take_along_axis(np.repeat(barred[alive], drafts, 0), top, 1)] = 0
            if step < LONG_ENOUGH:
                likely[top == END] *= 0 if step < SHORTEST else HASTE
            for place, row in enumerate(rows):
                message, draft = divmod(int(row), drafts)
                if open_[message, draft]:
                    _without_repeats(likely[place], top[place], written[message][draft])
            chosen, shares = _drawn(likely, chance[step].ravel()[rows])
            picked = top[np.arange(len(rows)), chosen]
            places = np.arange(len(rows))
            apart = np.log(np.maximum(gru[places, chosen], LEAST) / np.maximum(ngram[places, chosen], LEAST))
            words[alive] = picked.reshape(-1, drafts)
            context[rows] = mixture.ngrams.advance(context[rows], picked)
            for place, row in enumerate(rows):
                message, draft = divmod(int(row), drafts)
                if open_[message, draft]:
                    logs[message][draft].append((float(shares[place]), float(apart[place])))
                    if picked[place] == END:
                        open_[message, draft] = False
                    else:
                        written[message][draft].append(int(picked[place]))
            still = open_[alive].any(1)
            if not still.any():
                break
            if not still.all() and still.sum() >= FEWEST:
                alive, state, read = alive[still], state[still], read.of(np.flatnonzero(still))
        for message, draft in zip(*np.nonzero(open_), strict=True):
            if not open_[message].all():  # what is cut off is worth less than what is whole
                written[message][draft] = []
        return written, logs

    def _barred(self, fillable: Collection[str]) -> NDArray[np.bool_]:
        barred = np.zeros(self._subwords.size, dtype=bool)
        barred[[PAD, UNKNOWN, START, *(number for slot, number in self._slots.items() if slot not in fillable)]] = True
        return barred

    def _ranked(self, tokens: Sequence[Sequence[int]], logs: Sequence[Sequence[tuple[float, float]]]) -> list[Written]:
        """Each distinct draft once; those that say what the others say, and that fit this message, come first."""
        said = [tuple(one) for one in tokens if one]
        made = []
        for one, log in {tuple(one): log for one, log in zip(tokens, logs, strict=True) if one}.items():
            likely, own = zip(*log, strict=True)
            score = float(np.mean(likely))
            rank = score + CONSENSUS * float(np.mean([_overlap(one, other) for other in said]))
            rank += OWN * float(np.mean(own)) + WORST * min(likely)
            rank += LENGTH * min(len(one), FULL) - STUTTER * _stutters(one)
            made.append(Written(self._subwords.decode(one), score, rank))
        return sorted(made, key=lambda one: -one.rank)


def _drawn(likely: Floats, chance: NDArray[np.float64]) -> tuple[Ids, Floats]:
    """Which column of each row is drawn, and the log of its probability. A chance of 0 takes the likeliest."""
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


def _without_repeats(likely: Floats, top: Ids, written: Sequence[int]) -> None:
    """Bars, in place, tokens that would write four tokens in a row a second time."""
    if len(written) < 4:
        return
    end = tuple(written[-3:])
    again = {written[at + 3] for at in range(len(written) - 3) if tuple(written[at : at + 3]) == end}
    if again:
        likely[np.isin(top, list(again))] = 0


def _stutters(tokens: Sequence[int]) -> int:
    """How many runs of three tokens are said a second time."""
    runs = [tuple(tokens[at : at + 3]) for at in range(len(tokens) - 2)]
    return len(runs) - len(set(runs))


def _overlap(one: Sequence[int], other: Sequence[int]) -> float:
    """The F2 of the tokens of `other` that `one` says: recall counts more, or the shortest draft would win."""
    shared = sum((Counter(one) & Counter(other)).values())
    return 5 * shared / (len(one) + 4 * len(other))

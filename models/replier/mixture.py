"""Both reply models at once: at every step p = share x p(GRU) + (1 - share) x p(n-gram)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.replier.network import ReplyNetwork
from models.replier.ngram import NGram
from models.replier.subwords import END, START

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

# The GRU's share depends on how sure it is, and on how long a context the n-gram model knows.
SURE = (0.2, 0.5, 0.8)  # of its likeliest token
ROUNDS = 60  # of the expectation maximisation


class Mixture:
    """share: (known contexts, sureness) weights of the GRU, learnt on held-out replies."""

    def __init__(self, network: ReplyNetwork, ngrams: NGram, share: Floats) -> None:
        self.network, self.ngrams, self.share = network, ngrams, share

    def mixed(self, gru: Floats, ngram: Floats, likeliest: Floats, state: Ids) -> Floats:
        """(rows, words) probabilities. likeliest: (rows,), the GRU's best. state: of the n-gram
        model, (rows, ...).
        """
        share = self.share[bucket(self.ngrams, likeliest, state)][:, None]
        both: Floats = share * gru + (1 - share) * ngram
        return both

    def of_replies(
        self, messages: Sequence[Sequence[int]], conditions: Ids, replies: Sequence[Sequence[int]]
    ) -> tuple[Floats, Floats, Ids]:
        """Of every token of known replies, ends included, in order: p(GRU), p(n-gram), and the
        bucket of the share.

        messages, replies: ids without marks. conditions: (replies, fields).
        """
        read = self.network.read(messages, conditions)
        state, words, rows = (
            read.state,
            np.full(len(replies), START, dtype=np.int64),
            np.arange(len(replies)),
        )
        context = self.ngrams.start(START, len(replies))
        parts: list[tuple[Floats, Floats, Ids]] = []
        ended = np.array(
            [[*reply, END] + [END] * (max(map(len, replies)) - len(reply)) for reply in replies]
        )
        for step in range(ended.shape[1]):
            scores, state = self.network.step(words, state, rows, read)
            wanted = ended[:, step]
            gru = np.exp(scores[rows, wanted])
            ngram = self.ngrams.probabilities(context, wanted[:, None])[:, 0]
            parts.append((gru, ngram, bucket(self.ngrams, np.exp(scores.max(-1)), context)))
            context, words = self.ngrams.advance(context, wanted), wanted
        live = (
            np.arange(ended.shape[1])[None, :]
            <= np.array([len(reply) for reply in replies])[:, None]
        )
        gru, ngram, buckets = (np.stack(each, 1)[live] for each in zip(*parts, strict=True))
        return gru, ngram, buckets


def bucket(ngrams: NGram, likeliest: Floats, state: Ids) -> Ids:
    """(rows,): which share is meant, by known contexts and sureness."""
    sureness = np.searchsorted(np.array(SURE, dtype=np.float32), likeliest)
    return ngrams.known(state) * (len(SURE) + 1) + sureness


def buckets(order: int) -> int:
    return order * (len(SURE) + 1)


def learned_share(gru: Floats, ngram: Floats, which: Ids, count: int) -> Floats:
    """The weight of the GRU in each bucket that makes held-out tokens likeliest, by expectation
    maximisation.

    Every bucket begins at the common weight and is held to it as by fifty tokens, for the rare
    ones.
    """
    common = _weight(gru, ngram, 0.5, 0.5, 0)
    return np.array(
        [
            _weight(gru[which == each], ngram[which == each], common, common, 50)
            for each in range(count)
        ],
        dtype=np.float32,
    )


def _weight(gru: Floats, ngram: Floats, weight: float, prior: float, strength: float) -> float:
    if not len(gru):
        return prior
    for _ in range(ROUNDS):
        owed = weight * gru / (weight * gru + (1 - weight) * ngram)
        weight = float((owed.sum() + strength * prior) / (len(gru) + strength))
    return weight

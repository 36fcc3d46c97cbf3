"""Mixture of both reply models: at every step p = share x p(GRU) + (1 - share) x p(n-gram)."""

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
ROUNDS = 60  # of expectation maximisation


class Mixture:
    """share: (known contexts, sureness) weights of the GRU, learnt on held-out replies."""

    def __init__(self, network: ReplyNetwork, ngrams: NGram, share: Floats) -> None:
        self.network, self.ngrams, self.share = network, ngrams, share

    def mixed(self, gru: Floats, ngram: Floats, likeliest: Floats, state: Ids) -> Floats:
        """(rows, words) probabilities.

        likeliest: (rows,), the GRU's best. state: of the n-gram model, (rows, ...).
        """
        share = self.share[bucket(self.ngrams, likeliest, state)][:, None]
        both: Floats = share * gru + (1 - share) * ngram
        return both

    def of_replies(
        self, messages: Sequence[Sequence[int]], conditions: Ids, replies: Sequence[Sequence[int]]
    ) -> tuple[Floats, Floats, Ids]:
        """p(GRU), p(n-gram) and the share's bucket of every token of known replies, in order.

        Ends are included. messages, replies: ids without marks. conditions: (replies, fields).
        """
        encoded = self.network.read(messages, conditions)
        lengths = np.array([len(reply) for reply in replies])
        targets = np.full((len(replies), lengths.max() + 1), END)
        for row, reply in enumerate(replies):
            targets[row, : len(reply)] = reply
        rows = np.arange(len(replies))
        state = encoded.state
        words = np.full(len(replies), START, dtype=np.int64)
        context = self.ngrams.start(START, len(replies))
        parts: list[tuple[Floats, Floats, Ids]] = []
        for target in targets.T:
            scores, state = self.network.step(words, state, rows, encoded)
            gru = np.exp(scores[rows, target])
            ngram = self.ngrams.probabilities(context, target[:, None])[:, 0]
            parts.append((gru, ngram, bucket(self.ngrams, np.exp(scores.max(-1)), context)))
            context, words = self.ngrams.advance(context, target), target
        live = np.arange(targets.shape[1])[None, :] <= lengths[:, None]
        gru, ngram, buckets = (np.stack(part, 1)[live] for part in zip(*parts, strict=True))
        return gru, ngram, buckets

    def likelihoods(
        self, messages: Sequence[Sequence[int]], conditions: Ids, replies: Sequence[Sequence[int]]
    ) -> Floats:
        """(replies,): mean log probability of a token of each known reply, its end included."""
        gru, ngram, buckets = self.of_replies(messages, conditions, replies)
        share = self.share[buckets]
        log = np.log(np.maximum(share * gru + (1 - share) * ngram, 1e-12))
        lengths = np.array([len(reply) + 1 for reply in replies])
        sums: Floats = np.add.reduceat(log, np.cumsum(lengths) - lengths)
        means: Floats = (sums / lengths).astype(np.float32)
        return means


def bucket(ngrams: NGram, likeliest: Floats, state: Ids) -> Ids:
    """(rows,): the bucket of the share, by known contexts and sureness."""
    sureness = np.searchsorted(np.array(SURE, dtype=np.float32), likeliest)
    return ngrams.known(state) * (len(SURE) + 1) + sureness


def buckets(order: int) -> int:
    return order * (len(SURE) + 1)


def learned_share(gru: Floats, ngram: Floats, buckets: Ids, count: int) -> Floats:
    """The weight of the GRU in each bucket that makes held-out tokens likeliest.

    By expectation maximisation. Every bucket begins at the common weight and is held to it as by
    fifty tokens, for the rare ones.
    """
    common = _weight(gru, ngram, 0.5, 0.5, 0)
    weights = [
        _weight(gru[buckets == bucket], ngram[buckets == bucket], common, common, 50)
        for bucket in range(count)
    ]
    return np.array(weights, dtype=np.float32)


def _weight(gru: Floats, ngram: Floats, weight: float, prior: float, strength: float) -> float:
    if not len(gru):
        return prior
    for _ in range(ROUNDS):
        owed = weight * gru / (weight * gru + (1 - weight) * ngram)
        weight = float((owed.sum() + strength * prior) / (len(gru) + strength))
    return weight

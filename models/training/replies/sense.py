"""Learning of the cross-check of sense: which words of messages go with which words of replies.

The singular vectors of how much more often a word of a message and one of its reply come together
than chance would have it (a canonical correlation with diagonal covariances), so that a message and
its own reply point the same way. It takes seconds of a processor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import LinearOperator, svds

from models.replier.sense import PAIRS, Sense, features

Ids = Sequence[int]
Floats = NDArray[np.float32]

WIDTH = 64
RARE = 20.0  # texts that every place counts as if it were in besides


def train_sense(messages: Sequence[Ids], replies: Sequence[Ids], words: int) -> Sense:
    """Learn from true pairs of subwords' ids. words: the size of the subwords' vocabulary."""
    left, right = _counts(messages, words), _counts(replies, words)
    left_mean, right_mean = _means(left), _means(right)
    left_scale = 1 / np.sqrt(left_mean + RARE / len(messages))
    right_scale = 1 / np.sqrt(right_mean + RARE / len(messages))

    def forth(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = right_scale * vector.ravel()
        together = left.T @ (right @ scaled) / len(messages)
        product: NDArray[np.float64] = left_scale * (together - left_mean * (right_mean @ scaled))
        return product

    def back(vector: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled = left_scale * vector.ravel()
        together = right.T @ (left @ scaled) / len(messages)
        product: NDArray[np.float64] = right_scale * (together - right_mean * (left_mean @ scaled))
        return product

    size = words + PAIRS
    operator = LinearOperator((size, size), matvec=forth, rmatvec=back, dtype=np.float64)
    start = np.random.default_rng(17).standard_normal(size)
    u, strength, v = svds(operator, k=WIDTH, tol=1e-2, v0=start)
    root = np.sqrt(strength)
    message, reply = left_scale[:, None] * u * root, right_scale[:, None] * v.T * root
    return Sense(
        message.astype(np.float32),
        reply.astype(np.float32),
        (left_mean @ message).astype(np.float32),
        (right_mean @ reply).astype(np.float32),
        1.0,
        0.0,
    )


def calibrated(
    sense: Sense, messages: Sequence[Ids], replies: Sequence[Ids], *, seed: int = 17
) -> tuple[Sense, dict[str, float]]:
    """The check with its scale learnt on held-out pairs, half of them shuffled, and its figures.

    auc: how often a true pair scores above a shuffled one. At the probabilities 0.2 to 0.4: the
    shares of true and of shuffled pairs that fall below.
    """
    true, shuffled = cosines_of(sense, messages, replies, seed)
    cosines = np.concatenate([true, shuffled])
    signs = np.concatenate([np.ones(len(true)), -np.ones(len(shuffled))])

    def loss(values: NDArray[np.float64]) -> float:
        return float(np.logaddexp(0, -signs * (values[0] * cosines + values[1])).mean())

    factor, shift = map(float, minimize(loss, np.array([3.0, 0.0]), method="Nelder-Mead").x)
    ranks = np.searchsorted(np.sort(shuffled), true)
    figures = {"n": float(len(true)), "auc": round(float(ranks.mean() / len(shuffled)), 4)}
    for minimum in (0.2, 0.3, 0.4):
        limit = (np.log(minimum / (1 - minimum)) - shift) / factor
        figures[f"true below {minimum}"] = round(float((true < limit).mean()), 4)
        figures[f"shuffled below {minimum}"] = round(float((shuffled < limit).mean()), 4)
    return sense.scaled(factor, shift), figures


def cosines_of(
    sense: Sense, messages: Sequence[Ids], replies: Sequence[Ids], seed: int
) -> tuple[Floats, Floats]:
    """The cosine of each true pair, and of each message with the next one's reply by chance."""
    order = np.random.default_rng(seed).permutation(len(messages))
    left = sense.messages([messages[row] for row in order])
    right = sense.replies([replies[row] for row in order])
    return (left * right).sum(1), (left * np.roll(right, 1, 0)).sum(1)


def _counts(texts: Sequence[Ids], words: int) -> csr_matrix:
    """(texts, words + PAIRS): 1 where a text has the place."""
    places = [np.unique(features(ids, words)) for ids in texts]
    rows = np.repeat(np.arange(len(texts)), [len(text) for text in places])
    columns = np.concatenate(places)
    shape = (len(texts), words + PAIRS)
    return csr_matrix((np.ones(len(columns)), (rows, columns)), shape=shape)


def _means(counts: csr_matrix) -> NDArray[np.float64]:
    return np.asarray(counts.mean(0)).ravel()

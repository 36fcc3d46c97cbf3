"""Rise of a brand's messages above its own usual, and whether a message belongs to it. Pure.

The test of a rise is the likelihood ratio of a negative binomial count, as that of bursts. Whether
a message belongs is a mixture of two: what the brand hears always, and the event. How much of a
moment is the event's tells the prior, how near a message is to its centre the likelihood: while
twenty times the usual come in, words that are a little like it are enough; of a small rise beside a
busy brand's usual, they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Counts = NDArray[np.int64]

# Of the cosine of a message to the centre of an event that it is not about, where a brand has no
# past; as many messages of a past outweigh it. Measured on both sets of `make bench-incidents`.
USUAL_COSINE, SPREAD, BELIEF = 0.33, 0.13, 20
SURE, NEVER = 0.95, 0.02  # a prior is no more and no less
_APART = 0.08  # at least between the two means
_OVERDISPERSION = 0.3  # coefficient of variation of an hour's count, beyond chance


@dataclass(frozen=True, slots=True)
class Past:
    """What a brand got before. embeddings: (n, width), unit length, the latest that belong to no
    incident, of one model. tickets: (24,), how many of them came in each hour of the day, in UTC;
    listened: (24,), in how many such hours.
    """

    embeddings: Floats
    tickets: Counts
    listened: Counts

    @classmethod
    def of(cls, embeddings: Floats, hours: Sequence[int] | Counts, since: float, to: float) -> Past:
        """hours: of the day, of each ticket that came. since, to: seconds since 1970."""
        listened = np.arange(int(since // 3600), max(int(to // 3600), int(since // 3600))) % 24
        return cls(
            embeddings,
            np.bincount(np.asarray(hours, np.int64), minlength=24),
            np.bincount(listened, minlength=24),
        )

    @property
    def hours(self) -> int:
        """How long it was listened to."""
        return int(self.listened.sum())

    def is_known(self, hour: int) -> bool:
        """Whether it was listened to in that hour of the day, or one beside it, on another day."""
        return bool(self.listened[_beside(hour)].sum() >= 2)

    def rate(self, hour: int) -> float:
        """Tickets an hour, in that hour of the day where it is known."""
        places = _beside(hour) if self.is_known(hour) else slice(None)
        return (float(self.tickets[places].sum()) + 1) / (float(self.listened[places].sum()) + 1)

    def share(self, centre: Floats, near: float) -> float:
        """Of its tickets that are so near to the centre; a twentieth without any past."""
        return (self._near(centre, near) + 0.5) / (len(self.embeddings) + 10)

    def score(self, count: int, expected: float, centre: Floats, near: float) -> float:
        """The log likelihood ratio of so many near the centre, where so many are expected by a
        share of which so many tickets tell.
        """
        size = 1 / (_OVERDISPERSION**2 + 1 / (self._near(centre, near) + 1))
        return _ratio(count, max(expected, 0.1), size)

    def _near(self, centre: Floats, near: float) -> int:
        return int((self.embeddings @ centre >= near).sum()) if len(self.embeddings) else 0

    def usual_cosines(self, centre: Floats) -> tuple[float, float]:
        """Mean and deviation of the cosines to a centre, of what is not about it."""
        cosines = self.embeddings @ centre
        weight = len(cosines) + BELIEF
        mean = (float(cosines.sum()) + BELIEF * USUAL_COSINE) / weight
        squares = float(((cosines - mean) ** 2).sum()) + BELIEF * SPREAD**2
        return mean, (squares / weight) ** 0.5


@dataclass(frozen=True, slots=True)
class Likeness:
    """How the cosines to a centre tell what is about an event from what is not."""

    mean: float
    spread: float
    usual_mean: float
    usual_spread: float

    @classmethod
    def of(cls, members: Floats, centre: Floats, past: Past) -> Likeness:
        """members: (n, width) of the event so far."""
        usual_mean, usual_spread = past.usual_cosines(centre)
        cosines = members @ centre
        # The first few made the centre: they are nearer to it than those that follow.
        mean = max(float(cosines.mean()) * (0.9 if len(cosines) < 10 else 1), usual_mean + _APART)
        squares = float(((cosines - mean) ** 2).sum()) + BELIEF / 2 * SPREAD**2
        spread = (squares / (len(cosines) + BELIEF / 2)) ** 0.5
        return cls(mean, spread, usual_mean, usual_spread)

    def belongs(self, cosine: float | None, prior: float) -> float:
        """The probability that a message is about the event. cosine: None where no model read it:
        the moment alone tells then.
        """
        prior = min(max(prior, NEVER), SURE)
        odds = np.log(prior / (1 - prior))
        if cosine is not None:
            # Beyond either mean more of the same says no more.
            cosine = min(max(cosine, self.usual_mean), self.mean)
            odds += _log_density(cosine, self.mean, self.spread)
            odds -= _log_density(cosine, self.usual_mean, self.usual_spread)
        return float(1 / (1 + np.exp(-odds)))


def _beside(hour: int) -> list[int]:
    return [(hour - 1) % 24, hour, (hour + 1) % 24]


def _log_density(value: float, mean: float, spread: float) -> float:
    return float(-(((value - mean) / spread) ** 2) / 2 - np.log(spread))


def _ratio(count: float, expected: float, size: float) -> float:
    """Of a negative binomial count at its own mean and at the expected one; 0 where it is not
    above.
    """
    if count <= expected:
        return 0.0
    raised = count * np.log(count / expected)
    return float(raised - (count + size) * np.log((count + size) / (expected + size)))

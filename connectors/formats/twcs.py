"""Customer Support on Twitter (`twcs.csv`): both sides of conversations, in two passes.

A reply comes before its parent two times out of three, so the first pass keeps who answers whom as
sorted arrays of numbers: 16 bytes for each reply and 12 for each conversation that a brand takes
part in; about 60 bytes a row while they are built (175 MB, measured on 2.8 million rows). The
second pass yields the rows.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from connectors.events import Tweet
from connectors.formats.times import twitter_time
from connectors.formats.tweets import tweet_id, tweet_text

COLUMNS = ("tweet_id", "author_id", "inbound", "created_at", "text", "in_response_to_tweet_id")
MAX_ID = 2**63 - 1

Ids = NDArray[np.int64]

_HANDLE = re.compile(r"@(\w{1,30})")


class Threads:
    """Which conversation each tweet belongs to, and which brand answers in it."""

    def __init__(
        self, replies: array[int], parents: array[int], own: array[int], brands: array[int]
    ) -> None:
        """replies[i] answers parents[i]; the tweet own[i] was written by the brand number
        brands[i].
        """
        child = np.asarray(replies, np.int64)
        children, first = np.unique(child, return_index=True)
        roots = _roots(children, np.asarray(parents, np.int64)[first])
        self._children = array("q", children.tobytes())
        self._roots = array("q", roots.tobytes())
        answered, first = np.unique(
            _root_of(np.asarray(own, np.int64), children, roots), return_index=True
        )
        self._answered = array("q", answered.tobytes())
        self._brands = array("I", np.asarray(brands, np.uint32)[first].tobytes())

    def root(self, tweet: int) -> int:
        """The first message of the conversation; a tweet that answers nothing is its own."""
        at = bisect_left(self._children, tweet)
        return (
            self._roots[at] if at < len(self._children) and self._children[at] == tweet else tweet
        )

    def brand(self, root: int) -> int | None:
        """The number of the brand that comes first in the file among those that wrote in the
        conversation.
        """
        at = bisect_left(self._answered, root)
        return self._brands[at] if at < len(self._answered) and self._answered[at] == root else None


def _root_of(ids: Ids, children: Ids, roots: Ids) -> Ids:
    if not len(children):
        return ids
    at = np.minimum(np.searchsorted(children, ids), len(children) - 1)
    return np.where(children[at] == ids, roots[at], ids)


def _roots(children: Ids, parents: Ids) -> Ids:
    """The root above each child, by doubling the step until nothing moves."""
    above = parents
    for _ in range(len(children).bit_length()):
        further = _root_of(above, children, above)
        if np.array_equal(further, above):
            break
        above = further
    return _out_of_circles(above, children, parents)


def _out_of_circles(above: Ids, children: Ids, parents: Ids) -> Ids:
    """Damaged data may answer in a circle, which has no first message: its smallest id stands for
    it.
    """
    stuck = np.isin(above, children)
    if not stuck.any():
        return above
    smallest: dict[int, int] = {}
    for start in np.unique(above[stuck]).tolist():
        if start not in smallest:
            circle = [start]
            while (parent := int(parents[np.searchsorted(children, circle[-1])])) != start:
                circle.append(parent)
            smallest |= dict.fromkeys(circle, min(circle))
    above = above.copy()
    above[stuck] = [smallest[id] for id in above[stuck].tolist()]
    return above


def _number(id: str) -> int:
    number = int(id.removeprefix("x:"))
    if number > MAX_ID:
        raise ValueError("the tweet's id is larger than 64 bits")
    return number


class Twcs:
    """Makes tweets of rows, once it has seen all of them.

    The brand of an outbound row is its author; of an inbound row the brand that it mentions, or
    else the brand that answers in its conversation, or else the first handle that stands for no
    anonymous customer.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._columns = tuple(names.index(column) for column in COLUMNS)
        self._threads = Threads(array("q"), array("q"), array("q"), array("I"))
        self._brands: list[str] = []
        self._brand_by_handle: dict[str, str] = {}

    def learn(self, rows: Iterable[list[str]]) -> None:
        """The first pass. What cannot be read is left for the second to report."""
        replies, parents, own, by = array("q"), array("q"), array("q"), array("I")
        numbers: dict[str, int] = {}
        id_, author, inbound, _, _, parent = self._columns
        for row in rows:
            try:
                id = _number(tweet_id(row[id_]))
                above = _number(tweet_id(row[parent])) if row[parent] else None
                customer = _is_inbound(row[inbound])
            except ValueError:
                continue
            if above is not None:
                replies.append(id)
                parents.append(above)
            if not customer:
                own.append(id)
                by.append(numbers.setdefault(row[author], len(numbers)))
        self._brands = list(numbers)
        self._brand_by_handle = {brand.casefold(): brand for brand in numbers}
        self._threads = Threads(replies, parents, own, by)

    def tweet(self, row: list[str]) -> Tweet:
        id_, author, inbound, created, text, parent = (row[column] for column in self._columns)
        id = tweet_id(id_)
        root = self._threads.root(_number(id))
        customer = _is_inbound(inbound)
        return Tweet(
            id=id,
            conversation=f"x:{root}",
            occurred_at=twitter_time(created),
            direction="inbound" if customer else "outbound",
            brand=self._brand(text, root) if customer else author or None,
            author=author or None,
            in_reply_to=tweet_id(parent) if parent else None,
            text=tweet_text(text),
        )

    def _brand(self, text: str, root: int) -> str | None:
        handles = [handle for handle in _HANDLE.findall(text) if not handle.isdigit()]
        for handle in handles:
            if brand := self._brand_by_handle.get(handle.casefold()):
                return brand
        answering = self._threads.brand(root)
        if answering is not None:
            return self._brands[answering]
        return handles[0] if handles else None


def _is_inbound(value: str) -> bool:
    known = {"true": True, "false": False}.get(value.strip().lower())
    if known is None:
        raise ValueError(f"inbound is {value[:20]!r}, neither True nor False")
    return known

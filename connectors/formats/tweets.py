"""Twitter US Airline Sentiment (`Tweets.csv`) and Sentiment140: a row is one customer's tweet."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from datetime import datetime

from connectors.events import Tweet
from connectors.formats.times import twitter_time, written_time

AIRLINE = ("tweet_id", "airline", "name", "text", "tweet_created")
# The original has no header, only this order.
SENTIMENT140 = ("polarity", "id", "date", "query", "user", "text")
OF_140 = ("id", "date", "user", "text")  # that are read of them

# With its semicolon alone: `?a=1&copy=2` is an address. Sentiment140 escaped some texts twice.
_ESCAPE = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,5}|#[xX][0-9a-fA-F]{1,4});")
_TIMES_ESCAPED = 2


def tweet_text(stored: str) -> str:
    """The text as its author wrote it: the sets keep it as Twitter sent it, `&` as `&amp;`."""
    text = stored
    for _ in range(_TIMES_ESCAPED):
        text = _ESCAPE.sub(lambda escape: html.unescape(escape[0]), text)
    return text


def tweet_id(value: str) -> str:
    """`123` or `123.0` as `x:123`. Raises ValueError for a rounded one (`5.70306E+17`)."""
    digits = value.strip().removesuffix(".0")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 100):
        raise ValueError(f"the tweet's id {value[:30]!r} is no whole number")
    return f"x:{int(digits)}"


def is_sentiment140(first_row: Sequence[str]) -> bool:
    """Is this a row of the original, which has no header?"""
    if len(first_row) != len(SENTIMENT140) or first_row[0] not in ("0", "2", "4"):
        return False
    try:
        twitter_time(first_row[2])
    except ValueError:
        return False
    return True


def airline(names: Sequence[str]) -> Callable[[list[str]], Tweet]:
    """Rows of `Tweets.csv`; the column `airline` is the brand. A repeated id is the same event."""
    id_, brand, name, text, created = (names.index(column) for column in AIRLINE)
    return lambda row: _tweet(
        row[id_], written_time(row[created]), row[name], row[text], row[brand]
    )


def sentiment140(names: Sequence[str]) -> Callable[[list[str]], Tweet]:
    """Rows of Sentiment140, which names no brand."""
    id_, date, user, text = (names.index(column) for column in OF_140)
    return lambda row: _tweet(row[id_], twitter_time(row[date]), row[user], row[text])


def _tweet(id: str, occurred_at: datetime, author: str, text: str, brand: str = "") -> Tweet:
    return Tweet(
        id=tweet_id(id),
        conversation=tweet_id(id),
        occurred_at=occurred_at,
        brand=brand or None,
        author=author or None,
        text=tweet_text(text),
    )

"""Messages that are no events, and events of an odd kind, as bytes of a topic."""

from __future__ import annotations

import json
from typing import Any

TIME = "2026-03-12T12:00:00Z"


def event(at: int, **fields: Any) -> bytes:
    """A tweet as JSON, with whatever is put into it."""
    told = {
        "schema_version": 1,
        "kind": "tweet",
        "id": f"x:{at}",
        "conversation": f"x:{at}",
        "occurred_at": TIME,
    }
    return json.dumps(told | {"text": "my bag is lost"} | fields).encode()


def with_raw(at: int, raw: bytes) -> bytes:
    """A tweet with these bytes as one more field."""
    return event(at)[:-1] + b", " + raw + b"}"


NO_EVENTS: dict[str, bytes | None] = {
    "nothing at all": None,
    "no bytes": b"",
    "bytes that are not JSON": b"\x00\xff\xfe\x80 what is this",
    "half of an event": event(1)[:60],
    "a number": b"42",
    "JSON's null": b"null",
    "a list": b"[1, 2, 3]",
    "JSON that is no event": b'{"hello": "world"}',
    "a kind that does not exist": event(1, kind="telegram"),
    "a wrong schema version": event(1, schema_version=2),
    "no time": event(1, occurred_at=None),
    "a time without a zone": event(1, occurred_at="2026-03-12T12:00:00"),
    "a time outside the calendar once it is in UTC": event(
        1, occurred_at="9999-12-31T23:59:59-14:00"
    ),
    "a time before the calendar once it is in UTC": event(
        1, occurred_at="0001-01-01T00:00:00+14:00"
    ),
    "an id without a network": event(1, id="123"),
    "an id with a NUL": event(1, id="x:1\x00"),
    "a revision that only deletions have": event(1, revision=2**31 - 1),
    "a number that no column holds": event(1, followers=2**40),
    "half of a character, not even escaped": event(1).replace(b"my bag", b"my \xed\xa0\xbd bag"),
    "a number with 200,000 digits": with_raw(1, b'"followers": ' + b"9" * 200_000),
    "lists in lists in lists": b"[" * 100_000 + b"]" * 100_000,
    "objects in objects in objects": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
}

EVENTS: dict[str, bytes] = {
    "a text of 250 KB": event(101, text="my bag is lost. " * 15_500),
    "a word of 200 KB": event(102, text="a" * 200_000),
    "an empty text": event(103, text=""),
    "a text of blanks": event(104, text=" \n\t\u200b "),
    "NUL": event(105, text="my \x00 bag", author="a\x00da"),
    "emoji": event(106, text="\U0001f621" * 5_000),
    "right to left": event(107, text="\u202eحقيبتي ضاعت ولا أحد يرد علي\u202c شكراً"),
    "the year 9999": event(108, occurred_at="9999-12-31T23:59:59Z"),
    "the year 1": event(109, occurred_at="0001-01-01T00:00:00Z"),
    "a field that nobody knows": with_raw(110, b'"mood": {"of": ["the", {"day": 1e400}]}'),
    "a field twice": with_raw(111, b'"text": "my other bag is lost"'),
    "a family of combined emoji": event(112, text="👩‍👩‍👧‍👦" * 300 + "\u0301" * 3_000),
    "control characters": event(113, text="".join(map(chr, range(1, 32))) + "\x7f\x9b31m"),
}

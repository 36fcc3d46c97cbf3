"""Particulars that a reply may say though the message does not: the customer's name, the ticket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def name_of(author: str | None, network: str) -> str | None:
    """The name by which a customer is greeted: a handle without @ and server, `ada` of
    `@ada@mastodon.example`. None where there is none, as of a bare account number.
    """
    name = (author or "").strip().lstrip("@").partition("@")[0]
    if network == "bluesky":
        name = "" if name.startswith("did:") else name.partition(".")[0]
    return name if any(letter.isalpha() for letter in name) else None


def known_of(row: Mapping[Any, Any]) -> tuple[str, ...]:
    """Of a stored message."""
    name = name_of(row["author"], row["network"])
    return tuple(words for words in (name, row["conversation"]) if words)

"""Particulars that a reply may say though the message does not: the customer's name, the ticket."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Letters and digits with at most a mark between two of them: no link, no markup, nothing unseen.
_PLAIN_NAME = re.compile(r"[^\W_]+(?:[ ._'’-][^\W_]+){0,5}_{0,2}")
_DOMAIN = re.compile(r"\.[^\W\d_]{2,}\Z")  # networks make links of names that end like a host's
_LONGEST = 40  # characters


def name_of(author: str | None, network: str) -> str | None:
    """The name by which a customer is greeted: a handle without @ and server, `ada` of
    `@ada@mastodon.example`. None where there is none, as of a bare account number.
    """
    name = (author or "").strip().lstrip("@").partition("@")[0]
    if network == "bluesky":
        name = "" if name.startswith("did:") else name.partition(".")[0]
    return name if any(letter.isalpha() for letter in name) else None


def greeting_of(author: str | None, network: str) -> str | None:
    """The name as the brand may say it in its own words; None where it is none that a person has.

    Whoever writes chooses their name, and could have a brand publish a link or an instruction.
    """
    name = name_of(author, network) or ""
    if _DOMAIN.search(name):
        name = name.partition(".")[0]
    return name if len(name) <= _LONGEST and _PLAIN_NAME.fullmatch(name) else None


def known_of(row: Mapping[Any, Any]) -> tuple[str, ...]:
    """Of a stored message."""
    name = name_of(row["author"], row["network"])
    return tuple(words for words in (name, row["conversation"]) if words)

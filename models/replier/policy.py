"""The policy gate: which drafted texts may go before a person, and why the others may not."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import emoji

from models import redact
from models.replier.conditions import told_of
from models.replier.draft import Refusal, ReplyRequest
from models.replier.slots import SLOT, Slots, brand_names

_TABLE = Path(__file__).with_name("policy.toml")

SEVERE = 3  # from this severity on, 0 to 4, a reply apologises
LINK = re.compile(
    r"(?:https?://|www\.)\S+|\b[\w-]+\.(?:com|org|net|co\.uk|io)\b(?:/\S*)?", re.IGNORECASE
)
LINK_LENGTH = 23  # of any link on X and Mastodon


@dataclass(frozen=True, slots=True)
class Needs:
    """What a reply to a message must have. apology: the message is severe. handover: it is about a
    person's account.
    """

    apology: bool
    handover: bool


class Policy:
    """The gate. slots: tells particulars from words."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots

    def check(
        self, text: str, request: ReplyRequest, recent: Collection[str] = ()
    ) -> tuple[Refusal, ...]:
        """Every reason against `text` as an answer to `request`; none: it may go before a person.

        recent: texts that were sent lately.
        """
        return tuple(
            refusal
            for rule in (
                _unfinished,
                self._personal,
                self._invented,
                _phrases,
                _unapologetic,
                _in_public,
                _beside_the_matter,
                _out_of_tune,
                _too_long,
            )
            for refusal in rule(text, request)
        ) + tuple(_repeated(text, recent))

    def _personal(self, text: str, request: ReplyRequest) -> Iterator[Refusal]:
        kinds = {span.kind for span in redact.find(text)}
        kinds |= set(
            re.findall(
                r"\[(email|iban|card|ssn|booking|account|passport|dob|ip|phone|address)\]", text
            )
        )
        for kind in sorted(kinds):
            yield Refusal("personal data", f"it holds personal data: {kind}")

    def _invented(self, text: str, request: ReplyRequest) -> Iterator[Refusal]:
        names = brand_names(request.brand)
        bare = (
            re.sub("|".join(map(re.escape, sorted(names, key=len, reverse=True))), "", text)
            if names
            else text
        )
        stated = [(kind, said) for kind, said in self._slots.facts(bare) if kind != "slot"]
        known = self._slots.keys(request.text) if stated else set()
        for kind, said in stated:
            if not (self._slots.keys(said) <= known or _says(request.text, said)):
                yield Refusal(f"invented {_INVENTED[kind]}", f"the message does not say {said!r}")


def check(text: str, request: ReplyRequest, recent: Collection[str] = ()) -> tuple[Refusal, ...]:
    """`Policy.check` with the words of the shipped replier."""
    return _shipped().check(text, request, recent)


@lru_cache(maxsize=64)  # it is asked of every text written for a message
def needs(request: ReplyRequest) -> Needs:
    table = _table()
    account = request.topic in table.private_topics or bool(table.private.search(request.text))
    positive = request.sentiment == "positive" and not request.severity
    return Needs(
        apology=request.severity is not None and request.severity >= SEVERE,
        handover=account and not positive,
    )


def price(text: str, network: str) -> float | None:
    """US dollars that posting `text` costs; None where it is free. X takes more for a post with a
    link.
    """
    if network != "x":
        return None
    return 0.20 if LINK.search(text) else 0.015


def length(text: str, network: str) -> int:
    """As the network counts: X weighs characters and counts links as 23, Bluesky and Mastodon count
    graphemes.
    """
    if network in ("x", "mastodon"):
        text = LINK.sub("l" * LINK_LENGTH, text)
    if text.isascii():
        return len(text)
    text = unicodedata.normalize("NFC", text)
    if network == "x":
        text = emoji.replace_emoji(text, "ee")
        return sum(1 if _light(ord(letter)) else 2 for letter in text)
    text = emoji.replace_emoji(text, "e")
    return sum(
        not unicodedata.combining(letter) and letter not in "\u200d\ufe0f" for letter in text
    )


def limit(network: str) -> int:
    return _table().limits.get(network, _table().limits["other"])


def forbidden(text: str) -> tuple[Refusal, ...]:
    """What `text` must not say in any answer: a refusal for each rule of the table that it breaks."""
    return tuple(
        Refusal(rule, why) for rule, why, pattern in _table().phrases if pattern.search(text)
    )


def same(text: str) -> str:
    """What two texts share that readers and networks take for the same."""
    return re.sub(r"[\W_]+", " ", re.sub(r"@\w+", "", text.casefold())).strip()


_INVENTED: Mapping[str, str] = {
    "user": "handle",
    "url": "link",
    "secret": "detail",
    "flight": "flight",
    "code": "code",
    "money": "amount",
    "num": "number",
    "name": "name",
}


def _says(message: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", message, re.IGNORECASE) is not None


def _unfinished(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    if SLOT.search(text) or "<" in text:
        yield Refusal("unfinished", "a slot has nothing to fill it")
    elif len(text.split()) < 2:
        yield Refusal("unfinished", "it says nothing")


def _phrases(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    yield from forbidden(text)


def _unapologetic(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    if needs(request).apology and not told_of(text)["apology"]:
        yield Refusal(
            "no apology",
            f"the message is severe ({request.severity} of 4) and it does not apologise",
        )


def _in_public(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    if needs(request).handover and not told_of(text)["handover"]:
        yield Refusal(
            "no hand-over", "it is about a person's account and does not ask for a direct message"
        )


def _beside_the_matter(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    for domain in _table().domains:
        if domain.words.search(text) and not (
            request.topic in domain.topics
            or domain.heard.search(request.text)
            or (domain.brands and domain.brands.search(request.brand or ""))
        ):
            yield Refusal("beside the matter", f"it speaks of {domain.name}, the message does not")


def _out_of_tune(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    apology = told_of(text)["apology"]
    pleased = request.sentiment == "positive" and not needs(request).apology
    if pleased and apology and not _table().trouble.search(request.text):
        yield Refusal("wrong mood", "it apologises to somebody who is pleased")
    cheer = _table().cheer.search(text)
    if cheer and (apology or request.sentiment == "negative" or (request.severity or 0) >= 2):
        yield Refusal("wrong mood", f"it cheers ({cheer[0]!r}) where there is nothing to cheer")


def _too_long(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    if (size := length(text, request.network)) > limit(request.network):
        yield Refusal(
            "too long", f"{size} characters, {request.network} takes {limit(request.network)}"
        )


def _repeated(text: str, recent: Collection[str]) -> Iterator[Refusal]:
    if same(text) in {same(one) for one in recent}:
        yield Refusal("repeat", "the same text was sent lately")


def _light(code: int) -> bool:
    """Characters that X counts once (twitter-text configuration 3); all others count twice."""
    return (
        code <= 0x10FF
        or 0x2000 <= code <= 0x200D
        or 0x2010 <= code <= 0x201F
        or 0x2032 <= code <= 0x2037
    )


@dataclass(frozen=True)
class _Domain:
    name: str
    words: re.Pattern[str]
    heard: re.Pattern[str]
    topics: frozenset[str]
    brands: re.Pattern[str] | None


@dataclass(frozen=True)
class _Table:
    phrases: tuple[tuple[str, str, re.Pattern[str]], ...]
    limits: Mapping[str, int]
    private: re.Pattern[str]
    private_topics: frozenset[str]
    cheer: re.Pattern[str]
    trouble: re.Pattern[str]
    domains: tuple[_Domain, ...]


@lru_cache(maxsize=1)
def _table() -> _Table:
    read = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    pattern: Callable[[str], re.Pattern[str]] = lambda text: re.compile(text, re.IGNORECASE)  # noqa: E731
    return _Table(
        phrases=tuple(
            (row["rule"], row["why"], pattern("|".join(row["patterns"])))
            for row in read["forbidden"]
        ),
        limits=read["limits"],
        private=pattern("|".join(read["account"]["patterns"])),
        private_topics=frozenset(read["account"]["topics"]),
        cheer=pattern("|".join(read["mood"]["cheer"])),
        trouble=pattern("|".join(read["mood"]["trouble"])),
        domains=tuple(
            _Domain(
                name=row["name"],
                words=pattern(row["words"]),
                heard=pattern(row.get("heard", row["words"])),
                topics=frozenset(row["topics"]),
                brands=pattern(row["brands"]) if "brands" in row else None,
            )
            for row in read["domain"]
        ),
    )


@lru_cache(maxsize=1)
def _shipped() -> Policy:
    words = Path(__file__).parents[1] / "artifacts" / "replier" / "words.txt"
    return Policy(Slots(words.read_text(encoding="utf-8").split()))

"""Policy gate of drafted texts: rules that each give a reason against a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path

import emoji

from models import redact
from models.replier.conditions import traits
from models.replier.draft import Refusal, ReplyRequest
from models.replier.rules import needs, table
from models.replier.slots import SLOT, Slots, brand_names
from models.replier.tune import beside_the_need, out_of_tune

LINK = re.compile(
    r"(?:https?://|www\.)\S+|\b[\w-]{1,63}\.(?:com|org|net|co\.uk|io)\b(?:/\S*)?",
    re.IGNORECASE,
)
LINK_LENGTH = 23  # of any link on X and Mastodon
_PLACEHOLDER = re.compile(rf"\[({'|'.join(redact.KINDS)})\]")

Rule = Callable[[str, ReplyRequest], Iterator[Refusal]]


class Policy:
    """The gate. slots: tells particulars from words."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots

    def check(
        self,
        text: str,
        request: ReplyRequest,
        recent: Collection[str] = (),
        *,
        drafted: bool = False,
    ) -> tuple[Refusal, ...]:
        """Every reason against `text` as an answer to `request`; none: it may go before a person.

        recent: texts that were sent lately. drafted: no person wrote it, who would know whether
        the matter is settled and may take leave.
        """
        rules: tuple[Rule, ...] = (
            _unfinished,
            self._personal,
            self._invented,
            _phrases,
            _unapologetic,
            _in_public,
            partial(_beside_the_matter, drafted=drafted),
            out_of_tune,
            _too_long,
        )
        refusals = [refusal for rule in rules for refusal in rule(text, request)]
        if drafted:
            refusals += beside_the_need(text, request)
        if is_repeat(text, recent):
            refusals.append(Refusal("repeat", "the same text was sent lately"))
        return tuple(refusals)

    def _personal(self, text: str, request: ReplyRequest) -> Iterator[Refusal]:
        # An answer may be signed: the name below it is the writer's own.
        unknown = _without_known(text, request)
        in_text = {span.kind for span in redact.find(unknown, names=False)}
        kinds = in_text | set(_PLACEHOLDER.findall(text))
        for kind in sorted(kinds):
            yield Refusal("personal data", f"it holds personal data: {kind}")

    def _invented(self, text: str, request: ReplyRequest) -> Iterator[Refusal]:
        unknown = _without_known(text, request)
        facts = [
            fact for fact in self._slots.facts(_unbranded(unknown, request)) if fact[0] != "slot"
        ]
        known = self._slots.keys(request.text) if facts else set()
        for kind, words in facts:
            if not (self._slots.keys(words) <= known or _holds(request.text, words)):
                yield Refusal(f"invented {_INVENTED[kind]}", f"the message does not say {words!r}")


def of_the_matter(refusals: Collection[Refusal]) -> tuple[Refusal, ...]:
    """Those against what is said of the matter; without those that any answer is held to, such as
    its length.
    """
    return tuple(refusal for refusal in refusals if refusal.rule not in _OF_ANY_ANSWER)


def check(text: str, request: ReplyRequest, recent: Collection[str] = ()) -> tuple[Refusal, ...]:
    """`Policy.check` with the words of the shipped replier."""
    return _shipped().check(text, request, recent)


def price(text: str, network: str) -> float | None:
    """US dollars that posting `text` costs, more with a link on X; None where it is free."""
    if network != "x":
        return None
    return 0.20 if LINK.search(text) else 0.015


def length(text: str, network: str) -> int:
    """Length as the network counts it.

    X weighs characters and counts a link as 23; Bluesky and Mastodon count graphemes.
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
    return table().limits.get(network, table().limits["other"])


def forbidden(text: str) -> tuple[Refusal, ...]:
    """A refusal for each rule of the table that `text` breaks in any answer."""
    return tuple(
        Refusal(rule, reason) for rule, reason, pattern in table().phrases if pattern.search(text)
    )


def same(text: str) -> str:
    """The key of a text: texts that readers and networks take for the same share it."""
    return re.sub(r"[\W_]+", " ", re.sub(r"@\w+", "", text.casefold())).strip()


def is_repeat(text: str, recent: Collection[str]) -> bool:
    """Whether one of the texts sent lately is the same."""
    return bool(recent) and same(text) in {same(sent) for sent in recent}


_OF_ANY_ANSWER = frozenset(
    (
        *("unfinished", "personal data", "no apology", "no hand-over", "too long", "repeat"),
        *("asks in public", "profanity", "blame"),
    )
)
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


def _holds(message: str, words: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(words)}(?!\w)", message, re.IGNORECASE) is not None


def _without_known(text: str, request: ReplyRequest) -> str:
    """The text without the particulars that the desk knows, where they stand by themselves."""
    for words in request.known:
        text = re.sub(rf"(?<!\w){re.escape(words)}(?!\w)", "", text)
    return text


def _unbranded(text: str, request: ReplyRequest) -> str:
    names = sorted(brand_names(request.brand), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, names)), "", text) if names else text


def _unfinished(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    if SLOT.search(text) or "<" in text:
        yield Refusal("unfinished", "a slot has nothing to fill it")
    elif len(text.split()) < 2:
        yield Refusal("unfinished", "it says nothing")


def _phrases(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    yield from forbidden(text)


def _unapologetic(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    if needs(request).apology and not traits(text)["apology"]:
        yield Refusal(
            "no apology",
            f"the message is severe ({request.severity} of 4) and it does not apologise",
        )


def _in_public(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    if needs(request).handover and not traits(text)["handover"]:
        yield Refusal(
            "no hand-over", "it is about a person's account and does not ask for a direct message"
        )


def _beside_the_matter(
    text: str, request: ReplyRequest, *, drafted: bool = False
) -> Iterator[Refusal]:
    for domain in table().domains:
        if domain.words.search(text) and not domain.covers(request, drafted=drafted):
            yield Refusal("beside the matter", f"it speaks of {domain.name}, the message does not")


def _too_long(text: str, request: ReplyRequest) -> Iterator[Refusal]:
    if (size := length(text, request.network)) > limit(request.network):
        yield Refusal(
            "too long", f"{size} characters, {request.network} takes {limit(request.network)}"
        )


def _light(code: int) -> bool:
    """Characters that X counts once (twitter-text configuration 3); all others count twice."""
    return (
        code <= 0x10FF
        or 0x2000 <= code <= 0x200D
        or 0x2010 <= code <= 0x201F
        or 0x2032 <= code <= 0x2037
    )


@lru_cache(maxsize=1)
def _shipped() -> Policy:
    words = Path(__file__).parents[1] / "artifacts" / "replier" / "words.txt"
    return Policy(Slots(words.read_text(encoding="utf-8").split()))

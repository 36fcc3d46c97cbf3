"""Slots: particulars of a message taken out of texts, and filled in again from it alone.

`<flight>` in a draft is the first flight of the message. `<fact>` is knowledge of an agent that the
message does not hold, so nothing can fill it and no draft may have it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

KINDS = ("user", "url", "flight", "code", "money", "num", "name")
MAX_NUMBER = 3  # values of one kind with a slot of their own
FACT, BRAND, SECRET, MORE = "<fact>", "<brand>", "<secret>", "<more>"
NUMBERED = tuple(
    f"<{kind}{number}>" for kind in KINDS for number in ("", *range(2, MAX_NUMBER + 1))
)
SLOTS = (FACT, BRAND, SECRET, MORE, *NUMBERED)
SLOT = re.compile(r"<(?:fact|brand|secret|more|(?:user|url|flight|code|money|num|name)[23]?)>")

_URL = (
    r"(?:https?://|www\.)\S+|<LINK>"
    # A label of a domain has 63 characters at most, and is not tried again from its middle.
    r"|(?<![\w-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.(?:com|org|net|gov|io|co\.uk|ly|me)\b(?:/\S*)?"
)
_USER = r"(?<![\w@])@\w[\w.-]*\w|(?<![\w@])@\w"
_PRIVATE = r"\[(?:email|iban|card|ssn|booking|account|passport|dob|ip|phone|address)\]"
_CARRIER = r"(?:AA|DL|BA|WN|UA|US|AS|B6|NK|F9|VX|VS|LH|AF|KL|EK|QF|AC|EI|FR|U2|IB|AK)\s?\d{2,4}\b"
_FLIGHT = (
    rf"(?<![\w#])#?{_CARRIER}"
    r"|(?<=flight )#?\d{2,4}\b|(?<=Flight )#?\d{2,4}\b"
    r"|(?<=flight #)\d{2,4}\b|(?<=Flight #)\d{2,4}\b"
)
_CODE = r"\b(?=[A-Z0-9]{6}\b)(?=[A-Z0-9]*\d)(?=[A-Z0-9]*[A-Z])[A-Z0-9]{6}\b"
_AIRPORTS = (
    "ABQ ALB AMS ANC ATL AUS BCN BDL BHX BNA BOI BOM BOS BRU BUF BUR BWI CDG CHS CLE CLT CMH CPH "
    "CUN CVG DAL DCA DEL DEN DFW DOH DSM DTW DUB DUS DXB EDI EWR EZE FCO FLL FRA GIG GLA GRU GSP "
    "GVA HEL HKG HND HNL HOU IAD IAH ICN IND IST JAX JFK JNB KUL LAS LAX LCY LGA LGW LHR LIM LIS "
    "LTN MAD MAN MCI MCO MDW MEL MEM MEX MIA MKE MSP MSY MUC NAS NCL NRT OAK OKC OMA ONT ORD ORF "
    "ORY OSL PBI PDX PEK PHL PHX PIT PRG PSP PTY PUJ PVD PVG PVR RDU RIC RNO ROC RSW SAN SAT SCL "
    "SDF SEA SFO SIN SJC SJD SJU SLC SMF SNA STL STN SYD TLV TPA TUL TUS VIE YUL YVR YYC YYZ ZRH"
)
_AIRPORT = rf"\b(?:{_AIRPORTS.replace(' ', '|')})\b"
_MONEY = r"[$£€]\s?\d[\d.,]*(?:k\b)?|\b\d[\d.,]{0,15}\s?(?:dollars|pounds|euros|USD|GBP|EUR|quid)\b"
_NUM = r"#?\b\w*\d[\w]*(?:[.,:/'-]\w*\d\w*)*%?"
_HASHTAG = r"#[A-Za-z]\w*"
_WORD = r"(?<![\w<])[A-Z][\w]*(?:['’-]\w+)*"
_PATTERN = re.compile(
    "|".join(
        f"(?P<{kind}>{pattern})"
        for kind, pattern in (
            ("slot", SLOT.pattern),
            ("url", _URL),
            ("user", _USER),
            ("secret", _PRIVATE),
            ("flight", _FLIGHT),
            ("code", f"{_CODE}|{_AIRPORT}"),
            ("money", _MONEY),
            ("tag", _HASHTAG),
            ("num", _NUM),
            # "at Houston DL1912": a flight behind a name is a flight still
            ("name", rf"{_WORD}(?: (?!{_CARRIER}){_WORD})*"),
        )
    )
)

# Written with capitals, and no name of anything that a message would have to mention first.
ALLOWED = frozenset(
    """
    I I'm I'd I'll I've DM DMs ID IDs PM AM OK TV PR FAQ FAQs FYI ASAP ETA TSA ATC WiFi Wifi
    Wi-Fi USB PIN SMS URL Hmm Aw Aww Yikes Yay Woohoo Wow Oh Ah Uh Oops Ugh Yep Nope Internet
    Twitter Tweet Tweets Direct Message Messages App Mr Mrs Ms Dr
    """.split()  # noqa: SIM905 a list of words reads best as words
)
_CALENDAR = frozenset(
    """
    monday tuesday wednesday thursday friday saturday sunday january february march april june
    july august september october november december
    """.split()  # noqa: SIM905 a list of words reads best as words
)


_PRODUCT = re.compile(r"[a-z][A-Z]|[A-Z]{2}[a-z]")  # SkyMiles, AAdvantage


@dataclass(frozen=True, slots=True)
class Slotted:
    """A message with its particulars taken out. values: the words of each of its slots."""

    text: str
    values: dict[str, str] = field(default_factory=dict)


class _Numbering:
    """The slots of one message: equal particulars share one, others of a kind are counted."""

    def __init__(self, brand: Sequence[str]) -> None:
        self._brand = brand
        self._slots: dict[tuple[str, str], str] = {}  # by kind and key
        self._counts: Counter[str] = Counter()
        self.values: dict[str, str] = {}

    def slot(self, kind: str, words: str) -> str:
        if kind == "slot":
            return words
        if kind == "secret":
            return SECRET
        key = kind, _key(kind, words)
        if kind == "user" and self._is_brand(words):
            self._slots[key] = BRAND
        elif key not in self._slots:
            self._slots[key] = self._new(kind, words)
        return self._slots[key]

    def _is_brand(self, handle: str) -> bool:
        """Whether it means the brand; the first handle does, where the brand has no known name."""
        return _means(handle, self._brand) or (
            not self._brand and BRAND not in self._slots.values()
        )

    def _new(self, kind: str, words: str) -> str:
        self._counts[kind] += 1
        number = self._counts[kind]
        if number > MAX_NUMBER:
            return MORE
        slot = f"<{kind}{number}>" if number > 1 else f"<{kind}>"
        self.values[slot] = words.lstrip("#") if kind == "flight" else words
        return slot


class Slots:
    """Takes particulars out of texts. words: in lower case; other capitalised words are names."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(words) - _CALENDAR

    def message(self, text: str, brand: Sequence[str] = ()) -> Slotted:
        """A customer's message, in lower case but for its slots.

        brand: the names and handles that mean the brand.
        """
        numbering = _Numbering(brand)
        slotted = self._replaced(_branded(plain(text), brand), numbering.slot)
        return Slotted(slotted.lower(), numbering.values)

    def reply(self, text: str, message: Slotted, brand: Sequence[str] = ()) -> str:
        """An agent's reply, unsigned, with slots for the particulars of the message.

        All other particulars are `<fact>`.
        """
        known = {_key(_kind(slot), value): slot for slot, value in message.values.items()}
        text = self._unaddressed(_branded(unsigned(plain(text)), brand), message)

        def slot(kind: str, words: str) -> str:
            if kind == "slot":
                return words
            if kind == "user" and _means(words, brand):
                return BRAND
            return known.get(_key(kind, words), FACT)

        text = re.sub(r"<fact>(?:[\s,/&-]*<fact>)+", FACT, self._replaced(text, slot))
        return " ".join(_LAST_FACT.sub("", text).split())

    def facts(self, text: str) -> list[tuple[str, str]]:
        """(kind, words) of every particular in `text`.

        Particulars are links, handles, numbers, amounts, flights and names.
        """
        facts: list[tuple[str, str]] = []

        def note(kind: str, words: str) -> str:
            facts.append((kind, words))
            return words

        self._replaced(text, note)
        return facts

    def keys(self, text: str) -> set[str]:
        """The particulars of `text` in a form in which the same ones are equal."""
        return {_key(kind, words) for kind, words in self.facts(plain(text)) if kind != "slot"}

    def _replaced(self, text: str, replace: Callable[[str, str], str]) -> str:
        def replacement(match: re.Match[str]) -> str:
            kind = str(match.lastgroup)
            if kind == "name":
                return self._names(match[0], replace)
            if kind == "tag":
                is_word = match[0][1:].lower() in self._words
                return match[0] if is_word else replace("name", match[0])
            return replace(kind, match[0])

        return _PATTERN.sub(replacement, text)

    def _names(self, run: str, replace: Callable[[str, str], str]) -> str:
        """A run of capitalised words: those that are names, neighbours as one."""
        parts: list[str] = []
        name: list[str] = []
        for word in [*run.split(" "), ""]:
            if word and self._is_name(word):
                name.append(word)
                continue
            if name:
                parts.append(replace("name", " ".join(name)))
                name = []
            if word:
                parts.append(word)
        return " ".join(parts)

    def _is_name(self, word: str) -> bool:
        bare = re.sub(r"['’]s\Z", "", word)
        if _PRODUCT.search(bare):
            return bare not in ALLOWED
        if word in ALLOWED or bare in ALLOWED:
            return False
        return not {word.lower(), bare.lower()} & self._words

    def _unaddressed(self, text: str, message: Slotted) -> str:
        """Without the customer's name that the agent saw in the profile, not in the message."""
        known = {value.casefold() for value in message.values.values()}

        def drop(match: re.Match[str]) -> str:
            name = match["name"]
            if name.casefold() in known or name.split()[0] in _NO_NAMES:
                return match[0]
            return match["before"]

        text = _GREETED.sub(drop, text)
        text = _CALLED.sub(drop, text)
        opening = _OPENING.match(text)
        if opening and self._is_name(opening["name"]) and opening["name"].casefold() not in known:
            text = text[opening.end() :]
            text = text[:1].upper() + text[1:]
        return text


def filled(text: str, message: Slotted, brand: str | None) -> str | None:
    """`text` with its slots filled from the message and the brand's name; None where it fails."""
    values = message.values if brand is None else {**message.values, BRAND: brand}
    if any(slot not in values for slot in SLOT.findall(text)):
        return None
    return SLOT.sub(lambda match: values[match[0]], text)


def unsigned(text: str) -> str:
    """An agent's reply without handles before, and signature, part number and bare link after."""
    text = re.sub(r"^(?:[.\s]*@\w+[\s,:]*)+", "", text)
    text = re.sub(
        r"(?<!\s)\s*[*^][A-Z]{2,3}\b(?=\s|\Z)", " ", text
    )  # where two replies were joined
    for _ in range(4):
        text = _ENDING.sub("", text).rstrip()
    return text


def is_part(text: str) -> bool:
    """Whether it is a piece of a longer reply ("... 1/2"), or cut off."""
    return bool(re.search(r"(?:^|[\s(.])[1-4] ?(?:/|of) ?[2-4]\b|\w\.\.+(?:\s|\Z)|…", text))


def plain(text: str) -> str:
    """One line, with straight quotes and without entities and broken symbols."""
    text = text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").translate(_STRAIGHT)
    return " ".join(_UNKNOWN.sub("", _BROKEN.sub("", text)).split())


def brand_names(brand: str | None, more: Sequence[str] = ()) -> tuple[str, ...]:
    """The ways to write a brand.

    "British_Airways" also as "British Airways", "SpotifyCares" as "Spotify". more: other names.
    """
    if not brand:
        return tuple(more)
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", brand)
    short = re.sub(
        r"^Ask ?|(?: ?(?:Help|Helps|Helpers|Support|Cares?|Care|Assist|Service|Tweets)){1,4}\Z",
        "",
        words,
    ).strip()
    return tuple(dict.fromkeys(name for name in (*more, brand, words, short) if len(name) > 1))


_STRAIGHT = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "´": "'", "`": "'", "\u00a0": " "}
)
_BROKEN = re.compile(
    "[\u00c2-\u00c3\u00e2\u00f0][\u0080-\u00bf\u0152-\u017e\u02c6\u2013-\u2122]{1,3}"
)
_UNKNOWN = re.compile("[^\x00-\x7f£€–—…\u00c0-\u017f\u2600-\u27bf\U0001f300-\U0001faff]")
_FULL_NAME = r"[A-Z][\w'-]{0,40}(?: [A-Z][a-z'-]{1,40})?"
_NO_NAMES = frozenset(
    """
    There All Please We We're We'll I I'm I'd I'll You Your Our The This That If Can Could What
    Have How Do DM Sorry Thanks Thank It It's For Just
    """.split()  # noqa: SIM905 a list of words reads best as words
)
_GREETED = re.compile(
    r"(?P<before>\b(?:Hi there|Hey there|Hello there|Hi|Hey|Hello|Thanks|Thank you|thank you|Sorry"
    r"|Apologies|Welcome|Morning|Afternoon|Evening"
    r"|Good (?:[Mm]orning|[Aa]fternoon|[Ee]vening)))"
    rf"[, ]+(?P<name>{_FULL_NAME})(?=\s?[,.!?:;-]|\Z)"
)
_CALLED = re.compile(rf"(?P<before>)(?:,| -) ?(?P<name>{_FULL_NAME})(?=\s?[.!?,]|\Z)")
_OPENING = re.compile(rf"(?P<name>{_FULL_NAME})[,!] ")
_LAST_FACT = re.compile(r"(?<=[.!?)]) <fact>\Z")  # a signature or a hashtag that stands alone
_ENDING = re.compile(
    r"(?<!\s)\s*(?:"
    r"[*^/~]\s?[A-Za-z][\w'.]{0,12}(?: [A-Z]\w{0,8})?\.?"
    r"|(?<=[\s.!?])-\s?[A-Z]\w{0,12}(?: [A-Z])?"
    r"|(?<=[.!?)]) (?!DM|PM|AM)[A-Z]{2,3}\.?"
    r"|(?:https?://(?:(?!https?://)\S)++|<LINK>)"
    r"|\(?\b[1-4] ?(?:/|of) ?[2-4]\)?"
    r")\Z"
)


def _branded(text: str, brand: Sequence[str]) -> str:
    if not brand:
        return text
    names = "|".join(re.escape(name) for name in sorted(brand, key=len, reverse=True))
    return re.sub(rf"(?<![\w#])@?(?:{names})(?![\w])", BRAND, text)


def _means(handle: str, brand: Sequence[str]) -> bool:
    """Whether a handle is one of the brand."""
    bare = _letters(handle)
    return bare == "company" or any(_letters(name) in bare for name in brand if len(name) > 2)


def _letters(name: str) -> str:
    return re.sub(r"\W|_", "", name).casefold()


def _kind(slot: str) -> str:
    return slot.strip("<>").rstrip("23")


def _key(kind: str, words: str) -> str:
    """Equal particulars have the same key.

    "Flight #403" and "DL403" are equal, and "Heathrow's" and "Heathrow".
    """
    bare = words.casefold().strip("#")
    if kind == "flight" or (kind == "num" and bare.isdigit()):
        return re.sub(r"\D", "", words)
    return bare if kind == "num" else re.sub(r"'s\Z", "", words.casefold())

"""The plain words of a text and where they stand: lower case, contractions spelt out.

Contractions are read with or without their apostrophe. Emoji of anger and disgust are the word that
they mean. Handles become "@", hashtags "_" (which no phrase asks for), ends of sentences "." or
"?". A number before a unit of time, age, heat or length is a measure ("~68" degrees, "~3" days),
not an amount.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

MEASURE = "~"
ABBREVIATION = "^"
_CACHED_WORDS = 1 << 16
_LONGEST_CACHED = 40  # letters: nobody's word; longer ones are read anew each time

# What a face says plainly. Faces that mean as much with joy as without (tears) are none of these.
_EMOJI = {
    **dict.fromkeys("🤬😡😠😤👿🖕", "angry"),
    **dict.fromkeys("💩👎", "awful"),
    **dict.fromkeys("🤮🤢", "disgusting"),
    **dict.fromkeys("😞😒🙄🙁☹", "disappointed"),
}
_TOKEN = re.compile(
    r"(?P<url>https?://\S+|www\.\S+)|(?P<word>[^\W\d_]&[^\W\d_]\b|[^\W\d_][^\W_]*(?:['’ʼ`][^\W_]+)*)"
    r"|(?P<number>\d+(?:[.,:]\d+)*)|(?P<handle>@\w+)|(?P<tag>#\w+)|(?P<stop>[.!?;\n\r…]+)"
    rf"|(?P<emoji>[{''.join(_EMOJI)}])"
    r"|(?P<pause>[,:()–—]|(?<=\s)-+(?=\s)|--+)|(?P<sign>[$£€%°])"
)
_FIXED = {"url": ("url",), "handle": ("@",), "pause": (",",), "tag": ("_",)}
_SIGNS = {"%": "%", "°": "degrees"}
_APOSTROPHES = str.maketrans("’ʼ`", "'''")
_LONG_DRAWN = re.compile(r"(.)\1{2,}")
_SPELT_OUT = {
    "cannot": "can not", "cant": "can not", "can't": "can not", "wont": "will not",
    "won't": "will not", "dont": "do not", "doesnt": "does not", "didnt": "did not",
    "isnt": "is not", "arent": "are not", "wasnt": "was not", "werent": "were not",
    "havent": "have not", "hasnt": "has not", "hadnt": "had not", "wouldnt": "would not",
    "couldnt": "could not", "shouldnt": "should not", "aint": "is not", "ain't": "is not",
    "shan't": "will not", "nt": "not", "dnt": "do not", "dosnt": "does not", "dint": "did not",
    "mustnt": "must not", "neednt": "need not", "mightnt": "might not", "havnt": "have not",
    "hvnt": "have not", "cudnt": "could not", "wudnt": "would not", "shudnt": "should not",
    "cnt": "can not", "donot": "do not", "didnot": "did not",
    "im": "i am", "ive": "i have", "youre": "you are",
    "theyre": "they are", "youve": "you have", "thats": "that is", "whats": "what is",
    "wheres": "where is", "hows": "how is", "theres": "there is", "let's": "let us",
    "shes": "she is", "hes": "he is", "someones": "someone is", "somebodys": "somebody is",
    "gonna": "going to", "wanna": "want to", "gotta": "got to", "tryna": "trying to", "u": "you",
    "ur": "your", "r": "are", "n": "and", "w": "with", "pls": "please", "plz": "please",
    "plse": "please", "thx": "thanks", "tks": "thanks", "thnx": "thanks", "ty": "thanks",
    "thanx": "thanks", "nvr": "never", "hrs": "hours", "hr": "hour", "mins": "minutes",
    "min": "minute", "secs": "seconds", "ppl": "people", "acct": "account", "acc": "account",
    "cuz": "because", "tmrw": "tomorrow", "yrs": "years", "yr": "year", "wks": "weeks",
    "tho": "though", "cancelled": "canceled", "cancelling": "canceling", "luv": "love",
    "noone": "nobody", "someone": "somebody", "anyone": "anybody", "everyone": "everybody",
}  # fmt: skip
_ENDINGS = (
    ("n't", "not"),
    ("'m", "am"),
    ("'re", "are"),
    ("'ve", "have"),
    ("'ll", "will"),
    ("'d", "would"),
)
_IS = frozenset(
    """
    it that there what where how who here he she when why this everything nobody somebody someone
    anybody
    """.split()  # noqa: SIM905 (a list of twenty lines reads worse)
)
_UNITS = frozenset(
    """
    second seconds sec s minute minutes hour hours h day days night nights week weeks wk month
    months mth year years yo y degrees celsius fahrenheit c f km mile miles mi kg kgs lb lbs mbps
    gb mb kb metre metres meter meters cm mm feet foot ft inch inches percent % am pm
    """.split()  # noqa: SIM905 (a list of fifty lines reads worse)
)
_CAPITALS = re.compile(r"\b[A-Z]{2,}\b")
_SMALL = re.compile(r"\b[a-z]{2,}\b")
_SHOUTING = 600  # characters of a text that tell whether it is in capitals throughout


class Reader:
    """Reads texts into the words of a vocabulary."""

    def __init__(self, is_known: Callable[[str], bool], abbreviations: Iterable[str]) -> None:
        """is_known: whether a word can be part of a phrase. abbreviations: those that count in
        capitals alone ("ER", not "er"), in lower case.
        """
        self._is_known = is_known
        self._abbreviations = frozenset(abbreviations)
        self._cached = lru_cache(_CACHED_WORDS)(self._plain)

    def read(self, text: str) -> tuple[list[str], list[tuple[int, int]]]:
        """The plain words of `text`, and where the token of each begins and ends."""
        words: list[str] = []
        spans: list[tuple[int, int]] = []
        is_shouted: bool | None = None
        abbreviations, word = self._abbreviations, self._word
        for match in _TOKEN.finditer(text):
            token, kind, span = match.group(), match.lastgroup, match.span()
            plain = word(token) if kind == "word" else _plain_sign(kind or "", token)
            if plain[0] in abbreviations and token.isupper():
                if is_shouted is None:
                    is_shouted = _is_shouted(text[:_SHOUTING])
                plain = plain if is_shouted or _follows(spans, span) else (_abbreviated(plain),)
            if plain[0] in _UNITS and words and words[-1][0].isdecimal():
                words[-1] = MEASURE + words[-1]
            words += plain
            spans += [span] * len(plain)
        return words, spans

    def _word(self, token: str) -> Sequence[str]:
        return self._cached(token) if len(token) <= _LONGEST_CACHED else self._plain(token)

    def _plain(self, token: str) -> Sequence[str]:
        word = token.lower().translate(_APOSTROPHES)
        if _LONG_DRAWN.search(word) and not self._is_known(word):
            twice, once = _LONG_DRAWN.sub(r"\1\1", word), _LONG_DRAWN.sub(r"\1", word)
            word = twice if self._is_known(twice) else once
        return _spelt_out(word)


def _follows(spans: Sequence[tuple[int, int]], span: tuple[int, int]) -> bool:
    """Whether a token stands right behind the last one ("15SEC")."""
    return bool(spans) and spans[-1][1] == span[0]


def _abbreviated(plain: Sequence[str]) -> str:
    return ABBREVIATION + plain[0]


def plain_word(word: str) -> str:
    """The word as it is read: "anyone" and "anybody" are the same."""
    plain = _SPELT_OUT.get(word, word)
    return word if " " in plain else plain


def _plain_sign(kind: str, token: str) -> tuple[str]:
    if kind == "stop":
        return ("?",) if "?" in token else (".",)
    if kind == "number":
        return (MEASURE + token if ":" in token else token,)
    if kind == "emoji":
        return (_EMOJI[token],)
    if kind == "sign":
        return (_SIGNS.get(token, "$"),)
    return _FIXED[kind]


def _is_shouted(text: str) -> bool:
    """Whether capitals say nothing: hardly a word of the text is in small letters."""
    return len(_SMALL.findall(text)) < len(_CAPITALS.findall(text))


def _spelt_out(word: str) -> Sequence[str]:
    if word in _SPELT_OUT:
        return _SPELT_OUT[word].split()
    for ending, meaning in _ENDINGS:
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            # "did n't", as treebanks write it: the contraction stands alone
            return (stem, meaning) if stem else (meaning,)
    if word.endswith("'s"):
        stem = word.removesuffix("'s")
        plain = _SPELT_OUT.get(stem, stem)
        return (plain, "is") if stem in _IS else (plain,)
    return (word,)

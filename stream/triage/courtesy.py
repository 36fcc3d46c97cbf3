"""Courtesy around a message: what people add however urgent it is, thanks, a greeting, a name."""

from __future__ import annotations

import re

# Thanks for what is to come or for nothing named; "thanks for nothing" and "thank you for the
# flowers" say something.
_THANKS = re.compile(
    r"""
    (?i:(?:(?:many|kind|best|warm|warmest|with|in|much|a|big|and)\ )*
    (?:thanks|thank\ ?(?:you|u)|thx|ty|tia|cheers|regards|wishes|sincerely|appreciated
        |yours(?:\ (?:sincerely|faithfully|truly))?|best(?=,)
        |have\ a\ (?:nice|good|great|lovely)\ day|much\ obliged|god\ bless|love(?=,))
    (?:\ (?:so\ much|very\ much|a\ lot|a\ million|again|in\ advance|kindly|all|guys|team
        |for\ (?:your|the|any|all\ your)\ (?:kind\ |quick\ |prompt\ )?
            (?:help|time|assistance|support|attention|understanding|patience|reply|response
                |consideration|concern|cooperation)(?:\ (?:to|in|with)\ this(?:\ matter)?)?
        |for\ (?:looking\ into|dealing\ with|your\ help\ with)\ (?:this|it)
        |(?:and|with)\ (?:many\ |kind\ |best\ |warm\ )*(?:thanks|regards|wishes)))*)
    (?:,(?:\ (?:\[name\]|[A-Z][\w'’-]+(?:\ [A-Z][\w'’-]*){0,2}|(?i:god\ bless)))?)?
    """,
    re.VERBOSE,
)
_NAME = re.compile(
    r"(?:\[name\]|[A-Z][\w'’-]+\.?(?: [A-Z][\w'’-]*\.?){0,2})(?:,? \(?[A-Z][A-Za-z.]{1,5}\)?){0,2}"
)
_OPENING = re.compile(
    r"""\A(?i:hi|hiya|hello|hey|dear|greetings|good\ (?:morning|afternoon|evening|day)
        |to\ whom\ it\ may\ concern)
    (?:,?\ (?i:there|team|all|guys|everyone|folks|sirs?(?:(?:\ or\ |/)madam)?|madam)|\ @?\w+)?
    \s*[,.!:;–-]+\s+""",
    re.VERBOSE,
)
_CONTACT = re.compile(r"\[(?!name\])\w+\]|[\d +()./-]{6,}")
_SOFT = " \t\r\n.,!…"
_KISSES = 4
_PICTURES = "\u2190"  # from here on no script of those that the model reads
_WITHIN = " \t,;:@#/&'’-[]_"  # what stands within a sentence
_QUOTES = {"“": "”", '"': '"', "«": "»", "„": "“", "‘": "’"}
FEWEST_WORDS = 3  # words that must be left: "Great. Thanks." is no message with thanks behind it
CLOSINGS = 3  # closings behind one another
_LONGEST = 400  # characters; in a letter courtesy decides nothing, and reading it twice takes time


def without_courtesy(text: str) -> str:
    """The text without greeting, closing thanks and the name below, and without quotation marks
    around it; the text itself where too little would be left, and of a letter.
    """
    if len(text) > _LONGEST:
        return text
    bare = _unquoted(text.strip())
    for _ in range(CLOSINGS):
        shorter = _closed(bare)
        if shorter == bare:
            break
        bare = shorter
    bare = _unquoted(_OPENING.sub("", bare))
    if bare == text.strip() or len(bare.split()) < FEWEST_WORDS:
        return text
    return bare


def _closed(text: str) -> str:
    """The text without its last sentence or lines, where these are thanks or a signature."""
    lines = text.split("\n")
    while len(lines) > 2 and _CONTACT.fullmatch(lines[-1].strip()):
        lines.pop()
    if len(lines) > 1 and _NAME.fullmatch(lines[-1].strip()):
        rest, last = _last_sentence("\n".join(lines[:-1]))
        if last.endswith("--") or _THANKS.fullmatch(f"{last},"):
            return rest
    rest, last = _last_sentence(text)
    return rest if _THANKS.fullmatch(last) else text


def _last_sentence(text: str) -> tuple[str, str]:
    """What comes before the last sentence, or the last line, and that, without what ends it."""
    end = _end(text)
    at = end
    while at and (text[at - 1].isalnum() or text[at - 1] in _WITHIN):
        at -= 1
    return text[:at].rstrip(), text[at:end].strip()


def _end(text: str) -> int:
    """Where the last word ends: behind it stand marks, kisses and pictures."""
    end = len(text)
    while end:
        kisses = text[:end].rstrip("xX")
        if kisses.endswith((" ", "!", ".", "\n")) and 0 < end - len(kisses) <= _KISSES:
            end = len(kisses)
        elif text[end - 1] in _SOFT or text[end - 1] >= _PICTURES:
            end -= 1
        else:
            break
    return end


def _unquoted(text: str) -> str:
    """Without marks around the whole, where no other stands within."""
    if len(text) < 2 or _QUOTES.get(text[0]) != text[-1]:
        return text
    inside = text[1:-1]
    return text if text[0] in inside or text[-1] in inside else inside.strip()

"""Courtesy around a message: what people add however urgent it is, thanks, a greeting, a name."""

from __future__ import annotations

import re

# Thanks for what is to come or for nothing named; "thanks for nothing" and "thank you for the
# flowers" say something.
_THANKS = r"""
    (?:(?:many|kind|best|warm|warmest|with|in|much|a|big|and)\ )*
    (?:thanks|thank\ ?(?:you|u)|thx|ty|tia|cheers|regards|wishes|sincerely|appreciated
        |yours(?:\ (?:sincerely|faithfully|truly))?|best(?=,)
        |have\ a\ (?:nice|good|great|lovely)\ day)
    (?:\ (?:so\ much|very\ much|a\ lot|a\ million|again|in\ advance|kindly|all|guys|team
        |for\ (?:your|the|any|all\ your)\ (?:kind\ |quick\ |prompt\ )?
            (?:help|time|assistance|support|attention|understanding|patience|reply|response)
        |(?:and|with)\ (?:many\ |kind\ |best\ |warm\ )*(?:thanks|regards|wishes)))*
"""
_NAME = r"(?:\[name\]|[A-Z][\w'’-]+\.?(?:\ [A-Z][\w'’-]*\.?){0,2})"
_CLOSING = re.compile(
    rf"""(?:(?<=[^\w\s,;:@\#/&'’(])[ \t]*|\n\s*)
    (?i:{_THANKS})[\s.,!]*(?:(?<=[\s,]){_NAME})?[\s.,!]*\Z""",
    re.VERBOSE,
)
_SIGNED = re.compile(
    rf"\n\s*--+\s*{_NAME}(?:,?\ \(?[A-Z][A-Za-z.]{{1,5}}\)?){{0,2}}\s*\Z", re.VERBOSE
)
_OPENING = re.compile(
    r"""\A(?i:hi|hiya|hello|hey|dear|greetings|good\ (?:morning|afternoon|evening|day)
        |to\ whom\ it\ may\ concern)
    (?:,?\ (?i:there|team|all|guys|everyone|folks|sirs?(?:(?:\ or\ |/)madam)?|madam)|\ @?\w+)?
    \s*[,.!:;–-]+\s+""",
    re.VERBOSE,
)
_QUOTES = {"“": "”", '"': '"', "«": "»", "„": "“", "‘": "’"}
_FEWEST = 3  # words that must be left: "Great. Thanks." is no message with thanks behind it
_MOST = 3  # closings behind one another
_LONGEST = 400  # characters; in a letter courtesy decides nothing, and reading it twice takes time


def without_courtesy(text: str) -> str:
    """The text without greeting, closing thanks and the name below, and without quotation marks
    around it; the text itself where too little would be left, and of a letter.
    """
    if len(text) > _LONGEST:
        return text
    bare = _SIGNED.sub("", text.strip())
    for _ in range(_MOST):
        closing = _CLOSING.search(bare)
        if closing is None:
            break
        bare = bare[: closing.start()].rstrip()
    bare = _unquoted(_OPENING.sub("", bare))
    if bare == text.strip() or len(bare.split()) < _FEWEST:
        return text
    return bare


def _unquoted(text: str) -> str:
    """Without marks around the whole, where no other stands within."""
    if len(text) < 2 or _QUOTES.get(text[0]) != text[-1]:
        return text
    inside = text[1:-1]
    return text if text[0] in inside or text[-1] in inside else inside.strip()

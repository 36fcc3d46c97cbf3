"""E-mail addresses, written or spelled out, in the words that people of ten languages use."""

from __future__ import annotations

import re
from collections.abc import Iterator

_WRITTEN = re.compile(
    r"(?<![\w.%+@＠-])(?<!\w')\w[\w.%+'-]{0,128}[@＠](?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}"
    r"(?![\w\ue000])"
    r"|(?<![\w.%+@＠-])\w[\w.+-]{0,63} ?[@＠] ?"
    r"(?:gmail|googlemail|yahoo|hotmail|outlook|icloud|aol|gmx|web|live|msn) ?\. ?[a-z]{2,4}"
    r"(?![\w\ue000])"
    r"|(?<![\w.%+@＠-])\w[\w.+-]{0,63} [@＠] (?:[\w-]{1,63}\.){1,4}[a-z]{2,24}(?![\w\ue000])",
    re.IGNORECASE,
)
_POINT = r"(?: (?:dot|punkt|point|punto|ponto|kropka|punkt|punt) | ?[(\[{] ?(?:dot|\.) ?[)\]}] ?)"
_JOINT = (
    r"(?: (?:dot|punkt|point|punto|ponto|kropka|punt|underscore|dash|hyphen|minus|unterstrich|plus"
    r"|guion|tiret|trattino) )"
)
_SPELLED = re.compile(
    rf"(?<![\w.@-])(?P<local>\w[\w.+-]{{0,63}}(?:{_JOINT}\w{{1,63}}){{0,3}})"
    r"(?P<at>@| at | (?:arobase|arroba|chiocciola|chiocciolina|klammeraffe|ät|małpa|snabel-a"
    r"|apenstaartje) | ?[(\[{] ?(?:at|@|ät) ?[)\]}] ?)"
    rf"(?P<domain>[\w-]{{2,63}}(?:(?:{_POINT}|\.)[a-z]{{2,63}}){{0,2}}(?:{_POINT}|\.)"
    r"(?:com|org|net|edu|gov|info|io|me|example|[a-z]{2}))(?![\w\ue000])",
    re.IGNORECASE,
)
# Signs of an address, in small letters; without them a text costs one search.
SIGN = re.compile(
    r"[@＠](?:(?<=\w.)|(?<=\w .)) ?\w| (?:dot|punkt|point|punto|ponto|kropka|punt|arobase|arroba"
    r"|chiocciola|klammeraffe|małpa) |[(\[{] ?(?:dot|at|ät|@)| at [\w-]{2,63}\.[a-z]"
)
_CONTEXT = re.compile(
    r"(?<!\w)(?:e-?mails?|mail|gmail|write|reach|contact|address|adresse|correo|courriel"
    r"|posta)(?!\w)",
    re.IGNORECASE,
)
_PROVIDER = re.compile(
    r"(?:gmail|googlemail|yahoo|hotmail|outlook|icloud|aol|gmx|web|live|msn|proton|protonmail"
    r"|wp|mail"
    r"|libero|orange|free|tiscali)(?!\w)",
    re.IGNORECASE,
)
# "look at gmail dot com"
_NO_LOCAL_PART = frozenset(
    """
    look looking looked me us you it him her them shop shopping find found mail mails email emails
    account accounts inbox address login log sign signed cheaper buy bought order ordered here there
    available only or and is was are be working work up in not out stuff people someone anyone that
    this one
    """.split()  # noqa: SIM905 a list of words reads best as words
)


def emails(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for match in _WRITTEN.finditer(text):
        yield match.span()
    for match in _SPELLED.finditer(text):
        if _is_address(text, match):
            yield match.span()


def _is_address(text: str, match: re.Match[str]) -> bool:
    """Whether it is spelled out as only addresses are: "only at target dot com" is none."""
    local = match["local"].lower()
    if local in _NO_LOCAL_PART:
        return False
    if match["at"].lower() == " at " and " point " in match[0].lower():
        # "slow. At no point in time"
        return bool(_PROVIDER.match(match["domain"]))
    if match["at"].lower() != " at " or _PROVIDER.match(match["domain"]):
        return True
    if re.search(r"[\d._]| (?:dot|underscore|punkt|punto|ponto|kropka|punt) ", local):
        return True
    before = max(0, match.start() - 40), match.start()
    return bool(_CONTEXT.search(text, *before))

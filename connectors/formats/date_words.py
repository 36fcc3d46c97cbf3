"""Words of dates in other languages than English, and forms of clocks, as those of English."""

from __future__ import annotations

import re

# By month: German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Danish, Norwegian,
# Polish, Czech, Finnish, Russian, Turkish. An abbreviation is the beginning of one of its words.
_MONTHS = """
januar jänner janvier enero gennaio janeiro januari styczeń stycznia leden ledna tammikuu января
ocak;
februar février fevrier febrero febbraio fevereiro februari luty lutego únor února helmikuu
февраля şubat;
märz maerz mars marzo março marco maart mrt marts marzec marca březen března maaliskuu марта
mart;
april avril abril aprile kwiecień kwietnia duben dubna huhtikuu апреля nisan;
mai mayo maggio maio mei maj maja květen května toukokuu мая mayıs;
juni juin junio giugno junho czerwiec czerwca červen června kesäkuu июня haziran;
juli juillet julio luglio julho lipiec lipca červenec července heinäkuu июля temmuz;
august août aout agosto augustus augusti sierpień sierpnia srpen srpna elokuu августа ağustos;
september septembre septiembre setiembre settembre setembro wrzesień września září syyskuu
сентября eylül;
oktober octobre octubre ottobre outubro październik października říjen října lokakuu октября
ekim;
november novembre noviembre novembro listopad listopada listopadu marraskuu ноября kasım;
dezember décembre decembre diciembre dicembre dezembro december grudzień grudnia prosinec
prosince joulukuu декабря aralık
"""
_ENGLISH = (
    *("January", "February", "March", "April", "May", "June", "July", "August", "September"),
    *("October", "November", "December"),
)
_ZONES = {"MEZ": "CET", "MESZ": "CEST", "MSK": "+0300", "МСК": "+0300"}
_NUMBER_OF = {word: month for month, line in enumerate(_MONTHS.split(";")) for word in line.split()}
_MARKS = re.compile(r"(?i:[AP]M|T|Z|ST|ND|RD|TH)|[A-Z]{3,4}")
_WORD = re.compile(r"[^\W\d_]+\.?")
_ZONE_NAME = re.compile(r"\[?([A-Z][A-Za-z_]{2,20}(?:/[A-Z][A-Za-z_+-]{2,30}){1,2})\]?\Z")
_DOTTED_CLOCK = re.compile(
    r"(?<![\d.])([01]?\d|2[0-4])\.([0-5]\d)(?:\.([0-5]\d))?(?:\.\d+)?(?![\d.])"
)
_PREFIXES = {  # a clock, and behind it
    **dict.fromkeys(("오전", "午前", "上午", "de."), "AM"),
    **dict.fromkeys(("오후", "午後", "下午", "du."), "PM"),
}
_SUFFIXES = {
    **dict.fromkeys(("πμ", "π.μ.", "ص", "SA", "ÖÖ", "vm", "vm.", "fm", "पूर्वाह्न", "da manhã"), "AM"),
    **dict.fromkeys(("μμ", "μ.μ.", "م", "CH", "ÖS", "nm", "nm.", "em", "अपराह्न", "da tarde"), "PM"),
    **{"de la mañana": "AM", "de la tarde": "PM", "del pomeriggio": "PM", "PTG": "PM"},
}
_LONGEST_FIRST = sorted(_SUFFIXES, key=len, reverse=True)
_HALF_CLOCK = re.compile(
    rf"(?:(?P<before>{'|'.join(map(re.escape, _PREFIXES))}) ?)?"
    r"(?<!\d)(?P<clock>(?:0?\d|1[0-2])(?::\d\d){1,2}(?:\.\d+)?)"
    rf"(?: ?(?P<behind>{'|'.join(re.escape(word) for word in _LONGEST_FIRST)})(?!\w))?"
)
_EAST_ASIAN_CLOCK = re.compile(
    r"(\d{1,2})\s?[時时点點시]\s?(?:(\d{1,2})\s?[分분])?\s?(?:(\d{1,2})\s?[秒초])?"
)
_GMT = re.compile(
    r"\(?\b(?:GMT|UTC) ?([+−-])(\d{1,2}?)(?::?(\d\d))?(?!\d)(?:\)(?: [^\d()]{1,40}\Z)?)?"
)
_TICKS = re.compile(r"(?:\\?/|new )?Date\((\d{12,13})(?:[+-]\d{4})?\)(?:\\?/)?")
_EAST_ASIAN = re.compile(r"(\d{2,4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]")


def zone_name(text: str) -> tuple[str, str | None]:
    """`2026-03-12 14:05 Europe/London` as its time and the name of its zone."""
    match = _ZONE_NAME.search(text)
    return (text[: match.start()].rstrip(), match[1]) if match else (text, None)


def plain_clock(text: str) -> str:
    """The clock as English writes it: `오후 2:05` as `2:05 PM`, `14時05分` as `14:05`, `(GMT+1)` as
    `+01:00`, the `/Date(1773324300000)/` of a program as its number.
    """
    ticks = _TICKS.fullmatch(text)
    if ticks:
        return ticks[1]
    text = _EAST_ASIAN_CLOCK.sub(
        lambda part: f"{part[1]}:{int(part[2] or 0):02}:{int(part[3] or 0):02}", text
    )
    text = _GMT.sub(
        lambda part: f"{'+' if part[1] == '+' else '-'}{int(part[2]):02}:{part[3] or '00'}", text
    )
    return _HALF_CLOCK.sub(_with_half, text)


def _with_half(match: re.Match[str]) -> str:
    half = _PREFIXES.get(match["before"] or "") or _SUFFIXES.get(match["behind"] or "")
    return f"{match['clock']} {half}" if half else match[0]


def in_english(text: str) -> str:
    """`Donnerstag, 12. März 2026, 14.05 Uhr` as `12 March 2026 14:05`. Words that are neither of a
    month, a zone nor a half of the day say nothing about the moment.
    """
    text = _EAST_ASIAN.sub(r"\1-\2-\3 ", text)
    text = re.sub(r"(?<=\d)\.(?=\s)", "", text)
    text = re.sub(r"(\d)/([A-Za-z]{3})/(\d{4}):", r"\1 \2 \3 ", text)  # of a web server's log
    text = _WORD.sub(_word, text)
    head, blank, clock = text.partition(" ")
    clock = _DOTTED_CLOCK.sub(lambda part: ":".join(filter(None, part.groups())), clock)
    return " ".join(f"{head}{blank}{clock}".replace(",", " ").split())


def _word(match: re.Match[str]) -> str:
    word = match[0].rstrip(".")
    month = _month(word.casefold())
    if month is not None:
        return f" {_ENGLISH[month]} "
    return _ZONES.get(word.upper(), word if _MARKS.fullmatch(word) else " ")


def _month(word: str) -> int | None:
    """The month of a word or an abbreviation; None of another word, or of one that may be two."""
    if word in _NUMBER_OF:
        return _NUMBER_OF[word]
    english = [month for month, name in enumerate(_ENGLISH) if name[:3].lower() == word]
    if english or len(word) < 3:
        return english[0] if english else None
    months = {month for name, month in _NUMBER_OF.items() if name.startswith(word)}
    return months.pop() if len(months) == 1 else None

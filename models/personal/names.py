"""Names of people where they introduce themselves, sign, or fill in a form, in ten languages.

A name that is only spoken of ("your agent Tom", "Hi Sarah") stays: it says who helped, and no list
of names tells it from a town or a product.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.personal.masks import MASK

_SPACE = r"[ \t\u00a0]"
# Up to five words in a row; which of them are the name is decided word by word.
_WORD = r"[^\W\d_](?:[\w'’\-]{0,24}\.?)"
_WORDS = rf"(?P<name>{_WORD}(?:{_SPACE}{{1,2}}{_WORD}){{0,4}})"
_TITLE = (
    r"(?:(?:mr|mrs|ms|miss|mx|dr|prof|sir|herr|frau|mme|mlle|sr|sra|sig|sig\.ra)\.?"
    rf"{_SPACE}{{1,2}})?"
)

_INTRODUCED = re.compile(
    r"(?<!\w)(?<!in )(?<!under )(?:my (?:full |first |last |sur)?name(?:'s|’s|s| is|:)|"
    r"(?<!operating )(?<!business )(?<!trading )under the name(?: of)?|the name is"
    r"|i(?: am|'m|’m|m) called|(?:full|first|last|family|middle|sur) ?name(?: is|:)?"
    r"|mein name ist|ich hei(?:ß|ss)e|(?:vor|nach)name:?"
    r"|je m['’]appelle|mon (?:pr[ée])?nom est|pr[ée]nom ?:|nom ?:"
    r"|me llamo|mi nombre es|nombre ?:|mi chiamo|il mio nome [èe]|cognome ?:"
    r"|(?:o )?meu nome [ée]|me chamo|mijn naam is|ik heet|nazywam si[ęe]|mam na imi[ęe]"
    r"|jag heter|mitt namn [äa]r|jeg hedder|jeg heter|mit navn er|navnet mitt er|nimeni on"
    r"|ad[ıi]m:?)"
    rf"(?={_SPACE}{{1,2}}{_TITLE}{_WORDS})",
    re.IGNORECASE,
)
# "Name: Jane Roe" as a form has it, and "Myself Rahul Verma" as it is said in India
_FORM = re.compile(
    rf"(?:(?<![^\n])|(?<=[,;|] )|(?<=\. ))(?:name|customer name|contact name|signed"
    rf"|unterschrift)"
    rf"{_SPACE}?:(?={_SPACE}{{0,3}}{_TITLE}{_WORDS})"
    rf"|(?:(?<![^\n])|(?<=[.!?] ))(?:myself|name)(?={_SPACE}(?P<myself>{_WORD}"
    rf"(?:{_SPACE}{_WORD}){{0,3}}))",
    re.IGNORECASE,
)
# "From: Jane Roe" heads a letter; "From: Leeds" is where a journey began.
_FROM = re.compile(
    rf"(?:(?<![^\n])|(?<=[,;|] )|(?<=\. ))from{_SPACE}?:(?={_SPACE}{{0,3}}{_TITLE}{_WORDS})",
    re.IGNORECASE,
)
_OF_A_LETTER = re.compile(
    rf"(?<!\w)(?:sent|subject|cc|re|e-?mail|phone|tel|telephone|mobile|gesendet|betreff|objet"
    rf"|asunto|oggetto|assunto|onderwerp){_SPACE}?:"
)
_TO = re.compile(rf"(?<!\w)to{_SPACE}?:")
_JOURNEY = re.compile(
    r"(?<!\w)(?:trips?|travel|journey|routes?|flights?|flew|fly|flying|planes?|trains?|bus|buses"
    r"|coach|ferry|taxi|airports?|stations?|platform|luggage|baggage|bags?|suitcase|parcels?"
    r"|collection|delivery|deliver|departure|departs?|arrival|destination|via|moving|removal)(?!\w)"
)
_SPEAKING = re.compile(
    rf"(?<!\w)(?:this is|it['’]?s|it is|here is|(?:hi|hello|hey),?)"
    rf"(?={_SPACE}{_TITLE}{_WORDS})",
    re.IGNORECASE,
)
_KEYWORD = re.compile(
    rf"{_SPACE}?,?{_SPACE}?(?:(?P<sure>speaking)(?!\w|{_SPACE}?\?)"
    r"|here(?=[ \t]{0,2}(?:[^\w \t?]|\Z))|calling(?!\w|[ \t]?\?))",
    re.IGNORECASE,
)
# A full name behind a greeting introduces itself: "Hi, this is Jane Roe from number 4"
_GREETING = re.compile(
    r"(?:hi|hello|hey|hiya|good (?:morning|afternoon|evening)|morning)[ ,!.]{1,3}\Z", re.IGNORECASE
)
_GREETED_ON = re.compile(rf"[,.]|{_SPACE}(?:from|and (?:I|my))(?!\w)|{_SPACE}?\Z")
_WITH_TITLE = re.compile(
    rf"(?<!\w)(?:mr|mrs|ms|miss|mx|dr)\.?(?={_SPACE}{_WORDS}[ ,]{{1,2}}(?:speaking|calling"
    rf"|here)[^\w ?])",
    re.IGNORECASE,
)
_I_AM = re.compile(
    r"(?:[Ii]['’][Mm]|I am|[Ii]ch bin|[Jj]e suis|[Ss]oy|[Ss]ono)"
    rf"(?={_SPACE}(?P<name>[^\W\d_a-z][\w.'’\-]{{0,25}}{_SPACE}{_WORD}(?:{_SPACE}{_WORD})?))"
)
_GOES_ON = re.compile(
    r"(?:,|\.)? (?:(?:and (?:I|my)|I|my|calling|from"
    r"|(?:a |your |(?<=[,.] ))customer (?:since|of|for)"
    r"|und ich|ich|aus|et je|je|y|llevo|vivo|tengo|e|aspetto|abito|ho)(?!\w)|(?:et )?j['’])"
)

# Below these a name stands alone. The plain ones begin sentences, too ("Thanks\nStill waiting"),
# so that the name has to end the text.
_CLOSING = (
    r"(?:(?:with )?(?:kind(?:est)?|best|warm(?:est)?|many|sincere)? ?regards|(?:yours |very )?"
    r"(?:sincerely|faithfully|truly)"
    r"(?: yours)?|yours|respectfully(?: yours)?|(?:with )?best wishes|all the best|signed"
    r"|mit (?:freundlichen|besten|lieben|vielen) gr(?:ü|ue)(?:ß|ss)en|(?:viele|beste|liebe"
    r"|freundliche|herzliche) gr(?:ü|ue)(?:ß|ss)e"
    r"|hochachtungsvoll|mfg|lg|gru(?:ß|ss)|cordialement|bien (?:à vous|cordialement)"
    r"|salutations(?: distinguées)?"
    r"|(?:un )?(?:cordial )?saludos?(?: cordial(?:es)?)?|atentamente|(?:cordiali"
    r"|distinti) saluti|saluti"
    r"|atenciosamente|att|cumprimentos|abraços|(?:met )?(?:vriendelijke|hartelijke) groet"
    r"(?:en)?|groet(?:en|jes)?|mvg"
    r"|pozdrawiam|z poważaniem|z wyrazami szacunku"
    r"|(?:med )?(?:vänliga? |bästa |venlig |vennlig )?(?:hälsning(?:ar)?|hilsen)|mvh"
    r"|(?:ystävällisin )?terveisin|s pozdrav[eo]m|üdvözlettel|cu stimă|saygılarımla|με εκτίμηση"
    r"|с уважением|з повагою|s poštovanjem|lep pozdrav)"
)
_WEAK = (
    r"(?:best|thanks(?: (?:again|in advance))?|thank you(?: in advance)?|many thanks|thx|ta"
    r"|cheers|danke|merci|gracias|grazie|obrigad[oa]|bedankt|dziękuję|tack)"
)
_NAME_LINE = (
    rf"{_SPACE}{{0,8}}[\-–—~*_]{{0,3}}{_SPACE}{{0,2}}{_TITLE}(?P<name>{_WORD}"
    rf"(?:{_SPACE}{_WORD}){{0,3}})[,.]?{_SPACE}{{0,8}}"
)
_SIGNED = re.compile(
    rf"(?<!\w){_CLOSING}(?={_SPACE}{{0,3}}[,.!:;\-–]{{0,3}}{_SPACE}{{0,3}}"
    rf"(?:\r?\n[ \t]{{0,8}}){{1,3}}{_NAME_LINE}(?:[\r\n]|\Z))",
    re.IGNORECASE,
)
_SIGNED_INLINE = re.compile(
    rf"(?<!\w){_CLOSING}(?P<sign>[,.:!]?)(?={_SPACE}{{1,3}}{_NAME_LINE}(?:[\r\n]|\Z))",
    re.IGNORECASE,
)
_THANKED = re.compile(
    rf"(?:(?<![^\n])|(?<=[.!?] )){_WEAK}(?=[,.!\-–]{{0,2}}{_SPACE}{{0,3}}"
    rf"(?:\r?\n[ \t]{{0,8}}){{1,3}}{_NAME_LINE}"
    rf"(?:\r?\n[ \t{MASK}\r\n]{{0,40}})?\Z)",
    re.IGNORECASE,
)
# A block of an address, its first line the name.
_HEADED = re.compile(
    rf"(?<![^\n])(?=[ \t]{{0,4}}(?P<name>{_WORD}"
    rf"(?:{_SPACE}{_WORD}){{1,3}}),?[ \t]{{0,4}}\r?\n[ \t]{{0,4}}{MASK})"
)

# Words in small letters without which a rule finds nothing: most texts cost a search or two.
_INTRODUCED_SIGN = re.compile(
    r"name|nom(?:bre)?(?: est| es| ?:)|(?:naam|nome) (?:is|[èe]|é)|called|hei(?:ß|ss)e "
    r"|m['’]appelle"
    r"|me llamo|mi chiamo|me chamo|ik heet|nazywam|mam na|cognome|heter|hedder|namn|navn"
    r"|nimeni|ad[ıi]m"
)
_FORM_SIGN = re.compile(r"name|signed|myself|unterschrift")
_SPEAKING_SIGN = re.compile(r"(?:this is|it['’]?s|it is|here is|(?:hi|hello|hey),?) ")
_TITLE_SIGN = re.compile(r"(?:m[rsx]s?|miss|dr)\.? ")
_CLOSING_SIGN = re.compile(
    r"regards|sincer|faithf|truly|yours|respectf|wishes|the best|signed|gr(?:ü|ue)|gru(?:ß|ss)"
    r"|hochacht|mfg|lg(?!\w)|cordial|bien |salut|saludo|atentam|atenc|att(?!\w)|cumpr|abraç|groet"
    r"|mvg|pozdr|poważ|szacunk|hälsn|hilsen|mvh|terv|üdvöz|stimă|saygı|εκτίμ|уважен|повагою|poštov"
)
_DAYS = frozenset(
    "monday tuesday wednesday thursday friday saturday sunday today yesterday tomorrow".split()  # noqa: SIM905
)
_AROUND, _BESIDE = 100, 40  # letters
_LAST = 200  # letters at the end of a text, among which a name stands below thanks

_PARTICLES = frozenset(
    "da de del della der den di do dos das du el la le van von zu y e bin al ten ter".split()  # noqa: SIM905
)
# What begins where a name ends, or shows that there is none: "my name is still wrong".
_NO_NAME = frozenset(
    """
    a aber about account acct address again ai al all alla already also always am an and android
    any are as at auf aus away az backwards bad because been being better but by called calling
    can cancelled cannot cara che cheers clear client company con correct correctly customer das
    data date dead dear deleted den der desde did die different disappointed disgusted dispon do
    dob done down due e e-mail egal ein either else email en entered et ever everywhere false
    fix for from fuer full fuori furious further für getting gone good got had has have haven't
    he hello her here hey hi hier him his how i i'm ich if ihnen ij il im in incomplete
    incorrect inte invalid ipad iphone is isn't ist it its je just known la last le les listed
    long lost mal me mein messed mi missing misspelled misspelt mobile mon more mr mrs ms mud my
    na neither never nicht nie nil no nobody non not nothing now number o och of offenbar ok
    okay old on once one only or order other our out over para per phone please pls printed que
    qui really refund regards registered removed right same saved see seit sent service she
    showing shown si sie since sincerely so sorry speaking spelled spelt staat still står
    support taken team tel telephone tell thank thanks that thats the their them then there they
    this though to together too true twice un unbekannt und unknown up van varför vaš very was
    wasn't we well were what when where which who why will wishes with without won't wrong y ya
    yes you your yours zu à
    """.split()  # noqa: SIM905 a list of words reads best as words
)


# Behind "I am" what somebody is with a brand: "Ich bin Telekom Kunde", "I am United Platinum". Gold
# and Silver are surnames, too, and stay names.
_WITH_A_BRAND = frozenset(
    """
    kunde kundin kunden cliente clienta abonné abonnée mitglied member platinum elite premium
    premier medallion
    """.split()  # noqa: SIM905 the same
)
_WORDS_IN_SMALL_LETTERS = 2  # of a name, at most: more are the sentence
_INITIAL = re.compile(r"[^\W\d_a-z]\.")


def names(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    lower = text.lower()
    yield from _introductions(text, lower)
    for match in _FORM.finditer(text) if _FORM_SIGN.search(lower) else ():
        group = "name" if match["name"] else "myself"
        yield from _span(match, group, fewest=1 if group == "name" else 2)
    is_journey = "from" in lower and _JOURNEY.search(lower) is not None
    for match in _FROM.finditer(text) if "from" in lower else ():
        for start, end in _span(match, "name"):
            if not _is_place(text, lower, match, end, is_journey):
                yield start, end
    yield from _signatures(text, lower)


def _is_place(text: str, lower: str, match: re.Match[str], end: int, is_journey: bool) -> bool:
    """Is it rather a place or a day where something begins, to judge by what stands around it? An
    address or a line of a letter's head shows a person; so do two words on the first line.
    """
    around = lower[max(0, match.start() - _AROUND) : end + _AROUND]
    word = lower[match.start("name") : end]
    if word in _DAYS:
        return True
    if MASK in text[end : end + _BESIDE] or _OF_A_LETTER.search(around):
        return False
    has_end = _TO.search(around) is not None
    rest = lower[end : end + _AROUND].partition("\n")[0]
    is_one_line = _TO.search(rest) is not None  # From: Rome To: Oslo
    heads = match.start() == 0 and not is_one_line
    if " " in word and not is_one_line:
        return has_end and is_journey and not heads
    return is_journey or (has_end and not heads)


def _introductions(text: str, lower: str) -> Iterator[tuple[int, int]]:
    for match in _INTRODUCED.finditer(text) if _INTRODUCED_SIGN.search(lower) else ():
        yield from _span(match, "name", loose=match[0][:2].lower() == "my")
    for match in _SPEAKING.finditer(text) if _SPEAKING_SIGN.search(lower) else ():
        yield from _speaking(text, match)
    for match in _WITH_TITLE.finditer(text) if _TITLE_SIGN.search(lower) else ():
        yield from _span(match, "name", loose=True)
    for match in _I_AM.finditer(text):
        for start, end in _span(match, "name", fewest=2):
            words = text[start:end].lower().split()
            if _GOES_ON.match(text, end) and not (
                _is_title_case(text[start:end]) or _WITH_A_BRAND.intersection(words)
            ):
                yield start, end


def _signatures(text: str, lower: str) -> Iterator[tuple[int, int]]:
    if _CLOSING_SIGN.search(lower):
        for match in _SIGNED.finditer(text):
            yield from _span(match, "name", whole=True)
        for match in _SIGNED_INLINE.finditer(text):
            yield from _span(match, "name", whole=True, fewest=1 if match["sign"] else 2)
    if "\n" not in text:
        return
    for match in _THANKED.finditer(text, max(0, len(text) - _LAST)):
        yield from _span(match, "name", whole=True)
    for match in _HEADED.finditer(text) if MASK in text else ():
        yield from _span(match, "name", whole=True, fewest=2)


def _speaking(text: str, match: re.Match[str]) -> Iterator[tuple[int, int]]:
    for start, end in _span(match, "name", loose=True):
        words = text[start:end].split()
        keyword = _KEYWORD.match(text, end)
        if keyword and (keyword["sure"] or (words[0][0].isupper() and len(words) > 1)):
            yield start, end
        elif words[0][0].isupper() and len(words) > 1 and _GREETED_ON.match(text, end):
            before = text[max(0, match.start() - 20) : match.start()]
            if _GREETING.search(before):
                yield start, end


def _span(
    match: re.Match[str], group: str, *, fewest: int = 1, whole: bool = False, loose: bool = False
) -> Iterator[tuple[int, int]]:
    """Where the name stands, if there is one: the words of the group that can be one.

    fewest: how many words it has at least. whole: all words are the name, or none is. loose: words
    in small letters count as well.
    """
    start = match.start(group)
    end, count = _end_of_name(match[group], loose)
    is_whole = end == len(match[group].rstrip())
    if count >= fewest and (is_whole or not whole):
        name = match[group][:end]
        ends_sentence = name.endswith(".") and name[-3:-2].isalnum()
        yield start, start + (end - 1 if ends_sentence else end)


def _end_of_name(words: str, loose: bool) -> tuple[int, int]:
    """Where the words stop being a name, and how many of them it has; particles end none."""
    end, count = 0, 0
    for word in re.finditer(r"\S+", words):
        if not _is_name_word(word[0], first=not count, loose=loose):
            break
        if word[0].lower() not in _PARTICLES:
            end, count = word.end(), count + 1
        if word[0][0].isupper():
            loose = False  # "my name is Jane and": what follows a capital is in capitals, too
        elif loose and count == _WORDS_IN_SMALL_LETTERS:
            break
        if word[0].endswith(".") and len(word[0]) > 3:
            break
    return end, count


def _is_name_word(word: str, *, first: bool, loose: bool) -> bool:
    plain = word.lower().rstrip(".").removesuffix("'s")
    if (not first and plain in _PARTICLES) or _INITIAL.fullmatch(word):
        return True
    if plain in _NO_NAME:
        return False
    return word[0].isupper() or (loose and len(plain) > 1)


def _is_title_case(name: str) -> bool:
    """Whether its words are those of a headline: "Still Waiting"."""
    return any(word.lower().endswith(("ing", "ed")) for word in name.split())

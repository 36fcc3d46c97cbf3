"""Labels of speakers, such as `Agent (00:05):` and `>> JANE ROE:`, and the side that one names."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from connectors.events import Direction

Form = Literal["colon", "bracket", "heading", "round", "dash", "alone"]
Speaker = Literal["customer", "agent"]
WEAK: tuple[Form, ...] = ("dash", "alone")  # many lines look so: they count where nothing else does

# In English first, then in the languages of the exports that we have seen.
_CUSTOMERS = """applicant buyer caller claimant client consumer contact cust customer enduser
external guest insured member passenger patient patron policyholder requester resident
shopper subscriber tenant user visitor
kunde kundin anrufer anruferin cliente clienta clienti client clientes appelant appelante llamante
chiamante klant beller kund klient klientka asiakas zákazník zákaznice клиент клиентка müşteri
客户 顾客 お客様 고객"""
_AGENTS = """admin administrator adviser advisor agent assistant associate banker bot chatbot clerk
consultant csr department dept desk dispatcher employee expert helpdesk helpline host
hotline internal ivr manager operator receptionist rep representative service services
specialist staff supervisor support svc svcs system team technician teller
berater beraterin kundenberater kundenberaterin kundenbetreuer kundenbetreuerin mitarbeiter
mitarbeiterin agentin sachbearbeiter sachbearbeiterin kundenservice kundendienst
conseiller conseillère agente téléconseiller téléconseillère opérateur opératrice accueil
asesor asesora operador operadora operatore operatrice ejecutivo ejecutiva atención servicio
soporte atendente atendimento suporte assistente consulente assistenza servizio medewerker
medewerkster klantenservice handläggare kundtjänst medarbetare medarbejder medarbeider kundeservice
konsulent konsultant konsultantka doradca asiakaspalvelija operátor operátorka operatör temsilci
оператор агент сотрудник консультант 客服 坐席 オペレーター 担当者 상담원"""
# Of `Customer Care`, the part that makes the company of the customer.
_DEPARTMENTS = """access accounts advocacy advocate affairs ambassador assistance billing care
center centre champion concierge contact coordinator delight engagement executive experience
happiness hub liaison line loyalty office officer onboarding operations ops outreach protection
relation relations resolution resolutions retention retentions sales satisfaction solutions success
wellbeing"""
CUSTOMER, AGENT = frozenset(_CUSTOMERS.split()), frozenset(_AGENTS.split())
DEPARTMENT = frozenset(_DEPARTMENTS.split())
_INBOUND = frozenset(("in", "inbound", "incoming", "received"))
_OUTBOUND = frozenset(("out", "outbound", "outgoing", "sent", "outbound-api", "outbound-reply"))
_SMALL = frozenset(("&", "and", "of", "on", "at", "for", "with", "from", "the", "de", "van", "von"))
_PRONOUN_WORDS = """he him his she her hers they them their theirs it its any ze zir xe xem ey em"""
_PRONOUNS = frozenset(_PRONOUN_WORDS.split())

# `0:05`, `01:02:03.500`, `01:02:03:12` with frames, `2:05 PM`
TIME = r"\d{1,3}(?::[0-5]?\d){1,2}(?:[.,]\d{1,3}|(?<=:\d\d:\d\d)[:;]\d\d)?(?: ?[AaPp][Mm])?"
_PHONE = r"(?!\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b)\+?\(?\d[\d*Xx ()./-]{5,18}[\d*Xx]"
_NAME = r"[^\W\d_][\w .,'\u2018\u2019\"\u201c\u201d&@/|+#-]{0,59}?"
_WORDS = rf"(?P<label>{_NAME}|{_PHONE})[\"\u201d]?"
# Runs of blanks are taken whole: parted in every way, they would take the square of their length.
_LABEL = rf"{_WORDS}\s*+(?P<notes>(?:\([^()]{{0,40}}\)\s*+){{0,2}})"
_BEFORE_TAB = rf"{_WORDS}[^\S\t]*+(?P<notes>(?:\([^()]{{0,40}}\)[^\S\t]*+){{0,2}})"
_BLANKS = re.compile(r"\s{3,}")
_SECONDS = r"\d{1,6}(?:\.\d{1,6})?\s?s?"  # `[12.5s - 17.0s]`
_IN_SECONDS = re.compile(
    rf"\s{{0,8}}[\[(]\s?{_SECONDS}(?:\s?-{{1,2}}>?\s?{_SECONDS})?\s?[\])]\s*+(?=\S)"
)
# Of a chat: `10:15:02 From Jane Roe to Everyone:`
_ADDRESSED = re.compile(
    rf"(?P<time>[\[(]?{TIME}[\])]?)\s++From\s++(?P<label>[^:]{{1,60}}?)(?:\s++to\s++[^:]{{1,60}})?\s?:"
)
_END_TIME = re.compile(rf"#{TIME}(?:-\d{{1,3}})?#\Z")  # `... the end. #00:00:03-5#`
_TEXT_TIME = re.compile(rf"\s*+(?:[\[(](?P<at>{TIME})[\])])\s*+")  # `Jane: [0:05] Hello`
_NUMBER = r"\d{1,4}(?:[.)]\s++|\s{2,}+)"
_PICTURE = re.compile(
    "\\A[\U0001f000-\U0001faff\u2600-\u27bf\u200d\ufe0f]{1,9} ?"
)  # `🤖 Bot: Hello`
_QUOTES = '"\u201c\u201d'  # `"Agent": "Hello"`
_LEAD = (
    rf"\A[\s.]*+(?:>{{2,3}}\s*+|[-\u2013\u2014\u2022]\s++|#{{1,6}}\s++|{_NUMBER})?"
    r"[*_]{0,2}[\"\u201c]?"
)
_DAY = r"(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4},?[ T]\s*+)?"  # of a chat, not of a call
_SPAN = rf"(?:\s*+(?:-{{1,2}}>|[-\u2013\u2014]|to)\s*+{TIME})?"  # where a turn ends
_AT = rf"(?:[\[(]?{_DAY}(?P<at>{TIME}){_SPAN}[\])]?\s*+[-\u2013|]?\s*+[*_]{{0,2}})?"
_COLON = "[:\uff1a]"
_BARE = r"[^\W_][^|:]{0,40}?"
_FORMS: tuple[tuple[Form, re.Pattern[str]], ...] = (
    ("colon", re.compile(rf"\A\|?\s*+[\[(]?(?P<at>{TIME}){_SPAN}[\])]?\s*+\|\s*+(?P<label>{_BARE})"
                         r"(?P<notes>)\s*+\|\s*+(?P<text>[^|]*)\|?\s*+")),
    ("colon", re.compile(rf"\A\|?\s*+(?P<label>{_BARE})(?P<notes>)\s*+\|\s*+[\[(]?(?P<at>{TIME})"
                         rf"{_SPAN}[\])]?\s*+\|\s*+(?P<text>[^|]*)\|?\s*+")),
    ("heading", re.compile(rf"{_LEAD}{_LABEL}[*_]{{0,2}}\s*+(?:(?<=\s)[-\u2013|@]?|,)\s*+"
                           rf"[\[(]?(?P<at>{TIME}){_SPAN}[\])]?:?(?P<text>)\s*+")),
    ("heading", re.compile(rf"{_LEAD}[\[(]?(?P<at>{TIME}){_SPAN}[\])]?\s++[-\u2013|]?\s*+{_LABEL}"
                           r"(?P<text>)")),
    ("colon", re.compile(rf"{_LEAD}{_LABEL}\s*+[\[(](?P<at>{TIME}){_SPAN}[\])]\s*+:?\s*+"
                         r"(?P<text>.*)", re.S)),
    ("colon", re.compile(rf"{_LEAD}{_LABEL}(?:(?<=\s\s)|(?<=\t))(?P<at>{TIME}){_SPAN}"
                         r"(?:\s\s|\t)\s*+(?P<text>\S.*)", re.S)),
    ("bracket", re.compile(rf"{_LEAD}{_AT}[\[<]{_LABEL}[\]>]\s*+(?P<own>{TIME})?[*_]{{0,2}}\s*+:?"
                           r"\s*+(?P<text>.*)", re.S)),
    ("round", re.compile(rf"{_LEAD}{_AT}\({_LABEL}\)\s*+:?\s*+(?P<text>.*)", re.S)),
    ("colon", re.compile(rf"{_LEAD}{_AT}{_LABEL}[*_]{{0,2}}\s*+{_COLON}(?!//)"
                         r"(?!(?<=\d:)\d\d\b)[*_]{0,2}(?P<text>.*)", re.S)),
    ("dash", re.compile(rf"{_LEAD}{_AT}{_BEFORE_TAB}(?:\t(?:\s*+[-\u2013\u2014]\s)?"
                        r"|(?<=\s)[-\u2013\u2014]\s|[-=]?[>\u2192\u00bb]{1,2}(?=\s)|[|~=](?=\s))"
                        r"\s*+(?P<text>.*)", re.S)),
    ("dash", re.compile(rf"{_LEAD}{_LABEL}(?<=\s)(?P<at>{TIME}){_SPAN}\s++(?P<text>\S.*)", re.S)),
    ("alone", re.compile(rf"{_LEAD}{_LABEL}[*_]{{0,2}}\s*+(?P<text>)")),
)  # fmt: skip
_NUMBERED = re.compile(
    r"(?:speaker|spk|channel|ch|participant|person|party|voice)[ _-]?(?:\d{1,2}|[a-f])|[A-F]", re.I
)


class Labelled(NamedTuple):
    """A line that may begin a turn. label: with what stands in brackets behind it, but a time."""

    form: Form
    label: str
    text: str
    at: float | None


def side_of_direction(word: str) -> str:
    """The side that wrote what went this way; the word itself where it is no direction."""
    direction = direction_of(word)
    return {"inbound": "customer", "outbound": "agent"}[direction] if direction else word


def labelled(line: str, *, only: Form | None = None) -> Labelled | None:
    """The label that a line may begin with: whether it is one is for all lines together to say.

    only: the one form that is looked for; else all but those of WEAK.
    """
    line = _PICTURE.sub("", line)
    line = _BLANKS.sub(lambda blanks: "\t" if "\t" in blanks[0] else "  ", line)
    line = _IN_SECONDS.sub("", line, count=1) if _IN_SECONDS.match(line) else line
    line = _ADDRESSED.sub(r"\g<time> \g<label>:", line, count=1) if "From" in line else line
    line = _END_TIME.sub("", line) if line.endswith("#") else line
    for form, pattern in _FORMS:
        match = pattern.fullmatch(line) if _is_wanted(form, only) else None
        if match and (form != "round" or _is_plainly_speaker(match["label"])):
            parts = _of_groups(form, match.groupdict(default=""))
            is_quoted = line.lstrip()[:1] in _QUOTES and parts.text[:1] in _QUOTES
            return parts._replace(text=parts.text.strip(f"{_QUOTES},")) if is_quoted else parts
    return None


def _of_groups(form: Form, parts: dict[str, str]) -> Labelled:
    """parts: the groups of a pattern, empty where the line has none."""
    notes = re.findall(r"\(([^()]*)\)", parts["notes"])
    times = [seconds(note.strip()) for note in notes]
    label = parts["label"].strip().strip("\"'")
    names = [note.strip() for note, at in zip(notes, times, strict=True) if at is None]
    full = f"{label} ({', '.join(filter(None, names))})" if any(names) else label
    text = parts["text"].strip()
    before = _TEXT_TIME.match(text)
    if before and before.end() < len(text):
        times.append(seconds(before["at"]))
        text = text[before.end() :]
    written = seconds(parts.get("at") or parts.get("own") or "")
    at = next((at for at in (written, *times) if at is not None), None)
    return Labelled(form, full, text, at)


def _is_plainly_speaker(label: str) -> bool:
    """`(Agent)` is; `(pause)` is a note."""
    return is_role(label) or is_numbered(label)


def _is_wanted(form: Form, only: Form | None) -> bool:
    return form == only if only else form not in WEAK


def seconds(time: str) -> float | None:
    """`01:02:03.5` in seconds from the start, frames left out; None for another text."""
    if not re.fullmatch(TIME, time) or time[-1] in "Mm":
        return None
    total = 0.0
    for part in re.split("[:;]", time.replace(",", "."))[:3]:
        total = total * 60 + float(part)
    return total


def speaker(label: str) -> Speaker | None:
    """The side of this label; None when it names no role (`Duration: 9 minutes`).

    `Customer Care` is the company; `Jane Roe (Guest)` is what her brackets say.
    """
    name, _, note = label.partition("(")
    return _side(name) or _side(note)


def direction_of(word: str) -> Direction | None:
    """Which way a message went, by the word of another program: `incoming`, `Outbound-API`."""
    plain = word.strip().casefold()
    return "inbound" if plain in _INBOUND else "outbound" if plain in _OUTBOUND else None


def _side(label: str) -> Speaker | None:
    words = re.findall(r"[^\W_]+", label.casefold())
    roles = [place for place, word in enumerate(words) if word in CUSTOMER]
    if any(word in AGENT for word in words):  # first: `Customer Support` is an agent
        return "agent"
    if not roles:
        return None
    return "agent" if any(word in DEPARTMENT for word in words[roles[0] + 1 :]) else "customer"


def is_role(label: str) -> bool:
    """Does the label name a side, and nothing else but names? `the manager` is the words of a turn
    that goes on.
    """
    words = re.findall(r"[^\W_]+|&", label.partition("(")[0])
    known = AGENT | CUSTOMER | DEPARTMENT
    capital = any(word[0].isupper() for word in words)
    return speaker(label) is not None and all(
        word.casefold() in known
        or word[0].isupper()
        or word.isdigit()
        or len(word) == 1
        or (capital and word in _SMALL and place > 0)
        for place, word in enumerate(words)
    )


def is_numbered(label: str) -> bool:
    """`Speaker 2`, `spk_0`, `B`, or a telephone number."""
    return bool(_NUMBERED.fullmatch(label)) or is_phone(label)


def is_phone(label: str) -> bool:
    return re.fullmatch(_PHONE, label) is not None and sum(map(str.isdigit, label)) >= 7


def is_name(label: str) -> bool:
    """Is the label written like the name of somebody: up to four words, with capitals?"""
    words = re.findall(r"[^\W_][\w.'\u2019-]*", label.partition("(")[0])
    return 0 < len(words) <= 6 and all(
        word[0].isupper() or word[0].isdigit() or word in _SMALL for word in words
    )


def display_name(label: str) -> str:
    """The name of a speaker for people: without `(she/her)`."""
    name, bracket, note = label.partition("(")
    words = set(re.findall(r"[^\W_]+", note.casefold()))
    plain = name if words and words <= _PRONOUNS else name + bracket + note
    return " ".join(plain.split())

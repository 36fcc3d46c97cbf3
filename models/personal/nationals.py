"""National numbers of people: of tax, insurance and registers, by their checksum or their name.

Behind its name ("my NI number is") a number is personal by its form alone, mistyped or not. Without
one it needs a form of its own, or the country of the brand and a checksum.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import stdnum.br.cpf
import stdnum.ca.sin
import stdnum.ch.ssn
import stdnum.cn.ric
import stdnum.de.idnr
import stdnum.es.dni
import stdnum.es.nie
import stdnum.fr.nir
import stdnum.in_.aadhaar
import stdnum.in_.pan
import stdnum.it.codicefiscale
import stdnum.jp.in_
import stdnum.kr.rrn
import stdnum.mx.curp
import stdnum.mx.rfc
import stdnum.nl.bsn
import stdnum.pl.pesel
import stdnum.ru.inn
import stdnum.se.personnummer
import stdnum.tr.tckimlik
import stdnum.za.idnr

from models.personal.masks import MASK


@dataclass(frozen=True, slots=True)
class Number:
    """One kind of number. names: what people call it. form: how it is written.

    is_valid: its checksum; None where it has none. at_home: it is found without its name where the
    brand answers in this country. anywhere: so distinct that checksum and form alone tell it.
    """

    country: str
    names: str
    form: str
    is_valid: Callable[[str], bool] | None = None
    at_home: bool = False
    anywhere: bool = False


def _valid(module: object) -> Callable[[str], bool]:
    check: Callable[[str], bool] = module.is_valid  # type: ignore[attr-defined]
    return check


_S = r"[ \u00a0.\-]?"
_NUMBERS = (
    Number("US", r"itin|ein", rf"\d{{3}}{_S}\d\d{_S}\d{{4}}"),
    Number("GB", r"ni(?:no)?|national insurance", rf"[a-z]{{2}}{_S}\d\d{_S}\d\d{_S}\d\d{_S}[a-d]"),
    Number("GB", "nhs", rf"\d{{3}}{_S}\d{{3}}{_S}\d{{4}}"),
    Number(
        "IN", r"aadh?aa?r|aadhar|uidai?", rf"\d{{4}}{_S}\d{{4}}{_S}\d{{4}}",
        _valid(stdnum.in_.aadhaar), at_home=True,
    ),
    Number("IN", "pan", r"[a-z]{5}\d{4}[a-z]", _valid(stdnum.in_.pan), anywhere=True),
    Number(
        "CN", r"identity card|resident id|身份证号?码?",
        r"\d{17}[\dx]", _valid(stdnum.cn.ric), anywhere=True,
    ),
    Number("ID", r"nik|ktp", r"\d{16}"),
    Number("PK", r"(?:cnic|nicop)", r"\d{5}-?\d{7}-?\d"),
    Number("NG", r"nin|bvn", r"\d{11}"),
    Number("BD", "nid", r"\d{10}|\d{13}|\d{17}"),
    Number(
        "BR", r"cpf", r"\d{3}\.?\d{3}\.?\d{3}[\-/ ]?\d\d",
        _valid(stdnum.br.cpf), at_home=True,
    ),
    Number("BR", r"rg", r"\d{1,2}\.?\d{3}\.?\d{3}-?[\dx]"),
    Number("RU", r"inn|инн", r"\d{12}", _valid(stdnum.ru.inn), at_home=True),
    Number("RU", r"snils|снилс", r"\d{3}-?\d{3}-?\d{3}[ \-]?\d\d"),
    Number(
        "MX", "curp",
        r"[a-z]{4}\d{6}[hmx][a-z]{5}[a-z\d]\d", _valid(stdnum.mx.curp), anywhere=True,
    ),
    Number(
        "MX", "rfc",
        rf"[a-zñ&]{{4}}{_S}\d{{6}}{_S}[a-z\d]{{3}}", _valid(stdnum.mx.rfc), at_home=True,
    ),
    Number(
        "JP", r"my ?number(?: card)?|individual number|マイナンバー",
        r"\d{4}[ \-]?\d{4}[ \-]?\d{4}",
        _valid(stdnum.jp.in_),
    ),
    Number("EG", r"national id", r"[23]\d{13}"),
    Number("PH", r"sss|philsys|umid|tin", r"\d{2,4}-?\d{4,7}-?\d{1,4}(?:-?\d{4})?"),
    Number(
        "DE", r"steuer-?id(?:ent)?(?:nr|nummer|ifikationsnummer)?|idnr|tax id|tin",
        rf"\d\d{_S}\d{{3}}{_S}\d{{3}}{_S}\d{{3}}", _valid(stdnum.de.idnr), at_home=True,
    ),
    Number("DE", r"personalausweis(?:nummer)?|ausweis(?:nummer|nr)?", r"[a-z]\d[a-z\d]{7,8}"),
    Number(
        "DE", r"(?:sozial|renten)versicherungsnummer|sv-?nummer",
        rf"\d\d{_S}\d{{6}}{_S}[a-z]{_S}\d{{3}}",
    ),
    Number(
        "FR", r"nir|(?:(?:num[ée]ro|n°|no\.?) de )?s[ée]cu(?:rit[ée] sociale)?",
        rf"[12]{_S}\d\d{_S}\d\d{_S}(?:\d\d|2[ab]){_S}\d{{3}}{_S}\d{{3}}(?:{_S}\d\d)?",
        _valid(stdnum.fr.nir), anywhere=True,
    ),
    Number(
        "IT", r"codice fiscale|cod\. ?fisc\.?|c\.?f\.?",
        r"[a-z]{6}\d\d[a-z]\d\d[a-z]\d{3}[a-z]", _valid(stdnum.it.codicefiscale), anywhere=True,
    ),
    Number(
        "ES", r"dni|nif",
        r"\d{2}\.?\d{3}\.?\d{3}[ \-]?[a-z]", _valid(stdnum.es.dni), at_home=True,
    ),
    Number("ES", r"nie", r"[xyz][ \-]?\d{7}[ \-]?[a-z]", _valid(stdnum.es.nie), at_home=True),
    Number("CA", r"sin|social insurance", rf"\d{{3}}{_S}\d{{3}}{_S}\d{{3}}", _valid(stdnum.ca.sin)),
    Number("AU", r"tfn|tax file", rf"\d{{3}}{_S}\d{{3}}{_S}\d{{2,3}}"),
    Number("AU", r"medicare", rf"\d{{4}}{_S}\d{{5}}{_S}\d"),
    Number(
        "KR", r"rrn|resident(?: registration)?|주민등록번호",
        r"\d{6}-?[1-8]\d{6}", _valid(stdnum.kr.rrn), at_home=True,
    ),
    Number(
        "NL", r"bsn|burgerservicenummer|sofinummer",
        rf"\d{{4}}{_S}\d\d{_S}\d{{3}}|\d{{9}}", _valid(stdnum.nl.bsn),
    ),
    Number("PL", "pesel", r"\d{11}", _valid(stdnum.pl.pesel), at_home=True),
    Number(
        "TR", r"t\.?c\.?(?: kimlik)?|kimlik",
        r"[1-9]\d{10}", _valid(stdnum.tr.tckimlik), at_home=True,
    ),
    Number(
        "SE", r"personnummer|personnr|pnr",
        r"(?:19|20)?\d{6}[\-+]?\d{4}", _valid(stdnum.se.personnummer), at_home=True,
    ),
    Number("DK", r"cpr|personnummer", r"[0-3]\d[01]\d{3}[ \-]?\d{4}"),
    Number("NO", r"f[øo]dselsnummer|fnr|personnummer", r"[0-7]\d[0-5]\d{3} ?\d{5}"),
    Number("FI", r"hetu|henkil[öo]tunnus", r"[0-3]\d[01]\d{3}[\-+a-f]\d{3}[a-z\d]"),
    Number(
        "CH", r"ahv|avs|oasi",
        r"756\.?\d{4}\.?\d{4}\.?\d\d", _valid(stdnum.ch.ssn), anywhere=True,
    ),
    Number("ZA", r"sa id", r"\d{6} ?\d{4} ?\d\d ?\d", _valid(stdnum.za.idnr), at_home=True),
    Number(
        "BE", r"(?:rijksregister|nationaal)(?:nummer)?|registre national|niss",
        r"\d\d\.?\d\d\.?\d\d[ \-]?\d{3}[. ]?\d\d",
    ),
    Number("PT", r"nif|contribuinte", rf"[1235689]\d\d{_S}\d{{3}}{_S}\d{{3}}"),
    Number("IE", r"ppsn?", r"\d{7}[a-w][a-i]?"),
    Number("IN", r"voter id|epic", r"[a-z]{3}\d{7}"),
)  # fmt: skip

_BRITISH = re.compile(
    r"(?<!\w)(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d\d){3} ?[A-D](?!\w)"
)
_LINK = (
    r"[ \t]{0,2}(?:card|number|num|no|nr|nummer|id|code|#)?(?!\w)[.:#]?[ \t]{0,2}"
    r"(?:is|was|are|ist|est|es|é|è|jest|är|er|on file)?[ \t]{0,2}[:=#(\"'\-]{0,2}\s?[ \t]{0,2}"
)
_BEHIND_NAMES = [
    re.compile(
        rf"(?<![\w\[])(?:{number.names})(?!\w){_LINK}(?P<number>{number.form})(?!\w)", re.IGNORECASE
    )
    for number in _NUMBERS
]
# What a text in small letters holds where there is anything to find.
_ANY_NAME = re.compile("|".join(rf"(?:{number.names})(?!\w)" for number in _NUMBERS))
_ANY_FORM = re.compile(
    r"\d{4}[a-z]|\d{6}[hmx]|\d\d[a-z]\d\d|\d{17}|756\.?\d{4}"
    r"|[12][ .\-]?\d\d[ .\-]?\d\d[ .\-]?(?:\d\d|2[ab])[ .\-]?\d{3}"
)
_FORMS = [
    re.compile(rf"(?<![\w.,/=#@&+\-])(?:{number.form})(?!\w|[.,\-/]\w)", re.IGNORECASE)
    for number in _NUMBERS
]


def national_numbers(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    lower = text.lower()
    for pattern in _BEHIND_NAMES if _ANY_NAME.search(lower) else ():
        for match in pattern.finditer(text):
            yield match.span("number")
    yield from _without_a_name(text, lower, country)


def _without_a_name(text: str, lower: str, country: str | None) -> Iterator[tuple[int, int]]:
    for match in _BRITISH.finditer(text):
        yield match.span()
    is_likely = _ANY_FORM.search(lower) is not None
    for number, pattern in zip(_NUMBERS, _FORMS, strict=True):
        is_home = number.at_home and number.country == country
        if number.is_valid and (is_home or (number.anywhere and is_likely)):
            matches = [match for match in pattern.finditer(text) if number.is_valid(match[0])]
            yield from (match.span() for match in matches if not _is_of_an_order(text, match))


def _is_of_an_order(text: str, match: re.Match[str]) -> bool:
    """Whether the words in front call it the number of something else."""
    return bool(_OTHER.search(text, max(0, match.start() - 40), match.start()))


_OTHER = re.compile(
    r"(?<![A-Za-z])(?:order|tracking|track|case|ticket|ref|reference|invoice|item|sku|serial|imei"
    r"|parcel|shipment|package|pedido|protocolo|factura|fatura|bestellung|rechnung|sendung\w{0,8}"
    r"|commande|facture|colis|ordine|zam[óo]wienie|utr|transaction|txn)s?"
    rf"(?:[ .]{{0,2}}(?:number|num|no|nr|id|#))?[^\w\n{MASK}]{{0,4}}(?:is|was)?[ :#]{{0,2}}\Z",
    re.IGNORECASE,
)

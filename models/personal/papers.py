"""What stands on papers and devices: documents, plates, social security numbers, dates of birth."""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.personal.codes import IS, count_digits

_FLAGS = re.ASCII | re.IGNORECASE
_NUMBER_OF = r"(?:[ -]?(?:number|num|no|nr|nummer|id|code|#)(?:'s)?(?!\w)\.?){0,2}"

_PASSPORT = re.compile(
    rf"(?<![\w\[])(?:passport|reisepass|passeport|pasaporte|passaporto|passaporte|paspoort|paszport"
    rf"|green card)(?!\w){_NUMBER_OF}{IS}(?P<code>[A-Z0-9]{{7,9}})(?!\w)",
    _FLAGS,
)
_LICENCE = re.compile(
    rf"(?<![\w\[])(?:driv(?:er'?s?|ing) licen[cs]e|f[uü]hrerschein|permis(?: de conduire)?"
    rf"|carnet de"
    rf" conducir|patente|rijbewijs|cnh)(?!\w){_NUMBER_OF}{IS}(?P<code>[A-Z0-9][A-Z0-9\-]{{6,19}})"
    r"(?!\w)",
    re.IGNORECASE,
)
_PLATE = re.compile(
    rf"(?<![\w\[])(?:(?:licen[cs]e|number|reg(?:istration)?) plate|number ?plate|car reg"
    rf"(?:istration)?"
    rf"|kennzeichen)(?!\w){_NUMBER_OF}{IS}"
    r"(?P<code>[A-Z]{1,3}[ \-]?\d{1,4}[ \-]?[A-Z]{0,3}|\d{1,3}[ \-]?[A-Z]{2,3}"
    r"(?:[ \-]?\d{1,4})?)(?!\w)",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    rf"(?<![\w\[])(?:imei|meid|iccid|imsi)(?!\w){_NUMBER_OF}{IS}"
    r"(?P<code>\d{2}[ \-]?\d{6}[ \-]?\d{6}[ \-]?\d{1,2}|\d{14,20})(?!\w)",
    _FLAGS,
)


def passports(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for match in _PASSPORT.finditer(text):
        if count_digits(match["code"]) >= 4:
            yield match.span("code")


def licences(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for match in _LICENCE.finditer(text):
        if count_digits(match["code"]) >= 4:
            yield match.span("code")


def plates(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for match in _PLATE.finditer(text):
        yield match.span("code")


def devices(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for match in _DEVICE.finditer(text):
        yield match.span("code")


_SSN = re.compile(
    r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])"
    r"|(?<![\w\[])(?:ssn|social(?: security)?(?: (?:number|no|#)\.?)?)(?!\w)"
    rf"{IS}(?P<code>\d{{3}}[ .\-]?\d\d[ .\-]?\d{{4}})(?!\w)",
    _FLAGS,
)


def social_security_numbers(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for match in _SSN.finditer(text):
        yield match.span("code" if match["code"] else 0)


_MONTH = (
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mär|mai|okt|dez|janv|fév|avr|juin"
    r"|juil|août"
    r"|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|fev|out|mrt|mei|maj)\w{0,8}\.?"
)
_DAY = r"\d{1,2}(?:st|nd|rd|th|er)?\.?"
_BORN = re.compile(
    r"(?<![\w\[])(?:dob|d\.o\.b|date of birth|birth ?date|birthday|born|geboren|geburtsdatum|geb"
    r"|née?|date de naissance|fecha de nacimiento|nacid[oa]|nato|nata|data di nascita|nascid[oa]"
    r"|data de nascimento|geboortedatum|urodzon[ya]|data urodzenia|född|født)(?!\w)"
    r"(?:'s|\.)?(?: (?:on|am|le|el|il|em|op|den))?"
    rf"{IS}(?P<date>"
    r"\d{1,2}[/.\-]\d{1,2}[/.\-](?:\d{4}|\d\d)|\d{4}[/.\-]\d\d[/.\-]\d\d"
    rf"|{_DAY}(?: (?:of|de))? {_MONTH},?(?: de)? \d{{4}}|{_MONTH} {_DAY},? \d{{4}})(?!\w)",
    re.IGNORECASE,
)


def dates_of_birth(text: str, country: str | None = None) -> Iterator[tuple[int, int]]:
    for match in _BORN.finditer(text):
        yield match.span("date")

"""`earshot sql`: one statement as the read-only login, and its rows as a table, JSON or CSV."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TextIO

import asyncpg
from rich.text import Text

from stream.errors import DatabaseAway, UserError
from stream.postgres.database import CONNECT_SECONDS, dsn, why_away
from stream.postgres.metered import Metered
from stream.postgres.sql_table import print_rows

Format = Literal["table", "json", "lines", "csv"]

SECONDS = 10.0
# What a connection says that was cut. The first is an error of Postgres's, to asyncpg.
_CUT = (asyncpg.ConnectionDoesNotExistError, ConnectionError)
_GRACE = 2.0  # for Postgres to say itself that the time is over

# Read as Postgres writes them: a Python date ends in the year 9999 and knows no infinity.
_AS_TEXT = ("timestamptz", "timestamp", "date", "time", "timetz", "interval")
_NUMBERS = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric", "oid"})
_NOT_TEXT = _NUMBERS | frozenset(
    {*_AS_TEXT, "bool", "uuid", "bytea", "json", "jsonb", "inet", "cidr"}
)
# Where a spreadsheet may begin a cell: at the start, and behind what some programs split at, quoted
# or not. There a formula begins with one of these, after OWASP; also in full width, and behind what
# is not seen.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # but tab and the ends of lines
_FORMULA = re.compile(
    r"(?:^|(?<=[;|\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]))"
    r"(?=[ \x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\xa0\xad\u0300-\u036f\u061c\u115f\u1160\u1680\u17b4"
    r"\u17b5\u180b-\u180f\u2000-\u200f\u202a-\u202f\u205f-\u206f\u20d0-\u20ff\u2800\u3000\u3164"
    r"\ufe00-\ufe0f\ufe20-\ufe2f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
    r"[=+\-@\uff1d\uff0b\uff0d\uff20\u2212\ufe62\ufe63\ufe66\ufe6b])"
    r"|^(?=[\t\r])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # would steer the terminal


class SqlRefused(UserError):
    """The statement cannot be run; the message is Postgres's own reason, on one line."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The answer. kinds: Postgres's type of each column. more: rows were left out because of the
    limit.
    """

    columns: tuple[str, ...]
    kinds: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    more: bool = False


async def run_sql(
    url: str,
    statement: str,
    *,
    limit: int | None = None,
    seconds: float = SECONDS,
    max_bytes: int | None = None,
    bound: bool = False,
) -> Rows:
    """Run one statement in a read-only transaction at `url`, the reader's login; at most `limit`
    rows of its answer.

    max_bytes: of the answer. bound: the login sees some brands alone, so no plan is shown to it:
    plans count rows that it does not see. Raises SqlRefused when Postgres refuses it, when it takes
    longer than `seconds` or its answer is larger than `max_bytes`, and DatabaseAway.
    """
    if not statement.strip():
        raise SqlRefused("there is no statement to run")
    connection = await _connect(url, seconds)
    meter = None if max_bytes is None else Metered(connection, max_bytes)
    try:
        async with asyncio.timeout(seconds + _GRACE):
            return await _answer(connection, statement, limit, bound=bound)
    except TimeoutError:
        raise SqlRefused(_too_long(seconds)) from None
    except asyncpg.QueryCanceledError:
        raise SqlRefused(_too_long(seconds)) from None
    except UnicodeEncodeError:
        raise SqlRefused("the statement is not valid UTF-8") from None
    except (*_CUT, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        if max_bytes is not None and meter is not None and meter.is_full:
            raise SqlRefused(_too_large(max_bytes)) from None
        raise SqlRefused(f"this statement cannot be run here: {_line(str(error))}") from None
    except asyncpg.PostgresError as error:
        raise _refused(error) from None
    finally:
        connection.terminate()  # whatever the statement left open goes with it


def write(answer: Rows, form: Format, out: TextIO) -> None:
    """Write the rows to `out`.

    csv: after RFC 4180, a header line and the rows; a text that a spreadsheet would run begins with
    an apostrophe. json: one array of objects; lines: an object a line. Times are in ISO 8601,
    numbers are numbers unless that would lose digits. What a terminal would obey does not reach
    one.
    """
    if form == "csv" and out.isatty():
        page = io.StringIO(newline="")
        _write_csv(answer, page)
        out.write(_CONTROLS.sub("\N{REPLACEMENT CHARACTER}", page.getvalue()))
    elif form == "csv":
        _write_csv(answer, out)
    elif form in ("json", "lines"):
        _write_json(answer, out, lines=form == "lines")
    else:
        _write_table(answer, out)


async def _connect(url: str, seconds: float) -> asyncpg.Connection:
    settings = {
        "application_name": "earshot sql",
        "timezone": "UTC",
        "datestyle": "ISO, YMD",
        "intervalstyle": "postgres",
        "default_transaction_read_only": "on",
        "statement_timeout": str(round(seconds * 1000)),
    }
    try:
        connection = await asyncpg.connect(
            dsn(url), timeout=CONNECT_SECONDS, server_settings=settings
        )
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise SqlRefused(
            f"the read-only login was refused: {_line(str(error))}; run `earshot migrate`, "
            "or set EARSHOT_DATABASE_READER_URL"
        ) from None
    except (
        Exception
    ) as error:  # why_away knows which of asyncpg's, the system's and the pool's errors are meant
        if (reason := why_away(error)) is None:
            raise
        raise DatabaseAway(f"{reason} ({_line(str(error))})") from error
    for name in _AS_TEXT:
        await connection.set_type_codec(
            name, schema="pg_catalog", format="text", encoder=str, decoder=str
        )
    return connection


async def _answer(
    connection: asyncpg.Connection, statement: str, limit: int | None, *, bound: bool
) -> Rows:
    await connection.execute("begin read only")
    prepared = await connection.prepare(statement)
    attributes = prepared.get_attributes()
    if bound and [attribute.name for attribute in attributes] == ["QUERY PLAN"]:
        raise SqlRefused(
            "a plan counts rows of every brand; who is bound to some cannot ask for it"
        )
    if limit is None:
        rows = await prepared.fetch()
    else:
        rows = await (await prepared.cursor()).fetch(limit + 1)
    return Rows(
        tuple(attribute.name for attribute in attributes),
        tuple(attribute.type.name for attribute in attributes),
        tuple(tuple(_plain(value) for value in row) for row in rows[:limit]),
        more=limit is not None and len(rows) > limit,
    )


def _refused(error: asyncpg.PostgresError) -> SqlRefused:
    if isinstance(error, asyncpg.PostgresSyntaxError) and "multiple commands" in str(error):
        return SqlRefused("one statement at a time, please")
    hint = getattr(error, "hint", None)
    return SqlRefused(_line(f"{error.args[0]}{f'; {hint}' if hint else ''}"))


def _too_long(seconds: float) -> str:
    return (
        f"the statement took longer than {seconds:g} s; "
        "narrow it down, for instance by brand or by time"
    )


def _too_large(max_bytes: int) -> str:
    return (
        f"the answer is larger than {max_bytes / 1_000_000:g} MB; "
        "ask for fewer rows or columns, or for shorter ones with left(column, 1000)"
    )


def _line(words: str) -> str:
    return " ".join(words.split())


def _plain(value: Any) -> Any:
    """What a cell holds as None, bool, int, float, Decimal, str or a list of these."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if value is None or isinstance(value, bool | int | float | Decimal | str):
        return value
    if isinstance(value, bytes | memoryview):
        return f"\\x{bytes(value).hex()}"
    if isinstance(value, list | tuple | asyncpg.Record):
        return [_plain(item) for item in value]
    return str(value)


def _write_csv(answer: Rows, out: TextIO) -> None:
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([harmless(name) for name in answer.columns])
    for row in answer.rows:
        writer.writerow([_cell(value, kind) for value, kind in zip(row, answer.kinds, strict=True)])


def _cell(value: Any, kind: str) -> str:
    words = _words(value)
    return words if kind in _NOT_TEXT else harmless(words)


def harmless(words: str) -> str:
    """A cell of text that no spreadsheet takes for a formula."""
    return _FORMULA.sub("'", words)


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return json.dumps(_jsonable(value, ""), ensure_ascii=False)
    return str(value)


def _write_json(answer: Rows, out: TextIO, *, lines: bool) -> None:
    kinds = dict(zip(answer.columns, answer.kinds, strict=True))
    if len(kinds) < len(answer.columns):
        raise SqlRefused("two columns have the same name; give one of them another with `as`")
    objects = (
        {
            name: _jsonable(value, kind)
            for (name, kind), value in zip(kinds.items(), row, strict=True)
        }
        for row in answer.rows
    )
    records = [
        _CONTROLS.sub(
            lambda control: f"\\u{ord(control[0]):04x}", json.dumps(record, ensure_ascii=False)
        )
        for record in objects
    ]
    if lines:
        out.writelines(f"{record}\n" for record in records)
    else:
        array = ",\n ".join(records)
        out.write(f"[{array}]\n")


def _jsonable(value: Any, kind: str) -> Any:
    if isinstance(value, list):
        return [_jsonable(item, kind.removeprefix("_").removesuffix("[]")) for item in value]
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, str) and kind in ("json", "jsonb"):
        return json.loads(value)
    if isinstance(value, str) and kind in ("timestamptz", "timestamp"):
        return _iso(value)
    return value


def _number(value: Decimal) -> int | float | str:
    """As a JSON number if that says the same, else as its digits."""
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int):  # that of NaN and of infinity is a letter
        if exponent >= 0:
            return int(value)
        if Decimal(repr(float(value))) == value:
            return float(value)
    return str(value)


def _iso(moment: str) -> str:
    """2026-03-12 12:00:00+00 -> 2026-03-12T12:00:00+00:00; `infinity` and the years before Christ
    stay as they are.
    """
    return re.sub(r"^(\d{4,}-\d\d-\d\d) (\S+?)(?:([+-]\d\d)(:\d\d)?)?\Z", _iso_parts, moment)


def _iso_parts(parts: re.Match[str]) -> str:
    zone = f"{parts[3]}{parts[4] or ':00'}" if parts[3] else ""
    return f"{parts[1]}T{parts[2]}{zone}"


def _write_table(answer: Rows, out: TextIO) -> None:
    if answer.columns:
        print_rows(
            [_printable(name).plain for name in answer.columns],
            [[_printable(_words(value)) for value in row] for row in answer.rows],
            [kind in _NUMBERS for kind in answer.kinds],
            out,
        )
    print(_count(answer), file=out)


def _printable(words: str) -> Text:
    return Text(_CONTROL.sub("\ufffd", words))


def _count(answer: Rows) -> str:
    count = len(answer.rows)
    if answer.more:
        return f"the first {count:,} rows; there are more"
    return "1 row" if count == 1 else f"{count:,} rows"

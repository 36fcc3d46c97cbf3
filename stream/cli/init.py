"""`earshot init`: a commented brands.toml and .env, from five questions or from options."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import available_timezones

import typer
from pydantic import ValidationError

from connectors.network import wrong_setting
from stream.brands import BrandsError, parse
from stream.errors import UserError
from stream.settings import Settings, read_settings

T = TypeVar("T")

# What else the .env offers, commented out: its line is what a person takes the # from.
_OFFERED = {
    "home": "~/.earshot",
    "database_url": "postgresql://earshot:secret@db:5432/earshot",
    "alerts": "alerts.toml",
    "base_url": "https://earshot.example.com",
    "port": "8080",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """What the two files say. hours: days and times as in brands.toml, always when empty."""

    brand: str
    handles: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    locale: str = "en-US"
    time_zone: str = "UTC"
    hours: tuple[tuple[str, str], ...] = ()
    trade: str | None = None
    broker: str | None = None


@dataclass(frozen=True, slots=True)
class Typed:
    """Options as they were typed: the answers, or what is proposed in a question."""

    handles: str
    trade: str
    time_zone: str
    hours: str
    broker: str

    def desk(self, brand: str) -> Desk:
        """Raises UserError."""
        return Desk(
            brand,
            _handles(self.handles),
            trade=_trade(self.trade),
            time_zone=_zone(self.time_zone),
            hours=_hours(self.hours),
            broker=_broker(self.broker),
        )

    def ask(self) -> Desk:
        """The five questions; a wrong answer is asked for again, with what was wrong."""
        try:
            return Desk(
                _question("Name of your brand", None, _name),
                _question("Its accounts, comma between", self.handles, _handles),
                trade=_question(
                    "What it trades in, as airline, bank, shop", self.trade, _trade, "anything"
                ),
                time_zone=_question("Time zone of its desk", self.time_zone, _zone),
                hours=_question(
                    "When it is staffed, as 'mon-fri 08:00-20:00'", self.hours, _hours, "always"
                ),
                broker=_broker(self.broker),
            )
        except typer.Abort:
            if sys.stdin.isatty():
                raise
            raise UserError(
                "the answers ended before the questions; nothing is written. "
                "Without a terminal give options: earshot init --brand NAME --handle ACCOUNT"
            ) from None


def add_to(app: typer.Typer) -> None:
    app.command()(init)


def init(
    brand: Annotated[
        str | None, typer.Option("--brand", help="Name of your brand; with it nothing is asked.")
    ] = None,
    handles: Annotated[
        list[str] | None, typer.Option("--handle", help="An account of the brand; repeatable.")
    ] = None,
    words: Annotated[
        list[str] | None,
        typer.Option("--word", help="What else names it; repeatable. Its name otherwise."),
    ] = None,
    trade: Annotated[
        str, typer.Option(help="What it trades in, as the taxonomy has it; anything otherwise.")
    ] = "",
    locale: Annotated[str, typer.Option(help="Language and country that it answers in.")] = "en-US",
    time_zone: Annotated[str, typer.Option(help="Where its desk sits.")] = "UTC",
    hours: Annotated[
        str, typer.Option(help="When it is staffed: 'mon-fri 08:00-20:00, sat 09:00-18:00'.")
    ] = "",
    broker: Annotated[
        str, typer.Option(help="Kafka's host:port[,host:port]; the embedded broker otherwise.")
    ] = "",
    folder: Annotated[Path, typer.Option("--in", help="Folder that the two files go into.")] = Path(
        "."
    ),
    force: Annotated[bool, typer.Option("--force", help="Write over files that exist.")] = False,
) -> None:
    """Write a commented brands.toml and .env for your own brand, from five questions or options.

    Both are read by what reads them later, before they are written. Existing files stay.
    """
    paths = [folder / "brands.toml", folder / ".env"]
    _refuse_existing(paths, folder, force)
    typed = Typed(",".join(handles or ()), trade, time_zone, hours, broker)
    desk = typed.ask() if brand is None else typed.desk(_name(brand))
    desk = replace(desk, words=tuple(words or _words_of(desk.brand)), locale=locale)
    _check(desk)
    _write(paths[0], brands_file(desk), 0o644, force)
    _write(paths[1], env_file(desk, paths[0].absolute()), 0o600, force)  # passwords come in here
    listed = " and ".join(map(str, paths))
    print(f"{listed} are written. Next: set -a; . {_source(paths[1])}; set +a; earshot up")


def _question(
    words: str, default: str | None, read: Callable[[str], T], empty: str | None = None
) -> T:
    """empty: what no answer means. default: None where there must be an answer."""

    def checked(typed: str) -> T:
        try:
            return read(typed)
        except UserError as error:
            raise typer.BadParameter(str(error)) from None

    prompt = f"{words} [{default or empty}]" if default or empty else words
    answer: T = typer.prompt(prompt, default=default, show_default=False, value_proc=checked)
    return answer


def _name(typed: str) -> str:
    name = _printable(typed.strip(), "--brand")
    if not name:
        raise UserError("--brand: a brand has a name")
    _check(Desk(name))
    return name


def _handles(typed: str) -> tuple[str, ...]:
    """Accounts without @, each once."""
    handles = [_printable(part.strip().lstrip("@＠"), "--handle") for part in typed.split(",")]
    distinct = {handle.casefold(): handle for handle in reversed(handles) if handle}
    names = tuple(reversed(distinct.values()))
    for name in names:
        try:
            _check(Desk("a brand", (name,)))
        except UserError:
            raise UserError(f"--handle {name}: is no account; write it like SkyNorthAir") from None
    return names


def _trade(typed: str) -> str | None:
    """As the taxonomy of the settings has it, in any case."""
    from stream.bootstrap.loading import check_trade

    trade = typed.strip().casefold() or None
    if trade is None:
        return None
    try:
        check_trade(read_settings(), trade)
    except BrandsError as error:
        raise UserError(f"--trade {typed}: {str(error).partition('trade: ')[2]}") from None
    return trade


def _words_of(name: str) -> tuple[str, ...]:
    """The name itself, where it can be looked for in a text."""
    try:
        _check(Desk(name, words=(name,)))
    except UserError:
        return ()
    return (name,)


def _zone(typed: str) -> str:
    """A name of the tz database, in any case, with blanks for underscores."""
    folded = typed.strip().replace(" ", "_").casefold()
    for zone in available_timezones():
        if zone.casefold() == folded:
            return zone
    raise UserError(f"--time-zone {typed}: is no time zone; write one like Europe/London")


def _hours(typed: str) -> tuple[tuple[str, str], ...]:
    """ "mon-fri 08:00-20:00, sat 09:00-18:00" by days and times."""
    pairs = []
    for part in filter(None, map(str.strip, typed.split(","))):
        days, _, times = part.partition(" ")
        pairs.append((_printable(days.lower(), "--hours"), times.strip()))
    if len(dict(pairs)) < len(pairs):
        raise UserError(f"--hours {typed}: the same days twice; brands know one span a day")
    try:
        _check(Desk("a brand", hours=tuple(pairs)))
    except UserError:
        raise UserError(
            f"--hours {typed}: are no hours; write them like mon-fri 08:00-20:00, sat 09:00-18:00"
        ) from None
    return tuple(pairs)


def _broker(typed: str) -> str | None:
    broker = typed.strip() or None
    _check(Desk("a brand", broker=broker))
    return broker


def _printable(text: str, option: str) -> str:
    if not text.isprintable():
        raise UserError(f"{option} {text!r}: has characters that cannot be printed")
    return text


def _check(desk: Desk) -> None:
    """Have the real loaders read it. Raises UserError."""
    try:
        parse(brands_file(desk), Path("brands.toml"))
        Settings(broker=desk.broker)
    except BrandsError as error:
        raise UserError(str(error).removesuffix("; correct it there")) from None
    except ValidationError as error:
        raise UserError(wrong_setting(error, "EARSHOT_")) from None


def brands_file(desk: Desk) -> str:
    hours = ", ".join(f"{_key(days)} = {_quoted(times)}" for days, times in desk.hours)
    trade = f"trade = {_quoted(desk.trade)}" if desk.trade else '# trade = "airline"'
    staffed = f"hours = {{ {hours} }}" if hours else '# hours = { mon-fri = "08:00-20:00" }'
    return f"""\
# The brands that earshot listens for: a [[brand]] for each.

[[brand]]
# What tickets, alerts and queries call it.
name = {_quoted(desk.brand)}
# Its own accounts, without @. A message that names one is about the brand; one by them is its own.
handles = {_list(desk.handles)}
# What else names it, in any case. An everyday word ("delta", "apple") catches much else.
words = {_list(desk.words)}
# What it trades in: topics of other trades are never named for it; without this: all may be.
{trade}
# The language and country that it answers in.
locale = {_quoted(desk.locale)}
# Where its desk sits and when it is staffed, by which promises run; without hours: always.
time_zone = {_quoted(desk.time_zone)}
{staffed}
# Where it listens; without this: everywhere.
# networks = ["x", "bluesky", "mastodon"]
# What is answered without a person; without this: every answer is approved by one.
# automatic = {{ topics = ["praise"], severity = 1 }}
"""


def env_file(desk: Desk, brands: Path) -> str:
    lines = [
        "# Settings of earshot. Into the environment of your shell: set -a; . ./.env; set +a",
        "# These are the ones that are set first. All of them stand in deploy/env.example.",
        *_setting("brands", shlex.quote(str(brands)), offered=False),
        *_setting("broker", desk.broker or "broker1:9092", offered=desk.broker is None),
    ]
    for name, value in _OFFERED.items():
        lines += _setting(name, value, offered=True)
    return "\n".join(lines) + "\n"


def _setting(name: str, value: str, *, offered: bool) -> list[str]:
    """offered: commented out."""
    meaning = Settings.model_fields[name].description
    return ["", f"# {meaning}", f"{'#' if offered else ''}EARSHOT_{name.upper()}={value}"]


def _key(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else _quoted(text)


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's escapes are among its own."""
    return json.dumps(text, ensure_ascii=False)


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, values))}]"


def _source(path: Path) -> str:
    """As a shell's `.` takes it: a name without a folder would be looked for in PATH."""
    target = str(path) if path.is_absolute() else f"./{path}"
    return shlex.quote(target)


def _refuse_existing(paths: Sequence[Path], folder: Path, force: bool) -> None:
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; make it first")
    existing = [str(path) for path in paths if path.exists() or path.is_symlink()]
    if existing and not force:
        verb = "is" if len(existing) == 1 else "are"
        raise UserError(
            f"{' and '.join(existing)} {verb} there already and nothing is written; "
            "--force writes over existing files, --in FOLDER puts them elsewhere"
        )


def _write(path: Path, text: str, mode: int, force: bool) -> None:
    """Whole or not at all. Raises UserError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(os.fsencode(text))
        if force:
            draft.replace(path)
        else:
            os.link(draft, path)  # which fails where somebody was faster
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    finally:
        with suppress(OSError):
            draft.unlink()

"""Notices: alerts in words, and the interface of the sinks that send them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol

from connectors.base import ConnectorError

Kind = Literal["raised", "recovered", "digest", "test"]


class SinkError(ConnectorError):
    """A sink cannot be used as it is set up: which one, and what is missing or wrong."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to a sink.

    id: names the message for ever; a receiver that knows it may drop a second one. alert: the
    alert's id, the same when it is raised and when it is over. quotes: what customers wrote,
    redacted, and never anything but data. link: where to go on. parts: the notices of a digest.
    """

    id: str
    alert: str
    kind: Kind
    severity: int
    title: str
    at: datetime
    brand: str | None = None
    topic: str | None = None
    facts: tuple[tuple[str, str], ...] = ()
    quotes: tuple[str, ...] = ()
    link: str | None = None
    parts: tuple[Notice, ...] = field(default=())

    @property
    def headline(self) -> str:
        """One line, also for those who read nothing else."""
        if self.kind in ("digest", "test"):
            return self.title
        state = "Over" if self.kind == "recovered" else f"Severity {self.severity}"
        return f"{state}: {self.title}"


def trial(sink: str, at: datetime, link: str | None) -> Notice:
    """A message by which people see whether a sink works."""
    return Notice(
        id=f"test/{at.isoformat()}",
        alert="test",
        kind="test",
        severity=1,
        title="A test message from earshot: alerts will come here",
        at=at,
        facts=(("Sink", sink),),
        link=link,
    )


class Sink(Protocol):
    """One way out. `send` returns the receiver's answer.

    Raises NotSent: with retry_after, seconds until it may work again; without, it never will.
    Raises SentUnknown when it may have arrived.
    """

    name: str

    async def send(self, notice: Notice) -> str: ...

    async def close(self) -> None: ...


OpenSink = Callable[..., Sink]  # (name, options, *, allow_private)


def plain(notice: Notice, quotes: int = 3) -> str:
    """The notice as text, a line each: no name of a brand or topic begins a line of its own."""
    lines = [notice.headline, *(f"{name}: {value}" for name, value in notice.facts)]
    lines += [f"> {one_line(quote, 300)}" for quote in notice.quotes[:quotes]]
    lines += [f"- {part.headline}" for part in notice.parts]
    lines = [one_line(line, 1000) for line in lines]
    if notice.link:
        lines.append(notice.link)
    return "\n".join(lines)


def one_line(text: str, longest: int) -> str:
    """`text` without line ends and other control characters, cut at `longest` characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(printable.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def shortened(notice: Notice, parts: int) -> Notice:
    """A digest with at most so many parts; the others are counted."""
    if len(notice.parts) <= parts:
        return notice
    more = ("and", f"{len(notice.parts) - parts} more")
    return replace(notice, parts=notice.parts[:parts], facts=(*notice.facts, more))


def text_option(
    options: Mapping[str, Any], name: str, sink: str, default: str | None = None
) -> str:
    """An option of a sink. Raises SinkError when it is missing or no text."""
    value = options.get(name, default)
    if not isinstance(value, str) or not value.strip():
        raise SinkError(f"the sink {sink} needs `{name}`, a text")
    return value


def only_known(options: Mapping[str, Any], known: set[str], sink: str) -> None:
    """Raises SinkError for an unknown option: a typing error must not pass in silence."""
    unknown = sorted(options.keys() - known)
    if unknown:
        raise SinkError(
            f"the sink {sink} has no option `{unknown[0]}`; it has {', '.join(sorted(known))}"
        )

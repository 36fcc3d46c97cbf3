"""Files in the public formats as events: recognised by their header, in constant memory."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from connectors.base import Cursor, FormatError, SourceError
from connectors.events import Event, Events, SourcedEvent
from connectors.formats import calls, transcripts
from connectors.formats.head import FORMATS, FileHead, read_head, recognised
from connectors.formats.readers import READERS, order_in, otherwise
from connectors.formats.rows import BadRow, OnBadRow
from connectors.formats.times import Order
from connectors.skipped import TALLY
from connectors.tabular.text_file import Position, TextFile

LABELS = "labels.csv"  # beside calls: how they went, for `earshot evaluate calls`

__all__ = ["FORMATS", "BadRow", "FileSource", "OnBadRow", "open_file"]


class FileSource:
    """One replay of a file (or of a folder of transcripts). Iterate it once, in a thread: reading
    blocks.

    format: one of FORMATS. note: how it is read where that is
    open, a line each, or ''. total,
    done: bytes of the file (files of a folder), for a progress bar.
    Reading raises SourceError when the file breaks off, such as a damaged .gz.
    """

    def __init__(
        self,
        path: Path,
        format: str,
        file: TextFile | None,
        events: Iterator[SourcedEvent],
        total: int,
        brand: str | None,
        note: str = "",
    ) -> None:
        self.path = path
        self.note = note
        self.name = f"file:{path.resolve()}"
        self.format = format
        self.total = total
        self._file = file
        self._events = events
        self._brand = brand
        self._files_done = 0

    @property
    def done(self) -> int:
        return self._file.done if self._file else self._files_done

    def __iter__(self) -> Events:
        try:
            for event, cursor in self._events:
                self._files_done += 1
                branded = self._branded(event)
                if branded is None:
                    TALLY.add("other_brand")
                else:
                    yield SourcedEvent(branded, cursor)
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(f"{self.path}: cannot be read to its end: {error}") from error
        self._files_done = self.total

    def _branded(self, event: Event) -> Event | None:
        """The event if it is of the source's brand; one without a brand becomes one of it."""
        if self._brand is None:
            return event
        if event.brand is not None:
            return event if _same_brand(event.brand, self._brand) else None
        # twcs names a brand wherever there is one: the others belong to no brand
        return None if self.format == "twcs" else event.model_copy(update={"brand": self._brand})


def _same_brand(brand: str, other: str) -> bool:
    """`Virgin America` and `@virginamerica` are the same."""
    return re.sub(r"[\s@]", "", brand).casefold() == re.sub(r"[\s@]", "", other).casefold()


def open_file(
    path: Path,
    format: str | None = None,
    *,
    brand: str | None = None,
    after: Cursor | None = None,
    text: str | None = None,
    day_first: bool | None = None,
    on_bad_row: OnBadRow,
) -> FileSource:
    """The events of a file. format: None: recognised by its beginning.

    brand: of events that have none; of a file that names brands itself, only this brand's events
    are yielded (upper and lower case, spaces and @ do not matter; in twcs an event without a brand
    is left out). text: the column of a table's texts. day_first: how to read 03/04 in a table; by
    its other dates where None. after: the cursor of the last event that is done; reading goes on
    behind it.
    on_bad_row: called with each row that cannot be read; the rest goes on. Raises FormatError, in
    one line for a person, when there is nothing to read or the format is not known.
    """
    if format is not None and format not in FORMATS:
        raise FormatError(f"there is no format {format!r}; the formats are {', '.join(FORMATS)}")
    report = _Report(on_bad_row)
    try:
        if path.is_dir():
            return _open_folder(path, format, brand, after, report)
        head = read_head(path)
    except FileNotFoundError:
        raise FormatError(f"{path}: there is no such file") from None
    except (OSError, EOFError, zlib.error) as error:
        problem = getattr(error, "strerror", None)  # of the system's alone
        raise FormatError(f"{path}: cannot be read: {problem or error}") from None
    if text is not None:
        head, format = head.with_text(text), "complaints"
    format = format or recognised(head)
    file = TextFile(path, otherwise=otherwise(format, head))
    order = Order(day_first) if day_first is not None else order_in(file, format, head)
    head = replace(head, day_first=order.day_first)
    events = READERS[format](file, head, _position(after, file), report)
    if after is None:
        events = _or_report(events, report)
    return FileSource(path, format, file, events, file.total, brand, _note(format, head, order))


def _note(format: str, head: FileHead, order: Order) -> str:
    notes = [head.doubt] if format == "complaints" and head.doubt else []
    if order.open:
        notes.append(
            f"dates such as {order.open} are read with the month first, which nothing in the file"
            " proves; --day-first or --month-first chooses"
        )
    return "\n".join(notes)


class _Report:
    """Rows that cannot be read, handed on and counted."""

    def __init__(self, on_bad_row: OnBadRow) -> None:
        self.count = 0
        self._on_bad_row = on_bad_row

    def __call__(self, row: BadRow) -> None:
        self.count += 1
        TALLY.add(row.kind, row.size)
        self._on_bad_row(row)


def _or_report(events: Iterator[SourcedEvent], report: _Report) -> Iterator[SourcedEvent]:
    """The events of a whole file; one that has neither events nor bad rows says so."""
    count = 0
    for event in events:
        count += 1
        yield event
    if not count and not report.count:
        report(BadRow(1, "no message follows the first line", "file"))


def _open_folder(
    path: Path, format: str | None, brand: str | None, after: Cursor | None, on_bad_row: OnBadRow
) -> FileSource:
    texts = _files(path, calls.SUFFIXES)
    if not texts or format not in (None, "transcripts"):
        endings = ", ".join(f"*{suffix}" for suffix in calls.SUFFIXES)
        raise FormatError(
            f"{path}: is a folder; only a folder of transcripts ({endings}) can be replayed"
        )

    def events() -> Iterator[SourcedEvent]:
        _name_others(path, on_bad_row)
        last = None if after is None else str(after)
        yield from transcripts.of_folder(path, texts, last, on_bad_row)

    return FileSource(path, "transcripts", None, events(), len(texts), brand)


def _name_others(folder: Path, on_bad_row: OnBadRow) -> None:
    """Report what is no text with turns: tables each by its name, and the rest by its kinds."""
    for table in _files(folder, calls.TABLES):
        if table.name != LABELS:
            name = table.relative_to(folder).as_posix()
            on_bad_row(BadRow(1, f"{name}: is no text with turns; replay it by itself", "file"))
    rest = [file for file in _files(folder) if file.suffix.lower() not in calls.ENDINGS]
    if rest:
        endings = Counter(file.suffix.lower() or file.name for file in rest)
        kinds = ", ".join(f"{ending} ({count})" for ending, count in endings.most_common(8))
        subject = f"{len(rest)} files are" if len(rest) > 1 else "a file is"
        on_bad_row(BadRow(1, f"{subject} no text with turns: {kinds}", "file", len(rest)))


def _files(folder: Path, endings: Sequence[str] | None = None) -> list[Path]:
    """The files below a folder with one of these endings, by their paths; hidden ones are left
    out.
    """
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    visible = [path for path in paths if not any(part.startswith(".") for part in path.parts)]
    right = [path for path in visible if endings is None or path.suffix.lower() in endings]
    return [folder / path for path in sorted(right, key=lambda path: path.as_posix())]


def _position(after: Cursor | None, file: TextFile) -> Position | None:
    if after is None:
        return None
    if isinstance(after, str):  # a single text file is one call: it is done
        return Position(1, file.total)
    position = Position(*after)
    if position.byte > file.total and not file.is_recoded:
        raise FormatError(
            f"{file.path}: is shorter than where its reading stopped; replay it from the start"
        )
    return position

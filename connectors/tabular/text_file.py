"""Text files line by line, plain or gzip, in any encoding, with the position behind each line."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from connectors.tabular.encodings import Recoded, likely, recoding

GZIP_MAGIC = b"\x1f\x8b"
LINE_FEED = 10
HEAD = 1 << 16  # bytes that a format is recognised by
MAX_LINE = 1 << 20  # bytes; a message may have 256 KB
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # of today's spreadsheets, and of older ones
_STORES = {  # of tables, by how they begin
    **{b"PAR1": "a Parquet file", b"ARROW1": "an Arrow file", b"Obj\x01": "an Avro file"},
    **{b"ORC": "an ORC file", b"SQLite format 3": "a database"},
}
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
LIKELY = "likely"  # the encoding that the beginning of the file looks like


class Position(NamedTuple):
    """Where reading goes on. line: the lines before it. byte: its offset, of a .gz in its text."""

    line: int
    byte: int


START = Position(0, 0)


class Line(NamedTuple):
    text: str
    number: int
    end: int  # the offset of the byte after it
    damage: str | None


class TextFile:
    """A file that is read line by line in constant memory.

    A line ends at a line feed alone: exports are known to hold bare carriage returns within a text.
    A line that is not UTF-8 is read in the encoding `otherwise`, or is damaged where there is none.
    """

    def __init__(self, path: Path, *, otherwise: str | None = None) -> None:
        self.path = path
        self.total = path.stat().st_size
        with path.open("rb") as file:
            self.packed = file.read(2) == GZIP_MAGIC
        with self._unpacked() as file:
            head = file.read(HEAD)
        self._recoding = recoding(head)
        self.otherwise = likely(head) if otherwise == LIKELY else otherwise
        self._raw: BinaryIO | None = None

    @property
    def done(self) -> int:
        """Bytes of the file (packed ones, of a .gz) that have been read; `total` at the end."""
        if self._raw is None:
            return 0
        return self.total if self._raw.closed else self._raw.tell()

    @property
    def is_recoded(self) -> bool:
        """Are the positions those of a text that is not as the file holds it?"""
        return self.packed or self._recoding is not None

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        with self._unpacked() as file:
            if self._recoding is None:
                yield file
            else:
                yield io.BufferedReader(Recoded(file, *self._recoding), 1 << 16)

    @contextmanager
    def _unpacked(self) -> Iterator[BinaryIO]:
        with self.path.open("rb") as raw:
            self._raw = raw
            if self.packed:
                yield io.BufferedReader(gzip.GzipFile(fileobj=raw), 1 << 16)
            else:
                yield raw

    def head(self) -> bytes:
        """The first bytes, unpacked."""
        with self._opened() as file:
            block = file.read(HEAD)
        self._raw = None
        return block

    def is_longer_than(self, limit: int) -> bool:
        """Whether it has more bytes than these, unpacked; no more of it is read."""
        with self._opened() as file:
            while limit >= 0 and (block := file.read(min(limit + 1, HEAD))):
                limit -= len(block)
        self._raw = None
        return limit < 0

    def raw_lines(self, start: Position = START) -> Iterator[tuple[bytes, int, int, bool]]:
        """The lines from `start` on: (bytes, number, offset after it, was it cut off?)."""
        number, end = start
        with self._opened() as file:
            _skip(file, end)
            while raw := file.readline(MAX_LINE):
                number += 1
                end += len(raw)
                too_long = len(raw) == MAX_LINE and raw[-1] != LINE_FEED
                rest = raw if too_long else b""
                # The rest of an endless line is read and dropped.
                while rest and rest[-1] != LINE_FEED:
                    rest = file.readline(MAX_LINE)
                    end += len(rest)
                yield raw, number, end, too_long

    def lines(self, start: Position = START) -> Generator[Line]:
        for raw, number, end, too_long in self.raw_lines(start):
            damage = None
            try:
                text = raw.decode()
            except UnicodeDecodeError as error:
                text = raw.decode(self.otherwise or "utf-8", "replace")
                if self.otherwise is None:
                    damage = (
                        f"is not UTF-8 (byte 0x{raw[error.start]:02x} at column {error.start + 1})"
                    )
            if number == 1:
                text = text.removeprefix("\ufeff")
            if "\0" in text:
                damage = "holds a NUL byte"
            if too_long:
                text, damage = "too long\n", f"is longer than {MAX_LINE:,} bytes"
            if "\r" in text:
                text = text.rstrip("\r\n").replace("\r", " ") + "\n"
            yield Line(text, number, end, damage)


def fault_of(block: bytes) -> str:
    """Why the beginning of a file is none of a text, in words; '' where it may be one."""
    if block.startswith(_WORKBOOKS):
        return "is a workbook or an archive; save its sheet as CSV"
    for sign, kind in _STORES.items():
        if block.startswith(sign) and b"\0" in block:
            return f"is {kind}; export its table as CSV or JSON Lines"
    start = block[:4096]
    if b"\0" in block.partition(b"\n")[0] or len(_CONTROL.findall(start)) > len(start) // 20:
        return "is a binary file, not text"
    return ""


def _skip(file: BinaryIO, count: int) -> None:
    if file.seekable():
        file.seek(count)
        return
    while count > 0:
        count -= len(file.read(min(count, HEAD))) or count

"""Text in UTF-16, or with the line ends of old Macs, read as UTF-8 with line feeds."""

from __future__ import annotations

import codecs
import io
from contextlib import suppress
from typing import BinaryIO

from resiliparse.parse.encoding import detect_encoding

BLOCK = 1 << 16
_MOSTLY = 0.8  # of the letters are Hangul
_FEW = 6  # letters that are not ASCII say nothing certain of their encoding
_OF_WINDOWS = {  # which add letters to the others
    **{"iso8859-1": "cp1252", "iso8859-2": "cp1250", "iso8859-7": "cp1253", "iso8859-9": "cp1254"},
    **{"shift_jis": "cp932", "iso8859-5": "cp1251", "utf-8": "cp1252", "ascii": "cp1252"},
}
_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Recoded(io.RawIOBase):
    """The bytes of a text as UTF-8. macintosh: a carriage return ends a line."""

    def __init__(self, file: BinaryIO, encoding: str, macintosh: bool) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._macintosh = macintosh
        self._left = b""

    def readable(self) -> bool:
        return True

    # io promises any buffer and hands over memoryviews
    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            block = self._file.read(BLOCK)
            text = self._decoder.decode(block, final=not block)
            if self._macintosh:
                text = text.replace("\r", "\n")
            self._left = text.encode("utf-8", "replace")
            if not block:
                break
        part, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def recoding(head: bytes) -> tuple[str, bool] | None:
    """The encoding of a file that begins like this, and whether a carriage return alone ends its
    lines; None for a file that is read as it is.
    """
    encoding = _utf16(head)
    if encoding is not None:
        text = head[: len(head) // 2 * 2].decode(encoding, "replace")
        return encoding, _is_macintosh(text)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return None
    return ("utf-8", True) if _is_macintosh(text) else None


def likely(head: bytes) -> str:
    """The encoding of the lines that are not UTF-8, in a text that begins like this."""
    lines = b"\n".join(line for line in head.split(b"\n") if not _is_utf8(line))
    if sum(byte > 0x7F for byte in lines) < _FEW:
        return "cp1252"
    with suppress(UnicodeDecodeError):
        letters = [char for char in lines.decode("cp949") if char > "\x7f"]
        if sum("가" <= char <= "힣" for char in letters) > _MOSTLY * len(letters):
            return "cp949"
    name = detect_encoding(lines) or "cp1252"
    return _OF_WINDOWS.get(name, name)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _utf16(head: bytes) -> str | None:
    if head.startswith(_BYTE_ORDER_MARKS):
        return "utf-16"
    start = head[:512]
    for encoding, high in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        # Most letters of a table's first lines are ASCII: every second byte is 0.
        if len(start) >= 8 and high.count(0) > 0.9 * len(high) and start.count(0) < len(start):
            return encoding
    return None


def _is_macintosh(text: str) -> bool:
    return text.count("\r") > 1 and "\n" not in text

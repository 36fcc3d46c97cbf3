"""Pictures of replies: their type by content, their size, and nothing of where they were taken."""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator

from connectors.base import FormatError, Picture

LARGEST = 1_000_000  # bytes, Bluesky's limit; Mastodon takes more
MAX_PICTURES = 4  # of one reply, on both networks
LONGEST_ALT = 1_000  # characters; Mastodon takes 1,500
WIDEST = 8_192  # points of a side
MOST_POINTS = 4_096 * 4_096  # every Mastodon server takes them; who shows them needs 64 MiB
MOST_SCANS = 100  # of a JPEG: each is worth a pass over all points; cameras write ten or so

_PNG = b"\x89PNG\r\n\x1a\n"
# What a picture needs to be shown. Texts, times, places and further frames are left out.
_PNG_CHUNKS = {
    *(b"IHDR", b"PLTE", b"IDAT", b"IEND"),
    *(b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"pHYs"),
}
_JPEG = b"\xff\xd8"
_END, _SCAN, _COMMENT = 0xD9, 0xDA, 0xFE
_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive: what browsers and networks read
_APPLICATIONS = range(0xE0, 0xF0)
_EXIF = b"Exif\x00\x00"
_JFIF = b"\xff\xe0\x00\x10JFIF\x00"  # without a preview
_ORIENTATION = 0x0112
_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # the end of what is coded: another marker


def picture(content: bytes, alt: str) -> Picture:
    """The picture that a network may get: known by its content, whatever its name says.

    Metadata is left out (place, time, camera, comments); of it stays how a JPEG is turned. Raises
    FormatError for another format, a broken file, one too large, and missing words.
    """
    words = " ".join(alt.split())
    if not any(sign.isprintable() and sign != " " for sign in words):  # unseen signs are no words
        raise FormatError("say what the picture shows (alt), for people who cannot see it")
    if len(words) > LONGEST_ALT:
        raise FormatError(f"the words for the picture are longer than {LONGEST_ALT:,} characters")
    if content.startswith(_PNG):
        media_type, (clean, width, height) = "image/png", _png(content)
    elif content.startswith(_JPEG):
        media_type, (clean, width, height) = "image/jpeg", _jpeg(content)
    else:
        raise FormatError("this is no picture that networks take: send a PNG or a JPEG")
    if len(clean) > LARGEST:
        raise FormatError(
            f"the picture has {len(clean):,} bytes, and networks take {LARGEST:,}: make it smaller"
        )
    if not (0 < width <= WIDEST and 0 < height <= WIDEST):
        raise FormatError(f"a picture has 1 to {WIDEST:,} points a side; this has {width}x{height}")
    if width * height > MOST_POINTS:
        raise FormatError(
            f"the picture has {width * height:,} points ({width}x{height}), and networks take"
            f" {MOST_POINTS:,} (4096x4096): make it smaller"
        )
    return Picture(media_type, clean, words, width, height)


def _png(content: bytes) -> tuple[bytes, int, int]:
    """(the file without metadata, width, height). What follows its end is left out."""
    chunks = list(_chunks(content))
    kind, head = chunks[0]
    kinds = Counter(kind for kind, _ in chunks)
    if kind != b"IHDR" or len(head) != 25 or kinds[b"IHDR"] > 1 or not kinds[b"IDAT"]:
        raise _broken("PNG")
    width, height = struct.unpack(">II", head[8:16])
    return _PNG + b"".join(chunk for kind, chunk in chunks if kind in _PNG_CHUNKS), width, height


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, bytes) of each chunk up to the end."""
    at, kind = len(_PNG), b""
    while kind != b"IEND":
        if at + 12 > len(content):
            raise _broken("PNG")
        length, kind = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        chunk = content[at:end]
        if end > len(content) or struct.unpack(">I", chunk[-4:])[0] != zlib.crc32(chunk[4:-4]):
            raise _broken("PNG")
        yield kind, chunk
        at = end


def _jpeg(content: bytes) -> tuple[bytes, int, int]:
    """(the file without metadata, width, height). What follows its end is left out."""
    parts, sizes, turned, scans = [_JPEG], [], 1, 0
    for marker, segment in _segments(content):
        if segment[4:10] == _EXIF and marker == 0xE1:
            turned = _orientation(segment[10:])
            if turned != 1:
                parts.append(_only_orientation(turned))
        if marker in _FRAMES and len(segment) >= 9:
            sizes.append(struct.unpack(">HH", segment[5:9]))
        scans += marker == _SCAN
        if not _is_metadata(marker, segment):
            parts.append(_without_preview(segment))
    if len(sizes) != 1 or not 0 < scans <= MOST_SCANS:
        raise _broken("JPEG")
    [size] = sizes
    height, width = size if turned < 5 else size[::-1]  # from 5 on it lies on its side
    return b"".join(parts), width, height


def _is_metadata(marker: int, segment: bytes) -> bool:
    if marker == 0xE2:
        return not segment[4:].startswith(b"ICC_PROFILE\x00")  # its colours
    if marker in (0xE0, 0xEE):  # JFIF, and how Adobe stores colours
        return not segment[4:].startswith((b"JFIF\x00", b"Adobe"))
    return marker in _APPLICATIONS or marker == _COMMENT


def _without_preview(segment: bytes) -> bytes:
    """A head without its small picture: of what was there before somebody cut or blurred it."""
    is_head = segment[1] == 0xE0 and segment[4:9] == b"JFIF\x00"
    return _JFIF + segment[9:16] + b"\0\0" if is_head and len(segment) > 18 else segment


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, bytes) of each segment up to the end; what is coded belongs to its scan."""
    at = len(_JPEG)
    while at + 2 <= len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker == 0xFF:  # filled up
            at += 1
            continue
        if marker == _END:
            yield marker, content[at : at + 2]
            return
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        end = at + 2 + length
        if length < 2 or end > len(content):
            break
        if marker == _SCAN:
            following = _IN_SCAN.search(content, end)
            end = len(content) if following is None else following.start()
        yield marker, content[at:end]
        at = end
    raise _broken("JPEG")


def _orientation(tiff: bytes) -> int:
    """How a camera held the picture, 1 to 8; 1, upright, also where nothing readable says so."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        for place in range(min(count, 200)):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * place)
            if tag == _ORIENTATION and 1 <= value <= 8:
                return int(value)
    except struct.error:
        return 1
    return 1


def _only_orientation(turned: int) -> bytes:
    """An Exif segment that says this and nothing else."""
    entry = struct.pack(">HHIHH", _ORIENTATION, 3, 1, turned, 0)
    tiff = b"MM\x00*" + struct.pack(">IH", 8, 1) + entry + b"\x00" * 4
    payload = _EXIF + tiff
    return b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload


def _broken(name: str) -> FormatError:
    return FormatError(f"the {name} is broken or cut off: choose the file again")

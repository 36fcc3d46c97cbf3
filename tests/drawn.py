"""Small pictures, drawn byte by byte, with and without what cameras write into them."""

from __future__ import annotations

import struct
import zlib


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return (
        struct.pack(">I", len(payload))
        + kind
        + payload
        + struct.pack(">I", zlib.crc32(kind + payload))
    )


def png(width: int = 3, height: int = 2, *more: tuple[bytes, bytes], shade: int = 120) -> bytes:
    """more: chunks between the head and the points."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    points = b"".join(b"\x00" + bytes([shade]) * width for _ in range(height))
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", head),
            *(_chunk(kind, payload) for kind, payload in more),
            _chunk(b"IDAT", zlib.compress(points)),
            _chunk(b"IEND", b""),
        ]
    )


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(payload) + 2) + payload


def exif(turned: int | None, order: str = ">", place: bytes = b"") -> bytes:
    """As a camera writes it: how it was held, and where."""
    entries = [(0x010F, 2, 4, b"Cam\x00")]  # its maker
    if turned is not None:
        entries.append((0x0112, 3, 1, struct.pack(f"{order}HH", turned, 0)))
    tiff = (b"II*\x00" if order == "<" else b"MM\x00*") + struct.pack(f"{order}I", 8)
    tiff += struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in entries:
        tiff += struct.pack(f"{order}HHI", tag, kind, count) + value
    return segment(0xE1, b"Exif\x00\x00" + tiff + b"\x00" * 4 + place)


def jpeg(*segments: bytes, width: int = 30, height: int = 20, scans: int = 1) -> bytes:
    """The frame of a picture with scans that decode to nothing: networks' doors look no deeper."""
    frame = segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00")
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\xff\x00\x34\xff\xd3\x56"
    tables = segment(0xC4, b"\x00" + b"\x00" * 16)
    body = b"".join(tables + scan for _ in range(scans))
    return b"\xff\xd8" + b"".join(segments) + frame + body + b"\xff\xd9"

"""Pictures of replies are known by their content, and tell nobody where they were taken."""

from __future__ import annotations

import random
import struct
import zlib

import pytest
from drawn import exif, jpeg, png, segment

from connectors.base import FormatError
from connectors.pictures import LARGEST, LONGEST_ALT, MOST_POINTS, MOST_SCANS, picture

SECRET = b"51.5007N 0.1246W"
TOO_MANY_POINTS = [(8192, 8192), (4097, 4096), (4096, 4097), (8192, 2049), (2049, 8192)]
FRAME = segment(0xC0, struct.pack(">BHHB", 8, 8192, 8192, 1) + b"\x01\x11\x00")


def head(width: int, height: int) -> bytes:
    """A PNG that says so of itself: a small file may unpack to that many points."""
    whole = png(1, 1)
    return whole[:12] + _ihdr(width, height) + whole[33:]


def _ihdr(width: int, height: int) -> bytes:
    payload = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return payload + struct.pack(">I", zlib.crc32(payload))


@pytest.mark.parametrize(
    "content",
    [
        png(3, 2, (b"tEXt", b"Comment\x00" + SECRET)),
        png(3, 2, (b"eXIf", SECRET), (b"pHYs", b"\x00" * 9), (b"tIME", SECRET)),
        png(3, 2, (b"acTL", SECRET), (b"fdAT", SECRET)) + SECRET,
        png(3, 2) + b"<script>" + SECRET,
    ],
)
def test_a_png_goes_without_texts_places_further_frames_and_what_hangs_on_it(content):
    made = picture(content, "  a   map ")

    assert SECRET not in made.content
    assert (made.media_type, made.width, made.height, made.alt) == ("image/png", 3, 2, "a map")
    assert picture(made.content, "a map") == made, "clean is clean"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("turned", [None, 1, 3, 6, 8])
def test_a_jpeg_goes_without_what_the_camera_knew_and_stands_upright_all_the_same(turned, order):
    given = jpeg(
        segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
        exif(turned, order, SECRET),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + SECRET),
        segment(0xE2, b"MPF\x00" + SECRET),
        segment(0xED, SECRET),
        segment(0xFE, SECRET),
        segment(0xE2, b"ICC_PROFILE\x00colours"),
        scans=3,
    )

    made = picture(given + SECRET, "a map")

    assert SECRET not in made.content
    assert b"Cam" not in made.content
    assert b"colours" in made.content
    lies = turned in (6, 8)
    assert (made.width, made.height) == ((20, 30) if lies else (30, 20))
    kept = struct.pack(">HHIH", 0x0112, 3, 1, turned or 1)
    assert (kept in made.content) == (turned not in (None, 1))
    assert made.content.count(b"\xff\xda") == 3, "every scan is there"
    assert picture(made.content, "a map") == made


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no picture"),
        (b"GIF89a" + b"\x00" * 99, "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
        (b"%PDF-1.7", "no picture"),
        (png()[:-20], "broken"),
        (png().replace(b"IDAT", b"IDAX"), "broken"),
        (b"\x89PNG\r\n\x1a\n", "broken"),
        (jpeg()[:-2], "broken"),
        (jpeg()[:30], "broken"),
        (b"\xff\xd8\xff\xd9", "broken"),
        (b"\xff\xd8\xff\xe1\x00\x00", "broken"),
        (png(0, 2), "points"),
        (png(9000, 1), "points"),
        *((head(*size), "points.*4096x4096") for size in TOO_MANY_POINTS),
        *((jpeg(width=width, height=height), "4096x4096") for width, height in TOO_MANY_POINTS),
        (jpeg(exif(6), width=8192, height=2049), "2049x8192.*make it smaller"),
        (head(8192, 8192) + png(), "4096x4096"),
        (png(3, 2, (b"IHDR", struct.pack(">IIBBBBB", 8192, 8192, 8, 0, 0, 0, 0))), "broken"),
        (jpeg(FRAME), "broken"),
        (jpeg(scans=MOST_SCANS + 1), "broken"),
        (png(3, 2, (b"iCCP", random.Random(1).randbytes(LARGEST))), "smaller"),
    ],
)
def test_what_no_network_takes_is_refused_in_one_line(content, words):
    with pytest.raises(FormatError, match=words) as refused:
        picture(content, "a map")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("size", [(4096, 4096), (8192, 2048), (2048, 8192)])
def test_as_many_points_as_networks_take_are_taken(size):
    made = picture(head(*size), "a map")

    assert (made.width, made.height) == size
    assert made.width * made.height == MOST_POINTS
    assert picture(jpeg(width=size[0], height=size[1], scans=MOST_SCANS), "a map").width == size[0]


def test_a_preview_of_what_was_cut_away_goes_and_the_size_of_points_stays():
    head = b"JFIF\x00\x01\x02\x01\x00\x48\x00\x48"
    given = jpeg(segment(0xE0, head + b"\x01\x06" + SECRET + b"++"))

    made = picture(given, "a map")

    assert SECRET not in made.content
    assert segment(0xE0, head + b"\x00\x00") in made.content
    assert picture(made.content, "a map") == made


@pytest.mark.parametrize("alt", ["", " \n\t", "x" * (LONGEST_ALT + 1), "\u200b", "\u2060 \u00ad"])
def test_a_picture_has_words_for_who_cannot_see_it(alt):
    with pytest.raises(FormatError, match="picture"):
        picture(png(), alt)


def test_no_bytes_whatever_bring_it_down():
    chance = random.Random(17)
    for start in (png(), jpeg(exif(6)), jpeg(scans=2)):
        for _ in range(400):
            broken = bytearray(start)
            for _ in range(chance.randint(1, 6)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            try:
                made = picture(bytes(broken[: chance.randint(1, len(broken))]), "a map")
            except FormatError:
                continue
            assert len(made.content) <= len(start) + 40

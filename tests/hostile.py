"""Hostile inputs: what is nearly an event, a file or a mail, and goes wrong somewhere in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

SCRAPS = (
    *(
        b"",
        b"\x00",
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xc3",
        b"\xef\xbb\xbf",
        b"\r",
        b"\n",
        b"\r\n\r\n",
    ),
    *(b'"', b"'", b'""', b",", b";", b"\t", b"|", b"{", b"}", b"[", b"]", b":", b"\\", b"\\u0000"),
    *(b"\\ud800", b"\\udc00\\ud800", b"null", b"true", b"-1", b"1e999", b"NaN", b"9" * 400, b"0x1"),
    *(b"[" * 3000, b'{"a":' * 1500, b"(" * 500, b"<" * 50, b">", b"<!--", b"-->", b" --> ", b"--"),
    *(b"00:01 --> 00:02\n", b"WEBVTT\n", b"NOTE\n", b"Agent: ", b"(pause)\n", b"1\n", b"sep=,\n"),
    *(b"9999-12-31T23:59:59-14:00", b"0001-01-01T00:00:00+14:00", b"1700000000000", b"inf", b"-0"),
    *(
        b"Content-Type: multipart/mixed; boundary=a\n",
        b"--a\n",
        b"Content-Type: message/rfc822\n\n",
    ),
    *(
        b"Content-Transfer-Encoding: base64\n",
        b"Content-Transfer-Encoding: x-uuencode\n",
        b"=?a?q?",
    ),
    *(
        b"charset=utf-7",
        b"charset=hex",
        b"charset=idna",
        b"=?utf-8?b?/w=?=",
        b"From: \n",
        b"@",
        b"<>",
    ),
    *(b"Date: Thu, 99 Foo 99999 99:99:99 +9999\n", b"> ", b"\x1b[2J", "İﬁ\u202e\u0301".encode()),
)


class Edit(NamedTuple):
    """What stands at a place of an input, in 1000 parts of it, and how many bytes it takes away."""

    place: int
    removed: int
    scrap: bytes


_EDITS = st.lists(
    st.builds(
        Edit,
        st.integers(0, 1000),
        st.sampled_from((0, 0, 1, 2, 7, 60, 100_000)),
        st.one_of(st.sampled_from(SCRAPS), st.binary(max_size=12)),
    ),
    min_size=1,
    max_size=4,
)


def nearly(samples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """The samples with a few edits, scraps put together, and any bytes."""
    return st.one_of(
        st.builds(_edited, st.sampled_from(tuple(samples)), _EDITS),
        st.builds(_edited, st.sampled_from(tuple(samples)), _EDITS),
        st.lists(st.sampled_from(SCRAPS), max_size=12).map(b"".join),
        st.binary(max_size=300),
    )


def _edited(sample: bytes, edits: Sequence[Edit]) -> bytes:
    for place, removed, scrap in edits:
        at = len(sample) * place // 1000
        sample = sample[:at] + scrap + sample[at + removed :]
    return sample

"""Labelled mails of `data/mails`, built as programs send them, and what a reader keeps of each."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import SequenceMatcher
from pathlib import Path

from connectors.imap.mails import mail_event

MAILS = Path(__file__).parent / "data" / "mails"
OWN = "care@voltline.example"
_NAMES = ("From", "To", "Date", "Message-ID", "Subject")


@dataclass(frozen=True, slots=True)
class LabelledMail:
    """One mail. lines: label and line of the part that holds the message."""

    name: str
    program: str
    language: str
    kind: str
    is_held_out: bool
    raw: bytes
    lines: tuple[tuple[str, str], ...]
    author: str = "jane.roe@post.example"
    is_automatic: bool = False
    is_outbound: bool = False

    def kept(self, text: str) -> Kept:
        """Characters of each label that are in `text`: whole lines, else words in their order."""
        whole = Counter(" ".join(line.split()) for line in text.split("\n"))
        there: Counter[str] = Counter()
        total: Counter[str] = Counter()
        parts: list[tuple[str, str]] = []
        for label, line in self.lines:
            words = line.split()
            total[label] += sum(map(len, words))
            if whole[" ".join(words)]:
                whole[" ".join(words)] -= 1
                there[label] += sum(map(len, words))
            else:
                parts += [(label, word) for word in words]
        rest = [word for line in whole.elements() for word in line.split()]
        matcher = SequenceMatcher(None, [word for _, word in parts], rest, autojunk=False)
        for block in matcher.get_matching_blocks():
            for label, word in parts[block.a : block.a + block.size]:
                there[label] += len(word)
        return Kept(there, total)


@dataclass(slots=True)
class Kept:
    """Characters by label: those that a reader kept, and all."""

    there: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)

    def add(self, other: Kept) -> None:
        self.there += other.there
        self.total += other.total

    def share(self, labels: str) -> float:
        """Of the characters with one of these labels, those that were kept."""
        there = sum(self.there[label] for label in labels)
        return there / max(1, sum(self.total[label] for label in labels))


def labelled_mails() -> list[LabelledMail]:
    """Every mail of every file, in order."""
    return [mail for path in sorted(MAILS.glob("*.txt")) for mail in _mails(path)]


def _mails(path: Path) -> Iterable[LabelledMail]:
    for number, block in enumerate(re.split(r"(?m)^### ", path.read_text())[1:]):
        title, _, body = block.partition("\n")
        name, program, language, kind = (word.strip() for word in title.split("|"))
        yield _mail(name, program, language, kind, body, number % 3 == 2)


def _mail(
    name: str, program: str, language: str, kind: str, body: str, is_held_out: bool
) -> LabelledMail:
    head, *parts = re.split(r"(?m)^@(plain|html)\n", body.rstrip("\n"))
    headers = {
        "From": "Jane Roe <jane.roe@post.example>",
        "To": OWN,
        "Date": "Thu, 12 Mar 2026 12:00:00 +0000",
        "Message-ID": f"<{name}@post.example>",
        "Subject": "a letter",
    }
    if kind in ("top", "bottom", "inline"):
        headers |= {"Subject": "Re: a letter", "In-Reply-To": "<q1@voltline.example>"}
    expected: dict[str, str] = {}
    for line in head.splitlines():
        if line.startswith("! "):
            word, _, value = line[2:].partition(" ")
            expected[word] = value
        elif line.strip():
            key, _, value = line.partition(":")
            headers[key] = value.strip()
    texts = [(parts[at], _labels(parts[at + 1])) for at in range(0, len(parts), 2)]
    return LabelledMail(
        name,
        program,
        language,
        kind,
        is_held_out,
        _raw(headers, texts),
        tuple(_scored(texts)),
        author=expected.get("author", "jane.roe@post.example"),
        is_automatic="automatic" in expected,
        is_outbound="outbound" in expected,
    )


def _labels(part: str) -> list[tuple[str, str]]:
    lines = part.rstrip("\n").split("\n")
    return [(line[:1] or "n", line[2:]) for line in lines]


def _scored(texts: list[tuple[str, list[tuple[str, str]]]]) -> list[tuple[str, str]]:
    """The lines of the part with the customer's words, as words."""
    kind, lines = next(
        (part for part in texts if any(label == "o" for label, _ in part[1])), texts[0]
    )
    if kind == "plain":
        return [
            (label, re.sub(r"^[> ]*>\s?", "", line) if label in "nq" else line)
            for label, line in lines
        ]
    return [
        (label, html.unescape(re.sub(r"<[^>]*>", " ", line)))
        for label, line in lines
        if label != "-"
    ]


def _raw(headers: dict[str, str], texts: list[tuple[str, list[tuple[str, str]]]]) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers.items()] + ["MIME-Version: 1.0"]
    bodies = [
        (
            f"Content-Type: text/{kind}; charset=utf-8",
            "Content-Transfer-Encoding: 8bit",
            "",
            *(line for _, line in labelled),
        )
        for kind, labelled in texts
    ]
    if len(bodies) == 1:
        return "\r\n".join([*lines, *bodies[0], ""]).encode()
    lines += ['Content-Type: multipart/alternative; boundary="b0"', ""]
    for body in bodies:
        lines += ["--b0", *body]
    return "\r\n".join([*lines, "--b0--", ""]).encode()


def main() -> None:
    """Print the share of each label that the reader of mails keeps."""
    received = datetime(2026, 3, 12, 12, 5, tzinfo=UTC)
    shares = {True: Kept(), False: Kept()}
    for mail in labelled_mails():
        if not mail.is_automatic:
            event = mail_event(mail.raw, received, own=OWN, brand="VoltLine")
            shares[mail.is_held_out].add(mail.kept(event.text))
    for is_held_out, kept in shares.items():
        figures = ", ".join(f"{label} {kept.share(label):.4f}" for label in "oqsf")
        print("held out:" if is_held_out else "the rest:", figures)


if __name__ == "__main__":
    main()

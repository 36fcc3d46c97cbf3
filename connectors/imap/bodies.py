"""Body of a mail: the part that its writer wrote, in the character set that it really has."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

from connectors.events import unescaped
from connectors.imap.markup import is_markup, lines_of

_PART_LIMIT = 200
_LONG = 4_000  # characters of a part behind the first that is a file, not an answer
_SINGLE_BYTE = re.compile(r"cp\d+|iso8859|koi8|mac|ascii|latin")
_CONTROLS = re.compile(r"[\x80-\x9f]")
_SOFT_BREAK = re.compile(r"^((?!>|-- ?\r?$).*) \r?\n(?!>)", re.M)  # RFC 3676, of one's own words
_WORD = re.compile(r"\w+")
_NOT_WRITTEN = re.compile(r"<?https?://\S+|\[(?:image|cid|bild)[^\]]{0,200}\]", re.I)


@dataclass(frozen=True, slots=True)
class Body:
    """text: what was written. enclosed: the text of mails within. attached: that of files which are
    shown within the mail.
    """

    text: str
    enclosed: str = ""
    attached: str = ""


def body_of(mail: Message) -> Body:
    """The texts of a mail; where it has none, those of its files or of mails within are its own."""
    texts: list[str] = []
    files: list[str] = []
    enclosed: list[str] = []
    for part in _parts(mail):
        kind = part.get_content_type()
        if kind == "message/rfc822":
            enclosed += [body_of(inner).text for inner in _children(part)]
            continue
        text = _better(part) if kind == "multipart/alternative" else _text(part)
        (files if _is_file(part, text, is_first=not _joined(texts)) else texts).append(text)
    kinds = [_joined(texts), _joined(enclosed), _joined(files)]
    main = next(filter(None, kinds), "")
    return Body(main, *("" if text is main else text for text in kinds[1:]))


def unread_parts(mail: Message) -> int:
    """How many parts of a mail are no text of its body: attached files, pictures, and all behind
    the first 200.
    """
    leaves, waiting = list[Message](), [mail]
    while waiting:
        part = waiting.pop(0)
        if part.is_multipart():
            waiting = _children(part) + waiting
        else:
            leaves.append(part)
    unread = [part for part in leaves[:_PART_LIMIT] if not _is_read(part)]
    return len(unread) + len(leaves[_PART_LIMIT:])


def _is_read(part: Message) -> bool:
    is_text = part.get_content_type() in ("text/plain", "text/html")
    return is_text and part.get_content_disposition() != "attachment"


def _joined(texts: list[str]) -> str:
    return "\n\n".join(text for text in texts if text.strip())


def _is_file(part: Message, text: str, *, is_first: bool) -> bool:
    """Whether a text is a file that is shown within the mail: a log, a chat, a list's footer."""
    shows_file = part.get_content_disposition() == "inline" or len(text) > _LONG
    return bool(part.get_filename()) or (shows_file and not is_first)


def decoded(raw: bytes, charset: str | None) -> str:
    """The text of these bytes. A character set that they contradict is not believed: what calls
    itself iso-8859-1 is often windows-1252, or UTF-8 (WHATWG, Encoding).
    """
    name = _known(charset)
    candidates = [name] if name and not _SINGLE_BYTE.match(name) else ["utf-8", name]
    for candidate in filter(None, candidates):
        try:
            text = raw.decode(candidate)
        except ValueError:
            continue
        if not _CONTROLS.search(text):
            return text
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(raw) - 3:  # cut in the middle of a character
            return raw.decode("utf-8", "replace")
    likely = detect_encoding(raw) or "cp1252"
    return raw.decode("cp1252" if likely in ("utf-8", "ascii") else likely, "replace")


def _parts(mail: Message) -> Iterator[Message]:
    """Visible texts, alternatives of a text, and mails within; no attached files."""
    waiting, count = [mail], 0
    while waiting and count < _PART_LIMIT:
        part = waiting.pop(0)
        count += 1
        kind = part.get_content_type()
        if kind in ("message/rfc822", "multipart/alternative") and part.is_multipart():
            yield part
        elif part.is_multipart():
            waiting = _children(part) + waiting
        elif _is_read(part):
            yield part


def _children(part: Message) -> list[Message]:
    return [child for child in part.get_payload() if isinstance(child, Message)]


def _better(alternatives: Message) -> str:
    """The plain text; the markup's where the plain one is empty, a placeholder, or cut short."""
    leaves = [part for part in alternatives.walk() if not part.is_multipart()][:_PART_LIMIT]
    plain, marked = (
        next((t for p in leaves if p.get_content_type() == kind and (t := _text(p)).strip()), "")
        for kind in ("text/plain", "text/html")
    )
    if not marked.strip():
        return plain
    written, visible = _words(plain), _words(marked)
    shared = set(written) & set(visible)
    says_the_same = 2 * len(shared) >= len(set(written)) and 2 * len(written) >= len(visible)
    return plain if written and says_the_same else marked


def _words(text: str) -> list[str]:
    return _WORD.findall(_NOT_WRITTEN.sub(" ", text).lower())


def _text(part: Message) -> str:
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes):
        return ""
    charset = part.get_content_charset()
    if part.get_content_type() == "text/html":
        return lines_of(decoded(raw, charset or _declared(raw)))
    text = decoded(raw, charset)
    if str(part.get_param("delsp", "")).lower() == "yes":
        text = _SOFT_BREAK.sub(r"\1", text)
    return lines_of(text) if is_markup(text) else unescaped(text)


def _declared(markup: bytes) -> str | None:
    """The character set that the page itself names."""
    label = re.search(rb"<meta[^<>]{0,200}charset\s*=\s*[\"']?([\w-]{2,40})", markup[:4000], re.I)
    return label[1].decode() if label else None


def _known(charset: str | None) -> str | None:
    """Python's name of a character set, as browsers read that name; None where nobody knows it."""
    # A name of raw bytes, as in `=?\x80?q?bag?=`, is nobody's.
    label = (charset or "").encode("ascii", "replace").decode().strip().lower()
    name = map_encoding_to_html5(label, fallback_utf8=False)
    return codecs.lookup(name).name if name else None

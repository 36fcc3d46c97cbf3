"""Rules of X's filtered stream (queries of its search too) for a brand's words and handles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST = 512  # characters of a rule, and of a query of the recent search
TAG = "earshot"  # rules with another tag belong to others and stay as they are


@dataclass(frozen=True, slots=True)
class Rule:
    """value: in X's language, without sampling. tag: names earshot and the brand."""

    value: str
    tag: str

    def sampled(self, percent: int | None) -> Rule:
        """The same for about so many of a hundred posts; None: all of them."""
        return self if percent is None else Rule(f"{self.value} sample:{percent}", self.tag)


@dataclass(frozen=True, slots=True)
class Terms:
    """Words to listen for, and handles with or without @."""

    keywords: tuple[str, ...] = ()
    handles: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.keywords or self.handles)

    @property
    def name(self) -> str:
        """Names the cursor: other terms begin from now, with a cursor of their own."""
        handles = [f"@{handle.lstrip('@')}" for handle in self.handles]
        return ",".join(sorted([*self.keywords, *handles], key=str.casefold))

    def rules(self, *, brand: str | None, without: str | None) -> list[Rule]:
        """The rules that find them, as few as fit; reposts are left out: they bring no new text.

        without: a handle whose mentions come another way (the poller of the own account reads them
        for a fifth). Raises ValueError for a word that no rule can hold.
        """
        handles = [handle.lstrip("@") for handle in self.handles]
        if without is not None:
            handles = [name for name in handles if name.casefold() != without.casefold()]
        terms = [*(_phrase(word) for word in self.keywords), *(f"@{name}" for name in handles)]
        end = " -is:retweet" + (f" -@{without}" if without else "")
        room = LONGEST - len(end) - len(" sample:100") - 2
        return [
            Rule(f"({' OR '.join(part)}){end}", tag_of(brand))
            for part in _parts(list(dict.fromkeys(terms)), room)
        ]


def tag_of(brand: str | None) -> str:
    return f"{TAG}:{brand or ''}"


def _phrase(word: str) -> str:
    plain = " ".join(word.replace('"', " ").split())
    if not plain:
        raise ValueError(f"{word!r} holds no word to listen for")
    return plain if plain.startswith(("#", "$")) and " " not in plain else f'"{plain}"'


def _parts(terms: Sequence[str], room: int) -> Iterator[list[str]]:
    part: list[str] = []
    for term in terms:
        if len(term) > room:
            raise ValueError(f"{term!r} is longer than a rule of X may be ({room} characters)")
        if part and len(" OR ".join([*part, term])) > room:
            yield part
            part = []
        part.append(term)
    if part:
        yield part

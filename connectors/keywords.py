"""Keyword filter for networks that cannot filter: words and handles in the text of a post."""

from __future__ import annotations

import re
from collections.abc import Iterable


class KeywordFilter:
    """Finds keywords and handles in texts, whatever the case. A keyword may have several words;
    `#delta` is a tag.

    Raises ValueError when there is nothing to listen for.
    """

    def __init__(self, keywords: Iterable[str] = (), handles: Iterable[str] = ()) -> None:
        self.keywords = tuple(
            dict.fromkeys(" ".join(word.split()) for word in keywords if word.strip())
        )
        self.handles = tuple(
            dict.fromkeys(handle.strip().lstrip("@") for handle in handles if handle.strip(" @"))
        )
        patterns = [_whole(word) for word in self.keywords]
        patterns += [rf"(?<![\w@])@{re.escape(handle)}(?![\w@]|[.-]\w)" for handle in self.handles]
        if not patterns:
            raise ValueError("nothing to listen for: give a keyword, a handle or a brand")
        self._pattern = re.compile("|".join(patterns), re.IGNORECASE)

    def __call__(self, text: str) -> bool:
        return self._pattern.search(text) is not None

    @property
    def name(self) -> str:
        """Names the cursor: another filter begins from now, with a cursor of its own."""
        handles = [f"@{handle}" for handle in self.handles]
        return ",".join(sorted([*self.keywords, *handles], key=str.casefold))


def _whole(word: str) -> str:
    """The keyword as a word of its own: "delta" is found in "#Delta" and not in "deltas"."""
    parts = r"\s+".join(re.escape(part) for part in word.split())
    before = r"(?<!\w)" if re.match(r"\w", word) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", word) else ""
    return f"{before}{parts}{after}"

"""Who is who on Bluesky: handles to accounts (DIDs) and back, from the public interface, which is
free.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from typing import Any

import aiohttp

from connectors.base import SourceError
from connectors.guard import connector, refused

PUBLIC = "https://public.api.bsky.app"
_AT_ONCE = 25  # profiles that one question may ask for
_KEPT = 50_000


class People:
    """Remembers whom it has asked for. host: the public interface."""

    def __init__(
        self,
        *,
        host: str = PUBLIC,
        allow_private: bool = False,
        told: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._host = host.rstrip("/")
        self._allow_private = allow_private
        self._told = told
        self._known: OrderedDict[str, dict[str, Any]] = OrderedDict()

    async def resolve(self, handles: Iterable[str]) -> set[str]:
        """The accounts of those of these handles that exist. Raises SourceError when they cannot be
        looked up.
        """
        found = set()
        for handle in handles:
            if handle.startswith("did:"):
                found.add(handle)
                continue
            if "." not in handle:
                continue  # a handle of another network: Bluesky's are names of hosts
            status, answer = await self._ask(
                "com.atproto.identity.resolveHandle", [("handle", handle)]
            )
            if status == 400:
                self._told(
                    f"Bluesky: there is no account @{handle}; only its name in a text is listened for"
                )
                continue
            if status != 200:
                raise SourceError(
                    f"Bluesky: cannot look up @{handle} (HTTP {status})", retry_after=15.0
                )
            found.add(str(answer["did"]))
        return found

    async def profiles(self, dids: Collection[str]) -> dict[str, dict[str, Any]]:
        """`author` (the handle) and `followers` of these accounts; who cannot be told just now is
        left out.
        """
        missing = [did for did in dids if did not in self._known]
        for start in range(0, len(missing), _AT_ONCE):
            asked = [("actors", did) for did in missing[start : start + _AT_ONCE]]
            try:
                status, answer = await self._ask("app.bsky.actor.getProfiles", asked)
            except SourceError:
                break  # a post is worth more than the name of who wrote it
            for profile in answer.get("profiles", []) if status == 200 else []:
                self._known[profile["did"]] = {
                    "author": str(profile.get("handle") or profile["did"])[:300],
                    "followers": int(profile.get("followersCount") or 0),
                }
        known = {did: self._known[did] for did in dids if did in self._known}
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return known

    async def _ask(self, method: str, given: list[tuple[str, str]]) -> tuple[int, dict[str, Any]]:
        async with aiohttp.ClientSession(
            connector=connector(allow_private=self._allow_private),
            timeout=aiohttp.ClientTimeout(total=10),
        ) as session:
            try:
                async with session.get(
                    f"{self._host}/xrpc/{method}", params=given, allow_redirects=False
                ) as answer:
                    told = await answer.json(content_type=None) if answer.status == 200 else {}
                    return answer.status, told if isinstance(told, dict) else {}
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                if refused(error):
                    raise SourceError(f"Bluesky: {error}") from error
                raise SourceError(
                    f"Bluesky: {error or type(error).__name__}", retry_after=15.0
                ) from error

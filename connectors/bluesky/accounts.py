"""Accounts of Bluesky: handles to DIDs and back, from the public interface, which is free."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import aiohttp

from connectors.base import SourceError
from connectors.guard import connector, refused

PUBLIC = "https://public.api.bsky.app"
_BATCH = 25  # profiles of one request, the interface's limit
_CACHE_SIZE = 50_000


class AccountDirectory:
    """A cache of profiles. host: of the public interface. on_line: gets lines for the operator."""

    def __init__(
        self,
        *,
        host: str = PUBLIC,
        allow_private: bool = False,
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._host = host.rstrip("/")
        self._allow_private = allow_private
        self._on_line = on_line
        self._known: OrderedDict[str, dict[str, Any]] = OrderedDict()

    async def resolve(self, handles: Iterable[str]) -> set[str]:
        """The accounts of the handles that exist. Raises SourceError when the lookup fails."""
        accounts = set()
        for handle in handles:
            if handle.startswith("did:"):
                accounts.add(handle)
                continue
            if "." not in handle:
                continue  # a handle of another network: Bluesky's are names of hosts
            status, answer = await self._ask(
                "com.atproto.identity.resolveHandle", [("handle", handle)]
            )
            if status == 400:
                self._on_line(
                    f"Bluesky: there is no account @{handle}; "
                    "only its name in a text is listened for"
                )
                continue
            if status != 200:
                raise SourceError(
                    f"Bluesky: cannot look up @{handle} (HTTP {status})", retry_after=15.0
                )
            accounts.add(str(answer["did"]))
        return accounts

    async def profiles(self, accounts: Collection[str]) -> dict[str, dict[str, Any]]:
        """`author` (the handle) and `followers` of these accounts, without the unknown ones."""
        missing = [account for account in accounts if account not in self._known]
        for start in range(0, len(missing), _BATCH):
            if not await self._fetch(missing[start : start + _BATCH]):
                break  # a post is worth more than the name of its author
        known = {account: self._known[account] for account in accounts if account in self._known}
        while len(self._known) > _CACHE_SIZE:
            self._known.popitem(last=False)
        return known

    async def _fetch(self, accounts: Sequence[str]) -> bool:
        """Get these profiles into the cache; False when nothing came back."""
        try:
            status, answer = await self._ask(
                "app.bsky.actor.getProfiles", [("actors", account) for account in accounts]
            )
        except SourceError:
            return False
        if status != 200:
            return True
        for profile in answer.get("profiles", []):
            self._known[profile["did"]] = {
                "author": str(profile.get("handle") or profile["did"])[:300],
                "followers": int(profile.get("followersCount") or 0),
            }
        return True

    async def _ask(self, method: str, query: list[tuple[str, str]]) -> tuple[int, dict[str, Any]]:
        async with aiohttp.ClientSession(
            connector=connector(allow_private=self._allow_private),
            timeout=aiohttp.ClientTimeout(total=10),
        ) as session:
            try:
                async with session.get(
                    f"{self._host}/xrpc/{method}", params=query, allow_redirects=False
                ) as answer:
                    body = await answer.json(content_type=None) if answer.status == 200 else {}
                    return answer.status, body if isinstance(body, dict) else {}
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                if refused(error):
                    raise SourceError(f"Bluesky: {error}") from error
                raise SourceError(
                    f"Bluesky: {error or type(error).__name__}", retry_after=15.0
                ) from error

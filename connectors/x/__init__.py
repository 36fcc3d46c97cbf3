"""X (API v2, through tweepy): the filtered stream, the mentions of the own account, replies, and
what it all costs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from connectors.base import ConnectorError, LiveSource

if TYPE_CHECKING:
    from connectors.x.client import Api
    from connectors.x.costs import Meter
    from connectors.x.replies import XReplier

Listen = Literal["stream", "mentions", "both"]
_HANDLE = re.compile(r"@?\w{1,15}")


def open_api(keys: dict[str, str | None], *, host: str | None, allow_private: bool) -> Api:
    """The way to X. keys: of `connectors.x.client.Keys`. Raises ConnectorError where something must
    be set first.
    """
    try:
        from connectors.x.client import Api, Keys
    except ImportError:
        raise ConnectorError("X needs another package: pip install 'earshot[x]'") from None
    return Api(Keys(**keys), host=host, allow_private=allow_private)


def open_sources(
    api: Api,
    meter: Meter,
    keywords: Iterable[str],
    handles: Iterable[str],
    *,
    brand: str | None,
    listen: Listen,
    poll_seconds: float,
    sample: int,
    told: Callable[[str], None],
) -> list[LiveSource]:
    """One LiveSource or two, as `listen` says. Raises ConnectorError when there is nothing to
    listen for.
    """
    from connectors.x.mentions import XMentions
    from connectors.x.rules import Terms
    from connectors.x.stream import XStream

    if not api.keys.bearer_token and listen != "mentions":
        raise ConnectorError(
            "X: set EARSHOT_X_BEARER_TOKEN to the bearer token of your app (console.x.com)"
        )
    terms = Terms(tuple(keywords), tuple(handle for handle in handles if _HANDLE.fullmatch(handle)))
    name = brand or terms.name
    polls = listen != "stream" or meter.on_budget == "poll"
    mentions = (
        XMentions(
            api,
            meter,
            name=f"x:mentions:{api.keys.own_id}",
            brand=brand,
            every=poll_seconds,
            told=told,
        )
        if polls
        else None
    )
    if listen == "mentions" and mentions is not None:
        return [mentions]
    if not terms:
        raise ConnectorError("X: nothing to listen for: give --brand, --keyword or --handle")
    try:
        terms.rules(brand=brand, without=None)
    except ValueError as error:
        raise ConnectorError(f"X: {error}") from None
    stream = XStream(
        api,
        terms,
        meter,
        name=f"x:stream:{name}",
        brand=brand,
        without_own=listen == "both",
        mentions=mentions if listen == "stream" else None,
        sample=sample,
        told=told,
    )
    return [stream, mentions] if listen == "both" and mentions is not None else [stream]


def open_replier(api: Api, meter: Meter) -> XReplier:
    """Answers as the account of the access token. Raises ConnectorError without one."""
    from connectors.x.replies import XReplier

    return XReplier(api, meter)

"""X (API v2, through tweepy): the filtered stream, mentions, replies, and their costs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import ConnectorError, LiveSource, Replier
from connectors.network import Context, ListenQuery, Network, reveal

if TYPE_CHECKING:
    from connectors.x.client import Api
    from connectors.x.costs import Meter
    from connectors.x.mentions import XMentions
    from connectors.x.rules import Terms

_HANDLE = re.compile(r"@?\w{1,15}")


class XNetwork(Network):
    """Needs the extra `x`. Every post that is read costs money, so there is a budget."""

    model_config = SettingsConfigDict(env_prefix="EARSHOT_X_")
    hides_deletions: ClassVar[bool] = True

    bearer_token: SecretStr | None = Field(None, description="the app's bearer token, to listen")
    consumer_key: SecretStr | None = Field(
        None, description="the app's key, for replies and mentions"
    )
    consumer_secret: SecretStr | None = Field(None, description="the app's key secret")
    access_token: SecretStr | None = Field(None, description="the account's access token")
    access_token_secret: SecretStr | None = Field(
        None, description="the account's access token secret"
    )
    listen: Literal["stream", "mentions", "both"] = Field(
        "stream",
        description="everything by the stream; only the account's mentions, at a fifth; "
        "or each its own way",
    )
    daily_budget: float = Field(
        5.0, ge=0, description="dollars that a brand may spend in a day of UTC"
    )
    on_budget: Literal["poll", "sample", "stop"] = Field(
        "stop",
        description="what follows when the budget is reached; "
        "poll and sample end at twice the budget",
    )
    api: str | None = Field(None, description="another address of its interface; unset: X's own")

    @property
    def has_account(self) -> bool:
        return self.access_token is not None

    @property
    def dollars_a_day(self) -> float | None:
        return self.daily_budget

    def open_sources(self, query: ListenQuery, context: Context) -> list[LiveSource]:
        """One source or two, as `listen` says."""
        api = self._open_api(context)
        if not api.keys.bearer_token and self.listen != "mentions":
            raise ConnectorError(
                "X: set EARSHOT_X_BEARER_TOKEN to the bearer token of your app (console.x.com)"
            )
        from connectors.x.rules import Terms
        from connectors.x.stream import XStream

        handles = tuple(handle for handle in query.handles if _HANDLE.fullmatch(handle))
        terms = Terms(query.keywords, handles)
        meter = self._meter(query.brand or "", api, context)
        mentions = self._mentions(query.brand, api, meter, context)
        if self.listen == "mentions" and mentions is not None:
            return [mentions]
        _check(terms, query.brand)
        stream = XStream(
            api,
            terms,
            meter,
            name=f"x:stream:{query.brand or terms.name}",
            brand=query.brand,
            without_own=self.listen == "both",
            mentions=mentions if self.listen == "stream" else None,
            on_line=context.on_line,
        )
        return [stream, mentions] if self.listen == "both" and mentions is not None else [stream]

    def open_replier(self, brand: str, context: Context) -> Replier:
        """Answers as the account of the access token."""
        api = self._open_api(context)
        from connectors.x.replies import XReplier

        return XReplier(api, self._meter(brand, api, context))

    def _open_api(self, context: Context) -> Api:
        try:
            from connectors.x.client import Api, Keys
        except ImportError:
            raise ConnectorError("X needs another package: pip install 'earshot[x]'") from None
        keys = Keys(
            reveal(self.bearer_token),
            reveal(self.consumer_key),
            reveal(self.consumer_secret),
            reveal(self.access_token),
            reveal(self.access_token_secret),
        )
        return Api(keys, host=self.api, allow_private=context.allow_private)

    def _meter(self, brand: str, api: Api, context: Context) -> Meter:
        from connectors.x.costs import Meter

        return Meter(
            brand,
            context.ledger,
            budget=self.daily_budget,
            on_budget=self.on_budget,
            now=api.clock,
            on_spent=context.on_budget_spent,
        )

    def _mentions(
        self, brand: str | None, api: Api, meter: Meter, context: Context
    ) -> XMentions | None:
        """The poller of the own mentions; None where it is never needed."""
        if self.listen == "stream" and self.on_budget != "poll":
            return None
        from connectors.x.mentions import XMentions

        name = f"x:mentions:{api.keys.own_id}"
        return XMentions(api, meter, name=name, brand=brand, on_line=context.on_line)


def _check(terms: Terms, brand: str | None) -> None:
    """Raises ConnectorError when X can hear of none of these terms, or of one of them."""
    if not terms:
        raise ConnectorError("X: nothing to listen for: give --brand, --keyword or --handle")
    try:
        terms.rules(brand=brand, without=None)
    except ValueError as error:
        raise ConnectorError(f"X: {error}") from None

"""Mastodon: posts from a server's streaming interface, and replies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import ConnectorError, LiveSource, Replier
from connectors.network import Context, ListenQuery, Network, reveal

if TYPE_CHECKING:
    from connectors.mastodon.client import MastodonServer


class MastodonNetwork(Network):
    """One server, which shows more to an account's token."""

    model_config = SettingsConfigDict(env_prefix="EARSHOT_MASTODON_")

    takes_pictures = True

    server: str | None = Field(None, description="the server to listen to and to answer on")
    token: SecretStr | None = Field(None, description="an application's token, read write:statuses")

    def open_sources(self, query: ListenQuery, context: Context) -> list[LiveSource]:
        """Every public post that the server sees with one of the words or handles.

        With a token, mentions of its account too.
        """
        from connectors.keywords import KeywordFilter
        from connectors.mastodon.source import Mastodon

        server = self._open_server(context)
        try:
            keyword_filter = KeywordFilter(query.keywords, query.handles)
        except ValueError as error:
            raise ConnectorError(f"Mastodon: {error}") from None
        return [Mastodon(server, keyword_filter, brand=query.brand, on_line=context.on_line)]

    def open_replier(self, brand: str, context: Context) -> Replier:
        """Answers as the token's account."""
        from connectors.mastodon.replies import MastodonReplier

        server = self._open_server(context)
        if not server.has_token:
            raise ConnectorError(
                "Mastodon: set EARSHOT_MASTODON_TOKEN, with the scopes read, write:statuses and,"
                " for pictures, write:media"
            )
        return MastodonReplier(server)

    def _open_server(self, context: Context) -> MastodonServer:
        from connectors.mastodon.client import MastodonServer

        if not self.server:
            raise ConnectorError(
                "Mastodon: set EARSHOT_MASTODON_SERVER to your server, such as "
                "https://mastodon.social"
            )
        try:
            return MastodonServer(
                self.server, reveal(self.token), allow_private=context.allow_private
            )
        except ValueError as error:
            raise ConnectorError(f"EARSHOT_MASTODON_SERVER: {self.server} {error}") from None

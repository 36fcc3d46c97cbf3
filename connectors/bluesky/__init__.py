"""Bluesky: posts from Jetstream, which is free and keeps a day, and replies."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from connectors.base import ConnectorError, LiveSource, Replier
from connectors.network import Context, ListenQuery, Network, reveal


class BlueskyNetwork(Network):
    """Listening needs no account; answering needs an app password."""

    model_config = SettingsConfigDict(env_prefix="EARSHOT_BLUESKY_")

    takes_pictures = True

    handle: str | None = Field(None, description="the account that answers")
    password: SecretStr | None = Field(None, description="an app password of it")
    jetstream: str | None = Field(None, description="a Jetstream server; unset: the official ones")
    public: str | None = Field(None, description="another address of the public interface")
    host: str | None = Field(None, description="the account's server; unset: bsky.social")

    def open_sources(self, query: ListenQuery, context: Context) -> list[LiveSource]:
        """Every public post with one of the words, or by, to or about one of the handles."""
        from connectors.bluesky.accounts import PUBLIC, AccountDirectory
        from connectors.bluesky.jetstream import SERVERS, Jetstream
        from connectors.keywords import KeywordFilter

        try:
            keyword_filter = KeywordFilter(query.keywords, query.handles)
        except ValueError as error:
            raise ConnectorError(f"Bluesky: {error}") from None
        directory = AccountDirectory(
            host=self.public or PUBLIC,
            allow_private=context.allow_private,
            on_line=context.on_line,
        )
        source = Jetstream(
            keyword_filter,
            directory,
            servers=(self.jetstream,) if self.jetstream else SERVERS,
            brand=query.brand,
            allow_private=context.allow_private,
            on_line=context.on_line,
        )
        return [source]

    def open_replier(self, brand: str, context: Context) -> Replier:
        """Answers as the account of `handle`."""
        from connectors.bluesky.accounts import PUBLIC
        from connectors.bluesky.replies import PDS, BlueskyReplier

        password = reveal(self.password)
        if not self.handle or not password:
            raise ConnectorError(
                "Bluesky: set EARSHOT_BLUESKY_HANDLE and EARSHOT_BLUESKY_PASSWORD (an app password)"
            )
        return BlueskyReplier(
            self.handle,
            password,
            host=self.host or PDS,
            public=self.public or PUBLIC,
            allow_private=context.allow_private,
        )

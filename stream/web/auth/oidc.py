"""Single sign-on by OpenID Connect: Authlib's client for the code flow with PKCE."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import StarletteOAuth2App
from joserfc.errors import JoseError

from stream.web.auth.sign_on import LoginAttempt, NotSignedOn

SECONDS = 10.0  # that the provider may take to answer
REMEMBERED = 3600.0  # seconds that the provider's configuration, its keys too, is believed
# Never `none`, never a shared secret, whatever the provider's configuration offers.
SIGNED_BY = ("RS256", "PS256", "ES256", "RS384", "RS512", "ES384", "EdDSA")
_LEEWAY = 60  # seconds that clocks may differ
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_UNBELIEVABLE = (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError)


@dataclass(frozen=True, slots=True)
class Client:
    """How the provider knows us. claim: the one of the ID token that is the name of a user here."""

    issuer: str
    id: str
    secret: str
    claim: str = "email"


class Provider:
    """One OpenID provider, whose configuration must name the issuer of the settings.

    Authlib's own session is not used: it would keep the attempt for an hour under a second secret.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._app: Any = None  # Authlib has no types
        self._believed_until = 0.0

    async def begin(self, back: str) -> LoginAttempt:
        """back: our address to which the provider sends the browser. Raises NotSignedOn."""
        attempt = await (await self._discovered()).create_authorization_url(back)
        return LoginAttempt(
            attempt["url"], attempt["state"], attempt["nonce"], attempt["code_verifier"]
        )

    async def finish(self, code: str, back: str, nonce: str, verifier: str) -> str:
        """The name of the person who signed on. Raises NotSignedOn."""
        app = await self._discovered()
        try:
            tokens = await app.fetch_access_token(back, code=code, code_verifier=verifier)
        except (AuthlibBaseError, httpx2.HTTPError, ValueError):
            raise NotSignedOn("the provider did not confirm the login; try again") from None
        return self._name(await self._claims(app, tokens, nonce))

    async def _claims(self, app: Any, tokens: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        options = {
            "iss": {"essential": True, "value": self._client.issuer},
            "aud": {"essential": True, "value": self._client.id},
        }
        tokens = {**tokens, "id_token": str(tokens.get("id_token", ""))}
        for force in (False, True):
            try:
                # Authlib itself asks for new keys only where their id is new as well.
                await app.fetch_jwk_set(force=force)
                claims: Mapping[str, Any] = await app.parse_id_token(
                    tokens, nonce, options, leeway=_LEEWAY
                )
                return claims
            except httpx2.HTTPError:
                raise _away() from None
            except _UNBELIEVABLE:
                continue
        raise NotSignedOn("what the provider says of this login cannot be believed")

    def _name(self, claims: Mapping[str, Any]) -> str:
        if self._client.claim == "email" and claims.get("email_verified") is not True:
            raise NotSignedOn("the provider has not verified this address")
        name = claims.get(self._client.claim)
        if not isinstance(name, str) or not name:
            raise NotSignedOn(f"the provider tells no {self._client.claim}")
        return name

    async def _discovered(self) -> Any:
        """Authlib's client with the endpoints and keys of the provider (OpenID Discovery 1.0)."""
        if time.monotonic() < self._believed_until:
            return self._app
        client = self._client
        app = StarletteOAuth2App(
            None,  # no framework, so no session
            client_id=client.id,
            client_secret=client.secret,
            server_metadata_url=f"{client.issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": "openid email profile",
                "code_challenge_method": "S256",
                "timeout": SECONDS,
            },
        )
        try:
            configuration = await app.load_server_metadata()
            if configuration["issuer"] != client.issuer:
                raise ValueError("another issuer")
            if not all(isinstance(configuration[name], str) for name in _ENDPOINTS):
                raise ValueError("no address")
            # Authlib takes every member for an argument of its HTTP client: only these may pass.
            app.server_metadata = {
                name: configuration[name] for name in (*_ENDPOINTS, "_loaded_at")
            } | {"id_token_signing_alg_values_supported": SIGNED_BY}
            await app.fetch_jwk_set()
        except (httpx2.HTTPError, *_UNBELIEVABLE):
            raise _away() from None
        self._app, self._believed_until = app, time.monotonic() + REMEMBERED
        return app


def _away() -> NotSignedOn:
    return NotSignedOn("the provider of single sign-on cannot be reached, or is none")

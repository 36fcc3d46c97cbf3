"""Single sign-on by OpenID Connect: the code flow with PKCE, and an ID token that is verified
before it is believed.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from stream.web.auth.sign_on import Begun, NotSignedOn

SECONDS = 10.0  # that the provider may take to answer
REMEMBERED = 3600.0  # seconds that what it tells of itself, its keys too, is believed
SIGNED_BY = [
    "RS256",
    "PS256",
    "ES256",
    "RS384",
    "RS512",
    "ES384",
    "EdDSA",
]  # never `none`, never a shared secret
_LEEWAY = 60  # seconds that clocks may differ


@dataclass(frozen=True, slots=True)
class Client:
    """How the provider knows us. claim: what of the ID token is the name of a user here."""

    issuer: str
    id: str
    secret: str
    claim: str = "email"


class Provider:
    """One OpenID provider. Its addresses come from its own configuration, which must name the
    issuer that was asked.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._told: tuple[float, Mapping[str, Any], KeySet] | None = None

    async def begin(self, back: str) -> Begun:
        """back: our address to which the provider sends the browser. Raises NotSignedOn."""
        told, _ = await self._configuration()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        async with self._session(back) as session:
            address, _ = session.create_authorization_url(
                told["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        return Begun(str(address), state, nonce, verifier)

    async def finish(self, code: str, back: str, nonce: str, verifier: str) -> str:
        """The name of who signed on. Raises NotSignedOn."""
        told, keys = await self._configuration()
        try:
            async with self._session(back) as session:
                tokens = await session.fetch_token(
                    told["token_endpoint"], code=code, code_verifier=verifier
                )
        except (AuthlibBaseError, httpx.HTTPError, ValueError):
            raise NotSignedOn("the provider did not confirm the login; try again") from None
        return self._name(await self._claims(str(tokens.get("id_token", "")), keys, nonce))

    def _session(self, back: str) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self._client.id,
            self._client.secret,
            scope="openid email profile",
            redirect_uri=back,
            code_challenge_method="S256",
            timeout=SECONDS,
        )

    async def _claims(self, token: str, keys: KeySet, nonce: str) -> Mapping[str, Any]:
        registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": self._client.issuer},
            aud={"essential": True, "value": self._client.id},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            iat={"essential": True},
        )
        for fresh in (False, True):
            try:
                claims = jwt.decode(token, keys, algorithms=SIGNED_BY).claims
                registry.validate(claims)
                return claims
            except (JoseError, ValueError):
                if fresh:
                    break
                _, keys = await self._configuration(fresh=True)  # it may have changed its keys
        raise NotSignedOn("what the provider says of this login cannot be believed")

    def _name(self, claims: Mapping[str, Any]) -> str:
        azp = claims.get("azp")
        if azp is not None and azp != self._client.id:
            raise NotSignedOn("this login was made for another application")
        if self._client.claim == "email" and claims.get("email_verified") is not True:
            raise NotSignedOn("the provider has not verified this address")
        name = claims.get(self._client.claim)
        if not isinstance(name, str) or not name:
            raise NotSignedOn(f"the provider tells no {self._client.claim}")
        return name

    async def _configuration(self, *, fresh: bool = False) -> tuple[Mapping[str, Any], KeySet]:
        """What the provider tells of itself, and its keys (OpenID Connect Discovery 1.0)."""
        if self._told is not None and not fresh and time.monotonic() < self._told[0] + REMEMBERED:
            return self._told[1:]
        issuer = self._client.issuer
        try:
            async with httpx.AsyncClient(timeout=SECONDS) as http:
                told = (
                    (await http.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
                    .raise_for_status()
                    .json()
                )
                if told["issuer"] != issuer or not all(
                    isinstance(told[each], str) for each in _ENDPOINTS
                ):
                    raise ValueError
                keys = KeySet.import_key_set(
                    (await http.get(told["jwks_uri"])).raise_for_status().json()
                )
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError):
            raise NotSignedOn(
                "the provider of single sign-on cannot be reached, or is none"
            ) from None
        self._told = (time.monotonic(), told, keys)
        return told, keys


_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")

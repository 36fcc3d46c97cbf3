"""A small OpenID provider: discovery, a code for whoever asks, PKCE, and an ID token that can be
made to lie.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey
from servers.web import serving

CLIENT, SECRET = "earshot", "shared with it"


class OpenId:
    """claims: that replace what an honest token says; key: it is signed with; away: it answers
    nothing.
    """

    def __init__(self) -> None:
        self.issuer = ""
        self.claims: dict[str, Any] = {}
        self.key = self.own = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
        self.away = False
        self._begun: dict[str, dict[str, str]] = {}

    @asynccontextmanager
    async def running(self):
        routes = [
            web.get("/.well-known/openid-configuration", self._configuration),
            web.get("/authorize", self._authorize),
            web.post("/token", self._token),
            web.get("/keys", self._keys),
        ]
        async with serving(routes) as address:
            self.issuer = address
            yield self

    async def _configuration(self, request: web.Request) -> web.Response:
        if self.away:
            raise web.HTTPServiceUnavailable
        told = {
            "authorization_endpoint": "authorize",
            "token_endpoint": "token",
            "jwks_uri": "keys",
        }
        told = {name: f"{self.issuer}/{path}" for name, path in told.items()}
        return web.json_response(told | {"issuer": self.issuer})

    async def _keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [self.own.as_dict(private=False)]})

    async def _authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._begun[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        raise web.HTTPSeeOther(f"{asked['redirect_uri']}?{back}")

    async def _token(self, request: web.Request) -> web.Response:
        if self.away:
            raise web.HTTPServiceUnavailable
        given = await request.post()
        begun = self._begun.pop(str(given["code"]), None)
        who = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        challenge = hashlib.sha256(str(given["code_verifier"]).encode()).digest()
        if (
            begun is None
            or request.headers.get("Authorization") != f"Basic {who}"
            or base64.urlsafe_b64encode(challenge).decode().rstrip("=") != begun["code_challenge"]
            or given["redirect_uri"] != begun["redirect_uri"]
        ):
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "17",
            "iat": now,
            "exp": now + 300,
            "nonce": begun["nonce"],
        }
        claims |= {
            "email": "ada@example.com",
            "email_verified": True,
            "preferred_username": "ada",
        } | self.claims
        token = jwt.encode({"alg": "RS256", "kid": "first"}, claims, self.key)
        return web.json_response({"access_token": "x", "token_type": "Bearer", "id_token": token})

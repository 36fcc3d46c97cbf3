"""Plain pages without a script or the database: the login, and the notice of an outage."""

from __future__ import annotations

from fastapi.responses import HTMLResponse
from starlette.requests import HTTPConnection
from starlette.responses import Response

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; \
box-sizing: border-box }
main { width: min(24rem, 100%) } h1 { font-size: 1.4rem; margin: 0 0 .3rem } p { margin: .3rem 0 \
1rem }
label { display: block; margin: .9rem 0 .25rem; font-weight: 600 }
input { width: 100%; box-sizing: border-box; font: inherit; padding: .6rem .7rem; border-radius: \
.5rem;
        border: 1px solid color-mix(in srgb, currentColor 30%, transparent); background: Field; \
color: FieldText }
input.code { font-family: ui-monospace, monospace; text-transform: uppercase; letter-spacing: \
.08em }
button { margin-top: 1.3rem; width: 100%; font: inherit; font-weight: 600; padding: .65rem; \
border: 0;
         border-radius: .5rem; background: #1d4ed8; color: #fff; cursor: pointer }
input:focus-visible, button:focus-visible { outline: 3px solid #60a5fa; outline-offset: 2px }
[role=alert] { border-left: 4px solid #c1121f; padding: .5rem .8rem; border-radius: .3rem;
               background: color-mix(in srgb, #c1121f 12%, transparent) }
small { opacity: .75 } a { color: inherit }
"""
_AWAY = """<h1>earshot</h1><p role="alert">The database cannot be reached just now.</p>
<p>Nothing is lost: messages wait in Kafka meanwhile. This page tries again by itself.</p>"""

# Small: programs that guess addresses get it a thousand times.
_NOTHING = """<!doctype html><html lang="en"><meta charset="utf-8"><title>earshot</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<body style="font:16px system-ui;padding:3rem"><h1>There is nothing at this address</h1>
<p><a href="/">To the queue</a></p></body></html>"""


def plain_page(
    title: str,
    body: str,
    status: int = 200,
    headers: dict[str, str] | None = None,
    *,
    head: str = "",
) -> Response:
    """body, head: HTML, in which every foreign text is escaped."""
    return HTMLResponse(
        f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, \
initial-scale=1">
<title>earshot: \
{title}</title>{head}<style>{_STYLE}</style></head><body><main>{body}</main></body></html>""",
        status,
        headers,
    )


def away_page() -> Response:
    """In place of any page. It loads its address again every few seconds."""
    again = '<meta http-equiv="refresh" content="5">'
    return plain_page("the database is away", _AWAY, 503, {"Retry-After": "5"}, head=again)


def nothing_page() -> Response:
    """For somebody in a browser whose address leads nowhere."""
    return HTMLResponse(_NOTHING, 404)


def wants_page(connection: HTTPConnection) -> bool:
    """Whether a person looks at the answer, in a browser."""
    return "text/html" in connection.headers.get("accept", "")

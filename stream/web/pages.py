"""The page of the queue, as HTML that needs nothing from anywhere. Everything from outside is escaped."""

from __future__ import annotations

from html import escape
from typing import Any

from stream.queries import Totals

SHOWN = 50  # tickets

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }
body { margin: 0 auto; max-width: 60rem; padding: 1.2rem }
h1 { font-size: 1.3rem } h1 small { font-weight: 400; opacity: .7 }
ol { list-style: none; padding: 0 }
li { border: 1px solid color-mix(in srgb, currentColor 18%, transparent); border-radius: .6rem; margin: .6rem 0;
     padding: .7rem .9rem; display: grid; grid-template-columns: 3.4rem 1fr; gap: .2rem .8rem }
.level { font-weight: 700; border-radius: .4rem; text-align: center; align-self: start; padding: .15rem 0;
         background: color-mix(in srgb, currentColor 10%, transparent) }
.P1 { background: #c1121f; color: #fff } .P2 { background: #c2491d; color: #fff }
.P3 { background: #f4d35e; color: #222 }
.said { overflow-wrap: anywhere } .why, .meta { grid-column: 2; font-size: .87rem; opacity: .8 }
"""


def page(totals: Totals, tickets: list[dict[str, Any]]) -> str:
    """The queue as one page of HTML that reloads itself. Everything from outside is escaped."""
    counts = (
        f"{totals.events:,} events · {sum(totals.tickets.values()):,} tickets · {sum(totals.alerts.values()):,} alerts"
    )
    rows = "\n".join(_ticket(ticket) for ticket in tickets) or "<p>Nobody needs an answer just now.</p>"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5"><title>earshot: the queue</title><style>{_STYLE}</style></head>
<body><h1>The queue <small>{escape(counts)}</small></h1><main><ol>{rows}</ol></main></body></html>"""


def _ticket(ticket: dict[str, Any]) -> str:
    level = escape(str(ticket["level"]))
    why = " · ".join(escape(f"{each['words']} ({each['points']:+.0f})") for each in ticket["factors"])
    told = [
        ticket["brand"] or "no brand",
        ticket["author"] or "unknown author",
        f"{ticket['last_inbound_at']:%d %b %H:%M}",
    ]
    return (
        f'<li><span class="level {level}">{level}<br>{int(ticket["priority"])}</span>'
        f'<span class="said" dir="auto">{escape(ticket["excerpt"])}</span>'
        f'<span class="why">{why}</span><span class="meta">{escape(" · ".join(told))}</span></li>'
    )

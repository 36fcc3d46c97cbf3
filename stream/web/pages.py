"""The pages (queue, ticket, alerts), as HTML that needs nothing from anywhere. What comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

from stream.queries import Totals
from stream.records import AlertRecord

Row = Mapping[str, Any]

SHOWN = 50  # tickets

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }
body { margin: 0 auto; max-width: 60rem; padding: 1.2rem }
h1 { font-size: 1.3rem } h1 small { font-weight: 400; opacity: .7 }
ol { list-style: none; padding: 0 }
a.said { text-decoration: none } a.said:hover { text-decoration: underline }
li { border: 1px solid color-mix(in srgb, currentColor 18%, transparent); border-radius: .6rem; margin: .6rem 0;
     padding: .7rem .9rem; display: grid; grid-template-columns: 3.4rem 1fr; gap: .2rem .8rem }
.level { font-weight: 700; border-radius: .4rem; text-align: center; align-self: start; padding: .15rem 0;
         background: color-mix(in srgb, currentColor 10%, transparent) }
.P1 { background: #c1121f; color: #fff } .P2 { background: #c2491d; color: #fff }
.P3 { background: #f4d35e; color: #222 }
.said { overflow-wrap: anywhere } .why, .meta { grid-column: 2; font-size: .87rem; opacity: .8 }
a { color: inherit } nav { font-size: .87rem } h2 { font-size: 1.05rem; margin-top: 1.6rem }
.own { margin-left: 2.5rem; background: color-mix(in srgb, currentColor 5%, transparent) }
.plain { display: block } .gone { opacity: .6; font-style: italic }
"""


def page(totals: Totals | None, tickets: list[dict[str, Any]], csrf: str = "") -> str:
    """The queue as one page of HTML that reloads itself. totals: None for who is bound to brands."""
    counts = f"{len(tickets)} tickets"
    if totals is not None:
        counted = sum(totals.tickets.values()), sum(totals.alerts.values())
        counts = f"{totals.events:,} events · {counted[0]:,} tickets · {counted[1]:,} alerts"
    rows = "\n".join(_ticket(ticket) for ticket in tickets) or "<p>Nobody needs an answer just now.</p>"
    return _html(
        "the queue",
        f"<h1>The queue <small>{escape(counts)}</small></h1><main><ol>{rows}</ol></main>{_leave(csrf)}",
        live=True,
    )


def ticket_page(ticket: Row, messages: Sequence[Row], history: Sequence[Row], replies: Sequence[Row]) -> str:
    """One ticket: why it is urgent, factor by factor, its conversation, drafted replies, and what happened to it."""
    why = "".join(f"<li class=plain>{each['points']:+.0f} {escape(each['words'])}</li>" for each in ticket["factors"])
    about = (ticket["brand"] or "no brand", ticket["state"], ticket["owner"] or "nobody's")
    head = " · ".join(escape(each) for each in (*about, ticket["topic"], ticket["problem"]) if each)
    parts = [
        f"<h1><span class='level {escape(ticket['level'])}'>&nbsp;{escape(ticket['level'])}&nbsp;</span>"
        f" {int(ticket['priority'])} <small>{head}</small></h1>",
        f"<h2>Why</h2><ol>{why}</ol>",
        "<h2>The conversation</h2><ol>" + "".join(map(_message, messages)) + "</ol>",
    ]
    if replies:
        parts.append("<h2>Replies</h2><ol>" + "".join(map(_reply, replies)) + "</ol>")
    parts.append("<h2>What happened</h2><ol>" + "".join(map(_change, history)) + "</ol>")
    return _html(f"ticket {ticket['id']}", f"<main>{''.join(parts)}</main>")


def alerts_page(alerts: Sequence[AlertRecord]) -> str:
    """What could not wait, the newest first."""
    rows = "".join(map(_alert, reversed(alerts))) or "<p>Nothing was urgent enough.</p>"
    return _html("alerts", f"<h1>Alerts</h1><main><ol>{rows}</ol></main>", live=True)


def _leave(csrf: str) -> str:
    if not csrf:
        return ""
    return f"""<form method="post" action="/logout"><input type="hidden" name="csrf" value="{escape(csrf)}">
<button>Log out</button></form>"""


def _html(title: str, body: str, *, live: bool = False) -> str:
    refresh = '<meta http-equiv="refresh" content="5">' if live else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
{refresh}<title>earshot: {escape(title)}</title><style>{_STYLE}</style></head>
<body><nav><a href="/">queue</a> · <a href="/alerts">alerts</a> · <a href="/docs">REST</a></nav>{body}</body></html>"""


def _message(row: Row) -> str:
    told = f"{escape(row['author'] or 'unknown')} · {row['occurred_at']:%d %b %H:%M}"
    if row["kind"] == "deleted":
        return f'<li class="plain gone">deleted <span class="meta">{row["occurred_at"]:%d %b %H:%M}</span></li>'
    judged = f" · {escape(row['sentiment'])}" if row["sentiment"] else ""
    if row["dissatisfaction"] is not None:
        judged += f" · dissatisfaction {row['dissatisfaction']:.0f}"
    own = " own" if row["direction"] == "outbound" else ""
    return (
        f'<li class="plain{own}"><span class="said" dir="auto">{escape(row["text"])}</span>'
        f'<br><span class="meta">{told}{judged}</span></li>'
    )


def _reply(row: Row) -> str:
    reason = f" · {escape(row['reason'])}" if row["reason"] else ""
    return (
        f'<li class="plain own"><span class="said" dir="auto">{escape(row["text"])}</span>'
        f'<br><span class="meta">reply {int(row["id"])} · {escape(row["state"])}{reason}</span></li>'
    )


def _change(row: Row) -> str:
    return (
        f'<li class="plain"><span class="meta">{row["changed_at"]:%d %b %H:%M} · {escape(row["who"])} · '
        f"{escape(row['reason'])}</span></li>"
    )


def _alert(alert: AlertRecord) -> str:
    when = f"{alert.started_at:%Y-%m-%d %H:%M}Z"
    what = escape(alert.kind)
    if alert.ticket_id:
        what = f'<a href="/tickets/{quote(alert.ticket_id, safe="")}">P1 ticket {escape(alert.ticket_id)}</a>'
    elif alert.kind == "burst":
        negative, usual = alert.evidence.get("negative", 0), alert.evidence.get("expected", 0)
        what = (
            f"{negative:g} negative messages where {usual:g} were usual, mostly about {escape(alert.topic or 'other')}"
        )
    over = " · over" if alert.ended_at or alert.recovered_at else ""
    seen = f" · seen by {escape(alert.acknowledged_by)}" if alert.acknowledged_by else ""
    return (
        f'<li><span class="level {"P1" if alert.severity >= 8 else "P3"}">{alert.severity}</span>'
        f'<span class="said">{escape(alert.brand or "no brand")}: {what}</span>'
        f'<span class="meta">{when}{over}{seen}</span></li>'
    )


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
        f'<a class="said" dir="auto" href="/tickets/{quote(ticket["id"], safe="")}">{escape(ticket["excerpt"])}</a>'
        f'<span class="why">{why}</span><span class="meta">{escape(" · ".join(told))}</span></li>'
    )

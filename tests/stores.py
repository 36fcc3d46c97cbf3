"""Everything that one database holds, as one object: tests ask many tables in a row."""

from __future__ import annotations

from stream.alerts.deliveries import Deliveries
from stream.alerts.store import Alerts
from stream.bursts.counts import Signals
from stream.store.cursors import Cursors
from stream.store.dead_letters import DeadLetters
from stream.store.queries import Queries
from stream.store.store import Store


class Stores(Store, DeadLetters, Signals, Alerts, Deliveries, Queries, Cursors):
    """The parts that `stream.bootstrap.parts.Stores` hands out one by one."""

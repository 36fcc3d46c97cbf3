"""State of the soak between its sittings: one JSON file, written after every portion."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Order:
    """What is run. An order cannot change between sittings."""

    seed: int
    events: int
    brokers: int
    kills: int
    others: int
    longest: float  # seconds that something is away
    ends: str = field(default_factory=lambda: datetime.now(UTC).isoformat())


@dataclass
class State:
    """portion: the next one to send. faults: how many of the plan are done. log: of each fault."""

    order: Order
    port: int | None = None
    portion: int = 0
    faults: int = 0
    plain: int = 0
    seconds: float = 0.0
    sittings: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    checks: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path, order: Order) -> State:
        """The state of an earlier sitting, or a new one. Raises SystemExit for another order."""
        if not file.exists():
            return cls(order)
        fields = json.loads(file.read_text())
        earlier = Order(**fields.pop("order"))
        if replace(earlier, ends=order.ends) != order:
            raise SystemExit(
                f"soak: {file.parent} holds a run of {earlier.events:,} events with the seed "
                f"{earlier.seed}: name another --folder, or delete it"
            )
        return cls(earlier, **fields)

    def write(self, file: Path) -> None:
        part = file.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=1))
        os.replace(part, file)

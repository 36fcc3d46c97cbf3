"""Controls at work: what admins set reaches the parts of a running worker within seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.notices import Sink, SinkError
from stream import brands as brands_file
from stream.alerts.notifier import Notifier
from stream.alerts.routing import Route
from stream.bursts.detector import USUAL
from stream.bursts.evaluator import BurstJudge
from stream.controls import sinks
from stream.controls.defaults import Defaults
from stream.controls.desk import assignment, brand_entries, sensitivities
from stream.controls.records import EVERYBODY, Control, ControlError
from stream.controls.store import ControlStore
from stream.desk.dealer import Dealer
from stream.desk.working_hours import set_clocks

log = logging.getLogger(__name__)

CONTROLS_EVERY = 2.0  # seconds between looks at what admins set
DEAL_EVERY = 2.0


@dataclass
class Following:
    """Hands the controls to the parts that they concern, whenever one of them changed."""

    store: ControlStore
    defaults: Defaults
    engine: AsyncEngine
    brands: brands_file.Brands
    judge: BurstJudge
    notifier: Notifier
    dealer: Dealer
    _known: dict[str, list[Control]] = field(default_factory=dict)

    async def look(self) -> None:
        """Compare what stands with what was handed on last. Raises DatabaseAway."""
        stored = await self.store.stored()
        for name, hand_on in (
            ("brand", self._brands),
            ("sink", self._sinks),
            ("bursts", self._bursts),
            ("assignment", self._assignment),
        ):
            own = [control for control in stored if control.name == name]
            if own != self._known.get(name, []):
                await hand_on(own)
                self._known[name] = own

    async def _brands(self, controls: Sequence[Control]) -> None:
        if _become(self.brands, controls, self.defaults):
            await set_clocks(self.engine, self.brands)
            log.info("%d brands, as the settings say now", len(self.brands))

    async def _sinks(self, controls: Sequence[Control]) -> None:
        routes, wrong = await asyncio.to_thread(sinks.effective, controls, self.defaults)
        opened: list[tuple[Route, Sink]] = []
        for route, of_console in routes:
            try:
                sink = await asyncio.to_thread(
                    sinks.opened, route, self.defaults, of_console=of_console
                )
                opened.append((route, sink))
            except (SinkError, ControlError) as error:
                wrong.append(f"the sink {route.name}: {error}")
        for words in wrong:
            log.warning("left out: %s", words)
        self.notifier.become(opened)
        log.info("%d sinks of alerts, as the settings say now", len(opened))

    async def _bursts(self, controls: Sequence[Control]) -> None:
        by_brand = sensitivities(controls)
        usual = by_brand.get(EVERYBODY, USUAL)
        self.judge.become(lambda brand: by_brand.get(brand, usual))

    async def _assignment(self, controls: Sequence[Control]) -> None:
        rules = assignment(controls)
        self.dealer.become(rules if rules.on else None)


@dataclass
class FollowedBrands:
    """The brands of a process that only judges, as those of a worker: by the file, and by what
    admins set in the console. stored: reads all controls.
    """

    stored: Callable[[], Awaitable[Sequence[Control]]]
    defaults: Defaults
    brands: brands_file.Brands
    _known: list[Control] = field(default_factory=list)

    async def look(self) -> None:
        """Compare what stands with what was taken over last. Raises DatabaseAway."""
        own = [control for control in await self.stored() if control.name == "brand"]
        if own != self._known:
            _become(self.brands, own, self.defaults)
            self._known = own


def _become(brands: brands_file.Brands, controls: Sequence[Control], defaults: Defaults) -> bool:
    """Let the brands be those of the controls over the file's. False: they stay as they are."""
    entries = brand_entries(controls, defaults)
    try:
        brands.become(brands_file.brands_of(entries, "the brands of the console"))
    except brands_file.BrandsError as error:
        # The file may have changed beneath them; what ran until now is better than nothing.
        log.warning("the brands stay as they are: %s", error)
        return False
    return True

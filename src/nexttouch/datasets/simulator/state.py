"""State of all accounts on one day, and the ways to change it and write about it."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from nexttouch.datasets.simulator.recorder import Columns
from nexttouch.datasets.simulator.world import SEGMENTS, code

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.datasets.simulator.population import Population

__all__ = ["NEVER", "STAGES", "Phase", "State"]

NEVER = -1
Shares = tuple[float, ...]
STAGES = ("awareness", "consideration", "conversion", "retention", "advocacy", "dormant")


class Phase(IntEnum):
    """Where an account truly is."""

    UNAWARE = 0
    PROSPECT = 1
    LOST = 2
    TRIAL = 3
    USING = 4
    SILENT = 5
    ENDED = 6


class State:
    """Where every account is, and the rows they have left so far."""

    def __init__(
        self,
        population: Population,
        rng: np.random.Generator,
        *,
        days: int,
        touch_days: int,
        weekday: int,
    ) -> None:
        size = len(population.segment)
        self.population, self.rng = population, rng
        self.days, self.touch_days, self.first_weekday = days, touch_days, weekday
        self.size = size
        self.phase = np.full(size, Phase.UNAWARE, dtype=np.int64)
        self.stage = np.full(size, NEVER, dtype=np.int64)
        self.phase_day = np.zeros(size, dtype=np.int64)
        self.signed_day = np.full(size, NEVER, dtype=np.int64)
        self.last_contract_day = np.full(size, NEVER, dtype=np.int64)
        self.quiet_since_day = np.full(size, NEVER, dtype=np.int64)
        self.champion_left_day = np.full(size, NEVER, dtype=np.int64)
        self.seats = population.seats.copy()
        self.health = population.health_mean + rng.normal(0.0, 0.4, size)
        self.pause_until = np.zeros(size, dtype=np.int64)
        self.touch_effect = np.zeros(size)
        self.term = np.array([s.term_days for s in SEGMENTS])[population.segment]
        self.base_silence = np.array([s.silence_per_day for s in SEGMENTS])[population.segment]
        self.events = Columns({"day": 0, "event": 0, "amount": np.nan, "until": NEVER})
        self.path = Columns({"day": 0, "stage": 0})
        self.touches = Columns(
            {"day": 0, "tier": 0, "propensity": np.nan, "messages": 0, "log_hazard_ratio": np.nan}
            | {"silence_per_day_untouched": np.nan, "using": 0}
        )
        self.silences = Columns({"day": 0})

    def happens(self, chance: NDArray[np.float64] | float) -> NDArray[np.bool_]:
        """Draw for every account whether something of that chance happens today."""
        return self.rng.random(self.size) < chance

    def write(
        self,
        day: int,
        name: str,
        who: NDArray[np.bool_],
        *,
        amount: NDArray[np.generic] | float = np.nan,
        until: NDArray[np.int64] | int = NEVER,
    ) -> None:
        """Write one event of each marked account."""
        chosen = np.flatnonzero(who)
        picked = amount[chosen] if isinstance(amount, np.ndarray) else amount
        ends = until[chosen] if isinstance(until, np.ndarray) else until
        self.events.add(chosen, day=day, event=code(name), amount=picked, until=ends)

    def write_counts(
        self, day: int, names: tuple[str, ...], rate: NDArray[np.float64], *, shares: Shares = ()
    ) -> NDArray[np.int64]:
        """Write a Poisson number of events per account; return the accounts that have any.

        With several names each event is one of them, drawn with ``shares``.
        """
        may = np.flatnonzero(rate)
        counts = self.rng.poisson(rate[may])
        customers = np.repeat(may, counts)
        bounds = np.cumsum(shares)[:-1]
        which = np.searchsorted(bounds, self.rng.random(len(customers)), side="right")
        self.events.add(customers, day=day, event=np.array([code(n) for n in names])[which])
        return may[counts > 0]

    def move(self, day: int, who: NDArray[np.bool_], phase: Phase, stage: str) -> None:
        """Put the marked accounts into a phase, and on the path into a stage."""
        self.phase[who], self.phase_day[who] = phase, day
        self.reach(day, who, stage)

    def reach(self, day: int, who: NDArray[np.bool_], stage: str) -> None:
        """Write a stage on the path of the marked accounts that are not in it yet."""
        number = STAGES.index(stage)
        new = np.flatnonzero(who & (self.stage != number))
        self.stage[new] = number
        self.path.add(new, day=day, stage=number)

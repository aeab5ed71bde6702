"""The course of all accounts, day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nexttouch.datasets.simulator.market import consider, enter, settle_contracts
from nexttouch.datasets.simulator.touching import draw_touches
from nexttouch.datasets.simulator.usage import go_silent_or_return, speak, use

if TYPE_CHECKING:
    from nexttouch.datasets.simulator.state import State

__all__ = ["pass_days"]


def pass_days(state: State) -> None:
    """Let all days of the log pass; the rows are in ``state`` afterwards."""
    for day in range(state.days):
        enter(state, day)
        consider(state, day)
        draw_touches(state, day)
        go_silent_or_return(state, day)
        use(state, day)
        speak(state, day)
        settle_contracts(state, day)
        drift = 0.03 * (state.population.health_mean - state.health)
        state.health += drift + state.rng.normal(0.0, 0.12, state.size)

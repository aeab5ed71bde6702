"""How accounts become customers: they notice, try, sign, renew or cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nexttouch.datasets.simulator.state import Phase
from nexttouch.datasets.simulator.world import SEGMENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.datasets.simulator.state import State


__all__ = ["consider", "enter", "settle_contracts"]

TRIAL_DAYS = 7
MONTH_DAYS = 30


def enter(state: State, day: int) -> None:
    """Show a first advertisement to new accounts, and one more to some lost ones."""
    enters = state.population.entry_day == day
    state.write(day, "ad_seen", enters)
    state.move(day, enters, Phase.PROSPECT, "awareness")
    again = (state.phase == Phase.LOST) & state.happens(0.002)
    state.write(day, "ad_seen", again)
    state.move(day, again, Phase.PROSPECT, "awareness")


def consider(state: State, day: int) -> None:
    """Prospects look, sign up or lose interest; trials end in a contract or not."""
    intent = state.population.intent
    prospect = state.phase == Phase.PROSPECT
    state.write_counts(day, ("ad_seen",), 0.10 * prospect)
    state.write_counts(day, ("page_view",), 0.25 * np.exp(0.5 * intent) * prospect)
    state.write_counts(day, ("pricing_viewed",), 0.04 * np.exp(intent) * prospect)
    starts = prospect & state.happens(0.03 * np.exp(intent))
    state.write(day, "signup", starts)
    state.write(day, "trial_started", starts)
    state.move(day, starts, Phase.TRIAL, "consideration")
    cools = prospect & ~starts & state.happens(0.010)
    state.move(day, cools, Phase.LOST, "dormant")
    ripe = (state.phase == Phase.TRIAL) & (day - state.phase_day >= TRIAL_DAYS)
    signs = ripe & state.happens(0.07 * np.exp(0.6 * state.health))
    gives_up = ripe & ~signs & state.happens(0.025 * np.exp(-0.6 * state.health))
    state.move(day, gives_up, Phase.LOST, "dormant")
    _sign(state, day, signs | ((state.phase == Phase.ENDED) & state.happens(0.0012)))


def _sign(state: State, day: int, who: NDArray[np.bool_]) -> None:
    state.last_contract_day[who] = day + state.term[who] - 1
    state.signed_day[who] = day
    state.health[who] = np.maximum(state.health[who], state.population.health_mean[who])
    state.write(day, "contract_signed", who, amount=state.seats, until=state.last_contract_day + 1)
    state.move(day, who, Phase.USING, "conversion")


def settle_contracts(state: State, day: int) -> None:
    """Invoices each month; on the last day of a contract it is renewed or cancelled."""
    using, silent = state.phase == Phase.USING, state.phase == Phase.SILENT
    under_contract = using | silent
    due = under_contract & ((day - state.signed_day) % MONTH_DAYS == 0)
    price = np.array([s.seat_price for s in SEGMENTS])[state.population.segment]
    state.write(day, "invoice_paid", due, amount=state.seats * price)
    ends = under_contract & (state.last_contract_day == day)
    stays = 1 / (1 + np.exp(-(2.2 + 1.2 * state.health)))
    renews = ends & state.happens(np.where(using, stays, 0.08))
    state.last_contract_day[renews] += state.term[renews]
    state.write(
        day, "contract_renewed", renews, amount=state.seats, until=state.last_contract_day + 1
    )
    cancels = ends & ~renews
    state.quiet_since_day[cancels & using] = day + 1
    state.write(
        day, "contract_cancelled", cancels, amount=state.seats, until=state.last_contract_day + 1
    )
    state.move(day, cancels, Phase.ENDED, "dormant")

"""Use of the product, silence and return, and what satisfied customers say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nexttouch.datasets.simulator.state import NEVER, STAGES, Phase
from nexttouch.datasets.simulator.touching import silence_per_day
from nexttouch.datasets.simulator.world import HEALTH_ON_USE, PRODUCT_USE, WEEKDAY

if TYPE_CHECKING:
    from nexttouch.datasets.simulator.state import State


__all__ = ["go_silent_or_return", "speak", "use"]

SETTLED_DAYS = 30


def go_silent_or_return(state: State, day: int) -> None:
    """Champions leave, accounts go silent, silent ones return."""
    using, silent = state.phase == Phase.USING, state.phase == Phase.SILENT
    leaves = using & (state.champion_left_day == NEVER) & state.happens(0.0006)
    state.champion_left_day[leaves] = day
    stops = using & state.happens(silence_per_day(state, day) * np.exp(-state.touch_effect))
    back = silent & state.happens(0.005 * np.exp(state.touch_effect))
    state.quiet_since_day[stops] = day
    state.move(day, stops, Phase.SILENT, "dormant")
    state.silences.add(np.flatnonzero(stops), day=day)
    state.health[back] = state.population.health_mean[back]
    state.move(day, back, Phase.USING, "retention")


def use(state: State, day: int) -> None:
    """Those who try or use the product use it, except on holidays and in pauses."""
    using, trial = state.phase == Phase.USING, state.phase == Phase.TRIAL
    rate = state.population.uses_per_day * np.exp(HEALTH_ON_USE * state.health)
    pauses = using & (state.pause_until <= day) & state.happens(0.008)
    state.pause_until[pauses] = day + state.rng.integers(4, 25, state.size)[pauses]
    rate *= state.pause_until <= day
    rate *= WEEKDAY[(state.first_weekday + day) % 7] * (using + 0.7 * trial)
    used = np.zeros(state.size, dtype=np.bool_)
    shares = tuple(PRODUCT_USE.values())
    used[state.write_counts(day, tuple(PRODUCT_USE), rate, shares=shares)] = True
    converted = state.stage == STAGES.index("conversion")
    state.reach(day, using & used & converted & (day > state.signed_day), "retention")
    grows = using & state.happens(0.004 * np.exp(state.health))
    state.seats[grows] += 1 + state.seats[grows] // 10
    state.write(day, "seat_added", grows, amount=state.seats)


def speak(state: State, day: int) -> None:
    """Tickets, survey answers, referrals and reviews of those who use the product."""
    using = state.phase == Phase.USING
    state.write_counts(day, ("ticket_opened",), 0.012 * np.exp(-0.8 * state.health) * using)
    answers = using & state.happens(0.006)
    score = np.clip(np.round(7.5 + 2 * state.health + state.rng.normal(0, 1, state.size)), 0, 10)
    state.write(day, "survey_answered", answers, amount=score)
    settled = using & (day - state.signed_day > SETTLED_DAYS)
    refers = settled & state.happens(0.0012 * np.exp(1.2 * state.health))
    reviews = settled & state.happens(0.0006 * np.exp(1.2 * state.health))
    state.write(day, "referral_sent", refers)
    state.write(day, "review_posted", reviews)
    state.reach(day, refers | reviews, "advocacy")

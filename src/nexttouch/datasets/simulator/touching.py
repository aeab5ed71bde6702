"""Randomised touches and what they do to the hazard of going silent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nexttouch.datasets.simulator.state import NEVER, Phase
from nexttouch.datasets.simulator.world import (
    CHAMPION_LOSS,
    CHAMPION_LOSS_DAYS,
    FATIGUE,
    FATIGUE_FREE,
    HEALTH_ON_SILENCE,
    SEGMENTS,
    TIERS,
    code,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.datasets.simulator.state import State


__all__ = ["draw_touches", "silence_per_day"]

DAYS_BETWEEN = 3


def draw_touches(state: State, day: int) -> None:
    """Draw a tier for one touch period, with known propensities, for every contract that is due."""
    under_contract = (state.phase == Phase.USING) | (state.phase == Phase.SILENT)
    state.touch_effect[~under_contract] = 0.0
    turn = day % state.touch_days == state.population.touch_offset
    due = np.flatnonzero(under_contract & turn)
    chances = np.array([s.propensities for s in SEGMENTS])[state.population.segment[due]]
    bounds = np.cumsum(chances, axis=1)[:, :-1]
    tier = (state.rng.random(len(due))[:, None] >= bounds).sum(axis=1)
    few, many = np.array([t.emails for t in TIERS])[tier].T
    counts = {
        "email_sent": state.rng.integers(few, many + 1),
        "call_made": np.array([t.calls for t in TIERS])[tier],
        "csm_meeting": np.array([t.meetings for t in TIERS])[tier],
    }
    messages = sum(counts.values(), start=np.zeros(len(due), dtype=np.int64))
    effect = np.array([t.effect for t in TIERS])[tier] * state.population.responsiveness[due]
    effect -= FATIGUE * np.maximum(0, messages - FATIGUE_FREE)
    state.touch_effect[due] = effect
    state.touches.add(
        due,
        day=day,
        tier=tier,
        propensity=chances[np.arange(len(due)), tier],
        messages=messages,
        log_hazard_ratio=-effect,
        silence_per_day_untouched=silence_per_day(state, day)[due],
        using=state.phase[due] == Phase.USING,
    )
    for name, count in counts.items():
        _send(state, day, name, due, count)


def _send(
    state: State, day: int, name: str, due: NDArray[np.int64], count: NDArray[np.int64]
) -> None:
    """Write the touches of one kind, three days apart, and the clicks that answer e-mails."""
    click = (
        np.where(state.phase[due] == Phase.USING, 0.25, 0.03) * state.population.responsiveness[due]
    )
    for number in range(int(count.max(initial=0))):
        on = day + DAYS_BETWEEN * number
        sent = due[count > number]
        clicks = state.rng.random(len(sent)) < click[count > number]
        if on < state.days:
            state.events.add(sent, day=on, event=code(name))
            if name == "email_sent":
                state.events.add(sent[clicks], day=on, event=code("email_clicked"))


def silence_per_day(state: State, day: int) -> NDArray[np.float64]:
    """Return each account's hazard of going silent if nobody touches it."""
    left = state.champion_left_day
    alone = (left != NEVER) & (day - left < CHAMPION_LOSS_DAYS)
    hazard: NDArray[np.float64] = state.base_silence * np.exp(
        CHAMPION_LOSS * alone - HEALTH_ON_SILENCE * state.health
    )
    return hazard

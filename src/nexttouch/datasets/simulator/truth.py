"""What only the simulator knows: latent traits, true churn, true stages, planted effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from nexttouch.datasets.simulator.assembly import account_ids, days_to_times
from nexttouch.datasets.simulator.state import NEVER, STAGES, Phase, State
from nexttouch.datasets.simulator.world import (
    CHAMPION_LOSS,
    FATIGUE,
    SEGMENTS,
    TIERS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["Truth", "truth_of"]


@dataclass(frozen=True, eq=False)
class Truth:
    """The answers to what a model has to guess.

    Attributes
    ----------
    customers : Table of shape (n_customers, 8)
        ``customer_id``, ``segment``, ``responsiveness`` (factor on touch effects, mean 1),
        ``people``, ``entered_at``, ``signed_at`` (last signature), ``churned_at`` (start of the
        silence or end of the contract that still lasts at the end of the log), and
        ``champion_left_at``.
    touches : Table of shape (n_draws, 9)
        One row per customer and touch period, also for ``no_touch``: ``customer_id``, ``at``,
        ``tier``, ``propensity``, ``messages``, ``log_hazard_ratio`` (planted for this customer,
        fatigue included), ``silence_per_day_untouched``, ``using`` (not silent at the draw) and
        ``silent_at`` (first silence within the period).
    stages : Table of shape (n_moves, 3)
        True path: ``customer_id``, ``at``, ``stage``. It follows the latent state, so silence
        begins on its first day; a journey sees it only when its threshold has passed.
    effects : mapping of tier to float
        Planted change of the log hazard of going silent at responsiveness 1, before fatigue.
    fatigue_per_message : float
        Added to the log hazard by each touch beyond two in one touch period.
    champion_loss : float
        Added to the log hazard for 120 days after an account's champion left.
    """

    customers: pa.Table
    touches: pa.Table
    stages: pa.Table
    effects: Mapping[str, float]
    fatigue_per_message: float = FATIGUE
    champion_loss: float = CHAMPION_LOSS


def truth_of(state: State, *, start_us: int) -> Truth:
    """Write down the latent side of a finished state."""
    ids = account_ids(state.size)
    path = state.path.joined()
    stages = pa.table(
        {
            "customer_id": ids.take(pa.array(path["customer"])),
            "at": days_to_times(_whole(path["day"]), start_us),
            "stage": pa.array(STAGES).take(pa.array(path["stage"])),
        }
    )
    return Truth(
        customers=_customers(state, ids, start_us),
        touches=_touches(state, ids, start_us),
        stages=stages,
        effects={tier.name: 0.0 - tier.effect for tier in TIERS},
    )


def _customers(state: State, ids: pa.Array, start_us: int) -> pa.Table:
    people = state.population
    gone = (state.phase == Phase.SILENT) | (state.phase == Phase.ENDED)
    # The contract of a silent account may have ended since: its churn began with the silence.
    churned = np.where(gone, state.quiet_since_day, NEVER)
    return pa.table(
        {
            "customer_id": ids,
            "segment": pa.array([s.name for s in SEGMENTS]).take(pa.array(people.segment)),
            "responsiveness": people.responsiveness,
            "people": people.people,
            "entered_at": days_to_times(people.entry_day, start_us),
            "signed_at": days_to_times(state.signed_day, start_us),
            "churned_at": days_to_times(churned, start_us),
            "champion_left_at": days_to_times(state.champion_left_day, start_us),
        }
    )


def _touches(state: State, ids: pa.Array, start_us: int) -> pa.Table:
    drawn, silences = state.touches.joined(), state.silences.joined()
    customer, day = _whole(drawn["customer"]), _whole(drawn["day"])
    scale = state.days + state.touch_days + 1
    starts = np.sort(_whole(silences["customer"]) * scale + _whole(silences["day"]))
    at = np.searchsorted(starts, customer * scale + day)
    nearest = np.append(starts, np.iinfo(np.int64).max)[at] - customer * scale
    silent = np.where(nearest < day + state.touch_days, nearest, NEVER)
    return pa.table(
        {
            "customer_id": ids.take(pa.array(customer)),
            "at": days_to_times(day, start_us),
            "tier": pa.array([t.name for t in TIERS]).take(pa.array(drawn["tier"])),
            "propensity": drawn["propensity"],
            "messages": drawn["messages"],
            "log_hazard_ratio": drawn["log_hazard_ratio"],
            "silence_per_day_untouched": drawn["silence_per_day_untouched"],
            "using": pa.array(drawn["using"]).cast(pa.bool_()),
            "silent_at": days_to_times(silent, start_us),
        }
    )


def _whole(column: NDArray[np.generic]) -> NDArray[np.int64]:
    return column.astype(np.int64)

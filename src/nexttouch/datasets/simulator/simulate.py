"""A business-to-business subscription log with a known truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nexttouch.datasets.simulator.assembly import event_table
from nexttouch.datasets.simulator.course import pass_days
from nexttouch.datasets.simulator.population import Population
from nexttouch.datasets.simulator.state import State
from nexttouch.datasets.simulator.truth import Truth, truth_of
from nexttouch.errors import DataCheckError

__all__ = ["Simulation", "simulate"]


@dataclass(frozen=True, eq=False)
class Simulation:
    """A simulated log and what lies behind it.

    Attributes
    ----------
    events : Table of shape (n_events, 11)
        Canonical columns with people (``actor_id``, ``actor_role``), and the measures
        ``contract_end`` (date), ``seats`` and ``score``; ordered by time.
    truth : Truth
        Latent traits, true churn and stages, randomised touches and their planted effects.
    observed_until : Timestamp
        The log is complete before this instant.
    """

    events: pa.Table
    truth: Truth
    observed_until: pd.Timestamp


def simulate(
    n_customers: int = 2_000,
    *,
    days: int = 540,
    random_state: int = 0,
    start: str = "2024-01-01",
    touch_days: int = 28,
    late_share: float = 0.0,
) -> Simulation:
    """Simulate accounts that notice, try, buy, use, recommend and leave a software product.

    Each account has several people. It meets advertisements, signs up for a trial, signs a
    contract, uses five product features, pays, opens tickets, recommends; a latent health drives
    how much it uses and how soon it goes silent. Silent accounts may return, contracts are
    renewed or cancelled, accounts that left may sign again. Every ``touch_days`` days each account
    under contract is given one of six tiers **at random with known propensities**; the tier lowers
    the hazard of going silent for that period by a known factor, and many touches tire. All
    people and companies are invented.

    Parameters
    ----------
    n_customers : int
        Accounts; not each of them buys.
    days : int
        Length of the log, at least 60.
    random_state : int
        The same number gives the same events, byte for byte (for one version of numpy).
    start : str
        First day, UTC.
    touch_days : int
        Length of a touch period.
    late_share : float
        Share of events that become known up to three days after they happened. Above 0 the log
        has ``ingested_at``, and leaves out what is not known by its end.

    Returns
    -------
    Simulation

    Raises
    ------
    DataCheckError
        If a number is out of range.

    Examples
    --------
    >>> simulation = simulate(50, days=200, random_state=7)
    >>> simulation.events.column_names[-3:]
    ['contract_end', 'seats', 'score']
    >>> simulation.observed_until
    Timestamp('2024-07-19 00:00:00+0000', tz='UTC')
    >>> simulation.truth.effects["high_touch"]
    -0.7
    """
    if n_customers < 1 or days < 60 or touch_days < 1 or not 0 <= late_share <= 1:
        message = (
            "simulate needs n_customers >= 1, days >= 60, touch_days >= 1, 0 <= late_share <= 1."
        )
        raise DataCheckError(message)
    first = pd.Timestamp(start, tz="UTC").normalize()
    start_us = first.value // 1000
    rng = np.random.default_rng(random_state)
    population = Population.draw(rng, n_customers, days=days, touch_days=touch_days)
    state = State(population, rng, days=days, touch_days=touch_days, weekday=first.weekday())
    pass_days(state)
    events = event_table(
        state.events.joined(),
        population,
        state.champion_left_day,
        rng,
        start_us=start_us,
        late_share=late_share,
    )
    until = first + pd.Timedelta(days=days)
    if late_share:
        events = events.filter(pc.less(events["ingested_at"], pa.scalar(until)))
    return Simulation(events, truth_of(state, start_us=start_us), until)

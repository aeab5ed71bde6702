"""From rows by day to a canonical event table: people, channels, times of the day, ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from nexttouch.datasets.canonical import canonical_table
from nexttouch.datasets.simulator.world import EVENTS, code

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.datasets.simulator.population import Population

__all__ = ["DAY_US", "account_ids", "days_to_times", "event_table"]

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
ROLES = ("admin", "champion", "user")
NOBODY = -1
WITH_SEATS = ("contract_signed", "contract_renewed", "contract_cancelled", "seat_added")


def account_ids(size: int) -> pa.Array:
    """Return ``acct-00001`` and so on."""
    return pa.array([f"acct-{number:05d}" for number in range(1, size + 1)])


def days_to_times(days: NDArray[np.int64], start_us: int) -> pa.Array:
    """Return midnight of each day; a negative day is missing."""
    times = pa.array(start_us + days * DAY_US, mask=days < 0).cast(pa.timestamp("us"))
    return times.cast(pa.timestamp("us", tz="UTC"))


def event_table(
    rows: dict[str, NDArray[np.generic]],
    population: Population,
    champion_left_day: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    start_us: int,
    late_share: float,
) -> pa.Table:
    """Give each row its person, channel, second and id, and order all by time.

    Parameters
    ----------
    rows : dict of arrays, each of shape (n_events,)
        ``customer``, ``day``, ``event``, ``amount``, ``until`` as the course wrote them.
    """
    customer, day, event = (
        np.asarray(rows[name], np.int64) for name in ("customer", "day", "event")
    )
    left = champion_left_day[customer]
    actor = _actors(customer, event, (left >= 0) & (day >= left), population, rng)
    at_us = start_us + day * DAY_US + _second_of_day(customer, day, event, actor, rng) * SECOND_US
    order = np.lexsort((event, customer, at_us))
    customer, event, actor, at_us = customer[order], event[order], actor[order], at_us[order]
    amount, until = rows["amount"][order], np.asarray(rows["until"], np.int64)[order]
    columns = {
        "customer_id": account_ids(len(population.segment)).take(pa.array(customer)),
        "timestamp": pa.array(at_us).cast(pa.timestamp("us")),
        "event": pa.array([e.name for e in EVENTS]).take(pa.array(event)),
        "channel": _channels(event, rng),
        "value": _only(amount, event, ("invoice_paid",)),
        "event_id": pa.array(
            np.char.add("ev-", np.char.zfill(np.arange(len(event)).astype("U8"), 8))
        ),
        "actor_id": _actor_ids(customer, actor, population),
        "actor_role": pa.array(ROLES).take(pa.array(np.minimum(actor, 2), mask=actor == NOBODY)),
        "contract_end": days_to_times(until, start_us),
        "seats": _only(amount, event, WITH_SEATS),
        "score": _only(amount, event, ("survey_answered",)),
    }
    if late_share:
        late = rng.random(len(event)) < late_share
        delay = np.where(late, rng.uniform(0.0, 3 * DAY_US, len(event)), 0.0).astype(np.int64)
        columns["ingested_at"] = pa.array(at_us + delay).cast(pa.timestamp("us"))
    return canonical_table(columns)


def _actors(
    customer: NDArray[np.int64],
    event: NDArray[np.int64],
    champion_gone: NDArray[np.bool_],
    population: Population,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Return the number of the acting person within the account, ``NOBODY`` where there is none.

    When the champion is gone the admin does the champion's part.
    """
    kind = np.array([e.actor for e in EVENTS])[event]
    people = population.people[customer]
    draw, which = rng.random(len(event)), rng.random(len(event))
    user = 2 + (which * (people - 2)).astype(np.int64)
    anybody = np.select([draw < 0.15, (draw < 0.5) | (people == 2)], [0, 1], user)
    kinds = [kind == name for name in ("admin", "champion", "anybody")]
    actor = np.select(kinds, [0, 1, anybody], NOBODY)
    return np.where((actor == 1) & champion_gone, 0, actor)


def _second_of_day(
    customer: NDArray[np.int64],
    day: NDArray[np.int64],
    event: NDArray[np.int64],
    actor: NDArray[np.int64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw one work session per person and day, and place each event in it."""
    key = (day * (customer.max(initial=0) + 1) + customer) * 64 + actor + 1
    sessions, of_session = np.unique(key, return_inverse=True)
    begins = 7.5 * 3600 + rng.beta(2.0, 2.5, len(sessions)) * 10 * 3600
    fixed = np.array([np.nan if e.minute is None else e.minute for e in EVENTS])[event] * 60
    into = np.where(np.isnan(fixed), rng.exponential(12 * 60, len(event)), fixed)
    into = np.where(event == code("login"), into * 0.1, into)
    return (begins[of_session] + np.minimum(into, 5 * 3600)).astype(np.int64)


def _channels(event: NDArray[np.int64], rng: np.random.Generator) -> pa.Array:
    names = sorted({channel for e in EVENTS for channel in e.channels})
    widest = max(len(e.channels) for e in EVENTS)
    table = np.array(
        [[names.index(e.channels[k % len(e.channels)]) for k in range(widest)] for e in EVENTS]
    )
    sizes = np.array([len(e.channels) for e in EVENTS])[event]
    pick = (rng.random(len(event)) * sizes).astype(np.int64)
    return pa.array(names).take(pa.array(table[event, pick]))


def _only(
    amount: NDArray[np.generic], event: NDArray[np.int64], names: tuple[str, ...]
) -> pa.Array:
    carries = np.isin(event, [code(name) for name in names])
    return pa.array(np.asarray(amount, np.float64), mask=~carries)


def _actor_ids(
    customer: NDArray[np.int64], actor: NDArray[np.int64], population: Population
) -> pa.Array:
    first = np.concatenate([[0], np.cumsum(population.people)])
    ids = [
        f"acct-{number:05d}-p{person:02d}"
        for number, people in enumerate(population.people, 1)
        for person in range(1, people + 1)
    ]
    return pa.array(ids).take(pa.array(first[customer] + actor, mask=actor == NOBODY))

"""Small logs and journeys, and a slow machine that follows the rules to the letter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nexttouch.events.log import MISSING, EventLog, Measure, Vocabulary
from nexttouch.journey import JourneySpec, compile_journey
from nexttouch.journey.atoms import Kind
from nexttouch.snapshots import DAY_US

MEASURES = (Measure("value", "money", 0.01), Measure("contract_end", "date"))


def _make_log(events, *, names=None, time_zone="UTC", measures=MEASURES):
    """Build a log of ``(customer, time in microseconds, event, {measure: steps})`` rows."""
    rows = [(*row, {})[:4] for row in events]
    names = names or tuple(sorted({row[2] for row in rows}))
    rows.sort(key=lambda row: (str(row[0]), row[1], row[2]))
    at = np.array([row[1] for row in rows], dtype=np.int64)
    local = pd.to_datetime(at, unit="us", utc=True).tz_convert(time_zone).tz_localize(None)
    ids = sorted({str(row[0]) for row in rows})
    number = np.array([ids.index(str(row[0])) for row in rows], dtype=np.int64)
    values = np.array([[row[3].get(m.name, MISSING) for row in rows] for m in measures])
    return EventLog(
        customer_ids=np.array(ids, dtype=object),
        offsets=np.searchsorted(number, np.arange(len(ids) + 1)).astype(np.int64),
        timestamp_us=at,
        arrived_us=at,
        event=np.array([names.index(row[2]) for row in rows], dtype=np.uint16),
        channel=np.zeros(len(rows), dtype=np.uint16),
        local_day=((local - pd.Timestamp(0)) // pd.Timedelta(days=1)).to_numpy().astype(np.int32),
        local_hour=local.hour.to_numpy().astype(np.int8),
        measures=values.astype(np.int64).reshape(len(measures), len(rows)),
        actor=np.full(len(rows), -1, dtype=np.int32),
        vocabulary=Vocabulary(names, measures=measures),
    )


def _literal_moves(plan, log, customer, until_us):
    """Return ``(at_us, rule)`` of one customer by reading the rules word for word, slowly."""
    span = slice(log.offsets[customer], log.offsets[customer + 1])
    times = log.timestamp_us[span]
    names = np.array(plan.vocabulary.events, dtype=object)[log.event[span]]
    days = log.local_day[span]
    measures = log.measures[:, span]
    mapped = {name for rule in plan.rules for atom in rule.atoms for name in atom.names}

    def of(atom, now):
        return np.array([n in atom.names for n in names], dtype=bool) & (times <= now)

    def units(atom, now):
        """Times of the units of a count up to ``now``."""
        picked = of(atom, now)
        if not atom.active_days:
            return times[picked]
        return np.array([times[picked & (days == d)].min() for d in np.unique(days[picked])])

    def stated(atom, now):
        row = plan.vocabulary.measure(atom.measure)
        picked = of(atom, now) & (measures[row] != MISSING)
        if not picked.any():
            return None
        return int(measures[row][picked & (times == times[picked].max())].max())

    def holds(atom, now, key):
        since = -np.inf if np.isinf(atom.days) else now - atom.days * DAY_US
        if atom.kind == Kind.EVENT:
            return not used and bool((of(atom, now) & (times == now)).any())
        if atom.kind == Kind.AT_LEAST:
            return int((units(atom, now) > since).sum()) >= atom.n
        if atom.kind == Kind.FEWER:
            return int((units(atom, now) > since).sum()) < atom.n
        if atom.kind == Kind.VALUE:
            m = plan.vocabulary.measure(atom.measure)
            picked = of(atom, now) & (times > since) & (measures[m] != MISSING)
            return measures[m][picked].sum() * plan.vocabulary.measures[m].step >= atom.least - 1e-9
        date = stated(atom, now)
        return date is not None and date != spent.get(key) and date + atom.days * DAY_US <= now

    instants = {int(t) for t, n in zip(times, names, strict=True) if n in mapped}
    for rule in plan.rules:
        for atom in rule.atoms:
            if atom.kind == Kind.DATE:
                row = measures[plan.vocabulary.measure(atom.measure)]
                instants |= {int(d + atom.days * DAY_US) for d in row[row != MISSING]}
            elif atom.kind != Kind.EVENT and not np.isinf(atom.days):
                instants |= {int(t + atom.days * DAY_US) for t in times}
    first = min((int(t) for t, n in zip(times, names, strict=True) if n in mapped), default=None)
    stage, spent, moves = 0, {}, []
    for now in sorted(t for t in instants if first is not None and first <= t < until_us):
        used = False
        while True:
            for place, rule in enumerate(plan.rules):
                keys = [(place, i) for i in range(len(rule.atoms))]
                if stage in rule.sources and all(
                    holds(a, now, k) for a, k in zip(rule.atoms, keys, strict=True)
                ):
                    spent |= {
                        k: stated(a, now)
                        for a, k in zip(rule.atoms, keys, strict=True)
                        if a.kind == Kind.DATE
                    }
                    stage, used = rule.to, used or rule.waits_for_event
                    moves.append((now, place))
                    break
            else:
                break
    return moves


@pytest.fixture(scope="session")
def make_log():
    return _make_log


@pytest.fixture(scope="session")
def literal_moves():
    return _literal_moves


@pytest.fixture(scope="session")
def lifecycle():
    spec = JourneySpec(preset="lifecycle", events={"activity": ["purchase"]})
    return compile_journey(spec, Vocabulary(("purchase", "visit"), measures=MEASURES))


@pytest.fixture(scope="session")
def five_stage():
    own = ("awareness", "consideration", "conversion", "retention", "advocacy", "ending")
    spec = JourneySpec(preset="five_stage", events={name: [name] for name in own})
    return compile_journey(spec, Vocabulary(own, measures=MEASURES))

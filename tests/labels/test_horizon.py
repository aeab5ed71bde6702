"""Labels: what happens in the horizon, and nothing else."""

import numpy as np
import pandas as pd
import pytest

from nexttouch.events import build_log
from nexttouch.events.windows import EventsOf
from nexttouch.journey import JourneySpec, compile_journey
from nexttouch.labels import LabelSpec, horizon_labels
from nexttouch.snapshots import DAY_US, SnapshotRows

START = pd.Timestamp("2025-01-01", tz="UTC")


def log_of(*events):
    frame = pd.DataFrame(events, columns=["customer_id", "day", "event", "value"])
    frame["timestamp"] = START + pd.to_timedelta(frame.pop("day") * 86_400, unit="s")
    return build_log(frame, vocabulary=None, time_zone="UTC")


def labels_of(log, cutoff_days, *, horizon_days=28, gap_days=0, until_days=400):
    start_us = START.value // 1000
    cutoffs = (start_us + np.asarray(cutoff_days, float) * DAY_US).astype(np.int64)
    rows = SnapshotRows.after_first_event(log.first_us, cutoffs)
    journey = compile_journey(
        JourneySpec(preset="lifecycle", events={"activity": ["purchase"]}), log.vocabulary
    )
    spec = LabelSpec(activity=("purchase",), horizon_days=horizon_days, gap_days=gap_days)
    until = start_us + until_days * DAY_US
    return horizon_labels(log, rows, spec=spec, journey=journey, observed_until_us=until), journey


@pytest.mark.parametrize(
    ("second_day", "churned"), [(9.99999, 1.0), (10.0, 0.0), (37.99, 0.0), (38.0, 1.0)]
)
def test_the_horizon_holds_its_begin_and_not_its_end(second_day, churned):
    log = log_of(("a", 0, "purchase", 5.0), ("a", second_day, "purchase", 7.5))
    labels, _ = labels_of(log, [10])
    assert labels.churned.tolist() == [churned]
    assert labels.revenue.tolist() == [0.0 if churned else 7.5]


def test_the_gap_moves_the_horizon():
    log = log_of(("a", 0, "purchase", 5.0), ("a", 12, "purchase", 1.0))
    assert labels_of(log, [10], gap_days=3)[0].churned.tolist() == [1.0]


def test_other_events_are_not_life_but_may_bring_money():
    log = log_of(("a", 0, "purchase", 5.0), ("a", 12, "mail", 1.0))
    labels, _ = labels_of(log, [10])
    assert (labels.churned.tolist(), labels.revenue.tolist()) == ([1.0], [1.0])


def test_a_horizon_past_the_log_is_censored_and_never_churn():
    log = log_of(("a", 0, "purchase", 5.0))
    labels, _ = labels_of(log, [10], until_days=37)
    assert np.isnan(labels.churned).all()
    assert np.isnan(labels.revenue).all()
    assert labels.next_stage.tolist() == [-1]


def test_next_stage_is_the_stage_at_the_end_of_the_horizon():
    log = log_of(("a", 0, "purchase", 5.0), ("a", 12, "purchase", 5.0))
    labels, journey = labels_of(log, [5, 10.5])
    assert [journey.stages[k] for k in labels.next_stage] == ["active", "active"]
    labels, journey = labels_of(log, [13])
    assert [journey.stages[k] for k in labels.next_stage] == ["at_risk"]


def test_longer_horizon_never_adds_churn():
    rng = np.random.default_rng(3)
    log = log_of(
        *[
            (f"c{c}", d, "purchase", 1.0)
            for c, d in zip(rng.integers(0, 30, 200), rng.random(200) * 300, strict=True)
        ]
    )
    short = labels_of(log, [60, 120, 180], horizon_days=14)[0].churned
    long = labels_of(log, [60, 120, 180], horizon_days=56)[0].churned
    assert (long <= short).all()
    assert (long < short).any()


def test_counts_before_a_moment_match_plain_counting():
    rng = np.random.default_rng(5)
    log = log_of(
        *[
            (f"c{c}", float(d), e, 1.0)
            for c, d, e in zip(
                rng.integers(0, 9, 300),
                rng.integers(0, 40, 300),
                rng.choice(["purchase", "mail"], 300),
                strict=True,
            )
        ]
    )
    of = EventsOf.select(log, ("purchase",))
    customer = np.repeat(np.arange(log.n_customers, dtype=np.int32), 3)
    moment = np.tile(START.value // 1000 + np.array([5, 20, 39]) * DAY_US, log.n_customers)
    found = of.before(customer, moment) - of.offsets[customer]
    is_purchase = log.event == log.vocabulary.event_codes(["purchase"])[0]
    plain = [
        int((is_purchase & (log.customer_of_event == c) & (log.timestamp_us < m)).sum())
        for c, m in zip(customer, moment, strict=True)
    ]
    assert found.tolist() == plain
    last = of.last_before(customer, moment)
    assert ((last >= 0) == (found > 0)).all()
    assert (last < moment).all()

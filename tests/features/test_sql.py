"""The kernel equals plain SQL on the events themselves."""

import numpy as np
import pytest
from hypothesis import example, given, settings

from nexttouch.features import compute_features
from nexttouch.features.compute import run

from .conftest import ANCHORS, CUTOFFS, ZONE, log_of, logs, no_moves, same_bits
from .sql_oracle import sql_columns, sql_features

EXACT = ("count", "channel", "breadth", "people")
EVERY_EDGE = [
    {"customer_id": "a", "timestamp": at, "event": name, "channel": "email", "value": 0.1 * k}
    for k, at in enumerate(ANCHORS)
    for name in ("buy", "help")
]


def test_sql_says_most_families(plan):
    said = {plan.columns[place].op for place in sql_columns(plan)}
    assert said == {"breadth", "channel", "count", "decay", "max", "mean", "people", "ratio",
                    "recency", "sum", "tenure"}  # fmt: skip
    assert len(sql_columns(plan)) > 0.7 * len(plan.columns)


@settings(max_examples=25, deadline=None)
@given(events=logs)
@example(events=EVERY_EDGE)
def test_kernel_equals_sql_before_the_cast_and_after_it(plan, plain_sweep, events):
    log = log_of(events)
    moves = no_moves(log)
    places = list(sql_columns(plan))
    expected = sql_features(plan, events, CUTOFFS, ZONE)
    exact = run(plan, log, moves, CUTOFFS, kernel=plain_sweep, dtype=np.float64)[places]
    counted = [plan.columns[place].op in EXACT for place in places]
    np.testing.assert_array_equal(exact[counted], expected[counted])
    decayed = np.array([plan.columns[place].op == "decay" for place in places])
    np.testing.assert_allclose(exact[~decayed], expected[~decayed], rtol=1e-9, atol=0)
    np.testing.assert_allclose(exact[decayed], expected[decayed], rtol=1e-9, atol=1e-9)
    found = compute_features(plan, log, moves, CUTOFFS)[places]
    assert same_bits(np.ascontiguousarray(found), exact.astype(np.float32))
    assert same_bits(found[counted], expected[counted].astype(np.float32))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu"])
def test_days_and_hours_are_those_of_the_zone(plan, zone):
    rng = np.random.default_rng(11)
    events = [
        {"customer_id": "a", "timestamp": int(CUTOFFS[1] - hours * 3_600_000_000), "event": "buy"}
        for hours in rng.uniform(0, 60 * 24, 400)
    ]
    log = log_of(events, zone=zone)
    places = list(sql_columns(plan))
    found = compute_features(plan, log, no_moves(log), CUTOFFS)[places]
    expected = sql_features(plan, events, CUTOFFS, zone)
    np.testing.assert_allclose(found, expected, rtol=1.2e-7, atol=1e-6)
    counted = [plan.columns[place].op in EXACT for place in places]
    np.testing.assert_array_equal(found[counted], expected[counted])

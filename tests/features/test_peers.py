"""What other churn tools get wrong: frozen features, and events at the cutoff."""

import numpy as np

from nexttouch.features import compute_features
from nexttouch.snapshots import DAY_US, SnapshotRows

from .conftest import CUTOFFS, log_of, no_moves, same_bits, us


def test_feature_rows_of_a_customer_change_between_snapshots(plan):
    rng = np.random.default_rng(3)
    cutoffs = CUTOFFS[0] + np.arange(3) * 28 * DAY_US
    log = log_of(
        {
            "customer_id": rng.choice(list("abcdefgh"), 400),
            "timestamp": rng.integers(CUTOFFS[0] - 120 * DAY_US, cutoffs[-1], 400),
            "event": rng.choice(["buy", "login", "help", "mail", "open"], 400),
            "channel": rng.choice(["email", "web"], 400),
            "value": rng.integers(1, 9999, 400) / 100,
        }
    )
    found = compute_features(plan, log, no_moves(log), cutoffs)
    rows = SnapshotRows.after_first_event(log.first_us, cutoffs)
    of_one = found[:, rows.customer == 0]
    varying = (of_one != of_one[:, :1]).any(axis=1)
    assert varying.mean() > 0.6


def test_an_event_at_exactly_the_cutoff_moves_no_feature_on_day_stamped_logs(plan):
    days = us("2025-03-01") + np.arange(20) * DAY_US
    cutoff = days[12]
    stamped = [
        {"customer_id": "a", "timestamp": int(day), "event": "buy", "value": 5.0, "channel": "web"}
        for day in days
    ]
    whole = log_of(stamped, zone="UTC")
    honest = log_of([event for event in stamped if event["timestamp"] < cutoff], zone="UTC")
    expected = compute_features(plan, honest, no_moves(honest), [cutoff])
    assert same_bits(compute_features(plan, whole, no_moves(whole), [cutoff]), expected)
    row = dict(zip(plan.names, expected[:, 0].tolist(), strict=True))
    assert (row["recency_days_activity"], row["events_activity_life"]) == (1, 12)


def test_an_event_at_exactly_the_cutoff_counts_a_microsecond_later(plan):
    event = {"customer_id": "a", "timestamp": int(CUTOFFS[0]), "event": "buy", "value": 5.0}
    log = log_of([event])
    assert compute_features(plan, log, no_moves(log), CUTOFFS[:1]).shape[1] == 0
    assert compute_features(plan, log, no_moves(log), CUTOFFS[:1] + 1).shape[1] == 1

"""What each family means, on logs small enough to check by hand."""

from math import isnan, sqrt

import numpy as np
import pytest

from nexttouch.features import compute_features
from nexttouch.snapshots import DAY_US

from .conftest import ZONE, log_of, moves_of, us

HOUR_US = DAY_US // 24
T = us("2025-03-31", ZONE)


def row_at(plan, events, cutoff=T, moves=(), zone=ZONE):
    log = log_of([{"customer_id": "a", "value": None} | event for event in events], zone=zone)
    found = compute_features(plan, log, moves_of([list(moves)]), np.array([cutoff]))
    return dict(zip(plan.names, found[:, 0].tolist(), strict=True))


def ago(days, event="buy", **more):
    return {"timestamp": round(T - days * DAY_US), "event": event, **more}


def test_recency_and_tenure_are_exact_elapsed_days(plan):
    row = row_at(plan, [ago(10.25), ago(2.5, "login"), ago(1, "mail")])
    assert row["recency_days_activity"] == 2.5
    assert row["recency_days_purchase"] == 10.25
    assert row["recency_days_all"] == 1
    assert row["tenure_days_activity"] == 10.25
    assert isnan(row["recency_days_support"])


def test_windows_hold_their_start_and_not_the_cutoff(plan):
    row = row_at(plan, [ago(7), ago(7 + 1 / DAY_US), ago(0), ago(-1)])
    assert row["events_purchase_7d"] == 1
    assert row["events_purchase_28d"] == row["events_purchase_life"] == 2


def test_active_days_are_those_of_the_business_zone(plan):
    late = us("2025-03-10 23:30", ZONE)  # two days in Berlin, one in UTC
    events = [{"timestamp": late + k * HOUR_US, "event": "buy"} for k in (0, 1)]
    assert row_at(plan, events)["active_days_purchase_28d"] == 2
    assert row_at(plan, events, zone="UTC")["active_days_purchase_28d"] == 1


def test_a_day_or_session_at_a_window_edge_counts_where_it_began(plan):
    noon = us("2025-03-24 12:00", ZONE)
    events = [{"timestamp": noon + s * 60_000_000, "event": "buy"} for s in (-10, 10)]
    row = row_at(plan, events, cutoff=noon + 7 * DAY_US)
    assert row["events_purchase_7d"] == 1
    assert row["active_days_purchase_7d"] == 0
    assert row["active_days_purchase_28d"] == 1
    row = row_at(plan, events, cutoff=noon + DAY_US)
    assert row["sessions_activity_1d"] == 0
    assert row["sessions_activity_28d"] == 1


def test_a_session_is_a_run_without_a_longer_pause(plan):
    half_hour = 30 * 60_000_000
    start = T - 5 * DAY_US
    times = [start, start + half_hour, start + 2 * half_hour + 1]
    row = row_at(plan, [{"timestamp": t, "event": "login"} for t in times])
    assert row["sessions_activity_life"] == 2


def test_the_hour_that_clocks_skip_is_no_day_of_its_own(plan):
    before = us("2025-03-30 00:59:59.999999")
    events = [{"timestamp": before + k, "event": "login"} for k in (0, 1, HOUR_US)]
    row = row_at(plan, events)
    assert row["active_days_activity_life"] == 1
    assert row["night_share_activity_91d"] == 1
    assert row["weekend_share_activity_91d"] == 1


def test_decayed_counts_halve_in_a_half_life(plan):
    row = row_at(plan, [ago(14, value=8.0), ago(7, value=-2.0), ago(7, "help")])
    assert row["decayed_events_purchase_7d"] == pytest.approx(0.25 + 0.5)
    assert row["decayed_value_purchase_7d"] == pytest.approx(8 / 4 - 2 / 2)
    assert row["decayed_events_all_7d"] == pytest.approx(0.25 + 0.5 + 0.5)


def test_gaps_lie_between_active_days(plan):
    row = row_at(plan, [ago(30.1), ago(30.05), ago(20.1), ago(16.1)])
    assert row["gap_mean_days_purchase"] == 7
    assert row["gap_std_days_purchase"] == 3
    assert row["recency_over_gap_purchase"] == pytest.approx(16.1 / 7)
    assert row["silence_z_purchase"] == pytest.approx((16.1 - 7) / 3)
    one = row_at(plan, [ago(30.1), ago(30.05)])
    assert isnan(one["gap_mean_days_purchase"])
    assert isnan(one["silence_z_purchase"])


def test_spread_of_even_gaps_counts_as_one_day(plan):
    row = row_at(plan, [ago(20.1), ago(10.1)])
    assert row["gap_std_days_purchase"] == 0
    assert row["silence_z_purchase"] == pytest.approx(0.1)


def test_trends_compare_daily_rates(plan):
    steady = [ago(0.5 + k) for k in range(28)]
    row = row_at(plan, steady)
    assert row["trend_events_purchase_7d_28d"] == 1
    assert row["trend_active_days_activity_7d_28d"] == 1
    faded = row_at(plan, steady[7:])
    assert faded["trend_events_purchase_7d_28d"] == 0
    assert isnan(row_at(plan, [ago(80)])["trend_events_purchase_7d_28d"])


def test_money_counts_refunds_and_skips_missing_amounts(plan):
    events = [ago(5, value=10.0), ago(4, value=None), ago(3, "refund", value=-2.5)]
    row = row_at(plan, events)
    assert row["sum_value_purchase_7d"] == 7.5
    assert row["mean_value_purchase_28d"] == 3.75
    assert row["max_value_purchase_28d"] == 10
    assert row["last_value_purchase"] == -2.5
    refund = row_at(plan, events[1:])
    assert refund["max_value_purchase_28d"] == refund["max_value_purchase_life"] == -2.5
    nothing = row_at(plan, events[1:2])
    assert nothing["sum_value_purchase_28d"] == 0
    assert isnan(nothing["max_value_purchase_28d"])
    assert isnan(nothing["mean_value_purchase_28d"])


def test_dates_are_days_from_the_cutoff(plan):
    assert row_at(plan, [ago(5, ends=T + 3 * DAY_US)])["last_ends_purchase"] == 3
    assert row_at(plan, [ago(5, ends=T - DAY_US)])["last_ends_purchase"] == -1


def test_breadth_and_people_count_different_ones(plan):
    events = [
        ago(20, "help", actor_id="p1"), ago(3, actor_id="p1"), ago(2, actor_id="p2"), ago(1),
    ]  # fmt: skip
    row = row_at(plan, events)
    assert (row["breadth_events_1d"], row["breadth_events_28d"]) == (1, 2)
    assert (row["people_1d"], row["people_28d"], row["people_life"]) == (0, 2, 2)


def test_channels_count_their_events(plan):
    row = row_at(plan, [ago(3, channel="email"), ago(1, channel="email"), ago(1, channel="web")])
    assert (row["channel_email_1d"], row["channel_email_life"]) == (1, 2)
    assert row["channel_no_such_channel_life"] == 0


def test_touches_and_replies(plan):
    row = row_at(plan, [ago(9, "mail"), ago(8, "open"), ago(4, "mail"), ago(1, "buy")])
    assert row["touch_recency_days"] == 4
    assert (row["touches_1d"], row["touches_28d"]) == (0, 2)
    assert row["replies_per_touch_28d"] == 0.5
    assert isnan(row["replies_per_touch_1d"])


def test_journey_reads_moves_before_the_cutoff(plan):
    moves = [(T - 100 * DAY_US, 1), (T - 50 * DAY_US, 2), (T - 20 * DAY_US, 2), (T, 3)]
    row = row_at(plan, [ago(120)], moves=moves)
    assert row["journey_stage"] == 2
    assert row["journey_previous_stage"] == 1
    assert row["journey_days_in_stage"] == 50  # staying is not a new begin
    assert row["journey_moves_90d"] == 2
    assert (row["journey_entries_new"], row["journey_entries_active"]) == (1, 1)
    fresh = row_at(plan, [ago(5)])
    assert (fresh["journey_stage"], fresh["journey_days_in_stage"]) == (0, 5)
    assert isnan(fresh["journey_previous_stage"])


def test_profile_is_shares_of_activity_in_the_last_91_days(plan):
    monday = us("2025-03-24", ZONE)
    hours = (1, 7, 13, 19)
    events = [{"timestamp": monday + h * HOUR_US, "event": "buy"} for h in hours]
    row = row_at(plan, [*events, ago(200)])
    parts = ("night", "morning", "afternoon", "evening")
    assert [row[f"{part}_share_activity_91d"] for part in parts] == [0.25] * 4
    assert row["weekend_share_activity_91d"] == 0


def test_times_before_1970_are_times_like_any(plan):
    cutoff = us("1969-12-01")
    events = [{"timestamp": cutoff - k * DAY_US, "event": "buy"} for k in (1, 8)]
    row = row_at(plan, events, cutoff=cutoff)
    assert row["decayed_events_purchase_7d"] == pytest.approx(2 ** (-1 / 7) + 2 ** (-8 / 7))
    assert row["recency_days_activity"] == 1


def test_large_sums_stay_exact(plan):
    events = [ago(k + 1, value=1e10 + 0.01) for k in range(20)]
    row = row_at(plan, events)
    assert row["sum_value_purchase_28d"] == np.float32(20e10 + 0.2)
    assert row["gap_std_days_purchase"] <= sqrt(0.25)

"""The preset `lifecycle` against its definition in plain numpy, at any cutoff."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexttouch.journey import dated_moves, legal_next, silent_stages, stage_at, stages_at
from nexttouch.snapshots import DAY_US, SnapshotRows

BERLIN_SPRING = int(pd.Timestamp("2025-03-20", tz="Europe/Berlin").value // 1000)
QUARTER = DAY_US // 4


def defined_stage(times, days, cutoff_us):
    """Stage by the formula: exact elapsed recency, active days so far, active days in 91."""
    times, days = times[times < cutoff_us], days[times < cutoff_us]
    if len(times) == 0:
        return "not_started"
    silent_us = cutoff_us - times.max()
    firsts = np.array([times[days == day].min() for day in np.unique(days)])
    often = len(firsts) > 1
    if silent_us <= 28 * DAY_US:
        if (firsts >= cutoff_us - 91 * DAY_US).sum() >= 4:
            return "loyal"
        return "active" if often else "new"
    if silent_us <= 91 * DAY_US:
        return "at_risk" if often else "one_time"
    return "lapsed"


steps = st.lists(
    st.one_of(
        st.integers(0, 12), st.sampled_from([4 * 28, 4 * 28 + 1, 4 * 91, 4 * 63, 4 * 91 - 1])
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=70, deadline=None)
@given(
    steps=steps, nudge=st.sampled_from([0, 1, -1]), zone=st.sampled_from(["UTC", "Europe/Berlin"])
)
def test_stage_is_the_definition_at_every_cutoff(make_log, lifecycle, steps, nudge, zone):
    times = BERLIN_SPRING + np.cumsum(steps) * QUARTER
    log = make_log([("a", int(t), "purchase") for t in times], time_zone=zone)
    edges = np.concatenate([times + d * DAY_US for d in (0, 1, 28, 63, 91, 92)])
    cutoffs = np.unique(edges + nudge)
    found = stage_at(dated_moves(lifecycle, log), np.zeros(len(cutoffs), np.int32), cutoffs)
    assert [lifecycle.stages[s] for s in found] == [
        defined_stage(log.timestamp_us, log.local_day, t) for t in cutoffs
    ]


@settings(max_examples=30, deadline=None)
@given(steps=steps, horizon=st.sampled_from([1, 7, 28, 91]))
def test_when_nothing_happens_the_next_stage_is_the_silent_successor(
    make_log, lifecycle, steps, horizon
):
    times = BERLIN_SPRING + np.cumsum(steps) * QUARTER
    log = make_log([("a", int(t), "purchase") for t in times])
    cutoffs = np.unique(
        np.concatenate([times + d * DAY_US + n for d in (1, 28, 91) for n in (0, 1)])
    )
    rows = SnapshotRows.after_first_event(log.first_us, cutoffs)
    ends = rows.cutoff_us + horizon * DAY_US
    silent = silent_stages(lifecycle, log, rows, horizon * DAY_US)
    seen = stages_at(lifecycle, log, ends, rows)
    nothing = np.array(
        [not ((times >= a) & (times < b)).any() for a, b in zip(rows.cutoff_us, ends, strict=True)]
    )
    np.testing.assert_array_equal(silent[nothing], seen[nothing])


def test_silent_successor_reads_only_events_before_the_cutoff(make_log, lifecycle):
    early = [("a", BERLIN_SPRING, "purchase"), ("a", BERLIN_SPRING + 3 * DAY_US, "purchase")]
    cutoff = BERLIN_SPRING + 10 * DAY_US
    later = [("a", cutoff, "purchase"), ("a", cutoff + DAY_US, "purchase")]
    answers = []
    for events in (early, early + later):
        log = make_log(events)
        rows = SnapshotRows.after_first_event(log.first_us, np.array([cutoff]))
        answers.append(silent_stages(lifecycle, log, rows, 28 * DAY_US)[0])
    assert [lifecycle.stages[a] for a in answers] == ["at_risk", "at_risk"]


def test_exactly_28_days_of_silence_is_not_yet_at_risk(make_log, lifecycle):
    log = make_log([("a", 0, "purchase"), ("a", DAY_US, "purchase")])
    moves = dated_moves(lifecycle, log, until_us=40 * DAY_US)
    assert [
        (t / DAY_US, lifecycle.rules[r].name) for t, r in zip(moves.at_us, moves.rule, strict=True)
    ] == [
        (0, "first_activity"),
        (1, "second_active_day"),
        (29, "goes_silent"),
    ]
    at = stage_at(moves, np.zeros(2, np.int32), np.array([29 * DAY_US, 29 * DAY_US + 1]))
    assert [lifecycle.stages[s] for s in at] == ["active", "at_risk"]


LISTED = {
    "not_started": {"not_started", "new", "active", "loyal"},
    "new": {"active", "loyal", "one_time"},
    "active": {"active", "loyal", "at_risk"},
    "loyal": {"active", "loyal", "at_risk"},
    "at_risk": {"active", "loyal", "at_risk", "lapsed"},
    "one_time": {"active", "loyal", "one_time", "lapsed"},
    "lapsed": {"active", "loyal", "lapsed"},
}


def legal_sets(plan, horizon, **options):
    legal = legal_next(plan, horizon, **options)
    return {
        stage: {plan.stages[k] for k in np.flatnonzero(legal[j])}
        for j, stage in enumerate(plan.stages)
    }


def test_legal_sets_at_28_days_are_exactly_those_listed(lifecycle):
    assert legal_sets(lifecycle, 28) == LISTED


def test_cutoffs_inside_a_day_also_leave_room_to_stay_new(lifecycle):
    inside = legal_sets(lifecycle, 28, day_aligned=False)
    assert inside == LISTED | {"new": LISTED["new"] | {"new"}}


def test_one_time_customers_have_moved_on_after_91_days(lifecycle):
    assert legal_sets(lifecycle, 91)["one_time"] == {"active", "loyal", "at_risk", "lapsed"}
    assert "lapsed" in legal_sets(lifecycle, 64)["active"]
    assert "lapsed" not in legal_sets(lifecycle, 63)["active"]


@pytest.mark.parametrize("horizon", [1, 7, 28, 64, 91, 92])
def test_longer_horizons_only_lose_staying(lifecycle, horizon):
    shorter, longer = legal_next(lifecycle, horizon), legal_next(lifecycle, horizon + 1)
    lost = shorter & ~longer
    assert not (lost & ~np.eye(len(lost), dtype=bool)).any()

"""Cutoffs: purged, aligned to midnight, and honest about short logs."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexttouch.errors import DataCheckError
from nexttouch.snapshots import DAY_US, SnapshotPlan, SnapshotRows, SnapshotSpec


def us(text):
    return int(pd.Timestamp(text, tz="UTC").value // 1000)


@given(
    horizon=st.integers(1, 91),
    gap=st.integers(0, 10),
    embargo=st.integers(0, 10),
    days=st.integers(400, 900),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
)
def test_no_horizon_outruns_the_log_or_reaches_past_its_test_date(
    horizon, gap, embargo, days, zone
):
    start = us("2024-01-01")
    end = start + days * DAY_US
    spec = SnapshotSpec(gap_days=gap, embargo_days=embargo)
    plan = SnapshotPlan.lay_out(
        spec, horizon_days=horizon, observed_from_us=start, observed_until_us=end, time_zone=zone
    )
    reach = (horizon + gap) * DAY_US
    for fold in plan.folds:
        assert fold.test_us + reach <= end
        assert max(fold.training_us) + reach + embargo * DAY_US <= fold.test_us
    assert max(plan.final_training_us) + reach <= end
    local = pd.to_datetime(plan.cutoffs_us, unit="us", utc=True).tz_convert(zone)
    assert (local.normalize() == local).all()
    assert min(plan.cutoffs_us) >= start + spec.min_history_days * DAY_US


def test_a_short_log_is_refused_with_the_days_it_needs():
    with pytest.raises(DataCheckError, match=r"spans 100 days; one honest test date needs 140"):
        SnapshotPlan.lay_out(
            SnapshotSpec(),
            horizon_days=28,
            observed_from_us=us("2024-01-01"),
            observed_until_us=us("2024-04-10"),
            time_zone="UTC",
        )


def test_an_event_at_the_cutoff_makes_no_row():
    rows = SnapshotRows.after_first_event(np.array([10]), np.array([10, 11]))
    assert rows.cutoff_us.tolist() == [11]

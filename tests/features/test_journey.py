"""Features read the journey's own moves and tell the stage that the journey tells."""

import numpy as np
from hypothesis import given, settings

from nexttouch.features import FeatureSpec, compile_features, compute_features
from nexttouch.journey import JourneySpec, compile_journey, dated_moves, stages_at
from nexttouch.snapshots import DAY_US, SnapshotRows

from .conftest import CUTOFFS, VOCABULARY, log_of, logs


@settings(max_examples=20, deadline=None)
@given(events=logs)
def test_stage_and_its_age_are_those_of_the_journey(events):
    log = log_of(events)
    spec = JourneySpec(preset="lifecycle", events={"activity": ["buy"]})
    journey = compile_journey(spec, VOCABULARY)
    plan = compile_features(
        FeatureSpec(), vocabulary=VOCABULARY, activity=("buy",), stages=journey.stages
    )
    moves = dated_moves(journey, log)
    rows = SnapshotRows.after_first_event(log.first_us, CUTOFFS)
    found = compute_features(plan, log, moves, CUTOFFS)
    row = dict(zip(plan.names, found, strict=True))
    stages = stages_at(journey, log, rows.cutoff_us, rows)
    np.testing.assert_array_equal(row["journey_stage"], stages)
    entered = rows.cutoff_us - np.round(row["journey_days_in_stage"].astype(float) * DAY_US)
    assert (entered < rows.cutoff_us).all()
    assert (row["journey_entries_new"] <= 1).all()
    at_risk = stages == journey.stages.index("at_risk")
    np.testing.assert_allclose(
        row["journey_days_in_stage"][at_risk] + 28, row["recency_days_activity"][at_risk], rtol=1e-6
    )

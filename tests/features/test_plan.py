"""A plan read from bytes gives the same features; a damaged one is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from nexttouch.errors import FeatureError, FeaturePlanError
from nexttouch.events.log import Measure, Vocabulary
from nexttouch.features import FeaturePlan, FeatureSpec, compile_features, compute_features
from nexttouch.features.kernel import sweep

from .conftest import ACTIVITY, CUTOFFS, STAGES, VOCABULARY, log_of, no_moves, same_bits, us

EVENTS = [
    {"customer_id": "a", "timestamp": us("2025-01-07 10:00"), "event": "buy", "value": 9.99},
    {"customer_id": "a", "timestamp": us("2025-02-11 23:30"), "event": "login", "value": None},
    {"customer_id": "b", "timestamp": us("2025-03-01 04:00"), "event": "help", "value": None},
]


def test_reading_a_plan_gives_bit_identical_features(plan):
    log = log_of(EVENTS)
    read = FeaturePlan.from_files(plan.to_files())
    assert read.names == plan.names
    assert read.reason_groups == plan.reason_groups
    assert read.to_files() == plan.to_files()
    first, again = (compute_features(p, log, no_moves(log), CUTOFFS) for p in (plan, read))
    assert same_bits(first, again)


def test_decay_tables_come_from_the_file_not_from_the_machine(plan):
    half = replace(plan, tables=plan.tables / 2)
    read = FeaturePlan.from_files(half.to_files())
    np.testing.assert_array_equal(read.tables, plan.tables / 2)


@pytest.mark.parametrize("name", ["plan.json", "decay_tables.npy"])
@pytest.mark.parametrize("keep", [0, 5, 400, -1])
def test_half_a_plan_is_refused(plan, name, keep):
    files = plan.to_files()
    with pytest.raises(FeaturePlanError, match=r"NT401.*damaged"):
        FeaturePlan.from_files(files | {name: files[name][:keep]})


def test_a_plan_without_its_tables_is_refused(plan):
    with pytest.raises(FeaturePlanError, match="damaged"):
        FeaturePlan.from_files({"plan.json": plan.to_files()["plan.json"]})


def test_damaged_tables_are_refused(plan):
    wrong = replace(plan, tables=plan.tables * 2)
    with pytest.raises(FeaturePlanError, match="decay tables"):
        FeaturePlan.from_files(wrong.to_files())


def test_a_plan_of_other_columns_is_refused(plan):
    files = plan.to_files()
    facts = json.loads(files["plan.json"])
    facts["names"] = facts["names"][::-1]
    with pytest.raises(FeaturePlanError, match="other columns; compile it anew"):
        FeaturePlan.from_files(files | {"plan.json": json.dumps(facts).encode()})


def test_a_plan_of_another_version_is_refused(plan):
    files = plan.to_files()
    facts = json.loads(files["plan.json"]) | {"format": 99}
    with pytest.raises(FeaturePlanError, match="another version"):
        FeaturePlan.from_files(files | {"plan.json": json.dumps(facts).encode()})


def test_a_second_spec_compiles_nothing(plan):
    log = log_of(EVENTS)
    compute_features(plan, log, no_moves(log), CUTOFFS)
    spec = FeatureSpec(without=("decayed", "channel", "touches", "money", "trend"), measures={})
    other = compile_features(spec, vocabulary=VOCABULARY, activity=("buy",), stages=("one",))
    compute_features(other, log, no_moves(log), CUTOFFS[:1])
    assert len(sweep.signatures) == 1


def test_arrays_from_files_compile_nothing(plan):
    log = log_of(EVENTS)
    first = compute_features(plan, log, no_moves(log), CUTOFFS)
    log.timestamp_us.flags.writeable = False
    assert same_bits(first, compute_features(plan, log, no_moves(log), list(CUTOFFS)))
    assert len(sweep.signatures) == 1


def test_codes_of_a_log_do_not_matter(plan):
    names = ("zoo", *reversed(VOCABULARY.events))
    turned = Vocabulary(names, ("", "web", "fax", "email"), VOCABULARY.measures)
    first, again = log_of(EVENTS), log_of(EVENTS, vocabulary=turned)
    assert first.event.tolist() != again.event.tolist()
    assert same_bits(
        compute_features(plan, first, no_moves(first), CUTOFFS),
        compute_features(plan, again, no_moves(again), CUTOFFS),
    )


def test_measures_in_other_steps_are_refused(plan):
    other = Vocabulary(VOCABULARY.events, VOCABULARY.channels, (Measure("value", "money", 0.001),))
    log = log_of(EVENTS, vocabulary=other)
    with pytest.raises(FeatureError, match=r"'value' as money in steps of 0.001"):
        compute_features(plan, log, no_moves(log), CUTOFFS)


def test_a_log_without_a_measure_has_it_missing(plan):
    other = Vocabulary(VOCABULARY.events, VOCABULARY.channels, VOCABULARY.measures[:1])
    log = log_of(EVENTS, vocabulary=other)
    row = dict(zip(plan.names, compute_features(plan, log, no_moves(log), CUTOFFS), strict=True))
    assert np.isnan(row["last_quantity_activity"]).all()
    assert row["sum_quantity_activity_life"].tolist() == [0.0] * 6
    assert row["sum_value_activity_life"][0] == np.float32(9.99)


def test_what_does_not_fit_together_is_refused(plan):
    log = log_of(EVENTS)
    with pytest.raises(FeatureError, match="ascending order"):
        compute_features(plan, log, no_moves(log), CUTOFFS[::-1])
    with pytest.raises(FeatureError, match="ascending order"):
        compute_features(plan, log, no_moves(log), CUTOFFS[[0, 0]])
    one, _ = log.keep(log.customer_of_event == 0)
    with pytest.raises(FeatureError, match="2 customers, the moves 1"):
        compute_features(plan, log, no_moves(one), CUTOFFS)
    moves = no_moves(log)
    moves = type(moves)(np.array([0, 1, 1]), CUTOFFS[:1], np.array([len(STAGES)], dtype=np.int16))
    with pytest.raises(FeatureError, match="outside the plan's 4 stages"):
        compute_features(plan, log, moves, CUTOFFS)


def test_no_rows_is_an_empty_matrix(plan):
    log = log_of(EVENTS)
    before = np.array([us("2020-01-01")])
    assert compute_features(plan, log, no_moves(log), before).shape == (len(plan.names), 0)
    assert compute_features(plan, log, no_moves(log), []).shape == (len(plan.names), 0)
    assert plan.activity == ACTIVITY

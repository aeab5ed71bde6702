"""The simulated log keeps its promises, and its planted effects can be found again."""

import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from nexttouch.datasets import dataset_info, load, simulate
from nexttouch.datasets.canonical import COLUMNS
from nexttouch.datasets.simulator.world import EVENTS, SEGMENTS, TIERS
from nexttouch.errors import DataCheckError
from nexttouch.events.spec import CANONICAL


@pytest.fixture(scope="module")
def simulation():
    return simulate(400, days=400, random_state=3)


@pytest.fixture(scope="module")
def events(simulation):
    return simulation.events.to_pandas()


def _digest(table):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return hashlib.sha256(sink.getvalue()).hexdigest()


def test_a_seed_gives_the_same_bytes_and_another_seed_others():
    one, same, other = (simulate(60, days=120, random_state=seed) for seed in (1, 1, 2))
    assert _digest(one.events) == _digest(same.events)
    for name in ("customers", "touches", "stages"):
        assert _digest(getattr(one.truth, name)) == _digest(getattr(same.truth, name))
    assert _digest(one.events) != _digest(other.events)


def test_columns_are_canonical_and_measures_as_declared(simulation):
    assert tuple(COLUMNS) == CANONICAL
    info = dataset_info("simulated")
    names = simulation.events.column_names
    assert names == [*info.mapping.values(), *(measure.name for measure in info.measures)]
    for name in set(names) & set(COLUMNS):
        assert simulation.events.schema.field(name).type == COLUMNS[name]


def test_every_event_and_every_trigger_of_the_journey_occurs(events):
    seen = set(events["event"])
    assert seen == {event.name for event in EVENTS}
    info = dataset_info("simulated")
    for names in info.triggers.values():
        assert set(names) <= seen
    assert set(info.activity) | set(info.touches) <= seen


def test_true_stages_include_dormancy_and_return(simulation):
    path = simulation.truth.stages.to_pandas()
    assert set(path["stage"]) == {
        "awareness", "consideration", "conversion", "retention", "advocacy", "dormant"
    }  # fmt: skip
    before = path.groupby("customer_id")["stage"].shift()
    assert ((before == "dormant") & (path["stage"] == "retention")).any()
    assert not (before == path["stage"]).any()


def test_all_events_lie_inside_the_log_in_time_order(simulation, events):
    assert events["timestamp"].is_monotonic_increasing
    assert events["timestamp"].min() >= pd.Timestamp("2024-01-01", tz="UTC")
    assert events["timestamp"].max() < simulation.observed_until
    assert events["event_id"].is_unique


def test_contracts_end_after_they_are_signed_and_cancelled_before_they_end(events):
    signed = events[events["event"].isin(["contract_signed", "contract_renewed"])]
    assert signed["contract_end"].notna().all()
    assert (signed["contract_end"] > signed["timestamp"]).all()
    cancelled = events[events["event"] == "contract_cancelled"]
    assert (cancelled["contract_end"] > cancelled["timestamp"]).all()
    others = events[~events["event"].str.startswith("contract_")]
    assert others["contract_end"].isna().all()


def test_a_trial_follows_its_signup_and_precedes_the_contract(events):
    first = events.pivot_table("timestamp", "customer_id", "event", aggfunc="min")
    signers = first.dropna(subset=["contract_signed"])
    assert (signers["signup"] < signers["trial_started"]).all()
    assert (signers["trial_started"] < signers["contract_signed"]).all()


def test_a_person_belongs_to_one_account_and_has_one_role(events):
    people = events.dropna(subset=["actor_id"])
    who = people[["actor_id", "customer_id", "actor_role"]].drop_duplicates()
    assert who["actor_id"].is_unique
    assert (who["actor_id"].str.rpartition("-")[0] == who["customer_id"]).all()
    assert set(people["actor_role"]) == {"admin", "champion", "user"}
    assert events[events["event"] == "ad_seen"]["actor_id"].isna().all()


def test_a_champion_who_left_does_nothing_more(simulation, events):
    left = simulation.truth.customers.to_pandas().set_index("customer_id")["champion_left_at"]
    assert left.notna().sum() > 10
    by_champions = events[events["actor_role"] == "champion"]
    assert not (by_champions["timestamp"] >= by_champions["customer_id"].map(left)).any()


def test_churned_accounts_use_nothing_after_their_true_churn(simulation, events):
    churned = simulation.truth.customers.to_pandas().set_index("customer_id")["churned_at"]
    assert 0.2 < churned.notna().mean() < 0.6
    use = events[events["event"].isin(dataset_info("simulated").activity)]
    assert not (use["timestamp"] >= use["customer_id"].map(churned)).any()


def test_money_and_measures_ride_on_their_own_events(events):
    assert set(events.dropna(subset=["value"])["event"]) == {"invoice_paid"}
    assert (events["value"].dropna() > 0).all()
    assert set(events.dropna(subset=["score"])["event"]) == {"survey_answered"}
    assert events["score"].dropna().between(0, 10).all()
    assert "contract_signed" in set(events.dropna(subset=["seats"])["event"])


def test_tiers_are_drawn_with_the_stated_propensities():
    assert all(np.isclose(sum(segment.propensities), 1) for segment in SEGMENTS)
    truth = simulate(800, days=300, random_state=5).truth
    drawn = truth.touches.to_pandas().merge(truth.customers.to_pandas(), on="customer_id")
    share = drawn.groupby("segment")["tier"].value_counts(normalize=True)
    stated = drawn.groupby(["segment", "tier"])["propensity"].agg(["min", "max"])
    assert (stated["min"] == stated["max"]).all()
    size = drawn["segment"].value_counts()
    for (segment, tier), found in share.items():
        p = stated.loc[(segment, tier), "min"]
        assert abs(found - p) < 4.5 * np.sqrt(p * (1 - p) / size[segment])


def test_planted_effects_are_recovered_by_comparing_the_arms():
    simulation = simulate(3_000, days=500, random_state=11)
    drawn = simulation.truth.touches.to_pandas()
    whole = drawn["at"] <= simulation.observed_until - pd.Timedelta(days=28)
    drawn = drawn[whole & drawn["using"]]
    weight = 1 / drawn["propensity"]
    silent = (drawn["silent_at"].notna() * weight).groupby(drawn["tier"]).sum()
    hazard = -np.log1p(-silent / weight.groupby(drawn["tier"]).sum())
    found = np.log(hazard / hazard["no_touch"])
    events_of = drawn["silent_at"].notna().groupby(drawn["tier"]).sum()
    untouched = drawn["silence_per_day_untouched"]
    rate = untouched * np.exp(drawn["log_hazard_ratio"])
    planted = np.log(
        (rate * weight).groupby(drawn["tier"]).sum()
        / (untouched * weight).groupby(drawn["tier"]).sum()
    )
    error = np.sqrt(1 / events_of + 1 / events_of["no_touch"])
    assert (abs(found - planted) < 3.5 * error).all()
    assert found["customer_success_manager"] < found["low_touch"] < 0
    assert found["high_touch"] < found["low_touch"]


def test_the_truth_names_the_planted_effects(simulation):
    truth = simulation.truth
    assert truth.effects == {tier.name: -tier.effect for tier in TIERS}
    touches = truth.touches.to_pandas().merge(truth.customers.to_pandas(), on="customer_id")
    tiring = truth.fatigue_per_message * (touches["messages"] - 2).clip(lower=0)
    planted = touches["tier"].map(truth.effects) * touches["responsiveness"] + tiring
    assert np.allclose(planted, touches["log_hazard_ratio"])
    assert not touches.loc[touches["tier"] == "no_touch", "messages"].any()


def test_late_events_arrive_later_and_unknown_ones_are_left_out():
    simulation = simulate(80, days=150, random_state=1, late_share=0.3)
    delay = pc.subtract(simulation.events["ingested_at"], simulation.events["timestamp"])
    late = np.array([gap.total_seconds() for gap in delay.to_pylist()])
    assert late.min() == 0
    assert 0.2 < (late > 0).mean() < 0.4
    assert late.max() <= 3 * 86_400
    assert pc.max(simulation.events["ingested_at"]).as_py() < simulation.observed_until


@pytest.mark.parametrize(
    "arguments", [{"n_customers": 0}, {"days": 10}, {"late_share": 2}, {"touch_days": 0}]
)
def test_numbers_out_of_range_are_refused(arguments):
    with pytest.raises(DataCheckError, match="simulate needs n_customers"):
        simulate(**{"n_customers": 5, **arguments})


def test_one_account_is_enough():
    assert simulate(1, days=60).events.num_rows >= 1


def test_the_simulated_data_set_is_the_default_simulation():
    assert set(load("simulated").column_names) == {
        *dataset_info("simulated").mapping, "contract_end", "seats", "score"
    }  # fmt: skip
    with pytest.raises(DataCheckError, match="is made, not read"):
        load("simulated", path="file.csv")

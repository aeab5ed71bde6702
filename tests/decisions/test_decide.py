"""From scores to decisions: reasons, holdout, ids, summaries."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from nexttouch.decisions import (
    StrategySpec,
    TouchpointsSpec,
    capacity_curve,
    decide,
    explain_decision,
)
from nexttouch.errors import AllocationInputError, ContradictoryLimitsError

AS_OF = pd.Timestamp("2025-07-01", tz="UTC")
KEY = b"0123456789abcdef0123456789abcdef"
ASPECTS = {"active": "retention", "new": "acquisition"}


def scores(n: int = 400, seed: int = 0) -> pd.DataFrame:
    r = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer_id": [f"{i:03d}" for i in range(n)],
            "segment": r.choice(["small", "big"], n),
            "stage": r.choice(["active", "new"], n),
            "p_churn": r.beta(1.3, 4, n),
            "margin_if_kept": np.exp(r.normal(6, 1.2, n)),
            "contacts_7d": r.poisson(0.3, n),
            "contacts_30d": r.poisson(1, n),
            "hours_since_touch": np.where(r.random(n) < 0.6, np.nan, r.exponential(300, n)),
        }
    )


def run(table, *, channels=("email", "phone"), touch=None, key=KEY, as_of=AS_OF, **said):
    said = {"capacity": {"high_touch": 9, "customer_success_manager": 4, "low_touch": 90}} | said
    return decide(
        table,
        touchpoints=TouchpointsSpec.model_validate({"channels": channels} | (touch or {})),
        strategy=StrategySpec.model_validate(said),
        as_of=as_of,
        policy_key=key,
        aspects=ASPECTS,
        currency="EUR",
    )


def one(**columns):
    row = {
        "customer_id": "a",
        "stage": "active",
        "p_churn": 0.5,
        "margin_if_kept": 5000.0,
        "contacts_7d": 0,
        "contacts_30d": 0,
        "hours_since_touch": np.nan,
    }
    return pd.DataFrame([row | columns])


NO_HOLDOUT = {"experiments": {"holdout_share": 0.0}}


def test_row_order_changes_nothing():
    table = scores()
    a, b = run(table), run(table.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(a.table, b.table)
    assert json.dumps(a.summary, allow_nan=False) == json.dumps(b.summary, allow_nan=False)


def test_capacity_and_budget_hold_and_the_summary_adds_up():
    d = run(scores(), budget=60.0)
    counts = d.table["tier"].value_counts()
    assert counts["high_touch"] <= 9
    assert counts["customer_success_manager"] <= 4
    money = {name: tier.money for name, tier in d.strategy.tiers.items()}
    assert d.table["tier"].map(money).sum() <= 60 + 1e-9
    policy = d.table[d.table["group"] == "policy"]
    assert policy["expected_value"].sum() == pytest.approx(d.summary["expected_value"], abs=1e-3)
    assert d.summary["expected_value_is"] == "assumed"
    assert d.summary["baseline_rank_by_churn_risk"]["expected_value"] < d.summary["expected_value"]
    assert any("assumed" in note for note in d.summary["notes"])


def test_hours_of_two_teams_bound_the_hybrid_tier():
    d = run(
        scores(),
        capacity={"high_touch": 0, "customer_success_manager": 0, "low_touch": 0},
        teams={"retention_agent": {"hours": 5}, "customer_success_manager": {"hours": 2}},
    )
    used = d.prices.set_index("resource")["used"]
    assert 0 < (d.table["tier"] == "hybrid").sum() <= 8
    assert used["hours of customer_success_manager"] <= 2


def test_hybrid_uses_the_capacity_of_the_automation_it_starts_with():
    d = run(
        scores(), capacity={"automated_retention": 3, "hybrid": 50, "high_touch": 0, "low_touch": 0}
    )
    assert d.table["tier"].isin(["hybrid", "automated_retention"]).sum() <= 3


def test_holdout_gets_no_touch_and_a_logged_propensity():
    d = run(scores(2000), experiments={"holdout_share": 0.2})
    held = d.table["group"] == "holdout"
    assert held.mean() == pytest.approx(0.2, abs=0.03)
    assert (d.table.loc[held, "tier"] == "no_touch").all()
    assert d.table.loc[held, "reason_codes"].str.startswith("holdout").all()
    would = held & (d.table["policy_tier"] != "no_touch")
    assert (d.table.loc[would, "propensity"] == 0.2).all()
    assert (d.table.loc[~held & (d.table["tier"] != "no_touch"), "propensity"] == 0.8).all()
    assert (d.table.loc[d.table["policy_tier"] == "no_touch", "propensity"] == 1.0).all()


def test_holdout_stays_within_a_quarter_and_changes_with_it_and_with_the_key():
    table = scores(1000)
    first = run(table).table["group"]
    assert (run(table, as_of=pd.Timestamp("2025-09-30", tz="UTC")).table["group"] == first).all()
    assert (run(table, as_of=pd.Timestamp("2025-10-01", tz="UTC")).table["group"] != first).any()
    assert (run(table, key=KEY[::-1]).table["group"] != first).any()


def test_exempt_customers_are_never_held_out():
    table = scores().assign(holdout_exempt=True)
    assert (run(table, experiments={"holdout_share": 0.5}).table["group"] == "policy").all()


def test_same_question_same_id_and_changed_input_new_id():
    table = scores(50)
    ids = run(table).table["decision_id"]
    assert ids.is_unique
    assert (run(table).table["decision_id"] == ids).all()
    changed = table.copy()
    changed.loc[7, "contacts_30d"] += 1
    other = run(changed).table["decision_id"]
    assert other[7] != ids[7]
    assert (run(table, as_of=AS_OF + pd.Timedelta("1D")).table["decision_id"] != ids).all()


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"stage": "new"}, "not meant for their stage"),
        ({"do_not_contact": True}, "asked not to be contacted"),
        ({"consent_email": False}, "no consent"),
        ({"contacts_7d": 2}, "exceed the contact limit"),
        ({"contacts_30d": 4}, "exceed the contact limit"),
        ({"hours_since_touch": 47.9}, "last touch was too recent"),
        ({"margin_if_kept": 10.0}, "margin is below"),
    ],
)
def test_a_closed_tier_says_why(columns, reason):
    tiers = {"automated_retention": {"min_margin": 11.0}}
    d = run(one(**columns), tiers=tiers, **NO_HOLDOUT)
    assert "automated_retention" not in d.table["eligible_tiers"][0]
    assert reason in explain_decision(d, "a").tiers.loc["automated_retention", "eligible"]
    assert reason in d.table["closed_tiers"][0]


def test_contact_at_exactly_the_gap_is_allowed():
    d = run(one(hours_since_touch=48.0), **NO_HOLDOUT)
    assert "automated_retention" in d.table["eligible_tiers"][0]


def test_without_channels_only_no_touch_is_possible_and_it_says_so():
    d = run(scores(), channels=())
    assert (d.table["tier"] == "no_touch").all()
    assert any("only no-touch is possible" in note for note in d.summary["notes"])
    assert "no channels" in d.summary["unavailable"]["high_touch"]


def test_a_human_tier_without_known_capacity_is_unavailable_with_the_way_out():
    d = run(scores(), capacity={"high_touch": 5})
    assert (
        "strategy.capacity.customer_success_manager"
        in (d.summary["unavailable"]["customer_success_manager"])
    )
    assert "customer_success_manager" not in set(d.table["tier"])


def test_nothing_is_guessed_about_consent_or_contacts():
    with pytest.raises(AllocationInputError, match="contacts_30d"):
        run(scores().drop(columns="contacts_30d"))
    touch = {"consent": {"email": {"opt_out_events": ["unsubscribed"]}}}
    with pytest.raises(AllocationInputError, match="consent_email"):
        run(scores(), touch=touch)


def test_denied_by_default_needs_an_explicit_yes():
    touch = {"consent": {"email": {"default": "denied"}, "phone": {"default": "denied"}}}
    table = scores(3).assign(consent_email=[True, None, False])
    open_tiers = run(table, touch=touch).table["eligible_tiers"]
    assert open_tiers.str.contains("low_touch").tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("column", "value", "match"),
    [
        ("p_churn", np.nan, "probability"),
        ("p_churn", 1.5, "probability"),
        ("margin_if_kept", np.nan, "finite amount"),
        ("margin_if_kept", np.inf, "finite amount"),
        ("contacts_7d", -1, "count"),
        ("hours_since_touch", -1.0, "NaN for never"),
        ("customer_id", 7, "text"),
        ("customer_id", "001", "there once"),
        ("do_not_contact", "perhaps", "true, false or empty"),
        ("current_tier", "vip", "one of"),
    ],
)
def test_scores_that_cannot_be_decided_on_are_refused_by_name(column, value, match):
    table = scores(5).astype({"contacts_7d": object, "customer_id": object})
    if column not in table:
        table[column] = pd.Series([None] * 5, dtype=object)
    table.loc[3, column] = value
    with pytest.raises(AllocationInputError, match=match) as caught:
        run(table)
    assert column in str(caught.value)


def test_impossible_floor_is_named():
    floor = {"segment": "big", "tiers": ["high_touch"], "at_least": 50}
    with pytest.raises(ContradictoryLimitsError, match="floor of 50 in high_touch for big"):
        run(scores(), floors=[floor])


def test_floor_is_met_and_its_cost_is_a_price():
    floor = {"segment": "small", "tiers": ["high_touch"], "at_least": 8}
    d = run(scores(), floors=[floor])
    small = d.table[d.table["segment"] == "small"]
    assert (small["tier"] == "high_touch").sum() >= 8
    row = d.prices[d.prices["kind"] == "floor"].iloc[0]
    assert row["limit"] == 8
    assert row["used"] >= 8


def test_explanation_recomputes_the_value_it_explains():
    d = run(scores(), switch_cost=20.0, risk_aversion=0.2)
    for row in d.table[d.table["group"] == "policy"].head(60).itertuples():
        told = explain_decision(d, row.customer_id)
        assert told.tiers.loc[row.tier, "value"] == pytest.approx(row.expected_value, abs=2e-6)
        parts = told.tiers.loc[row.policy_tier]
        whole = (
            parts["kept"]
            + parts["stages"]
            - parts[["money", "hours", "fatigue", "switching", "caution"]].sum()
        )
        assert whole == pytest.approx(parts["value"], abs=1e-9)
    with pytest.raises(AllocationInputError, match="No decision was made for customer 'nobody'"):
        explain_decision(d, "nobody")


def test_stage_value_adds_to_being_kept():
    said = {
        "tiers": {"high_touch": {"stage_lift": {"advocacy": 0.1}}},
        "stage_values": {"advocacy": {"money": 300.0, "beyond_being_kept": "a referral"}},
    }
    d = run(one(p_stage_advocacy=0.5), **said, **NO_HOLDOUT)
    assert explain_decision(d, "a").tiers.loc["high_touch", "stages"] == pytest.approx(30.0)


def test_confirmed_effects_are_not_called_assumed():
    effect = {"points": 0.2, "sd": 0.1, "confirmed_by": "Jo"}
    d = run(one(), tiers={"high_touch": {"effect": effect}}, **NO_HOLDOUT)
    assert d.table[["tier", "effect_level"]].iloc[0].tolist() == ["high_touch", "confirmed"]
    assert "assumed" not in d.table["why"][0]
    assert d.summary["expected_value_is"] != "assumed"


def test_capacity_curve_rises_and_flattens():
    d = run(scores(), **NO_HOLDOUT)
    curve = capacity_curve(d, "capacity of high_touch", limits=[0, 5, 9, 20, 40])
    gained = curve["expected_value"].diff().dropna() / curve["limit"].diff().dropna()
    assert (gained >= -1e-6).all()
    assert gained.iloc[-1] < gained.iloc[0]
    assert curve.loc[2, "gained"] == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(AllocationInputError, match="Did you mean 'capacity of high_touch'"):
        capacity_curve(d, "capacity of high_tuch")


def test_nobody_to_decide_on_is_an_empty_table():
    d = run(scores().iloc[:0])
    assert len(d.table) == 0
    assert d.summary["expected_value"] == 0


def test_naive_moments_and_short_keys_are_refused():
    with pytest.raises(AllocationInputError, match="time zone"):
        run(scores(3), as_of=pd.Timestamp("2025-07-01"))
    with pytest.raises(AllocationInputError, match="at least 16"):
        run(scores(3), key=b"short")

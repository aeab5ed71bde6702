"""Small tables as the pipeline would hand them over: made up, the same each time."""

import numpy as np
import pandas as pd
import pytest

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=cmd|'/C calc'!A0",
    "../../etc/passwd",
    "🦊 fox",
    "مرحبا \u202eoc.live",
    "$x^2$ & co",
    "{{ 7*7 }}",
    "-5",
    "007",
)
REASONS = (
    "silent for 41 days; the usual gap is 9",
    "bought 2 times in 91 days; like customers 6",
    "spends 38% less than in the quarter before",
    "no coupon used since August",
)
PLAYS = {
    "no_touch": "",
    "low_touch": "Monthly newsletter",
    "automated_retention": "Win-back mail, then a reminder after 7 days",
    "high_touch": "Call, ask for the reason, offer a fitting plan",
    "customer_success_manager": "Account review with the customer success manager",
}
STAGES = ("new", "active", "loyal", "at_risk", "one_time", "lapsed")


def make_worklist(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    risk = rng.beta(1.2, 1.6, n)
    value = rng.gamma(1.5, 160, n).round(2)
    tier = np.array(list(PLAYS))[np.digitize(risk * value, [20, 60, 140, 320])]
    stage = np.array(STAGES)[rng.integers(0, 6, n)]
    frame = pd.DataFrame(
        {
            "customer_id": [HOSTILE[k] if k < len(HOSTILE) else f"{k:07d}" for k in range(n)],
            "segment": np.where(value > 300, "household", "single"),
            "stage": stage,
            "next_stage": np.where(risk > 0.5, "lapsed", "active"),
            "p_next_stage": np.maximum(risk, 1 - risk),
            "p_churn": risk,
            "little_history": risk > 0.97,
            "margin_if_kept": value,
            "tier": tier,
            "effect_level": "assumed",
            "expected_value": np.where(tier == "no_touch", 0.0, (risk * value * 0.12).round(2)),
            "reasons": [[REASONS[k % 4], REASONS[(k + 1) % 4]] for k in range(n)],
            "play": [PLAYS[t] for t in tier],
            "scored_at": pd.Timestamp("2025-12-02", tz="UTC"),
        }
    )
    frame = frame.sort_values("expected_value", ascending=False, kind="stable", ignore_index=True)
    frame.insert(0, "rank", np.arange(1, n + 1))
    return frame


def tier_table(worklist: pd.DataFrame) -> pd.DataFrame:
    counts = worklist["tier"].value_counts().reindex(list(PLAYS), fill_value=0)
    return pd.DataFrame(
        {
            "tier": counts.index,
            "customers": counts.to_numpy(),
            "capacity": [
                np.nan,
                np.nan,
                900.0,
                float(counts["high_touch"]),
                counts["customer_success_manager"] + 12.0,
            ],
        }
    )


@pytest.fixture(scope="module")
def worklist():
    return make_worklist(60)


@pytest.fixture(scope="module")
def trust():
    return {
        "model": "logit blend",
        "model_version": "complete_journey v3",
        "trained_on": "8 cutoffs, 2025-04-08 to 2025-10-21",
        "scored_at": pd.Timestamp("2025-12-02", tz="UTC"),
        "data_up_to": pd.Timestamp("2025-12-02", tz="UTC"),
        "coverage": 0.974,
        "effect_level": "assumed",
    }


@pytest.fixture(scope="module")
def summary(worklist):
    return {
        "customers": 2469,
        "at_risk": 431,
        "at_risk_above": 0.5,
        "value_at_stake": 381_250.0,
        "expected_value": 18_430.5,
        "gap": 0.0004,
        "hours_used": 118.0,
        "hours_available": 120.0,
        "money_used": 2_940.0,
        "budget": 3_000.0,
        "tiers": tier_table(worklist),
        "currency": "USD",
        "horizon_days": 28,
    }


@pytest.fixture(scope="module")
def stages():
    people = [120, 800, 640, 310, 90, 509]
    table = pd.DataFrame({"stage": STAGES, "customers": people})
    table["share"] = table["customers"] / table["customers"].sum()
    table["p_churn"] = [0.31, 0.12, 0.04, 0.52, 0.6, 0.93]
    return table


@pytest.fixture(scope="module")
def counts():
    values = [
        [0, 60, 20, 0, 40, 0],
        [0, 600, 150, 50, 0, 0],
        [0, 90, 540, 10, 0, 0],
        [0, 80, 5, 160, 0, 65],
        [0, 10, 1, 0, 50, 29],
        [0, 30, 2, 0, 0, 477],
    ]
    return pd.DataFrame(values, index=STAGES, columns=STAGES)


@pytest.fixture(scope="module")
def people():
    cutoffs = pd.date_range("2025-05-06", periods=8, freq="28D", tz="UTC")
    rng = np.random.default_rng(3)
    drift = np.arange(8)[:, None] * np.array([[-8, -20, 4, 9, 1, 22]])
    start = np.array([[160, 900, 600, 260, 80, 350]])
    return pd.DataFrame(start + drift + rng.integers(-9, 9, (8, 6)), index=cutoffs, columns=STAGES)


@pytest.fixture(scope="module")
def bins():
    predicted = np.linspace(0.02, 0.93, 15)
    n = np.full(15, 160)
    champion = pd.DataFrame({"predicted": predicted, "observed": predicted**1.06, "n": n})
    logistic = pd.DataFrame({"predicted": predicted, "observed": predicted**1.35, "n": n})
    return {"logit blend": champion, "logistic": logistic}


@pytest.fixture(scope="module")
def lifts():
    share = np.linspace(0.05, 1, 20)
    return {
        "logit blend": pd.DataFrame({"share": share, "lift": 1 + 2.1 * (1 - share) ** 1.3}),
        "BG/NBD": pd.DataFrame({"share": share, "lift": 1 + 1.7 * (1 - share) ** 1.5}),
    }


@pytest.fixture(scope="module")
def backtest():
    return pd.DataFrame(
        {
            "task": "churn_28d",
            "model": ["logit blend", "lightgbm", "bg_nbd", "logistic", "stay"],
            "auc": [0.881, 0.879, 0.868, 0.872, np.nan],
            "auc_low": [0.872, 0.870, 0.858, 0.862, np.nan],
            "auc_high": [0.889, 0.888, 0.877, 0.881, np.nan],
            "log_loss": [0.316, 0.318, 0.331, 0.327, 0.604],
            "log_loss_low": [0.305, 0.306, 0.319, 0.315, 0.596],
            "log_loss_high": [0.327, 0.330, 0.343, 0.339, 0.612],
            "ece": [0.014, 0.016, 0.021, 0.018, 0.0],
        }
    )


@pytest.fixture(scope="module")
def backtest_by_date():
    dates = pd.to_datetime(["2025-09-23", "2025-10-21", "2025-11-04"], utc=True)
    rows = [
        {
            "task": "churn_28d",
            "model": m,
            "test_date": d,
            "log_loss": base + k * 0.004,
            "auc": 1 - base,
        }
        for m, base in {
            "logit blend": 0.31,
            "lightgbm": 0.314,
            "bg_nbd": 0.33,
            "logistic": 0.325,
        }.items()
        for k, d in enumerate(dates)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def importance():
    return pd.DataFrame(
        {
            "group": [
                "recency",
                "frequency",
                "activity",
                "regularity",
                "trend",
                "money",
                "channel",
            ],
            "importance": [0.9, 0.5, 1.4, 0.31, 0.2, 0.22, 0.05],
        }
    )


@pytest.fixture(scope="module")
def curve():
    capacity = np.arange(0, 401, 40)
    return pd.DataFrame(
        {"limit": capacity, "expected_value": 21_000 * (1 - np.exp(-capacity / 130))}
    )

"""A small made-up training set with a planted rule, and folds on it."""

import sys

import numpy as np
import pandas as pd
import pytest

from nexttouch.models.rfm import RFM_COLUMNS
from nexttouch.snapshots import DAY_US, Fold
from nexttouch.training.training_set import TrainingSet

STAGES = ("not_started", "active", "at_risk", "lapsed", "won")
ACTIVE, AT_RISK, LAPSED, WON = 1, 2, 3, 4
LEGAL = np.array(
    [
        [1, 1, 0, 0, 0],
        [0, 1, 1, 0, 1],
        [0, 1, 1, 1, 0],
        [0, 1, 0, 1, 0],
        [0, 1, 1, 0, 1],
    ],
    dtype=bool,
)
SILENT = np.array([0, AT_RISK, LAPSED, LAPSED, AT_RISK])
CUTS = tuple(k * 28 * DAY_US for k in range(1, 6))
FOLDS = tuple(Fold(CUTS[k], CUTS[:k]) for k in (3, 4))


def made_set(customers=250, *, seed=0, cutoffs=CUTS):
    rng = np.random.default_rng(seed)
    n = customers * len(cutoffs)
    customer = np.repeat(np.arange(customers), len(cutoffs))
    stage = rng.choice([ACTIVE, AT_RISK, LAPSED, WON], n).astype(np.int16)
    silent = SILENT[stage].astype(np.int16)
    recency = rng.gamma(2.0, 10.0, n)
    days = 1.0 + rng.poisson(rng.gamma(1.0, 4.0, n))
    X = pd.DataFrame({name: np.zeros(n) for name in RFM_COLUMNS})
    X["recency_days_activity"] = recency
    X["tenure_days_activity"] = recency + rng.uniform(0.0, 200.0, n) * (days > 1)
    X["active_days_activity_life"] = days
    X["events_activity_life"] = days + rng.poisson(1.0, n)
    X["active_days_activity_91d"] = np.minimum(days, rng.poisson(3.0, n))
    X["sum_value_activity_life"] = days * rng.gamma(4.0, 5.0, n)
    X["sum_value_all_life"] = X["sum_value_activity_life"]
    X["gap_mean_days_activity"] = np.where(days > 2, rng.gamma(2.0, 5.0, n), np.nan)
    X["noise"] = rng.normal(size=n)
    X["journey_stage"] = stage
    X["journey_previous_stage"] = rng.choice([ACTIVE, AT_RISK], n)
    X["journey_silent_stage"] = silent
    logit = 0.12 * (recency - 20.0) - 0.5 * np.log(days)
    churned = rng.random(n) < 1.0 / (1.0 + np.exp(-logit))
    moved = np.where(LEGAL[stage, WON] & (rng.random(n) < 0.4), WON, ACTIVE)
    next_stage = np.where(churned, silent, moved).astype(np.int16)
    return TrainingSet(
        X=X.astype("float32"),
        customer_id=np.array([f"c{c}" for c in customer], dtype=object),
        cutoff_us=np.tile(np.array(cutoffs, dtype=np.int64), customers),
        stage=stage,
        silent_stage=silent,
        next_stage=next_stage,
        churned=churned.astype(np.float32),
        revenue=np.where(churned, 0.0, 25.0),
        stages=STAGES,
        legal=LEGAL,
        horizon_days=28,
    )


def reason_groups(rows):
    groups = {"recency": "recency", "gap": "regularity", "sum": "money", "noise": "context"}
    return [
        "journey"
        if c.startswith("journey")
        else groups.get(c.split("_", maxsplit=1)[0], "frequency")
        for c in rows.X.columns
    ]


@pytest.fixture(scope="session")
def made():
    return sys.modules[__name__]


@pytest.fixture(scope="session")
def rows():
    return made_set()


@pytest.fixture(scope="session")
def matrix(rows):
    return rows.X.to_numpy(dtype="float32")

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score, log_loss, roc_auc_score

from nexttouch.models import churn_metrics, paired_interval, stage_metrics
from nexttouch.models.metrics import expected_calibration_error


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 200))
def test_metrics_agree_with_scikit_learn(seed, n):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    y[:2] = [0, 1]
    p = np.round(rng.random(n), 1) * 0.9 + 0.05
    found = churn_metrics(y, p)
    rarer, score = (y, p) if y.mean() <= 0.5 else (1 - y, -p)
    assert found["auc"] == pytest.approx(roc_auc_score(y, p))
    assert found["log_loss"] == pytest.approx(log_loss(y, p))
    assert found["pr_auc_rarer"] == pytest.approx(average_precision_score(rarer, score))
    assert found["lift_top_decile"] <= found["lift_cap"] + 1e-9


def test_stage_metrics_agree_with_scikit_learn():
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(4), 300)
    y = rng.integers(0, 3, 300)
    found = stage_metrics(y, p, np.zeros(300, dtype=int))
    guess = p.argmax(axis=1)
    assert found["log_loss"] == pytest.approx(log_loss(y, p, labels=range(4)))
    assert found["macro_f1"] == pytest.approx(f1_score(y, guess, labels=range(3), average="macro"))
    assert found["log_loss_movers"] == pytest.approx(log_loss(y[y > 0], p[y > 0], labels=range(4)))


def test_one_outcome_gives_no_figure_instead_of_a_wrong_one():
    found = churn_metrics(np.ones(5), np.full(5, 0.9))
    assert np.isnan(found["auc"])
    assert np.isnan(found["brier_skill"])
    assert found["log_loss"] == pytest.approx(-np.log(0.9))


def test_calibrated_risks_have_small_error_and_shifted_ones_have_theirs():
    rng = np.random.default_rng(2)
    p = rng.random(30_000) * 0.8
    y = rng.random(30_000) < p
    assert expected_calibration_error(y, p) < 0.012
    assert expected_calibration_error(y, p + 0.1) == pytest.approx(0.1, abs=0.01)


def test_repeating_each_customers_rows_leaves_the_interval_as_wide():
    rng = np.random.default_rng(3)
    difference, customer = rng.normal(size=400), np.arange(400)
    once = paired_interval(difference, customer)
    thrice = paired_interval(np.repeat(difference, 3), np.repeat(customer, 3))
    assert thrice.high - thrice.low == pytest.approx(once.high - once.low, rel=1e-9)


def test_interval_covers_the_truth_about_95_times_in_100():
    rng = np.random.default_rng(4)
    hits = 0
    for draw in range(200):
        found = paired_interval(
            rng.normal(0.1, 1.0, 150), np.arange(150), draws=200, random_state=draw
        )
        hits += found.low <= 0.1 <= found.high
    assert 180 <= hits <= 199

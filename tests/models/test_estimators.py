import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from nexttouch.errors import (
    DataCheckError,
    FeatureMismatchError,
    IllegalTargetError,
    NoRowsError,
    OneClassError,
)
from nexttouch.models import (
    BGNBDClassifier,
    BlendClassifier,
    ChurnClassifier,
    NextStageClassifier,
    RFMLogistic,
    churn_candidates,
    stage_candidates,
)
from nexttouch.models.bgnbd import PurchaseRhythm
from nexttouch.models.lightgbm_heads import house_parameters

SAMPLED = "rows are sampled and leaves hold a least number of rows, so a weight is not a repeat"


def _not_for_sampled(_estimator):
    return {"check_sample_weight_equivalence_on_dense_data": SAMPLED}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [ChurnClassifier(rounds=30), NextStageClassifier(None, None, rounds=60)],
    expected_failed_checks=_not_for_sampled,
)
def test_plain_classifiers_keep_scikit_learns_manners(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", ["base_rate", "bg_nbd", "logistic", "lightgbm", "blend"])
def test_every_churn_model_gives_probabilities_whatever_the_columns_order(rows, name):
    model = churn_candidates(28)[name].fit(rows.X, rows.churned)
    p = model.predict_proba(rows.X)
    shuffled = rows.X.assign(extra=1.0)[["extra", *reversed(rows.X.columns)]]
    assert np.all((p >= 0) & (p <= 1))
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    np.testing.assert_array_equal(p, model.predict_proba(shuffled))
    np.testing.assert_array_equal(p, model.predict_proba(rows.X.to_numpy()))


@pytest.mark.parametrize(
    "name", ["stay", "markov", "markov_recency", "markov_2", "logistic", "lightgbm"]
)
def test_every_stage_model_gives_illegal_stages_exactly_zero(rows, made, name):
    model = stage_candidates(made.LEGAL)[name].fit(rows.X, rows.next_stage)
    p = model.predict_proba(rows.X)
    assert p.shape == (len(rows), len(made.STAGES))
    assert not p[~made.LEGAL[rows.stage]].any()
    np.testing.assert_allclose(p.sum(axis=1), 1.0)


def test_a_legal_stage_that_training_never_saw_stays_possible(rows, made):
    seen = rows.take(rows.next_stage != made.WON)
    model = NextStageClassifier(legal=made.LEGAL, rounds=5).fit(seen.X, seen.next_stage)
    p = model.predict_proba(rows.X)[rows.stage == made.ACTIVE, made.WON]
    assert np.all((p > 0) & (p < 0.01))


def test_a_missing_column_is_named_with_its_neighbour(rows):
    model = RFMLogistic().fit(rows.X, rows.churned)
    with pytest.raises(FeatureMismatchError, match=r"'noise'.*'noises' is near"):
        model.predict_proba(rows.X.rename(columns={"noise": "noises"}))


def test_named_columns_cannot_be_found_in_an_array(rows):
    with pytest.raises(FeatureMismatchError, match="fit it on a DataFrame"):
        RFMLogistic().fit(rows.X.to_numpy(), rows.churned)


@pytest.mark.parametrize("name", ["base_rate", "bg_nbd", "logistic", "lightgbm", "blend"])
def test_one_outcome_only_is_an_error_with_counts(rows, name):
    with pytest.raises(OneClassError, match=r"only one class.*1,250 x 1") as caught:
        churn_candidates(28)[name].fit(rows.X, np.ones(len(rows), dtype=int))
    assert isinstance(caught.value, DataCheckError)
    assert caught.value.exit_code == 3


def test_no_rows_is_an_error_never_a_skip(rows):
    with pytest.raises(NoRowsError, match=r"0 sample\(s\)"):
        ChurnClassifier().fit(rows.X.iloc[:0], rows.churned[:0])


def test_an_illegal_target_is_refused(rows, made):
    wrong = np.where(np.arange(len(rows)) == 3, 0, rows.next_stage)
    with pytest.raises(IllegalTargetError, match="1 rows moved"):
        NextStageClassifier(legal=made.LEGAL).fit(rows.X, wrong)


@pytest.mark.parametrize("name", ["bg_nbd", "logistic", "lightgbm", "blend"])
def test_constant_and_empty_columns_do_no_harm(rows, name):
    X = rows.X.assign(gap_mean_days_activity=np.nan, noise=1.0, sum_value_activity_life=0.0)
    p = churn_candidates(28)[name].fit(X, rows.churned).predict_proba(X)
    assert np.isfinite(p).all()


def test_all_missing_values_are_scored_not_refused(rows):
    model = BlendClassifier(28, rounds=20).fit(rows.X, rows.churned)
    assert np.isfinite(model.predict_proba(rows.X.iloc[:2] * np.nan)).all()


def test_yes_and_no_are_labels_like_any_other(rows):
    words = np.where(rows.churned > 0, "Yes", "No")
    model = ChurnClassifier(rounds=5).fit(rows.X, words)
    assert list(model.classes_) == ["No", "Yes"]


def test_threads_do_not_change_the_trees(rows):
    def trees(threads):
        model = ChurnClassifier(rounds=10, num_threads=threads).fit(rows.X, rows.churned)
        return model.booster_.model_to_string().split("parameters:")[0]

    assert trees(1) == trees(2)


def test_rare_outcomes_get_smaller_trees():
    rare = house_parameters(np.array([66_000, 4_000]), objective="binary")
    even = house_parameters(np.array([35_000, 35_000]), objective="binary")
    assert (rare["num_leaves"], even["num_leaves"]) == (8, 15)


def test_bg_nbd_finds_the_parameters_it_was_simulated_with():
    rng = np.random.default_rng(0)
    n, r, alpha, a, b, age = 6_000, 1.2, 40.0, 0.8, 2.5, 365.0
    rate = rng.gamma(r, 1.0 / alpha, n)
    drop = rng.beta(a, b, n)
    repeats, last = np.zeros(n), np.zeros(n)
    for i in range(n):
        t = 0.0
        while True:
            t += rng.exponential(1.0 / rate[i])
            if t > age:
                break
            repeats[i], last[i] = repeats[i] + 1, t
            if rng.random() < drop[i]:
                break
    model = PurchaseRhythm.fit(repeats, last, np.full(n, age))
    mean_rate = model.r / (model.alpha * model.unit_days)
    assert mean_rate == pytest.approx(r / alpha, rel=0.1)
    assert model.a / (model.a + model.b) == pytest.approx(a / (a + b), abs=0.04)


def test_bg_nbd_slopes_match_small_steps():
    counts = PurchaseRhythm.fit.__globals__["_Counts"](np.array([0.0, 1.0, 5.0]))
    last, age = np.array([0.0, 3.0, 6.0]), np.array([4.0, 9.0, 7.0])
    at = np.array([0.9, 1.7, 0.6, 2.2])

    def value(p):
        return PurchaseRhythm(*p, unit_days=1.0).likelihood(counts, last, age)

    slope = value(at)[1]
    for k in range(4):
        step = np.eye(4)[k] * 1e-6
        numeric = (value(at + step)[0] - value(at - step)[0]) / 2e-6
        np.testing.assert_allclose(slope[k], numeric, rtol=1e-5, atol=1e-7)


def test_longer_silence_never_lowers_bg_nbd_risk_of_regular_customers():
    X = pd.DataFrame(
        {
            "recency_days_activity": np.r_[np.linspace(1, 200, 50), 5.0, 9.0],
            "tenure_days_activity": 300.0,
            "active_days_activity_life": np.r_[np.full(50, 12.0), 1.0, 3.0],
        }
    )
    y = np.arange(len(X)) % 2
    p = BGNBDClassifier(28).fit(X, y).predict_proba(X)[:50, 1]
    assert np.all(np.diff(p) > 0)

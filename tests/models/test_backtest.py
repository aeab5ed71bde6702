import numpy as np
import pytest
from sklearn.base import clone

from nexttouch.errors import NoRowsError, OneClassError
from nexttouch.models import (
    ChurnClassifier,
    backtest,
    choose_champion,
    churn_candidates,
    gate,
    stage_candidates,
)


@pytest.fixture(scope="module")
def churn(rows, made):
    return backtest(rows, made.FOLDS, churn_candidates(28))


@pytest.fixture(scope="module")
def stage(rows, made):
    return backtest(
        rows,
        made.FOLDS,
        stage_candidates(made.LEGAL),
        task="stage",
        churn_model=churn_candidates(28)["logistic"],
    )


def test_every_candidate_is_measured_on_every_date_and_the_same_rows(churn):
    assert len(churn.metrics) == 2 * 5
    assert {len(p) for p in churn.predictions.values()} == {len(churn.rows)}
    assert churn.means().loc["base_rate", "auc"] == 0.5
    assert churn.means().loc["logistic", "auc"] > 0.7


def test_pooled_predictions_stand_beside_their_own_rows(churn, rows, made):
    fold = made.FOLDS[1]
    training, test = rows.at(fold.training_us), rows.at([fold.test_us])
    alone = clone(churn_candidates(28)["logistic"]).fit(training.X, training.churned)
    here = churn.rows.cutoff_us == fold.test_us
    assert list(churn.rows.customer_id[here]) == list(test.customer_id)
    np.testing.assert_array_equal(
        churn.predictions["logistic"][here], alone.predict_proba(test.X)[:, 1]
    )


def test_a_tie_goes_to_the_simpler_model(churn):
    chosen = choose_champion(churn)
    assert chosen.model == "logistic"
    assert "logistic" in chosen.why
    assert chosen.against["base_rate"].above_zero


def test_joint_forms_are_preferred_for_stages(stage):
    chosen = choose_champion(stage)
    assert chosen.joint
    assert chosen.candidate in {"stay", "markov", "markov_recency", "markov_2"}
    assert "joint_lightgbm" in stage.predictions
    assert "lightgbm" not in stage.predictions


def test_a_direct_form_that_wins_beyond_doubt_is_served_unreconciled(stage):
    perfect = np.eye(stage.rows.legal.shape[0])[stage.rows.next_stage]
    stage.predictions["markov"], kept = perfect * 0.99 + 0.002, stage.predictions["markov"]
    shown = stage.metrics["log_loss"].copy()
    stage.metrics.loc[stage.metrics["model"] == "markov", "log_loss"] = 0.01
    chosen = choose_champion(stage)
    stage.predictions["markov"], stage.metrics["log_loss"] = kept, shown
    assert (chosen.model, chosen.joint) == ("markov", False)


def test_the_gate_lets_a_better_model_through_and_names_what_fails(churn):
    assert all(line.passed for line in gate(churn, candidate="logistic", champion="base_rate")[:2])
    failed = gate(churn, candidate="base_rate", champion="logistic")
    assert not failed[0].passed
    assert "log loss against logistic: +0." in failed[0].words


def test_a_model_is_not_better_than_itself(churn):
    line = gate(churn, candidate="lightgbm", champion="lightgbm")[0]
    assert not line.passed


def test_a_test_date_without_known_outcomes_is_an_error(rows, made):
    blank = rows.take(np.arange(len(rows)))
    blank.churned[blank.cutoff_us == made.CUTS[4]] = np.nan
    with pytest.raises(NoRowsError, match="Test date 1970-05-21 has no test rows"):
        backtest(blank, made.FOLDS, {"lightgbm": ChurnClassifier(rounds=2)})


def test_everybody_churning_before_a_test_date_is_an_error_with_counts(rows, made):
    gone = rows.take(np.arange(len(rows)))
    gone.churned[gone.cutoff_us < made.CUTS[3]] = 1.0
    with pytest.raises(OneClassError, match=r"test date 1970-04-23.*750 x churned"):
        backtest(gone, made.FOLDS, {"lightgbm": ChurnClassifier(rounds=2)})


def test_everybody_churning_at_a_test_date_is_measured_without_auc(rows, made):
    gone = rows.take(np.arange(len(rows)))
    gone.churned[gone.cutoff_us == made.CUTS[4]] = 1.0
    result = backtest(gone, made.FOLDS[1:], {"logistic": churn_candidates(28)["logistic"]})
    assert np.isnan(result.metrics["auc"][0])
    assert np.isfinite(result.metrics["log_loss"][0])


def test_progress_counts_to_its_end(rows, made):
    seen = []
    backtest(
        rows,
        made.FOLDS,
        {"base_rate": churn_candidates(28)["base_rate"]},
        progress=lambda _what, done, total: seen.append((done, total)),
    )
    assert seen == [(1, 2), (2, 2)]

import json

import numpy as np
import pytest
from scipy.special import logit

from nexttouch.errors import FeatureMismatchError, ModelFileError
from nexttouch.models import Scorer, churn_candidates, stage_candidates

CHURN = ["base_rate", "bg_nbd", "logistic", "lightgbm", "blend"]
STAGE = ["stay", "markov", "markov_recency", "markov_2", "logistic", "lightgbm"]


@pytest.fixture(scope="module")
def scorers(rows, made):
    pairs = zip(["markov", *STAGE[1:]], ["base_rate", *CHURN], strict=True)
    return {
        (churn, stage): Scorer.fit(
            rows,
            churn=churn_candidates(28)[churn],
            stage=stage_candidates(made.LEGAL)[stage],
            reason_groups=made.reason_groups(rows),
            activity="purchase",
        )
        for stage, churn in pairs
    }


def test_churn_and_stages_never_contradict(scorers, rows, made, matrix):
    for scorer in scorers.values():
        found = scorer.answer(matrix)
        at_silent = found.p_stage[np.arange(len(rows)), rows.silent_stage]
        assert found.reconciled
        assert np.all(at_silent >= found.p_churn - 1e-12)
        np.testing.assert_allclose(found.p_stage.sum(axis=1), 1.0, atol=1e-12)
        assert not found.p_stage[~made.LEGAL[rows.stage]].any()


def test_no_rows_get_no_answers(scorers, matrix):
    for scorer in scorers.values():
        found = scorer.answer(matrix[:0])
        assert (len(found.p_churn), found.p_stage.shape) == (0, (0, len(scorer.stages)))


def test_one_row_and_many_rows_get_the_same_answer(scorers, matrix):
    for scorer in scorers.values():
        many, one = scorer.answer(matrix[:20]), scorer.answer(matrix[7:8])
        np.testing.assert_array_equal(many.p_churn[7:8], one.p_churn)
        np.testing.assert_array_equal(many.p_stage[7:8], one.p_stage)
        np.testing.assert_array_equal(many.revenue_high[7:8], one.revenue_high)
        turned = scorer.answer(np.asfortranarray(matrix[:20]))
        np.testing.assert_array_equal(many.p_stage, turned.p_stage)


def test_a_scorer_read_from_its_files_gives_the_same_bits(scorers, matrix):
    for scorer in scorers.values():
        files = scorer.to_files()
        again = Scorer.from_files(files)
        before, after = scorer.answer(matrix), again.answer(matrix)
        for name in ("p_churn", "p_stage", "revenue_if_kept", "revenue_low", "revenue_high"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
        assert again.to_files() == files
        assert again.reasons(matrix[:2]) == scorer.reasons(matrix[:2])
        assert all(name.endswith((".json", ".txt")) for name in files)


def test_contributions_and_base_add_up_to_the_served_logit(scorers, matrix):
    for scorer in scorers.values():
        p = scorer.answer(matrix[:50]).p_churn
        np.testing.assert_allclose(scorer.explanation(matrix[:50]).logit(), logit(p), atol=1e-9)


def test_stage_contributions_add_up_to_the_stage_score(rows, made, matrix):
    for name in ("logistic", "lightgbm"):
        scorer = Scorer.fit(
            rows,
            churn=churn_candidates(28)["base_rate"],
            stage=stage_candidates(made.LEGAL)[name],
            reason_groups=made.reason_groups(rows),
        )
        won = scorer.explanation(matrix, stage=made.WON).logit()
        active = scorer.explanation(matrix, stage=made.ACTIVE).logit()
        p = scorer.stage.predict_proba(matrix)
        both = made.LEGAL[rows.stage, made.WON]
        ratio = np.log(p[both, made.WON] / p[both, made.ACTIVE])
        np.testing.assert_allclose((won - active)[both], ratio, atol=1e-6)


def test_a_markov_champion_is_explained_by_the_present_stage(scorers, made, matrix):
    scorer = scorers["base_rate", "markov"]
    told = scorer.reasons(matrix[:1], stage=made.WON)[0]
    assert [reason.group for reason in told] == ["present stage"]
    assert told[0].words.startswith("now in stage ")
    assert scorer.reasons(matrix[:1]) == [[]]


def test_reasons_are_few_strong_and_in_words(scorers, matrix):
    scorer = scorers["blend", "lightgbm"]
    for row, told in zip(range(5), scorer.reasons(matrix, np.arange(5), top=2), strict=True):
        assert len(told) == 2
        assert abs(told[0].contribution) >= abs(told[1].contribution)
        at = scorer.feature_names.index(told[0].feature)
        np.testing.assert_equal(told[0].value, float(matrix[row, at]))
        assert "typical: " in told[0].words


def test_long_silence_is_told_in_the_words_of_the_business(scorers, matrix):
    silent = matrix[:1].copy()
    silent[0, 0] = 80.0
    told = scorers["logistic", "markov_2"].reasons(silent)[0]
    words = next(reason.words for reason in told if reason.feature == "recency_days_activity")
    assert words.startswith("last purchase 80 days ago (typical: ")


def test_little_history_is_flagged(scorers, matrix):
    few = matrix[:2].copy()
    few[:, 2] = [1.0, 2.0]
    assert scorers["logistic", "markov_2"].answer(few).little_history.tolist() == [True, False]


def test_unreconciled_heads_say_so(rows, made, matrix):
    scorer = Scorer.fit(
        rows,
        churn=churn_candidates(28)["logistic"],
        stage=stage_candidates(made.LEGAL)["markov"],
        reason_groups=made.reason_groups(rows),
        reconciled=False,
    )
    found = scorer.answer(matrix)
    assert not found.reconciled
    np.testing.assert_array_equal(found.p_stage, scorer.stage.predict_proba(matrix))


def test_a_row_of_another_width_is_refused(scorers):
    with pytest.raises(FeatureMismatchError, match="has 3 features, but the model is expecting 12"):
        scorers["logistic", "markov_2"].answer(np.zeros((1, 3), dtype="float32"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: f.pop("scorer.json"), "'scorer.json' is missing"),
        (lambda f: f.pop("churn.txt"), "'churn.txt' is missing"),
        (lambda f: f.update({"scorer.json": b"{"}), "cannot be read"),
        (lambda f: f.update({"scorer.json": b"[]"}), "not a JSON object"),
        (lambda f: _edit(f, format=99), "format 99"),
        (lambda f: _edit(f, value={"kind": "os.system", "state": {}}), "'os.system'"),
        (lambda f: _edit(f, stages=None), "cannot be read"),
    ],
)
def test_damaged_files_are_refused_by_name(scorers, damage, message):
    files = scorers["lightgbm", "logistic"].to_files()
    damage(files)
    with pytest.raises(ModelFileError, match=message):
        Scorer.from_files(files)


def _edit(files, **changes):
    files["scorer.json"] = json.dumps(json.loads(files["scorer.json"]) | changes).encode()


def test_revenue_of_one_purchase_is_near_the_cohort_and_less_sure(scorers, matrix):
    pair = np.repeat(matrix[:1], 2, axis=0)
    pair[:, 1] = 200.0
    pair[:, 2] = [1.0, 30.0]
    scorer = scorers["logistic", "markov_2"]
    pair[:, scorer.feature_names.index("sum_value_all_life")] = [500.0, 15_000.0]
    found = scorer.answer(pair)
    width = (found.revenue_high - found.revenue_low) / found.revenue_if_kept
    assert width[0] > width[1]
    assert found.revenue_if_kept[1] > 10 * found.revenue_if_kept[0]

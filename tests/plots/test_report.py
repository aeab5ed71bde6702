import pandas as pd
import pytest

from nexttouch import plots
from nexttouch.errors import PageInputError

from .html_checks import assert_self_contained


@pytest.fixture(scope="module")
def parts(
    stages, people, counts, backtest, backtest_by_date, bins, lifts, importance, summary, curve
):
    return {
        "read": {"events": 146_000, "first_event": pd.Timestamp("2024-01-01", tz="UTC")},
        "quarantine": pd.DataFrame({"reason": ["unreadable <time>"], "rows": [12]}),
        "stages": stages,
        "people_by_stage": people,
        "transitions": counts,
        "backtest": backtest,
        "backtest_by_date": backtest_by_date,
        "champion": {"churn_28d": "logit blend"},
        "champion_why": "Lowest mean log loss, better than every baseline.",
        "calibration": bins,
        "lift": lifts,
        "base_rate": 0.21,
        "feature_groups": importance,
        "certificate": ["Passed: 200 customers, 0 changed bits."],
        "tiers": summary["tiers"],
        "capacity_curve": curve,
        "present_capacity": 120,
        "where_next": ["nexttouch serve models/shop"],
        "currency": "USD",
        "horizon_days": 28,
    }


def test_report_is_one_file_that_says_everything(parts, trust):
    page = plots.run_report_page(parts, title="Run", trust=trust)
    parsed = assert_self_contained(page)
    text = parsed.all("body")[0]["text"]
    for said in (
        "146,000",
        "unreadable <time>",
        "Champion of churn_28d: logit blend.",
        "0.316 (0.305 to 0.327)",
        "Passed: 200 customers",
        "nexttouch serve models/shop",
        "no limit",
        "Doubling capacity",
    ):
        assert said in text
    assert "Left out" not in text
    assert len(parsed.all("svg")) == 8
    assert not parsed.all("script")
    (strong,) = [e for e in parsed.all("tr") if e.get("class") == "champion"]
    assert strong["text"].startswith("logit blend")


def test_missing_parts_are_left_out_with_a_word_why():
    page = plots.run_report_page({"lift": "The test dates hold one class only."}, title="Run")
    assert_self_contained(page)
    assert "Left out: The test dates hold one class only." in page
    assert "Left out: this run did not make it." in page


def test_an_empty_quarantine_is_good_news():
    empty = pd.DataFrame({"reason": [], "rows": []})
    assert "No row was set aside." in plots.run_report_page({"quarantine": empty}, title="Run")


def test_same_parts_give_the_same_page(parts):
    some = {name: parts[name] for name in ("read", "backtest", "champion", "tiers")}
    pages = {plots.run_report_page(dict(some), title="Run") for _ in range(2)}
    assert len(pages) == 1


def test_an_unknown_part_is_refused():
    with pytest.raises(PageInputError, match=r"Did you mean 'calibration'"):
        plots.run_report_page({"calibratoin": {}}, title="Run")

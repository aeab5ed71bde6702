from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from nexttouch import plots
from nexttouch.errors import PageInputError
from nexttouch.plots.style import PALETTE


@pytest.fixture(scope="module")
def drawings(bins, lifts, counts, importance, backtest_by_date, people, curve):
    tiers = pd.DataFrame(
        {
            "tier": ["no_touch", "customer_success_manager"],
            "customers": [90, 10],
            "capacity": [np.nan, 12],
        }
    )
    return {
        "calibration": lambda: plots.calibration_figure(bins),
        "lift": lambda: plots.lift_figure(lifts, base_rate=0.21),
        "transitions": lambda: plots.transition_matrix_figure(counts, horizon_days=28),
        "groups": lambda: plots.feature_group_figure(importance),
        "dates": lambda: plots.metrics_by_date_figure(backtest_by_date, champion="logit blend"),
        "stages": lambda: plots.stage_share_figure(people),
        "tiers": lambda: plots.tier_figure(tiers),
        "capacity": lambda: plots.capacity_curve_figure(curve, present=120, currency="USD"),
    }


def test_same_table_gives_the_same_labelled_drawing_and_nothing_but_a_drawing(drawings):
    for name, draw in drawings.items():
        figure = draw()
        svg = plots.to_svg(figure)
        assert svg == plots.to_svg(draw()), name
        assert figure.get_label(), name
        assert figure.axes[0].get_xlabel(), name
        for unwanted in ("style=", "<style", "<metadata", "xlink", "<!", "date>"):
            assert unwanted not in svg
        root = ET.fromstring(svg)
        assert root.get("role") == "img"
        assert root.get("aria-label") == figure.get_label()


def test_png_has_the_same_bytes_twice(drawings):
    assert plots.to_png(drawings["tiers"](), dpi=50) == plots.to_png(drawings["tiers"](), dpi=50)


def test_drawing_leaves_global_settings_alone(drawings):
    before = dict(mpl.rcParams)
    plots.to_svg(drawings["groups"]())
    assert dict(mpl.rcParams) == before


def test_titles_state_what_is_seen(drawings):
    assert drawings["transitions"]().get_label() == (
        "74% of customers stay in their stage; the largest move is active to loyal (150)"
    )
    assert drawings["dates"]().get_label() == (
        "logit blend has the best log loss on 3 of 3 test dates"
    )
    assert "+40%" in drawings["capacity"]().get_label()


def test_hostile_names_stay_text():
    names = ["</text><script>x</script>", "$x^2$ 🦊 مرحبا", "a\x00b\x1b", "y" * 300]
    tiers = pd.DataFrame({"tier": names, "customers": [1, 2, 3, 4], "capacity": [None] * 4})
    svg = plots.to_svg(plots.tier_figure(tiers))
    texts = ["".join(e.itertext()) for e in ET.fromstring(svg).iter() if e.tag.endswith("text")]
    assert "</text><script>x</script>" in texts
    assert "$x^2$ 🦊 مرحبا" in texts
    assert "A b" in texts
    assert "<script" not in svg
    assert max(map(len, texts)) <= 80


def test_a_capacity_of_nothing_is_no_limit():
    tiers = pd.DataFrame(
        {"tier": ["customer_success_manager"], "customers": [5], "capacity": [np.inf]}
    )
    assert plots.tier_figure(tiers).get_label() == "5 of 5 customers get a touch"


def test_a_curve_of_small_steps_says_what_the_largest_adds():
    curve = pd.DataFrame(
        {"limit": [8.0, 10.0, 12.0], "expected_value": [80.0, 100.0, np.nan], "unit": "hour"}
    )
    figure = plots.capacity_curve_figure(curve, present=8)
    assert figure.get_label() == (
        "Raising capacity from 8 to 10 hours would add 20 of expected value (+25%)"
    )


def test_one_cutoff_and_one_stage_can_be_drawn():
    one = pd.DataFrame({"active": [3]}, index=pd.to_datetime(["2025-10-01"], utc=True))
    assert plots.stage_share_figure(one).get_label() == "Active holds 100% of customers"


def test_more_models_than_colours_can_be_drawn(bins):
    table = bins["logistic"]
    many = {f"model {k}": table for k in range(len(PALETTE) + 3)}
    assert plots.to_svg(plots.calibration_figure(many)).count("model 13") == 1


def test_a_perfectly_calibrated_table_has_no_gap(bins):
    table = bins["logistic"].assign(observed=bins["logistic"]["predicted"])
    assert plots.calibration_gap(table) == 0


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_intervals_of_certain_outcomes_stay_within_zero_and_one(end):
    bins = pd.DataFrame({"predicted": [end], "observed": [end], "n": [5]})
    assert plots.to_svg(plots.calibration_figure({"m": bins}))


def test_nothing_to_draw_is_refused():
    with pytest.raises(PageInputError, match=r"transition matrix was given no rows"):
        plots.transition_matrix_figure(pd.DataFrame())
    with pytest.raises(PageInputError, match=r"calibration figure was given no rows"):
        plots.calibration_figure({})
    empty = pd.DataFrame({"model": ["a"], "test_date": ["2025-01-01"], "auc": [np.nan]})
    with pytest.raises(PageInputError, match=r"backtest figure was given no rows"):
        plots.metrics_by_date_figure(empty, metric="auc")


def test_a_missing_column_is_named(lifts):
    with pytest.raises(PageInputError, match=r"lift figure needs the column\(s\) lift"):
        plots.lift_figure({"m": lifts["BG/NBD"].drop(columns="lift")})

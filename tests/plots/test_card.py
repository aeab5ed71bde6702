import pandas as pd
import pytest
import yaml

from nexttouch import plots
from nexttouch.errors import PageInputError


@pytest.fixture(scope="module")
def parts(backtest):
    return {
        "name": "complete_journey",
        "version": "3",
        "trained_at": pd.Timestamp("2025-12-02", tz="UTC"),
        "tags": ["churn", "a: b # c"],
        "intended_use": "Rank households for a retention team.",
        "data": {"observed": "2024-01-01 to 2025-12-02", "customers": 2469},
        "metrics": backtest,
        "calibration": "ECE 0.014 over 15 equal-count bins.",
        "limits": ["Little history: below 3 visits | shrunk.", "One retailer."],
        "ethics": "No protected attribute is used.",
        "contact": "data@shop.example",
        "licence": "Apache-2.0",
    }


def head_of(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_card_has_a_yaml_head_and_every_section(parts):
    card = plots.model_card(parts)
    head = head_of(card)
    assert head["license"] == "Apache-2.0"
    assert head["tags"] == ["churn", "a: b # c"]
    assert head["trained_at"] == "2025-12-02"
    assert head["metrics"][0]["auc_low"] == 0.872
    assert "auc" not in head["metrics"][-1]
    titles = ["Intended use", "Data window", "Metrics", "Calibration", "Limits", "Ethics"]
    assert [t for t in titles if f"\n## {t}\n" not in card] == []
    assert "| 0.881 (0.872 to 0.889) |" in card
    assert card == plots.model_card(dict(parts))


@pytest.mark.parametrize(
    "name",
    ["intended_use", "data", "metrics", "calibration", "limits", "ethics", "contact", "licence"],
)
@pytest.mark.parametrize("empty", [None, "", "  ", [], [" "], {}, {"a": None}, pd.DataFrame()])
def test_an_empty_section_is_refused_by_name(parts, name, empty):
    with pytest.raises(PageInputError, match=rf"section '{name}' is missing or empty"):
        plots.model_card({**parts, name: empty})


def test_an_optional_section_may_be_absent_but_not_empty(parts):
    with pytest.raises(PageInputError, match="section 'slices' is missing or empty"):
        plots.model_card({**parts, "slices": pd.DataFrame()})


def test_names_cannot_leave_their_place(parts):
    hostile = 'x"\n---\nlicense: evil <script> \u2028 🦊 \x85'
    card = plots.model_card({**parts, "name": hostile, "limits": ["a | b <img>"]})
    head = head_of(card)
    assert head["name"] == hostile
    assert head["license"] == "Apache-2.0"
    assert "<script" not in card.split("---\n", 2)[2]
    assert "<img" not in card

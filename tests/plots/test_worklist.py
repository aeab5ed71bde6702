import csv
import io
import re

import numpy as np
import pandas as pd
import pytest

from nexttouch import plots
from nexttouch.errors import PageInputError
from nexttouch.plots.words import ABSENT

from . import conftest as tables
from .html_checks import assert_self_contained


@pytest.fixture(scope="module")
def page(worklist, trust, summary, stages, people):
    charts = {
        "Customers per stage": plots.to_svg(plots.stage_share_figure(people)),
        "Tiers": plots.to_svg(plots.tier_figure(summary["tiers"])),
    }
    return plots.worklist_page(
        worklist, title="This week", trust=trust, summary=summary, stages=stages, charts=charts
    )


def test_page_is_one_file_with_a_strict_policy(page):
    assert_self_contained(page)


def test_page_is_accessible_by_construction(page):
    parsed = assert_self_contained(page)
    assert parsed.all("html")[0]["lang"] == "en"
    assert len(parsed.all("h1")) == 1
    assert len(parsed.all("caption")) == len(parsed.all("table"))
    heads = [e for e in parsed.all("th") if "aria-sort" in e]
    assert [e["aria-sort"] for e in heads] == ["ascending"] + ["none"] * (len(heads) - 1)
    assert [e.get("role") for e in parsed.all("p")].count("status") == 1
    assert all(e.get("role") == "img" and e["aria-label"] for e in parsed.all("svg"))
    labelled = {e["text"].split("  ")[0].split(" ")[0] for e in parsed.all("label")}
    assert {"Find", "Tier", "Stage"} <= labelled
    assert ":focus-visible" in page
    assert "prefers-color-scheme:dark" in page


def test_every_row_is_readable_without_script(page, worklist):
    parsed = assert_self_contained(page)
    rows = [e for e in parsed.all("tr") if "data-tier" in e]
    assert len(rows) == len(worklist)
    assert not any("hidden" in e for e in rows)
    hidden = [e for e in parsed.elements if "hidden" in e and e["tag"] != "input"]
    assert all("data-needs-script" in e for e in hidden)


def test_trust_line_tiles_and_the_word_assumed_are_said(page):
    text = assert_self_contained(page).all("body")[0]["text"]
    for said in (
        "complete_journey v3",
        "2025-12-02",
        "97% of customers",
        "Effects are assumed.",
        "USD 18,430",
        "proven within 0.04% of the best plan",
        "of USD 3,000, 98%",
        "churn risk of 50% or more",
        "Customer success manager",
        "within 28 days",
    ):
        assert said in text


def test_hostile_names_are_text_and_nothing_else():
    worklist = tables.make_worklist(12)
    worklist["stage"] = "<b onclick=x>"
    worklist["tier"] = '"><script>alert(2)</script>'
    worklist["play"] = "{{ 7*7 }}<svg onload=alert(1)>"
    page = plots.worklist_page(worklist, title="</title><script>x</script>", trust={"model": "<i>"})
    parsed = assert_self_contained(page)
    assert len(parsed.all("script")) == 1
    assert not parsed.all("img")
    assert not parsed.all("svg")
    assert set(tables.HOSTILE) <= {e["text"] for e in parsed.all("bdi")}
    assert "{{ 7*7 }}<svg onload=alert(1)>" in {e["text"] for e in parsed.all("td")}


def test_a_chart_that_is_more_than_a_drawing_is_refused(worklist):
    for svg, found in (
        ("<svg><script>x</script></svg>", "element <script>"),
        ("<svg onload='x'></svg>", "event handler 'onload'"),
        ("<svg><use href='https://a.example/x'/></svg>", "outside reference"),
        ("<svg><rect fill='url(//a.example)'/></svg>", "outside reference"),
        ("<svg><g style='x:y'/></svg>", "a style attribute"),
        ("<svg><foreignObject/></svg>", "element <foreignObject>"),
        ("<!DOCTYPE svg [<!ENTITY a 'b'>]><svg>&a;</svg>", "a declaration"),
        ("<svg>", "no well-formed SVG"),
        ("<g></g>", "no <svg> element"),
    ):
        with pytest.raises(PageInputError, match=f"Chart 'c' holds .*{re.escape(found)}"):
            plots.worklist_page(worklist, title="t", charts={"c": svg})


def test_two_thousand_customers_make_a_page_under_1500_kb_with_500_rows(trust, summary, stages):
    worklist = tables.make_worklist(2000)
    page = plots.worklist_page(worklist, title="t", trust=trust, summary=summary, stages=stages)
    assert len(page.encode()) < 1_500_000
    assert page.count("<tr data-tier") == 500
    assert "The first 500 of 2,000 customers are on this page; the CSV has them all." in page
    everything = plots.worklist_page(worklist, title="t", rows_in_page=2000)
    assert len(everything.encode()) < 1_500_000


def test_row_order_of_the_table_is_irrelevant(worklist, trust, summary):
    shuffled = worklist.sample(frac=1, random_state=1)
    pages = {
        plots.worklist_page(w, title="t", trust=trust, summary=summary)
        for w in (worklist, shuffled, worklist.copy())
    }
    assert len(pages) == 1


def test_categories_and_nullable_types_read_like_plain_ones(worklist):
    typed = worklist.astype({"stage": "category", "tier": "category", "p_churn": "Float64"})
    plain, page = (plots.worklist_page(w, title="t") for w in (worklist, typed))
    assert page == plain


def test_tiers_may_come_as_records(worklist, summary):
    records = {**summary, "tiers": summary["tiers"].to_dict("records")}
    plain, page = (plots.worklist_page(worklist, title="t", summary=s) for s in (summary, records))
    assert page == plain


def test_only_rank_and_customer_are_needed_and_silent_columns_are_left_out():
    bare = pd.DataFrame({"rank": [2, 1], "customer_id": ["b", "007"], "owner": [None, None]})
    page = plots.worklist_page(bare.assign(segment="all"), title="t")
    parsed = assert_self_contained(page)
    heads = [e["text"] for e in parsed.all("th") if "aria-sort" in e]
    assert heads == ["Rank", "Customer"]
    assert [e["text"] for e in parsed.all("bdi")] == ["007", "b"]


def test_missing_values_are_a_dash_and_never_a_zero(worklist):
    worklist = worklist.copy()
    for name in ("p_churn", "margin_if_kept", "tier", "stage", "play", "reasons"):
        worklist[name] = worklist[name].astype(object)
        worklist.loc[0, name] = None
    page = plots.worklist_page(worklist, title="t")
    first = next(e for e in assert_self_contained(page).all("tr") if "data-tier" in e)
    assert first["text"].count(ABSENT) == 6
    assert "nan" not in page.lower().replace("nan(", "")


def test_holdout_is_marked_and_the_reason_for_the_tier_is_said(worklist):
    marked = worklist.assign(
        group=["holdout"] + ["policy"] * (len(worklist) - 1), why="It pays <x>."
    )
    page = plots.worklist_page(marked, title="t")
    assert page.count("holdout: leave alone") == 1
    assert page.count('<span class="sub">It pays &lt;x&gt;.</span>') == len(worklist)


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        (0.0, "proven to be the best plan"),
        (1e-6, "within &lt;0.01% of"),
        (np.inf, "Expected value"),
    ],
)
def test_the_gap_to_the_best_plan_is_said_as_far_as_it_is_proven(worklist, gap, said):
    page = plots.worklist_page(worklist, title="t", summary={"expected_value": 5.0, "gap": gap})
    assert said in page
    assert ("proven" in page) == np.isfinite(gap)


def test_nobody_on_the_list_is_said(worklist):
    page = plots.worklist_page(worklist.head(0), title="t")
    assert not assert_self_contained(page).all("script")
    assert "Nobody is on the worklist." in page


def test_wrong_input_is_named(worklist):
    with pytest.raises(PageInputError, match=r"worklist page needs the column\(s\) rank"):
        plots.worklist_page(worklist.drop(columns="rank"), title="t")
    with pytest.raises(PageInputError, match=r"summary has no part 'budgt'. Did you mean 'budget'"):
        plots.worklist_page(worklist, title="t", summary={"budgt": 1})
    with pytest.raises(PageInputError, match=r"trust line has no part 'modell'"):
        plots.worklist_page(worklist, title="t", trust={"modell": 1})
    with pytest.raises(PageInputError, match=r"leaves the page's own folder"):
        plots.worklist_page(worklist, title="t", csv_href="javascript:alert(1)")


def test_csv_has_exact_ids_iso_moments_and_no_formula(worklist):
    data = plots.worklist_csv(worklist)
    assert data == plots.worklist_csv(worklist.copy())
    assert not data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    ids = [row["customer_id"] for row in rows]
    expected = ["'" + i if i[0] in "=-" else i for i in worklist["customer_id"]]
    assert ids == expected
    assert rows[0]["scored_at"] == "2025-12-02T00:00:00Z"
    assert float(rows[3]["p_churn"]) == worklist["p_churn"][3]
    assert rows[0]["reasons"].count("; ") >= 1
    assert b'"007"' in data
    cells = [cell for row in csv.reader(io.StringIO(data.decode(), newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r", "\n"))]


@pytest.mark.parametrize(
    "start", ["=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}"]
)
def test_texts_that_a_spreadsheet_would_run_are_prefixed(start):
    table = pd.DataFrame({f"{start}head": [f'{start}cmd()"'], "n": [-5], "x": [-0.5]})
    (head, row) = csv.reader(io.StringIO(plots.worklist_csv(table).decode(), newline=""))
    assert head[0] == f"'{start}head"
    assert row == [f"'{start}cmd()\"", "-5", "-0.5"]


def test_csv_numbers_stay_numbers_and_missing_is_empty():
    table = pd.DataFrame(
        {
            "i": pd.array([1, None], dtype="Int64"),
            "f": np.array([0.1, np.nan]),
            "b": [True, False],
            "l": [["a", "b"], []],
            "d": [pd.Timestamp("2025-01-02 03:04:05", tz="Europe/Berlin"), pd.NaT],
        }
    )
    lines = plots.worklist_csv(table).decode().splitlines()
    assert lines[1:] == ['1,0.1,true,"a; b",2025-01-02T02:04:05Z', ",,false,,"]

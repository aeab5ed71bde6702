"""The retention team's page: who to touch, in what order, why, what to do, what it is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from nexttouch.errors import PageInputError
from nexttouch.plots.frames import View, tier_view, view_of
from nexttouch.plots.html import check_keys, inline_charts, render
from nexttouch.plots.words import (
    is_absent,
    money,
    number,
    phrase,
    require_columns,
    share,
)
from nexttouch.plots.worklist_cells import COLUMNS, Column, cells_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

__all__ = ["worklist_page"]

_SUMMARY = (
    "customers", "at_risk", "at_risk_above", "value_at_stake", "expected_value", "gap",
    "hours_used", "hours_available", "money_used", "budget", "tiers", "currency", "horizon_days",
)  # fmt: skip


@dataclass(frozen=True)
class Tile:
    """One number at the top of a page."""

    what: str
    big: str
    more: str = ""


@dataclass(frozen=True)
class ListRow:
    """A customer's row and the codes it is filtered by."""

    tier: str
    stage: str
    cells: tuple[Markup, ...]


def worklist_page(
    worklist: pd.DataFrame,
    *,
    title: str,
    trust: Mapping[str, Any] | None = None,
    summary: Mapping[str, Any] | None = None,
    stages: pd.DataFrame | None = None,
    charts: Mapping[str, str] | None = None,
    csv_href: str = "worklist.csv",
    rows_in_page: int = 500,
) -> str:
    """Write the worklist as one self-contained HTML page.

    Amounts are in units of ``summary["currency"]`` (not in minor units), shares between 0 and 1.

    Parameters
    ----------
    worklist : DataFrame of shape (n_customers, n_columns)
        ``rank`` (1 first) and ``customer_id``; shown when present: ``owner``, ``segment``,
        ``stage``, ``next_stage``, ``p_next_stage``, ``p_churn``, ``little_history`` (bool),
        ``margin_if_kept``, ``tier``, ``effect_level``, ``group`` (``holdout`` is marked),
        ``expected_value``, ``reasons`` (list of sentences, or one text with semicolons), ``play``,
        ``why`` (why this tier). A column without any value is left out.
    title : str
        Heading of the page.
    trust : mapping, optional
        ``model``, ``model_version``, ``trained_on``, ``scored_at``, ``data_up_to``, ``coverage``
        (share or text), ``effect_level``.
    summary : mapping, optional
        ``customers``, ``at_risk``, ``at_risk_above`` (the risk that counts as at risk),
        ``value_at_stake``, ``expected_value``, ``gap`` (share of the optimum not proven reached),
        ``hours_used``, ``hours_available``, ``money_used``, ``budget``, ``currency``,
        ``horizon_days`` and ``tiers``, a DataFrame (or what makes one) with ``tier``,
        ``customers``, ``capacity``.
    stages : DataFrame, optional
        One row a stage, shown as it is: ``stage``, ``customers``, ``share``, ...
    charts : mapping from caption to SVG, optional
        Made by :func:`nexttouch.plots.to_svg`.
    csv_href : str
        Relative link to the file of :func:`nexttouch.plots.worklist_csv`.
    rows_in_page : int
        So many customers of highest rank are in the page; the CSV has all.

    Returns
    -------
    str
        HTML; the same text for the same input.

    Raises
    ------
    PageInputError
        If a column is missing, a key is unknown, a chart is more than a drawing, or the link
        leaves the page's own folder.

    Examples
    --------
    >>> worklist = pd.DataFrame({"rank": [1], "customer_id": ["007"], "p_churn": [0.63]})
    >>> page = worklist_page(worklist, title="This week", trust={"model": "blend"})
    >>> page.startswith("<!DOCTYPE html>"), "007" in page, "63%" in page
    (True, True, True)
    """
    require_columns(worklist, ("rank", "customer_id"), "worklist page")
    facts = dict(summary or {})
    check_keys("summary", facts, _SUMMARY)
    if ":" in csv_href or csv_href.startswith(("/", "\\")):
        msg = f"The CSV link '{csv_href}' leaves the page's own folder. Give a relative path."
        raise PageInputError(msg)
    if facts.get("tiers") is not None:
        facts["tiers"] = pd.DataFrame(facts["tiers"])
    currency = str(facts.get("currency") or "")
    ordered = worklist.sort_values("rank", kind="stable")
    top = ordered.head(rows_in_page)
    columns = [column for column in COLUMNS if column.is_told_by(top)]
    days = facts.get("horizon_days")
    return render(
        "worklist.html",
        title=title,
        trust=trust,
        assumed=_is_assumed(trust or {}, worklist),
        styles=("worklist.css",),
        script="worklist.js" if len(top) else None,
        tiles=_tiles(facts, worklist, currency),
        charts=inline_charts(charts or {}),
        tiers=_tier_view(facts, currency),
        stages=None if stages is None or stages.empty
        else view_of(stages, "Customers by stage", currency=currency),
        scope=_scope(len(top), len(worklist)),
        n_all=number(len(worklist)),
        csv_href=csv_href,
        caption="Customers by expected value of the touch, best first"
        + (f"; amounts in {currency}" if currency else ""),
        columns=columns,
        rows=_rows(top, columns),
        tier_choices=_choices(top, "tier", phrase),
        stage_choices=_choices(top, "stage", phrase),
        horizon=f" within {number(days)} days" if days else "",
    )  # fmt: skip


def _rows(top: pd.DataFrame, columns: list[Column]) -> list[ListRow]:
    records = ({str(k): v for k, v in row.items()} for row in top.to_dict("records"))
    return [
        ListRow(_code(row, "tier"), _code(row, "stage"), cells_of(row, columns)) for row in records
    ]


def _code(row: Mapping[str, Any], name: str) -> str:
    return "" if is_absent(row.get(name)) else str(row[name])


def _choices(top: pd.DataFrame, name: str, words: Any) -> list[tuple[str, str]]:
    if name not in top:
        return []
    return [(str(code), words(code)) for code in sorted(set(top[name].dropna().map(str)))]


def _is_assumed(trust: Mapping[str, Any], worklist: pd.DataFrame) -> bool:
    if str(trust.get("effect_level", "")).startswith("assumed"):
        return True
    return "effect_level" in worklist and bool((worklist["effect_level"] == "assumed").any())


def _scope(shown: int, everyone: int) -> str:
    if shown == everyone:
        return f"All {number(everyone)} customers of the worklist are on this page."
    return (
        f"The first {number(shown)} of {number(everyone)} customers are on this page; "
        "the CSV has them all."
    )


def _tiles(facts: Mapping[str, Any], worklist: pd.DataFrame, currency: str) -> list[Tile]:
    tiles = [Tile("Customers", number(facts.get("customers", len(worklist))))]
    if not is_absent(facts.get("at_risk")):
        above = facts.get("at_risk_above")
        more = "" if is_absent(above) else f"churn risk of {share(above)} or more"
        tiles.append(Tile("At risk", number(facts["at_risk"]), more))
    if not is_absent(facts.get("value_at_stake")):
        tiles.append(Tile("Value at stake", money(facts["value_at_stake"], currency)))
    if not is_absent(facts.get("expected_value")):
        worth = money(facts["expected_value"], currency)
        tiles.append(Tile("Expected value", worth, _proof(facts.get("gap"))))
    if isinstance(facts.get("tiers"), pd.DataFrame):
        tiles.append(_touches_tile(facts["tiers"]))
    for what, used, limit, unit in (
        ("Team hours used", "hours_used", "hours_available", ""),
        ("Budget used", "money_used", "budget", currency),
    ):
        if not is_absent(facts.get(used)):
            cap = facts.get(limit)
            more = "" if is_absent(cap) else f"of {money(cap, unit)}, {_part(facts[used], cap)}"
            tiles.append(Tile(what, money(facts[used], unit), more))
    return tiles


def _proof(gap: Any) -> str:
    """Say how close to the best plan this one is proven to be."""
    if is_absent(gap) or not math.isfinite(gap):
        return ""
    if gap < 1e-9:
        return "proven to be the best plan"
    return f"proven within {share(gap, 2)} of the best plan"


def _touches_tile(tiers: pd.DataFrame) -> Tile:
    require_columns(tiers, ("tier", "customers", "capacity"), "table of tiers")
    touched = tiers[tiers["tier"] != "no_touch"]
    slots = pd.to_numeric(touched["capacity"], errors="coerce")
    limited = slots.notna() & (slots != float("inf"))
    used, of = touched["customers"][limited].sum(), slots[limited].sum()
    more = f"{number(used)} of {number(of)} limited slots used" if limited.any() else ""
    return Tile("Customers with a touch", number(touched["customers"].sum()), more)


def _tier_view(facts: Mapping[str, Any], currency: str) -> View | None:
    tiers = facts.get("tiers")
    if not isinstance(tiers, pd.DataFrame) or tiers.empty:
        return None
    return tier_view(tiers, currency=currency)


def _part(used: Any, of: Any) -> str:
    return share(float(used) / float(of)) if float(of) else "none available"

"""Tables of facts as tables of words: units from column names, intervals beside their value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nexttouch.plots.words import (
    ABSENT,
    is_absent,
    moment,
    money,
    number,
    phrase,
    require_columns,
    share,
)

_HEADS = {
    "auc": "AUC",
    "pr_auc": "PR AUC",
    "ece": "ECE",
    "log_loss": "Log loss",
    "customer_id": "Customer",
    "n": "Rows",
    "p_churn": "Churn risk",
    "margin_if_kept": "Value at stake",
}
_SHARES = frozenset({"share", "p_churn", "p_next_stage", "churn_rate", "used", "coverage"})
_MONEY = frozenset(
    {"expected_value", "value_at_stake", "margin_if_kept", "cost", "budget", "shadow_price"}
)
_METRICS = frozenset({"auc", "pr_auc", "ece", "log_loss", "brier", "macro_f1", "brier_skill"})


@dataclass(frozen=True)
class Head:
    """A column's words; numbers stand to the right."""

    label: str
    number: bool


@dataclass(frozen=True)
class Cell:
    """A cell's words, and the filled percents of its bar when it is a share."""

    text: str
    number: bool
    bar: int | None = None


@dataclass(frozen=True)
class Row:
    """One row; a strong one is the champion's."""

    cells: tuple[Cell, ...]
    strong: bool = False


@dataclass(frozen=True)
class View:
    """A table ready to be written as HTML or Markdown."""

    caption: str
    heads: tuple[Head, ...]
    rows: tuple[Row, ...]


def view_of(
    table: pd.DataFrame,
    caption: str,
    *,
    currency: str = "",
    champion: str | None = None,
    bars: bool = True,
) -> View:
    """Word a table.

    ``x_low`` and ``x_high`` are written beside ``x``; a column of shares gets a bar.

    >>> table = pd.DataFrame({"model": ["blend"], "auc": [0.8812], "auc_low": [0.871],
    ...                       "auc_high": [0.8907]})
    >>> [cell.text for cell in view_of(table, "Backtest").rows[0].cells]
    ['blend', '0.881 (0.871 to 0.891)']
    """
    names = [str(name) for name in table.columns]
    ends = {f"{name}_{end}" for name in names for end in ("low", "high")
            if f"{name}_low" in names and f"{name}_high" in names}  # fmt: skip
    shown = [name for name in names if name not in ends]
    columns = [_column(table, name, currency, bars=bars) for name in shown]
    heads = tuple(
        Head(_HEADS.get(name, phrase(name)), number=any(cell.number for cell in cells))
        for name, cells in zip(shown, columns, strict=True)
    )
    strong = (table["model"] == champion).tolist() if "model" in names else [False] * len(table)
    rows = zip(*columns, strict=True) if columns else ()
    lit = zip(rows, strong, strict=True)
    return View(caption, heads, tuple(Row(cells, is_champion) for cells, is_champion in lit))


def tier_view(tiers: pd.DataFrame, *, currency: str = "") -> View:
    """Word the table of tiers: how much of each capacity is used, or that there is no limit.

    >>> tiers = pd.DataFrame({"tier": ["no_touch", "customer_success_manager"], "customers": [9, 1],
    ...                       "capacity": [None, 4]})
    >>> [[cell.text for cell in row.cells] for row in tier_view(tiers).rows][1]
    ['Customer success manager', '1', '4', '25%']
    """
    require_columns(tiers, ("tier", "customers", "capacity"), "table of tiers")
    limits = pd.to_numeric(tiers["capacity"], errors="coerce").replace(np.inf, np.nan)
    words = ["no limit" if is_absent(limit) else number(limit) for limit in limits]
    used = tiers["customers"] / limits.where(limits > 0)
    table = tiers.assign(capacity=pd.Series(words, index=tiers.index, dtype=object), used=used)
    return view_of(table, "Tiers used against capacity", currency=currency)


def _column(table: pd.DataFrame, name: str, currency: str, *, bars: bool) -> list[Cell]:
    values = table[name].tolist()
    numeric = pd.api.types.is_numeric_dtype(table[name]) and table[name].dtype != bool
    if not numeric:
        words = phrase if name in {"tier", "stage", "task"} else moment
        right = name == "capacity"  # where "no limit" stands among numbers
        return [Cell(ABSENT if is_absent(v) else words(v), number=right) for v in values]
    if f"{name}_low" in table.columns and f"{name}_high" in table.columns:
        low, high = table[f"{name}_low"].tolist(), table[f"{name}_high"].tolist()
        return [Cell(_with_interval(*three), number=True)
                for three in zip(values, low, high, strict=True)]  # fmt: skip
    if name in _SHARES or name.endswith("_share"):
        return [Cell(share(v), number=True, bar=_percent(v) if bars else None) for v in values]
    if name in _MONEY:
        return [Cell(money(v, currency), number=True) for v in values]
    digits = 3 if name in _METRICS else _digits(table[name])
    return [Cell(number(v, digits), number=True) for v in values]


def _with_interval(value: Any, low: Any, high: Any) -> str:
    if is_absent(low) or is_absent(high):
        return number(value, 3)
    return f"{number(value, 3)} ({number(low, 3)} to {number(high, 3)})"


def _percent(value: Any) -> int | None:
    return None if is_absent(value) else min(100, max(0, round(float(value) * 100)))


def _digits(column: pd.Series[Any]) -> int:
    finite = column.dropna().to_numpy(float)
    finite = finite[np.isfinite(finite)]
    if not finite.size or np.array_equal(finite, np.round(finite)):
        return 0
    largest = float(np.abs(finite).max())
    return 3 if largest < 10 else 1 if largest < 1000 else 0

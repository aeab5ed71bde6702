"""Figures of a backtest: metrics over test dates, and what moves the prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.errors import PageInputError
from nexttouch.plots.style import (
    DASHES,
    INK,
    MARKERS,
    PALETTE,
    entitle,
    in_house_style,
    label_of,
    new_axes,
    percent_axis,
)
from nexttouch.plots.words import number, phrase, require_columns, share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["feature_group_figure", "metrics_by_date_figure"]

_METRICS = {
    "auc": "AUC (higher is better)",
    "log_loss": "Log loss (lower is better)",
    "ece": "Expected calibration error (lower is better)",
    "brier": "Brier score (lower is better)",
    "pr_auc": "PR AUC (higher is better)",
}
_HIGHER_IS_BETTER = frozenset({"auc", "pr_auc", "lift", "brier_skill", "macro_f1"})


@in_house_style
def feature_group_figure(importance: pd.DataFrame, *, title: str | None = None) -> Figure:
    """Draw how much each group of features moves the served model.

    Parameters
    ----------
    importance : DataFrame
        ``group`` and ``importance`` (any non-negative unit; drawn as shares of the sum).
    title : str, optional
        In place of the sentence made from the table.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    PageInputError
        If a column is missing or nothing has importance.

    Examples
    --------
    >>> table = pd.DataFrame({"group": ["recency", "trend"], "importance": [3.0, 1.0]})
    >>> feature_group_figure(table).get_label()
    'Recency carries 75% of what moves the prediction'
    """
    require_columns(importance, ("group", "importance"), "feature group figure")
    sums = importance.groupby("group", sort=True, observed=True)["importance"].sum()
    total = float(sums.sum())
    if not total > 0:
        raise PageInputError.empty_table("feature group figure")
    shares = (sums / total).sort_values(ascending=True, kind="stable")
    figure, axes = new_axes(height=0.9 + 0.34 * len(shares))
    names = [label_of(phrase(name)) for name in shares.index]
    bars = axes.barh(range(len(shares)), shares.to_numpy(), color=PALETTE[0], height=0.66)
    axes.bar_label(bars, [share(v) for v in shares], padding=4, color=INK)
    axes.set_yticks(range(len(shares)), names)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_xlim(0, float(shares.iloc[-1]) * 1.12)
    percent_axis(axes.xaxis)
    axes.set_xlabel("Share of the mean absolute contribution")
    axes.spines["left"].set_visible(False)
    made = f"{names[-1]} carries {share(shares.iloc[-1])} of what moves the prediction"
    entitle(figure, axes, title or made)
    return figure


@in_house_style
def metrics_by_date_figure(
    backtest: pd.DataFrame,
    *,
    metric: str = "log_loss",
    champion: str | None = None,
    title: str | None = None,
) -> Figure:
    """Draw a metric of every model over the rolling-origin test dates.

    Parameters
    ----------
    backtest : DataFrame
        ``model``, ``test_date`` and the metric's column; optionally ``{metric}_low`` and
        ``{metric}_high``, drawn as a band for the champion. Rows without a value are left out.
    metric : str
        Column to draw, such as ``log_loss`` or ``auc``.
    champion : str, optional
        Drawn strong; the others stay thin.
    title : str, optional
        In place of the sentence made from the table.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    PageInputError
        If a column is missing or no row has a value.

    Examples
    --------
    >>> table = pd.DataFrame({"model": ["blend", "stay"], "log_loss": [0.31, 0.5],
    ...                       "test_date": pd.Timestamp("2025-11-01", tz="UTC")})
    >>> metrics_by_date_figure(table, champion="blend").get_label()
    'blend has the best log loss on 1 of 1 test dates'
    """
    require_columns(backtest, ("model", "test_date", metric), "backtest figure")
    table = backtest.dropna(subset=[metric])
    if table.empty:
        raise PageInputError.empty_table("backtest figure")
    by_date = table.pivot_table(index="test_date", columns="model", values=metric, observed=True)
    positions = np.arange(len(by_date))
    figure, axes = new_axes()
    names = sorted(map(str, by_date.columns), key=lambda name: (name != champion, name))
    for k, name in enumerate(names):
        strong = champion in (None, name)
        axes.plot(
            positions,
            by_date[name].to_numpy(float),
            color=PALETTE[k % len(PALETTE)],
            marker=MARKERS[k % len(MARKERS)],
            linestyle=DASHES[k % len(DASHES)],
            linewidth=2.4 if strong else 1.2,
            zorder=3 if strong else 2,
            label=label_of(name) + (" (champion)" if name == champion else ""),
        )
    if champion in by_date.columns and f"{metric}_low" in table.columns:
        _band(axes, table[table["model"] == champion], metric, by_date.index)
    dates = [f"{pd.Timestamp(d):%Y-%m-%d}" for d in by_date.index]
    axes.set_xticks(positions, dates)
    axes.set_xlim(-0.35, len(dates) - 0.65)
    axes.set_xlabel("Test date (cutoff, UTC)")
    axes.set_ylabel(_METRICS.get(metric, phrase(metric)))
    axes.grid(visible=True, axis="y")
    figure.legend(loc="outside right upper")
    entitle(figure, axes, title or _who_wins(by_date, metric, champion), width=66)
    return figure


def _who_wins(by_date: pd.DataFrame, metric: str, champion: str | None) -> str:
    words = "AUC" if metric == "auc" else metric.replace("_", " ")
    mean = by_date.mean()
    best = str(mean.idxmax() if metric in _HIGHER_IS_BETTER else mean.idxmin())
    if champion not in by_date.columns:
        return f"{label_of(best)} has the best mean {words}: {number(mean[best], 3)}"
    ends = by_date.max(axis=1) if metric in _HIGHER_IS_BETTER else by_date.min(axis=1)
    wins = int((by_date[champion] == ends).sum())
    return f"{label_of(champion)} has the best {words} on {wins} of {len(by_date)} test dates"


def _band(axes: Axes, rows: pd.DataFrame, metric: str, dates: pd.Index[Any]) -> None:
    ends = rows.groupby("test_date")[[f"{metric}_low", f"{metric}_high"]].mean().reindex(dates)
    low, high = (ends[f"{metric}_{end}"].to_numpy(float) for end in ("low", "high"))
    axes.fill_between(np.arange(len(dates)), low, high, color=PALETTE[0], alpha=0.16, linewidth=0)

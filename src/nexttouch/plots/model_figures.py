"""Figures of a model's quality: calibration, lift, feature groups, metrics over test dates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.errors import PageInputError
from nexttouch.plots.style import (
    DASHES,
    GRID,
    INK,
    MARKERS,
    MUTED,
    PALETTE,
    entitle,
    in_house_style,
    label_of,
    new_axes,
)
from nexttouch.plots.words import number, phrase, require_columns, share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = [
    "calibration_figure",
    "calibration_gap",
    "feature_group_figure",
    "lift_figure",
    "metrics_by_date_figure",
]

_METRICS = {
    "auc": "AUC (higher is better)",
    "log_loss": "Log loss (lower is better)",
    "ece": "Expected calibration error (lower is better)",
    "brier": "Brier score (lower is better)",
    "pr_auc": "PR AUC (higher is better)",
}
_HIGHER_IS_BETTER = frozenset({"auc", "pr_auc", "lift", "brier_skill", "macro_f1"})


def calibration_gap(bins: pd.DataFrame) -> float:
    """Average the absolute distance of predicted from observed, weighted by rows.

    Parameters
    ----------
    bins : DataFrame with ``predicted``, ``observed`` (shares) and ``n`` (rows per bin)

    Returns
    -------
    float
        The expected calibration error of these bins.

    Examples
    --------
    >>> bins = pd.DataFrame({"predicted": [0.1, 0.5], "observed": [0.1, 0.6], "n": [1, 1]})
    >>> round(calibration_gap(bins), 3)
    0.05
    """
    gap = (bins["predicted"] - bins["observed"]).abs()
    return float((gap * bins["n"]).sum() / bins["n"].sum())


@in_house_style
def calibration_figure(
    models: Mapping[str, pd.DataFrame], *, outcome: str = "churn", title: str | None = None
) -> Figure:
    """Draw observed against predicted shares per model, with 95% intervals of the observed share.

    Parameters
    ----------
    models : mapping from model name to DataFrame
        One row a bin: ``predicted`` and ``observed`` (shares), ``n`` (rows), and optionally ``low``
        and ``high``; without them the Wilson interval is drawn. The first model is the one the
        title speaks of.
    outcome : str
        What is predicted, in words.
    title : str, optional
        In place of the sentence made from the table.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    PageInputError
        If there is no model, no bin, or a column is missing.

    Examples
    --------
    >>> bins = pd.DataFrame({"predicted": [0.1, 0.5], "observed": [0.1, 0.52], "n": [90, 80]})
    >>> calibration_figure({"champion": bins}).get_label()
    "champion's predicted churn is 0.9 points off what was observed, on average"
    """
    figure, axes = new_axes(height=4.2)
    top = 0.0
    for k, (name, bins) in enumerate(models.items()):
        require_columns(bins, ("predicted", "observed", "n"), "calibration figure")
        if bins.empty or not bins["n"].sum():
            raise PageInputError.empty_table(f"calibration figure of '{name}'")
        low, high = _intervals(bins)
        seen = bins["observed"].to_numpy(float)
        axes.errorbar(
            bins["predicted"].to_numpy(float),
            seen,
            yerr=np.vstack([np.maximum(seen - low, 0), np.maximum(high - seen, 0)]),
            color=PALETTE[k % len(PALETTE)],
            marker=MARKERS[k % len(MARKERS)],
            linestyle=DASHES[k % len(DASHES)],
            linewidth=1.4,
            elinewidth=1.0,
            label=label_of(name),
        )
        top = max(top, float(np.nanmax(high)), float(bins["predicted"].max()))
    if not models:
        raise PageInputError.empty_table("calibration figure")
    top = min(1.0, top * 1.05)
    axes.plot([0, top], [0, top], color=MUTED, linewidth=1.0, linestyle=(0, (2, 2)), zorder=0)
    axes.annotate("as predicted", (top, top), xytext=(-4, -12), textcoords="offset points",
                  ha="right", color=MUTED, fontsize=8)  # fmt: skip
    _percent_axes(axes, "both")
    axes.set_xlabel(f"Predicted {outcome} (share of customers)")
    axes.set_ylabel(f"Observed {outcome} (share, 95% interval)")
    axes.grid(visible=True)
    axes.legend(loc="upper left")
    first, bins = next(iter(models.items()))
    gap = calibration_gap(bins) * 100
    made = f"{label_of(first)}'s predicted {outcome} is {gap:.1f} points off what was observed, "
    entitle(figure, axes, title or made + "on average")
    return figure


@in_house_style
def lift_figure(
    models: Mapping[str, pd.DataFrame],
    *,
    base_rate: float | None = None,
    at: float = 0.1,
    title: str | None = None,
) -> Figure:
    """Draw how many more churners than by chance are found among the riskiest customers.

    Parameters
    ----------
    models : mapping from model name to DataFrame
        ``share`` (part of all customers, riskiest first, 0 to 1) and ``lift`` (churn rate among
        them over the overall rate). The first model is the one the title speaks of.
    base_rate : float, optional
        Overall churn rate; draws the highest lift anybody could reach.
    at : float
        The share of customers that the title speaks of.
    title : str, optional
        In place of the sentence made from the table.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    PageInputError
        If there is no model, no row, or a column is missing.

    Examples
    --------
    >>> lift = pd.DataFrame({"share": [0.1, 0.5, 1.0], "lift": [3.1, 1.6, 1.0]})
    >>> lift_figure({"champion": lift}).get_label()
    'The riskiest 10% by champion hold 3.1 times as many churners as chance'
    """
    figure, axes = new_axes()
    for k, (name, table) in enumerate(models.items()):
        require_columns(table, ("share", "lift"), "lift figure")
        if table.empty:
            raise PageInputError.empty_table(f"lift figure of '{name}'")
        ordered = table.sort_values("share")
        axes.plot(
            ordered["share"].to_numpy(float),
            ordered["lift"].to_numpy(float),
            color=PALETTE[k % len(PALETTE)],
            marker=MARKERS[k % len(MARKERS)],
            markevery=max(1, len(ordered) // 10),
            linestyle=DASHES[k % len(DASHES)],
            label=label_of(name),
        )
    if not models:
        raise PageInputError.empty_table("lift figure")
    if base_rate:
        shares = np.linspace(0.005, 1.0, 200)
        best = np.minimum(1.0 / base_rate, 1.0 / shares)
        axes.plot(shares, best, color=MUTED, linewidth=1.0, linestyle=(0, (2, 2)), zorder=0,
                  label="highest possible")  # fmt: skip
    axes.axhline(1.0, color=MUTED, linewidth=1.0, zorder=0)
    axes.annotate("by chance", (1.0, 1.0), xytext=(0, 4), textcoords="offset points", ha="right",
                  color=MUTED, fontsize=8)  # fmt: skip
    axes.set_xlim(0, 1.02)
    axes.set_ylim(bottom=0)
    _percent_axes(axes, "x")
    axes.set_xlabel("Share of customers, riskiest first")
    axes.set_ylabel("Lift (times the overall churn rate)")
    axes.grid(visible=True)
    axes.legend(loc="upper right")
    first, table = next(iter(models.items()))
    ordered = table.sort_values("share")
    reached = float(np.interp(at, ordered["share"], ordered["lift"]))
    made = f"The riskiest {share(at)} by {label_of(first)} hold {reached:.1f} times as many "
    entitle(figure, axes, title or made + "churners as chance")
    return figure


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
    _percent_axes(axes, "x")
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


def _intervals(bins: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return given intervals, else Wilson's for a share of n rows."""
    if {"low", "high"} <= set(bins.columns):
        return bins["low"].to_numpy(float), bins["high"].to_numpy(float)
    z, n, p = 1.959964, bins["n"].to_numpy(float), bins["observed"].to_numpy(float)
    n = np.maximum(n, 1.0)
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


def _percent_axes(axes: Axes, which: str) -> None:
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415

    for axis, name in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        if which in (name, "both"):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.spines["bottom"].set_color(GRID)

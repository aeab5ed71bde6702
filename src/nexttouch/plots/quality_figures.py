"""Figures of a model's quality: calibration and lift."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd  # noqa: TC002 - the examples use it

from nexttouch.errors import PageInputError
from nexttouch.plots.style import (
    DASHES,
    MARKERS,
    MUTED,
    PALETTE,
    entitle,
    in_house_style,
    label_of,
    new_axes,
    percent_axis,
)
from nexttouch.plots.words import require_columns, share

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = [
    "calibration_figure",
    "calibration_gap",
    "lift_figure",
]


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
    axes.plot([0, top], [0, top], color=MUTED, linewidth=1.0, linestyle=(0, (2, 2)), zorder=0,
              label="as predicted")  # fmt: skip
    percent_axis(axes.xaxis)
    percent_axis(axes.yaxis)
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
    axes.annotate("by chance", (0.0, 1.0), xytext=(5, -11), textcoords="offset points",
                  color=MUTED, fontsize=8)  # fmt: skip
    axes.set_xlim(0, 1.02)
    axes.set_ylim(bottom=0)
    percent_axis(axes.xaxis)
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


def _intervals(bins: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return given intervals, else Wilson's for a share of n rows."""
    if {"low", "high"} <= set(bins.columns):
        return bins["low"].to_numpy(float), bins["high"].to_numpy(float)
    z, n, p = 1.959964, bins["n"].to_numpy(float), bins["observed"].to_numpy(float)
    n = np.maximum(n, 1.0)
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return middle - half, middle + half

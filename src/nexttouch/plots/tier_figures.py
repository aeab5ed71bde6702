"""Figures of decisions: tiers against capacity, and what more capacity would earn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nexttouch.errors import PageInputError
from nexttouch.plots.style import (
    DASHES,
    INK,
    MARKERS,
    MUTED,
    PALETTE,
    entitle,
    in_house_style,
    label_of,
    new_axes,
)
from nexttouch.plots.words import is_absent, money, number, require_columns, share, tier_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["capacity_curve_figure", "tier_figure"]


@in_house_style
def tier_figure(tiers: pd.DataFrame, *, title: str | None = None) -> Figure:
    """Draw customers per tier beside the capacity of the tier.

    Parameters
    ----------
    tiers : DataFrame
        ``tier``, ``customers`` and ``capacity`` (customers; missing or infinite = no limit).
    title : str, optional
        In place of the sentence made from the table.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    PageInputError
        If a column is missing or there is no tier.

    Examples
    --------
    >>> tiers = pd.DataFrame({"tier": ["no_touch", "csm"], "customers": [90, 10],
    ...                       "capacity": [None, 10]})
    >>> tier_figure(tiers).get_label()
    '10 of 100 customers get a touch; full: Customer success manager'
    """
    require_columns(tiers, ("tier", "customers", "capacity"), "tier figure")
    if tiers.empty:
        raise PageInputError.empty_table("tier figure")
    people = tiers["customers"].to_numpy(float)
    limits = pd.to_numeric(tiers["capacity"], errors="coerce").replace(np.inf, np.nan).to_numpy()
    names = [tier_name(tier) for tier in tiers["tier"]]
    places = np.arange(len(tiers))
    figure, axes = new_axes(height=1.4 + 0.46 * len(tiers))
    axes.barh(places, people, color=PALETTE[0], height=0.5, label="customers")
    known = ~np.isnan(limits)
    if known.any():
        axes.scatter(limits[known], places[known], marker="|", s=240, color=PALETTE[1],
                     linewidths=2.2, label="capacity", zorder=3)  # fmt: skip
    widest = max(1.0, float(people.max()), float(limits[known].max()) if known.any() else 0.0)
    for place, n, limit in zip(places, people, limits, strict=True):
        text = number(n) if np.isnan(limit) else f"{number(n)} of {number(limit)}"
        end = n if np.isnan(limit) else max(n, limit)
        axes.annotate(text, (end, place), xytext=(7, 0), textcoords="offset points", va="center",
                      color=INK)  # fmt: skip
    axes.set_yticks(places, [label_of(name) for name in names])
    axes.invert_yaxis()
    axes.set_xlim(0, widest * 1.18)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.set_xlabel("Customers")
    if known.any():
        figure.legend(loc="outside lower center", ncols=2)
    entitle(figure, axes, title or _how_full(tiers, limits))
    return figure


@in_house_style
def capacity_curve_figure(
    curve: pd.DataFrame,
    *,
    present: float | None = None,
    currency: str = "",
    unit: str = "customers",
    title: str | None = None,
) -> Figure:
    """Draw the expected value reached at other capacities of a tier.

    Parameters
    ----------
    curve : DataFrame
        ``capacity`` and ``expected_value`` (units of the currency); with a column ``tier``, one
        line a tier.
    present : float, optional
        Today's capacity, marked.
    currency : str
        ISO code written before amounts.
    unit : str
        What capacity counts, such as ``customers`` or ``hours``.
    title : str, optional
        In place of the sentence made from the table.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    PageInputError
        If a column is missing or there is no row.

    Examples
    --------
    >>> curve = pd.DataFrame({"capacity": [0, 50, 100], "expected_value": [0.0, 900.0, 1000.0]})
    >>> capacity_curve_figure(curve, present=50, currency="EUR").get_label()
    'Doubling capacity from 50 to 100 customers would add EUR 100 of expected value (+11%)'
    """
    require_columns(curve, ("capacity", "expected_value"), "capacity curve")
    if curve.empty:
        raise PageInputError.empty_table("capacity curve")
    figure, axes = new_axes()
    lines = curve.groupby("tier", sort=False, observed=True) if "tier" in curve else [("", curve)]
    for k, (tier, rows) in enumerate(lines):
        ordered = rows.sort_values("capacity")
        axes.plot(
            ordered["capacity"].to_numpy(float),
            ordered["expected_value"].to_numpy(float),
            color=PALETTE[k % len(PALETTE)],
            marker=MARKERS[k % len(MARKERS)],
            linestyle=DASHES[k % len(DASHES)],
            label=label_of(tier_name(tier)),
        )
    if "tier" in curve:
        axes.legend(loc="lower right")
    if present is not None:
        axes.axvline(present, color=MUTED, linewidth=1.0, linestyle=(0, (2, 2)), zorder=0)
        axes.annotate("today", (present, 0.02), xycoords=("data", "axes fraction"), xytext=(4, 0),
                      textcoords="offset points", color=MUTED, fontsize=8)  # fmt: skip
    axes.set_ylim(bottom=min(0.0, float(curve["expected_value"].min())))
    axes.set_xlabel(f"Capacity ({unit})")
    axes.set_ylabel(f"Expected value ({currency})" if currency else "Expected value")
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    axes.grid(visible=True)
    entitle(figure, axes, title or _worth_of_more(curve, present, currency, unit))
    return figure


def _how_full(tiers: pd.DataFrame, limits: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    everyone = float(tiers["customers"].sum())
    untouched = float(tiers.loc[tiers["tier"] == "no_touch", "customers"].sum())
    said = f"{number(everyone - untouched)} of {number(everyone)} customers get a touch"
    full = [
        tier_name(tier)
        for tier, n, limit in zip(tiers["tier"], tiers["customers"], limits, strict=True)
        if not is_absent(limit) and n >= limit > 0
    ]
    return f"{said}; full: {', '.join(full)}" if full else said


def _worth_of_more(curve: pd.DataFrame, present: float | None, currency: str, unit: str) -> str:
    if "tier" in curve or present is None or not 0 < 2 * present <= curve["capacity"].max():
        top = curve.iloc[int(curve["expected_value"].to_numpy().argmax())]
        value = money(top["expected_value"], currency)
        return f"Expected value reaches {value} at a capacity of {number(top['capacity'])} {unit}"
    ordered = curve.sort_values("capacity")
    at = np.interp([present, 2 * present], ordered["capacity"], ordered["expected_value"])
    gain, grown = float(at[1] - at[0]), share((at[1] - at[0]) / at[0]) if at[0] > 0 else ""
    return (
        f"Doubling capacity from {number(present)} to {number(2 * present)} {unit} would add "
        f"{money(gain, currency)} of expected value" + (f" (+{grown})" if grown else "")
    )

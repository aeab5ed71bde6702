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
from nexttouch.plots.words import is_absent, money, number, phrase, require_columns, share

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
    >>> tiers = pd.DataFrame({"tier": ["no_touch", "high_touch"], "customers": [90, 10],
    ...                       "capacity": [None, 10]})
    >>> tier_figure(tiers).get_label()
    '10 of 100 customers get a touch; full: High touch'
    """
    require_columns(tiers, ("tier", "customers", "capacity"), "tier figure")
    if tiers.empty:
        raise PageInputError.empty_table("tier figure")
    people = tiers["customers"].to_numpy(float)
    limits = pd.to_numeric(tiers["capacity"], errors="coerce").replace(np.inf, np.nan).to_numpy()
    names = [phrase(tier) for tier in tiers["tier"]]
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
    unit: str = "slot",
    title: str | None = None,
) -> Figure:
    """Draw the expected value reached at other limits of a scarce resource.

    Parameters
    ----------
    curve : DataFrame
        ``limit`` and ``expected_value`` (units of the currency), and ``unit`` when it is not the
        argument; rows without a value (contradictory limits) are left out. With a column
        ``resource``, one line a resource.
    present : float, optional
        Today's limit, marked.
    currency : str
        ISO code written before amounts.
    unit : str
        What the limit counts, such as ``slot`` or ``hour``.
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
    >>> curve = pd.DataFrame({"limit": [0, 50, 100], "expected_value": [0.0, 900.0, 1000.0]})
    >>> capacity_curve_figure(curve, present=50, currency="EUR").get_label()
    'Doubling capacity from 50 to 100 slots would add EUR 100 of expected value (+11%)'
    """
    require_columns(curve, ("limit", "expected_value"), "capacity curve")
    curve = curve.dropna(subset=["limit", "expected_value"])
    if curve.empty:
        raise PageInputError.empty_table("capacity curve")
    figure, axes = new_axes()
    units = _plural(str(curve["unit"].iloc[0]) if "unit" in curve else unit)
    several = "resource" in curve
    lines = curve.groupby("resource", sort=False, observed=True) if several else [("", curve)]
    for k, (name, rows) in enumerate(lines):
        ordered = rows.sort_values("limit")
        axes.plot(
            ordered["limit"].to_numpy(float),
            ordered["expected_value"].to_numpy(float),
            color=PALETTE[k % len(PALETTE)],
            marker=MARKERS[k % len(MARKERS)],
            linestyle=DASHES[k % len(DASHES)],
            label=label_of(phrase(name)),
        )
    if several:
        axes.legend(loc="lower right")
    if present is not None:
        axes.axvline(present, color=MUTED, linewidth=1.0, linestyle=(0, (2, 2)), zorder=0)
        axes.annotate("today", (present, 0.02), xycoords=("data", "axes fraction"), xytext=(4, 0),
                      textcoords="offset points", color=MUTED, fontsize=8)  # fmt: skip
    axes.set_xlabel(f"Capacity ({units})")
    axes.set_ylabel(f"Expected value ({currency})" if currency else "Expected value")
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    axes.grid(visible=True)
    entitle(figure, axes, title or _worth_of_more(curve, present, currency, units))
    return figure


def _how_full(tiers: pd.DataFrame, limits: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    everyone = float(tiers["customers"].sum())
    untouched = float(tiers.loc[tiers["tier"] == "no_touch", "customers"].sum())
    said = f"{number(everyone - untouched)} of {number(everyone)} customers get a touch"
    full = [
        phrase(tier)
        for tier, n, limit in zip(tiers["tier"], tiers["customers"], limits, strict=True)
        if not is_absent(limit) and n >= limit > 0
    ]
    return f"{said}; full: {', '.join(full)}" if full else said


def _worth_of_more(curve: pd.DataFrame, present: float | None, currency: str, units: str) -> str:
    largest = float(curve["limit"].max())
    if "resource" in curve or not present or largest <= present:
        top = curve.iloc[int(curve["expected_value"].to_numpy().argmax())]
        value = money(top["expected_value"], currency)
        return f"Expected value reaches {value} at a capacity of {number(top['limit'])} {units}"
    more = min(2 * present, largest)
    ordered = curve.sort_values("limit")
    now, then = np.interp([present, more], ordered["limit"], ordered["expected_value"])
    grown = f" (+{share((then - now) / now)})" if now > 0 else ""
    verb = "Doubling" if more == 2 * present else "Raising"
    return (
        f"{verb} capacity from {number(present)} to {number(more)} {units} would add "
        f"{money(then - now, currency)} of expected value{grown}"
    )


def _plural(unit: str) -> str:
    return unit + "s" if unit in {"slot", "customer", "hour", "message"} else unit

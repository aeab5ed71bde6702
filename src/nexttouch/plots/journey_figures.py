"""Figures of the journey: where customers move, and how many stand in each stage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.errors import PageInputError
from nexttouch.plots.style import (
    GRID,
    INK,
    MUTED,
    PALETTE,
    RAMP,
    RAMP_INK,
    RAMP_PAPER,
    entitle,
    in_house_style,
    label_of,
    new_axes,
    percent_axis,
)
from nexttouch.plots.words import number, phrase, share

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["stage_share_figure", "transition_matrix_figure"]


@in_house_style
def transition_matrix_figure(
    counts: pd.DataFrame, *, horizon_days: int | None = None, title: str | None = None
) -> Figure:
    """Draw where customers of each stage stand one horizon later: row shares and counts.

    Parameters
    ----------
    counts : DataFrame of shape (K, K)
        Customers by stage at the cutoff (index) and at the end of the horizon (columns).
    horizon_days : int, optional
        Said on the axes.
    title : str, optional
        In place of the sentence made from the table.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    PageInputError
        If the table is empty or counts nobody.

    Examples
    --------
    >>> counts = pd.DataFrame([[8, 2], [1, 9]], index=["active", "lapsed"],
    ...                       columns=["active", "lapsed"])
    >>> transition_matrix_figure(counts, horizon_days=28).get_label()
    '85% of customers stay in their stage; the largest move is active to lapsed (2)'
    """
    values = counts.to_numpy(float)
    if not values.size or not values.sum() > 0:
        raise PageInputError.empty_table("transition matrix")
    rows = values.sum(axis=1, keepdims=True)
    shares = np.divide(values, rows, out=np.zeros_like(values), where=rows > 0)
    n_from, n_to = values.shape
    figure, axes = new_axes(width=1.9 + 0.92 * n_to, height=1.4 + 0.56 * n_from)
    for i in range(n_from):
        for j in range(n_to):
            _cell(axes, i, j, values[i, j], shares[i, j], empty=not rows[i, 0])
    axes.set_xlim(-0.5, n_to - 0.5)
    axes.set_ylim(n_from - 0.5, -0.5)
    to, stages = _names(counts.columns), _names(counts.index)
    axes.set_xticks(range(n_to), to, rotation=0 if n_to <= 7 else 30)
    sized = [f"{name} ({number(n)})" for name, n in zip(stages, rows[:, 0], strict=True)]
    axes.set_yticks(range(n_from), sized)
    axes.tick_params(length=0, labelcolor=INK)
    axes.set_xlabel(f"Stage {horizon_days} days later" if horizon_days else "Stage at the horizon")
    axes.set_ylabel("Stage at the cutoff (customers)")
    for spine in axes.spines.values():
        spine.set_visible(False)
    room = int(9 * (1.9 + 0.92 * n_to))
    entitle(figure, axes, title or _largest_move(counts, values), width=room)
    return figure


@in_house_style
def stage_share_figure(people: pd.DataFrame, *, title: str | None = None) -> Figure:
    """Draw the share of customers in each stage over cutoffs, with the counts at the last one.

    Parameters
    ----------
    people : DataFrame of shape (n_cutoffs, K)
        Customers per stage (columns) at each cutoff (index, times).
    title : str, optional
        In place of the sentence made from the table.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    PageInputError
        If the table is empty or counts nobody.

    Examples
    --------
    >>> people = pd.DataFrame({"active": [8, 6], "lapsed": [2, 4]},
    ...     index=pd.to_datetime(["2025-10-01", "2025-11-01"], utc=True))
    >>> stage_share_figure(people).get_label()
    'Active went from 80% to 60% of customers, the largest change of any stage'
    """
    ordered = people.sort_index()
    totals = ordered.sum(axis=1)
    if ordered.empty or not (totals > 0).any():
        raise PageInputError.empty_table("stage figure")
    ordered = ordered[totals > 0]
    shares = ordered.div(ordered.sum(axis=1), axis=0).to_numpy(float)
    at = pd.DatetimeIndex(ordered.index).tz_localize(None).to_numpy()
    if len(at) == 1:  # one cutoff is a day wide, so that it can be seen
        at, shares = np.array([at[0], at[0] + np.timedelta64(1, "D")]), np.repeat(shares, 2, axis=0)
    figure, axes = new_axes()
    colours = [PALETTE[k % len(PALETTE)] for k in range(shares.shape[1])]
    axes.stackplot(at, shares.T, colors=colours, alpha=0.85, edgecolor="#ffffff", linewidth=0.8)
    middle = shares[-1].cumsum() - shares[-1] / 2
    last = ordered.iloc[-1]
    for k, y in zip(range(len(last)), _spread(middle, 0.058), strict=True):
        text = f"{label_of(phrase(last.index[k]))}  {share(shares[-1, k])} ({number(last.iloc[k])})"
        axes.annotate(text, (1.0, y), xycoords=("axes fraction", "data"), xytext=(14, 0),
                      textcoords="offset points", va="center", color=INK, fontsize=8.5)  # fmt: skip
        axes.annotate("■", (1.0, y), xycoords=("axes fraction", "data"), xytext=(4, 0),
                      textcoords="offset points", va="center", color=colours[k])  # fmt: skip
    axes.set_xlim(at[0], at[-1])
    axes.set_ylim(0, 1)
    _date_axis(axes)
    axes.set_ylabel("Share of customers")
    axes.set_xlabel("Cutoff (UTC)")
    axes.spines["left"].set_color(GRID)
    entitle(figure, axes, title or _largest_change(ordered), width=66)
    return figure


def _cell(axes: Any, i: int, j: int, count: float, part: float, *, empty: bool) -> None:
    """Fill one cell: colour by share, the share in large and the count in small."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    step = min(int(part * len(RAMP)), len(RAMP) - 1)
    axes.add_patch(
        Rectangle((j - 0.48, i - 0.46), 0.96, 0.92, facecolor=RAMP[step] if count else "none",
                  edgecolor=GRID, linewidth=0.6)
    )  # fmt: skip
    if empty or not count:
        axes.text(j, i, "·", ha="center", va="center", color=MUTED)
        return
    ink = RAMP_PAPER if step >= 6 else RAMP_INK
    axes.text(j, i - 0.13, share(part), ha="center", va="center", color=ink, fontsize=9.5)
    axes.text(j, i + 0.24, number(count), ha="center", va="center", color=ink, fontsize=7)


def _names(labels: pd.Index[Any]) -> list[str]:
    return [label_of(phrase(name), longest=14) for name in labels]


def _largest_move(counts: pd.DataFrame, values: NDArray[np.float64]) -> str:
    same = np.array([[str(a) == str(b) for b in counts.columns] for a in counts.index])
    stay = share(values[same].sum() / values.sum())
    moved = np.where(same, 0.0, values)
    if not moved.sum():
        return f"{stay} of customers stay in their stage"
    i, j = divmod(int(moved.argmax()), moved.shape[1])
    pair = f"{label_of(counts.index[i])} to {label_of(counts.columns[j])}"
    return (
        f"{stay} of customers stay in their stage; the largest move is {pair} "
        f"({number(moved[i, j])})"
    )


def _largest_change(people: pd.DataFrame) -> str:
    shares = people.div(people.sum(axis=1), axis=0)
    if len(shares) < 2:
        present = shares.iloc[-1]
        top = int(present.to_numpy().argmax())
        name = phrase(label_of(present.index[top]))
        return f"{name} holds {share(present.iloc[top])} of customers"
    change = shares.iloc[-1] - shares.iloc[0]
    stage = change.abs().round(12).idxmax()
    first, last = share(shares[stage].iloc[0]), share(shares[stage].iloc[-1])
    if first == last:
        return "The share of customers in each stage has hardly changed"
    name = phrase(label_of(stage))
    return f"{name} went from {first} to {last} of customers, the largest change of any stage"


def _spread(wanted: NDArray[np.float64], apart: float) -> NDArray[np.float64]:
    """Move labels as little as needed to keep them apart and inside the axes."""
    placed = np.asarray(wanted, dtype=float).copy()
    for k in range(1, len(placed)):
        placed[k] = max(placed[k], placed[k - 1] + apart)
    ceiling = 1.0
    for k in range(len(placed) - 1, -1, -1):
        placed[k] = min(placed[k], ceiling)
        ceiling = placed[k] - apart
    return placed


def _date_axis(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415

    locator = AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    percent_axis(axes.yaxis)

"""Phrases: what a feature says about a customer, in plain words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["phrase"]

_WINDOW = r"_(?P<window>\d+d|life)"
_OF = r"(?P<measure>.+(?=_(?:activity|all)(?:_|$))|[^_]+)_(?P<group>.+)"
_PHRASES: tuple[tuple[str, str], ...] = (
    (r"recency_days_(?P<group>.+)", "last {group} {value} days ago"),
    (r"touch_recency_days", "last touch {value} days ago"),
    (r"tenure_days_.+", "customer for {value} days"),
    (rf"events_(?P<group>.+){_WINDOW}", "{value} x {group} {span}"),
    (rf"active_days_(?P<group>.+){_WINDOW}", "{value} days with {group} {span}"),
    (rf"sessions_(?P<group>.+){_WINDOW}", "{value} sessions {span}"),
    (rf"breadth_events{_WINDOW}", "{value} kinds of events {span}"),
    (rf"people{_WINDOW}", "{value} active people {span}"),
    (
        r"decayed_events_(?P<group>.+)_(?P<half>\d+)d",
        "recent {group} level {value} (half-life {half} days)",
    ),
    (
        rf"decayed_{_OF}_(?P<half>\d+)d",
        "recent {measure} level {value} (half-life {half} days)",
    ),
    (rf"sum_value_(?P<group>.+){_WINDOW}", "spent {value} {span}"),
    (rf"sum_{_OF}{_WINDOW}", "{measure} {value} {span}"),
    (rf"mean_value_(?P<group>.+){_WINDOW}", "{value} spent on average {span}"),
    (rf"mean_{_OF}{_WINDOW}", "{measure} {value} on average {span}"),
    (rf"max_{_OF}{_WINDOW}", "largest {measure} {value} {span}"),
    (r"last_value_(?P<group>.+)", "last {group} worth {value}"),
    (rf"last_{_OF}", "last {measure} {value}"),
    (r"gap_mean_days_(?P<group>.+)", "usually {value} days between days with {group}"),
    (r"gap_std_days_(?P<group>.+)", "gaps between days with {group} vary by {value} days"),
    (r"recency_over_gap_(?P<group>.+)", "silent for {value} times the usual gap"),
    (r"silence_z_(?P<group>.+)", "silence {value} standard deviations from the usual gap"),
    (
        r"trend_(?P<measure>.+)_(?P<group>[^_]+)_(?P<short>\d+)d_(?P<long>\d+)d",
        "{measure} pace of the last {short} days {value} times that of {long} days",
    ),
    (rf"channel_(?P<measure>.+){_WINDOW}", "{value} x channel {measure} {span}"),
    (rf"touches{_WINDOW}", "{value} touches {span}"),
    (rf"replies_per_touch{_WINDOW}", "{value} replies per touch {span}"),
    (r"journey_stage", "now in stage {stage}"),
    (r"journey_previous_stage", "before that in stage {stage}"),
    (r"journey_silent_stage", "silence would lead to stage {stage}"),
    (r"journey_days_in_stage", "{value} days in this stage"),
    (r"journey_entries_(?P<measure>.+)", "entered {measure} {value} times"),
    (r"journey_moves_(?P<short>\d+)d", "{value} stage moves in the last {short} days"),
    (
        r"(?P<measure>.+)_share_.+_(?P<short>\d+)d",
        "{measure} share {value} in the last {short} days",
    ),
)
_NEEDS_TWO_DAYS = ("gap_mean_days_", "gap_std_days_", "recency_over_gap_", "silence_z_")
_COMPILED = tuple((re.compile(pattern), words) for pattern, words in _PHRASES)


def phrase(
    feature: str,
    value: float,
    typical: float,
    *,
    stages: Sequence[str] = (),
    activity: str = "activity",
) -> str:
    """Say a feature's value and the cohort's median in words.

    Parameters
    ----------
    feature : str
        Column name.
    value, typical : float
        The customer's own value and the cohort's median; NaN where unknown.
    stages : sequence of str
        Names behind stage codes.
    activity : str
        What an activity event is called, such as ``purchase``.

    Examples
    --------
    >>> phrase("recency_days_activity", 61.0, 12.0, activity="purchase")
    'last purchase 61 days ago (typical: 12)'
    >>> phrase("sum_value_activity_91d", 0.0, 120.5, activity="purchase")
    'spent 0 in the last 91 days (typical: 120)'
    >>> phrase("sum_n_cds_activity_91d", 3.0, 1.0)
    'n cds 3 in the last 91 days (typical: 1)'
    >>> phrase("journey_stage", 1.0, 0.0, stages=("active", "at_risk"))
    'now in stage at_risk (typical: active)'
    >>> phrase("recency_days_coupon", float("nan"), 12.0)
    'no coupon so far (typical: last coupon 12 days ago)'
    >>> phrase("recency_over_gap_activity", float("nan"), 1.6, activity="purchase")
    'no usual gap yet: too few days with purchase (typical: silent for 1.6 times the usual gap)'
    """
    words, parts = _match(feature, activity)
    if "window" in parts:
        parts["span"] = _span(parts["window"])
    if "{stage}" in words:
        mine, usual = _stage(value, stages), _stage(typical, stages)
        return f"{words.format(stage=mine)} (typical: {usual})"
    typically = _number(typical)
    if not np.isfinite(value):
        usual = words.format(value=typically, **parts)
        if feature.startswith("recency_days_"):
            return f"no {parts['group']} so far (typical: {usual})"
        if feature.startswith(_NEEDS_TWO_DAYS):
            return f"no usual gap yet: too few days with {parts['group']} (typical: {usual})"
        return f"{words.format(value='unknown', **parts)} (typical: {typically})"
    return f"{words.format(value=_number(value), **parts)} (typical: {typically})"


def _match(feature: str, activity: str) -> tuple[str, dict[str, str]]:
    """Return the words for a feature and the parts of its name that they mention."""
    for pattern, words in _COMPILED:
        found = pattern.fullmatch(feature)
        if found:
            return words, {k: _name(v, activity) for k, v in found.groupdict().items()}
    return _name(feature, activity) + " {value}", {}


def _name(word: str, activity: str) -> str:
    named = {"activity": activity, "all": "event"}.get(word, word)
    return named if named == "life" else named.replace("_", " ")


def _span(window: str) -> str:
    return "so far" if window == "life" else f"in the last {window[:-1]} days"


def _stage(code: float, stages: Sequence[str]) -> str:
    if not np.isfinite(code) or not 0 <= int(code) < len(stages):
        return "unknown"
    return stages[int(code)]


def _number(value: float) -> str:
    """Return a number as people write it: few digits, no trailing zeros."""
    if not np.isfinite(value):
        return "unknown"
    if abs(value) >= 10:
        return f"{value:,.0f}"
    text = f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"
    return text.removesuffix(".0")

"""The columns that a spec stands for: names, families and what each one reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal

from nexttouch.errors import FeatureError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nexttouch.features.spec import Family, FeatureSpec

__all__ = ["DAY_PARTS", "LIFE", "MOVES_DAYS", "PROFILE_DAYS", "REPLIES", "TOUCHES", "Column"]

LIFE = 0
"""The window that reaches back to the first event."""

PROFILE_DAYS = 91
MOVES_DAYS = 90
DAY_PARTS = ("night", "morning", "afternoon", "evening")
"""Six hours each from local midnight on."""

TOUCHES, REPLIES = "(touches)", "(replies)"
"""Inner groups; the brackets keep them apart from groups that users name."""

Op = Literal[
    "recency", "tenure", "count", "sum", "mean", "max", "last", "date", "decay", "gap", "ratio",
    "breadth", "people", "channel", "stage", "journey", "entries",
]  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One feature: its name, the reason group it is told under, and what it reads.

    ``args`` per ``op`` (windows in days, 0 = life; counts are ``events``, ``active_days``,
    ``sessions``, a day part, ``weekend`` or ``sum_MEASURE``):

    ========= =====================================================================
    recency   group
    tenure    group
    count     kind of count, group, window
    channel   channel, window
    sum       measure, group, window (also mean, max)
    last      measure, group (also date: days from the cutoff to the date)
    decay     measure or ``events``, group, half-life
    gap       ``mean``, ``std``, ``over`` or ``z``, group
    ratio     count a, group a, window a, count b, group b, window b, factor a, factor b
    breadth   window (also people)
    stage
    journey   ``days``, ``previous`` or ``moves``
    entries   stage code
    ========= =====================================================================
    """

    name: str
    reason: str
    op: Op
    args: tuple[str | int, ...] = ()


def columns_of(
    spec: FeatureSpec, *, stages: tuple[str, ...], kinds: Mapping[str, str]
) -> tuple[Column, ...]:
    """List the columns in their order: those that baselines need first, then family by family.

    Parameters
    ----------
    spec : FeatureSpec
    stages : tuple of str
        Stage names, position = code.
    kinds : mapping of str to str
        Kind (``money``, ``number``, ``date``) of each measure that the spec may name.

    Raises
    ------
    FeatureError
        If two different columns would bear one name.
    """
    found: dict[str, Column] = {}
    off: set[Family] = set(spec.without)
    for family, column in _all_columns(spec, stages, kinds):
        if family in off:
            continue
        earlier = found.setdefault(column.name, column)
        if earlier != column:
            raise FeatureError.same_name(column.name)
    return tuple(found.values())


def _all_columns(
    spec: FeatureSpec, stages: tuple[str, ...], kinds: Mapping[str, str]
) -> Iterator[tuple[Family | None, Column]]:
    coarse = (*spec.coarse_windows_days, LIFE)
    for column in _always():
        yield None, column
    yield from _rhythm(spec, coarse)
    for group, measures in spec.measures.items():
        for measure in measures:
            yield from _money(spec, measure, group, kinds[measure])
    for channel in spec.channels:
        for days in coarse:
            name = f"channel_{_word(channel)}_{_w(days)}"
            yield "channel", Column(name, "channel", "channel", (channel, days))
    for column in _touches(spec, coarse):
        yield "touches", column
    for column in _journey(stages):
        yield "journey", column
    for part in (*DAY_PARTS, "weekend"):
        name = f"{part}_share_activity_{PROFILE_DAYS}d"
        part_of_all = (part, "activity", PROFILE_DAYS, "events", "activity", PROFILE_DAYS, 1, 1)
        yield "context", Column(name, "context", "ratio", part_of_all)


def _rhythm(spec: FeatureSpec, coarse: tuple[int, ...]) -> Iterator[tuple[Family | None, Column]]:
    streams, inner = ("activity", "all", *spec.groups), ("activity", *spec.groups)
    windows = (*spec.windows_days, LIFE)
    for group in streams:
        yield None, Column(f"recency_days_{group}", "recency", "recency", (group,))
    for group, days in product(streams, windows):
        yield "frequency", _count("events", group, days)
    for group, days in product(inner, windows):
        yield "frequency", _count("active_days", group, days)
    for days in coarse:
        yield "sessions", _count("sessions", "activity", days)
        yield "breadth", Column(f"breadth_events_{_w(days)}", "frequency", "breadth", (days,))
        yield "people", Column(f"people_{_w(days)}", "frequency", "people", (days,))
    for group, life in product(streams, spec.half_lives_days):
        name = f"decayed_events_{group}_{life}d"
        yield "decayed", Column(name, "activity", "decay", ("events", group, life))
    for group, quantity in product(inner, _GAPS):
        name = f"{_GAPS[quantity]}_{group}"
        yield "regularity", Column(name, "regularity", "gap", (quantity, group))
    for group, pair in product(inner, spec.trends_days):
        yield "trend", _trend("events", group, pair)
    for pair in spec.trends_days:
        yield "trend", _trend("active_days", "activity", pair)


_GAPS = {
    "mean": "gap_mean_days",
    "std": "gap_std_days",
    "over": "recency_over_gap",
    "z": "silence_z",
}


def _always() -> tuple[Column, ...]:
    return (
        Column("recency_days_activity", "recency", "recency", ("activity",)),
        Column("tenure_days_activity", "context", "tenure", ("activity",)),
        _count("active_days", "activity", LIFE),
        _count("active_days", "activity", 91),
        _count("events", "activity", LIFE),
        Column("sum_value_activity_life", "money", "sum", ("value", "activity", LIFE)),
        Column("sum_value_all_life", "money", "sum", ("value", "all", LIFE)),
        Column("journey_stage", "journey", "stage"),
    )


def _count(kind: str, group: str, days: int) -> Column:
    return Column(f"{kind}_{group}_{_w(days)}", "frequency", "count", (kind, group, days))


def _trend(kind: str, group: str, pair: tuple[int, int]) -> Column:
    short, long = pair
    name = f"trend_{_word(kind)}_{group}_{short}d_{long}d"
    return Column(name, "trend", "ratio", (kind, group, short, kind, group, long, long, short))


def _money(
    spec: FeatureSpec, measure: str, group: str, kind: str
) -> Iterator[tuple[Family, Column]]:
    word = _word(measure)
    if kind == "date":
        yield "money", Column(f"last_{word}_{group}", "money", "date", (measure, group))
        return
    for days in (*spec.windows_days, LIFE):
        name = f"sum_{word}_{group}_{_w(days)}"
        yield "money", Column(name, "money", "sum", (measure, group, days))
    for days in (*spec.coarse_windows_days, LIFE):
        tail = f"{word}_{group}_{_w(days)}"
        yield "money", Column(f"mean_{tail}", "money", "mean", (measure, group, days))
        yield "money", Column(f"max_{tail}", "money", "max", (measure, group, days))
    yield "money", Column(f"last_{word}_{group}", "money", "last", (measure, group))
    for life in spec.half_lives_days:
        name = f"decayed_{word}_{group}_{life}d"
        yield "decayed", Column(name, "activity", "decay", (measure, group, life))
    for pair in spec.trends_days:
        yield "trend", _trend(f"sum_{measure}", group, pair)


def _touches(spec: FeatureSpec, coarse: tuple[int, ...]) -> Iterator[Column]:
    if not spec.touches:
        return
    yield Column("touch_recency_days", "touches", "recency", (TOUCHES,))
    for days in coarse:
        yield Column(f"touches_{_w(days)}", "touches", "count", ("events", TOUCHES, days))
    for days in coarse if spec.replies else ():
        share = ("events", REPLIES, days, "events", TOUCHES, days, 1, 1)
        yield Column(f"replies_per_touch_{_w(days)}", "touches", "ratio", share)


def _journey(stages: tuple[str, ...]) -> Iterator[Column]:
    yield Column("journey_days_in_stage", "journey", "journey", ("days",))
    yield Column("journey_previous_stage", "journey", "journey", ("previous",))
    yield Column(f"journey_moves_{MOVES_DAYS}d", "journey", "journey", ("moves",))
    for code, stage in enumerate(stages):
        yield Column(f"journey_entries_{_word(stage)}", "journey", "entries", (code,))


def _w(days: int) -> str:
    return f"{days}d" if days else "life"


def _word(name: str) -> str:
    return re.sub(r"\W+", "_", name)

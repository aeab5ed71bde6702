"""From columns to arrays: numbers of accumulators, what events add, what columns read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nexttouch.features.columns import DAY_PARTS, LIFE
from nexttouch.snapshots import DAY_US

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from nexttouch.features.columns import Column

__all__ = ["ADDENDS", "FIRST_MEASURE", "Layout", "Ops", "lay_out"]

ADDENDS = ("events", "active_days", "sessions", *DAY_PARTS, "weekend")
"""What an event may add to an integer sum, by position; then two per measure: sum and presence."""

FIRST_MEASURE = len(ADDENDS)
WIDTHS = {
    "recency": 2, "tenure": 2, "counts": 3, "sum": 4, "mean": 5, "max": 4, "last": 3, "date": 2,
    "decay": 5, "gap": 3, "ratio": 6, "breadth": 2, "people": 2, "stage": 1, "journey": 2,
    "entries": 2,
}  # fmt: skip
GAPS = ("mean", "std", "over", "z")
JOURNEY = ("days", "previous", "moves")


class Ops(NamedTuple):
    """One array per kind of column: row = (column, what it reads ...), uint32.

    Unsigned, because for signed indices the compiler tests each access for negative wrap-around.
    """

    recency: NDArray[np.uint32]
    tenure: NDArray[np.uint32]
    counts: NDArray[np.uint32]
    sum: NDArray[np.uint32]
    mean: NDArray[np.uint32]
    max: NDArray[np.uint32]
    last: NDArray[np.uint32]
    date: NDArray[np.uint32]
    decay: NDArray[np.uint32]
    gap: NDArray[np.uint32]
    ratio: NDArray[np.uint32]
    breadth: NDArray[np.uint32]
    people: NDArray[np.uint32]
    stage: NDArray[np.uint32]
    journey: NDArray[np.uint32]
    entries: NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class Layout:
    """Everything of a plan that does not depend on a log's codes.

    ``adds``, ``tops``, ``lasts`` and ``decays`` list per group what an event of it changes.
    """

    groups: tuple[str, ...]
    windows_us: NDArray[np.int64]
    channels: tuple[str, ...]
    channel_slots: tuple[int, ...]
    half_lives: tuple[int, ...]
    slots: dict[str, int]
    adds: list[list[tuple[int, ...]]]
    tops: list[list[tuple[int, ...]]]
    lasts: list[list[tuple[int, ...]]]
    decays: list[list[tuple[int, ...]]]
    factors: NDArray[np.int64]
    ops: Ops


@dataclass
class _Numbers:
    """Hands out numbers: the same key gets the same one."""

    of: dict[Any, int] = field(default_factory=dict)

    def __call__(self, key: object) -> int:
        return self.of.setdefault(key, len(self.of))


class _Builder:
    """Collects accumulators while the columns are gone through once."""

    def __init__(
        self, groups: Sequence[str], half_lives: Sequence[int], measures: Sequence[str]
    ) -> None:
        self.group = {name: number for number, name in enumerate(groups)}
        self.life = {days: number for number, days in enumerate(half_lives)}
        self.measure = {name: number for number, name in enumerate(measures)}
        self.windows = _Numbers({LIFE: 0})
        self.sums, self.tops, self.lasts, self.decays = (_Numbers() for _ in range(4))
        self.factors: list[tuple[int, int]] = []
        self.rows: dict[str, list[tuple[int, ...]]] = {name: [] for name in WIDTHS}

    def addend(self, kind: str) -> int:
        if kind in ADDENDS:
            return ADDENDS.index(kind)
        role, _, measure = kind.partition("_")
        return FIRST_MEASURE + 2 * self.measure[measure] + (role == "has")

    def sum_slot(self, kind: str, group: str) -> int:
        return self.sums((self.group[group], self.addend(kind)))

    def add(self, at: int, column: Column) -> None:
        op, row = column.op, getattr(self, f"_{column.op}")(*column.args)
        self.rows["counts" if op in {"count", "channel"} else op].append((at, *row))

    def _recency(self, group: str) -> tuple[int, ...]:
        return (self.group[group],)

    _tenure = _recency

    def _count(self, kind: str, group: str, days: int) -> tuple[int, ...]:
        return self.windows(days), self.sum_slot(kind, group)

    def _channel(self, channel: str, days: int) -> tuple[int, ...]:
        return self.windows(days), self.sums(("channel", channel))

    def _sum(self, measure: str, group: str, days: int) -> tuple[int, ...]:
        slot = self.sum_slot(f"sum_{measure}", group)
        return self.windows(days), slot, self.measure[measure]

    def _mean(self, measure: str, group: str, days: int) -> tuple[int, ...]:
        window, slot, number = self._sum(measure, group, days)
        return window, slot, self.sum_slot(f"has_{measure}", group), number

    def _max(self, measure: str, group: str, days: int) -> tuple[int, ...]:
        slot = self.tops((self.group[group], self.measure[measure]))
        return self.windows(days), slot, self.measure[measure]

    def _last(self, measure: str, group: str) -> tuple[int, ...]:
        number = self.measure[measure]
        return self.lasts((self.group[group], number)), number

    def _date(self, measure: str, group: str) -> tuple[int, ...]:
        return self._last(measure, group)[:1]

    def _decay(self, measure: str, group: str, days: int) -> tuple[int, ...]:
        kind = "events" if measure == "events" else f"sum_{measure}"
        unit = 0 if measure == "events" else self.measure[measure] + 1
        slot = self.decays((self.group[group], self.addend(kind), self.life[days]))
        return slot, self.group[group], self.life[days], unit

    def _gap(self, quantity: str, group: str) -> tuple[int, ...]:
        return self.group[group], GAPS.index(quantity)

    def _ratio(  # noqa: PLR0917  the arguments of a column are a plain tuple
        self, kind_a: str, group_a: str, days_a: int,
        kind_b: str, group_b: str, days_b: int, factor_a: int, factor_b: int,
    ) -> tuple[int, ...]:  # fmt: skip
        self.factors.append((factor_a, factor_b))
        above = self._count(kind_a, group_a, days_a)
        return *above, *self._count(kind_b, group_b, days_b), len(self.factors) - 1

    def _breadth(self, days: int) -> tuple[int, ...]:
        return (self.windows(days),)

    _people = _breadth

    def _stage(self) -> tuple[int, ...]:
        return ()

    def _journey(self, quantity: str) -> tuple[int, ...]:
        return (JOURNEY.index(quantity),)

    def _entries(self, code: int) -> tuple[int, ...]:
        return (code,)

    def per_group(self, keys: Iterable[tuple[Any, ...]]) -> list[list[tuple[int, ...]]]:
        """Turn keys (group, what, ...) into lists of (slot, what, ...) by group."""
        found: list[list[tuple[int, ...]]] = [[] for _ in self.group]
        for slot, key in enumerate(keys):
            if key[0] != "channel":
                found[key[0]].append((slot, *key[1:]))
        return found


def lay_out(
    columns: Sequence[Column],
    *,
    groups: Sequence[str],
    half_lives: Sequence[int],
    measures: Sequence[str],
) -> Layout:
    """Give numbers to what the columns read.

    Examples
    --------
    >>> from nexttouch.features.columns import Column
    >>> one = Column("events_all_7d", "frequency", "count", ("events", "all", 7))
    >>> lay_out([one], groups=["all"], half_lives=[], measures=["value"]).ops.counts
    array([[0, 1, 0]], dtype=uint32)
    """
    build = _Builder(groups, half_lives, measures)
    for at, column in enumerate(columns):
        build.add(at, column)
    channels = {key[1]: slot for key, slot in build.sums.of.items() if key[0] == "channel"}
    arrays = {
        name: np.array(sorted(rows), dtype=np.uint32).reshape(-1, WIDTHS[name])
        for name, rows in build.rows.items()
    }
    windows = [-1 if days == LIFE else days * DAY_US for days in build.windows.of]
    return Layout(
        groups=tuple(groups),
        windows_us=np.array(windows, dtype=np.int64),
        channels=tuple(channels),
        channel_slots=tuple(channels.values()),
        half_lives=tuple(half_lives),
        slots={
            "sums": len(build.sums.of),
            "tops": len(build.tops.of),
            "lasts": len(build.lasts.of),
            "decays": len(build.decays.of),
        },
        adds=build.per_group(build.sums.of),
        tops=build.per_group(build.tops.of),
        lasts=build.per_group(build.lasts.of),
        decays=build.per_group(build.decays.of),
        factors=np.array(build.factors, dtype=np.int64).reshape(-1, 2),
        ops=Ops(**arrays),
    )

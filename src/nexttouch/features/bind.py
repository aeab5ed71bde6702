"""A plan bound to the codes of one vocabulary: the arrays that the kernel reads."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

from nexttouch.errors import FeatureError
from nexttouch.features.layout import ADDENDS, Ops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nexttouch.events.log import Vocabulary
    from nexttouch.features.plan import FeaturePlan

_T = TypeVar("_T", bound=np.generic)

__all__ = ["Adds", "KernelPlan", "Sizes", "bind", "read_only"]


class Sizes(NamedTuple):
    """How many accumulators of each kind there are, and the pause that ends a session."""

    columns: int
    groups: int
    sums: int
    tops: int
    lasts: int
    decays: int
    stages: int
    addends: int
    session_gap_us: int


class Adds(NamedTuple):
    """What an event changes: lists by event code, by channel code and by group (offsets first)."""

    group_off: NDArray[np.uint32]
    group: NDArray[np.uint32]
    channel_slot: NDArray[np.uint32]
    add_off: NDArray[np.uint32]
    add: NDArray[np.uint32]
    top_off: NDArray[np.uint32]
    top: NDArray[np.uint32]
    last_off: NDArray[np.uint32]
    last: NDArray[np.uint32]
    decay_off: NDArray[np.uint32]
    decay: NDArray[np.uint32]


class KernelPlan(NamedTuple):
    """Arrays of one plan for one vocabulary; all plans have the same types, so one build serves.

    Attributes
    ----------
    measure_row : int64, shape (n_measures,)
        Row of each measure in ``EventLog.measures``, -1 where the log does not have it.
    per_unit : float64, shape (1 + n_measures,)
        Steps per unit; entry 0 is 1, for counts.
    """

    sizes: Sizes
    adds: Adds
    ops: Ops
    measure_row: NDArray[np.int64]
    per_unit: NDArray[np.float64]
    factors: NDArray[np.int64]
    tables: NDArray[np.float64]


@lru_cache(maxsize=32)
def bind(plan: FeaturePlan, vocabulary: Vocabulary) -> KernelPlan:
    """Look up the codes behind the names of a plan.

    Raises
    ------
    FeatureError
        If the log counts a measure in other steps than the plan.
    """
    layout = plan.layout
    members = [
        set(range(len(vocabulary.events))) if names is None else set(_codes(vocabulary, names))
        for names in plan.groups.values()
    ]
    of_code = [
        [(g,) for g, codes in enumerate(members) if code in codes and _used(plan, g)]
        for code in range(len(vocabulary.events))
    ]
    trash = layout.slots["sums"]  # one more accumulator that no column reads
    slot_of = dict(zip(layout.channels, layout.channel_slots, strict=True))
    channel_slot = [slot_of.get(name, trash) for name in vocabulary.channels]
    group_off, group = _lists(of_code, 1)
    adds = Adds(
        group_off,
        group[:, 0].copy(),
        np.array(channel_slot, dtype=np.uint32),
        *_lists(layout.adds, 2),
        *_lists(layout.tops, 2),
        *_lists(layout.lasts, 2),
        *_lists(layout.decays, 3),
    )
    sizes = Sizes(
        columns=len(plan.columns),
        groups=len(layout.groups),
        **layout.slots,
        stages=len(plan.stages),
        addends=len(ADDENDS) + 2 * len(plan.measures),
        session_gap_us=plan.spec.session_gap_minutes * 60_000_000,
    )
    return KernelPlan(
        sizes=sizes,
        adds=Adds(*map(read_only, adds)),
        ops=Ops(*map(read_only, layout.ops)),
        measure_row=read_only(np.array(_rows(plan, vocabulary), dtype=np.int64)),
        per_unit=read_only(np.array([1.0, *(1.0 / m.step for m in plan.measures)])),
        factors=read_only(layout.factors),
        tables=read_only(plan.tables),
    )


def read_only(array: NDArray[_T]) -> NDArray[_T]:
    """Return a view that cannot be written.

    Writable and read-only arrays are different types to the compiler; arrays that come from files
    are read-only, so all inputs are made so and one build serves them.
    """
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _used(plan: FeaturePlan, group: int) -> bool:
    """Tell whether a column reads anything of a group."""
    layout, ops = plan.layout, plan.layout.ops
    if layout.adds[group] or layout.tops[group] or layout.lasts[group] or layout.decays[group]:
        return True
    return any((op[:, 1] == group).any() for op in (ops.recency, ops.tenure, ops.gap))


def _codes(vocabulary: Vocabulary, names: tuple[str, ...]) -> list[int]:
    return [int(code) for code in vocabulary.event_codes(names)]


def _rows(plan: FeaturePlan, vocabulary: Vocabulary) -> list[int]:
    rows = []
    at = {measure.name: row for row, measure in enumerate(vocabulary.measures)}
    for measure in plan.measures:
        row = at.get(measure.name, -1)
        if row >= 0 and vocabulary.measures[row] != measure:
            found = vocabulary.measures[row]
            msg = (
                f"The log keeps '{measure.name}' as {found.kind} in steps of {found.step}, the "
                f"feature plan as {measure.kind} in steps of {measure.step}. Ingest it with the "
                "declaration the model was trained with, or train again."
            )
            raise FeatureError(msg)
        rows.append(row)
    return rows


def _lists(
    per_key: Sequence[Sequence[tuple[int, ...]]], width: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Lay lists end to end: offsets by key, then the items."""
    offsets = np.cumsum([0, *map(len, per_key)]).astype(np.uint32)
    items = [item for items in per_key for item in items]
    return offsets, np.array(items, dtype=np.uint32).reshape(-1, width)

"""Dated moves, and the stage of each snapshot now, later, or if nothing more happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nexttouch.journey.kernel import NEVER, fresh_memory, last_before, run_machine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.events.log import EventLog
    from nexttouch.journey.plan import JourneyPlan
    from nexttouch.snapshots import SnapshotRows

__all__ = ["Moves", "dated_moves", "silent_stages", "stage_at", "stages_at"]

_ORIGIN = 0
"""Code of ``not_started``."""


@dataclass(frozen=True, eq=False)
class Moves:
    """Every firing of a rule, by customer and time.

    The stage at a cutoff is that of the last move with ``at_us < cutoff``, ``not_started`` before
    the first. Moves of one instant are listed in the order in which they fired.

    Attributes
    ----------
    offsets : int64, shape (n_customers + 1,)
        Moves of customer c are rows ``offsets[c]:offsets[c + 1]``.
    at_us : int64, shape (n_moves,)
        Microseconds UTC.
    stage, rule : int16, shape (n_moves,)
        The stage moved to, and the rule: places in the plan's ``stages`` and ``rules``.

    Examples
    --------
    >>> code = np.array([1, 2], dtype=np.int16)
    >>> len(Moves(np.array([0, 2]), np.array([5, 9]), stage=code, rule=code))
    2
    """

    offsets: NDArray[np.int64]
    at_us: NDArray[np.int64]
    stage: NDArray[np.int16]
    rule: NDArray[np.int16]

    def __len__(self) -> int:
        """Count the moves."""
        return len(self.at_us)


def dated_moves(plan: JourneyPlan, log: EventLog, *, until_us: int = NEVER) -> Moves:
    """Run the journey of every customer over events and timers before ``until_us``.

    Parameters
    ----------
    plan : JourneyPlan
    log : EventLog
        Known in full; ``as_of_batches`` takes care of late arrivals.
    until_us : int
        Microseconds UTC; without it every timer runs to its end.

    Examples
    --------
    >>> import pandas as pd
    >>> from nexttouch.events.build import build_log
    >>> from nexttouch.journey import JourneySpec, compile_journey
    >>> log = build_log(pd.DataFrame({"customer_id": "ann", "event": "purchase",
    ...     "timestamp": pd.to_datetime(["2025-01-01", "2025-01-08"], utc=True)}))
    >>> spec = JourneySpec(preset="lifecycle", events={"activity": ["purchase"]})
    >>> plan = compile_journey(spec, log.vocabulary)
    >>> [plan.stages[code] for code in dated_moves(plan, log).stage]
    ['new', 'active', 'at_risk', 'lapsed']
    """
    offsets, at_us, rule, _ = _run(plan, log, until_us)
    targets = np.array([r.to for r in plan.for_vocabulary(log.vocabulary).rules], dtype=np.int16)
    return Moves(offsets, at_us, targets[rule], rule)


def stages_at(
    plan: JourneyPlan, log: EventLog, moments_us: NDArray[np.int64], rows: SnapshotRows
) -> NDArray[np.int16]:
    """Return the stage of each row's customer at a moment of its own, shape (n_rows,).

    Parameters
    ----------
    moments_us : int64, shape (n_rows,)
        The cutoff itself for the present stage, the end of the horizon for the next one.

    Examples
    --------
    >>> import pandas as pd
    >>> from nexttouch.events.build import build_log
    >>> from nexttouch.journey import JourneySpec, compile_journey
    >>> from nexttouch.snapshots import DAY_US, SnapshotRows
    >>> log = build_log(pd.DataFrame({"customer_id": "ann", "event": "purchase",
    ...     "timestamp": pd.to_datetime(["2025-01-01"], utc=True)}))
    >>> spec = JourneySpec(preset="lifecycle", events={"activity": ["purchase"]})
    >>> plan = compile_journey(spec, log.vocabulary)
    >>> rows = SnapshotRows.after_first_event(log.first_us, log.first_us + 28 * DAY_US)
    >>> plan.stages[stages_at(plan, log, rows.cutoff_us, rows)[0]]
    'new'
    >>> plan.stages[stages_at(plan, log, rows.cutoff_us + 1, rows)[0]]
    'one_time'
    """
    until_us = int(moments_us.max(initial=0))
    return stage_at(dated_moves(plan, log, until_us=until_us), rows.customer, moments_us)


def stage_at(
    moves: Moves, customer: NDArray[np.int32], moments_us: NDArray[np.int64]
) -> NDArray[np.int16]:
    """Read stages off moves that are already there, shape (n_rows,).

    Examples
    --------
    >>> moves = Moves(np.array([0, 2]), np.array([5, 9]), np.array([1, 2], dtype=np.int16),
    ...               np.array([0, 1], dtype=np.int16))
    >>> stage_at(moves, np.zeros(3, dtype=np.int32), np.array([5, 9, 10])).tolist()
    [0, 1, 2]
    """
    place = last_before(
        moves.offsets,
        moves.at_us,
        np.ascontiguousarray(customer, dtype=np.int32),
        np.ascontiguousarray(moments_us, dtype=np.int64),
    )
    stages = np.full(len(place), _ORIGIN, dtype=np.int16)
    stages[place >= 0] = moves.stage[place[place >= 0]]
    return stages


def silent_stages(
    plan: JourneyPlan, log: EventLog, rows: SnapshotRows, horizon_us: int
) -> NDArray[np.int16]:
    """Return the stage at cutoff + horizon if nothing happens after the cutoff, shape (n_rows,).

    Reads only events before each row's cutoff; silence, sliding windows and dates known by then run
    on.

    Examples
    --------
    >>> import pandas as pd
    >>> from nexttouch.events.build import build_log
    >>> from nexttouch.journey import JourneySpec, compile_journey
    >>> from nexttouch.snapshots import DAY_US, SnapshotRows
    >>> log = build_log(pd.DataFrame({"customer_id": "ann", "event": "purchase",
    ...     "timestamp": pd.to_datetime(["2025-01-01", "2025-01-08"], utc=True)}))
    >>> spec = JourneySpec(preset="lifecycle", events={"activity": ["purchase"]})
    >>> plan = compile_journey(spec, log.vocabulary)
    >>> rows = SnapshotRows.after_first_event(log.first_us, log.first_us + 7 * DAY_US)
    >>> plan.stages[silent_stages(plan, log, rows, 28 * DAY_US)[0]]
    'one_time'
    """
    until_us = int(rows.cutoff_us.max(initial=0))
    *_, silent = _run(plan, log, until_us, rows, horizon_us)
    return silent


def _run(
    plan: JourneyPlan,
    log: EventLog,
    until_us: int,
    rows: SnapshotRows | None = None,
    horizon_us: int = 0,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int16], NDArray[np.int16]]:
    """Return move offsets, times and rules, and the silent successor of each row."""
    plan = plan.for_vocabulary(log.vocabulary)
    customer = np.zeros(0, np.int32) if rows is None else rows.customer
    cutoffs_us = np.zeros(0, np.int64) if rows is None else rows.cutoff_us
    row_offsets = np.searchsorted(customer, np.arange(log.n_customers + 1, dtype=np.int32))
    offsets, at_us, rule, silent = run_machine(
        plan.arrays,
        fresh_memory(plan.arrays),
        fresh_memory(plan.arrays),
        _frozen(log.offsets, np.int64),
        _frozen(log.timestamp_us, np.int64),
        _frozen(log.event, np.uint16),
        _frozen(log.local_day, np.int32),
        _frozen(log.measures, np.int64),
        np.int64(until_us),
        _frozen(row_offsets, np.int64),
        _frozen(cutoffs_us, np.int64),
        np.int64(horizon_us),
    )
    return offsets, at_us, rule, silent


def _frozen(values: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """Return one and the same array type, whoever owns the memory: one type, one compilation."""
    view = np.ascontiguousarray(values, dtype=dtype).view()
    view.flags.writeable = False
    return view

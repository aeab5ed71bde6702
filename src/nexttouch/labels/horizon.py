"""Labels: what happens in the horizon that follows each cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nexttouch.events.log import MISSING
from nexttouch.events.windows import EventsOf
from nexttouch.journey import dated_moves, stage_at
from nexttouch.snapshots import DAY_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.events.log import EventLog
    from nexttouch.journey import JourneyPlan
    from nexttouch.labels.spec import LabelSpec
    from nexttouch.snapshots import SnapshotRows

__all__ = ["Labels", "horizon_labels"]


@dataclass(frozen=True, eq=False)
class Labels:
    """Outcomes per snapshot, shape (n_rows,) each.

    Attributes
    ----------
    churned : float32
        1 where no activity event falls into the horizon, 0 where one does, NaN where censored.
    revenue : float64
        Sum of ``value`` over all events in the horizon (an invoice may be paid by a silent
        customer), in major units, NaN where censored.
    next_stage : int16
        Stage at the end of the horizon, -1 where censored.
    stage_in_hindsight : int16
        Stage at the cutoff by the full log: late arrivals may tell it apart from the stage that
        was known then.
    """

    churned: NDArray[np.float32]
    revenue: NDArray[np.float64]
    next_stage: NDArray[np.int16]
    stage_in_hindsight: NDArray[np.int16]


def horizon_labels(
    log: EventLog,
    rows: SnapshotRows,
    *,
    spec: LabelSpec,
    journey: JourneyPlan,
    observed_until_us: int,
) -> Labels:
    """Label each snapshot by ``[cutoff + gap, cutoff + gap + horizon)``.

    Unlike features, labels read events whenever they arrived. A horizon that outruns the log is
    censored, never "not churned".

    Parameters
    ----------
    log : EventLog
    rows : SnapshotRows
        Customers are numbered as in ``log``.
    spec : LabelSpec
    journey : JourneyPlan
    observed_until_us : int
        The log is complete before this instant.
    """
    begins = rows.cutoff_us + spec.gap_days * DAY_US
    ends = begins + spec.horizon_days * DAY_US
    censored = ends > observed_until_us
    activity = EventsOf.select(log, spec.activity)
    first = activity.before(rows.customer, begins)
    last = activity.before(rows.customer, ends)
    everything = EventsOf.select(log, log.vocabulary.events)
    value = log.measures[0]
    paid = np.concatenate([[0], np.cumsum(np.where(value == MISSING, 0, value))])
    begin, end = (everything.before(rows.customer, moment) for moment in (begins, ends))
    moves = dated_moves(journey, log, until_us=int(ends.max(initial=0)))
    next_stage = stage_at(moves, rows.customer, ends)
    step = log.vocabulary.measures[0].step
    return Labels(
        churned=np.where(censored, np.nan, first == last).astype(np.float32),
        revenue=np.where(censored, np.nan, (paid[end] - paid[begin]) * step),
        next_stage=np.where(censored, -1, next_stage).astype(np.int16),
        stage_in_hindsight=stage_at(moves, rows.customer, rows.cutoff_us),
    )

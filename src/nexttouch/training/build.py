"""Build the training set: eligible snapshots with features and labels, checked for legality."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nexttouch.errors import IllegalStageError, NoTrainingRowsError
from nexttouch.journey import legal_next
from nexttouch.labels import horizon_labels
from nexttouch.snapshots import SnapshotRows
from nexttouch.training.snapshot_table import SnapshotTable
from nexttouch.training.training_set import TrainingSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from nexttouch.events.log import EventLog
    from nexttouch.labels import LabelSpec
    from nexttouch.training.snapshot_table import FeaturePath

__all__ = ["build_training_set"]


def build_training_set(
    logs: Iterable[EventLog],
    cutoffs_us: NDArray[np.int64],
    *,
    path: FeaturePath,
    labels: LabelSpec,
    observed_until_us: int,
    day_aligned: bool = True,
    progress: Callable[[int], None] = lambda _done: None,
) -> TrainingSet:
    """Join features and labels of every eligible snapshot.

    Parameters
    ----------
    logs : iterable of EventLog
        Disjoint customers, for example the partitions of a store.
    cutoffs_us : int64, shape (n_cutoffs,)
    path : FeaturePath
    labels : LabelSpec
    observed_until_us : int
        The log is complete before this instant; later horizons are censored.
    day_aligned : bool
        Whether all cutoffs fall on midnights of the business zone.
    progress : callable
        Called with the number of logs done.

    Returns
    -------
    TrainingSet
        Censored rows are kept with missing labels, so that nothing mistakes them for outcomes.
        Rows whose late arrivals led where the stage known then could not lead are left out.

    Raises
    ------
    NoTrainingRowsError
        If no snapshot is eligible.
    IllegalStageError
        If an observed next stage lies outside the legal set: the rules or the engine are wrong.
    """
    tables, outcomes = [], []
    for done, log in enumerate(logs, start=1):
        table = path.table(log, cutoffs_us)
        table = table.take(table.eligible)
        if len(table):
            rows = SnapshotRows(table.customer, table.cutoff_us)
            tables.append(table)
            outcomes.append(
                horizon_labels(
                    log,
                    rows,
                    spec=labels,
                    journey=path.journey,
                    observed_until_us=observed_until_us,
                )
            )
        progress(done)
    if not tables:
        raise NoTrainingRowsError.from_activity(labels.activity)
    table = SnapshotTable.concatenate(tables)
    reach_days = labels.horizon_days + labels.gap_days
    result = TrainingSet(
        X=pd.DataFrame(table.X, columns=list(path.names), copy=False),
        customer_id=table.customer_id,
        cutoff_us=table.cutoff_us,
        stage=table.stage,
        silent_stage=table.silent_stage,
        next_stage=np.concatenate([o.next_stage for o in outcomes]),
        churned=np.concatenate([o.churned for o in outcomes]),
        revenue=np.concatenate([o.revenue for o in outcomes]),
        stages=path.journey.stages,
        legal=legal_next(path.journey, reach_days, day_aligned=day_aligned),
        horizon_days=labels.horizon_days,
    )
    _check_legal(result, np.concatenate([o.stage_in_hindsight for o in outcomes]))
    return _without_surprises(result)


def _without_surprises(rows: TrainingSet) -> TrainingSet:
    """Leave out rows whose late arrivals led where nothing known at the cutoff could lead."""
    observed = rows.next_stage >= 0
    possible = rows.legal[rows.stage, rows.next_stage] | ~observed
    if possible.all():
        return rows
    kept = rows.take(possible)
    return replace(kept, X=kept.X.reset_index(drop=True))


def _check_legal(rows: TrainingSet, hindsight: NDArray[np.int16]) -> None:
    observed = rows.next_stage >= 0
    legal = rows.legal[hindsight, rows.next_stage] | ~observed
    if not legal.all():
        first = int(np.flatnonzero(~legal)[0])
        raise IllegalStageError.from_row(
            str(rows.customer_id[first]),
            pd.Timestamp(int(rows.cutoff_us[first]), unit="us", tz="UTC"),
            rows.stages[hindsight[first]],
            rows.stages[rows.next_stage[first]],
            int((~legal).sum()),
        )

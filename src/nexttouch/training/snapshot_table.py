"""Features, stage and eligibility of snapshots: the one path for training, batch and request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from nexttouch.events.asof import as_of_batches
from nexttouch.events.windows import EventsOf
from nexttouch.features import compute_features
from nexttouch.journey import dated_moves, silent_stages
from nexttouch.snapshots import DAY_US, SnapshotRows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nexttouch.events.log import EventLog
    from nexttouch.features import FeaturePlan
    from nexttouch.journey import JourneyPlan

__all__ = ["FeaturePath", "SnapshotTable"]


@dataclass(frozen=True, eq=False)
class SnapshotTable:
    """What is known of customers as of cutoffs, ordered by customer, then cutoff.

    Attributes
    ----------
    customer_id : array of str, shape (n_rows,)
    customer : int32, shape (n_rows,)
        Number of the customer in the log it was made from.
    cutoff_us : int64, shape (n_rows,)
    X : float32, shape (n_rows, n_features), columns contiguous
    stage, silent_stage : int16, shape (n_rows,)
        Stage as of the cutoff, and at the end of the horizon if nothing more happens.
    eligible : bool, shape (n_rows,)
    """

    customer_id: NDArray[np.object_]
    customer: NDArray[np.int32]
    cutoff_us: NDArray[np.int64]
    X: NDArray[np.float32]
    stage: NDArray[np.int16]
    silent_stage: NDArray[np.int16]
    eligible: NDArray[np.bool_]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.cutoff_us)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """Return some rows, in the given order."""
        return type(self)(
            self.customer_id[rows],
            self.customer[rows],
            self.cutoff_us[rows],
            np.asfortranarray(self.X[rows]),
            self.stage[rows],
            self.silent_stage[rows],
            self.eligible[rows],
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Stack tables of disjoint customers; ``customer`` numbers then repeat between parts."""
        return cls(
            np.concatenate([p.customer_id for p in parts]),
            np.concatenate([p.customer for p in parts]),
            np.concatenate([p.cutoff_us for p in parts]),
            np.concatenate([p.X.T for p in parts], axis=1).T,
            np.concatenate([p.stage for p in parts]),
            np.concatenate([p.silent_stage for p in parts]),
            np.concatenate([p.eligible for p in parts]),
        )


@dataclass(frozen=True)
class FeaturePath:
    """From an event log to snapshot tables; training, batch, request and certificate share it.

    ``active_within_days`` makes a snapshot eligible: an activity event in the last so many days.
    """

    features: FeaturePlan
    journey: JourneyPlan
    activity: tuple[str, ...]
    active_within_days: int | Literal["ever"]
    reach_us: int
    threads: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """Column names of ``SnapshotTable.X``."""
        return (*self.features.names, "journey_silent_stage")

    def table(self, log: EventLog, cutoffs_us: NDArray[np.int64]) -> SnapshotTable:
        """Compute every snapshot of a log: only what happened before a cutoff and arrived by it.

        Parameters
        ----------
        log : EventLog
        cutoffs_us : int64, shape (n_cutoffs,)

        Returns
        -------
        SnapshotTable
            A row for each cutoff after the first known event of a customer.
        """
        parts = [
            self._known(batch.log, batch.cutoffs_us, batch.customer)
            for batch in as_of_batches(log, cutoffs_us)
        ]
        table = SnapshotTable.concatenate(parts)
        if len(parts) == 1:
            return table
        return table.take(np.lexsort((table.cutoff_us, table.customer)))

    def _known(
        self, log: EventLog, cutoffs_us: NDArray[np.int64], customer: NDArray[np.int32]
    ) -> SnapshotTable:
        rows = SnapshotRows.after_first_event(log.first_us, cutoffs_us)
        moves = dated_moves(self.journey, log, until_us=int(cutoffs_us[-1]))
        features = compute_features(self.features, log, moves, cutoffs_us, threads=self.threads)
        silent = silent_stages(self.journey, log, rows, self.reach_us)
        columns = np.concatenate([features, silent[None].astype(np.float32)])
        stage = columns[self.features.names.index("journey_stage")].astype(np.int16)
        return SnapshotTable(
            customer_id=log.customer_ids[rows.customer],
            customer=customer[rows.customer],
            cutoff_us=rows.cutoff_us,
            X=columns.T,
            stage=stage,
            silent_stage=silent,
            eligible=self._eligible(log, rows),
        )

    def _eligible(self, log: EventLog, rows: SnapshotRows) -> NDArray[np.bool_]:
        last = EventsOf.select(log, self.activity).last_before(rows.customer, rows.cutoff_us)
        if self.active_within_days == "ever":
            return last >= 0
        return (last >= 0) & (last >= rows.cutoff_us - self.active_within_days * DAY_US)

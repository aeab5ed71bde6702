"""Snapshots: when predictions pretend to be made, and what may be known then.

A snapshot is one ``(customer_id, cutoff)`` row. Features read events before the cutoff, labels read
``[cutoff + gap, cutoff + gap + horizon)``. Cutoffs fall on midnights of the business zone; windows
are elapsed time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from nexttouch.errors import DataCheckError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DAY_US", "Eligibility", "Fold", "SnapshotPlan", "SnapshotRows", "SnapshotSpec"]

DAY_US = 86_400_000_000


class Eligibility(BaseModel):
    """Who is decided on: customers with an activity event in the last days, or ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    active_within_days: int | Literal["ever"] = Field(
        default=182, description="An activity event in the last so many days, or 'ever'."
    )


class SnapshotSpec(BaseModel):
    """How past snapshots are laid out for training and testing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gap_days: int = Field(default=0, ge=0, description="Days between cutoff and horizon.")
    step_days: int | None = Field(default=None, ge=1, description="Default: min(horizon, 28).")
    training_snapshots: int = Field(default=8, ge=1, le=60, description="Pooled cutoffs per fit.")
    test_dates: int = Field(default=3, ge=1, le=24, description="Rolling-origin test dates.")
    min_history_days: int = Field(default=84, ge=1, description="Earliest cutoff after log start.")
    embargo_days: int = Field(
        default=0, ge=0, description="Ingestion delay kept free before tests."
    )
    eligible: Eligibility = Field(default_factory=Eligibility)


@dataclass(frozen=True)
class Fold:
    """One rolling-origin test date and the purged training cutoffs before it (microseconds UTC)."""

    test_us: int
    training_us: tuple[int, ...]


@dataclass(frozen=True)
class SnapshotPlan:
    """Cutoffs of one project: rolling-origin folds and the final fit.

    Examples
    --------
    >>> day = lambda text: int(pd.Timestamp(text, tz="UTC").value // 1000)
    >>> plan = SnapshotPlan.lay_out(SnapshotSpec(test_dates=1, training_snapshots=2),
    ...     horizon_days=28, observed_from_us=day("2025-01-01"),
    ...     observed_until_us=day("2025-12-31"), time_zone="UTC")
    >>> [str(pd.Timestamp(us, unit="us").date()) for us in plan.folds[0].training_us]
    ['2025-10-08', '2025-11-05']
    """

    horizon_days: int
    gap_days: int
    folds: tuple[Fold, ...]
    final_training_us: tuple[int, ...]

    @classmethod
    def lay_out(
        cls,
        spec: SnapshotSpec,
        *,
        horizon_days: int,
        observed_from_us: int,
        observed_until_us: int,
        time_zone: str,
    ) -> Self:
        """Place folds backwards from the end of the observed log.

        Raises
        ------
        DataCheckError
            If the log is too short for one test date with one training cutoff before it.
        """
        step = spec.step_days or min(horizon_days, 28)
        reach = (horizon_days + spec.gap_days) * DAY_US
        purge = reach + spec.embargo_days * DAY_US
        earliest = observed_from_us + spec.min_history_days * DAY_US

        def before(end_us: int, how_many: int) -> tuple[int, ...]:
            cuts = (_midnight(end_us - k * step * DAY_US, time_zone) for k in range(how_many))
            return tuple(sorted(c for c in set(cuts) if c >= earliest))

        latest = observed_until_us - reach
        tests = before(latest, spec.test_dates)
        folds = [Fold(t, before(t - purge, spec.training_snapshots)) for t in tests]
        usable = tuple(fold for fold in folds if fold.training_us)
        if not usable:
            need = spec.min_history_days + 2 * (horizon_days + spec.gap_days) + spec.embargo_days
            have = max(0, (observed_until_us - observed_from_us) // DAY_US)
            msg = (
                f"The log spans {have} days; one honest test date needs {need} (history "
                f"{spec.min_history_days} + horizon for training + horizon for testing). "
                "Shorten goals.horizon_days or data.snapshots.min_history_days, or add history."
            )
            raise DataCheckError(msg)
        return cls(
            horizon_days=horizon_days,
            gap_days=spec.gap_days,
            folds=usable,
            final_training_us=before(latest, spec.training_snapshots),
        )

    @property
    def cutoffs_us(self) -> NDArray[np.int64]:
        """Every cutoff that training needs, ascending."""
        cuts = {c for fold in self.folds for c in (fold.test_us, *fold.training_us)}
        return np.array(sorted(cuts | set(self.final_training_us)), dtype=np.int64)


@dataclass(frozen=True)
class SnapshotRows:
    """Snapshots of some customers: row r is customer number ``customer[r]`` at ``cutoff_us[r]``.

    Ordered by customer, then cutoff. A customer has a row for each cutoff after the first event
    known by then.
    """

    customer: NDArray[np.int32]
    cutoff_us: NDArray[np.int64]

    @classmethod
    def after_first_event(cls, first_us: NDArray[np.int64], cutoffs_us: NDArray[np.int64]) -> Self:
        """Lay out the rows of customers whose first events are at ``first_us``.

        Examples
        --------
        >>> SnapshotRows.after_first_event(np.array([5, 20]), np.array([5, 10, 30])).cutoff_us
        array([10, 30, 30])
        """
        known = first_us[:, None] < cutoffs_us[None, :]
        customer, cut = np.nonzero(known)
        return cls(customer.astype(np.int32), cutoffs_us[cut].astype(np.int64))

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.customer)


def _midnight(moment_us: int, time_zone: str) -> int:
    """Return the last midnight of the business zone at or before a moment."""
    local = pd.Timestamp(moment_us, unit="us", tz="UTC").tz_convert(time_zone)
    start = (
        local.tz_localize(None)
        .normalize()
        .tz_localize(time_zone, ambiguous=True, nonexistent="shift_forward")
    )
    return int(start.tz_convert("UTC").value // 1000)

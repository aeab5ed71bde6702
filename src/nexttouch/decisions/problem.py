"""The allocation problem as arrays: utilities in whole quanta, shared rows, and what they use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from nexttouch.errors import AllocationInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CLOSED", "AllocationProblem", "Resource"]

CLOSED = -(2**62)
"""The utility of a tier that is closed to a customer."""
FINEST = 1e-6
_SUM_LIMIT = 4e18


@dataclass(frozen=True)
class Resource:
    """One limit shared by all customers: ``sum of use <= limit``.

    A floor is a resource with negative use and a negative limit.

    Attributes
    ----------
    name : str
        Such as ``capacity of high_touch``, ``hours of retention_agent``, ``budget``.
    kind : {'capacity', 'hours', 'budget', 'floor'}
    unit : str
        What its price is per: ``slot``, ``hour``, ``currency unit`` or ``customer``.
    limit : float
    """

    name: str
    kind: Literal["capacity", "hours", "budget", "floor"]
    unit: str
    limit: float


@dataclass(frozen=True)
class AllocationProblem:
    """Customers, tiers and shared rows; tier 0 is no-touch, worth 0 and open to everybody.

    Attributes
    ----------
    quanta : int64 array of shape (n_customers, n_tiers)
        Utility in steps of ``quantum`` currency units, ``CLOSED`` where not eligible. Whole
        numbers, so that sums are exact whatever the row order or the number of threads.
    segment : int32 array of shape (n_customers,)
    use : float array of shape (n_segments, n_tiers, n_resources)
        What one customer of a segment in a tier uses of each resource.
    resources : tuple of Resource
    tie : uint64 array of shape (n_customers,)
        Keyed hash that decides between customers worth the same.
    tiers, segments : tuple of str
    quantum : float
        Currency units per step.
    """

    quanta: NDArray[np.int64]
    segment: NDArray[np.int32]
    use: NDArray[np.float64]
    resources: tuple[Resource, ...]
    tie: NDArray[np.uint64]
    tiers: tuple[str, ...]
    segments: tuple[str, ...]
    quantum: float

    @classmethod
    def build(
        cls,
        utility: NDArray[np.float64],
        open_to: NDArray[np.bool_],
        *,
        segment: NDArray[np.int32],
        use: NDArray[np.float64],
        resources: tuple[Resource, ...],
        tie: NDArray[np.uint64],
        tiers: tuple[str, ...],
        segments: tuple[str, ...],
    ) -> Self:
        """Round utilities to 1e-6 currency units (coarser only where sums would overflow).

        Parameters
        ----------
        utility : float array of shape (n_customers, n_tiers)
            Currency units; only looked at where ``open_to`` is true.
        open_to : bool array of shape (n_customers, n_tiers)

        Raises
        ------
        AllocationInputError
            If a utility, a use or a limit is not a finite number.
        """
        limits = np.array([r.limit for r in resources])
        if not (np.isfinite(use).all() and np.isfinite(limits).all()):
            bad = [
                r.name
                for k, r in enumerate(resources)
                if not (np.isfinite(use[:, :, k]).all() and np.isfinite(r.limit))
            ]
            raise AllocationInputError.not_a_number("limits or costs", bad)
        if not np.isfinite(utility[open_to]).all():
            at = np.argwhere(open_to & ~np.isfinite(utility))[:5]
            raise AllocationInputError.not_a_number(
                "values of customers", [f"row {i}, {tiers[t]}" for i, t in at]
            )
        largest = float(np.abs(utility[open_to]).max(initial=0.0))
        quantum = FINEST
        while largest / quantum * max(1, len(utility)) > _SUM_LIMIT:
            quantum *= 10
        quanta = np.full(utility.shape, CLOSED, dtype=np.int64)
        quanta[open_to] = np.rint(utility[open_to] / quantum).astype(np.int64)
        quanta[:, 0] = 0
        return cls(quanta, segment, use, resources, tie, tiers, segments, quantum)

    def __len__(self) -> int:
        """Count the customers."""
        return len(self.quanta)

    @property
    def limits(self) -> NDArray[np.float64]:
        """Return the limit of each resource, shape (n_resources,)."""
        return np.array([r.limit for r in self.resources], dtype=np.float64)

    def counts(self, tier: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return customers per segment and tier, shape (n_segments, n_tiers)."""
        cells = len(self.segments) * len(self.tiers)
        code = self.segment.astype(np.int64) * len(self.tiers) + tier
        return np.bincount(code, minlength=cells).reshape(len(self.segments), len(self.tiers))

    def usage(self, tier: NDArray[np.int8]) -> NDArray[np.float64]:
        """Return what an assignment uses of each resource, shape (n_resources,)."""
        return self.usage_of(self.counts(tier))

    def usage_of(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what counts per segment and tier use of each resource."""
        used: NDArray[np.float64] = np.einsum("st,stk->k", counts.astype(np.float64), self.use)
        return used

    def value(self, tier: NDArray[np.int8]) -> float:
        """Return the total utility of an assignment, in currency units."""
        return int(self.quanta[np.arange(len(self)), tier].sum()) * self.quantum

    def holds(self, usage: NDArray[np.float64]) -> bool:
        """Say whether no limit is exceeded (rounding of the sums themselves aside)."""
        limits = self.limits
        return bool((usage <= limits + 1e-7 + 1e-12 * np.abs(limits)).all())

    def only(self, rows: NDArray[np.bool_]) -> AllocationProblem:
        """Return the same problem for some of the customers."""
        return replace(
            self, quanta=self.quanta[rows], segment=self.segment[rows], tie=self.tie[rows]
        )

    def with_limit(self, resource: int, limit: float) -> AllocationProblem:
        """Return the same problem with another limit for one resource."""
        rows = list(self.resources)
        rows[resource] = replace(rows[resource], limit=limit)
        return replace(self, resources=tuple(rows))

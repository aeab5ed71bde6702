"""Accounts as they are before the first day: segment, people, intent, health, responsiveness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from nexttouch.datasets.simulator.world import SEGMENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Population"]


@dataclass(frozen=True)
class Population:
    """Fixed traits, each of shape (n_customers,).

    Attributes
    ----------
    segment : int64
        Row of ``SEGMENTS``.
    people : int64
        Persons of the account: number 0 is the admin, 1 the champion, the others users.
    entry_day : int64
        Day of the first marketing contact; a third of the accounts enter in the first month.
    health_mean : float64
        Level that the latent health reverts to.
    responsiveness : float64
        Factor on the effect of every touch, mean 1.
    touch_offset : int64
        Day, modulo the touch period, on which the account's tier is drawn.
    """

    segment: NDArray[np.int64]
    people: NDArray[np.int64]
    seats: NDArray[np.int64]
    entry_day: NDArray[np.int64]
    intent: NDArray[np.float64]
    health_mean: NDArray[np.float64]
    responsiveness: NDArray[np.float64]
    uses_per_day: NDArray[np.float64]
    touch_offset: NDArray[np.int64]

    @classmethod
    def draw(cls, rng: np.random.Generator, size: int, *, days: int, touch_days: int) -> Self:
        """Draw the accounts."""
        segment = rng.choice(len(SEGMENTS), size, p=[s.share for s in SEGMENTS])
        least, most = np.array([s.people for s in SEGMENTS])[segment].T
        fewest, largest = np.array([s.seats for s in SEGMENTS])[segment].T
        rate = np.array([s.uses_per_day for s in SEGMENTS])[segment]
        late = rng.random(size) * days * 0.8
        early = rng.random(size) * min(28, days * 0.2)
        return cls(
            segment=segment,
            people=rng.integers(least, most + 1),
            seats=rng.integers(fewest, largest + 1),
            entry_day=np.where(rng.random(size) < 1 / 3, early, late).astype(np.int64),
            intent=rng.normal(0.0, 0.7, size),
            health_mean=rng.normal(0.0, 0.4, size),
            responsiveness=rng.lognormal(-0.125, 0.5, size),
            uses_per_day=rate * rng.lognormal(0.0, 0.4, size),
            touch_offset=rng.integers(0, touch_days, size),
        )

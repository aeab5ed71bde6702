"""What each tier does to the chance of keeping each customer: the first rung of the ladder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nexttouch.decisions.strategy import TierSpec

__all__ = ["Effects", "assumed_effects"]


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects of tiers against no-touch.

    Attributes
    ----------
    tau, sd : float array of shape (n_customers, n_tiers)
        Absolute change of the chance to be kept, and its standard deviation.
    level : tuple of str, shape (n_tiers,)
        How each tier's effect is known: ``none`` for no-touch, ``assumed`` for a declared prior,
        ``confirmed`` for one that somebody answers for; measured effects carry higher levels.
    """

    tau: NDArray[np.float64]
    sd: NDArray[np.float64]
    level: tuple[str, ...]


def assumed_effects(p_churn: NDArray[np.float64], tiers: Sequence[TierSpec]) -> Effects:
    """Spread each tier's declared prior over the churn risk as ``points * 4 p (1 - p)``.

    Customers in the middle are taken to be the most persuadable: the safe need no persuading and
    the lost cannot be kept. Nobody is kept more than fully: ``-(1 - p) <= tau <= p``.

    Parameters
    ----------
    p_churn : float array of shape (n_customers,)
    tiers : sequence of TierSpec
        No-touch first.

    Examples
    --------
    >>> from nexttouch.decisions import StrategySpec
    >>> tiers = StrategySpec().tiers
    >>> effects = assumed_effects(np.array([0.5, 0.9]), [tiers["no_touch"], tiers["high_touch"]])
    >>> effects.tau.round(4).tolist(), effects.level
    ([[0.0, 0.12], [0.0, 0.0432]], ('none', 'assumed'))
    """
    hump = 4 * p_churn * (1 - p_churn)
    points = np.array([tier.effect.points for tier in tiers])
    sd = np.array([tier.effect.sd for tier in tiers])
    tau = np.clip(hump[:, None] * points, -(1 - p_churn)[:, None], p_churn[:, None])
    level = ("none", *(tier.effect.level for tier in tiers[1:]))
    return Effects(tau, hump[:, None] * sd, level)

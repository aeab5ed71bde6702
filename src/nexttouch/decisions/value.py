"""What a tier is worth for a customer, in currency units, and the parts it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.decisions.effects import Effects
    from nexttouch.decisions.inputs import DecisionInputs
    from nexttouch.decisions.strategy import StrategySpec
    from nexttouch.decisions.touchpoints import TouchpointsSpec

__all__ = ["ValueParts", "tier_values"]


@dataclass(frozen=True, eq=False)
class ValueParts:
    """Parts of the value of each tier, all in currency units per customer and period.

    Attributes
    ----------
    kept : float array of shape (n_customers, n_tiers)
        ``margin_if_kept * tau``.
    stages : float array of shape (n_customers, n_tiers)
        Worth of the stages it helps to reach, beyond being kept.
    money, hours : float array of shape (n_tiers,)
        Money (0 when the strategy's cost basis is ``budget_only``) and hours times rate.
    fatigue, switching, caution : float array of shape (n_customers, n_tiers)
        Margin lost to contact pressure, cost of moving to fewer hours, and risk aversion times
        the standard deviation of ``kept``.
    """

    kept: NDArray[np.float64]
    stages: NDArray[np.float64]
    money: NDArray[np.float64]
    hours: NDArray[np.float64]
    fatigue: NDArray[np.float64]
    switching: NDArray[np.float64]
    caution: NDArray[np.float64]

    @property
    def total(self) -> NDArray[np.float64]:
        """Return the value of each tier, shape (n_customers, n_tiers); no-touch is 0."""
        total = (
            self.kept
            + self.stages
            - self.money
            - self.hours
            - self.fatigue
            - self.switching
            - self.caution
        )
        total[:, 0] = 0.0
        return total


def tier_values(
    inputs: DecisionInputs,
    effects: Effects,
    strategy: StrategySpec,
    touchpoints: TouchpointsSpec,
) -> ValueParts:
    """Value every tier for every customer.

    ``kept + stages - money - hours * rate - fatigue - switching - caution``, where fatigue is
    ``messages * fatigue_share * margin * max(0, (contacts + messages) / limit - 1/2)`` with the
    contacts and the limit of the longest window.
    """
    tiers = strategy.ordered_tiers
    specs = [strategy.tiers[name] for name in tiers]
    shape = (len(inputs), len(tiers))
    stages = np.zeros(shape)
    for stage, worth in strategy.stage_values.items():
        chance = inputs.p_stage[stage]
        lift = np.array([spec.stage_lift.get(stage, 0.0) for spec in specs])
        change = (4 * chance * (1 - chance))[:, None] * lift
        stages += worth.money * np.clip(change, -chance[:, None], (1 - chance)[:, None])
    in_margin = strategy.cost_basis == "margin"
    hours = np.array([strategy.hours_cost(name) for name in tiers])
    human = np.array([sum(spec.hours.values()) for spec in specs])
    at = {name: human[t] for t, name in enumerate(tiers)}
    now = np.array([at.get(name, 0.0) for name in inputs.current_tier])
    fewer = human < now[:, None]
    margin = inputs.margin[:, None]
    return ValueParts(
        kept=margin * effects.tau,
        stages=stages,
        money=np.array([spec.money if in_margin else 0.0 for spec in specs]),
        hours=hours,
        fatigue=np.maximum(margin, 0.0) * _pressure(inputs, strategy, touchpoints),
        switching=np.where(fewer, strategy.switch_cost, 0.0),
        caution=strategy.risk_aversion * np.abs(margin) * effects.sd,
    )


def _pressure(
    inputs: DecisionInputs, strategy: StrategySpec, touchpoints: TouchpointsSpec
) -> NDArray[np.float64]:
    """Return the share of the margin that a tier's messages cost, shape (n_customers, n_tiers)."""
    messages = np.array([strategy.tiers[name].messages for name in strategy.ordered_tiers])
    windows = [window for window in touchpoints.contact_limits.windows if window.most]
    if not windows:
        return np.zeros((len(inputs), len(messages)))
    longest = max(windows, key=lambda window: window.days)
    contacts = inputs.contacts[longest.days][:, None]
    over = np.maximum(0.0, (contacts + messages) / longest.most - 0.5)
    pressure: NDArray[np.float64] = messages * strategy.fatigue_share * over
    return pressure

"""Which tiers are open to which customer, and in words why the others are not."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from nexttouch.decisions.inputs import DecisionInputs
    from nexttouch.decisions.strategy import Aspect, StrategySpec, TierSpec
    from nexttouch.decisions.touchpoints import TouchpointsSpec

__all__ = ["REASONS", "Eligibility", "find_eligible", "unavailable_tiers"]

REASONS: dict[str, str] = {
    "open": "open",
    "unavailable": "not available in this project",
    "stage": "not meant for their stage",
    "do_not_contact": "they asked not to be contacted",
    "consent": "no consent on any of its channels",
    "contact_limit": "would exceed the contact limit",
    "minimum_gap": "their last touch was too recent",
    "little_margin": "their margin is below what it is meant for",
}
"""Why a tier is closed to a customer; the first that applies counts."""
_CODES = {reason: code for code, reason in enumerate(REASONS)}


@dataclass(frozen=True, eq=False)
class Eligibility:
    """Open tiers per customer.

    Attributes
    ----------
    tiers : tuple of str
        No-touch first, which is always open.
    code : uint8 array of shape (n_customers, n_tiers)
        Position in ``REASONS``; 0 is open.
    unavailable : mapping of tier to words
        Tiers that nobody can get, and why.
    """

    tiers: tuple[str, ...]
    code: NDArray[np.uint8]
    unavailable: dict[str, str]

    @property
    def open_to(self) -> NDArray[np.bool_]:
        """Return who may get what, shape (n_customers, n_tiers)."""
        open_to: NDArray[np.bool_] = self.code == 0
        return open_to

    def words(self, row: int) -> dict[str, str]:
        """Return, for one customer, each tier with ``open`` or why it is closed."""
        reasons = list(REASONS.values())
        return {
            tier: self.unavailable.get(tier, reasons[self.code[row, t]])
            for t, tier in enumerate(self.tiers)
        }

    def in_words(self) -> tuple[list[str], list[str]]:
        """Return per customer the open tiers, and the closed ones by reason."""
        if not len(self.code):
            return [], []
        patterns, of = np.unique(self.code, axis=0, return_inverse=True)
        reasons = list(REASONS.values())
        here, gone = [], []
        for pattern in patterns.tolist():
            tiers_of: dict[int, list[str]] = {}
            for tier, code in zip(self.tiers, pattern, strict=True):
                tiers_of.setdefault(code, []).append(tier)
            here.append(", ".join(tiers_of.pop(0)))
            told = sorted(
                tiers_of.items(), reverse=True
            )  # what is theirs before what is everyone's
            gone.append("; ".join(f"{reasons[code]} ({', '.join(t)})" for code, t in told))
        row = of.ravel().tolist()
        return [here[k] for k in row], [gone[k] for k in row]


def unavailable_tiers(strategy: StrategySpec, touchpoints: TouchpointsSpec) -> dict[str, str]:
    """Return the tiers that nobody can get in this project, with the reason and what to do.

    Examples
    --------
    >>> from nexttouch.decisions import StrategySpec, TouchpointsSpec
    >>> why = unavailable_tiers(StrategySpec(), TouchpointsSpec(channels=("email", "phone")))
    >>> sorted(why)
    ['customer_success_manager', 'high_touch', 'hybrid', 'low_touch']
    >>> why["high_touch"]
    'no capacity is known: set strategy.capacity.high_touch or strategy.teams.retention_agent.hours'
    """
    why: dict[str, str] = {}
    for name, tier in strategy.tiers.items():
        if name == "no_touch":
            continue
        if not tier.enabled:
            why[name] = "switched off (strategy.tiers.*.enabled)"
        elif not touchpoints.channels:
            why[name] = "no channels are configured: set touchpoints.channels"
        elif problem := _no_channel(tier, touchpoints):
            why[name] = problem
        elif name not in strategy.capacity:
            unknown = [r for r, h in tier.hours.items() if h and strategy.teams[r].hours is None]
            if unknown:
                teams = " and ".join(f"strategy.teams.{role}.hours" for role in unknown)
                why[name] = f"no capacity is known: set strategy.capacity.{name} or {teams}"
    return why


def find_eligible(
    inputs: DecisionInputs,
    strategy: StrategySpec,
    touchpoints: TouchpointsSpec,
    aspects: Mapping[str, Aspect],
) -> Eligibility:
    """Close tiers by availability, stage, consent, contact pressure and margin, in this order.

    Parameters
    ----------
    aspects : mapping of stage name to 'acquisition' or 'retention'
        The stages of the journey. A stage left out (``not_started``, a dormant state) has no
        aspect: tiers for both aspects are open there, others are not.
    """
    unavailable = unavailable_tiers(strategy, touchpoints)
    tiers = strategy.ordered_tiers
    code = np.zeros((len(inputs), len(tiers)), dtype=np.uint8)
    recent = inputs.hours_since_touch < touchpoints.contact_limits.min_gap_hours
    for t, name in enumerate(tiers[1:], start=1):
        tier = strategy.tiers[name]
        contacted = tier.messages > 0 or bool(tier.human_channels)
        checks = {
            "unavailable": np.full(len(inputs), name in unavailable),
            "stage": ~_stage_fits(tier, inputs.stage, aspects),
            "do_not_contact": inputs.do_not_contact,
            "consent": ~_reachable(tier, inputs, touchpoints),
            "contact_limit": _over_limit(tier, inputs, strategy, touchpoints),
            "minimum_gap": recent & contacted,
            "little_margin": inputs.margin < tier.min_margin,
        }
        for reason, applies in reversed(checks.items()):
            code[applies, t] = _CODES[reason]
    return Eligibility(tiers, code, unavailable)


def _no_channel(tier: TierSpec, touchpoints: TouchpointsSpec) -> str:
    for part in (tier.channels, tier.human_channels):
        if part and not set(part) & set(touchpoints.channels):
            return f"none of its channels is configured: {', '.join(part)}"
    if not tier.channels and not tier.human_channels:
        return "it names no channel to reach a customer on"
    return ""


def _stage_fits(
    tier: TierSpec, stage: NDArray[np.object_], aspects: Mapping[str, Aspect]
) -> NDArray[np.bool_]:
    stages = set(stage)
    if set(tier.stages) & (set(aspects) | stages):
        fit = {s for s in stages if s in tier.stages}
    elif len(set(tier.aspects)) == 2:
        fit = stages
    else:
        fit = {s for s in stages if aspects.get(s) in tier.aspects}
    return np.array([s in fit for s in stage], dtype=bool)


def _reachable(
    tier: TierSpec, inputs: DecisionInputs, touchpoints: TouchpointsSpec
) -> NDArray[np.bool_]:
    reached = np.ones(len(inputs), dtype=bool)
    for part in (tier.channels, tier.human_channels):
        here = [channel for channel in part if channel in touchpoints.channels]
        if here:
            reached &= np.any([inputs.consent[channel] for channel in here], axis=0)
    return reached


def _over_limit(
    tier: TierSpec, inputs: DecisionInputs, strategy: StrategySpec, touchpoints: TouchpointsSpec
) -> NDArray[np.bool_]:
    over = np.zeros(len(inputs), dtype=bool)
    for window in touchpoints.contact_limits.windows:
        within = min(1.0, window.days / strategy.period_days)
        planned = ceil(tier.messages * within - 1e-9)
        if planned:
            over |= inputs.contacts[window.days] + planned > window.most
    return over

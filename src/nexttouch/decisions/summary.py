"""The decisions in figures: counts against capacity, hours, budget, value, gap, prices, notes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.decisions.baselines import rank_by_churn_risk
from nexttouch.decisions.catalogue import profile_catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nexttouch.decisions.allocation import Allocation
    from nexttouch.decisions.effects import Effects
    from nexttouch.decisions.eligibility import Eligibility
    from nexttouch.decisions.inputs import DecisionInputs
    from nexttouch.decisions.problem import AllocationProblem
    from nexttouch.decisions.strategy import Aspect, StrategySpec
    from nexttouch.decisions.touchpoints import TouchpointsSpec

__all__ = ["summarise"]


def summarise(
    table: pd.DataFrame,
    *,
    inputs: DecisionInputs,
    eligibility: Eligibility,
    effects: Effects,
    strategy: StrategySpec,
    touchpoints: TouchpointsSpec,
    aspects: Mapping[str, Aspect],
    problem: AllocationProblem,
    allocation: Allocation,
    price_set: str,
    as_of: pd.Timestamp,
    epoch: str,
    currency: str,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return the summary as plain JSON values and the table of prices."""
    prices = _prices(problem, allocation, price_set)
    counts = table["tier"].value_counts()
    decided = (table["group"] == "policy").to_numpy(bool)
    ranked = problem.value(rank_by_churn_risk(problem, inputs.p_churn[decided]))
    used = [name for name in eligibility.tiers if counts.get(name, 0)]
    level = dict(zip(eligibility.tiers, effects.level, strict=True))
    return {
        "as_of": as_of.isoformat(),
        "currency": currency,
        "period_days": strategy.period_days,
        "customers": len(table),
        "holdout": {
            "epoch": epoch,
            "share": strategy.experiments.holdout_share,
            "customers": int((~decided).sum()),
        },
        "tiers": [
            {
                "tier": name,
                "customers": int(counts.get(name, 0)),
                "capacity": strategy.capacity[name].of(len(table))
                if name in strategy.capacity
                else None,
                "eligible": int(eligibility.open_to[:, t].sum()),
                "expected_value": float(table.loc[table["tier"] == name, "expected_value"].sum()),
                "effect": level[name],
            }
            for t, name in enumerate(eligibility.tiers)
        ],
        "limits": _records(prices),
        "expected_value": allocation.value,
        "expected_value_is": _certainty(level, used),
        "setup_cost": float(sum(strategy.tiers[name].setup_cost for name in used)),
        "bound": allocation.bound,
        "gap": allocation.gap,
        "moved_by_exact_solve": allocation.moved,
        "price_set_id": price_set,
        "effects": level,
        "baseline_rank_by_churn_risk": {
            "expected_value": ranked,
            "words": "Harmful baseline: dearest tier first, by churn risk, same limits and effects "
            "(floors ignored). Shown to compare, never used.",
        },
        "unavailable": eligibility.unavailable,
        "notes": _notes(strategy, touchpoints, {*aspects, *inputs.stage}, level, used),
    }, prices


def _prices(problem: AllocationProblem, allocation: Allocation, price_set: str) -> pd.DataFrame:
    sign = np.array([-1.0 if r.kind == "floor" else 1.0 for r in problem.resources])
    left = problem.limits - allocation.usage
    least = np.abs(problem.use).max(axis=(0, 1), initial=0.0)
    return pd.DataFrame(
        {
            "resource": [r.name for r in problem.resources],
            "kind": [r.kind for r in problem.resources],
            "unit": [r.unit for r in problem.resources],
            "limit": problem.limits * sign + 0.0,
            "used": allocation.usage * sign + 0.0,
            "price": allocation.price,
            "binding": (allocation.price > 0) & (left < least),
            "price_set_id": price_set,
        }
    )


def _records(prices: pd.DataFrame) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items() if key != "price_set_id"}
        for row in prices.astype(object).to_dict("records")
    ]
    return records


def _certainty(level: Mapping[str, str], used: list[str]) -> str:
    weakest = [name for name in used if level[name] == "assumed"]
    return "assumed" if weakest else "by the effect levels listed"


def _notes(
    strategy: StrategySpec,
    touchpoints: TouchpointsSpec,
    stages: set[str],
    level: Mapping[str, str],
    used: list[str],
) -> list[str]:
    """Say what was taken for granted and what was switched off."""
    notes = []
    if not touchpoints.channels:
        notes.append(
            "No channels are configured, so only no-touch is possible. Set touchpoints.channels."
        )
    assumed = [name for name in used if level[name] == "assumed"]
    if assumed:
        notes.append(
            f"The effects of {', '.join(assumed)} are assumed, not measured, and so is every value "
            "built on them. Run an experiment, or set effect.confirmed_by to answer for them."
        )
    shipped = profile_catalogue(strategy.profile)["tiers"]
    own = [
        name
        for name in used
        if name != "no_touch"
        and strategy.tiers[name].money == shipped[name].get("money", 0.0)
        and strategy.tiers[name].hours == shipped[name].get("hours", {})
    ]
    if own:
        notes.append(
            f"Costs and hours of {', '.join(own)} are the shipped catalogue's; set your own."
        )
    silent = [
        channel
        for channel in touchpoints.channels
        if not touchpoints.consent_of(channel).has_source
        and touchpoints.consent_of(channel).default == "granted"
    ]
    if silent:
        notes.append(
            f"No source of consent is named for {', '.join(silent)}: customers of whom nothing is "
            "known count as having agreed."
        )
    for name, tier in strategy.tiers.items():
        unknown = [stage for stage in tier.stages if stage not in stages]
        if unknown and tier.enabled:
            rule = "its aspects decide" if len(unknown) == len(tier.stages) else "they are ignored"
            notes.append(f"{name} names stages this journey lacks ({', '.join(unknown)}): {rule}.")
    return notes

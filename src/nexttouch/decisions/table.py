"""Decisions as a table: one row per customer, with the tier, what it is worth, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from nexttouch.decisions.dual import price_table
from nexttouch.decisions.wording import Reasoning, flip_words, why_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nexttouch.decisions.effects import Effects
    from nexttouch.decisions.eligibility import Eligibility
    from nexttouch.decisions.inputs import DecisionInputs
    from nexttouch.decisions.problem import AllocationProblem
    from nexttouch.decisions.strategy import StrategySpec
    from nexttouch.decisions.value import ValueParts

__all__ = ["decision_table"]


def decision_table(
    *,
    inputs: DecisionInputs,
    eligibility: Eligibility,
    effects: Effects,
    parts: ValueParts,
    strategy: StrategySpec,
    everybody: AllocationProblem,
    price: NDArray[np.float64],
    policy_tier: NDArray[np.int8],
    held: NDArray[np.bool_],
    decision_id: list[str],
    currency: str,
) -> pd.DataFrame:
    """Lay out tiers, values and words, in the order of customer ids."""
    rows = np.arange(len(inputs))
    tier = np.where(held, 0, policy_tier)
    names = np.array(eligibility.tiers, dtype=object)
    worth = np.where(eligibility.open_to, everybody.quanta * everybody.quantum, -np.inf)
    cost = price_table(everybody, price)[everybody.segment] * everybody.quantum
    net = worth - cost
    others = net.copy()
    others[rows, policy_tier] = -np.inf
    second = others.argmax(axis=1) if len(rows) else np.zeros(0, dtype=np.int64)
    has_second = others[rows, second] > -np.inf
    ahead = np.where(has_second, net[rows, policy_tier] - others[rows, second], np.nan)
    wished = worth.argmax(axis=1) if len(rows) else np.zeros(0, dtype=np.int64)
    binding = _binding_rows(everybody, price, np.where(wished == policy_tier, policy_tier, wished))
    row_names = np.array([r.name for r in everybody.resources] + [None], dtype=object)
    row_price = np.append(price, np.nan)
    level = np.array(effects.level, dtype=object)
    share = strategy.experiments.holdout_share
    open_tiers, closed_tiers = eligibility.in_words()
    reasoning = Reasoning(
        names=eligibility.tiers,
        tier=tier,
        policy_tier=policy_tier,
        wished=wished,
        held=held,
        worth=worth,
        net=net,
        kept=parts.kept,
        tau=effects.tau,
        level=effects.level,
        binding=row_names[binding],
        only_no_touch=np.logical_not(eligibility.open_to[:, 1:].any(axis=1)),
        closed=closed_tiers,
        cost=cost,
        holdout_share=share,
        currency=currency,
    )
    codes, why = why_words(reasoning, inputs)
    drawn = ~inputs.holdout_exempt & (share > 0)
    chance = np.where(drawn, np.where(held, share, 1 - share), 1.0)
    return pd.DataFrame(
        {
            "customer_id": inputs.customer_id,
            "segment": inputs.segment,
            "stage": inputs.stage,
            "tier": names[tier],
            "policy_tier": names[policy_tier],
            "runner_up": np.where(has_second, names[second], None),
            "expected_value": worth[rows, tier],
            "runner_up_value": np.where(has_second, worth[rows, second], np.nan),
            "margin_to_runner_up": ahead,
            "tau": effects.tau[rows, tier],
            "effect_level": level[tier],
            "p_churn": inputs.p_churn,
            "margin_if_kept": inputs.margin,
            "eligible_tiers": open_tiers,
            "closed_tiers": closed_tiers,
            "reason_codes": codes,
            "why": why,
            "binding": row_names[binding],
            "binding_price": row_price[binding],
            "flip": flip_words(reasoning, names[second], has_second, ahead),
            "group": np.where(held, "holdout", "policy").astype(object),
            "propensity": np.where(policy_tier == 0, 1.0, chance),
            "play": [
                strategy.tiers[name].play(group)
                for name, group in zip(names[tier], inputs.reason_group, strict=True)
            ],
            "benefit": [strategy.tiers[name].benefit for name in names[tier]],
            "decision_id": decision_id,
        }
    )


def _binding_rows(
    problem: AllocationProblem, price: NDArray[np.float64], tier: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the resource that costs a tier most at the prices, -1 where none does."""
    if not problem.resources:
        return np.full(len(problem), -1)
    priced = problem.use * price
    best = priced.argmax(axis=2)
    best[priced.max(axis=2) <= 0] = -1
    found: NDArray[np.int64] = best[problem.segment, tier]
    return found

"""One decision taken apart: every number recomputed from what was known of the customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from nexttouch.decisions.effects import Effects
from nexttouch.decisions.eligibility import find_eligible
from nexttouch.decisions.value import tier_values
from nexttouch.errors import AllocationInputError

if TYPE_CHECKING:
    from nexttouch.decisions.decision import Decisions

__all__ = ["DecisionExplanation", "explain_decision"]


@dataclass(frozen=True, eq=False)
class DecisionExplanation:
    """Why one customer got one tier.

    Attributes
    ----------
    customer_id, tier, policy_tier, why, flip : str
    decision : dict
        The customer's row of the table.
    tiers : DataFrame of shape (n_tiers, 13)
        Per tier: ``eligible`` in words, ``tau``, ``effect_level``, the parts of the value (kept,
        stages, money, hours, fatigue, switching, caution), ``value`` (their sum), ``price`` (of
        the shared limits it uses) and ``net`` (value less price), in currency units.
    prices : DataFrame
        The shared limits that one of the tiers uses for this customer, with their prices.
    """

    customer_id: str
    tier: str
    policy_tier: str
    why: str
    flip: str
    decision: dict[str, Any]
    tiers: pd.DataFrame
    prices: pd.DataFrame


def explain_decision(decisions: Decisions, customer_id: str) -> DecisionExplanation:
    """Recompute the values of all tiers for one customer and lay them side by side.

    Raises
    ------
    AllocationInputError
        If the customer was not decided on.

    Examples
    --------
    >>> from nexttouch.decisions import StrategySpec, TouchpointsSpec, decide
    >>> scores = pd.DataFrame({
    ...     "customer_id": ["ann"], "stage": ["active"], "p_churn": [0.5],
    ...     "margin_if_kept": [2000.0], "contacts_7d": [0], "contacts_30d": [0],
    ...     "hours_since_touch": [float("nan")]})
    >>> decisions = decide(
    ...     scores, touchpoints=TouchpointsSpec(channels=("phone",)),
    ...     strategy=StrategySpec.model_validate({
    ...         "capacity": {"high_touch": 1}, "experiments": {"holdout_share": 0}}),
    ...     as_of=pd.Timestamp("2025-07-01", tz="UTC"), policy_key=b"a secret of 16 b",
    ...     aspects={"active": "retention"})
    >>> told = explain_decision(decisions, "ann")
    >>> told.tiers.loc["high_touch", ["kept", "money", "hours", "fatigue", "value"]].tolist()
    [240.0, 5.0, 40.0, 0.0, 195.0]
    """
    ids = decisions.inputs.customer_id
    row = next((i for i, known in enumerate(ids) if known == customer_id), None)
    if row is None:
        msg = f"No decision was made for customer {customer_id!r} as of {decisions.as_of}."
        raise AllocationInputError(msg)
    one = decisions.inputs.only(np.array([row]))
    strategy, touchpoints = decisions.strategy, decisions.touchpoints
    eligibility = find_eligible(one, strategy, touchpoints, decisions.aspects)
    whole = decisions.effects
    effects = Effects(whole.tau[[row]], whole.sd[[row]], whole.level)
    parts = tier_values(one, effects, strategy, touchpoints)
    problem, price = decisions.problem, decisions.allocation.price
    use = problem.use[problem.segments.index(str(one.segment[0]))]
    value = np.where(eligibility.open_to[0], parts.total[0], np.nan)
    words = eligibility.words(0)
    tiers = pd.DataFrame(
        {
            "eligible": [words[name] for name in eligibility.tiers],
            "tau": effects.tau[0],
            "effect_level": effects.level,
            "kept": parts.kept[0],
            "stages": parts.stages[0],
            "money": parts.money,
            "hours": parts.hours,
            "fatigue": parts.fatigue[0],
            "switching": parts.switching[0],
            "caution": parts.caution[0],
            "value": value,
            "price": use @ price,
            "net": value - use @ price,
        },
        index=pd.Index(eligibility.tiers, name="tier"),
    )
    decision = {str(k): v for k, v in decisions.table.iloc[row].to_dict().items()}
    return DecisionExplanation(
        customer_id=customer_id,
        tier=decision["tier"],
        policy_tier=decision["policy_tier"],
        why=decision["why"],
        flip=decision["flip"],
        decision=decision,
        tiers=tiers,
        prices=decisions.prices[use.any(axis=0)].reset_index(drop=True),
    )

"""The decision: one tier for each customer as of a moment, with its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nexttouch.decisions.allocation import Allocation, allocate
from nexttouch.decisions.draws import draws, keyed_hashes, quarter
from nexttouch.decisions.dual import price_table
from nexttouch.decisions.effects import Effects, assumed_effects
from nexttouch.decisions.eligibility import Eligibility, find_eligible
from nexttouch.decisions.identity import decision_ids, price_set_id
from nexttouch.decisions.inputs import DecisionInputs
from nexttouch.decisions.kernels import best_tiers
from nexttouch.decisions.limits import shared_limits
from nexttouch.decisions.problem import AllocationProblem
from nexttouch.decisions.summary import summarise
from nexttouch.decisions.table import decision_table
from nexttouch.decisions.value import ValueParts, tier_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from nexttouch.decisions.kernels import Engine
    from nexttouch.decisions.strategy import Aspect, StrategySpec
    from nexttouch.decisions.touchpoints import TouchpointsSpec

__all__ = ["Decisions", "decide", "price_and_allocate"]

HOLDOUT = "holdout"


@dataclass(frozen=True, eq=False)
class Decisions:
    """Tiers of all customers as of a moment, and everything they were derived from.

    Attributes
    ----------
    table : DataFrame of shape (n_customers, 25)
        One row per customer in the order of customer ids; see ``docs/decisions.md``.
    summary : dict
        Counts against capacity, hours, budget, expected value, gap, prices, notes; plain JSON.
    prices : DataFrame of shape (n_resources, 8)
        ``resource, kind, unit, limit, used, price, binding, price_set_id``.
    as_of : Timestamp
    strategy, touchpoints : the specs decided under
    aspects : mapping of stage name to 'acquisition' or 'retention'
    inputs : DecisionInputs
    effects, eligibility, parts : what the values were made of, shape (n_customers, n_tiers)
    problem : AllocationProblem
        Over the customers of the policy group: rows ``decided`` of the table.
    allocation : Allocation
    decided : bool array of shape (n_customers,)
        False for the holdout.
    currency : str
    """

    table: pd.DataFrame
    summary: dict[str, Any]
    prices: pd.DataFrame
    as_of: pd.Timestamp
    strategy: StrategySpec
    touchpoints: TouchpointsSpec
    aspects: Mapping[str, Aspect]
    inputs: DecisionInputs
    effects: Effects
    eligibility: Eligibility
    parts: ValueParts
    problem: AllocationProblem
    allocation: Allocation
    decided: NDArray[np.bool_]
    currency: str


def decide(
    scores: pd.DataFrame,
    *,
    touchpoints: TouchpointsSpec,
    strategy: StrategySpec,
    as_of: pd.Timestamp,
    policy_key: bytes,
    aspects: Mapping[str, Aspect],
    effects: Effects | None = None,
    currency: str = "",
    engine: Engine = "auto",
) -> Decisions:
    """Give each customer the tier that is worth most under capacity, hours, budget and floors.

    Parameters
    ----------
    scores : DataFrame of shape (n_customers, 6+)
        As of ``as_of``, in any order; columns as in ``DecisionInputs.read``.
    touchpoints, strategy : specs
    as_of : Timestamp
        With time zone; its quarter is the epoch of the holdout.
    policy_key : bytes
        Secret of the project, at least 16 bytes: draws the holdout and names decisions.
    aspects : mapping of stage name to 'acquisition' or 'retention'
        The stages of the journey.
    effects : Effects, optional
        Rows in the order of customer ids. Default: the declared priors, labelled ``assumed``.
    currency : str
        Only written into texts.
    engine : {'auto', 'numba', 'numpy'}
        Same answer.

    Returns
    -------
    Decisions

    Raises
    ------
    AllocationInputError
        If scores cannot be decided on.
    ContradictoryLimitsError
        If floors and limits cannot hold together.

    Examples
    --------
    >>> import pandas as pd
    >>> from nexttouch.decisions import StrategySpec, TouchpointsSpec
    >>> scores = pd.DataFrame({
    ...     "customer_id": ["ann", "bob", "cid"], "stage": "active", "p_churn": [0.5, 0.4, 0.02],
    ...     "margin_if_kept": [2000.0, 900.0, 5000.0], "contacts_7d": 0, "contacts_30d": 0,
    ...     "hours_since_touch": float("nan")})
    >>> decisions = decide(
    ...     scores, touchpoints=TouchpointsSpec(channels=("email", "phone")),
    ...     strategy=StrategySpec.model_validate({
    ...         "capacity": {"high_touch": 1}, "experiments": {"holdout_share": 0}}),
    ...     as_of=pd.Timestamp("2025-07-01", tz="UTC"), policy_key=b"a secret of 16 b",
    ...     aspects={"active": "retention"})
    >>> decisions.table["tier"].tolist()
    ['high_touch', 'automated_retention', 'automated_retention']
    >>> decisions.summary["effects"]["automated_retention"]
    'assumed'
    """
    epoch = quarter(as_of)
    inputs = DecisionInputs.read(scores, touchpoints, strategy)
    eligibility = find_eligible(inputs, strategy, touchpoints, aspects)
    tiers = eligibility.tiers
    if effects is None:
        effects = assumed_effects(inputs.p_churn, [strategy.tiers[name] for name in tiers])
    parts = tier_values(inputs, effects, strategy, touchpoints)
    share = strategy.experiments.holdout_share
    customers = inputs.customer_id.tolist()
    held = (draws(policy_key, HOLDOUT, epoch, customers) < share) & ~inputs.holdout_exempt
    tie = keyed_hashes(policy_key, "tie", as_of.isoformat(), customers)
    problem, allocation, everybody = price_and_allocate(
        inputs, eligibility, parts, strategy, decided=~held, tie=tie, engine=engine
    )
    wanted = best_tiers(
        everybody.quanta,
        everybody.segment,
        price_table(everybody, allocation.price),
        engine=engine,
    )
    policy_tier = wanted.copy()
    policy_tier[~held] = allocation.tier
    price_set = price_set_id(problem, allocation, as_of)
    ids = decision_ids(
        inputs,
        parts,
        eligibility,
        key=policy_key,
        policy=(strategy, touchpoints, effects.level),
        price_set=price_set,
        as_of=as_of,
        mode="batch",
    )
    table = decision_table(
        inputs=inputs,
        eligibility=eligibility,
        effects=effects,
        parts=parts,
        strategy=strategy,
        everybody=everybody,
        price=allocation.price,
        policy_tier=policy_tier,
        held=held,
        decision_id=ids,
        currency=currency,
    )
    summary, prices = summarise(
        table,
        inputs=inputs,
        eligibility=eligibility,
        effects=effects,
        strategy=strategy,
        touchpoints=touchpoints,
        aspects=aspects,
        problem=problem,
        allocation=allocation,
        price_set=price_set,
        as_of=as_of,
        epoch=epoch,
        currency=currency,
    )
    return Decisions(
        table=table,
        summary=summary,
        prices=prices,
        as_of=as_of,
        strategy=strategy,
        touchpoints=touchpoints,
        aspects=dict(aspects),
        inputs=inputs,
        effects=effects,
        eligibility=eligibility,
        parts=parts,
        problem=problem,
        allocation=allocation,
        decided=~held,
        currency=currency,
    )


def price_and_allocate(
    inputs: DecisionInputs,
    eligibility: Eligibility,
    parts: ValueParts,
    strategy: StrategySpec,
    *,
    decided: NDArray[np.bool_],
    tie: NDArray[np.uint64],
    engine: Engine,
) -> tuple[AllocationProblem, Allocation, AllocationProblem]:
    """Solve for the customers decided on.

    Returns
    -------
    problem : AllocationProblem
        Over the decided customers.
    allocation : Allocation
    everybody : AllocationProblem
        The same over all customers, to look up what prices would have given the holdout.
    """
    segments, code = np.unique(inputs.segment.astype(str), return_inverse=True)
    if not len(segments):
        segments = np.array(["all"])
    customers = np.bincount(code[decided], minlength=len(segments))
    resources, use = shared_limits(strategy, segments.tolist(), customers, everybody=len(inputs))
    everybody = AllocationProblem.build(
        parts.total,
        eligibility.open_to,
        segment=code.astype(np.int32),
        use=use,
        resources=resources,
        tie=tie,
        tiers=eligibility.tiers,
        segments=tuple(segments.tolist()),
    )
    problem = everybody.only(decided)
    return problem, allocate(problem, engine=engine), everybody

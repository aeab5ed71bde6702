"""Names of decisions: the same question gives the same id, a changed input a new one."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from nexttouch.decisions.draws import pseudonyms

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from nexttouch.decisions.allocation import Allocation
    from nexttouch.decisions.eligibility import Eligibility
    from nexttouch.decisions.inputs import DecisionInputs
    from nexttouch.decisions.problem import AllocationProblem
    from nexttouch.decisions.strategy import StrategySpec
    from nexttouch.decisions.touchpoints import TouchpointsSpec
    from nexttouch.decisions.value import ValueParts

__all__ = ["decision_ids", "price_set_id"]


def price_set_id(problem: AllocationProblem, allocation: Allocation, as_of: pd.Timestamp) -> str:
    """Return the name of a set of prices: corrected prices are a new set."""
    rows = [
        [resource.name, resource.limit, float(price)]
        for resource, price in zip(problem.resources, allocation.price, strict=True)
    ]
    return _digest(json.dumps([as_of.isoformat(), problem.tiers, rows]).encode())


def decision_ids(
    inputs: DecisionInputs,
    parts: ValueParts,
    eligibility: Eligibility,
    *,
    key: bytes,
    policy: tuple[StrategySpec, TouchpointsSpec, tuple[str, ...]],
    price_set: str,
    as_of: pd.Timestamp,
    mode: str,
) -> list[str]:
    """Hash pseudonym, policy, price set, as of, mode and the digest of each customer's inputs.

    Returns
    -------
    list of str, length n_customers
        32 hexadecimal digits each.
    """
    strategy, touchpoints, levels = policy
    common = _digest(
        json.dumps(
            [
                strategy.model_dump_json(),
                touchpoints.model_dump_json(),
                levels,
                price_set,
                as_of.isoformat(),
                mode,
            ]
        ).encode()
    ).encode()
    numbers = np.column_stack(
        [
            inputs.p_churn,
            inputs.margin,
            inputs.hours_since_touch,
            *inputs.p_stage.values(),
            *inputs.contacts.values(),
            inputs.little_history,
            inputs.holdout_exempt,
            parts.total,
            eligibility.code,
        ]
    ).astype(np.float64)
    numbers = np.where(np.isnan(numbers), np.nan, numbers + 0.0)  # one NaN, one zero
    width, raw = numbers.shape[1] * 8, np.ascontiguousarray(numbers).tobytes()
    who = pseudonyms(key, inputs.customer_id.tolist())
    texts = zip(inputs.segment, inputs.stage, inputs.reason_group, strict=True)
    return [
        _digest(b"\x00".join((name.encode(), common, *map(str.encode, map(str, text)), row)))
        for name, text, row in zip(who, texts, _cut(raw, width), strict=True)
    ]


def _cut(raw: bytes, width: int) -> Iterator[bytes]:
    return (raw[start : start + width] for start in range(0, len(raw), width))


def _digest(message: bytes) -> str:
    return hashlib.blake2b(message, digest_size=16).hexdigest()

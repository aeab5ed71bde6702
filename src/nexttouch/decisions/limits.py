"""Capacity, hours, budget and floors of a strategy as rows of the allocation problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nexttouch.decisions.problem import Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from nexttouch.decisions.strategy import StrategySpec

__all__ = ["shared_limits"]


def shared_limits(
    strategy: StrategySpec, segments: Sequence[str], customers: NDArray[np.int64], *, everybody: int
) -> tuple[tuple[Resource, ...], NDArray[np.float64]]:
    """Return the limits all customers share and what one customer in a tier uses of each.

    Parameters
    ----------
    segments : sequence of str, length n_segments
    customers : int64 array of shape (n_segments,)
        Customers decided on, without the holdout; floors given as a share refer to them.
    everybody : int
        All customers, the holdout included; capacity given as a share refers to them.

    Returns
    -------
    resources : tuple of Resource
    use : float array of shape (n_segments, n_tiers, n_resources)

    Examples
    --------
    >>> from nexttouch.decisions import StrategySpec
    >>> spec = StrategySpec.model_validate({"capacity": {"high_touch": "10%"}, "budget": 50})
    >>> resources, use = shared_limits(spec, ["all"], np.array([95]), everybody=100)
    >>> [(r.name, r.limit, r.unit) for r in resources]
    [('capacity of high_touch', 10.0, 'slot'), ('budget', 50.0, 'currency unit')]
    """
    tiers = strategy.ordered_tiers
    resources: list[Resource] = []
    use: list[NDArray[np.float64]] = []  # per resource, shape (n_segments, n_tiers)

    def add(row: Resource, per_tier: Sequence[float], only: str | None = None) -> None:
        here = np.array([only is None or segment == only for segment in segments], dtype=float)
        resources.append(row)
        use.append(np.outer(here, np.array(per_tier, dtype=float)))

    for name in tiers:
        if name in strategy.capacity:
            slots = float(strategy.capacity[name].of(everybody))
            takes = [float(t == name or name in strategy.tiers[t].slots_of) for t in tiers]
            add(Resource(f"capacity of {name}", "capacity", "slot", slots), takes)
    for role, team in sorted(strategy.teams.items()):
        if team.hours is not None:
            hours = [strategy.tiers[t].hours.get(role, 0.0) for t in tiers]
            add(Resource(f"hours of {role}", "hours", "hour", team.hours), hours)
    if strategy.budget is not None:
        money = [strategy.tiers[t].money for t in tiers]
        add(Resource("budget", "budget", "currency unit", strategy.budget), money)
    for floor in strategy.floors:
        whose = floor.segment or "all customers"
        mine = [floor.segment in (None, segment) for segment in segments]
        least = float(floor.at_least.of(int(customers[np.array(mine, dtype=bool)].sum())))
        name = f"floor of {least:.0f} in {' or '.join(floor.tiers)} for {whose}"
        counted = [-float(t in floor.tiers) for t in tiers]
        add(Resource(name, "floor", "customer", -least), counted, floor.segment)
    shape = (len(segments), len(tiers), len(resources))
    return tuple(resources), np.stack(use, axis=2) if use else np.zeros(shape)

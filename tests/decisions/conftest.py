"""Small allocation problems of several shapes, and an exact oracle for them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from nexttouch.decisions.problem import CLOSED, AllocationProblem, Resource

TIERS = ("no_touch", "low_touch", "automated_retention", "hybrid", "high_touch", "manager")
MONEY = np.array([0.0, 0.6, 2.5, 14.0, 5.0, 10.0])
AGENT = np.array([0.0, 0.05, 0.0, 0.25, 1.0, 0.0])
MANAGER = np.array([0.0, 0.0, 0.0, 0.25, 0.0, 2.0])
BASE = np.array([0.0, 0.05, 0.11, 0.2, 0.26, 0.5])
SEGMENTS = ("small", "mid", "big")


def make_problem(kind: str, n: int, seed: int) -> AllocationProblem:
    """Draw a problem: usual, ties, zero_budget, only_floors, one_tier, all_closed, lumpy, tight."""
    r = np.random.default_rng(seed)
    margin = np.exp(r.normal(5.2, 1.35, n))
    segment = np.searchsorted(np.quantile(margin, [0.6, 0.9]), margin).astype(np.int32)
    p = r.beta(1.3, 6.0, n)
    money = MONEY * (40 if kind == "lumpy" else 1)
    if kind == "ties":
        margin, p = np.where(r.random(n) < 0.5, 900.0, 400.0), np.full(n, 0.3)
    respond = np.ones(n) if kind == "ties" else r.normal(1, 0.45, n)
    tau = np.clip(BASE * respond[:, None] * (4 * p * (1 - p))[:, None], -1, p[:, None])
    utility = tau * margin[:, None] - money - 40 * AGENT - 85 * MANAGER
    open_to = r.random((n, 6)) > (0.0 if kind == "ties" else 0.1)
    if kind == "one_tier":
        open_to[:, 2:] = False
    if kind == "all_closed":
        open_to[:, 1:] = False
    open_to[:, 0] = True
    slots = np.array([n, 0.5 * n, 0.3 * n, 0.1 * n, 0.06 * n, 0.02 * n])
    rows, use = [], []

    def add(name, kind_, unit, limit, per_tier, only=None):
        here = np.array([only is None or s == only for s in range(3)], float)
        rows.append(Resource(name, kind_, unit, float(limit)))
        use.append(np.outer(here, per_tier))

    if kind not in {"only_floors", "all_closed"}:
        for t in (2, 3, 4, 5):
            takes = np.eye(6)[t] + (np.eye(6)[3] if t == 2 else 0)
            add(f"capacity of {TIERS[t]}", "capacity", "slot", np.floor(slots[t]), takes)
        tight = 0.4 if kind == "tight" else 1.0
        add("hours of agent", "hours", "hour", 0.07 * n * tight, AGENT)
        add("hours of manager", "hours", "hour", 0.05 * n * tight, MANAGER)
        each = {"zero_budget": 0.0, "lumpy": 9.0, "tight": 0.4}.get(kind, 1.2)
        add("budget", "budget", "currency unit", each * n, money)
    if kind in {"usual", "only_floors", "tight"}:
        human = -np.array([0, 0, 0, 1.0, 1.0, 1.0])
        for s, share in ((1, 0.02), (2, 0.08)):
            served = int((segment == s).sum())
            add(
                f"floor for {SEGMENTS[s]}", "floor", "customer", -np.floor(share * served), human, s
            )
    return AllocationProblem.build(
        utility,
        open_to,
        segment=segment,
        use=np.stack(use, axis=2) if use else np.zeros((3, 6, 0)),
        resources=tuple(rows),
        tie=r.integers(0, 2**63, n).astype(np.uint64),
        tiers=TIERS,
        segments=SEGMENTS,
    )


def exact_value(problem: AllocationProblem) -> float:
    """Solve the whole problem as one integer program (scipy's milp)."""
    i, t = np.nonzero(problem.quanta > CLOSED)
    worth = problem.quanta[i, t] * problem.quantum
    columns = np.arange(len(i))
    one_each = coo_array((np.ones(len(i)), (i, columns)), shape=(len(problem), len(i)))
    limits = [LinearConstraint(one_each.tocsc(), 1, 1)]
    if problem.resources:
        used = problem.use[problem.segment[i], t].T
        limits.append(LinearConstraint(used, -np.inf, problem.limits))
    answer = milp(
        -worth,
        constraints=limits,
        integrality=np.ones(len(i)),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 1e-5, "time_limit": 30},
    )
    assert answer.success, answer.message
    return float(-answer.fun)


def shuffled(problem: AllocationProblem, seed: int) -> tuple[AllocationProblem, np.ndarray]:
    """Return the problem with its rows in another order, and that order."""
    order = np.random.default_rng(seed).permutation(len(problem))
    return problem.only(order), order


@pytest.fixture(scope="session")
def worlds():
    """Return the maker of problems."""
    return make_problem


@pytest.fixture(scope="session")
def oracle():
    """Return the exact solver."""
    return exact_value


@pytest.fixture(scope="session")
def reorder():
    """Return the shuffler."""
    return shuffled

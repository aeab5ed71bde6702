"""The allocation keeps every limit, comes near the exact optimum, and does not depend on order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nexttouch.decisions import kernels
from nexttouch.decisions.allocation import allocate
from nexttouch.decisions.baselines import rank_by_churn_risk
from nexttouch.decisions.problem import AllocationProblem, Resource
from nexttouch.errors import AllocationInputError, ContradictoryLimitsError

KINDS = (
    "usual",
    "ties",
    "zero_budget",
    "only_floors",
    "one_tier",
    "all_closed",
    "lumpy",
    "tight",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "seed"), [(25, 1), (90, 2), (300, 3)])
def test_value_equals_the_exact_integer_program(worlds, oracle, kind, n, seed):
    problem = worlds(kind, min(n, 90) if kind == "ties" else n, seed)
    answer = allocate(problem)
    best = oracle(problem)
    assert problem.holds(answer.usage)
    assert np.allclose(problem.usage(answer.tier), answer.usage)
    assert answer.value <= best + 1e-4 * max(1.0, abs(best))
    assert answer.value >= best - 1e-4 * max(1.0, abs(best))
    assert answer.bound >= best - 2e-5 * max(1.0, abs(best))
    assert answer.gap <= 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_limits_hold_and_the_gap_is_small_with_many_customers(worlds, kind):
    n = 2_000 if kind == "tight" else 20_000
    problem = worlds(kind, n, 5)
    answer = allocate(problem)
    assert problem.holds(answer.usage)
    assert answer.gap <= (5e-3 if kind == "tight" else 1e-5)
    assert (problem.quanta[np.arange(n), answer.tier] > -(2**62)).all()


def test_identical_customers_are_told_apart_by_their_hash_alone(worlds):
    problem = worlds("ties", 3_000, 1)
    alike = np.repeat(problem.quanta[:1], 3_000, axis=0)
    same = replace(problem, quanta=alike, segment=np.zeros(3_000, np.int32))
    answer = allocate(same)
    assert same.holds(answer.usage)
    assert answer.gap <= 1e-5
    assert len(np.unique(answer.tier)) > 1
    again = allocate(replace(same, tie=same.tie[::-1].copy()))
    assert (np.sort(again.tier) == np.sort(answer.tier)).all()
    assert (again.tier[::-1] == answer.tier).all()


@pytest.mark.parametrize("kind", ["usual", "ties", "tight", "lumpy"])
def test_row_order_is_irrelevant(worlds, reorder, kind):
    problem = worlds(kind, 150, 11)
    answer = allocate(problem)
    other, order = reorder(problem, 4)
    again = allocate(other)
    assert (again.price == answer.price).all()
    assert (again.tier == answer.tier[order]).all()


def test_numba_and_numpy_give_the_same_bits(worlds, monkeypatch):
    problem = worlds("usual", 4_000, 3)
    compiled = allocate(problem, engine="numba")
    plain = allocate(problem, engine="numpy")
    assert (compiled.tier == plain.tier).all()
    assert (compiled.price == plain.price).all()
    monkeypatch.setattr(kernels, "_compiled", lambda: None)  # as where numba is not installed
    without = allocate(problem, engine="numba")
    assert (without.tier == plain.tier).all()


def test_no_touch_for_everybody_is_always_feasible_without_floors(worlds):
    problem = worlds("zero_budget", 50, 1)
    closed = replace(problem, resources=tuple(replace(r, limit=0.0) for r in problem.resources))
    answer = allocate(closed)
    assert closed.usage(answer.tier).tolist() == [0.0] * len(closed.resources)


@pytest.mark.parametrize("more", [1.1, 3.0])
@pytest.mark.parametrize("kind", ["usual", "ties", "lumpy"])
def test_more_of_any_limit_never_lowers_the_value(worlds, kind, more):
    problem = worlds(kind, 100, 8)
    base = allocate(problem)
    for k, resource in enumerate(problem.resources):
        if resource.kind == "floor":
            continue
        raised = allocate(problem.with_limit(k, float(np.floor(resource.limit * more)) + 1))
        assert raised.value >= base.value - 1e-4 * abs(base.value)


def test_prices_are_zero_for_limits_that_cannot_bind(worlds):
    problem = worlds("usual", 200, 1)
    wide = problem.with_limit(0, 1e9)
    assert allocate(wide).price[0] == 0


def test_a_price_is_what_one_more_slot_is_worth(worlds):
    problem = worlds("usual", 5_000, 6)
    answer = allocate(problem)
    k = [r.name for r in problem.resources].index("capacity of high_touch")
    if answer.price[k] == 0:
        k = int(answer.price.argmax())
    step = 5.0
    gained = allocate(problem.with_limit(k, problem.limits[k] + step)).value - answer.value
    assert gained / step == pytest.approx(answer.price[k], rel=0.2)


def test_contradictory_rows_are_named_before_solving(worlds):
    problem = worlds("tight", 200, 1)
    names = [r.name for r in problem.resources]
    floor = names.index("floor for big")
    impossible = problem.with_limit(floor, -1000.0)
    with pytest.raises(ContradictoryLimitsError, match="floor for big"):
        allocate(impossible)
    blocked = problem.with_limit(names.index("hours of agent"), 0.0)
    blocked = blocked.with_limit(names.index("hours of manager"), 0.0)
    with pytest.raises(ContradictoryLimitsError, match=r"hours of (agent|manager).*floor"):
        allocate(blocked)


def test_floors_that_fill_a_capacity_exactly_are_met():
    rows = (
        Resource("capacity of high_touch", "capacity", "slot", 3.0),
        Resource("floor", "floor", "customer", -3.0),
    )
    problem = AllocationProblem.build(
        np.column_stack([np.zeros(8), -np.arange(8.0)]),
        np.ones((8, 2), bool),
        segment=np.zeros(8, np.int32),
        use=np.array([[[0.0, 0.0], [1.0, -1.0]]]),
        resources=rows,
        tie=np.arange(8, dtype=np.uint64),
        tiers=("no_touch", "high_touch"),
        segments=("all",),
    )
    answer = allocate(problem)
    assert answer.tier.tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert answer.value == -3.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_numbers_are_refused(bad):
    utility = np.array([[0.0, bad]])
    with pytest.raises(AllocationInputError, match="row 0, high_touch"):
        AllocationProblem.build(
            utility,
            np.ones((1, 2), bool),
            segment=np.zeros(1, np.int32),
            use=np.zeros((1, 2, 0)),
            resources=(),
            tie=np.zeros(1, np.uint64),
            tiers=("no_touch", "high_touch"),
            segments=("all",),
        )


def test_limits_that_are_not_numbers_are_refused():
    with pytest.raises(AllocationInputError, match="budget"):
        AllocationProblem.build(
            np.zeros((1, 2)),
            np.ones((1, 2), bool),
            segment=np.zeros(1, np.int32),
            use=np.ones((1, 2, 1)),
            resources=(Resource("budget", "budget", "currency unit", np.nan),),
            tie=np.zeros(1, np.uint64),
            tiers=("no_touch", "high_touch"),
            segments=("all",),
        )


def test_sums_stay_exact_in_currencies_with_large_amounts(worlds):
    problem = worlds("usual", 300, 3)
    utility = np.where(problem.quanta > -(2**62), problem.quanta * 1e-6, 0.0) * 1e12
    large = AllocationProblem.build(
        utility,
        problem.quanta > -(2**62),
        segment=problem.segment,
        use=problem.use,
        resources=problem.resources,
        tie=problem.tie,
        tiers=problem.tiers,
        segments=problem.segments,
    )
    assert large.quantum > problem.quantum
    answer, base = allocate(large), allocate(problem)
    assert large.holds(answer.usage)
    assert answer.value == pytest.approx(base.value * 1e12, rel=1e-4)


def test_ranking_by_risk_keeps_limits_and_is_worth_less(worlds):
    problem = worlds("usual", 2_000, 2)
    p_churn = np.random.default_rng(0).random(2_000)
    ranked = rank_by_churn_risk(problem, p_churn)
    shared = np.array([r.kind != "floor" for r in problem.resources])
    assert (problem.usage(ranked) <= problem.limits + 1e-9)[shared].all()
    assert problem.value(ranked) < 0.7 * allocate(problem).value


def test_an_empty_problem_has_an_empty_answer(worlds):
    problem = worlds("zero_budget", 10, 1).only(np.zeros(10, bool))
    assert len(allocate(problem).tier) == 0

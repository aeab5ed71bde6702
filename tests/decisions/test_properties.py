"""Promises that hold for any small problem."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nexttouch.decisions.allocation import allocate
from nexttouch.decisions.problem import AllocationProblem, Resource


@st.composite
def small_problems(draw):
    """Draw few customers, round values (many ties), two tiers, and limits of every kind."""
    n = draw(st.integers(1, 12))
    values = st.lists(st.integers(-6, 12), min_size=2 * n, max_size=2 * n)
    utility = np.column_stack([np.zeros(n), np.array(draw(values), float).reshape(n, 2)])
    bits = draw(st.lists(st.booleans(), min_size=2 * n, max_size=2 * n))
    open_to = np.column_stack([np.ones(n, bool), np.array(bits).reshape(n, 2)])
    segment = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), np.int32)
    slots, hours, budget = draw(st.tuples(*[st.integers(0, 12)] * 3))
    can = int((open_to[:, 1:].any(axis=1) & (segment == 0)).sum())
    floor = min(draw(st.integers(0, 3)), can, hours // 3, slots, budget // 4)
    per_tier = [[0, 0, 1.0], [0, 1.0, 3.0], [0, 0.5, 4.0]]
    use = np.stack(
        [np.outer([1, 1], row) for row in per_tier] + [np.outer([1, 0], [0, -1.0, -1.0])], axis=2
    )
    return AllocationProblem.build(
        utility,
        open_to,
        segment=segment,
        use=use,
        resources=(
            Resource("capacity", "capacity", "slot", float(slots)),
            Resource("hours", "hours", "hour", float(hours)),
            Resource("budget", "budget", "currency unit", float(budget)),
            Resource("floor", "floor", "customer", -float(floor)),
        ),
        tie=np.arange(n, dtype=np.uint64)[::-1].copy(),
        tiers=("no_touch", "low_touch", "high_touch"),
        segments=("a", "b"),
    )


@settings(max_examples=60, deadline=None)
@given(small_problems())
def test_no_limit_is_ever_exceeded_and_closed_tiers_stay_closed(problem):
    answer = allocate(problem)
    assert (problem.usage(answer.tier) <= problem.limits + 1e-9).all()
    assert (problem.quanta[np.arange(len(problem)), answer.tier] > -(2**62)).all()
    assert answer.bound >= answer.value
    assert answer.value >= 0 or problem.limits[-1] < 0


@settings(max_examples=30, deadline=None)
@given(small_problems(), st.integers(0, 2), st.integers(1, 5))
def test_more_of_a_limit_never_lowers_the_value(problem, row, more):
    base = allocate(problem)
    raised = allocate(problem.with_limit(row, problem.limits[row] + more))
    assert raised.value >= base.value - 1e-4 * max(1.0, abs(base.bound))


@settings(max_examples=30, deadline=None)
@given(small_problems(), st.randoms(use_true_random=False))
def test_row_order_is_irrelevant(problem, random):
    order = list(range(len(problem)))
    random.shuffle(order)
    answer, again = allocate(problem), allocate(problem.only(np.array(order)))
    assert (again.tier == answer.tier[order]).all()
    assert (again.price == answer.price).all()

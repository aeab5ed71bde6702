"""Whole steps: exact sums of money and numbers."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nexttouch.events.log import Measure
from nexttouch.events.measures import LARGEST_STEPS, to_number, to_steps

MONEY = Measure("value", "money", 0.01)


@given(st.integers(-(10**12), 10**12))
def test_every_cent_survives_the_way_through_float(cents):
    assert to_steps(np.array([cents / 100]), MONEY).tolist() == [cents]


@given(
    st.integers(-LARGEST_STEPS, LARGEST_STEPS), st.sampled_from([0.01, 0.001, 1.0, 5.0, 1e-6, 0.25])
)
def test_steps_come_back_from_numbers(steps, step):
    measure = Measure("x", "number", step)
    assert to_steps(to_number(np.array([steps]), measure), measure).tolist() == [steps]


def test_halves_round_away_from_zero():
    halves = np.array([0.125, -0.125, 0.375, 2.5, -2.5, 0.49999999999999994])
    cents = Measure("x", "number", 1.0)
    assert to_steps(halves, cents).tolist() == [0, 0, 0, 3, -3, 0]
    assert to_steps(halves[:3], MONEY).tolist() == [13, -13, 38]
    assert int(Decimal("0.125").quantize(Decimal("0.01"), ROUND_HALF_UP) * 100) == 13


def test_steps_above_one_divide():
    assert to_steps(np.array([12.0, 13.0]), Measure("miles", "number", 5.0)).tolist() == [2, 3]

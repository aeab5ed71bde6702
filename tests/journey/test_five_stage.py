"""The preset `five_stage` on a small subscription log with contract dates."""

from __future__ import annotations

import numpy as np
import pytest

from nexttouch.events.log import Vocabulary
from nexttouch.journey import (
    JourneySpec,
    compile_journey,
    dated_moves,
    legal_next,
    silent_stages,
    stage_at,
    stage_table,
    transition_matrix,
)
from nexttouch.snapshots import DAY_US, SnapshotRows


@pytest.fixture
def told(make_log, five_stage):
    """Return a function that tells the moves of one customer as (day, stage)."""

    def tell(*events, until=2000):
        rows = [
            ("a", int(day * DAY_US), name, {"contract_end": end[0] * DAY_US} if end else {})
            for day, name, *end in events
        ]
        log = make_log(rows, names=five_stage.vocabulary.events)
        moves = dated_moves(five_stage, log, until_us=until * DAY_US)
        return [
            (at / DAY_US, five_stage.stages[s])
            for at, s in zip(moves.at_us, moves.stage, strict=True)
        ]

    return tell


def test_a_customer_walks_through_all_stages(told):
    way = ["awareness", "consideration", "conversion", "retention", "advocacy"]
    walk = list(zip([0, 2, 5, 9, 20], way, strict=True))
    assert told(*walk, until=90) == walk


def test_several_lines_of_one_order_are_one_conversion(told):
    lines = [(1, "conversion"), (1, "conversion"), (1.2, "conversion")]
    assert told(*lines, until=60) == [(1, "conversion")]


def test_a_referral_counts_only_from_retention(told):
    assert told((0, "conversion"), (1, "advocacy"), until=60) == [(0, "conversion")]


def test_interest_cools_and_prospects_go_dormant(told):
    assert told((0, "consideration")) == [(0, "consideration"), (28, "awareness"), (91, "dormant")]


def test_advocates_fall_back_and_dormant_customers_return(told):
    use = [(day, "retention") for day in range(2, 300, 30)]
    moves = told((0, "conversion"), *use, (3, "advocacy"), (500, "awareness"), (501, "conversion"))
    assert moves[2:5] == [(3, "advocacy"), (185, "retention"), (272 + 91, "dormant")]
    assert moves[5:7] == [(500, "awareness"), (501, "conversion")]


def test_an_ended_contract_is_dormant_despite_use(told):
    use = [(day, "retention") for day in range(1, 80)]
    assert told((0, "conversion", 60), *use, until=90) == [
        (0, "conversion"), (1, "retention"), (60, "dormant"),
    ]  # fmt: skip


def test_a_renewal_before_the_end_keeps_the_customer(told):
    use = [(day, "retention") for day in range(1, 80)]
    renewed = told((0, "conversion", 60), (50, "conversion", 425), *use, until=90)
    assert renewed == [(0, "conversion"), (1, "retention")]


def test_a_conversion_without_a_date_survives_an_old_one(told):
    assert told((0, "conversion", 10), (20, "conversion"), until=90) == [
        (0, "conversion"), (10, "dormant"), (20, "conversion"),
    ]  # fmt: skip


def test_known_contract_ends_are_part_of_the_silent_successor(make_log, five_stage):
    rows = [("a", 0, "conversion", {"contract_end": 40 * DAY_US}), ("b", 0, "conversion")]
    log = make_log(rows, names=five_stage.vocabulary.events)
    snapshots = SnapshotRows.after_first_event(log.first_us, np.array([30 * DAY_US]))
    silent = silent_stages(five_stage, log, snapshots, 28 * DAY_US)
    assert [five_stage.stages[s] for s in silent] == ["dormant", "conversion"]


def test_from_consideration_dormant_needs_a_purchase_that_ended(make_log, five_stage):
    """Silence alone takes 63 days more; without contract dates 28 days are too short."""
    plain = compile_journey(five_stage.spec, Vocabulary(five_stage.vocabulary.events))
    assert plain.idle == ("contract_ends",)
    silent = compile_journey(
        JourneySpec(preset="five_stage", events={"consideration": "view", "conversion": "order"}),
        Vocabulary(("view", "order")),
    )
    at = five_stage.stages.index
    way = at("consideration"), at("dormant")
    assert legal_next(five_stage, 28)[way]
    assert not legal_next(silent, 63)[way]
    assert legal_next(silent, 64)[way]


def test_people_and_transitions_are_counted(make_log, five_stage):
    log = make_log([("a", 0, "awareness"), ("b", 0, "awareness"), ("b", DAY_US, "conversion")],
                   names=five_stage.vocabulary.events)  # fmt: skip
    rows = SnapshotRows.after_first_event(log.first_us, np.array([DAY_US]))
    moves = dated_moves(five_stage, log)
    now = stage_at(moves, rows.customer, rows.cutoff_us)
    later = stage_at(moves, rows.customer, rows.cutoff_us + 7 * DAY_US)
    counts = transition_matrix(now, later, five_stage.stages)
    assert counts.loc["awareness", ["awareness", "conversion"]].tolist() == [1, 1]
    assert counts.to_numpy().sum() == 2
    table = stage_table(later, five_stage.stages, five_stage.aspects)
    assert table.loc["conversion"].tolist() == ["acquisition", 1, 0.5]

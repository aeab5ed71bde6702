"""The log itself, and what was known by a cutoff."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nexttouch.events import as_of_batches, build_log


def log_of(rows):
    table = pd.DataFrame(rows, columns=["customer_id", "timestamp", "ingested_at"])
    for name in ("timestamp", "ingested_at"):
        table[name] = pd.to_datetime(table[name], utc=True)
    return build_log(table.assign(event="e"))


def us(text):
    return pd.Timestamp(text, tz="UTC").value // 1000


ROWS = [
    ("a", "2025-01-01", None),
    ("a", "2025-01-03", "2025-01-10"),
    ("b", "2025-01-02", None),
    ("c", "2025-01-02", "2025-01-05"),
]


def test_events_know_their_customer():
    log = log_of(ROWS)
    assert log.customer_of_event.tolist() == [0, 0, 1, 2]
    assert log.first_us.tolist() == [us("2025-01-01"), us("2025-01-02"), us("2025-01-02")]
    assert "vocabulary" not in repr(log)


def test_keep_forgets_customers_without_events():
    kept, customers = log_of(ROWS).keep(np.array([False, True, False, True]))
    assert kept.customer_ids.tolist() == ["a", "c"]
    assert customers.tolist() == [0, 2]
    assert kept.offsets.tolist() == [0, 1, 2]


def test_keep_of_nothing_is_an_empty_log():
    log = log_of(ROWS)
    kept, customers = log.keep(np.zeros(4, dtype=bool))
    assert (len(kept), kept.n_customers, len(customers)) == (0, 0, 0)
    assert len(kept.keep(np.zeros(0, dtype=bool))[0]) == 0


def test_a_log_without_late_events_is_one_batch():
    log = log_of([ROWS[0], ROWS[2]])
    (batch,) = as_of_batches(log, np.array([us("2025-02-01"), us("2025-01-03")]))
    assert batch.log is log
    assert batch.cutoffs_us.tolist() == [us("2025-01-03"), us("2025-02-01")]


def test_late_events_are_unknown_before_they_arrive():
    cutoffs = np.array([us("2025-01-04"), us("2025-01-05"), us("2025-01-11")])
    seen = {}
    for batch in as_of_batches(log_of(ROWS), cutoffs):
        for cutoff in batch.cutoffs_us.tolist():
            known = batch.log.timestamp_us < cutoff
            for number, event in zip(
                batch.log.customer_of_event[known], batch.log.timestamp_us[known], strict=True
            ):
                seen.setdefault((int(batch.customer[number]), cutoff), []).append(int(event))
    assert seen[(0, cutoffs[0])] == [us("2025-01-01")]
    assert seen[(0, cutoffs[2])] == [us("2025-01-01"), us("2025-01-03")]
    assert seen[(1, cutoffs[0])] == [us("2025-01-02")]
    assert (2, cutoffs[0]) not in seen
    assert seen[(2, cutoffs[1])] == [us("2025-01-02")]


def test_an_event_at_the_cutoff_that_is_late_hides_nothing():
    log = log_of([("a", "2025-01-01", None), ("a", "2025-01-03", "2025-01-04")])
    (batch,) = as_of_batches(log, np.array([us("2025-01-03")]))
    assert batch.log is log


def test_a_log_of_which_nothing_had_arrived_is_one_batch_of_nobody():
    log = log_of([("a", "2025-01-01", "2025-03-01"), ("b", "2025-01-02", "2025-03-01")])
    (batch,) = as_of_batches(log, np.array([us("2025-01-15"), us("2025-02-01")]))
    assert (len(batch.log), batch.log.n_customers, len(batch.customer)) == (0, 0, 0)

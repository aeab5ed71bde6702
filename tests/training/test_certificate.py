"""The leakage certificate: an honest path passes, every mutant is caught."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from nexttouch.errors import LeakageError
from nexttouch.events import build_log
from nexttouch.features import FeatureSpec, compile_features
from nexttouch.journey import JourneySpec, compile_journey
from nexttouch.snapshots import DAY_US
from nexttouch.training.certificate import Evidence, certify
from nexttouch.training.snapshot_table import FeaturePath

START = pd.Timestamp("2025-01-01", tz="UTC")
CUTOFFS = START.value // 1000 + np.array([60, 90, 120]) * DAY_US


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(4)
    n = 600
    days = rng.integers(0, 150, n)  # day-stamped: many events fall exactly on cutoffs
    frame = pd.DataFrame(
        {
            "customer_id": rng.choice([f"c{i}" for i in range(15)], n),
            "timestamp": START + pd.to_timedelta(days, unit="D"),
            "event": rng.choice(["purchase", "visit", "mail"], n, p=[0.4, 0.4, 0.2]),
            "channel": rng.choice(["web", "store"], n),
            "value": rng.integers(100, 9000, n) / 100,
            "event_id": None,
        }
    )
    return frame.assign(
        ingested_at=frame["timestamp"] + pd.to_timedelta(rng.integers(0, 3, n), unit="D")
    )


def path_of(vocabulary):
    journey = compile_journey(
        JourneySpec(preset="lifecycle", events={"activity": ["purchase"]}), vocabulary
    )
    spec = FeatureSpec(
        windows_days=(28,), coarse_windows_days=(28,), trends_days=(), channels=("web",)
    )
    plan = compile_features(
        spec, vocabulary=vocabulary, activity=("purchase",), stages=journey.stages
    )
    return FeaturePath(plan, journey, ("purchase",), 91, 28 * DAY_US)


def honest(frame, cutoffs=CUTOFFS):
    log = build_log(frame, vocabulary=None, time_zone="UTC")
    path = path_of(log.vocabulary)
    table = path.table(log, cutoffs)
    return Evidence(table.customer_id, table.cutoff_us, path.names, table.X, table.eligible, b"")


def with_column(frame, values_by_customer):
    evidence = honest(frame)
    column = np.array([values_by_customer.get(c, 0.0) for c in evidence.customer_id], np.float32)
    return replace(
        evidence, columns=(*evidence.columns, "extra"), X=np.column_stack([evidence.X, column])
    )


def includes_the_cutoff(frame):
    late = honest(frame, CUTOFFS + 1)
    return replace(late, cutoff_us=late.cutoff_us - 1)


def ignores_arrival(frame):
    return honest(frame.assign(ingested_at=frame["timestamp"]))


def global_median(frame):
    evidence = honest(frame)
    return replace(evidence, constants=np.float64(frame["value"].median()).tobytes())


def encoder_fitted_on_the_full_log(frame):
    names = sorted(set(frame["event"].dropna()))
    return replace(honest(frame), constants=repr(names).encode())


def backfilled_attribute(frame):
    return with_column(
        frame, frame.sort_values("timestamp").groupby("customer_id")["value"].last().to_dict()
    )


def label_as_feature(frame):
    after = frame[frame["timestamp"] >= CUTOFFS_AS_TIME[-1]]
    return with_column(frame, after.groupby("customer_id").size().to_dict())


def looks_ahead(frame):
    shifted = frame.assign(timestamp=frame["timestamp"] - pd.Timedelta(days=7))
    return honest(shifted.assign(ingested_at=shifted["timestamp"]))


def eligibility_from_the_future(frame):
    evidence = honest(frame)
    last = frame.groupby("customer_id")["timestamp"].max()
    alive = np.array([last[c] > CUTOFFS_AS_TIME[-1] for c in evidence.customer_id])
    return replace(evidence, eligible=evidence.eligible & alive)


CUTOFFS_AS_TIME = pd.to_datetime(CUTOFFS, unit="us", utc=True)
MUTANTS = [
    includes_the_cutoff,
    ignores_arrival,
    global_median,
    encoder_fitted_on_the_full_log,
    backfilled_attribute,
    label_as_feature,
    looks_ahead,
    eligibility_from_the_future,
]


def test_the_honest_path_passes_and_later_rows_move(events):
    certificate = certify(honest, events, CUTOFFS)
    assert certificate.passed
    assert sum(check.moved_after for check in certificate.checks) > 0
    assert {check.moved_before for check in certificate.checks} == {0}
    assert certificate.to_dict()["customers"] == 15


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_every_mutant_is_caught(events, mutant):
    with pytest.raises(LeakageError, match=r"moved \d+ rows"):
        certify(mutant, events, CUTOFFS)


def test_a_path_that_never_moves_proves_nothing(events):
    base = honest(events)
    with pytest.raises(LeakageError, match="no power"):
        certify(lambda _frame: base, events, CUTOFFS)

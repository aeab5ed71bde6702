"""Small logs with all that has ever broken a feature: ties, edges, refunds, clock changes."""

from dataclasses import dataclass
from types import FunctionType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from nexttouch.events.build import build_log
from nexttouch.events.log import Measure, Vocabulary
from nexttouch.features import FeatureSpec, compile_features, rows
from nexttouch.features.compute import sweep
from nexttouch.snapshots import DAY_US

ZONE = "Europe/Berlin"
EVENTS = ("buy", "help", "login", "mail", "open", "refund")
STAGES = ("not_started", "new", "active", "lapsed")
VOCABULARY = Vocabulary(
    EVENTS,
    ("", "email", "web"),
    (Measure("value", "money", 0.01), Measure("quantity"), Measure("ends", "date")),
)
SPEC = FeatureSpec(
    groups={"purchase": ("buy", "refund"), "support": ("help",)},
    windows_days=(7, 28),
    coarse_windows_days=(1, 28),
    half_lives_days=(7, 90),
    trends_days=((7, 28), (3, 14)),
    channels=("email", "no such channel"),
    measures={"activity": ("value", "quantity"), "purchase": ("value", "ends")},
    touches=("mail",),
    replies=("open",),
    without=(),
)
ACTIVITY = ("buy", "login", "refund")
NONE = np.int64(np.iinfo(np.int64).min)


def us(text, zone="UTC"):
    return int(pd.Timestamp(text, tz=zone).value // 1000)


CUTOFFS = np.array(
    [
        us("2025-03-30", ZONE),  # the night in which clocks go forward
        us("2025-03-31", ZONE),
        us("2025-04-06 13:37:00.000001"),
    ]
)
ANCHORS = sorted(
    {
        int(t) + shift
        for cutoff in CUTOFFS
        for days in (0, 1, 3, 7, 14, 28, 90, 91)
        for t in (cutoff - days * DAY_US,)
        for shift in (-1, 0, 1)
    }
    | {us("2025-03-30 01:00:00") + shift for shift in (-1, 0, 1, 1_800_000_000, 1_800_000_001)}
    | {us("2025-03-10", ZONE) + shift for shift in (-1, 0, 60_000_000)}
)


@dataclass(frozen=True)
class Moves:
    """What the journey room would hand over."""

    offsets: np.ndarray
    at_us: np.ndarray
    stage: np.ndarray


def moves_of(per_customer):
    found = [sorted(moves) for moves in per_customer]
    flat = [move for moves in found for move in moves]
    return Moves(
        np.cumsum([0, *map(len, found)]).astype(np.int64),
        np.array([at for at, _ in flat], dtype=np.int64),
        np.array([stage for _, stage in flat], dtype=np.int16),
    )


def no_moves(log):
    return moves_of([[] for _ in range(log.n_customers)])


def log_of(events, zone=ZONE, vocabulary=VOCABULARY):
    """Build a log of dicts with customer_id, timestamp (microseconds), event and more."""
    frame = pd.DataFrame(events)
    for column in ("timestamp", "ingested_at", "ends"):
        if column in frame:
            frame[column] = pd.to_datetime(frame[column].astype("Int64"), unit="us", utc=True)
    return build_log(frame, vocabulary=vocabulary, time_zone=zone)


moments = st.one_of(st.sampled_from(ANCHORS), st.integers(us("2024-11-01"), us("2025-04-20") - 1))
event = st.fixed_dictionaries(
    {
        "customer_id": st.sampled_from(["a", "b", "ä"]),
        "timestamp": moments,
        "event": st.sampled_from(EVENTS),
        "channel": st.sampled_from([None, "email", "web"]),
        "value": st.one_of(st.none(), st.integers(-50_000, 50_000).map(lambda x: x / 100)),
        "quantity": st.one_of(st.none(), st.integers(-3, 100)),
        "ends": st.one_of(st.none(), moments),
        "actor_id": st.sampled_from([None, "p1", "p2", "p3"]),
    }
)
logs = st.lists(event, min_size=1, max_size=40)
moved = st.lists(
    st.lists(st.tuples(moments, st.integers(0, len(STAGES) - 1)), max_size=6),
    min_size=3,
    max_size=3,
)


def plain(function, **changed):
    """Return the Python function behind a compiled one."""
    python = function.py_func
    return FunctionType(
        python.__code__,
        {**python.__globals__, **changed},
        closure=python.__closure__,
    )


@pytest.fixture(scope="session")
def plain_sweep():
    """Provide the kernel as plain Python, all through."""
    share_left = plain(rows.share_left)
    parts = {
        name: plain(getattr(rows, name), share_left=share_left)
        for name in rows.__all__
        if name.startswith(("write_", "turn"))
    }
    names = SimpleNamespace(**parts, MOVES_US=rows.MOVES_US, share_left=share_left)
    return plain(sweep, rows=names)


@pytest.fixture(scope="session")
def plan():
    return compile_features(SPEC, vocabulary=VOCABULARY, activity=ACTIVITY, stages=STAGES)


def same_bits(a, b):
    """Whether two float32 matrices are equal to the last bit, NaN included."""
    return a.shape == b.shape and np.array_equal(a.view(np.uint32), b.view(np.uint32))

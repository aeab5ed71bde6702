"""Without numba everything up to the training set runs as plain Python, with the same bits."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nexttouch.events import build_log
from nexttouch.features import FeatureSpec, compile_features
from nexttouch.journey import JourneySpec, compile_journey
from nexttouch.labels import LabelSpec
from nexttouch.snapshots import DAY_US
from nexttouch.training.build import build_training_set
from nexttouch.training.snapshot_table import FeaturePath

START = pd.Timestamp("2025-01-01", tz="UTC")
CUTOFFS = START.value // 1000 + np.array([60, 90, 113]) * DAY_US
ACTIVITY = ("login", "purchase")
PROGRAM = """
import runpy, sys
sys.modules["numba"] = None
from nexttouch.jit import kernel_path
assert kernel_path() == "python"
runpy.run_path(sys.argv[1])["save"](int(sys.argv[2]), sys.argv[3])
"""


def training_set(seed):
    """Build from a random log with ties, late arrivals, refunds, people and every family."""
    rng = np.random.default_rng(seed)
    n = 400
    at = START + pd.to_timedelta(rng.integers(0, 150 * 24, n), unit="h")
    events = pd.DataFrame(
        {
            "customer_id": rng.choice([f"c{i}" for i in range(20)], n),
            "timestamp": at,
            "event": rng.choice(["purchase", "login", "help", "mail", "open"], n),
            "channel": rng.choice(["web", "email"], n),
            "value": np.where(rng.random(n) < 0.3, np.nan, rng.integers(-99, 9999, n) / 100),
            "actor_id": rng.choice(["p", "q"], n),
            "ingested_at": at + pd.to_timedelta(rng.choice([0, 0, 0, 2, 45], n), unit="D"),
        }
    )
    log = build_log(events, time_zone="Europe/Berlin")
    journey = compile_journey(
        JourneySpec(preset="lifecycle", events={"activity": list(ACTIVITY)}), log.vocabulary
    )
    spec = FeatureSpec(
        groups={"support": ("help",)},
        windows_days=(7, 28),
        coarse_windows_days=(28,),
        channels=("web",),
        measures={"all": ("value",)},
        touches=("mail",),
        replies=("open",),
        without=(),
    )
    plan = compile_features(
        spec, vocabulary=log.vocabulary, activity=ACTIVITY, stages=journey.stages
    )
    return build_training_set(
        [log],
        CUTOFFS,
        path=FeaturePath(plan, journey, ACTIVITY, 91, 28 * DAY_US),
        labels=LabelSpec(activity=ACTIVITY),
        observed_until_us=int(START.value // 1000 + 140 * DAY_US),
    )


def save(seed, file):
    """Write features, stages and labels."""
    rows = training_set(seed)
    np.savez(
        file,
        X=rows.X.to_numpy().view(np.uint32),
        cutoff_us=rows.cutoff_us,
        customer_id=rows.customer_id.astype(str),
        stage=rows.stage,
        silent_stage=rows.silent_stage,
        next_stage=rows.next_stage,
        churned=rows.churned,
        revenue=rows.revenue,
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_plain_python_builds_the_training_set_that_compiled_code_builds(tmp_path, seed):
    save(seed, tmp_path / "compiled.npz")
    plain = [
        sys.executable,
        "-c",
        PROGRAM,
        str(Path(__file__)),
        str(seed),
        str(tmp_path / "plain.npz"),
    ]
    subprocess.run(plain, check=True)
    with np.load(tmp_path / "compiled.npz") as expected, np.load(tmp_path / "plain.npz") as found:
        assert len(expected["X"]) > 30
        assert (expected["next_stage"] >= 0).any()
        for name in expected.files:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)

"""An MLflow database on disk, migrated once, and a bundle whose predictor a test can import."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from nexttouch.bundle import Probe, write_bundle
from nexttouch.tracking import Tracker


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """MLflow's migrations cost seconds: run them once, copy the file for each test."""
    state = tmp_path_factory.mktemp("migrated")
    Tracker.open(project="shop", state=state).client.delete_experiment("1")
    return state / "mlflow.db"


@pytest.fixture
def tracker(tmp_path, migrated):
    state = tmp_path / "state"
    state.mkdir()
    shutil.copy(migrated, state / "mlflow.db")
    return Tracker.open(project="toys", state=state)


@pytest.fixture(scope="session")
def parts():
    probe = Probe(("x",), np.array([[1.0], [2.0]]), ("p_churn",), np.array([[0.25], [0.5]]))
    info = {
        "entry_points": {
            "predictor": "nexttouch.pipeline.predictor:Predictor",
            "probe": "nexttouch.pipeline.predictor:probe_bundle",
        },
        "stages": ["active", "lapsed"],
        "events": ["purchase"],
        "time_zone": "Europe/Berlin",
    }
    return {"stages.json": b'["active", "lapsed"]'}, probe, info


@pytest.fixture
def folder(tmp_path, parts):
    files, probe, info = parts
    return write_bundle(tmp_path / "bundle", files, probe=probe, info=info)

"""A real small LightGBM model in a bundle, with an entry point that a child process can import."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import lightgbm as lgb
import numpy as np
import pytest

from nexttouch.bundle import Probe, write_bundle

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = tuple(f"x{i}" for i in range(6))

ENTRY = """
import json
import os
import time

import lightgbm as lgb
import numpy as np


def predict(bundle):
    columns = json.loads(bundle.files["columns.json"])
    rows = bundle.probe.rows[:, [bundle.probe.columns.index(c) for c in columns]]
    booster = lgb.Booster(model_str=bundle.files["models/churn.txt"].decode())
    return booster.predict(rows, num_threads=1)[:, None]


def sleep(bundle):
    time.sleep(60)


def spin(bundle):
    while True:
        pass


def hog(bundle):
    return np.ones(10**9)


def abort(bundle):
    os.abort()


def talk(bundle):
    print("chatter")
    os.write(1, b"more chatter\\n")
    return bundle.probe.expected
"""


@pytest.fixture(scope="session")
def entry(tmp_path_factory):
    """Make ``bundle_entry`` importable here and in child processes."""
    folder = tmp_path_factory.mktemp("entry")
    (folder / "bundle_entry.py").write_text(ENTRY)
    with pytest.MonkeyPatch.context() as patch:
        path = os.environ.get("PYTHONPATH")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *([path] if path else [])]))
        yield "bundle_entry"


@pytest.fixture(scope="session")
def model() -> lgb.Booster:
    rng = np.random.default_rng(7)
    X = rng.normal(size=(400, len(COLUMNS)))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=400) > 0).astype(float)
    params = {"objective": "binary", "num_leaves": 7, "num_threads": 1, "verbose": -1, "seed": 1}
    return lgb.train(params, lgb.Dataset(X, y, feature_name=list(COLUMNS)), num_boost_round=8)


@pytest.fixture(scope="session")
def parts(model):
    """Files and probe of a bundle."""
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(64, len(COLUMNS)))
    rows[0, 3] = np.nan
    probe = Probe(COLUMNS, rows, ("p_churn",), model.predict(rows, num_threads=1)[:, None])
    columns = "[" + ", ".join(f'"{c}"' for c in COLUMNS) + "]"
    files = {"models/churn.txt": model.model_to_string().encode(), "columns.json": columns.encode()}
    return files, probe


@pytest.fixture
def folder(tmp_path, parts) -> Path:
    files, probe = parts
    return write_bundle(tmp_path / "bundle", files, probe=probe, info={"project": "shop"})

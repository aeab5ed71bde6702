"""What is loaded is named by the project or the environment, and refused when damaged."""

import os
import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

from nexttouch.errors import BundleError, ConfigError, TrackingError
from nexttouch.jit import kernel_path
from nexttouch.serving import start
from nexttouch.serving.loading import load
from nexttouch.tracking import Tracker


@pytest.fixture
def started(monkeypatch):
    """Collect what ``start`` would turn this process into."""
    calls = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    return calls


def test_start_serves_the_champion_else_the_exported_bundle(shop, started, caplog):
    start(shop.folder, port=4000)
    program, command, environment = started[0]
    assert program == sys.executable
    assert command[1:4] == ["-m", "bentoml", "serve"]
    assert command[-4:] == ["--port", "4000", "--host", "127.0.0.1"]
    assert environment["NEXTTOUCH_BUNDLE"] == str(shop.folder / "bundle")
    assert "Serving the exported bundle: [NT720] 'corner_shop' has no champion" in caplog.text
    tracker = Tracker.open(project="corner_shop", state=shop.folder / "state")
    with tracker.start_run() as run:
        tracker.set_champion(run.log_bundle(shop.folder / "bundle"))
    start(shop.folder)
    assert started[1][2]["NEXTTOUCH_BUNDLE"] == str(tracker.champion().folder)
    assert started[1][2]["NEXTTOUCH_MODEL_VERSION"] == "1"


def test_a_project_without_a_model_says_how_to_train(shop, started, tmp_path):
    (tmp_path / "nexttouch.yaml").write_text((shop.folder / "nexttouch.yaml").read_text())
    with pytest.raises(TrackingError, match=r"no champion.*nexttouch train"):
        start(tmp_path)
    assert not started


def test_nothing_to_load_says_what_to_set(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"Set NEXTTOUCH_BUNDLE .*0 bundles lie in"):
        load()


def test_a_damaged_bundle_is_never_loaded(shop, tmp_path, monkeypatch):
    folder = shutil.copytree(shop.folder / "bundle", tmp_path / "models" / "x" / "bundle")
    (folder / "scorer" / "churn.txt").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match=r"scorer/churn.txt.*damaged"):
        load()


def test_a_model_trained_on_another_kernel_is_served_with_a_warning(
    shop, tmp_path, monkeypatch, caplog
):
    rows = np.zeros((2, len(shop.predictor.path.names)), dtype=np.float32)
    for kernel in (kernel_path(), "python"):
        info = {**shop.predictor.info, "kernel": kernel}
        replace(shop.predictor, info=info).write(tmp_path / kernel, rows)
        monkeypatch.setenv("NEXTTOUCH_BUNDLE", str(tmp_path / kernel))
        assert not caplog.text
        load()
    assert "from the python kernel; this service runs the compiled one" in caplog.text

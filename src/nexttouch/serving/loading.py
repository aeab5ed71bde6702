"""What the service loads: a bundle, and beside it the project's event store and scores."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from nexttouch.bundle import verify_in_child
from nexttouch.engine import EventStore
from nexttouch.errors import ConfigError
from nexttouch.jit import kernel_path
from nexttouch.pipeline.predictor import Predictor
from nexttouch.pipeline.project import Project
from nexttouch.serving.api import Served
from nexttouch.serving.schema import Model
from nexttouch.store import ScoreStore

__all__ = ["BUNDLE", "PROJECT", "VERSION", "load"]

BUNDLE, PROJECT, VERSION = "NEXTTOUCH_BUNDLE", "NEXTTOUCH_PROJECT", "NEXTTOUCH_MODEL_VERSION"

logger = logging.getLogger("bentoml.nexttouch")


def load() -> Served:
    """Load what the environment names, the bundle in a child process first.

    ``NEXTTOUCH_BUNDLE`` is the folder of a bundle; by default that of ``NEXTTOUCH_PROJECT``, a
    project folder, whose event store and scores are read too. Where neither is set, as in a bento,
    it is the one ``models/<name>/bundle`` below the working directory.

    Raises
    ------
    ConfigError
        If neither is set and there is not exactly one bundle.
    BundleError
        If the bundle is damaged.
    """
    project = Project.open(os.environ[PROJECT]) if os.environ.get(PROJECT) else None
    folder = project.bundle_folder if project else None
    bundle = verify_in_child(Path(os.environ.get(BUNDLE) or folder or _packed()))
    predictor = Predictor.of(bundle)
    if project is not None:
        predictor = predictor.priced_by(project.config)
    _compare_kernels(predictor)
    model = Model(
        name=predictor.definition.name,
        version=os.environ.get(VERSION) or bundle.digest[:12],
        bundle_digest=bundle.digest,
        horizon_days=predictor.scorer.horizon_days,
        reconciled=predictor.scorer.reconciled,
    )
    if project is None:
        return Served(predictor, model)
    has_events = (project.store_folder / "manifest.json").is_file()
    return Served(
        predictor,
        model,
        events=EventStore.open(project.store_folder) if has_events else None,
        scores=ScoreStore.open(project.database_url),
    )


def _compare_kernels(predictor: Predictor) -> None:
    here = kernel_path()
    there = predictor.info.get("kernel", here)
    if there != here:
        logger.warning(
            "The model was trained on features from the %s kernel; this service runs the %s one.",
            there,
            here,
        )


def _packed() -> Path:
    """Find the bundle that was packed into the bento."""
    root = Path(os.environ.get("BENTO_PATH", "."), "src" if "BENTO_PATH" in os.environ else ".")
    found = sorted(path.parent for path in root.glob("models/*/bundle/manifest.json"))
    if len(found) != 1:
        raise ConfigError(
            f"Set {BUNDLE} to the folder of a bundle or {PROJECT} to a project folder, or start "
            "the service with 'nexttouch serve PROJECT'; "
            f"{len(found)} bundles lie in {root}/models."
        )
    return found[0]

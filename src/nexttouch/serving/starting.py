"""Start the service of a project in this process."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from nexttouch.errors import BundleError, TrackingError
from nexttouch.pipeline.project import Project
from nexttouch.tracking import Tracker

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["start"]

logger = logging.getLogger(__name__)


def start(project: Path, *, port: int = 3000, host: str = "127.0.0.1") -> None:
    """Serve the champion of a project; this process becomes the server and ends with it.

    The champion comes from MLflow, verified; when MLflow is away, the project's exported bundle
    is served.

    Parameters
    ----------
    project : Path
        Folder with a ``nexttouch.yaml``.
    port : int
    host : str
        The loopback address by default: there is no authentication yet, so put a proxy in front
        before you name another.

    Raises
    ------
    ConfigError
        If there is no project.
    TrackingError
        If there is neither a champion nor an exported bundle.
    """
    opened = Project.open(project)
    folder, version = _champion(opened)
    environment = {
        **os.environ,
        "NEXTTOUCH_PROJECT": str(opened.folder),
        "NEXTTOUCH_BUNDLE": str(folder),
        "NEXTTOUCH_MODEL_VERSION": version,
        "BENTOML_DO_NOT_TRACK": "true",
    }
    service = "nexttouch.serving.service:NextTouch"
    command = ["-m", "bentoml", "serve", service, "--port", str(port), "--host", host]
    os.execve(sys.executable, [sys.executable, *command], environment)  # noqa: S606


def _champion(project: Project) -> tuple[Path, str]:
    try:
        tracker = Tracker.open(project.tracking_uri, project=project.name, state=project.state)
        champion = tracker.champion()
    except (TrackingError, BundleError) as error:
        if not (project.bundle_folder / "manifest.json").is_file():
            raise
        logger.warning("Serving the exported bundle: %s", error)
        return project.bundle_folder, ""
    return champion.folder, champion.version

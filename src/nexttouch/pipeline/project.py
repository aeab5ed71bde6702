"""A project: its config, its folder and where its state lives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nexttouch.config import Config

__all__ = ["Project"]


@dataclass(frozen=True)
class Project:
    """A ``nexttouch.yaml`` (or a ``Config`` written in Python) and the folder it stands in."""

    config: Config
    folder: Path

    @classmethod
    def open(cls, where: str | Path | Config | Self, *, folder: str | Path = ".") -> Self:
        """Open a project folder or file, or give a Python ``Config`` a folder for its state."""
        if isinstance(where, cls):
            return where
        if isinstance(where, Config):
            named = where if where.name else where.model_copy(update={"name": "nexttouch"})
            return cls(named, Path(folder).resolve())
        path = Path(where)  # type: ignore[arg-type]
        config = Config.read(path)
        return cls(config, (path if path.is_dir() else path.parent).resolve())

    @property
    def name(self) -> str:
        """Name of the project, its experiment and its registered model."""
        return self.config.name

    @property
    def state(self) -> Path:
        """Folder of everything the product writes."""
        return self.folder / self.config.data.state

    @property
    def store_folder(self) -> Path:
        """Folder of the event store."""
        return self.state / "events"

    @property
    def bundle_folder(self) -> Path:
        """Folder of the exported champion, packed by ``bentofile.yaml``."""
        return self.folder / "bundle"

    @property
    def worklist_folder(self) -> Path:
        """Folder of worklist and run report."""
        return self.state / "worklist"

    @property
    def tracking_uri(self) -> str:
        """MLflow tracking URI."""
        return self.config.data.tracking_uri or f"sqlite:///{self.state / 'mlflow.db'}"

    @property
    def database_url(self) -> str:
        """SQL database of scores and decisions."""
        return self.config.data.database_url or f"sqlite:///{self.state / 'nexttouch.db'}"

"""MLflow without telemetry, log noise, long retries or errors in its own words."""

from __future__ import annotations

import logging
import os
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nexttouch.errors import NextTouchError, TrackingError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["import_mlflow", "safe_uri", "speaking"]

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
_LOGGERS = ("mlflow", "alembic", "urllib3")


def import_mlflow() -> Any:
    """Import MLflow with telemetry off; the user's own settings win.

    Examples
    --------
    >>> hasattr(import_mlflow(), "MlflowClient")
    True
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    with _hushed():
        import mlflow  # noqa: PLC0415 - seconds; only when needed, with the settings in place
        import mlflow.pyfunc  # noqa: PLC0415
    return mlflow


@contextmanager
def speaking(uri: str) -> Iterator[None]:
    """Run MLflow calls in silence and turn their failures into a ``TrackingError``.

    Examples
    --------
    >>> with speaking("http://user:secret@host:5000"):
    ...     raise OSError("no route to host")
    Traceback (most recent call last):
    nexttouch.errors.TrackingError: [NT720] MLflow at http://host:5000 cannot be used: no route...
    """
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - MLflow lets them through

    mlflow = import_mlflow()
    try:
        with _hushed():
            yield
    except NextTouchError:
        raise
    except (mlflow.MlflowException, SQLAlchemyError, OSError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = lines[0].replace(uri, safe_uri(uri))[:300]
        raise TrackingError.unreachable(safe_uri(uri), reason) from error


def safe_uri(uri: str) -> str:
    """Return a tracking URI without user name and password.

    Examples
    --------
    >>> safe_uri("postgresql://me:secret@db/mlflow")
    'postgresql://db/mlflow'
    >>> safe_uri("http://me:s@cret@host:5000"), safe_uri("sqlite:////home/a@b/mlflow.db")
    ('http://host:5000', 'sqlite:////home/a@b/mlflow.db')
    """
    return re.sub(r"://[^/].*@", "://", uri)


@contextmanager
def _hushed() -> Iterator[None]:
    """Hold back the loggers and warnings of MLflow and its migrations."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

"""Demos: a ready project on simulated customers whose truth is known."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from nexttouch.errors import ConfigError, nearest

__all__ = ["write_demo"]

DEMOS = ("simulated",)


def write_demo(which: str, folder: Path | None = None) -> Path:
    """Write a demo project and return its folder; an existing one is used as it is.

    Raises
    ------
    ConfigError
        If there is no such demo.

    Examples
    --------
    >>> write_demo("simulatd")
    Traceback (most recent call last):
    nexttouch.errors.ConfigError: [NT100] There is no demo 'simulatd'. Did you mean 'simulated'?
    """
    if which not in DEMOS:
        guess = nearest(which, DEMOS)
        hint = f"Did you mean '{guess}'?" if guess else f"There is: {', '.join(DEMOS)}."
        message = f"There is no demo '{which}'. {hint}"
        raise ConfigError(message)
    project = folder or Path(f"nexttouch-demo-{which}")
    file = project / "nexttouch.yaml"
    if not file.exists():
        project.mkdir(parents=True, exist_ok=True)
        shipped = resources.files("nexttouch.pipeline") / f"demo_{which}.yaml"
        file.write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    return project

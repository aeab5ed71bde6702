"""The model card: Markdown with a YAML head, and no section left empty."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from nexttouch.errors import PageInputError
from nexttouch.plots.frames import view_of
from nexttouch.plots.html import check_keys
from nexttouch.plots.words import is_absent, moment, number, phrase

__all__ = ["model_card"]

_SECTIONS = {
    "intended_use": "Intended use",
    "data": "Data window",
    "metrics": "Metrics",
    "calibration": "Calibration",
    "limits": "Limits",
    "ethics": "Ethics",
    "contact": "Contact",
    "licence": "Licence",
}
_OPTIONAL = {
    "slices": "Metrics by segment",
    "features": "What moves the prediction",
    "decisions": "Decisions made with it",
    "how_to_load": "How to load it",
}
_ORDER = (
    "intended_use", "data", "metrics", "slices", "calibration", "features", "decisions", "limits",
    "ethics", "how_to_load", "contact", "licence",
)  # fmt: skip
_HEAD = ("name", "version", "trained_at", "summary", "tags")
_UNSAFE_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


def model_card(parts: Mapping[str, Any]) -> str:
    """Write a model card.

    Parameters
    ----------
    parts : mapping
        Head: ``name``, ``version`` (both required), ``trained_at``, ``summary``, ``tags`` (list).
        Sections, all required: ``intended_use``, ``data`` (the window the model was trained and
        tested on), ``metrics`` (DataFrame with intervals), ``calibration``, ``limits``, ``ethics``,
        ``contact``, ``licence`` (a short name goes into the head as well). Optional: ``slices``,
        ``features``, ``decisions``, ``how_to_load``. A section is a text, a list of points, a
        mapping of facts, or a DataFrame.

    Returns
    -------
    str
        Markdown that begins with a YAML head.

    Raises
    ------
    PageInputError
        If a required section is missing or any section given is empty, by name; if a part is
        unknown.

    Examples
    --------
    >>> words = dict.fromkeys(["intended_use", "data", "calibration", "limits", "ethics"], "Said.")
    >>> metrics = pd.DataFrame({"task": ["churn_28d"], "auc": [0.88]})
    >>> card = model_card({"name": "shop", "version": "3", "metrics": metrics, **words,
    ...                    "contact": "a@b.example", "licence": "Apache-2.0"})
    >>> card.splitlines()[:4]
    ['---', 'name: "shop"', 'version: "3"', 'license: "Apache-2.0"']
    """
    check_keys("model card", parts, (*_HEAD, *_SECTIONS, *_OPTIONAL))
    for name in ("name", "version", *_SECTIONS):
        if _is_empty(parts.get(name)):
            raise PageInputError.empty_section(name)
    for name in _OPTIONAL:
        if parts.get(name) is not None and _is_empty(parts[name]):
            raise PageInputError.empty_section(name)
    titles = {**_SECTIONS, **_OPTIONAL}
    body = [f"# {_plain(parts['name'])}, version {_plain(parts['version'])}"]
    if not _is_empty(parts.get("summary")):
        body.append(_plain(parts["summary"]))
    body += [
        f"## {titles[k]}\n\n{_section(parts[k], k)}" for k in _ORDER if parts.get(k) is not None
    ]
    return f"---\n{_head(parts)}---\n\n" + "\n\n".join(body) + "\n"


def _head(parts: Mapping[str, Any]) -> str:
    lines = [f"name: {_yaml(parts['name'])}", f"version: {_yaml(parts['version'])}"]
    licence = parts["licence"]
    if isinstance(licence, str) and len(licence) <= 60:
        lines.append(f"license: {_yaml(licence)}")
    if not _is_empty(parts.get("trained_at")):
        lines.append(f"trained_at: {_yaml(moment(parts['trained_at']))}")
    lines.append("tags:")
    lines += [f"  - {_yaml(tag)}" for tag in parts.get("tags") or ("churn", "next-stage")]
    if isinstance(parts["metrics"], pd.DataFrame):
        lines.append("metrics:")
        for record in parts["metrics"].to_dict("records"):
            known = {str(k): v for k, v in record.items() if not is_absent(v)}
            lines.append(
                "  - " + ", ".join(f"{_yaml(k)}: {_yaml(v)}" for k, v in known.items()).join("{}")
            )
    return "\n".join(lines) + "\n"


def _section(value: Any, name: str) -> str:
    if isinstance(value, pd.DataFrame):
        return _table(value, name)
    if isinstance(value, Mapping):
        return "\n".join(f"- {_plain(phrase(k))}: {_fact(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(f"- {_plain(point)}" for point in value)
    return str(value).strip() if name == "how_to_load" else _plain(value)


def _table(frame: pd.DataFrame, name: str) -> str:
    view = view_of(frame.dropna(axis="columns", how="all"), name)
    lines = [
        "| " + " | ".join(_in_cell(head.label) for head in view.heads) + " |",
        "| " + " | ".join("---:" if head.number else "---" for head in view.heads) + " |",
    ]
    lines += ["| " + " | ".join(_in_cell(c.text) for c in row.cells) + " |" for row in view.rows]
    return "\n".join(lines)


def _fact(value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value, 0 if float(value).is_integer() else 3)
    return _plain(moment(value))


def _in_cell(text: str) -> str:
    return " ".join(_plain(text).replace("|", "\\|").split())


def _plain(value: Any) -> str:
    """Keep Markdown but no HTML: a name from the data must not become markup."""
    return str(value).strip().replace("&", "&amp;").replace("<", "&lt;")


def _yaml(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    text = json.dumps(moment(value), ensure_ascii=False)  # a JSON string is a YAML string
    return _UNSAFE_IN_YAML.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _is_empty(value: Any) -> bool:
    if isinstance(value, pd.DataFrame):
        return value.empty or bool(value.isna().all(axis=None))
    if isinstance(value, Mapping):
        return not value or all(map(_is_empty, value.values()))
    if isinstance(value, list | tuple):
        return not value or all(map(_is_empty, value))
    return is_absent(value)

"""Journeys that come with the package, as data files."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import yaml

from nexttouch.errors import JourneyError

if TYPE_CHECKING:
    from nexttouch.journey.spec import JourneySpec

__all__ = ["load_preset", "preset_names", "read_preset"]


def preset_names() -> tuple[str, ...]:
    """Return the names of the journeys that come with the package.

    Examples
    --------
    >>> "lifecycle" in preset_names()
    True
    """
    files = resources.files("nexttouch.journey") / "presets"
    return tuple(sorted(f.name[:-5] for f in files.iterdir() if f.name.endswith(".yaml")))


def read_preset(name: str) -> dict[str, Any]:
    """Return the content of a preset file.

    Raises
    ------
    JourneyError
        If there is no such preset; the nearest name is given.

    Examples
    --------
    >>> read_preset("lifecycle")["dormant"]
    'lapsed'
    """
    if name not in preset_names():
        raise JourneyError.unknown_name("journey.preset", "journey", name, preset_names())
    file = resources.files("nexttouch.journey") / "presets" / f"{name}.yaml"
    content: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return content


def load_preset(name: str) -> JourneySpec:
    """Return a preset without any events mapped to its triggers yet.

    Examples
    --------
    >>> load_preset("five_stage").trigger_names
    ('awareness', 'consideration', 'conversion', 'retention', 'advocacy', 'ending')
    """
    from nexttouch.journey.spec import JourneySpec  # noqa: PLC0415  (it reads presets itself)

    return JourneySpec(preset=name)

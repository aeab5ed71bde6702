"""The shipped tier catalogue and how a project's own words are laid over it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

__all__ = ["PROFILES", "TIER_NAMES", "laid_over", "profile_catalogue"]

PROFILES = ("general", "ecommerce")
TIER_NAMES = (
    "no_touch",
    "low_touch",
    "automated_retention",
    "high_touch",
    "customer_success_manager",
    "hybrid",
)
# A mapping given by a project replaces the catalogue's as a whole: fewer hours must be sayable.
WHOLE = ("hours",)


@cache
def _shipped() -> dict[str, Any]:
    text = files("nexttouch.decisions").joinpath("catalogue.yaml").read_text(encoding="utf-8")
    shipped: dict[str, Any] = yaml.safe_load(text)
    return shipped


def profile_catalogue(profile: str) -> dict[str, Any]:
    """Return the tiers and teams of a profile as plain data.

    Parameters
    ----------
    profile : {'general', 'ecommerce'}
        ``ecommerce`` keeps people to the stages before a purchase and to named account owners.

    Examples
    --------
    >>> profile_catalogue("ecommerce")["tiers"]["low_touch"]["hours"]
    {}
    >>> profile_catalogue("general")["tiers"]["low_touch"]["hours"]
    {'retention_agent': 0.05}
    """
    shipped = _shipped()
    general = shipped["general"]
    return general if profile == "general" else laid_over(general, shipped[profile])


def laid_over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the values of ``own``; nested mappings are joined key by key.

    Examples
    --------
    >>> laid_over({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}})
    {'a': {'x': 1, 'y': 3}}
    """
    out = dict(base)
    for key, value in own.items():
        inner = out.get(key)
        joined = isinstance(value, Mapping) and isinstance(inner, Mapping) and key not in WHOLE
        out[key] = laid_over(inner, value) if joined else value  # type: ignore[arg-type]
    return out

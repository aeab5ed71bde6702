"""``nexttouch check``: per part of a project, what is complete, missing or contradictory."""

from __future__ import annotations

import glob
from typing import TYPE_CHECKING, Any

from nexttouch.decisions.eligibility import unavailable_tiers
from nexttouch.engine import EventStore
from nexttouch.errors import ConfigError, nearest
from nexttouch.pipeline.definition import Definition
from nexttouch.pipeline.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nexttouch.config import Config
    from nexttouch.events import Vocabulary

__all__ = ["check", "refuse_contradictions", "unseen_names"]

Notes = tuple[list[str], list[str]]


def check(project: str | Path | Config | Project) -> dict[str, Any]:
    """Look at each part of a project without changing anything.

    Returns
    -------
    dict
        ``project`` and ``parts``: for each part its ``state`` (``complete``, ``missing`` or
        ``contradictory``) and ``notes`` in words, with what a missing piece switches off.
    """
    opened = Project.open(project)
    parts = []
    for name, look in _PARTS.items():
        missing, contradictory = look(opened)
        state = "contradictory" if contradictory else "missing" if missing else "complete"
        parts.append({"part": name, "state": state, "notes": [*contradictory, *missing]})
    return {"project": opened.name, "parts": parts}


def _customers(project: Project) -> Notes:
    missing = [
        f"source '{path}' does not exist below {project.folder}: nothing can be read."
        for path in (source.path for source in project.config.customers.sources)
        if path and not glob.glob(str(project.folder / path))  # noqa: PTH207  may be absolute
    ]
    if not project.config.customers.segments:
        missing.append("no segments: margin, floors and slices are one for all customers.")
    mapping = project.config.customers.mapping
    if not mapping.value and not any(
        s.mapping and s.mapping.value for s in project.config.customers.sources
    ):
        missing.append("no value column: money features and margin_if_kept are switched off.")
    names = set(Definition.of(project.config).feature_names)
    wrong = [s for s in project.config.customers.segments if s.feature not in names]
    return missing, [
        f"segment '{s.name}' reads feature '{s.feature}', which is not computed." for s in wrong
    ]


def _goals(project: Project) -> Notes:
    rates = project.config.goals.margin_rate
    if not isinstance(rates, dict):
        return [], []
    segments = {"all", *(s.name for s in project.config.customers.segments)}
    unknown = [
        f"goals.margin_rate names segment '{s}', which is not defined."
        for s in sorted(set(rates) - segments)
    ]
    open_ones = [
        f"goals.margin_rate has no figure for segment '{s}'." for s in sorted(segments - set(rates))
    ]
    return [], unknown + open_ones


def _journey(project: Project) -> Notes:
    journey, activity = project.config.journey, set(project.config.goals.churn.activity)
    unmapped = [
        f"trigger '{name}' is not mapped to an event: rules that wait for it never fire."
        for name in journey.trigger_names
        if not journey.events.get(name)
    ]
    driving = {event for events in journey.events.values() for event in events}
    quiet = sorted(activity - driving)
    contradictory = [
        f"'{event}' counts as activity in goals.churn but moves nobody in the journey: "
        "churn and stages would contradict each other."
        for event in quiet
    ]
    if not contradictory and driving != activity:
        unmapped.append(
            "events other than goals.churn.activity move the journey: churn risk and next stages "
            "are served side by side, not joined into one distribution."
        )
    return unmapped, contradictory


def _touchpoints(project: Project) -> Notes:
    missing = []
    if not project.config.touchpoints.channels:
        missing.append("no channels: only no-touch is possible.")
    if not project.config.data.features.touches:
        missing.append(
            "no touch events in data.features.touches: contact limits and touch features are off."
        )
    columns = [
        f"consent of '{channel}' names a column, which scores do not carry: name its opt_in_events "
        "and opt_out_events."
        for channel, rule in project.config.touchpoints.consent.items()
        if rule.column
    ]
    return missing, columns


def _strategy(project: Project) -> Notes:
    strategy = project.config.strategy
    missing = [
        f"tier '{tier}' is closed: {why}."
        for tier, why in unavailable_tiers(strategy, project.config.touchpoints).items()
    ]
    assumed = [
        n
        for n, t in strategy.tiers.items()
        if t.enabled and t.effect.points and not t.effect.confirmed_by
    ]
    if assumed:
        missing.append(
            f"effects of {', '.join(assumed)} are assumed: set confirmed_by, or measure them."
        )
    if not strategy.experiments.holdout_share:
        missing.append("no holdout: what touches are worth can never be measured.")
    return missing, []


def unseen_names(config: Config, vocabulary: Vocabulary) -> list[str]:
    """Say which event names and channels of a project its log has never seen: often a typo."""
    features, consent = config.data.features, config.touchpoints.consent.values()
    places = {
        "goals.churn.activity": config.goals.churn.activity,
        "journey.events": tuple(e for names in config.journey.events.values() for e in names),
        "data.features.groups": tuple(e for names in features.groups.values() for e in names),
        "data.features.touches": features.touches,
        "data.features.replies": features.replies,
        "touchpoints.consent": tuple(
            e for rule in consent for e in (*rule.opt_in_events, *rule.opt_out_events)
        ),
    }
    found = []
    for where, names in places.items():
        for name in sorted(set(names) - set(vocabulary.events)):
            guess = nearest(name, vocabulary.events)
            hint = f" Did you mean '{guess}'?" if guess else ""
            found.append(f"{where} names event '{name}', which the log has never seen.{hint}")
    strange = sorted(set(features.channels) - set(vocabulary.channels))
    return found + [f"data.features.channels names '{n}', never seen in the log." for n in strange]


def refuse_contradictions(project: Project) -> None:
    """Stop before hours of work where the parts of a project contradict each other.

    Raises
    ------
    ConfigError
        With every contradiction.
    """
    wrong = [note for look in _PARTS.values() for note in look(project)[1]]
    if wrong:
        raise ConfigError("The project contradicts itself:\n  - " + "\n  - ".join(wrong))


def _data(project: Project) -> Notes:
    missing = []
    if (project.store_folder / "manifest.json").exists():
        missing += unseen_names(project.config, EventStore.open(project.store_folder).vocabulary)
    else:
        missing.append("no event store yet: run `nexttouch ingest`.")
    if not (project.bundle_folder / "manifest.json").exists():
        missing.append("no champion yet: run `nexttouch train`.")
    return missing, []


_PARTS: dict[str, Callable[[Project], Notes]] = {
    "customers": _customers,
    "goals": _goals,
    "journey": _journey,
    "touchpoints": _touchpoints,
    "strategy": _strategy,
    "data": _data,
}

"""What a model was trained to do: everything a bundle needs besides the fitted numbers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from nexttouch.events.log import Measure, Vocabulary
from nexttouch.features import FeaturePlan, FeatureSpec, compile_features
from nexttouch.journey import JourneySpec, compile_journey
from nexttouch.labels import GoalsSpec, LabelSpec
from nexttouch.snapshots import DAY_US, Eligibility
from nexttouch.training.segments import SegmentSpec
from nexttouch.training.snapshot_table import FeaturePath

if TYPE_CHECKING:
    from nexttouch.config import Config

__all__ = ["Definition"]


class Definition(BaseModel):
    """Journey, features, labels and money rules of one project; no source, path or secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    time_zone: str
    currency: str
    labels: LabelSpec
    goals: GoalsSpec
    journey: JourneySpec
    features: FeatureSpec
    eligible: Eligibility
    segments: tuple[SegmentSpec, ...]

    @classmethod
    def of(cls, config: Config) -> Definition:
        """Take from a config what scoring needs."""
        return cls(
            name=config.name,
            time_zone=config.customers.time_zone,
            currency=config.customers.currency,
            labels=config.labels,
            goals=config.goals,
            journey=config.journey,
            features=config.data.features,
            eligible=config.data.snapshots.eligible,
            segments=config.customers.segments,
        )

    def path(self, vocabulary: Vocabulary, *, features: FeaturePlan | None = None) -> FeaturePath:
        """Compile the path from events to snapshot tables, or take the plan of a bundle."""
        journey = compile_journey(self.journey, vocabulary)
        plan = features or compile_features(
            self.features,
            vocabulary=vocabulary,
            activity=self.labels.activity,
            stages=journey.stages,
        )
        return FeaturePath(
            features=plan,
            journey=journey,
            activity=self.labels.activity,
            active_within_days=self.eligible.active_within_days,
            reach_us=(self.labels.horizon_days + self.labels.gap_days) * DAY_US,
        )

    @property
    def reconciled(self) -> bool:
        """Whether silence means that nothing moves the journey: then churn and stages are joined.

        True when the activity events of churn are exactly the events that drive the journey, and
        no gap lies between the cutoff and the horizon.
        """
        driving = {event for events in self.journey.events.values() for event in events}
        return driving == set(self.labels.activity) and not self.labels.gap_days

    @property
    def recipe(self) -> str:
        """Hash of what decides features and labels: two models of one recipe can be compared."""
        text = self.model_dump_json(include={"labels", "journey", "features", "eligible"})
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Columns that the spec declares, whatever the log holds."""
        named = {m for names in self.features.measures.values() for m in names} - {"value"}
        measures = tuple(Measure(name) for name in sorted(named))
        vocabulary = Vocabulary((), measures=(Vocabulary(()).measures[0], *measures))
        plan = compile_features(
            self.features,
            vocabulary=vocabulary,
            activity=self.labels.activity,
            stages=self.journey.stage_names,
        )
        return plan.names

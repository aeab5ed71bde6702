"""``nexttouch.yaml``: the six parts of an engagement model, composed from the rooms' specs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from nexttouch.decisions.strategy import StrategySpec
from nexttouch.decisions.touchpoints import TouchpointsSpec
from nexttouch.errors import ConfigError
from nexttouch.events.spec import CustomersSpec
from nexttouch.features.spec import FeatureSpec
from nexttouch.journey.spec import JourneySpec
from nexttouch.labels.spec import GoalsSpec, LabelSpec
from nexttouch.snapshots import SnapshotSpec
from nexttouch.training.segments import SegmentSpec

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Config", "Customers", "DataSpec"]

FILE = "nexttouch.yaml"


class Customers(CustomersSpec):
    """Who the customers are and where their events come from."""

    segments: tuple[SegmentSpec, ...] = Field(
        default=(), description="Ordered rules; the first that holds names the segment."
    )


class DataSpec(BaseModel):
    """Where state lives and how data become training rows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: str = Field(
        default="state", description="Folder of event store, scores and models, on a local disk."
    )
    tracking_uri: str | None = Field(
        default=None, description="MLflow tracking URI; default is SQLite in the state folder."
    )
    database_url: str | None = Field(
        default=None, description="SQL database of scores; default is SQLite in the state folder."
    )
    threads: int = Field(default=1, ge=1, description="Threads for features and training.")
    snapshots: SnapshotSpec = Field(default_factory=SnapshotSpec, description="Past cutoffs.")
    features: FeatureSpec = Field(default_factory=FeatureSpec, description="Feature families.")
    certificate_customers: int = Field(
        default=40, ge=5, description="Customers sampled for the leakage certificate."
    )


class Config(BaseModel):
    """One model project.

    Examples
    --------
    >>> config = Config.parse('''
    ... version: 1
    ... customers:
    ...   sources: [{path: orders.csv}]
    ...   mapping: {customer_id: id, timestamp: at, event: {constant: purchase}, value: total}
    ...   currency: EUR
    ... goals: {churn: {activity: [purchase]}, margin_rate: 0.3}
    ... journey: {preset: lifecycle, events: {activity: [purchase]}}
    ... ''')
    >>> config.goals.horizon_days
    28
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = Field(default=1, description="Version of this schema.")
    name: str = Field(default="", description="Project and model name; default is the folder.")
    customers: Customers
    goals: GoalsSpec
    journey: JourneySpec
    touchpoints: TouchpointsSpec = Field(default_factory=TouchpointsSpec)
    strategy: StrategySpec = Field(default_factory=StrategySpec)
    data: DataSpec = Field(default_factory=DataSpec)

    @classmethod
    def parse(cls, text: str, *, source: str = FILE) -> Self:
        """Read YAML text; every problem is named with its path and the nearest valid name."""
        try:
            tree = yaml.load(text, _OneKeyLoader)  # noqa: S506  a SafeLoader that refuses doubles
        except yaml.YAMLError as problem:
            message = f"{source} is not valid YAML: {problem}"
            raise ConfigError(message) from None
        if not isinstance(tree, dict):
            message = f"{source} must hold the six parts as keys, beginning with 'version: 1'."
            raise ConfigError(message)
        try:
            return cls.model_validate(tree)
        except ValidationError as problem:
            raise _explained(cls, problem, source) from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a project file, or the ``nexttouch.yaml`` of a project folder."""
        file = path if path.suffix in {".yaml", ".yml"} else path / FILE
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError:
            message = f"There is no {file}. Write one with `nexttouch init {file.parent}`."
            raise ConfigError(message) from None
        config = cls.parse(text, source=str(file))
        return (
            config
            if config.name
            else config.model_copy(update={"name": file.resolve().parent.name})
        )

    @property
    def labels(self) -> LabelSpec:
        """What the labels mean, drawn from goals and snapshots."""
        return LabelSpec(
            activity=self.goals.churn.activity,
            horizon_days=self.goals.horizon_days,
            gap_days=self.data.snapshots.gap_days,
        )

    def to_yaml(self) -> str:
        """Return the project as YAML, defaults left out."""
        tree = self.model_dump(mode="json", exclude_defaults=True)
        return yaml.safe_dump({"version": 1, **tree}, sort_keys=False, allow_unicode=True)


class _OneKeyLoader(yaml.SafeLoader):
    """YAML that refuses a key written twice instead of taking the last one in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in keys:
            if keys.count(key) > 1:
                problem = f"key '{key}' stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_mapping(node, deep)


class SchemaNames(GenerateJsonSchema):
    """Names and descriptions of fields; what has no JSON type of its own may be anything."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:  # noqa: ARG002
        return {}


def _explained(model: type[BaseModel], problem: ValidationError, source: str) -> ConfigError:
    schema = model.model_json_schema(schema_generator=SchemaNames)
    lines = []
    errors = problem.errors()
    for error in errors:
        if error["type"] == "too_short" and any(_within(other, error) for other in errors):
            continue  # the items are there, but each was refused for a reason of its own
        path = [part for part in error["loc"] if not _is_type_name(part)]
        where = ".".join(str(part) for part in path)
        if error["type"] == "extra_forbidden":
            known = _names_at(schema, path[:-1])
            parent = ".".join(str(part) for part in path[:-1])
            lines.append(ConfigError.unknown_key(parent, str(path[-1]), known).args[0])
        elif error["type"] == "missing":
            lines.append(f"'{where}' is missing.{_description(schema, path)}")
        else:
            said = error["msg"].removeprefix("Value error, ").rstrip(".")
            lines.append(f"'{where}': {said.replace('valid tuple', 'list')}.")
    unique = list(dict.fromkeys(lines))
    return ConfigError(f"{source} cannot be used:\n  - " + "\n  - ".join(unique))


def _within(inner: Any, outer: Any) -> bool:
    return (
        len(inner["loc"]) > len(outer["loc"]) and inner["loc"][: len(outer["loc"])] == outer["loc"]
    )


def _is_type_name(part: int | str) -> bool:
    """Pydantic puts the branch of a union into the path; a key of ours never looks like that."""
    return isinstance(part, str) and (
        not part.isidentifier() or part[:1].isupper() or part in {"float", "int", "str"}
    )


def _node_at(schema: dict[str, Any], path: list[int | str]) -> list[dict[str, Any]]:
    """Return the schema nodes that may stand at a path: several where a union stands."""
    nodes = [schema]
    for part in path:
        below: list[dict[str, Any]] = []
        for node in (branch for n in nodes for branch in _branches(schema, n)):
            if isinstance(part, int):
                below += [node["items"]] if "items" in node else list(node.get("prefixItems", []))
            elif part in node.get("properties", {}):
                below.append(node["properties"][part])
            elif isinstance(node.get("additionalProperties"), dict):
                below.append(node["additionalProperties"])
        nodes = below
    return [branch for node in nodes for branch in _branches(schema, node)]


def _branches(schema: dict[str, Any], node: dict[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in node:
        target = schema["$defs"][node["$ref"].removeprefix("#/$defs/")]
        return _branches(schema, target)
    nested = [*node.get("anyOf", []), *node.get("oneOf", []), *node.get("allOf", [])]
    return [branch for n in nested for branch in _branches(schema, n)] if nested else [node]


def _names_at(schema: dict[str, Any], path: list[int | str]) -> set[str]:
    return {name for node in _node_at(schema, path) for name in node.get("properties", {})}


def _description(schema: dict[str, Any], path: list[int | str]) -> str:
    parents = _node_at(schema, path[:-1])
    texts = [
        n["properties"][path[-1]].get("description", "")
        for n in parents
        if path[-1] in n.get("properties", {})
    ]
    return f" {texts[0]}" if texts and texts[0] else ""

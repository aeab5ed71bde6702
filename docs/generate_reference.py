"""Write docs/reference from the code: ``python docs/generate_reference.py``; a test compares."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

from nexttouch import errors
from nexttouch.config import Config, SchemaNames

REFERENCE = Path(__file__).parent / "reference"
ROOMS = ("journey", "features", "training", "models", "decisions", "datasets", "plots")
"""Rooms whose ``__all__`` is public, beside the root."""


def config_page() -> str:
    """List every field of nexttouch.yaml with type, default and meaning."""
    schema = Config.model_json_schema(schema_generator=SchemaNames)
    lines = [
        "# Every field of nexttouch.yaml",
        "",
        "Written by `python docs/generate_reference.py`. An unknown key is refused.",
        "`[]` stands for each item of a list, `NAME` for a name that you choose.",
        "",
        "| field | type | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    _fields(schema, schema, "", lines, ())
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """List every error code with its exit code and meaning."""
    kinds = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.NextTouchError)
    ]
    lines = [
        "# Every error",
        "",
        "Written by `python docs/generate_reference.py`. Each message begins with its code.",
        "",
        "| code | error | exit code | meaning |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {kind.code} | `{kind.__name__}` | {kind.exit_code} | {_about(kind)} |"
        for kind in sorted(kinds, key=lambda k: k.code)
    ]
    return "\n".join(lines) + "\n"


def api_page() -> str:
    """List every public name of the root and of the rooms."""
    lines = [
        "# Every public name",
        "",
        "Written by `python docs/generate_reference.py`. What is not listed may change any day.",
        "`help(name)` tells arguments and errors, with an example that runs.",
    ]
    for home in ("nexttouch", *(f"nexttouch.{room}" for room in ROOMS)):
        module = importlib.import_module(home)
        lines += ["", f"## {home}", "", "| name | what it is or does |", "| --- | --- |"]
        lines += [f"| `{name}` | {_about(getattr(module, name))} |" for name in module.__all__]
    return "\n".join(lines) + "\n"


def _about(thing: Any) -> str:
    """Return the first paragraph of a docstring as one line of a table."""
    return _in_cell(inspect.getdoc(thing) or "")


def _in_cell(text: str) -> str:
    first = " ".join(text.split("\n\n", maxsplit=1)[0].split())
    return first.replace("``", "`").replace("|", "\\|")


def _fields(
    schema: dict[str, Any], node: dict[str, Any], path: str, lines: list[str], seen: tuple[str, ...]
) -> None:
    required = set(node.get("required", ()))
    for name, field in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        default = "required" if name in required else _default(field)
        meaning = _in_cell(str(field.get("description") or _section(schema, field)))
        lines.append(f"| `{here}` | {_type(schema, field)} | {default} | {meaning} |")
        for ref, suffix in _parts(field):
            if ref not in seen:
                _fields(schema, schema["$defs"][ref], here + suffix, lines, (*seen, ref))


def _section(schema: dict[str, Any], field: dict[str, Any]) -> str:
    """Return what a section says of itself, where its field says nothing."""
    refs = [ref for ref, suffix in _parts(field) if not suffix]
    return str(schema["$defs"][refs[0]].get("description", "")) if refs else ""


def _parts(field: dict[str, Any], suffix: str = "") -> list[tuple[str, str]]:
    if "$ref" in field:
        return [(field["$ref"].removeprefix("#/$defs/"), suffix)]
    branches = [f for key in ("anyOf", "oneOf", "allOf") for f in field.get(key, ())]
    found = [part for branch in branches for part in _parts(branch, suffix)]
    if isinstance(field.get("items"), dict):
        found += _parts(field["items"], suffix + "[]")
    if isinstance(field.get("additionalProperties"), dict):
        found += _parts(field["additionalProperties"], suffix + ".NAME")
    return list(dict.fromkeys(found))


def _type(schema: dict[str, Any], field: dict[str, Any]) -> str:
    if "$ref" in field:
        return "section" if "properties" in schema["$defs"][field["$ref"][8:]] else "value"
    for key in ("anyOf", "oneOf"):
        if key in field:
            return " or ".join(dict.fromkeys(_type(schema, f) for f in field[key]))
    if "enum" in field or "const" in field:
        return " or ".join(f"`{v}`" for v in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return "list"
    if field.get("type") == "object":
        return "mapping"
    return str(field.get("type", "time"))  # the one type of ours that JSON does not have


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if isinstance(value, dict | list) and len(str(value)) > 60:
        return "see its fields"
    return "" if value is None or value == "" else f"`{value}`"


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    (REFERENCE / "config.md").write_text(config_page(), encoding="utf-8")
    (REFERENCE / "errors.md").write_text(errors_page(), encoding="utf-8")
    (REFERENCE / "api.md").write_text(api_page(), encoding="utf-8")

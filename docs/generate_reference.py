"""Write docs/reference from the code: ``python docs/generate_reference.py``; a test compares."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from nexttouch import errors
from nexttouch.config import Config, SchemaNames

REFERENCE = Path(__file__).parent / "reference"


def config_page() -> str:
    """List every field of nexttouch.yaml with type, default and meaning."""
    schema = Config.model_json_schema(schema_generator=SchemaNames)
    lines = [
        "# Every field of nexttouch.yaml",
        "",
        "Written by `python docs/generate_reference.py`. An unknown key is refused.",
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
    for kind in sorted(kinds, key=lambda k: k.code):
        meaning = inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " ")
        lines.append(f"| {kind.code} | `{kind.__name__}` | {kind.exit_code} | {meaning} |")
    return "\n".join(lines) + "\n"


def _fields(
    schema: dict[str, Any], node: dict[str, Any], path: str, lines: list[str], seen: tuple[str, ...]
) -> None:
    required = set(node.get("required", ()))
    for name, field in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        default = "required" if name in required else _default(field)
        meaning = " ".join(str(field.get("description", "")).split()).replace("|", "\\|")
        lines.append(f"| `{here}` | {_type(schema, field)} | {default} | {meaning} |")
        for ref, suffix in _parts(field):
            if ref not in seen:
                _fields(schema, schema["$defs"][ref], here + suffix, lines, (*seen, ref))


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
    return str(field.get("type", "value"))


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if isinstance(value, dict | list) and len(str(value)) > 60:
        return "see its fields"
    return "" if value is None else f"`{value}`"


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    (REFERENCE / "config.md").write_text(config_page(), encoding="utf-8")
    (REFERENCE / "errors.md").write_text(errors_page(), encoding="utf-8")

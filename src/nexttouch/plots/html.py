"""The shell of every page: one file, strict content security policy, light and dark, no request."""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from nexttouch.errors import PageInputError
from nexttouch.plots.svg import inline_svg
from nexttouch.plots.words import is_absent, moment, phrase, share

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_TRUST = {
    "model": "Model",
    "model_version": "Version",
    "trained_on": "Trained on",
    "scored_at": "Scored as of",
    "data_up_to": "Data up to",
    "coverage": "Coverage",
    "effect_level": "Effects",
}
_BARS = "".join(f".w{k}{{width:{k}%}}" for k in range(101))


def render(
    template: str,
    *,
    title: str,
    trust: Mapping[str, Any] | None,
    assumed: bool = False,
    styles: Iterable[str] = (),
    script: str | None = None,
    **parts: Any,
) -> str:
    """Fill a template of the room and put style, script and their hashes into its head."""
    style = "".join(_asset(name) for name in ("page.css", *styles)) + _BARS
    code = _asset(script) if script else ""
    page = _environment().get_template(template)
    return page.render(
        title=title,
        trust=trust_line(trust or {}),
        assumed=assumed,
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(code),  # noqa: S704 - our own file
        policy=_policy(style, code),
        **parts,
    )


def trust_line(trust: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Word what the numbers rest on, in a fixed order; refuse a key nobody would see.

    >>> trust_line({"coverage": 0.97, "model": "blend"})
    [('Model', 'blend'), ('Coverage', '97% of customers')]
    """
    check_keys("trust line", trust, _TRUST)
    said = []
    for key, name in _TRUST.items():
        value = trust.get(key)
        if is_absent(value):
            continue
        if key == "coverage" and isinstance(value, float):
            said.append((name, f"{share(value)} of customers"))
        else:
            said.append((name, phrase(value) if key == "effect_level" else moment(value)))
    return said


def check_keys(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Refuse a part whose name is unknown, with the nearest valid name.

    Raises
    ------
    PageInputError
        At the first unknown name.
    """
    names = list(known)
    for key in given:
        if key not in names:
            raise PageInputError.unknown_part(what, str(key), names)


def inline_charts(charts: Mapping[str, str]) -> list[tuple[str, Markup]]:
    """Check that each SVG is nothing but a drawing, and keep what a page needs of it.

    Raises
    ------
    PageInputError
        If an SVG is more than a drawing.
    """
    return [(name, inline_svg(name, svg)) for name, svg in charts.items()]


@functools.cache
def _asset(name: str) -> str:
    text = (resources.files("nexttouch.plots") / "templates" / name).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n")


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("nexttouch.plots", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _policy(style: str, code: str) -> str:
    scripts = _hash(code) if code else "'none'"
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {scripts}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

"""SVG that may stand inside a page: parsed, checked to be a drawing only, and written anew."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from markupsafe import Markup

from nexttouch.errors import PageInputError

_DRAWING = frozenset({
    "svg", "g", "path", "use", "defs", "clipPath", "rect", "circle", "ellipse", "line", "polyline",
    "polygon", "text", "tspan", "title", "desc", "linearGradient", "stop", "marker",
})  # fmt: skip
_OF_A_FILE = ("width", "height", "version")


def inline_svg(name: str, svg: str) -> Markup:
    """Check an SVG and return what a page may hold: no namespace, no script, nothing from outside.

    Raises
    ------
    PageInputError
        If it is not well formed, or holds an element that is no drawing, an event handler, a style
        or a reference to anything outside itself.

    Examples
    --------
    >>> inline_svg("dot", '<svg viewBox="0 0 2 2" width="9"><circle r="1"/></svg>')
    Markup('<svg viewBox="0 0 2 2"><circle r="1"></circle></svg>')
    """
    if "<!" in svg:
        raise PageInputError.unsafe_chart(name, "a declaration or comment")
    try:
        root = ET.fromstring(svg)  # noqa: S314 - without declarations there are no entities
    except ET.ParseError as error:
        raise PageInputError.unsafe_chart(name, f"no well-formed SVG ({error})") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        if element.tag not in _DRAWING:
            raise PageInputError.unsafe_chart(name, f"the element <{element.tag}>")
        for key, value in element.attrib.items():
            _check_attribute(name, key.rpartition("}")[2].lower(), value)
    if root.tag != "svg":
        raise PageInputError.unsafe_chart(name, "no <svg> element at its start")
    for key in _OF_A_FILE:
        root.attrib.pop(key, None)
    return Markup(ET.tostring(root, encoding="unicode", short_empty_elements=False))  # noqa: S704


def _check_attribute(chart: str, key: str, value: str) -> None:
    if key.startswith("on"):
        raise PageInputError.unsafe_chart(chart, f"the event handler '{key}'")
    if key == "style":
        raise PageInputError.unsafe_chart(chart, "a style attribute")
    outside = key in {"href", "src"} and not value.startswith("#")
    if outside or "url(" in value.replace("url(#", "").lower():
        raise PageInputError.unsafe_chart(chart, f"the outside reference '{value}'")

"""The house style of figures: one palette, one type size, and the same bytes for the same table."""

from __future__ import annotations

import functools
import hashlib
import io
import re
import textwrap
import unicodedata
import warnings
from typing import TYPE_CHECKING, Any, ParamSpec
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["GRID", "INK", "MUTED", "PALETTE", "RAMP", "to_png", "to_svg"]

INK, MUTED, GRID = "#1f2933", "#5b6770", "#d9dee3"
# Told apart under the common colour-vision deficiencies; at least 3:1 against white.
PALETTE = (
    "#2f6fb0", "#c96a12", "#1d8a7a", "#b0457b", "#7a7c1c", "#6b5bb5",
    "#8a5a3b", "#4a90a4", "#a33b3b", "#5f7f3f", "#777f87",
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h", "*")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
# Light to dark; a dark page keeps these, because each cell carries its own background.
RAMP = (
    "#f4f8fc", "#e1ecf6", "#cbdff0", "#b2cfe8", "#95bcdd",
    "#76a7d1", "#5a91c3", "#3f7ab2", "#2b639b", "#1b4c80",
)  # fmt: skip
RAMP_INK, RAMP_PAPER = "#10202f", "#fdfeff"

_RC: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "nexttouch",
    "text.parse_math": False,  # a customer's "$" is a character, not mathematics
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10.0,
    "axes.titlecolor": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.0,
}
_ATTRIBUTES = frozenset({
    "fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-dashoffset", "stroke-linejoin",
    "stroke-linecap", "stroke-miterlimit", "fill-opacity", "stroke-opacity", "opacity", "fill-rule",
    "font-size", "font-weight", "font-style", "text-anchor",
})  # fmt: skip
_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
P = ParamSpec("P")


def in_house_style(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw with the house parameters and leave matplotlib's global ones alone."""

    @functools.wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        import matplotlib as mpl  # noqa: PLC0415

        with mpl.rc_context(_RC):
            return draw(*args, **kwargs)

    return styled


def new_axes(*, width: float = 7.2, height: float = 4.0) -> tuple[Figure, Axes]:
    """Make a figure of so many inches with one pair of axes."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def entitle(figure: Figure, axes: Axes, title: str, *, width: int = 74) -> None:
    """Say above the axes, and to screen readers, what is seen."""
    figure.set_label(title)
    axes.set_title("\n".join(textwrap.wrap(title, width)))


def percent_axis(axis: Any) -> None:
    """Write shares along an axis as percentages."""
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415

    axis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def label_of(name: object, *, longest: int = 28) -> str:
    """Make a name fit to stand in a figure: one line, no control characters, not too long.

    >>> label_of("at_risk "), label_of("x" * 40)
    ('at_risk', 'xxxxxxxxxxxxxxxxxxxxxxxxxxx…')
    """
    kept = "".join(" " if unicodedata.category(c).startswith("C") else c for c in str(name))
    words = " ".join(kept.split())
    return words if len(words) <= longest else words[: longest - 1] + "…"


def to_png(figure: Figure, *, dpi: int = 144) -> bytes:
    """Render a figure as PNG on white, the same bytes for the same figure.

    Parameters
    ----------
    figure : matplotlib Figure
    dpi : int
        Dots per inch.

    Returns
    -------
    bytes

    Examples
    --------
    >>> import pandas as pd
    >>> from nexttouch.plots import tier_figure
    >>> tiers = pd.DataFrame({"tier": ["no_touch"], "customers": [3], "capacity": [None]})
    >>> to_png(tier_figure(tiers))[1:4]
    b'PNG'
    """
    return _saved(figure, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})


def to_svg(figure: Figure) -> str:
    """Render a figure as one self-contained SVG, the same text for the same figure.

    Text stays text, there is no style attribute, script, date or outside reference, so the SVG may
    stand in a page with a strict content security policy; pages recolour it for dark mode.

    Parameters
    ----------
    figure : matplotlib Figure

    Returns
    -------
    str
        An ``<svg>`` element with ``role="img"`` and the figure's title as its name.

    Examples
    --------
    >>> import pandas as pd
    >>> from nexttouch.plots import tier_figure
    >>> tiers = pd.DataFrame({"tier": ["no_touch"], "customers": [3], "capacity": [None]})
    >>> to_svg(tier_figure(tiers)).startswith("<svg")
    True
    """
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    drawn = _saved(figure, format="svg", transparent=True, metadata=nothing)
    root = ET.fromstring(drawn)  # noqa: S314 - matplotlib wrote it a line above
    title = str(figure.get_label())
    _drop_style_element(root)
    prefix = "n" + hashlib.sha256(drawn).hexdigest()[:8]
    _keep_only_needed_ids(root, prefix)
    for element in root.iter():
        _style_to_attributes(element)
    root.attrib.update(
        {
            "class": "figure",
            "role": "img",
            "aria-label": title,
            "stroke-linejoin": "round",
            "stroke-linecap": "butt",
            "font-family": "system-ui, 'DejaVu Sans', sans-serif",
        }
    )
    ET.register_namespace("", _SVG[1:-1])
    text = ET.tostring(root, encoding="unicode")
    return re.sub(r">\s+<", "><", text)


def _saved(figure: Figure, **how: Any) -> bytes:
    import matplotlib as mpl  # noqa: PLC0415 - half a second that most commands need not pay

    buffer = io.BytesIO()
    with mpl.rc_context(_RC), warnings.catch_warnings():
        # A missing glyph only makes the layout guess a width: browsers draw the text themselves.
        warnings.filterwarnings("ignore", message=r"(?s).*Glyph .* missing from")
        figure.savefig(buffer, **how)
    return buffer.getvalue()


def _drop_style_element(root: ET.Element) -> None:
    for defs in root.findall(f"{_SVG}defs"):
        for style in defs.findall(f"{_SVG}style"):
            defs.remove(style)
        if not len(defs):
            root.remove(defs)


def _keep_only_needed_ids(root: ET.Element, prefix: str) -> None:
    """Keep the ids that are referred to, made unique so that many figures can share a page."""
    for element in root.iter():
        href = element.attrib.pop(_HREF, None)
        if href is not None:
            element.set("href", f"#{prefix}{href[1:]}")
        if "clip-path" in element.attrib:
            element.set("clip-path", element.attrib["clip-path"].replace("#", f"#{prefix}"))
    used = {e.get("href", "")[1:] for e in root.iter()}
    used |= {e.get("clip-path", "")[5:-1] for e in root.iter()}
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name is not None and prefix + name in used:
            element.set("id", prefix + name)


def _style_to_attributes(element: ET.Element) -> None:
    for part in element.attrib.pop("style", "").split(";"):
        key, _, value = part.partition(":")
        if key.strip() in _ATTRIBUTES:
            element.set(key.strip(), value.strip())
    if "d" in element.attrib:
        element.set("d", " ".join(element.attrib["d"].split()))
    if element.get("transform", "").startswith("rotate(-0 "):
        del element.attrib["transform"]

"""HTML from data: whatever is not markup already is escaped."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from bayeslaw.plots import labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_VOID = {"img", "meta", "br"}
# Pictures wider than this, in pixels, have panels side by side.
_PANELS = 560


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *content: Any, **attributes: str) -> Markup:
    """One element."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
    )
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{joined(content)}</{name}>")


def joined(content: Iterable[Any]) -> Markup:
    """Elements and text one after the other."""
    return Markup("".join(one if isinstance(one, Markup) else escape(str(one)) for one in content))


def number(value: Any) -> str:
    """A number in a few digits, counts as 30B; anything else as it is."""
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    small = value != 0 and abs(value) < 1e-3
    if abs(value) >= 1e5 or small:
        said = labels.count(value)
    else:
        said = f"{value:.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return said.replace("-", "−", 1) if said.startswith("-") else said


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> Markup:
    """A table whose first column names the rows; it scrolls by itself where a page is narrow."""
    head = tag("tr", *(tag("th", one, scope="col") for one in heads))
    body = []
    for first, *others in rows:
        cells = []
        for one in others:
            numeric = isinstance(one, int | float) or one is None
            shown = one if isinstance(one, Markup) else number(one)
            cells.append(tag("td", shown, **({"class_": "n"} if numeric else {})))
        body.append(tag("tr", tag("th", first, scope="row"), *cells))
    whole = tag(
        "table", tag("caption", caption), tag("thead", head), tag("tbody", *body), class_="wide"
    )
    return tag("div", whole, class_="scroll", role="region", tabindex="0", aria_label=caption)


def items(texts: Iterable[Any]) -> Markup:
    """A list."""
    found = [tag("li", one) for one in texts]
    return tag("ul", *found) if found else Markup("")


def image(figure: Figure, alternative: str) -> Markup:
    """A figure as an SVG inside the page, with what it shows in words."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    held = io.BytesIO()
    # In an image of its own, since the names inside one SVG would clash with another's.
    with mpl.rc_context({"svg.hashsalt": "bayeslaw", "svg.fonttype": "path"}):
        figure.savefig(held, format="svg", metadata={"Date": None}, facecolor="white")
    plt.close(figure)
    data = base64.b64encode(held.getvalue()).decode()
    width, height = (str(round(96 * float(side))) for side in figure.get_size_inches())
    source = f"data:image/svg+xml;base64,{data}"
    return tag("img", src=source, alt=alternative, width=width, height=height)


def scrolling(content: Markup, label: str, *, classes: str = "scroll") -> Markup:
    """A region that scrolls by itself where a page is narrow."""
    return tag("div", content, class_=classes, role="region", tabindex="0", aria_label=label)


def picture(figure: Figure, caption: str, alternative: str) -> Markup:
    """A figure with its caption."""
    drawn = image(figure, alternative)
    if 96 * float(figure.get_size_inches()[0]) > _PANELS:
        # Shrunk to a phone's width, several panels could not be read.
        drawn = scrolling(drawn, caption, classes="scroll panels")
    return tag("figure", drawn, tag("figcaption", caption))
